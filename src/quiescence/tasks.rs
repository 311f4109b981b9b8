//! Processes and threads, through `/proc`.

use super::waits::{Call, Wake};
use super::{Activity, OpenSocket, Scheduled, Usage};
use crate::machine::shortage;
use rustix::fs::{Mode, OFlags, RawDir, SeekFrom};
use rustix::io::Errno;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// Length of the kernel's clock tick, as shown to user space on every
/// architecture that Rust's std supports.
const TICK: Duration = Duration::from_millis(10);

/// Why a check ends early.
#[derive(Debug)]
pub enum Unsettled {
    Busy,
    Unknown,
}

impl From<Errno> for Unsettled {
    fn from(_: Errno) -> Self {
        Self::Unknown
    }
}

/// A process and its descendants, as far as known.
#[derive(Debug)]
pub struct ProcessTree {
    root: u32,
    processes: Vec<Process>,
}

impl ProcessTree {
    pub const fn new(root: u32) -> Self {
        Self { root, processes: Vec::new() }
    }

    pub fn activity(&mut self) -> Activity {
        let now = Instant::now();
        if !self.processes.is_empty()
            && let Some(asleep) = self.still_asleep(now)
        {
            return asleep;
        }
        match self.settle(now) {
            Ok(()) if self.processes.iter().all(Process::is_dead) => self.gone(),
            Ok(()) => self.still_asleep(now).unwrap_or(Activity::Busy),
            Err(Unsettled::Busy) => Activity::Busy,
            Err(Unsettled::Unknown) => Activity::Unknown,
        }
    }

    /// No process was found: is that because there is none?
    fn gone(&self) -> Activity {
        let known = !self.processes.is_empty();
        let exists = || {
            let pid = i32::try_from(self.root).ok().and_then(rustix::process::Pid::from_raw);
            pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(Errno::SRCH))
        };
        if known || !exists() { Activity::Gone } else { Activity::Unknown }
    }

    /// If every known thread has been proved asleep and has not run since.
    fn still_asleep(&mut self, now: Instant) -> Option<Activity> {
        let mut mark = DefaultHasher::new();
        let mut wakes: Option<Instant> = None;
        let mut alive = false;
        for process in &mut self.processes {
            for thread in &mut process.threads {
                if matches!(thread.state, ThreadState::Dead) {
                    continue;
                }
                if !thread.still_asleep(now) {
                    return None;
                }
                alive = true;
                (thread.tid, thread.start, thread.runs).hash(&mut mark);
                let own = thread.wakes(now);
                wakes = wakes.into_iter().chain(own).min();
            }
        }
        alive.then(|| Activity::Asleep { wakes, mark: mark.finish() })
    }

    /// Finds all threads and proves each of them asleep.
    fn settle(&mut self, now: Instant) -> Result<(), Unsettled> {
        self.processes.retain(|process| !process.is_dead() || process.exists());
        if self.processes.is_empty() {
            self.add(self.root)?;
        }
        let mut next = 0;
        while next < self.processes.len() {
            self.processes[next].settle(now)?;
            if self.processes[next].moved {
                for child in self.processes[next].children()? {
                    self.add(child)?;
                }
                self.processes[next].moved = false;
            }
            next += 1;
        }
        Ok(())
    }

    fn add(&mut self, pid: u32) -> Result<(), Unsettled> {
        if !self.processes.iter().any(|known| known.pid == pid) {
            self.processes.extend(Process::open(pid)?);
        }
        Ok(())
    }

    pub fn may_have_hidden_timers(&self) -> bool {
        let timers = |process: &Process| has_timers(process.pid).unwrap_or_else(in_doubt);
        let mut living = self.processes.iter().filter(|process| !process.is_dead());
        self.processes.is_empty() || living.any(timers)
    }

    pub fn sockets(&self) -> Option<Vec<OpenSocket>> {
        let mut sockets = Vec::new();
        for process in self.processes.iter().filter(|process| !process.is_dead()) {
            sockets.extend(sockets_of(process.pid).ok()?);
        }
        (!self.processes.is_empty()).then_some(sockets)
    }
}

#[derive(Debug)]
struct Process {
    pid: u32,
    /// `/proc/PID/task`. Refers to exactly this process, even if another one gets its number later.
    tasks: OwnedFd,
    threads: Vec<Thread>,
    /// Some thread has run since threads and children were last listed.
    moved: bool,
}

