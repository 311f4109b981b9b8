//! Does this machine have room for an honest program? The question is asked when a run is over and has given
//! everything back, so the run's own use is never counted.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::{files, machine_failure};
use crate::fault::Fault;
use crate::verdict::MachineFailure;

/// An honest peer starts at most this many threads and processes: one for each processor, and some.
const THREADS: usize = 64;

/// The memory that it needs at most, in bytes.
#[cfg(target_os = "linux")]
const MEMORY: u64 = 256 << 20;

/// The address space that it maps at most, in bytes. Runtimes reserve a lot that they never touch.
#[cfg(target_os = "linux")]
const ADDRESSES: u64 = 4 << 30;

/// The bytes that it writes at most.
const SPACE: u64 = 16 << 20;

/// The bytes that it must be possible to write: only an attempt shows that a quota is used up.
const TRIED: usize = 64 * 1024;

/// At most this many files are examined to find what a run has written.
const LOOKED_AT: usize = 20_000;

/// The system's counters before a run or a build.
pub struct Before {
    at: SystemTime,
    oom_kills: Option<u64>,
}

impl Before {
    /// Now.
    pub fn now() -> Before {
        // File systems store times less precisely than this clock.
        Before { at: SystemTime::now() - Duration::from_millis(20), oom_kills: oom_kills() }
    }

    /// Has the system killed a program since then for lack of memory?
    pub fn has_killed(&self) -> bool {
        self.oom_kills.zip(oom_kills()).is_some_and(|(before, now)| now > before)
    }

    /// A fault that a program reports, if it is true. The program keeps its files in `folders`. `but_memory` leaves
    /// out memory, of which the program may have been given little on purpose.
    pub fn lacked(&self, text: &str, but_memory: bool, folders: &[&Path]) -> Option<MachineFailure> {
        let mut said = Fault::SAID.into_iter().filter(|fault| !but_memory || *fault != Fault::Memory);
        let fault = said.find(|fault| fault.is_said(text) && self.lacks(*fault, folders))?;
        let line = text.lines().find(|line| fault.is_said(line)).unwrap_or_default().trim();
        let line = crate::pattern::excerpt(line.as_bytes(), 200);
        Some(machine_failure(fault, format!("It printed «{line}», and that is true: {}.", self.what(fault))))
    }

    fn what(&self, fault: Fault) -> String {
        match fault {
            Fault::Files if files::are_few_for_programs() => "a program may open only very few files here".to_owned(),
            fault => fault.what().to_owned(),
        }
    }

    fn lacks(&self, fault: Fault, folders: &[&Path]) -> bool {
        match fault {
            Fault::Files => files::are_few_for_programs() || files_of_all_are_used_up(),
            Fault::Processes => !can_start_threads(),
            Fault::Memory => is_short_of_memory(),
            Fault::Space => folders.iter().any(|folder| is_full(folder)) && written_since(self.at, folders) < SPACE,
            Fault::Ports | Fault::NoExec | Fault::Permission | Fault::Missing => false,
        }
    }
}

/// Have all programs of the machine together opened as many files as they may (ENFILE)?
fn files_of_all_are_used_up() -> bool {
    let numbers = std::fs::read_to_string("/proc/sys/fs/file-nr").unwrap_or_default();
    let numbers: Vec<u64> = numbers.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    matches!(numbers.as_slice(), [used, _, most] if used.saturating_add(1024) > *most)
}

/// Starts threads to find out: any limit (the user's, a container's, the system's) holds for the runner too.
fn can_start_threads() -> bool {
    let (release, hold) = std::sync::mpsc::channel::<()>();
    let hold = std::sync::Arc::new(std::sync::Mutex::new(hold));
    let mut started = Vec::with_capacity(THREADS);
    let mut all = true;
    for _ in 0..THREADS {
        let hold = std::sync::Arc::clone(&hold);
        // The threads end when the other end of the channel is dropped.
        let wait = move || drop(hold.lock().map(|hold| hold.recv()));
        match std::thread::Builder::new().stack_size(64 * 1024).spawn(wait) {
            Ok(thread) => started.push(thread),
            Err(_) => {
                all = false;
                break;
            }
        }
    }
    drop(release);
    started.into_iter().for_each(|thread| drop(thread.join()));
    all
}

