//! The DHT, as far as a swarm needs it: the one of the exercise `rendezvous`.
//!
//! * [`Dht::join`]: enters it by way of one node, and listens for calls.
//! * [`Dht::announce`]: "I am one of this topic", stored there under our address.
//! * [`Dht::find`] and [`Dht::next`]: who else is one.
//! * [`Dht::calls`]: opens streams to them.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use feed::Key;
use futures::StreamExt;
use libp2p::kad::store::MemoryStore;
use libp2p::kad::{self, GetProvidersOk, Mode, QueryId, QueryResult};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, identify, identity, noise, ping, tcp,
    yamux,
};
use libp2p_stream::{Control, IncomingStreams};

/// The protocol of our DHT. Whoever speaks another one is in another DHT.
pub const KAD: StreamProtocol = StreamProtocol::new("/workshop/kad/1.0.0");

/// What our programs can do on every connection.
#[derive(NetworkBehaviour)]
pub struct Behaviour {
    /// Tells the other side who we are, where we listen and what we speak.
    pub identify: identify::Behaviour,
    /// Answers pings: some implementations, such as the one in JavaScript, take no
    /// node into their routing table that does not.
    pub ping: ping::Behaviour,
    /// Asks the nodes of the DHT.
    pub kad: kad::Behaviour<MemoryStore>,
    /// Opens and accepts streams of protocols of our own.
    pub streams: libp2p_stream::Behaviour,
}

/// A swarm with a new identity, over TCP, noise and yamux. It uses the DHT and is no
/// node of it.
fn new_swarm() -> Result<Swarm<Behaviour>, String> {
    let behaviour = |keys: &identity::Keypair| {
        let id = keys.public().to_peer_id();
        let about = identify::Config::new("/workshop/1.0.0".into(), keys.public());
        let store = MemoryStore::new(id);
        let mut kad = kad::Behaviour::with_config(id, store, kad::Config::new(KAD));
        kad.set_mode(Some(Mode::Client));
        Behaviour {
            identify: identify::Behaviour::new(about),
            ping: ping::Behaviour::default(),
            kad,
            streams: libp2p_stream::Behaviour::new(),
        }
    };
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
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build();
    Ok(swarm)
}

