//! The stranger: somebody who behaves as a peer of ours might not.
//!
//!     stranger FOLDER KEY TOPIC NODE STREAMS
//!
//! It announces itself under TOPIC, calls those whom it finds there and opens
//! STREAMS streams to each, and takes the calls of others. If STREAMS is 0 it does
//! not look for anybody. KEY is what it takes for the public key of the feed. Given
//! the topic for that, it is an eavesdropper: it knows what every node of the DHT
//! knows, and tries to read along with it.

use std::env;
use std::process::ExitCode;

use feed::{Connection, Error, Feed, Key};
use futures::StreamExt;
use futures::future::{LocalBoxFuture, try_join_all};
use futures::stream::FuturesUnordered;
use libp2p::{Multiaddr, PeerId, Stream};
use libp2p_stream::Control;
use replication_swarm::dht::{Dht, News};
use replication_swarm::messages::{show, typed_lines};
use replication_swarm::{Failure, HYPERCORE, Side, meet, read};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, key, topic, node, streams] = &arguments[..] else {
        return usage();
    };
    let (Ok(key), Ok(topic), Ok(node), Ok(streams)) =
        (key.parse(), topic.parse(), node.parse(), streams.parse())
    else {
        return usage();
    };
    match run(folder, key, topic, &node, streams).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: stranger FOLDER KEY TOPIC NODE STREAMS");
    ExitCode::from(2)
}

/// Not every 32 bytes are a public key, and a hash may be none. Whoever has none comes
/// with a feed of his own, so that it looks the same to the one whom he calls.
async fn open(folder: &str, key: Key) -> Result<Feed, Error> {
    match Feed::clone_of(folder, key).await {
        Err(Error::NoPoint(_)) => Feed::open(folder).await,
        other => other,
    }
}

async fn run(
    folder: &str,
    key: Key,
    topic: Key,
    node: &Multiaddr,
    streams: usize,
) -> Result<(), String> {
    let feed = open(folder, key)
        .await
        .map_err(|reason| reason.to_string())?;
    let (mut dht, mut incoming) = Dht::join(node, HYPERCORE).await?;
    dht.announce(topic).await?;
    println!("announced under {topic}");
    if streams > 0 {
        dht.find(topic);
    }
    let mut blocks = read(&feed);
    let mut peers = FuturesUnordered::<LocalBoxFuture<'static, Result<(), Failure>>>::new();
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
            news = dht.next() => if let News::Found(peer) = news {
                peers.push(Box::pin(call(feed.clone(), dht.calls(), peer, streams)));
            },
            line = typed.recv() => if line.is_none() { break },
        }
    }
    dht.leave().await;
    Ok(())
}

/// Opens so many streams to a peer, one after another, and replicates over all of them.
async fn call(feed: Feed, mut calls: Control, peer: PeerId, streams: usize) -> Result<(), Failure> {
    let mut connections = Vec::new();
    for _ in 0..streams {
        let stream = calls
            .open_stream(peer, HYPERCORE)
            .await
            .map_err(Failure::Call)?;
        connections.push(meet(feed.clone(), stream, Side::Opened).await?);
    }
    println!("(New peer connected!)");
    try_join_all(connections.into_iter().map(replicate)).await?;
    Ok(())
}

async fn accept(feed: Feed, stream: Stream) -> Result<(), Failure> {
    let connection = meet(feed, stream, Side::Accepted).await?;
    println!("(New peer connected!)");
    replicate(connection).await
}

/// Replicates until the other side hangs up, which is no failure.
async fn replicate(connection: Connection) -> Result<(), Failure> {
    match connection.replicate().await {
        Ok(()) | Err(Error::HungUp) => Ok(()),
        Err(reason) => Err(Failure::Feed(reason)),
    }
}
