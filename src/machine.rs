//! What the machine does, as opposed to the learner's program: what it lacks and what it refuses.
//!
//! A run that the machine keeps from being played is neither passed nor failed. It is told in four
//! ways:
//!
//! 1. The runner itself can't open, start or write something. That needs no proof; the places where it
//!    happens say so, and what every run needs is noted in [`shortage`].
//! 2. A program says so, in the words of its runtime. Words prove nothing: a program that leaks sockets
//!    says the same as one that was given too few. So the system is asked when the run is over and all
//!    that it took is given back ([`room`]): **what is still lacking then, the run has not taken
//!    itself.** Where there is room again, the program had used it up, and keeps its verdict.
//! 3. A program is ended by a signal that the runner did not send, and the system counts that it has
//!    ended one for want of memory, and there is still little of it.
//!
//! 4. The ports of the machine are used up. A program that can't have one says so in many ways, or does not say
//!    so, and what ends now gives back its port in a minute ([`ports`]): so no word is asked for, and a run that
//!    has not opened that many connections itself has not used them up.
//!
//! [`files`] has the limit that binds the runner first, and how many runs fit into it.

pub mod files;
pub mod ports;
pub mod room;
pub mod shortage;

use std::io;
use std::path::Path;

use crate::fault::Fault;
use crate::verdict::MachineFailure;

/// What kept a run from being played.
pub fn machine_failure(fault: Fault, say: String) -> MachineFailure {
    MachineFailure { id: fault.id().to_owned(), say, help: fault.help().to_owned() }
}

/// Something that the runner needed for a run, and could not do: `what` is a verb with its object, as in
/// "make a folder".
pub fn could_not(what: &str, error: &io::Error) -> MachineFailure {
    shortage::note(error);
    let fault = Fault::of(error).unwrap_or(match error.kind() {
        io::ErrorKind::PermissionDenied => Fault::Permission,
        // Any port was asked for.
        io::ErrorKind::AddrInUse => Fault::Ports,
        _ => Fault::Missing,
    });
    machine_failure(fault, format!("The runner could not {what}: {error}."))
}

/// What keeps a program from being started through no fault of its author's; `None` when the error is
/// about a file of the learner's own, in `theirs`, which they can mend.
pub fn could_not_start(program: &Path, theirs: &Path, error: &io::Error) -> Option<MachineFailure> {
    shortage::note(error);
    let what = format!("{} could not be started: {error}.", program.display());
    if let Some(fault) = Fault::of(error) {
        return Some(machine_failure(fault, what));
    }
    match error.kind() {
        io::ErrorKind::PermissionDenied if is_noexec(program) => {
            Some(machine_failure(Fault::NoExec, format!("{what} Its disk is mounted `noexec`.")))
        }
        _ if program.starts_with(theirs) => None,
        io::ErrorKind::PermissionDenied => Some(machine_failure(Fault::Permission, what)),
        io::ErrorKind::NotFound => Some(machine_failure(Fault::Missing, what)),
        _ => None,
    }
}

/// Is this on a disk from which no program can be started?
pub fn is_noexec(path: &Path) -> bool {
    #[cfg(unix)]
    return rustix::fs::statvfs(path).is_ok_and(|disk| disk.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC));
    #[cfg(not(unix))]
    return false;
}

/// Does `/proc` tell of the processes that this one knows by the same numbers? It may be missing, or be
/// that of another PID namespace: of a container's host, or of whoever called `unshare --pid`. What it
/// says of a number is about a stranger then, and must not be asked for.
#[cfg(target_os = "linux")]
pub fn proc_is_ours() -> bool {
    static OURS: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *OURS.get_or_init(|| {
        let own = std::fs::read_link("/proc/self").ok();
        own.is_some_and(|own| own.as_os_str() == std::process::id().to_string().as_str())
    })
}

/// Other systems have no such thing.
#[cfg(not(target_os = "linux"))]
pub fn proc_is_ours() -> bool {
    true
}
