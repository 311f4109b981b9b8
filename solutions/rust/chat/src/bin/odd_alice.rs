//! A scripted peer in the place of `alice`, which does only what it is told.
//!
//!     odd_alice [plain]
//!
//! It accepts one chat, and then executes what is typed: see `odd.rs`.

#[path = "../odd.rs"]
mod odd;

use std::env;
use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use chat::Node;
use futures::StreamExt;
use libp2p::multiaddr::{Multiaddr, Protocol};
use libp2p::swarm::SwarmEvent;

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

async fn run() -> Result<(), Box<dyn Error>> {
    let plain = env::args().any(|argument| argument == "plain");
    let mut node = Node::new()?;
    let any_port = Multiaddr::from(Ipv4Addr::LOCALHOST).with(Protocol::Tcp(0));
    node.swarm.listen_on(any_port)?;
    let address = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = node.swarm.select_next_some().await {
            break address;
        }
    };
    println!("listening on {address}/p2p/{}", node.swarm.local_peer_id());
    odd::play(node, plain, async |_, mut incoming, _| {
        incoming
            .next()
            .await
            .ok_or_else(|| "nobody will come".into())
    })
    .await
}
