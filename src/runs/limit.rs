//! The time limit of a run. Time in which peers were ready to run but had no processor does not count, nor does time
//! in which the runner was suspended, or occupied, perhaps with other runs. So a busy machine takes longer and comes
//! to the same verdict.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::quiescence::{denied, occupied};

/// However busy the machine is, at least one part in this many of the elapsed time counts.
const AT_MOST: u32 = 10;

/// A sleep that overruns by this much means that the process was suspended, as by Ctrl-Z.
const SUSPENDED: Duration = Duration::from_secs(1);

/// How often, within the limit, the peers' waiting time is read; it can't be read any more once a peer has ended.
const CHECKS: u32 = 20;

/// The time limit of a run.
pub(super) struct TimeLimit {
    limit: Duration,
    began: Cell<ClockReading>,
    /// For each peer, by its process id: how long it had been denied a processor when that was last read.
    denied: RefCell<BTreeMap<u32, Duration>>,
}

/// An instant, and how long by then the peers had been denied a processor and the runner had been occupied.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClockReading {
    at: Instant,
    denied: Duration,
    occupied: Duration,
}

impl TimeLimit {
    /// A limit that begins now.
    pub(super) fn new(seconds: u64) -> TimeLimit {
        let began =
            ClockReading { at: Instant::now(), denied: Duration::ZERO, occupied: occupied().unwrap_or_default() };
        TimeLimit { limit: Duration::from_secs(seconds), began: Cell::new(began), denied: RefCell::default() }
    }

    /// Begins anew, with peers that are already up.
    pub(super) fn restart(&self) {
        self.began.set(self.now());
    }

    /// Adds a peer, whose waiting time does not count.
    pub(super) fn watch(&self, pid: u32) {
        self.denied.borrow_mut().insert(pid, Duration::ZERO);
    }

    /// How long all peers have waited for a processor so far, added up.
    pub(super) fn denied(&self) -> Duration {
        let mut peers = self.denied.borrow_mut();
        for (pid, before) in peers.iter_mut() {
            *before = denied(*pid).unwrap_or_default().max(*before);
        }
        peers.values().sum()
    }

    /// This moment, to measure from.
    pub(super) fn now(&self) -> ClockReading {
        ClockReading { at: Instant::now(), denied: self.denied(), occupied: occupied().unwrap_or_default() }
    }

    /// The time since then that peers and runner could use.
    pub(super) fn usable_since(&self, then: ClockReading) -> Duration {
        let passed = then.at.elapsed();
        passed.saturating_sub(self.lost_since(then)).max(passed / AT_MOST)
    }

    /// The time since then in which peers wanted a processor and had none, or the runner was occupied.
    fn lost_since(&self, then: ClockReading) -> Duration {
        let now = self.now();
        now.denied.saturating_sub(then.denied) + now.occupied.saturating_sub(then.occupied)
    }

    /// When it will be over, as far as is known now.
    pub(super) fn end(&self) -> Instant {
        let began = self.began.get();
        began.at + (self.limit + self.lost_since(began)).min(self.limit * AT_MOST)
    }

    /// Will it be over by then, as far as is known now?
    pub(super) fn is_over_at(&self, then: Instant) -> bool {
        then > self.began.get().at + self.limit && then > self.end()
    }

    /// Waits until it is over.
    pub(super) async fn over(&self) {
        loop {
            let left = self.end().saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let (nap, start) = (left.min(self.limit / CHECKS), Instant::now());
            tokio::time::sleep(nap).await;
            let late = start.elapsed().saturating_sub(nap);
            if late > SUSPENDED {
                let began = self.began.get();
                self.began.set(ClockReading { at: began.at + late, ..began });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::TimeLimit;

    /// As after Ctrl-Z and `fg`: a thread that is stopped hears of nothing.
    #[tokio::test]
    async fn time_in_which_the_runner_was_stopped_does_not_count() {
        let limit = TimeLimit::new(1);
        let over = limit.over();
        tokio::pin!(over);
        assert!(futures_util::poll!(&mut over).is_pending());
        // Longer than the limit, and than what is taken for a stop.
        std::thread::park_timeout(Duration::from_secs(3));
        // The timer of the nap needs to see that its time has come.
        tokio::task::yield_now().await;
        assert!(futures_util::poll!(&mut over).is_pending(), "a second is over, but the run could not use it");
        over.await;
    }
}
