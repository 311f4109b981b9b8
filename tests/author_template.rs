//! `workshop author template`: a template follows its solution, and its holes stay.

#[path = "support/done.rs"]
mod done;
#[path = "support/folders.rs"]
mod folders;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use done::Done;
use folders::{change, copy};
use tempfile::TempDir;

/// An author with a copy of the part of the built-in course that the command reads.
struct Author {
    dir: TempDir,
}

/// The built-in course's folder.
fn built_in() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn types(folder: &Path, line: &[&str]) -> Done {
    let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
    command.args(["author", "template"]).args(line).current_dir(folder).env("NO_COLOR", "1");
    Done::of(&mut command)
}

impl Author {
    fn new() -> Author {
        let author = Author { dir: tempfile::tempdir().expect("a temporary folder") };
        for folder in ["exercises", "templates", "solutions"] {
            copy(&built_in().join(folder), &author.file(folder));
        }
        author
    }

    fn file(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn change(&self, path: &str, from: &str, to: &str) {
        change(&self.file(path), from, to);
    }

    fn types(&self, line: &[&str]) -> Done {
        types(self.dir.path(), line)
    }
}

const SOLUTION: &str = "solutions/rust/duplex-tcp/src/lib.rs";
const TEMPLATE: &str = "templates/rust/duplex-tcp/src/lib.rs";
const HOLES: &str = "exercises/duplex-tcp/holes/rust.patch";
/// In a function that learners are given.
const GIVEN: &str = "pub const MAX_LINE: usize = 1024 * 1024;";

#[test]
fn the_templates_of_the_built_in_course_are_its_solutions_with_holes() {
    let done = types(built_in(), &["--check"]);
    assert_eq!(done.code, Some(0), "{}", done.text);
    assert!(!done.text.contains("by hand"), "{}", done.text);
}

#[test]
fn what_changes_in_the_solution_is_taken_over() {
    let author = Author::new();
    author.change(SOLUTION, GIVEN, "pub const MAX_LINE: usize = 2 * 1024 * 1024;");
    let before = author.read(TEMPLATE);

    let done = author.types(&["duplex-tcp", "--check"]);
    assert_eq!(done.code, Some(1), "{}", done.text);
    assert!(done.text.contains("+pub const MAX_LINE: usize = 2 * 1024 * 1024;"), "{}", done.text);
    let done = author.types(&["duplex-tcp"]);
    assert_eq!(done.code, Some(2), "{}", done.text);
    assert!(done.text.contains("`--yes`"), "{}", done.text);
    assert_eq!(author.read(TEMPLATE), before, "nothing is written unasked");

    let done = author.types(&["--yes"]);
    assert_eq!(done.code, Some(0), "{}", done.text);
    assert!(done.text.contains("✓ chat: the template is the solution with its holes"), "{}", done.text);
    assert_eq!(author.read(TEMPLATE), before.replace(GIVEN, "pub const MAX_LINE: usize = 2 * 1024 * 1024;"));
    assert_eq!(author.types(&["--check"]).code, Some(0));
}

#[test]
fn what_changes_inside_of_a_hole_is_said_and_leaves_the_hole() {
    let author = Author::new();
    let before = author.read(TEMPLATE);
    let hole = "let (reader, writer) = stream.into_split();";
    author.change(SOLUTION, hole, "let (reader, writer) = tokio::io::split(stream);");

    let done = author.types(&["duplex-tcp", "--yes"]);
    assert_eq!(done.code, Some(0), "{}", done.text);
    assert!(done.text.contains("inside a hole of src/lib.rs"), "{}", done.text);
    assert_eq!(author.read(TEMPLATE), before);
    assert!(author.read(HOLES).contains("-    let (reader, writer) = tokio::io::split(stream);"));
    assert_eq!(author.types(&["--check"]).code, Some(0));
}

#[test]
fn what_was_changed_by_hand_is_kept_by_saving_the_holes() {
    let author = Author::new();
    author.change(TEMPLATE, "todo!(\"", "todo!(\"Read the lesson. ");
    assert_eq!(author.types(&["duplex-tcp", "--check"]).code, Some(1));

    // Both have changed: which of them is meant, only the author knows.
    author.change(SOLUTION, "let (reader, writer) = stream.into_split();", "let halves = stream.into_split();");
    let done = author.types(&["duplex-tcp", "--yes"]);
    assert_eq!(done.code, Some(2), "{}", done.text);
    assert!(done.text.contains("--save-holes"), "{}", done.text);

    let done = author.types(&["duplex-tcp", "--save-holes", "--yes"]);
    assert_eq!(done.code, Some(0), "{}", done.text);
    assert!(author.read(TEMPLATE).contains("Read the lesson."));
    assert!(author.read(HOLES).contains("Read the lesson."));
    assert_eq!(author.types(&["--check"]).code, Some(0));
}

#[test]
fn a_file_that_the_solution_has_no_longer_leaves_the_template() {
    let author = Author::new();
    fs::remove_file(author.file("solutions/rust/chat/src/bin/alice.rs")).expect("removed");
    let done = author.types(&["chat", "--yes"]);
    assert_eq!(done.code, Some(0), "{}", done.text);
    assert!(done.text.contains("templates/rust/chat/src/bin/alice.rs goes"), "{}", done.text);
    assert!(!author.file("templates/rust/chat/src/bin/alice.rs").exists());
    assert_eq!(author.types(&["chat", "--check"]).code, Some(0));
}

#[test]
fn a_template_without_holes_is_kept_by_hand() {
    let author = Author::new();
    fs::remove_dir_all(author.file("exercises/duplex-tcp/holes")).expect("removed");
    author.change(SOLUTION, GIVEN, "pub const MAX_LINE: usize = 7;");
    let done = author.types(&["duplex-tcp", "--check"]);
    assert_eq!(done.code, Some(0), "{}", done.text);
    assert!(done.text.contains("the template is kept by hand"), "{}", done.text);

    let done = author.types(&["duplex-tpc"]);
    assert_eq!(done.code, Some(2), "{}", done.text);
    assert!(done.text.contains("`duplex-tcp`"), "{}", done.text);
}