/// Is there less memory than an honest program needs, or a limit below that?
#[cfg(target_os = "linux")]
pub fn is_short_of_memory() -> bool {
    use rustix::process::{Resource, getrlimit};
    let is_limited = |resource, enough: u64| getrlimit(resource).current.is_some_and(|limit| limit < enough);
    is_limited(Resource::As, ADDRESSES)
        || is_limited(Resource::Data, MEMORY)
        || available().is_some_and(|available| available < MEMORY)
}

/// Other systems are not asked.
#[cfg(not(target_os = "linux"))]
pub fn is_short_of_memory() -> bool {
    false
}

/// The available memory: the machine's, or a container's if that is less.
#[cfg(target_os = "linux")]
fn available() -> Option<u64> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let kibibytes = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        Some(kibibytes.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? << 10)
    });
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    groups.lines().filter_map(of_group).chain(machine).min()
}

/// What is left to a control group and to its ancestors; a line such as `0::/path` or `4:memory:/path`.
#[cfg(target_os = "linux")]
fn of_group(line: &str) -> Option<u64> {
    let (kind, path) = line.split_once(':')?.1.split_once(':')?;
    // In a container, the group is mounted as the root.
    let (mount, most, used, inactive) = match kind {
        "" => ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file "),
        "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "),
        _ => return None,
    };
    let left = |group: &Path| {
        let number = |file: &str| std::fs::read_to_string(group.join(file)).ok()?.trim().parse::<u64>().ok();
        let stat = std::fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
        // The system reclaims the page cache when it needs memory.
        let inactive = stat.lines().find_map(|line| line.strip_prefix(inactive)?.trim().parse::<u64>().ok());
        Some(number(most)?.saturating_sub(number(used)?.saturating_sub(inactive.unwrap_or(0))))
    };
    let own = Path::new(mount).join(path.trim_start_matches('/'));
    own.ancestors().take_while(|group| group.starts_with(mount)).filter_map(left).min()
}

/// How often the system has killed a program for lack of memory, in a container or as a whole.
fn oom_kills() -> Option<u64> {
    let counters = std::fs::read_to_string("/proc/vmstat").ok()?;
    counters.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

/// Is the disk of this folder full, for bytes or for files?
#[cfg(unix)]
pub fn is_full(folder: &Path) -> bool {
    let full = rustix::fs::statvfs(folder).is_ok_and(|disk| {
        // Some file systems do not count files.
        let no_files = disk.f_files > 0 && disk.f_favail < 16;
        no_files || disk.f_bavail.saturating_mul(disk.f_frsize) < SPACE
    });
    full || !can_write(folder)
}

/// Is the disk of this folder full?
#[cfg(not(unix))]
pub fn is_full(folder: &Path) -> bool {
    !can_write(folder)
}

/// False only for a full disk: a folder that is not writable is another matter.
fn can_write(folder: &Path) -> bool {
    use std::io::Write;
    let tried = tempfile::tempfile_in(folder).and_then(|mut file| {
        file.write_all(&[1; TRIED])?;
        // Some systems notice that there is no room only when they write the bytes back.
        file.sync_data()
    });
    tried.err().and_then(|error| Fault::of(&error)) != Some(Fault::Space)
}

/// The size of the files in these folders that were written since then, in bytes.
fn written_since(then: SystemTime, folders: &[&Path]) -> u64 {
    let mut left = LOOKED_AT;
    folders.iter().map(|folder| written_in(folder, then, &mut left)).sum()
}

fn written_in(folder: &Path, then: SystemTime, left: &mut usize) -> u64 {
    let mut written = 0;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        if *left == 0 {
            break;
        }
        *left -= 1;
        if meta.is_dir() {
            written += written_in(&entry.path(), then, left);
        } else if meta.modified().is_ok_and(|modified| modified >= then) {
            written += meta.len();
        }
    }
    written
}
