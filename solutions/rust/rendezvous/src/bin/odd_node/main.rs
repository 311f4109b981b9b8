//! The odd node: a node of the DHT that prints requests, and answers as you tell it to.
//!
//!     odd_node node [NODE]
//!     odd_node stray NODE
//!     odd_node ask NODE NAME
//!
//! As a `node`, it takes the place of the bootstrap. It prints which peers connect, in
//! which role, and which peers are announced under which key. You can type these lines:
//!
//! * `hold near` or `hold providers`: hold back the answers to this kind of request;
//! * `answer`: send the answers that were held back, and hold none back any more;
//! * `near ADDRESS`: also list this peer as a node, in every answer; for a peer that is
//!   announced, its id is enough;
//! * `next ADDRESS`: do so only in answers about providers;
//! * `knows PEER ADDRESS`: also list this peer as a provider, for every key.
//!
//! With NODE, it listens at two addresses, and connects to that node, so that NODE can
//! list it as a node in its answers.
//!
//! A `stray` does the same, but is a node of another DHT. `ask` asks NODE which peers are
//! in its routing table, and which are announced under NAME.

mod wire;

use std::collections::VecDeque;
use std::fmt::Display;
use std::process::ExitCode;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{env, io};

use futures::StreamExt;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::handler::OneShotHandler;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, SubstreamProtocol, SwarmEvent,
    THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol, Swarm, SwarmBuilder, identify, noise, ping, tcp,
    yamux,
};
use rendezvous::chats::typed_lines;
use rendezvous::{KAD, key};

use crate::wire::{ADD_PROVIDER, FIND_NODE, GET_PROVIDERS, Message, Peer};

/// The protocol of another DHT, the public one.
const ELSEWHERE: StreamProtocol = StreamProtocol::new("/ipfs/kad/1.0.0");

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["node"] => run(None, KAD).await,
        ["node", other] => run(Some(other), KAD).await,
        ["stray", other] => run(Some(other), ELSEWHERE).await,
        ["ask", node, name] => ask(node, name).await,
        _ => {
            eprintln!("usage: odd_node node [NODE] | stray NODE | ask NODE NAME");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run(other: Option<&str>, kad: StreamProtocol) -> Result<(), String> {
    let mut swarm = new_swarm(|| StreamsOf::new(kad))?;
    let me = *swarm.local_peer_id();
    let address = listen(&mut swarm).await?;
    match other {
        None => println!("listening on {address}/p2p/{me}"),
        Some(other) => {
            let both = [address, listen(&mut swarm).await?];
            println!("{me} listens at {}", list(&both));
            dial(&mut swarm, other)?;
        }
    }
    let mut node = Node::default();
    let mut talks: FuturesUnordered<LocalBoxFuture<'static, io::Result<Option<Asked>>>> =
        FuturesUnordered::new();
    let mut typed = typed_lines();
    loop {
        tokio::select! {
            event = swarm.select_next_some() => match event {
                SwarmEvent::Behaviour(BehaviourEvent::Kad((peer, stream))) => {
                    talks.push(Box::pin(listen_to(peer, stream)));
                }
                SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                    peer_id,
                    info,
                    ..
                })) if other.is_none() => {
                    let role = match info.protocols.contains(&KAD) {
                        true => "is a node",
                        false => "only asks",
                    };
                    println!("{peer_id} {role}, and listens at {}", list(&info.listen_addrs));
                }
                _ => {}
            },
            // Ignore protocol errors and disconnects: nobody is left to answer.
            Some(asked) = talks.next() => if let Ok(Some(asked)) = asked
                && let Some((asked, answer)) = node.on_request(asked)
            {
                talks.push(Box::pin(answer_to(asked, answer)));
            },
            line = typed.recv() => match line {
                Some(Ok(line)) => for (asked, answer) in node.on_typed(&line)? {
                    talks.push(Box::pin(answer_to(asked, answer)));
                },
                Some(Err(_)) | None => return Ok(()),
            },
        }
    }
}

/// A request, the peer that made it, and the stream for the answer.
struct Asked {
    peer: PeerId,
    stream: Stream,
    request: Message,
}

async fn listen_to(peer: PeerId, mut stream: Stream) -> io::Result<Option<Asked>> {
    let request = wire::read(&mut stream).await?;
    Ok(request.map(|request| Asked {
        peer,
        stream,
        request,
    }))
}

