//! The time limit of a run. Time in which peers were ready to run but had no processor does not count, nor does time
//! in which the runner was suspended, or occupied, perhaps with other runs. So a busy machine takes longer and comes
//! to the same verdict.
//!
//! Peers that wait at the same time lose that time once; and what they take from each other is not lost: while they have
//! all processors, time passes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::machine::cores;
use crate::quiescence::{Scheduled, occupied, scheduled};

/// However busy the machine is, at least one part in this many of the elapsed time counts.
const AT_MOST: u32 = 10;

/// A sleep that overruns by this much means that the process was suspended, as by Ctrl-Z.
const SUSPENDED: Duration = Duration::from_secs(1);

/// How often, within the limit, the peers' waiting time is read; it can't be read any more once a peer has ended.
const CHECKS: u32 = 20;

/// The longest time between two such readings.
const LONGEST_NAP: Duration = Duration::from_millis(500);

/// The least time between two of them.
const WINDOW: Duration = Duration::from_millis(50);

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
    /// For each peer, by its process id: what it had had of the processors by then.
    peers: BTreeMap<u32, Scheduled>,
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
            peers: BTreeMap::new(),
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
        self.meter.borrow_mut().peers.insert(pid, Scheduled::default());
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
    /// Reads what peers have had of the processors and how long the runner was occupied, and notes it. Readings that
    /// come too soon for that are left out: a wait is reported when it is over, and would count for too little.
    fn read(&mut self) {
        let now = Instant::now();
        if now.saturating_duration_since(self.read) < WINDOW {
            return;
        }
        let since = self.peers.iter_mut().map(|(pid, before)| {
            let now = scheduled(*pid).unwrap_or_default();
            let since =
                Scheduled { ran: now.ran.saturating_sub(before.ran), denied: now.denied.saturating_sub(before.denied) };
            *before = before.plus(since);
            since
        });
        let since: Vec<Scheduled> = since.collect();
        let busy = occupied().unwrap_or_default();
        self.note(now, &since, busy.saturating_sub(self.occupied), cores());
        self.occupied = busy;
    }

    /// Notes what each peer has had of this many processors, and how long the runner was occupied, since the last
    /// reading.
    fn note(&mut self, now: Instant, since: &[Scheduled], occupied: Duration, cores: usize) {
        let passed = now.saturating_duration_since(self.read);
        let all = since.iter().copied().fold(Scheduled::default(), Scheduled::plus);
        let had = all.ran / u32::try_from(cores.max(1)).unwrap_or(u32::MAX);
        let most = passed.saturating_sub(had);
        let longest = since.iter().map(|peer| peer.denied).max().unwrap_or_default();
        // Nothing else happened in all of this time: the wait has begun before.
        let before = if most == passed { longest.saturating_sub(passed).min(ONE_WAIT) } else { Duration::ZERO };
        self.waited.add(now, all.denied.min(most) + before);
        self.lost.add(now, (all.denied + occupied).min(most) + before);
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

    use super::{Scheduled, Spans, TimeLimit};

    #[test]
    fn no_time_is_lost_twice() {
        let start = Instant::now();
        let at = |time| start + ms(time);
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

    const NOTHING: Duration = Duration::ZERO;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn peer(ran: u64, denied: u64) -> Scheduled {
        Scheduled { ran: ms(ran), denied: ms(denied) }
    }

    /// When twenty peers start at once, they wait for each other.
    #[test]
    fn peers_that_wait_at_the_same_time_lose_it_once() {
        let limit = TimeLimit::new(2);
        let mut meter = limit.meter.borrow_mut();
        let start = meter.read;
        for reading in 1..=10 {
            meter.note(start + ms(100 * reading), &[peer(2, 90); 20], ms(30), 2);
        }
        // In each of them they had 40 ms of two processors.
        assert_eq!((meter.lost.since(start), meter.waited.since(start)), (ms(800), ms(800)));
        // Then the machine is idle.
        meter.note(start + ms(2000), &[peer(0, 0); 20], NOTHING, 2);
        assert_eq!(meter.lost.since(start), ms(800));
        // A wait is reported when it is over.
        meter.note(start + ms(2100), &[peer(0, 180), peer(0, 0)], NOTHING, 2);
        assert_eq!(meter.lost.since(start), ms(980));
        // The many threads of a peer wait at the same time, too.
        meter.note(start + ms(3000), &[peer(0, 50_000)], NOTHING, 2);
        assert_eq!(meter.lost.since(start), ms(1900));
    }

    /// However many processes a peer starts, together they have had both processors.
    #[test]
    fn what_peers_take_from_each_other_is_not_lost() {
        let limit = TimeLimit::new(2);
        let mut meter = limit.meter.borrow_mut();
        let start = meter.read;
        meter.note(start + ms(100), &[peer(200, 600)], NOTHING, 2);
        assert_eq!(meter.lost.since(start), NOTHING);
        // Now others have half of the machine.
        meter.note(start + ms(200), &[peer(100, 700)], NOTHING, 2);
        assert_eq!(meter.lost.since(start), ms(50));
        // One that computes alone, and has a processor for a third of the time.
        meter.note(start + ms(300), &[peer(33, 67)], NOTHING, 2);
        assert_eq!(meter.lost.since(start), ms(117));
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
