//! A peer's process: spawned in a group of its own, listened to, and ended with everything that it started.
//!
//! One task owns the child, and only it waits for the child. It turns what happens into [`PeerEvent`]s: lines as they
//! come, and one ending after the last line. However the run ends (success, failure, a panic, Ctrl-C), dropping the
//! [`Peer`] ends the group at once.

pub mod orphans;
mod typing;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap};
use tokio::io::AsyncReadExt;
use tokio::process::{ChildStderr, ChildStdout, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use self::typing::Input;
use crate::evidence::{MAX_PRINTED, MAX_PRINTED_LINES};
use crate::machine::{files, shortage};
use crate::matcher::Ending;
use crate::sandbox::Sandbox;
use crate::transcript::RoleId;

/// How many bytes are kept of standard error, at its beginning and at its end each.
pub const KEPT_STDERR: usize = 16 * 1024;

/// How many bytes are reported of an unfinished line when a peer is stopped.
const MAX_UNENDED: usize = 4096;

/// The time between TERM and KILL, in which the peer is drained.
const GRACE: Duration = Duration::from_millis(500);

/// How long a process may hold the output of a peer that has exited.
pub const LEAK_GRACE: Duration = Duration::from_millis(500);

/// How to start a peer.
#[derive(Debug, Clone)]
pub struct PeerCommand {
    /// The program and its first arguments.
    pub run: Vec<String>,
    /// Set in its environment.
    pub env: BTreeMap<String, String>,
    /// Its working directory.
    pub dir: PathBuf,
    /// Report what it prints also before its newline comes.
    pub parts: bool,
    /// The MiB that it may allocate, where the system can enforce that.
    pub memory: Option<u64>,
    /// What it may see and do; everything when there is none.
    pub sandbox: Option<Sandbox>,
}

/// Something that a peer did.
#[derive(Debug)]
pub enum PeerEvent {
    /// It printed a line; `whole` is false for a last one without a newline.
    Line {
        /// Without the newline.
        bytes: Vec<u8>,
        /// It was ended by a newline.
        whole: bool,
    },
    /// It printed this, and no newline after it yet; only if that was asked for.
    Part(Vec<u8>),
    /// It is being stopped, and has printed this after its last newline; only the beginning.
    Unended(Vec<u8>),
    /// It printed more than [`MAX_PRINTED`] or [`MAX_PRINTED_LINES`]; the rest is read and discarded.
    Flood,
    /// It is gone, and everything that it printed has been reported. The last event.
    Ended {
        /// How.
        ending: Ending,
        /// What it wrote to standard error.
        stderr: Vec<u8>,
        /// Another process still held its output [`LEAK_GRACE`] after its end.
        leaked: bool,
    },
}

/// How a peer is to be stopped.
enum Stop {
    /// Asked first (TERM), then killed; its output is read to the end.
    Gently,
    /// Killed, and not listened to any more.
    Dead,
}

/// A running peer.
pub struct Peer {
    /// Its process id.
    pub id: u32,
    input: Input,
    stop: Option<oneshot::Sender<Stop>>,
    task: JoinHandle<()>,
    exited: Arc<AtomicBool>,
    noise: Arc<AtomicU64>,
    /// A copy of its output, to see what has not been read yet.
    #[cfg(unix)]
    output: Option<std::os::fd::OwnedFd>,
}

impl Peer {
    /// Starts a peer; its events go to `events`, with its role.
    ///
    /// # Errors
    /// The program can't be started.
    pub fn spawn(
        command: &PeerCommand,
        args: &[String],
        role: RoleId,
        events: mpsc::UnboundedSender<(RoleId, PeerEvent)>,
    ) -> io::Result<Peer> {
        let mut child = spawn_peer(command, args)?;
        let id = child.0.id().ok_or_else(|| io::Error::other("the process has no id"))?;
        let streams = (child.0.stdin().take(), child.0.stdout().take(), child.0.stderr().take());
        let (Some(stdin), Some(stdout), Some(stderr)) = streams else {
            return Err(io::Error::other("the process has no pipes"));
        };
        #[cfg(unix)]
        let output = std::os::fd::AsFd::as_fd(&stdout).try_clone_to_owned().inspect_err(shortage::note).ok();
        let (input, typing) = Input::new(stdin);
        let (stop, stopped) = oneshot::channel();
        let (exited, noise) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let listener = Listener {
            role,
            events,
            exited: Arc::clone(&exited),
            noise: Arc::clone(&noise),
            parts: command.parts,
            stdout: LineSplitter::default(),
            stderr: HeadAndTail::default(),
        };
        let task = tokio::spawn(async move {
            // When the peer is gone, drop what is still to be typed.
            tokio::select! {
                () = listener.listen(child, stdout, stderr, stopped) => {}
                () = async { typing.await; std::future::pending().await } => {}
            }
        });
        Ok(Peer {
            id,
            input,
            stop: Some(stop),
            task,
            exited,
            noise,
            #[cfg(unix)]
            output,
        })
    }

    /// Types a line. It waits in the runner until the peer reads it, and is lost if the peer is gone.
    pub fn type_line(&self, text: &str) {
        self.input.type_line(text);
    }

    /// Ends the input, after everything that was typed.
    pub fn end_input(&mut self) {
        self.input.end();
    }

    /// The typed bytes in its pipe that the peer has not read, where the system says so.
    pub fn unread_input(&self) -> Option<usize> {
        self.input.unread()
    }

    /// The typed bytes that its pipe has taken so far.
    pub fn written_input(&self) -> u64 {
        self.input.written()
    }

    /// Is something that was typed about to enter its pipe?
    pub fn is_typed_into(&self) -> bool {
        self.input.is_on_its_way()
    }

    /// Has it printed something that has not been reported yet, where the system says so?
    pub fn has_printed_more(&self) -> bool {
        #[cfg(unix)]
        return self.output.as_ref().is_some_and(|output| {
            crate::quiescence::unread_in_pipe(std::os::fd::AsFd::as_fd(output)).is_some_and(|unread| unread > 0)
        });
        #[cfg(not(unix))]
        return false;
    }

    /// Has it exited? Its [`PeerEvent::Ended`] follows, at the latest after [`LEAK_GRACE`].
    pub fn is_ending(&self) -> bool {
        self.exited.load(Ordering::Relaxed)
    }

    /// The bytes that it has written to standard error so far.
    pub fn noise(&self) -> u64 {
        self.noise.load(Ordering::Relaxed)
    }

    /// Suspends it, with everything that it has started. Returns when it has stopped, where the system says so.
    ///
    /// # Errors
    /// The system does not support it.
    #[cfg(unix)]
    pub async fn pause(&self) -> io::Result<()> {
        if !self.is_ending() {
            signal_group(self.id, rustix::process::Signal::STOP);
            while !self.is_ending() && crate::quiescence::is_stopped(self.id) == Some(false) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        Ok(())
    }

    /// Suspends it: not supported on this system.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(unix))]
    pub async fn pause(&self) -> io::Result<()> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    /// Resumes it.
    pub fn resume(&self) {
        #[cfg(unix)]
        if !self.is_ending() {
            signal_group(self.id, rustix::process::Signal::CONT);
        }
    }

    /// Asks it to end, then kills it. Its [`PeerEvent::Ended`] says when it is gone.
    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(Stop::Gently);
        }
    }

    /// Kills it without a warning; no more events come. Returns when it is gone and the system has closed its
    /// sockets, so that its peers can notice.
    pub async fn kill(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(Stop::Dead);
        }
        let _ = (&mut self.task).await;
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The task owns the group; dropping it ends the group.
        self.task.abort();
    }
}

