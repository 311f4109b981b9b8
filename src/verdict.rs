//! The results of runs and of stages.
//!
//! A verdict is about the learner's program and nothing else. It is a value: it can be shown, written as JSON, stored
//! and compared with others, long after the run.

use serde::{Deserialize, Serialize};

use crate::course::{Condition, Pairing, Rule, Scenario, Stage};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::matcher::{Captures, Ending};
use crate::transcript::RoleId;

/// Which run: one scenario × pairing × condition, the `repeat`-th time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunId {
    /// The scenario's name.
    pub scenario: String,
    /// Who plays.
    pub pairing: Pairing,
    /// The condition of its links.
    pub condition: Condition,
    /// Tells runs apart that are otherwise the same, counted from 0: the order of events, where the links are
    /// interleaved, or the time, where the scenario is run several times.
    pub which: Option<u32>,
    /// Counted from 0.
    pub repeat: u32,
    /// The seed of the run's random choices.
    pub seed: u64,
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} · {} · {}", self.scenario, self.pairing, self.condition.name())?;
        let what = if self.order().is_some() { "order" } else { "time" };
        self.which.map_or(Ok(()), |which| write!(f, ", {what} {}", which + 1))
    }
}

impl RunId {
    /// The order of events, counted from 0, where the links are interleaved.
    pub fn order(&self) -> Option<u32> {
        self.which.filter(|_| self.condition == Condition::Interleaved)
    }

    /// What the run is about: what the scenario shows, and the order of events, where that is chosen.
    pub fn about(&self, scenario: &str) -> String {
        let order = match self.order() {
            None => return scenario.to_owned(),
            Some(0) => "whatever is typed or done comes before anything still in flight",
            Some(1) => "whatever is in flight arrives before anything else is typed or done",
            Some(2) => "whatever the dialing side sends arrives as late as possible",
            Some(3) => "whatever the listening side sends arrives as late as possible",
            Some(_) => "one of the many possible orders, chosen by the seed",
        };
        format!("{scenario} The order of events here: {order}.")
    }
}

/// A run that is over.
#[derive(Debug, Clone)]
pub struct Run {
    /// Which.
    pub id: RunId,
    /// Its result.
    pub outcome: Outcome,
    /// Everything that was seen.
    pub evidence: Evidence,
    /// What was captured, as each role of the transcript knows it.
    pub captures: Vec<Captures>,
}

impl Run {
    /// Did it pass?
    pub fn passed(&self) -> bool {
        matches!(self.outcome, Outcome::Passed)
    }

    /// How and why it failed, if it did.
    pub fn failure(&self) -> Option<&Failed> {
        match &self.outcome {
            Outcome::Failed(failed) => Some(failed),
            Outcome::Passed | Outcome::NotRun(_) => None,
        }
    }

    /// What kept it from being executed, if something did.
    pub fn not_run(&self) -> Option<&MachineFailure> {
        match &self.outcome {
            Outcome::NotRun(failure) => Some(failure),
            Outcome::Passed | Outcome::Failed(_) => None,
        }
    }

    /// Drops the evidence: it is not needed of a run that passed, nor of the hundredth that failed.
    pub fn forget(&mut self) {
        self.evidence.forget();
        self.captures.clear();
    }
}

/// The result of a run.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Everything was as the transcript says.
    Passed,
    /// Something did not fit it.
    Failed(Failed),
    /// The machine kept it from being executed: it has neither passed nor failed.
    NotRun(MachineFailure),
}

impl Outcome {
    /// Its name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Failed(_) => "failed",
            Outcome::NotRun(_) => "unplayed",
        }
    }
}

/// What kept a run from being executed: something that the machine lacks or refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Unplayed"))]
pub struct MachineFailure {
    /// The name of what is lacking.
    pub id: String,
    /// What happened, and where. Escaped.
    pub say: String,
    /// What to do next.
    pub help: String,
}

/// A failed run: how, and why.
#[derive(Debug, Clone)]
pub struct Failed {
    /// What did not fit the transcript.
    pub how: Failure,
    /// The steps (as indices) that were awaited when it failed.
    pub awaited: Vec<usize>,
    /// How many actions had happened.
    pub phase: usize,
    /// The most likely reason.
    pub because: Explanation,
}

/// What did not fit the transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// A role printed a line (by index) that no expectation explains.
    Line(RoleId, usize),
    /// A role ended in a way, or at a point, that the transcript does not allow.
    Ended(RoleId, Ending),
    /// Deadlock: every peer is waiting for another one.
    Stuck,
    /// The time limit, in seconds.
    TimeLimit(u64),
    /// What is expected of a role did not come in its time, nor long after.
    TooLate(RoleId),
    /// A role printed more than is allowed.
    Flood(RoleId),
    /// Peers wake by themselves again and again, to no effect.
    Restless,
    /// Peers talk to each other without end, to no visible effect.
    Livelock,
    /// A role uses processor time without end, to no effect.
    Spinning(RoleId),
    /// A role writes to standard error without end, while nothing else happens.
    Noisy(RoleId),
    /// A role left a process behind that holds its output.
    Leaked(RoleId),
    /// A role listens on every interface of the machine, not only on loopback.
    OpenToAll(RoleId),
    /// A role could not be started.
    NotStarted(RoleId, String),
    /// The machine kept the run from being executed. This is never part of a verdict: the run's [`Outcome`] is
    /// [`Outcome::NotRun`].
    Machine(MachineFailure),
    /// The transcript can be read in too many ways, which is its author's fault.
    Ambiguous(RoleId),
}

