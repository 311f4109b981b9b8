//! The guides for authors are followed, word by word, in an empty folder: files are written as they say,
//! changes are made as they say, and every command prints what they show.
//!
//! `SNAPSHOTS=overwrite cargo test --test authoring` writes what the commands print into the guides.

#[allow(dead_code, reason = "each file of tests uses a part of it")]
#[path = "support/folders.rs"]
mod folders;
#[allow(dead_code, reason = "each file of tests uses a part of it")]
#[path = "support/instructor.rs"]
mod instructor;
#[path = "support/sessions.rs"]
mod sessions;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use folders::change;
use instructor::{Instructor, NOBODY, SHOUTS, give};
use sessions::settled;

/// Something that the guide tells to do: what the comment above a block says, and the block.
struct Step {
    what: String,
    block: String,
}

/// All of them, in their order.
fn steps(guide: &str) -> Vec<Step> {
    let read = |rest: &str| {
        let (what, rest) = rest.split_once(" -->\n").expect("the comment's end");
        let (_, rest) = rest.strip_prefix("```").and_then(|rest| rest.split_once('\n')).expect("a block below it");
        let (block, _) = rest.split_once("\n```\n").expect("the block's end");
        Step { what: what.to_owned(), block: block.to_owned() }
    };
    guide.split("<!-- ").skip(1).map(read).collect()
}

/// An author, and where they are.
struct Author {
    dir: tempfile::TempDir,
    here: PathBuf,
    cache: &'static str,
    /// Types as an ordinary user, also where the tests run as root.
    ordinary: bool,
}

impl Author {
    /// Types a command into a shell. What it prints is returned, errors too.
    fn types(&mut self, line: &str) -> String {
        if let Some(folder) = line.strip_prefix("cd ") {
            self.here = self.here.join(folder).canonicalize().expect("a folder");
            return String::new();
        }
        let bin = Path::new(env!("CARGO_BIN_EXE_workshop")).parent().expect("a folder").display().to_string();
        // Kept between test runs, as an author's own would be; by one author at a time.
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join(self.cache);
        let mut shell = Command::new("sh");
        if self.ordinary {
            if rustix::process::geteuid().is_root() {
                shell.uid(NOBODY).gid(NOBODY);
            }
            shell.env("PATH", format!("{}/bin:/usr/bin:/bin", self.dir.path().display())).env("HOME", self.dir.path());
        } else {
            shell.env("PATH", format!("{bin}:{}", std::env::var("PATH").expect("a path")));
            shell.env("WORKSHOP_AUTHOR_CACHE", cache);
        }
        let output = shell
            .args(["-c", &format!("{line} 2>&1")])
            .current_dir(&self.here)
            .env("WORKSHOP_NO_PREFETCH", "1")
            .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "An author")))
            .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "author@example.org")))
            .env("NO_COLOR", "1")
            .env("LC_ALL", "C.UTF-8")
            .env_remove("COLUMNS")
            .output()
            .expect("a shell");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.replace(&self.dir.path().canonicalize().expect("there").display().to_string(), "/home/you")
    }

    /// Plays a session: each command, and below it what it prints.
    fn plays(&mut self, session: &str) -> String {
        let commands = session.lines().filter_map(|line| line.strip_prefix("$ "));
        commands.map(|command| format!("$ {command}\n{}", self.types(command))).collect()
    }

    fn changes(&self, folder: &str, patch: &str) {
        let patch = format!("{patch}\n");
        let patch = diffy::Patch::from_str(&patch).expect("a unified diff");
        let file = patch.modified().and_then(|name| name.strip_prefix("b/")).expect("a file");
        let path = self.here.join(folder).join(file);
        let text = fs::read_to_string(&path).expect("readable");
        let text = diffy::apply(&text, &patch).unwrap_or_else(|error| panic!("{error} in {text}"));
        fs::write(path, text).expect("written");
    }
}

#[test]
fn the_guide_for_authors_can_be_followed() {
    can_be_followed("docs/authoring.md", "authoring");
}

#[test]
fn the_guide_to_a_track_can_be_followed() {
    let is_there =
        |tool: &&str| Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success());
    if ["gcc", "make"].iter().all(is_there) {
        can_be_followed("docs/track.md", "track");
    }
}

/// As an ordinary user: grading is refused to root.
#[test]
fn the_guide_to_grading_can_be_followed() {
    let instructor = Instructor::new();
    fs::rename(instructor.path("course"), instructor.path("netlab")).expect("renamed");
    let stage = instructor.path("netlab/exercises/shout/stage.yaml");
    change(
        &stage,
        "conditions:",
        "rules:\n  - {id: shouts, say: What is typed is printed in capitals.}\n  - {id: ends, say: It ends with its input.}\nconditions:",
    );
    change(&stage, "    about: Each line is answered.\n", "    about: Each line is answered.\n    for: [shouts]\n");
    change(&stage, "      crier < ^D\n      crier = exit 0\n", "      ! kill crier\n");
    let end = "  - name: end\n    about: It ends with its input.\n    for: [ends]\n    hidden: true\n    transcript: |\n      $ crier\n      \
               crier < ^D\n      crier = exit 0\n";
    change(&stage, "hints:\n", &format!("{end}hints:\n"));
    instructor.folder("Lovelace_12345_file", SHOUTS);
    instructor.folder("Babbage_12346_file", "while read -r line; do\n    echo \"$line\"\ndone\n");
    instructor.folder("Hopper_12347_file", &format!("{SHOUTS}exit 3\n"));
    instructor.folder("Nobody_99999_file", SHOUTS);
    fs::create_dir(instructor.path("bin")).expect("made");
    fs::copy(env!("CARGO_BIN_EXE_workshop"), instructor.path("bin/workshop")).expect("copied");
    give(instructor.dir.path());
    let here = instructor.dir.path().canonicalize().expect("there");
    let mut author = Author { here, dir: instructor.dir, cache: "", ordinary: true };
    if !author.types("workshop --course netlab doctor --grade").contains("Isolation here: namespaces.") {
        return;
    }
    follow("docs/grading.md", author);
}

fn can_be_followed(guide: &str, cache: &'static str) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    follow(guide, Author { here: dir.path().canonicalize().expect("there"), dir, cache, ordinary: false });
}

fn follow(guide: &str, mut author: Author) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(guide);
    let mut guide = fs::read_to_string(&path).expect("a guide");
    let overwrite = std::env::var("SNAPSHOTS").is_ok_and(|value| value == "overwrite");
    for Step { what, block } in steps(&guide.clone()) {
        match what.split_once(": ") {
            None => {
                let printed = author.plays(&block);
                if overwrite {
                    guide =
                        guide.replacen(&format!("\n{block}\n```\n"), &format!("\n{}\n```\n", printed.trim_end()), 1);
                } else {
                    snapbox::assert_data_eq!(settled(&printed), settled(&block));
                }
            }
            Some(("file", path)) => fs::write(author.here.join(path), block + "\n").expect("written"),
            Some(("append", path)) => {
                let path = author.here.join(path);
                let text = fs::read_to_string(&path).expect("readable");
                fs::write(path, text + &block + "\n").expect("written");
            }
            Some(("change", folder)) => author.changes(folder, &block),
            Some((other, _)) => panic!("the guide has a step `{other}`"),
        }
    }
    if overwrite {
        fs::write(path, guide).expect("written");
    }
}
