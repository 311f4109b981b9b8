//! Bootstrap: the node of the DHT.
//!
//!     bootstrap
//!
//! It is always up, so that the other peers have a node to ask. It keeps the records
//! that they store, and prints all that it learns from them: a topic, and which peer
//! is where. In a public DHT, every node learns that much. It also prints when a peer
//! looks up a topic under which no peer is announced, and when a peer does not speak
//! ping. When you type `asked KEY`, it prints whether any peer has looked up that key.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashSet;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use feed::Key;
use futures::StreamExt;
use libp2p::kad::store::{self, MemoryStore, RecordStore};
use libp2p::kad::{self, InboundRequest, Mode, ProviderRecord, Record, RecordKey, StoreInserts};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{PeerId, Swarm, SwarmBuilder, identify, identity, noise, ping, tcp, yamux};
use replication_swarm::dht::{BLAKE2B_256, KAD, key};
use replication_swarm::messages::typed_lines;

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
    let mut swarm = new_swarm().map_err(|reason| reason.to_string())?;
    let mut typed = typed_lines();
    loop {
        let event = tokio::select! {
            event = swarm.select_next_some() => event,
            Some(line) = typed.recv() => {
                let line = line.map_err(|reason| reason.to_string())?;
                println!("{}", swarm.behaviour_mut().kad.store_mut().tell(&line)?);
                continue;
            }
        };
        match event {
            SwarmEvent::NewListenAddr { address, .. } => {
                swarm.add_external_address(address.clone());
                println!("listening on {address}/p2p/{}", swarm.local_peer_id());
            }
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                peer_id,
                info,
                ..
            })) => {
                if !info.protocols.contains(&ping::PROTOCOL_NAME) {
                    println!("{peer_id} does not speak ping");
                }
                route(peer_id, &info, &mut swarm.behaviour_mut().kad);
            }
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

/// What the node does on every connection: the same as `Behaviour` in `dht.rs`, except calls.
#[derive(NetworkBehaviour)]
struct Behaviour {
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    kad: kad::Behaviour<Asked>,
}

/// A swarm that listens on loopback, and lets us see announcements before it keeps them.
fn new_swarm() -> Result<Swarm<Behaviour>, Box<dyn Error>> {
    let behaviour = |keys: &identity::Keypair| {
        let id = keys.public().to_peer_id();
        let about = identify::Config::new("/workshop/1.0.0".into(), keys.public());
        let mut config = kad::Config::new(KAD);
        config.set_record_filtering(StoreInserts::FilterBoth);
        let mut kad = kad::Behaviour::with_config(id, Asked::new(id), config);
        kad.set_mode(Some(Mode::Server));
        Behaviour {
            identify: identify::Behaviour::new(about),
            ping: ping::Behaviour::default(),
            kad,
        }
    };
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(
            tcp::Config::default(),
            noise::Config::new,
            yamux::Config::default,
        )?
        .with_behaviour(behaviour)?
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build();
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
    Ok(swarm)
}

/// Puts a peer that is a node of our DHT into the routing table.
///
/// kad does not do that by itself for peers that have connected to us. See the
/// exercise `rendezvous`.
fn route(peer: PeerId, info: &identify::Info, kad: &mut kad::Behaviour<Asked>) {
    if info.protocols.contains(&KAD) {
        for address in &info.listen_addrs {
            kad.add_address(&peer, address.clone());
        }
    }
}

/// Keeps the announcement of a peer, for other peers that will ask.
fn keep(record: ProviderRecord, store: &mut Asked) {
    let peer = record.provider;
    let Some(topic) = topic(&record.key) else {
        println!("{peer} is not announced: its key is no topic");
        return;
    };
    let whereabouts = match &record.addresses[..] {
        [] => "without an address".into(),
        [first, ..] => format!("at {first}"),
    };
    match store.add_provider(record) {
        Ok(()) => println!("{peer} is announced under {topic} {whereabouts}"),
        Err(reason) => println!("{peer} is not announced: {reason}"),
    }
}

/// The topic from which a key of the DHT was made.
fn topic(key: &RecordKey) -> Option<Key> {
    let topic = key.as_ref().strip_prefix(&BLAKE2B_256)?;
    topic.try_into().ok().map(Key)
}

/// A store in memory that remembers which keys were looked up.
struct Asked {
    store: MemoryStore,
    keys: RefCell<HashSet<RecordKey>>,
}

impl Asked {
    fn new(node: PeerId) -> Self {
        Self {
            store: MemoryStore::new(node),
            keys: RefCell::default(),
        }
    }

    /// Answers `asked KEY`: was the key looked up? It has 64 digits, as topics have.
    fn tell(&self, line: &str) -> Result<&'static str, String> {
        let Some(topic) = line.strip_prefix("asked ") else {
            return Err(format!("{line}: not understood"));
        };
        let topic: Key = topic.parse().map_err(|_| format!("{topic} is no key"))?;
        let was_asked = self.keys.borrow().contains(&key(topic));
        Ok(if was_asked {
            "somebody has asked"
        } else {
            "nobody has asked"
        })
    }
}

impl RecordStore for Asked {
    type RecordsIter<'a> = <MemoryStore as RecordStore>::RecordsIter<'a>;
    type ProvidedIter<'a> = <MemoryStore as RecordStore>::ProvidedIter<'a>;

    fn get(&self, key: &RecordKey) -> Option<Cow<'_, Record>> {
        self.store.get(key)
    }

    fn put(&mut self, record: Record) -> store::Result<()> {
        self.store.put(record)
    }

    fn remove(&mut self, key: &RecordKey) {
        self.store.remove(key);
    }

    fn records(&self) -> Self::RecordsIter<'_> {
        self.store.records()
    }

    fn add_provider(&mut self, record: ProviderRecord) -> store::Result<()> {
        self.store.add_provider(record)
    }

    fn providers(&self, key: &RecordKey) -> Vec<ProviderRecord> {
        self.keys.borrow_mut().insert(key.clone());
        let providers = self.store.providers(key);
        // Our peers announce themselves before they search, so they find at least themselves.
        if let (true, Some(topic)) = (providers.is_empty(), topic(key)) {
            println!("somebody looks under {topic}, where nobody is announced");
        }
        providers
    }

    fn provided(&self) -> Self::ProvidedIter<'_> {
        self.store.provided()
    }

    fn remove_provider(&mut self, key: &RecordKey, provider: &PeerId) {
        self.store.remove_provider(key, provider);
    }
}
