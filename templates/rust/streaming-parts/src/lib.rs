//! A protocol of our own: one request, and parts in answer to it, until the end.
//!
//! Both programs are swarms with one behaviour, `libp2p_stream`, that hands out
//! bare streams of bytes. What the bytes mean is for us to say:
//!
//! * [`write_message`] and [`read_message`]: where one message ends and the next
//!   begins, in a stream of bytes that knows nothing of messages.
//! * `src/bin/server.rs`: waits for streams, and answers on each of them.
//! * `src/bin/client.rs`: opens a stream, asks, and reads until the end.
//! * [`new_swarm`], [`connect`], [`drive`]: what both need to have streams at all.
//!
//! The protocol in three sentences: the client opens a stream, and sends one
//! message, its request. The server sends parts, one message each, and closes its
//! half of the stream, which is how the client learns that there are no more. A
//! message is its length as an unsigned varint, then so many bytes of UTF-8, at
//! most [`MAX_MESSAGE`].
//!
//! There are six holes, numbered in the order in which you meet them when you run
//! the programs: 1 and 3 are in `server.rs`, 2 and 6 in `client.rs`, 4 and 5 here.
//! A `let _ = …` in a hole only keeps the compiler quiet about unused values: delete
//! it together with the `todo!`.

use std::error::Error;
use std::io;
use std::time::Duration;

use futures::{AsyncRead, AsyncWrite, StreamExt};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, noise, tcp, yamux};

/// The name under which both sides know the protocol. It has to be the same on
/// both, byte for byte: a peer that is asked for another one says that it does not
/// speak it.
pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/test/stream-proto/1.0.0");

/// The longest message, in bytes, without its length.
///
/// A length is a promise by a stranger. Whoever allocates what it says lets the
/// other side decide how much memory to use: ten bytes are enough to ask for all.
pub const MAX_MESSAGE: usize = 1024;

/// Sends one message: its length, then its bytes.
///
/// `unsigned_varint::encode::usize` writes the length into a buffer from
/// `encode::usize_buffer()`, and returns the part of the buffer that it has used. Join
/// this and the message (`[a, b].concat()`), so that one write sends both
/// (`AsyncWriteExt::write_all`). Then flush (`flush`): nothing should stay in a buffer
/// while you wait for an answer. Use the traits of `futures`, and not those of tokio.
///
/// If a message is longer than [`MAX_MESSAGE`], return an error and send nothing: the
/// other side would have to refuse it.
pub async fn write_message(
    stream: &mut (impl AsyncWrite + Unpin),
    message: &str,
) -> io::Result<()> {
    let _ = (stream, message);
    todo!("4. send the length as a varint, then the message, in one write")
}

/// Reads one message; `None` when the stream has ended where one could begin.
///
/// First read the length, byte by byte (`AsyncReadExt::read` into a slice of one byte):
/// only the last byte of a varint says that it is the last
/// (`unsigned_varint::decode::is_last`). A read of 0 bytes is the end of the stream:
/// before the first byte this is a good end, and after it an error. Two bytes are
/// enough for every length that you accept, so a third one is an error, too.
/// `decode::usize` converts the bytes to a number.
///
/// Then check the number before you do anything else with it: more than
/// [`MAX_MESSAGE`] is an error. Only then allocate room for the message, and read all
/// of it (`read_exact`), however many pieces it comes in. A length of 0 is an empty
/// message. When all bytes have arrived, convert them to text (`String::from_utf8`),
/// which may be an error.
///
/// Make errors with [`invalid`]; return an error of `read_exact` as it is.
pub async fn read_message(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<String>> {
    let _ = stream;
    todo!("5. read the length, check it, then read that many bytes")
}

/// The error for what the protocol does not allow: `invalid("a reason")`.
pub fn invalid(reason: impl Into<Box<dyn Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// A peer with a new identity and one behaviour: streams. (Nothing to do here.)
///
/// A connection over which no stream is open is given up after a while. The default
/// is ten seconds; ours is a minute, so that nobody who tries this by hand has to
/// hurry.
pub fn new_swarm() -> Result<Swarm<libp2p_stream::Behaviour>, Box<dyn Error>> {
    let swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(
            tcp::Config::default(),
            noise::Config::new,
            yamux::Config::default,
        )?
        .with_behaviour(|_| libp2p_stream::Behaviour::new())?
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build();
    Ok(swarm)
}

/// Dials `address`, and returns who answered there when the connection is up.
/// (Nothing to do here.)
///
/// The address says where, and its last part, `/p2p/…`, says who. Whoever answers
/// has to prove to be that peer, or there is no connection.
pub async fn connect(
    swarm: &mut Swarm<libp2p_stream::Behaviour>,
    address: Multiaddr,
) -> Result<PeerId, Box<dyn Error>> {
    swarm.dial(address)?;
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::ConnectionEstablished { peer_id, .. } => return Ok(peer_id),
            SwarmEvent::OutgoingConnectionError { error, .. } => return Err(error.into()),
            _ => {}
        }
    }
}

/// Keeps the swarm going, and says where it listens, for as long as it is polled.
/// (Nothing to do here.)
///
/// A swarm does nothing by itself. Connections have tasks of their own, but a new
/// connection, and whatever a behaviour wants, comes about only while somebody
/// awaits the swarm's events.
pub async fn drive(mut swarm: Swarm<libp2p_stream::Behaviour>) {
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            println!("listening on {address}/p2p/{}", swarm.local_peer_id());
        }
    }
}
