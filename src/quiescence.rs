//! Quiescence: the operating system's word on whether anything can still happen.
//!
//! A runner that never waits by the clock has two questions about its peers that only the kernel can answer:
//!
//! 1. Has the receiver read every byte that was sent? ([`SocketTable`])
//! 2. Can this process do anything at all, before a given instant, unless
//!    something from outside reaches it? ([`ProcessProbe`])
//!
//! Linux answers both. Elsewhere everything here exists, and says that it
//! does not know.
//!
//! # When a process is asleep
//!
//! State `S` in `/proc/PID/task/TID/stat` is not enough. A thread sets that
//! state *before* it looks a last time for work, and may be preempted right
//! there: it shows `S`, its switch counters stand still, and yet it sits in
//! the run queue with a byte to handle. Two readings a while apart agree, and
//! are wrong. What is enough is `/proc/PID/task/TID/syscall`: to print it the
//! kernel has to see the thread *switched out and off the run queue*;
//! otherwise it prints `running`. So a thread counts as asleep when
//!
//! * its `syscall` file has once proved it switched out, and
//! * its state is `S` (or stopped) now, and
//! * its count of switches onto a CPU (`schedstat`, third number), read after
//!   the state, has not changed since the proof: it has not run in between,
//!   so the state is not that of a thread about to fall asleep *again*.
//!
//! Nor is `syscall` enough without the state: a thread that has been woken but
//! waits for another CPU to take notice (`TASK_WAKING`) is switched out, is in
//! no run queue, and is printed as if it slept; only its state is `R`.
//!
//! A sleeping thread neither forks nor clones. Hence, once all known threads
//! are proved asleep, the lists of threads and children can be read at leisure
//! and are complete if all threads then *still* sleep. The claim
//! [`Activity::Asleep`] is: *there was one instant during this call at which
//! every thread slept*. All that the caller did before the call had already
//! made its wakeups by then.
//!
//! For several processes at once: check all, then all again; if no mark has
//! changed, all of them slept at one common instant between the rounds.
//!
//! # When it would wake by itself
//!
//! The same file has the system call and its arguments, so it tells whether the wait has a timeout (which may have to
//! be fetched from the process's memory). [`Activity::Asleep::wakes`] is never later than the true wake. An absolute
//! timeout gives it exactly. A relative one runs from the start of the wait, which is not recorded; so it counts from
//! the last instant known to lie before: the thread's creation, or the last check which saw it in *another* wait. A
//! thread which loops over a constant relative timeout is indistinguishable from one long wait, so there the answer
//! tends to "now". Anything not understood counts as "may wake now".
//!
//! Not seen are timers that are set up elsewhere than in the call that waits:
//!
//! * `timerfd`, POSIX timers, `io_uring`: see
//!   [`ProcessProbe::may_have_hidden_timers`].
//! * `alarm`/`setitimer`: Linux does not show them (the field in `stat` is always 0). A process
//!   that catches their signal counts as one that may have hidden timers.
//! * The kernel's own: TCP keepalive and retransmission, `VTIME` of terminals.
//!
//! Socket timeouts (`SO_RCVTIMEO`, as set by Rust's `set_read_timeout`) are
//! seen.
//!
//! # Where a wakeup may still be on its way
//!
//! A write to a pipe, a Unix socket or a futex makes the reader runnable before the call returns. Not so with
//! loopback TCP: delivery is a soft interrupt, mostly served within the sender's own call but, under load, left to
//! `ksoftirqd`. Then the byte is nowhere near its receiver, and the receiver honestly asleep. The same holds for
//! terminals (a kernel worker). So a caller that wants to know that nothing moves checks its sockets too, from the
//! sender to the receiver, and before the processes:
//!
//! * sent by us: the peer's [`Queues::received`] equals what we wrote, and its
//!   [`Queues::unread`] is 0. Or our own [`Queues::unsent`] is 0; but that
//!   waits for the acknowledgement, which Linux *delays by 40 ms* unless data
//!   flows the other way. Sufficient, therefore, but not necessary.
//! * sent by the peer: likewise with the roles exchanged; the peer's own
//!   [`Queues::acked`]` + `[`Queues::unsent`] is what it has written (or more,
//!   while acknowledgements arrive: the kernel reads `unsent` first).
//!
//! # Limits
//!
//! A descendant is found through its parent, at the first check that finds
//! the latter asleep ([`Activity::Busy`] is cheap, it looks no further). One
//! whose parent died before that belongs to `init` and is out of sight: a
//! daemon, forked twice, or the child of a peer that was killed while busy.
//! One that was found stays known, whatever becomes of its parent. Peers are taken to share our network
//! and time namespaces. A [`ProcessProbe`] holds two file descriptors per thread and
//! one per process.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// The kernel's queues of one TCP socket, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queues {
    /// Arrived in order, not yet read by the socket's owner. An end of stream
    /// that has arrived but not yet been read counts as one byte.
    pub unread: u32,
    /// Written by the socket's owner, not yet acknowledged by the other side's
    /// kernel (which may take 40 ms for that). A pending end of stream counts
    /// as one byte.
    pub unsent: u32,
    /// Arrived in order since the connection exists; an end of stream counts
    /// as one byte.
    pub received: u64,
    /// Acknowledged by the other side since the connection exists; one more
    /// if this side opened the connection, and one more for an end of stream.
    pub acked: u64,
}

