//! How courses get to learners and stay fresh: the real binary, real folders, a real repository.

#[path = "support/folders.rs"]
mod folders;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use folders::copy;
use proptest::prelude::*;
use workshop::assets::Catalog;
use workshop::progress::WorkspaceState;
use workshop::workspace::{Updated, Workspace};

/// A machine with a course on it, and room for workspaces.
struct Desk {
    dir: tempfile::TempDir,
}

impl Desk {
    /// With a copy of the course of scripts.
    fn new() -> Desk {
        Desk::at(tempfile::tempdir().expect("a temporary folder"))
    }

    fn at(dir: tempfile::TempDir) -> Desk {
        let desk = Desk { dir };
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/courses/scripts"), &desk.path("course"));
        desk
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// `workshop` in a folder, to its end: what it printed, and what it said besides.
    fn types(&self, from: &str, args: &[&str], code: i32) -> (String, String) {
        let output = self.command(from, args).output().expect("it starts");
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
        assert_eq!(output.status.code(), Some(code), "workshop {}:\n{out}\n{err}", args.join(" "));
        let is_plain = |text: &str| text.chars().all(|c| c == '\n' || !c.is_control());
        assert!(is_plain(&out) && is_plain(&err), "a control character:\n{out:?}\n{err:?}");
        (out, err)
    }

    fn says(&self, from: &str, args: &[&str], code: i32) -> String {
        let (out, err) = self.types(from, args, code);
        out + &err
    }

    fn command(&self, from: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
        command.args(args).current_dir(self.path(from)).env("HOME", self.dir.path()).stdin(Stdio::null());
        command.env("COLUMNS", "100").env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.path(path).parent().expect("a parent")).expect("made");
        fs::write(self.path(path), text).expect("written");
    }

    /// Changes a file, which must have the text that is replaced.
    fn change(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no {from:?}");
        self.write(path, &text.replace(from, to));
    }

    fn state(&self, workspace: &str) -> WorkspaceState {
        WorkspaceState::load(&self.path(workspace).join(".workshop")).expect("a state")
    }

    /// All files below a folder that begins with a text, in a workspace's backups.
    fn backups_of(&self, workspace: &str, file: &str) -> Vec<String> {
        let Ok(backups) = fs::read_dir(self.path(workspace).join(".workshop/backups")) else { return Vec::new() };
        backups.flatten().filter_map(|dir| fs::read_to_string(dir.path().join(file)).ok()).collect()
    }

    fn git(&self, from: &str, args: &[&str]) {
        let mut git = Command::new("git");
        git.args(args)
            .current_dir(self.path(from))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        for role in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{role}_NAME"), "Ann").env(format!("GIT_{role}_EMAIL"), "ann@example.org");
        }
        let output = git.output().expect("git starts");
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Puts the course into a repository; its address.
    fn publish(&self) -> String {
        if !self.path("course/.git").exists() {
            self.git("course", &["init", "--quiet", "--initial-branch", "main"]);
            self.git(".", &["init", "--quiet", "--bare", "--initial-branch", "main", "course.git"]);
        }
        self.git("course", &["add", "--all"]);
        self.git("course", &["commit", "--quiet", "--message", "A version"]);
        self.git("course", &["push", "--quiet", "../course.git", "main"]);
        format!("file://{}", self.path("course.git").display())
    }
}

/// A folder in memory, where there is such a thing: an update syncs every file, and a test that
/// makes hundreds of them would mostly wait for the disk.
fn in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder")
}

const CRIER: &str = "templates/sh/shout/crier.sh";
const NEWS: &str = "this course has changed: `workshop update`";

/// The checks and the command of the course leave a trace wherever they are run.
fn traces(desk: &Desk) -> PathBuf {
    let trace = desk.path("trace");
    let course = desk.read("course/exercises/course.yaml");
    let checks = format!(
        "    checks:\n      - what: a trace\n        run: [touch, {0}]\n        fix: none\n    build: [touch, {0}]\n  \
         sh:\n",
        trace.display()
    );
    let with_build = course.replace("  sh:\n", &format!("{checks}    build: [touch, {}]\n", trace.display()));
    desk.write("course/exercises/course.yaml", &with_build);
    trace
}

