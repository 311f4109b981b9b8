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
//!
//! There are seven holes, numbered in the order in which you meet them when you
//! run the programs: 4 is in `src/bin/bootstrap.rs`, the others are here. A
//! `let _ = …` in a hole only keeps the compiler quiet about unused values: delete
//! it together with the `todo!`.

pub mod chats;

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt;
use libp2p::kad::store::MemoryStore;
use libp2p::kad::{self, GetProvidersOk, Mode, QueryId, QueryResult};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol, Swarm, SwarmBuilder, identify, identity, noise,
    ping, tcp, yamux,
};
use libp2p_stream::{Control, IncomingStreams, OpenStreamError};
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
/// It speaks [`KAD`] (`kad::Config::new`). It looks at provider records before it
/// keeps them (`set_record_filtering`, `StoreInserts::FilterBoth`), because the
/// bootstrap prints a line for each. It keeps its records in memory
/// (`MemoryStore::new`). Make the behaviour from the config and this store
/// (`kad::Behaviour::with_config`).
///
/// Then set its mode (`set_mode`). Otherwise kad chooses the mode by itself, and may
/// do so when you don't expect it.
pub fn new_kad(id: PeerId, mode: Mode) -> kad::Behaviour<MemoryStore> {
    let _ = (id, mode);
    todo!("1. make a kad of the protocol KAD, in the given mode")
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
/// Listen on port 0 of 127.0.0.1 (`Swarm::listen_on`, with the address
/// `/ip4/127.0.0.1/tcp/0`). An event reports which port was chosen: take events
/// (`select_next_some`) until `SwarmEvent::NewListenAddr` comes.
///
/// An address at which one listens is one thing, an address at which others can
/// reach one is another. The swarm calls the second kind *external*, and a provider
/// record contains no others. On loopback the two are the same, so tell the swarm
/// yourself: `Swarm::add_external_address`.
pub async fn listen(swarm: &mut Swarm<Behaviour>) -> Result<Multiaddr, String> {
    let _ = swarm;
    todo!("2. listen on port 0, make the address an external one, return it")
}

/// Enters the DHT by way of one node of it, which is returned.
///
/// Put the node into kad's routing table (`add_address`), then have kad look up our
/// own id (`bootstrap`). You need not dial: a query connects by itself to the peers
/// that it asks, if their addresses are in the table. And you need not wait here:
/// [`join`] does that.
pub fn enter(swarm: &mut Swarm<Behaviour>, node: &Multiaddr) -> Result<PeerId, String> {
    let Some(Protocol::P2p(id)) = node.iter().last() else {
        return Err(format!("{node} does not end in /p2p/PEERID"));
    };
    let _ = swarm;
    todo!("3. add the node to the routing table, bootstrap, return {id}")
}

/// Enters the DHT, and returns when the node has answered. (Nothing to do here.)
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
/// It is a SHA2-256 multihash: a byte for the hash function (0x12 is SHA2-256), a
/// byte for the length (0x20 is 32), then the hash (`Sha256::digest`) of the name as
/// it is. All 34 bytes are the key (`kad::RecordKey::new`). Two peers that make it
/// differently never meet, and nothing tells them why.
pub fn key(name: &str) -> kad::RecordKey {
    let _ = name;
    todo!("5. 0x12, 0x20, and the SHA2-256 hash of the name")
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
    /// Have kad announce us under our [`key`] (`start_providing`). That starts a
    /// query: take events until its `QueryResult::StartProviding` comes, and only then
    /// print `announced under NAME`. [`join`] shows what such an event looks like.
    pub async fn announce(&mut self) -> Result<(), String> {
        todo!("6. start to provide the key, wait for the result, print it")
    }

    /// Asks the DHT who else is there. (Nothing to do here.) [`Peer::found`] gets
    /// the results.
    pub fn find(&mut self) {
        let kad = &mut self.swarm.behaviour_mut().kad;
        self.search = Some(kad.get_providers(key(&self.name)));
        self.found.clear();
    }

    /// Calls those who are found and are new.
    ///
    /// The same peer may be found several times, since each node that has its record
    /// returns it, and we ourselves are found, too. So skip our own id
    /// (`Swarm::local_peer_id`), peers that are `engaged`, and peers that this search
    /// has already `found`, and go on with the next. Add each of the others to both
    /// sets, and print `Found peer: PEERID`, then `Connecting to: PEERID`.
    ///
    /// To call a peer, open a stream for [`CHAT`] (`Control::open_stream`). That also
    /// connects, if necessary: kad knows the address as long as its search goes on.
    /// But you can't await it here: the swarm makes the connection, and nothing drives
    /// the swarm while you wait. So move it, with a clone of `streams`, into a task of
    /// its own in `calls` (`JoinSet::spawn`).
    pub fn found(&mut self, providers: HashSet<PeerId>) {
        let _ = (providers, &self.streams);
        todo!("7. call every new peer, each in a task of `calls`")
    }

    /// Chats with all that are found and all that call, until the input ends.
    /// (Nothing to do here.)
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
