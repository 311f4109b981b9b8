//! The base: `.workshop/base`, the templates as the learner was given them. An update compares with it to tell the
//! learner's changes from the course's.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Workspace, write_files};
use crate::assets::{Origin, is_passed_over};
use crate::error::{Error, Result};
use crate::files::replace;
use crate::hash::stable_hash;

/// A mark of the templates at the last update.
const STAMP: &str = "course.stamp";

impl Workspace {
    /// The folder with the templates as the learner was given them; the same shape as the track's.
    pub fn base(&self) -> PathBuf {
        self.dot().join("base").join(&self.state.track)
    }

    /// Records the template of a stage as the learner's base.
    pub(super) fn write_base_of(&self, stage: &str) -> Result<()> {
        let dir = self.base().join(stage);
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &dir, &error)),
            _ => write_files(&dir, &self.template(stage)?),
        }
    }

    /// Have the course's templates changed since the last update? A cheap check: contents are compared only if sizes
    /// or times differ. Files that can't be read are ignored: the command that needs them reports it.
    pub fn has_news(&self) -> bool {
        // With `--course` naming another course, there is nothing to update.
        let own = self.state.course_path.as_ref().and_then(|path| self.root.join(path).canonicalize().ok());
        let is_own = match (&self.catalog.origin, own) {
            (Origin::BuiltIn, None) => true,
            (Origin::Folder(path), Some(own)) => *path == own,
            _ => false,
        };
        if !is_own {
            return false;
        }
        let Ok(stamp) = fs::read_to_string(self.dot().join(STAMP)) else { return true };
        let (sizes, content) = stamp.trim().split_once(' ').unwrap_or_default();
        self.sizes().is_ok_and(|now| now != sizes) && self.content().is_ok_and(|now| now != content)
    }

    /// Records that the workspace is up to date with the course.
    pub(super) fn write_stamp(&self) -> Result<()> {
        // Sizes first: a change between the two must count as a change.
        let stamp = format!("{} {}\n", self.sizes()?, self.content()?);
        replace(&self.dot().join(STAMP), stamp.as_bytes())
    }

    /// A mark of the sizes and times of all templates; of an embedded course, of the program.
    fn sizes(&self) -> Result<String> {
        let Origin::Folder(course) = &self.catalog.origin else { return self.content() };
        let mut sizes = Vec::new();
        let track = self.track()?;
        find_sizes(&course.join(&track.templates), &mut sizes)?;
        for package in self.catalog.kept_once(track) {
            find_sizes(&course.join(&track.solutions).join(package), &mut sizes)?;
        }
        Ok(format!("{:016x}", stable_hash(&sizes)))
    }

    /// A mark of the contents of all templates.
    fn content(&self) -> Result<String> {
        Ok(format!("{:016x}", stable_hash(&self.catalog.templates(self.track()?)?)))
    }
}

/// The files below a folder, each with its length and when it was changed.
fn find_sizes(dir: &Path, sizes: &mut Vec<(PathBuf, u64, Option<SystemTime>)>) -> Result<()> {
    let fail = |error: std::io::Error| Error::io("read the folder", dir, &error);
    let entries = fs::read_dir(dir).and_then(Iterator::collect::<std::io::Result<Vec<_>>>).map_err(fail)?;
    let paths: BTreeSet<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    for path in paths {
        let metadata = path.symlink_metadata().map_err(fail)?;
        if !metadata.is_dir() {
            sizes.push((path, metadata.len(), metadata.modified().ok()));
        } else if !is_passed_over(&path.file_name().unwrap_or_default().to_string_lossy()) {
            find_sizes(&path, sizes)?;
        }
    }
    Ok(())
}
