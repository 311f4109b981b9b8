//! Packages that stages share: the learner's copy and the reference's are two packages, though the
//! build cache is one and their names are the same.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use serde_json::Value;
use tempfile::TempDir;

const STAGE: &str = "title: t
about: a
roles:
  - {name: a, about: prints the shared word}
  - {name: b, about: prints the shared word}
conditions: [clear]
scenarios:
  - name: word
    about: Both print it.
    transcript: |
      $ a
      a | given
      a = exit 0
      $ b
      b | given
      b = exit 0
";

/// A learner of a small course, which has the tracks of the built-in one.
struct Learner {
    dir: TempDir,
}

impl Learner {
    fn new() -> Learner {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("exercises/course.yaml");
        let built_in = fs::read_to_string(built_in).expect("a course");
        let (_, tracks) = built_in.split_once("\ntracks:\n").expect("tracks");
        let learner = Learner { dir };
        learner
            .write("course/exercises/course.yaml", &format!("name: own\ntitle: t\nstages: [words]\ntracks:\n{tracks}"));
        learner.write("course/exercises/words/stage.yaml", STAGE);
        learner.write("course/exercises/words/lesson.md", "# Words\n");
        for root in ["course/templates/rust", "course/solutions/rust"] {
            let package = |name: &str, rest: &str| {
                format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{rest}")
            };
            learner.write(
                &format!("{root}/Cargo.toml"),
                "[workspace]\nresolver = \"3\"\nmembers = [\"words\", \"feed\"]\n",
            );
            // It is kept once, beside the solutions.
            if root.ends_with("solutions/rust") {
                learner.write(&format!("{root}/feed/Cargo.toml"), &package("feed", ""));
                learner.write(&format!("{root}/feed/src/lib.rs"), &word("given"));
            }
            let dependency = "[dependencies]\nfeed = { path = \"../feed\" }\n";
            learner.write(&format!("{root}/words/Cargo.toml"), &package("words", dependency));
            for role in ["a", "b"] {
                let program = "fn main() {\n    println!(\"{}\", feed::word());\n}\n";
                learner.write(&format!("{root}/words/src/bin/{role}.rs"), program);
            }
        }
        let output = learner.workshop(&["init", "course"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        learner
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    /// The learner's own copy.
    fn copy(&self) -> PathBuf {
        self.dir.path().join("own/feed/src/lib.rs")
    }

    fn workshop(&self, args: &[&str]) -> std::process::Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
        command.args(args).current_dir(self.dir.path()).env("WORKSHOP_NO_PREFETCH", "1");
        command.output().expect("it starts")
    }

    /// What `a` has printed in each run: twice the learner's, then the reference's.
    fn printed(&self) -> Vec<String> {
        let output = self.workshop(&["verify", "--format", "json"]);
        let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
        let events = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("every line is JSON"));
        let runs: Vec<Value> = events.filter(|event| event["event"] == "run").collect();
        assert_eq!(runs.len(), 3, "{}{text}", String::from_utf8_lossy(&output.stderr));
        let pairings: Vec<&Value> = runs.iter().map(|run| &run["pairing"]).collect();
        assert_eq!(
            serde_json::json!(pairings),
            serde_json::json!([["you", "you"], ["you", "reference"], ["reference", "you"]])
        );
        // What a run that passed has printed is what was expected.
        let printed = |run: &Value| run["lanes"][0]["lines"][0].as_str().unwrap_or("given").to_owned();
        runs.iter().map(printed).collect()
    }
}

fn word(word: &str) -> String {
    format!("pub fn word() -> &'static str {{\n    {word:?}\n}}\n")
}

#[test]
fn neither_copy_stands_in_for_the_other() {
    let learner = Learner::new();
    assert_eq!(learner.printed(), ["given", "given", "given"]);
    // Back and forth, also to a file whose time says that it is older than what was built of it.
    for round in 0..3 {
        let mine = format!("mine{round}");
        fs::write(learner.copy(), word(&mine)).expect("written");
        // Where the reference plays `a`, the run fails at the learner's `b`.
        assert_eq!(learner.printed(), [mine.as_str(), mine.as_str(), "given"]);
        fs::write(learner.copy(), word("given")).expect("written");
        let file = File::options().append(true).open(learner.copy()).expect("opened");
        file.set_modified(SystemTime::UNIX_EPOCH).expect("a time");
        assert_eq!(learner.printed(), ["given", "given", "given"]);
    }
}

/// A learner may keep code where no stage is, and take it into a package by a path or by a link.
#[cfg(unix)]
#[test]
fn what_is_kept_elsewhere_is_built_anew() {
    let learner = Learner::new();
    let manifest = fs::read_to_string(learner.dir.path().join("own/words/Cargo.toml")).expect("there");
    learner.write(
        "own/words/Cargo.toml",
        &manifest.replace("path = \"../feed\"", "package = \"mine\", path = \"../mine\""),
    );
    learner.write("own/mine/Cargo.toml", "[package]\nname = \"mine\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    learner.write("own/Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"words\", \"feed\", \"mine\"]\n");
    for mine in ["by", "a", "path"] {
        learner.write("own/mine/src/lib.rs", &word(mine));
        assert_eq!(learner.printed(), [mine, mine, "given"]);
    }
    learner.write(
        "own/words/Cargo.toml",
        &manifest.replace("path = \"../feed\"", "package = \"out\", path = \"../../out\""),
    );
    learner.write("out/Cargo.toml", "[package]\nname = \"out\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    for mine in ["out", "of", "here"] {
        learner.write("out/src/lib.rs", &word(mine));
        assert_eq!(learner.printed(), [mine, mine, "given"]);
    }
    let program = learner.dir.path().join("own/words/src/bin/a.rs");
    fs::remove_file(&program).expect("removed");
    std::os::unix::fs::symlink(learner.dir.path().join("a.rs"), &program).expect("linked");
    for mine in ["through", "a", "link"] {
        learner.write("a.rs", &format!("fn main() {{\n    println!({mine:?});\n}}\n"));
        assert_eq!(learner.printed(), [mine, mine, "given"]);
    }
}
