//! A chat feed whose peers find each other.
//!
//! The writer owns the feed (`src/bin/writer.rs`), a viewer has nothing but its
//! public key (`src/bin/viewer.rs`). Neither is told where the other one is. What
//! both do about it is the same, and is here, in the order in which it happens:
//!
//! * [`read`]: from the feed to the screen.
//! * [`topic`]: where in the DHT those meet who have the feed.
//! * [`Chat::join`]: "I am one of them", and who else is?
//! * [`Chat::found`] and [`Chat::called`]: a stream to each of them.
//! * [`meet`]: the two feeds at its ends, and the proof that both have the key.
//! * [`Chat::connected`]: from one feed to its copy, in either direction.
//!
//! Two modules are known from the exercises before: [`dht`] from `rendezvous`,
//! [`messages`] from `replication`. The feed comes from the crate `feed`, next to this
//! one: run `cargo doc --open -p feed` to see what it can do.
//!
//! There are nine holes, numbered in the order in which you meet them when you run
//! the programs: 1 is in `src/bin/writer.rs`, 5 is in `src/bin/viewer.rs`, and the
//! others are here. A `let _ = …` in a hole only keeps the compiler quiet about unused
//! values: delete it together with the `todo!`.

pub mod dht;
pub mod messages;

use std::collections::{HashMap, HashSet};
use std::fmt;

use feed::{Connection, Error, Feed, Key};
use futures::StreamExt;
use futures::future::LocalBoxFuture;
use futures::stream::{BoxStream, FuturesUnordered};
use libp2p::{Multiaddr, PeerId, Stream, StreamProtocol};
use libp2p_stream::{IncomingStreams, OpenStreamError};

use crate::dht::{Dht, News};
use crate::messages::{say, show, typed_lines};

/// The protocol of our streams: Hypercore's, with its own encryption and framing.
pub const HYPERCORE: StreamProtocol = StreamProtocol::new("/workshop/hypercore/1.0.0");

/// Who has opened the stream?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// We have opened it.
    Opened,
    /// The other side has opened it.
    Accepted,
}

/// Why there is nothing between us and a peer, or no longer.
#[derive(Debug)]
pub enum Failure {
    /// No stream could be opened: most often the peer is gone.
    Call(OpenStreamError),
    /// There was a stream, and the feed says why no more comes of it.
    Feed(Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Call(reason) => write!(f, "cannot connect: {reason}"),
            Failure::Feed(reason) => write!(f, "cannot replicate: {reason}"),
        }
    }
}

/// Reads the feed from its first block on, and does not stop at the last.
///
/// As in `replication`, use `Feed::read` with a range that has no end.
pub fn read(feed: &Feed) -> BoxStream<'static, Result<Vec<u8>, Error>> {
    let _ = feed;
    todo!("2. read the feed, from its first block on and without an end")
}

/// The topic under which those meet who have this feed, or want it.
///
/// It has to be the same for all of them, and nobody else's. That is true of the
/// public key, too. But a topic is told to strangers, and whoever has the public
/// key can read the feed. So use the hash of the key that `Feed` has for this purpose.
pub fn topic(feed: &Feed) -> Key {
    let _ = feed;
    todo!("3. the key with which to look for others who have this feed")
}

/// Makes a connection of a stream: agrees on the encryption, and makes sure that
/// both sides have the key of the feed.
///
/// `Feed::connect` does it. Exactly one side has to be the initiator: take the side
/// that has opened the stream. `Feed::connect` expects a stream with tokio's traits,
/// while a libp2p stream has those of `futures`: `stream.compat()` converts it, with
/// `use tokio_util::compat::FuturesAsyncReadCompatExt;`. Return an error as
/// [`Failure::Feed`].
pub async fn meet(feed: Feed, stream: Stream, side: Side) -> Result<Connection, Failure> {
    let _ = (feed, stream, side);
    todo!("8. connect the feed with the stream")
}

/// A feed, those who have it, too, and a user.
pub struct Chat {
    feed: Feed,
    nickname: String,
    blocks: BoxStream<'static, Result<Vec<u8>, Error>>,
    /// So many blocks of the feed are on the screen.
    shown: u64,
    dht: Dht,
    incoming: IncomingStreams,
    /// The streams that are being opened or agreed upon.
    meetings: FuturesUnordered<LocalBoxFuture<'static, (PeerId, Result<Connection, Failure>)>>,
    /// Those over which we replicate.
    replications: FuturesUnordered<LocalBoxFuture<'static, (PeerId, Result<(), Error>)>>,
    /// How many streams there are to a peer, in both lists.
    streams: HashMap<PeerId, usize>,
    /// Those who have shown that they have the key.
    peers: HashSet<PeerId>,
    /// Has the search that goes on found nobody new?
    alone: bool,
}

impl Chat {
    /// Shows the feed, what is there and what comes, and meets all who have it, until
    /// the user's input ends.
    pub async fn run(feed: Feed, nickname: &str, node: &Multiaddr) -> Result<(), String> {
        let mut blocks = read(&feed);
        let mut shown = 0;
        catch_up(&feed, &mut blocks, &mut shown).await?;
        let (dht, incoming) = Dht::join(node, HYPERCORE).await?;
        let mut chat = Chat {
            feed,
            nickname: nickname.to_owned(),
            blocks,
            shown,
            dht,
            incoming,
            meetings: FuturesUnordered::new(),
            replications: FuturesUnordered::new(),
            streams: HashMap::new(),
            peers: HashSet::new(),
            alone: true,
        };
        chat.join().await?;
        chat.go_on().await?;
        chat.dht.leave().await;
        Ok(())
    }

