//! A feed: an append-only list with one writer, which everybody can copy.
//!
//! This is Hypercore, both the data structure and the wire protocol, reduced to
//! the few calls that the exercises need. It interoperates with the original in
//! JavaScript.
//!
//! * [`Feed::open`] and [`Feed::clone_of`]: open the writer's feed, or a copy.
//! * [`Feed::append`]: sign a block and add it. Only the writer can do this.
//! * [`Feed::read`]: read the blocks in order, including those still to come.
//! * [`Feed::connect`] and [`Connection::replicate`]: copy the blocks that the
//!   other side has, and send those that it lacks, over any duplex stream.
//!
//! A feed is a handle: all its clones refer to the same feed.
//!
//! You need not trust the peer that sends a block. The writer's signature is
//! checked, and [`Error::Forged`] names the block that does not match it.

mod connection;
mod core;
mod disk;
mod line;

use std::ops::{Bound, RangeBounds};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::{fmt, io};

use futures::stream::{self, BoxStream};
use hypercore::{HypercoreError, PartialKeypair, VerifyingKey, generate_signing_key};
use tokio::sync::{Mutex, watch};

use crate::core::Core;

pub use connection::Connection;

/// The largest block that can be appended, in bytes: a peer that has a copy holds a whole block in memory.
pub const MAX_BLOCK: usize = 1 << 20;

/// 32 bytes, printed and parsed as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key(pub [u8; 32]);

/// A feed on disk.
#[derive(Clone)]
pub struct Feed {
    core: Arc<Mutex<Core>>,
    key: Key,
    writable: bool,
    /// How many blocks we have, counted from the first one up to the first gap.
    length: Arc<watch::Sender<u64>>,
    _lock: Arc<std::fs::File>,
}

/// Why an operation on a feed failed.
#[derive(Debug)]
pub enum Error {
    /// We don't have the secret key of the feed, so we can't sign.
    ReadOnly,
    /// A block is larger than [`MAX_BLOCK`].
    TooLarge(usize),
    /// The folder can't be used.
    Folder(String),
    /// The text is not a key.
    NoKey(String),
    /// The 32 bytes are not a public key: they are not a point on the curve Ed25519.
    NoPoint(Key),
    /// The two sides could not agree on the encryption.
    Handshake(String),
    /// The other side has connected for another feed.
    OtherFeed,
    /// The other side has hung up.
    HungUp,
    /// The data received for this block is not what the writer signed. `None` stands
    /// for the length of the feed.
    Forged(Option<u64>),
    /// The feed is signed in a format that we do not support: that of Hypercore 11
    /// without `compat: true`.
    OtherFormat,
    /// The other side violates the protocol.
    Protocol(String),
}

impl Feed {
    /// Opens the feed in a folder, or creates one with new keys if there is none.
    pub async fn open(folder: impl AsRef<Path>) -> Result<Feed, Error> {
        let secret = generate_signing_key();
        let keys = PartialKeypair {
            public: secret.verifying_key(),
            secret: Some(secret),
        };
        Feed::open_or_create(folder.as_ref(), keys).await
    }

    /// Opens the copy of the feed with this key in a folder, or creates an empty one if
    /// there is none. You can't append to a copy.
    ///
    /// If Hypercore 11 has created a feed without `compat: true`, the feed's key is the
    /// hash of a manifest, which names the public key. One in two hashes happens to be a
    /// point on the curve. Such a copy opens, but then fails with [`Error::OtherFormat`].
    pub async fn clone_of(folder: impl AsRef<Path>, key: Key) -> Result<Feed, Error> {
        let public = VerifyingKey::from_bytes(&key.0).map_err(|_| Error::NoPoint(key))?;
        let keys = PartialKeypair {
            public,
            secret: None,
        };
        let feed = Feed::open_or_create(folder.as_ref(), keys).await?;
        match feed.key == key {
            true => Ok(feed),
            false => Err(Error::Folder(format!(
                "the feed in {} has another key, {}",
                folder.as_ref().display(),
                feed.key
            ))),
        }
    }

    async fn open_or_create(folder: &Path, keys: PartialKeypair) -> Result<Feed, Error> {
        let failed =
            |reason: String| Error::Folder(format!("the feed in {}: {reason}", folder.display()));
        let lock = disk::lock(folder).map_err(|reason| failed(reason.to_string()))?;
        let core = Core::open(folder, keys)
            .await
            .map_err(|reason| failed(reason.to_string()))?;
        Ok(Feed {
            key: Key(core.key_pair().public.to_bytes()),
            writable: core.info().writeable,
            length: Arc::new(watch::Sender::new(core.length())),
            core: Arc::new(Mutex::new(core)),
            _lock: Arc::new(lock),
        })
    }

