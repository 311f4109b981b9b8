//! The learner's progress: `.workshop/state.json`.
//!
//! Keyed by the names of stages. The file is replaced atomically and changed under a lock: a command that is killed
//! leaves the old state or the new one, and two commands at once lose nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::course::Stage;
use crate::error::{Error, Result};
use crate::files::{Lock, replace};

/// The version of the format. A newer one is refused and left alone.
const FORMAT: u32 = 1;

const STATE: &str = "state.json";

/// The state of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceState {
    /// The version of the format.
    pub format: u32,
    /// The course's name.
    pub course: String,
    /// The folder of the course, below the workspace when it is relative; none for the built-in
    /// one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub course_path: Option<PathBuf>,
    /// The address of the git repository that the course's folder is a copy of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub course_url: Option<String>,
    /// A mark of the course's commands that the learner has agreed to run; see [`WorkspaceState::accepts`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    /// The language that was requested last, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The track.
    pub track: String,
    /// The current stage.
    pub current: String,
    /// The stages that were skipped or verified, by name.
    #[serde(default)]
    pub stages: BTreeMap<String, Progress>,
}

/// The progress in one stage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Seconds since 1970 at which it was verified first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<u64>,
    /// `workshop next` has shown it.
    #[serde(default)]
    pub shown: bool,
    /// The learner moved on without verifying it.
    #[serde(default)]
    pub skipped: bool,
    /// The hints that were shown, by their index, in the order shown.
    #[serde(default)]
    pub hints: Vec<usize>,
    /// The explanation that was shown last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
    /// The rules of the stage that the last whole verify found kept, by their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
    /// The scenarios of the stage when a whole verify passed last, by their names; empty if that is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scenarios: Vec<String>,
    /// The scenarios that have failed since, by their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failing: Vec<String>,
}

impl Progress {
    /// Merges the progress in the same stage under another name.
    fn join(&mut self, earlier: Progress) {
        self.verified = self.verified.into_iter().chain(earlier.verified).min();
        self.shown |= earlier.shown;
        self.skipped |= earlier.skipped;
        let hints = std::mem::replace(&mut self.hints, earlier.hints);
        self.hints.extend(hints);
        let mut seen = std::collections::BTreeSet::new();
        self.hints.retain(|hint| seen.insert(*hint));
        self.last_failure = self.last_failure.take().or(earlier.last_failure);
        let or_earlier = |now: &mut Vec<String>, earlier| {
            if now.is_empty() {
                *now = earlier;
            }
        };
        or_earlier(&mut self.kept, earlier.kept);
        or_earlier(&mut self.scenarios, earlier.scenarios);
        or_earlier(&mut self.failing, earlier.failing);
    }
}

/// How far a learner is with a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is verified.
    Verified,
    /// It was verified, and the last verify failed: something was changed since.
    FailsNow,
    /// It was verified, and has scenarios since then that it was not.
    NewScenarios,
    /// It is the current stage.
    Current,
    /// The learner moved on without verifying it.
    Skipped,
    /// It is still to come.
    Open,
}

impl WorkspaceState {
    /// A new state.
    pub fn new(course: &str, course_path: Option<PathBuf>, track: &str, current: &str) -> WorkspaceState {
        WorkspaceState {
            format: FORMAT,
            course: course.to_owned(),
            course_path,
            course_url: None,
            accepted: None,
            language: None,
            track: track.to_owned(),
            current: current.to_owned(),
            stages: BTreeMap::new(),
        }
    }

    /// How far the learner is with this stage.
    pub fn standing(&self, stage: &Stage) -> Standing {
        match self.stages.get(&stage.name) {
            Some(progress) if progress.verified.is_some() && progress.last_failure.is_some() => Standing::FailsNow,
            Some(progress) if progress.verified.is_some() && !self.new_scenarios(stage).is_empty() => {
                Standing::NewScenarios
            }
            Some(progress) if progress.verified.is_some() => Standing::Verified,
            _ if stage.name == self.current => Standing::Current,
            Some(progress) if progress.skipped => Standing::Skipped,
            _ => Standing::Open,
        }
    }