/// Sends the answer, if there is one, and waits for the next request.
async fn answer_to(mut asked: Asked, answer: Option<Message>) -> io::Result<Option<Asked>> {
    if let Some(answer) = answer {
        wire::write(&mut asked.stream, &answer).await?;
    }
    listen_to(asked.peer, asked.stream).await
}

/// What the node has learned from other peers and from typed lines.
#[derive(Default)]
struct Node {
    announced: Vec<(Vec<u8>, Peer)>,
    near: Vec<Peer>,
    next: Vec<Peer>,
    known: Vec<Peer>,
    /// The kind of request whose answers are held back.
    holding: Option<u64>,
    held: Vec<Asked>,
}

impl Node {
    /// Returns the request and its answer, unless the answer is held back.
    fn on_request(&mut self, asked: Asked) -> Option<(Asked, Option<Message>)> {
        let key = &asked.request.key;
        // A peer looks up its own id, and ids that it makes up. All of these begin with 0.
        let about_a_peer = asked.request.kind == FIND_NODE && key.first() == Some(&0);
        if self.holding == Some(asked.request.kind) && !about_a_peer {
            println!("{} waits for an answer about {}", asked.peer, hex(key));
            self.held.push(asked);
            return None;
        }
        let answer = self.answer(&asked);
        Some((asked, answer))
    }

    fn answer(&mut self, asked: &Asked) -> Option<Message> {
        let Message { kind, ref key, .. } = asked.request;
        let mut answer = Message {
            kind,
            closer: self.near.clone(),
            ..Message::default()
        };
        match kind {
            ADD_PROVIDER => {
                for peer in &asked.request.providers {
                    println!(
                        "{} is announced under {} at {}",
                        peer.id,
                        hex(key),
                        list(&peer.addresses)
                    );
                    self.announced.push((key.clone(), peer.clone()));
                }
                return None;
            }
            GET_PROVIDERS => {
                let announced = self.announced.iter().filter(|(under, _)| under == key);
                answer.providers = announced.map(|(_, peer)| peer.clone()).collect();
                answer.providers.extend(self.known.iter().cloned());
                answer.closer.extend(self.next.iter().cloned());
            }
            _ => {}
        }
        Some(answer)
    }

    /// Finds a peer that is announced, by its id.
    fn find_announced(&self, id: &str) -> Option<Peer> {
        let id: PeerId = id.parse().ok()?;
        let found = self.announced.iter().find(|(_, peer)| peer.id == id);
        found.map(|(_, peer)| peer.clone())
    }

    fn on_typed(&mut self, line: &str) -> Result<Vec<(Asked, Option<Message>)>, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["hold", what] => {
                self.holding = Some(match what {
                    "near" => FIND_NODE,
                    _ => GET_PROVIDERS,
                });
                println!("holds its answers back");
            }
            ["answer"] => {
                self.holding = None;
                let held = std::mem::take(&mut self.held);
                return Ok(held
                    .into_iter()
                    .map(|asked| {
                        let answer = self.answer(&asked);
                        (asked, answer)
                    })
                    .collect());
            }
            [place @ ("near" | "next"), address] => {
                let peer = self.find_announced(address).map_or_else(
                    || {
                        let address = parse(address)?;
                        Ok::<_, String>(Peer {
                            id: id_in(&address)?,
                            addresses: vec![address],
                        })
                    },
                    Ok,
                )?;
                println!("names {}", peer.id);
                match place {
                    "near" => self.near.push(peer),
                    _ => self.next.push(peer),
                }
            }
            ["knows", peer, address] => {
                let id = peer.parse().map_err(|reason| format!("{peer}: {reason}"))?;
                println!("knows {id}");
                self.known.push(Peer {
                    id,
                    addresses: vec![parse(address)?],
                });
            }
            _ => return Err(format!("{line}: not understood")),
        }
        Ok(Vec::new())
    }
}

/// Asks a node for its routing table, and for the peers that are announced under a name.
async fn ask(node: &str, name: &str) -> Result<(), String> {
    let mut swarm = new_swarm(libp2p_stream::Behaviour::new)?;
    dial(&mut swarm, node)?;
    let id = id_in(&parse(node)?)?;
    let mut control = swarm.behaviour().kad.new_control();
    tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    let stream = control.open_stream(id, KAD).await;
    let mut stream = stream.map_err(|reason| reason.to_string())?;
    for (kind, key) in [
        (FIND_NODE, id.to_bytes()),
        (GET_PROVIDERS, key(name).to_vec()),
    ] {
        let request = Message {
            kind,
            key,
            ..Message::default()
        };
        wire::write(&mut stream, &request)
            .await
            .map_err(|reason| reason.to_string())?;
        let answer = wire::read(&mut stream).await;
        let Some(answer) = answer.map_err(|reason| reason.to_string())? else {
            return Err("no answer".into());
        };
        if kind == FIND_NODE {
            for peer in answer.closer {
                println!("in the table: {} at {}", peer.id, list(&peer.addresses));
            }
        }
        for peer in answer.providers {
            println!("under {name}: {} at {}", peer.id, list(&peer.addresses));
        }
    }
    println!("and nobody else");
    Ok(())
}

