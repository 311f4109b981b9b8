//! Building ahead of time, so that the first verify of a stage does not begin with a long wait.
//!
//! `workshop next` starts `workshop prefetch` in the background, at the lowest priority. It builds the reference of every stage in the order of the course, in the same way and into the same cache as a verify does, and yields to any command that wants to build: a half-finished build is begun again afterwards, a finished one stays.
//!
//! Three locks make that work. `prefetch.lock`: one prefetch at a time. `build.lock`: one process builds at a time.
//! `want.lock`: held by a command that wants to build, from before it rings the bell until it is done, and by the
//! prefetch while it gets ready to hear the bell. So a command that holds `want.lock` finds the prefetch either
//! building and listening for the bell, or waiting for the lock.
//!
//! It ends with the terminal in which it was started.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::context;
use crate::cli::Chosen;
use crate::error::Result;
use crate::event::{Event, Reporter};
use crate::files::Lock;
use crate::report::build_progress;
use crate::runtime;
use crate::workspace::Workspace;

/// Says what is being built ahead.
const STATUS: &str = "prefetch.txt";

const PREFETCH: &str = "prefetch.lock";
const WANT: &str = "want.lock";
const BUILD: &str = "build.lock";

/// Starts the prefetch in the background. That it can't be started is not an error.
pub fn start(workspace: &Workspace) {
    let Ok(program) = std::env::current_exe() else { return };
    let mut command = Command::new(program);
    if let crate::assets::Origin::Folder(path) = &workspace.catalog.origin {
        command.arg("--course").arg(path);
    }
    command
        .arg("prefetch")
        .current_dir(&workspace.root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // Not in the terminal's process group: Ctrl-C must not reach it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let _ = command.spawn();
}

/// Builds the references of all stages. Safe to interrupt: the next one continues.
pub fn prefetch(chosen: &Chosen) -> Result<bool> {
    let workspace = context::open_workspace(chosen)?;
    let Some(_one_at_a_time) = Lock::try_take(&workspace.dot(), PREFETCH)? else { return Ok(true) };
    #[cfg(unix)]
    {
        let _ = rustix::process::nice(19);
        end_with_the_terminal();
    }
    let mut good = true;
    for stage in &workspace.catalog.course.stages {
        good &= loop {
            if let Some(built) = build_ahead(&workspace, stage)? {
                break built;
            }
        };
    }
    let _ = fs::remove_file(workspace.dot().join(STATUS));
    Ok(good)
}

/// Ends this process as a terminal ends one that runs in it, when the terminal is closed: it is not in the process group
/// to which the system would say so.
#[cfg(unix)]
fn end_with_the_terminal() {
    use rustix::event::{PollFd, PollFlags, poll};

    let Ok(terminal) = fs::File::open("/dev/tty") else { return };
    std::thread::spawn(move || {
        // Nothing is asked for but what is always told: that the terminal is gone.
        let mut watched = [PollFd::new(&terminal, PollFlags::empty())];
        while let Err(error) = poll(&mut watched, None) {
            if error != rustix::io::Errno::INTR {
                return;
            }
        }
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP);
    });
}

/// What is being built ahead, if anything is.
pub fn status(workspace: &Workspace) -> Option<String> {
    let at_work = Lock::try_take(&workspace.dot(), PREFETCH).is_ok_and(|lock| lock.is_none());
    at_work.then(|| fs::read_to_string(workspace.dot().join(STATUS)).ok()).flatten()
}

/// Builds the reference of a stage; `None` when another command wanted to build.
fn build_ahead(workspace: &Workspace, stage: &str) -> Result<Option<bool>> {
    let dot = workspace.dot();
    let want = Lock::take(&dot, WANT, || {})?;
    let _lock = Lock::take(&dot, BUILD, || {})?;
    let built = context::built(workspace, &workspace.catalog.stage(stage)?, false)?;
    let mut status = StatusFile { path: &dot.join(STATUS), stage };
    runtime::block_on(async {
        let bell = Bell::hang(&dot);
        drop(want);
        tokio::select! {
            built = crate::verify::build(built.track, &built.reference, &mut status) => built.map(Some),
            () = rung(bell) => Ok(None),
        }
    })
}

