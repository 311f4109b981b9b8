//! What a build depends on, by its content; and the modification times that build tools go by.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::error::{Error, Result};
use crate::hash::stable_hash;

/// Files, each with a hash of its content, and the command that builds them.
#[derive(PartialEq, Eq)]
pub(super) struct Sources {
    command: u64,
    files: BTreeMap<PathBuf, u64>,
}

/// A file of more bytes is not source code, but perhaps a recording: it counts by its length.
const LARGE: u64 = 8 << 20;

impl Sources {
    /// The sources of a command, without files yet.
    pub(super) fn of(command: &impl Hash) -> Sources {
        Sources { command: stable_hash(command), files: BTreeMap::new() }
    }

    /// Adds the files below a folder that has not been `seen`, through links as well. The tool will report a file
    /// that is gone or can't be read.
    ///
    /// # Errors
    /// The folder itself can't be read.
    pub(super) fn add(&mut self, dir: &Path, seen: &mut BTreeSet<PathBuf>) -> std::io::Result<()> {
        if !seen.insert(dir.canonicalize()?) {
            return Ok(());
        }
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            // Editors leave swap files and backups.
            if name.starts_with('.') || name.ends_with('~') {
                continue;
            }
            if path.is_dir() {
                if !is_output(&path) {
                    let _ = self.add(&path, seen);
                }
            } else if let Some(hash) = hash_of_file(&path) {
                self.files.insert(path, hash);
            }
        }
        Ok(())
    }

    /// A text that changes when anything changes.
    pub(super) fn stamp(&self) -> String {
        let files = self.files.iter().map(|(path, hash)| format!("{}\n", line(path, *hash)));
        std::iter::once(format!("{:016x}\n", self.command)).chain(files).collect()
    }

    /// A number that changes when any file changes that counts.
    pub(super) fn mark(&self, counts: &dyn Fn(&Path) -> bool) -> u64 {
        stable_hash(&(self.command, self.files.iter().filter(|(path, _)| counts(path)).collect::<Vec<_>>()))
    }

    /// The files that are the same in both.
    pub(super) fn common(&self, other: &Sources) -> Sources {
        let same = self.files.iter().filter(|(path, hash)| other.files.get(*path) == Some(hash));
        let files = same.map(|(path, hash)| (path.clone(), *hash)).collect();
        Sources { command: self.command, files }
    }
}

fn line(path: &Path, hash: u64) -> String {
    format!("{hash:016x} {}", path.display())
}

/// Is this a folder that a build fills? Such a folder says so, as <https://bford.info/cachedir/> specifies.
fn is_output(dir: &Path) -> bool {
    dir.join("CACHEDIR.TAG").is_file()
}

fn hash_of_file(path: &Path) -> Option<u64> {
    let about = fs::metadata(path).ok()?;
    if !about.is_file() {
        return None;
    }
    if about.len() > LARGE {
        return Some(stable_hash(&about.len()));
    }
    Some(stable_hash(&fs::read(path).ok()?))
}

/// What the last build, successful or not, was tried from, and when.
pub(super) struct Tried {
    path: PathBuf,
    /// A line for each file.
    before: String,
    /// No build result is later than this, whatever the clock says.
    last: Option<SystemTime>,
}

impl Tried {
    /// Reads it. Must happen before the programs of that build are removed.
    pub(super) fn after(path: &Path, programs: impl Iterator<Item = PathBuf>) -> Tried {
        let time = |path: &Path| fs::metadata(path).and_then(|about| about.modified()).ok();
        let last = programs.filter_map(|program| time(&program)).chain(time(path)).max();
        Tried { path: path.to_owned(), before: fs::read_to_string(path).unwrap_or_default(), last }
    }

    /// Build tools go by the time of a file. A file restored from a backup has new content and an old time: it would
    /// not be built, and the verdict would be about the old program. Such a file, and no other, gets a time later
    /// than everything that was built: the current time, unless the clock was set back.
    ///
    /// # Errors
    /// A time can't be set.
    pub(super) fn touch_changed(&self, sources: &Sources) -> Result<()> {
        let Some(last) = self.last else { return Ok(()) };
        let known: BTreeSet<&str> = self.before.lines().collect();
        for (path, hash) in &sources.files {
            let old = fs::metadata(path).and_then(|about| about.modified()).is_ok_and(|time| time <= last);
            if old && !known.contains(line(path, *hash).as_str()) {
                let time = SystemTime::now().max(last + Duration::from_millis(1));
                File::open(path).and_then(|file| file.set_modified(time)).map_err(|error| {
                    Error::io("set the time of", path, &error).help(
                        "its content has changed, but its time is old, and build tools go by the time: save it \
                            once more",
                    )
                })?;
            }
        }
        Ok(())
    }

