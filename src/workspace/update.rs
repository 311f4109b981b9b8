//! Brings the changes of a course into a workspace, and loses nothing that the learner wrote.
//!
//! For each file, in this order: the old file goes to a backup, the new file takes its place, the base becomes the
//! course's version. Each step is a rename. An update that is killed in between leaves complete files, and the next
//! one continues: it decides from the files alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Workspace;
use super::disk::{is_dir, put, read_base, read_mine, remove_empty, walk};
use super::merge::{Action, LearnerFile, decide};
use crate::error::{Error, Result};
use crate::files::remove_file;
use crate::progress::WorkspaceState;

/// A renamed stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageMove {
    /// Its old name and folder.
    pub old: String,
    /// Its new name.
    pub new: String,
    /// The folder is renamed; false if a folder of the new name exists already.
    pub free: bool,
}

/// What an update does with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStep {
    /// Its path below the workspace, with `/`.
    pub path: String,
    /// What becomes of it.
    pub action: Action,
    /// For an [`Action::Conflict`]: where the course's version is, below the workspace.
    pub beside: Option<String>,
}

/// What an update did, or would do.
#[derive(Debug, Default)]
pub struct Updated {
    /// Renamed stages.
    pub moves: Vec<StageMove>,
    /// All files with something to report, in order.
    pub steps: Vec<FileStep>,
    /// The backup folder, if any file was replaced.
    pub backup: Option<PathBuf>,
}

impl Updated {
    /// How many files are in conflict.
    pub fn conflicts(&self) -> usize {
        self.steps.iter().filter(|step| step.action == Action::Conflict).count()
    }
}

impl Workspace {
    /// Updates the learner's packages; with `dry`, only says how. One process does this at a time.
    ///
    /// # Errors
    /// The course is wrong, or files can't be read or written. Steps taken until then stay.
    pub fn update(&self, dry: bool) -> Result<Updated> {
        let track = self.track()?;
        self.catalog.check_whole(track)?;
        let renames = self.catalog.renames()?;
        let mut update = UpdateInProgress {
            workspace: self,
            base: self.base(),
            new: self.catalog.templates(track)?.into_iter().collect(),
            shared: track.shared.iter().map(String::as_str).collect(),
            moved: BTreeMap::new(),
            backup: None,
            dry,
        };
        update.finish_merge()?;
        let moves = update.moves(&renames)?;
        let mut steps = Vec::new();
        for path in update.paths()? {
            steps.extend(update.file(&path)?);
        }
        let backup = update.backup;
        if !dry {
            // Removed, and written anew when it is needed: files that the course no longer has must not be built.
            let _ = fs::remove_dir_all(self.dot().join("reference").join(&self.state.track));
            WorkspaceState::update(&self.dot(), |state| state.follow(&renames, &self.catalog.course.stages))?;
            self.write_stamp()?;
        }
        Ok(Updated { moves, steps, backup })
    }
}

/// An update in progress.
struct UpdateInProgress<'w> {
    workspace: &'w Workspace,
    base: PathBuf,
    new: BTreeMap<String, Vec<u8>>,
    shared: BTreeSet<&'w str>,
    /// In a dry run: the new names of folders, each with its current name in the workspace and in the base.
    moved: BTreeMap<String, (String, String)>,
    backup: Option<PathBuf>,
    dry: bool,
}

