//! Verifies one stage, from its packages to its verdict.

pub(crate) mod build_folder;
mod executor;
mod throttle;

use regex_lite::Regex;

use crate::build::{BuildOutcome, Built, Package};
use crate::course::{Condition, Pairing, Party, Scenario, Stage, Track};
use crate::error::{Error, Result, suggest};
use crate::event::{Event, Reporter};
use crate::hash::stable_hash;
use crate::runs::Plan;
use crate::trace::Trace;
use crate::verdict::{RunId, StageVerdict};

/// Selects runs of a stage.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only these scenarios; all of them when there are none.
    pub scenarios: Vec<String>,
    /// Only this pairing, as in `you/reference`.
    pub pairing: Option<String>,
    /// Only this condition.
    pub condition: Option<Condition>,
    /// How often every run is repeated; at least once.
    pub repeat: u32,
    /// The seed of every random choice.
    pub seed: u64,
    /// The number of runs at a time; chosen from the number of cores when 0.
    pub jobs: usize,
    /// In each repeat, skip the scenarios beyond the first one in which a run fails: they can't change what a learner
    /// is shown.
    pub until_failed: bool,
}

impl Selection {
    fn has(&self, scenario: &Scenario) -> bool {
        self.scenarios.is_empty() || self.scenarios.contains(&scenario.name)
    }
}

/// The seed of a run has this many bits: as many as every reader of JSON keeps.
pub const SEED_BITS: u32 = 53;

/// A seed for a verify without `--seed`: short enough to be typed.
pub fn new_seed() -> u64 {
    fastrand::u64(1..1_000_000)
}

/// The result of verifying a stage.
pub enum Verified {
    /// All runs are over: their verdict, and the traces of those that have one, in the same order.
    Verdict(StageVerdict, Vec<Trace>),
    /// The learner's package can't be built.
    NotBuilt,
}

/// Builds both parties' packages and executes the runs.
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
            .help("`workshop doctor` checks what a build needs"));
    }
    let (verdict, traces) = executor::run_all(stage, built, &plans, selection, reporter).await?;
    reporter.tell(&Event::StageOver { stage, verdict: &verdict });
    Ok(Verified::Verdict(verdict, traces))
}

/// Builds one package; false when it can't be built.
///
/// # Errors
/// The build tool can't be started.
pub async fn build(track: &Track, package: &Package, reporter: &mut dyn Reporter) -> Result<bool> {
    let (stage, party) = (package.stage.as_str(), package.party);
    reporter.tell(&Event::Building { stage, party });
    let progress = track.progress.as_deref().and_then(|pattern| Regex::new(pattern).ok());
    let mut told = |line: &str| match progress.as_ref().and_then(|regex| regex.captures(line)) {
        Some(groups) => reporter.tell(&build_progress(party, &groups)),
        None => reporter.tell(&Event::BuildLine(line)),
    };
    match package.build(track, &mut told).await? {
        BuildOutcome::Fresh => reporter.tell(&Event::Built { stage, party, took: None }),
        BuildOutcome::Built { took, .. } => reporter.tell(&Event::Built { stage, party, took: Some(took) }),
        BuildOutcome::Failed(output) => {
            reporter.tell(&Event::NotBuilt { stage, party, output: &output });
            return Ok(false);
        }
    }
    Ok(true)
}

/// How far a build is, from the groups of a track's `progress`.
fn build_progress<'l>(party: Party, groups: &regex_lite::Captures<'l>) -> Event<'l> {
    let number = |name| groups.name(name).and_then(|group| group.as_str().parse().ok()).unwrap_or(0);
    let what = groups.name("what").map_or("", |group| group.as_str());
    Event::BuildProgress { party, done: number("done"), total: number("total"), what }
}

/// The runs, from simple to hard: scenarios, conditions and pairings are in the author's order.
fn plan<'s>(stage: &'s Stage, selection: &Selection) -> Result<Vec<Plan<'s>>> {
    selection.scenarios.iter().try_for_each(|name| stage.scenario(name).map(drop))?;
    let mut plans = Vec::new();
    for repeat in 0..selection.repeat.max(1) {
        for scenario in stage.scenarios.iter().filter(|scenario| selection.has(scenario)) {
            for condition in scenario.conditions.iter().filter(|c| selection.condition.is_none_or(|only| only == **c)) {
                // All pairings meet one order before any of them meets the next.
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
        _ => Error::new("no run fits this selection").help(format!(
            "the conditions here are {}; the pairings are {}",
            conditions.join(", "),
            known.join(", ")
        )),
    }
}

/// The seed of one run: the same for the same run, whatever else is selected.
fn seed_of(seed: u64, id: &RunId) -> u64 {
    stable_hash(&(seed, &id.scenario, &id.pairing, id.condition, id.which, id.repeat)) >> (u64::BITS - SEED_BITS)
}

#[cfg(test)]
mod tests {
    use regex_lite::Regex;

    use super::build_progress;
    use crate::assets::{Catalog, Origin};
    use crate::course::Party;
    use crate::event::Event;

    #[test]
    fn how_far_cargo_is_can_be_read() {
        let catalog = Catalog::open(Origin::BuiltIn).expect("the built-in course");
        let pattern = catalog.track("rust").expect("a track").progress.clone().expect("it says how");
        let regex = Regex::new(&pattern).expect("a pattern");
        let line = "\u{1b}[1m\u{1b}[96m    Building\u{1b}[0m [==>        ] 3/22: libc(build.rs), proc-ma…";
        let groups = regex.captures(line).expect("it fits");
        assert!(matches!(
            build_progress(Party::You, &groups),
            Event::BuildProgress { done: 3, total: 22, what: "libc(build.rs), proc-ma…", .. }
        ));
        assert!(regex.captures("   Compiling libc v0.2.177").is_none());
        assert!(regex.captures("    Blocking waiting for file lock on build directory").is_none());
    }
}
