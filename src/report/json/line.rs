//! The lines of `--format json`, as types: docs/json.md describes them, docs/schema/events.json is their schema.

use std::time::Duration;

use serde::Serialize;

use crate::course::{Condition, Party, Stage};
use crate::evidence::RoleOutput;
use crate::matcher::Ending;
use crate::verdict::{Explanation, MachineFailure, Outcome, RuleState, Run, StageVerdict};

/// The version of the format: raised when something is changed or removed, not when something
/// is added.
const VERSION: u32 = 1;

/// An event of `workshop verify --format json`, or of a command of `workshop author` with that option: one a line.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(title = "events"))]
pub struct JsonLine<'e> {
    /// The version of the format.
    version: u32,
    #[serde(flatten)]
    event: EventLine<'e>,
}

impl<'e> From<EventLine<'e>> for JsonLine<'e> {
    fn from(event: EventLine<'e>) -> JsonLine<'e> {
        JsonLine { version: VERSION, event }
    }
}

/// An event by its kind.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum EventLine<'e> {
    /// The runs of a stage begin.
    Verify(VerifyLine<'e>),
    /// A package is built.
    Built(BuiltLine<'e>),
    /// A package can't be built.
    NotBuilt(NotBuiltLine<'e>),
    /// A run is over.
    Run(Box<RunLine<'e>>),
    /// A stage is verified.
    Stage(StageLine<'e>),
    /// A requirement of a stage was checked.
    Rule(RuleLine<'e>),
    /// All is over.
    Over(OverLine),
}

/// The runs of a stage begin.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct VerifyLine<'e> {
    /// The version of `workshop`.
    pub runner: &'static str,
    /// The stage's name.
    pub stage: &'e str,
    /// Of every random choice: give it to `--seed` to make the same choices again. It has 53 bits at most.
    pub seed: u64,
    /// How many runs are planned.
    pub runs: usize,
}

/// A package is built.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BuiltLine<'e> {
    /// The stage's name.
    pub stage: &'e str,
    /// Whose package.
    pub party: Party,
    /// It was built before, and nothing was done.
    pub fresh: bool,
    /// How long the build took, in milliseconds; 0 when fresh.
    pub ms: u64,
}

/// A package can't be built.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NotBuiltLine<'e> {
    /// The stage's name.
    pub stage: &'e str,
    /// Whose package.
    pub party: Party,
    /// What the build tool printed; where errors can be told from the rest, they alone.
    pub output: &'e str,
}

/// A run is over.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RunLine<'e> {
    /// The stage's name.
    stage: &'e str,
    /// The scenario's name.
    scenario: &'e str,
    /// Whose program plays each role of the scenario, in the order of the stage's roles.
    pairing: Vec<Party>,
    /// What the links do.
    condition: Condition,
    /// Which order of events, from 1, where the condition is `interleaved`.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<u32>,
    /// Which repeat, from 0.
    repeat: u32,
    /// The seed of this run's random choices, derived from that of the verify. It has 53 bits at most.
    seed: u64,
    /// `passed`, `failed`, or `unplayed`: the machine kept it from being executed.
    outcome: &'static str,
    /// `outcome` is `passed`.
    passed: bool,
    /// How long the run took, in milliseconds.
    ms: u64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'e Explanation>,
    /// For a failed run, the ids of the rules that its scenario tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<&'e [String]>,
    /// What kept it from being executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    unplayed: Option<&'e MachineFailure>,
    /// What each role did, for a run that did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    lanes: Option<Vec<LaneLine<'e>>>,
}

impl<'e> RunLine<'e> {
    /// A run of this stage.
    pub fn of(stage: &'e Stage, run: &'e Run) -> RunLine<'e> {
        let rules = || stage.scenario(&run.id.scenario).map_or(&[][..], |scenario| &scenario.rules);
        RunLine {
            stage: &stage.name,
            scenario: &run.id.scenario,
            pairing: run.id.pairing.0.iter().flatten().copied().collect(),
            condition: run.id.condition,
            order: run.id.order().map(|order| order + 1),
            repeat: run.id.repeat,
            seed: run.id.seed,
            outcome: run.outcome.name(),
            passed: run.passed(),
            ms: millis(run.evidence.took),
            reason: run.failure().map(|failed| &failed.because),
            rules: matches!(run.outcome, Outcome::Failed(_)).then(rules),
            unplayed: run.not_run(),
            lanes: (!run.passed()).then(|| run.evidence.outputs.iter().map(LaneLine::of).collect()),
        }
    }
}

