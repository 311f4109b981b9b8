//! Why a run failed: from what was seen to the one most likely reason.
//!
//! A [`Fact`] is something that the evidence shows, with a name and a sentence that quotes it. All facts of a run are
//! gathered, the most telling first. A stage's own explanation applies when everything that it asks for was seen
//! (`own`); otherwise the first fact is the explanation. `docs/explanations.md` documents the names, and a test keeps
//! that list complete.
//!
//! Each submodule looks at one kind of evidence. They share `expected` (what the transcript wants), `wire` (what went
//! over the links) and `words` (the wording).

mod arrivals;
mod connections;
mod endings;
mod expected;
mod misspelt;
mod near;
mod outcome;
mod own;
mod pairings;
mod pieces;
mod programs;
mod refused;
mod timing;
mod wire;
mod words;

pub use crate::course::FACTS;
use crate::course::{Condition, Scenario, Stage, Track};
use crate::evidence::Evidence;
use crate::matcher::Captures;
use crate::verdict::{Explanation, Failure};
pub use pairings::compare_pairings;
pub use words::{signal_name, stderr_lines, told};

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

/// A failed run, with everything that the reasons come from.
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

impl Case<'_> {
    /// All facts that the evidence shows, the most telling first.
    pub fn facts(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        self.crashes(&mut facts);
        self.refused_connections(&mut facts);
        if let Some(fact) = self.off_time() {
            facts.push(fact);
        } else {
            self.refused_line(&mut facts);
            if let Failure::Ended(role, ending) = *self.failure {
                self.early_ending(role, ending, &mut facts);
            }
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

    /// The run was ended while programs were at work: they may have been about to do what is missing.
    fn is_at_work(&self) -> bool {
        matches!(self.failure, Failure::TimeLimit(_) | Failure::TooLate(_) | Failure::Livelock)
    }

    /// The run failed because something did not happen.
    fn hangs(&self) -> bool {
        matches!(
            self.failure,
            Failure::Stuck
                | Failure::Restless
                | Failure::Livelock
                | Failure::TimeLimit(_)
                | Failure::TooLate(_)
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
