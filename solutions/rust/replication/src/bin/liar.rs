//! A liar: a peer that changes a word of a feed before it gives the feed to others.
//!
//!     liar FOLDER WORD OTHER
//!
//! FOLDER is the folder of a writer that has exited. Each WORD in the blocks becomes
//! OTHER, which has the same length. The signature stays as it is: the liar could make
//! a new one with the secret key, but then it would be the writer.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use feed::Feed;
use replication::Chat;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, word, other] = &arguments[..] else {
        eprintln!("usage: liar FOLDER WORD OTHER");
        return ExitCode::from(2);
    };
    match run(folder, word, other).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

async fn run(folder: &str, word: &str, other: &str) -> Result<(), String> {
    let data = Path::new(folder).join("data");
    let blocks = fs::read_to_string(&data).map_err(|reason| reason.to_string())?;
    fs::write(&data, blocks.replace(word, other)).map_err(|reason| reason.to_string())?;
    let feed = Feed::open(folder)
        .await
        .map_err(|reason| reason.to_string())?;
    Chat::run(feed, "liar", None).await
}