fn parse(address: &str) -> Result<Multiaddr, String> {
    address
        .parse()
        .map_err(|reason| format!("{address} is no address: {reason}"))
}

fn id_in(address: &Multiaddr) -> Result<PeerId, String> {
    match address.iter().last() {
        Some(Protocol::P2p(id)) => Ok(id),
        _ => Err(format!("{address} does not end in /p2p/PEERID")),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Lists addresses in a fixed order, each without the peer's id.
fn list(addresses: &[Multiaddr]) -> impl Display {
    let mut texts: Vec<String> = addresses
        .iter()
        .map(|address| {
            address
                .iter()
                .filter(|part| !matches!(part, Protocol::P2p(_)))
                .collect::<Multiaddr>()
                .to_string()
        })
        .collect();
    texts.sort();
    texts.dedup();
    texts.join(" and ")
}

/// What the odd node does on every connection. `Kad` handles the streams of kad's protocol.
#[derive(NetworkBehaviour)]
struct Behaviour<Kad: NetworkBehaviour> {
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    kad: Kad,
}

fn new_swarm<Kad: NetworkBehaviour>(
    kad: impl FnOnce() -> Kad,
) -> Result<Swarm<Behaviour<Kad>>, String> {
    let swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(
            tcp::Config::default(),
            noise::Config::new,
            yamux::Config::default,
        )
        .map_err(|reason| reason.to_string())?
        .with_behaviour(|keys| Behaviour {
            identify: identify::Behaviour::new(identify::Config::new(
                "/workshop/1.0.0".into(),
                keys.public(),
            )),
            ping: ping::Behaviour::default(),
            kad: kad(),
        })
        .map_err(|reason| reason.to_string())?
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build();
    Ok(swarm)
}

async fn listen<Kad: NetworkBehaviour>(
    swarm: &mut Swarm<Behaviour<Kad>>,
) -> Result<Multiaddr, String> {
    swarm
        .listen_on(parse("/ip4/127.0.0.1/tcp/0")?)
        .map_err(|reason| reason.to_string())?;
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            return Ok(address);
        }
    }
}

fn dial<Kad: NetworkBehaviour>(
    swarm: &mut Swarm<Behaviour<Kad>>,
    node: &str,
) -> Result<(), String> {
    swarm
        .dial(parse(node)?)
        .map_err(|reason| reason.to_string())
}

/// Accepts all streams of a protocol. `libp2p_stream` drops a stream that arrives before the
/// previous one was taken.
struct StreamsOf {
    protocol: StreamProtocol,
    accepted: VecDeque<(PeerId, Stream)>,
}

/// An accepted stream, in the form that [`OneShotHandler`] requires.
#[derive(Debug)]
struct Accepted(Stream);

impl From<Stream> for Accepted {
    fn from(stream: Stream) -> Self {
        Self(stream)
    }
}

impl StreamsOf {
    fn new(protocol: StreamProtocol) -> Self {
        Self {
            protocol,
            accepted: VecDeque::new(),
        }
    }

    fn handler(&self) -> OneShotHandler<Protocols, Protocols, Accepted> {
        let protocol = ReadyUpgrade::new(self.protocol.clone());
        OneShotHandler::new(SubstreamProtocol::new(protocol, ()), Default::default())
    }
}

type Protocols = ReadyUpgrade<StreamProtocol>;

impl NetworkBehaviour for StreamsOf {
    type ConnectionHandler = OneShotHandler<Protocols, Protocols, Accepted>;
    type ToSwarm = (PeerId, Stream);

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler())
    }

    fn on_swarm_event(&mut self, _: FromSwarm) {}

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        if let Ok(Accepted(stream)) = event {
            self.accepted.push_back((peer, stream));
        }
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        // The swarm polls us after each event of a connection.
        match self.accepted.pop_front() {
            Some(accepted) => Poll::Ready(ToSwarm::GenerateEvent(accepted)),
            None => Poll::Pending,
        }
    }
}
