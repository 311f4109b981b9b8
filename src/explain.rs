//! Why a run failed: from what was seen to the one most likely reason.
//!
//! A [`Fact`] is something that the evidence shows, with a name and a sentence that quotes it.
//! All facts of a run are gathered, the most telling first. A stage's own explanation applies when all that it asks
//! for was seen (`own`); otherwise the first fact is the explanation. The names are documented in
//! `docs/explanations.md`, and a test keeps that list whole.
//!
//! Each submodule looks at one kind of evidence. What they share is `expected` (what the transcript wants), `wire`
//! (what went over the links) and `words` (how it is put).

mod arrivals;
mod connections;
mod endings;
mod expected;
mod misspelt;
mod near;
mod outcome;
mod own;
mod pieces;
mod programs;
mod refused;
mod wire;
mod words;

use std::collections::BTreeSet;

pub use crate::course::FACTS;
use crate::course::{Condition, OF_SEVERAL_RUNS, Party, Scenario, Stage, Track};
use crate::evidence::Evidence;
use crate::matcher::Captures;
use crate::verdict::{Explanation, Failed, Failure, Outcome, Run};
pub use words::{stderr_lines, told};

/// Something that the evidence shows.
#[derive(Debug, Clone)]
pub struct Fact {
    /// One of [`FACTS`].
    pub id: &'static str,
    /// The sentence for the learner.
    pub say: String,
    /// `file:line` where a program says it crashed.
    pub place: Option<String>,
}

/// What there is to reason from.
pub struct Case<'c> {
    /// The stage.
    pub stage: &'c Stage,
    /// The scenario.
    pub scenario: &'c Scenario,
    /// The condition of its links.
    pub condition: Condition,
    /// The track, for what its programs say when they crash.
    pub track: &'c Track,
    /// What did not fit.
    pub failure: &'c Failure,
    /// The steps that were awaited.
    pub awaited: &'c [usize],
    /// How many actions had happened.
    pub phase: usize,
    /// What was seen.
    pub evidence: &'c Evidence,
    /// What was captured, as each role of the transcript knows it.
    pub captures: &'c [Captures],
}

/// The most likely reason of a failed run.
pub fn explain(case: &Case<'_>) -> Explanation {
    let facts = case.facts();
    let own = own::first(case, &facts);
    let place = facts.iter().find_map(|fact| fact.place.clone());
    match (own, facts.first()) {
        (Some((id, say)), _) => Explanation { id, say, place },
        (None, Some(fact)) => Explanation { id: fact.id.to_owned(), say: fact.say.clone(), place: fact.place.clone() },
        (None, None) => Explanation {
            id: "wrong-line".to_owned(),
            say: "What was printed is not what the transcript expects.".to_owned(),
            place,
        },
    }
}

/// When your own two programs pass a scenario over every link, and each of them fails it with the
/// reference every time, that is the reason, unless there is a more telling one: they agree with each other,
/// but not with the protocol.
pub fn compare_pairings(runs: &mut [Run]) {
    /// What such a mistake looks like from inside one run.
    const LOOKS_LIKE: [&str; 5] = ["waits-in-turn", "lost-bytes", "nothing-sent", "wrong-line", "exited-early"];
    let rank = |id: &str| FACTS.iter().position(|fact| *fact == id).unwrap_or(0);
    let alone = |run: &&Run| !run.id.pairing.0.contains(&Some(Party::Reference));
    let story = |run: &Run| (run.id.scenario.clone(), run.id.repeat);
    let played: BTreeSet<_> = runs.iter().filter(alone).map(story).collect();
    let failed: BTreeSet<_> = runs.iter().filter(alone).filter(|run| !run.passed()).map(story).collect();
    // Where one of them gets on with the reference, even once, it is no mistake that both make.
    let with_both =
        |run: &&Run| [Party::You, Party::Reference].iter().all(|party| run.id.pairing.0.contains(&Some(*party)));
    let agreed: BTreeSet<_> = runs.iter().filter(with_both).filter(|run| run.passed()).map(story).collect();
    for run in runs {
        let story = story(run);
        let Outcome::Failed(Failed { because, .. }) = &mut run.outcome else { continue };
        let vague = rank(&because.id) > rank(OF_SEVERAL_RUNS) || LOOKS_LIKE.contains(&because.id.as_str());
        if vague && played.contains(&story) && !failed.contains(&story) && !agreed.contains(&story) {
            let seen = std::mem::take(&mut because.say);
            because.id = OF_SEVERAL_RUNS.to_owned();
            because.say = format!(
                "Your two programs understand each other, but not the reference: with you on both sides this scenario \
                 passes. Both make the same mistake, so that it cancels out. Compare what goes over the wire below with \
                 what the lesson says about the protocol. (Here: {seen})"
            );
        }
    }
}

impl Case<'_> {
    /// All that the evidence shows, the most telling first.
    pub fn facts(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        self.crashes(&mut facts);
        self.refused_line(&mut facts);
        if let Failure::Ended(role, ending) = *self.failure {
            self.early_ending(role, ending, &mut facts);
        }
        if self.hangs() {
            self.arrivals(&mut facts);
            self.missing_endings(&mut facts);
            self.connections(&mut facts);
        }
        self.outcome(&mut facts);
        facts.sort_by_key(|fact| FACTS.iter().position(|id| *id == fact.id));
        facts
    }

    /// The run failed because something did not happen.
    fn hangs(&self) -> bool {
        matches!(
            self.failure,
            Failure::Stuck
                | Failure::Restless
                | Failure::Livelock
                | Failure::TimeLimit(_)
                | Failure::Spinning(_)
                | Failure::Noisy(_)
        )
    }
}

impl Fact {
    fn new(id: &'static str, say: String) -> Fact {
        Fact { id, say, place: None }
    }
}

#[cfg(test)]
mod tests;
