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

/// The longest time between two such readings.
const LONGEST_NAP: Duration = Duration::from_millis(500);

/// The system reports a wait for a processor when it is over. One that was reported now may have begun this much
/// before the last reading.
const ONE_WAIT: Duration = Duration::from_millis(200);

/// The time limit of a run.
pub(super) struct TimeLimit {
    limit: Duration,
    began: Cell<Instant>,
    meter: RefCell<Meter>,
}

/// What the system says of waiting times, read again and again.
struct Meter {
    /// The last reading.
    read: Instant,
    /// For each peer, by its process id: how long it had been denied a processor by then.
    denied: BTreeMap<u32, Duration>,
    /// How long the runner had been occupied by then.
    occupied: Duration,
    /// When peers waited for a processor.
    waited: Spans,
    /// The same, or the runner was occupied.
    lost: Spans,
}

impl TimeLimit {
    /// A limit that begins now.
    pub(super) fn new(seconds: u64) -> TimeLimit {
        let now = Instant::now();
        let meter = Meter {
            read: now,
            denied: BTreeMap::new(),
            occupied: occupied().unwrap_or_default(),
            waited: Spans::default(),
            lost: Spans::default(),
        };
        TimeLimit { limit: Duration::from_secs(seconds), began: Cell::new(now), meter: RefCell::new(meter) }
    }

    /// Begins anew, with peers that are already up.
    pub(super) fn restart(&self) {
        self.meter.borrow_mut().read();
        self.began.set(Instant::now());
    }

    /// Adds a peer, whose waiting time does not count.
    pub(super) fn watch(&self, pid: u32) {
        self.meter.borrow_mut().denied.insert(pid, Duration::ZERO);
    }

    /// How much of the time so far peers have waited for a processor.
    pub(super) fn waited(&self) -> Duration {
        let mut meter = self.meter.borrow_mut();
        meter.read();
        meter.waited.since(self.began.get())
    }

    /// The time since then that peers and runner could use.
    pub(super) fn usable_since(&self, then: Instant) -> Duration {
        let lost = self.lost_since(then);
        let passed = then.elapsed();
        passed.saturating_sub(lost).max(passed / AT_MOST)
    }

    /// The time since then in which peers wanted a processor and had none, or the runner was occupied.
    fn lost_since(&self, then: Instant) -> Duration {
        let mut meter = self.meter.borrow_mut();
        meter.read();
        meter.lost.since(then)
    }

    /// When it will be over, as far as is known now.
    fn end(&self) -> Instant {
        let began = self.began.get();
        began + (self.limit + self.lost_since(began)).min(self.limit * AT_MOST)
    }

    /// Will it be over by then, as far as is known now?
    pub(super) fn is_over_at(&self, then: Instant) -> bool {
        then > self.began.get() + self.limit && then > self.end()
    }

    /// Waits until it is over.
    pub(super) async fn over(&self) {
        loop {
            let left = self.end().saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let (nap, start) = (left.min(self.limit / CHECKS).min(LONGEST_NAP), Instant::now());
            tokio::time::sleep(nap).await;
            let late = start.elapsed().saturating_sub(nap);
            if late > SUSPENDED {
                self.began.set(self.began.get() + late);
            }
        }
    }
}

impl Meter {
    /// Reads how long peers have waited and the runner was occupied since the last reading, and notes when.
    fn read(&mut self) {
        let waits = self.denied.iter_mut().map(|(pid, before)| {
            let since = denied(*pid).unwrap_or_default().saturating_sub(*before);
            *before += since;
            since
        });
        let waits: Vec<Duration> = waits.collect();
        let busy = occupied().unwrap_or_default();
        self.note(Instant::now(), &waits, busy.saturating_sub(self.occupied));
        self.occupied = busy;
    }

    /// Notes how long each peer has waited, and how long the runner was occupied, since the last reading. Several peers
    /// wait at the same time, and each says so: together they lose no more time than has passed.
    fn note(&mut self, now: Instant, waits: &[Duration], occupied: Duration) {
        let passed = now.saturating_duration_since(self.read);
        let all = waits.iter().sum::<Duration>();
        let longest = waits.iter().max().copied().unwrap_or_default().min(passed + ONE_WAIT);
        self.waited.add(now, all.min(passed).max(longest));
        self.lost.add(now, (all + occupied).min(passed).max(longest));
        self.read = now;
    }
}

/// Times that have passed, none of them twice, in their order.
#[derive(Default)]
struct Spans(Vec<(Instant, Instant)>);

impl Spans {
    /// Adds the time up to an instant that is later than any before.
    fn add(&mut self, end: Instant, time: Duration) {
        let Some(mut start) = end.checked_sub(time).filter(|start| *start < end) else { return };
        while let Some((earlier, _)) = self.0.pop_if(|(_, end)| *end >= start) {
            start = start.min(earlier);
        }
        self.0.push((start, end));
    }

    /// How much time it is since then.
    fn since(&self, then: Instant) -> Duration {
        let recent = self.0.iter().rev().take_while(|(_, end)| *end > then);
        recent.map(|(start, end)| end.saturating_duration_since(*start.max(&then))).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Spans, TimeLimit};

    #[test]
    fn no_time_is_lost_twice() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let ms = Duration::from_millis;
        let mut spans = Spans::default();
        spans.add(at(100), ms(30));
        spans.add(at(200), Duration::ZERO);
        spans.add(at(300), ms(50));
        assert_eq!(spans.since(start), ms(80));
        assert_eq!(spans.since(at(280)), ms(20));
        // What is reported late overlaps what is known, and joins it.
        spans.add(at(310), ms(40));
        assert_eq!((spans.since(start), spans.0.len()), (ms(90), 2));
        spans.add(at(320), ms(300));
        assert_eq!((spans.since(start), spans.0.len()), (ms(300), 1));
        assert_eq!(spans.since(at(320)), Duration::ZERO);
    }

    /// When twenty peers start at once, they wait for each other.
    #[test]
    fn peers_that_wait_at_the_same_time_lose_it_once() {
        let limit = TimeLimit::new(2);
        let ms = Duration::from_millis;
        let mut meter = limit.meter.borrow_mut();
        let start = meter.read;
        for reading in 1..=10 {
            meter.note(start + ms(100 * reading), &[ms(90); 20], ms(30));
        }
        assert_eq!((meter.lost.since(start), meter.waited.since(start)), (ms(1000), ms(1000)));
        // Then the machine is idle.
        meter.note(start + ms(2000), &[Duration::ZERO; 20], Duration::ZERO);
        assert_eq!(meter.lost.since(start), ms(1000));
        // A wait is reported when it is over.
        meter.note(start + ms(2001), &[ms(80), Duration::ZERO], Duration::ZERO);
        assert_eq!(meter.lost.since(start), ms(1080));
        // The many threads of a peer wait at the same time, too.
        meter.note(start + ms(2101), &[ms(5000)], Duration::ZERO);
        assert_eq!(meter.lost.since(start), ms(1300));
    }

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
