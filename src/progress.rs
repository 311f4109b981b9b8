//! What a learner has done so far: `.workshop/state.json`.
//!
//! Keyed by the names of stages. Written beside the old file, synced, and renamed over it: who
//! is killed at any moment leaves either the old state or the new one. Changes are made under a
//! lock, so that two commands at once lose nothing.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::fault::Fault;

/// The version of the format; a newer one is refused, and left alone.
const FORMAT: u32 = 1;

const STATE: &str = "state.json";

/// The state of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
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
    /// What the learner has agreed to have run, as a mark of the course's commands; see
    /// [`State::accepts`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    /// The language that was asked for last, when one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The track.
    pub track: String,
    /// The stage that is being worked on.
    pub current: String,
    /// The stages that were skipped or verified, by name.
    #[serde(default)]
    pub stages: BTreeMap<String, Progress>,
}

/// What was done in one stage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Seconds since 1970 at which it was verified first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<u64>,
    /// `workshop next` has shown it.
    #[serde(default)]
    pub shown: bool,
    /// Moved on from without being verified.
    #[serde(default)]
    pub skipped: bool,
    /// The hints that were shown, by their index, in the order in which they were.
    #[serde(default)]
    pub hints: Vec<usize>,
    /// The explanation that was shown last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
    /// The rules of the stage that the last whole verify found kept, by their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
}

impl Progress {
    /// Takes in what was done in the same stage under another name.
    fn join(&mut self, earlier: Progress) {
        self.verified = self.verified.into_iter().chain(earlier.verified).min();
        self.shown |= earlier.shown;
        self.skipped |= earlier.skipped;
        let hints = std::mem::replace(&mut self.hints, earlier.hints);
        self.hints.extend(hints);
        let mut seen = std::collections::BTreeSet::new();
        self.hints.retain(|hint| seen.insert(*hint));
        self.last_failure = self.last_failure.take().or(earlier.last_failure);
        if self.kept.is_empty() {
            self.kept = earlier.kept;
        }
    }
}

/// How far a learner is with a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is verified.
    Verified,
    /// It is the one that is worked on.
    Current,
    /// It was moved on from without being verified.
    Skipped,
    /// It is still to come.
    Open,
}

impl State {
    /// A fresh one.
    pub fn new(course: &str, course_path: Option<PathBuf>, track: &str, current: &str) -> State {
        State {
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
    pub fn standing(&self, stage: &str) -> Standing {
        match self.stages.get(stage) {
            Some(progress) if progress.verified.is_some() => Standing::Verified,
            _ if stage == self.current => Standing::Current,
            Some(progress) if progress.skipped => Standing::Skipped,
            _ => Standing::Open,
        }
    }

    /// Was this stage verified?
    pub fn verified(&self, stage: &str) -> bool {
        self.stages.get(stage).is_some_and(|progress| progress.verified.is_some())
    }

    /// Has the learner had something run by a course with these commands? A course that is not
    /// built in runs nothing before a `workshop verify` or `workshop run`, nor again when its
    /// commands are others.
    pub fn accepts(&self, commands: &str) -> bool {
        self.course_path.is_none() || self.accepted.as_deref() == Some(commands)
    }

    /// Follows a course whose stages have changed: `renames` has earlier names of stages, and
    /// what they are now. Whoever was at a stage that is no more is at the first that is not
    /// verified.
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

    /// Are all stages that it names stages of the course?
    pub fn fits(&self, stages: &[String]) -> bool {
        stages.contains(&self.current) && self.stages.keys().all(|name| stages.contains(name))
    }

    /// The progress in a stage, made when there is none.
    pub fn stage(&mut self, name: &str) -> &mut Progress {
        self.stages.entry(name.to_owned()).or_default()
    }

    /// Reads the state from a `.workshop` folder.
    ///
    /// # Errors
    /// It can't be read, or a newer runner wrote it.
    pub fn load(dir: &Path) -> Result<State> {
        let path = dir.join(STATE);
        let text = fs::read_to_string(&path).map_err(|error| Error::io("read", &path, &error))?;
        let damaged = |cause: &dyn std::fmt::Display| {
            Error::new(format!("{} is damaged", path.display()))
                .because(cause)
                .help("your exercises are not in it, only which stages are done: move it away, and `workshop next` takes your files up again")
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

    /// Writes the state, whole or not at all.
    ///
    /// # Errors
    /// It can't be written; the old one is left as it was.
    pub fn save(&self, dir: &Path) -> Result<()> {
        let path = dir.join(STATE);
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::new("the state can't be written as JSON").because(error))?;
        text.push('\n');
        write_whole(&path, text.as_bytes())
    }

    /// Changes the state under the lock.
    ///
    /// # Errors
    /// It can't be read or written.
    pub fn update(dir: &Path, change: impl FnOnce(&mut State)) -> Result<State> {
        let _lock = Lock::take(dir, "state.lock", || {})?;
        let mut state = State::load(dir)?;
        let before = state.clone();
        change(&mut state);
        if state != before {
            state.save(dir)?;
        }
        Ok(state)
    }
}

/// Writes a file beside its place, syncs it, and renames it into place.
///
/// # Errors
/// It can't be written; an old file is left as it was.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let fail = |error: std::io::Error| Error::io("write", path, &error);
    let file = write_beside(path, bytes)?;
    file.as_file().sync_all().map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    // The rename itself is safe once the folder is.
    #[cfg(unix)]
    File::open(path.parent().unwrap_or(Path::new("."))).and_then(|dir| dir.sync_all()).map_err(fail)?;
    Ok(())
}

/// The same for a file that can be made again: who reads it finds it whole, but it may not outlive
/// a machine that loses its power.
///
/// # Errors
/// See [`write_whole`].
pub fn write_at_once(path: &Path, bytes: &[u8]) -> Result<()> {
    write_beside(path, bytes)?.persist(path).map_err(|error| Error::io("write", path, &error.error))?;
    Ok(())
}

/// Removes a file, if it is there.
///
/// # Errors
/// It can't be removed.
pub fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path, &error)),
        _ => Ok(()),
    }
}