#[test]
fn a_course_is_installed_from_a_folder_and_nothing_of_it_is_run() {
    let desk = Desk::new();
    let trace = traces(&desk);
    let said = desk.says(".", &["init", "course", "mine", "--track", "sh"], 0);
    assert!(said.contains("Your workspace: mine") && said.contains("Nothing of the course has been run"), "{said}");
    assert!(said.contains("to run a role: sh {package}/{role}.sh"), "{said}");
    assert!(said.contains("to build a stage: touch "), "{said}");
    assert_eq!(desk.state("mine").course_path, Some(desk.path("course").canonicalize().expect("there")));
    // Neither the lesson nor a look at the machine runs anything.
    desk.says("mine", &["next"], 0);
    let said = desk.says("mine", &["doctor"], 0);
    assert!(said.contains("checks are left out") && said.contains("What the course `scripts` runs"), "{said}");
    let said = desk.says(".", &["doctor", "--course", "course"], 0);
    assert!(said.contains("in `workshop doctor`: touch "), "{said}");
    assert!(!trace.exists(), "something of the course was run");
    // To verify is to agree.
    desk.says("mine", &["verify"], 1);
    assert!(trace.exists(), "the build is run now");
    fs::remove_file(&trace).expect("there");
    desk.change("course/exercises/course.yaml", "run: [sh, ", "run: [sh, -e, ");
    desk.says("mine", &["doctor"], 0);
    assert!(!trace.exists(), "other commands are not agreed to");
    desk.says("mine", &["verify"], 1);
    assert!(!desk.says("mine", &["doctor"], 0).contains("left out"));
    assert!(trace.exists(), "the check is made now");
}

#[test]
fn what_is_no_course_is_refused_and_leaves_nothing() {
    let desk = Desk::new();
    fs::create_dir(desk.path("empty")).expect("made");
    let before = fs::read_dir(desk.dir.path()).expect("readable").count();
    for (source, says) in [
        ("empty", "the course has no"),
        ("nowhere", "there is no folder `nowhere`"),
        ("ext::sh -c touch% trace", "no address of a git repository"),
        ("http://127.0.0.1:1/course.git", "courses are not taken from `http:`"),
        ("ssh://-oProxyCommand=touch/x", "can't be the address"),
        ("-u@host:course", "can't be a course"),
        ("me@-oProxyCommand:x", "can't be the address"),
        ("file:///nowhere/co\u{1b}[2Jurse", "can't be the address"),
        ("file:///nowhere/course.git", "git cannot get file:///nowhere/course.git"),
        ("file:///nowhere/a.git", "is the address right"),
    ] {
        let said = desk.says(".", &["init", "--", source], 2);
        assert!(said.contains(says), "{source}: {said}");
    }
    assert!(desk.says(".", &["init", "course", "empty"], 2).contains("exists already"));
    assert!(desk.says(".", &["init", "--", "course", "-mine"], 2).contains("can't be a workspace"));
    assert_eq!(fs::read_dir(desk.dir.path()).expect("readable").count(), before, "something was left");
    desk.says(".", &["init", "course"], 0);
    assert!(desk.says(".", &["init", "course"], 2).contains("is a workspace already"));
    assert!(desk.says("scripts", &["init", "../course", "other"], 2).contains("holds no other"));
}

/// A learner would find out in the second stage, after hours.
#[test]
fn a_course_that_lacks_a_package_is_refused() {
    let desk = Desk::new();
    desk.says(".", &["init", "course", "whole", "--track", "sh"], 0);
    for folder in ["templates/sh", "solutions/sh"] {
        let package = format!("course/{folder}/echo-line");
        let aside = desk.path("aside");
        fs::rename(desk.path(&package), &aside).expect("moved");
        let said = desk.says(".", &["init", "course", "mine", "--track", "sh"], 2);
        assert!(said.contains("the stage `echo-line` has no package for Shell") && said.contains(folder), "{said}");
        assert!(!desk.path("mine").exists(), "nothing is left");
        let said = desk.says("whole", &["update"], 2);
        assert!(said.contains("the stage `echo-line` has no package for Shell"), "{said}");
        // The other track has all of its packages.
        desk.says(".", &["init", "course", &format!("other-{}", &folder[..4]), "--track", "python"], 0);
        fs::rename(&aside, desk.path(&package)).expect("moved back");
    }
}

