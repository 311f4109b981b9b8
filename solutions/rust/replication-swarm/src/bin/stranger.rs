//! The stranger: a peer that behaves in ways in which our own peers might not.
//!
//!     stranger FOLDER KEY TOPIC NODE STREAMS [PEER]
//!
//! It announces itself under TOPIC, calls the peers that it finds there, or only PEER, and
//! opens STREAMS streams to each. It accepts calls from other peers. If STREAMS is 0, it
//! does not look for peers. If it is `tease`, it hangs up as soon as a stream is open. If
//! it is `mute`, it opens a stream and sends nothing on it; after `talk` is typed, it uses
//! the streams that it opens as it should. When you type `drop N`, it drops the Nth stream
//! that it has opened; on `find`, it searches and calls again. KEY is what it takes for
//! the public key of the feed. With the topic as KEY, it is an eavesdropper: it knows what
//! every node of the DHT knows, and tries to read the feed.

use std::cell::RefCell;
use std::env;
use std::process::ExitCode;
use std::rc::Rc;

use feed::{Connection, Error, Feed, Key};
use futures::future::{self, AbortHandle, Aborted, LocalBoxFuture, abortable, try_join_all};
use futures::stream::FuturesUnordered;
use futures::{AsyncWriteExt, StreamExt, TryFutureExt};
use libp2p::{Multiaddr, PeerId, Stream};
use libp2p_stream::Control;
use replication_swarm::dht::{Dht, News};
use replication_swarm::messages::{show, typed_lines};
use replication_swarm::{Failure, HYPERCORE, Side, meet, read};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let ([folder, key, topic, node, streams], only) = (match &arguments[..] {
        [most @ .., only] if arguments.len() == 6 => (most, Some(only.parse().ok())),
        all => (all, None),
    }) else {
        return usage();
    };
    let (Ok(key), Ok(topic), Ok(node)) = (key.parse(), topic.parse(), node.parse()) else {
        return usage();
    };
    let how = match streams.parse() {
        Ok(0) => How::Waits,
        Ok(streams) => How::Calls { streams },
        Err(_) if streams == "tease" => How::Teases,
        Err(_) if streams == "mute" => How::IsMute,
        Err(_) => return usage(),
    };
    let plan = Plan {
        how,
        only: only.flatten(),
    };
    match run(folder, key, topic, &node, plan).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: stranger FOLDER KEY TOPIC NODE STREAMS [PEER]");
    ExitCode::from(2)
}

/// Not every 32 bytes are a public key, and a hash may not be one. In that case, the
/// stranger uses a feed of its own, so that it looks the same to the peer that it calls.
async fn open(folder: &str, key: Key) -> Result<Feed, Error> {
    match Feed::clone_of(folder, key).await {
        Err(Error::NoPoint(_)) => Feed::open(folder).await,
        other => other,
    }
}

/// Which peers the stranger calls, and how.
struct Plan {
    how: How,
    only: Option<PeerId>,
}

#[derive(Clone, Copy)]
enum How {
    /// It calls no peer.
    Waits,
    /// It replicates over this many streams.
    Calls { streams: usize },
    /// It opens a stream, and hangs up.
    Teases,
    /// It opens a stream, and keeps it open without sending anything.
    IsMute,
}

