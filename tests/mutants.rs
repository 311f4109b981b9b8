//! `author mutants`: small changes of the solution, as the track's tool lists them, are played like any wrong
//! program.

#[path = "support/author.rs"]
mod author;
#[path = "support/folders.rs"]
mod folders;
#[path = "support/python.rs"]
mod python;

use std::fs;
use std::path::Path;
use std::process::Command;

use author::Author;
use serde_json::{Value, json};

/// What the solution does with a line, and what mutants do with it.
const SHOUTS: &str = "    echo \"$line\" | tr a-z A-Z\n";

/// A course whose tool for mutants is a file with a list of them.
fn with_mutants() -> Author {
    let author = Author::new("mutants");
    let file = author.dir.path().join("list");
    author.edit(
        "exercises/course.yaml",
        "    run: [sh,",
        &format!("    mutants: [cat, \"{}-{{stage}}.json\"]\n    run: [sh,", file.display()),
    );
    list(
        &author,
        "shout",
        &[
            mutant("shout/crier.sh:2:12: replace tr with cat", SHOUTS, "    echo \"$line\" | cat\n"),
            mutant(
                "shout/crier.sh:2:23: replace a-z with [:lower:]",
                SHOUTS,
                "    echo \"$line\" | tr '[:lower:]' A-Z\n",
            ),
            mutant(
                "shout/crier.sh:2:5: replace echo with printf",
                SHOUTS,
                "    printf '%s\\n' \"$line\" | tr a-z A-Z\n",
            ),
        ],
    );
    list(&author, "count", &[]);
    author
}

/// What the tool lists of a stage.
fn list(author: &Author, stage: &str, mutants: &[Value]) {
    fs::write(author.dir.path().join(format!("list-{stage}.json")), json!(mutants).to_string()).expect("written");
}

fn equivalent(author: &Author, text: &str) {
    author.write("exercises/shout/mutants/equivalent.yaml", text);
}

/// A change of a line, as `cargo mutants --list --json` tells it.
fn mutant(name: &str, from: &str, to: &str) -> Value {
    let diff = format!("--- shout/crier.sh\n+++ {name}\n@@ -1,3 +1,3 @@\n while read -r line; do\n-{from}+{to} done\n");
    json!({"name": name, "diff": diff, "genre": "passed over"})
}

const BOTH: &str = "equivalent:
  - mutant: 'crier.sh: replace a-z with [:lower:]'
    why: In this locale they are the same letters.
  - mutant: 'crier.sh: replace echo with printf'
    code: echo \"$line\" | tr a-z A-Z
    why: It prints the same.
";

#[test]
fn a_mutant_that_survives_is_shown_as_a_diff() {
    let author = with_mutants();
    let words = author.words(&["shout"], 1);
    assert!(words.contains("✓ crier.sh:2:12: replace tr with cat"), "{words}");
    assert!(words.contains("rejected: whispers, in one-by-one · you · clear: Your crier does not shout."), "{words}");
    assert!(words.contains("✗ crier.sh:2:23: replace a-z with [:lower:]"), "{words}");
    assert!(words.contains("survives --- a/crier.sh +++ b/crier.sh @@ -1,3 +1,3 @@"), "{words}");
    assert!(words.contains("+ echo \"$line\" | tr '[:lower:]' A-Z"), "{words}");
    assert!(words.contains("3 build: 1 rejected, 0 listed, 2 survive; 0 do not build"), "{words}");
}

