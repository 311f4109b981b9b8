//! The README's sessions are real: each is played, and must print what the README shows.
//!
//! A session is a ```console block with a name in the comment above it. What differs from run to
//! run (ports, times, seeds) is made equal on both sides before they are compared.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

/// A newcomer's machine: an empty home, a folder of their own.
struct Newcomer {
    dir: tempfile::TempDir,
}

impl Newcomer {
    fn new() -> Self {
        Newcomer { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    fn types(&self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[0], "workshop", "only our own commands are played: {line}");
        let output = Command::new(env!("CARGO_BIN_EXE_workshop"))
            .args(&words[1..])
            .current_dir(self.dir.path())
            .env("WORKSHOP_NO_PREFETCH", "1")
            .env("NO_COLOR", "1")
            .env_remove("COLUMNS")
            .output()
            .expect("it starts");
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }

    fn package(&self) -> PathBuf {
        self.dir.path().join("p2p-workshop/duplex-tcp")
    }

    /// Puts the solution in the learner's place, with a known mistake or none.
    fn writes(&self, mistake: Option<&str>) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for file in ["src/lib.rs", "src/bin/a.rs", "src/bin/b.rs"] {
            let mut text = fs::read_to_string(root.join("solutions/rust/duplex-tcp").join(file)).expect("a solution");
            if let Some(name) = mistake {
                let patch = root.join(format!("exercises/duplex-tcp/mistakes/{name}.patch"));
                let patch = fs::read_to_string(patch).expect("a patch");
                if patch.contains(&format!("+++ b/{file}")) {
                    let patch = diffy::Patch::from_str(&patch).expect("a unified diff");
                    text = diffy::apply(&text, &patch).expect("applies");
                }
            }
            fs::write(self.package().join(file), text).expect("written");
        }
    }
}

/// The text of the session of this name: the command, and what it printed.
fn session(name: &str) -> (String, String) {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("a README");
    let start = readme.find(&format!("<!-- session: {name} -->")).unwrap_or_else(|| panic!("no session {name}"));
    let block =
        readme[start..].split("```console\n").nth(1).and_then(|rest| rest.split("\n```").next()).expect("a block");
    let (command, output) = block.split_once('\n').expect("a command and its output");
    (command.strip_prefix("$ ").expect("a prompt").to_owned(), output.to_owned())
}

/// What differs from run to run, made equal.
fn settled(text: &str) -> String {
    let rules = [
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r"\d+\.\d+ s\b", "TIME s"),
        (r"seed \d+", "seed N"),
        (r"\(\d+\) panicked", "(ID) panicked"),
        // How many runs fail by a race is the weather; that they fail, and why, is not.
        (r"\d+ of (\d+) runs failed", "N of $1 runs failed"),
        (r"(?m)^  \d+ (more )?failed .*\n", ""),
        (r" +TIME s", " TIME s"),
        (r"(?m)[ \t]+$", ""),
    ];
    let mut text = text.to_owned();
    for (pattern, replacement) in rules {
        text = Regex::new(pattern).expect("a pattern").replace_all(&text, replacement).into_owned();
    }
    // The wire's moments interleave as the two sides happen to speak.
    let wire = Regex::new(r"(?m)^ *(TIME s  .*|… \d+ more)\n").expect("a pattern");
    wire.replace_all(&text, "").into_owned().trim_end().to_owned()
}

fn check(newcomer: &Newcomer, name: &str) {
    let (command, shown) = session(name);
    let printed = newcomer.types(&command);
    snapbox::assert_data_eq!(settled(&printed), settled(&shown));
}

#[test]
fn the_sessions_of_the_readme_are_real() {
    let newcomer = Newcomer::new();
    let first = newcomer.types("workshop next");
    assert!(first.contains("Your workspace: p2p-workshop"), "{first}");
    assert!(first.contains("p2p-workshop/duplex-tcp/src/bin/a.rs"), "{first}");
    check(&newcomer, "first verify");
    newcomer.writes(Some("read-as-message"));
    check(&newcomer, "red");
    newcomer.writes(None);
    check(&newcomer, "green");
    check(&newcomer, "the end");
}
