//! One stage, from its packages to its verdict.

mod crowd;

use std::cell::Cell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Instant;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Notify;

use self::crowd::Crowd;
use crate::build::{Built, Outcome, Package};
use crate::course::{Condition, Pairing, Party, Scenario, Stage, Track};
use crate::error::{Error, Result, suggest};
use crate::event::{Event, Reporter};
use crate::explain::{Case, compare_pairings, explain};
use crate::machine::files;
use crate::process::strays;
use crate::runs::{Plan, Seen, play};
use crate::stillness::{SocketTable, own_and_children};
use crate::trace::Trace;
use crate::verdict::{Failed, Failure, Outcome as Came, Run, RunId, StageVerdict};

/// Which runs of a stage.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only these scenarios; all of them when there are none.
    pub scenarios: Vec<String>,
    /// Only this pairing, as in `you/reference`.
    pub pairing: Option<String>,
    /// Only this condition.
    pub condition: Option<Condition>,
    /// Every run so many times; at least once.
    pub repeat: u32,
    /// Every random choice follows from it.
    pub seed: u64,
    /// So many runs at a time; chosen from the number of cores when 0.
    pub jobs: usize,
    /// Of each repeat, no scenarios beyond the first one in which a run fails: they can't change
    /// what a learner is shown.
    pub until_failed: bool,
}

impl Selection {
    fn has(&self, scenario: &Scenario) -> bool {
        self.scenarios.is_empty() || self.scenarios.contains(&scenario.name)
    }
}

/// A seed for who has asked for none: short enough to be typed.
pub fn new_seed() -> u64 {
    fastrand::u64(1..1_000_000)
}

/// What came of trying to verify a stage.
pub enum Verified {
    /// All runs are over.
    Verdict(StageVerdict),
    /// The learner's package can't be built.
    NotBuilt,
}

/// Builds both parties' packages and plays the runs.
///
/// # Errors
/// The selection selects nothing, or the reference can't be built.
pub async fn verify(
    stage: &Stage,
    built: &Built<'_>,
    selection: &Selection,
    reporter: &mut dyn Reporter,
) -> Result<Verified> {
    let plans = plan(stage, selection)?;
    if !build(built.track, &built.you, reporter).await? {
        return Ok(Verified::NotBuilt);
    }
    let needs_reference = plans.iter().any(|plan| plan.id.pairing.0.iter().flatten().any(|party| *party != Party::You));
    if needs_reference && !build(built.track, &built.reference, reporter).await? {
        return Err(Error::new(format!("the reference of `{}` can't be built", stage.name))
            .help("`workshop doctor` looks at what a build needs"));
    }
    let verdict = play_all(stage, built, &plans, selection, reporter).await?;
    reporter.tell(&Event::StageOver { stage, verdict: &verdict });
    Ok(Verified::Verdict(verdict))
}

/// Builds one package; false when it can't be built.
///
/// # Errors
/// The build tool can't be started.
pub async fn build(track: &Track, package: &Package, reporter: &mut dyn Reporter) -> Result<bool> {
    let (stage, party) = (package.stage.as_str(), package.party);
    reporter.tell(&Event::Building { stage, party });
    match package.build(track, &mut |line| reporter.tell(&Event::BuildLine(line))).await? {
        Outcome::Fresh => reporter.tell(&Event::Built { stage, party, took: None }),
        Outcome::Built { took, .. } => reporter.tell(&Event::Built { stage, party, took: Some(took) }),
        Outcome::Failed(output) => {
            reporter.tell(&Event::NotBuilt { stage, party, output: &output });
            return Ok(false);
        }
    }
    Ok(true)
}

/// The runs, from simple to hard: scenarios in the author's order, conditions and pairings too.
fn plan<'s>(stage: &'s Stage, selection: &Selection) -> Result<Vec<Plan<'s>>> {
    selection.scenarios.iter().try_for_each(|name| stage.scenario(name).map(drop))?;
    let mut plans = Vec::new();
    for repeat in 0..selection.repeat.max(1) {
        for scenario in stage.scenarios.iter().filter(|scenario| selection.has(scenario)) {
            for condition in scenario.conditions.iter().filter(|c| selection.condition.is_none_or(|only| only == **c)) {
                // Every pairing meets one order before any of them meets the next.
                let ordered = *condition == Condition::Interleaved;
                let count = scenario.times(*condition);
                for which in (0..count).map(|which| (ordered || count > 1).then_some(which)) {
                    for pairing in scenario
                        .pairings
                        .iter()
                        .filter(|p| selection.pairing.as_ref().is_none_or(|only| *only == p.to_string()))
                    {
                        let mut id = RunId {
                            scenario: scenario.name.clone(),
                            pairing: pairing.clone(),
                            condition: *condition,
                            which,
                            repeat,
                            seed: 0,
                        };
                        id.seed = seed_of(selection.seed, &id);
                        plans.push(Plan { stage, scenario, id });
                    }
                }
            }
        }
    }
    if plans.is_empty() {
        return Err(nothing_selected(stage, selection));
    }
    Ok(plans)
}

