//! System calls that wait, and for how long.

use rustix::net::sockopt::{Timeout, socket_timeout};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags};
use rustix::time::ClockId;
use std::ffi::c_long;
use std::fs;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// When a sleeping thread wakes by itself.
#[derive(Debug, Clone, Copy)]
pub enum Wake {
    Never,
    /// This long after it began to wait.
    After(Duration),
    /// When that clock shows this.
    At(ClockId, Duration),
    /// Nothing is known.
    AnyTime,
}

impl Wake {
    /// The instant, never too late, given one before the wait began.
    /// Computed anew each time, as real-time clocks may be set.
    pub fn instant(self, since: Instant, now: Instant) -> Option<Instant> {
        match self {
            Self::Never => None,
            Self::After(timeout) => since.checked_add(timeout).map(|at| at.max(now)),
            Self::At(clock, at) => {
                // Read before the clock: that errs to the safe side.
                let before = Instant::now();
                let shown = rustix::time::clock_gettime(clock);
                let shown = Duration::try_from(shown).unwrap_or(at);
                before.checked_add(at.saturating_sub(shown))
            }
            Self::AnyTime => Some(now),
        }
    }
}

/// Where a system call has its timeout. Numbers are those of arguments.
enum TimeoutKind {
    Forever,
    /// A count of milliseconds, negative for none.
    Millis(usize),
    /// Pointer to a relative `timespec`.
    Relative(usize),
    /// Pointer to a relative `timeval`.
    #[cfg(target_arch = "x86_64")]
    Timeval(usize),
    /// Pointer to a `timespec` on the real-time clock.
    RealTime(usize),
    Futex,
    ClockNanosleep,
    /// On a file, which may be a socket with a timeout for this.
    File(Timeout),
    Other,
}

impl TimeoutKind {
    #[rustfmt::skip]
    fn of(number: c_long) -> Self {
        match number {
            libc::SYS_epoll_pwait => Self::Millis(3),
            libc::SYS_epoll_pwait2 => Self::Relative(3),
            libc::SYS_ppoll | libc::SYS_rt_sigtimedwait => Self::Relative(2),
            libc::SYS_pselect6 => Self::Relative(4),
            libc::SYS_nanosleep => Self::Relative(0),
            libc::SYS_semtimedop => Self::Relative(3),
            libc::SYS_mq_timedsend | libc::SYS_mq_timedreceive => Self::RealTime(4),
            libc::SYS_futex => Self::Futex,
            libc::SYS_clock_nanosleep => Self::ClockNanosleep,
            // The timeout of recvmmsg is looked at only after a datagram.
            libc::SYS_read | libc::SYS_readv | libc::SYS_recvfrom | libc::SYS_recvmsg
            | libc::SYS_recvmmsg | libc::SYS_accept | libc::SYS_accept4 => Self::File(Timeout::Recv),
            libc::SYS_write | libc::SYS_writev | libc::SYS_sendto | libc::SYS_sendmsg
            | libc::SYS_sendmmsg => Self::File(Timeout::Send),
            libc::SYS_wait4 | libc::SYS_waitid | libc::SYS_rt_sigsuspend | libc::SYS_flock
            | libc::SYS_openat | libc::SYS_msgrcv | libc::SYS_msgsnd
            | libc::SYS_semop => Self::Forever,
            _ => Self::of_old(number),
        }
    }

    /// Calls that newer architectures do without.
    #[cfg(target_arch = "x86_64")]
    const fn of_old(number: c_long) -> Self {
        match number {
            libc::SYS_epoll_wait => Self::Millis(3),
            libc::SYS_poll => Self::Millis(2),
            libc::SYS_select => Self::Timeval(4),
            libc::SYS_pause | libc::SYS_open => Self::Forever,
            _ => Self::Other,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    const fn of_old(_: c_long) -> Self {
        Self::Other
    }
}

/// The system call in which a thread is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    number: c_long,
    /// Six arguments, stack pointer, program counter.
    registers: [u64; 8],
    /// The timeout, where it is in memory.
    timeout: Option<[u8; 16]>,
}

impl Call {
    /// From the content of a `syscall` file; `None` if that is `running`.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = str::from_utf8(line).ok()?.split_ascii_whitespace();
        let number = fields.next()?.parse().ok()?;
        let mut registers = [0; 8];
        for (register, field) in registers.iter_mut().zip(fields) {
            *register = u64::from_str_radix(field.strip_prefix("0x")?, 16).ok()?;
        }
        Some(Self { number, registers, timeout: None })
    }

    /// When it ends by itself. Records the timeout, if that is in memory.
    pub fn wake(&mut self, pid: u32, memory: impl Fn(u64) -> Option<[u8; 16]>) -> Wake {
        self.timed_wake(pid, memory).unwrap_or(Wake::AnyTime)
    }

