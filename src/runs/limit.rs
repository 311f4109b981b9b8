//! The time limit of a run. Time in which peers were ready to run and had no processor does not
//! count, nor does time in which the runner was stopped, or occupied, with other runs perhaps: a
//! machine that is busy takes longer, and comes to the same verdict.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::stillness::{denied, occupied};

/// On however busy a machine: after so many times the limit a run is over.
const AT_MOST: u32 = 10;

/// Who sleeps so much longer than he wanted was stopped, as by Ctrl-Z, or the whole machine was.
const STOPPED: Duration = Duration::from_secs(1);

/// So many looks a limit at how long peers wait; a peer that has ended can't be asked any more.
const LOOKS: u32 = 20;

/// When a run is over, whatever happens.
pub(super) struct Limit {
    limit: Duration,
    start: Cell<Instant>,
    /// How long the runner had been occupied by then.
    occupied: Cell<Duration>,
    /// For each peer by its process: how long it was denied a processor, when it was last asked.
    denied: RefCell<BTreeMap<u32, Duration>>,
}

impl Limit {
    /// It begins now.
    pub(super) fn new(seconds: u64) -> Limit {
        let limit = Duration::from_secs(seconds);
        let occupied = Cell::new(occupied().unwrap_or_default());
        Limit { limit, start: Cell::new(Instant::now()), occupied, denied: RefCell::default() }
    }

    /// It begins anew, with peers that have run before.
    pub(super) fn restart(&self) {
        self.start.set(Instant::now());
        self.occupied.set(occupied().unwrap_or_default());
        self.denied.borrow_mut().clear();
    }

    /// A peer is up that may have to wait.
    pub(super) fn watch(&self, pid: u32) {
        self.denied.borrow_mut().insert(pid, Duration::ZERO);
    }

    /// How long peers have waited for a processor so far, added up.
    pub(super) fn denied(&self) -> Duration {
        let mut peers = self.denied.borrow_mut();
        for (pid, before) in peers.iter_mut() {
            *before = denied(*pid).unwrap_or_default().max(*before);
        }
        peers.values().sum()
    }

    /// When it will be over, as far as can be said now.
    pub(super) fn end(&self) -> Instant {
        let occupied = occupied().unwrap_or_default().saturating_sub(self.occupied.get());
        self.start.get() + (self.limit + self.denied() + occupied).min(self.limit * AT_MOST)
    }

    /// Will it be over by then, as far as can be said now?
    pub(super) fn is_over_at(&self, then: Instant) -> bool {
        then > self.start.get() + self.limit && then > self.end()
    }

    /// Waits until it is over.
    pub(super) async fn over(&self) {
        loop {
            let left = self.end().saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let (nap, start) = (left.min(self.limit / LOOKS), Instant::now());
            tokio::time::sleep(nap).await;
            let late = start.elapsed().saturating_sub(nap);
            if late > STOPPED {
                self.start.set(self.start.get() + late);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Limit;

    /// As after Ctrl-Z and `fg`: a thread that is stopped hears of nothing.
    #[tokio::test]
    async fn time_in_which_the_runner_was_stopped_does_not_count() {
        let limit = Limit::new(1);
        let over = limit.over();
        tokio::pin!(over);
        assert!(futures_util::poll!(&mut over).is_pending());
        // Longer than the limit, and than what is taken for a stop.
        std::thread::park_timeout(Duration::from_secs(3));
        // The timer of the nap needs to see that its time has come.
        tokio::task::yield_now().await;
        assert!(futures_util::poll!(&mut over).is_pending(), "a second is over, but nobody could use it");
        over.await;
    }
}
