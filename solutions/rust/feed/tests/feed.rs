//! Feeds that are written, copied and read, over a duplex stream in memory.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use feed::{Error, Feed, Key};
use futures::{StreamExt, TryStreamExt};
use tempfile::{TempDir, tempdir};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, LocalSet, spawn_local};

/// A writer's feed with these blocks, and its folder.
async fn written(blocks: &[&str]) -> (TempDir, Feed) {
    let folder = tempdir().unwrap();
    let feed = Feed::open(folder.path()).await.unwrap();
    for block in blocks {
        feed.append(block).await.unwrap();
    }
    (folder, feed)
}

/// An empty copy of a feed, and its folder.
async fn copy_of(feed: &Feed) -> (TempDir, Feed) {
    let folder = tempdir().unwrap();
    let copy = Feed::clone_of(folder.path(), feed.key()).await.unwrap();
    (folder, copy)
}

async fn now(feed: &Feed) -> Vec<String> {
    let blocks: Vec<Vec<u8>> = feed.read(0..feed.len()).try_collect().await.unwrap();
    blocks
        .into_iter()
        .map(|block| String::from_utf8(block).unwrap())
        .collect()
}

/// The first `count` blocks, once they have arrived.
async fn first(feed: &Feed, count: u64) -> Vec<String> {
    let blocks: Vec<Vec<u8>> = feed.read(0..count).try_collect().await.unwrap();
    blocks
        .into_iter()
        .map(|block| String::from_utf8(block).unwrap())
        .collect()
}

async fn replicate(
    feed: Feed,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    initiator: bool,
) -> Result<(), Error> {
    feed.connect(stream, initiator).await?.replicate().await
}

type Sides = (JoinHandle<Result<(), Error>>, JoinHandle<Result<(), Error>>);

/// Connects two feeds; the first one is the side that dialed.
fn connect(a: &Feed, b: &Feed) -> Sides {
    let (left, right) = tokio::io::duplex(1 << 16);
    let left = spawn_local(replicate(a.clone(), left, true));
    (left, spawn_local(replicate(b.clone(), right, false)))
}

/// Runs a test, and fails it if it hangs.
async fn within_a_minute(test: impl Future<Output = ()>) {
    let tasks = LocalSet::new();
    let limit = tokio::time::timeout(Duration::from_secs(60), tasks.run_until(test));
    limit.await.expect("it hangs");
}

#[tokio::test]
async fn a_feed_is_kept_in_its_folder() {
    within_a_minute(async {
        let (folder, feed) = written(&["one", "two"]).await;
        let key = feed.key();
        let busy = Feed::open(folder.path()).await.err().unwrap().to_string();
        assert!(busy.contains("another program has it open"), "{busy}");
        drop(feed);
        let feed = Feed::open(folder.path()).await.unwrap();
        assert_eq!(feed.key(), key);
        assert_eq!(feed.append("three").await.unwrap(), 2);
        assert_eq!(now(&feed).await, ["one", "two", "three"]);
    })
    .await;
}

/// This holds at any length, and any number of times.
#[tokio::test]
async fn a_feed_and_its_copy_can_be_opened_again_after_every_block() {
    within_a_minute(async {
        let (folder, mut feed) = written(&[]).await;
        let (copied, mut copy) = copy_of(&feed).await;
        for count in 1..=40 {
            feed.append(format!("block {count}")).await.unwrap();
            let sides = connect(&copy, &feed);
            assert_eq!(first(&copy, count).await.len() as u64, count);
            sides.0.abort();
            sides.1.await.unwrap().unwrap();
            assert!(sides.0.await.unwrap_err().is_cancelled());
            let key = feed.key();
            drop((feed, copy));
            feed = Feed::open(folder.path()).await.unwrap();
            copy = Feed::clone_of(copied.path(), key).await.unwrap();
            assert_eq!(feed.len(), count);
            assert_eq!(now(&copy).await, now(&feed).await);
        }
    })
    .await;
}

