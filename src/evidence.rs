//! The evidence of a run: what each role printed, and what went over each link.
//!
//! Evidence is gathered by the machinery and read by [`explain`](crate::explain) and the reports. It consists of
//! values only, so a run can be explained, shown or sent elsewhere long after its processes are gone.

mod wire;

use std::borrow::Cow;
use std::time::Duration;

pub use wire::WireReader;

use serde::Serialize;

use crate::course::{Condition, Party};
use crate::matcher::Ending;
use crate::pattern::NO_NEWLINE;
use crate::transcript::{Break, RoleId};

/// Everything that was seen in one run. Times count from the start of the run.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// One for each role of the transcript, in its order.
    pub outputs: Vec<RoleOutput>,
    /// One for each link that was made.
    pub links: Vec<LinkEvidence>,
    /// The lines that the runner typed.
    pub typed: Vec<Typed>,
    /// When the actions of the transcript were done, in order.
    pub acted: Vec<Duration>,
    /// How long the run took.
    pub took: Duration,
    /// For a failed run, how much of its time peers were ready to run and had no processor, where the system says.
    pub denied: Duration,
    /// The wait for rest that was not over when the run was ended.
    pub unrest: Option<Unrest>,
    /// What came too early or too late.
    pub off_time: Option<OffTime>,
}

/// Something that came too early, or too late, or not in time.
#[derive(Debug, Clone, Copy)]
pub struct OffTime {
    /// The step that asks for a time, as an index.
    pub step: usize,
    /// How much time had passed.
    pub took: Duration,
}

/// A wait for rest (`! until still`) that was not over, and who was not at rest.
#[derive(Debug, Clone)]
pub struct Unrest {
    /// The line of the transcript that waits, counted from 0.
    pub line: usize,
    /// Which roles woke meanwhile, and how often: those that woke by themselves, if there are any.
    pub woken: Vec<(RoleId, u32)>,
}

/// What one role printed, and how it ended.
#[derive(Debug, Clone)]
pub struct RoleOutput {
    /// Its name in the transcript.
    pub role: String,
    /// Whose program it was.
    pub party: Party,
    /// The lines that it printed, in order.
    pub lines: Vec<Printed>,
    /// The beginning and the end of what it wrote to standard error.
    pub stderr: Vec<u8>,
    /// How it ended by itself; `None` when it was still up at the end, or never started.
    pub ending: Option<Ending>,
    /// All its endings, with their times: it may have been started again.
    pub endings: Vec<(Duration, Ending)>,
    /// When it was started, the last time; `None` if it never was.
    pub started: Option<Duration>,
    /// What it had printed after its last newline when it was stopped: a prompt, or an unfinished line. If a role
    /// ended by itself, this is among its lines.
    pub unended: Vec<u8>,
    /// The runner ended its input.
    pub input_ended: bool,
    /// Bytes that were typed and never read, where the system can say.
    pub unread_input: Option<usize>,
    /// How often it woke by itself and slept again since the last effect.
    pub naps: u32,
    /// The processor time that it used since then, as far as it was measured.
    pub computed: Duration,
}

impl RoleOutput {
    /// A role that has printed nothing yet.
    pub fn new(role: &str, party: Party) -> RoleOutput {
        RoleOutput {
            role: role.to_owned(),
            party,
            lines: Vec::new(),
            stderr: Vec::new(),
            ending: None,
            endings: Vec::new(),
            started: None,
            unended: Vec::new(),
            input_ended: false,
            unread_input: None,
            naps: 0,
            computed: Duration::ZERO,
        }
    }
}

/// One line that a role printed.
#[derive(Debug, Clone)]
pub struct Printed {
    /// Its bytes, without the newline.
    pub bytes: Vec<u8>,
    /// When it was read.
    pub at: Duration,
    /// False for a last line without a newline.
    pub whole: bool,
    /// It is a text after which no newline was expected.
    pub prompt: bool,
}

impl Printed {
    /// The text that a pattern is held against.
    pub fn matched(&self) -> Cow<'_, [u8]> {
        let mark = NO_NEWLINE.encode_utf8(&mut [0; 4]).as_bytes().to_vec();
        if self.prompt { Cow::Owned([&self.bytes, &mark[..]].concat()) } else { Cow::Borrowed(&self.bytes) }
    }

    /// The text, when it is UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }
}

/// A line that the runner typed into a role.
#[derive(Debug, Clone)]
pub struct Typed {
    /// Into which role.
    pub role: RoleId,
    /// What.
    pub text: String,
    /// When.
    pub at: Duration,
    /// How many bytes had come from that role by then, to each role.
    pub sent_before: Vec<u64>,
}

