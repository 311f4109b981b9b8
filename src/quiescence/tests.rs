use super::{
    Activity, KnownSockets, LinkMembership, ProcessProbe, Queues, SocketTable, Usage, scheduled, unread_in_pipe, usage,
};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Ends the process and its children with the test.
struct Peer(Child);

impl Peer {
    fn spawn(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        Self(command.spawn().expect("spawn"))
    }

    fn python(script: &str) -> Self {
        // The shims that some set-ups have for python3 are shell scripts.
        Self::spawn("python3", &["-c", script])
    }

    fn watch(&self) -> ProcessProbe {
        ProcessProbe::new(self.0.id())
    }

    fn output(&mut self) -> BufReader<ChildStdout> {
        BufReader::new(self.0.stdout.take().expect("stdout"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let group = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        let _ = group.map(|group| kill_process_group(group, Signal::KILL));
        let _ = self.0.wait();
    }
}

/// Polls until there is a result.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

fn asleep(watch: &mut ProcessProbe) -> Option<(Option<Instant>, u64)> {
    match watch.activity() {
        Activity::Asleep { wakes, mark } => Some((wakes, mark)),
        Activity::Busy => None,
        other => panic!("{other:?}"),
    }
}

fn line(output: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    output.read_line(&mut line).expect("output");
    line.trim_end().to_owned()
}

/// A process that waits for input only, once it has said so.
fn sleeps_for_good(script: &str) {
    let mut peer = Peer::python(&format!("print(flush=True)\n{script}"));
    let mut watch = peer.watch();
    line(&mut peer.output());
    let mark = until(script, || asleep(&mut watch).filter(|(wakes, _)| wakes.is_none())).1;
    for _ in 0..100 {
        assert_eq!(watch.activity(), Activity::Asleep { wakes: None, mark }, "{script}");
    }
    assert!(!watch.may_have_hidden_timers(), "{script}");
}

#[test]
fn waits_without_timeout() {
    sleeps_for_good("import os; os.read(0, 1)");
    sleeps_for_good("import select; select.select([0], [], [])");
    sleeps_for_good("import select; p = select.poll(); p.register(0); p.poll(-1)");
    sleeps_for_good("import select; p = select.epoll(); p.register(0); p.poll()");
    sleeps_for_good("import threading; threading.Event().wait()");
    sleeps_for_good("import signal; signal.pause()");
    sleeps_for_good("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)");
    sleeps_for_good("import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); s.accept()");
    sleeps_for_good("import subprocess; subprocess.run(['cat'])");
}

/// Clock readings that map an instant to CLOCK_MONOTONIC, never upwards.
fn monotonic(instant: Instant) -> i128 {
    let clock = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let now = Instant::now();
    let nanos = |duration: Duration| i128::try_from(duration.as_nanos()).expect("nanoseconds");
    let clock = i128::from(clock.tv_sec) * 1_000_000_000 + i128::from(clock.tv_nsec);
    clock + nanos(instant.saturating_duration_since(now)) - nanos(now.saturating_duration_since(instant))
}

/// A process that sleeps for 1 s: no report is later than its true wake,
/// and the best not much earlier.
fn sleeps_for_a_second(wait: &str) {
    let clock = "time.clock_gettime_ns(time.CLOCK_MONOTONIC)";
    let mut peer = Peer::python(&format!(
        "import time, select, threading, socket, struct, sys\n\
         sys.stdin.readline()\nstart = {clock}\n{wait}\nprint(start, {clock}, flush=True)\nsys.stdin.readline()"
    ));
    let mut watch = peer.watch();
    let mut output = peer.output();
    // Seen in another wait, which is where the new one counts from.
    until("reads", || asleep(&mut watch).filter(|(wakes, _)| wakes.is_none()));
    peer.0.stdin.as_mut().expect("stdin").write_all(b"\n").expect("write");
    let mut wakes = until(wait, || asleep(&mut watch)?.0);
    for _ in 0..100 {
        let again = asleep(&mut watch).and_then(|(again, _)| again);
        wakes = wakes.max(again.unwrap_or(wakes));
    }
    let times = line(&mut output);
    let (start, end) = times.split_once(' ').expect("two times");
    let (start, end): (i128, i128) = (start.parse().expect("start"), end.parse().expect("end"));
    let wakes = monotonic(wakes);
    println!("{wait}: {} us early", (start + 1_000_000_000 - wakes) / 1000);
    assert!(wakes <= end, "{wait}: {} ns late", wakes - end);
    // From the last look before the wait, which load may have delayed.
    assert!(wakes > start + 300_000_000, "{wait}: {} ns early", end - wakes);
}

#[test]
fn waits_with_timeout() {
    sleeps_for_a_second("time.sleep(1)");
    sleeps_for_a_second("select.select([], [], [], 1)");
    sleeps_for_a_second("select.poll().poll(1000)");
    sleeps_for_a_second("select.epoll().poll(1)");
    sleeps_for_a_second("threading.Event().wait(1)");
    sleeps_for_a_second("import subprocess; subprocess.run(['sleep', '1'])");
    sleeps_for_a_second(
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 0))\n\
         s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 1, 0))\n\
         try: s.recv(1)\n\
         except BlockingIOError: pass",
    );
}

