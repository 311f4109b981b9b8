//! Bob: announces himself under a name, and calls those who are there already.
//!
//!     bob NODE NAME
//!
//! NODE is the address of a node of the DHT, with its peer id. NAME is what
//! those have in common who want to meet.

use std::env;
use std::process::ExitCode;

use libp2p::Multiaddr;
use rendezvous::Peer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (Some(Ok(node)), [_, name]) = (arguments.first().map(|a| a.parse()), &arguments[..]) else {
        eprintln!("usage: bob NODE NAME");
        return ExitCode::from(2);
    };
    match run(&node, name).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run(node: &Multiaddr, name: &str) -> Result<(), String> {
    let mut peer = Peer::join(node, name).await?;
    peer.announce().await?;
    peer.find();
    peer.run().await
}
