//! The messages of kad on a stream: one after another, each with its length in front.
//!
//! Messages are encoded in Protocol Buffers, and this file implements only as much of that
//! as they need. See the schema `dht.proto` of libp2p.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{Multiaddr, PeerId};

/// "I have what belongs to this key." This request has no answer.
pub const ADD_PROVIDER: u64 = 2;
/// "Who has what belongs to this key?"
pub const GET_PROVIDERS: u64 = 3;
/// "Who is close to this key?"
pub const FIND_NODE: u64 = 4;

/// The longest message that we accept; all of ours are shorter.
const LONGEST: u64 = 16 * 1024;

/// A request, or its answer, which has the same kind.
#[derive(Debug, Default)]
pub struct Message {
    pub kind: u64,
    pub key: Vec<u8>,
    /// Peers that are closer to the key, or may know more.
    pub closer: Vec<Peer>,
    /// Peers that have what belongs to the key.
    pub providers: Vec<Peer>,
}

/// A peer and its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub id: PeerId,
    pub addresses: Vec<Multiaddr>,
}

/// Reads a message; `None` if the other side has ended the stream.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Message>> {
    let Some(length) = read_length(stream).await? else {
        return Ok(None);
    };
    if length > LONGEST {
        return Err(invalid("a message is too long"));
    }
    let mut bytes = vec![0; length as usize];
    stream.read_exact(&mut bytes).await?;
    Message::decode(&bytes).map(Some)
}

/// Writes a message.
pub async fn write(stream: &mut (impl AsyncWrite + Unpin), message: &Message) -> io::Result<()> {
    let bytes = message.encode();
    let mut framed = Vec::new();
    put_number(&mut framed, bytes.len() as u64);
    framed.extend(bytes);
    stream.write_all(&framed).await?;
    stream.flush().await
}

async fn read_length(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<u64>> {
    let mut bytes = Vec::new();
    loop {
        let mut byte = [0];
        if stream.read(&mut byte).await? == 0 {
            return match bytes.is_empty() {
                true => Ok(None),
                false => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        }
        bytes.push(byte[0]);
        if byte[0] < 0x80 {
            return take_number(&mut &bytes[..]).map(Some);
        }
    }
}

impl Message {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_number(&mut bytes, 1 << 3);
        put_number(&mut bytes, self.kind);
        put_bytes(&mut bytes, 2, &self.key);
        for peer in &self.closer {
            put_bytes(&mut bytes, 8, &peer.encode());
        }
        for peer in &self.providers {
            put_bytes(&mut bytes, 9, &peer.encode());
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> io::Result<Self> {
        let mut message = Message::default();
        each_field(bytes, |field, value| {
            match (field, value) {
                (1, Value::Number(kind)) => message.kind = kind,
                (2, Value::Bytes(key)) => message.key = key.to_vec(),
                (8, Value::Bytes(peer)) => message.closer.push(Peer::decode(peer)?),
                (9, Value::Bytes(peer)) => message.providers.push(Peer::decode(peer)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(message)
    }
}

impl Peer {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_bytes(&mut bytes, 1, &self.id.to_bytes());
        for address in &self.addresses {
            put_bytes(&mut bytes, 2, &address.to_vec());
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> io::Result<Self> {
        let (mut id, mut addresses) = (None, Vec::new());
        each_field(bytes, |field, value| {
            match (field, value) {
                (1, Value::Bytes(peer)) => id = PeerId::from_bytes(peer).ok(),
                (2, Value::Bytes(address)) => {
                    addresses.extend(Multiaddr::try_from(address.to_vec()))
                }
                _ => {}
            }
            Ok(())
        })?;
        let id = id.ok_or_else(|| invalid("a peer without an id"))?;
        Ok(Self { id, addresses })
    }
}

/// The value of a field.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn each_field(
    mut bytes: &[u8],
    mut use_it: impl FnMut(u64, Value<'_>) -> io::Result<()>,
) -> io::Result<()> {
    while !bytes.is_empty() {
        let tag = take_number(&mut bytes)?;
        let value = match tag & 7 {
            0 => Value::Number(take_number(&mut bytes)?),
            2 => {
                let length = take_number(&mut bytes)? as usize;
                let (value, rest) = bytes
                    .split_at_checked(length)
                    .ok_or_else(|| invalid("a field is cut off"))?;
                bytes = rest;
                Value::Bytes(value)
            }
            _ => return Err(invalid("a field of a kind that kad does not use")),
        };
        use_it(tag >> 3, value)?;
    }
    Ok(())
}

fn put_bytes(bytes: &mut Vec<u8>, field: u64, value: &[u8]) {
    put_number(bytes, (field << 3) | 2);
    put_number(bytes, value.len() as u64);
    bytes.extend(value);
}

/// Writes seven bits per byte, the lowest first. The top bit says that more bytes follow.
fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number as u8) | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_number(bytes: &mut &[u8]) -> io::Result<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (&byte, rest) = bytes
            .split_first()
            .ok_or_else(|| invalid("a number is cut off"))?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(invalid("a number is too long"))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
