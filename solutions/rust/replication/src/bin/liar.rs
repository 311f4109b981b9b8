//! A liar: gives a feed to others, and has changed a word of it.
//!
//!     liar FOLDER WORD OTHER
//!
//! FOLDER is that of a writer who has ended. Each WORD in its blocks becomes
//! OTHER, which is as long. The signature is left as it is: the secret key would
//! make a new one, but then the liar would be the writer.

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
