//! What `author check` finds, and how it tells people and programs.

#[path = "support/folders.rs"]
mod folders;
#[path = "support/python.rs"]
mod python;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A course of the tests that an author may change.
struct Desk {
    dir: TempDir,
    course: PathBuf,
}

impl Desk {
    fn new() -> Desk {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let course = dir.path().join("course");
        folders::copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/courses/languages"), &course);
        Desk { dir, course }
    }

    /// Changes a text of the course.
    fn edit(&self, file: &str, right: &str, instead: &str) {
        let path = self.course.join(file);
        let text = fs::read_to_string(&path).expect("readable");
        assert!(text.contains(right), "{right} is in {file}");
        fs::write(&path, text.replace(right, instead)).expect("written");
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.course.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    fn check(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_workshop"))
            .arg("--course")
            .arg(&self.course)
            .args(["author", "check"])
            .args(args)
            .current_dir(self.dir.path())
            .env("PATH", python::path())
            .env("LANG", "C")
            .output()
            .expect("it starts")
    }

    /// The table, with single spaces.
    fn words(&self, args: &[&str], code: i32) -> String {
        let output = self.check(args);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{text}{said}");
        format!("{text}{said}").split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn all_stages_come_to_a_line_each_at_the_end() {
    let desk = Desk::new();
    let words = desk.words(&["--all", "--repeat", "3", "--jobs", "1"], 0);
    assert!(words.contains("rejected 3 of 3, explained 3 of 3 (whispers)"), "{words}");
    let (_, summary) = words.split_once("All stages").expect("a summary");
    assert!(summary.contains("1 of 1 mistakes rejected and explained"), "{summary}");
    assert!(summary.contains("count (sh)") && summary.contains("no known mistakes"), "{summary}");
    assert!(!desk.words(&["shout"], 0).contains("All stages"), "one stage is its own summary");
}

#[test]
fn a_broken_rule_is_in_the_table_in_the_summary_and_in_the_exit_code() {
    let desk = Desk::new();
    // Accepted now, and no longer rejected.
    desk.edit(
        "exercises/shout/mistakes/whispers.patch",
        "+    echo \"$line\"\n",
        "+    echo \"$line\" | tr '[:lower:]' '[:upper:]'\n",
    );
    let words = desk.words(&[], 1);
    assert!(words.contains("✗ mistake whispers"), "{words}");
    assert!(words.contains("rejected 0 of 1, explained 0 of 1 (whispers); otherwise accepted"), "{words}");
    assert!(words.contains("0 of 1 mistakes rejected and explained; broken: mistake whispers"), "{words}");
}

#[test]
fn programs_are_told_line_by_line() {
    let desk = Desk::new();
    desk.edit("exercises/shout/stage.yaml", "explains: whispers", "explains: missing-line");
    let output = desk.check(&["--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(lines.iter().all(|line| line["version"] == 1), "{text}");
    let of = |stage: &str, rule: &str| {
        let found = lines.iter().filter(|line| line["stage"] == stage && line["rule"] == rule).collect::<Vec<_>>();
        found.first().copied().unwrap_or_else(|| panic!("no {rule} of {stage} in {text}"))
    };
    let mistake = of("shout", "mistake");
    assert_eq!((&mistake["name"], &mistake["good"]), (&"whispers".into(), &false.into()), "{mistake}");
    assert!(mistake["ms"].is_u64(), "{mistake}");
    assert!(
        mistake["text"].as_str().is_some_and(
            |text| text.contains("otherwise whispers, in one-by-one · you · clear: Your crier does not shout.")
        ),
        "{mistake}"
    );
    assert_eq!(of("count", "strictness")["note"], true);
    assert_eq!(of("count", "language")["name"], "de");
    assert_eq!(of("languages", "language")["track"], Value::Null, "of the course itself");
    assert_eq!(lines.last().expect("lines")["event"], "over");
    assert_eq!(lines.last().expect("lines")["passed"], false);
}

#[test]
fn test_collectors_are_told_in_junit() {
    let desk = Desk::new();
    desk.edit("exercises/shout/stage.yaml", "explains: whispers", "explains: missing-line");
    let output = desk.check(&["--format", "junit"]);
    assert_eq!(output.status.code(), Some(1));
    let xml = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(xml.starts_with("<?xml"), "{xml}");
    assert_eq!(xml.matches("<testsuite ").count(), 3, "two stages and the course: {xml}");
    assert_eq!(xml.matches("<failure ").count(), 1, "{xml}");
    assert!(xml.contains("<testcase name=\"mistake whispers\" classname=\"shout\""), "{xml}");
}

#[test]
fn shared_packages_are_the_same_on_both_sides() {
    let desk = Desk::new();
    desk.edit("exercises/course.yaml", "    edit: [crier.sh]\n", "    edit: [crier.sh]\n    shared: [help]\n");
    let words = desk.words(&["shout"], 2);
    assert!(words.contains("the course has no") && words.contains("templates/sh/help"), "{words}");
    desk.write("templates/sh/help/help.sh", "true\n");
    desk.write("solutions/sh/help/help.sh", "false\n");
    let words = desk.words(&["shout"], 1);
    assert!(words.contains("✗ names the shared package `help` is not the same"), "{words}");
    desk.write("solutions/sh/help/help.sh", "true\n");
    desk.words(&["shout"], 0);
}

#[test]
fn what_cannot_be_asked_is_said() {
    let desk = Desk::new();
    let words = desk.words(&["--mistake", "whisper"], 2);
    assert!(words.contains("there is no known mistake `whisper`") && words.contains("`whispers`"), "{words}");
    assert!(desk.words(&["--all", "shout"], 2).contains("cannot be used with"), "both");
    desk.edit("exercises/count/stage.yaml", "title: Count\n", "title: Count\nwas: [shout]\n");
    assert!(desk.words(&[], 2).contains("`count` can't have been `shout`"), "an earlier name that is taken");
    // The stage that is being worked on can be checked all the same.
    desk.words(&["shout"], 0);
}
