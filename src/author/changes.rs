//! Changes of a course's folder, applied completely or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use crate::assets::File;
use crate::error::{Error, Result};
use crate::files::replace;
use crate::workspace::write_files;

/// Planned changes of a course; paths are below the course's folder.
#[derive(Debug, Default)]
pub struct Changes {
    /// New folders, which must not exist yet.
    pub folders: Vec<String>,
    /// Files in them.
    pub files: Vec<File>,
    /// Files that change, or are new; written in this order.
    pub replaced: Vec<File>,
    /// Files that go.
    pub removed: Vec<String>,
}

impl Changes {
    /// Checks that nothing is in the way of the new folders.
    ///
    /// # Errors
    /// A folder, a file or a link is.
    pub fn check(&self, root: &Path) -> Result<()> {
        let taken = self.folders.iter().find(|folder| root.join(folder).symlink_metadata().is_ok());
        taken.map_or(Ok(()), |folder| {
            Err(Error::new(format!("{} is there already", root.join(folder).display()))
                .help("choose another name, or move it away; nothing was written"))
        })
    }

    /// Applies the changes. If one fails, the earlier ones are undone.
    ///
    /// # Errors
    /// See [`Changes::check`]; or something can't be written.
    pub fn make(&self, root: &Path) -> Result<()> {
        self.check(root)?;
        let mut undo = Undo { made: Vec::new(), replaced: Vec::new() };
        for folder in &self.folders {
            undo.make(&root.join(folder))?;
        }
        write_files(root, &self.files)?;
        for (file, bytes) in &self.replaced {
            undo.replace(&root.join(file), bytes)?;
        }
        for file in &self.removed {
            undo.remove(&root.join(file))?;
        }
        undo.made.clear();
        undo.replaced.clear();
        Ok(())
    }
}

/// The changes so far. Those that are still in here when it is dropped are undone.
struct Undo {
    made: Vec<PathBuf>,
    replaced: Vec<(PathBuf, Option<Vec<u8>>)>,
}

impl Undo {
    /// Makes a folder and its parents.
    fn make(&mut self, folder: &Path) -> Result<()> {
        let top = folder.ancestors().take_while(|folder| !folder.exists()).last();
        self.made.extend(top.map(Path::to_owned));
        fs::create_dir_all(folder).map_err(|error| Error::io("make", folder, &error))
    }

    fn replace(&mut self, file: &Path, bytes: &[u8]) -> Result<()> {
        let old = match fs::read(file) {
            Ok(old) => Some(old),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(Error::io("read", file, &error)),
        };
        if let Some(folder) = file.parent().filter(|folder| !folder.is_dir()) {
            self.make(folder)?;
        }
        replace(file, bytes)?;
        self.replaced.push((file.to_owned(), old));
        Ok(())
    }

    fn remove(&mut self, file: &Path) -> Result<()> {
        let old = fs::read(file).map_err(|error| Error::io("read", file, &error))?;
        fs::remove_file(file).map_err(|error| Error::io("remove", file, &error))?;
        self.replaced.push((file.to_owned(), Some(old)));
        Ok(())
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        for (file, old) in self.replaced.iter().rev() {
            let _ = match old {
                Some(bytes) => replace(file, bytes),
                None => fs::remove_file(file).map_err(|error| Error::io("remove", file, &error)),
            };
        }
        for folder in self.made.iter().rev() {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        (path.to_owned(), text.as_bytes().to_vec())
    }

    #[test]
    fn what_fails_in_the_middle_leaves_nothing() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let root = dir.path();
        fs::write(root.join("list"), "one\n").expect("written");
        fs::create_dir(root.join("there")).expect("made");
        fs::create_dir(root.join("in-the-way")).expect("made");
        let changes = Changes {
            folders: vec!["there/new".to_owned(), "deep/er".to_owned()],
            files: vec![file("there/new/a", "a"), file("deep/er/b", "b")],
            // No file can be put where a folder is.
            replaced: vec![file("list", "one\ntwo\n"), file("lock", "x"), file("in-the-way", "x")],
            removed: Vec::new(),
        };
        changes.make(root).expect_err("a folder is in the way");
        let mut left: Vec<_> = fs::read_dir(root).expect("readable").flatten().map(|entry| entry.file_name()).collect();
        left.sort();
        assert_eq!(left, ["in-the-way", "list", "there"]);
        assert_eq!(fs::read_dir(root.join("there")).expect("readable").count(), 0);
        assert_eq!(fs::read_to_string(root.join("list")).expect("readable"), "one\n");
    }

    #[test]
    fn what_was_removed_comes_back_when_the_next_one_can_not_be() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        fs::write(dir.path().join("old"), "old").expect("written");
        let changes = Changes { removed: vec!["old".to_owned(), "nothing".to_owned()], ..Changes::default() };
        changes.make(dir.path()).expect_err("there is no second one");
        assert_eq!(fs::read_to_string(dir.path().join("old")).expect("readable"), "old");
    }

    #[test]
    fn what_is_there_is_left_alone() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(dir.path().join("b")).expect("made");
        fs::write(dir.path().join("b/mine"), "mine").expect("written");
        let changes = Changes { folders: vec!["a".to_owned(), "b".to_owned()], ..Changes::default() };
        changes.make(dir.path()).expect_err("b is there");
        assert!(!dir.path().join("a").exists());
        assert_eq!(fs::read_to_string(dir.path().join("b/mine")).expect("readable"), "mine");
    }
}