    /// The public key. A peer that has it can read the feed and verify all of it.
    pub fn key(&self) -> Key {
        self.key
    }

    /// A hash of the public key, for finding other peers. It does not let them read the feed.
    pub fn discovery_key(&self) -> Key {
        Key(hypercore_protocol::discovery_key(&self.key.0))
    }

    /// How many blocks we have, counted from the first one up to the first gap.
    pub fn len(&self) -> u64 {
        *self.length.borrow()
    }

    /// Whether we have no block yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Signs a block and adds it to the feed; returns its index.
    ///
    /// When this returns, the block is in the files of the folder: killing our program
    /// does not lose it any more.
    pub async fn append(&self, block: impl AsRef<[u8]>) -> Result<u64, Error> {
        self.append_all(&[block]).await
    }

    /// Appends several blocks at once; returns the index of the first.
    pub async fn append_all<B: AsRef<[u8]>>(&self, blocks: &[B]) -> Result<u64, Error> {
        if !self.writable {
            return Err(Error::ReadOnly);
        }
        if let Some(large) = blocks.iter().find(|block| block.as_ref().len() > MAX_BLOCK) {
            return Err(Error::TooLarge(large.as_ref().len()));
        }
        let mut core = self.core.lock().await;
        let blocks: Vec<&[u8]> = blocks.iter().map(AsRef::as_ref).collect();
        let length = core.append(&blocks).await?;
        self.length.send_replace(length);
        Ok(length - blocks.len() as u64)
    }

    /// Reads the blocks of a range, in order.
    ///
    /// `0..feed.len()` returns the blocks that we have now, and then the stream ends. `0..`
    /// is live: after these blocks it waits for more, whether we append them or receive
    /// them from other peers.
    pub fn read(&self, range: impl RangeBounds<u64>) -> BoxStream<'static, Result<Vec<u8>, Error>> {
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(before) => before + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(last) => last + 1,
            Bound::Excluded(end) => *end,
            Bound::Unbounded => u64::MAX,
        };
        let reader = (self.clone(), self.length.subscribe(), start);
        Box::pin(stream::try_unfold(
            reader,
            move |(feed, mut length, at)| async move {
                if at >= end {
                    return Ok(None);
                }
                // This fails only when the sender is dropped, and we hold the sender ourselves.
                let _ = length.wait_for(|length| *length > at).await;
                let block = feed.core.lock().await.get(at).await?;
                let block = block.ok_or_else(|| Error::Folder(format!("block {at} is missing")))?;
                Ok(Some((block, (feed, length, at + 1))))
            },
        ))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

impl FromStr for Key {
    type Err = Error;

    fn from_str(text: &str) -> Result<Key, Error> {
        let mut key = [0; 32];
        hex::decode_to_slice(text, &mut key).map_err(|_| Error::NoKey(text.to_owned()))?;
        Ok(Key(key))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::ReadOnly => {
                f.write_str("this is a copy of the feed, only its writer can append")
            }
            Error::TooLarge(bytes) => {
                write!(f, "a block has at most {MAX_BLOCK} bytes, not {bytes}")
            }
            Error::Folder(reason) => f.write_str(reason),
            Error::NoKey(text) => write!(
                f,
                "{text:?} is no public key, which has 64 hexadecimal digits"
            ),
            Error::NoPoint(key) => write!(
                f,
                "{key} is no public key: it has 64 digits, but is no point of the curve \
                 Ed25519. Is it a hash? Hypercore 11 makes one of a feed unless it is told \
                 `compat: true`"
            ),
            Error::Handshake(reason) => write!(f, "no agreement on the encryption ({reason})"),
            Error::OtherFeed => f.write_str("the other side has another feed"),
            Error::HungUp => f.write_str("the other side has hung up"),
            Error::Forged(Some(index)) => {
                write!(f, "block {index} is not what the writer has signed")
            }
            Error::Forged(None) => f.write_str("the length is not what the writer has signed"),
            Error::OtherFormat => f.write_str(
                "the feed is signed in another form; Hypercore 11 makes ours when it is told \
                 `compat: true`",
            ),
            Error::Protocol(reason) => write!(f, "the other side breaks the protocol: {reason}"),
        }
    }
}

impl std::error::Error for Error {}

/// Errors other than those of a proof: the files can't be read or written.
impl From<HypercoreError> for Error {
    fn from(error: HypercoreError) -> Error {
        match error {
            HypercoreError::NotWritable => Error::ReadOnly,
            HypercoreError::IO { source, .. } => Error::from(source),
            other => Error::Folder(other.to_string()),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::Folder(error.to_string())
    }
}
