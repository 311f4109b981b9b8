//! Bootstrap: a node of the DHT.
//!
//!     bootstrap [NODE]
//!
//! Without NODE it is the first one. It is always up, so that the others have
//! somebody to ask. It keeps the records that they store, knows nothing of what
//! they say to each other, and is not needed any more once they have met.

use std::collections::HashSet;
use std::env;
use std::process::ExitCode;

use futures::StreamExt;
use libp2p::kad::store::{MemoryStore, RecordStore};
use libp2p::kad::{self, InboundRequest, Mode, ProviderRecord};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, identify, ping};
use rendezvous::{BehaviourEvent, KAD, enter, listen, new_swarm};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let node = match &arguments[..] {
        [] => None,
        [node] => match node.parse() {
            Ok(node) => Some(node),
            Err(reason) => {
                println!("{node} is no address: {reason}");
                return ExitCode::FAILURE;
            }
        },
        _ => {
            eprintln!("usage: bootstrap [NODE]");
            return ExitCode::from(2);
        }
    };
    match run(node).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run(node: Option<Multiaddr>) -> Result<(), String> {
    let mut swarm = new_swarm(Mode::Server)?;
    let address = listen(&mut swarm).await?;
    println!("listening on {address}/p2p/{}", swarm.local_peer_id());
    if let Some(node) = node {
        enter(&mut swarm, &node).map_err(|reason| format!("cannot join: {reason}"))?;
    }
    let mut visitors = Visitors::default();
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                peer_id,
                info,
                ..
            })) => {
                route(peer_id, &info, &mut swarm.behaviour_mut().kad);
                visitors.identified(peer_id);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event {
                peer,
                result: Ok(_),
                ..
            })) => visitors.answered(peer),
            SwarmEvent::Behaviour(BehaviourEvent::Kad(kad::Event::InboundRequest {
                request:
                    InboundRequest::AddProvider {
                        record: Some(record),
                    },
            })) => keep(record, swarm.behaviour_mut().kad.store_mut()),
            SwarmEvent::ConnectionClosed {
                peer_id,
                num_established: 0,
                ..
            } => visitors.left(&peer_id),
            _ => {}
        }
    }
}

/// Puts a peer that is a node of our DHT into the routing table.
///
/// kad does not do that by itself for those who have connected to us: from where
/// they call is not where they can be called. But identify reports where they
/// listen (`info.listen_addrs`), and what they speak (`info.protocols`). Peers that
/// speak [`KAD`] are nodes: give kad each of their addresses (`add_address`). All
/// others are clients, which may be gone at any time, and do not belong in a table.
fn route(peer: PeerId, info: &identify::Info, kad: &mut kad::Behaviour<MemoryStore>) {
    let _ = (peer, info, kad, KAD);
    todo!("4. if the peer speaks KAD, add each of its addresses to the routing table")
}

/// Keeps the announcement of a peer, for peers that will ask. (Nothing to do here.)
///
/// That it came from this very peer is made sure by kad, and that the peer has
/// the key that belongs to its id by noise. It is kept under a hash: what name
/// they meet under is nothing that we are told.
fn keep(record: ProviderRecord, store: &mut MemoryStore) {
    let peer = record.provider;
    let whereabouts = match &record.addresses[..] {
        [] => "without an address".into(),
        [first, ..] => format!("at {first}"),
    };
    match store.add_provider(record) {
        Ok(()) => println!("{peer} is announced {whereabouts}"),
        Err(reason) => println!("{peer} is not announced: {reason}"),
    }
}

/// The peers that are connected, as far as we know them by now.
#[derive(Default)]
struct Visitors {
    identified: HashSet<PeerId>,
    answering: HashSet<PeerId>,
}

impl Visitors {
    /// A peer has told who it is.
    fn identified(&mut self, peer: PeerId) {
        if self.identified.insert(peer) {
            self.welcome(peer);
        }
    }

    /// A peer has answered a ping. It does so again and again.
    fn answered(&mut self, peer: PeerId) {
        if self.answering.insert(peer) {
            self.welcome(peer);
        }
    }

    /// Says so if a peer has joined: if we know who it is, and that it answers.
    fn welcome(&self, peer: PeerId) {
        if self.identified.contains(&peer) && self.answering.contains(&peer) {
            println!("{peer} has joined");
        }
    }

    fn left(&mut self, peer: &PeerId) {
        self.identified.remove(peer);
        self.answering.remove(peer);
    }
}
