//! A learner's workspace: their files, and beside them the `.workshop` folder.
//!
//! ```text
//! p2p-workshop/            named after the course
//!   Cargo.toml …           whatever the track's templates have at their top
//!   duplex-tcp/            one package a stage, the learner's
//!   .workshop/
//!     state.json           progress
//!     reference/           the solutions, as the course has them
//!     out/ cache/          what is built
//!     backups/             what `workshop reset` and `workshop update` replaced
//!     base/                the templates as the learner was given them
//!     course.stamp         by which news in the course are known
//!     course/              the course, where it is a copy of a git repository
//! ```

mod base;
mod disk;
mod inside;
mod making;
mod merge;
mod update;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::assets::{Another, Catalog, File, Origin};
use crate::course::{Party, Track};
use crate::error::{Error, Result};
use crate::files::{make_folder, remove_file, replace_unsynced};
use crate::progress::WorkspaceState;

pub use making::{NewWorkspace, is_free};
pub use merge::{Action, LearnerFile, decide};
pub use update::{FileStep, StageMove, Updated};

/// The folder that makes a folder a workspace.
pub const DOT: &str = ".workshop";

/// Where a copy of a course is, below the workspace.
const COURSE: &str = ".workshop/course";

/// A text file of a workspace: its path below it, and its content.
pub type TextFile = (PathBuf, String);

/// A workspace and its course.
pub struct Workspace {
    /// Its folder.
    pub root: PathBuf,
    /// Its course.
    pub catalog: Catalog,
    /// Its state when it was opened.
    pub state: WorkspaceState,
}

impl Workspace {
    /// Finds the workspace that `from` is in, or that is directly below it, and opens it.
    /// `course` overrides the recorded course.
    ///
    /// # Errors
    /// There is none, or several, or its state or its course can't be read.
    pub fn find(from: &Path, course: Option<&Path>) -> Result<Workspace> {
        let (root, state) = Workspace::locate(from)?;
        let catalog = match course.map(Path::to_owned).or(state.course_path.as_ref().map(|path| root.join(path))) {
            Some(path) => Catalog::folder(&path)?,
            None => Catalog::open(Origin::BuiltIn)?,
        };
        Workspace::with(root, state, catalog)
    }

    /// The folder and the state of the workspace that [`Workspace::find`] finds. Its course is not opened.
    ///
    /// # Errors
    /// There is none, or several, or its state can't be read.
    pub fn locate(from: &Path) -> Result<(PathBuf, WorkspaceState)> {
        let root = locate(from)?.ok_or_else(|| {
            let help = if Self::has_lost_its_state(from) {
                "these are the files of a workspace, without its hidden folder, as in a clone: `workshop next` in its \
                 top folder makes it a workspace again, and leaves your files as they are"
            } else {
                "`workshop next` makes one in the current folder; commands find it from inside, and from the folder \
                 directly above"
            };
            Error::new("there is no workspace here").help(help)
        })?;
        let state = WorkspaceState::load(&root.join(DOT))?;
        Ok((root, state))
    }

    /// Is this, or a folder above, a copy of a workspace of the built-in course that came without its state?
    fn has_lost_its_state(from: &Path) -> bool {
        Catalog::open(Origin::BuiltIn).is_ok_and(|catalog| {
            from.ancestors().take(4).any(|root| Self::was_here(root, &catalog, None).unwrap_or(false))
        })
    }

    /// Can a workspace be found from here?
    ///
    /// # Errors
    /// There are several.
    pub fn exists(from: &Path) -> Result<bool> {
        Ok(locate(from)?.is_some())
    }

    /// A workspace with a course that is already open.
    ///
    /// # Errors
    /// The course is not the workspace's, or its renames of stages are wrong.
    pub fn with(root: PathBuf, mut state: WorkspaceState, catalog: Catalog) -> Result<Workspace> {
        if catalog.course.name != state.course {
            return Err(Error::new(format!(
                "this workspace belongs to the course `{}`, not to `{}`",
                state.course, catalog.course.name
            ))
            .help("go to another folder, and `workshop next` makes a workspace there"));
        }
        // Stages may have been renamed since; `workshop update` records it.
        if !state.fits(&catalog.course.stages) {
            state.follow(&catalog.renames()?, &catalog.course.stages);
        }
        Ok(Workspace { root, catalog, state })
    }

