//! What a learner was given: `.workshop/base`, the templates as they were then, against which an
//! update tells what the learner has changed from what the course has.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Workspace, write_files};
use crate::assets::{Origin, is_passed_over};
use crate::error::{Error, Result};
use crate::files::replace;
use crate::hash::stable_hash;

/// What the workspace was last brought up to date with.
const STAMP: &str = "course.stamp";

impl Workspace {
    /// The folder with the templates as the learner was given them; the same shape as the track's.
    pub fn base(&self) -> PathBuf {
        self.dot().join("base").join(&self.state.track)
    }

    /// Keeps the template of a stage as what the learner is given.
    pub(super) fn write_base_of(&self, stage: &str) -> Result<()> {
        let dir = self.base().join(stage);
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &dir, &error)),
            _ => write_files(&dir, &self.template(stage)?),
        }
    }

    /// Has the course changed what learners are given, since they were? A guess that costs little:
    /// sizes and times are looked at, and contents only when those are others. What can't be read
    /// is no news: whoever needs it will say so.
    pub fn has_news(&self) -> bool {
        // Another course than the workspace's own was named: nothing is to be done about it.
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

    /// Notes that the workspace has all that the course has now.
    pub(super) fn write_stamp(&self) -> Result<()> {
        // Sizes first: what changes between the two is news.
        let stamp = format!("{} {}\n", self.sizes()?, self.content()?);
        replace(&self.dot().join(STAMP), stamp.as_bytes())
    }

    /// A mark of the sizes and times of all templates; of an embedded course, of the program.
    fn sizes(&self) -> Result<String> {
        let Origin::Folder(course) = &self.catalog.origin else { return self.content() };
        let mut sizes = Vec::new();
        let track = self.track()?;
        find_sizes(&course.join(&track.templates), &mut sizes)?;
        for package in self.catalog.kept_once(track)? {
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