/// What a process and all of its descendants are doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Some thread runs, is about to run, or is in uninterruptible sleep.
    Busy,
    /// At one instant during the call every thread of every process slept.
    Asleep {
        /// The earliest instant at which one may wake by itself, never later
        /// than it really does; the instant of the call if it may be any
        /// time. `None` when all wait for something from outside only.
        wakes: Option<Instant>,
        /// Changes whenever any thread has run, or a process or thread has
        /// appeared or vanished in between.
        mark: u64,
    },
    /// The process does not exist or is a zombie, and no known descendant
    /// lives.
    Gone,
    /// The system does not say (other OS, `/proc` hidden).
    Unknown,
}

/// A reusable handle on the system's table of TCP sockets.
#[derive(Debug)]
pub struct SocketTable(imp::DiagSocket);

impl SocketTable {
    /// `None` where the system does not say (other OS, or a sandbox denies
    /// it). Tries a real look-up once.
    #[must_use]
    pub fn open() -> Option<Self> {
        imp::DiagSocket::open().map(Self)
    }

    /// The queues of the connected socket whose own address is `local` and
    /// whose peer is `remote`; `None` when there is no such socket (any more).
    ///
    /// Finds IPv4 connections of IPv6 sockets (`::ffff:127.0.0.1`) as well,
    /// under either way to write their addresses.
    #[must_use]
    pub fn queues(&self, local: SocketAddr, remote: SocketAddr) -> Option<Queues> {
        self.0.queues(local, remote)
    }

    /// The address of the listener that accepts connections to `address`: the same one, or that of every interface
    /// (`0.0.0.0`, `::`). `None` if there is no listener.
    #[must_use]
    pub fn listens(&self, address: SocketAddr) -> Option<IpAddr> {
        self.0.listens(address)
    }

    /// The traffic on those of these sockets that belong to no link. `None` if unknown. A socket that is not known yet
    /// is asked itself what it is; one that does not say is looked for in the table of all sockets.
    #[must_use]
    pub fn bypass_traffic(
        &self,
        open: &[OpenSocket],
        known: &mut KnownSockets,
        membership_of: MembershipOf<'_>,
    ) -> Option<BypassTraffic> {
        self.0.bypass_traffic(open, known, membership_of)
    }
}

/// Observes one process and all of its descendants.
///
/// It remembers what it has seen of each thread: that makes checks cheap, and
/// relative timeouts useful.
#[derive(Debug)]
pub struct ProcessProbe(imp::ProcessTree);