/// Listens on loopback, and returns the address, which is an external one, too.
async fn listen(swarm: &mut Swarm<Behaviour>) -> Result<Multiaddr, String> {
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

/// These bytes stand before a hash, and say that it is one of BLAKE2b with 32 bytes.
pub const BLAKE2B_256: [u8; 4] = [0xa0, 0xe4, 0x02, 0x20];

/// The key in the DHT of those who meet under a topic.
///
/// It is a multihash, as everything is under which a provider is announced. A topic
/// is 32 bytes of hash already (a discovery key is one of BLAKE2b), so that it is
/// not hashed again: every node of the DHT sees the topic as it is.
pub fn key(topic: Key) -> kad::RecordKey {
    kad::RecordKey::new(&[&BLAKE2B_256[..], &topic.0[..]].concat())
}

/// A peer that uses the DHT.
pub struct Dht {
    swarm: Swarm<Behaviour>,
    /// The search that was begun last, if there was one.
    search: Option<QueryId>,
    /// Those whom it has found.
    found: HashSet<PeerId>,
    /// What is to be told before anything else happens.
    news: VecDeque<News>,
}

/// What comes of [`Dht::find`].
#[derive(Debug)]
pub enum News {
    /// Somebody else is there, or was some time ago. He is told of once a search.
    Found(PeerId),
    /// The search is over.
    Over,
}

impl Dht {
    /// Enters the DHT by way of one node, and returns when that has answered; also
    /// returns the calls for `protocol` that come from now on.
    pub async fn join(
        node: &Multiaddr,
        protocol: StreamProtocol,
    ) -> Result<(Dht, IncomingStreams), String> {
        let mut swarm = new_swarm()?;
        let incoming = swarm
            .behaviour()
            .streams
            .new_control()
            .accept(protocol)
            .map_err(|reason| format!("cannot accept calls: {reason}"))?;
        listen(&mut swarm).await?;
        enter(&mut swarm, node)
            .await
            .map_err(|reason| format!("cannot join: {reason}"))?;
        let dht = Dht {
            swarm,
            search: None,
            found: HashSet::new(),
            news: VecDeque::new(),
        };
        Ok((dht, incoming))
    }

    /// Who we are in the DHT; somebody else each time that the program is started.
    pub fn id(&self) -> PeerId {
        *self.swarm.local_peer_id()
    }

    /// What opens streams to others. It works only while somebody awaits [`Dht::next`].
    pub fn calls(&self) -> Control {
        self.swarm.behaviour().streams.new_control()
    }

    /// Announces us under a topic, and returns when that is sent.
    pub async fn announce(&mut self, topic: Key) -> Result<(), String> {
        self.swarm
            .behaviour_mut()
            .kad
            .start_providing(key(topic))
            .map_err(|reason| format!("cannot announce: {reason}"))?;
        loop {
            if let SwarmEvent::Behaviour(BehaviourEvent::Kad(
                kad::Event::OutboundQueryProgressed {
                    result: QueryResult::StartProviding(result),
                    ..
                },
            )) = self.swarm.select_next_some().await
            {
                result.map_err(|reason| format!("cannot announce: {reason}"))?;
                return Ok(());
            }
        }
    }

    /// Asks who else is there under a topic, and returns at once. What comes of it is
    /// told by [`Dht::next`].
    pub fn find(&mut self, topic: Key) {
        let kad = &mut self.swarm.behaviour_mut().kad;
        self.search = Some(kad.get_providers(key(topic)));
        self.found.clear();
        self.news.clear();
    }

    /// Drives the swarm, up to the next news. It is safe to drop this at any time.
    pub async fn next(&mut self) -> News {
        loop {
            if let Some(news) = self.news.pop_front() {
                return news;
            }
            if let SwarmEvent::Behaviour(BehaviourEvent::Kad(kad::Event::OutboundQueryProgressed {
                id,
                result: QueryResult::GetProviders(result),
                step,
                ..
            })) = self.swarm.select_next_some().await
                && self.search == Some(id)
            {
                if let Ok(GetProvidersOk::FoundProviders { providers, .. }) = result {
                    self.on_found(providers);
                }
                if step.last {
                    self.news.push_back(News::Over);
                }
            }
        }
    }

    /// The same peer is found again by each node that has its record, and we are among
    /// those who are found.
    ///
    /// Everybody else is dialed at once, as kad knows the addresses only as long as it
    /// searches. It may be dialing the same peer, or be connected to it; then ours is
    /// refused, which is as good.
    fn on_found(&mut self, providers: HashSet<PeerId>) {
        for peer in providers {
            if peer != self.id() && self.found.insert(peer) {
                let _ = self.swarm.dial(peer);
                self.news.push_back(News::Found(peer));
            }
        }
    }

    /// Closes all connections, and returns when they are closed.
    ///
    /// What was said last may still wait to be sent. A program that just ends takes it
    /// along.
    pub async fn leave(mut self) {
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // It fails where the connection is lost already, which will do.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        while self.swarm.network_info().num_peers() > 0 {
            self.swarm.select_next_some().await;
        }
    }
}

/// Enters the DHT by way of one node, and returns when it has answered.
///
/// The first lookup, for our own id, tells whether it does. Then kad would go on with
/// one for each part of the ring that it knows nothing of, which may be none or ten, as
/// the ids fall. That is for nodes that stay, in a DHT of many.
async fn enter(swarm: &mut Swarm<Behaviour>, node: &Multiaddr) -> Result<(), String> {
    let Some(Protocol::P2p(id)) = node.iter().last() else {
        return Err(format!("{node} does not end in /p2p/PEERID"));
    };
    let kad = &mut swarm.behaviour_mut().kad;
    kad.add_address(&id, node.clone());
    kad.bootstrap().map_err(|reason| reason.to_string())?;
    let mut why = format!("{id} does not answer as a node of the DHT");
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::OutgoingConnectionError {
                peer_id: Some(peer),
                error,
                ..
            } if peer == id => why = error.to_string(),
            SwarmEvent::Behaviour(BehaviourEvent::Kad(kad::Event::OutboundQueryProgressed {
                id: query,
                result: QueryResult::Bootstrap(_),
                stats,
                ..
            })) => {
                if let Some(mut rest) = swarm.behaviour_mut().kad.query_mut(&query) {
                    rest.finish();
                }
                return match stats.num_successes() {
                    0 => Err(why),
                    _ => Ok(()),
                };
            }
            _ => {}
        }
    }
}
