//! The one bridge between those who work and those who show: events, and who is told of them.

use std::time::Duration;

use crate::course::{Party, Stage};
use crate::trace::Trace;
use crate::verdict::{Run, StageVerdict};

/// Something that a reader may want to know of.
pub enum Event<'e> {
    /// Of several stages the next one's turn begins.
    Turn {
        /// Its number, from 1.
        number: usize,
        /// How many there are.
        of: usize,
    },
    /// A verify of a stage begins.
    Verifying {
        /// The stage.
        stage: &'e Stage,
        /// The seed of every random choice.
        seed: u64,
        /// How many runs there will be.
        runs: usize,
    },
    /// Something is waited for that can take long; `None` when it is over.
    Waiting(Option<&'e str>),
    /// A package is being built.
    Building {
        /// The stage.
        stage: &'e str,
        /// Whose package.
        party: Party,
    },
    /// A line that the build tool printed.
    BuildLine(&'e str),
    /// A package is built.
    Built {
        /// The stage.
        stage: &'e str,
        /// Whose package.
        party: Party,
        /// How long it took; `None` when it was as it is already.
        took: Option<Duration>,
    },
    /// A package can't be built.
    NotBuilt {
        /// The stage.
        stage: &'e str,
        /// Whose package.
        party: Party,
        /// What the build tool printed, errors first.
        output: &'e str,
    },
    /// A run is over.
    RunOver {
        /// Its verdict.
        run: &'e Run,
        /// Its story, for pictures; a run that passes again, or could not be played, has none.
        trace: Option<&'e Trace>,
        /// How many are over now.
        done: usize,
        /// Of how many.
        total: usize,
    },
    /// All runs of a stage are over.
    StageOver {
        /// The stage.
        stage: &'e Stage,
        /// Its verdict.
        verdict: &'e StageVerdict,
    },
    /// All stages that were asked for are over.
    Over {
        /// Did all pass?
        passed: bool,
    },
}

/// Who is told of events.
pub trait Reporter {
    /// Something happened.
    fn tell(&mut self, event: &Event<'_>);
}

/// Tells nobody.
pub struct Silent;

impl Reporter for Silent {
    fn tell(&mut self, _: &Event<'_>) {}
}