impl ProcessProbe {
    /// A watch on the process `pid`. Best created before the process is
    /// reaped, as its number may be given to a stranger afterwards.
    #[must_use]
    pub fn new(pid: u32) -> Self {
        Self(imp::ProcessTree::new(pid))
    }

    /// What the process and its descendants are doing.
    pub fn activity(&mut self) -> Activity {
        // A `/proc` of another namespace shows other processes.
        if !crate::machine::proc_is_ours() {
            return Activity::Unknown;
        }
        self.0.activity()
    }

    /// Whether, of the processes seen by the last [`activity`](Self::activity),
    /// any has an armed `timerfd`, a POSIX timer, an `io_uring` or a handler for `SIGALRM`, all of which
    /// may end a wait that has no timeout of its own. True also when it cannot
    /// be known, as before the first check. Reads the list of open files: not for tight loops.
    #[must_use]
    pub fn may_have_hidden_timers(&self) -> bool {
        self.0.may_have_hidden_timers()
    }

    /// The sockets of the processes seen by the last [`activity`](Self::activity). `None` if unknown. Reads
    /// the list of open files: not for tight loops.
    #[must_use]
    pub fn sockets(&self) -> Option<Vec<OpenSocket>> {
        self.0.sockets()
    }
}

/// A socket that a process has open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenSocket {
    /// Its number in the system, which no other socket has.
    pub inode: u32,
    /// The process.
    pub pid: u32,
    /// The process's own number for it.
    pub fd: i32,
}

/// What earlier polls have found out about sockets. A connection never changes.
#[derive(Debug, Default)]
pub struct KnownSockets(HashMap<u32, KnownSocket>);

/// What a socket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KnownSocket {
    /// Connected: its own address, and its peer's.
    Connected(SocketAddr, SocketAddr),
    /// A listener, or not a TCP socket.
    Other,
}

/// Whether a connection belongs to a link, by its ports: the process's own, and its peer's.
pub type MembershipOf<'f> = &'f dyn Fn(u16, u16) -> LinkMembership;

/// Does a connection belong to a link?
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkMembership {
    /// It belongs to no link.
    No,
    /// It does, but the link has not accepted it yet.
    NotYet,
    /// It does.
    Yes,
}

/// The traffic on TCP connections of some processes that belong to no link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BypassTraffic {
    /// Bytes are in flight, or a connection is being made. Bytes that have arrived unread do not move, and neither do
    /// those that wait behind them.
    pub moving: bool,
    /// Changes when a byte has arrived, or a connection has come or gone.
    pub traffic: u64,
}

/// What a process and its living or reaped descendants have used so far. All of it only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Processor time in its own code, in steps of 10 ms.
    pub user: Duration,
    /// Processor time in the kernel, in steps of 10 ms.
    pub system: Duration,
    /// Page faults: memory that was touched for the first time, or read from a file.
    pub faults: u64,
    /// Bytes that were read and written by `read` and `write`, on whatever file. Those of sockets count
    /// only where they are read and written so.
    pub bytes: u64,
}

impl Usage {
    /// Processor time in all.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.user + self.system
    }

    /// What was used since then.
    #[must_use]
    pub fn since(&self, then: &Usage) -> Usage {
        Usage {
            user: self.user.saturating_sub(then.user),
            system: self.system.saturating_sub(then.system),
            faults: self.faults.saturating_sub(then.faults),
            bytes: self.bytes.saturating_sub(then.bytes),
        }
    }
}

/// What the process and its living or reaped descendants have used so far. `None` if unknown.
#[must_use]
pub fn usage(pid: u32) -> Option<Usage> {
    crate::machine::proc_is_ours().then(|| imp::usage(pid)).flatten()
}

/// Is there such a process, other than a zombie?
#[cfg(target_os = "linux")]
#[must_use]
pub fn is_up(pid: u32) -> bool {
    imp::is_up(pid)
}

