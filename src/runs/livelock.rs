//! Peers that talk to each other for ever: bytes move, and nothing that anybody can see comes of it.
//!
//! A byte on a connection is an effect, and so each of two peers that ask each other again and again waits for
//! something. What tells them from peers with a lot to say is what they use: a right program has shown something,
//! or has ended, long before.

use std::time::{Duration, Instant};

use super::Player;
use crate::stillness::{Usage, usage};

/// A peer that shows nothing has one part in this many of the time limit, in processor time.
const PART: u32 = 4;

/// Once a peer has used one part in this many of the time limit, whoever plays other runs beside is told.
const TELLING_PART: u32 = 10;

/// What peers have used is looked at after this time, and then again and again.
const PAUSE: Duration = Duration::from_millis(250);

/// What peers have used since something was last to be seen.
#[derive(Default)]
pub(super) struct Unseen {
    next: Option<Instant>,
    /// For each role, at the first look.
    before: Vec<Option<Usage>>,
}

impl Player<'_> {
    /// Something was to be seen, a line or an end, or the runner has done something.
    pub(super) fn begin_to_watch(&mut self) {
        self.unseen = Unseen { next: Some(Instant::now() + PAUSE), before: vec![None; self.peers.len()] };
    }

    /// Has a peer used so much of its processor that nothing is going to be seen any more?
    pub(super) fn is_livelocked(&mut self) -> bool {
        let now = Instant::now();
        if self.unseen.next.is_none_or(|next| now < next) {
            return false;
        }
        self.unseen.next = Some(now + PAUSE);
        let limit = Duration::from_secs(self.plan.scenario.limit);
        let mut most = Duration::ZERO;
        for (before, peer) in self.unseen.before.iter_mut().zip(&self.peers) {
            let Some(used) = peer.as_ref().and_then(|(peer, _)| usage(peer.id)) else { continue };
            most = most.max(used.since(before.get_or_insert(used)).total());
        }
        if most >= limit / TELLING_PART {
            (self.computing)();
        }
        most >= limit / PART
    }
}