fn write_beside(path: &Path, bytes: &[u8]) -> Result<tempfile::NamedTempFile> {
    let fail = |error: std::io::Error| Error::io("write", path, &error);
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(dir).map_err(fail)?;
    // Who could read the old file can read the new one.
    if let Ok(old) = fs::metadata(path) {
        file.as_file().set_permissions(old.permissions()).map_err(fail)?;
    }
    file.write_all(bytes).map_err(fail)?;
    Ok(file)
}

/// A lock that one process has at a time, from [`Lock::take`] until it is dropped, whatever ends
/// the process.
pub struct Lock(#[expect(dead_code, reason = "the open file is the lock")] File);

impl Lock {
    /// Takes the lock `name` in a folder; `busy` is called when there is a wait.
    ///
    /// # Errors
    /// The file can't be opened or locked.
    pub fn take(dir: &Path, name: &str, busy: impl FnOnce()) -> Result<Lock> {
        if let Some(lock) = Lock::try_take(dir, name)? {
            return Ok(lock);
        }
        busy();
        let (path, file) = Lock::file(dir, name)?;
        file.lock().map_err(|error| Error::io("lock", &path, &error))?;
        Ok(Lock(file))
    }

    /// The same for those who may be called off while they wait: whoever does not wait any more
    /// does not get it.
    ///
    /// # Errors
    /// The file can't be opened or locked.
    pub async fn when_free(dir: &Path, name: &'static str) -> Result<Lock> {
        let (taken, lock) = tokio::sync::oneshot::channel();
        let dir = dir.to_owned();
        // The wait for a file's lock can't be called off: it has a thread of its own, which gives
        // back what nobody wants any more.
        std::thread::Builder::new().spawn(move || taken.send(Lock::take(&dir, name, || {}))).map_err(|error| {
            Error::new(format!("nobody can wait for {name}")).because(error).help(Fault::Processes.help())
        })?;
        lock.await.unwrap_or_else(|_| Err(Error::new(format!("the wait for {name} was broken off"))))
    }

    /// Takes the lock, unless another process has it.
    ///
    /// # Errors
    /// The file can't be opened or locked.
    pub fn try_take(dir: &Path, name: &str) -> Result<Option<Lock>> {
        let (path, file) = Lock::file(dir, name)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(Error::io("lock", &path, &error)),
        }
    }

    fn file(dir: &Path, name: &str) -> Result<(PathBuf, File)> {
        let path = dir.join(name);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| Error::io("lock", &path, &error))?;
        Ok((path, file))
    }
}
