//! What the page shows: a stage, the progress of its verify, and the result of the last one.

use super::super::context;
use super::super::verify_worker::VerifyResult;
use crate::cli::Chosen;
use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// What the page shows.
pub(super) struct PageState {
    pub(super) chosen: Chosen,
    pub(super) stage: String,
    pub(super) progress: VerifyProgress,
    pub(super) last: LastVerify,
}

impl PageState {
    pub(super) fn workspace(&self) -> Result<Workspace> {
        context::open_quietly(&self.chosen)
    }
}

/// The progress of the current verify.
#[derive(Default)]
pub(super) struct VerifyProgress {
    /// It is over.
    pub(super) over: bool,
    /// What is being done.
    pub(super) doing: String,
    /// How many runs are over, of how many, and how many of them failed.
    pub(super) done: usize,
    pub(super) total: usize,
    pub(super) failed: usize,
}

/// The result of the last verify that is over.
pub(super) enum LastVerify {
    /// There is none.
    Nothing,
    /// The learner's programs can't be built.
    NotBuilt(String),
    /// A verdict.
    Verdict(Box<VerifyResult>),
    /// None.
    Trouble(Error),
}
