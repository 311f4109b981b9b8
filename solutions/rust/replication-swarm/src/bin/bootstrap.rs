//! Bootstrap: the node of the DHT.
//!
//!     bootstrap
//!
//! It is always up, so that the others have somebody to ask. It keeps the records
//! that they store, and prints all that it learns from them: a topic, and who is
//! where. In a DHT of strangers that is what everybody learns.

use std::process::ExitCode;

use feed::Key;
use futures::StreamExt;
use libp2p::kad::store::{MemoryStore, RecordStore};
use libp2p::kad::{self, InboundRequest, Mode, ProviderRecord};
use libp2p::swarm::SwarmEvent;
use libp2p::{PeerId, identify};
use replication_swarm::dht::{BLAKE2B_256, BehaviourEvent, KAD, listen, new_swarm};

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
    let mut swarm = new_swarm(Mode::Server)?;
    let address = listen(&mut swarm).await?;
    println!("listening on {address}/p2p/{}", swarm.local_peer_id());
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                peer_id,
                info,
                ..
            })) => route(peer_id, &info, &mut swarm.behaviour_mut().kad),
            SwarmEvent::Behaviour(BehaviourEvent::Kad(kad::Event::InboundRequest {
                request:
                    InboundRequest::AddProvider {
                        record: Some(record),
                    },
            })) => keep(record, swarm.behaviour_mut().kad.store_mut()),
            _ => {}
        }
    }
}

/// Puts a peer that is a node of our DHT into the routing table.
///
/// kad does not do that by itself for those who have connected to us. See the
/// exercise `rendezvous`.
fn route(peer: PeerId, info: &identify::Info, kad: &mut kad::Behaviour<MemoryStore>) {
    if info.protocols.contains(&KAD) {
        for address in &info.listen_addrs {
            kad.add_address(&peer, address.clone());
        }
    }
}

/// Keeps the announcement of a peer, for those who will ask.
fn keep(record: ProviderRecord, store: &mut MemoryStore) {
    let peer = record.provider;
    let key = record.key.to_vec();
    let topic = key.strip_prefix(&BLAKE2B_256).map(<[u8; 32]>::try_from);
    let Some(Ok(topic)) = topic else {
        println!("{peer} is not announced: its key is no topic");
        return;
    };
    let whereabouts = match &record.addresses[..] {
        [] => "without an address".into(),
        [first, ..] => format!("at {first}"),
    };
    match store.add_provider(record) {
        Ok(()) => println!("{peer} is announced under {} {whereabouts}", Key(topic)),
        Err(reason) => println!("{peer} is not announced: {reason}"),
    }
}