#[test]
fn sleep_from_its_start() {
    let begin = Instant::now();
    let mut peer = Peer::spawn("sleep", &["2"]);
    let mut watch = peer.watch();
    let wakes = until("sleeps", || asleep(&mut watch)?.0.filter(|&wakes| wakes > begin + Duration::from_secs(1)));
    peer.0.wait().expect("wait");
    assert!(wakes <= Instant::now());
    assert!(wakes >= begin + Duration::from_millis(1970));
    assert_eq!(watch.activity(), Activity::Gone);
}

#[test]
fn repeated_waits_are_never_reported_late() {
    let mut peer = Peer::python(
        "import select, time\np = select.epoll()\n\
         for i in range(20):\n p.poll(0.1); print(time.clock_gettime_ns(time.CLOCK_MONOTONIC), flush=True)",
    );
    let mut watch = peer.watch();
    let mut output = peer.output();
    for _ in 0..20 {
        let mut reports = Vec::new();
        until("wakes", || {
            // Whether the line is there is asked last: a report before it
            // is about the wait that has yet to print it.
            let wakes = asleep(&mut watch).and_then(|(wakes, _)| wakes);
            let printed = unread_in_pipe(output.get_ref().as_fd())? > 0 || !output.buffer().is_empty();
            if !printed {
                reports.extend(wakes);
            }
            printed.then_some(())
        });
        let end: i128 = line(&mut output).parse().expect("time");
        for wakes in reports {
            assert!(monotonic(wakes) <= end, "{} ns late", monotonic(wakes) - end);
        }
    }
}

#[test]
fn busy() {
    for script in [
        "while True: pass",
        "import threading, sys\n\
         def spin():\n  while True: pass\n\
         threading.Thread(target=spin, daemon=True).start()\nsys.stdin.read()",
    ] {
        let mut peer = Peer::python(&format!("print(flush=True)\n{script}"));
        let mut watch = peer.watch();
        line(&mut peer.output());
        if script.starts_with("while") {
            for _ in 0..200 {
                assert_eq!(watch.activity(), Activity::Busy);
            }
        }
        let used = usage_of(&peer, "uses time", |used| used.total() > Duration::from_millis(50));
        assert!(used.user > used.system * 4 && used.bytes == 0, "{used:?}");
    }
}

/// What a peer uses from now on, once it is as it should be.
fn usage_of(peer: &Peer, what: &str, wanted: impl Fn(&Usage) -> bool) -> Usage {
    let before = usage(peer.0.id()).expect("usage");
    until(what, || usage(peer.0.id()).map(|now| now.since(&before)).filter(&wanted))
}

/// Reading an end over and over is the kernel's time; bytes, and memory touched for the first time, are told.
#[test]
fn what_time_is_spent_on() {
    let mut spins = Peer::python(
        "import socket\na, b = socket.socketpair()\nb.close()\nprint(flush=True)\nr = a.recv\nwhile True: r(1)",
    );
    line(&mut spins.output());
    let used = usage_of(&spins, "asks the kernel", |used| used.total() > Duration::from_millis(200));
    assert!(used.system > used.user / 4 && used.bytes == 0 && used.faults < 50, "{used:?}");
    let copies = Peer::python("import os\nz = os.open('/dev/zero', 0)\nwhile True: os.read(z, 100000)");
    usage_of(&copies, "moves bytes", |used| used.bytes > 10_000_000);
    let allocates = Peer::python("while True: len(bytearray(1 << 24))");
    usage_of(&allocates, "touches memory", |used| used.faults > 10_000);
}

