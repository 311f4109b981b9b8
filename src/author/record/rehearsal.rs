//! Runs one scenario with the solution: as it stands, and for recording.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt};

use super::compose::{RecordProblem, compose};
use super::script::ScriptLine;
use crate::build::Built;
use crate::course::{Condition, Scenario, Stage};
use crate::evidence::RoleOutput;
use crate::explain::{signal_name, stderr_lines};
use crate::machine::{cores, files};
use crate::matcher::Ending;
use crate::pattern::{Pattern, escape};
use crate::quiescence::SocketTable;
use crate::runs::{Plan, RecordError, Recorded, execute, record};
use crate::transcript::{Action, Expect, StepKind};
use crate::verdict::{Failure, RunId};
use crate::verify::SEED_BITS;

/// How many lines of standard error are shown of a role that failed.
const MAX_STDERR: usize = 5;

/// Runs a scenario.
pub(super) struct Rehearsal<'r> {
    pub(super) stage: &'r Stage,
    /// As the author wrote it, perhaps a draft.
    pub(super) scenario: &'r Scenario,
    pub(super) built: &'r Built<'r>,
    /// How often.
    pub(super) runs: u32,
}

impl Rehearsal<'_> {
    /// Does the solution pass the transcript as it stands, in every run? `stage` was parsed strictly.
    pub(super) async fn passes(&self, stage: &Stage) -> bool {
        let Some(scenario) = stage.scenarios.iter().find(|scenario| scenario.name == self.scenario.name) else {
            return false;
        };
        let sockets = SocketTable::open().map(Arc::new);
        let plans = self.plans(stage, scenario);
        let runs =
            stream::iter(&plans).map(|plan| execute(plan, self.built, sockets.clone(), &|| {})).buffered(self.jobs());
        runs.all(|executed| async move { executed.failure.is_none() }).await
    }

    /// Records what the solution does, as a transcript.
    pub(super) async fn record(&self) -> Result<Vec<ScriptLine>, RecordProblem> {
        if self.scenario.transcript.actions().next().is_none() {
            return Err(RecordProblem {
                line: Some(0),
                message: "its transcript has no action".to_owned(),
                help: "write what is to be done: `$ ROLE` starts a role, `ROLE < text` types a line, `ROLE < ^D` ends \
                    its input"
                    .to_owned(),
                causes: Vec::new(),
            });
        }
        let together = together(self.stage, self.scenario);
        let sockets = SocketTable::open().map(Arc::new);
        let plans = self.plans(self.stage, self.scenario);
        let runs: Vec<Recorded> = stream::iter(&plans)
            .map(|plan| record(plan, &together, self.built, sockets.clone()))
            .buffered(self.jobs())
            .collect()
            .await;
        match runs.iter().find_map(|run| run.failure.as_ref().map(|failure| (run, failure))) {
            Some((run, failure)) => Err(self.problem(run, failure)),
            None => compose(self.stage, self.scenario, &runs),
        }
    }

    /// As many runs at a time as the machine carries.
    fn jobs(&self) -> usize {
        files::raise();
        files::carries(self.stage.roles.len()).clamp(1, cores() * 2)
    }

    /// As many runs as were asked for, each condition at least once.
    fn plans<'p>(&self, stage: &'p Stage, scenario: &'p Scenario) -> Vec<Plan<'p>> {
        let count = scenario.conditions.len().max(self.runs as usize);
        let conditions = scenario.conditions.iter().cycle().take(count);
        let id = |(repeat, condition): (u32, _)| RunId {
            scenario: scenario.name.clone(),
            pairing: scenario.pairings[0].clone(),
            condition,
            which: (condition == Condition::Interleaved).then_some(repeat),
            repeat,
            seed: fastrand::u64(..) >> (u64::BITS - SEED_BITS),
        };
        (0..).zip(conditions.copied()).map(|place| Plan { stage, scenario, id: id(place) }).collect()
    }

    /// Why a run could not be recorded, and where it was.
    fn problem(&self, run: &Recorded, failure: &RecordError) -> RecordProblem {
        let transcript = &self.scenario.transcript;
        let name = |role: usize| &transcript.roles[role];
        let output = |role: usize| run.evidence.outputs.get(role);
        let (message, help, of) = match failure {
            RecordError::IsUp(role) => {
                (format!("`{}` is up here already", name(*role)), "say how it ends before it starts again", Some(*role))
            }
            RecordError::NotUp(role) => {
                let over = output(*role).filter(|output| output.started.is_some());
                let why = match over.map(|output| output.ending) {
                    Some(Some(Ending::Exit(code))) => format!("has ended here, with exit code {code}"),
                    Some(_) => "has been killed above".to_owned(),
                    None => "is not started yet".to_owned(),
                };
                (format!("`{}` {why}", name(*role)), "put this line where the role is up, or take it out", Some(*role))
            }
            RecordError::Unknown(unknown) => (
                format!("nothing that was printed above this can be `{{{unknown}}}`"),
                "start the role that prints it first; or write its line, with the name and a type in it, as in `a | \
                 my name is {name:word}`",
                None,
            ),
            RecordError::Failed(failure) => self.failed(run, failure),
        };
        // The roles that failed by themselves say why.
        let outputs = run.evidence.outputs.iter().enumerate();
        let asked = outputs
            .filter(|(role, output)| Some(*role) == of || output.ending.is_some_and(|end| end != Ending::Exit(0)));
        RecordProblem {
            line: self.line(run.phase, failure),
            message,
            help: help.to_owned(),
            causes: asked.flat_map(|(_, output)| said(output)).collect(),
        }
    }

    fn failed<'f>(&self, run: &Recorded, failure: &'f Failure) -> (String, &'f str, Option<usize>) {
        let name = |role: usize| &self.scenario.transcript.roles[role];
        match failure {
            Failure::Line(role, index) => {
                let bytes = run.evidence.outputs.get(*role).and_then(|output| output.lines.get(*index));
                let shown = bytes.map_or(String::new(), |line| escape(&line.bytes));
                let shown: String = shown.chars().take(60).collect();
                (
                    format!("`{}` prints `{shown}`, which is no line of text", name(*role)),
                    "a line is UTF-8, and ends with a newline",
                    Some(*role),
                )
            }
            Failure::Ended(role, Ending::Signal(signal)) => (
                format!("{} ended `{}` here", signal_name(*signal), name(*role)),
                "a role ends by itself, with an exit code",
                Some(*role),
            ),
            Failure::Ended(role, Ending::Exit(_)) | Failure::Ambiguous(role) => (
                format!("`{}` did something unexpected here", name(*role)),
                "run it by hand with `workshop run`",
                Some(*role),
            ),
            Failure::Flood(role) => {
                (format!("`{}` floods its output after this", name(*role)), "let it print less", Some(*role))
            }
            Failure::Leaked(role) => (
                format!("`{}` leaves a process behind that holds its output", name(*role)),
                "let it wait for what it has started",
                Some(*role),
            ),
            Failure::OpenToAll(role) => (
                format!("`{}` listens on every interface of the machine", name(*role)),
                "let it listen on 127.0.0.1, which other machines can't reach",
                Some(*role),
            ),
            Failure::NotStarted(role, why) => (
                format!("`{}` can't be started: {why}", name(*role)),
                "look at `run` of the track in exercises/course.yaml, and at what the role is handed",
                Some(*role),
            ),
            Failure::Machine(failure) => {
                (format!("the machine keeps it from being executed: {}", failure.say), &failure.help, None)
            }
            Failure::Spinning(role) => (
                format!("`{}` computes for ever after this", name(*role)),
                "let it end, or wait for something",
                Some(*role),
            ),
            Failure::Noisy(role) => (
                format!("`{}` writes to standard error without end after this", name(*role)),
                "let it write less",
                Some(*role),
            ),
            Failure::TimeLimit(_) | Failure::TooLate(_) | Failure::Stuck | Failure::Restless | Failure::Livelock => (
                format!("the peers do not come to rest within {} s after this", self.scenario.limit),
                "let the peers wait for something, or give the scenario a longer `limit`",
                None,
            ),
        }
    }

    /// The line of the action that was done, or could not be.
    fn line(&self, phase: usize, failure: &RecordError) -> Option<usize> {
        let at = match failure {
            RecordError::Failed(_) => phase.saturating_sub(1),
            _ => phase,
        };
        self.scenario.transcript.actions().nth(at).map(|(step, _)| step.line)
    }
}

