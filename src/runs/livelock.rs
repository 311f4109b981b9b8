//! Livelocks: peers that talk to each other for ever, to no visible effect.
//!
//! A byte on a connection is an effect, so two peers that ask each other again and again never look idle. Their
//! processor time tells them from peers with a lot to say: a correct program prints something, or ends, long before.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::ActiveRun;
use super::follower::Follower;
use crate::quiescence::{Usage, usage};

/// The processor time of a peer that computes to no effect, as a program may have to make a hash or a key.
pub(super) const COMPUTING: Duration = Duration::from_millis(1500);

/// A peer that talks and shows nothing may use one part in this many of the time limit, in processor time, but never
/// less than [`COMPUTING`].
const PART: u32 = 4;

/// The interval at which the peers' usage is read.
const PAUSE: Duration = Duration::from_millis(250);

/// What peers have used since the last visible event, or since no byte moved between two readings.
pub(super) struct LivelockMeter {
    next: Instant,
    /// The links' counter at the last reading.
    ticks: u64,
    /// For each role, the usage at the first reading.
    before: Vec<Option<Usage>>,
}

impl LivelockMeter {
    pub(super) fn new(roles: usize, ticks: u64) -> LivelockMeter {
        LivelockMeter { next: Instant::now() + PAUSE, ticks, before: vec![None; roles] }
    }
}

impl<F: Follower> ActiveRun<'_, F> {
    /// Has a peer used so much processor time on talk that the run is a livelock?
    pub(super) fn is_livelocked(&mut self) -> bool {
        if Instant::now() < self.livelock_meter.next {
            return false;
        }
        let ticks = self.ticks.load(Ordering::Relaxed);
        if ticks == self.livelock_meter.ticks {
            // Without traffic it is not a livelock; the watchdog judges peers that compute.
            self.livelock_meter = LivelockMeter::new(self.peers.len(), ticks);
            return false;
        }
        (self.livelock_meter.next, self.livelock_meter.ticks) = (Instant::now() + PAUSE, ticks);
        let mut most = Duration::ZERO;
        for (before, peer) in self.livelock_meter.before.iter_mut().zip(&self.peers) {
            let Some(used) = peer.as_ref().and_then(|(peer, _)| usage(peer.id)) else { continue };
            most = most.max(used.since(before.get_or_insert(used)).total());
        }
        let enough = (Duration::from_secs(self.plan.scenario.limit) / PART).max(COMPUTING);
        // Tell the executor in time, so that it runs fewer others beside this one.
        if most >= enough / 2 {
            (self.computing)();
        }
        most >= enough
    }
}
