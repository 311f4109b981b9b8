//! Executes the runs of a stage, as many at a time as the machine carries.
//!
//! Verdicts do not depend on that number. A run that lacked something while others were running is begun again with
//! half as many beside it. Only what a run lacks that is alone is really lacking.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Notify;

use super::Selection;
use super::throttle::Throttle;
use crate::build::Built;
use crate::course::{Condition, Stage};
use crate::error::{Error, Result};
use crate::event::{Event, Reporter};
use crate::explain::{Case, compare_pairings, explain};
use crate::fault::Fault;
use crate::machine::{cores, files};
use crate::process::orphans;
use crate::quiescence::{SocketTable, own_and_children};
use crate::runs::{ExecutedRun, Plan, execute};
use crate::trace::Trace;
use crate::verdict::{Failed, Failure, Outcome, Run, StageVerdict};

/// After this many runs that took long to fail, the runs behind the first failed one are skipped, and those in
/// progress are ended: the verdict and its reason are clear, and each further run would cost the learner the same
/// wait again.
const SLOW_ENOUGH: usize = 3;

/// Keep the evidence of this many failed runs; of the others, only the verdict.
const SHOWN: usize = 100;

/// Executes all runs of a plan.
///
/// # Errors
/// The machine can't carry even one run.
pub(super) async fn run_all(
    stage: &Stage,
    built: &Built<'_>,
    plans: &[Plan<'_>],
    selection: &Selection,
    reporter: &mut dyn Reporter,
) -> Result<(StageVerdict, Vec<Trace>)> {
    orphans::end_abandoned();
    let mut executor = Executor::new(stage, plans, selection)?;
    reporter.tell(&Event::Verifying { stage, seed: selection.seed, runs: plans.len() });
    let (start, used) = (Instant::now(), own_and_children());
    let sockets = SocketTable::open().map(Arc::new);
    let repeats: Vec<Repeat> = (0..selection.repeat.max(1)).map(|_| Repeat::default()).collect();
    let throttle = Throttle::new((cores() / 2).max(1));
    let mut running = FuturesUnordered::new();
    loop {
        while let Some(index) = executor.next(&throttle) {
            let repeat = &repeats[plans[index].id.repeat as usize];
            if !repeat.wants(index, executor.scenario(index), selection) {
                continue;
            }
            throttle.begins(index);
            let (throttle, beside) = (&throttle, executor.carries);
            let run = run_one(&plans[index], built, sockets.clone(), throttle);
            running.push(async move {
                tokio::select! {
                    done = run => (index, beside, RunEnd::Done(Box::new(done))),
                    () = repeat.is_enough_without(index) => (index, beside, RunEnd::LeftOut),
                    () = throttle.sends_away(index) => (index, beside, RunEnd::Later),
                }
            });
        }
        let Some((index, beside, over)) = running.next().await else { break };
        throttle.is_over(index);
        match over {
            RunEnd::Done(done) if beside > 1 && done.run.not_run().is_some() => executor.halve(beside, index),
            RunEnd::Done(done) => {
                repeats[plans[index].id.repeat as usize].over(index, executor.scenario(index), &done.run);
                executor.finish(index, *done, reporter);
            }
            RunEnd::LeftOut => {}
            RunEnd::Later => executor.put_back(index),
        }
    }
    let left_out = executor.done.iter().filter(|done| done.is_none()).count();
    let (mut runs, traces): (Vec<_>, Vec<_>) =
        executor.done.into_iter().flatten().map(|done| (done.run, done.trace)).unzip();
    compare_pairings(&mut runs);
    let processor = used.zip(own_and_children()).map(|(then, now)| (now.0 - then.0, now.1 - then.1));
    let verdict = StageVerdict { stage: stage.name.clone(), runs, left_out, took: start.elapsed(), processor };
    Ok((verdict, traces.into_iter().flatten().collect()))
}

/// A run that is over, with its trace if it has one.
struct Done {
    run: Run,
    trace: Option<Trace>,
}

/// How a run that was begun is over.
enum RunEnd {
    Done(Box<Done>),
    /// It is not needed any more.
    LeftOut,
    /// It gives way, and is begun again when there is room.
    Later,
}

/// How many runs at a time there are for each core. A run mostly waits for its programs to start, and to answer each
/// other; with more runs than this, nothing is gained.
const RUNS_PER_CORE: usize = 4;

/// Which runs are pending, which are done, and how many may run at a time.
struct Executor<'e> {
    stage: &'e Stage,
    plans: &'e [Plan<'e>],
    /// Pending runs, by their places in the plan, the next one last. Runs over delayed links, and those whose
    /// transcript asks for a time, mostly wait, so they run beside the others and start first.
    waiting: Vec<usize>,
    others: Vec<usize>,
    jobs: usize,
    /// How many runs the machine carries.
    carries: usize,
    done: Vec<Option<Done>>,
}

