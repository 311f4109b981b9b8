//! Makes a workspace under a temporary name and renames it, so that there is a complete one or none. Or restores one
//! whose `.workshop` is missing.

use std::fs;
use std::path::{Path, PathBuf};

use super::{COURSE, DOT, Workspace, is_workspace, write_files};
use crate::assets::{Catalog, File, Origin};
use crate::error::{Error, Result};
use crate::files::{give_away_folder, make_folder, replace};
use crate::pattern::escape;
use crate::progress::WorkspaceState;

/// A workspace that is being made; removed if it is dropped unfinished.
pub struct NewWorkspace {
    dir: tempfile::TempDir,
    parent: PathBuf,
}

impl NewWorkspace {
    /// Begins a workspace in this folder.
    ///
    /// # Errors
    /// The folder is not writable.
    pub fn begin(parent: &Path) -> Result<NewWorkspace> {
        let fail = |error: std::io::Error| {
            Error::io("make a workspace in", parent, &error).help("name a folder that exists and is yours to write")
        };
        let parent = parent.canonicalize().map_err(fail)?;
        check_path(&parent)?;
        if let Some(around) = parent.ancestors().find(|dir| is_workspace(dir)) {
            return Err(Error::new(format!("{} is a workspace, and holds no other", around.display()))
                .help("go to a folder outside of it"));
        }
        let dir = tempfile::Builder::new().prefix(".making-").tempdir_in(&parent).map_err(fail)?;
        give_away_folder(dir.path(), &parent);
        let dot = dir.path().join(DOT);
        make_folder(&dot)?;
        Ok(NewWorkspace { dir, parent })
    }

    /// The folder for a course that the workspace has a copy of.
    pub fn course(&self) -> PathBuf {
        self.dir.path().join(COURSE)
    }

    /// Fills it and gives it its name: `name`, or that of the course. `url` is where the copy of
    /// the course is from, if the course is in [`NewWorkspace::course`].
    ///
    /// # Errors
    /// There is something of that name already, the course is wrong, or files can't be written.
    pub fn finish(
        self,
        catalog: Catalog,
        url: Option<&str>,
        name: Option<&str>,
        track: Option<&str>,
    ) -> Result<Workspace> {
        let root = self.parent.join(name.unwrap_or(&catalog.course.name));
        is_free(&root)?;
        let track_name = track_name(&catalog, track);
        let track = catalog.track(&track_name)?;
        // Everything is read before anything is written: a wrong course leaves nothing behind.
        catalog.check_whole(track)?;
        let given = catalog.templates(track)?;
        write_files(self.dir.path(), &given)?;
        let course_path = match (&catalog.origin, url) {
            (_, Some(_)) => Some(PathBuf::from(COURSE)),
            (Origin::BuiltIn, None) => None,
            (Origin::Folder(path), None) => Some(path.clone()),
        };
        let mut state = WorkspaceState::new(&catalog.course.name, course_path, &track_name, &catalog.course.stages[0]);
        state.course_url = url.map(str::to_owned);
        let making = Workspace { root: self.dir.path().to_owned(), catalog, state };
        making.write_dot(&given, true)?;
        let Workspace { mut catalog, state, .. } = making;
        fs::rename(self.dir.path(), &root).map_err(|error| Error::io("make", &root, &error))?;
        let _ = self.dir.keep();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let _ = fs::set_permissions(&root, fs::Permissions::from_mode(0o755));
        }
        if url.is_some() {
            catalog.origin = Origin::Folder(root.join(COURSE));
        }
        Ok(Workspace { root, catalog, state })
    }
}

/// A folder in which build tools can work. They pass lists of folders on in the environment, with `:` between two.
fn check_path(folder: &Path) -> Result<()> {
    let why = match folder.to_str() {
        None => "its path is not UTF-8, and build tools can't write it down",
        Some(path) if cfg!(unix) && path.contains(':') => {
            "a build tool takes the `:` in its path for the end of a path"
        }
        Some(_) => return Ok(()),
    };
    let shown = escape(folder.to_string_lossy().as_bytes());
    Err(Error::new(format!("a workspace can't be in {shown}")).because(why).help("go to a folder with a plain name"))
}

impl Workspace {
    /// Was this folder a workspace of the course, before its `.workshop` or the state in it was lost? A git clone of
    /// a workspace is such a folder, as git ignores `.workshop`.
    ///
    /// # Errors
    /// The course's templates can't be read.
    pub fn was_here(root: &Path, catalog: &Catalog, track: Option<&str>) -> Result<bool> {
        if is_workspace(root) {
            return Ok(false);
        }
        let track = catalog.track(&track_name(catalog, track))?;
        let first = &catalog.course.stages[0];
        catalog.has_packages(track, first)?;
        let given = catalog.tree(&format!("{}/{first}", track.templates))?;
        Ok(given.iter().any(|(path, _)| root.join(first).join(path).is_file()))
    }

    /// Makes it a workspace again. The learner's files are not touched; their progress is lost.
    ///
    /// # Errors
    /// The course is wrong, or files can't be written.
    pub fn take_up_again(root: &Path, catalog: Catalog, track: Option<&str>) -> Result<Workspace> {
        let track_name = track_name(&catalog, track);
        let track = catalog.track(&track_name)?;
        catalog.check_whole(track)?;
        let course_path = match &catalog.origin {
            Origin::BuiltIn => None,
            Origin::Folder(path) => Some(path.clone()),
        };
        // A missing file counts as not given yet: an update brings it.
        let (given, missing): (Vec<_>, Vec<_>) =
            catalog.templates(track)?.into_iter().partition(|(path, _)| root.join(path).exists());
        let state = WorkspaceState::new(&catalog.course.name, course_path, &track_name, &catalog.course.stages[0]);
        let workspace = Workspace { root: root.to_owned(), catalog, state };
        workspace.write_dot(&given, missing.is_empty())?;
        Ok(workspace)
    }

    /// Fills `.workshop`. The base is written unless there is one; `all` says whether it is everything that the
    /// course has.
    fn write_dot(&self, given: &[File], all: bool) -> Result<()> {
        let dot = self.dot();
        make_folder(&dot)?;
        replace(&dot.join(".gitignore"), b"*\n")?;
        if !self.base().is_dir() {
            write_files(&self.base(), given)?;
            if all {
                self.write_stamp()?;
            }
        }
        // The last step: it makes the folder a workspace.
        self.state.save(&dot)
    }
}

/// The track that was asked for, or the course's first.
fn track_name(catalog: &Catalog, wanted: Option<&str>) -> String {
    wanted.or(catalog.course.tracks.keys().next().map(String::as_str)).unwrap_or_default().to_owned()
}

/// Checks that nothing exists at this path yet.
///
/// # Errors
/// Something exists there.
pub fn is_free(root: &Path) -> Result<()> {
    if is_workspace(root) {
        return Err(Error::new(format!("{} is a workspace already", root.display()))
            .help("in it, `workshop next` goes on, and `workshop update` brings what is new in its course"));
    }
    if root.symlink_metadata().is_ok() {
        return Err(Error::new(format!("{} exists already, and is not a workspace", root.display()))
            .help("go to another folder, or move it away"));
    }
    Ok(())
}