/// A child and its process group. Dropping it kills the whole group.
pub struct Group(Box<dyn ChildWrapper>);

impl Group {
    /// Starts a program as the leader of a new group.
    ///
    /// # Errors
    /// It can't be started.
    pub fn spawn(mut command: Command) -> io::Result<Group> {
        give_back_limits(&mut command);
        let mut wrapped = CommandWrap::from(command);
        #[cfg(unix)]
        wrapped.wrap(process_wrap::tokio::ProcessGroup::leader());
        #[cfg(windows)]
        wrapped.wrap(process_wrap::tokio::JobObject);
        wrapped.spawn().map(Group)
    }

    /// Takes its standard error, if that is a pipe.
    pub fn stderr(&mut self) -> Option<ChildStderr> {
        self.0.stderr().take()
    }

    /// Waits until the first process of the group has exited. May be cancelled and called again.
    ///
    /// # Errors
    /// The system does not let us wait.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        // The wrapper's own `wait` would also wait for the rest of the group.
        self.0.inner_mut().wait().await
    }

    /// Kills the remaining processes of the group.
    fn sweep(&mut self) {
        let _ = self.0.start_kill();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.sweep();
    }
}

/// Restores the original limit of open files, which the runner has raised, for the program.
#[cfg(unix)]
fn give_back_limits(command: &mut Command) {
    let Some(limit) = files::to_give_back() else { return };
    let give_back =
        move || rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).map_err(io::Error::from);
    // SAFETY: between `fork` and `exec` a process may only do what is safe in a signal handler. This is
    // one system call: nothing is allocated, and no lock is taken.
    #[expect(unsafe_code, reason = "a limit that is set any later is seen by the program before")]
    unsafe {
        command.pre_exec(give_back);
    }
}