/// What a role did. Nothing in it is escaped.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LaneLine<'e> {
    /// Its name in the transcript.
    role: &'e str,
    /// Whose program it was.
    party: Party,
    /// What it printed, without newlines.
    lines: Vec<String>,
    /// What it had printed after its last newline.
    unended: String,
    /// How it ended by itself, if it did.
    ending: Option<Ending>,
    /// What it wrote to standard error.
    stderr: String,
}

impl<'e> LaneLine<'e> {
    fn of(output: &'e RoleOutput) -> LaneLine<'e> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        LaneLine {
            role: &output.role,
            party: output.party,
            lines: output.lines.iter().map(|line| text(&line.bytes)).collect(),
            unended: text(&output.unended),
            ending: output.ending,
            stderr: text(&output.stderr),
        }
    }
}

/// A stage is verified.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StageLine<'e> {
    /// The stage's name.
    stage: &'e str,
    /// The verdict: every run passed.
    passed: bool,
    /// How many runs were executed.
    runs: usize,
    /// How many of them failed.
    failed: usize,
    /// How many could not be executed. If any, there is no verdict on the stage.
    unplayed: usize,
    /// How many planned runs were skipped, because others took long to fail or could not be executed.
    left_out: usize,
    /// How long all runs took together, in milliseconds of wall-clock time.
    ms: u64,
    /// The explanation of the first failed run.
    reason: Option<&'e Explanation>,
    /// Each rule of the stage, with its state.
    rules: Vec<KeptLine<'e>>,
    /// Processor time that was used meanwhile; null where the system does not say.
    processor_ms: Option<Processor>,
}

impl<'e> StageLine<'e> {
    /// What a stage came to.
    pub fn of(stage: &'e Stage, verdict: &'e StageVerdict) -> StageLine<'e> {
        let rules = verdict.rules(stage).into_iter().map(|(rule, state)| KeptLine {
            id: &rule.id,
            say: &rule.say,
            lesson: rule.lesson.as_deref(),
            state,
        });
        StageLine {
            stage: &stage.name,
            passed: verdict.passed(),
            runs: verdict.runs.len(),
            failed: verdict.failed().count(),
            unplayed: verdict.not_run().count(),
            left_out: verdict.left_out,
            ms: millis(verdict.took),
            reason: verdict.shown().map(|(_, failed)| &failed.because),
            rules: rules.collect(),
            processor_ms: verdict
                .processor
                .map(|(runner, peers)| Processor { runner: millis(runner), peers: millis(peers) }),
        }
    }
}

/// A rule of the stage, with its state.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct KeptLine<'e> {
    /// Its id.
    id: &'e str,
    /// The rule, in a sentence.
    say: &'e str,
    /// The heading of the lesson under which it is taught.
    lesson: Option<&'e str>,
    /// Its state.
    state: RuleState,
}

/// Processor time, in milliseconds.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Processor {
    /// Of `workshop` itself.
    runner: u64,
    /// Of all processes that it started.
    peers: u64,
}

/// A requirement of a stage was checked.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RuleLine<'e> {
    /// What was checked.
    pub rule: &'static str,
    /// Which one, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'e str>,
    /// The stage's name.
    pub stage: &'e str,
    /// The track; null if it is about the course.
    pub track: Option<&'e str>,
    /// The rule holds.
    pub good: bool,
    /// It holds, but something is worth a look.
    pub note: bool,
    /// What was found, for people.
    pub text: &'e str,
    /// How long one repeat took, in milliseconds, if runs were executed.
    pub ms: Option<u64>,
}

/// All is over.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OverLine {
    /// Every stage passed.
    pub passed: bool,
}

/// Whole milliseconds.
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