impl Process {
    fn open(pid: u32) -> Result<Option<Self>, Unsettled> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let tasks = rustix::fs::open(format!("/proc/{pid}/task"), flags, Mode::empty());
        let new = |tasks| Self { pid, tasks, threads: Vec::new(), moved: true };
        Ok(unless_vanished(tasks)?.map(new))
    }

    fn exists(&self) -> bool {
        list(&self.tasks).is_ok_and(|tids| !tids.is_empty())
    }

    fn is_dead(&self) -> bool {
        self.threads.iter().all(|thread| matches!(thread.state, ThreadState::Dead))
    }

    /// Proves all threads asleep, those included which have appeared.
    fn settle(&mut self, now: Instant) -> Result<(), Unsettled> {
        // More rounds mean that threads keep appearing.
        for _ in 0..4 {
            let mut kept = Vec::with_capacity(self.threads.len());
            let mut outcome = Ok(());
            for mut thread in self.threads.drain(..) {
                let looked = match outcome {
                    Ok(()) => thread.prove(self.pid, &self.tasks, now),
                    Err(_) => Ok(Change::Same),
                };
                self.moved |= !matches!(looked, Ok(Change::Same));
                match looked {
                    Ok(Change::Vanished) => continue,
                    Ok(_) => {}
                    Err(stop) => outcome = Err(stop),
                }
                kept.push(thread);
            }
            self.threads = kept;
            outcome?;
            if !self.moved || !self.list_threads(now)? {
                return Ok(());
            }
        }
        Err(Unsettled::Busy)
    }

    /// Whether there was any new one.
    fn list_threads(&mut self, now: Instant) -> Result<bool, Unsettled> {
        let known = self.threads.len();
        for tid in unless_vanished(list(&self.tasks))?.unwrap_or_default() {
            if !self.threads.iter().any(|thread| thread.tid == tid) {
                self.threads.extend(Thread::open(&self.tasks, tid, now)?);
            }
        }
        Ok(self.threads.len() > known)
    }

    fn children(&self) -> Result<Vec<u32>, Unsettled> {
        let mut all = Vec::new();
        for thread in &self.threads {
            children(&self.tasks, thread.tid, &mut all)?;
        }
        Ok(all)
    }
}

/// How a thread was last seen.
#[derive(Debug)]
enum ThreadState {
    /// Not asleep, or not proved so.
    Awake,
    Asleep(Wake),
    Dead,
}

/// What a check of a thread has shown.
enum Change {
    Same,
    Changed,
    Vanished,
}

#[derive(Debug)]
struct Thread {
    tid: u32,
    /// In clock ticks since boot.
    start: u64,
    /// Its `stat` file.
    stat: OwnedFd,
    /// Its `schedstat` file.
    schedstat: OwnedFd,
    /// How often it has been switched onto a CPU.
    runs: u64,
    state: ThreadState,
    /// The present wait began after this.
    since: Instant,
    /// The wait in which the thread was last seen, and when.
    seen: Option<(Call, Instant)>,
    /// A later, but uncertain, lower bound for the wait's begin.
    perhaps: Option<Instant>,
}

impl Thread {
    fn open(tasks: &OwnedFd, tid: u32, now: Instant) -> Result<Option<Self>, Unsettled> {
        let files = open(tasks, tid, "stat").and_then(|stat| Ok((stat, open(tasks, tid, "schedstat")?)));
        let Some((file, schedstat)) = unless_vanished(files)? else {
            return Ok(None);
        };
        let Some(stat) = unless_vanished(Stat::read(&file))? else {
            return Ok(None);
        };
        let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let boot = Duration::try_from(boot).map_err(|_| Unsettled::Unknown)?;
        // The start is rounded down, so the age is rounded up.
        let age = boot.saturating_sub(ticks(stat.start));
        Ok(Some(Self {
            tid,
            start: stat.start,
            stat: file,
            schedstat,
            runs: 0,
            state: ThreadState::Awake,
            since: now.checked_sub(age).ok_or(Unsettled::Unknown)?,
            seen: None,
            perhaps: None,
        }))
    }

    /// Whether it has not run since it was proved asleep, and is not
    /// going to. First the state, then the counter.
    fn still_asleep(&mut self, now: Instant) -> bool {
        let still = matches!(self.state, ThreadState::Asleep(_))
            && Stat::read(&self.stat).is_ok_and(|stat| stat.is_asleep())
            && self.count_runs().is_ok_and(|runs| runs == self.runs);
        if still && let Some((_, at)) = &mut self.seen {
            *at = now;
        }
        still
    }

