//! `workshop author export`: what learners get of a course, and what they do not.
#![cfg(unix)]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
#[path = "support/done.rs"]
mod done;
#[allow(dead_code, reason = "each file of tests uses a part of it")]
#[path = "support/folders.rs"]
mod folders;
#[allow(dead_code, reason = "each file of tests uses a part of it")]
#[path = "support/instructor.rs"]
mod instructor;
#[path = "support/python.rs"]
mod python;

use std::fs;
use std::path::Path;
use std::process::Command;

use done::Done;
use folders::change;
use instructor::{Instructor, SHOUTS};

/// An instructor whose stage has a scenario that learners do not get, and a reason for it.
fn with_secrets() -> Instructor {
    let instructor = Instructor::new();
    let stage = instructor.path("course/exercises/shout/stage.yaml");
    change(
        &stage,
        "hints:\n",
        "  - name: at-the-end\n    about: It ends well.\n    hidden: true\n    transcript: |\n      $ crier\n      crier < \
         secret\n      crier | SECRET\n      crier < ^D\n      crier = exit 0\nhints:\n",
    );
    change(
        &stage,
        "explanations:\n",
        "explanations:\n  - id: ends-badly\n    when: [wrong-ending]\n    scenarios: [at-the-end]\n    say: It ends badly.\n",
    );
    change(
        &stage,
        "  - say: Look for a command that changes letters.\n",
        "  - say: Look for a command that changes letters.\n    for: [whispers, ends-badly]\n",
    );
    instructor
}

fn types(dir: &Path, line: &[&str]) -> Done {
    let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
    command.args(line).current_dir(dir).env("WORKSHOP_NO_PREFETCH", "1");
    command.envs([("NO_COLOR", "1"), ("LANG", "C.UTF-8"), ("COLUMNS", "100"), ("PATH", python::path())]);
    Done::of(&mut command)
}

/// All files below a folder, as one text.
fn all_of(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).expect("readable").flatten() {
        let path = entry.path();
        text.push_str(&path.display().to_string());
        text.push('\n');
        text.push_str(&if path.is_dir() { all_of(&path) } else { fs::read_to_string(&path).expect("text") });
    }
    text
}

#[test]
fn learners_get_no_solutions_no_mistakes_and_nothing_hidden() {
    let instructor = with_secrets();
    let dir = instructor.dir.path();
    let done = types(dir, &["--course", "course", "author", "export", "learners"]);
    assert_eq!(done.code, Some(0), "{}", done.text);
    assert!(done.text.contains("shout: 1 scenario; 1 hidden\n"), "{}", done.text);
    let all = all_of(&instructor.path("learners"));
    assert!(all.contains("for: [whispers]") || all.contains("for:\n  - whispers"), "{all}");
    for secret in ["at-the-end", "SECRET", "ends-badly", "hidden", "mistakes", "tr a-z A-Z"] {
        assert!(!all.contains(secret), "{secret} is in the learners' course");
    }
    assert!(all.contains("one-by-one") && all.contains("Your crier does not shout."), "{all}");

    let done = types(dir, &["--course", "learners", "author", "check"]);
    assert!(done.text.contains("this course comes without its solutions"), "{}", done.text);

    // A learner's hour in it.
    assert_eq!(types(dir, &["init", "learners", "mine"]).code, Some(0));
    let mine = instructor.path("mine");
    let done = types(&mine, &["verify"]);
    assert_eq!(done.code, Some(1), "{}", done.text);
    assert!(done.text.contains("Your crier does not shout."), "{}", done.text);
    fs::write(mine.join("shout/crier.sh"), SHOUTS).expect("saved");
    let done = types(&mine, &["verify"]);
    assert_eq!(done.code, Some(0), "{}", done.text);
    assert!(!done.text.contains("workshop diff"), "there is nothing to compare with: {}", done.text);
    for line in [&["solution"][..], &["diff"], &["verify", "--solution"]] {
        let done = types(&mine, line);
        assert_eq!(done.code, Some(2), "{}", done.text);
        assert!(done.text.contains("this course comes without its solutions"), "{}", done.text);
    }
}

#[test]
fn solutions_stay_where_they_are_wanted() {
    let instructor = with_secrets();
    let done =
        types(instructor.dir.path(), &["--course", "course", "author", "export", "learners", "--keep-solutions"]);
    assert_eq!(done.code, Some(0), "{}", done.text);
    let all = all_of(&instructor.path("learners"));
    assert!(all.contains("tr a-z A-Z") && !all.contains("at-the-end") && !all.contains("withheld"), "{all}");
}

#[test]
fn nothing_is_written_over_and_nothing_is_left_of_a_failure() {
    let instructor = with_secrets();
    let dir = instructor.dir.path();
    fs::create_dir(instructor.path("learners")).expect("made");
    let done = types(dir, &["--course", "course", "author", "export", "learners"]);
    assert_eq!(done.code, Some(2), "{}", done.text);
    assert!(done.text.contains("learners"), "{}", done.text);
    // All that there is is hidden.
    change(
        &instructor.path("course/exercises/shout/stage.yaml"),
        "    about: Each line is answered.\n",
        "    about: Each line is answered.\n    hidden: true\n",
    );
    let done = types(dir, &["--course", "course", "author", "export", "others"]);
    assert_eq!(done.code, Some(2), "{}", done.text);
    assert!(!instructor.path("others").exists());
    let left = fs::read_dir(dir)
        .expect("readable")
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(".making"));
    assert_eq!(left.count(), 0, "nothing is left");
}
