//! A course that its author may change, and one of the author's commands on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::{folders, python};

/// A copy of the tests' course `languages`.
pub struct Author {
    pub dir: TempDir,
    pub course: PathBuf,
    command: &'static str,
}

impl Author {
    /// Who types `workshop author COMMAND`.
    pub fn new(command: &'static str) -> Author {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let course = dir.path().join("course");
        folders::copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/courses/languages"), &course);
        Author { dir, course, command }
    }

    /// Changes a text of the course.
    pub fn edit(&self, file: &str, right: &str, instead: &str) {
        let path = self.course.join(file);
        let text = fs::read_to_string(&path).expect("readable");
        assert!(text.contains(right), "{right} is in {file}");
        fs::write(&path, text.replace(right, instead)).expect("written");
    }

    /// Writes a file of the course.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.course.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    /// The command.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
        command.arg("--course").arg(&self.course).args(["author", self.command]).args(args);
        command.current_dir(self.dir.path()).env("PATH", python::path()).env("LANG", "C");
        command
    }

    /// Types the command.
    pub fn types(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("it starts")
    }

    /// What it prints, with single spaces.
    pub fn words(&self, args: &[&str], code: i32) -> String {
        let output = self.types(args);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{text}{said}");
        format!("{text}{said}").split_whitespace().collect::<Vec<_>>().join(" ")
    }
}
