//! The odd point: a rendezvous point that prints requests, and sends the answers you type.
//!
//!     odd_point point
//!     odd_point many N POINT
//!     odd_point stay NAME SECONDS POINT
//!
//! As a `point`, it prints one request at a time, and the next one when that is answered.
//! A typed line gives the answer:
//!
//! * `grant SECONDS` or `refuse STATUS`, to a peer that wants to register;
//! * `tell COOKIE of N`, to a peer that asks who is there: the answer lists N new peers,
//!   never named before, with two addresses each;
//! * `tell COOKIE again`: the answer lists the last of these peers once more, at other
//!   addresses.
//!
//! `many` registers at POINT under N names, one after another, and ends when it is
//! refused. `stay` registers under NAME, stays connected, and registers again whenever a
//! line is typed.

mod wire;

use std::collections::VecDeque;
use std::env;
use std::io;
use std::process::ExitCode;
use std::task::{Context, Poll};

use futures::StreamExt;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::core::{Endpoint, PeerRecord, SignedEnvelope};
use libp2p::identity::Keypair;
use libp2p::rendezvous::{Namespace, client};
use libp2p::swarm::handler::OneShotHandler;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, SubstreamProtocol, SwarmEvent,
    THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId, Stream, StreamProtocol, Swarm};
use rendezvous_point::{leave, listen, new_swarm, reach, typed_lines};

use crate::wire::{Answer, Request};

const RENDEZVOUS: StreamProtocol = StreamProtocol::new("/rendezvous/1.0.0");

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["point"] => run().await,
        ["many", names, point] => many(names, point).await,
        ["stay", name, seconds, point] => stay(name, seconds, point).await,
        _ => {
            eprintln!("usage: odd_point point | many N POINT | stay NAME SECONDS POINT");
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

async fn run() -> Result<(), String> {
    let mut swarm = new_swarm(|_| Streams::default())?;
    let address = listen(&mut swarm).await?;
    println!("listening on {address}/p2p/{}", swarm.local_peer_id());
    let mut point = Point::default();
    let mut requests: FuturesUnordered<LocalBoxFuture<'static, io::Result<Asked>>> =
        FuturesUnordered::new();
    let mut answers: FuturesUnordered<LocalBoxFuture<'static, io::Result<()>>> =
        FuturesUnordered::new();
    let mut typed = typed_lines();
    loop {
        tokio::select! {
            event = swarm.select_next_some() => {
                if let SwarmEvent::Behaviour((peer, stream)) = event {
                    requests.push(Box::pin(listen_to(peer, stream)));
                }
            }
            // Ignore protocol errors and disconnects: nobody is left to answer.
            Some(asked) = requests.next() => if let Ok(asked) = asked {
                point.on_request(asked);
            },
            Some(_) = answers.next() => {}
            line = typed.recv() => match line {
                Some(Ok(line)) => {
                    let (mut stream, answer) = point.on_typed(&line)?;
                    answers.push(Box::pin(async move { wire::write(&mut stream, &answer).await }));
                }
                Some(Err(_)) | None => return Ok(()),
            },
        }
    }
}

/// A request, the peer that made it, and the stream for the answer.
struct Asked {
    peer: PeerId,
    stream: Stream,
    request: Request,
}

async fn listen_to(peer: PeerId, mut stream: Stream) -> io::Result<Asked> {
    let request = wire::read(&mut stream).await?;
    Ok(Asked {
        peer,
        stream,
        request,
    })
}

/// The requests that wait for an answer.
#[derive(Default)]
struct Point {
    waiting: VecDeque<Waiting>,
    /// The keys of the peer that we listed last.
    last: Option<Keypair>,
}

/// A request that is not yet answered.
struct Waiting {
    stream: Stream,
    /// The name that the request is about.
    name: String,
    /// The line to print for the request.
    say: String,
}

impl Point {
    /// Adds a request, and prints it at once if no other request is waiting.
    fn wait(&mut self, stream: Stream, name: String, say: String) {
        if self.waiting.is_empty() {
            println!("{say}");
        }
        self.waiting.push_back(Waiting { stream, name, say });
    }

    fn on_request(
        &mut self,
        Asked {
            peer,
            stream,
            request,
        }: Asked,
    ) {
        match request {
            Request::Register { name, record, ttl } => {
                let time = match ttl {
                    Some(ttl) => format!("for {ttl} s"),
                    None => "without a time".into(),
                };
                let record = match open(&record) {
                    Some(record) if record.peer_id() == peer => list(record.addresses()),
                    _ => "with a record that is not its own".into(),
                };
                let say = format!("{peer} wants to register under {name} {time}, at {record}");
                self.wait(stream, name, say);
            }
            Request::Unregister { name } => println!("{peer} wants to leave {name}"),
            Request::Discover {
                name,
                limit,
                cookie,
            } => {
                let name = name.unwrap_or_else(|| "any name".into());
                let cookie = match cookie {
                    Some(cookie) => format!("with the cookie {}", number_of(&cookie)),
                    None => "without a cookie".into(),
                };
                let limit = match limit {
                    Some(limit) => format!(", at most {limit}"),
                    None => String::new(),
                };
                let say = format!("{peer} asks who is under {name}, {cookie}{limit}");
                self.wait(stream, name, say);
            }
        }
    }

    /// Answers the request that has waited longest, and prints the one after it.
    fn on_typed(&mut self, line: &str) -> Result<(Stream, Answer), String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(Waiting { stream, name, .. }) = self.waiting.pop_front() else {
            return Err("nobody waits for an answer".into());
        };
        let answer = match words[..] {
            ["grant", seconds] => Answer::Registered {
                ttl: number(seconds)?,
            },
            ["refuse", status] => Answer::Refused {
                status: number(status)?,
            },
            ["tell", cookie, "of", peers] => Answer::Discovered {
                records: (0..number(peers)?)
                    .map(|_| record(self.last.insert(Keypair::generate_ed25519()), 1))
                    .collect::<Result<_, _>>()?,
                cookie: [&number(cookie)?.to_be_bytes(), name.as_bytes()].concat(),
                name,
            },
            ["tell", cookie, "again"] => Answer::Discovered {
                records: vec![record(self.last.as_ref().ok_or("of whom?")?, 3)?],
                cookie: [&number(cookie)?.to_be_bytes(), name.as_bytes()].concat(),
                name,
            },
            _ => return Err(format!("{line}: not understood")),
        };
        if let Some(next) = self.waiting.front() {
            println!("{}", next.say);
        }
        Ok((stream, answer))
    }
}

