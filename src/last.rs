//! The runs of the last verify of a stage, kept for `workshop trace`: `.workshop/last/STAGE.json`.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files::{make_folder, replace_unsynced};
use crate::trace::Trace;

/// The version of the format. A file of another version is ignored; the next verify replaces it.
const FORMAT: u32 = 2;

/// The runs of the last verify of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Last {
    format: u32,
    /// The stage's name.
    pub stage: String,
    /// Its title.
    pub title: String,
    /// The seed of the verify.
    pub seed: u64,
    /// The runs, in the order of the plan.
    pub runs: Vec<Trace>,
}

impl Last {
    /// The runs of a verify of a stage.
    pub fn new(stage: &str, title: &str, seed: u64, runs: Vec<Trace>) -> Last {
        Last { format: FORMAT, stage: stage.to_owned(), title: title.to_owned(), seed, runs }
    }

    /// Writes it into a workspace's `.workshop` folder, in the place of the previous one.
    ///
    /// # Errors
    /// It can't be written.
    pub fn save(&self, dot: &Path) -> Result<()> {
        let folder = dot.join("last");
        make_folder(&folder)?;
        let text =
            serde_json::to_vec(self).map_err(|error| Error::new("the runs can't be written as JSON").because(error))?;
        replace_unsynced(&folder.join(format!("{}.json", self.stage)), &text)
    }

    /// Reads the last runs of a stage.
    ///
    /// # Errors
    /// There are none, or they can't be read.
    pub fn load(dot: &Path, stage: &str) -> Result<Last> {
        let path = dot.join("last").join(format!("{stage}.json"));
        let help = format!("`workshop verify {stage}` executes its runs");
        let text = match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::new(format!("there is no run of {stage} yet")).help(help));
            }
            text => text.map_err(|error| Error::io("read", &path, &error))?,
        };
        let last: Option<Last> = serde_json::from_slice(&text).ok();
        last.filter(|last| last.format == FORMAT)
            .ok_or_else(|| Error::new(format!("the last runs of {stage} can't be read")).help(help))
    }

    /// The run to show, with its number: the one of this number (from 1), or else the first that failed, or else the
    /// first.
    ///
    /// # Errors
    /// There is no run of this number.
    pub fn run(&self, number: Option<usize>) -> Result<(usize, &Trace)> {
        let failed = self.runs.iter().position(|run| !run.passed());
        let number = number.unwrap_or_else(|| failed.unwrap_or(0) + 1);
        let run = number.checked_sub(1).and_then(|index| self.runs.get(index));
        run.map(|run| (number, run)).ok_or_else(|| {
            Error::new(format!("there is no run {number} of {}", self.stage))
                .help(format!("the runs are 1 to {}; `workshop trace --list` lists them", self.runs.len()))
        })
    }
}