/// What a link saw.
#[derive(Debug, Clone)]
pub struct LinkEvidence {
    /// The role that dials.
    pub dialer: RoleId,
    /// The role that listens.
    pub listener: RoleId,
    /// How it treated what came through it.
    pub condition: Condition,
    /// Its connections, in the order in which they were made.
    pub connections: Vec<Connection>,
}

/// A direction of a connection. The order of the variants and their hash are part of what a seed means: they decide
/// which order of events an `interleaved` run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From the listener to the dialer.
    ToDialer,
    /// From the dialer to the listener.
    ToListener,
}

impl Direction {
    /// The other direction.
    pub fn opposite(self) -> Direction {
        match self {
            Direction::ToDialer => Direction::ToListener,
            Direction::ToListener => Direction::ToDialer,
        }
    }

    /// The sender and the receiver, of a link's dialer and its listener.
    pub fn ends<T>(self, dialer: T, listener: T) -> (T, T) {
        match self {
            Direction::ToDialer => (listener, dialer),
            Direction::ToListener => (dialer, listener),
        }
    }
}

impl std::hash::Hash for Direction {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (*self == Direction::ToListener).hash(state);
    }
}

/// One connection through a link.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// From the dialer to the listener.
    pub to_listener: Flow,
    /// From the listener to the dialer.
    pub to_dialer: Flow,
    /// What happened, in order; the first [`MAX_WIRE_EVENTS`].
    pub events: Vec<WireEvent>,
    /// How and when the runner broke it off.
    pub broken: Option<(Break, Duration)>,
}

/// The most bytes that a role may print in a run; more is a flood, and ends the run. The longest value that a
/// scenario can give fits in a few times.
pub const MAX_PRINTED: usize = 4 << 20;

/// The most bytes on standard error while nothing else happens. It is more, because standard error may hold a log of
/// all traffic.
pub const MAX_NOISE: usize = 2 * MAX_PRINTED;

/// The most lines that a role may print, as each takes memory.
pub const MAX_PRINTED_LINES: usize = 10_000;

/// The most bytes of a role's lines that are kept once a failed run is explained.
pub const MAX_KEPT: usize = 160 * 1024;

/// The most events that are kept of a connection.
pub const MAX_WIRE_EVENTS: usize = 400;

/// The most bytes of an event that are kept for display.
pub const MAX_SAMPLE: usize = 64;

/// One direction of a connection.
#[derive(Debug, Clone, Default)]
pub struct Flow {
    /// Bytes that came from the sender.
    pub came: u64,
    /// Bytes that were delivered to the receiver.
    pub delivered: u64,
    /// Pieces in which they were delivered.
    pub segments: u64,
    /// The last byte that came, if any did.
    pub last: Option<u8>,
    /// What can be read from the delivered bytes.
    pub wire: WireReader,
    /// When the sender ended its stream (FIN).
    pub fin: Option<Duration>,
    /// When that was delivered to the receiver.
    pub fin_delivered: Option<Duration>,
    /// When the sender reset the connection.
    pub reset: Option<Duration>,
    /// Delivered bytes that the receiver had not read at the end of the run, where the system can say.
    pub unread: Option<u32>,
}

impl Flow {
    /// Bytes that were delivered, an end of stream counted as one.
    pub fn arrived(&self) -> u64 {
        self.delivered + u64::from(self.fin_delivered.is_some())
    }
}

impl Evidence {
    /// Drops everything but how long the run took: a run that passed needs no more.
    pub fn forget(&mut self) {
        *self = Evidence { took: self.took, ..Evidence::default() };
    }

    /// Drops lines beyond [`MAX_KEPT`] of each role, so that many failed runs fit in memory.
    pub fn shorten(&mut self) {
        for output in &mut self.outputs {
            let mut kept = 0;
            output.lines.retain(|line| {
                kept += line.bytes.len() + 1;
                kept <= MAX_KEPT
            });
            output.lines.shrink_to_fit();
        }
    }
}

/// Something that happened on a connection.
#[derive(Debug, Clone)]
pub struct WireEvent {
    /// When.
    pub at: Duration,
    /// In which direction.
    pub direction: Direction,
    /// What.
    pub what: WireEventKind,
}