#[test]
fn what_is_listed_with_a_reason_may_survive_and_nothing_else_is_listed() {
    let author = with_mutants();
    equivalent(&author, BOTH);
    let words = author.words(&["shout"], 0);
    assert!(words.contains("listed: In this locale they are the same letters."), "{words}");
    assert!(words.contains("3 build: 1 rejected, 2 listed, 0 survive"), "{words}");
    // A line that is another one now.
    equivalent(&author, &BOTH.replace("code: echo", "code: printf"));
    assert!(author.words(&["shout"], 1).contains("mutants that no longer exist: crier.sh: replace echo with printf"));
    equivalent(&author, &format!("{BOTH}  - mutant: 'crier.sh: replace tr with cat'\n    why: No.\n"));
    assert!(author.words(&["shout"], 1).contains("is listed as equivalent, but rejected"));
    equivalent(&author, "equivalent:\n  - mutant: 'crier.sh: replace echo with printf'\n    why: ''\n");
    let words = author.words(&["shout"], 2);
    assert!(words.contains("listed without a reason") && words.contains("equivalent.yaml:3"), "{words}");
}

#[test]
fn what_is_known_is_not_played_again() {
    let author = with_mutants();
    equivalent(&author, BOTH);
    let of = |text: &str| {
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines.filter(|line| line["rule"] == "mutant").map(|line| line["ms"].is_u64()).collect::<Vec<bool>>()
    };
    let play = || {
        let output = author.types(&["shout", "--cache", "kept", "--format", "json"]);
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    assert_eq!(of(&play()), [true, true, true]);
    let again = play();
    assert_eq!(of(&again), [false, false, false], "nothing is played: {again}");
    assert!(again.contains("rejected: whispers"), "and told all the same: {again}");
    author.edit("solutions/sh/shout/crier.sh", "done\n", "done\n# Another one.\n");
    assert_eq!(of(&play()), [true, true, true], "of another solution nothing is known");
}

#[test]
fn a_part_of_them_is_chosen_by_number_or_by_seed() {
    let author = with_mutants();
    equivalent(&author, BOTH);
    let parts: Vec<String> = ["1/2", "2/2"].iter().map(|part| author.words(&["shout", "--shard", part], 0)).collect();
    assert!(parts[0].contains("2 build") && parts[1].contains("1 build"), "{parts:?}");
    for name in ["tr with cat", "a-z with", "echo with"] {
        assert_eq!(parts.iter().filter(|part| part.contains(name)).count(), 1, "{name}: {parts:?}");
    }
    let sample = author.words(&["--sample", "1", "--seed", "7"], 0);
    assert!(sample.contains("1 build") && sample.contains("--seed 7"), "{sample}");
    let names = ["tr with cat", "a-z with", "echo with"];
    let chosen = names.iter().find(|name| sample.contains(**name)).expect("one of them");
    assert!(author.words(&["--sample", "1", "--seed", "7"], 0).contains(chosen), "the same again");
    assert!(author.words(&["--shard", "3/2"], 2).contains("I/N"));
}

#[test]
fn a_peer_of_the_stage_has_no_mutants() {
    let author = with_mutants();
    equivalent(&author, BOTH);
    fs::remove_file(author.course.join("templates/sh/shout/crier.sh")).expect("removed");
    fs::write(author.course.join("templates/sh/shout/other.sh"), "true\n").expect("written");
    let words = author.words(&["shout"], 1);
    assert!(words.contains("0 build: 0 rejected") && words.contains("mutants that no longer exist"), "{words}");
}

#[test]
fn a_tool_that_fails_is_an_error_with_its_words() {
    let author = with_mutants();
    fs::remove_file(author.dir.path().join("list-shout.json")).expect("removed");
    let words = author.words(&["shout"], 2);
    assert!(words.contains("the mutants can't be listed") && words.contains("No such file"), "{words}");
    fs::write(author.dir.path().join("list-shout.json"), "[{\"name\": \"x\"}]").expect("written");
    assert!(author.words(&["shout"], 2).contains("missing field `diff`"));
    author.edit("exercises/course.yaml", "    mutants: [cat", "    mutants: [no-such-tool");
    assert!(author.words(&["shout"], 2).contains("no-such-tool"));
}

#[test]
fn a_course_without_such_a_tool_says_so() {
    let output = Command::new(env!("CARGO_BIN_EXE_workshop"))
        .arg("--course")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/courses/languages"))
        .args(["author", "mutants"])
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no track of this course has a command for mutants"));
}
