//! What the machine does is not what the learner did: a run that could not be executed is no verdict, and
//! a program that uses up its own limits keeps its own.
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;
#[allow(dead_code, reason = "each file of tests uses a part of it")]
#[path = "support/terminal.rs"]
mod terminal;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::learner::{Done, Learner, Verdict};
use support::system::{self, until};
use terminal::Terminal;

/// A learner of the course whose peers need things.
fn learner(track: &str) -> Learner {
    Learner::new("machine", track)
}

/// `workshop` as `"$@"` of a shell that prepares its surroundings; not yet started.
fn prepare(learner: &Learner, shell: &str, args: &[&str]) -> Command {
    let prepared = learner.prepare(args, &[]);
    // One that never ended would hold up all tests.
    let mut command = Command::new("timeout");
    command.args(["120", "sh", "-c", shell, "sh"]).arg(prepared.get_program()).args(prepared.get_args());
    command.current_dir(prepared.get_current_dir().expect("a folder"));
    for (name, value) in prepared.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// The same, to its end.
fn within(learner: &Learner, shell: &str, args: &[&str]) -> Done {
    let done = prepare(learner, shell, args).stdin(Stdio::null()).output().expect("`timeout` is there");
    Done { status: done.status, stdout: done.stdout, stderr: String::from_utf8_lossy(&done.stderr).into_owned() }
}

/// What a scenario comes to in surroundings that a shell prepares.
fn verify_within(learner: &Learner, shell: &str, args: &[&str]) -> Verdict {
    Verdict::of(within(learner, shell, &[&["verify", "--format", "json"], args].concat()))
}

/// The only run could not be executed for want of something, and the command said what to do.
fn unplayed<'v>(verdict: &'v Verdict, id: &str, help: &str) -> &'v Value {
    let run = verdict.run();
    assert_eq!(run["outcome"], "unplayed", "{run:#}");
    assert_eq!(run["unplayed"]["id"], id, "{run:#}");
    assert_eq!(run["passed"], false, "{run:#}");
    assert!(run.get("reason").is_none(), "it is nobody's failure: {run:#}");
    let stage = verdict.events.iter().find(|event| event["event"] == "stage").expect("a stage");
    assert_eq!((&stage["passed"], &stage["failed"], &stage["unplayed"]), (&false.into(), &0.into(), &1.into()));
    no_verdict(&verdict.done, help);
    run
}

/// The command ended as an error, and said what to do.
fn no_verdict(done: &Done, help: &str) {
    assert_eq!(done.status.code(), Some(2), "it printed {}\nand said {}", done.text(), done.stderr);
    assert!(done.stderr.contains(help), "{}", done.stderr);
    assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
}

/// Prints why a test is left out. True, so that it can stand in a condition.
fn left_out(why: &str) -> bool {
    eprintln!("LEFT OUT: {why}");
    true
}

/// Can a shell do this here?
fn can(what: &str, shell: &str) -> bool {
    let tried = Command::new("sh").args(["-c", shell]).output().expect("a shell");
    tried.status.success() || !left_out(&format!("{what}: {}", String::from_utf8_lossy(&tried.stderr).trim()))
}

/// A shell's beginning that gives the command a namespace for mounts, in which `mounts` is done first.
fn mounted(mounts: &str) -> String {
    format!(
        r#"exec unshare --mount sh -ec '{mounts}
exec "$@"' sh "$@""#
    )
}

/// A control group of a test's own; gone with it.
struct Group(PathBuf);

impl Group {
    /// A group of this controller with these settings, where one can be made: for the first version of
    /// control groups, or the second.
    fn new(controller: &str, settings: &[(&str, &str)]) -> Option<Group> {
        let name = format!("workshop-test-{}-{}", std::process::id(), fastrand::u32(..));
        let places = [format!("/sys/fs/cgroup/{controller}"), "/sys/fs/cgroup".to_owned()];
        for place in places.map(PathBuf::from) {
            let group = Group(place.join(&name));
            let made = place.join("cgroup.procs").exists() && fs::create_dir(&group.0).is_ok();
            if made && settings.iter().any(|(file, value)| fs::write(group.0.join(file), value).is_ok()) {
                return Some(group);
            }
        }
        left_out(&format!("no control group of {controller} can be made"));
        None
    }

