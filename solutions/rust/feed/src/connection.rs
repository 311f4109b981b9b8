//! A connection: two sides with the same feed, each of which may have blocks that
//! the other lacks.
//!
//! ```text
//!    Synchronize  my feed has 3 blocks, and I know of 1 of yours
//!    Range        I have the blocks 0 to 2
//!    Request      prove that your feed has 3 blocks   Data  here is the signature
//!    Request      give me block 2, and its proof      Data  here it is
//! ```
//!
//! Both sides send the same kinds of messages; neither of them is a server.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::ops;
use std::task::Poll;

use futures::{FutureExt, StreamExt};
use hypercore_handshake::Cipher;
use hypercore_handshake::state_machine::{SecStream, hc_specific::generate_keypair};
use hypercore_protocol::schema::{Data, NoData, Range, Request, Synchronize};
use hypercore_protocol::{Channel, Event, Message, Protocol};
use hypercore_schema::{RequestBlock, RequestUpgrade};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::unconstrained;

use crate::line::{Ended, Line};
use crate::{Error, Feed};

/// How many requests for blocks may be open at once: we need not wait for each answer.
const WINDOW: usize = 32;

/// How many messages are handled before the line is polled again.
const ROUND: usize = 100;

/// The id of a request for an upgrade. The id of a request for block `n` is `n + BLOCKS`.
const UPGRADE: u64 = 1;
const BLOCKS: u64 = 2;

/// The length of an Ed25519 signature, in bytes.
const SIGNATURE: usize = 64;

/// A connection to a peer that also knows the key of our feed.
pub struct Connection {
    feed: Feed,
    protocol: Protocol,
    channel: Channel,
    ended: Ended,
    /// The length of the other side's feed, once it has announced it.
    remote_length: Option<u64>,
    /// The blocks that the other side says it has.
    offered: Vec<ops::Range<u64>>,
    /// The blocks that we have requested and not received.
    asked: BTreeSet<u64>,
    /// How many of these requests are not yet answered.
    unanswered: usize,
    /// The two lengths between which we last requested a proof; is it still to come?
    upgrade: (u64, u64),
    upgrading: bool,
    /// The two lengths that we announced last.
    told: Option<(u64, u64)>,
    /// Blocks below this index have been announced.
    told_blocks: u64,
}

impl Feed {
    /// Agrees on the encryption with the other side. Both sides prove to each other
    /// that they know the key of this feed.
    ///
    /// Exactly one side must be the initiator: by convention, the side that dialed.
    /// Over TCP, set `nodelay`, or each block takes 40 ms.
    pub async fn connect<S>(&self, stream: S, initiator: bool) -> Result<Connection, Error>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (line, ended) = Line::new(stream);
        let (line, failed) = (Some(Box::new(line) as _), |reason| {
            Error::Handshake(format!("{reason}"))
        });
        let cipher = if initiator {
            Cipher::new(
                line,
                SecStream::new_initiator_xx(&[]).map_err(failed)?.into(),
            )
        } else {
            let keys = generate_keypair().map_err(failed)?;
            Cipher::new(
                line,
                SecStream::new_responder_xx(&keys, &[])
                    .map_err(failed)?
                    .into(),
            )
        };
        let mut protocol = Protocol::new(Box::new(cipher));
        let (mut opened, mut other) = (false, false);
        let channel = loop {
            match next_event(&mut protocol, &ended).await {
                Ok(Event::Handshake(_)) => {
                    let open = protocol.open(self.key().0).await;
                    open.map_err(|_| Error::HungUp)?;
                    opened = true;
                }
                // Each side opens its feed unasked, so only the key of another feed matters.
                Ok(Event::DiscoveryKey(key)) => other |= key != self.discovery_key().0,
                Ok(Event::Close(_)) => other = true,
                Ok(Event::Channel(channel)) => break channel,
                Ok(_) => {}
                Err(Error::Protocol(reason)) if !opened => return Err(Error::Handshake(reason)),
                Err(error) => return Err(error),
            }
            if opened && other {
                // Let the other side see our key, too, before we hang up.
                while let Some(Some(Ok(_))) = unconstrained(protocol.next()).now_or_never() {}
                return Err(Error::OtherFeed);
            }
        };
        Ok(Connection {
            feed: self.clone(),
            protocol,
            channel,
            ended,
            remote_length: None,
            offered: Vec::new(),
            asked: BTreeSet::new(),
            unanswered: 0,
            upgrade: (0, 0),
            upgrading: false,
            told: None,
            told_blocks: 0,
        })
    }
}

