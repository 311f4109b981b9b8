//! The README's sessions are real: each is played, and must print what the README shows.
//!
//! A session is a ```console block with a name in the comment above it. What differs from run to
//! run (ports, times, seeds) is made equal on both sides before they are compared.

#[path = "support/sessions.rs"]
mod sessions;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::CommandFactory;
use sessions::settled;

/// A newcomer's folder. It is at the same place each time, and what its packages depend on is built once for all
/// tests: only the newcomer's own programs are built anew.
struct Newcomer {
    dir: PathBuf,
}

impl Newcomer {
    fn new() -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("newcomer");
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("made");
        Newcomer { dir }
    }

    fn types(&self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[0], "workshop", "only our own commands are played: {line}");
        let output = Command::new(env!("CARGO_BIN_EXE_workshop"))
            .args(&words[1..])
            .current_dir(&self.dir)
            .env("WORKSHOP_NO_PREFETCH", "1")
            .env("WORKSHOP_CACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"))
            .env("NO_COLOR", "1")
            .env_remove("COLUMNS")
            .output()
            .expect("it starts");
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }

    /// Writes the solution of a stage into the files that the workspace has for it, with a known
    /// mistake or none.
    fn writes(&self, stage: &str, mistake: Option<&str>) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (package, solution) = (self.dir.join("p2p-workshop").join(stage), root.join("solutions/rust").join(stage));
        let patch = mistake.map(|name| {
            let patch = root.join(format!("exercises/{stage}/mistakes/{name}.patch"));
            fs::read_to_string(patch).expect("a patch")
        });
        for file in files_below(&package.join("src")) {
            let name = file.strip_prefix(&package).expect("below").to_str().expect("plain").to_owned();
            let mut text = fs::read_to_string(solution.join(&name)).expect("a solution");
            if let Some(patch) = patch.as_ref().filter(|patch| patch.contains(&format!("+++ b/{name}"))) {
                let patch = diffy::Patch::from_str(patch).expect("a unified diff");
                text = diffy::apply(&text, &patch).expect("applies");
            }
            fs::write(file, text).expect("written");
        }
    }
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("a folder").flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// The stages of the course, in their order.
fn stages() -> Vec<String> {
    let course = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("exercises/course.yaml"));
    let course = course.expect("a course");
    let list = course.split("\nstages:\n").nth(1).expect("stages");
    list.lines().map_while(|line| line.strip_prefix("  - ")).map(str::to_owned).collect()
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

fn check(newcomer: &Newcomer, name: &str) {
    let (command, shown) = session(name);
    let printed = newcomer.types(&command);
    snapbox::assert_data_eq!(settled(&printed), settled(&shown));
}

/// From the first `next` to the last: each stage is shown, is red, and is green with the solution.
#[test]
fn the_sessions_of_the_readme_are_real() {
    let newcomer = Newcomer::new();
    let first = newcomer.types("workshop next");
    assert!(first.contains("Your workspace: p2p-workshop"), "{first}");
    assert!(first.contains("p2p-workshop/duplex-tcp/src/bin/a.rs"), "{first}");
    check(&newcomer, "first verify");
    newcomer.writes("duplex-tcp", Some("read-as-message"));
    check(&newcomer, "red");
    newcomer.writes("duplex-tcp", None);
    check(&newcomer, "green");
    let stages = stages();
    for (number, stage) in (2..).zip(&stages[1..]) {
        let lesson = newcomer.types("workshop next");
        assert!(lesson.contains(&format!("Stage {number} of {}", stages.len())), "{lesson}");
        assert!(lesson.contains(&format!("p2p-workshop/{stage}/src/lib.rs")), "{lesson}");
        let red = newcomer.types("workshop verify");
        assert!(red.contains("not written yet") && red.contains(&format!("✗ {stage}")), "{red}");
        newcomer.writes(stage, None);
        let green = newcomer.types("workshop verify");
        assert!(green.contains(&format!("✓ {stage}")), "{green}");
    }
    check(&newcomer, "the end");
}

/// The commands of a row's first column, as in `workshop author new NAME`, `new-course NAME`: the words of each.
fn commands_of(cell: &str) -> Vec<Vec<String>> {
    let named = cell.split('`').skip(1).step_by(2);
    let words = named.map(|text| text.split(' ').filter(|word| *word != "workshop").map(str::to_owned).collect());
    words.collect()
}

/// The table of commands says what the command line's own definition says: every command, and no flag that is none.
#[test]
fn the_table_of_commands_is_whole() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("a README");
    let table = readme.split("\n## Commands\n").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a table");
    let cli = workshop::cli::Cli::command();
    let mut missing: BTreeSet<String> = BTreeSet::new();
    for command in cli.get_subcommands().filter(|command| !command.is_hide_set()) {
        let below: Vec<&clap::Command> = command.get_subcommands().filter(|below| !below.is_hide_set()).collect();
        missing.extend(below.iter().map(|below| format!("{} {}", command.get_name(), below.get_name())));
        if below.is_empty() {
            missing.insert(command.get_name().to_owned());
        }
    }
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let row = row.replace("\\|", "/");
        let [_, cell, about, _] = row.split('|').collect::<Vec<_>>()[..] else { panic!("a row of two cells: {row}") };
        let mut parent: Option<&clap::Command> = None;
        let longs = |command: &clap::Command| -> Vec<String> {
            command.get_arguments().filter_map(|arg| arg.get_long()).map(|long| format!("--{long}")).collect()
        };
        let mut known = longs(&cli);
        for words in commands_of(cell) {
            let mut words = words.iter().map(String::as_str).peekable();
            let mut command = match (words.peek(), parent) {
                (Some(word), Some(parent)) if cli.find_subcommand(word).is_none() => parent,
                _ => &cli,
            };
            while let Some(next) = words.next().and_then(|word| command.find_subcommand(word)) {
                parent = next.has_subcommands().then_some(next).or(parent);
                command = next;
            }
            let name = command.get_name();
            let whole = parent.filter(|parent| parent.get_name() != name && parent.find_subcommand(name).is_some());
            missing.remove(&whole.map_or(name.to_owned(), |parent| format!("{} {name}", parent.get_name())));
            known.extend(longs(command));
        }
        // A flag of another command stands behind that command's name.
        let flags = about.split('`').skip(1).step_by(2).filter(|text| text.starts_with("--"));
        for flag in flags.filter_map(|text| text.split(' ').next()) {
            assert!(known.iter().any(|long| long == flag), "no `{flag}` is known here: {row}");
        }
    }
    assert!(missing.is_empty(), "the table lacks {missing:?}");
}
