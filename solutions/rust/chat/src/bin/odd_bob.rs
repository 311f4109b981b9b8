//! A scripted peer in the place of `bob`, which does only what it is told.
//!
//!     odd_bob ADDRESS [plain] [later]
//!
//! It opens a chat, and then executes what is typed: see `odd.rs`. With `later`, it
//! first only connects and prints `here`. It opens the chat when a line is typed.

#[path = "../odd.rs"]
mod odd;

use std::env;
use std::error::Error;
use std::process::ExitCode;

use chat::{CHAT, Node};
use libp2p::multiaddr::{Multiaddr, Protocol};
use libp2p::ping;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, how @ ..] = arguments.as_slice() else {
        eprintln!("usage: odd_bob ADDRESS [plain] [later]");
        return ExitCode::from(2);
    };
    match run(address, how).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run(address: &str, how: &[String]) -> Result<(), Box<dyn Error>> {
    let address: Multiaddr = address.parse()?;
    let Some(Protocol::P2p(peer)) = address.iter().last() else {
        return Err("the address has no peer id".into());
    };
    let mut node = Node::new()?;
    node.swarm.dial(address)?;
    let [plain, later] = ["plain", "later"].map(|word| how.iter().any(|given| given == word));
    odd::play(node, plain, async |mut control, _, typed| {
        if later {
            let _ = control.open_stream(peer, ping::PROTOCOL_NAME).await; // Any answer will do.
            println!("here");
            typed.recv().await;
        }
        Ok((peer, control.open_stream(peer, CHAT).await?))
    })
    .await
}
