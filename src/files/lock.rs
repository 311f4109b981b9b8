//! A lock between processes, as a locked file.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::owner::give_away;
use crate::error::{Error, Result};
use crate::fault::Fault;

/// A lock that one process holds at a time, from [`Lock::take`] until the value is dropped or the process ends.
pub struct Lock(#[expect(dead_code, reason = "the open file is the lock")] File);

impl Lock {
    /// Takes the lock `name` in a folder; calls `busy` if it has to wait.
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

    /// Takes the lock together with all others that share it: who has it alone comes before or after.
    ///
    /// # Errors
    /// The file can't be opened or locked.
    pub fn share(dir: &Path, name: &str) -> Result<Lock> {
        let (path, file) = Lock::file(dir, name)?;
        file.lock_shared().map_err(|error| Error::io("lock", &path, &error))?;
        Ok(Lock(file))
    }

    /// Takes the lock without blocking the caller. If the future is dropped, the lock is not taken.
    ///
    /// # Errors
    /// The file can't be opened or locked.
    pub async fn when_free(dir: &Path, name: &'static str) -> Result<Lock> {
        let (taken, lock) = tokio::sync::oneshot::channel();
        let dir = dir.to_owned();
        // A thread that waits for a file lock can't be interrupted. It drops a lock that is no longer wanted.
        std::thread::Builder::new().spawn(move || taken.send(Lock::take(&dir, name, || {}))).map_err(|error| {
            Error::new(format!("no thread can be started to wait for {name}"))
                .because(error)
                .help(Fault::Processes.help())
        })?;
        lock.await.unwrap_or_else(|_| Err(Error::new(format!("the wait for {name} was interrupted"))))
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
        give_away(&file, dir);
        Ok((path, file))
    }
}