    /// A shell's beginning that goes into the group.
    fn shell(&self) -> String {
        format!(r#"echo $$ > {}/cgroup.procs; exec "$@""#, self.0.display())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

mod ports {
    use super::*;

    /// A machine with so many ports to choose from, of which so many are free: for the command in its arguments.
    const TAKEN: &str = "
import fcntl, socket, struct, subprocess, sys
few, free = int(sys.argv[1]), int(sys.argv[2])
SIOCSIFFLAGS, UP = 0x8914, 0x41
fcntl.ioctl(socket.socket(), SIOCSIFFLAGS, struct.pack('16sh14x', b'lo', UP))
with open('/proc/sys/net/ipv4/ip_local_port_range', 'w') as file:
    file.write('40000 %d' % (40000 + few - 1))
taken = [socket.create_server(('127.0.0.1', 40000 + n)) for n in range(few - free)]
sys.exit(subprocess.call(sys.argv[3:]))
";

    fn shell(few: u32, free: u32) -> String {
        format!(r#"exec unshare --net python3 -c "{TAKEN}" {few} {free} "$@""#)
    }

    /// Whatever a program makes of it, and wherever it happens: at the listener, at the link, at the dialer.
    #[test]
    fn so_few_that_a_right_program_gets_none() {
        if !can("a network of one's own", "unshare --net true") {
            return;
        }
        let learner = learner("scripts");
        for free in [0, 1, 2] {
            let verdict = verify_within(&learner, &shell(100, free), &["lacks", "--scenario", "talks", "--jobs", "1"]);
            unplayed_for(&verdict, "ports");
            no_verdict(&verdict.done, "wait a minute");
        }
        let doctor = within(&learner, &shell(100, 2), &["doctor"]);
        assert!(doctor.text().contains("✗ ports are available on loopback"), "{}", doctor.text());
        assert!(doctor.text().contains("wait a minute"), "{}", doctor.text());
        // With enough of them it is the program's own fault that it fails.
        let verdict = verify_within(&learner, &shell(100, 50), &["lacks", "--scenario", "talks", "--jobs", "1"]);
        assert!(verdict.passed() > 0);
        fs::write(learner.file("lacks/peer.py"), "import sys\nsys.exit('Address already in use (os error 98)')\n")
            .expect("written");
        let verdict = verify_within(&learner, &shell(100, 50), &["lacks", "--scenario", "nothing"]);
        assert_eq!(verdict.run()["outcome"], "failed", "{:#}", verdict.run());
    }

    /// A run could not be executed for want of something, and no run failed.
    fn unplayed_for(verdict: &Verdict, id: &str) {
        let runs = verdict.runs();
        assert!(runs.iter().any(|run| run["unplayed"]["id"] == id), "{runs:#?}");
        assert!(runs.iter().all(|run| run["outcome"] == "unplayed"), "{runs:#?}");
    }
}

mod files {
    use super::*;

    /// From the fewest with which a program can be started at all.
    #[test]
    fn so_few_that_no_run_fits() {
        let learner = learner("scripts");
        for files in [6, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32] {
            let shell = format!(r#"ulimit -n {files}; exec "$@""#);
            let done = within(&learner, &shell, &["verify", "lacks", "--scenario", "talks"]);
            no_verdict(&done, "`ulimit -n 1024`");
        }
        learner.nothing_is_left();
    }

    /// As many runs are played at a time as fit.
    #[test]
    fn few_are_enough() {
        let learner = learner("scripts");
        let shell = r#"ulimit -n 100; exec "$@""#;
        let args = ["lacks", "--scenario", "talks", "--repeat", "3", "--jobs", "64"];
        assert_eq!(verify_within(&learner, shell, &args).passed(), 3 * 4 * 3);
        learner.nothing_is_left();
    }

    /// The runner uses what it may; the programs get what they are used to.
    #[test]
    fn programs_get_back_the_usual_limit() {
        let learner = learner("scripts");
        let shell = r#"ulimit -Sn 200; exec "$@""#;
        fs::write(
            learner.file("lacks/peer.py"),
            "import resource\nprint(resource.getrlimit(resource.RLIMIT_NOFILE)[0])\n",
        )
        .expect("written");
        let verdict = verify_within(&learner, shell, &["lacks", "--scenario", "nothing"]);
        assert_eq!(verdict.failed("wrong-line")["lanes"][0]["lines"][0], "200");
    }

    #[test]
    fn a_program_that_is_given_too_few() {
        let learner = learner("scripts");
        let verdict = verify_within(&learner, r#"ulimit -Sn 50; exec "$@""#, &["lacks", "--scenario", "needs-files"]);
        let say = unplayed(&verdict, "open-files", "`ulimit -n 1024`")["unplayed"]["say"].to_string();
        assert!(say.contains("Too many open files"), "{say}");
        assert_eq!(learner.verify(&["lacks", "--scenario", "needs-files"]).passed(), 1);
    }

    #[test]
    fn a_leak_is_the_learners() {
        let learner = learner("scripts");
        let shell = r#"ulimit -Sn 1024; exec "$@""#;
        verify_within(&learner, shell, &["leaks", "--scenario", "leaks-files"]).failed("wrong-ending");
    }

    /// Each of its connections takes two of the runner's files, who has no more than it.
    #[test]
    fn a_leak_of_connections_is_the_learners() {
        let learner = learner("scripts");
        for files in [256, 1024] {
            let shell = format!(r#"ulimit -n {files}; exec "$@""#);
            let args = ["leaks", "--scenario", "connects-without-end", "--pairing", "you/you"];
            let verdict = verify_within(&learner, &shell, &args);
            assert_eq!(verdict.run()["outcome"], "failed", "{:#}", verdict.run());
            assert_eq!(verdict.done.status.code(), Some(1));
        }
        learner.nothing_is_left();
    }
}

mod processes {
    use super::*;

    #[test]
    fn a_program_that_is_given_too_few() {
        let learner = learner("scripts");
        let Some(group) = Group::new("pids", &[("pids.max", "24")]) else { return };
        let verdict = verify_within(&learner, &group.shell(), &["lacks", "--scenario", "needs-threads"]);
        unplayed(&verdict, "processes", "`pids.max`");
        assert_eq!(learner.verify(&["lacks", "--scenario", "needs-threads"]).passed(), 1);
    }

    #[test]
    fn none_at_all() {
        let learner = learner("scripts");
        let Some(group) = Group::new("pids", &[("pids.max", "1")]) else { return };
        let verdict = verify_within(&learner, &group.shell(), &["lacks", "--scenario", "nothing"]);
        unplayed(&verdict, "processes", "`pids.max`");
    }

    /// As many runs are played at a time as fit, though nobody knows beforehand how many do.
    #[test]
    fn few_are_enough() {
        let learner = learner("scripts");
        let Some(group) = Group::new("pids", &[("pids.max", "7")]) else { return };
        let args = ["lacks", "--scenario", "talks", "--jobs", "64"];
        assert_eq!(verify_within(&learner, &group.shell(), &args).passed(), 4 * 3);
        learner.nothing_is_left();
    }

    #[test]
    fn threads_without_end_are_the_learners() {
        let learner = learner("scripts");
        let Some(group) = Group::new("pids", &[("pids.max", "400")]) else { return };
        verify_within(&learner, &group.shell(), &["leaks", "--scenario", "leaks-threads"]).failed("wrong-ending");
    }

    /// The limit of a user does not bind who may do everything.
    #[test]
    fn the_limit_of_a_user() {
        let learner = learner("scripts");
        let id = 60_000 + std::process::id() % 5000;
        let drop = format!("setpriv --reuid {id} --clear-groups");
        let binary = env!("CARGO_BIN_EXE_workshop");
        if !can("another user", &format!("{drop} {binary} --version")) {
            return;
        }
        let owned = Command::new("chown").args(["-R", &id.to_string(), learner.mark()]).status();
        assert!(owned.expect("chown").success());
        let shell = format!(r#"exec prlimit --nproc=20 {drop} "$@""#);
        let verdict = verify_within(&learner, &shell, &["lacks", "--scenario", "needs-threads"]);
        unplayed(&verdict, "processes", "`ulimit -u`");
    }
}

mod memory {
    use super::*;

    #[test]
    fn a_program_that_is_given_too_little() {
        let learner = learner("scripts");
        let shell = r#"ulimit -v 150000; exec "$@""#;
        let verdict = verify_within(&learner, shell, &["lacks", "--scenario", "needs-memory"]);
        let say = unplayed(&verdict, "memory", "`ulimit -v unlimited`")["unplayed"]["say"].to_string();
        assert!(say.contains("MemoryError"), "{say}");
        assert_eq!(learner.verify(&["lacks", "--scenario", "needs-memory"]).passed(), 1);
    }

    /// What the scenario gives is what an honest program needs.
    #[test]
    fn less_than_the_scenario_gives_is_the_learners() {
        let learner = learner("scripts");
        let args = ["lacks", "--scenario", "is-given-little-memory"];
        learner.verify(&args).failed("out-of-memory");
        // Also where there is little besides.
        verify_within(&learner, r#"ulimit -v 3000000; exec "$@""#, &args).failed("out-of-memory");
    }

    #[test]
    fn who_is_ended_for_want_of_memory() {
        let learner = learner("scripts");
        let limit = [("memory.limit_in_bytes", "100M"), ("memory.max", "100M")];
        let Some(group) = Group::new("memory", &limit) else { return };
        let verdict = verify_within(&learner, &group.shell(), &["lacks", "--scenario", "needs-memory"]);
        unplayed(&verdict, "memory", "more memory");
    }

    /// There is room again when it is gone.
    #[test]
    fn memory_without_end_is_the_learners() {
        let learner = learner("scripts");
        let limit = [("memory.limit_in_bytes", "500M"), ("memory.max", "500M")];
        let Some(group) = Group::new("memory", &limit) else { return };
        let verdict = verify_within(&learner, &group.shell(), &["leaks", "--scenario", "leaks-memory"]);
        assert_eq!(verdict.failed("wrong-ending")["lanes"][0]["ending"]["signal"], 9);
    }
}

mod disk {
    use super::*;

    /// The folder for temporary files, on a disk of its own with these options.
    fn temporary(options: &str) -> String {
        mounted(&format!("mount -t tmpfs -o {options} none $TMPDIR"))
    }

    fn can_mount() -> bool {
        can("a disk of its own", "unshare --mount mount -t tmpfs none /mnt")
    }

    #[test]
    fn a_program_that_finds_it_full() {
        let learner = learner("scripts");
        if !can_mount() {
            return;
        }
        let verdict = verify_within(&learner, &temporary("size=64k"), &["lacks", "--scenario", "needs-space"]);
        let say = unplayed(&verdict, "disk-space", "`df -h`")["unplayed"]["say"].to_string();
        assert!(say.contains("No space left on device"), "{say}");
        assert_eq!(learner.verify(&["lacks", "--scenario", "needs-space"]).passed(), 1);
    }

    /// Not even the folder of the run can be made.
    #[test]
    fn without_room_for_a_folder() {
        let learner = learner("scripts");
        if !can_mount() {
            return;
        }
        let shell = temporary("size=1m,nr_inodes=1");
        unplayed(&verify_within(&learner, &shell, &["lacks", "--scenario", "needs-space"]), "disk-space", "`df -h`");
    }

    #[test]
    fn who_fills_it_keeps_the_verdict() {
        let learner = learner("scripts");
        if !can_mount() {
            return;
        }
        let args = ["leaks", "--scenario", "leaks-space"];
        verify_within(&learner, &temporary("size=64m"), &args).failed("wrong-ending");
        // The same in a folder that stays.
        let script = fs::read_to_string(learner.file("leaks/peer.py")).expect("read");
        let elsewhere = script.replace(r#"args[0] + "/kept""#, r#"__import__("os").environ["TMPDIR"] + "/kept""#);
        assert_ne!(script, elsewhere);
        fs::write(learner.file("leaks/peer.py"), elsewhere).expect("written");
        verify_within(&learner, &temporary("size=64m"), &args).failed("wrong-ending");
    }

    /// The folder of the workspace's builds, on a disk of its own with these options.
    fn output(learner: &Learner, options: &str) -> String {
        let dot = learner.file(".workshop");
        let out = dot.join("out").display().to_string();
        mounted(&format!("mkdir -p {out}; mount -t tmpfs -o {options} none {out}"))
    }

    #[test]
    fn a_build_that_finds_it_full() {
        let learner = learner("built");
        if !can_mount() {
            return;
        }
        let shell = output(&learner, "size=4k");
        no_verdict(&within(&learner, &shell, &["verify", "lacks", "--scenario", "nothing"]), "`df -h`");
        assert_eq!(learner.verify(&["lacks", "--scenario", "nothing"]).passed(), 1);
        // A build that only says so.
        let lies = "echo 'cp: error writing: No space left on device' >&2; exit 1\n";
        fs::write(learner.file("lacks/build.sh"), lies).expect("written");
        learner.command(&["verify", "lacks"]).code(1);
    }

    #[test]
    fn a_program_on_a_disk_without_programs() {
        let learner = learner("built");
        if !can_mount() {
            return;
        }
        let shell = output(&learner, "noexec");
        unplayed(&verify_within(&learner, &shell, &["lacks", "--scenario", "nothing"]), "noexec", "`mount`");
        // A shell starts it there, which would say no more than that it can't.
        let args = ["lacks", "--scenario", "is-given-little-memory"];
        unplayed(&verify_within(&learner, &shell, &args), "noexec", "`mount`");
    }

    /// The verdict is shown; that it could not be kept is an error.
    #[test]
    fn progress_that_can_not_be_written() {
        let learner = learner("scripts");
        if !can_mount() {
            return;
        }
        let dot = learner.file(".workshop").display().to_string();
        let copy = learner.file("copy").display().to_string();
        let shell = mounted(&format!(
            "cp -a {dot} {copy}; mount -t tmpfs -o size=48k none {dot}; cp -a {copy}/. {dot}/; rm -r {copy}
             head -c 1m /dev/zero > {dot}/filled 2>/dev/null || true"
        ));
        no_verdict(&within(&learner, &shell, &["verify", "lacks", "--scenario", "nothing"]), "`df -h`");
    }
}

mod permission {
    use super::*;

    #[test]
    fn a_program_that_was_built_and_may_not_be_started() {
        let learner = learner("built");
        let build = fs::read_to_string(learner.file("lacks/build.sh")).expect("read");
        fs::write(learner.file("lacks/build.sh"), build.replace("chmod 755", "chmod 000")).expect("written");
        let verdict = learner.verify(&["lacks", "--scenario", "nothing"]);
        unplayed(&verdict, "permission", "permissions");
    }

    /// Output that can't be written is an error; a reader that has gone away is none.
    #[test]
    fn output_that_can_not_be_written() {
        let learner = learner("scripts");
        let verify = ["verify", "lacks", "--scenario", "nothing"];
        for args in [
            &verify[..],
            &[&verify[..], &["--format", "json"]].concat(),
            &[&verify[..], &["--format", "junit"]].concat(),
            &[&verify[..], &["--html", "/dev/full"]].concat(),
            &["list"],
            &["lesson"],
            &["doctor"],
            &["completions", "bash"],
        ] {
            no_verdict(&within(&learner, r#""$@" > /dev/full"#, args), "No space left on device");
            let gone = within(&learner, r#"exec 3>&1; { "$@" 3>&-; echo $? >&3; } | true"#, args);
            if !args.contains(&"--html") {
                assert_eq!(gone.text(), "0\n", "{args:?}: {}", gone.stderr);
            }
        }
    }
}

/// `/proc` is that of another namespace for processes.
mod strangers {
    use super::*;

    /// All numbers are those of other processes: nobody is taken for one of ours, nor ended.
    #[test]
    fn the_processes_of_others_are_not_ours() {
        let learner = learner("scripts");
        if !can("a namespace for processes", "unshare --pid --fork true") {
            return;
        }
        let shell = r#"exec unshare --pid --fork "$@""#;
        assert_eq!(verify_within(&learner, shell, &["lacks", "--scenario", "talks"]).passed(), 4 * 3);
        // It is not said to be stuck: nobody knows.
        let verdict = verify_within(&learner, shell, &["lacks", "--scenario", "waits-for-nothing"]);
        let run = verdict.failed("missing-line");
        assert!(run["ms"].as_u64() >= Some(1000), "it was played to its limit: {run:#}");
        let told = within(&learner, shell, &["doctor"]);
        assert!(told.text().contains("/proc does not show the processes that are started here"), "{}", told.text());
        learner.nothing_is_left();
    }

    #[test]
    fn no_proc_at_all() {
        let learner = learner("scripts");
        if !can("mounts of its own", "unshare --mount umount -l /proc") {
            return;
        }
        let shell = mounted("umount -l /proc");
        assert_eq!(verify_within(&learner, &shell, &["lacks", "--scenario", "talks"]).passed(), 4 * 3);
        verify_within(&learner, &shell, &["lacks", "--scenario", "waits-for-nothing"]).failed("missing-line");
    }
}

/// What is said, and what is kept.
mod outcome {
    use super::*;

    const FEW: &str = r#"ulimit -Sn 50; exec "$@""#;

    #[test]
    fn words_alone_prove_nothing() {
        let learner = learner("scripts");
        learner.verify(&["lacks", "--scenario", "says-so"]).failed("wrong-ending");
    }

    #[test]
    fn people_are_told() {
        let learner = learner("scripts");
        let done = within(&learner, FEW, &["verify", "lacks", "--scenario", "needs-files"]);
        no_verdict(&done, "the run of lacks could not be executed");
        assert!(done.text().contains("! lacks: 1 of 1 run could not be executed: no verdict"), "{}", done.text());
        assert!(!done.text().contains('✗') && !done.text().contains("hint"), "{}", done.text());
    }

    #[test]
    fn junit_calls_it_an_error() {
        let learner = learner("scripts");
        let args = ["verify", "lacks", "--scenario", "needs-files", "--format", "junit"];
        let done = within(&learner, FEW, &args);
        no_verdict(&done, "`ulimit -n 1024`");
        assert!(done.text().contains(r#"failures="0""#) && done.text().contains(r#"errors="1""#), "{}", done.text());
        assert!(done.text().contains(r#"type="open-files""#), "{}", done.text());
    }

    /// Beside a run that could not be executed, others fail: they are shown, and there is no verdict.
    #[test]
    fn others_fail_all_the_same() {
        let learner = learner("scripts");
        let done = within(&learner, FEW, &["verify", "lacks"]);
        no_verdict(&done, "could not be executed");
        let text = done.text();
        assert!(text.contains("✗ is-given-little-memory · you · clear") && text.contains("runs failed"), "{text}");
        assert!(text.contains("could not be executed: no verdict"), "{text}");
    }

    /// Neither a stage that is verified nor a failure that could be hinted at.
    #[test]
    fn nothing_is_recorded() {
        let learner = learner("scripts");
        let state = || fs::read_to_string(learner.file(".workshop/state.json")).expect("the state");
        learner.verify(&["lacks", "--scenario", "says-so"]).failed("wrong-ending");
        let before = state();
        assert!(before.contains("wrong-ending"), "{before}");
        let verdict = verify_within(&learner, FEW, &["lacks", "--scenario", "needs-files"]);
        unplayed(&verdict, "open-files", "`ulimit -n 1024`");
        assert_eq!(state(), before);
    }

    /// The watch view, and the page of `serve`.
    #[test]
    fn those_who_watch_are_told() {
        let learner = learner("scripts");
        fs::write(learner.file("lacks/peer.py"), "kept = [open('/dev/null') for _ in range(60)]\n").expect("written");
        let mut terminal = Terminal::start(&prepare(&learner, FEW, &["watch"]), 100, 40);
        terminal.sees("can't be verified");
        terminal.sees("could not be executed");
        terminal.sees("`ulimit -n 1024`");
        terminal.press("q");
        assert_eq!(terminal.ends().code(), Some(0));

        let mut command = prepare(&learner, FEW, &["serve"]);
        let mut server = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut address = String::new();
        let said = server.stdout.take().expect("a pipe");
        BufReader::new(said).read_line(&mut address).expect("it says where it is");
        let (host, path) =
            address.trim().strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("an address");
        let page = until("the page tells of it", || {
            let mut stream = TcpStream::connect(host).expect("it listens");
            write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("asked");
            let mut page = String::new();
            stream.read_to_string(&mut page).expect("an answer");
            if page.contains("could not be executed") { Ok(page) } else { Err(page) }
        });
        assert!(page.contains("`ulimit -n 1024`"), "{page}");
        // `timeout` hands it on.
        kill_process(Pid::from_child(&server), Signal::TERM).expect("it is there");
        server.wait().expect("it is ours");
        learner.nothing_is_left();
    }

    /// A rule that was not tried out neither holds nor is broken.
    #[test]
    fn authors_are_told() {
        let learner = learner("scripts");
        let done = within(&learner, FEW, &["author", "check", "lacks"]);
        no_verdict(&done, "could not be executed");
    }
}

/// A file that may be read and not executed is no program; kept here for who looks for it.
#[test]
fn a_script_of_the_learners_own_that_may_not_be_started_is_theirs_to_fix() {
    let learner = Learner::new("machine", "own");
    let path = learner.file("lacks/peer.py");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("ours");
    learner.verify(&["lacks", "--scenario", "nothing"]).failed("not-started");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("ours");
    assert_eq!(learner.verify(&["lacks", "--scenario", "nothing"]).passed(), 1);
}
