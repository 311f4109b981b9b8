//! The rendezvous point: keeps who is registered under which name.
//!
//!     point
//!
//! It tells those who ask, and forgets those who leave, or whose time is over.

use std::process::ExitCode;

use futures::StreamExt;
use libp2p::rendezvous::Ttl;
use libp2p::rendezvous::server::{Behaviour, Config, Event};
use libp2p::swarm::SwarmEvent;
use rendezvous_point::{listen, new_swarm};

/// The shortest time in seconds for which one can register.
///
/// By default a point takes nothing under two hours: everybody who stays has to
/// register again in time, and that shall not keep it busy. Ours takes a second,
/// so that you can watch a registration expire.
const SHORTEST: Ttl = 1;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), String> {
    let mut swarm = new_swarm(|_| new_point())?;
    let address = listen(&mut swarm).await?;
    println!("listening on {address}/p2p/{}", swarm.local_peer_id());
    loop {
        if let SwarmEvent::Behaviour(event) = swarm.select_next_some().await {
            report(event);
        }
    }
}

/// The server's half of the protocol.
///
/// The longest time is left as it is, at three days, and so are the other bounds:
/// what strangers may make one keep has to have some.
fn new_point() -> Behaviour {
    Behaviour::new(Config::default().with_min_ttl(SHORTEST))
}

/// Prints who comes and who goes.
///
/// All the rest, the server does by itself. It also makes sure that a peer has
/// registered nobody but itself: a registration is a record of its addresses
/// that the peer has signed, and not even the point could change it.
fn report(event: Event) {
    match event {
        Event::PeerRegistered { peer, registration } => {
            let (name, ttl) = (registration.namespace, registration.ttl);
            println!("registered {peer} under {name} for {ttl} s");
        }
        Event::PeerNotRegistered {
            peer,
            namespace,
            error,
        } => println!("refused {peer} under {namespace}: {error:?}"),
        Event::PeerUnregistered { peer, namespace } => {
            println!("unregistered {peer} under {namespace}");
        }
        Event::RegistrationExpired(registration) => {
            let (peer, name) = (registration.record.peer_id(), registration.namespace);
            println!("expired {peer} under {name}");
        }
        Event::DiscoverServed { .. } | Event::DiscoverNotServed { .. } => {}
    }
}
