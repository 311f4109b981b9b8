//! The four files of a feed.
//!
//! Hypercore brings a storage of its own, which asks the disk to confirm every
//! write, several for each block. That survives a power cut, and takes seconds
//! for a few hundred blocks. Ours writes to the system and goes on: what was
//! written survives the end of our program, whatever ends it.
//!
//! All of it is done at once, without a wait in between. So a replication that is
//! dropped half-way never leaves a block half applied.

use std::fs::{File, OpenOptions, TryLockError};
use std::future::ready;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use hypercore::{HypercoreError, Storage, StorageTraits, Store};
use random_access_storage::{BoxFuture, RandomAccess, RandomAccessError};

/// Makes the folder, and keeps others out of it for as long as the file is open.
pub(crate) fn lock(folder: &Path) -> io::Result<File> {
    std::fs::create_dir_all(folder)?;
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::Error::other("another program has it open")),
        Err(TryLockError::Error(reason)) => Err(reason),
    }
}

/// Is there no feed in the folder yet?
pub(crate) fn is_new(folder: &Path) -> bool {
    folder
        .join("oplog")
        .metadata()
        .map_or(true, |file| file.len() == 0)
}

/// The files `tree`, `data`, `bitfield` and `oplog`. Behind the two headers in the `oplog`
/// stand notes of what is not yet in the others, if there are to be any.
pub(crate) async fn storage(folder: &Path, notes: bool) -> Result<Storage, HypercoreError> {
    let folder = folder.to_owned();
    let open = move |store: Store| {
        let path = folder.join(store.to_string());
        let end = if store == Store::Oplog && !notes {
            HEADERS
        } else {
            u64::MAX
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let file = file.map(|file| {
            Arc::new(Disk {
                file: Mutex::new(file),
                end,
            }) as Arc<dyn StorageTraits>
        });
        Box::pin(ready(file.map_err(RandomAccessError::from))) as _
    };
    Storage::open(open, false).await
}

/// The two headers of an oplog end here.
const HEADERS: u64 = 8192;

#[derive(Debug)]
struct Disk {
    file: Mutex<File>,
    /// What is written behind this is left out.
    end: u64,
}

impl Disk {
    fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut File) -> Result<T, RandomAccessError>,
    ) -> BoxFuture<Result<T, RandomAccessError>> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(ready(work(&mut file)))
    }
}

impl RandomAccess for Disk {
    fn write(&self, offset: u64, data: &[u8]) -> BoxFuture<Result<(), RandomAccessError>> {
        self.with(|file| {
            if offset < self.end {
                file.seek(SeekFrom::Start(offset))?;
                file.write_all(data)?;
            }
            Ok(())
        })
    }

    fn read(&self, offset: u64, length: u64) -> BoxFuture<Result<Vec<u8>, RandomAccessError>> {
        self.with(|file| {
            let (end, there) = (offset + length, file.metadata()?.len());
            if end > there {
                return Err(RandomAccessError::OutOfBounds {
                    offset,
                    end: Some(end),
                    length: there,
                });
            }
            let mut data = vec![0; length as usize];
            file.seek(SeekFrom::Start(offset))?;
            file.read_exact(&mut data)?;
            Ok(data)
        })
    }

    /// What is no longer needed becomes zeros; a feed of ours never asks for it.
    fn del(&self, offset: u64, length: u64) -> BoxFuture<Result<(), RandomAccessError>> {
        match offset + length >= self.len() {
            true => self.truncate(offset),
            false => self.write(offset, &vec![0; length as usize]),
        }
    }

    fn truncate(&self, length: u64) -> BoxFuture<Result<(), RandomAccessError>> {
        self.with(|file| Ok(file.set_len(length)?))
    }

    fn len(&self) -> u64 {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.metadata().map_or(0, |file| file.len())
    }
}
