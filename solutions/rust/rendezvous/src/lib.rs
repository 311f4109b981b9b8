//! Peers that know a common word find each other, and chat.
//!
//! Nobody is told an address of anybody else, except that of one node of the
//! DHT. [`Peer`] is the whole story of a peer, in the order in which it happens:
//!
//! * [`new_swarm`]: its transport, and what it can do ([`Behaviour`]), of which
//!   [`new_kad`] is the part in the DHT.
//! * [`listen`]: an address of its own, which others may be told.
//! * [`enter`] and [`join`]: its first contact with the DHT.
//! * [`key`]: where in the DHT those who know the word meet.
//! * [`Peer::announce`]: "I am one of them", stored there under its address.
//! * [`Peer::find`] and [`Peer::found`]: who else is one, and a chat with each.
//! * [`leave`]: its good-bye to everybody.
//!
//! What a chat is, with its lines and its end, is in [`chats`].

pub mod chats;

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt;
use libp2p::kad::store::MemoryStore;
use libp2p::kad::{self, GetProvidersOk, Mode, QueryId, QueryResult, StoreInserts};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol, Swarm, SwarmBuilder, identify, identity, noise,
    ping, tcp, yamux,
};
use libp2p_stream::{Control, IncomingStreams, OpenStreamError};
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use crate::chats::{Chats, typed_lines};

/// The protocol of the chat: lines of UTF-8 text, each ended by a newline.
pub const CHAT: StreamProtocol = StreamProtocol::new("/chat/1.1.0");

/// The protocol of our DHT. Whoever speaks another one is in another DHT: the
/// public one of IPFS is `/ipfs/kad/1.0.0`.
pub const KAD: StreamProtocol = StreamProtocol::new("/workshop/kad/1.0.0");

/// What our programs can do on every connection.
#[derive(NetworkBehaviour)]
pub struct Behaviour {
    /// Tells the other side who we are, where we listen and what we speak.
    pub identify: identify::Behaviour,
    /// Answers pings, and sends some.
    pub ping: ping::Behaviour,
    /// Asks the nodes of the DHT; in server mode it is one.
    pub kad: kad::Behaviour<MemoryStore>,
    /// Opens and accepts streams of protocols of our own.
    pub streams: libp2p_stream::Behaviour,
}

impl Behaviour {
    fn new(keys: &identity::Keypair, mode: Mode) -> Self {
        let about = identify::Config::new("/workshop/1.0.0".into(), keys.public());
        Self {
            identify: identify::Behaviour::new(about),
            ping: ping::Behaviour::default(),
            kad: new_kad(keys.public().to_peer_id(), mode),
            streams: libp2p_stream::Behaviour::new(),
        }
    }
}

/// The part in the DHT of a node (server) or a user (client) of it.
///
/// A node is one that others can rely on: it is up, can be reached, and keeps
/// what strangers store. Somebody who comes to chat for a while only asks. The
/// mode is said in so many words, since kad otherwise chooses it by itself, and
/// becomes a server as soon as it has an external address.
///
/// A node looks at provider records before it keeps them (`FilterBoth`), for the
/// sake of the line that it prints. Otherwise kad keeps them by itself.
pub fn new_kad(id: PeerId, mode: Mode) -> kad::Behaviour<MemoryStore> {
    let mut config = kad::Config::new(KAD);
    config.set_record_filtering(StoreInserts::FilterBoth);
    let mut kad = kad::Behaviour::with_config(id, MemoryStore::new(id), config);
    kad.set_mode(Some(mode));
    kad
}

/// A swarm with a new identity, over TCP, noise and yamux.
///
/// A connection that nobody uses is closed after a while. An open stream is use,
/// so that this never ends a chat; it ends, for one, the connections that a
/// search has left behind.
pub fn new_swarm(mode: Mode) -> Result<Swarm<Behaviour>, String> {
    let swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(
            tcp::Config::default(),
            noise::Config::new,
            yamux::Config::default,
        )
        .map_err(|reason| format!("cannot set up the encryption: {reason}"))?
        .with_behaviour(|keys| Behaviour::new(keys, mode))
        .map_err(|reason| format!("cannot set up the behaviour: {reason}"))?
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build();
    Ok(swarm)
}