impl<'e> Executor<'e> {
    fn new(stage: &'e Stage, plans: &'e [Plan<'e>], selection: &Selection) -> Result<Self> {
        files::raise();
        let carries = files::carries(plans.iter().map(|plan| plan.scenario.cast.len()).max().unwrap_or(0));
        if carries == 0 {
            return Err(Error::new(format!("no run of {} can be executed here", stage.name))
                .because("the limit of open files is so low that not even one run fits into it")
                .help(Fault::Files.help()));
        }
        let jobs = if selection.jobs > 0 { selection.jobs } else { cores() * RUNS_PER_CORE };
        let (waiting, others) = (0..plans.len()).rev().partition(|index| mostly_waits(&plans[*index]));
        let done = plans.iter().map(|_| None).collect();
        Ok(Executor { stage, plans, waiting, others, jobs, carries, done })
    }

    fn mostly_waits(&self, index: usize) -> bool {
        mostly_waits(&self.plans[index])
    }

    /// The place of a run's scenario in the stage.
    fn scenario(&self, index: usize) -> usize {
        self.stage.scenarios.iter().position(|s| std::ptr::eq(s, self.plans[index].scenario)).unwrap_or(0)
    }

    /// The next run, if there is room for one.
    fn next(&mut self, throttle: &Throttle) -> Option<usize> {
        if !throttle.has_room() || throttle.count(|_| true) >= self.carries {
            return None;
        }
        let room = |most, waiting| throttle.count(|index| self.mostly_waits(index) == waiting) < most;
        let (for_waiting, for_others) = (room(self.jobs * 2, true), room(self.jobs, false));
        let waiting = for_waiting.then(|| self.waiting.pop()).flatten();
        waiting.or_else(|| for_others.then(|| self.others.pop()).flatten())
    }

    /// A run lacked something while this many were running.
    fn halve(&mut self, beside: usize, index: usize) {
        self.carries = self.carries.min(beside / 2);
        if self.mostly_waits(index) { &mut self.waiting } else { &mut self.others }.push(index);
    }

    /// A run gives way to others. From now on the runs go in the order of the plan.
    fn put_back(&mut self, index: usize) {
        self.others.push(index);
        self.others.append(&mut self.waiting);
        self.others.sort_unstable_by(|a, b| b.cmp(a));
    }

    fn finish(&mut self, index: usize, done: Done, reporter: &mut dyn Reporter) {
        let finished = self.done.iter().flatten().count() + 1;
        let (run, trace) = (&done.run, done.trace.as_ref());
        reporter.tell(&Event::RunOver { run, trace, done: finished, total: self.plans.len() });
        self.done[index] = Some(done);
        // The first failed runs in the order of the plan keep their evidence.
        let failed = self.done.iter_mut().flatten().filter(|done| !done.run.passed());
        if let Some(done) = failed.filter(|done| !done.run.evidence.outputs.is_empty()).nth(SHOWN) {
            done.run.forget();
            done.trace = None;
        }
    }
}

/// Does a run spend most of its time waiting for a clock?
fn mostly_waits(plan: &Plan<'_>) -> bool {
    plan.id.condition == Condition::Delayed || plan.scenario.transcript.takes_time()
}

/// One repeat of all runs, while it is executed.
#[derive(Default)]
struct Repeat {
    /// How many of its runs took long to fail.
    slow: Cell<usize>,
    /// How many could not be executed, although they were alone: the others would lack the same.
    not_run: Cell<usize>,
    /// Notified when another run has failed and these are enough.
    enough: Notify,
    /// The first failed run, by its place in the plan, and the first scenario in which one has failed, by
    /// its place in the stage.
    failed: Cell<Option<(usize, usize)>>,
}

impl Repeat {
    /// Is this run, of this scenario, still needed?
    fn wants(&self, index: usize, scenario: usize, selection: &Selection) -> bool {
        if self.not_run.get() >= SLOW_ENOUGH {
            return false;
        }
        let Some((first, first_scenario)) = self.failed.get() else { return true };
        let beyond = selection.until_failed && scenario > first_scenario;
        (self.slow.get() < SLOW_ENOUGH || index < first) && !beyond
    }

    /// Waits until this run is not needed any more.
    async fn is_enough_without(&self, index: usize) {
        let wanted = || self.slow.get() < SLOW_ENOUGH || self.failed.get().is_none_or(|(first, _)| index < first);
        while wanted() && self.not_run.get() < SLOW_ENOUGH {
            self.enough.notified().await;
        }
    }

    fn over(&self, index: usize, scenario: usize, run: &Run) {
        self.not_run.set(self.not_run.get() + usize::from(run.not_run().is_some()));
        if self.not_run.get() >= SLOW_ENOUGH {
            self.enough.notify_waiters();
        }
        let Some(failed) = run.failure() else { return };
        let earlier = |(first, scene): (usize, usize)| (first.min(index), scene.min(scenario));
        self.failed.set(Some(self.failed.get().map_or((index, scenario), earlier)));
        self.slow.set(self.slow.get() + failed.how.slowness());
        if self.slow.get() >= SLOW_ENOUGH {
            self.enough.notify_waiters();
        }
    }
}

async fn run_one(plan: &Plan<'_>, built: &Built<'_>, sockets: Option<Arc<SocketTable>>, throttle: &Throttle) -> Done {
    let ExecutedRun { failure, awaited, phase, evidence, captures } =
        execute(plan, built, sockets, &|| throttle.raise()).await;
    let explained = |how: Failure| {
        let case = Case {
            stage: plan.stage,
            scenario: plan.scenario,
            condition: plan.id.condition,
            track: built.track,
            failure: &how,
            awaited: &awaited,
            phase,
            evidence: &evidence,
            captures: &captures,
        };
        let because = explain(&case);
        Failed { how, awaited: awaited.clone(), phase, because }
    };
    let outcome = match failure {
        None => Outcome::Passed,
        Some(Failure::Machine(failure)) => Outcome::NotRun(failure),
        Some(how) => Outcome::Failed(explained(how)),
    };
    let mut run = Run { id: plan.id.clone(), outcome, evidence, captures };
    // A repeated run that passes looks like the first one, and one that could not be executed has nothing to draw.
    let has_story = run.failure().is_some() || (run.passed() && run.id.repeat == 0);
    let trace = has_story.then(|| Trace::of(&run, plan.scenario));
    if run.passed() {
        run.forget();
    } else {
        run.evidence.shorten();
    }
    Done { run, trace }
}
