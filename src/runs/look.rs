//! What are the peers and the links doing? The system is asked; see [`stillness`](crate::stillness).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{LOOK, Player};
use crate::course::Condition;
use crate::link::{Link, Quiet};
use crate::stillness::{Activity, Watch};
use crate::transcript::RoleId;

/// What a look at the peers and the links shows.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Somebody is doing something.
    Busy,
    /// All peers sleep; a link holds bytes back.
    Holding,
    /// All peers sleep, and nothing is on its way. `mark` is the same as long as it lasts.
    Still { mark: u64, for_good: bool },
    /// The system does not say.
    Blind,
}

impl Player<'_> {
    /// What are the peers and the links doing? The links are asked first, then all peers, then
    /// all again: where nothing has changed in between, there was a common instant of rest.
    pub(super) fn look(&mut self) -> Look {
        let before = self.quiet();
        if self.sockets.is_none() && !self.links.is_empty() {
            // What is on its way can't be seen here: nobody can be said to wait in vain.
            return if before == Quiet::Moving { Look::Busy } else { Look::Blind };
        }
        if before == Quiet::Moving {
            return Look::Busy;
        }
        let (first, second) = (self.asleep(), self.asleep());
        match (first, second) {
            (Err(look), _) | (_, Err(look)) => look,
            (Ok(first), Ok(second)) if first.0 != second.0 => Look::Busy,
            (Ok((mark, for_good)), Ok(_)) => match before.min(self.quiet()) {
                Quiet::Moving => Look::Busy,
                Quiet::Holding => Look::Holding,
                Quiet::Still => Look::Still { mark, for_good },
            },
        }
    }

    /// Before the first look at a wait: where a link holds bytes back, peers that sleep are what
    /// is waited for; elsewhere most waits are over before anybody needs to look.
    pub(super) fn first_pause(&self) -> Duration {
        if self.plan.id.condition == Condition::Coalesced { LOOK.0 } else { LOOK.0 * 4 }
    }

    /// The watches on the peers that are up.
    pub(super) fn watches(&self) -> impl Iterator<Item = &Watch> {
        self.peers.iter().flatten().map(|(_, watch)| watch)
    }

    pub(super) fn quiet(&self) -> Quiet {
        self.links.iter().map(Link::quiet).min().unwrap_or(Quiet::Still)
    }

    /// When all peers sleep: a mark that changes when one has run, and whether none can wake by
    /// itself before the time limit.
    pub(super) fn asleep(&mut self) -> Result<(u64, bool), Look> {
        let mut mark = DefaultHasher::new();
        self.ticks.load(Ordering::Relaxed).hash(&mut mark);
        let mut first: Option<Instant> = None;
        for (peer, watch) in self.peers.iter_mut().flatten() {
            match watch.activity() {
                _ if peer.is_ending() => return Err(Look::Busy),
                Activity::Unknown => return Err(Look::Blind),
                // Gone: its ending is on its way.
                Activity::Busy | Activity::Gone => return Err(Look::Busy),
                Activity::Asleep { wakes, mark: own } => {
                    (peer.id, own).hash(&mut mark);
                    first = first.into_iter().chain(wakes).min();
                }
            }
        }
        // Asked once: what the limit is depends on how long each peer has waited for a processor.
        Ok((mark.finish(), first.is_none_or(|first| self.limit.is_over_at(first))))
    }

    /// A peer that was told that nothing more will come has nothing to wait for but its input.
    pub(super) fn told_of_the_end(&self, role: RoleId) -> bool {
        self.links.iter().any(|link| link.told_of_the_end(role))
    }
}
