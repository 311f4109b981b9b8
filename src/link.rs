//! The loopback proxy between a dialer and a listener.
//!
//! A link listens on a port of its own, connects each dialer through to the listener, and moves bytes both ways as
//! its [`Condition`] says. It records evidence of everything that it sees, and can be cut, stalled and healed.
//!
//! Each direction of a connection has a reader, which takes in what comes, and a writer, which decides what to
//! deliver when. Nothing that a verdict depends on is left to the clock:
//!
//! - **fragmented** sends the next piece only when the receiver has read the last one; the
//!   kernel says so ([`SocketTable`]). Where it does not (other systems than Linux), a pause of a
//!   millisecond stands in, and the doctor says that fragments may merge there.
//! - **coalesced** holds back until [`Link::release`]: the runner calls it when no peer can go on
//!   without what is held.
//! - **delayed** alone uses the clock: [`DELAY`] for every piece.
//! - **interleaved** releases one event at a time, when the runner says so ([`Link::let_go`]): the runner chooses the
//!   order of events.
//! - a **break** after a number of bytes waits until the bytes before it have been read.

mod carrier;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::carrier::{ConnectionEnd, carry};
use crate::course::Condition;
use crate::evidence::{Connection, Direction, LinkEvidence, WireEventKind};
use crate::fault::Fault;
use crate::machine::{files, shortage};
use crate::quiescence::{LinkMembership, Queues, SocketTable};
use crate::transcript::{After, Break, LinkFault, LinkName, RoleId};

/// How long a delayed link keeps each piece.
pub const DELAY: Duration = Duration::from_millis(25);

/// A link between two roles.
pub struct Link {
    /// The roles at its ends.
    pub name: LinkName,
    /// The address that the dialer dials.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    _accepting: JoinSet<()>,
}

/// What the tasks of a link share with the runner.
struct Shared {
    state: Mutex<LinkState>,
    /// Notified when something changes that a writer may wait for.
    changed: Notify,
    /// Notified when directions that are full have to take in more; see [`DEAF_POLLS`].
    relief: Notify,
    /// At so many polls in a row, a peer whose link is full had not got what was written to it.
    deaf: AtomicU32,
    condition: Condition,
    target: SocketAddr,
    sockets: Option<Arc<SocketTable>>,
    start: Instant,
    /// Incremented with every event, so that the runner notices.
    ticks: Arc<AtomicU64>,
    seed: u64,
}

struct LinkState {
    evidence: LinkEvidence,
    legs: Vec<Legs>,
    stalled: bool,
    /// How connections are broken off now, new ones included.
    broken: Option<Break>,
    /// How often they were: a connection that was being made then does not come about.
    breaks: u64,
    /// Break off when this many bytes in all have been delivered: (in which direction, how many, how).
    break_at: Option<(Direction, u64, Break)>,
    /// Incremented by each release of a coalesced link.
    released: u64,
    /// What an interleaved link holds back.
    held: BTreeSet<Held>,
    /// What has been released, and has not moved yet.
    let_go: BTreeSet<Held>,
    /// The dialers that have come.
    dialers: Vec<SocketAddr>,
    /// For how many of them the listener is being dialed.
    dialing: usize,
}

impl LinkState {
    /// Was this released? From then on it is moving.
    fn may_go(&mut self, held: Held) -> bool {
        if !self.let_go.remove(&held) {
            return false;
        }
        self.held.remove(&held);
        match held {
            Held::Dialer(_) => self.dialing += 1,
            Held::Piece { connection, direction } => {
                self.legs[connection].carrier(direction).doing = WriterState::Moving
            }
        }
        true
    }

    /// A connection is over; nothing of it is held back any more.
    fn close(&mut self, id: usize) {
        let of_another = |held: &Held| !matches!(held, Held::Piece { connection, .. } if *connection == id);
        self.held.retain(of_another);
        self.let_go.retain(of_another);
        self.legs[id].open = false;
    }
}

/// Something that an interleaved link holds back until it is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Held {
    /// A dialer, by its number; the listener has not been dialed yet.
    Dialer(usize),
    /// The next piece, or the end, of a direction of a connection.
    Piece {
        /// The connection, by its number.
        connection: usize,
        /// In which direction.
        direction: Direction,
    },
}

/// The two sockets of a connection, and the state of its directions.
struct Legs {
    /// Our socket to the dialer, and to the listener.
    dialer: (SocketAddr, SocketAddr),
    listener: (SocketAddr, SocketAddr),
    to_listener: CarrierState,
    to_dialer: CarrierState,
    open: bool,
    /// The runner has broken this connection.
    broken: Option<Break>,
}

