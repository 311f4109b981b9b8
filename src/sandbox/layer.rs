//! A layer over a folder: what is changed below the folder goes into the layer, and is gone with it.

use std::path::Path;

use crate::error::Result;

/// A layer, until it is dropped.
pub struct Layer {
    /// Dropping it ends the layer.
    _made: made::Made,
}

impl Layer {
    /// Lays one over a folder. What is changed is kept on the disk of temporary files, or in memory where that disk
    /// can't serve for it.
    ///
    /// # Errors
    /// The system has no such layers, or does not allow them here: inside of the outer wall ordinary users may make
    /// them since Linux 5.11.
    pub fn over(folder: &Path) -> Result<Layer> {
        made::over(folder).map(|made| Layer { _made: made })
    }

    /// Removes what killed processes have left of their layers.
    pub fn sweep() {
        made::sweep();
    }
}

#[cfg(target_os = "linux")]
mod made {
    use std::ffi::CString;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    use rustix::io::Errno;
    use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
    use tempfile::TempDir;

    use crate::error::{Error, Result};
    use crate::files::Lock;

    /// How the folders of layers are called.
    const PREFIX: &str = "workshop-layer-";

    /// Held as long as there is the layer.
    const LOCK: &str = "lock";

    pub(super) struct Made {
        folder: PathBuf,
        changes: TempDir,
        in_memory: bool,
        _lock: Lock,
    }

    pub(super) fn over(folder: &Path) -> Result<Made> {
        let cannot = |error: &dyn std::fmt::Display| {
            Error::new(format!("no layer can be laid over {}", folder.display())).because(error)
        };
        let changes = tempfile::Builder::new().prefix(PREFIX).tempdir().map_err(|error| cannot(&error))?;
        // It has its name when it is locked: so whoever finds it unlocked knows that its layer is left over.
        let lock = Lock::take(changes.path(), "lock.new", || {})?;
        fs::rename(changes.path().join("lock.new"), changes.path().join(LOCK)).map_err(|error| cannot(&error))?;
        if lay(folder, changes.path()).is_ok() {
            return Ok(Made { folder: folder.to_owned(), changes, in_memory: false, _lock: lock });
        }
        mount("tmpfs", changes.path(), "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, None)
            .map_err(|error| cannot(&error))?;
        let made = Made { folder: folder.to_owned(), changes, in_memory: true, _lock: lock };
        lay(folder, made.changes.path()).map_err(|error| cannot(&error))?;
        Ok(made)
    }

    fn lay(folder: &Path, changes: &Path) -> std::result::Result<(), Errno> {
        let (upper, work) = (changes.join("upper"), changes.join("work"));
        for made in [&upper, &work] {
            fs::create_dir_all(made).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        }
        let mut options = Vec::new();
        for (name, path) in [("lowerdir=", folder), (",upperdir=", &upper), (",workdir=", &work)] {
            options.extend(name.as_bytes());
            for byte in path.as_os_str().as_bytes() {
                if matches!(byte, b'\\' | b',' | b':') {
                    options.push(b'\\');
                }
                options.push(*byte);
            }
        }
        options.extend(b",userxattr");
        let options = CString::new(options).map_err(|_| Errno::INVAL)?;
        mount("overlay", folder, "overlay", MountFlags::NOSUID | MountFlags::NODEV, options.as_c_str())
    }

    pub(super) fn sweep() {
        let entries = fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name().as_bytes().starts_with(PREFIX.as_bytes())) {
            // One of somebody else can't be locked.
            if entry.path().join(LOCK).is_file()
                && let Ok(Some(_lock)) = Lock::try_take(&entry.path(), LOCK)
            {
                // The system lets nobody into this one.
                let _ = fs::set_permissions(entry.path().join("work/work"), fs::Permissions::from_mode(0o700));
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    impl Drop for Made {
        fn drop(&mut self) {
            // Whatever still uses it, the name leads to the folder itself again.
            let _ = unmount(&self.folder, UnmountFlags::DETACH);
            if self.in_memory {
                let _ = unmount(self.changes.path(), UnmountFlags::DETACH);
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod made {
    use std::path::Path;

    use crate::error::{Error, Result};

    pub(super) struct Made;

    pub(super) fn sweep() {}

    pub(super) fn over(folder: &Path) -> Result<Made> {
        Err(Error::new(format!("no layer can be laid over {}: only Linux has them", folder.display())))
    }
}