/// Exclusive permission to build, while it is held.
pub struct BuildLock {
    _want: Lock,
    _build: Lock,
}

/// Waits for permission to build. A running prefetch yields.
pub async fn build_lock(workspace: &Workspace, reporter: &mut dyn Reporter) -> Result<BuildLock> {
    let dot = workspace.dot();
    let want = told_lock(&dot, WANT, "another `workshop` is building", reporter).await?;
    ring(&dot);
    let build = told_lock(&dot, BUILD, "the background build is being stopped", reporter).await?;
    Ok(BuildLock { _want: want, _build: build })
}

/// Takes a lock, and reports the reason if it has to wait.
pub async fn told_lock(dot: &Path, name: &'static str, why: &str, reporter: &mut dyn Reporter) -> Result<Lock> {
    if let Some(lock) = Lock::try_take(dot, name)? {
        return Ok(lock);
    }
    reporter.tell(&Event::Waiting(Some(why)));
    let lock = Lock::when_free(dot, name).await;
    reporter.tell(&Event::Waiting(None));
    lock
}

/// Writes what is being built into a file that other commands read.
struct StatusFile<'p> {
    path: &'p Path,
    stage: &'p str,
}

impl Reporter for StatusFile<'_> {
    fn tell(&mut self, event: &Event<'_>) {
        let said = match event {
            Event::BuildLine(line) => line.trim().to_owned(),
            Event::BuildProgress { done, total, what, .. } => build_progress(*done, *total, what),
            _ => return,
        };
        let _ = fs::write(self.path, format!("{}: {said}", self.stage));
    }
}

/// Waits until another command wants to build; for ever where there is no bell.
async fn rung(bell: Option<Bell>) {
    match bell {
        Some(bell) => bell.rung().await,
        None => std::future::pending().await,
    }
}

#[cfg(unix)]
use bell::{Bell, ring};

/// A named pipe: writing into it works only while the prefetch listens.
#[cfg(unix)]
mod bell {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    use std::path::Path;

    use rustix::fs::OFlags;
    use tokio::net::unix::pipe::{OpenOptions, Receiver, Sender};

    const BELL: &str = "bell";

    /// The listening end.
    pub struct Bell {
        receiver: Receiver,
        /// Without a sender the pipe would be at its end, and seem to ring all the time.
        _own: Sender,
    }

    impl Bell {
        /// Listens from now on; `None` where the file system has no pipes.
        pub fn hang(dir: &Path) -> Option<Bell> {
            let path = dir.join(BELL);
            if !path.exists() {
                // Every Unix has the program; the system calls have different names.
                let _ = std::process::Command::new("mkfifo").arg(&path).status();
            }
            let receiver = OpenOptions::new().open_receiver(&path).ok()?;
            let own = OpenOptions::new().open_sender(&path).ok()?;
            Some(Bell { receiver, _own: own })
        }

        /// Waits until it is rung.
        pub async fn rung(&self) {
            if self.receiver.readable().await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// Rings, if a prefetch listens.
    pub fn ring(dir: &Path) {
        let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
        let pipe = std::fs::OpenOptions::new().write(true).custom_flags(nonblocking).open(dir.join(BELL));
        let _ = pipe.and_then(|mut pipe| pipe.write_all(b"!"));
    }
}

/// Other systems wait for the stage that is being built ahead.
#[cfg(not(unix))]
struct Bell;

#[cfg(not(unix))]
impl Bell {
    fn hang(_: &Path) -> Option<Bell> {
        None
    }

    async fn rung(&self) {}
}

#[cfg(not(unix))]
fn ring(_: &Path) {}
