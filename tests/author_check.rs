//! What `author check` finds, and how it tells people and programs.

#[path = "support/author.rs"]
mod author;
#[path = "support/folders.rs"]
mod folders;
#[path = "support/python.rs"]
mod python;

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use author::Author;
use serde_json::Value;

#[test]
fn all_stages_come_to_a_line_each_at_the_end() {
    let author = Author::new("check");
    let words = author.words(&["--all", "--repeat", "3", "--jobs", "1"], 0);
    assert!(words.contains("rejected 3 of 3, explained 3 of 3 (whispers)"), "{words}");
    let (_, summary) = words.split_once("All stages").expect("a summary");
    assert!(summary.contains("1 of 1 mistakes rejected and explained"), "{summary}");
    assert!(summary.contains("count (sh)") && summary.contains("no known mistakes"), "{summary}");
    assert!(!author.words(&["shout"], 0).contains("All stages"), "one stage is its own summary");
}

#[test]
fn a_broken_rule_is_in_the_table_in_the_summary_and_in_the_exit_code() {
    let author = Author::new("check");
    // Accepted now, and no longer rejected.
    author.edit(
        "exercises/shout/mistakes/whispers.patch",
        "+    echo \"$line\"\n",
        "+    echo \"$line\" | tr '[:lower:]' '[:upper:]'\n",
    );
    let words = author.words(&[], 1);
    assert!(words.contains("✗ mistake whispers"), "{words}");
    assert!(words.contains("rejected 0 of 1, explained 0 of 1 (whispers); otherwise accepted"), "{words}");
    assert!(words.contains("0 of 1 mistakes rejected and explained; broken: mistake whispers"), "{words}");
}

#[test]
fn programs_are_told_line_by_line() {
    let author = Author::new("check");
    author.edit("exercises/shout/stage.yaml", "explains: whispers", "explains: missing-line");
    let output = author.types(&["--format", "json"]);
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
    let author = Author::new("check");
    author.edit("exercises/shout/stage.yaml", "explains: whispers", "explains: missing-line");
    let output = author.types(&["--format", "junit"]);
    assert_eq!(output.status.code(), Some(1));
    let xml = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(xml.starts_with("<?xml"), "{xml}");
    assert_eq!(xml.matches("<testsuite ").count(), 3, "two stages and the course: {xml}");
    assert_eq!(xml.matches("<failure ").count(), 1, "{xml}");
    assert!(xml.contains("<testcase name=\"mistake whispers\" classname=\"shout\""), "{xml}");
}

#[test]
fn shared_packages_are_the_same_on_both_sides() {
    let author = Author::new("check");
    author.edit("exercises/course.yaml", "    edit: [crier.sh]\n", "    edit: [crier.sh]\n    shared: [help]\n");
    let words = author.words(&["shout"], 2);
    assert!(words.contains("the course has no") && words.contains("solutions/sh/help"), "{words}");
    author.write("templates/sh/help/help.sh", "true\n");
    author.write("solutions/sh/help/help.sh", "false\n");
    let words = author.words(&["shout"], 1);
    assert!(words.contains("✗ names the shared package `help` differs"), "{words}");
    author.write("solutions/sh/help/help.sh", "true\n");
    author.words(&["shout"], 0);
}

#[test]
fn a_template_is_its_solution_with_its_holes() {
    let author = Author::new("check");
    author.words(&["shout"], 0);
    let of_template = Command::new(env!("CARGO_BIN_EXE_workshop"))
        .args(["--course", "course", "author", "template", "--save-holes", "--yes"])
        .current_dir(author.dir.path())
        .status();
    assert!(of_template.expect("it starts").success());
    author.words(&["shout"], 0);
    author.edit("solutions/sh/shout/crier.sh", "read -r line;", "IFS= read -r line;");
    let words = author.words(&["shout"], 1);
    assert!(words.contains("✗ template does not apply to crier.sh"), "{words}");
    assert!(words.contains("`workshop author template shout`"), "{words}");
    author.edit("solutions/sh/shout/crier.sh", "IFS= read -r line;", "read -r line;");
    author.edit("templates/sh/shout/crier.sh", "TODO: louder", "TODO: shout");
    let words = author.words(&["shout"], 1);
    assert!(words.contains("✗ template it is not the solution with its holes"), "{words}");
}