/// Listens, and returns the address for others.
///
/// An address at which one listens is one thing, an address at which others can
/// reach one is another: behind a router the two differ, and the second may not
/// exist. The swarm calls the second kind *external*, and a provider record has
/// no others. On loopback they are the same, so we say so ourselves. A real
/// program asks: identify tells it what address others see, and AutoNAT has
/// them dial it.
pub async fn listen(swarm: &mut Swarm<Behaviour>) -> Result<Multiaddr, String> {
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

/// Enters the DHT by way of one node of it, which is returned.
///
/// That the node is in our routing table is all that kad needs: a query connects
/// by itself to those whom it asks. The first query is for our own id. Its
/// answers fill the table with our neighbours, which is called bootstrapping.
pub fn enter(swarm: &mut Swarm<Behaviour>, node: &Multiaddr) -> Result<PeerId, String> {
    let Some(Protocol::P2p(id)) = node.iter().last() else {
        return Err(format!("{node} does not end in /p2p/PEERID"));
    };
    let kad = &mut swarm.behaviour_mut().kad;
    kad.add_address(&id, node.clone());
    kad.bootstrap().map_err(|reason| reason.to_string())?;
    Ok(id)
}

/// Enters the DHT, and returns when the node has answered.
///
/// A query does what it can, so it ends well even when nobody has answered it.
/// How many have is in its statistics.
pub async fn join(swarm: &mut Swarm<Behaviour>, node: &Multiaddr) -> Result<(), String> {
    let id = enter(swarm, node)?;
    let mut why = format!("{id} does not answer as a node of the DHT");
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::OutgoingConnectionError {
                peer_id: Some(peer),
                error,
                ..
            } if peer == id => why = error.to_string(),
            SwarmEvent::Behaviour(BehaviourEvent::Kad(kad::Event::OutboundQueryProgressed {
                result: QueryResult::Bootstrap(_),
                stats,
                step,
                ..
            })) if step.last => {
                return match stats.num_successes() {
                    0 => Err(why),
                    _ => Ok(()),
                };
            }
            _ => {}
        }
    }
}

/// The key in the DHT of those who meet under `name`.
///
/// A provider is announced under a multihash: which hash function (0x12 is
/// SHA2-256), how many bytes (0x20 are 32), then the hash. That is what
/// libp2p's other implementations use, too, and the nodes of the DHT see no
/// more of the name than this.
pub fn key(name: &str) -> kad::RecordKey {
    let hash = Sha256::digest(name);
    kad::RecordKey::new(&[&[0x12, 0x20], hash.as_slice()].concat())
}

/// A peer that is in the DHT.
pub struct Peer {
    swarm: Swarm<Behaviour>,
    streams: Control,
    incoming: IncomingStreams,
    name: String,
    chats: Chats,
    /// Those to whom we are opening a stream, and what comes of it.
    calls: JoinSet<(PeerId, Result<Stream, OpenStreamError>)>,
    /// Those whom we call or talk to.
    engaged: HashSet<PeerId>,
    /// The search that was begun last, if there was one.
    search: Option<QueryId>,
    /// Those whom it has found, and who were not engaged.
    found: HashSet<PeerId>,
}

impl Peer {
    /// Joins the DHT, to meet others under `name`.
    ///
    /// Streams are accepted before anybody can know that we exist.
    pub async fn join(node: &Multiaddr, name: &str) -> Result<Self, String> {
        let mut swarm = new_swarm(Mode::Client)?;
        let mut streams = swarm.behaviour().streams.new_control();
        let incoming = streams
            .accept(CHAT)
            .map_err(|reason| format!("cannot accept chats: {reason}"))?;
        listen(&mut swarm).await?;
        join(&mut swarm, node)
            .await
            .map_err(|reason| format!("cannot join: {reason}"))?;
        Ok(Self {
            swarm,
            streams,
            incoming,
            name: name.into(),
            chats: Chats::default(),
            calls: JoinSet::new(),
            engaged: HashSet::new(),
            search: None,
            found: HashSet::new(),
        })
    }