#[cfg(not(unix))]
fn give_back_limits(_: &mut Command) {}

fn spawn_peer(command: &PeerCommand, args: &[String]) -> io::Result<Group> {
    let words = command.run.iter().chain(args).cloned().collect();
    let words = match &command.sandbox {
        Some(sandbox) => sandbox.command(words, &command.dir, &command.env),
        None => words,
    };
    let (program, args) = words.split_first().ok_or_else(|| io::Error::other("the command is empty"))?;
    let mut spawned = match command.memory {
        Some(memory) => {
            may_start(program)?;
            limited(memory, program)
        }
        None => Command::new(program),
    };
    spawned.args(args).envs(&command.env).current_dir(&command.dir);
    spawned.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Group::spawn(spawned)
}

/// Checks that the program can be started: a shell would report that only on standard error, and without the reason.
#[cfg(unix)]
fn may_start(program: &str) -> io::Result<()> {
    match program.contains('/') {
        true => rustix::fs::access(program, rustix::fs::Access::EXEC_OK).map_err(io::Error::from),
        false => Ok(()),
    }
}

/// Other systems start it without a shell.
#[cfg(not(unix))]
fn may_start(_: &str) -> io::Result<()> {
    Ok(())
}

/// A program that may allocate this many MiB. The limit must be set before the program runs: a shell sets it, and the
/// program replaces the shell.
#[cfg(unix)]
fn limited(memory: u64, program: &str) -> Command {
    let mut shell = Command::new("sh");
    let kibibytes = (memory << 10).to_string();
    // Where the system knows no such limit, the program runs without it.
    shell.args(["-c", r#"ulimit -d "$0" 2>/dev/null; exec "$@""#, &kibibytes, program]);
    shell
}

/// Other systems have no such limit.
#[cfg(not(unix))]
fn limited(_: u64, program: &str) -> Command {
    Command::new(program)
}

/// Turns what a child does into events.
struct Listener {
    role: RoleId,
    events: mpsc::UnboundedSender<(RoleId, PeerEvent)>,
    exited: Arc<AtomicBool>,
    noise: Arc<AtomicU64>,
    parts: bool,
    stdout: LineSplitter,
    stderr: HeadAndTail,
}

impl Listener {
    /// The only loop of a child, from its start until nothing of it is left.
    async fn listen(
        mut self,
        mut child: Group,
        stdout: ChildStdout,
        stderr: ChildStderr,
        stop: oneshot::Receiver<Stop>,
    ) {
        let (mut stdout, mut stderr) = (Some(stdout), Some(stderr));
        let (mut out, mut err) = (vec![0; 16 * 1024], vec![0; 4 * 1024]);
        let mut status: Option<io::Result<ExitStatus>> = None;
        let mut stop = Some(stop);
        // Armed by `stop`, and again by the exit.
        let deadline = tokio::time::sleep(Duration::MAX);
        tokio::pin!(deadline);
        let mut leaked = false;
        while status.is_none() || stdout.is_some() || stderr.is_some() {
            tokio::select! {
                read = read(&mut stdout, &mut out), if stdout.is_some() => match read {
                    0 => stdout = None,
                    count => self.printed(&out[..count]),
                },
                read = read(&mut stderr, &mut err), if stderr.is_some() => match read {
                    0 => stderr = None,
                    count => {
                        self.noise.fetch_add(count as u64, Ordering::Relaxed);
                        self.stderr.push(&err[..count]);
                    }
                },
                exited = child.wait(), if status.is_none() => {
                    status = Some(exited);
                    self.exited.store(true, Ordering::Relaxed);
                    deadline.as_mut().reset(tokio::time::Instant::now() + LEAK_GRACE);
                }
                asked = async { stop.as_mut().expect("checked").await }, if stop.is_some() => {
                    stop = None;
                    match asked {
                        Ok(Stop::Gently) if status.is_none() => {
                            self.unended();
                            terminate(&mut child);
                            deadline.as_mut().reset(tokio::time::Instant::now() + GRACE);
                        }
                        Ok(Stop::Dead) => {
                            child.sweep();
                            // Once a process can be waited for, its sockets are closed.
                            if status.is_none() {
                                let _ = child.wait().await;
                            }
                            return;
                        }
                        Ok(Stop::Gently) | Err(_) => {}
                    }
                }
                () = &mut deadline => {
                    child.sweep();
                    if status.is_some() {
                        leaked = true;
                        break;
                    }
                    deadline.as_mut().reset(tokio::time::Instant::now() + Duration::from_secs(86_400));
                }
            }
        }
        // Processes that the peer left behind in its group are killed with it.
        drop(child);
        self.ended(status, leaked);
    }

    fn printed(&mut self, bytes: &[u8]) {
        let flooded = self.stdout.flooded;
        for line in self.stdout.push(bytes) {
            let _ = self.events.send((self.role, PeerEvent::Line { bytes: line, whole: true }));
        }
        let part = bytes.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        if self.parts && !part.is_empty() && !self.stdout.flooded {
            let _ = self.events.send((self.role, PeerEvent::Part(part.to_vec())));
        }
        if self.stdout.flooded && !flooded {
            let _ = self.events.send((self.role, PeerEvent::Flood));
        }
    }

    /// Reports an unfinished line, before the peer is asked to end and may print more.
    fn unended(&self) {
        let rest = &self.stdout.rest;
        if !rest.is_empty() {
            let bytes = rest[..rest.len().min(MAX_UNENDED)].to_vec();
            let _ = self.events.send((self.role, PeerEvent::Unended(bytes)));
        }
    }

    fn ended(mut self, status: Option<io::Result<ExitStatus>>, leaked: bool) {
        let rest = std::mem::take(&mut self.stdout.rest);
        if !rest.is_empty() && !self.stdout.flooded {
            let _ = self.events.send((self.role, PeerEvent::Line { bytes: rest, whole: false }));
        }
        let ending = match status {
            Some(Ok(status)) => ending(status),
            _ => Ending::Exit(-1),
        };
        let _ = self.events.send((self.role, PeerEvent::Ended { ending, stderr: self.stderr.finish(), leaked }));
    }
}

/// Reads from a stream that may be gone; an error counts as the end.
async fn read(stream: &mut Option<impl tokio::io::AsyncRead + Unpin>, buffer: &mut [u8]) -> usize {
    match stream {
        Some(stream) => stream.read(buffer).await.unwrap_or(0),
        None => 0,
    }
}

#[cfg(unix)]
fn terminate(child: &mut Group) {
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::CONT] {
        // A paused process handles TERM only after CONT.
        let _ = child.0.signal(signal.as_raw());
    }
}

/// Signals the group that this process leads.
#[cfg(unix)]
fn signal_group(id: u32, signal: rustix::process::Signal) {
    if let Some(group) = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

#[cfg(not(unix))]
fn terminate(child: &mut Group) {
    child.sweep();
}

#[cfg(unix)]
fn ending(status: ExitStatus) -> Ending {
    use std::os::unix::process::ExitStatusExt;
    status.signal().map_or_else(|| Ending::Exit(status.code().unwrap_or(-1)), Ending::Signal)
}

#[cfg(not(unix))]
fn ending(status: ExitStatus) -> Ending {
    Ending::Exit(status.code().unwrap_or(-1))
}

/// Splits output into lines, up to a limit.
#[derive(Default)]
struct LineSplitter {
    rest: Vec<u8>,
    total: usize,
    count: usize,
    flooded: bool,
}

impl LineSplitter {
    fn push(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.total = self.total.saturating_add(bytes.len());
        if self.flooded || self.total > MAX_PRINTED {
            self.flooded = true;
            self.rest = Vec::new();
            return Vec::new();
        }
        // What was kept has no newline: a long line that comes in small pieces is read once.
        let last = bytes.iter().rposition(|byte| *byte == b'\n').map(|last| self.rest.len() + last);
        self.rest.extend_from_slice(bytes);
        let Some(last) = last else { return Vec::new() };
        let rest = self.rest.split_off(last + 1);
        let whole = std::mem::replace(&mut self.rest, rest);
        let lines: Vec<Vec<u8>> = whole[..last].split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        self.count += lines.len();
        self.flooded = self.count > MAX_PRINTED_LINES;
        lines
    }
}

/// Keeps the beginning and the end of a stream.
#[derive(Default)]
struct HeadAndTail {
    head: Vec<u8>,
    tail: Vec<u8>,
    dropped: usize,
}

impl HeadAndTail {
    fn push(&mut self, bytes: &[u8]) {
        let room = KEPT_STDERR - self.head.len();
        let (head, tail) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(head);
        self.tail.extend_from_slice(tail);
        if self.tail.len() > 2 * KEPT_STDERR {
            let drop = self.tail.len() - KEPT_STDERR;
            self.tail.drain(..drop);
            self.dropped += drop;
        }
    }

    fn finish(self) -> Vec<u8> {
        let mut all = self.head;
        if self.dropped > 0 {
            all.extend_from_slice(format!("\n… {} bytes left out …\n", self.dropped).as_bytes());
        }
        all.extend(self.tail);
        all
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// What is killed is gone, with all that it had open, before anything else is done.
    #[test]
    fn who_was_killed_is_gone() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            for _ in 0..50 {
                let command = PeerCommand {
                    run: vec!["sleep".to_owned(), "1000".to_owned()],
                    env: BTreeMap::new(),
                    dir: PathBuf::from("/"),
                    parts: false,
                    memory: None,
                    sandbox: None,
                };
                let (events, mut told) = mpsc::unbounded_channel();
                let peer = Peer::spawn(&command, &[], 0, events).expect("it starts");
                let process = PathBuf::from(format!("/proc/{}", peer.id));
                assert!(process.exists());
                peer.kill().await;
                assert!(!process.exists());
                assert!(told.recv().await.is_none(), "nothing more is heard of it");
            }
        });
    }
}
