//! Peers that know a common word find each other at a rendezvous point.
//!
//! The point is a server for just this (`src/bin/point.rs`). Who wants to be
//! found registers there under a name (`src/bin/alice.rs`), who looks for others
//! asks there (`src/bin/bob.rs`). What the three have in common is here:
//!
//! * [`new_swarm`]: the transport, for the behaviour of each.
//! * [`listen`]: an address of one's own, which others may be told.
//! * [`reach`]: a connection to the point.
//! * [`leave`]: the good-bye.
//! * [`typed_lines`]: what the user types.
//!
//! The protocol, `/rendezvous/1.0.0`, is libp2p's own. Of its two halves, which
//! are `libp2p::rendezvous::server` and `client`, each program has one, and no
//! other behaviour beside it.
//!
//! There are seven holes, numbered in the order in which you meet them when you
//! run the programs: number 2 is here, the others are in the three programs. A
//! `let _ = …` in a hole only keeps the compiler quiet about unused values: delete
//! it together with the `todo!`.

use std::time::Duration;
use std::{io, thread};

use futures::StreamExt;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, SwarmBuilder, noise, tcp, yamux};
use tokio::sync::mpsc;

/// The lines that the user types, or the reason why no more can be read.
pub type Typed = mpsc::Receiver<io::Result<String>>;

/// A swarm with a new identity, over TCP, noise and yamux. (Nothing to do here.)
///
/// Between two requests nobody uses the connection to the point, and one that
/// nobody uses is closed after a while, by default after ten seconds. Then each
/// request would have to begin with a dial. We stay connected for an hour: the
/// user is here, and may type at any time.
pub fn new_swarm<B: NetworkBehaviour>(
    behaviour: impl FnOnce(&Keypair) -> B,
) -> Result<Swarm<B>, String> {
    let swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(
            tcp::Config::default(),
            noise::Config::new,
            yamux::Config::default,
        )
        .map_err(|reason| format!("cannot set up the encryption: {reason}"))?
        .with_behaviour(behaviour)
        .map_err(|reason| format!("cannot set up the behaviour: {reason}"))?
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(3600)))
        .build();
    Ok(swarm)
}

/// Listens, and returns the address, which becomes an external one. (Nothing to
/// do here.)
///
/// Only external addresses are registered: those at which others can reach us.
/// On loopback every address is such a one. A real program asks, with identify
/// and AutoNAT.
pub async fn listen<B: NetworkBehaviour>(swarm: &mut Swarm<B>) -> Result<Multiaddr, String> {
    let any_port = Multiaddr::empty()
        .with(Protocol::Ip4([127, 0, 0, 1].into()))
        .with(Protocol::Tcp(0));
    swarm
        .listen_on(any_port)
        .map_err(|reason| format!("cannot listen: {reason}"))?;
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            swarm.add_external_address(address.clone());
            return Ok(address);
        }
    }
}

/// Connects to the point, and returns who it is.
///
/// The client does not do that by itself. It sends requests to a peer id, and the
/// only addresses that it knows are those of the peers that it has discovered. So
/// dial the point (`Swarm::dial`) and take events (`select_next_some`), until
/// `SwarmEvent::ConnectionEstablished` comes with this very peer, or
/// `SwarmEvent::OutgoingConnectionError`: then return `cannot connect: {error}`.
pub async fn reach<B: NetworkBehaviour>(
    swarm: &mut Swarm<B>,
    point: &Multiaddr,
) -> Result<PeerId, String> {
    let Some(Protocol::P2p(id)) = point.iter().last() else {
        return Err(format!("{point} does not end in /p2p/PEERID"));
    };
    let _ = (swarm, id);
    todo!("2. dial the point, wait until it is connected or can't be")
}

/// Closes all connections, and returns when they are closed. (Nothing to do here.)
///
/// A request that was made last may still wait to be sent. A program that just
/// ends takes it along.
pub async fn leave<B: NetworkBehaviour>(mut swarm: Swarm<B>) {
    let peers: Vec<PeerId> = swarm.connected_peers().copied().collect();
    for peer in peers {
        // It fails where the connection is lost already, which will do.
        let _ = swarm.disconnect_peer_id(peer);
    }
    while swarm.network_info().num_peers() > 0 {
        swarm.select_next_some().await;
    }
}

/// Starts to read what the user types, line by line. (Nothing to do here.)
///
/// The read blocks in a thread of its own, since one from a terminal can't be
/// cancelled: see the exercise `duplex-tcp`.
pub fn typed_lines() -> Typed {
    let (typing, typed) = mpsc::channel(1);
    thread::spawn(move || {
        for line in io::stdin().lines() {
            if typing.blocking_send(line).is_err() {
                break; // Nobody wants to know any more.
            }
        }
    });
    typed
}