    /// Announces us to those who look for the feed, and looks for them.
    ///
    /// The writer and every viewer do both: call `Dht::announce`, print
    /// `announced under TOPIC`, then call `Dht::find`. Print the [`topic`] with `{}`.
    pub async fn join(&mut self) -> Result<(), String> {
        let _ = (&mut self.dht, &self.feed);
        todo!("4. announce us under the topic, print it, look for others")
    }

    /// Calls a peer that was found, one to whom we have no stream.
    ///
    /// Give [`Chat::begin`] the work to do: open a stream for [`HYPERCORE`] (`Dht::calls`
    /// gives you a `Control` for it; an error is a [`Failure::Call`]), then [`meet`].
    /// Write it as an `async move` block, and do not await it here: the swarm opens the
    /// stream, and nothing drives the swarm while you wait.
    pub fn found(&mut self, peer: PeerId) {
        let _ = (peer, &self.dht);
        todo!("6. begin to open a stream to this peer, and to meet it there")
    }

    /// Takes the call of a peer that has found us.
    ///
    /// The stream is already open; the rest is as in [`Chat::found`].
    pub fn called(&mut self, peer: PeerId, stream: Stream) {
        let _ = (peer, stream);
        todo!("7. begin to meet this peer on the stream that it has opened")
    }

    /// Replicates with a peer that has shown that it has the key.
    ///
    /// Print `(New peer connected!)` if the peer is new, that is, not yet in `peers`: two
    /// peers that find each other at the same moment have two streams. Replicate over
    /// both ([`Chat::replicate`]), since the other side may count on either one. This does
    /// no harm: a feed does not accept a block again that it already has.
    pub fn connected(&mut self, peer: PeerId, connection: Connection) {
        let _ = (peer, connection);
        todo!("9. report a new peer, and replicate with it")
    }

    /// Notes that a stream to this peer is to come, and has it made while all else goes on.
    pub fn begin(
        &mut self,
        peer: PeerId,
        meeting: impl Future<Output = Result<Connection, Failure>> + 'static,
    ) {
        *self.streams.entry(peer).or_default() += 1;
        self.meetings
            .push(Box::pin(async move { (peer, meeting.await) }));
    }

    /// Copies in both directions while all else goes on, until the other side hangs up.
    pub fn replicate(&mut self, peer: PeerId, connection: Connection) {
        self.replications.push(Box::pin(
            async move { (peer, connection.replicate().await) },
        ));
    }

    /// Does whatever there is to do next, until the user's input ends.
    async fn go_on(&mut self) -> Result<(), String> {
        let mut typed = typed_lines();
        loop {
            tokio::select! {
                biased;
                Some(block) = self.blocks.next() => {
                    show_block(block)?;
                    self.shown += 1;
                }
                Some((peer, result)) = self.replications.next() => {
                    self.ended(peer, result.map_err(Failure::Feed)).await?;
                }
                Some((peer, result)) = self.meetings.next() => match result {
                    Ok(connection) => self.connected(peer, connection),
                    Err(failure) => self.ended(peer, Err(failure)).await?,
                },
                Some((peer, stream)) = self.incoming.next() => self.called(peer, stream),
                news = self.dht.next() => self.on_news(news),
                line = typed.recv() => match line {
                    Some(Ok(line)) => self.on_typed(&line).await,
                    Some(Err(_)) | None => return Ok(()),
                },
            }
        }
    }

    fn on_news(&mut self, news: News) {
        match news {
            News::Found(peer) if self.streams.contains_key(&peer) => {}
            News::Found(peer) => {
                self.alone = false;
                self.found(peer);
            }
            News::Over if self.alone => println!("(No new peer found)"),
            News::Over => {}
        }
    }

    /// A stream is no more, or has never come to be. With the last one the peer is gone.
    async fn ended(&mut self, peer: PeerId, result: Result<(), Failure>) -> Result<(), String> {
        if let Some(streams) = self.streams.get_mut(&peer) {
            *streams -= 1;
            if *streams > 0 {
                return Ok(());
            }
        }
        self.streams.remove(&peer);
        let was_connected = self.peers.remove(&peer);
        // What came from the peer before it left comes before that on the screen.
        catch_up(&self.feed, &mut self.blocks, &mut self.shown).await?;
        match result {
            Ok(()) | Err(Failure::Feed(Error::HungUp)) if was_connected => {
                println!("(Peer disconnected)");
            }
            Ok(()) => {}
            Err(failure) => println!("{failure}"),
        }
        Ok(())
    }

    /// What is typed is said, except for `/find`, which looks again. A program without a
    /// user would look again every few minutes.
    async fn on_typed(&mut self, line: &str) {
        if line == "/find" {
            self.alone = true;
            self.dht.find(topic(&self.feed));
        } else if let Err(reason) = say(&self.feed, &self.nickname, line).await {
            println!("cannot append: {reason}");
        }
    }
}

/// Shows all blocks that we have and have not shown yet.
async fn catch_up(
    feed: &Feed,
    blocks: &mut BoxStream<'static, Result<Vec<u8>, Error>>,
    shown: &mut u64,
) -> Result<(), String> {
    while *shown < feed.len() {
        let Some(block) = blocks.next().await else {
            break;
        };
        show_block(block)?;
        *shown += 1;
    }
    Ok(())
}

fn show_block(block: Result<Vec<u8>, Error>) -> Result<(), String> {
    show(&block.map_err(|reason| format!("cannot read: {reason}"))?);
    Ok(())
}
