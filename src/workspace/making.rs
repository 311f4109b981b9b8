//! A new workspace: made under another name and renamed, so that there is a whole one, or none.

use std::fs;
use std::path::{Path, PathBuf};

use super::{COURSE, DOT, Workspace, is_workspace, write_files};
use crate::assets::{Catalog, Origin};
use crate::error::{Error, Result};
use crate::progress::{State, write_whole};

/// A workspace that is being made; gone when it is dropped.
pub struct Making {
    dir: tempfile::TempDir,
    parent: PathBuf,
}

impl Making {
    /// Begins one that will be in this folder.
    ///
    /// # Errors
    /// The folder can't be written into.
    pub fn begin(parent: &Path) -> Result<Making> {
        let fail = |error: std::io::Error| {
            Error::io("make a workspace in", parent, &error).help("name a folder that exists and is yours to write")
        };
        let parent = parent.canonicalize().map_err(fail)?;
        if let Some(around) = parent.ancestors().find(|dir| is_workspace(dir)) {
            return Err(Error::new(format!("{} is a workspace, and holds no other", around.display()))
                .help("go to a folder outside of it"));
        }
        let dir = tempfile::Builder::new().prefix(".making-").tempdir_in(&parent).map_err(fail)?;
        let dot = dir.path().join(DOT);
        fs::create_dir(&dot).map_err(|error| Error::io("make", &dot, &error))?;
        Ok(Making { dir, parent })
    }

    /// The folder for a course that the workspace has a copy of.
    pub fn course(&self) -> PathBuf {
        self.dir.path().join(COURSE)
    }

    /// Fills it and gives it its name: `name`, or that of the course. `url` is where the copy of
    /// the course is from, if the course is in [`Making::course`].
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
        let track_name =
            track.or(catalog.course.tracks.keys().next().map(String::as_str)).unwrap_or_default().to_owned();
        let track = catalog.track(&track_name)?;
        // All is read before anything is written: a wrong course leaves nothing behind.
        catalog.check_whole(track)?;
        write_files(self.dir.path(), &catalog.tree(&track.templates)?)?;
        let course_path = match (&catalog.origin, url) {
            (_, Some(_)) => Some(PathBuf::from(COURSE)),
            (Origin::BuiltIn, None) => None,
            (Origin::Folder(path), None) => Some(path.clone()),
        };
        let mut state = State::new(&catalog.course.name, course_path, &track_name, &catalog.course.stages[0]);
        state.course_url = url.map(str::to_owned);
        let making = Workspace { root: self.dir.path().to_owned(), catalog, state };
        write_whole(&making.dot().join(".gitignore"), b"*\n")?;
        making.write_base()?;
        making.write_stamp()?;
        making.state.save(&making.dot())?;
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

/// A workspace can be made here: there is nothing yet.
///
/// # Errors
/// There is something.
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
