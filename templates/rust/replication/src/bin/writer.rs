//! The writer: owns a feed, and appends to it what is typed.
//!
//!     writer FOLDER NICKNAME [ADDRESS]
//!
//! The feed is kept in FOLDER. ADDRESS is that of a peer to dial.

use std::env;
use std::process::ExitCode;

use feed::{Error, Feed};
use replication::Chat;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (folder, nickname, dial) = match &arguments[..] {
        [folder, nickname] => (folder, nickname, Ok(None)),
        [folder, nickname, address] => (folder, nickname, address.parse().map(Some)),
        _ => return usage(),
    };
    let Ok(dial) = dial else { return usage() };
    let result = match open(folder).await {
        Ok(feed) => Chat::run(feed, nickname, dial).await,
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

fn usage() -> ExitCode {
    eprintln!("usage: writer FOLDER NICKNAME [ADDRESS]");
    ExitCode::from(2)
}

/// Opens our feed, a new one the first time, and prints its public key.
///
/// `Feed::open` opens the feed that is in the folder, with its keys, or creates a new
/// one. Print `key KEY`: that is all that others need to get a copy of the feed.
async fn open(folder: &str) -> Result<Feed, Error> {
    let _ = folder;
    todo!("1. open the feed in this folder, and print its public key")
}
