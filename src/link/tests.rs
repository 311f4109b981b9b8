//! A link between two sockets of this process.

use std::net::Ipv4Addr;
use std::sync::atomic::AtomicU64;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// A link, its listener, and the runtime's clock.
async fn link(condition: Condition) -> (Link, TcpListener) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let name = LinkName { dialer: 1, listener: 0 };
    let clock = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let target = listener.local_addr().expect("it is bound");
    (Link::open(name, target, condition, SocketTable::open().map(Arc::new), clock, 7).await.expect("opened"), listener)
}

/// A connection over it: the dialer's end, and the listener's.
async fn connect(link: &Link, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let (dialer, accepted) = tokio::join!(TcpStream::connect(link.address), listener.accept());
    (dialer.expect("the link listens"), accepted.expect("the link dials").0)
}

async fn read(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).await.expect("so much comes");
    bytes
}

/// The end of a stream, or the kind of its failure.
async fn end(stream: &mut TcpStream) -> Result<Vec<u8>, io::ErrorKind> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.map(|_| rest).map_err(|error| error.kind())
}

/// Does nothing come, as far as the link knows?
async fn is_still(link: &Link, stream: &TcpStream) -> bool {
    while link.quiet() == LinkActivity::Moving {
        tokio::task::yield_now().await;
    }
    let mut byte = [0];
    stream.try_read(&mut byte).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

#[tokio::test]
async fn both_directions_are_carried_to_their_ends() {
    for condition in [Condition::Clear, Condition::Fragmented, Condition::Delayed] {
        let (link, listener) = link(condition).await;
        let (mut dialer, mut accepted) = connect(&link, &listener).await;
        let text: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
        let there = async {
            dialer.write_all(&text).await.expect("written");
            dialer.shutdown().await.expect("closed");
            end(&mut dialer).await
        };
        let back = async {
            let came = end(&mut accepted).await;
            accepted.write_all(b"I have it").await.expect("written");
            accepted.shutdown().await.expect("closed");
            came
        };
        let (answer, came) = tokio::join!(there, back);
        assert_eq!((came, answer), (Ok(text.clone()), Ok(b"I have it".to_vec())), "{condition:?}");
        let evidence = link.evidence();
        let [connection] = &evidence.connections[..] else { panic!("one connection") };
        assert_eq!((connection.to_listener.came, connection.to_listener.delivered), (100_000, 100_000));
        assert!(connection.to_listener.fin_delivered.is_some() && connection.to_dialer.fin_delivered.is_some());
        assert_eq!((link.came(Direction::ToListener), link.came(Direction::ToDialer)), (100_000, 9));
    }
}

/// Each write arrives with its first bytes one by one: a reader never finds all of it at once.
#[tokio::test]
async fn a_fragmented_link_waits_between_pieces() {
    let (link, listener) = link(Condition::Fragmented).await;
    let (mut dialer, mut accepted) = connect(&link, &listener).await;
    for word in ["hello", "again"] {
        dialer.write_all(word.as_bytes()).await.expect("written");
        let mut buffer = [0; 64];
        let mut came = Vec::new();
        while came.len() < word.len() {
            let count = accepted.read(&mut buffer).await.expect("something");
            assert_eq!(count, 1, "one byte at a time");
            came.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(came, word.as_bytes());
    }
}

#[tokio::test]
async fn a_coalesced_link_holds_what_comes_until_it_is_released() {
    let (link, listener) = link(Condition::Coalesced).await;
    let (mut dialer, mut accepted) = connect(&link, &listener).await;
    dialer.write_all(b"one ").await.expect("written");
    dialer.write_all(b"two").await.expect("written");
    assert!(is_still(&link, &accepted).await);
    assert_eq!(link.quiet(), LinkActivity::Holding);
    link.release();
    assert_eq!(read(&mut accepted, 7).await, b"one two");
}

#[tokio::test]
async fn a_stalled_link_delivers_nothing_until_it_heals() {
    let (link, listener) = link(Condition::Clear).await;
    let (mut dialer, mut accepted) = connect(&link, &listener).await;
    dialer.write_all(b"one").await.expect("written");
    assert_eq!(read(&mut accepted, 3).await, b"one");
    link.fault(LinkFault::Stall);
    dialer.write_all(b"two").await.expect("written");
    assert!(is_still(&link, &accepted).await);
    link.fault(LinkFault::Heal);
    assert_eq!(read(&mut accepted, 3).await, b"two");
}

/// What was cut stays cut, however soon the link heals; who dials after that is connected.
#[tokio::test]
async fn a_cut_link_can_heal_at_once() {
    let (link, listener) = link(Condition::Clear).await;
    let (mut dialer, mut accepted) = connect(&link, &listener).await;
    dialer.write_all(b"one").await.expect("written");
    assert_eq!(read(&mut accepted, 3).await, b"one");
    link.fault(LinkFault::Break(Break::Cut, None));
    link.fault(LinkFault::Heal);
    assert_eq!(end(&mut dialer).await, Err(io::ErrorKind::ConnectionReset));
    assert_eq!(end(&mut accepted).await, Err(io::ErrorKind::ConnectionReset));
    let (mut dialer, mut accepted) = connect(&link, &listener).await;
    dialer.write_all(b"two").await.expect("written");
    assert_eq!(read(&mut accepted, 3).await, b"two");
    assert_eq!(link.evidence().connections.len(), 2);
}

#[tokio::test]
async fn a_cut_link_resets_new_connections_too() {
    let (link, _listener) = link(Condition::Clear).await;
    link.fault(LinkFault::Break(Break::Cut, None));
    let mut dialer = TcpStream::connect(link.address).await.expect("the link itself listens");
    assert_eq!(end(&mut dialer).await, Err(io::ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_break_comes_after_so_many_bytes() {
    for (how, expected) in [(Break::End, Ok(b"67890".to_vec())), (Break::Cut, Err(io::ErrorKind::ConnectionReset))] {
        let (link, listener) = link(Condition::Clear).await;
        let (mut dialer, mut accepted) = connect(&link, &listener).await;
        dialer.write_all(b"12345").await.expect("written");
        assert_eq!(read(&mut accepted, 5).await, b"12345");
        link.fault(LinkFault::Break(how, Some(After { bytes: 5, from: 1 })));
        dialer.write_all(b"67890abc").await.expect("written");
        if how == Break::Cut {
            assert_eq!(read(&mut accepted, 5).await, b"67890");
        }
        assert_eq!(end(&mut accepted).await, expected, "{how:?}");
        let evidence = link.evidence();
        let connection = &evidence.connections[0];
        assert_eq!((connection.to_listener.delivered, connection.broken.map(|(how, _)| how)), (10, Some(how)));
    }
}

/// On an interleaved link each piece waits to be let go.
#[tokio::test]
async fn an_interleaved_link_lets_go_one_thing_at_a_time() {
    let (link, listener) = link(Condition::Interleaved).await;
    let mut dialer = TcpStream::connect(link.address).await.expect("the link listens");
    while link.held().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(link.held(), [Held::Dialer(0)]);
    link.let_go(Held::Dialer(0));
    let mut accepted = listener.accept().await.expect("the link dials").0;
    dialer.write_all(b"one").await.expect("written");
    assert!(is_still(&link, &accepted).await);
    while link.held().is_empty() {
        tokio::task::yield_now().await;
    }
    let [piece @ Held::Piece { connection: 0, direction: Direction::ToListener }] = link.held()[..] else {
        panic!("{:?}", link.held());
    };
    link.let_go(piece);
    assert_eq!(read(&mut accepted, 3).await, b"one");
}