#[test]
fn a_verified_stage_that_changes_or_fails_loses_its_tick_and_says_why() {
    let desk = Desk::new();
    desk.says(".", &["init", "course", "mine", "--track", "sh"], 0);
    let solution = desk.read("course/solutions/sh/shout/crier.sh");
    desk.write("mine/shout/crier.sh", &solution);
    desk.says("mine", &["verify", "shout"], 0);
    let shout = |desk: &Desk| {
        let list = desk.says("mine", &["list"], 0);
        let lines = list.lines().skip_while(|line| !line.contains("shout")).take(2);
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    assert!(shout(&desk)[0].starts_with("shout ✓ verified"), "{:?}", shout(&desk));
    // A scenario that is new in the course.
    let more = "  - name: again\n    about: The same.\n    transcript: |\n      $ crier\n      crier < hi\n      crier | HI\n      \
                crier < ^D\n      crier | 1 lines\n      crier = exit 0\n";
    desk.change("course/exercises/shout/stage.yaml", "scenarios:\n", &format!("scenarios:\n{more}"));
    assert!(shout(&desk)[0].starts_with("shout ! changed"), "{:?}", shout(&desk));
    assert_eq!(shout(&desk)[1], "new in it: again (`workshop verify shout`)");
    desk.says("mine", &["verify", "shout"], 0);
    assert!(shout(&desk)[0].starts_with("shout ✓ verified"), "{:?}", shout(&desk));
    // A program that no longer passes, and then passes a part.
    desk.write("mine/shout/crier.sh", &solution.replace("tr ", "cat; : "));
    desk.says("mine", &["verify", "shout", "--scenario", "again"], 1);
    assert!(shout(&desk)[0].starts_with("shout ! fails now"), "{:?}", shout(&desk));
    assert_eq!(shout(&desk)[1], "fails: again (`workshop verify shout`)");
    desk.says("mine", &["verify", "shout"], 1);
    assert!(shout(&desk)[1].starts_with("fails: again, one-by-one"), "{:?}", shout(&desk));
    desk.write("mine/shout/crier.sh", &solution);
    desk.says("mine", &["verify", "shout", "--scenario", "again"], 0);
    assert!(shout(&desk)[0].starts_with("shout ! fails now"), "{:?}", shout(&desk));
    desk.says("mine", &["verify", "shout"], 0);
    assert!(shout(&desk)[0].starts_with("shout ✓ verified"), "{:?}", shout(&desk));
}

#[test]
fn texts_of_a_course_do_not_reach_the_terminal_as_they_are() {
    let desk = Desk::new();
    let title = r#"title: "Red \e[31m and \u202e back""#;
    desk.change("course/exercises/course.yaml", "title: Peers that nobody compiles", title);
    desk.change("course/exercises/shout/stage.yaml", "title: Shout", title);
    desk.write("course/exercises/shout/lesson.md", "A lesson that \u{1b}[2J clears.\r\n");
    // `says` holds that there is no control character.
    let said = desk.says(".", &["init", "course", "mine"], 0);
    assert!(said.contains("Red \\x1b[31m and \\u{202e} back"), "{said}");
    assert!(desk.says("mine", &["next"], 0).contains("A lesson that \\x1b[2J clears."));
    desk.says("mine", &["list"], 0);
}

#[test]
fn a_course_for_a_newer_runner_is_refused_before_the_rest() {
    let desk = Desk::new();
    let course = desk.read("course/exercises/course.yaml");
    desk.write("course/exercises/course.yaml", &format!("{course}holograms: true\nrunner: \"99.1\"\n"));
    let said = desk.says(".", &["init", "course"], 2);
    assert!(said.contains("needs workshop 99.1 or newer") && !said.contains("holograms"), "{said}");
    assert!(said.contains("course.yaml:") && said.contains("runner: \"99.1\"") && said.contains("install"), "{said}");
    for (runner, says) in [("\"0.x\"", "not a version"), ("\">=1\"", "not a version"), ("[1]", "expected a text")] {
        desk.write("course/exercises/course.yaml", &format!("{course}runner: {runner}\n"));
        assert!(desk.says(".", &["init", "course"], 2).contains(says), "{runner}");
    }
    for (name, runner) in [("one", "0"), ("two", "0.1"), ("three", "0.1.0")] {
        desk.write("course/exercises/course.yaml", &format!("{course}runner: \"{runner}\"\n"));
        desk.says(".", &["init", "course", name], 0);
    }
}

#[test]
fn a_course_in_a_repository_is_copied_and_follows_it() {
    let desk = Desk::new();
    let url = desk.publish();
    desk.says(".", &["init", &url, "mine", "--track", "sh"], 0);
    assert_eq!(desk.state("mine").course_path, Some(PathBuf::from(".workshop/course")));
    // A workspace may be moved, with its copy.
    fs::rename(desk.path("mine"), desk.path("moved")).expect("moved");
    assert!(desk.says("moved", &["update"], 0).contains("up to date"));
    desk.change("course/exercises/shout/lesson.md", "\n", "\nAnother lesson.\n");
    desk.change(&format!("course/{CRIER}"), "# Forgets", "# Still forgets");
    desk.publish();
    let before = desk.read("moved/shout/crier.sh");
    let said = desk.says("moved", &["update", "--dry-run"], 0);
    assert!(said.contains("replaced  crier.sh") && said.contains("Nothing has been changed"), "{said}");
    assert_eq!(desk.read("moved/shout/crier.sh"), before);
    assert!(!desk.says("moved", &["lesson"], 0).contains("Another lesson"));
    desk.says("moved", &["update"], 0);
    assert!(desk.says("moved", &["lesson"], 0).contains("Another lesson"));
    assert!(desk.read("moved/shout/crier.sh").starts_with("# Still forgets"));
    assert_eq!(desk.backups_of("moved", "shout/crier.sh"), [before]);
    // A version that can't be played leaves the one that can.
    desk.write("course/exercises/shout/stage.yaml", "title: broken\n");
    desk.publish();
    assert!(desk.says("moved", &["update"], 2).contains("is missing"));
    desk.says("moved", &["list"], 0);
    let left = fs::read_dir(desk.path("moved/.workshop")).expect("readable").flatten();
    assert!(!left.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with("course-new")));
}

