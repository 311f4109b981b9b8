//! An instructor with a course, a class and its results.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::folders::copy;

/// An ordinary user, if the tests run as root: grading as root is refused.
pub const NOBODY: u32 = 65534;

/// The solution of the stage `shout`.
pub const SHOUTS: &str = "while read -r line; do\n    echo \"$line\" | tr a-z A-Z\ndone\n";

/// An instructor with a copy of the tests' course `languages`.
pub struct Instructor {
    pub dir: TempDir,
}

impl Instructor {
    pub fn new() -> Instructor {
        let instructor = Instructor { dir: tempfile::tempdir().expect("a temporary folder") };
        let course = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/courses/languages");
        copy(&course, &instructor.path("course"));
        fs::create_dir(instructor.path("class")).expect("made");
        instructor
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// A submission that is a folder.
    pub fn folder(&self, who: &str, crier: &str) {
        let folder = self.path("class").join(who).join("shout");
        fs::create_dir_all(&folder).expect("made");
        fs::write(folder.join("crier.sh"), crier).expect("written");
    }

    /// The result of a submission.
    pub fn result(&self, who: &str) -> Value {
        let file = self.path("results").join(who).join("shout.json");
        serde_json::from_slice(&fs::read(file).expect("a result")).expect("JSON")
    }
}

/// Gives a folder and all below it to the ordinary user.
pub fn give(folder: &Path) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    chown(folder, Some(NOBODY), Some(NOBODY)).expect("given");
    for entry in fs::read_dir(folder).expect("readable").flatten() {
        if entry.path().is_dir() {
            give(&entry.path());
        } else {
            chown(entry.path(), Some(NOBODY), Some(NOBODY)).expect("given");
        }
    }
}