/// Are all threads of the process stopped, as by `SIGSTOP`? `None` if unknown.
#[must_use]
pub fn is_stopped(pid: u32) -> Option<bool> {
    crate::machine::proc_is_ours().then(|| imp::is_stopped(pid)).flatten()
}

/// What the current threads of a process and of its descendants have had of the processors, added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scheduled {
    /// How long they have run.
    pub ran: Duration,
    /// How long they were ready to run and had no processor.
    pub denied: Duration,
}

impl Scheduled {
    /// Both added.
    #[must_use]
    pub fn plus(self, other: Scheduled) -> Scheduled {
        Scheduled { ran: self.ran + other.ran, denied: self.denied + other.denied }
    }
}

/// What the current threads of the process and of its descendants have had of the processors. `None` if unknown.
#[must_use]
pub fn scheduled(pid: u32) -> Option<Scheduled> {
    crate::machine::proc_is_ours().then(|| imp::scheduled(pid)).flatten()
}

/// Processor time that this process has used so far, and that of those processes that it has started and
/// waited for. In steps of 10 ms. `None` if unknown.
#[must_use]
pub fn own_and_children() -> Option<(Duration, Duration)> {
    imp::own_and_children()
}

/// How long this thread has run so far, or was ready to run and had no processor: all the time in which it did not
/// wait for something to do. `None` if unknown.
#[must_use]
pub fn occupied() -> Option<Duration> {
    imp::occupied()
}

/// Unread bytes in a pipe; on Linux for either end.
#[cfg(unix)]
#[must_use]
pub fn unread_in_pipe(fd: std::os::fd::BorrowedFd<'_>) -> Option<usize> {
    usize::try_from(rustix::io::ioctl_fionread(fd).ok()?).ok()
}

/// Systems that do not say.
#[cfg(not(target_os = "linux"))]
mod imp {
    use super::{
        Activity, BypassTraffic, Duration, IpAddr, KnownSockets, MembershipOf, OpenSocket, Queues, Scheduled,
        SocketAddr, Usage,
    };

    #[derive(Debug)]
    pub enum DiagSocket {}

    impl DiagSocket {
        pub fn open() -> Option<Self> {
            None
        }

        pub fn queues(&self, _: SocketAddr, _: SocketAddr) -> Option<Queues> {
            match *self {}
        }

        pub fn listens(&self, _: SocketAddr) -> Option<IpAddr> {
            match *self {}
        }

        pub fn bypass_traffic(
            &self,
            _: &[OpenSocket],
            _: &mut KnownSockets,
            _: MembershipOf<'_>,
        ) -> Option<BypassTraffic> {
            match *self {}
        }
    }

    #[derive(Debug)]
    pub struct ProcessTree;

    impl ProcessTree {
        pub fn new(_: u32) -> Self {
            Self
        }

        pub fn activity(&mut self) -> Activity {
            Activity::Unknown
        }

        pub fn may_have_hidden_timers(&self) -> bool {
            true
        }

        pub fn sockets(&self) -> Option<Vec<OpenSocket>> {
            None
        }
    }

    pub fn is_stopped(_: u32) -> Option<bool> {
        None
    }

    pub fn usage(_: u32) -> Option<Usage> {
        None
    }

    pub fn scheduled(_: u32) -> Option<Scheduled> {
        None
    }

    pub fn occupied() -> Option<Duration> {
        None
    }

    pub fn own_and_children() -> Option<(Duration, Duration)> {
        None
    }
}

#[cfg(target_os = "linux")]
mod imp {
    pub use super::sockets::DiagSocket;
    pub use super::tasks::{ProcessTree, is_stopped, is_up, occupied, own_and_children, scheduled, usage};
}

#[cfg(target_os = "linux")]
mod sockets;

#[cfg(target_os = "linux")]
mod tasks;

#[cfg(target_os = "linux")]
mod waits;

#[cfg(all(test, target_os = "linux"))]
mod tests;
