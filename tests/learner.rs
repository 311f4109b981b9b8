//! A learner's walk through the first stage, by the real binary in a real workspace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use serde_json::Value;

/// What a verify of the first stage says.
const ALL_PASSED: &str = "all 182 runs passed";

struct Learner {
    dir: tempfile::TempDir,
}

impl Learner {
    fn new() -> Self {
        Learner { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("p2p-workshop")
    }

    fn command(&self, from: &Path, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
        command.args(line.split_whitespace()).current_dir(from);
        command.env("WORKSHOP_NO_PREFETCH", "1").env_remove("COLUMNS").env_remove("NO_COLOR");
        command
    }

    fn types(&self, line: &str) -> Output {
        self.command(self.dir.path(), line).output().expect("it starts")
    }

    /// What a command prints, when it ends with this code.
    fn says(&self, line: &str, code: i32) -> String {
        let output = self.types(line);
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "`workshop {line}`:\n{text}");
        assert!(!text.contains('\u{1b}'), "`workshop {line}` has colour in a pipe:\n{text}");
        text
    }

    fn events(&self, line: &str) -> Vec<Value> {
        let output = self.types(line);
        let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.root().join("duplex-tcp").join(file), text).expect("written");
    }

    fn writes_the_solution(&self) {
        for file in FILES {
            self.write(file, &solution(file));
        }
    }
}

const FILES: [&str; 3] = ["src/lib.rs", "src/bin/a.rs", "src/bin/b.rs"];

fn solution(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("solutions/rust/duplex-tcp").join(file);
    fs::read_to_string(path).expect("a solution")
}

/// One walk, so that the dependencies are built once.
#[test]
fn from_the_first_lesson_to_a_verified_stage() {
    let learner = Learner::new();
    let lesson = learner.says("next", 0);
    assert!(lesson.contains("Stage 1 of ") && lesson.contains("p2p-workshop/duplex-tcp/src/bin/a.rs"), "{lesson}");
    assert!(learner.says("next", 0).contains("not verified yet: here it is again"));

    the_solution_does_not_stand_in_for_the_learner(&learner);
    a_compiler_error_is_shown_as_it_is(&learner);
    hints_fit_what_failed(&learner);
    nothing_is_spoiled(&learner);
    some_runs_are_not_all(&learner);
    a_seed_makes_the_same_choices(&learner);
    two_at_once_do_no_harm(&learner);

    assert!(learner.says("verify", 0).contains(ALL_PASSED));
    assert!(learner.says("list", 0).contains("✓ verified"));
    assert!(learner.says("diff", 0).contains("Your files are the same as the solution's"));
    assert!(learner.says("solution", 0).contains("fn next_line"));
    let another = learner.says("solution --another", 0);
    assert!(another.starts_with("Two threads, and no async\n") && another.contains("thread::spawn"), "{another}");
    assert!(learner.says("diff --another", 0).contains("+    let writer = stream.try_clone()?;"));
    assert!(learner.says("solution chat --another --spoil", 2).contains("chat has no other solution"));
    assert!(learner.says("next chat", 0).contains("Stage 2 of 7"));
    assert!(learner.says("list", 0).contains("→ current"), "chat is the current stage");
    assert!(learner.says("next chatt", 2).contains("did you mean `chat`?"));
    assert!(learner.says("next duplex-tcp", 0).contains("Stage 1 of 7"));

    an_old_file_put_back_is_built(&learner);
    a_program_of_before_plays_nobody(&learner);
    a_lost_manifest_is_named(&learner);
    a_reset_keeps_what_was_there(&learner);
    a_doctor_finds_all_well(&learner);
}

/// Both are packages of one name below a shared cache: one must never be taken for the other.
fn the_solution_does_not_stand_in_for_the_learner(learner: &Learner) {
    assert!(learner.says("verify --solution", 0).contains(ALL_PASSED));
    let template = learner.says("verify", 1);
    assert!(template.contains("not written yet") && template.contains("182 of 182 runs failed"), "{template}");
    assert!(learner.says("verify --solution", 0).contains(ALL_PASSED));
}

fn a_compiler_error_is_shown_as_it_is(learner: &Learner) {
    learner.writes_the_solution();
    learner.write(
        "src/lib.rs",
        &solution("src/lib.rs").replace("stream.set_nodelay(true)", "let unused = 1; stream.set_nodelay(tru)"),
    );
    let said = learner.says("verify", 1);
    let first = said.lines().find(|line| !line.trim_start().starts_with("Compiling")).unwrap_or_default();
    assert!(first.starts_with("error[E0425]"), "the error comes before the warning:\n{said}");
    assert!(said.contains("does not build yet"), "{said}");
    let events = learner.events("verify --format json");
    assert_eq!(events[0]["event"], "not-built");
    assert!(learner.says("verify --format junit", 1).contains("<error message=\"does not build\""));
}

