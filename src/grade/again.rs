//! Grading anew: new results wait beside the old ones until the instructor has seen whose points would change.

use std::fs;
use std::path::{Path, PathBuf};

use super::result::{GradeResult, WAITING};
use crate::error::{Error, Result};
use crate::files::make_folder;
use crate::pattern::counted;
use crate::report::{print, write_it};

/// A new result, and the one that it would replace.
pub(super) struct Waiting {
    pub(super) old: Option<GradeResult>,
    pub(super) new: GradeResult,
    /// Where it waits.
    pub(super) from: PathBuf,
    /// Where it would go.
    pub(super) to: PathBuf,
}

impl Waiting {
    /// What would change for the learner; none if nothing does.
    fn change(&self) -> Option<String> {
        let old = self.old.as_ref().map_or_else(|| "no result".to_owned(), GradeResult::score);
        let new = self.new.score();
        (old != new).then(|| format!("{}  {}  {old} → {new}", self.new.whose(), self.new.stage))
    }
}

/// Shows what would change, asks, and puts the new results into their places.
///
/// # Errors
/// There is no terminal to ask on, or a result can't be moved; those that were moved before stay there.
pub(super) fn decide(pending: &[Waiting], results: &Path, yes: bool) -> Result<()> {
    if pending.is_empty() {
        print("Nothing has changed.\n");
        return Ok(());
    }
    let changes: Vec<String> = pending.iter().filter_map(Waiting::change).collect();
    print(&format!("{}; points change in {}\n", counted(pending.len(), "new result"), changes.len()));
    changes.iter().for_each(|change| print(&format!("  {change}\n")));
    if !yes && !write_it("the new results wait, and the same command goes on with them")? {
        return Ok(());
    }
    for Waiting { from, to, .. } in pending {
        make_folder(to.parent().unwrap_or(results))?;
        fs::rename(from, to).map_err(|error| Error::io("put in its place", to, &error))?;
    }
    let waiting = results.join(WAITING);
    fs::remove_dir_all(&waiting).map_err(|error| Error::io("remove", &waiting, &error))?;
    print(&format!("{} written\n", counted(pending.len(), "result")));
    Ok(())
}