/// Makes a record that is signed with these keys, and prints whose it is. Its two addresses
/// are numbered from `first`, and not every peer supports the transport of the second.
fn record(keys: &Keypair, first: u8) -> Result<Vec<u8>, String> {
    // A byte of the id makes the addresses unpredictable, too.
    let byte = keys.public().to_peer_id().to_bytes()[20];
    let addresses = [
        format!("/ip4/10.{byte}.0.{first}/tcp/4001"),
        format!("/ip4/10.{byte}.0.{}/udp/4001/quic-v1", first + 1),
    ]
    .map(|address| address.parse::<Multiaddr>().expect("an address"))
    .to_vec();
    println!(
        "tells of {} at {}",
        keys.public().to_peer_id(),
        list(&addresses)
    );
    let record = PeerRecord::new(keys, addresses).map_err(|reason| reason.to_string())?;
    Ok(record.into_signed_envelope().into_protobuf_encoding())
}

/// A swarm that is connected to the point at this address, and the point's peer id.
async fn client_of(point: &str) -> Result<(Swarm<client::Behaviour>, PeerId), String> {
    let mut swarm = new_swarm(|keys| client::Behaviour::new(keys.clone()))?;
    listen(&mut swarm).await?;
    let point = point
        .parse()
        .map_err(|reason| format!("{point} is no address: {reason}"))?;
    let point = reach(&mut swarm, &point).await?;
    Ok((swarm, point))
}

/// Registers, and registers again whenever a line is typed.
async fn stay(name: &str, seconds: &str, point: &str) -> Result<(), String> {
    let (mut swarm, point) = client_of(point).await?;
    let name = Namespace::new(name.to_owned()).map_err(|reason| reason.to_string())?;
    let ttl = Some(number(seconds)?);
    let mut typed = typed_lines();
    loop {
        let client = swarm.behaviour_mut();
        client
            .register(name.clone(), point, ttl)
            .map_err(|reason| reason.to_string())?;
        loop {
            tokio::select! {
                event = swarm.select_next_some() => match event {
                    SwarmEvent::Behaviour(client::Event::Registered { .. }) => println!("registered"),
                    SwarmEvent::Behaviour(client::Event::RegisterFailed { error, .. }) => println!("{error:?}"),
                    _ => {}
                },
                line = typed.recv() => match line {
                    Some(Ok(_)) => break,
                    _ => return Ok(()),
                },
            }
        }
    }
}

/// Registers under this many names.
async fn many(names: &str, point: &str) -> Result<(), String> {
    let (mut swarm, point) = client_of(point).await?;
    for name in 1..=number(names)? {
        let name = Namespace::new(format!("name-{name}")).map_err(|reason| reason.to_string())?;
        swarm
            .behaviour_mut()
            .register(name.clone(), point, None)
            .map_err(|reason| reason.to_string())?;
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::Behaviour(client::Event::Registered { .. }) => break,
                SwarmEvent::Behaviour(client::Event::RegisterFailed { error, .. }) => {
                    println!("{name}: {error:?}");
                    leave(swarm).await;
                    return Ok(());
                }
                _ => {}
            }
        }
    }
    println!("all are registered");
    leave(swarm).await;
    Ok(())
}

fn open(record: &[u8]) -> Option<PeerRecord> {
    PeerRecord::from_signed_envelope(SignedEnvelope::from_protobuf_encoding(record).ok()?).ok()
}

fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|reason| format!("{text} is no number: {reason}"))
}

/// The number in one of our cookies, which are a number and a name.
fn number_of(cookie: &[u8]) -> u64 {
    match cookie.first_chunk() {
        Some(number) => u64::from_be_bytes(*number),
        None => 0,
    }
}

fn list(addresses: &[Multiaddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(Multiaddr::to_string).collect();
    texts.join(" and ")
}

/// Accepts streams of the point's protocol.
#[derive(Default)]
struct Streams {
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

type Protocol = ReadyUpgrade<StreamProtocol>;

fn handler() -> OneShotHandler<Protocol, Protocol, Accepted> {
    let protocol = ReadyUpgrade::new(RENDEZVOUS);
    OneShotHandler::new(SubstreamProtocol::new(protocol, ()), Default::default())
}

impl NetworkBehaviour for Streams {
    type ConnectionHandler = OneShotHandler<Protocol, Protocol, Accepted>;
    type ToSwarm = (PeerId, Stream);

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(handler())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(handler())
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
