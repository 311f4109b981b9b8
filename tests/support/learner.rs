//! A learner: a folder of their own, a workspace in it, and the built binary.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use super::python::path;
use super::system::{self, PATIENCE, until};

/// A folder with nothing in it but an empty home and a workspace. When it is dropped, whatever
/// processes it has left are ended, so that a failed test disturbs no other.
pub struct Learner {
    dir: TempDir,
    course: PathBuf,
    workspace: PathBuf,
}

/// What a command came to.
pub struct Done {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it said besides.
    pub stderr: String,
}

/// A command that is still running.
pub struct Running {
    child: Child,
    start: Instant,
    stdout: JoinHandle<Vec<u8>>,
    stderr: JoinHandle<Vec<u8>>,
}

/// What `verify --format json` said.
pub struct Verdict {
    /// The command that said it.
    pub done: Done,
    /// Its lines.
    pub events: Vec<Value>,
}

impl Learner {
    /// Makes a workspace of one of the courses in `tests/courses`.
    pub fn new(course: &str, track: &str) -> Learner {
        let dir = tempfile::Builder::new().prefix("workshop-test-").tempdir().expect("a temporary folder");
        for empty in ["home", "tmp"] {
            std::fs::create_dir(dir.path().join(empty)).expect("an empty folder");
        }
        let course_path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/courses").join(course);
        let workspace = dir.path().join(course);
        let learner = Learner { dir, course: course_path, workspace };
        learner.command(&["next", "--track", track]).success();
        learner
    }

    /// A file of the workspace.
    pub fn file(&self, path: &str) -> PathBuf {
        self.workspace.join(path)
    }

    /// The folder for temporary files.
    pub fn temporary(&self) -> PathBuf {
        self.dir.path().join("tmp")
    }

    /// What every trace of this learner's processes has in it.
    pub fn mark(&self) -> &str {
        self.dir.path().to_str().expect("a plain path")
    }

    /// Starts `workshop` with these arguments.
    pub fn start(&self, args: &[&str]) -> Running {
        self.start_with(args, &[])
    }

    /// `workshop` with these arguments and variables, not yet started.
    pub fn prepare(&self, args: &[&str], env: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
        command.arg("--course").arg(&self.course).args(args).current_dir(self.dir.path());
        command.env("HOME", self.dir.path().join("home")).env("WORKSHOP_NO_PREFETCH", "1").env("PATH", path());
        command.env("TMPDIR", self.temporary());
        let others = ["NO_COLOR", "CLICOLOR_FORCE", "COLUMNS", "PYTHONUNBUFFERED", "PYTHONSTARTUP", "ENV"];
        for name in others.into_iter().chain(["LC_ALL", "LC_CTYPE", "LC_MESSAGES", "LANG"]) {
            command.env_remove(name);
        }
        command.envs(env.iter().copied());
        command
    }

    /// Starts it, with variables of the learner's own.
    pub fn start_with(&self, args: &[&str], env: &[(&str, &str)]) -> Running {
        let mut command = self.prepare(args, env);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let stdout = listen(child.stdout.take().expect("a pipe"));
        let stderr = listen(child.stderr.take().expect("a pipe"));
        Running { child, start: Instant::now(), stdout, stderr }
    }

    /// `workshop` with these arguments, to its end.
    pub fn command(&self, args: &[&str]) -> Done {
        self.start(args).end()
    }

    /// `workshop verify` with these arguments, to its end.
    pub fn verify(&self, args: &[&str]) -> Verdict {
        Verdict::of(self.command(&[&["verify", "--format", "json"], args].concat()))
    }

    /// No process that was started here is left.
    pub fn no_process_is_left(&self) {
        until("every process is gone", || {
            let left = system::processes_of(self.mark());
            if left.is_empty() { Ok(()) } else { Err(format!("{left:#?}")) }
        });
    }

    /// Nothing that was started here is left, and no file of it outside of the workspace.
    pub fn nothing_is_left(&self) {
        self.no_process_is_left();
        let files = std::fs::read_dir(self.temporary()).expect("the folder").flatten();
        let files: Vec<PathBuf> = files.map(|file| file.path()).collect();
        assert!(files.is_empty(), "left over: {files:?}");
    }
}

impl Drop for Learner {
    fn drop(&mut self) {
        for process in system::processes_of(self.mark()) {
            process.kill();
        }
    }
}

impl Running {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Is it over?
    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("it is ours").is_some()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).expect("it is there");
    }

    /// Waits for its end.
    pub fn end(mut self) -> Done {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is ours") {
                break status;
            }
            if self.start.elapsed() > 2 * PATIENCE {
                let _ = self.child.kill();
                let stderr = String::from_utf8_lossy(&self.stderr.join().expect("read")).into_owned();
                panic!("workshop did not come to an end; it said {stderr}");
            }
            std::thread::sleep(system::POLL);
        };
        Done {
            status,
            stdout: self.stdout.join().expect("read"),
            stderr: String::from_utf8_lossy(&self.stderr.join().expect("read")).into_owned(),
        }
    }
}

impl Done {
    /// What it printed, as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("the runner prints UTF-8")
    }

    /// It must have gone well.
    pub fn success(self) -> Done {
        self.code(0)
    }

    /// It must have ended with this exit code.
    pub fn code(self, code: i32) -> Done {
        let (out, err) = (String::from_utf8_lossy(&self.stdout), &self.stderr);
        assert_eq!(self.status.code(), Some(code), "exit code; it printed {out}\nand said {err}");
        self
    }
}

impl Verdict {
    /// Reads the lines of a command.
    pub fn of(done: Done) -> Verdict {
        let events = done
            .text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}")))
            .collect();
        Verdict { done, events }
    }

    /// Its runs.
    pub fn runs(&self) -> Vec<&Value> {
        self.events.iter().filter(|event| event["event"] == "run").collect()
    }

    /// Its only run.
    pub fn run(&self) -> &Value {
        match self.runs().as_slice() {
            [run] => run,
            runs => panic!("{} runs; it said {}", runs.len(), self.done.stderr),
        }
    }

    /// Every run must have passed; how many there were.
    pub fn passed(&self) -> usize {
        for run in self.runs() {
            assert_eq!(run["passed"], true, "{run:#}");
        }
        assert_eq!(self.done.status.code(), Some(0), "exit code; it said {}", self.done.stderr);
        self.runs().len()
    }

    /// The only run must have failed for this reason.
    pub fn failed(&self, reason: &str) -> &Value {
        let run = self.run();
        assert_eq!(run["passed"], false, "{run:#}");
        assert_eq!(run["reason"]["id"], reason, "{}", shortened(&run["reason"]["say"].to_string()));
        assert_eq!(self.done.status.code(), Some(1), "exit code; it said {}", self.done.stderr);
        run
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(400).collect()
}

fn listen(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut all = Vec::new();
        let _ = pipe.read_to_end(&mut all);
        all
    })
}
