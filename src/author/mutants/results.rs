//! The results of mutants, kept beside the builds, so that an interrupted check continues.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::list::Mutant;
use crate::assets::File;
use crate::error::{Error, Result};
use crate::files::replace;
use crate::hash::stable_hash;

/// The result of a mutant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum MutantResult {
    /// It does not build.
    NotBuilt,
    /// It is rejected, for this reason.
    Rejected(String),
    /// Every run passed.
    Survived,
}

/// The results for one stage in one track, by a mark of everything that they depend on.
pub(super) struct Results {
    path: PathBuf,
    /// A mark of the stage, the solution and this runner.
    mark: u64,
    known: BTreeMap<String, MutantResult>,
}

impl Results {
    /// Reads earlier results. An unreadable file counts as empty.
    pub(super) fn open(path: &Path, stage: &str, solution: &[File]) -> Results {
        let text = fs::read_to_string(path).unwrap_or_default();
        let mark = stable_hash(&(env!("CARGO_PKG_VERSION"), stage, solution));
        Results { path: path.to_owned(), mark, known: serde_json::from_str(&text).unwrap_or_default() }
    }

    /// The earlier result of this mutant.
    pub(super) fn of(&self, mutant: &Mutant) -> Option<MutantResult> {
        self.known.get(&self.key(mutant)).cloned()
    }

    /// Stores a result.
    ///
    /// # Errors
    /// It can't be written.
    pub(super) fn add(&mut self, mutant: &Mutant, result: &MutantResult) -> Result<()> {
        self.known.insert(self.key(mutant), result.clone());
        let dir = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(dir).map_err(|error| Error::io("make", dir, &error))?;
        let text = serde_json::to_string(&self.known)
            .map_err(|error| Error::new("the results can't be written as JSON").because(error))?;
        replace(&self.path, text.as_bytes())
    }

    fn key(&self, mutant: &Mutant) -> String {
        format!("{:016x}", stable_hash(&(self.mark, &mutant.patch)))
    }
}