    /// Announces this peer under the name, and returns when that is done.
    ///
    /// "Done" means sent: a node does not answer an announcement. It keeps the
    /// record for two days, so a peer that is up repeats it; kad does so twice a
    /// day.
    pub async fn announce(&mut self) -> Result<(), String> {
        self.swarm
            .behaviour_mut()
            .kad
            .start_providing(key(&self.name))
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
                println!("announced under {}", self.name);
                return Ok(());
            }
        }
    }

    /// Asks the DHT who else is there. What comes of it is for [`Peer::found`].
    pub fn find(&mut self) {
        let kad = &mut self.swarm.behaviour_mut().kad;
        self.search = Some(kad.get_providers(key(&self.name)));
        self.found.clear();
    }

    /// Calls those who are found and are new.
    ///
    /// The same peer may be found several times, since each node that has its
    /// record tells us, and we are among those who are found. A record outlives its
    /// peer, so that a call may well fail: that is an ordinary result, which
    /// concerns nobody else.
    ///
    /// To open a stream is all that it takes: it connects by itself where there is
    /// no connection, and kad knows the address, as long as the search goes on. Kad
    /// itself may be connecting to the same peer at the same moment, to ask it, too,
    /// and a `dial` of our own would be refused then.
    ///
    /// Each call is a task of its own. Were it awaited here, nobody would drive the
    /// swarm meanwhile, and the swarm is what makes the connection.
    pub fn found(&mut self, providers: HashSet<PeerId>) {
        for peer in providers {
            let ourselves = peer == *self.swarm.local_peer_id();
            if ourselves || self.engaged.contains(&peer) || !self.found.insert(peer) {
                continue;
            }
            self.engaged.insert(peer);
            println!("Found peer: {peer}");
            println!("Connecting to: {peer}");
            let mut streams = self.streams.clone();
            self.calls
                .spawn(async move { (peer, streams.open_stream(peer, CHAT).await) });
        }
    }

    /// Chats with all that are found and all that call, until the input ends.
    ///
    /// What is typed goes to everybody, except for `/find`, which looks again. A
    /// program without a user would look again every few minutes.
    pub async fn run(mut self) -> Result<(), String> {
        let mut typed = typed_lines();
        let mut leaving = false;
        while !leaving || !self.chats.is_empty() {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                Some((peer, stream)) = self.incoming.next(), if !leaving => {
                    self.engaged.insert(peer);
                    self.chats.begin(peer, stream);
                }
                Some(Ok((peer, outcome))) = self.calls.join_next(), if !leaving => match outcome {
                    Ok(stream) => self.chats.begin(peer, stream),
                    Err(reason) => {
                        println!("Connection failed: {reason}");
                        self.engaged.remove(&peer);
                    }
                },
                Some(peer) = self.chats.ended() => {
                    self.engaged.remove(&peer);
                    if !leaving {
                        println!("{peer} has left");
                    }
                }
                line = typed.recv(), if !leaving => match line {
                    Some(Ok(line)) if line == "/find" => self.find(),
                    Some(Ok(line)) => self.chats.say(&line),
                    Some(Err(_)) | None => {
                        leaving = true;
                        self.chats.hang_up();
                    }
                },
            }
        }
        leave(self.swarm).await;
        Ok(())
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let SwarmEvent::Behaviour(BehaviourEvent::Kad(kad::Event::OutboundQueryProgressed {
            id,
            result: QueryResult::GetProviders(result),
            step,
            ..
        })) = event
        else {
            return;
        };
        if let Ok(GetProvidersOk::FoundProviders { providers, .. }) = result {
            self.found(providers);
        }
        if step.last && self.search == Some(id) && self.found.is_empty() {
            println!("nobody else under {} yet", self.name);
        }
    }
}

/// Closes all connections, and returns when they are closed.
///
/// What was said last may still wait to be sent when its stream is closed. A
/// program that just ends takes it along.
pub async fn leave(mut swarm: Swarm<Behaviour>) {
    let peers: Vec<PeerId> = swarm.connected_peers().copied().collect();
    for peer in peers {
        // It fails where the connection is lost already, which will do.
        let _ = swarm.disconnect_peer_id(peer);
    }
    while swarm.network_info().num_peers() > 0 {
        swarm.select_next_some().await;
    }
}
