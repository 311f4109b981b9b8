//! `workshop author record`, on a real course in a folder: the solution writes what is expected.
#![cfg(target_os = "linux")]

#[path = "support/folders.rs"]
mod folders;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use folders::copy;
use tempfile::TempDir;

/// An author with a course in a folder of their own.
struct Author {
    dir: TempDir,
}

impl Author {
    /// With a copy of the course of scripts.
    fn new() -> Author {
        let author = Author { dir: tempfile::tempdir().expect("a temporary folder") };
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/courses/scripts"), author.dir.path());
        author
    }

    /// With a stage of one role, whose program is this script.
    fn with_peer(script: &str, transcript: &str) -> Author {
        let author = Author { dir: tempfile::tempdir().expect("a temporary folder") };
        let indented: String = transcript.lines().map(|line| format!("      {line}\n")).collect();
        let stage = format!(
            "title: t\nabout: a\nroles:\n  - {{name: peer, about: a, args: [-x]}}\nconditions: [clear]\nlimit: 3\n\
             scenarios:\n  - name: story\n    about: a\n    transcript: |\n{indented}"
        );
        let course = "name: own\ntitle: t\nstages: [alone]\ntracks:\n  sh:\n    title: Shell\n    templates: t\n    \
                      solutions: s\n    edit: [peer.sh]\n    run: [sh, \"{package}/{role}.sh\"]\n";
        for (path, text) in
            [("exercises/course.yaml", course), ("exercises/alone/stage.yaml", &stage), ("s/alone/peer.sh", script)]
        {
            let path = author.dir.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        author
    }

    fn stage(&self, name: &str) -> PathBuf {
        self.dir.path().join("exercises").join(name).join("stage.yaml")
    }

    fn read(&self, stage: &str) -> String {
        fs::read_to_string(self.stage(stage)).expect("a stage")
    }

    /// Changes the text of a stage, which must be a change.
    fn edit(&self, stage: &str, change: impl Fn(&str) -> String) -> String {
        let (old, new) = (self.read(stage), change(&self.read(stage)));
        assert_ne!(old, new);
        fs::write(self.stage(stage), &new).expect("written");
        new
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
        command.args(["author", "record"]).args(args).current_dir(self.dir.path());
        command.env("NO_COLOR", "1").env("HOME", self.dir.path()).stdin(Stdio::null());
        command
    }

    /// `workshop author record`, which must end with this code; what it printed and said.
    fn record(&self, args: &[&str], code: i32) -> String {
        let Output { status, stdout, stderr } = self.command(args).output().expect("it starts");
        let text = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert_eq!(status.code(), Some(code), "{text}");
        text
    }
}

#[test]
fn a_prompt_is_recorded() {
    let script = "printf 'Name: '; read -r name; echo \"Hello $name\"\nprintf '%s left> ' $$; read -r x; echo \"$x\"\n";
    let author = Author::with_peer(script, "$ peer\npeer < Bob\npeer < {{x}}\n");
    author.record(&["alone", "--yes"], 0);
    let recorded = "    transcript: |
      $ peer
      peer | Name: {no-newline}
      peer < Bob
      peer | Hello Bob
      peer | {left:int} left> {no-newline}
      peer < {{x}}
      peer | {{x}}
      peer = exit 0
";
    assert!(author.read("alone").contains(recorded), "{}", author.read("alone"));
    assert!(author.record(&["alone"], 0).contains("as the solution plays it"));
}

/// The solution of a stage with two scenarios changes the stage's file when it is run for the first time, as its author
/// may do in an editor.
fn changed_meanwhile(command: &str) -> Author {
    let author = Author::with_peer("echo one\n", "$ peer\n");
    author.edit("alone", |text| format!("{text}  - name: other\n    about: a\n    transcript: |\n      $ peer -y\n"));
    let file = author.stage("alone").canonicalize().expect("there").display().to_string();
    let script = format!("[ -e {file}.done ] || {{ >{file}.done; {command} {file}; }}\necho one\n");
    fs::write(author.dir.path().join("s/alone/peer.sh"), script).expect("written");
    author
}

#[test]
fn what_was_changed_meanwhile_is_merged() {
    let author = changed_meanwhile("sed -i 's/^title: t/title: another/'");
    let said = author.record(&["alone", "--yes", "--runs", "1"], 0);
    assert!(said.contains("is written, with what was changed in it meanwhile"), "{said}");
    let text = author.read("alone");
    assert!(text.starts_with("title: another\n"), "{text}");
    assert_eq!(text.matches("      peer | one\n      peer = exit 0\n").count(), 2, "{text}");
}

#[test]
fn what_was_recorded_of_a_changed_scenario_is_kept_beside_the_file() {
    for (command, written) in
        [("sed -i 's/^      . peer -y$/      # a remark\\n&/'", 1), ("sed -i 's/^roles:/rules:/'", 0)]
    {
        let author = changed_meanwhile(command);
        let said = author.record(&["alone", "--yes", "--runs", "1"], 2);
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("was changed meanwhile: what was recorded of") && words.contains("`other`"), "{words}");
        assert!(words.contains("stage.yaml.recorded: take from it what you need"), "{words}");
        let text = author.read("alone");
        assert_eq!(text.matches("peer | one").count(), written, "{text}");
        assert!(text.contains("# a remark") || text.contains("rules:"), "what was changed is still there: {text}");
        let kept = fs::read_to_string(author.stage("alone").with_extension("yaml.recorded")).expect("kept");
        assert_eq!(kept.matches("      peer | one\n      peer = exit 0\n").count(), 2, "{kept}");
    }
}

