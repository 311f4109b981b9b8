//! `workshop grade slurm` on a real Slurm: its daemons are started here, on one node, with loopback only.
//!
//! Where Slurm is not installed there is nothing to test; the project's CI installs it.
#![cfg(target_os = "linux")]

#[path = "support/done.rs"]
mod done;
#[allow(dead_code, reason = "each file of tests uses a part of it")]
#[path = "support/folders.rs"]
mod folders;
#[allow(dead_code, reason = "each file of tests uses a part of it")]
#[path = "support/instructor.rs"]
mod instructor;
#[allow(dead_code, reason = "each file of tests uses a part of it")]
#[path = "support/system.rs"]
mod system;

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use done::Done;
use instructor::{Instructor, NOBODY, SHOUTS, give};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use system::until;

const WHISPERS: &str = "while read -r line; do\n    echo \"$line\"\ndone\n";
/// Is killed while it sleeps, and right.
const SLOW: &str = "sleep 3\nwhile read -r line; do\n    echo \"$line\" | tr a-z A-Z\ndone\n";
/// Tasks of the array. With 16 submissions each has two.
const SHARDS: usize = 8;

/// A Slurm of our own.
struct Slurm {
    dir: PathBuf,
}

impl Slurm {
    /// Starts its daemons; `None` where there are none.
    fn start(dir: &Path) -> Option<Slurm> {
        let is_there = Command::new("slurmctld").arg("-V").output().is_ok();
        assert!(is_there || std::env::var_os("CI").is_none(), "CI has Slurm: apt-get install slurm-wlm munge");
        if !is_there {
            return None;
        }
        let slurm = Slurm { dir: dir.to_owned() };
        for folder in ["state", "spool"] {
            fs::create_dir_all(dir.join(folder)).expect("made");
        }
        fs::write(dir.join("munge.key"), [7; 1024]).expect("written");
        let in_dir = |name: &str| dir.join(name).display().to_string();
        let munge = [
            ("key-file", "munge.key"),
            ("socket", "munge.socket"),
            ("pid-file", "munge.pid"),
            ("log-file", "munge.log"),
            ("seed-file", "munge.seed"),
        ];
        let munge = munge.map(|(option, name)| format!("--{option}={}", in_dir(name)));
        slurm.does(Command::new("munged").arg("--force").args(munge));
        fs::write(dir.join("slurm.conf"), slurm.conf()).expect("written");
        slurm.does(&mut Command::new("slurmctld"));
        slurm.does(&mut Command::new("slurmd"));
        Some(slurm)
    }

    fn conf(&self) -> String {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
        let host = host.trim().split('.').next().unwrap_or_default();
        // Both are held until both are known: so they differ.
        let free = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
        let [control, node] = free.map(|socket| socket.local_addr().expect("an address").port());
        let user = if rustix::process::geteuid().is_root() {
            "root".to_owned()
        } else {
            std::env::var("USER").expect("a user")
        };
        let dir = self.dir.display();
        format!(
            "ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nAuthType=auth/munge\nAuthInfo=socket={dir}/munge.socket\n\
             CredType=cred/munge\nSlurmUser={user}\nSlurmdUser={user}\nSlurmctldPort={control}\nSlurmdPort={node}\n\
             StateSaveLocation={dir}/state\nSlurmdSpoolDir={dir}/spool\nSlurmctldPidFile={dir}/control.pid\n\
             SlurmdPidFile={dir}/node.pid\nSlurmctldLogFile={dir}/control.log\nSlurmdLogFile={dir}/node.log\n\
             ProctrackType=proctrack/pgid\nTaskPlugin=task/none\nSelectType=select/cons_tres\n\
             SchedulerType=sched/builtin\nSchedulerParameters=sched_interval=1,sched_min_interval=1,batch_sched_delay=1\nJobAcctGatherType=jobacct_gather/none\n\
             AccountingStorageType=accounting_storage/none\nJobCompType=jobcomp/none\nMpiDefault=none\n\
             SwitchType=switch/none\nReturnToService=2\nSlurmdParameters=config_overrides\nCommunicationParameters=NoInAddrAny,NoCtldInAddrAny\nNodeName={host} NodeAddr=127.0.0.1 CPUs=16 State=UNKNOWN\n\
             PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n"
        )
    }

    fn does(&self, command: &mut Command) -> String {
        let done = Done::of(command.env("SLURM_CONF", self.dir.join("slurm.conf")));
        assert_eq!(done.code, Some(0), "{command:?}: {}", done.text);
        done.text
    }

    /// Submits a job as an ordinary user; returns its number.
    fn submits(&self, job: &[&str]) -> String {
        let mut command = Command::new("sbatch");
        command.arg("--parsable").args(job).current_dir("/");
        self.does(as_nobody(&mut command)).trim().to_owned()
    }