#[tokio::test]
async fn a_copy_has_the_history_and_what_comes() {
    within_a_minute(async {
        let (_folder, feed) = written(&["one", "two"]).await;
        let (_copied, copy) = copy_of(&feed).await;
        let mut live = copy.read(0..);
        let _sides = connect(&copy, &feed);
        for expected in ["one", "two"] {
            assert_eq!(live.next().await.unwrap().unwrap(), expected.as_bytes());
        }
        for expected in ["three", "four", "five"] {
            feed.append(expected).await.unwrap();
            assert_eq!(live.next().await.unwrap().unwrap(), expected.as_bytes());
        }
        assert_eq!(copy.len(), 5);
    })
    .await;
}

#[tokio::test]
async fn a_copy_gives_to_others_what_it_has() {
    within_a_minute(async {
        let (_folder, feed) = written(&["one", "two", "three"]).await;
        let ((_folder1, copy), (_folder2, other)) = (copy_of(&feed).await, copy_of(&feed).await);
        let sides = connect(&copy, &feed);
        assert_eq!(first(&copy, 3).await.len(), 3);
        sides.1.abort();
        sides.0.await.unwrap().unwrap();
        let _sides = connect(&other, &copy);
        assert_eq!(first(&other, 3).await, ["one", "two", "three"]);
    })
    .await;
}

/// What one peer has sent, no other peer needs to send, and nothing arrives twice.
#[tokio::test]
async fn several_peers_at_once() {
    within_a_minute(async {
        let (_folder, feed) = written(&[]).await;
        let (_folder1, one) = copy_of(&feed).await;
        let (_folder2, two) = copy_of(&feed).await;
        let _sides = [
            connect(&one, &feed),
            connect(&two, &feed),
            connect(&one, &two),
        ];
        let blocks: Vec<String> = (0..200).map(|n| format!("block {n}")).collect();
        for some in blocks.chunks(7) {
            feed.append_all(some).await.unwrap();
            tokio::task::yield_now().await;
        }
        assert_eq!(first(&one, 200).await, blocks);
        assert_eq!(first(&two, 200).await, blocks);
    })
    .await;
}

