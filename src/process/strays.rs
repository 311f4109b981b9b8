//! Processes that have left their group: daemons that a peer has made.
//!
//! A process in a session of its own is out of reach of the group's signals. On Linux the runner
//! adopts orphans (it is their "subreaper"), so that a stray becomes its child as soon as its
//! parent is gone; a mark in the environment tells it from others. Strays are looked for once, when
//! all runs are over. Elsewhere strays of this kind are not found.

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

/// Ends all strays.
#[cfg(target_os = "linux")]
pub fn end() {
    use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
    // A stray that is ended leaves its own children to us: until none is found.
    loop {
        let strays: Vec<Pid> = children().filter(|pid| is_marked(*pid)).filter_map(Pid::from_raw).collect();
        if strays.is_empty() {
            return;
        }
        for stray in strays {
            let _ = kill_process(stray, Signal::KILL);
            // It has been killed: this wait is short, and frees its number.
            let _ = waitpid(Some(stray), WaitOptions::empty());
        }
    }
}

/// Ends strays: none are found on this system.
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
    let wanted = format!("{MARK}={}", mark());
    std::fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes()))
}
