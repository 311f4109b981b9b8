//! `workshop author new` and `new-course`: what is made is whole and right at once; what can't be
//! made is refused, and leaves everything as it was.
#![cfg(target_os = "linux")]

#[path = "support/done.rs"]
mod done;
#[path = "support/folders.rs"]
mod folders;
#[path = "support/python.rs"]
mod python;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use done::Done;
use folders::{change, copy};
use python::path;
use tempfile::TempDir;

/// An author in a folder of their own, with a course in it.
struct Author {
    dir: TempDir,
}

/// Every file of a folder with its content.
type Files = BTreeMap<String, Vec<u8>>;

fn files(dir: &Path) -> Files {
    fn walk(dir: &Path, root: &Path, found: &mut Files) {
        for entry in fs::read_dir(dir).expect("readable").flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                let name = path.strip_prefix(root).expect("below").display().to_string();
                found.insert(name, fs::read(&path).expect("readable"));
            }
        }
    }
    let mut found = Files::new();
    walk(dir, dir, &mut found);
    found
}

impl Author {
    /// In an empty folder.
    fn anywhere() -> Author {
        Author { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    /// In a copy of the course of scripts, which has two tracks.
    fn of_scripts() -> Author {
        let author = Author::anywhere();
        let course = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/courses/scripts");
        copy(&course, author.dir.path());
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

    fn types_in(&self, folder: &str, line: &[&str]) -> Done {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
        command.args(line).current_dir(self.file(folder)).envs([
            ("WORKSHOP_NO_PREFETCH", "1"),
            ("NO_COLOR", "1"),
            ("COLUMNS", "100"),
            ("PATH", path()),
        ]);
        Done::of(&mut command)
    }

    fn types(&self, line: &[&str]) -> Done {
        self.types_in("", line)
    }

    /// A command is refused for this reason, and nothing is written.
    fn is_refused(&self, line: &[&str], reasons: &[&str]) {
        let before = files(self.dir.path());
        let done = self.types(line);
        assert_eq!(done.code, Some(2), "{line:?}: {}", done.text);
        let words = done.text.split_whitespace().collect::<Vec<_>>().join(" ");
        for reason in reasons {
            assert!(words.contains(reason), "{line:?} says nothing of {reason:?}: {}", done.text);
        }
        let after = files(self.dir.path());
        assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>(), "{line:?}");
        assert_eq!(after, before, "{line:?}");
    }
}

impl Done {
    fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.text);
        self.text
    }

    /// A check of one stage, in so many tracks: no rule is broken, and nothing is noted.
    fn green(self, tracks: usize) {
        let text = self.good();
        assert_eq!(text.matches("✓ mistake ").count(), tracks, "{text}");
        assert_eq!(text.matches("every scenario and condition catches a").count(), tracks, "{text}");
        assert!(!text.lines().any(|line| line.starts_with('!')), "{text}");
    }
}

#[test]
fn a_new_stage_is_right_at_once_in_every_track() {
    let author = Author::of_scripts();
    author.change("exercises/course.yaml", "  - echo-line\n", "  - echo-line # the last one\n");
    let before = author.read("exercises/course.yaml");
    let said = author.types_in("exercises/shout", &["author", "new", "two-way", "--roles", "left,right,far"]).good();
    for file in ["exercises/two-way/stage.yaml", "templates/python/two-way/far.py", "solutions/sh/two-way/left.sh"] {
        assert!(said.contains(file) && author.file(file).is_file(), "{file}: {said}");
    }
    assert!(said.contains("author check two-way"), "{said}");
    let after = author.read("exercises/course.yaml");
    assert_eq!(after, before.replace("# the last one\n", "# the last one\n  - two-way\n"));
    assert!(author.read("exercises/two-way/stage.yaml").starts_with("title: Two way\n"), "the course names no schema");
    author.types(&["--course", ".", "author", "check", "two-way"]).green(2);
}

#[test]
fn a_stage_of_one_track_says_so() {
    let author = Author::of_scripts();
    let said = author.types(&["author", "new", "only", "--track", "sh"]).good();
    assert!(said.contains("Not made for: python"), "{said}");
    assert!(author.file("solutions/sh/only/alice.sh").is_file() && !author.file("solutions/python/only").exists());
}