/// The next event, or the end of the line.
///
/// A tokio stream reports that it is not ready when its task has used up its budget.
/// At the end of a line, we would take that for "no more data". So the budget is
/// switched off here.
async fn next_event(protocol: &mut Protocol, ended: &Ended) -> Result<Event, Error> {
    let next = poll_fn(|cx| match protocol.poll_next_unpin(cx) {
        Poll::Ready(Some(Ok(event))) => Poll::Ready(Ok(event)),
        Poll::Ready(Some(Err(reason))) => Poll::Ready(Err(Error::Protocol(reason.to_string()))),
        Poll::Ready(None) => Poll::Ready(Err(Error::HungUp)),
        Poll::Pending if ended.get().is_some() => Poll::Ready(Err(Error::HungUp)),
        Poll::Pending => Poll::Pending,
    });
    unconstrained(next).await
}

impl Connection {
    /// Copies present and future blocks in both directions until the other side hangs
    /// up, which is not an error. It is safe to drop this future at any time.
    pub async fn replicate(mut self) -> Result<(), Error> {
        match self.give_and_take().await {
            Ok(()) | Err(Error::HungUp) => {}
            Err(error) => return Err(error),
        }
        // Blocks that arrived before the end still count.
        while let Some(Some(message)) = self.channel.next().now_or_never() {
            if let Message::Data(data) = message {
                self.on_data(data).await?;
            }
        }
        Ok(())
    }

    async fn give_and_take(&mut self) -> Result<(), Error> {
        let mut length = self.feed.length.subscribe();
        loop {
            for _ in 0..ROUND {
                let Some(Some(message)) = self.channel.next().now_or_never() else {
                    break;
                };
                self.on_message(message).await?;
            }
            self.tell().await?;
            self.ask().await?;
            tokio::select! {
                biased;
                event = next_event(&mut self.protocol, &self.ended) => match event {
                    Ok(Event::Close(_)) => return Ok(()),
                    Ok(Event::DiscoveryKey(_)) => return Err(Error::OtherFeed),
                    Ok(_) => {}
                    Err(error) => return Err(error),
                },
                message = self.channel.next() => match message {
                    Some(message) => self.on_message(message).await?,
                    None => return Ok(()),
                },
                _ = length.changed() => {}
            }
        }
    }

    /// Sends a message; fails if the other side has closed the channel.
    async fn send(&self, message: Message) -> Result<(), Error> {
        let sent = self.channel.send(message).await;
        sent.map_err(|_| Error::HungUp)
    }

    async fn on_message(&mut self, message: Message) -> Result<(), Error> {
        match message {
            Message::Synchronize(told) => self.remote_length = Some(told.length),
            Message::Range(range) if !range.drop => self.on_offer(range.start, range.length),
            Message::Bitfield(field) => {
                let bits = (0..).zip(
                    field
                        .bitfield
                        .iter()
                        .flat_map(|word| (0..32).map(move |bit| word >> bit & 1)),
                );
                for (at, _) in bits.filter(|(_, bit)| *bit == 1) {
                    self.on_offer(field.start.saturating_add(at), 1);
                }
            }
            Message::Request(request) => self.on_request(request).await?,
            Message::Data(data) => self.on_data(data).await?,
            Message::NoData(NoData { request: UPGRADE }) => self.upgrading = false,
            // The block stays in `asked`, so that we do not request it twice.
            Message::NoData(_) => self.unanswered = self.unanswered.saturating_sub(1),
            _ => {}
        }
        Ok(())
    }

    /// Notes that the other side has these blocks.
    fn on_offer(&mut self, start: u64, length: u64) {
        let end = start.saturating_add(length);
        match self.offered.last_mut() {
            Some(last) if (last.start..=last.end).contains(&start) => last.end = last.end.max(end),
            _ => self.offered.push(start..end),
        }
    }