    /// Looks closely. That it is asleep holds only if a later
    /// [`still_asleep`](Self::still_asleep) says so.
    fn prove(&mut self, pid: u32, tasks: &OwnedFd, now: Instant) -> Result<Change, Unsettled> {
        let Some(runs) = unless_vanished(self.count_runs())? else {
            return Ok(Change::Vanished);
        };
        let dead = matches!(self.state, ThreadState::Dead);
        if runs == self.runs && (dead || self.still_asleep(now)) {
            return Ok(Change::Same);
        }
        self.state = ThreadState::Awake;
        self.runs = runs;
        // The proof that it is switched out; after the counter.
        let call = self.call(tasks);
        let Some(stat) = unless_vanished(Stat::read(&self.stat))? else {
            return Ok(Change::Vanished);
        };
        self.state = match (stat.state, call) {
            (b'Z' | b'X', _) => ThreadState::Dead,
            (b'S' | b'T' | b't', Err(_)) => {
                self.seen = None;
                ThreadState::Asleep(Wake::AnyTime)
            }
            // Nothing but a signal gets it going.
            (b'T' | b't', Ok(Some(_))) => {
                self.seen = None;
                ThreadState::Asleep(Wake::Never)
            }
            (b'S', Ok(Some(mut call))) => {
                let wake = call.wake(pid, |address| self.read_memory(tasks, address));
                self.date(call, wake, now);
                ThreadState::Asleep(wake)
            }
            _ => return Err(Unsettled::Busy),
        };
        Ok(Change::Changed)
    }

    /// Narrows down the begin of the present wait.
    ///
    /// A thread may be switched in and out again within one call (woken
    /// in vain, or preempted on its way to sleep), so only a different
    /// wait is certainly a new one; or the same, if the old one must be
    /// over by now.
    fn date(&mut self, call: Call, wake: Wake, now: Instant) {
        if let Some((old, at)) = self.seen.take() {
            let over = match wake {
                // Timers may be late, by up to 0.1 s for long timeouts.
                Wake::After(timeout) => timeout.saturating_add(timeout / 8).saturating_add(TICK * 20),
                _ => Duration::MAX,
            };
            let perhaps = *self.perhaps.get_or_insert(at);
            if old != call {
                (self.since, self.perhaps) = (at, None);
            } else if now.saturating_duration_since(perhaps) > over {
                (self.since, self.perhaps) = (perhaps, None);
            }
        }
        self.seen = Some((call, now));
    }

    /// When it may wake by itself, if asleep.
    fn wakes(&self, now: Instant) -> Option<Instant> {
        match &self.state {
            ThreadState::Asleep(wake) => wake.instant(self.since, now),
            ThreadState::Awake | ThreadState::Dead => None,
        }
    }

    /// The call in which it sleeps; `None` if it does not sleep.
    fn call(&self, tasks: &OwnedFd) -> rustix::io::Result<Option<Call>> {
        let mut buffer = [0; 256];
        let line = read(&open(tasks, self.tid, "syscall")?, &mut buffer)?;
        Ok(Call::parse(line))
    }

    fn count_runs(&self) -> rustix::io::Result<u64> {
        let mut buffer = [0; 128];
        let line = read(&self.schedstat, &mut buffer)?;
        line.split(u8::is_ascii_whitespace).nth(2).and_then(decimal).ok_or(Errno::INVAL)
    }

    fn read_memory(&self, tasks: &OwnedFd, address: u64) -> Option<[u8; 16]> {
        let memory = open(tasks, self.tid, "mem").ok()?;
        let mut bytes = [0; 16];
        let length = rustix::io::pread(&memory, &mut bytes, address).ok()?;
        (length == bytes.len()).then_some(bytes)
    }
}

/// What is of interest in a `stat` file.
struct Stat {
    state: u8,
    start: u64,
    /// In its own code and in the kernel, in clock ticks.
    cpu: (u64, u64),
    /// The same of its reaped children.
    of_children: (u64, u64),
    /// Page faults: own, and of reaped children.
    faults: u64,
}

impl Stat {
    fn read(file: &OwnedFd) -> rustix::io::Result<Self> {
        let mut buffer = [0; 1024];
        let line = read(file, &mut buffer)?;
        Self::parse(line).ok_or(Errno::INVAL)
    }

