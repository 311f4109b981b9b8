//! A chat feed that copies itself to whoever has its key.
//!
//! The writer owns the feed (`src/bin/writer.rs`), a viewer has a copy of it
//! (`src/bin/viewer.rs`). All the rest is the same for both, and is here:
//!
//! * [`Message`]: what a block of the feed says, as JSON.
//! * [`Chat`]: the feed, who is connected, and what the user types.
//! * [`read`], [`show`]: from the feed to the screen.
//! * [`say`]: from the keyboard to the feed.
//! * [`meet`]: from one feed to its copy, in either direction.
//!
//! The feed itself comes from the crate `feed`, next to this one. To see what it can
//! do, open its `src/lib.rs`, or run `cargo doc --open -p feed`.
//!
//! There are six holes, numbered in the order in which you meet them when you run
//! the programs: numbers 1 and 5 are in the two programs, the others are here. A
//! `let _ = …` in a hole only keeps the compiler quiet about unused values: delete
//! it together with the `todo!`.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::SystemTime;
use std::{io, thread};

use feed::{Error, Feed};
use futures::StreamExt;
use futures::future::LocalBoxFuture;
use futures::stream::{BoxStream, FuturesUnordered};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// The lines that the user types, or the reason why no more can be read.
pub type Typed = mpsc::Receiver<io::Result<String>>;

/// The content of a block of the feed. (Nothing to do here.)
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

/// Which side has dialed. (Nothing to do here.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// We have dialed the other side.
    Dialed,
    /// The other side has dialed us.
    Accepted,
}

/// Reads the feed from its first block on, and does not stop at the last.
///
/// `Feed::read` takes a range of blocks. With a range that has an end, it returns the
/// blocks in the range, and then the stream ends. With a range that has no end
/// (`5..`), the stream goes on: it waits for more blocks, whether we append them or
/// they come from other peers.
pub fn read(feed: &Feed) -> BoxStream<'static, Result<Vec<u8>, Error>> {
    let _ = feed;
    todo!("2. read the feed, from its first block on and without an end")
}

/// Prints a block, as `TIMESTAMP NICKNAME: TEXT`.
///
/// It is a [`Message`] in JSON (`serde_json::from_slice`). The time is that of the
/// message. If a block is not a message, print
/// `(a block that is no chat message: REASON)`, and go on: the writer may append
/// messages again later.
pub fn show(block: &[u8]) {
    let _ = block;
    todo!("4. print the message that is in this block")
}

/// Appends a message to the feed. Only the writer's feed takes it.
///
/// Make a [`Message`] from the text, with the time ([`now`]), and a block from that
/// (`serde_json::to_vec`, which can't fail here). `Feed::append` fails when the feed
/// is only a copy: pass the error on. Print nothing here: every block in the feed is
/// printed when it is read, no matter who has appended it.
pub async fn say(feed: &Feed, nickname: &str, text: &str) -> Result<(), Error> {
    let _ = (feed, nickname, text);
    todo!("3. append what was typed, as a message")
}

/// The current time, in the format of a message. (Nothing to do here.)
pub fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}

/// Replicates the feed with a peer, until it hangs up.
///
/// `Feed::connect` makes a `Connection` from a stream. You tell it whether we are the
/// initiator of the encryption: exactly one side has to be, and that is the side that
/// dialed. When it returns, both sides have proved that they know the key: print
/// `(New peer connected!)`. Then `Connection::replicate` copies blocks in both
/// directions, and returns when the other side has hung up. Pass its errors on, such
/// as a forged block: the caller reports them.
pub async fn meet(feed: Feed, stream: TcpStream, side: Side) -> Result<(), Error> {
    let _ = (feed, stream, side);
    todo!("6. connect the feed with that of the peer, and replicate")
}

/// A feed, the connected peers, and a user. (Nothing to do here.)
pub struct Chat {
    feed: Feed,
    nickname: String,
    blocks: BoxStream<'static, Result<Vec<u8>, Error>>,
    /// So many blocks of the feed are on the screen.
    shown: u64,
    peers: FuturesUnordered<LocalBoxFuture<'static, Result<(), String>>>,
}