/// More spin than there are processors: somebody has to wait.
#[test]
fn who_is_denied_a_processor_is_known() {
    let denied = |pid| scheduled(pid).map(|scheduled| scheduled.denied);
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let idle = Peer::spawn("sleep", &["1000"]);
    // Each in a process of its shell's, which is what a peer may be started by.
    let spinning: Vec<Peer> =
        (0..2 * cores).map(|_| Peer::spawn("sh", &["-c", "sh -c 'while :; do :; done'; true"])).collect();
    let all = || spinning.iter().map(|peer| denied(peer.0.id())).sum::<Option<Duration>>();
    until("waits", || (all()? > Duration::from_millis(100)).then_some(()));
    assert!(denied(idle.0.id()).expect("known") < Duration::from_millis(100), "who sleeps waits for none");
    let tree = |peer: &Peer| std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", peer.0.id()));
    for child in spinning.iter().map(|peer| tree(peer).expect("children")) {
        for child in child.split_ascii_whitespace() {
            kill_process(Pid::from_raw(child.parse().expect("pid")).expect("not 0"), Signal::KILL).expect("kill");
        }
    }
}

#[test]
fn descendants() {
    let script = "exec 3<&0; sh -c 'echo; read x; echo; while :; do :; done' <&3 & wait";
    let mut peer = Peer::spawn("sh", &["-c", script]);
    let mut watch = peer.watch();
    let mut output = peer.output();
    line(&mut output);
    // Finds the child, as it sleeps together with its parent.
    until("both sleep", || asleep(&mut watch));
    let mut input = peer.0.stdin.take().expect("stdin");
    input.write_all(b"\n").expect("write");
    line(&mut output);
    for _ in 0..200 {
        assert_eq!(watch.activity(), Activity::Busy);
    }
    usage_of(&peer, "child's time", |used| used.total() > Duration::from_millis(50));
    let child = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", peer.0.id())).expect("children");
    let child = Pid::from_raw(child.trim().parse().expect("one child")).expect("not 0");
    // The child outlives its parent, and stays known.
    peer.0.kill().expect("kill");
    peer.0.wait().expect("wait");
    for _ in 0..200 {
        assert_eq!(watch.activity(), Activity::Busy);
    }
    kill_process(child, Signal::KILL).expect("kill");
    until("gone", || (watch.activity() == Activity::Gone).then_some(()));
}

#[test]
fn appearing_child_changes_the_mark() {
    let mut peer = Peer::spawn("sh", &["-c", "while read x; do sleep 1000 & done; kill $!"]);
    let mut watch = peer.watch();
    let mut marks = vec![until("sleeps", || asleep(&mut watch)).1];
    for _ in 0..3 {
        peer.0.stdin.as_mut().expect("stdin").write_all(b"\n").expect("write");
        marks.push(until("sleeps again", || asleep(&mut watch).filter(|(_, mark)| !marks.contains(mark))).1);
    }
    until("sees the timeout", || asleep(&mut watch)?.0);
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", peer.0.id())).expect("children");
    for child in children.split_ascii_whitespace() {
        let child = Pid::from_raw(child.parse().expect("pid")).expect("not 0");
        kill_process(child, Signal::KILL).expect("kill");
    }
    until("only the shell", || asleep(&mut watch).filter(|(wakes, _)| wakes.is_none()));
}

#[test]
fn gone() {
    let mut peer = Peer::spawn("true", &[]);
    let mut watch = peer.watch();
    until("zombie", || (watch.activity() == Activity::Gone).then_some(()));
    peer.0.wait().expect("wait");
    assert_eq!(watch.activity(), Activity::Gone);
    assert_eq!(peer.watch().activity(), Activity::Gone);
    assert_eq!(usage(peer.0.id()), None);
    assert_eq!(scheduled(peer.0.id()), None);
}

#[test]
fn hidden_timers() {
    let timerfd = "import ctypes\nc = ctypes.CDLL(None)\nf = c.timerfd_create(1, 0)\n";
    let arm = "c.timerfd_settime(f, 0, (ctypes.c_long * 4)(0, 0, 1000, 0), None)\n";
    let posix = "import ctypes\nc = ctypes.CDLL(None)\nt = ctypes.c_void_p()\n\
                 assert c.timer_create(1, None, ctypes.byref(t)) == 0\n";
    for (script, expected) in [(timerfd, false), (&format!("{timerfd}{arm}"), true), (posix, true)] {
        let mut peer = Peer::python(&format!("{script}print(flush=True)\ninput()"));
        let mut watch = peer.watch();
        assert!(watch.may_have_hidden_timers());
        line(&mut peer.output());
        until("sleeps", || asleep(&mut watch));
        assert_eq!(watch.may_have_hidden_timers(), expected, "{script}");
    }
}

