//! A layer over a folder: what is changed below the folder goes into the layer, and is gone with it.

use std::path::Path;

use crate::error::Result;

/// A layer, until it is dropped.
#[derive(Debug)]
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
}

#[cfg(target_os = "linux")]
mod made {
    use std::ffi::CString;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    use rustix::io::Errno;
    use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
    use tempfile::TempDir;

    use crate::error::{Error, Result};

    #[derive(Debug)]
    pub(super) struct Made {
        folder: PathBuf,
        changes: TempDir,
        in_memory: bool,
    }

    pub(super) fn over(folder: &Path) -> Result<Made> {
        let cannot = |error: &dyn std::fmt::Display| {
            Error::new(format!("no layer can be laid over {}", folder.display())).because(error)
        };
        let changes = tempfile::tempdir().map_err(|error| cannot(&error))?;
        if lay(folder, changes.path()).is_ok() {
            return Ok(Made { folder: folder.to_owned(), changes, in_memory: false });
        }
        mount("tmpfs", changes.path(), "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, None)
            .map_err(|error| cannot(&error))?;
        let made = Made { folder: folder.to_owned(), changes, in_memory: true };
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

    #[derive(Debug)]
    pub(super) struct Made;

    pub(super) fn over(folder: &Path) -> Result<Made> {
        Err(Error::new(format!("no layer can be laid over {}: only Linux has them", folder.display())))
    }
}
