//! Peers that talk to each other for ever: bytes move, and nothing that anybody can see comes of it.
//!
//! A byte on a connection is an effect, and so each of two peers that ask each other again and again waits for
//! something. What tells them from peers with a lot to say is what they use: a right program has shown something,
//! or has ended, long before.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::ActiveRun;
use super::follower::Follower;
use crate::quiescence::{Usage, usage};

/// A peer that computes to no effect has this much processor time: a program may have a hash to make, or
/// a key.
pub(super) const COMPUTING: Duration = Duration::from_millis(1500);

/// A peer that talks and shows nothing has one part in this many of the time limit, in processor time; and never
/// less than one that computes.
const PART: u32 = 4;

/// What peers have used is looked at after this time, and then again and again.
const PAUSE: Duration = Duration::from_millis(250);

/// What peers have used since something was last to be seen, or no byte moved between two looks.
pub(super) struct LivelockMeter {
    next: Instant,
    /// How much the links had seen at the last look.
    ticks: u64,
    /// For each role, at the first look.
    before: Vec<Option<Usage>>,
}

impl LivelockMeter {
    pub(super) fn new(roles: usize, ticks: u64) -> LivelockMeter {
        LivelockMeter { next: Instant::now() + PAUSE, ticks, before: vec![None; roles] }
    }
}

impl<F: Follower> ActiveRun<'_, F> {
    /// Has a peer talked for so much of its processor time that nothing is going to be seen any more?
    pub(super) fn is_livelocked(&mut self) -> bool {
        if Instant::now() < self.livelock_meter.next {
            return false;
        }
        let ticks = self.ticks.load(Ordering::Relaxed);
        if ticks == self.livelock_meter.ticks {
            // Whoever uses a processor now does not talk.
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
        // Whoever plays other runs beside is told in time.
        if most >= enough / 2 {
            (self.computing)();
        }
        most >= enough
    }
}