    /// Sends what the other side requests, with a proof, if we have it.
    async fn on_request(&mut self, request: Request) -> Result<(), Error> {
        let core = self.feed.core.lock().await;
        let has = request
            .block
            .as_ref()
            .is_none_or(|block| core.has(block.index));
        let Request {
            id,
            block,
            hash,
            seek,
            upgrade,
            ..
        } = request;
        let proof = match has && core.info().length > 0 {
            true => core
                .create_proof(block, hash, seek, upgrade)
                .await
                .ok()
                .flatten(),
            false => None,
        };
        drop(core);
        let answer = match proof {
            Some(proof) => Message::Data(Data {
                request: id,
                fork: proof.fork,
                block: proof.block,
                hash: proof.hash,
                seek: proof.seek,
                upgrade: proof.upgrade,
            }),
            None => Message::NoData(NoData { request: id }),
        };
        self.send(answer).await
    }

    /// Accepts what we have requested, if it is what the writer signed.
    async fn on_data(&mut self, data: Data) -> Result<(), Error> {
        let index = data.block.as_ref().map(|block| block.index);
        if let Some(upgrade) = &data.upgrade
            && upgrade.signature.len() != SIGNATURE
        {
            return Err(Error::OtherFormat);
        }
        let mut core = self.feed.core.lock().await;
        // Another peer may have sent it in the meantime.
        let is_known = index.is_some_and(|index| core.has(index))
            || data
                .upgrade
                .as_ref()
                .is_some_and(|upgrade| upgrade.start != core.info().length);
        if !is_known {
            core.apply(data.into_proof()).await?;
        }
        let length = core.length();
        drop(core);
        match index {
            Some(index) if self.asked.remove(&index) => {
                self.unanswered = self.unanswered.saturating_sub(1)
            }
            Some(_) => {}
            None => self.upgrading = false,
        }
        self.feed
            .length
            .send_if_modified(|old| std::mem::replace(old, length) != length);
        Ok(())
    }

    /// Announces what we have, unless the other side already knows.
    async fn tell(&mut self) -> Result<(), Error> {
        let core = self.feed.core.lock().await;
        let (info, blocks) = (core.info(), core.length());
        drop(core);
        let lengths = (info.length, self.remote_length.unwrap_or(0));
        if self.told != Some(lengths) {
            self.told = Some(lengths);
            let synchronize = Synchronize {
                fork: info.fork,
                length: lengths.0,
                remote_length: lengths.1,
                can_upgrade: true,
                uploading: true,
                downloading: true,
            };
            self.send(Message::Synchronize(synchronize)).await?;
        }
        let (start, end) = (self.told_blocks, blocks);
        if start < end {
            self.told_blocks = end;
            let range = Range {
                drop: false,
                start,
                length: end - start,
            };
            self.send(Message::Range(range)).await?;
        }
        Ok(())
    }

    /// Requests what the other side has and we lack: first the proof of the length, on
    /// which all other proofs rest, then the blocks.
    async fn ask(&mut self) -> Result<(), Error> {
        let core = self.feed.core.lock().await;
        let info = core.info();
        let lengths = (info.length, self.remote_length.unwrap_or(0));
        let mut requests = Vec::new();
        if lengths.0 < lengths.1 && !self.upgrading && self.upgrade != lengths {
            (self.upgrading, self.upgrade) = (true, lengths);
            let (start, length) = (lengths.0, lengths.1 - lengths.0);
            requests.push(request(
                UPGRADE,
                None,
                Some(RequestUpgrade { start, length }),
            ));
        }
        for index in core.length()..info.length {
            if self.unanswered == WINDOW {
                break;
            }
            let is_offered = self.offered.iter().any(|range| range.contains(&index));
            if is_offered && !core.has(index) && self.asked.insert(index) {
                self.unanswered += 1;
                let nodes = core.missing_nodes(index).await?;
                requests.push(request(
                    BLOCKS + index,
                    Some(RequestBlock { index, nodes }),
                    None,
                ));
            }
        }
        drop(core);
        for request in requests {
            self.send(Message::Request(request)).await?;
        }
        Ok(())
    }
}

fn request(id: u64, block: Option<RequestBlock>, upgrade: Option<RequestUpgrade>) -> Request {
    Request {
        id,
        fork: 0,
        hash: None,
        block,
        seek: None,
        upgrade,
        manifest: false,
        priority: 0,
    }
}
