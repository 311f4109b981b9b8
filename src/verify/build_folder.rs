//! Where packages are assembled and built that are in nobody's workspace, and how commands show progress that do so.

use std::path::{Path, PathBuf};

use super::{Selection, Verified, verify};
use crate::assets::{Catalog, File};
use crate::build::{self, Built, Package};
use crate::course::{Party, Stage, Track};
use crate::error::{Error, Result};
use crate::event::{Event, Reporter};
use crate::files::Lock;
use crate::report::{self, Spinner};
use crate::verdict::StageVerdict;
use crate::workspace::write_files;

/// All packages of a track, as files.
pub(crate) struct Trees {
    /// What learners start from.
    pub(crate) template: Vec<File>,
    /// The reference.
    pub(crate) solution: Vec<File>,
}

impl Trees {
    /// Reads both.
    ///
    /// # Errors
    /// One of them can't be read.
    pub(crate) fn of(catalog: &Catalog, track: &Track) -> Result<Trees> {
        Ok(Trees { template: catalog.templates(track)?, solution: catalog.tree(&track.solutions)? })
    }
}

/// The folder in which packages are assembled and built.
pub(crate) enum BuildFolder {
    /// One command at a time uses it: two would build in the same place.
    Kept(PathBuf, #[expect(dead_code, reason = "held until the command is over")] Lock),
    Passing(tempfile::TempDir),
}

impl BuildFolder {
    /// The requested folder, or a temporary one.
    pub(crate) fn open(cache: Option<&Path>) -> Result<BuildFolder> {
        let Some(folder) = cache else {
            let made = tempfile::tempdir();
            return made
                .map(BuildFolder::Passing)
                .map_err(|error| Error::new("no temporary folder can be made").because(error));
        };
        let fail = |error: std::io::Error| Error::io("use", folder, &error);
        let folder = std::path::absolute(folder).map_err(fail)?;
        std::fs::create_dir_all(&folder).map_err(fail)?;
        let lock = alone(&folder, ".lock")?;
        Ok(BuildFolder::Kept(folder, lock))
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            BuildFolder::Kept(path, _) => path,
            BuildFolder::Passing(dir) => dir.path(),
        }
    }
}

/// Takes a lock of a folder of builds; says so if it has to wait.
///
/// # Errors
/// See [`Lock::take`].
pub(crate) fn alone(folder: &Path, lock: &str) -> Result<Lock> {
    Lock::take(folder, lock, || {
        report::say(&format!("Another command is using {}: waiting for it to finish", folder.display()));
    })
}

/// Writes all packages of one version into a folder. Successive versions may have the same name: a tool builds only
/// what has changed, and each build replaces the one before.
pub(crate) fn package(dir: &Path, stage: &Stage, party: Party, name: &str, files: &[File]) -> Result<Package> {
    let root = dir.join("packages").join(name);
    let paths: Vec<PathBuf> = files.iter().map(|(path, _)| root.join(path)).collect();
    remove_others(&root.join(&stage.name), &paths)
        .map_err(|error| Error::io("clear", &root.join(&stage.name), &error))?;
    write_files(&root, files)?;
    Ok(Package {
        party,
        stage: stage.name.clone(),
        roles: stage.programs(party),
        edited: false,
        given: Vec::new(),
        beside: Vec::new(),
        root,
        out: dir.join("out").join(name).join(&stage.name),
        cache: build::cache(dir.join("cache")),
        colour: false,
        sandboxed: false,
    })
}

/// Removes all files below a folder but these: an earlier version had them, or its programs wrote them.
fn remove_others(dir: &Path, files: &[PathBuf]) -> std::io::Result<()> {
    if !dir.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            remove_others(&path, files)?;
        } else if !files.contains(&path) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Shows on one line what is being built and run.
#[derive(Default)]
pub(crate) struct ProgressLine {
    pub(crate) spinner: Spinner,
    /// The stage, and the part of it.
    pub(crate) what: String,
    /// What the last build that failed has printed.
    pub(crate) not_built: String,
}

impl Reporter for ProgressLine {
    fn tell(&mut self, event: &Event<'_>) {
        match event {
            Event::Building { .. } => self.spinner.say(format!("{}: building", self.what)),
            Event::Verifying { runs, .. } => self.spinner.say(format!("{}: {runs} runs", self.what)),
            Event::RunOver { done, total, .. } if done.is_multiple_of(16) => {
                self.spinner.say(format!("{}: {done} of {total} runs", self.what));
            }
            Event::NotBuilt { output, .. } => (*output).clone_into(&mut self.not_built),
            _ => {}
        }
    }
}

/// Verifies a package against the reference; `None` when it does not build.
///
/// # Errors
/// Runs could not be executed, so there is no result.
pub(crate) async fn verify_package(
    stage: &Stage,
    built: &Built<'_>,
    selection: &Selection,
    progress_line: &mut ProgressLine,
) -> Result<Option<StageVerdict>> {
    progress_line.not_built.clear();
    let verified = verify(stage, built, selection, progress_line).await.map_err(|error| {
        let not_built = progress_line.not_built.trim_end();
        if not_built.is_empty() { error } else { error.because(not_built) }
    });
    match verified? {
        Verified::Verdict(verdict, _) => verdict.trouble().map_or(Ok(Some(verdict)), Err),
        Verified::NotBuilt => Ok(None),
    }
}