/// Once `write` has returned, the reader never seems to sleep on.
#[test]
fn a_write_is_never_overlooked() {
    let mut peer = Peer::spawn("cat", &[]);
    let mut watch = peer.watch();
    let mut input = peer.0.stdin.take().expect("stdin");
    let mut output = peer.0.stdout.take().expect("stdout");
    let mut mark = until("sleeps", || asleep(&mut watch)).1;
    for round in 0..2000 {
        input.write_all(b"x").expect("write");
        // At the first check already: asleep means that it has run.
        let (wakes, after) = until("sleeps again", || asleep(&mut watch));
        assert_ne!(after, mark, "round {round}: asleep with a byte to read");
        assert_eq!(unread_in_pipe(output.as_fd()), Some(1), "round {round}: asleep before the output");
        assert_eq!(unread_in_pipe(input.as_fd()), Some(0));
        assert_eq!(wakes, None);
        output.read_exact(&mut [0]).expect("read");
        mark = after;
    }
}

/// The same through two processes that wake one another.
#[test]
fn a_chain_is_never_overlooked() {
    let mut peer = Peer::spawn("sh", &["-c", "cat | cat | cat"]);
    let mut watch = peer.watch();
    let mut input = peer.0.stdin.take().expect("stdin");
    let mut output = peer.0.stdout.take().expect("stdout");
    input.write_all(b"x").expect("write");
    output.read_exact(&mut [0]).expect("read");
    let mut mark = until("sleeps", || asleep(&mut watch)).1;
    for round in 0..2000 {
        input.write_all(b"x").expect("write");
        let after = until("sleeps again", || asleep(&mut watch)).1;
        assert_ne!(after, mark, "round {round}: asleep with a byte to read");
        assert_eq!(unread_in_pipe(output.as_fd()), Some(1), "round {round}: asleep before the output");
        output.read_exact(&mut [0]).expect("read");
        mark = after;
    }
}

fn connection(address: &str) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(address).expect("bind");
    let port = listener.local_addr().expect("address").port();
    let target = if address.starts_with("[::]") { "127.0.0.1" } else { address.trim_end_matches(":0") };
    let client = TcpStream::connect(format!("{target}:{port}")).expect("connect");
    (client, listener.accept().expect("accept").0)
}

fn queues(table: &SocketTable, stream: &TcpStream) -> Option<Queues> {
    table.queues(stream.local_addr().ok()?, stream.peer_addr().ok()?)
}

#[test]
fn tcp_queues() {
    let table = SocketTable::open().expect("netlink");
    for address in ["127.0.0.1:0", "[::1]:0", "[::]:0"] {
        let (mut client, mut server) = connection(address);
        let unread = |stream: &TcpStream| queues(&table, stream).expect("socket").unread;
        let mut total = 0;
        for size in [1, 10, 1000, 60_000] {
            client.write_all(&vec![7; size]).expect("write");
            let size = u32::try_from(size).expect("small");
            until("arrives", || (unread(&server) == size).then_some(()));
            total += u64::from(size);
            assert_eq!(queues(&table, &server).expect("socket").received, total);
            for left in (0..size).rev().take(3) {
                server.read_exact(&mut [0]).expect("read");
                assert_eq!(unread(&server), left);
            }
            let left = usize::try_from(unread(&server)).expect("small");
            server.read_exact(&mut vec![0; left]).expect("read");
            assert_eq!(unread(&server), 0);
        }
        until("acknowledged", || (queues(&table, &client)?.unsent == 0).then_some(()));
        // The SYN counts with who has opened the connection.
        assert_eq!(queues(&table, &client).expect("socket").acked, total + 1);
        // The end of the stream counts until it is read.
        client.shutdown(Shutdown::Write).expect("shutdown");
        until("end arrives", || (unread(&server) == 1).then_some(()));
        assert_eq!(server.read(&mut [0]).expect("read"), 0);
        assert_eq!(unread(&server), 0);
    }
}

#[test]
fn tcp_queue_of_a_stuck_sender() {
    let table = SocketTable::open().expect("netlink");
    let (client, server) = connection("127.0.0.1:0");
    client.set_nonblocking(true).expect("nonblocking");
    let mut written = 0;
    while let Ok(more) = (&client).write(&[0; 65536]) {
        written += u64::try_from(more).expect("small");
    }
    until("stuck", || {
        let (own, peer) = (queues(&table, &client)?, queues(&table, &server)?);
        // The kernel reads `unsent` before `acked`: what is acknowledged in between is in both.
        let told = own.acked - 1 + u64::from(own.unsent);
        assert!(told >= written, "{own:?} of {written}");
        let stuck = own.unsent > 0 && u64::from(peer.unread) + u64::from(own.unsent) == written;
        (stuck && told == written).then_some(())
    });
}