    /// Makes a workspace below `parent`, named after the course.
    ///
    /// # Errors
    /// There is a folder of that name already, or it can't be written.
    pub fn create(parent: &Path, catalog: Catalog, track: Option<&str>) -> Result<Workspace> {
        is_free(&parent.join(&catalog.course.name))?;
        NewWorkspace::begin(parent)?.finish(catalog, None, None, track)
    }

    /// The `.workshop` folder.
    pub fn dot(&self) -> PathBuf {
        self.root.join(DOT)
    }

    /// The track that the learner works in.
    ///
    /// # Errors
    /// The course no longer has it.
    pub fn track(&self) -> Result<&Track> {
        self.catalog.track(&self.state.track)
    }

    /// The folder of all packages of a party; the reference's is updated first.
    ///
    /// # Errors
    /// The reference's files can't be written.
    pub fn packages(&self, party: Party) -> Result<PathBuf> {
        match party {
            Party::You => Ok(self.root.clone()),
            Party::Reference | Party::Stage => {
                let dir = self.dot().join("reference").join(&self.state.track);
                let files = self.catalog.tree(&self.track()?.solutions)?;
                write_files(&dir, &files)?;
                remove_former(&dir, &files)?;
                Ok(dir)
            }
        }
    }

    /// The files of a stage that a learner edits, as paths below the workspace.
    ///
    /// # Errors
    /// The course's templates can't be read.
    pub fn editable(&self, stage: &str) -> Result<Vec<PathBuf>> {
        let track = self.track()?;
        let files = self.template(stage)?;
        Ok(files
            .into_iter()
            .filter(|(path, _)| track.edits(path))
            .map(|(path, _)| Path::new(stage).join(path))
            .collect())
    }

    /// The files that a learner starts a stage from; paths below the package.
    ///
    /// # Errors
    /// The course's templates can't be read.
    pub fn template(&self, stage: &str) -> Result<Vec<File>> {
        self.catalog.tree(&format!("{}/{stage}", self.track()?.templates))
    }

    /// The solution's version of the files that a learner edits, by their paths below the workspace.
    ///
    /// # Errors
    /// The course's templates or solutions can't be read, or it has no solutions.
    pub fn solution(&self, stage: &str) -> Result<Vec<TextFile>> {
        self.catalog.has_solutions()?;
        let files = self.catalog.tree(&format!("{}/{stage}", self.track()?.solutions))?;
        let files = files.into_iter().map(|(path, bytes)| (Path::new(stage).join(path), bytes));
        self.edited_of(stage, files)
    }

    /// The stage's other solution, if it has one, with the files that a learner edits.
    ///
    /// # Errors
    /// See [`Workspace::solution`]; or the other solution is wrong.
    pub fn another(&self, stage: &str) -> Result<Option<(Another, Vec<TextFile>)>> {
        let Some(another) = self.catalog.another(stage, &self.state.track)? else { return Ok(None) };
        let files = another.files(stage, &self.catalog.tree(&self.track()?.solutions)?)?;
        let files = self.edited_of(stage, files.into_iter().map(|(path, bytes)| (path.into(), bytes)))?;
        Ok(Some((another, files)))
    }

