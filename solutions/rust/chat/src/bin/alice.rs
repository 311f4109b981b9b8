//! Alice: listens, and chats with everybody who dials.
//!
//!     alice
//!
//! She ends when her user has said everything, there was at least one chat, and
//! none goes on any more.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use chat::Node;
use futures::StreamExt;
use libp2p::multiaddr::{Multiaddr, Protocol};
use libp2p::swarm::SwarmEvent;

// One thread is enough, as all chats are one task; more do no harm. No outcome
// depends on the order in which tasks and threads run, which the runtime
// decides.
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
    let mut node = Node::new()?;
    let address = listen(&mut node)
        .await
        .map_err(|reason| format!("cannot listen: {reason}"))?;
    println!("listening on {address}");

    while !(node.input_ended() && node.is_over()) {
        node.step().await;
    }
    Ok(())
}

/// Listens on a free port, and returns the address with our peer id.
///
/// `listen_on` only takes the order. The port is known when the swarm, which has
/// to be driven for that, reports it. The peer id belongs to the address: who
/// dials it wants to talk to us, and to nobody else who may be there.
async fn listen(node: &mut Node) -> Result<Multiaddr, String> {
    let any_port = Multiaddr::from(Ipv4Addr::LOCALHOST).with(Protocol::Tcp(0));
    node.swarm
        .listen_on(any_port)
        .map_err(|reason| reason.to_string())?;
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = node.swarm.select_next_some().await {
            return Ok(address.with(Protocol::P2p(*node.swarm.local_peer_id())));
        }
    }
}