/// A byte that arrives on a connection of which nobody keeps count is seen.
#[test]
fn what_moves_elsewhere() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = listener.local_addr().expect("address").port();
    let mut peer = Peer::python(&format!(
        "import socket, sys\ns = socket.create_connection(('127.0.0.1', {port}))\nprint(flush=True)\n\
         sys.stdin.readline(); s.recv(1)\nprint(flush=True)\nsys.stdin.readline()"
    ));
    let (mut server, address) = listener.accept().expect("accept");
    let mut watch = peer.watch();
    let mut output = peer.output();
    let table = SocketTable::open().expect("a table");
    let nobody = |_: u16, _: u16| LinkMembership::No;
    let mut known = KnownSockets::default();
    let mut see = |watch: &ProcessProbe| {
        table.bypass_traffic(&watch.sockets().expect("sockets"), &mut known, &nobody).expect("it can be known")
    };
    line(&mut output);
    until("rests", || asleep(&mut watch));
    let before = see(&watch);
    assert!(!before.moving);
    assert_eq!(see(&watch), before, "nothing has happened");
    server.write_all(b"x").expect("write");
    let arrived = until("byte arrives", || Some(see(&watch)).filter(|seen| seen.traffic != before.traffic));
    assert!(!arrived.moving, "it lies there");
    let sockets = watch.sockets().expect("sockets");
    let seen = |membership: LinkMembership| {
        let membership_of =
            |own: u16, other: u16| if (own, other) == (address.port(), port) { membership } else { LinkMembership::No };
        table.bypass_traffic(&sockets, &mut KnownSockets::default(), &membership_of).expect("it can be known")
    };
    assert_eq!(seen(LinkMembership::Yes).traffic, 0, "a link keeps count");
    peer.0.stdin.as_mut().expect("stdin").write_all(b"\n").expect("write");
    line(&mut output);
    until("rests again", || asleep(&mut watch));
    assert_eq!(see(&watch), arrived, "nothing more has come");
    assert!(seen(LinkMembership::NotYet).moving, "a link has not taken it in yet");
}

#[test]
fn where_somebody_listens() {
    let table = SocketTable::open().expect("netlink");
    for (bound, asked) in [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("[::]", "[::1]"),
        ("[::]", "127.0.0.1"),
    ] {
        let Ok(listener) = TcpListener::bind(format!("{bound}:0")) else {
            assert!(bound.contains(':'), "only IPv6 may be missing");
            continue;
        };
        let port = listener.local_addr().expect("address").port();
        let at: SocketAddr = format!("{asked}:{port}").parse().expect("address");
        let bound: SocketAddr = format!("{bound}:{port}").parse().expect("address");
        assert_eq!(table.listens(at), Some(bound.ip()));
        // Whoever calls meanwhile makes no difference.
        let client = TcpStream::connect(at).expect("connect");
        assert_eq!(table.listens(at), Some(bound.ip()));
        drop(client);
        drop(listener);
        assert_eq!(table.listens(at), None);
    }
}

#[test]
fn no_such_socket() {
    let table = SocketTable::open().expect("netlink");
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let client = TcpStream::connect(listener.local_addr().expect("address")).expect("connect");
    let (server, peer) = listener.accept().expect("accept");
    let own = server.local_addr().expect("address");
    assert!(table.queues(own, peer).is_some());
    let mapped =
        |address: SocketAddr| SocketAddr::new(format!("::ffff:{}", address.ip()).parse().expect("ip"), address.port());
    assert!(table.queues(mapped(own), mapped(peer)).is_some());
    drop(client);
    drop(server);
    until("closed", || table.queues(own, peer).is_none().then_some(()));
    assert_eq!(table.queues(own, own), None);
}

#[test]
fn a_handler_for_alarms_counts_as_a_hidden_timer() {
    let mut child = std::process::Command::new("python3")
        .args([
            "-c",
            "import signal\nsignal.signal(signal.SIGALRM, lambda *_: None)\nprint(flush=True)\nsignal.pause()",
        ])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let stdout = child.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
    let mut watch = ProcessProbe::new(child.id());
    while !matches!(watch.activity(), Activity::Asleep { .. }) {}
    let hidden = watch.may_have_hidden_timers();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(hidden);
}