#[test]
fn a_name_that_is_wrong_or_taken_is_refused() {
    let author = Author::of_scripts();
    fs::create_dir_all(author.file("templates/sh/taken")).expect("made");
    fs::write(author.file("templates/sh/taken/mine"), "mine").expect("written");
    for name in ["Two", "../out", "a/b", ".x", "-x", "", "target", "ä"] {
        author.is_refused(&["author", "new", "--", name], &["can't be a name here", "lower-case"]);
    }
    author.is_refused(&["author", "new", "shout"], &["has a stage `shout` already"]);
    author.is_refused(&["author", "new", "taken"], &["templates/sh/taken is there already"]);
    author.is_refused(&["author", "new", "x", "--track", "ruby"], &["no track `ruby`"]);
    author.is_refused(&["author", "new", "x", "--roles", "a,B"], &["`B` can't be the name of a role"]);
    author.is_refused(&["author", "new", "x", "--roles", "a,a"], &["two roles named `a`"]);
    author.is_refused(&["author", "new", "x", "--roles", "a,"], &["`` can't be the name of a role"]);
}

#[test]
fn outside_of_a_course_there_is_nothing_to_add_to() {
    let author = Author::anywhere();
    author.is_refused(&["author", "new", "x"], &["the built-in one can't be changed", "author new-course NAME"]);
    author.is_refused(&["--course", "nowhere", "author", "new", "x"], &["cannot open the course nowhere"]);
}

/// A change of the starter of `python`, whose files come first, and what is said of it.
fn is_refused_with(path: &str, from: &str, to: &str, reasons: &[&str]) {
    let author = Author::of_scripts();
    author.change(&format!("starters/python/{path}"), from, to);
    author.is_refused(&["author", "new", "x"], reasons);
}

#[test]
fn a_starter_that_makes_no_whole_stage_is_refused() {
    let roles = "roles: [alice, bob]\n";
    is_refused_with("starter.yaml", roles, "roles: []\n", &["a starter needs roles", "starters/python/starter.yaml:1"]);
    let unknown = format!("{roles}rolls: 1\n");
    is_refused_with("starter.yaml", roles, &unknown, &["rolls"]);
    let fails = format!("{roles}refresh: [sh, -c, 'echo oops >&2; echo x > lock; exit 1']\n");
    is_refused_with("starter.yaml", roles, &fails, &["up to date", "oops", "nothing was written"]);
    let insert = format!("{roles}insert: [{{file: list, after: '[', text: x}}]\n");
    is_refused_with("starter.yaml", roles, &insert, &["templates/python/list has no `[`", "insert"]);
    is_refused_with(
        "stage.yaml",
        "$ {{ first }}",
        "$ nobody",
        &["this stage has no role `nobody`", "starters/python/stage.yaml"],
    );
    is_refused_with("stage.yaml", "{{ title }}", "{{ tilte }}", &["starters/python/stage.yaml can't be filled in"]);
    is_refused_with("solution/conversation.py", "sendall", "send", &["`never-flushed` is no patch on"]);
    let gone = "patch: mistakes/gone.patch";
    is_refused_with("stage.yaml", "patch: mistakes/never-flushed.patch", gone, &["no starters/python/mistakes/gone"]);
    let author = Author::of_scripts();
    fs::remove_dir_all(author.file("starters/sh")).expect("removed");
    author.is_refused(&["author", "new", "x"], &["starters/sh", "docs/course.md"]);
}

/// What a starter says of the files beside the packages, without a language.
#[test]
fn the_files_beside_the_packages_know_the_stage() {
    let author = Author::of_scripts();
    for folder in ["templates/sh", "solutions/sh"] {
        fs::write(author.file(&format!("{folder}/list")), "all = [shout]\n").expect("written");
    }
    let more = "insert: [{file: list, after: '[', text: '{{ stage }}, '}]\nrefresh: [sh, -c, 'ls -d */ > lock']\n";
    author.change("starters/sh/starter.yaml", "roles: [alice, bob]\n", &format!("roles: [alice, bob]\n{more}"));
    author.types(&["author", "new", "x", "--track", "sh"]).good();
    for folder in ["templates/sh", "solutions/sh"] {
        assert_eq!(author.read(&format!("{folder}/list")), "all = [x, shout]\n");
        assert_eq!(author.read(&format!("{folder}/lock")), "echo-line/\nshout/\nx/\n");
    }
}

