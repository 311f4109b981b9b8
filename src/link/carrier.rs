//! One direction of a connection: a reader that takes in what comes, and a writer that delivers it as the condition
//! says.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{DELAY, Held, Shared, WriterState, addresses};
use crate::course::Condition;
use crate::evidence::{Direction, WireEventKind};
use crate::transcript::Break;

/// On a fragmented link, the bytes of one read are sent one by one up to this size: they are a message, or a few, and
/// none may arrive whole. If they are encrypted, only the first bytes are sent one by one, because the decrypting
/// library puts them together before the program sees any.
const SHORT: usize = 256;

/// Of a longer read, this many bytes are sent one by one, then up to `SMALL` in pieces of up to [`SMALL_PIECE`], the
/// rest in pieces of up to [`MAX_PIECE`], so that long lines do not take long.
const SINGLE_BYTES: usize = 24;
const SMALL: usize = 1024;
const SMALL_PIECE: usize = 64;
const MAX_PIECE: usize = 4096;

/// The most undelivered bytes that a direction takes in, so that backpressure works through a link.
const MAX_HELD: usize = 256 * 1024;

/// A direction that is full takes in this much more at a time, where the kernel needs room.
const RELIEF: usize = 64 * 1024;

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionEnd {
    /// Both sides ended their streams (FIN).
    Finished,
    /// One side reset it.
    Reset,
    /// The runner broke it off.
    Broken(Break),
}

/// Carries both directions until the connection is over.
pub(super) async fn carry(id: usize, dialer: &TcpStream, listener: &TcpStream, shared: &Shared) -> ConnectionEnd {
    let to_listener = Carrier {
        id,
        direction: Direction::ToListener,
        from: dialer,
        to: listener,
        shared,
        queue: Mutex::default(),
        filled: Notify::new(),
        drained: Notify::new(),
    };
    let to_dialer = Carrier {
        id,
        direction: Direction::ToDialer,
        from: listener,
        to: dialer,
        shared,
        queue: Mutex::default(),
        filled: Notify::new(),
        drained: Notify::new(),
    };
    let both = async {
        match tokio::try_join!(to_listener.run(), to_dialer.run()) {
            Ok(_) => ConnectionEnd::Finished,
            Err(over) => over,
        }
    };
    let broken = async {
        loop {
            let changed = shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(how) = shared.broken(id) {
                return how;
            }
            changed.await;
        }
    };
    tokio::select! {
        over = both => over,
        how = broken => ConnectionEnd::Broken(how),
    }
}

/// One direction of one connection.
struct Carrier<'c> {
    id: usize,
    direction: Direction,
    from: &'c TcpStream,
    to: &'c TcpStream,
    shared: &'c Shared,
    queue: Mutex<Queue>,
    filled: Notify,
    drained: Notify,
}

#[derive(Default)]
struct Queue {
    pieces: VecDeque<Chunk>,
    held: usize,
    end: Option<StreamEnd>,
}

/// The bytes of one read, or what is left of them.
struct Chunk {
    came: Instant,
    bytes: Vec<u8>,
    /// How many bytes of it have been sent already.
    gone: usize,
}