    fn parse(line: &[u8]) -> Option<Self> {
        // The name may contain anything, even parentheses.
        let name_end = line.iter().rposition(|&byte| byte == b')')?;
        let mut fields = line.get(name_end + 2..)?.split(u8::is_ascii_whitespace);
        let state = *fields.next()?.first()?;
        // minflt, cminflt, majflt, cmajflt are fields 10 to 13; utime, stime, cutime, cstime 14 to 17;
        // starttime is 22.
        let mut fields = fields.skip(6);
        let faults = fields.by_ref().take(4).filter_map(decimal).sum();
        let mut cpu = || fields.next().and_then(decimal);
        let (cpu, of_children) = ((cpu()?, cpu()?), (cpu()?, cpu()?));
        Some(Self { state, start: fields.nth(4).and_then(decimal)?, cpu, of_children, faults })
    }

    const fn is_asleep(&self) -> bool {
        matches!(self.state, b'S' | b'T' | b't')
    }
}

pub fn is_up(pid: u32) -> bool {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok().and_then(|line| Stat::parse(&line));
    stat.is_some_and(|stat| !matches!(stat.state, b'Z' | b'X'))
}

pub fn is_stopped(pid: u32) -> Option<bool> {
    let process = Process::open(pid).ok()??;
    let stopped = |tid: u32| {
        let line = fs::read(format!("/proc/{pid}/task/{tid}/stat")).ok()?;
        Stat::parse(&line).map(|stat| matches!(stat.state, b'T' | b't' | b'Z' | b'X'))
    };
    // A thread that is gone counts as stopped.
    Some(list(&process.tasks).ok()?.into_iter().all(|tid| stopped(tid).unwrap_or(true)))
}

pub fn usage(pid: u32) -> Option<Usage> {
    let stat = Stat::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)?;
    let (user, system) = (stat.cpu.0 + stat.of_children.0, stat.cpu.1 + stat.of_children.1);
    let bytes = fs::read(format!("/proc/{pid}/io")).map_or(0, |text| bytes_moved(&text));
    let mut all = Usage { user: ticks(user), system: ticks(system), faults: stat.faults, bytes };
    let Some(process) = Process::open(pid).ok()? else {
        return Some(all);
    };
    let mut descendants = Vec::new();
    for tid in list(&process.tasks).unwrap_or_default() {
        children(&process.tasks, tid, &mut descendants).ok()?;
    }
    for child in descendants {
        // A child that has just ended counts with its parent, or not at all.
        let own = usage(child).unwrap_or_default();
        all.user += own.user;
        all.system += own.system;
        all.faults += own.faults;
        all.bytes += own.bytes;
    }
    Some(all)
}

/// `rchar` and `wchar` of an `io` file.
fn bytes_moved(io: &[u8]) -> u64 {
    let lines = io.split(|byte| *byte == b'\n');
    let value = |line: &[u8]| line.strip_prefix(b"rchar: ").or_else(|| line.strip_prefix(b"wchar: ")).and_then(decimal);
    lines.filter_map(value).sum()
}

/// A process's sockets.
fn sockets_of(pid: u32) -> io::Result<Vec<OpenSocket>> {
    let mut sockets = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let entry = entry?;
        // A file may be closed while the list is read.
        let Ok(target) = fs::read_link(entry.path()) else { continue };
        let inode = target.to_str().and_then(|target| target.strip_prefix("socket:[")?.strip_suffix(']'));
        let inode = inode.and_then(|inode| inode.parse::<u32>().ok());
        let fd = entry.file_name().to_str().and_then(|name| name.parse().ok());
        sockets.extend(inode.zip(fd).map(|(inode, fd)| OpenSocket { inode, pid, fd }));
    }
    Ok(sockets)
}

/// How long a thread has run, and how long it was ready to run and had no processor. See
/// `/proc/PID/schedstat` in the kernel's `Documentation/scheduler/sched-stats.rst`.
fn times(schedstat: &str) -> Option<(Duration, Duration)> {
    let text = fs::read_to_string(schedstat).ok()?;
    let mut times = text.split_ascii_whitespace().map(|time| time.parse().map(Duration::from_nanos));
    Some((times.next()?.ok()?, times.next()?.ok()?))
}