#[test]
fn a_new_course_is_ready_for_learners() {
    let author = Author::anywhere();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/courses/scripts").display().to_string();
    author.types(&["--course", &model, "author", "new-course", "mine", "--track", "sh", "--stage", "first"]).good();
    assert_eq!(fs::read_dir(author.dir.path()).expect("readable").count(), 1, "nothing else is left");
    author.types(&["--course", "mine", "author", "check"]).green(1);
    assert!(author.read("mine/README.md").contains("workshop author new NAME"));
    author.is_refused(&["author", "new-course", "mine"], &["mine is there already"]);
    author.is_refused(&["author", "new-course", "No"], &["can't be a name here"]);
    author.is_refused(&["author", "new-course", "x", "--stage", "X"], &["can't be a name here"]);

    fs::create_dir(author.file("learner")).expect("made");
    let lesson = author.types_in("learner", &["--course", "../mine", "next"]).good();
    assert!(lesson.contains("Peers greet each other") && lesson.contains("first/conversation.py"), "{lesson}");
    author.types_in("learner", &["verify", "--solution"]).good();
    // A course of one's own is a course to add to.
    author.types_in("mine", &["author", "new", "second"]).good();
    author.types_in("mine", &["author", "check", "second"]).green(1);
}

#[test]
fn a_course_may_begin_without_a_stage() {
    let author = Author::anywhere();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/courses/scripts").display().to_string();
    let new = ["--course", &model, "author", "new-course", "mine", "--track", "sh", "--empty"];
    let said = author.types(&new).good();
    assert!(said.contains("without a stage") && said.contains("author new NAME"), "{said}");
    assert!(author.read("mine/exercises/course.yaml").contains("\nstages: []\n"));
    for command in [&["author", "check"][..], &["next"]] {
        let line = [&["--course", "mine"], command].concat();
        author.is_refused(&line, &["this course has no stages", "`workshop author new NAME` makes the first one"]);
    }
    let with_stage = [&["author", "new-course", "x", "--empty"][..], &["--stage", "s"]].concat();
    author.is_refused(&with_stage, &["cannot be used with"]);
    // As git leaves it, which keeps no empty folder.
    for folder in ["templates", "solutions"] {
        fs::remove_dir_all(author.file(&format!("mine/{folder}"))).expect("removed");
    }
    author.types_in("mine", &["author", "new", "first"]).good();
    assert!(author.read("mine/exercises/course.yaml").contains("\nstages:\n  - first\n"));
    author.types_in("mine", &["author", "check"]).green(1);
}

/// The built-in starter: a course in Rust, and a second stage in it, which needs no network.
#[test]
fn a_course_in_rust_is_right_at_once() {
    let author = Author::anywhere();
    author.types(&["author", "new-course", "mine", "--roles", "peer"]).good();
    author.types_in("mine", &["author", "new", "two-way"]).good();
    author.is_refused(&["--course", "mine", "author", "new", "core"], &["`core` means something else", "starter.yaml"]);
    author.is_refused(&["--course", "mine", "author", "new", "1st"], &["cannot start with a digit", "tried on a copy"]);
    for packages in ["templates/rust", "solutions/rust"] {
        let manifest = author.file(&format!("mine/{packages}/Cargo.toml"));
        let metadata = Command::new("cargo")
            .args(["metadata", "--locked", "--offline", "--format-version", "1", "--manifest-path"])
            .arg(manifest)
            .output()
            .expect("it starts");
        assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
        let names = String::from_utf8_lossy(&metadata.stdout).into_owned();
        assert!(names.contains("\"two-way\"") && names.contains("\"hello\""), "{names}");
    }
    // Kept between test runs, as a learner's build cache is.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("author-new").display().to_string();
    let done = author.types(&["--course", "mine", "author", "check", "--cache", &cache]);
    done.green(2);
}
