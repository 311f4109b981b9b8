//! Files as an update and a reset read and write them.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::merge::LearnerFile;
use crate::error::{Error, Result};
use crate::files::{make_folder, replace_through};

/// Replaces a file of the learner's. It is written in `dot` first, so that no half-written file lies among the
/// learner's.
pub(super) fn put(dot: &Path, place: &Path, bytes: &[u8]) -> Result<()> {
    let dir = place.parent().unwrap_or(dot);
    make_folder(dir)?;
    replace_through(dot, place, bytes)
}

pub(super) fn is_dir(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
}

pub(super) fn read_mine(path: &Path) -> Result<LearnerFile> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_file() => match fs::read(path) {
            Ok(bytes) => Ok(LearnerFile::File(bytes)),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(LearnerFile::Other),
            Err(error) => Err(Error::io("read", path, &error)),
        },
        Ok(_) => Ok(LearnerFile::Other),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(LearnerFile::Nothing)
        }
        Err(error) => Err(Error::io("read", path, &error)),
    }
}

pub(super) fn read_base(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(Error::io("read", path, &error)),
    }
}

/// All files below a folder, by their paths with `/`; none if the folder does not exist.
pub(super) fn walk(dir: &Path, prefix: &str, files: &mut Vec<String>) -> Result<()> {
    let fail = |error: std::io::Error| Error::io("read the folder", dir, &error);
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(fail)?,
    };
    for entry in entries {
        let entry = entry.map_err(fail)?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().map_err(fail)?.is_dir() {
            walk(&entry.path(), &format!("{path}/"), files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Removes the folders that a removed file has left empty.
pub(super) fn remove_empty(place: &Path, root: &Path) {
    let folders = place.ancestors().skip(1).take_while(|dir| *dir != root && dir.starts_with(root));
    for dir in folders {
        if fs::remove_dir(dir).is_err() {
            break;
        }
    }
}

/// Moves all files below a folder to another one, and leaves its folders where they are.
pub(super) fn move_files(from: &Path, to: &Path) -> std::io::Result<()> {
    if !from.is_dir() {
        return move_file(from, to);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            move_files(&from, &to)?;
        } else {
            move_file(&from, &to)?;
        }
    }
    Ok(())
}

/// Moves a file or a link, to another disk too.
fn move_file(from: &Path, to: &Path) -> std::io::Result<()> {
    // An empty folder may be in the way.
    let _ = fs::remove_dir(to);
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            #[cfg(unix)]
            if from.is_symlink() {
                std::os::unix::fs::symlink(fs::read_link(from)?, to)?;
                return fs::remove_file(from);
            }
            fs::copy(from, to)?;
            fs::remove_file(from)
        }
        other => other,
    }
}

/// Removes the empty folders below a folder.
pub(super) fn remove_empty_below(dir: &Path) {
    for below in fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if is_dir(&below) {
            remove_empty_below(&below);
            let _ = fs::remove_dir(&below);
        }
    }
}
