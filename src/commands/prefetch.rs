//! Building ahead of time, so that the first verify of a stage does not begin with a long wait.
//!
//! `workshop next` starts `workshop prefetch` in the background, at the lowest priority. It builds
//! the reference of every stage, in the order of the course, by the same way and into the same
//! cache as a verify does, and gives way to whoever wants to build: what is half built is begun
//! again afterwards, what is built stays.
//!
//! Three locks see to that. `prefetch.lock`: there is one prefetch at a time. `build.lock`: one
//! process builds at a time. `want.lock` is held by who wants to build, from before he asks until
//! he is done; the prefetch holds it for as long as it takes to get ready to be asked. So whoever
//! has it finds the prefetch either building, and listening for the bell, or waiting for him.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::context;
use crate::cli::Chosen;
use crate::error::Result;
use crate::event::{Event, Reporter};
use crate::files::Lock;
use crate::runtime;
use crate::workspace::Workspace;

/// What is being built ahead, for those who ask.
const STATUS: &str = "prefetch.txt";

const PREFETCH: &str = "prefetch.lock";
const WANT: &str = "want.lock";
const BUILD: &str = "build.lock";

/// Starts the prefetch in the background; it is no error when it can't be started.
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
    // Not in the terminal's group: Ctrl-C there is not meant for it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let _ = command.spawn();
}

/// Builds the references of all stages. Safe to interrupt: the next one goes on where it ended.
pub fn prefetch(chosen: &Chosen) -> Result<bool> {
    let workspace = context::open_workspace(chosen)?;
    let Some(_one_at_a_time) = Lock::try_take(&workspace.dot(), PREFETCH)? else { return Ok(true) };
    #[cfg(unix)]
    let _ = rustix::process::nice(19);
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

/// What is being built ahead, if anything is.
pub fn status(workspace: &Workspace) -> Option<String> {
    let at_work = Lock::try_take(&workspace.dot(), PREFETCH).is_ok_and(|lock| lock.is_none());
    at_work.then(|| fs::read_to_string(workspace.dot().join(STATUS)).ok()).flatten()
}

/// Builds the reference of a stage; `None` when somebody else wanted to build.
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

/// The right to build, for as long as it is held.
pub struct BuildLock {
    _want: Lock,
    _build: Lock,
}

/// Waits for the right to build. A prefetch that is at work gives way.
pub async fn build_lock(workspace: &Workspace, reporter: &mut dyn Reporter) -> Result<BuildLock> {
    let dot = workspace.dot();
    let want = told_lock(&dot, WANT, "another `workshop` builds", reporter).await?;
    ring(&dot);
    let build = told_lock(&dot, BUILD, "what is built ahead is put aside", reporter).await?;
    Ok(BuildLock { _want: want, _build: build })
}

/// Takes a lock, and tells why it is waited for, if it is.
pub async fn told_lock(dot: &Path, name: &'static str, why: &str, reporter: &mut dyn Reporter) -> Result<Lock> {
    if let Some(lock) = Lock::try_take(dot, name)? {
        return Ok(lock);
    }
    reporter.tell(&Event::Waiting(Some(why)));
    let lock = Lock::when_free(dot, name).await;
    reporter.tell(&Event::Waiting(None));
    lock
}

/// Writes what is being built where those who ask can read it.
struct StatusFile<'p> {
    path: &'p Path,
    stage: &'p str,
}

impl Reporter for StatusFile<'_> {
    fn tell(&mut self, event: &Event<'_>) {
        if let Event::BuildLine(line) = event {
            let _ = fs::write(self.path, format!("{}: {}", self.stage, line.trim()));
        }
    }
}

/// Waits until somebody wants to build; for ever where there is no bell.
async fn rung(bell: Option<Bell>) {
    match bell {
        Some(bell) => bell.rung().await,
        None => std::future::pending().await,
    }
}

#[cfg(unix)]
use bell::{Bell, ring};

/// A named pipe: to write into it works only while somebody listens.
#[cfg(unix)]
mod bell {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    use std::path::Path;

    use rustix::fs::OFlags;
    use tokio::net::unix::pipe::{OpenOptions, Receiver, Sender};

    const BELL: &str = "bell";

    /// The end that listens.
    pub struct Bell {
        receiver: Receiver,
        /// Without a sender a pipe is at its end, and seems to ring all the time.
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

    /// Rings, if anybody listens.
    pub fn ring(dir: &Path) {
        let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
        let pipe = std::fs::OpenOptions::new().write(true).custom_flags(nonblocking).open(dir.join(BELL));
        let _ = pipe.and_then(|mut pipe| pipe.write_all(b"!"));
    }
}

/// Elsewhere a stage that is being built ahead is waited for.
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
