//! The one bridge between the machinery and the presentation: events, and the trait that receives them.

use std::time::Duration;

use crate::course::{Party, Stage};
use crate::trace::Trace;
use crate::verdict::{Run, StageVerdict};

/// Something that a reporter may show.
pub enum Event<'e> {
    /// The next of several stages begins.
    Turn {
        /// Its number, from 1.
        number: usize,
        /// How many there are.
        of: usize,
    },
    /// How many rules of the stage the last whole verify found kept.
    LastTime {
        /// The rules.
        kept: usize,
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
    /// The runner waits for something that can take long; `None` when the wait is over.
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
    /// How far a build is, from such a line.
    BuildProgress {
        /// Whose package.
        party: Party,
        /// How many parts are built.
        done: usize,
        /// Of how many.
        total: usize,
        /// What is being built; empty if the tool does not say.
        what: &'e str,
    },
    /// A package is built.
    Built {
        /// The stage.
        stage: &'e str,
        /// Whose package.
        party: Party,
        /// How long it took; `None` when it was up to date.
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
        /// Its trace, for pictures. A repeated run that passes, or one that could not be executed, has none.
        trace: Option<&'e Trace>,
        /// How many are over.
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
    /// All requested stages are over.
    Over {
        /// Did all pass?
        passed: bool,
    },
}

/// Receives events.
pub trait Reporter {
    /// Something happened.
    fn tell(&mut self, event: &Event<'_>);
}

/// Ignores all events.
pub struct Silent;

impl Reporter for Silent {
    fn tell(&mut self, _: &Event<'_>) {}
}
