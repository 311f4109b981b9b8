//! What is the machine's fault and not the learner's: what the machine lacks, and what it refuses.
//!
//! A run that the machine keeps from being executed has neither passed nor failed. It is recognised in four ways:
//!
//! 1. The runner itself can't open, start or write something. That needs no proof. The code that fails reports it; a
//!    shortage that affects every run is noted in [`shortage`].
//! 2. A program says so, in the words of its runtime. That proves nothing: a program that leaks sockets prints the
//!    same as one that was given too few. So the system is asked after the run, when everything that it took has been
//!    given back ([`room`]): **the run itself has not taken what is still lacking then.** If there is room again, the
//!    program had used it up, and keeps its verdict.
//! 3. A program is ended by a signal that the runner did not send, the system's count of processes killed for lack of
//!    memory has risen, and memory is still short.
//!
//! 4. The ports of the machine are used up ([`ports`]). Programs report that in many ways or not at all, and a closed
//!    connection keeps its port for a minute. So no message is required; a run that has not opened that many
//!    connections itself has not used them up.
//!
//! [`files`] knows the limit that the runner meets first, and how many runs fit into it.

pub mod files;
pub mod ports;
pub mod room;
pub mod shortage;

use std::io;
use std::path::Path;

use crate::fault::Fault;
use crate::verdict::MachineFailure;

/// How many processors there are; two where the system does not say.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}

/// The reason why a run could not be executed.
pub fn machine_failure(fault: Fault, say: String) -> MachineFailure {
    MachineFailure { id: fault.id().to_owned(), say, help: fault.help().to_owned() }
}

/// Something that the runner needed to do for a run and could not: `what` is a verb with its object, as in "make a
/// folder".
pub fn could_not(what: &str, error: &io::Error) -> MachineFailure {
    shortage::note(error);
    let fault = Fault::of(error).unwrap_or(match error.kind() {
        io::ErrorKind::PermissionDenied => Fault::Permission,
        // The runner always asks for any free port.
        io::ErrorKind::AddrInUse => Fault::Ports,
        _ => Fault::Missing,
    });
    machine_failure(fault, format!("The runner could not {what}: {error}."))
}

/// What keeps a program from being started through no fault of its author; `None` when the error is about a file of
/// the learner's, in `theirs`, which they can fix.
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

/// Is this path on a disk that is mounted `noexec`?
pub fn is_noexec(path: &Path) -> bool {
    #[cfg(unix)]
    return rustix::fs::statvfs(path).is_ok_and(|disk| disk.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC));
    #[cfg(not(unix))]
    return false;
}

/// Does `/proc` show the processes of this PID namespace? It may be missing, or belong to another namespace: that of
/// a container's host, or of the caller of `unshare --pid`. Then its numbers mean other processes, and it must not be
/// used.
#[cfg(target_os = "linux")]
pub fn proc_is_ours() -> bool {
    static OURS: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *OURS.get_or_init(|| {
        let own = std::fs::read_link("/proc/self").ok();
        own.is_some_and(|own| own.as_os_str() == std::process::id().to_string().as_str())
    })
}

/// Other systems have no PID namespaces.
#[cfg(not(target_os = "linux"))]
pub fn proc_is_ours() -> bool {
    true
}