fn hints_fit_what_failed(learner: &Learner) {
    learner.write("src/lib.rs", &solution("src/lib.rs").replace("println!(\"{line}\")", "eprintln!(\"{line}\")"));
    let events = learner.events("verify --format json");
    let stage = events.iter().find(|event| event["event"] == "stage").expect("a verdict");
    assert_eq!(stage["reason"]["id"], "to-standard-error");
    let hint = learner.says("hint", 0).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(hint.contains("standard output"), "the hint for what failed comes first:\n{hint}");
    assert!(learner.says("hint", 0).contains("Hint 2 of"), "one more each time");
}

fn nothing_is_spoiled(learner: &Learner) {
    assert!(learner.says("solution", 2).contains("not verified yet"));
    assert!(learner.says("diff", 2).contains("--spoil"));
    assert!(learner.says("solution --another", 2).contains("--spoil"));
    assert!(learner.says("diff --spoil", 0).contains("-        eprintln!"));
}

fn some_runs_are_not_all(learner: &Learner) {
    learner.writes_the_solution();
    let said = learner.says("verify --scenario greeting --pairing you/reference --condition clear", 0);
    assert!(said.contains("the run passed") && said.contains("only some runs were selected"), "{said}");
    assert!(!learner.says("list", 0).contains("✓ verified"));
    assert!(learner.says("verify --scenario greetings", 2).contains("did you mean `greeting`?"));
    assert!(learner.says("verify --pairing you/refrence", 2).contains("did you mean `you/reference`"));
    assert!(learner.says("verify duplextcp", 2).contains("did you mean `duplex-tcp`?"));
    assert!(learner.says("run aa", 2).contains("did you mean `a`?"));
    assert!(learner.says("run b", 2).contains("needs arguments: ADDR"));
    assert!(learner.says("verify --condition clera", 2).contains("clear"));
    let repeated = learner.says("verify --scenario characters --repeat 3", 0);
    assert!(repeated.contains("3 times each"), "{repeated}");
}

fn a_seed_makes_the_same_choices(learner: &Learner) {
    let seeds = |line: &str| -> Vec<Value> {
        learner.events(line).iter().filter(|event| event["event"] == "run").map(|event| event["seed"].clone()).collect()
    };
    let line = "verify --scenario long-line --seed 11 --format json";
    assert_eq!(seeds(line), seeds(line));
    assert_ne!(seeds(line), seeds("verify --scenario long-line --seed 12 --format json"));
}