/// Another solution of `shout`, with this in the place of `tr a-z A-Z`.
fn another(command: &str) -> String {
    format!(
        "# Shouting in another way\n\nIt is *shorter*.\n\n--- a/crier.sh\n+++ b/crier.sh\n@@ -1,3 +1,3 @@\n \
         while read -r line; do\n-    echo \"$line\" | tr a-z A-Z\n+    echo \"$line\" | {command}\n done\n"
    )
}

#[test]
fn the_other_solution_passes_as_well() {
    let author = Author::new("check");
    let file = "exercises/shout/another/sh.patch";
    author.write(file, &another("tr '[:lower:]' '[:upper:]'"));
    let words = author.words(&["shout"], 0);
    assert!(words.contains("✓ another 0.0") && words.contains("passes 1 of 1 times"), "{words}");
    author.write(file, &another("cat"));
    let words = author.words(&["shout"], 1);
    assert!(words.contains("✗ another 0.0") && words.contains("passes 0 of 1 times"), "{words}");
    author.write(file, &another("cat").replace("tr a-z A-Z", "tr A-Z a-z"));
    let words = author.words(&["shout"], 1);
    assert!(words.contains("is not another solution: does not apply to crier.sh"), "{words}");
    author.write(file, "--- a/crier.sh\n");
    assert!(author.words(&["shout"], 1).contains("it has no heading"));
}

#[test]
fn what_cannot_be_asked_is_said() {
    let author = Author::new("check");
    let words = author.words(&["--mistake", "whisper"], 2);
    assert!(words.contains("there is no known mistake `whisper`") && words.contains("`whispers`"), "{words}");
    assert!(author.words(&["--all", "shout"], 2).contains("cannot be used with"), "both");
    author.edit("exercises/count/stage.yaml", "title: Count\n", "title: Count\nwas: [shout]\n");
    assert!(author.words(&[], 2).contains("`count` can't have been `shout`"), "an earlier name that is taken");
    // The stage that is being worked on can be checked all the same.
    author.words(&["shout"], 0);
}

#[test]
fn a_mistake_may_be_explained_in_several_ways() {
    let author = Author::new("check");
    author.edit("exercises/shout/stage.yaml", "explains: whispers", "explains: [missing-line, whispers]");
    let words = author.words(&["shout"], 0);
    assert!(words.contains("rejected 1 of 1, explained 1 of 1 (missing-line or whispers)"), "{words}");
    author.edit("exercises/shout/stage.yaml", "[missing-line, whispers]", "[missing-line, stuck]");
    let words = author.words(&["shout"], 1);
    assert!(words.contains("explained 0 of 1 (missing-line or stuck); otherwise whispers"), "{words}");
    author.edit("exercises/shout/stage.yaml", "[missing-line, stuck]", "[stuck, whisper]");
    assert!(author.words(&["shout"], 1).contains("there is no explanation `whisper`; did you mean `whispers`?"));
    author.edit("exercises/shout/stage.yaml", "[stuck, whisper]", "[]");
    assert!(author.words(&["shout"], 2).contains("a mistake names the explanation that a learner must be shown"));
}

/// Gives the course's track a build: it copies the program, unless there is an error in it.
fn with_a_build(author: &Author) {
    let build = "    build: [sh, -c, 'echo compiling >&2; ! grep -n ERROR {stage}/crier.sh >&2']\n";
    author.edit("exercises/course.yaml", "    edit: [crier.sh]\n", &format!("    edit: [crier.sh]\n{build}"));
}

#[test]
fn a_solution_that_does_not_build_says_why() {
    let author = Author::new("check");
    with_a_build(&author);
    author.words(&["shout"], 0);
    author.edit("solutions/sh/shout/crier.sh", "while", "# ERROR: no loop\nwhile");
    let words = author.words(&["shout"], 1);
    assert!(words.contains("✗ solution does not build: compiling 1:# ERROR: no loop"), "{words}");
    assert!(!words.contains("template"), "nothing is held against it: {words}");
}

