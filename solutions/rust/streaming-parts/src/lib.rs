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

use std::error::Error;
use std::io;
use std::time::Duration;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, noise, tcp, yamux};
use unsigned_varint::{decode, encode};

/// The name under which both sides know the protocol. It has to be the same on
/// both, byte for byte: a peer that is asked for another one says that it does not
/// speak it.
pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/test/stream-proto/1.0.0");

/// The longest message, in bytes, without its length.
///
/// A length is a promise by a stranger. Whoever allocates what it says lets the
/// other side decide how much memory to use: ten bytes are enough to ask for all.
pub const MAX_MESSAGE: usize = 1024;

/// How many bytes the length of a message takes at most: each byte of a varint
/// holds seven bits, and 1024 has eleven.
const MAX_LENGTH_BYTES: usize = 2;

/// Sends one message: its length, then its bytes.
///
/// Both go into one write, and so, if they fit, into one frame on the wire. The
/// flush promises that nothing stays behind in a buffer while we wait for an
/// answer.
///
/// The future is ready when the stream has *accepted* the message, which is not
/// before the other side has room for it. Await it before you produce the next
/// one, and a slow reader slows you down: that is all there is to back-pressure.
///
/// The limit is checked here as well. A message that the other side must refuse is
/// a mistake on this side, and better noticed here.
pub async fn write_message(
    stream: &mut (impl AsyncWrite + Unpin),
    message: &str,
) -> io::Result<()> {
    if message.len() > MAX_MESSAGE {
        return Err(too_long(message.len()));
    }
    let mut prefix = encode::usize_buffer();
    let length = encode::usize(message.len(), &mut prefix);
    stream
        .write_all(&[length, message.as_bytes()].concat())
        .await?;
    stream.flush().await
}

/// Reads one message; `None` when the stream has ended where one could begin.
///
/// A read may return a part of a message as well as several messages, so nothing
/// here relies on what one read returns: `read_exact` reads on until it has all
/// the bytes. The length is checked before a byte is allocated for it.
///
/// There is no `BufReader` on purpose. Many small reads cost little here, as the
/// bytes already lie in our memory; and what a `BufReader` has read ahead would be
/// lost with it, unless it lived as long as the stream.
///
/// An empty message is a message: its length is 0, while the end has no length.
pub async fn read_message(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<String>> {
    let Some(length) = read_length(stream).await? else {
        return Ok(None);
    };
    if length > MAX_MESSAGE {
        return Err(too_long(length));
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await?;
    String::from_utf8(message).map(Some).map_err(invalid)
}

/// Reads the length in front of a message; `None` when the stream has ended.
///
/// Byte by byte: only the last byte of a varint says that it is the last. And no
/// more than two, because a third one means a length over the limit whatever comes
/// next, or a varint that is longer than it needs to be.
///
/// `unsigned_varint::aio::read_u64` would be shorter, but for it an end in front of
/// the first byte and an end behind it are the same error. For us the one is a good
/// end, and the other is not.
async fn read_length(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<usize>> {
    let mut prefix = [0; MAX_LENGTH_BYTES];
    for i in 0..MAX_LENGTH_BYTES {
        if stream.read(&mut prefix[i..=i]).await? == 0 {
            return match i {
                0 => Ok(None),
                _ => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        }
        if decode::is_last(prefix[i]) {
            let (length, _) = decode::usize(&prefix[..=i]).map_err(invalid)?;
            return Ok(Some(length));
        }
    }
    Err(invalid("a length takes more than two bytes"))
}

fn too_long(length: usize) -> io::Error {
    invalid(format!(
        "a message of {length} bytes is longer than {MAX_MESSAGE}"
    ))
}

/// The error for what the protocol does not allow: `invalid("a reason")`.
pub fn invalid(reason: impl Into<Box<dyn Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// A peer with a new identity and one behaviour: streams.
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