/// A stage without anything that is expected.
fn emptied(stage: &str) -> String {
    let is_expected = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        line.starts_with("      ") && matches!(words.get(1), Some(&("|" | "=" | "~" | "?")))
    };
    stage.split_inclusive('\n').filter(|line| !is_expected(line)).collect()
}

#[test]
fn what_the_solution_passes_is_left_alone() {
    let author = Author::new();
    let old = (author.read("shout"), author.read("echo-line"));
    let text = author.record(&["shout", "--check"], 0);
    assert!(text.contains("✓ shout: all 2 transcripts are as the solution plays it"), "{text}");
    author.record(&["shout", "--yes", "--track", "sh"], 0);
    author.record(&["echo-line", "--check", "--runs", "1"], 0);
    assert_eq!(old, (author.read("shout"), author.read("echo-line")));
}

#[test]
fn an_emptied_stage_is_recorded() {
    let author = Author::new();
    let committed = author.read("shout");
    author.edit("shout", emptied);
    let text = author.record(&["shout", "--yes", "--track", "sh"], 0);
    // Where the author would have any number, the solution always has the same.
    assert_eq!(author.read("shout"), committed.replace("{count:int} lines", "2 lines"));
    assert!(text.contains("+      crier | IS ANYBODY THERE?\n"), "{text}");
    assert!(text.contains("exercises/shout/stage.yaml is written"), "{text}");
    author.record(&["shout", "--check"], 0);
}

/// The address that one role needs becomes a name; other scenarios may still be drafts.
#[test]
fn one_scenario_with_a_link_is_recorded() {
    let author = Author::new();
    let committed = author.read("echo-line");
    let draft = author.edit("echo-line", emptied);
    author.record(&["echo-line", "--scenario", "cut", "--yes", "--runs", "3"], 0);
    let at = |text: &str| text.find("  - name: cut").expect("the scenario");
    let new = author.read("echo-line");
    assert_eq!(new[..at(&new)], draft[..at(&draft)], "nothing else is touched");
    assert_eq!(new[at(&new)..], committed[at(&committed)..]);
}

/// Of a story in which much happens at once, only the line that is wrong is changed.
#[test]
fn only_what_does_not_fit_is_replaced() {
    let author = Author::new();
    let committed = author.edit("echo-line", |text| {
        let text = text.replace("      listener < one\n", "\n      # both at once\n      listener < one\n");
        text.replace("listener = exit 0\n", "listener = exit 0   # well\n").replace('\n', "\r\n")
    });
    author.edit("echo-line", |text| {
        let (before, after) = text.split_once("- name: both-talk").expect("the scenario");
        let (both, after) = after.split_once("- name: dialer").expect("the next scenario");
        let both =
            both.replace("| hello from dialer", "| good morning").replace("dialer | two\r\n", "dialer | three\r\n");
        format!("{before}- name: both-talk{both}- name: dialer{after}")
    });
    let text = author.record(&["echo-line", "--scenario", "both-talk", "--yes"], 0);
    assert_eq!(author.read("echo-line"), committed);
    let changed: Vec<&str> = text.lines().filter(|line| line.starts_with(['+', '-'])).map(str::trim_end).collect();
    assert_eq!(
        changed[2..],
        [
            "-      listener | good morning",
            "+      listener | hello from dialer",
            "-      dialer | three",
            "+      dialer | two",
        ]
    );
}

#[test]
fn nothing_is_written_that_nobody_wanted() {
    let author = Author::new();
    let draft = author.edit("shout", emptied);
    let run = ["shout", "--track", "sh", "--scenario", "nothing"];
    assert!(author.record(&[&run[..], &["--check"]].concat(), 1).contains("+      crier | 0 lines"));
    let text = author.record(&run, 2);
    assert!(text.contains("nothing is written: there is no terminal to ask on") && text.contains("`--yes`"), "{text}");
    assert_eq!(author.read("shout"), draft);
}

