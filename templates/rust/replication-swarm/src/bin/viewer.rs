//! The viewer: has a copy of somebody's feed, and shows it.
//!
//!     viewer FOLDER KEY NODE
//!
//! KEY is the public key of the feed; the copy is kept in FOLDER. NODE is the
//! address of a node of the DHT, with its peer id.

use std::env;
use std::process::ExitCode;

use feed::{Error, Feed};
use replication_swarm::Chat;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (Some(Ok(node)), [folder, key, _]) =
        (arguments.get(2).map(|node| node.parse()), &arguments[..])
    else {
        eprintln!("usage: viewer FOLDER KEY NODE");
        return ExitCode::from(2);
    };
    let result = match open(folder, key).await {
        Ok(feed) => Chat::run(feed, "viewer", &node).await,
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

/// Opens our copy of the feed with this key, an empty one the first time
/// (`Feed::clone_of`). Make the key from the text with `parse`.
async fn open(folder: &str, key: &str) -> Result<Feed, Error> {
    let _ = (folder, key);
    todo!("5. open the copy of the feed in the folder")
}
