//! The chats of a peer with any number of other peers. (Nothing to do here.)
//!
//! A chat is a stream. Each has a task, which prints what comes and sends what is
//! typed, until one of the two sides hangs up: it closes its half of the stream,
//! and the other side then closes its own. So nobody has to wait until another
//! user is tired of it, and each side has heard all that the other one said: the
//! end that comes back is the answer of the other program, which has read ours.
//! (If both hang up in the same moment, neither end is an answer. Then what has
//! been said is still delivered, as [`crate::leave`] closes connections in good
//! order.)
//!
//! A chat that is lost counts as one that has ended. The exercise `chat` tells the
//! two apart, and has a question and an answer for that.

use std::pin::pin;
use std::{io, thread};

use futures::io::{BufReader, ReadHalf, WriteHalf};
use futures::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, TryStreamExt};
use libp2p::{PeerId, Stream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// The lines that the user types, or the reason why no more can be read.
pub type Typed = mpsc::Receiver<io::Result<String>>;

/// All chats that are going on.
#[derive(Default)]
pub struct Chats {
    /// To each chat, the lines that are typed. A user types slower than any
    /// network, so nothing piles up.
    typing: Vec<(PeerId, mpsc::UnboundedSender<String>)>,
    tasks: JoinSet<PeerId>,
}

impl Chats {
    /// Begins to chat over this stream.
    ///
    /// Two that find each other at the same moment have two streams, and read
    /// each line twice. A real program would agree on one of them, say that of
    /// the smaller peer id.
    pub fn begin(&mut self, peer: PeerId, stream: Stream) {
        println!("Connected to: {peer}");
        let (typing, typed) = mpsc::unbounded_channel();
        self.typing.push((peer, typing));
        self.tasks.spawn(async move {
            // However it ends, be it that the connection is lost: it has ended.
            let _ = chat(stream, typed).await;
            peer
        });
    }

    /// Says a line in every chat.
    pub fn say(&self, line: &str) {
        for (_, typing) in &self.typing {
            // It fails in a chat that has just ended: nobody is there to hear it.
            let _ = typing.send(line.into());
        }
    }

    /// Says in every chat that there is no more to come.
    pub fn hang_up(&mut self) {
        self.typing.clear();
    }

    /// Whether no chat is going on.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Waits for the next chat to end; `None` when there is none.
    pub async fn ended(&mut self) -> Option<PeerId> {
        let peer = self.tasks.join_next().await?.ok()?;
        self.typing.retain(|(other, _)| *other != peer);
        Some(peer)
    }
}

/// One chat, until both directions have ended.
async fn chat(stream: Stream, typed: mpsc::UnboundedReceiver<String>) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut receiving = pin!(receive(reader));
    tokio::select! {
        received = &mut receiving => received?,
        sent = send(&mut writer, typed) => {
            // A failure is one of the connection. What came before it is heard all the same.
            sent.and(writer.close().await).ok();
            receiving.await?;
        }
    }
    writer.close().await
}

/// Sends what is typed, until there is no more.
async fn send(
    writer: &mut WriteHalf<Stream>,
    mut typed: mpsc::UnboundedReceiver<String>,
) -> io::Result<()> {
    while let Some(line) = typed.recv().await {
        writer.write_all(format!("{line}\n").as_bytes()).await?;
        writer.flush().await?;
    }
    Ok(())
}

/// Prints what comes, until there is no more.
///
/// `lines` takes a line of any length. See the exercise `duplex-tcp` for a limit.
async fn receive(reader: ReadHalf<Stream>) -> io::Result<()> {
    let mut lines = BufReader::new(reader).lines();
    while let Some(line) = lines.try_next().await? {
        println!("> {line}");
    }
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
