//! A peer that does what it is told, in the place of `bob`, and nothing else.
//!
//!     odd_bob ADDRESS
//!
//! It opens a chat, and then does what is typed: see `odd.rs`.

#[path = "../odd.rs"]
mod odd;

use std::env;
use std::error::Error;
use std::process::ExitCode;

use chat::{CHAT, Node};
use libp2p::multiaddr::{Multiaddr, Protocol};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address] = arguments.as_slice() else {
        eprintln!("usage: odd_bob ADDRESS");
        return ExitCode::from(2);
    };
    match run(address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run(address: &str) -> Result<(), Box<dyn Error>> {
    let address: Multiaddr = address.parse()?;
    let Some(Protocol::P2p(peer)) = address.iter().last() else {
        return Err("the address has no peer id".into());
    };
    let mut node = Node::new()?;
    node.swarm.dial(address)?;
    odd::play(node, async |mut control, _| {
        Ok((peer, control.open_stream(peer, CHAT).await?))
    })
    .await
}
