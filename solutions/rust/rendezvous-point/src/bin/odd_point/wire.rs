//! The messages between a peer and a rendezvous point: one request and its answer per
//! stream, each with its length in front.
//!
//! Messages are encoded in Protocol Buffers, and this file implements only as much of that
//! as they need. See the schema `rpc.proto` of libp2p's `rendezvous`.

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const REGISTER: u64 = 0;
const REGISTER_RESPONSE: u64 = 1;
const UNREGISTER: u64 = 2;
const DISCOVER: u64 = 3;
const DISCOVER_RESPONSE: u64 = 4;

/// The longest message that we accept; all of ours are shorter.
const LONGEST: u64 = 16 * 1024;

/// A request of a peer.
#[derive(Debug)]
pub enum Request {
    /// The record is an encoded signed envelope.
    Register {
        name: String,
        record: Vec<u8>,
        ttl: Option<u64>,
    },
    Unregister {
        name: String,
    },
    Discover {
        name: Option<String>,
        limit: Option<u64>,
        cookie: Option<Vec<u8>>,
    },
}

/// An answer of the point.
#[derive(Debug)]
pub enum Answer {
    Registered {
        ttl: u64,
    },
    Refused {
        status: u64,
    },
    Discovered {
        name: String,
        records: Vec<Vec<u8>>,
        cookie: Vec<u8>,
    },
}

/// Reads a request.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Request> {
    let length = read_length(stream).await?;
    if length > LONGEST {
        return Err(invalid("a message is too long"));
    }
    let mut bytes = vec![0; length as usize];
    stream.read_exact(&mut bytes).await?;
    Request::decode(&bytes)
}

/// Writes the answer, and closes the stream.
pub async fn write(stream: &mut (impl AsyncWrite + Unpin), answer: &Answer) -> io::Result<()> {
    let bytes = answer.encode();
    let mut framed = Vec::new();
    put_number(&mut framed, bytes.len() as u64);
    framed.extend(bytes);
    stream.write_all(&framed).await?;
    stream.close().await
}

async fn read_length(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<u64> {
    let mut bytes = Vec::new();
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).await?;
        bytes.push(byte[0]);
        if byte[0] < 0x80 {
            return take_number(&mut &bytes[..]);
        }
    }
}

impl Request {
    fn decode(bytes: &[u8]) -> io::Result<Self> {
        let message = Fields::decode(bytes)?;
        let inner = |field| Fields::decode(message.bytes(field).unwrap_or_default());
        Ok(match message.number(1) {
            Some(REGISTER) => {
                let register = inner(2)?;
                Self::Register {
                    name: register.text(1).unwrap_or_default(),
                    record: register.bytes(2).unwrap_or_default().to_vec(),
                    ttl: register.number(3),
                }
            }
            Some(UNREGISTER) => Self::Unregister {
                name: inner(4)?.text(1).unwrap_or_default(),
            },
            Some(DISCOVER) => {
                let discover = inner(5)?;
                Self::Discover {
                    name: discover.text(1),
                    limit: discover.number(2),
                    cookie: discover.bytes(3).map(<[u8]>::to_vec),
                }
            }
            _ => return Err(invalid("no request")),
        })
    }
}

impl Answer {
    fn encode(&self) -> Vec<u8> {
        let (kind, field, inner) = match self {
            Self::Registered { ttl } => {
                let mut inner = Vec::new();
                put_field(&mut inner, 1, 0);
                put_field(&mut inner, 3, *ttl);
                (REGISTER_RESPONSE, 3, inner)
            }
            Self::Refused { status } => {
                let mut inner = Vec::new();
                put_field(&mut inner, 1, *status);
                (REGISTER_RESPONSE, 3, inner)
            }
            Self::Discovered {
                name,
                records,
                cookie,
            } => {
                let mut inner = Vec::new();
                for record in records {
                    let mut registration = Vec::new();
                    put_bytes(&mut registration, 1, name.as_bytes());
                    put_bytes(&mut registration, 2, record);
                    put_field(&mut registration, 3, 7200);
                    put_bytes(&mut inner, 1, &registration);
                }
                put_bytes(&mut inner, 2, cookie);
                put_field(&mut inner, 3, 0);
                (DISCOVER_RESPONSE, 6, inner)
            }
        };
        let mut bytes = Vec::new();
        put_field(&mut bytes, 1, kind);
        put_bytes(&mut bytes, field, &inner);
        bytes
    }
}

/// The fields of a message, in the order in which they arrived.
struct Fields<'a>(Vec<(u64, Value<'a>)>);

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Fields<'a> {
    fn decode(mut bytes: &'a [u8]) -> io::Result<Self> {
        let mut fields = Vec::new();
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
                _ => return Err(invalid("a field of a kind that is not used here")),
            };
            fields.push((tag >> 3, value));
        }
        Ok(Self(fields))
    }

    fn number(&self, wanted: u64) -> Option<u64> {
        self.0.iter().find_map(|(field, value)| match value {
            Value::Number(number) if *field == wanted => Some(*number),
            _ => None,
        })
    }

    fn bytes(&self, wanted: u64) -> Option<&'a [u8]> {
        self.0.iter().find_map(|(field, value)| match value {
            Value::Bytes(bytes) if *field == wanted => Some(*bytes),
            _ => None,
        })
    }

    fn text(&self, wanted: u64) -> Option<String> {
        let bytes = self.bytes(wanted)?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }
}

fn put_field(bytes: &mut Vec<u8>, field: u64, number: u64) {
    put_number(bytes, field << 3);
    put_number(bytes, number);
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