impl Chunk {
    /// How many bytes of it are sent next over a fragmented link.
    fn fragment(&self, sealed: bool, random: &mut fastrand::Rng) -> usize {
        match self.gone {
            gone if gone < SINGLE_BYTES || (!sealed && gone + self.bytes.len() <= SHORT) => 1,
            gone if gone < SMALL => random.usize(1..=SMALL_PIECE),
            _ => random.usize(1..=MAX_PIECE),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StreamEnd {
    Fin,
    Reset,
}

impl Carrier<'_> {
    async fn run(&self) -> Result<(), ConnectionEnd> {
        tokio::try_join!(self.read(), self.write()).map(|_| ())
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn doing(&self, doing: WriterState) {
        self.shared.doing(self.id, self.direction, doing);
    }

    /// Takes in what comes.
    async fn read(&self) -> Result<(), ConnectionEnd> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            while self.queue().held >= MAX_HELD {
                self.shared.full(self.id, self.direction, true);
                tokio::select! {
                    () = self.drained.notified() => {}
                    () = self.shared.relief.notified() => self.take_in_more(&mut buffer),
                }
            }
            self.shared.full(self.id, self.direction, false);
            let end = match read_some(self.from, &mut buffer).await {
                Ok(0) => StreamEnd::Fin,
                Ok(count) => {
                    self.came(&buffer[..count]);
                    continue;
                }
                Err(_) => StreamEnd::Reset,
            };
            self.shared.see(self.id, |connection, now| {
                let flow = connection.flow(self.direction);
                let what = match end {
                    StreamEnd::Fin => {
                        flow.fin = Some(now);
                        WireEventKind::Finished
                    }
                    StreamEnd::Reset => {
                        flow.reset = Some(now);
                        WireEventKind::Reset
                    }
                };
                connection.note(now, self.direction, what);
            });
            self.queue().end = Some(end);
            self.shared.wake(self.id, self.direction);
            self.filled.notify_one();
            return Ok(());
        }
    }

    /// Takes in what lies in the kernel, up to a limit, although this direction is full.
    fn take_in_more(&self, buffer: &mut [u8]) {
        let mut room = RELIEF;
        while let Some(count) = self.from.try_read(buffer).ok().filter(|count| *count > 0) {
            self.came(&buffer[..count]);
            room = room.saturating_sub(count);
            if room == 0 {
                return;
            }
        }
    }

    fn came(&self, bytes: &[u8]) {
        {
            let mut state = self.shared.lock();
            let flow = state.evidence.connections[self.id].flow(self.direction);
            flow.came += bytes.len() as u64;
            flow.last = bytes.last().copied();
        }
        {
            let mut queue = self.queue();
            queue.held += bytes.len();
            queue.pieces.push_back(Chunk { came: Instant::now(), bytes: bytes.to_vec(), gone: 0 });
        }
        self.shared.wake(self.id, self.direction);
        self.shared.changed();
        self.filled.notify_one();
    }

    /// Delivers what was taken in, as the condition says, then the end.
    async fn write(&self) -> Result<(), ConnectionEnd> {
        let mut random = fastrand::Rng::with_seed(
            self.shared.seed ^ ((self.id as u64) << 1) ^ u64::from(self.direction == Direction::ToListener),
        );
        loop {
            let piece = self.next(&mut random).await;
            self.unless_stalled().await;
            match piece {
                Some(piece) => self.deliver(&piece).await?,
                None => return self.finish().await,
            }
        }
    }

    /// The next piece to deliver; `None` at the end.
    async fn next(&self, random: &mut fastrand::Rng) -> Option<Vec<u8>> {
        loop {
            let (empty, end) = {
                let queue = self.queue();
                (queue.pieces.is_empty(), queue.end)
            };
            match (empty, end) {
                (true, None) => {
                    self.doing(WriterState::Nothing);
                    self.filled.notified().await;
                }
                (true, Some(end)) => {
                    if end == StreamEnd::Fin && self.shared.condition == Condition::Delayed {
                        tokio::time::sleep(DELAY).await;
                    }
                    self.hold().await;
                    return None;
                }
                (false, _) => return Some(self.take(random).await),
            }
        }
    }

    /// Takes from a queue that is not empty, as the condition says.
    async fn take(&self, random: &mut fastrand::Rng) -> Vec<u8> {
        match self.shared.condition {
            Condition::Clear => self.taken(|queue| queue.pieces.pop_front().map(|piece| piece.bytes)),
            Condition::Interleaved => {
                self.hold().await;
                self.taken(|queue| queue.pieces.pop_front().map(|piece| piece.bytes))
            }
            Condition::Delayed => {
                let came = self.queue().pieces.front().map(|piece| piece.came);
                if let Some(came) = came {
                    tokio::time::sleep_until(came + DELAY).await;
                }
                self.taken(|queue| queue.pieces.pop_front().map(|piece| piece.bytes))
            }
            Condition::Coalesced => {
                self.released().await;
                self.taken(|queue| Some(queue.pieces.drain(..).flat_map(|piece| piece.bytes).collect()))
            }
            Condition::Fragmented => {
                let sealed = self.shared.lock().evidence.connections[self.id].flow(self.direction).wire.is_sealed();
                self.taken(|queue| {
                    let mut piece = queue.pieces.pop_front()?;
                    let size = piece.fragment(sealed, random);
                    if piece.bytes.len() > size {
                        let rest = piece.bytes.split_off(size);
                        queue.pieces.push_front(Chunk { bytes: rest, gone: piece.gone + size, ..piece });
                    }
                    Some(piece.bytes)
                })
            }
        }
    }

    /// On an interleaved link, waits until the next piece, or the end, is released.
    async fn hold(&self) {
        self.shared.hold(Held::Piece { connection: self.id, direction: self.direction }).await;
    }

    fn taken(&self, take: impl FnOnce(&mut Queue) -> Option<Vec<u8>>) -> Vec<u8> {
        let mut queue = self.queue();
        let piece = take(&mut queue).unwrap_or_default();
        queue.held -= piece.len();
        drop(queue);
        self.drained.notify_one();
        piece
    }

    /// Waits for the next release.
    async fn released(&self) {
        let before = self.shared.lock().released;
        self.doing(WriterState::Holding);
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.shared.lock().released > before {
                break;
            }
            changed.await;
        }
        self.doing(WriterState::Moving);
    }