/// Why a run failed, in words for the learner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Explanation {
    /// Its name, as mistakes and hints use it.
    pub id: String,
    /// What was seen and what it means.
    pub say: String,
    /// `file:line` where a program says it crashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// The result of a stage.
#[derive(Debug, Clone)]
pub struct StageVerdict {
    /// Which stage.
    pub stage: String,
    /// Every run, in the order of the plan.
    pub runs: Vec<Run>,
    /// Runs that were skipped, because too many before them took too long to fail.
    pub left_out: usize,
    /// How long all runs took.
    pub took: std::time::Duration,
    /// Processor time that the runner and its peers used meanwhile, where the system says.
    pub processor: Option<(std::time::Duration, std::time::Duration)>,
}

/// The state of a rule of the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Kept"))]
#[serde(rename_all = "kebab-case")]
pub enum RuleState {
    /// Every run of every scenario that is there for it passed.
    Kept,
    /// One of them failed.
    Broken,
    /// None failed, but not all of them were executed.
    Untried,
}

impl RuleState {
    /// Its name in JSON and JUnit.
    pub fn name(self) -> &'static str {
        match self {
            RuleState::Kept => "kept",
            RuleState::Broken => "broken",
            RuleState::Untried => "untried",
        }
    }
}

impl Failure {
    /// How slow this failure is to detect, in units of one slow run: every further such run would cost the learner
    /// the same wait again. A peer that spins also slows down the others meanwhile.
    pub fn slowness(&self) -> usize {
        match self {
            Failure::Spinning(_) | Failure::Livelock => 3,
            Failure::TimeLimit(_)
            | Failure::TooLate(_)
            | Failure::Restless
            | Failure::Noisy(_)
            | Failure::Flood(_)
            | Failure::Leaked(_) => 1,
            Failure::Line(..)
            | Failure::Ended(..)
            | Failure::Stuck
            | Failure::OpenToAll(_)
            | Failure::NotStarted(..)
            | Failure::Machine(_)
            | Failure::Ambiguous(_) => 0,
        }
    }
}

impl StageVerdict {
    /// Did every run pass?
    pub fn passed(&self) -> bool {
        !self.runs.is_empty() && self.runs.iter().all(Run::passed)
    }

    /// The failed runs.
    pub fn failed(&self) -> impl Iterator<Item = (&Run, &Failed)> {
        self.runs.iter().filter_map(|run| run.failure().map(|failed| (run, failed)))
    }

    /// The runs that could not be executed.
    pub fn not_run(&self) -> impl Iterator<Item = (&Run, &MachineFailure)> {
        self.runs.iter().filter_map(|run| run.not_run().map(|failure| (run, failure)))
    }

    /// The error if some runs could not be executed: then there is no verdict, whatever the results of the others.
    pub fn trouble(&self) -> Option<Error> {
        let (run, first) = self.not_run().next()?;
        let message = match (self.not_run().count(), self.runs.len()) {
            (1, 1) => format!("the run of {} could not be executed", self.stage),
            (count, all) => format!("{count} of {all} runs of {} could not be executed", self.stage),
        };
        Some(Error::new(message).because(format!("{run}: {}", first.say, run = run.id)).help(first.help.clone()))
    }

    /// The rules of its stage, each with its state.
    pub fn rules<'s>(&self, stage: &'s Stage) -> Vec<(&'s Rule, RuleState)> {
        let repeats = self.runs.iter().map(|run| run.id.repeat).max().map_or(1, |last| last as usize + 1);
        let of = |scenario: &Scenario| {
            let runs: Vec<&Run> = self.runs.iter().filter(|run| run.id.scenario == scenario.name).collect();
            let passed = runs.iter().filter(|run| run.passed()).count();
            if runs.iter().any(|run| run.failure().is_some()) {
                RuleState::Broken
            } else if passed < scenario.runs() * repeats {
                RuleState::Untried
            } else {
                RuleState::Kept
            }
        };
        let of_scenarios: Vec<(&Scenario, RuleState)> = stage.scenarios.iter().map(|s| (s, of(s))).collect();
        let of_rule = |rule: &Rule| {
            let there = || of_scenarios.iter().filter(|(scenario, _)| scenario.rules.contains(&rule.id));
            let any = |kept| there().any(|(_, other)| *other == kept);
            let tested = there().next().is_some();
            match (any(RuleState::Broken), any(RuleState::Untried) || !tested) {
                (true, _) => RuleState::Broken,
                (false, true) => RuleState::Untried,
                (false, false) => RuleState::Kept,
            }
        };
        stage.rules.iter().map(|rule| (rule, of_rule(rule))).collect()
    }

    /// The failed run to show: the first in the order of the plan, which goes from simple to hard.
    pub fn shown(&self) -> Option<(&Run, &Failed)> {
        self.failed().next()
    }
}