    fn timed_wake(&mut self, pid: u32, memory: impl Fn(u64) -> Option<[u8; 16]>) -> Option<Wake> {
        // A 32-bit process, whose calls have other numbers.
        let narrow = self.registers[6] <= u64::from(u32::MAX);
        if narrow {
            return None;
        }
        let mut pointed = |argument: usize, fraction: u64| match self.registers[argument] {
            0 => Some(None),
            address => {
                let bytes = memory(address)?;
                self.timeout = Some(bytes);
                Some(Some(duration(bytes, fraction)?))
            }
        };
        let relative = |timeout: Option<Duration>| timeout.map_or(Wake::Never, Wake::After);
        let on = |clock| move |at: Option<Duration>| at.map_or(Wake::Never, |at| Wake::At(clock, at));
        match TimeoutKind::of(self.number) {
            TimeoutKind::Forever => Some(Wake::Never),
            TimeoutKind::Millis(argument) => Some(millis(self.registers[argument])),
            TimeoutKind::Relative(argument) => pointed(argument, 1).map(relative),
            #[cfg(target_arch = "x86_64")]
            TimeoutKind::Timeval(argument) => pointed(argument, 1000).map(relative),
            TimeoutKind::RealTime(argument) => pointed(argument, 1).map(on(ClockId::Realtime)),
            TimeoutKind::Futex => match futex_clock(self.registers[1])? {
                None => pointed(3, 1).map(relative),
                Some(clock) => pointed(3, 1).map(on(clock)),
            },
            TimeoutKind::ClockNanosleep => match (clock(self.registers[0])?, self.registers[1] & 1) {
                (_, 0) => pointed(2, 1).map(relative),
                (clock, _) => pointed(2, 1).map(on(clock)),
            },
            TimeoutKind::File(direction) => file_timeout(pid, self.registers[0], direction).map(relative),
            TimeoutKind::Other => None,
        }
    }
}

/// A timeout of `poll` or `epoll_wait`: an `int`.
fn millis(register: u64) -> Wake {
    let low = u32::try_from(register & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    if low > u32::MAX / 2 { Wake::Never } else { Wake::After(Duration::from_millis(low.into())) }
}

/// From a `timespec`, or a `timeval` whose fraction counts 1000 ns.
fn duration(bytes: [u8; 16], fraction: u64) -> Option<Duration> {
    let (seconds, parts) = bytes.split_at(8);
    let seconds = u64::from_ne_bytes(seconds.try_into().ok()?);
    let parts = u64::from_ne_bytes(parts.try_into().ok()?);
    let nanos = u32::try_from(parts.checked_mul(fraction)?).ok().filter(|&nanos| nanos < 1_000_000_000)?;
    Some(Duration::new(seconds, nanos))
}

fn clock(register: u64) -> Option<ClockId> {
    match register {
        0 => Some(ClockId::Realtime),
        1 => Some(ClockId::Monotonic),
        7 => Some(ClockId::Boottime),
        _ => None,
    }
}

/// By which clock the timeout of this operation is given; none if it is
/// relative.
#[allow(clippy::option_option, reason = "unknown, relative, or absolute by a clock")]
fn futex_clock(operation: u64) -> Option<Option<ClockId>> {
    const PRIVATE: u64 = 128;
    const REAL_TIME: u64 = 256;
    let given = if operation & REAL_TIME == 0 { ClockId::Monotonic } else { ClockId::Realtime };
    match operation & !(PRIVATE | REAL_TIME) {
        0 => Some(None),                    // FUTEX_WAIT
        6 => Some(Some(ClockId::Realtime)), // FUTEX_LOCK_PI
        9 | 11 | 13 => Some(Some(given)),   // WAIT_BITSET, WAIT_REQUEUE_PI, LOCK_PI2
        _ => None,
    }
}

/// The timeout that a process has set on a file, if that is a socket.
#[allow(clippy::option_option, reason = "unknown, none, or some timeout")]
fn file_timeout(pid: u32, file: u64, direction: Timeout) -> Option<Option<Duration>> {
    let file = i32::try_from(file & u64::from(u32::MAX)).ok()?;
    let target = fs::read_link(format!("/proc/{pid}/fd/{file}")).ok()?;
    if !target.as_os_str().as_encoded_bytes().starts_with(b"socket:") {
        return Some(None);
    }
    socket_timeout(file_of(pid, file)?, direction).ok()
}

/// A file of another process, as one of our own.
pub fn file_of(pid: u32, file: i32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    let process = rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok()?;
    rustix::process::pidfd_getfd(&process, file, PidfdGetfdFlags::empty()).ok()
}
