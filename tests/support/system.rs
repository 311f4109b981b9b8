//! What the system says, through `/proc`: which processes there are, what they hold, what they
//! have used.

use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

/// How long anything is waited for that should come at once.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at something that is waited for.
pub const POLL: Duration = Duration::from_millis(2);

/// Waits until something holds; it says why it does not yet.
pub fn until<T>(what: &str, mut holds: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match holds() {
            Ok(value) => return value,
            Err(why) if start.elapsed() > PATIENCE => panic!("{what}: not within {PATIENCE:?}: {why}"),
            Err(_) => std::thread::sleep(POLL),
        }
    }
}

/// A process.
pub struct Process {
    id: u32,
    command: String,
}

impl Process {
    /// Ends it.
    pub fn kill(&self) {
        if let Some(id) = i32::try_from(self.id).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.command)
    }
}

/// All processes with this mark in their command, their environment or their working folder. One
/// that has ended has none of these.
pub fn processes_of(mark: &str) -> Vec<Process> {
    let ids = fs::read_dir("/proc").expect("/proc").flatten();
    ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter_map(|id| look(id, mark)).collect()
}

fn look(id: u32, mark: &str) -> Option<Process> {
    let read = |file: &str| fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
    let command = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
    let here = fs::read_link(format!("/proc/{id}/cwd")).unwrap_or_default();
    let marked = command.contains(mark)
        || here.to_string_lossy().contains(mark)
        || String::from_utf8_lossy(&read("environ")).contains(mark);
    marked.then_some(Process { id, command })
}

/// Is there such a process, and has it not ended?
pub fn is_alive(id: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// Does anybody listen on this TCP port?
pub fn is_listened_on(port: u16) -> bool {
    const LISTEN: &str = "0A";
    let ending = format!(":{port:04X}");
    ["tcp", "tcp6"].iter().any(|table| {
        let sockets = fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
        sockets.lines().any(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            fields.get(1).is_some_and(|local| local.ends_with(&ending)) && fields.get(3) == Some(&LISTEN)
        })
    })
}

/// The most memory that a process has had so far, in KiB; `None` when it has ended.
pub fn peak_memory(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