impl Legs {
    fn new(dialer: (SocketAddr, SocketAddr), listener: (SocketAddr, SocketAddr), open: bool) -> Legs {
        let idle = CarrierState { doing: WriterState::Nothing, full: false };
        Legs { dialer, listener, to_listener: idle, to_dialer: idle, open, broken: None }
    }

    fn carrier(&mut self, direction: Direction) -> &mut CarrierState {
        match direction {
            Direction::ToDialer => &mut self.to_dialer,
            Direction::ToListener => &mut self.to_listener,
        }
    }
}

/// The state of one direction, as far as quiescence depends on it.
#[derive(Clone, Copy)]
struct CarrierState {
    doing: WriterState,
    /// It holds as much as it may, and takes in no more.
    full: bool,
}

/// What the writer of a direction is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WriterState {
    /// Nothing: it waits for the sender.
    Nothing,
    /// It moves bytes, or waits for the time to do so.
    Moving,
    /// It holds bytes back until it is released.
    Holding,
    /// It waits for the receiver to read.
    AwaitingRead,
    /// It is stalled, with bytes.
    Stalled,
}

/// What a link does, or all links of a run together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkActivity {
    /// Bytes are in flight.
    Moving,
    /// Bytes are held back until a release.
    Holding,
    /// The link delivers nothing more until something is sent into it, or read from it.
    Still,
}