    /// The scenarios that have come into the stage since it was verified.
    pub fn new_scenarios<'s>(&self, stage: &'s Stage) -> Vec<&'s str> {
        let known = self.stages.get(&stage.name).map(|progress| progress.scenarios.as_slice()).unwrap_or_default();
        let names = stage.scenarios.iter().map(|scenario| scenario.name.as_str());
        names.filter(|name| !known.is_empty() && !known.iter().any(|known| known == name)).collect()
    }

    /// Was this stage verified?
    pub fn verified(&self, stage: &str) -> bool {
        self.stages.get(stage).is_some_and(|progress| progress.verified.is_some())
    }

    /// Has the learner agreed to run these commands? A course that is not built in runs nothing before a `workshop
    /// verify` or `workshop run`, and asks for that again when its commands change.
    pub fn accepts(&self, commands: &str) -> bool {
        self.course_path.is_none() || self.accepted.as_deref() == Some(commands)
    }

    /// Follows a course whose stages have changed: `renames` has earlier names of stages, and their new ones. If the
    /// current stage is gone, the first unverified stage becomes the current one.
    pub fn follow(&mut self, renames: &BTreeMap<String, String>, stages: &[String]) {
        for (old, new) in renames {
            if let Some(progress) = self.stages.remove(old) {
                self.stage(new).join(progress);
            }
            if self.current == *old {
                self.current.clone_from(new);
            }
        }
        if !stages.contains(&self.current) {
            let open = stages.iter().find(|stage| !self.verified(stage)).or(stages.last());
            self.current = open.cloned().unwrap_or_default();
        }
    }

    /// Do all stages in it exist in the course?
    pub fn fits(&self, stages: &[String]) -> bool {
        stages.contains(&self.current) && self.stages.keys().all(|name| stages.contains(name))
    }

    /// The progress in a stage, created if there is none.
    pub fn stage(&mut self, name: &str) -> &mut Progress {
        self.stages.entry(name.to_owned()).or_default()
    }

    /// Reads the state from a `.workshop` folder.
    ///
    /// # Errors
    /// It can't be read, or a newer runner wrote it.
    pub fn load(dir: &Path) -> Result<WorkspaceState> {
        let path = dir.join(STATE);
        let text = fs::read_to_string(&path).map_err(|error| Error::io("read", &path, &error))?;
        let damaged = |cause: &dyn std::fmt::Display| {
            Error::new(format!("{} is damaged", path.display())).because(cause).help(
                "it holds only your progress, not your exercises: move it away, and `workshop next` restores \
                    the workspace",
            )
        };
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| damaged(&error))?;
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(format) if format > u64::from(FORMAT) => {
                Err(Error::new(format!("{} was written by a newer workshop", path.display()))
                    .help("install that version again: `cargo install`"))
            }
            _ => serde_json::from_value(value).map_err(|error| damaged(&error)),
        }
    }

    /// Writes the state, completely or not at all.
    ///
    /// # Errors
    /// It can't be written; then the old one is unchanged.
    pub fn save(&self, dir: &Path) -> Result<()> {
        let path = dir.join(STATE);
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::new("the state can't be written as JSON").because(error))?;
        text.push('\n');
        replace(&path, text.as_bytes())
    }

    /// Changes the state under the lock.
    ///
    /// # Errors
    /// It can't be read or written.
    pub fn update(dir: &Path, change: impl FnOnce(&mut WorkspaceState)) -> Result<WorkspaceState> {
        let _lock = Lock::take(dir, "state.lock", || {})?;
        let mut state = WorkspaceState::load(dir)?;
        let before = state.clone();
        change(&mut state);
        if state != before {
            state.save(dir)?;
        }
        Ok(state)
    }
}