    /// Waits until all of a job has ended, whatever it came to.
    fn waits_for(&self, job: &str) {
        until("the job ends", || {
            let mut command = Command::new("squeue");
            let done =
                Done::of(command.args(["--noheader", "--jobs", job]).env("SLURM_CONF", self.dir.join("slurm.conf")));
            // Of a job that has been over for a while, nothing is known.
            if done.text.is_empty() || done.code != Some(0) { Ok(()) } else { Err(done.text) }
        });
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        for file in ["node.pid", "control.pid", "munge.pid"] {
            let id = fs::read_to_string(self.dir.join(file)).ok().and_then(|text| text.trim().parse().ok());
            let Some(id) = id.and_then(Pid::from_raw) else { continue };
            let _ = kill_process(id, Signal::TERM);
            // A daemon is no child of ours: it is gone when nobody can be told anything.
            until("a daemon ends", || match rustix::process::test_kill_process(id) {
                Ok(()) => Err(file.to_owned()),
                Err(_) => Ok(()),
            });
        }
    }
}

fn as_nobody(command: &mut Command) -> &mut Command {
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// All results in a folder, without what differs from one time to the next.
fn results(folder: &Path) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for who in fs::read_dir(folder)
        .expect("results")
        .flatten()
        .filter(|who| !who.file_name().as_encoded_bytes().starts_with(b"."))
    {
        let file = who.path().join("shout.json");
        let mut result: Value = serde_json::from_slice(&fs::read(&file).expect("a result")).expect("JSON");
        result["ms"] = Value::Null;
        result["shown"] = Value::Null;
        for run in result["runs"].as_array_mut().expect("runs") {
            run["ms"] = Value::Null;
        }
        found.push((who.file_name().to_string_lossy().into_owned(), result));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn a_class_on_slurm_comes_to_the_same_and_a_killed_part_goes_on() {
    let instructor = Instructor::new();
    fs::copy(env!("CARGO_BIN_EXE_workshop"), instructor.path("workshop")).expect("copied");
    // Of the last part of the class, one submission is quick, and one is not.
    for number in 0..2 * SHARDS {
        let program = if number == 2 * SHARDS - 1 { SLOW } else { [SHOUTS, WHISPERS][number % 2] };
        instructor.folder(&format!("learner-{number:02}"), program);
    }
    let daemons = tempfile::tempdir().expect("a folder");
    let Some(slurm) = Slurm::start(daemons.path()) else { return };
    give(instructor.dir.path());
    let types = |line: &[&str]| {
        let mut command = Command::new(instructor.path("workshop"));
        command.args(["--course", "course", "grade"]).args(line).current_dir(instructor.dir.path());
        command.env("HOME", instructor.dir.path()).env("NO_COLOR", "1");
        Done::of(as_nobody(&mut command))
    };
    let alone = types(&["class", "--stage", "shout", "--seed", "7", "--out", "alone"]);
    if alone.text.contains("can't be kept apart") {
        return;
    }
    assert_eq!(alone.code, Some(0), "{}", alone.text);
    let shards = SHARDS.to_string();
    let written = types(&[
        "slurm", "class", "--stage", "shout", "--out", "results", "--shards", &shards, "--write", "jobs", "--",
        "--seed", "7", "--jobs", "1",
    ]);
    assert_eq!(written.code, Some(0), "{}", written.text);

    // The last part is killed when it has graded the first of its two.
    let script = instructor.path("jobs/grade.slurm").display().to_string();
    let (quick, slow) =
        (instructor.path("results/learner-07/shout.json"), instructor.path("results/learner-15/shout.json"));
    let job = slurm.submits(&[&script]);
    until("the last part has graded one of two", || {
        quick.exists().then_some(()).ok_or_else(|| "it has not".to_owned())
    });
    let last = format!("{job}_{SHARDS}");
    slurm.does(as_nobody(Command::new("scancel").args(["--full", "--signal=KILL", &last])));
    slurm.waits_for(&job);
    assert!(!slow.exists(), "it was killed before");
    let first = fs::read(&quick).expect("a result");

    // It is submitted again, as the script says.
    slurm.waits_for(&slurm.submits(&[&format!("--array={SHARDS}"), &script]));
    assert_eq!(fs::read(&quick).expect("a result"), first, "what was graded is not graded again");
    assert_eq!(results(&instructor.path("results")), results(&instructor.path("alone")));

    let report = instructor.path("jobs/report.slurm").display().to_string();
    slurm.waits_for(&slurm.submits(&[&report]));
    let table = fs::read_to_string(instructor.path("grades.csv")).expect("a table");
    assert_eq!(table.lines().count(), 1 + 2 * SHARDS, "{table}");
}
