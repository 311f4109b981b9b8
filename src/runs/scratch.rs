//! The folder of a run, where its roles keep files that outlive them.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use super::recorded::{Recorded, RoleEvent};
use crate::course::SCRATCH;

/// Replaces the path in recordings, where it must be the same in all runs.
const SOMEWHERE: &str = "/the/folder/of/the/run";

/// The removed folders, into which peers may have written afterwards.
static LEFT: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// The folder. It is removed when this is dropped, however the run ends.
pub(super) struct Scratch(Option<TempDir>);

impl Scratch {
    pub(super) fn new() -> io::Result<Scratch> {
        Ok(Scratch(Some(tempfile::Builder::new().prefix("workshop-").tempdir()?)))
    }

    /// Its path, as a program that asks where it is would print it.
    pub(super) fn path(&self) -> String {
        let path = self.0.as_ref().map(|dir| dir.path().to_owned()).unwrap_or_default();
        let real = if cfg!(unix) { path.canonicalize().unwrap_or(path) } else { path };
        real.to_string_lossy().into_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let Some(dir) = self.0.take() else { return };
        LEFT.lock().unwrap_or_else(PoisonError::into_inner).push(dir.path().to_owned());
        // The peers of an interrupted run may still be up: `sweep` removes what they write.
        drop(dir);
    }
}

/// Removes what was written into the folders after their removal. All peers must be gone.
pub fn sweep() {
    for path in LEFT.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        // What can't be removed even now stays in the system's temporary folder.
        let _ = std::fs::remove_dir_all(path);
    }
}

/// Replaces each run's own path by the same one, so that it does not look like a difference.
pub(super) fn hide(recorded: &mut Recorded) {
    let Some(path) = recorded.given.insert(SCRATCH.to_owned(), SOMEWHERE.to_owned()) else {
        recorded.given.remove(SCRATCH);
        return;
    };
    for observation in &mut recorded.observations {
        if let RoleEvent::Line(line) = &mut observation.what {
            *line = line.replace(&path, SOMEWHERE);
        }
    }
}
