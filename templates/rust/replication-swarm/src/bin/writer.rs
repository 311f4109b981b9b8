//! The writer: owns a feed, and appends to it what is typed.
//!
//!     writer FOLDER NICKNAME NODE
//!
//! The feed is kept in FOLDER. NODE is the address of a node of the DHT, with its
//! peer id.

use std::env;
use std::process::ExitCode;

use feed::{Error, Feed};
use replication_swarm::Chat;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (Some(Ok(node)), [folder, nickname, _]) =
        (arguments.get(2).map(|node| node.parse()), &arguments[..])
    else {
        eprintln!("usage: writer FOLDER NICKNAME NODE");
        return ExitCode::from(2);
    };
    let result = match open(folder).await {
        Ok(feed) => Chat::run(feed, nickname, &node).await,
        Err(reason) => Err(reason.to_string()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// Opens our feed, a new one the first time (`Feed::open`), and prints `key PUBLICKEY`.
async fn open(folder: &str) -> Result<Feed, Error> {
    let _ = folder;
    todo!("1. open the feed in the folder, and print its public key")
}
