//! What comes in time, and what comes too late.
//!
//! The time of an expectation begins with the last thing that had to come before it: the last action above it, or the
//! last line or ending of its own role, whichever is later. Lines of other roles have no order with it, and lines that
//! may be missing begin nothing.

use std::fmt;
use std::time::{Duration, Instant};

use super::Refused;
use super::candidates::Candidate;
use crate::transcript::RoleId;

/// This much more than its time is still in time: a line needs a moment from the program to the runner, and lost time
/// is known only when it is over.
const TOLERANCE: Duration = Duration::from_millis(100);

/// What is late is awaited for this many times its time, so that the reason can say how late it came.
const AWAITED: u32 = 3;

/// The clock of a run. It counts only time that the peers could use.
pub struct Clock<'c> {
    /// Now.
    pub now: Instant,
    /// The time since then that they could use.
    pub since: &'c dyn Fn(Instant) -> Duration,
}

impl fmt::Debug for Clock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("now", &self.now).finish_non_exhaustive()
    }
}

/// Something that has to come within a time, and has not come yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// The role of which it is awaited.
    pub role: RoleId,
    /// Its step, as an index.
    pub step: usize,
    /// The time in which it has to come.
    pub within: Duration,
    /// How much time has passed.
    pub took: Duration,
}

impl Pending {
    /// Can it only come too late?
    pub fn is_late(&self) -> bool {
        is_late(self.within, self.took)
    }

    /// For how long it is still awaited.
    pub fn left(&self) -> Duration {
        (self.within * AWAITED).saturating_sub(self.took)
    }
}

fn is_late(within: Duration, took: Duration) -> bool {
    took > within + TOLERANCE
}

/// Judges whether an event comes in time.
pub(super) struct Timing<'c> {
    clock: Option<&'c Clock<'c>>,
    acted: Instant,
    /// What the event fits, but too late.
    pub late: Option<Refused>,
}

impl<'c> Timing<'c> {
    pub fn new(clock: Option<&'c Clock<'c>>, acted: Instant) -> Timing<'c> {
        Timing { clock, acted, late: None }
    }

    /// How much of its time what is expected of a role has used; `None` without a clock.
    pub fn took(&self, role: RoleId, candidate: &Candidate<'_>) -> Option<Duration> {
        let since = candidate.seen.of(role).map_or(self.acted, |seen| seen.max(self.acted));
        self.clock.map(|clock| (clock.since)(since))
    }

    /// Does a step come in time, if it has a time?
    pub fn is_in_time(
        &mut self,
        role: RoleId,
        candidate: &Candidate<'_>,
        (step, within): (usize, Option<Duration>),
    ) -> bool {
        let Some(within) = within else { return true };
        let Some(took) = self.took(role, candidate).filter(|took| is_late(within, *took)) else { return true };
        self.late = Some(Refused::TooLate { step, took });
        false
    }
}