pub fn scheduled(pid: u32) -> Option<Scheduled> {
    let process = Process::open(pid).ok()??;
    let mut total = Scheduled::default();
    let mut descendants = Vec::new();
    for tid in list(&process.tasks).ok()? {
        // Threads that have just ended are skipped.
        if let Some((ran, denied)) = times(&format!("/proc/{pid}/task/{tid}/schedstat")) {
            total = total.plus(Scheduled { ran, denied });
        }
        let _ = children(&process.tasks, tid, &mut descendants);
    }
    Some(descendants.into_iter().filter_map(scheduled).fold(total, Scheduled::plus))
}

pub fn own_and_children() -> Option<(Duration, Duration)> {
    let Stat { cpu, of_children, .. } = Stat::parse(&fs::read("/proc/self/stat").ok()?)?;
    Some((ticks(cpu.0 + cpu.1), ticks(of_children.0 + of_children.1)))
}

pub fn occupied() -> Option<Duration> {
    times("/proc/thread-self/schedstat").map(|(ran, waited)| ran + waited)
}

/// Whether the process has timers beside the call in which it waits.
fn has_timers(pid: u32) -> io::Result<bool> {
    if catches_alarms(&fs::read_to_string(format!("/proc/{pid}/status"))?) {
        return Ok(true);
    }
    if !fs::read(format!("/proc/{pid}/timers"))?.is_empty() {
        return Ok(true);
    }
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let entry = entry?;
        let target = fs::read_link(entry.path())?;
        if target.as_os_str() == "anon_inode:[io_uring]" {
            return Ok(true);
        }
        if target.as_os_str() == "anon_inode:[timerfd]" {
            let number = entry.file_name();
            let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{}", number.display()))?;
            if !info.contains("it_value: (0, 0)") {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// `alarm` and `setitimer` leave no trace but the handler for their signal.
fn catches_alarms(status: &str) -> bool {
    const SIGALRM: u32 = 14;
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_none_or(|mask| mask & (1 << (SIGALRM - 1)) != 0)
}

fn ticks(count: u64) -> Duration {
    TICK.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
}

/// In doubt there may be timers. A shortage of files is noted.
fn in_doubt(error: io::Error) -> bool {
    shortage::note(&error);
    true
}

/// `None` if the error says that the task does not exist any more.
fn unless_vanished<T>(result: rustix::io::Result<T>) -> Result<Option<T>, Unsettled> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Errno::NOENT | Errno::SRCH) => Ok(None),
        Err(error) => {
            shortage::note(&error.into());
            Err(Unsettled::Unknown)
        }
    }
}

fn open(tasks: &OwnedFd, tid: u32, name: &str) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(tasks, format!("{tid}/{name}"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

fn read<'a>(file: &OwnedFd, buffer: &'a mut [u8]) -> rustix::io::Result<&'a [u8]> {
    let length = rustix::io::pread(file, &mut *buffer, 0)?;
    Ok(&buffer[..length])
}

/// Appends a thread's children.
fn children(tasks: &OwnedFd, tid: u32, all: &mut Vec<u32>) -> Result<(), Unsettled> {
    let file = match open(tasks, tid, "children") {
        // Either the thread is gone, or the kernel has no such files.
        Err(Errno::NOENT) if open(tasks, tid, "stat").is_ok() => return Err(Unsettled::Unknown),
        file => unless_vanished(file)?,
    };
    let Some(file) = file else { return Ok(()) };
    let mut text = Vec::new();
    if io::Read::read_to_end(&mut fs::File::from(file), &mut text).is_ok() {
        let pids = text.split(u8::is_ascii_whitespace).filter_map(decimal);
        all.extend(pids.filter_map(|pid| u32::try_from(pid).ok()));
    }
    Ok(())
}

/// The numbers that are names in this directory.
fn list(directory: &OwnedFd) -> rustix::io::Result<Vec<u32>> {
    rustix::fs::seek(directory, SeekFrom::Start(0))?;
    let mut buffer = [MaybeUninit::uninit(); 2048];
    let mut entries = RawDir::new(directory.as_fd(), &mut buffer);
    let mut all = Vec::new();
    while let Some(entry) = entries.next() {
        let number = decimal(entry?.file_name().to_bytes());
        all.extend(number.and_then(|number| u32::try_from(number).ok()));
    }
    Ok(all)
}

pub fn decimal(digits: &[u8]) -> Option<u64> {
    str::from_utf8(digits).ok()?.parse().ok()
}
