//! The four files of a feed.
//!
//! Hypercore's own storage waits until the disk has confirmed every write, and each
//! block takes several writes. That survives a power failure, but takes seconds for a
//! few hundred blocks. Our storage hands each write to the operating system and goes
//! on: what was written survives the end of our program, however it ends.
//!
//! All operations complete at once, without an await in between. So a replication that
//! is dropped halfway never leaves a block half applied. The `bitfield`, which says that
//! a block is present, is written after everything else that belongs to the block: a
//! program that is killed in between has one block less, and fetches it again.

use std::fs::{File, OpenOptions, TryLockError};
use std::future::ready;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hypercore::{HypercoreError, Storage, StorageTraits, Store};
use random_access_storage::{BoxFuture, RandomAccess, RandomAccessError};

/// Creates the folder, and locks it for as long as the returned file is open.
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

/// Whether the folder has no feed yet.
pub(crate) fn is_new(folder: &Path) -> bool {
    folder
        .join("oplog")
        .metadata()
        .map_or(true, |file| file.len() == 0)
}

/// Opens the files `tree`, `data`, `bitfield` and `oplog`. With `notes`, the `oplog` also has
/// entries, after its two headers, for changes that are not yet in the other files.
pub(crate) async fn storage(folder: &Path, notes: bool) -> Result<Storage, HypercoreError> {
    let file = |store: Store| {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        options.open(folder.join(store.to_string()))
    };
    let files = Arc::new(Mutex::new(Files {
        tree: file(Store::Tree)?,
        data: file(Store::Data)?,
        bitfield: file(Store::Bitfield)?,
        oplog: file(Store::Oplog)?,
        held_back: Vec::new(),
        notes,
    }));
    let open = move |store| {
        let files = files.clone();
        Box::pin(ready(Ok(
            Arc::new(Disk { files, store }) as Arc<dyn StorageTraits>
        ))) as _
    };
    Storage::open(open, false).await
}

/// The offset at which the two headers of an oplog end.
const HEADERS: u64 = 8192;

#[derive(Debug)]
struct Files {
    tree: File,
    data: File,
    bitfield: File,
    oplog: File,
    /// Writes to the bitfield that are held back: their offsets and data.
    held_back: Vec<(u64, Vec<u8>)>,
    notes: bool,
}

impl Files {
    fn of(&mut self, store: &Store) -> &mut File {
        match store {
            Store::Tree => &mut self.tree,
            Store::Data => &mut self.data,
            Store::Bitfield => &mut self.bitfield,
            Store::Oplog => &mut self.oplog,
        }
    }

    /// Hypercore writes a header last. The bitfield is held back until then, so that it
    /// comes after everything else.
    fn write(&mut self, store: &Store, offset: u64, data: &[u8]) -> io::Result<()> {
        match store {
            Store::Bitfield => {
                self.held_back.push((offset, data.to_vec()));
                return Ok(());
            }
            Store::Oplog if offset >= HEADERS && !self.notes => return Ok(()),
            Store::Oplog if offset < HEADERS => {
                for (offset, data) in std::mem::take(&mut self.held_back) {
                    write_at(&mut self.bitfield, offset, &data)?;
                }
            }
            _ => {}
        }
        write_at(self.of(store), offset, data)
    }
}

fn write_at(file: &mut File, offset: u64, data: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(data)
}

/// One of the four files.
#[derive(Debug)]
struct Disk {
    files: Arc<Mutex<Files>>,
    store: Store,
}

impl Disk {
    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_at(&self, offset: u64, length: u64) -> Result<Vec<u8>, RandomAccessError> {
        let (end, there) = (offset + length, self.len());
        if end > there {
            return Err(RandomAccessError::OutOfBounds {
                offset,
                end: Some(end),
                length: there,
            });
        }
        let mut files = self.files();
        let file = files.of(&self.store);
        let mut data = vec![0; length as usize];
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(&mut data)?;
        Ok(data)
    }
}

impl RandomAccess for Disk {
    fn write(&self, offset: u64, data: &[u8]) -> BoxFuture<Result<(), RandomAccessError>> {
        let result = self.files().write(&self.store, offset, data);
        Box::pin(ready(result.map_err(RandomAccessError::from)))
    }

    fn read(&self, offset: u64, length: u64) -> BoxFuture<Result<Vec<u8>, RandomAccessError>> {
        Box::pin(ready(self.read_at(offset, length)))
    }

    /// Overwrites data that is no longer needed with zeros. Our feeds never call this.
    fn del(&self, offset: u64, length: u64) -> BoxFuture<Result<(), RandomAccessError>> {
        match offset + length >= self.len() {
            true => self.truncate(offset),
            false => self.write(offset, &vec![0; length as usize]),
        }
    }

    fn truncate(&self, length: u64) -> BoxFuture<Result<(), RandomAccessError>> {
        let result = self.files().of(&self.store).set_len(length);
        Box::pin(ready(result.map_err(RandomAccessError::from)))
    }

    fn len(&self) -> u64 {
        let metadata = self.files().of(&self.store).metadata();
        metadata.map_or(0, |file| file.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that is killed between two writes never leaves a partial block.
    #[tokio::test]
    async fn what_says_that_a_block_is_there_is_written_last() {
        let folder = tempfile::tempdir().unwrap();
        storage(folder.path(), false).await.unwrap();
        let size = |name: &str| folder.path().join(name).metadata().unwrap().len();
        let file = |store: Store| {
            let path = folder.path().join(store.to_string());
            OpenOptions::new()
                .read(true)
                .write(true)
                .open(path)
                .unwrap()
        };
        let mut files = Files {
            tree: file(Store::Tree),
            data: file(Store::Data),
            bitfield: file(Store::Bitfield),
            oplog: file(Store::Oplog),
            held_back: Vec::new(),
            notes: false,
        };
        files.write(&Store::Bitfield, 0, &[1]).unwrap();
        files.write(&Store::Tree, 0, &[2]).unwrap();
        files.write(&Store::Oplog, HEADERS, &[3]).unwrap();
        assert_eq!((size("tree"), size("bitfield"), size("oplog")), (1, 0, 0));
        files.write(&Store::Oplog, 0, &[4]).unwrap();
        assert_eq!((size("tree"), size("bitfield"), size("oplog")), (1, 1, 1));
    }
}