#[tokio::test]
async fn many_blocks_and_large_ones() {
    within_a_minute(async {
        let (_folder, feed) = written(&[]).await;
        let (_copied, copy) = copy_of(&feed).await;
        feed.append_all(&vec!["x"; 3000]).await.unwrap();
        let large = "y".repeat(feed::MAX_BLOCK);
        feed.append(&large).await.unwrap();
        let _sides = connect(&copy, &feed);
        assert_eq!(first(&copy, 3001).await[3000], large);
        let refused = feed.append(format!("{large}y")).await.unwrap_err();
        assert!(matches!(refused, Error::TooLarge(1_048_577)), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn nobody_else_can_append() {
    within_a_minute(async {
        let (_folder, feed) = written(&["one"]).await;
        let (copied, copy) = copy_of(&feed).await;
        assert!(matches!(copy.append("two").await, Err(Error::ReadOnly)));
        drop(copy);
        // Opening the copy as if it were our own feed does not help.
        let copy = Feed::open(copied.path()).await.unwrap();
        assert!(matches!(copy.append("two").await, Err(Error::ReadOnly)));
        assert_eq!(copy.key(), feed.key());
    })
    .await;
}

#[tokio::test]
async fn keys_are_checked() {
    within_a_minute(async {
        let (_folder, feed) = written(&["one"]).await;
        assert_eq!(feed.key().to_string().parse::<Key>().unwrap(), feed.key());
        assert_ne!(feed.discovery_key(), feed.key());
        assert!(matches!("hello".parse::<Key>(), Err(Error::NoKey(_))));
        // 64 digits, but the hash of a Hypercore 11 manifest, and not a point on the curve.
        let hash = "3077b3c7438780dad9472c3acf6f95ec8c43df9d298745e44c98623090825a50";
        let hash: Key = hash.parse().unwrap();
        let refused = Feed::clone_of(tempfile::tempdir().unwrap().path(), hash).await;
        let reason = refused.err().unwrap();
        assert!(matches!(reason, Error::NoPoint(key) if key == hash));
        assert!(reason.to_string().contains("compat: true"), "{reason}");
        let (copied, copy) = copy_of(&feed).await;
        drop(copy);
        let (_folder, other) = written(&[]).await;
        let refused = Feed::clone_of(copied.path(), other.key())
            .await
            .err()
            .unwrap();
        assert!(matches!(refused, Error::Folder(_)), "{refused}");
    })
    .await;
}

/// Both sides get the error as soon as they connect.
#[tokio::test]
async fn a_wrong_key_is_told() {
    within_a_minute(async {
        let (_folder, feed) = written(&["one"]).await;
        let (_other_folder, other) = written(&["two"]).await;
        let (_copied, copy) = copy_of(&other).await;
        let sides = connect(&copy, &feed);
        assert!(matches!(sides.0.await.unwrap(), Err(Error::OtherFeed)));
        assert!(matches!(sides.1.await.unwrap(), Err(Error::OtherFeed)));
    })
    .await;
}

/// A stream that moves a few bytes at a time soon uses up its budget, and tokio makes it
/// yield. That is not the end of the stream.
#[tokio::test]
async fn a_wrong_key_is_told_byte_by_byte() {
    within_a_minute(async {
        let (_folder, feed) = written(&["one"]).await;
        let (_other_folder, other) = written(&["two"]).await;
        let (_copied, copy) = copy_of(&other).await;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let dialed = TcpStream::connect(listener.local_addr().unwrap());
        let (dialed, accepted) = tokio::try_join!(dialed, listener.accept()).unwrap();
        let dialed = replicate(copy, Steps(dialed), true);
        let accepted = replicate(feed, Steps(accepted.0), false);
        for side in [spawn_local(dialed), spawn_local(accepted)] {
            assert!(matches!(side.await.unwrap(), Err(Error::OtherFeed)));
        }
    })
    .await;
}

/// A stream that reads one byte at a time, and writes at most three.
struct Steps(TcpStream);

impl AsyncRead for Steps {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut one))?;
        buffer.put_slice(one.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Steps {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, &bytes[..bytes.len().min(3)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn two_initiators_are_told() {
    within_a_minute(async {
        let (_folder, feed) = written(&["one"]).await;
        let (_copied, copy) = copy_of(&feed).await;
        let (left, right) = tokio::io::duplex(1 << 16);
        let sides = tokio::join!(feed.connect(left, true), copy.connect(right, true));
        assert!(matches!(sides.0, Err(Error::Handshake(_))));
        assert!(matches!(sides.1, Err(Error::Handshake(_))));
    })
    .await;
}

#[tokio::test]
async fn a_hang_up_at_any_time_is_noticed() {
    within_a_minute(async {
        let (_folder, feed) = written(&["one"]).await;
        let (left, right) = tokio::io::duplex(1 << 16);
        drop(right);
        assert!(matches!(feed.connect(left, true).await, Err(Error::HungUp)));
        let (left, right) = tokio::io::duplex(1 << 16);
        drop(right);
        assert!(matches!(
            feed.connect(left, false).await,
            Err(Error::HungUp)
        ));
    })
    .await;
}

/// One letter is changed in the writer's file, so the signature no longer matches.
#[tokio::test]
async fn a_forged_block_is_refused_and_named() {
    within_a_minute(async {
        let (folder, feed) = written(&["meet me", "at noon"]).await;
        let key = feed.key();
        drop(feed);
        let data = folder.path().join("data");
        let forged = fs::read_to_string(&data).unwrap().replace("noon", "moon");
        fs::write(&data, forged).unwrap();
        let liar = Feed::open(folder.path()).await.unwrap();
        let copied = tempdir().unwrap();
        let copy = Feed::clone_of(copied.path(), key).await.unwrap();
        let sides = connect(&copy, &liar);
        let refused = sides.0.await.unwrap().unwrap_err();
        assert!(matches!(refused, Error::Forged(Some(1))), "{refused}");
        assert!(copy.len() < 2);
        // The forgery did no harm: a peer that has the true block can still send it.
        drop(copy);
        let copy = Feed::clone_of(copied.path(), key).await.unwrap();
        assert!(!now(&copy).await.contains(&"at moon".to_owned()));
    })
    .await;
}