#[test]
fn no_hook_is_run() {
    let desk = Desk::new();
    let url = desk.publish();
    // A hook that the learner's git has for every repository.
    let trace = desk.path("hooked");
    desk.write("hooks/post-checkout", &format!("#!/bin/sh\ntouch {}\n", trace.display()));
    #[cfg(unix)]
    fs::set_permissions(desk.path("hooks/post-checkout"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("executable");
    desk.write("config", &format!("[core]\n\thooksPath = {}\n", desk.path("hooks").display()));
    let mut command = desk.command(".", &["init", &url, "mine"]);
    assert!(command.env("GIT_CONFIG_GLOBAL", desk.path("config")).output().expect("it starts").status.success());
    assert!(!trace.exists(), "a hook was run");
}

#[test]
fn an_update_replaces_merges_and_leaves() {
    let desk = Desk::new();
    for name in ["same", "untouched", "theirs", "gone"] {
        desk.write(&format!("course/templates/sh/shout/{name}"), "one\ntwo\nthree\nfour\nfive\n");
    }
    desk.write("course/templates/sh/top.txt", "top\n");
    desk.says(".", &["init", "course", "mine", "--track", "sh"], 0);
    assert!(!desk.types("mine", &["list"], 0).1.contains(NEWS));
    desk.change("mine/shout/crier.sh", "count=0", "count=0 # mine");
    desk.change("mine/shout/same", "two", "mine");
    desk.change("mine/shout/theirs", "two", "mine");
    fs::remove_file(desk.path("mine/echo-line/dialer.sh")).expect("there");
    desk.write("mine/shout/own.txt", "my own\n");

    desk.change(&format!("course/{CRIER}"), "echo \"$count lines\"", "echo \"$count lines in all\"");
    for (name, to) in [("untouched", "2"), ("theirs", "the course's")] {
        desk.change(&format!("course/templates/sh/shout/{name}"), "two", to);
    }
    fs::remove_file(desk.path("course/templates/sh/shout/gone")).expect("there");
    desk.write("course/templates/sh/shout/src/new", "new\n");
    desk.write("course/templates/sh/top.txt", "another top\n");
    let (_, news) = desk.types("mine", &["list"], 0);
    assert_eq!(news.lines().count(), 1);
    assert!(news.contains(NEWS), "{news}");

    let planned = desk.says("mine", &["update", "--dry-run"], 1);
    assert_eq!(desk.read("mine/shout/untouched"), "one\ntwo\nthree\nfour\nfive\n");
    let (said, _) = desk.types("mine", &["update"], 1);
    let files = |text: &str| text.lines().filter(|line| line.starts_with("  ")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(files(&said), files(&planned), "it does what it said it would");
    for line in [
        "  replaced  top.txt",
        "  deleted   dialer.sh: you deleted it, so it stays deleted",
        "  merged    crier.sh: yours and the course's changes",
        "  removed   gone: no longer in the course",
        "  new       src/new",
        "  conflict  theirs: yours is unchanged; the course's version is beside it, in theirs.new",
        "  replaced  untouched",
    ] {
        assert!(said.lines().any(|found| found == line), "no {line:?} in\n{said}");
    }
    let merged = desk.read("mine/shout/crier.sh");
    assert!(merged.contains("count=0 # mine") && merged.contains("lines in all"), "{merged}");
    assert_eq!(desk.read("mine/shout/theirs"), "one\nmine\nthree\nfour\nfive\n");
    assert_eq!(desk.read("mine/shout/theirs.new"), "one\nthe course's\nthree\nfour\nfive\n");
    assert_eq!(desk.read("mine/shout/same"), "one\nmine\nthree\nfour\nfive\n");
    assert_eq!(desk.read("mine/shout/own.txt"), "my own\n");
    assert_eq!(desk.backups_of("mine", "top.txt"), ["top\n"]);
    assert_eq!(desk.backups_of("mine", "shout/gone").len(), 1);
    assert!(!desk.path("mine/echo-line/dialer.sh").exists());
    assert!(!desk.types("mine", &["list"], 0).1.contains(NEWS));

    // The same conflict again has another name, as the first is not dealt with.
    desk.change("course/templates/sh/shout/theirs", "the course's", "the course's again");
    assert!(desk.says("mine", &["update"], 1).contains("in theirs.new-2"));
    assert!(desk.says("mine", &["update"], 0).contains("up to date"));
}

#[test]
fn a_workspace_of_before_has_no_base() {
    let desk = Desk::new();
    desk.says(".", &["init", "course", "mine", "--track", "sh"], 0);
    fs::remove_dir_all(desk.path("mine/.workshop/base")).expect("there");
    fs::remove_file(desk.path("mine/.workshop/course.stamp")).expect("there");
    desk.change("mine/shout/crier.sh", "count=0", "count=0 # mine");
    assert!(desk.types("mine", &["list"], 0).1.contains(NEWS));
    let said = desk.says("mine", &["update"], 1);
    assert!(said.contains("conflict  crier.sh") && !said.contains("echo-line"), "{said}");
    assert_eq!(desk.read("mine/shout/crier.sh.new"), desk.read(&format!("course/{CRIER}")));
    assert!(desk.says("mine", &["update"], 0).contains("up to date"));
    // What was equal is known to be untouched now.
    desk.write("course/templates/sh/echo-line/listener.sh", "exec true\n");
    assert!(desk.says("mine", &["update"], 0).contains("replaced  listener.sh"));
}

#[test]
fn a_reset_is_what_the_next_update_goes_by() {
    let desk = Desk::new();
    desk.says(".", &["init", "course", "mine", "--track", "sh"], 0);
    desk.change(&format!("course/{CRIER}"), "# Forgets", "# Once forgot");
    desk.change("mine/shout/crier.sh", "count=0", "count=0 # mine");
    desk.says("mine", &["reset", "shout"], 0);
    desk.change(&format!("course/{CRIER}"), "# Once forgot", "# Twice forgot");
    assert!(desk.says("mine", &["update"], 0).contains("replaced  crier.sh"));
}

/// Renames a stage of the course, and puts it last.
fn rename(desk: &Desk) {
    desk.change("course/exercises/course.yaml", "  - shout\n  - echo-line\n", "  - echo-line\n  - cry\n");
    for folder in ["exercises", "templates/sh", "solutions/sh", "templates/python", "solutions/python"] {
        fs::rename(desk.path(&format!("course/{folder}/shout")), desk.path(&format!("course/{folder}/cry")))
            .expect("x");
    }
    desk.change("course/exercises/cry/stage.yaml", "title: Shout", "was: [shout]\ntitle: Cry");
}

#[test]
fn progress_and_work_follow_a_renamed_stage() {
    let desk = Desk::new();
    desk.says(".", &["init", "course", "mine", "--track", "sh"], 0);
    let solution = desk.read("course/solutions/sh/shout/crier.sh");
    desk.write("mine/shout/crier.sh", &format!("{solution}# mine\n"));
    desk.says("mine", &["verify", "shout"], 0);
    rename(&desk);
    desk.change("course/templates/sh/cry/crier.sh", "# Forgets", "# It forgets");
    // It is known by its new name before the update, too.
    let said = desk.says("mine", &["list"], 0);
    assert!(said.contains("cry        ✓ verified"), "{said}");
    assert!(desk.says("mine", &["verify", "cry"], 2).contains("workshop update"));
    let planned = desk.says("mine", &["update", "--dry-run"], 1);
    assert!(desk.path("mine/shout/crier.sh").exists());
    let said = desk.says("mine", &["update"], 1);
    for said in [&planned, &said] {
        assert!(said.contains("shout was renamed to cry, and so is your folder"), "{said}");
        assert!(said.contains("conflict  crier.sh"), "{said}");
    }
    assert!(!desk.path("mine/shout").exists());
    assert!(desk.read("mine/cry/crier.sh").ends_with("# mine\n"));
    let state = desk.state("mine");
    assert!(state.verified("cry") && state.current == "cry" && !state.stages.contains_key("shout"));
    desk.says("mine", &["verify", "cry"], 0);
    assert!(desk.says("mine", &["update"], 0).contains("up to date"));
}

#[test]
fn a_folder_of_the_new_name_is_not_written_over() {
    let desk = Desk::new();
    desk.says(".", &["init", "course", "mine", "--track", "sh"], 0);
    desk.change("mine/shout/crier.sh", "count=0", "count=0 # mine");
    desk.write("mine/cry/crier.sh", "something else\n");
    rename(&desk);
    let said = desk.says("mine", &["update"], 1);
    assert!(said.contains("your folder shout stays, as there is a folder cry already"), "{said}");
    assert!(desk.read("mine/shout/crier.sh").contains("# mine"));
    assert_eq!(desk.read("mine/cry/crier.sh"), "something else\n");
    assert_eq!(desk.read("mine/cry/crier.sh.new"), desk.read("course/templates/sh/cry/crier.sh"));
}

/// A file that the solution has no more would still be built with it.
#[test]
fn what_the_solution_has_no_more_is_gone_from_the_reference() {
    let desk = Desk::new();
    desk.write("course/solutions/sh/shout/more.sh", "# helps\n");
    desk.says(".", &["init", "course", "mine", "--track", "sh"], 0);
    desk.says("mine", &["verify", "shout", "--solution"], 0);
    let reference = desk.path("mine/.workshop/reference/sh/shout");
    desk.write("mine/.workshop/reference/sh/shout/left-by-a-program", "");
    assert!(reference.join("more.sh").exists());
    fs::remove_file(desk.path("course/solutions/sh/shout/more.sh")).expect("removed");
    desk.says("mine", &["verify", "shout", "--solution"], 0);
    assert!(!reference.join("more.sh").exists() && reference.join("crier.sh").exists());
    assert!(reference.join("left-by-a-program").exists());
}

/// What a verify has waited for may have been an update: it plays the course as it is by then.
#[test]
fn a_verify_that_has_waited_plays_the_newest_course() {
    let desk = Desk::new();
    desk.says(".", &["init", "course", "mine", "--track", "sh"], 0);
    let lock = fs::File::create(desk.path("mine/.workshop/verify.lock")).expect("a file");
    lock.lock().expect("nobody has it");
    let mut verify = desk.command("mine", &["verify", "shout", "--solution"]);
    let mut verify = verify.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut said = BufReader::new(verify.stderr.take().expect("a pipe")).lines();
    let waits = said.next().expect("a line").expect("UTF-8");
    assert!(waits.contains("another `workshop` is verifying"), "{waits}");
    desk.change("course/exercises/shout/stage.yaml", "crier | HELLO", "crier | hello");
    drop(lock);
    assert_eq!(verify.wait().expect("it ends").code(), Some(1), "it shouts, as it was to do before");
}

#[test]
fn earlier_names_are_nobody_elses() {
    let desk = Desk::new();
    desk.change("course/exercises/shout/stage.yaml", "title: Shout", "was: [echo-line]\ntitle: Shout");
    assert!(desk.says(".", &["init", "course"], 2).contains("a stage of this course is called that"));
    desk.change("course/exercises/shout/stage.yaml", "was: [echo-line]", "was: [old]");
    desk.change("course/exercises/echo-line/stage.yaml", "title:", "was: [old]\ntitle:");
    assert!(desk.says(".", &["init", "course"], 2).contains("`shout` says so, too"));
    desk.change("course/exercises/shout/stage.yaml", "was: [old]", "was: [shout]");
    assert!(desk.says(".", &["init", "course"], 2).contains("stage.yaml:1:7"));
}

#[test]
fn a_shared_package_is_given_kept_up_to_date_and_built_from() {
    let desk = Desk::new();
    // The build counts how often it is run.
    desk.change(
        "course/exercises/course.yaml",
        "    run: [sh,",
        "    shared: [support]\n    build: [sh, -c, 'echo built >> \"{out}/count\"']\n    run: [sh,",
    );
    let missing = desk.says(".", &["init", "course", "mine", "--track", "sh"], 2);
    assert!(missing.contains("support"), "{missing}");
    for folder in ["templates", "solutions"] {
        desk.write(&format!("course/{folder}/sh/support/help.sh"), "# helps\n");
    }
    desk.says(".", &["init", "course", "mine", "--track", "sh"], 0);
    let built = |party: &str| desk.read(&format!("mine/.workshop/out/{party}/shout/count")).lines().count();
    for times in 1..=2 {
        desk.says("mine", &["verify", "shout"], 1);
        desk.says("mine", &["verify", "shout", "--solution"], 0);
        assert_eq!([built("you"), built("reference")], [times, 1], "nobody edits the reference");
    }
    for folder in ["templates", "solutions"] {
        desk.write(&format!("course/{folder}/sh/support/help.sh"), "# helps more\n");
    }
    let said = desk.says("mine", &["update"], 0);
    assert!(said.contains("support\n  replaced  help.sh"), "{said}");
    desk.says("mine", &["verify", "shout", "--solution"], 0);
    assert_eq!(built("reference"), 2, "a build depends on what is shared");
    // Nobody edits it, and all need it.
    fs::remove_file(desk.path("mine/support/help.sh")).expect("there");
    desk.says("mine", &["update"], 0);
    assert_eq!(desk.read("mine/support/help.sh"), "# helps more\n");
    desk.change("course/exercises/course.yaml", "shared: [support]", "shared: [shout]");
    assert!(desk.says("mine", &["list"], 2).contains("`shout` is a stage, and can't be shared"));
}

// ---- Random edits and updates ----

/// What a learner or an author does to a file, chosen by numbers.
type Edit = (u8, u8, u8);

const FILES: [&str; 5] = ["one/a.txt", "one/b.txt", "one/deep/c.txt", "one/bare.txt", "top.txt"];

/// Changes files in a folder: lines that nobody else has are put in, lines taken out, files
/// removed and made.
fn edit(root: &Path, edits: &[Edit], who: &str, count: &mut usize) {
    for (file, what, place) in edits {
        let path = root.join(FILES[usize::from(*file) % FILES.len()]);
        let text = fs::read_to_string(&path).ok();
        let mut lines: Vec<String> = text.iter().flat_map(|text| text.lines()).map(str::to_owned).collect();
        let at = usize::from(*place) % (lines.len() + 1);
        *count += 1;
        match (what % 8, text.is_some()) {
            (0..=3, true) => lines.insert(at, format!("{who} {count}")),
            (4, true) if at < lines.len() => drop(lines.remove(at)),
            (5, true) if at < lines.len() => lines[at] = format!("{who} {count}"),
            (6, true) => {
                fs::remove_file(&path).expect("removed");
                continue;
            }
            (7, false) => lines.push(format!("{who} {count}")),
            _ => continue,
        }
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        let end = if place % 5 == 0 || lines.is_empty() { "" } else { "\n" };
        fs::write(&path, lines.join("\n") + end).expect("written");
    }
}

/// All files below a folder but those of the runner.
fn files(root: &Path) -> BTreeMap<String, String> {
    fn walk(root: &Path, dir: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(dir).expect("readable").flatten() {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != ".workshop" {
                walk(root, &path, found);
            } else if path.is_file() {
                let name = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
                found.insert(name, fs::read_to_string(&path).expect("text"));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

/// What an update must hold to: `given` is what the learner was given last, `mine` what there was
/// before it, `new` what the course has.
fn holds(
    root: &Path,
    given: &BTreeMap<String, String>,
    mine: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    updated: &Updated,
) {
    let now = files(root);
    for (path, text) in mine {
        let untouched = given.get(path) == Some(text);
        // Every line that the learner wrote is in the file, and not only in a backup.
        for line in text.lines().filter(|line| line.starts_with("mine")) {
            assert!(
                now.get(path).is_some_and(|now| now.lines().any(|l| l == line)),
                "{path} has lost {line:?}: {now:#?}"
            );
        }
        if untouched {
            assert_eq!(now.get(path), new.get(path), "{path} was untouched");
        }
        if now.get(path) != Some(text) {
            let backup = updated.backup.as_ref().expect("a backup").join(path);
            assert_eq!(fs::read_to_string(backup).as_ref().ok(), Some(text), "{path} as it was");
        }
    }
    for (path, text) in new {
        match (mine.get(path), given.get(path)) {
            (None, None) => assert_eq!(now.get(path), Some(text), "{path} is new"),
            // What lies beside all packages is needed by every stage, and edited by no learner.
            (None, Some(_)) if !path.contains('/') => assert_eq!(now.get(path), Some(text), "{path} is restored"),
            (None, Some(_)) => assert_eq!(now.get(path), None, "{path} was deleted"),
            (Some(mine), given) if Some(mine) != given && given != Some(text) && mine != text => {
                // The course's lines that were new to the learner are in the file, or beside it.
                let known = given.cloned().unwrap_or_default();
                let fresh = text.lines().filter(|line| !known.lines().any(|l| l == *line));
                let here = |line: &&str| now[path].lines().any(|l| l == *line);
                let beside = now.iter().any(|(name, other)| name.starts_with(&format!("{path}.new")) && other == text);
                assert!(beside || fresh.clone().all(|line| here(&line)), "{path}: the course's is nowhere: {now:#?}");
            }
            _ => {}
        }
    }
}

const SMALL_COURSE: &str = "name: small
title: T
stages: [one]
tracks:
  t:
    title: T
    templates: templates/t
    solutions: solutions/t
    edit: [.]
    run: [\"true\"]
";

const SMALL_STAGE: &str = "title: T
about: A
roles:
  - name: a
    about: A
conditions: [clear]
scenarios:
  - name: s
    about: S
    transcript: |
      $ a
      a = exit 0
";

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_a_learner_wrote_is_ever_lost(
        first in prop::collection::vec(any::<Edit>(), 0..8),
        rounds in prop::collection::vec(
            (prop::collection::vec(any::<Edit>(), 0..6), prop::collection::vec(any::<Edit>(), 0..6)),
            1..4,
        ),
    ) {
        let dir = in_memory();
        let (course, templates) = (dir.path().join("course"), dir.path().join("course/templates/t"));
        for (path, text) in [
            ("exercises/course.yaml", SMALL_COURSE),
            ("exercises/one/stage.yaml", SMALL_STAGE),
            ("exercises/one/lesson.md", "A lesson.\n"),
            ("solutions/t/one/a", "\n"),
            ("templates/t/one/a.txt", "1\n2\n3\n4\n5\n6\n7\n8\n"),
            ("templates/t/one/b.txt", "}\n\n}\n\n}\n\n}\n"),
            ("templates/t/top.txt", "top\n"),
            ("templates/t/one/bare.txt", "no\nend of line"),
        ] {
            fs::create_dir_all(course.join(path).parent().expect("a parent")).expect("made");
            fs::write(course.join(path), text).expect("written");
        }
        let mut count = 0;
        edit(&templates, &first, "course", &mut count);
        let catalog = || Catalog::folder(&course).expect("a course");
        let root = Workspace::create(dir.path(), catalog(), None).expect("a workspace").root;
        for (learners, authors) in &rounds {
            let given = files(&templates);
            edit(&root, learners, "mine", &mut count);
            edit(&templates, authors, "course", &mut count);
            let workspace = Workspace::find(&root, None).expect("a workspace");
            let (mine, new) = (files(&root), files(&templates));
            prop_assert_eq!(workspace.has_news(), given != new);
            let planned = workspace.update(true).expect("planned");
            prop_assert_eq!(&files(&root), &mine);
            let updated = workspace.update(false).expect("updated");
            prop_assert_eq!(planned.steps, updated.steps.clone());
            holds(&root, &given, &mine, &new, &updated);
            let now = files(&root);
            let again = workspace.update(false).expect("updated again");
            prop_assert_eq!(files(&root), now);
            prop_assert!(again.backup.is_none() && again.conflicts() == 0);
            prop_assert!(!workspace.has_news());
        }
    }
}

/// Killed at many moments, an update leaves every file whole, and the next one ends as if nothing
/// had happened.
#[test]
fn killed_at_any_moment_nothing_is_lost_and_the_next_update_ends_it() {
    let desk = Desk::new();
    let name = |number: usize| format!("file-{number:02}");
    // To merge these twice would add the line twice.
    let (given, new) = ("x\na\n", "x\na\na\n");
    // Untouched, merged, in conflict, merged.
    let mine = [given, "mine\na\n", "x\na\nmine\n", "mine\na\n"];
    for number in 0..4 {
        desk.write(&format!("course/templates/sh/shout/{}", name(number)), given);
    }
    desk.says(".", &["init", "course", "given", "--track", "sh"], 0);
    for (number, mine) in mine.iter().enumerate() {
        desk.write(&format!("given/shout/{}", name(number)), mine);
        desk.write(&format!("course/templates/sh/shout/{}", name(number)), new);
    }
    copy(&desk.path("given"), &desk.path("whole"));
    desk.says("whole", &["update"], 1);
    let result = |workspace: &str, number| desk.read(&format!("{workspace}/shout/{}", name(number)));
    assert_eq!(result("whole", 1), "mine\na\na\n");
    for round in 0..4 {
        let _ = fs::remove_dir_all(desk.path("killed"));
        copy(&desk.path("given"), &desk.path("killed"));
        let mut update = desk.command("killed", &["update"]);
        let mut update = update.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        // A moment that differs each round: right after one of the files is written.
        let number = round ^ 1;
        while result("killed", number) == result("given", number) && update.try_wait().expect("ours").is_none() {}
        update.kill().expect("killed");
        update.wait().expect("reaped");
        for number in 0..4 {
            let now = result("killed", number);
            assert!(now == result("given", number) || now == result("whole", number), "{number}: {now}");
        }
        let _ = desk.command("killed", &["update"]).output().expect("it starts");
        for number in 0..4 {
            assert_eq!(result("killed", number), result("whole", number), "{number}, round {round}");
            let beside = |workspace: &str| desk.path(&format!("{workspace}/shout/{}.new", name(number))).exists();
            assert_eq!(beside("killed"), beside("whole"), "{number}, round {round}");
        }
        assert!(desk.says("killed", &["update"], 0).contains("up to date"));
    }
}
