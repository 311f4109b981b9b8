//! Who owns what root makes.

use std::fs::File;
use std::path::Path;

/// Gives what was just made in `dir` to the folder's owner, when this process is root: `sudo workshop verify` must not
/// lock learners out of their own workspace. Where the system does not allow it, root keeps the file.
#[cfg(unix)]
pub(super) fn give_away(made: &File, dir: &Path) {
    use std::os::unix::fs::{MetadataExt, fchown};

    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (Ok(of_file), Ok(of_dir)) = (made.metadata(), dir.metadata()) else { return };
    // A file of several names may be one that somebody has linked here: that is not ours to give.
    let is_ours = of_file.uid() == 0 && (of_file.is_dir() || of_file.nlink() <= 1);
    if is_ours && of_dir.uid() != 0 {
        let _ = fchown(made, Some(of_dir.uid()), Some(of_dir.gid()));
    }
}

#[cfg(not(unix))]
pub(super) fn give_away(_: &File, _: &Path) {}

/// The same for a folder.
pub fn give_away_folder(made: &Path, dir: &Path) {
    // Elsewhere a folder can't be opened, and has no such owner.
    if cfg!(unix)
        && let Ok(folder) = File::open(made)
    {
        give_away(&folder, dir);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::{Lock, make_folder, replace};
    use std::fs;
    use std::os::unix::fs::{MetadataExt, chown};

    /// What root makes in a learner's folder belongs to the learner.
    #[test]
    fn root_gives_its_files_away() {
        let dir = tempfile::tempdir().expect("a folder");
        // Only root can give a folder away, so only root can test it.
        if !rustix::process::geteuid().is_root() || chown(dir.path(), Some(1000), Some(1001)).is_err() {
            return;
        }
        let below = dir.path().join("one/two");
        make_folder(&below).expect("made");
        replace(&below.join("file"), b"text").expect("written");
        let _lock = Lock::try_take(&below, "lock").expect("taken");
        for path in ["one", "one/two", "one/two/file", "one/two/lock"].map(|name| dir.path().join(name)) {
            let metadata = fs::metadata(&path).expect("there");
            assert_eq!((metadata.uid(), metadata.gid()), (1000, 1001), "{}", path.display());
        }
        // A file with a second name may be somebody else's.
        let other = tempfile::NamedTempFile::new_in(dir.path().parent().expect("a parent")).expect("a file");
        fs::hard_link(other.path(), dir.path().join("linked")).expect("linked");
        let _lock = Lock::try_take(dir.path(), "linked").expect("taken");
        assert_eq!(fs::metadata(other.path()).expect("there").uid(), 0);
    }
}
