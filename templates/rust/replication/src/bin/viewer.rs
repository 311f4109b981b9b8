//! The viewer: has a copy of somebody's feed, and shows it.
//!
//!     viewer FOLDER KEY [ADDRESS]
//!
//! KEY is the public key of the feed; the copy is kept in FOLDER. ADDRESS is that
//! of a peer to dial: the writer, or anybody who has a copy, too.

use std::env;
use std::process::ExitCode;

use feed::{Error, Feed};
use replication::Chat;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (folder, key, dial) = match &arguments[..] {
        [folder, key] => (folder, key, Ok(None)),
        [folder, key, address] => (folder, key, address.parse().map(Some)),
        _ => return usage(),
    };
    let Ok(dial) = dial else { return usage() };
    let result = match open(folder, key).await {
        Ok(feed) => Chat::run(feed, "viewer", dial).await,
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
    eprintln!("usage: viewer FOLDER KEY [ADDRESS]");
    ExitCode::from(2)
}

/// Opens our copy of the feed with this key, an empty one the first time.
///
/// `Feed::clone_of` takes a `Key`, which you make from the text with `parse`. A text
/// that is not a key is an ordinary error: pass it on.
async fn open(folder: &str, key: &str) -> Result<Feed, Error> {
    let _ = (folder, key);
    todo!("5. open the copy of the feed with this key")
}
