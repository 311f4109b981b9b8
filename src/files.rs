//! Files that are replaced completely or not at all, and locks between processes.

mod lock;
mod owner;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::error::{Error, Result};

pub use lock::Lock;
use owner::give_away;
pub use owner::give_away_folder;

/// Replaces a file atomically: after a kill or a power failure at any moment, the old file or the new one is there.
///
/// # Errors
/// It can't be written; then the old file is unchanged.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    replace_through(parent(path), path, bytes)
}

/// The same, with the new file written in another folder first, so that no half-written file appears beside it.
///
/// # Errors
/// See [`replace`].
pub fn replace_through(temporary: &Path, path: &Path, bytes: &[u8]) -> Result<()> {
    let dir = parent(path);
    let write = |temporary: &Path| -> io::Result<()> {
        let file = written(temporary, path, bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map(drop).map_err(|error| error.error)
    };
    let replaced = match write(temporary) {
        // The folder may be a link to another disk.
        Err(error) if error.kind() == ErrorKind::CrossesDevices => write(dir),
        other => other,
    };
    // A rename is durable once its folder is synced.
    let replaced = replaced.and_then(|()| if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) });
    replaced.map_err(|error| Error::io("write", path, &error))
}

/// The same for a file that can be made again: readers never see half of it, but a power failure may lose it.
///
/// # Errors
/// See [`replace`].
pub fn replace_unsynced(path: &Path, bytes: &[u8]) -> Result<()> {
    let file = written(parent(path), path, bytes);
    let replaced = file.and_then(|file| file.persist(path).map_err(|error| error.error));
    replaced.map(drop).map_err(|error| Error::io("write", path, &error))
}

/// Makes a folder and those above it, unless they are there.
///
/// # Errors
/// It can't be made.
pub fn make_folder(path: &Path) -> Result<()> {
    make_missing(path).map_err(|error| Error::io("make", path, &error))
}

fn make_missing(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    make_missing(parent(path))?;
    match fs::create_dir(path) {
        Ok(()) => give_away_folder(path, parent(path)),
        // Another process was faster.
        Err(_) if path.is_dir() => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Removes a file, if it is there.
///
/// # Errors
/// It can't be removed.
pub fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path, &error)),
        _ => Ok(()),
    }
}

/// A file in `temporary` that is ready to replace `path`, with the permissions of the old file, or else of a new one.
fn written(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".new-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(temporary)?;
    give_away(file.as_file(), parent(path));
    if let Ok(old) = fs::metadata(path) {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.write_all(bytes)?;
    Ok(file)
}

/// The folder that a file is in.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}