    /// The files that the learner was given beside all packages, such as that of a build tool. Asked at each verify,
    /// so only one folder is looked into.
    pub fn beside(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.base()).into_iter().flatten().flatten();
        entries.filter(|entry| entry.path().is_file()).map(|entry| entry.file_name().into()).collect()
    }

    /// Those of these files that a learner edits, as text.
    fn edited_of(&self, stage: &str, files: impl Iterator<Item = (PathBuf, Vec<u8>)>) -> Result<Vec<TextFile>> {
        let edited = self.editable(stage)?;
        let files = files.filter(|(path, _)| edited.contains(path));
        Ok(files.map(|(path, bytes)| (path, String::from_utf8_lossy(&bytes).into_owned())).collect())
    }

    /// Puts a stage's files back to their first state. The old files are moved to a backup, whose folder is returned;
    /// nothing is lost, even if this is interrupted. Folders stay, as one may be a shell's current folder.
    ///
    /// # Errors
    /// The files can't be moved or written.
    pub fn reset(&self, stage: &str) -> Result<Option<PathBuf>> {
        let (package, dot) = (self.root.join(stage), self.dot());
        // Written before anything is moved: if there is no room, everything stays as it was.
        let new = tempfile::Builder::new().prefix("reset-").tempdir_in(&dot);
        let new = new.map_err(|error| Error::io("write into", &dot, &error))?;
        write_files(new.path(), &self.template(stage)?)?;
        let mut backup = None;
        if package.symlink_metadata().is_ok() {
            let to = self.new_backup(stage)?;
            disk::move_files(&package, &to).map_err(|error| {
                let kept = format!("nothing is lost: the missing files are in {}", to.display());
                Error::io("move away", &package, &error).help(kept)
            })?;
            backup = Some(to);
        }
        disk::move_files(new.path(), &package).map_err(|error| {
            let error = Error::io("write", &package, &error);
            backup.iter().fold(error, |error, to| error.help(format!("the old files are in {}", to.display())))
        })?;
        disk::remove_empty_below(&package);
        self.write_base_of(stage)?;
        Ok(backup)
    }

    /// An unused path for a backup.
    fn new_backup(&self, what: &str) -> Result<PathBuf> {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let backups = self.dot().join("backups");
        make_folder(&backups)?;
        (0..1000)
            .map(|n| backups.join(format!("{what}-{seconds}-{n}")))
            .find(|path| !path.exists())
            .ok_or_else(|| Error::new("there are too many backups").help("remove old ones from .workshop/backups"))
    }
}

/// The workspace at or above `from`, or directly below it.
fn locate(from: &Path) -> Result<Option<PathBuf>> {
    if let Some(root) = from.ancestors().find(|dir| is_workspace(dir)) {
        return Ok(Some(root.to_owned()));
    }
    let entries = fs::read_dir(from).map_err(|error| Error::io("read the folder", from, &error))?;
    let mut below: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|dir| is_workspace(dir)).collect();
    below.sort();
    match below.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only.clone())),
        several => {
            let names: Vec<_> = several
                .iter()
                .filter_map(|dir| dir.file_name())
                .map(|name| format!("`{}`", name.to_string_lossy()))
                .collect();
            Err(Error::new(format!("there are several workspaces here: {}", names.join(", ")))
                .help("change to the one that you mean"))
        }
    }
}

fn is_workspace(dir: &Path) -> bool {
    dir.join(DOT).join("state.json").is_file()
}

/// Removes the files that [`write_files`] wrote below a folder the last time and that are not among `files`. Files
/// that programs have left there stay.
fn remove_former(dir: &Path, files: &[File]) -> Result<()> {
    let list = dir.with_extension("files");
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let now = names.join("\n");
    let before = fs::read_to_string(&list).unwrap_or_default();
    if before == now {
        return Ok(());
    }
    before.lines().filter(|name| !names.contains(name)).try_for_each(|former| remove_file(&dir.join(former)))?;
    replace_unsynced(&list, now.as_bytes())
}

/// Writes files below a folder. Unchanged files are not touched, so that a build tool sees no change.
///
/// # Errors
/// A file can't be written.
pub fn write_files(dir: &Path, files: &[File]) -> Result<()> {
    for (name, bytes) in files {
        let path = dir.join(name);
        if fs::read(&path).is_ok_and(|old| old == *bytes) {
            continue;
        }
        let parent = path.parent().unwrap_or(dir);
        make_folder(parent)?;
        replace_unsynced(&path, bytes)?;
    }
    Ok(())
}