/// What can happen on a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WireEventKind {
    /// The dialer's connection was accepted and the listener reached.
    Opened,
    /// The listener was not reachable.
    Refused,
    /// Bytes were delivered, in one or more pieces.
    Data {
        /// How many.
        bytes: u64,
        /// In how many pieces.
        pieces: u64,
        /// The first bytes; empty if they are encrypted.
        sample: Vec<u8>,
        /// They are encrypted.
        sealed: bool,
    },
    /// The sender ended its stream (FIN).
    Finished,
    /// The sender reset the connection.
    Reset,
    /// The runner cut it.
    Cut,
    /// The runner ended it, as if each side had closed it.
    Ended,
}

impl Connection {
    /// Adds an event; data is joined to preceding data in the same direction.
    pub fn note(&mut self, at: Duration, direction: Direction, what: WireEventKind) {
        if let (Some(last), WireEventKind::Data { bytes, pieces, sample, sealed }) = (self.events.last_mut(), &what)
            && last.direction == direction
            && let WireEventKind::Data { bytes: all, pieces: count, sample: kept, sealed: before } = &mut last.what
            && before == sealed
        {
            *all += bytes;
            *count += pieces;
            let room = MAX_SAMPLE.saturating_sub(kept.len());
            kept.extend(sample.iter().take(room));
            return;
        }
        if self.events.len() < MAX_WIRE_EVENTS {
            self.events.push(WireEvent { at, direction, what });
        }
    }

    /// Records a delivered piece, with its content as far as it is not encrypted.
    pub fn delivered(&mut self, at: Duration, direction: Direction, piece: &[u8]) {
        let flow = self.flow(direction);
        flow.delivered += piece.len() as u64;
        flow.segments += 1;
        let (plain, encrypted) = piece.split_at(flow.wire.read(piece));
        for (part, sealed) in [(plain, false), (encrypted, true)] {
            if !part.is_empty() {
                let sample = if sealed { Vec::new() } else { part[..part.len().min(MAX_SAMPLE)].to_vec() };
                self.note(at, direction, WireEventKind::Data { bytes: part.len() as u64, pieces: 1, sample, sealed });
            }
        }
    }

    /// What happened, in the order in which the receivers saw it, each with its time: an end is noted when it is sent, and
    /// arrives after all bytes before it.
    pub fn as_received(&self) -> Vec<(Duration, &WireEvent)> {
        let last = |direction| {
            let data = self.events.iter().filter(|event| event.direction == direction);
            data.map(|event| event.at).max().unwrap_or_default()
        };
        let at = |event: &WireEvent| match event.what {
            WireEventKind::Finished => {
                self.flow_in(event.direction).fin_delivered.unwrap_or(event.at).max(last(event.direction))
            }
            _ => event.at,
        };
        let mut events: Vec<(Duration, &WireEvent)> = self.events.iter().map(|event| (at(event), event)).collect();
        events.sort_by_key(|(at, event)| (*at, event.what == WireEventKind::Finished));
        events
    }

    /// Does either side speak libp2p?
    pub fn is_libp2p(&self) -> bool {
        self.to_listener.wire.is_libp2p() || self.to_dialer.wire.is_libp2p()
    }

    /// Do both sides know the other's key, where they speak libp2p?
    pub fn shook_hands(&self) -> bool {
        wire::shook_hands(&self.to_listener.wire, &self.to_dialer.wire)
    }

    /// The flow in one direction.
    pub fn flow(&mut self, direction: Direction) -> &mut Flow {
        match direction {
            Direction::ToDialer => &mut self.to_dialer,
            Direction::ToListener => &mut self.to_listener,
        }
    }

    /// The same, to be read.
    pub fn flow_in(&self, direction: Direction) -> &Flow {
        match direction {
            Direction::ToDialer => &self.to_dialer,
            Direction::ToListener => &self.to_listener,
        }
    }
}

impl Evidence {
    /// How many bytes have come from a role to each role.
    pub fn sent_by(&self, role: RoleId) -> Vec<u64> {
        let to =
            |to: RoleId| self.flows().filter(|flow| (flow.0, flow.1) == (role, to)).map(|(.., flow)| flow.came).sum();
        (0..self.outputs.len()).map(to).collect()
    }

    /// Every flow with its sender and its receiver.
    pub fn flows(&self) -> impl Iterator<Item = (RoleId, RoleId, &Flow)> {
        self.links.iter().flat_map(|link| {
            link.connections.iter().flat_map(|connection| {
                [
                    (link.dialer, link.listener, &connection.to_listener),
                    (link.listener, link.dialer, &connection.to_dialer),
                ]
            })
        })
    }
}
