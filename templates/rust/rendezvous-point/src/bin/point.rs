//! The rendezvous point: keeps who is registered under which name.
//!
//!     point
//!
//! It tells those who ask, and forgets those who leave, or whose time is over.

use std::process::ExitCode;

use futures::StreamExt;
use libp2p::rendezvous::Ttl;
use libp2p::rendezvous::server::{Behaviour, Event};
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
/// It is a `Behaviour` (`new`) with a `Config` (`default`) in which the shortest
/// time is [`SHORTEST`] (`with_min_ttl`). Leave the other limits as they are.
fn new_point() -> Behaviour {
    let _ = SHORTEST;
    todo!("1. make the server's half, with SHORTEST as the shortest time")
}

/// Prints who comes and who goes.
///
/// The server does all the rest by itself. Look at the four events that concern a
/// registration, and print for them:
///
/// * `registered PEERID under NAME for TTL s`
/// * `refused PEERID under NAME: ERROR`, with the error as `{error:?}` shows it
/// * `unregistered PEERID under NAME`
/// * `expired PEERID under NAME`
///
/// A `Registration` has a `namespace`, a `ttl` and the `record` that the peer has
/// signed (`PeerRecord::peer_id`). Print nothing for peers that ask.
fn report(event: Event) {
    let _ = event;
    todo!("4. print who is registered, refused, unregistered, expired")
}