fn nothing_selected(stage: &Stage, selection: &Selection) -> Error {
    let chosen: Vec<_> = stage.scenarios.iter().filter(|scenario| selection.has(scenario)).collect();
    let mut pairings: Vec<String> = chosen.iter().flat_map(|s| s.pairings.iter().map(Pairing::to_string)).collect();
    let mut conditions: Vec<&str> = chosen.iter().flat_map(|s| s.conditions.iter().map(|c| c.name())).collect();
    conditions.sort_unstable();
    conditions.dedup();
    pairings.sort();
    pairings.dedup();
    let known: Vec<&str> = pairings.iter().map(String::as_str).collect();
    match &selection.pairing {
        Some(pairing) if !pairings.contains(pairing) => {
            Error::new(format!("there is no pairing `{pairing}` here")).help(suggest(pairing, "pairings", &known))
        }
        _ => Error::new("no run is left by these choices").help(format!(
            "the conditions here are {}; the pairings are {}",
            conditions.join(", "),
            known.join(", ")
        )),
    }
}

/// The seed of one run: the same for the same run, whatever else is selected.
fn seed_of(seed: u64, id: &RunId) -> u64 {
    let mut hash = DefaultHasher::new();
    (seed, &id.scenario, &id.pairing, id.condition, id.which, id.repeat).hash(&mut hash);
    // Any reader of JSON keeps 53 bits.
    hash.finish() >> 11
}

/// After so many runs that took long to fail, what is behind the first failed one is left out, those at
/// work included: the verdict and its reason are clear, and every other such run would cost the learner the
/// same wait again.
const SLOW_ENOUGH: usize = 3;

/// Of so many failed runs the evidence is kept; of more of them, only the verdict.
const SHOWN: usize = 100;

/// One repeat of all runs, while it is played.
#[derive(Default)]
struct Repeat {
    /// How many of its runs took long to fail.
    slow: Cell<usize>,
    /// How many could not be played, although they were alone: the others would lack the same.
    unplayed: Cell<usize>,
    /// Raised when one more run has failed, and these are enough.
    enough: Notify,
    /// The first failed run, by its place in the plan, and the first scenario in which one has failed, by
    /// its place in the stage.
    failed: Cell<Option<(usize, usize)>>,
}

impl Repeat {
    /// Does this run, of this scenario, still make sense?
    fn wants(&self, index: usize, scenario: usize, selection: &Selection) -> bool {
        if self.unplayed.get() >= SLOW_ENOUGH {
            return false;
        }
        let Some((first, first_scenario)) = self.failed.get() else { return true };
        let beyond = selection.until_failed && scenario > first_scenario;
        (self.slow.get() < SLOW_ENOUGH || index < first) && !beyond
    }

    /// Waits until this run makes no more sense.
    async fn is_enough_without(&self, index: usize) {
        let wanted = || self.slow.get() < SLOW_ENOUGH || self.failed.get().is_none_or(|(first, _)| index < first);
        while wanted() && self.unplayed.get() < SLOW_ENOUGH {
            self.enough.notified().await;
        }
    }

