//! Files that are replaced whole or not at all, and locks between processes.

mod lock;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use crate::error::{Error, Result};

pub use lock::Lock;

/// Replaces a file: a process that is killed at any moment, or a machine that loses its power, leaves
/// the old file or the new one.
///
/// # Errors
/// It can't be written; an old file is left as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    replace_through(parent(path), path, bytes)
}

/// The same, with the new file written in another folder first, so that no half-written file lies beside it.
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
        // A folder may be a link to another disk.
        Err(error) if error.kind() == ErrorKind::CrossesDevices => write(dir),
        other => other,
    };
    // A rename is on the disk once its folder is.
    let replaced = replaced.and_then(|()| if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) });
    replaced.map_err(|error| Error::io("write", path, &error))
}

/// The same for a file that can be made again: readers find it whole, but it may be lost with the machine's power.
///
/// # Errors
/// See [`replace`].
pub fn replace_unsynced(path: &Path, bytes: &[u8]) -> Result<()> {
    let file = written(parent(path), path, bytes);
    let replaced = file.and_then(|file| file.persist(path).map_err(|error| error.error));
    replaced.map(drop).map_err(|error| Error::io("write", path, &error))
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

/// A file in `temporary` that is ready to take the place of `path`, with the permissions of the old file or those
/// of any new one.
fn written(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".new-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(temporary)?;
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
