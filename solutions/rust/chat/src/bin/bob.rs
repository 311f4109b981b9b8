//! Bob: dials the peer at the address that he is given, and chats with it.
//!
//!     bob ADDRESS
//!
//! ADDRESS ends with the peer's id: `/ip4/127.0.0.1/tcp/4001/p2p/12D3KooW…`. He
//! ends when both sides have said everything, or the other one was lost.

use std::env;
use std::process::ExitCode;

use chat::{CHAT, Node};
use futures::StreamExt;
use libp2p::multiaddr::{Multiaddr, Protocol};
use libp2p::swarm::SwarmEvent;
use libp2p::{PeerId, Stream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address] = arguments.as_slice() else {
        return usage();
    };
    let Ok(address) = address.parse::<Multiaddr>() else {
        return usage();
    };
    let Some(Protocol::P2p(peer)) = address.iter().last() else {
        return usage();
    };
    match run(address, peer).await {
        Ok(code) => code,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: bob ADDRESS, such as /ip4/127.0.0.1/tcp/4001/p2p/12D3KooW...");
    ExitCode::from(2)
}

async fn run(address: Multiaddr, peer: PeerId) -> Result<ExitCode, String> {
    let mut node = Node::new()?;
    let stream = call(&mut node, address, peer)
        .await
        .map_err(|reason| format!("cannot connect: {reason}"))?;
    node.start(peer, stream);

    while !node.is_over() {
        node.step().await;
    }
    Ok(match node.lost() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Connects to `peer` at `address`, and opens a stream for the chat.
///
/// The address ends with the peer id, so the swarm refuses a connection to
/// anybody else: with the key exchange of noise a peer proves who it is.
///
/// It takes two agreements to get a stream. TCP, noise and yamux make the
/// connection, and the swarm reports how that went. Then a stream is opened,
/// and the other side is asked by name for what it is meant. Opening is a future
/// like any other, and does not drive the swarm, so both are awaited together.
async fn call(node: &mut Node, address: Multiaddr, peer: PeerId) -> Result<Stream, String> {
    node.swarm
        .dial(address)
        .map_err(|reason| reason.to_string())?;
    loop {
        match node.swarm.select_next_some().await {
            SwarmEvent::ConnectionEstablished { .. } => break,
            SwarmEvent::OutgoingConnectionError { error, .. } => return Err(error.to_string()),
            _ => {}
        }
    }

    let opening = node.control.open_stream(peer, CHAT);
    tokio::pin!(opening);
    loop {
        tokio::select! {
            opened = &mut opening => return opened.map_err(|reason| reason.to_string()),
            _ = node.swarm.select_next_some() => {}
        }
    }
}
