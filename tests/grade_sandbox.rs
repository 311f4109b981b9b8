//! `workshop grade` keeps submissions from everything that is not theirs.
//!
//! Where the system can't make a sandbox, nothing may be run: that is what is tested there.
#![cfg(target_os = "linux")]

#[path = "support/done.rs"]
mod done;
#[path = "support/folders.rs"]
mod folders;
#[path = "support/instructor.rs"]
mod instructor;
#[allow(dead_code, reason = "each file of tests uses a part of it")]
#[path = "support/system.rs"]
mod system;

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use done::Done;
use instructor::{Instructor, NOBODY, SHOUTS, give};
use system::until;

/// Nobody else uses these numbers.
const LONG: &str = "98765.4321";
const LATER: &str = "98765.5432";

/// An instructor who has something to hide.
fn with_secrets() -> Instructor {
    let instructor = Instructor::new();
    fs::copy(env!("CARGO_BIN_EXE_workshop"), instructor.path("workshop")).expect("copied");
    fs::create_dir(instructor.path("home")).expect("made");
    fs::write(instructor.path("home/secret"), "top-secret-of-home\n").expect("written");
    instructor
}

impl Instructor {
    fn shown(&self, path: &str) -> String {
        self.path(path).display().to_string()
    }

    /// Grades the class as an ordinary user.
    fn grades(&self) -> Done {
        Done::of(&mut self.command())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.path("workshop"));
        command.args(["--course", "course", "grade", "class", "--stage", "shout", "--out", "results"]);
        command.current_dir(self.dir.path());
        command.env("NO_COLOR", "1").env("HOME", self.path("home")).env("TOKEN", "top-secret-of-env");
        if rustix::process::geteuid().is_root() {
            give(self.dir.path());
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

/// The processes whose command line has this in it.
fn processes_with(text: &str) -> usize {
    let commands = fs::read_dir("/proc").expect("readable").flatten();
    commands
        .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()))
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .filter(|line| String::from_utf8_lossy(line).contains(text))
        .count()
}

#[test]
fn no_submission_reaches_what_is_not_its_own() {
    let instructor = with_secrets();
    let host = TcpListener::bind("127.0.0.1:0").expect("a port");
    host.set_nonblocking(true).expect("set");
    let address = host.local_addr().expect("an address");
    let (course, class, home) = (instructor.shown("course"), instructor.shown("class"), instructor.shown("home"));
    let marker = instructor.path("marker");
    let outside = marker.display();

    instructor.folder("ada", SHOUTS);
    let read = format!(
        "cat {home}/secret {course}/solutions/sh/shout/crier.sh {class}/ada/shout/crier.sh /etc/passwd\nenv\nls / {home}\ncat \
         /proc/*/cmdline\n"
    );
    instructor.folder("reads", &read);
    instructor.folder("runs-the-reference", &format!("exec sh {course}/solutions/sh/shout/crier.sh\n"));
    instructor.folder(
        "writes",
        &format!("echo x > {outside}\necho x > \"$0\"\necho x > {class}/ada/shout/crier.sh\n{SHOUTS}"),
    );
    instructor.folder("signals", &format!("kill -9 -1\nkill -9 1\nkill -9 $PPID\n{SHOUTS}"));
    instructor.folder("stays", &format!("sleep {LONG} &\nsetsid sleep {LONG} &\n{SHOUTS}"));
    instructor.folder("forks", "b() { b | b & }\nb\nwhile read -r line; do echo \"$line\"; done\n");
    instructor.folder("fills", "head -c 3000000000 /dev/zero > /tmp/a\nhead -c 3000000000 /dev/zero > b\ncat\n");
    let speaks = "for file in /proc/[0-9]*/fd/*; do echo '{\"points\":1}' > $file; done\n";
    instructor.folder("speaks-for-the-runner", speaks);
    let connects =
        format!("perl -MIO::Socket::INET -e 'print \"connected\\n\" if IO::Socket::INET->new(\"{address}\")'\n");
    instructor.folder("connects", &connects);

    let done = instructor.grades();
    if done.text.contains("can't be kept apart from this machine") {
        assert_eq!(done.code, Some(2), "{}", done.text);
        assert!(!instructor.path("results/ada").exists(), "nothing is run without a sandbox");
        return;
    }
    assert_eq!(done.code, Some(0), "{}", done.text);
    let points = |who: &str| instructor.result(who)["points"].clone();
    for (who, expected) in [
        ("ada", 1),
        ("reads", 0),
        ("runs-the-reference", 0),
        ("writes", 1),
        ("stays", 1),
        ("forks", 0),
        ("fills", 0),
        ("speaks-for-the-runner", 0),
        ("connects", 0),
    ] {
        assert_eq!(points(who), expected, "{who}: {}", done.text);
        assert_eq!(instructor.result(who)["made_with"]["isolation"], "namespaces");
    }
    for who in ["reads", "speaks-for-the-runner", "connects"] {
        let text = instructor.result(who).to_string();
        for secret in ["top-secret", "root:", "tr a-z A-Z", "workshop\\u0000", "connected"] {
            assert!(!text.contains(secret), "{who} has seen {secret:?}: {text}");
        }
    }
    assert!(!marker.exists(), "nothing is written outside");
    let ada = fs::read_to_string(instructor.path("class/ada/shout/crier.sh")).expect("readable");
    assert_eq!(ada, SHOUTS, "no other submission is changed");
    assert_eq!(processes_with(LONG), 0, "nothing is left behind");
    let heard = host.accept().map(drop).map_err(|error| error.kind());
    assert_eq!(heard, Err(ErrorKind::WouldBlock), "nobody has connected");
}

#[test]
fn root_is_told_to_be_somebody_else() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let instructor = Instructor::new();
    instructor.folder("ada", SHOUTS);
    let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
    command.args(["--course", "course", "grade", "class", "--stage", "shout", "--out", "results"]);
    let done = Done::of(command.current_dir(instructor.dir.path()));
    assert_eq!(done.code, Some(2));
    assert!(done.text.contains("grade as an ordinary user"), "{}", done.text);
    assert!(!instructor.path("results/ada").exists());
}

/// A command that is killed leaves no process, and what it has written meanwhile goes with the next one.
#[test]
fn who_is_killed_leaves_nothing_for_long() {
    let instructor = with_secrets();
    instructor.folder("ada", &format!("sleep {LATER}\n"));
    let temporary = instructor.path("temporary");
    fs::create_dir(&temporary).expect("made");
    let mut command = instructor.command();
    let mut grading = command.env("TMPDIR", &temporary).stderr(Stdio::piped()).spawn().expect("it starts");
    let works = until("the submission runs, or nothing does", || {
        let ended = grading.try_wait().expect("it is ours").is_some();
        if ended || processes_with(LATER) > 0 { Ok(!ended) } else { Err("not yet".to_owned()) }
    });
    if !works {
        return;
    }
    grading.kill().expect("killed");
    grading.wait().expect("it is over");
    until("its programs end", || match processes_with(LATER) {
        0 => Ok(()),
        count => Err(format!("{count} are there")),
    });
    instructor.folder("ada", SHOUTS);
    let done = Done::of(instructor.command().env("TMPDIR", &temporary));
    assert_eq!(done.code, Some(0), "{}", done.text);
    let left: Vec<_> = fs::read_dir(&temporary).expect("readable").flatten().map(|entry| entry.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("workshop-layer-")), "{left:?}");
}
