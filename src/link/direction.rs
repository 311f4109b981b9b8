//! One direction of a connection: a reader that takes in what comes, a writer that delivers it as
//! the condition says.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{DELAY, Doing, Shared, addresses};
use crate::course::Condition;
use crate::evidence::Happened;

/// The first so many bytes of each direction go one by one over a fragmented link; after them
/// come pieces of up to [`MAX_PIECE`], so that long lines do not take long.
const SINGLE_BYTES: u64 = 24;

/// The longest later piece of a fragmented link; see [`SINGLE_BYTES`].
const MAX_PIECE: usize = 4096;

/// A direction takes in at most so much that it has not delivered: back-pressure works through
/// a link.
const MAX_HELD: usize = 256 * 1024;

/// How a connection came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Both sides said that they have said all.
    Finished,
    /// One side reset it.
    Reset,
    /// The runner cut it.
    Cut,
}

/// Carries both directions until the connection is over.
pub(super) async fn carry(id: usize, dialer: &TcpStream, listener: &TcpStream, shared: &Shared) -> Over {
    let there = Direction {
        id,
        there: true,
        from: dialer,
        to: listener,
        shared,
        queue: Mutex::default(),
        filled: Notify::new(),
        drained: Notify::new(),
    };
    let back = Direction {
        id,
        there: false,
        from: listener,
        to: dialer,
        shared,
        queue: Mutex::default(),
        filled: Notify::new(),
        drained: Notify::new(),
    };
    let both = async {
        match tokio::try_join!(there.run(), back.run()) {
            Ok(_) => Over::Finished,
            Err(over) => over,
        }
    };
    let cut = async {
        loop {
            let changed = shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if shared.lock().cut {
                return;
            }
            changed.await;
        }
    };
    tokio::select! {
        over = both => over,
        () = cut => Over::Cut,
    }
}

/// One direction of one connection.
struct Direction<'c> {
    id: usize,
    there: bool,
    from: &'c TcpStream,
    to: &'c TcpStream,
    shared: &'c Shared,
    queue: Mutex<Queue>,
    filled: Notify,
    drained: Notify,
}

#[derive(Default)]
struct Queue {
    pieces: VecDeque<(Instant, Vec<u8>)>,
    held: usize,
    end: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Fin,
    Reset,
}