async fn run(
    folder: &str,
    key: Key,
    topic: Key,
    node: &Multiaddr,
    mut plan: Plan,
) -> Result<(), String> {
    let feed = open(folder, key)
        .await
        .map_err(|reason| reason.to_string())?;
    let (mut dht, mut incoming) = Dht::join(node, HYPERCORE).await?;
    dht.announce(topic).await?;
    println!("announced under {topic}");
    if !matches!(plan.how, How::Waits) {
        dht.find(topic);
    }
    let mut blocks = read(&feed);
    let mut peers = FuturesUnordered::<LocalBoxFuture<'static, Result<(), Failure>>>::new();
    let opened = Opened::default();
    let mut typed = typed_lines();
    loop {
        tokio::select! {
            biased;
            Some(Ok(block)) = blocks.next() => show(&block),
            Some(result) = peers.next() => match result {
                Ok(()) => println!("(Peer disconnected)"),
                Err(failure) => println!("{failure}"),
            },
            Some((_, stream)) = incoming.next() => peers.push(Box::pin(accept(feed.clone(), stream))),
            news = dht.next() => match news {
                News::Found(peer) if plan.only.is_none_or(|only| only == peer) => match plan.how {
                    How::Waits => {}
                    How::Calls { streams } => {
                        peers.push(Box::pin(call(feed.clone(), dht.calls(), peer, streams, opened.clone())));
                    }
                    How::Teases => peers.push(Box::pin(tease(dht.calls(), peer))),
                    How::IsMute => peers.push(Box::pin(stay_mute(dht.calls(), peer))),
                },
                _ => {}
            },
            line = typed.recv() => match line {
                Some(Ok(line)) if line == "find" => dht.find(topic),
                Some(Ok(line)) if line == "talk" => plan.how = How::Calls { streams: 1 },
                Some(Ok(line)) => drop_stream(&opened, &line)?,
                Some(Err(_)) | None => break,
            },
        }
    }
    dht.leave().await;
    Ok(())
}

/// Handles to drop the streams that we have opened.
type Opened = Rc<RefCell<Vec<AbortHandle>>>;

fn drop_stream(opened: &Opened, line: &str) -> Result<(), String> {
    let number = line
        .strip_prefix("drop ")
        .and_then(|n| n.parse::<usize>().ok());
    let opened = opened.borrow();
    let Some(stream) = number.and_then(|n| opened.get(n.checked_sub(1)?)) else {
        return Err(format!("{line}: not understood"));
    };
    stream.abort();
    println!("(Stream dropped)");
    Ok(())
}

/// Opens this many streams to a peer, one after another, and replicates over all of them.
async fn call(
    feed: Feed,
    mut calls: Control,
    peer: PeerId,
    streams: usize,
    opened: Opened,
) -> Result<(), Failure> {
    let mut connections = Vec::new();
    for _ in 0..streams {
        let stream = calls
            .open_stream(peer, HYPERCORE)
            .await
            .map_err(Failure::Call)?;
        connections.push(meet(feed.clone(), stream, Side::Opened).await?);
    }
    println!("(New peer connected!)");
    let replications = connections.into_iter().map(|connection| {
        let (replication, handle) = abortable(replicate(connection));
        opened.borrow_mut().push(handle);
        replication.unwrap_or_else(|Aborted| Ok(()))
    });
    try_join_all(replications.collect::<Vec<_>>()).await?;
    Ok(())
}

/// Opens a stream, hangs up before anything is sent on it, and does nothing more.
async fn tease(mut calls: Control, peer: PeerId) -> Result<(), Failure> {
    drop(
        calls
            .open_stream(peer, HYPERCORE)
            .await
            .map_err(Failure::Call)?,
    );
    println!("(Hung up)");
    future::pending().await
}

/// Opens a stream, and keeps it open. It sends nothing but the protocol negotiation.
async fn stay_mute(mut calls: Control, peer: PeerId) -> Result<(), Failure> {
    let mut stream = calls
        .open_stream(peer, HYPERCORE)
        .await
        .map_err(Failure::Call)?;
    let _ = stream.flush().await;
    println!("(Silence)");
    let _kept = stream;
    future::pending().await
}

async fn accept(feed: Feed, stream: Stream) -> Result<(), Failure> {
    let connection = meet(feed, stream, Side::Accepted).await?;
    println!("(New peer connected!)");
    replicate(connection).await
}

/// Replicates until the other side hangs up, which is not a failure.
async fn replicate(connection: Connection) -> Result<(), Failure> {
    match connection.replicate().await {
        Ok(()) | Err(Error::HungUp) => Ok(()),
        Err(reason) => Err(Failure::Feed(reason)),
    }
}
