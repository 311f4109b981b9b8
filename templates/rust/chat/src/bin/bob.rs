//! Bob: dials the peer at the address that he is given, and chats with it.
//!
//!     bob ADDRESS
//!
//! ADDRESS ends with the peer's id: `/ip4/127.0.0.1/tcp/4001/p2p/12D3KooW…`. He
//! ends when both sides have said everything, or the other one was lost.

use std::env;
use std::process::ExitCode;

use chat::Node;
use libp2p::multiaddr::{Multiaddr, Protocol};
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
/// The two sides have to agree twice before there is a stream.
///
/// First, make the connection. `node.swarm.dial` only starts the dial; one of two
/// events reports the result, `SwarmEvent::ConnectionEstablished` or
/// `OutgoingConnectionError`. Leave the peer id at the end of the address: then the
/// swarm refuses any other peer at that address. Return the error if there is one:
/// `main` prints it.
///
/// Then open the stream: `open_stream` of `node.control`, for the protocol
/// `chat::CHAT`. This is an ordinary future, which does not drive the swarm: if you
/// wait for it alone, you hear of nothing else meanwhile. So pin it with
/// `tokio::pin!`, and wait for it and for events of the swarm at the same time
/// (`tokio::select!` in a loop).
async fn call(node: &mut Node, address: Multiaddr, peer: PeerId) -> Result<Stream, String> {
    let _ = (node, address, peer);
    todo!("3. dial, wait for the connection, then open a stream while the swarm is driven")
}