#[test]
fn a_mistake_that_does_not_build_says_why() {
    let author = Author::new("check");
    with_a_build(&author);
    author.edit("exercises/shout/mistakes/whispers.patch", "+    echo \"$line\"", "+    echo ERROR");
    let words = author.words(&["shout"], 1);
    assert!(words.contains("✗ mistake whispers does not build: compiling 2: echo ERROR"), "{words}");
}

#[test]
fn what_is_missing_is_named_with_what_needs_it() {
    let author = Author::new("check");
    let patch = author.course.join("exercises/shout/mistakes/whispers.patch");
    fs::remove_file(&patch).expect("removed");
    let words = author.words(&["shout"], 1);
    let course = author.course.canonicalize().expect("there").display().to_string();
    for part in [
        format!("✗ mistake whispers there is no file {course}/exercises/shout/mistakes/whispers.patch"),
        format!("`patch` of this mistake names it in {course}/exercises/shout/stage.yaml"),
    ] {
        assert!(words.contains(&part), "{part}: {words}");
    }
    author.edit("exercises/course.yaml", "    edit:", "    build: [no-such-tool, '{stage}']\n    edit:");
    let words = author.words(&["shout"], 2);
    assert!(words.contains("cannot start `no-such-tool`, which builds `shout`"), "{words}");
    assert!(words.contains("`build` of the track in exercises/course.yaml"), "{words}");
    author.edit("exercises/course.yaml", "build: [no-such-tool, '{stage}']", "build: ['true']");
    author.edit("exercises/course.yaml", "run: [sh, \"{package}/{role}.sh\"]", "run: [\"{out}/{role}\"]");
    let words = author.words(&["shout"], 1);
    assert!(words.contains("✗ solution does not build: error: there is no program for the role `crier`"), "{words}");
    assert!(words.contains("`build` of the track is to make it") && !words.contains("workshop reset"), "{words}");
    fs::remove_dir_all(author.course.join("templates/sh/shout")).expect("removed");
    let words = author.words(&["shout"], 2);
    assert!(words.contains("the stage `shout` has no package for") && words.contains("templates/sh/shout"), "{words}");
    assert!(!words.contains("workshop update"), "{words}");
}

#[test]
fn outside_of_a_course_it_says_which_one_it_checks() {
    let author = Author::new("check");
    assert!(!author.words(&["shout"], 0).contains("built-in"), "the course was named");
    let output = Command::new(env!("CARGO_BIN_EXE_workshop"))
        .args(["author", "check", "duplex-tcp", "--mistake", "no-such-mistake"])
        .current_dir(author.dir.path())
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("This folder is in no course: this is about the built-in one, `p2p-workshop`"), "{said}");
    assert!(said.contains("name it with `--course PATH`"), "{said}");
}

#[test]
fn what_looks_like_a_remark_and_is_typed_is_noted() {
    let author = Author::new("check");
    author.edit(
        "exercises/shout/stage.yaml",
        "crier < hello\n      crier | HELLO\n",
        "crier < hello  # loud\n      crier | HELLO  # LOUD\n",
    );
    let words = author.words(&["shout"], 0);
    assert!(words.contains("! names scenario one-by-one, line 2 of its transcript: `# loud` is part"), "{words}");
}

/// Two commands would build their programs in the same place, and each would play those of the other.
#[test]
fn a_cache_is_used_by_one_command_at_a_time() {
    let author = Author::new("check");
    let cache = author.dir.path().join("cache");
    fs::create_dir(&cache).expect("made");
    let first = File::create(cache.join(".lock")).expect("made");
    first.lock().expect("locked");
    let mut second = author.command(&["shout", "--cache", "cache"]);
    let mut second = second.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut said = BufReader::new(second.stderr.take().expect("piped")).lines();
    let line = said.next().expect("a line").expect("UTF-8");
    assert!(line.contains("Another command is using") && line.contains("cache: waiting"), "{line}");
    drop(first);
    assert!(second.wait_with_output().expect("it ends").status.success());
}