/// The last lines of a role's standard error.
fn said(output: &RoleOutput) -> Vec<String> {
    let lines = stderr_lines(output);
    let from = lines.len().saturating_sub(MAX_STDERR);
    lines[from..].iter().map(|line| format!("{}: {line}", output.role)).collect()
}

/// The problem that the solution does not always pass its own recording.
pub(super) fn unsteady(scenario: &Scenario) -> RecordProblem {
    RecordProblem {
        line: scenario.transcript.actions().next().map(|(step, _)| step.line),
        message: "the solution fails it in some runs, and shows what it says in all of them".to_owned(),
        help: "`workshop author check` shows how it fails; perhaps an action has to wait: `! until still`".to_owned(),
        causes: Vec::new(),
    }
}

/// Whether each action is followed by the next one at once. Those are that the author has put
/// directly below each other, with printed lines below the last of them: the lines say what comes
/// of all. Where nothing is expected yet, each waits for all that comes of the one before.
fn together(stage: &Stage, scenario: &Scenario) -> Vec<bool> {
    let actions: Vec<&Action> = scenario.transcript.actions().map(|(_, action)| action).collect();
    let expects = |phase: usize, line: bool| {
        scenario.transcript.steps.iter().any(|step| match &step.kind {
            StepKind::Expect(_, Expect::Exit(_) | Expect::Running) => step.phase == phase && !line,
            StepKind::Expect(..) => step.phase == phase,
            StepKind::Act(_) => false,
        })
    };
    (0..actions.len())
        .map(|index| {
            let last = (index..actions.len()).find(|at| expects(at + 1, false)).unwrap_or(actions.len());
            let Some(next) = actions.get(index + 1).filter(|_| last > index && expects(last + 1, true)) else {
                return false;
            };
            !matches!(next, Action::UntilStill(_)) && !waits_for_a_name(stage, scenario, next, index)
        })
        .collect()
}

/// Does an action need a name that no line captures before this many actions are done?
fn waits_for_a_name(stage: &Stage, scenario: &Scenario, action: &Action, done: usize) -> bool {
    let texts = match action {
        Action::Start(role, own) => scenario.args(*role, own.as_ref(), &stage.roles),
        Action::Type(_, text) => std::slice::from_ref(text),
        _ => &[],
    };
    let is_said = |name: &str| {
        scenario.transcript.steps.iter().filter(|step| step.phase <= done).any(|step| match &step.kind {
            StepKind::Expect(_, Expect::Line(p) | Expect::Unordered(p)) => p.names().any(|(own, ..)| own == name),
            _ => false,
        })
    };
    let is_given = |name: &str| {
        scenario.given.contains_key(name) || [crate::course::NOBODY, crate::course::NOBODY_MULTIADDR].contains(&name)
    };
    texts.iter().flat_map(Pattern::names).any(|(name, ..)| !is_given(name) && !is_said(name))
}
