//! Building ahead of time, so that the first verify of a stage does not begin with a long wait.
//!
//! `workshop next` starts `workshop prefetch` in the background, at the lowest priority. It
//! builds the reference of every stage, in the order of the course, by the same way and into the
//! same cache as a verify does. Between stages it lets go of the build lock; a verify that needs
//! the lock meanwhile waits and shows what is being built.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::event::{Event, Reporter};
use crate::progress::with_lock;
use crate::workspace::Workspace;

/// What is being built ahead, for those who wait.
const STATUS: &str = "prefetch.txt";

const LOCK: &str = "build.lock";

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
pub fn prefetch(course: Option<&Path>) -> Result<bool> {
    let workspace = super::open_workspace(course)?;
    #[cfg(unix)]
    let _ = rustix::process::nice(19);
    let status = workspace.dot().join(STATUS);
    let mut good = true;
    with_lock(
        &workspace.dot(),
        "prefetch.lock",
        || {},
        || {
            for stage in &workspace.catalog.course.stages {
                let built = super::built(&workspace, stage, false)?;
                good &= with_lock(
                    &workspace.dot(),
                    LOCK,
                    || {},
                    || {
                        let mut tell = Status { path: &status, stage };
                        super::block_on(crate::verify::build(built.track, &built.reference, &mut tell))
                    },
                )?;
            }
            Ok(())
        },
    )?;
    let _ = fs::remove_file(&status);
    Ok(good)
}

/// Writes what is being built where those who wait can read it.
struct Status<'p> {
    path: &'p Path,
    stage: &'p str,
}

impl Reporter for Status<'_> {
    fn tell(&mut self, event: &Event<'_>) {
        if let Event::BuildLine(line) = event {
            let _ = fs::write(self.path, format!("{}: {}", self.stage, line.trim()));
        }
    }
}

/// Does something that builds. While a prefetch builds, its progress is shown.
pub fn with_build_lock<T>(
    workspace: &Workspace,
    stage: &str,
    reporter: &mut dyn Reporter,
    work: impl FnOnce(&mut dyn Reporter) -> Result<T>,
) -> Result<T> {
    let path = workspace.dot().join(LOCK);
    let fail = |error: std::io::Error| Error::io("lock", &path, &error);
    let file = fs::File::options().create(true).truncate(false).write(true).open(&path).map_err(fail)?;
    let mut lock = fd_lock::RwLock::new(file);
    let status = workspace.dot().join(STATUS);
    let mut waited = false;
    loop {
        match lock.try_write() {
            Ok(guard) => {
                if waited {
                    reporter.tell(&Event::Waiting(None));
                }
                let result = work(reporter);
                drop(guard);
                return result;
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                waited = true;
                let building = fs::read_to_string(&status).unwrap_or_else(|_| format!("{stage}: what it depends on"));
                reporter.tell(&Event::Waiting(Some(&format!("building ahead: {building}"))));
                // Asked again while the progress is shown; the lock itself is what is waited for.
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(error) => return Err(fail(error)),
        }
    }
}