    fn over(&self, index: usize, scenario: usize, run: &Run) {
        self.unplayed.set(self.unplayed.get() + usize::from(run.unplayed().is_some()));
        if self.unplayed.get() >= SLOW_ENOUGH {
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

/// How a run that was begun is over.
enum Over {
    Run(Box<Run>),
    /// It makes no more sense.
    LeftOut,
    /// It is begun again when there is room.
    Later,
}

/// Plays all runs, as many at a time as the machine carries. Verdicts do not depend on that: a run that
/// lacked something while others were at work is played again, with half as many beside it. Only what is
/// lacking to a run that is alone is lacking to everybody.
async fn play_all(
    stage: &Stage,
    built: &Built<'_>,
    plans: &[Plan<'_>],
    selection: &Selection,
    reporter: &mut dyn Reporter,
) -> Result<StageVerdict> {
    strays::end_abandoned();
    files::raise();
    let mut carries = files::carries(plans.iter().map(|plan| plan.scenario.cast.len()).max().unwrap_or(0));
    if carries == 0 {
        let lacking = crate::fault::Fault::Files;
        return Err(Error::new(format!("no run of {} can be played here", stage.name))
            .because("the limit of open files is so low that not even one run fits into it")
            .help(lacking.help()));
    }
    reporter.tell(&Event::Verifying { stage, seed: selection.seed, runs: plans.len() });
    let (start, used) = (Instant::now(), own_and_children());
    let sockets = SocketTable::open().map(Arc::new);
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let jobs = if selection.jobs > 0 { selection.jobs } else { cores * 2 };
    let mut runs: Vec<Option<Run>> = plans.iter().map(|_| None).collect();
    // Delayed runs mostly wait: they go beside the others, and first.
    let (mut waiting, mut working): (Vec<_>, Vec<_>) =
        (0..plans.len()).rev().partition(|index| plans[*index].id.condition == Condition::Delayed);
    let repeats: Vec<Repeat> = (0..selection.repeat.max(1)).map(|_| Repeat::default()).collect();
    let place = |index: usize| stage.scenarios.iter().position(|s| std::ptr::eq(s, plans[index].scenario)).unwrap_or(0);
    let crowd = Crowd::new((cores / 2).max(1));
    let mut playing = FuturesUnordered::new();
    let mut done = 0;
    let is_delayed = |index: usize| plans[index].id.condition == Condition::Delayed;
    loop {
        for (queue, most, delayed) in [(&mut waiting, jobs * 2, true), (&mut working, jobs, false)] {
            while crowd.has_room()
                && playing.len() < carries
                && crowd.count(|index| is_delayed(index) == delayed) < most
                && let Some(index) = queue.pop()
            {
                let repeat = &repeats[plans[index].id.repeat as usize];
                if repeat.wants(index, place(index), selection) {
                    crowd.begins(index);
                    let (crowd, beside) = (&crowd, carries);
                    let playing_one = play_one(&plans[index], built, sockets.clone(), crowd);
                    playing.push(async move {
                        tokio::select! {
                            run = playing_one => (index, beside, Over::Run(Box::new(run))),
                            () = repeat.is_enough_without(index) => (index, beside, Over::LeftOut),
                            () = crowd.sends_away(index) => (index, beside, Over::Later),
                        }
                    });
                }
            }
        }
        let Some((index, beside, over)) = playing.next().await else { break };
        crowd.is_over(index);
        match over {
            Over::Run(run) if beside > 1 && run.unplayed().is_some() => {
                carries = carries.min(beside / 2);
                if is_delayed(index) { &mut waiting } else { &mut working }.push(index);
            }
            Over::Run(run) => {
                done += 1;
                reporter.tell(&Event::RunOver { run: &run, done, total: plans.len() });
                repeats[plans[index].id.repeat as usize].over(index, place(index), &run);
                runs[index] = Some(*run);
                forget_beyond(&mut runs);
            }
            Over::LeftOut => {}
            Over::Later => {
                // From now on the first one in the plan is the next.
                working.push(index);
                working.append(&mut waiting);
                working.sort_unstable_by(|a, b| b.cmp(a));
            }
        }
    }
    let left_out = runs.iter().filter(|run| run.is_none()).count();
    let mut runs: Vec<Run> = runs.into_iter().flatten().collect();
    compare_pairings(&mut runs);
    let processor = used.zip(own_and_children()).map(|(then, now)| (now.0 - then.0, now.1 - then.1));
    Ok(StageVerdict { stage: stage.name.clone(), runs, left_out, took: start.elapsed(), processor })
}

/// Keeps the evidence of the first [`SHOWN`] failed runs in the order of the plan.
fn forget_beyond(runs: &mut [Option<Run>]) {
    let mut kept = runs.iter_mut().flatten().filter(|run| !run.passed() && !run.evidence.lanes.is_empty());
    if let Some(run) = kept.nth(SHOWN) {
        run.forget();
        run.trace = None;
    }
}

async fn play_one(plan: &Plan<'_>, built: &Built<'_>, sockets: Option<Arc<SocketTable>>, crowd: &Crowd) -> Run {
    let Seen { failure, awaited, phase, evidence, captures } = play(plan, built, sockets, &|| crowd.raise()).await;
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
        None => Came::Passed,
        Some(Failure::Unplayed(unplayed)) => Came::Unplayed(unplayed),
        Some(how) => Came::Failed(explained(how)),
    };
    let mut run = Run { id: plan.id.clone(), outcome, evidence, captures, trace: None };
    // Of a run that could not be played there is no story to tell.
    if run.failure().is_some() || (run.passed() && run.id.repeat == 0) {
        run.trace = Some(Trace::of(&run, plan.scenario));
    }
    if run.passed() {
        run.forget();
    } else {
        run.evidence.shorten();
    }
    run
}