/// On a terminal it asks. A no leaves all as it was; a yes writes, and keeps who may read the file.
#[test]
fn on_a_terminal_it_asks() {
    use std::os::unix::fs::PermissionsExt;
    const TYPE: &str = "import os, pty, sys\n\
        pid, fd = pty.fork()\n\
        if pid == 0: os.execv(sys.argv[2], sys.argv[2:])\n\
        seen = b''\n\
        while b'[y/N]' not in seen: seen += os.read(fd, 4096)\n\
        os.write(fd, sys.argv[1].encode() + b'\\n')\n\
        try:\n    while more := os.read(fd, 4096): seen += more\n\
        except OSError: pass\n\
        print(seen.decode())\n\
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n";
    let author = Author::new();
    let draft = author.edit("shout", emptied);
    fs::set_permissions(author.stage("shout"), fs::Permissions::from_mode(0o640)).expect("set");
    for (answer, says) in [("", "nothing is written"), ("y", "stage.yaml is written")] {
        assert_eq!(author.read("shout"), draft);
        let own = author.command(&["shout", "--track", "sh"]);
        let mut python = Command::new("python3");
        python.args(["-c", TYPE, answer]).arg(own.get_program()).args(own.get_args());
        let output = python.current_dir(author.dir.path()).env("NO_COLOR", "1").output().expect("python3");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains(says), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{text}");
    }
    assert_ne!(author.read("shout"), draft);
    let mode = fs::metadata(author.stage("shout")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn the_built_in_course_is_refused() {
    let author = Author { dir: tempfile::tempdir().expect("a temporary folder") };
    let text = author.record(&["duplex-tcp", "--yes"], 2);
    assert!(text.contains("the built-in one can't be changed") && text.contains("--course PATH"), "{text}");
}

#[test]
fn what_differs_becomes_a_name() {
    let author = Author::with_peer(
        "echo \"my pid is $$\"; echo 'a {brace}'; read -r line; echo \"$$ $line\"",
        "$ peer\npeer < ok\n",
    );
    author.record(&["alone", "--yes"], 0);
    let transcript = "      $ peer\n      peer | my pid is {pid:int}\n      peer | a {{brace}}\n      peer < ok\n      \
                      peer | {pid} ok\n      peer = exit 0\n";
    assert!(author.read("alone").ends_with(transcript), "{}", author.read("alone"));
}

/// The folder of a run is another one each time; it is known by its name.
#[test]
fn the_folder_of_a_run_is_recorded_by_its_name() {
    let author = Author::with_peer(
        "mkdir \"$1\" && echo \"made $1\" || echo 'there it is'; echo \"$1/deep and $1\"",
        "$ peer {scratch}/notes\n$ peer {scratch}/notes\n",
    );
    author.record(&["alone", "--yes"], 0);
    let transcript = "      $ peer {scratch}/notes\n      peer | made {scratch}/notes\n      \
                      peer | {scratch}/notes/deep and {scratch}/notes\n      peer = exit 0\n      \
                      $ peer {scratch}/notes\n      peer | there it is\n      \
                      peer | {scratch}/notes/deep and {scratch}/notes\n      peer = exit 0\n";
    assert!(author.read("alone").ends_with(transcript), "{}", author.read("alone"));
    author.record(&["alone", "--check"], 0);
}

/// A peer that sleeps for a while has not said all.
#[test]
fn a_late_line_is_waited_for() {
    let author = Author::with_peer("sleep 0.2; echo late; exec sleep 100", "$ peer\n");
    author.record(&["alone", "--yes", "--runs", "1"], 0);
    assert!(
        author.read("alone").ends_with("$ peer\n      peer | late\n      peer = running\n"),
        "{}",
        author.read("alone")
    );
}

/// A scenario that can't be recorded is explained, with the place, and stays as it was.
#[test]
fn what_can_t_be_recorded_is_explained() {
    let cases = [
        ("echo up", "$ peer {other}\n", "nothing that was printed above this can be `{other}`", 11),
        ("echo 'no such thing' >&2; exit 3", "$ peer\npeer < hello\n", "`peer` has ended here, with exit code 3", 12),
        ("kill -9 $$", "$ peer\n", "SIGKILL (signal 9) ended `peer` here", 11),
        ("yes", "$ peer\n", "`peer` floods its output", 11),
        ("printf half", "$ peer\n", "`peer` prints `half`, which is no line of text", 11),
        ("printf 'a\\033[2Jb\\n'", "$ peer\n", "control character", 11),
        ("echo up", "# nothing\n", "no role in this scenario", 10),
    ];
    for (script, transcript, says, line) in cases {
        let author = Author::with_peer(script, transcript);
        let draft = author.read("alone");
        let text = author.record(&["alone", "--yes", "--runs", "2"], 2);
        assert!(text.contains(says) && text.contains(&format!("stage.yaml:{line}:")), "{script}: {text}");
        assert!(text.contains("help: "), "{text}");
        assert_eq!(author.read("alone"), draft);
    }
}