    async fn unless_stalled(&self) {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if !self.shared.lock().stalled {
                return;
            }
            self.doing(WriterState::Stalled);
            changed.await;
            self.doing(WriterState::Moving);
        }
    }

    /// Sends a piece, up to the point at which the link breaks off.
    async fn deliver(&self, piece: &[u8]) -> Result<(), ConnectionEnd> {
        let at = {
            let mut state = self.shared.lock();
            let so_far: u64 = state.evidence.connections.iter_mut().map(|c| c.flow(self.direction).delivered).sum();
            state
                .break_at
                .filter(|(direction, ..)| *direction == self.direction)
                .map(|(_, at, how)| (at.saturating_sub(so_far), how))
        };
        let here = at.filter(|(left, _)| *left <= piece.len() as u64);
        let end = here.map_or(piece.len(), |(left, _)| usize::try_from(left).unwrap_or(piece.len()));
        self.send(&piece[..end]).await?;
        if here.is_some() || self.shared.condition == Condition::Fragmented {
            self.until_read().await;
        }
        here.map_or(Ok(()), |(_, how)| Err(ConnectionEnd::Broken(how)))
    }

    async fn send(&self, piece: &[u8]) -> Result<(), ConnectionEnd> {
        let mut left = piece;
        while !left.is_empty() {
            match self.to.try_write(left) {
                Ok(count) => left = &left[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.doing(WriterState::AwaitingRead);
                    if self.to.writable().await.is_err() {
                        return Err(ConnectionEnd::Reset);
                    }
                    self.doing(WriterState::Moving);
                }
                Err(_) => {
                    // The receiver is gone; its own direction records how.
                    return self.until_reset().await;
                }
            }
        }
        if !piece.is_empty() {
            self.shared.see(self.id, |connection, now| connection.delivered(now, self.direction, piece));
        }
        Ok(())
    }

    /// The receiver is gone, but what it sent before still has to arrive: the connection is over when the other
    /// direction is.
    async fn until_reset(&self) -> Result<(), ConnectionEnd> {
        self.doing(WriterState::Nothing);
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let other_done = {
                let mut state = self.shared.lock();
                state.evidence.connections[self.id].flow(self.direction.opposite()).fin_delivered.is_some()
            };
            if other_done {
                return Err(ConnectionEnd::Reset);
            }
            changed.await;
        }
    }

    /// Waits until the receiver has read all that was delivered.
    async fn until_read(&self) {
        let delivered = self.shared.lock().evidence.connections[self.id].flow(self.direction).arrived();
        until_read(self.to, delivered, self.shared, || self.doing(WriterState::AwaitingRead)).await;
        self.doing(WriterState::Moving);
    }

    async fn finish(&self) -> Result<(), ConnectionEnd> {
        if self.queue().end == Some(StreamEnd::Reset) {
            return Err(ConnectionEnd::Reset);
        }
        let _ = socket2::SockRef::from(self.to).shutdown(std::net::Shutdown::Write);
        let now = self.shared.now();
        self.shared.lock().evidence.connections[self.id].flow(self.direction).fin_delivered = Some(now);
        self.doing(WriterState::Nothing);
        self.shared.changed();
        Ok(())
    }
}

/// Waits until the peer at this socket has read this many bytes, with an end of stream counted as one, or is gone.
/// `idle` is called if that takes a while.
pub(super) async fn until_read(to: &TcpStream, delivered: u64, shared: &Shared, idle: impl Fn()) {
    /// How often the kernel is asked without a pause: a receiver that is awake needs microseconds.
    const EAGER: u32 = 64;
    let (Some(table), Some((ours, theirs))) = (&shared.sockets, addresses(to)) else {
        // The system does not say; a short pause is the best substitute.
        tokio::time::sleep(Duration::from_millis(1)).await;
        return;
    };
    for turn in 0_u32.. {
        match table.queues(theirs, ours) {
            // An acknowledgement would say so too, but may take 40 ms.
            Some(queues) if queues.unread > 0 || queues.received < delivered => {}
            // The bytes were read, or the receiver is gone.
            _ => return,
        }
        if turn < EAGER {
            std::thread::yield_now();
            tokio::task::yield_now().await;
        } else {
            idle();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

pub(super) async fn read_some(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        stream.readable().await?;
        match stream.try_read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other,
        }
    }
}
