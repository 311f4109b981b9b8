//! The limit of open files. A run keeps dozens of files open in the runner, so this limit is met first.
//!
//! The runner raises its own limit as far as it may. The programs that it starts get the original limit back: a
//! program that leaks sockets meets the same limit as outside of the workshop.

/// What a run keeps open for each of its peers: three pipes and copies of two, the handle of the process, its folder
/// in `/proc`, and two files for each thread. Programs differ in their threads; a run that does not fit after all is
/// executed again with fewer others beside it.
#[cfg(unix)]
const PEER: u64 = 7 + 2 * 6;

/// With fewer than this for each peer, not even one run of the smallest programs fits.
#[cfg(unix)]
const LEAST: u64 = 11;

/// For a run: the socket of its closed port. For each peer: a link, with two sockets for each of its connections.
#[cfg(unix)]
const RUN: u64 = 1;
#[cfg(unix)]
const LINK: u64 = 1 + 2 * 2;

/// Files that are open only for a moment: both ends of a peer's pipes while it is started, a file of `/proc`, the
/// state while it is written.
#[cfg(unix)]
const PASSING: u64 = 16;

/// More files than a peer needs: a program that had as many and ran out has leaked them.
#[cfg(unix)]
const ENOUGH: u64 = 128;

#[cfg(unix)]
mod limit {
    use std::sync::OnceLock;

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    /// The limit that the runner was started with, once it has raised its own.
    static ORIGINAL: OnceLock<Rlimit> = OnceLock::new();

    pub fn raise() {
        ORIGINAL.get_or_init(|| {
            let original = getrlimit(Resource::Nofile);
            // If this is not allowed, the limit stays as it is.
            let _ = setrlimit(Resource::Nofile, Rlimit { current: original.maximum, ..original });
            original
        });
    }

    /// The limit for the programs that are started.
    pub fn of_programs() -> Rlimit {
        ORIGINAL.get().copied().unwrap_or_else(|| getrlimit(Resource::Nofile))
    }

    /// The limit for a program that is about to be started, if it differs from the runner's.
    pub fn to_give_back() -> Option<Rlimit> {
        ORIGINAL.get().copied().filter(|original| *original != getrlimit(Resource::Nofile))
    }

    /// The runner's own.
    pub fn own() -> Option<u64> {
        getrlimit(Resource::Nofile).current
    }
}

/// Raises the runner's own limit as far as it may.
pub fn raise() {
    #[cfg(unix)]
    limit::raise();
}

/// The limit for a program that is about to be started, if it differs from the runner's.
#[cfg(unix)]
pub fn to_give_back() -> Option<rustix::process::Rlimit> {
    limit::to_give_back()
}

/// May a peer open so few files that it can run out without leaking any?
pub fn are_few_for_programs() -> bool {
    #[cfg(unix)]
    return limit::of_programs().current.is_some_and(|files| files < ENOUGH);
    #[cfg(not(unix))]
    return false;
}

/// Can this many more files be opened?
///
/// # Errors
/// They can't.
pub fn has(count: usize) -> std::io::Result<()> {
    let nothing = if cfg!(windows) { "NUL" } else { "/dev/null" };
    (0..count).map(|_| std::fs::File::open(nothing)).collect::<Result<Vec<_>, _>>().map(drop)
}

/// How many runs with this many peers fit into the limit at a time, beside the files that are open already.
pub fn carries(peers: usize) -> usize {
    #[cfg(unix)]
    if let Some(limit) = limit::own() {
        let peers = peers as u64;
        let run = RUN + peers * (PEER + LINK);
        let free = limit.saturating_sub(open() + PASSING);
        return match free / run {
            // It is worth a try.
            0 if free >= peers * LEAST => 1,
            runs => usize::try_from(runs).unwrap_or(usize::MAX),
        };
    }
    let _ = peers;
    usize::MAX
}

/// How many connections one link carries at a time. Each takes two of the runner's files: a program that connects
/// without end must meet its own limit, not use up the runner's.
pub fn connections() -> usize {
    #[cfg(unix)]
    if let Some(limit) = limit::own() {
        return usize::try_from(limit / 8).unwrap_or(usize::MAX).max(16);
    }
    usize::MAX
}

/// The files that are open now; a guess where the system does not say.
#[cfg(unix)]
fn open() -> u64 {
    let files = std::fs::read_dir("/proc/self/fd").or_else(|_| std::fs::read_dir("/dev/fd"));
    files.map_or(16, |files| files.count() as u64)
}
