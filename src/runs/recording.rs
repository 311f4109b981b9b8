//! Recording: a run of a transcript whose expectations are not written yet.
//!
//! The actions of the transcript are done one after the other, each when all peers are at rest, and everything is
//! recorded. Consecutive actions that belong together are done at once.
//!
//! A name that an action uses takes its value from a line that the author has written, or else from the first printed
//! line with a value of that kind that no other name has.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::follower::Follower;
use super::recorded::{RecordError, Recorded};
use super::recorder::Recorder;
use super::scratch::hide;
use super::settle::Until;
use super::{ActiveRun, Plan, Programs, Resources};
use crate::machine::shortage::Since;
use crate::pattern::Pattern;
use crate::process::orphans;
use crate::quiescence::SocketTable;
use crate::transcript::Action;
use crate::verdict::Failure;

/// Carries out a scenario's actions, and records what is seen. The transcript may be a draft. `together` says for
/// each action whether the next one follows at once. The scenario's limit applies to each action. When the future is
/// dropped, nothing of the run is left.
pub async fn record(
    plan: &Plan<'_>,
    together: &[bool],
    programs: &dyn Programs,
    sockets: Option<Arc<SocketTable>>,
) -> Recorded {
    let since = Since::now();
    let resources = match Resources::new(plan) {
        Ok(resources) => resources,
        Err(failure) => {
            let failure = Some(Failure::Machine(failure).into());
            return Recorded { failure, ..Recorded::default() };
        }
    };
    orphans::adopt();
    let recorder = Recorder::new(plan.scenario, resources.given(plan));
    let mut run = ActiveRun::new(plan, (programs, &|| {}), sockets, recorder);
    let failure = tokio::select! {
        biased;
        rehearsed = run.rehearse(together) => rehearsed.err(),
        failure = since.meets() => Some(Failure::Machine(failure).into()),
    };
    let recorder = std::mem::take(&mut run.follower);
    let executed = run.finish(None).await;
    let Recorder { observations, given, found, handed, phase, .. } = recorder;
    let mut recorded = Recorded { observations, given, found, handed, evidence: executed.evidence, phase, failure };
    hide(&mut recorded);
    recorded
}

impl<'c> ActiveRun<'c, Recorder<'c>> {
    async fn rehearse(&mut self, together: &[bool]) -> Result<(), RecordError> {
        let plan = self.plan;
        let limit = Rc::clone(&self.limit);
        for (index, (_, action)) in plan.scenario.transcript.actions().enumerate() {
            self.prepare(action)?;
            if let Action::Nothing(_, time) = action {
                self.pass(*time).await?;
            }
            self.follower.act();
            limit.restart();
            self.act(action).await?;
            if !together.get(index).is_some_and(|together| *together) {
                tokio::select! {
                    biased;
                    rest = self.until_rest() => rest,
                    () = limit.over() => Err(Failure::TimeLimit(plan.scenario.limit)),
                }?;
                self.record_prompts()?;
            }
        }
        Ok(())
    }

    /// Checks that the action can be done, and finds the values that it names.
    fn prepare(&mut self, action: &'c Action) -> Result<(), RecordError> {
        let scenario = self.plan.scenario;
        let (role, texts) = match action {
            Action::Start(role, own) => (*role, scenario.args(*role, own.as_ref(), &self.plan.stage.roles)),
            Action::Type(role, text) => (*role, std::slice::from_ref(text)),
            Action::EndInput(role) | Action::Kill(role) | Action::Pause(role) | Action::Resume(role) => {
                (*role, [].as_slice())
            }
            Action::Link(..) | Action::UntilStill(_) | Action::Nothing(..) => return Ok(()),
        };
        match (action, self.peers[role].is_some()) {
            (Action::Start(..), true) => return Err(RecordError::IsUp(role)),
            (Action::Start(..), false) | (_, true) => {}
            (_, false) => return Err(RecordError::NotUp(role)),
        }
        texts.iter().flat_map(Pattern::names).try_for_each(|(name, ..)| self.follower.find(name, role))
    }

    /// Lets time pass. What comes meanwhile is recorded: it belongs above the line that asks for a silence.
    async fn pass(&mut self, time: Duration) -> Result<(), Failure> {
        let since = Instant::now();
        loop {
            let left = time.saturating_sub(self.limit.usable_since(since));
            if left.is_zero() {
                return Ok(());
            }
            if let Ok(Some((role, event))) = tokio::time::timeout(left, self.events.receiver.recv()).await {
                self.take(role, event)?;
            }
        }
    }

    /// Waits until all peers are at rest. A peer that sleeps for a while is waited for, unless it wakes again and
    /// again to no effect.
    async fn until_rest(&mut self) -> Result<(), Failure> {
        self.until(Until::Still, Self::is_done).await
    }
}