impl Chat {
    /// Shows the feed, one that is there and what comes, until the user's input ends.
    pub async fn run(feed: Feed, nickname: &str, dial: Option<SocketAddr>) -> Result<(), String> {
        let mut chat = Chat {
            blocks: read(&feed),
            feed,
            nickname: nickname.to_owned(),
            shown: 0,
            peers: FuturesUnordered::new(),
        };
        chat.catch_up().await?;
        let listener = listen()
            .await
            .map_err(|reason| format!("cannot listen: {reason}"))?;
        if let Some(address) = dial {
            chat.dial(address);
        }
        let mut typed = typed_lines();
        loop {
            tokio::select! {
                biased;
                Some(block) = chat.blocks.next() => chat.show(block)?,
                Some(result) = chat.peers.next() => {
                    // What came from the peer before it left comes before that on the screen.
                    chat.catch_up().await?;
                    match result {
                        Ok(()) => println!("(Peer disconnected)"),
                        Err(reason) => println!("{reason}"),
                    }
                }
                Ok((stream, _)) = listener.accept() => chat.meet(stream, Side::Accepted),
                line = typed.recv() => match line {
                    Some(Ok(line)) => chat.on_typed(&line).await,
                    Some(Err(_)) | None => return Ok(()),
                },
            }
        }
    }

    /// Shows all blocks that we have and have not shown yet.
    async fn catch_up(&mut self) -> Result<(), String> {
        while self.shown < self.feed.len() {
            let Some(block) = self.blocks.next().await else {
                break;
            };
            self.show(block)?;
        }
        Ok(())
    }

    fn show(&mut self, block: Result<Vec<u8>, Error>) -> Result<(), String> {
        show(&block.map_err(|reason| format!("cannot read: {reason}"))?);
        self.shown += 1;
        Ok(())
    }

    fn dial(&mut self, address: SocketAddr) {
        let feed = self.feed.clone();
        self.peers.push(Box::pin(async move {
            match TcpStream::connect(address).await {
                Ok(stream) => replicate(feed, stream, Side::Dialed).await,
                Err(reason) => Err(format!("cannot connect: {reason}")),
            }
        }));
    }

    fn meet(&mut self, stream: TcpStream, side: Side) {
        self.peers
            .push(Box::pin(replicate(self.feed.clone(), stream, side)));
    }

    async fn on_typed(&mut self, line: &str) {
        let result = match line.split_once(' ') {
            Some(("/connect", address)) => {
                match address.parse() {
                    Ok(address) => self.dial(address),
                    Err(_) => eprintln!("{address} is no address; one is 127.0.0.1:4001"),
                }
                Ok(())
            }
            Some(("/many", count)) => self.say_many(count.parse().unwrap_or(0)).await,
            _ => say(&self.feed, &self.nickname, line).await,
        };
        if let Err(reason) = result {
            println!("cannot append: {reason}");
        }
    }

    /// Says the numbers up to this one.
    async fn say_many(&mut self, count: u32) -> Result<(), Error> {
        for number in 1..=count {
            say(&self.feed, &self.nickname, &number.to_string()).await?;
        }
        Ok(())
    }
}

/// Replicates with a peer, and returns what became of it. (Nothing to do here.)
async fn replicate(feed: Feed, stream: TcpStream, side: Side) -> Result<(), String> {
    // A block is a small packet. TCP would wait 40 ms for others to send it with.
    stream
        .set_nodelay(true)
        .map_err(|reason| format!("cannot replicate: {reason}"))?;
    match meet(feed, stream, side).await {
        Ok(()) | Err(Error::HungUp) => Ok(()),
        Err(reason) => Err(format!("cannot replicate: {reason}")),
    }
}

async fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("listening on {}", listener.local_addr()?);
    Ok(listener)
}

/// Starts to read what the user types, line by line. (Nothing to do here.)
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