impl Link {
    /// Opens a link to `target`.
    ///
    /// # Errors
    /// No port on loopback is available.
    pub async fn open(
        name: LinkName,
        target: SocketAddr,
        condition: Condition,
        sockets: Option<Arc<SocketTable>>,
        clock: (Instant, Arc<AtomicU64>),
        seed: u64,
    ) -> io::Result<Link> {
        let socket = new_socket(target)?;
        socket.bind((target.ip(), 0).into())?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let evidence =
            LinkEvidence { dialer: name.dialer, listener: name.listener, condition, connections: Vec::new() };
        let state = LinkState {
            evidence,
            legs: Vec::new(),
            stalled: false,
            broken: None,
            breaks: 0,
            break_at: None,
            released: 0,
            held: BTreeSet::new(),
            let_go: BTreeSet::new(),
            dialers: Vec::new(),
            dialing: 0,
        };
        let (start, ticks) = clock;
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Notify::new(),
            relief: Notify::new(),
            deaf: AtomicU32::new(0),
            condition,
            target,
            sockets,
            start,
            ticks,
            seed,
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Link { name, address, shared, _accepting: accepting })
    }

    /// The address of the listener.
    pub fn target(&self) -> SocketAddr {
        self.shared.target
    }

    /// Applies a fault now.
    pub fn fault(&self, fault: LinkFault) {
        let mut state = self.shared.lock();
        match fault {
            LinkFault::Break(how, None) => {
                state.broken = Some(how);
                state.breaks += 1;
                // They stay broken, also when the link heals before they have noticed.
                state.legs.iter_mut().for_each(|legs| legs.broken = Some(how));
            }
            LinkFault::Break(how, Some(After { bytes, from })) => {
                let direction = if from == self.name.dialer { Direction::ToListener } else { Direction::ToDialer };
                let so_far: u64 = state.evidence.connections.iter_mut().map(|c| c.flow(direction).delivered).sum();
                state.break_at = Some((direction, so_far + bytes, how));
            }
            LinkFault::Stall => state.stalled = true,
            LinkFault::Heal => {
                state.stalled = false;
                state.broken = None;
                state.break_at = None;
            }
        }
        drop(state);
        self.shared.changed();
    }

    /// Releases everything that the link holds back.
    pub fn release(&self) {
        let mut state = self.shared.lock();
        state.released += 1;
        state.let_go = state.held.clone();
        drop(state);
        self.shared.changed();
    }

    /// What an interleaved link holds back.
    pub fn held(&self) -> Vec<Held> {
        self.shared.lock().held.iter().copied().collect()
    }

    /// Releases one thing that an interleaved link holds back.
    pub fn let_go(&self, held: Held) {
        self.shared.lock().let_go.insert(held);
        self.shared.changed();
    }

    /// What is the link doing?
    pub fn quiet(&self) -> LinkActivity {
        let state = self.shared.lock();
        if state.dialing > 0 || !state.let_go.is_empty() {
            return LinkActivity::Moving;
        }
        let mut quiet = if state.held.is_empty() { LinkActivity::Still } else { LinkActivity::Holding };
        for legs in state.legs.iter().filter(|legs| legs.open) {
            for carrier in [legs.to_listener, legs.to_dialer] {
                quiet = quiet.min(match carrier.doing {
                    WriterState::Moving => LinkActivity::Moving,
                    WriterState::Holding => LinkActivity::Holding,
                    WriterState::Nothing | WriterState::AwaitingRead | WriterState::Stalled => LinkActivity::Still,
                });
            }
            if self.shared.in_flight(legs) {
                return LinkActivity::Moving;
            }
        }
        quiet
    }

    /// Does this connection of a peer, given by its own port and the remote one, belong to the link? A dialer's does
    /// once the link has accepted it, even if the listener has not been dialed yet.
    pub fn membership(&self, own: u16, other: u16) -> LinkMembership {
        let state = self.shared.lock();
        if other == self.address.port() {
            let taken_in = state.dialers.iter().any(|dialer| dialer.port() == own);
            return if taken_in { LinkMembership::Yes } else { LinkMembership::NotYet };
        }
        let is = |(ours, theirs): (SocketAddr, SocketAddr)| (theirs.port(), ours.port()) == (own, other);
        if state.legs.iter().any(|legs| is(legs.listener)) { LinkMembership::Yes } else { LinkMembership::No }
    }

    /// Was a role told since then, on any connection, that nothing more will come?
    pub fn told_of_the_end(&self, role: RoleId, since: Duration) -> bool {
        let told = |connection: &Connection| {
            let legs = [(self.name.dialer, &connection.to_dialer), (self.name.listener, &connection.to_listener)];
            let end = legs.iter().filter(|(to, _)| *to == role).find_map(|(_, flow)| flow.fin_delivered);
            [end, connection.broken.map(|(_, at)| at)].into_iter().flatten().any(|at| at >= since)
        };
        self.shared.lock().evidence.connections.iter().any(told)
    }

    /// What the link has seen so far.
    pub fn evidence(&self) -> LinkEvidence {
        let state = self.shared.lock();
        let mut evidence = state.evidence.clone();
        if let Some(table) = &self.shared.sockets {
            for (connection, legs) in evidence.connections.iter_mut().zip(&state.legs) {
                // The listener reads the one flow, the dialer the other.
                connection.to_listener.unread =
                    table.queues(legs.listener.1, legs.listener.0).map(|queues| queues.unread);
                connection.to_dialer.unread = table.queues(legs.dialer.1, legs.dialer.0).map(|queues| queues.unread);
            }
        }
        evidence
    }

    /// Bytes that have come in one direction so far.
    pub fn came(&self, direction: Direction) -> u64 {
        self.shared.lock().evidence.connections.iter_mut().map(|connection| connection.flow(direction).came).sum()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, LinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.ticks.fetch_add(1, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Are bytes in flight between a peer and the link: written by one, and not yet readable by the other, or not yet
    /// taken in by the link?
    fn in_flight(&self, legs: &Legs) -> bool {
        let Some(table) = &self.sockets else { return false };
        let dialer = Leg { sockets: legs.dialer, opened: true, full: legs.to_listener.full };
        let listener = Leg { sockets: legs.listener, opened: false, full: legs.to_dialer.full };
        let states = [dialer, listener].map(|leg| leg.state(table));
        let deaf = states.iter().any(|state| state.is_deaf);
        self.deaf.store(if deaf { self.deaf.load(Ordering::Relaxed) + 1 } else { 0 }, Ordering::Relaxed);
        if self.deaf.load(Ordering::Relaxed) >= DEAF_POLLS {
            self.relief.notify_waiters();
        }
        states.iter().any(|state| state.in_flight)
    }

    /// How a connection was broken off, if it was.
    fn broken(&self, id: usize) -> Option<Break> {
        let state = self.lock();
        state.legs[id].broken.or(state.broken)
    }

    /// On an interleaved link, waits until this is released. From then on it is moving.
    async fn hold(&self, held: Held) {
        if self.condition != Condition::Interleaved {
            return;
        }
        {
            let mut state = self.lock();
            state.held.insert(held);
            if let Held::Piece { connection, direction } = held {
                state.legs[connection].carrier(direction).doing = WriterState::Holding;
            }
        }
        self.changed();
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.lock().may_go(held) {
                return;
            }
            changed.await;
        }
    }

    fn doing(&self, id: usize, direction: Direction, doing: WriterState) {
        let mut state = self.lock();
        let carrier = state.legs[id].carrier(direction);
        if carrier.doing != doing {
            carrier.doing = doing;
            drop(state);
            self.ticks.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records whether a direction holds as much as it may.
    fn full(&self, id: usize, direction: Direction, full: bool) {
        self.lock().legs[id].carrier(direction).full = full;
    }

    /// Marks a waiting writer as moving: it has something to do now.
    fn wake(&self, id: usize, direction: Direction) {
        let idle = self.lock().legs[id].carrier(direction).doing == WriterState::Nothing;
        if idle {
            self.doing(id, direction, WriterState::Moving);
        }
    }

    /// Records evidence about a connection.
    fn see(&self, id: usize, what: impl FnOnce(&mut Connection, Duration)) {
        let now = self.now();
        what(&mut self.lock().evidence.connections[id], now);
        self.ticks.fetch_add(1, Ordering::Relaxed);
    }
}

/// The buffers of a link's sockets, in bytes. By default the system lets them grow to dozens of MiB as it sees fit,
/// so how soon a sender has to wait would be chance.
const BUFFER: usize = 128 * 1024;

/// The longest segment that a link sends or accepts, as on Ethernet. Loopback's own, 64 KiB, does not fit into the
/// window of a peer with small buffers, and would wait for a timer of the kernel.
#[cfg(unix)]
const SEGMENT: u32 = 1448;

/// The receive window that a link offers, in bytes: far less than fits into its buffer. Small segments take up more
/// memory than they have bytes. If Linux offers more than it has memory for, it drops what comes, and with it the
/// acknowledgements for the other direction: a peer that only writes would not get what it should read. The system
/// derives the largest window from the buffer that a socket has when it connects.
const WINDOW: u32 = 8 * 1024;

/// How many dialers may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A new socket of a link.
fn new_socket(target: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if target.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    #[cfg(unix)]
    let _ = socket2::SockRef::from(&socket).set_tcp_mss(SEGMENT);
    let _ = socket.set_recv_buffer_size(WINDOW);
    Ok(socket)
}

async fn dial(target: SocketAddr) -> io::Result<TcpStream> {
    new_socket(target)?.connect(target).await
}

/// One TCP connection between a link and a peer.
struct Leg {
    /// Our address, and theirs.
    sockets: (SocketAddr, SocketAddr),
    /// The peer opened it, so its count of acknowledged bytes is one higher, and not ours.
    opened: bool,
    /// The link takes in nothing from it until something is read at the other end.
    full: bool,
}

/// A link that is full leaves what a peer sends in the kernel. If that is more than the kernel has memory for, it drops
/// what comes and shrinks the window to nothing, and then it does not even look at the acknowledgements of this peer:
/// what the link writes to it gets stuck behind bytes that have long arrived. So once that was seen at so many polls in
/// a row, the link takes in a little more, which makes room.
const DEAF_POLLS: u32 = 3;

/// What is between a link and a peer.
struct LegState {
    in_flight: bool,
    /// The link is full, and the peer has not got what was written to it, though it reads.
    is_deaf: bool,
}

impl Leg {
    fn state(&self, table: &SocketTable) -> LegState {
        let (ours, theirs) = self.sockets;
        let (theirs, ours) = (table.queues(theirs, ours), table.queues(ours, theirs));
        let (Some(theirs), Some(ours)) = (theirs, ours) else {
            let in_flight = ours.is_some_and(|ours| !self.full && ours.unread > 0);
            return LegState { in_flight, is_deaf: false };
        };
        let to_us = ours.unread > 0 || written(theirs, self.opened) > ours.received;
        // If a peer does not read what has arrived, what follows is held up for good.
        let to_them = theirs.unread == 0 && written(ours, !self.opened) > theirs.received;
        LegState { in_flight: (to_us && !self.full) || to_them, is_deaf: self.full && to_them }
    }
}

/// The bytes that the owner of a socket has written to it; or more, while acknowledgements arrive.
fn written(queues: Queues, opened: bool) -> u64 {
    queues.acked.saturating_sub(u64::from(opened)) + u64::from(queues.unsent)
}

/// Accepts dialers, each in a task of its own.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let most = files::connections();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                match accepted {
                    Ok(dialer) => {
                        connections.spawn(connect(dialer, Arc::clone(&shared), connections.len() < most));
                    }
                    // Without free files the dialer stays in the queue and would be offered again at once. Stop here:
                    // the run ends as soon as it notices the shortage.
                    Err(error) if Fault::of(&error).is_some() => return shortage::note(&error),
                    // A dialer that was gone before it was accepted.
                    Err(_) => {}
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one dialer. One too many is refused.
async fn connect((dialer, from): (TcpStream, SocketAddr), shared: Arc<Shared>, welcome: bool) {
    let number = {
        let mut state = shared.lock();
        state.dialers.push(from);
        state.dialing += usize::from(shared.condition != Condition::Interleaved);
        state.dialers.len() - 1
    };
    shared.hold(Held::Dialer(number)).await;
    let (broken, breaks) = {
        let state = shared.lock();
        (state.broken.is_some(), state.breaks)
    };
    let refused = || Err(io::ErrorKind::ConnectionRefused.into());
    let mut reached = if broken || !welcome { refused() } else { dial(shared.target).await };
    if shared.lock().breaks != breaks {
        reached = refused();
    }
    let now = shared.now();
    if let Err(error) = &reached {
        // If the runner has no socket left, that is a shortage and no refusal.
        shortage::note(error);
    }
    let Ok(listener) = reached else {
        let mut connection = Connection::default();
        connection.note(now, Direction::ToListener, WireEventKind::Refused);
        let mut state = shared.lock();
        state.dialing -= 1;
        state.evidence.connections.push(connection);
        // A connection without legs keeps the two lists in step.
        let nowhere = (shared.target, shared.target);
        state.legs.push(Legs::new(nowhere, nowhere, false));
        drop(state);
        shared.changed();
        abort(&dialer);
        return;
    };
    for stream in [&dialer, &listener] {
        let _ = stream.set_nodelay(true);
        let socket = socket2::SockRef::from(stream);
        let _ = (socket.set_recv_buffer_size(BUFFER), socket.set_send_buffer_size(BUFFER));
    }
    let legs = addresses(&dialer).zip(addresses(&listener));
    let id = {
        let mut state = shared.lock();
        state.dialing -= 1;
        let Some((at_dialer, at_listener)) = legs else { return };
        let mut connection = Connection::default();
        connection.note(now, Direction::ToListener, WireEventKind::Opened);
        state.evidence.connections.push(connection);
        state.legs.push(Legs::new(at_dialer, at_listener, true));
        state.legs.len() - 1
    };
    shared.changed();
    let how = carry(id, &dialer, &listener, &shared).await;
    if let ConnectionEnd::Broken(how) = how {
        let now = shared.now();
        let mut state = shared.lock();
        // What was broken at a byte breaks the link from then on.
        if state.legs[id].broken.is_none() {
            state.broken = Some(how);
        }
        let connection = &mut state.evidence.connections[id];
        connection.broken = Some((how, now));
        connection.note(
            now,
            Direction::ToListener,
            if how == Break::Cut { WireEventKind::Cut } else { WireEventKind::Ended },
        );
    }
    match how {
        ConnectionEnd::Finished => {}
        ConnectionEnd::Broken(Break::End) => end(id, &dialer, &listener, &shared).await,
        ConnectionEnd::Reset | ConnectionEnd::Broken(Break::Cut) => {
            abort(&dialer);
            abort(&listener);
        }
    }
    shared.lock().close(id);
    drop((dialer, listener));
    shared.changed();
}

/// Tells both peers that nothing more will come, as if the other one had closed its socket or died. What they still
/// send is discarded until they have seen the end, and refused from then on.
async fn end(id: usize, dialer: &TcpStream, listener: &TcpStream, shared: &Shared) {
    let now = shared.now();
    for (direction, to) in [(Direction::ToListener, listener), (Direction::ToDialer, dialer)] {
        let _ = socket2::SockRef::from(to).shutdown(std::net::Shutdown::Write);
        shared.see(id, |connection, _| connection.flow(direction).fin_delivered = Some(now));
        shared.doing(id, direction, WriterState::AwaitingRead);
    }
    let arrived = |direction| shared.lock().evidence.connections[id].flow(direction).arrived();
    let to_listener = carrier::until_read(listener, arrived(Direction::ToListener), shared, || {});
    let to_dialer = carrier::until_read(dialer, arrived(Direction::ToDialer), shared, || {});
    let thrown_away = async { tokio::join!(throw_away(dialer), throw_away(listener)) };
    tokio::select! {
        _ = async { tokio::join!(to_listener, to_dialer) } => {}
        _ = thrown_away => {}
    }
}

/// Reads and discards.
async fn throw_away(from: &TcpStream) {
    let mut buffer = vec![0; 16 * 1024];
    while carrier::read_some(from, &mut buffer).await.is_ok_and(|count| count > 0) {}
}

fn addresses(stream: &TcpStream) -> Option<(SocketAddr, SocketAddr)> {
    Some((stream.local_addr().ok()?, stream.peer_addr().ok()?))
}

/// Makes the next close a reset.
fn abort(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

#[cfg(test)]
mod tests;