    /// Writes what was tried. The file's time never goes back.
    ///
    /// # Errors
    /// It can't be written.
    pub(super) fn write(&self, sources: &Sources) -> Result<()> {
        let fail = |error: std::io::Error| Error::io("write", &self.path, &error);
        fs::write(&self.path, sources.stamp()).map_err(fail)?;
        match self.last {
            Some(last) if last > SystemTime::now() => {
                File::options().append(true).open(&self.path).and_then(|file| file.set_modified(last)).map_err(fail)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs::{self, File, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};
    use std::time::{Duration, SystemTime};

    use super::{Sources, Tried};

    const HOUR: Duration = Duration::from_secs(3600);

    fn sources(dir: &Path) -> Sources {
        let mut sources = Sources::of(&"command");
        sources.add(dir, &mut BTreeSet::new()).expect("readable");
        sources
    }

    fn time_of(path: &Path) -> SystemTime {
        fs::metadata(path).and_then(|about| about.modified()).expect("a time")
    }

    fn set_time(path: &Path, time: SystemTime) {
        File::open(path).and_then(|file| file.set_modified(time)).expect("set");
    }

    /// A folder with a file and a program that was built of it at a time.
    fn built(at: SystemTime) -> (tempfile::TempDir, PathBuf, PathBuf, PathBuf) {
        let dir = tempfile::tempdir().expect("a folder");
        let [source, program, tried] = ["src/a", "a.out", "tried"].map(|name| dir.path().join(name));
        fs::create_dir(dir.path().join("src")).expect("made");
        fs::write(&source, "before").expect("written");
        fs::write(&program, "").expect("written");
        Tried::after(&tried, [].into_iter()).write(&sources(&dir.path().join("src"))).expect("written");
        for path in [&source, &program, &tried] {
            set_time(path, at);
        }
        (dir, source, program, tried)
    }

    /// A clock that was ahead during the last build; a read-only file from a backup.
    #[test]
    fn what_has_changed_is_later_than_what_was_built() {
        for built_at in [SystemTime::now() + 2 * HOUR, SystemTime::now() - HOUR] {
            let (dir, source, program, tried) = built(built_at);
            let src = dir.path().join("src");
            let touch = || {
                let last = Tried::after(&tried, [program.clone()].into_iter());
                last.touch_changed(&sources(&src)).expect("set");
                last.write(&sources(&src)).expect("written");
            };
            touch();
            assert_eq!(time_of(&source), built_at, "nothing has changed");
            for content in ["put back", "and another one"] {
                fs::write(&source, content).expect("written");
                set_time(&source, SystemTime::now() - 2 * HOUR);
                fs::set_permissions(&source, Permissions::from_mode(0o444)).expect("set");
                touch();
                let latest = SystemTime::now().max(built_at) + Duration::from_secs(1);
                assert!(time_of(&source) > built_at && time_of(&source) < latest);
                assert!(time_of(&tried) >= built_at, "else the next change would not be seen");
                fs::set_permissions(&source, Permissions::from_mode(0o644)).expect("set");
            }
        }
    }

    /// It is unknown with which content a file was built that was saved meanwhile.
    #[test]
    fn what_was_saved_during_a_build_counts_as_changed() {
        let (dir, source, program, tried) = built(SystemTime::now() - HOUR);
        let src = dir.path().join("src");
        let before = sources(&src);
        fs::write(&source, "for a moment").expect("written");
        let last = Tried::after(&tried, [program.clone()].into_iter());
        last.write(&before.common(&sources(&src))).expect("written");
        fs::write(&source, "before").expect("written");
        set_time(&source, SystemTime::now() - 2 * HOUR);
        let last = time_of(&tried);
        Tried::after(&tried, [program].into_iter()).touch_changed(&sources(&src)).expect("set");
        assert!(time_of(&source) > last);
    }

    #[test]
    fn what_is_no_source_does_not_count() {
        let (dir, source, ..) = built(SystemTime::now());
        let src = dir.path().join("src");
        let before = sources(&src);
        for (file, counts) in [(".a.swp", false), ("a~", false), ("target/CACHEDIR.TAG", false), ("target/mod", true)] {
            let path = src.join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(&path, "").expect("written");
            assert_eq!(sources(&src).files != before.files, counts, "{file}");
            fs::remove_file(&path).expect("removed");
            let _ = fs::remove_dir(src.join("target"));
        }
        // A link in a circle, and one to nowhere.
        std::os::unix::fs::symlink(&src, src.join("circle")).expect("linked");
        std::os::unix::fs::symlink("nowhere", src.join("nothing")).expect("linked");
        assert!(sources(&src) == before);
        File::options().append(true).open(&source).and_then(|file| file.set_len(1 << 40)).expect("sparse");
        assert!(sources(&src) != before);
    }
}