impl Direction<'_> {
    async fn run(&self) -> Result<(), Over> {
        tokio::try_join!(self.read(), self.write()).map(|_| ())
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn doing(&self, doing: Doing) {
        self.shared.doing(self.id, self.there, doing);
    }

    /// Takes in what comes.
    async fn read(&self) -> Result<(), Over> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            while self.queue().held >= MAX_HELD {
                self.shared.full(self.id, self.there, true);
                self.drained.notified().await;
            }
            self.shared.full(self.id, self.there, false);
            let end = match read_some(self.from, &mut buffer).await {
                Ok(0) => End::Fin,
                Ok(count) => {
                    self.came(&buffer[..count]);
                    continue;
                }
                Err(_) => End::Reset,
            };
            self.shared.see(self.id, |connection, now| {
                let flow = connection.flow(self.there);
                let what = match end {
                    End::Fin => {
                        flow.fin = Some(now);
                        Happened::Finished
                    }
                    End::Reset => {
                        flow.reset = Some(now);
                        Happened::Reset
                    }
                };
                connection.note(now, self.there, what);
            });
            self.queue().end = Some(end);
            self.shared.wake(self.id, self.there);
            self.filled.notify_one();
            return Ok(());
        }
    }

    fn came(&self, bytes: &[u8]) {
        {
            let mut state = self.shared.lock();
            let flow = state.evidence.connections[self.id].flow(self.there);
            flow.came += bytes.len() as u64;
            flow.last = bytes.last().copied();
        }
        {
            let mut queue = self.queue();
            queue.held += bytes.len();
            queue.pieces.push_back((Instant::now(), bytes.to_vec()));
        }
        self.shared.wake(self.id, self.there);
        self.shared.changed();
        self.filled.notify_one();
    }

    /// Delivers what was taken in, as the condition says, and then the end.
    async fn write(&self) -> Result<(), Over> {
        let mut random = fastrand::Rng::with_seed(self.shared.seed ^ ((self.id as u64) << 1) ^ u64::from(self.there));
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
                    self.doing(Doing::Nothing);
                    self.filled.notified().await;
                }
                (true, Some(end)) => {
                    if end == End::Fin && self.shared.condition == Condition::Delayed {
                        tokio::time::sleep(DELAY).await;
                    }
                    return None;
                }
                (false, _) => return Some(self.take(random).await),
            }
        }
    }

    /// Takes from a queue that has something, as the condition says.
    async fn take(&self, random: &mut fastrand::Rng) -> Vec<u8> {
        match self.shared.condition {
            Condition::Clear => self.taken(|queue| queue.pieces.pop_front().map(|(_, piece)| piece)),
            Condition::Delayed => {
                let came = self.queue().pieces.front().map(|(at, _)| *at);
                if let Some(came) = came {
                    tokio::time::sleep_until(came + DELAY).await;
                }
                self.taken(|queue| queue.pieces.pop_front().map(|(_, piece)| piece))
            }
            Condition::Coalesced => {
                self.released().await;
                self.taken(|queue| Some(queue.pieces.drain(..).flat_map(|(_, piece)| piece).collect()))
            }
            Condition::Fragmented => {
                let so_far = self.shared.lock().evidence.connections[self.id].flow(self.there).delivered;
                let size = if so_far < SINGLE_BYTES { 1 } else { random.usize(1..=MAX_PIECE) };
                self.taken(|queue| {
                    let (at, mut piece) = queue.pieces.pop_front()?;
                    if piece.len() > size {
                        let rest = piece.split_off(size);
                        queue.pieces.push_front((at, rest));
                    }
                    Some(piece)
                })
            }
        }
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
        self.doing(Doing::Holding);
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.shared.lock().released > before {
                break;
            }
            changed.await;
        }
        self.doing(Doing::Moving);
    }

    async fn unless_stalled(&self) {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if !self.shared.lock().stalled {
                return;
            }
            self.doing(Doing::Stalled);
            changed.await;
            self.doing(Doing::Moving);
        }
    }

    /// Sends a piece, up to where the link is to be cut.
    async fn deliver(&self, piece: &[u8]) -> Result<(), Over> {
        let cut_in = {
            let mut state = self.shared.lock();
            let so_far: u64 = state.evidence.connections.iter_mut().map(|c| c.flow(self.there).delivered).sum();
            state.cut_at.filter(|(there, _)| *there == self.there).map(|(_, at)| at.saturating_sub(so_far))
        };
        let cut_here = cut_in.is_some_and(|left| left <= piece.len() as u64);
        let piece =
            &piece[..cut_in.map_or(piece.len(), |left| piece.len().min(usize::try_from(left).unwrap_or(usize::MAX)))];
        self.send(piece).await?;
        if cut_here || self.shared.condition == Condition::Fragmented {
            self.until_read().await;
        }
        if cut_here {
            return Err(Over::Cut);
        }
        Ok(())
    }

    async fn send(&self, piece: &[u8]) -> Result<(), Over> {
        let mut left = piece;
        while !left.is_empty() {
            match self.to.try_write(left) {
                Ok(count) => left = &left[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.doing(Doing::AwaitingRead);
                    if self.to.writable().await.is_err() {
                        return Err(Over::Reset);
                    }
                    self.doing(Doing::Moving);
                }
                Err(_) => {
                    // The receiver is gone; its own direction tells how.
                    return self.until_reset().await;
                }
            }
        }
        if !piece.is_empty() {
            self.shared.see(self.id, |connection, now| connection.delivered(now, self.there, piece));
        }
        Ok(())
    }

    /// The receiver takes no more. What it has sent before it went still has to arrive: the
    /// connection is over when the other direction is.
    async fn until_reset(&self) -> Result<(), Over> {
        self.doing(Doing::Nothing);
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let other_done = {
                let mut state = self.shared.lock();
                state.evidence.connections[self.id].flow(!self.there).fin_delivered.is_some()
            };
            if other_done {
                return Err(Over::Reset);
            }
            changed.await;
        }
    }

    /// Waits until the receiver has read all that was delivered.
    async fn until_read(&self) {
        /// Asked so often without a pause: a receiver that is awake needs microseconds.
        const EAGER: u32 = 64;
        let (Some(table), Some((ours, theirs))) = (&self.shared.sockets, addresses(self.to)) else {
            // The system does not say; this is the best that is left.
            tokio::time::sleep(Duration::from_millis(1)).await;
            return;
        };
        let delivered = self.shared.lock().evidence.connections[self.id].flow(self.there).delivered;
        for turn in 0_u32.. {
            match table.queues(theirs, ours) {
                // An acknowledgement would say so too, but may take 40 ms.
                Some(queues) if queues.unread > 0 || queues.received < delivered => {}
                // Read, or no longer there to read it.
                _ => break,
            }
            if turn < EAGER {
                std::thread::yield_now();
                tokio::task::yield_now().await;
            } else {
                self.doing(Doing::AwaitingRead);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        self.doing(Doing::Moving);
    }

    async fn finish(&self) -> Result<(), Over> {
        if self.queue().end == Some(End::Reset) {
            return Err(Over::Reset);
        }
        let _ = socket2::SockRef::from(self.to).shutdown(std::net::Shutdown::Write);
        let now = self.shared.now();
        self.shared.lock().evidence.connections[self.id].flow(self.there).fin_delivered = Some(now);
        self.doing(Doing::Nothing);
        self.shared.changed();
        Ok(())
    }
}

async fn read_some(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        stream.readable().await?;
        match stream.try_read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other,
        }
    }
}
