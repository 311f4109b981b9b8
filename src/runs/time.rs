//! Time that a transcript asks for: `role within 2s | …`, `! nothing for 2s` and `role = running for 2s`.
//!
//! What has to come *within* a time is judged by the clock of the time limit ([`TimeLimit`](super::limit::TimeLimit)):
//! only time that the peers could use counts.
//!
//! A *silence* lasts until the peers could use all of its time, so that a busy machine does not hide a line that would
//! have come within it. But a line is too early only if it comes before the time has passed by the clock on the wall,
//! which a program's own timers go by: on a busy machine, what comes in between ends the silence and is judged by the
//! lines below it. So neither of the two demands fails a program for what the machine does.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::follower::Follower;
use super::watchdog::Assessment;
use super::{ActiveRun, RoleAndEvent};
use crate::evidence::OffTime;
use crate::matcher::{Clock, Pending, Refused};
use crate::process::PeerEvent;
use crate::transcript::{Expect, RoleId, StepKind};
use crate::verdict::Failure;

/// For a time, no role may print anything, or not this one.
#[derive(Debug)]
pub(super) struct Silence {
    /// The step that asks for it, as an index.
    step: usize,
    role: Option<RoleId>,
    since: Instant,
    time: Duration,
}

impl Silence {
    fn is_of(&self, role: RoleId) -> bool {
        self.role.is_none_or(|own| own == role)
    }

    /// May a line have come too early for it?
    fn is_broken_by(&self, role: RoleId) -> bool {
        self.is_of(role) && self.since.elapsed() < self.time
    }
}

impl<F: Follower> ActiveRun<'_, F> {
    /// A silence that begins now, and that this line of the transcript asks for.
    pub(super) fn silence(&self, line: usize, role: Option<RoleId>, time: Duration) -> Silence {
        let steps = &self.plan.scenario.transcript.steps;
        let step = steps.iter().position(|step| step.line == line).unwrap_or(0);
        Silence { step, role, since: Instant::now(), time }
    }

    /// The silences of roles that are running at the end.
    pub(super) fn last_silences(&self) -> Vec<Silence> {
        let steps = self.plan.scenario.transcript.steps.iter();
        let timed = steps.filter_map(|step| match step.kind {
            StepKind::Expect(role, Expect::Running) => Some(self.silence(step.line, Some(role), step.time?)),
            _ => None,
        });
        timed.collect()
    }

    /// Waits until the time of all these silences has passed.
    pub(super) async fn keep_silent(&mut self, silences: Vec<Silence>) -> Result<(), Failure> {
        self.silences = silences;
        self.begin_to_wait();
        loop {
            let left = |silence: &Silence| silence.time.saturating_sub(self.limit.usable_since(silence.since));
            let left = self.silences.iter().map(left).max().unwrap_or_default();
            if left.is_zero() {
                break;
            }
            tokio::select! {
                biased;
                event = self.events.receiver.recv() => {
                    let Some(event) = event else { break };
                    if self.comes_after_silence(&event) {
                        self.held = Some(event);
                        break;
                    }
                    self.take(event.0, event.1)?;
                    self.begin_to_wait();
                }
                () = tokio::time::sleep(self.watchdog.pause.min(left)) => match self.consider().1 {
                    Assessment::Release => self.release(),
                    Assessment::Fails(failure) => return Err(failure),
                    Assessment::Wait | Assessment::Stuck | Assessment::Restless => {}
                },
            }
        }
        self.silences.clear();
        Ok(())
    }

    /// A line of a role that had to be silent, and was for long enough by the clock on the wall.
    fn comes_after_silence(&self, (role, event): &RoleAndEvent) -> bool {
        let mut silences = self.silences.iter();
        matches!(event, PeerEvent::Line { .. })
            && silences.clone().any(|silence| silence.is_of(*role))
            && !silences.any(|silence| silence.is_broken_by(*role))
    }

    /// Is a line of this role too early now? That is noted.
    pub(super) fn breaks_silence(&mut self, role: RoleId) -> bool {
        if self.aftermath {
            return false;
        }
        let Some(broken) = self.silences.iter().find(|silence| silence.is_broken_by(role)) else { return false };
        self.off_time = Some(OffTime { step: broken.step, took: broken.since.elapsed() });
        true
    }

    /// Notes what was refused because it came too late.
    pub(super) fn note_lateness(&mut self, refused: Refused) {
        if let (Refused::TooLate { step, took }, false) = (refused, self.aftermath) {
            self.off_time = Some(OffTime { step, took });
        }
    }

    /// Lets the follower judge something by the clock.
    pub(super) fn with_clock<T>(&mut self, judge: impl FnOnce(&mut F, &Clock<'_>) -> T) -> T {
        let limit = Rc::clone(&self.limit);
        judge(&mut self.follower, &Clock { now: Instant::now(), since: &|then| limit.usable_since(then) })
    }

    /// What has to come within a time.
    pub(super) fn pending(&self) -> Option<Pending> {
        let clock = Clock { now: Instant::now(), since: &|then| self.limit.usable_since(then) };
        self.follower.pending(&clock)
    }

    /// For how long what has a time is still awaited.
    pub(super) fn time_left(&mut self) -> Result<Duration, Failure> {
        let Some(pending) = self.pending() else { return Ok(Duration::MAX) };
        let left = pending.left();
        if left.is_zero() { Err(self.too_late(pending)) } else { Ok(left) }
    }

    /// The run failed in this way, unless something was late then.
    pub(super) fn late_or(&mut self, failure: Failure) -> Failure {
        let hangs = matches!(failure, Failure::TimeLimit(_) | Failure::Stuck | Failure::Restless);
        match self.pending().filter(|pending| hangs && pending.is_late()) {
            Some(pending) => self.too_late(pending),
            None => failure,
        }
    }

    fn too_late(&mut self, pending: Pending) -> Failure {
        self.off_time = Some(OffTime { step: pending.step, took: pending.took });
        Failure::TooLate(pending.role)
    }
}