fn two_at_once_do_no_harm(learner: &Learner) {
    let inside = learner.root().join("duplex-tcp/src");
    let both: Vec<_> = (0..2)
        .map(|_| {
            learner
                .command(&inside, "verify --scenario one-sided")
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .expect("it starts")
        })
        .collect();
    for one in both {
        let output = one.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// With what the doctor advises, where something is missing: the dependencies of the later stages.
fn a_doctor_finds_all_well(learner: &Learner) {
    let fetched = Command::new("cargo").args(["fetch", "--locked"]).current_dir(learner.root()).output();
    assert!(fetched.expect("cargo starts").status.success());
    assert!(learner.says("doctor", 0).contains("All is well"));
}

/// Build tools go by the time of a file: a file from a backup is new in its content only.
fn an_old_file_put_back_is_built(learner: &Learner) {
    let path = learner.root().join("duplex-tcp/src/lib.rs");
    learner.write("src/lib.rs", &solution("src/lib.rs").replace("println!(\"{line}\")", "println!(\"{line}!\")"));
    let long_ago = SystemTime::now() - Duration::from_secs(86_400);
    fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(long_ago)).expect("set");
    assert!(learner.says("verify", 1).contains("Hello I am B!"), "the program of before was judged");
    learner.writes_the_solution();
    assert!(learner.says("verify", 0).contains(ALL_PASSED));
}

/// Build tools leave the programs alone that they do not make any more.
fn a_program_of_before_plays_nobody(learner: &Learner) {
    let bin = learner.root().join("duplex-tcp/src/bin");
    fs::rename(bin.join("a.rs"), bin.join("alice.rs")).expect("renamed");
    let said = learner.says("verify", 1);
    assert!(said.contains("missing:\n  duplex-tcp/src/bin/a.rs") && said.contains("workshop reset"), "{said}");
    assert!(learner.says("run a", 1).contains("missing:\n  duplex-tcp/src/bin/a.rs"));
    fs::rename(bin.join("alice.rs"), bin.join("a.rs")).expect("renamed");
    assert!(learner.says("verify", 0).contains(ALL_PASSED));
}

fn a_lost_manifest_is_named(learner: &Learner) {
    let manifest = learner.root().join("duplex-tcp/Cargo.toml");
    let text = fs::read_to_string(&manifest).expect("there");
    fs::remove_file(&manifest).expect("removed");
    let said = learner.says("verify", 1);
    assert!(said.contains("duplex-tcp/Cargo.toml`") && said.contains("No such file"), "the cause:\n{said}");
    fs::write(&manifest, text).expect("written");
    // That of the workspace belongs to all stages, and an update restores it.
    let manifest = learner.root().join("Cargo.toml");
    let text = fs::read(&manifest).expect("there");
    fs::remove_file(&manifest).expect("removed");
    let said = learner.says("verify", 1);
    assert!(said.contains("files of the workspace are missing:\n  Cargo.toml\n"), "{said}");
    learner.says("update", 0);
    assert_eq!(fs::read(&manifest).expect("restored"), text);
}

fn a_reset_keeps_what_was_there(learner: &Learner) {
    learner.write("src/lib.rs", "// mine\n");
    let said = learner.says("reset", 0);
    assert!(said.contains("kept in"), "{said}");
    let template = fs::read_to_string(learner.root().join("duplex-tcp/src/lib.rs")).expect("there");
    assert!(template.contains("todo!"));
    let backups = fs::read_dir(learner.root().join(".workshop/backups")).expect("there");
    let kept: Vec<String> =
        backups.flatten().filter_map(|dir| fs::read_to_string(dir.path().join("src/lib.rs")).ok()).collect();
    assert_eq!(kept, ["// mine\n"]);
}

#[test]
fn a_narrow_terminal_gets_narrow_lines() {
    let learner = Learner::new();
    let output = learner.command(learner.dir.path(), "next").env("COLUMNS", "40").output().expect("it starts");
    assert!(output.status.success());
    for line in ["list", "hint"] {
        let output = learner.command(learner.dir.path(), line).env("COLUMNS", "40").output().expect("it starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 60).collect();
        assert!(long.is_empty(), "{line}: {long:?}");
    }
}

#[test]
fn outside_of_a_workspace_it_says_what_to_do() {
    let learner = Learner::new();
    for line in ["verify", "list", "hint", "lesson", "reset", "run a", "solution", "diff"] {
        let said = learner.says(line, 2);
        assert!(said.contains("there is no workspace here") && said.contains("`workshop next` makes one"), "{said}");
    }
    assert_eq!(fs::read_dir(learner.dir.path()).expect("readable").count(), 0, "nothing is written");
}

#[test]
fn a_folder_of_that_name_is_left_alone() {
    let learner = Learner::new();
    fs::create_dir(learner.root()).expect("made");
    fs::write(learner.root().join("mine.txt"), "mine").expect("written");
    assert!(learner.says("next", 2).contains("exists already, and is not a workspace"));
    assert_eq!(fs::read_to_string(learner.root().join("mine.txt")).expect("still there"), "mine");
}

#[test]
fn completions_are_scripts() {
    let learner = Learner::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(learner.says(&format!("completions {shell}"), 0).contains("workshop"));
    }
}

/// A shell is offered what the course has, and of it what fits the stage.
#[test]
fn completions_know_the_course() {
    let learner = Learner::new();
    let offered = |typed: &str| -> Vec<String> {
        let words: Vec<&str> = typed.split(' ').collect();
        let mut command = learner.command(learner.dir.path(), "");
        command.arg("--").args(&words).env("WORKSHOP_COMPLETE", "bash").env("_CLAP_IFS", "\n");
        command.env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string()).env("_CLAP_COMPLETE_COMP_TYPE", "9");
        let output = command.output().expect("it runs");
        String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
    };
    assert_eq!(offered("workshop verify ch"), ["chat"]);
    assert_eq!(offered("workshop verify chat --scenario visitor"), ["visitor", "visitor-gone"]);
    assert!(offered("workshop verify --pairing ").contains(&"you/reference".to_owned()));
    assert!(offered("workshop author check --mistake limit-of").contains(&"limit-of-64k".to_owned()));
    assert!(offered("workshop next --track ").contains(&"rust".to_owned()));
    // In a workspace the current stage counts.
    learner.says("next", 0);
    let roles = |typed| offered(typed).into_iter().filter(|word| !word.starts_with('-')).collect::<Vec<_>>();
    assert_eq!(roles("workshop run "), ["a", "b"]);
    assert_eq!(roles("workshop run --stage chat "), ["alice", "bob"]);
}
