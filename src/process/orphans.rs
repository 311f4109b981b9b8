//! Ends processes that have left their group: daemons that a peer has started, and peers of a runner that was killed.
//!
//! A process in a session of its own is out of reach of the group's signals. On Linux the runner adopts orphans (it
//! is their "subreaper"), so that an orphan becomes its child as soon as its parent is gone; a mark in the
//! environment tells it from others. Orphans are ended once, when all runs are over. A runner that is killed
//! (SIGKILL) can't end anything: the next runner ends what it left, which has the mark of a process that does not
//! exist any more. Other systems find neither.

/// The variable that marks the processes that a run has started.
pub const MARK: &str = "WORKSHOP_RUN";

/// The mark of the processes that this process has started.
pub fn mark() -> String {
    std::process::id().to_string()
}

/// From now on orphans become children of this process.
pub fn adopt() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// Ends what killed runners have left. On Linux only.
pub fn end_abandoned() {
    // Otherwise these numbers mean other processes.
    if !crate::machine::proc_is_ours() {
        return;
    }
    #[cfg(target_os = "linux")]
    for pid in processes().filter(|pid| is_abandoned(*pid)).filter_map(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// Was this process started by a runner that does not exist any more? Ids are valid in one namespace only, so
/// processes in containers are left alone.
#[cfg(target_os = "linux")]
fn is_abandoned(pid: i32) -> bool {
    let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let Some(runner) = mark_of(pid).and_then(|mark| mark.parse::<u32>().ok()) else { return false };
    let here = namespace("self");
    !crate::quiescence::is_up(runner) && here.is_some() && namespace(&pid.to_string()) == here
}

#[cfg(target_os = "linux")]
fn processes() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Ends all orphans.
#[cfg(target_os = "linux")]
pub fn end() {
    use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
    if !crate::machine::proc_is_ours() {
        return;
    }
    // The children of a killed orphan become ours, so repeat until none is found.
    loop {
        let orphans: Vec<Pid> = children().filter(|pid| is_marked(*pid)).filter_map(Pid::from_raw).collect();
        if orphans.is_empty() {
            return;
        }
        for orphan in orphans {
            let _ = kill_process(orphan, Signal::KILL);
            // It has been killed, so this wait is short; it frees the process id.
            let _ = waitpid(Some(orphan), WaitOptions::empty());
        }
    }
}

/// Ends orphans: none are found on this system.
#[cfg(not(target_os = "linux"))]
pub fn end() {}

/// The ids of this process's children.
#[cfg(target_os = "linux")]
fn children() -> impl Iterator<Item = i32> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>())
}

#[cfg(target_os = "linux")]
fn is_marked(pid: i32) -> bool {
    mark_of(pid).is_some_and(|found| found == mark())
}

/// The mark of a process, if it has one.
#[cfg(target_os = "linux")]
fn mark_of(pid: i32) -> Option<String> {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut variables = environment.split(|byte| *byte == 0);
    variables.find_map(|variable| {
        Some(std::str::from_utf8(variable).ok()?.strip_prefix(MARK)?.strip_prefix('=')?.to_owned())
    })
}
