//! What is in the feed, on the screen and on the keyboard: as in the exercise
//! `replication`.

use std::time::SystemTime;
use std::{io, thread};

use feed::{Error, Feed};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// The lines that the user types, or the reason why no more can be read.
pub type Typed = mpsc::Receiver<io::Result<String>>;

/// What a block of the feed says.
#[derive(Debug, Serialize, Deserialize)]
pub struct Message {
    /// Always `chat-message`: a feed may have blocks of other kinds.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who says it.
    pub nickname: String,
    /// What is said.
    pub text: String,
    /// When, as in `2026-02-28T01:38:41.250Z`.
    pub timestamp: String,
}

/// Prints a block, as `TIMESTAMP NICKNAME: TEXT`.
pub fn show(block: &[u8]) {
    match serde_json::from_slice::<Message>(block) {
        Ok(message) => println!(
            "{} {}: {}",
            message.timestamp, message.nickname, message.text
        ),
        Err(reason) => println!("(a block that is no chat message: {reason})"),
    }
}

/// Appends a message to the feed. Only the writer's feed takes it.
pub async fn say(feed: &Feed, nickname: &str, text: &str) -> Result<(), Error> {
    let message = Message {
        kind: "chat-message".to_owned(),
        nickname: nickname.to_owned(),
        text: text.to_owned(),
        timestamp: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
    };
    let block = serde_json::to_vec(&message).expect("texts can be written as JSON");
    feed.append(block).await?;
    Ok(())
}

/// Starts to read what the user types, line by line.
///
/// The read blocks in a thread of its own, since one from a terminal can't be
/// cancelled: see the exercise `duplex-tcp`.
pub fn typed_lines() -> Typed {
    let (typing, typed) = mpsc::channel(1);
    thread::spawn(move || {
        for line in io::stdin().lines() {
            if typing.blocking_send(line).is_err() {
                break; // Nobody wants to know any more.
            }
        }
    });
    typed
}