impl UpdateInProgress<'_> {
    /// Renames the folders of renamed stages: the learner's, then the base's.
    fn moves(&mut self, renames: &BTreeMap<String, String>) -> Result<Vec<StageMove>> {
        let mut moves = Vec::new();
        for (old, new) in renames {
            let [from, to] = [old, new].map(|name| self.workspace.root.join(name));
            let (here, free) = (is_dir(&from), to.symlink_metadata().is_err() && !self.moved.contains_key(new));
            let [base_from, base_to] = [old, new].map(|name| self.base.join(name));
            // A folder that stays where it is keeps its base.
            let base_too = (free || !here) && is_dir(&base_from) && !base_to.exists();
            if here {
                moves.push(StageMove { old: old.clone(), new: new.clone(), free });
            }
            if self.dry {
                let name = |moves: bool| if moves { old } else { new }.clone();
                self.moved.insert(new.clone(), (name(here && free), name(base_too)));
                continue;
            }
            if here && free {
                fs::rename(&from, &to).map_err(|error| Error::io("rename", &from, &error))?;
            }
            if base_too {
                fs::rename(&base_from, &base_to).map_err(|error| Error::io("rename", &base_from, &error))?;
            }
        }
        Ok(moves)
    }

    /// All files of the course or of the base.
    fn paths(&self) -> Result<BTreeSet<String>> {
        let mut given = Vec::new();
        walk(&self.base, "", &mut given)?;
        let now = |path: String| {
            let moved = self.moved.iter().find_map(|(new, (_, base))| {
                let rest = path.strip_prefix(base.as_str())?.strip_prefix('/')?;
                Some(format!("{new}/{rest}"))
            });
            moved.unwrap_or(path)
        };
        Ok(given.into_iter().map(now).chain(self.new.keys().cloned()).collect())
    }

    /// Updates a file, unless in a dry run.
    fn file(&mut self, path: &str) -> Result<Option<FileStep>> {
        let new = self.new.get(path).cloned();
        let mine = read_mine(&self.mine(path, true))?;
        let base = read_base(&self.mine(path, false))?;
        let mut action = decide(base.as_deref(), &mine, new.as_deref());
        let package = path.split_once('/').map_or("", |(package, _)| package);
        if action == Action::Deleted && (self.shared.contains(package) || package.is_empty()) {
            // Learners edit neither shared packages nor the files beside all packages, and every stage needs them.
            action = Action::Added;
        }
        let beside = match &new {
            Some(new) if action == Action::Conflict => Some(self.beside(path, new)?),
            _ => None,
        };
        if !self.dry {
            self.carry_out(path, &action, &mine, new.as_deref(), beside.as_deref())?;
            if base != new {
                self.set_base(path, new.as_deref())?;
            }
            self.forget_merge();
        }
        Ok((action != Action::Left).then(|| FileStep { path: path.to_owned(), action, beside }))
    }

    fn carry_out(
        &mut self,
        path: &str,
        action: &Action,
        mine: &LearnerFile,
        new: Option<&[u8]>,
        beside: Option<&str>,
    ) -> Result<()> {
        let place = self.workspace.root.join(path);
        match (action, mine, new, beside) {
            (Action::Added, _, Some(new), _) => self.put(&place, new),
            (Action::Replaced, LearnerFile::File(mine), Some(new), _) => {
                self.keep(path, mine)?;
                self.put(&place, new)
            }
            (Action::Merged(merged), LearnerFile::File(mine), Some(new), _) => {
                self.note_merge(path, merged, new)?;
                self.keep(path, mine)?;
                self.put(&place, merged)
            }
            (Action::Conflict, _, Some(new), Some(beside)) => self.put(&self.workspace.root.join(beside), new),
            (Action::Removed, LearnerFile::File(mine), ..) => {
                self.keep(path, mine)?;
                fs::remove_file(&place).map_err(|error| Error::io("remove", &place, &error))?;
                remove_empty(&place, &self.workspace.root);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Where a file is now: the learner's, or that of the base.
    fn mine(&self, path: &str, learners: bool) -> PathBuf {
        let dir = if learners { &self.workspace.root } else { &self.base };
        let now = path.split_once('/').and_then(|(package, rest)| {
            let (mine, base) = self.moved.get(package)?;
            Some(dir.join(if learners { mine } else { base }).join(rest))
        });
        now.unwrap_or_else(|| dir.join(path))
    }

    /// An unused name beside a file, or one that has exactly this content already.
    fn beside(&self, path: &str, new: &[u8]) -> Result<String> {
        let names = std::iter::once(format!("{path}.new")).chain((2..1000).map(|n| format!("{path}.new-{n}")));
        for name in names {
            match read_mine(&self.mine(&name, true))? {
                LearnerFile::Nothing => return Ok(name),
                LearnerFile::File(bytes) if bytes == new => return Ok(name),
                _ => {}
            }
        }
        Err(Error::new(format!("there are too many files named {path}.new-…"))
            .help("remove the ones that you no longer need"))
    }

    /// Writes a backup of a file.
    fn keep(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        if self.backup.is_none() {
            self.backup = Some(self.workspace.new_backup("update")?);
        }
        let backup = self.backup.clone().unwrap_or_default();
        self.put(&backup.join(path), bytes)
    }

    fn put(&self, place: &Path, bytes: &[u8]) -> Result<()> {
        put(&self.workspace.dot(), place, bytes)
    }

    fn set_base(&self, path: &str, new: Option<&[u8]>) -> Result<()> {
        let place = self.base.join(path);
        match new {
            Some(new) => self.put(&place, new),
            None => {
                remove_file(&place)?;
                remove_empty(&place, &self.base);
                Ok(())
            }
        }
    }

    /// A merged file equals neither the base nor the course's version. After a kill before the base is written, the
    /// next update would merge it again: lines would be doubled, or conflict with themselves. So a note about the
    /// merge is written first.
    fn note_merge(&self, path: &str, merged: &[u8], new: &[u8]) -> Result<()> {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let merge = Merge { path: path.to_owned(), merged: text(merged), base: text(new) };
        let note = serde_json::to_vec(&merge).map_err(|error| Error::new("a note can't be written").because(error))?;
        self.put(&self.note(), &note)
    }

    fn forget_merge(&self) {
        let _ = fs::remove_file(self.note());
    }

    fn note(&self) -> PathBuf {
        self.workspace.dot().join("merging.json")
    }

    /// Completes an update that was killed between a merged file and its base.
    fn finish_merge(&self) -> Result<()> {
        let note = fs::read(self.note()).ok().and_then(|note| serde_json::from_slice(&note).ok());
        let Some(Merge { path, merged, base }) = note else { return Ok(()) };
        if !self.dry {
            if read_mine(&self.workspace.root.join(&path))? == LearnerFile::File(merged.into_bytes()) {
                self.set_base(&path, Some(base.as_bytes()))?;
            }
            self.forget_merge();
        }
        Ok(())
    }
}

/// The note about a merge. Only texts are merged.
#[derive(Serialize, Deserialize)]
struct Merge {
    /// The file, below the workspace.
    path: String,
    /// What it becomes.
    merged: String,
    /// What its base becomes then.
    base: String,
}
