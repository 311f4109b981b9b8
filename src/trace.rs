//! The trace of a run: what every role did, in the order of time. Pictures are made from it.
//!
//! A trace is small (long texts and long runs are shortened), consists of values only, and can be stored: `workshop
//! trace` draws the runs of the last verify.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::course::{Party, Scenario};
use crate::evidence::{Connection, Evidence, LinkEvidence, WireEventKind};
use crate::explain::signal_name;
use crate::matcher::Ending;
use crate::pattern::{Pattern, counted, escape, excerpt};
use crate::transcript::{Action, After, Break, Expect, LinkFault, RoleId, StepKind};
use crate::verdict::{Explanation, Failed, Failure, Run};

/// The most events in a trace.
const MAX_EVENTS: usize = 400;

/// The most characters of a text.
const MAX_TEXT: usize = 160;

/// The trace of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The scenario's name.
    pub scenario: String,
    /// What it shows.
    pub about: String,
    /// Whose programs play, as in `you/reference`.
    pub pairing: String,
    /// The links' condition.
    pub condition: String,
    /// The run's name.
    #[serde(default)]
    pub name: String,
    /// Counted from 0.
    pub repeat: u32,
    /// The transcript, line by line.
    pub transcript: Vec<String>,
    /// The lines of it that were awaited when it failed, counted from 0.
    pub awaited: Vec<usize>,
    /// A column for each role.
    #[serde(rename = "lanes")]
    pub columns: Vec<Column>,
    /// What happened, in the order of time.
    pub events: Vec<TraceEvent>,
    /// How many events are left out at the end.
    pub left_out: usize,
    /// How long the run took.
    pub took: Duration,
    /// Why it failed; `None` when it passed.
    pub reason: Option<Explanation>,
}

/// A column of the picture: a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name in the transcript.
    pub role: String,
    /// Whose program it was.
    pub party: Party,
    /// What it wrote to standard error, the last lines of it.
    pub stderr: Vec<String>,
}

/// A moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceEvent {
    /// When, from the start of the run.
    pub at: Duration,
    /// What.
    pub what: TraceEventKind,
    /// This is what did not fit the transcript.
    pub wrong: bool,
}

/// What happened. Texts are escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraceEventKind {
    /// A role was started.
    Started(RoleId),
    /// A line was typed into a role.
    Typed(RoleId, String),
    /// A role's input was ended.
    EndOfInput(RoleId),
    /// A role printed a line.
    Printed(RoleId, String),
    /// A role should have printed this line, or ended like this, and did not.
    Missing(RoleId, String),
    /// A role ended.
    Ended(RoleId, String),
    /// The scenario ended a role without a warning.
    Killed(RoleId),
    /// The scenario did this to links.
    Fault(String),
    /// Something went from one role to another over the wire.
    Wire {
        /// Who sent it.
        from: RoleId,
        /// To whom.
        to: RoleId,
        /// What.
        text: String,
        /// What kind of thing.
        kind: WireKind,
    },
}

/// What kind of thing goes over a wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WireKind {
    /// A connection is made.
    Open,
    /// Bytes.
    Data,
    /// Encrypted bytes.
    Sealed,
    /// The end of a stream.
    End,
    /// A reset, a refusal, a cut.
    Break,
}

impl Trace {
    /// The trace of a run of this scenario.
    pub fn of(run: &Run, scenario: &Scenario) -> Trace {
        let evidence = &run.evidence;
        let steps = &scenario.transcript.steps;
        let mut events = acts(evidence, scenario);
        events.extend(shown(evidence, run.failure()));
        events.extend(evidence.links.iter().flat_map(wires));
        events.sort_by_key(|event| event.at);
        let left_out = events.len().saturating_sub(MAX_EVENTS);
        events.truncate(MAX_EVENTS);
        events.extend(run.failure().iter().flat_map(|failed| missing(run, failed, scenario)));
        let columns = evidence.outputs.iter().map(|output| Column {
            role: output.role.clone(),
            party: output.party,
            stderr: last_lines(&output.stderr),
        });
        Trace {
            scenario: scenario.name.clone(),
            about: run.id.about(&scenario.about),
            pairing: run.id.pairing.to_string(),
            condition: run.id.condition.name().to_owned(),
            name: run.id.to_string(),
            repeat: run.id.repeat,
            transcript: scenario.text.lines().map(crate::pattern::visible).collect(),
            awaited: run
                .failure()
                .into_iter()
                .flat_map(|failed| &failed.awaited)
                .map(|step| steps[*step].line)
                .collect(),
            columns: columns.collect(),
            events,
            left_out,
            took: evidence.took,
            reason: run.failure().map(|failed| failed.because.clone()),
        }
    }

    /// The run's title.
    pub fn title(&self) -> String {
        let repeat = if self.repeat == 0 { String::new() } else { format!(" #{}", self.repeat) };
        format!("{}{repeat}", self.name)
    }

    /// Did it pass?
    pub fn passed(&self) -> bool {
        self.reason.is_none()
    }
}

fn text(bytes: &[u8]) -> String {
    excerpt(bytes, MAX_TEXT)
}

/// What the runner did.
fn acts(evidence: &Evidence, scenario: &Scenario) -> Vec<TraceEvent> {
    let roles = &scenario.transcript.roles;
    let mut typed = evidence.typed.iter();
    let mut events = Vec::new();
    for ((_, action), at) in scenario.transcript.actions().zip(&evidence.acted) {
        let what = match action {
            Action::Start(role, _) => TraceEventKind::Started(*role),
            // An action that failed has typed nothing.
            Action::Type(role, _) => match typed.next() {
                Some(typed) => TraceEventKind::Typed(*role, text(typed.text.as_bytes())),
                None => continue,
            },
            Action::EndInput(role) => TraceEventKind::EndOfInput(*role),
            Action::Kill(role) => TraceEventKind::Killed(*role),
            Action::Pause(role) => TraceEventKind::Fault(format!("pause {}", roles[*role])),
            Action::Resume(role) => TraceEventKind::Fault(format!("resume {}", roles[*role])),
            Action::Link(fault, name) => {
                let link = name.map(|name| format!(" {}-{}", roles[name.dialer], roles[name.listener]));
                TraceEventKind::Fault(format!("{}{}", fault_name(*fault, roles), link.unwrap_or_default()))
            }
            Action::Nothing(role, time) => {
                let from = role.map_or(String::new(), |role| format!(" from {}", roles[role]));
                TraceEventKind::Fault(format!("nothing{from} for {} s", time.as_secs()))
            }
            Action::UntilStill(_) => TraceEventKind::Fault("all peers are at rest".to_owned()),
        };
        events.push(TraceEvent { at: *at, what, wrong: false });
    }
    events
}

fn fault_name(fault: LinkFault, roles: &[String]) -> String {
    match fault {
        LinkFault::Break(how, after) => {
            let verb = if how == Break::Cut { "cut" } else { "end" };
            let after = after.map(|After { bytes, from }| {
                let s = if bytes == 1 { "" } else { "s" };
                format!(" after {bytes} byte{s} from {}", roles[from])
            });
            format!("{verb} link{}", after.unwrap_or_default())
        }
        LinkFault::Stall => "stall link".to_owned(),
        LinkFault::Heal => "heal link".to_owned(),
    }
}

/// What the roles showed.
fn shown(evidence: &Evidence, failed: Option<&Failed>) -> Vec<TraceEvent> {
    let how = failed.map(|failed| &failed.how);
    let mut events = Vec::new();
    for (role, output) in evidence.outputs.iter().enumerate() {
        for (index, line) in output.lines.iter().enumerate() {
            let what = TraceEventKind::Printed(role, visible_end(text(&line.bytes)));
            events.push(TraceEvent { at: line.at, what, wrong: how == Some(&Failure::Line(role, index)) });
        }
        if !output.unended.is_empty() {
            let what = TraceEventKind::Printed(role, format!("{} (without a newline)", text(&output.unended)));
            events.push(TraceEvent { at: evidence.took, what, wrong: false });
        }
        for (count, (at, ending)) in output.endings.iter().enumerate() {
            let last = count + 1 == output.endings.len();
            let wrong = last && matches!(how, Some(Failure::Ended(wrong, _)) if *wrong == role);
            events.push(TraceEvent { at: *at, what: TraceEventKind::Ended(role, told(*ending)), wrong });
        }
    }
    events
}

/// Spaces at the end of a line, as dots: a line of spaces would look empty.
fn visible_end(text: String) -> String {
    let kept = text.trim_end_matches(' ').len();
    let spaces = text.len() - kept;
    if spaces == 0 { text } else { format!("{}{}", &text[..kept], "·".repeat(spaces)) }
}

fn told(ending: Ending) -> String {
    match ending {
        Ending::Exit(code) => format!("exit {code}"),
        Ending::Signal(signal) => signal_name(signal),
    }
}

/// What went over a link.
fn wires(link: &LinkEvidence) -> impl Iterator<Item = TraceEvent> {
    link.connections.iter().flat_map(|connection| wire_events(link, connection))
}

fn wire_events(link: &LinkEvidence, connection: &Connection) -> impl Iterator<Item = TraceEvent> {
    connection.as_received().into_iter().map(|(at, event)| {
        let (from, to) = event.direction.ends(link.dialer, link.listener);
        let (kind, text) = (kind(&event.what), happened(&event.what));
        TraceEvent { at, what: TraceEventKind::Wire { from, to, text, kind }, wrong: false }
    })
}

fn kind(what: &WireEventKind) -> WireKind {
    match what {
        WireEventKind::Opened => WireKind::Open,
        WireEventKind::Data { sealed: false, .. } => WireKind::Data,
        WireEventKind::Data { sealed: true, .. } => WireKind::Sealed,
        WireEventKind::Finished => WireKind::End,
        WireEventKind::Refused | WireEventKind::Reset | WireEventKind::Cut | WireEventKind::Ended => WireKind::Break,
    }
}

/// What happened on a connection, in words.
pub fn happened(what: &WireEventKind) -> String {
    let size = |bytes: u64, pieces: u64| {
        let size = counted(usize::try_from(bytes).unwrap_or(usize::MAX), "byte");
        let pieces = if pieces > 1 { format!(" in {pieces} pieces") } else { String::new() };
        format!("{size}{pieces}")
    };
    match what {
        WireEventKind::Opened => "connected".to_owned(),
        WireEventKind::Refused => "connection refused".to_owned(),
        WireEventKind::Finished => "end of the stream (FIN)".to_owned(),
        WireEventKind::Reset => "reset".to_owned(),
        WireEventKind::Cut => "cut by the scenario".to_owned(),
        WireEventKind::Ended => "ended by the scenario".to_owned(),
        WireEventKind::Data { bytes, pieces, sealed: true, .. } => format!("{}, encrypted", size(*bytes, *pieces)),
        WireEventKind::Data { bytes, pieces, sample, .. } => {
            let more = if *bytes > sample.len() as u64 { "…" } else { "" };
            format!("{} «{}{more}»", size(*bytes, *pieces), escape(sample))
        }
    }
}

/// What was awaited when the run failed.
fn missing(run: &Run, failed: &Failed, scenario: &Scenario) -> Vec<TraceEvent> {
    let steps = &scenario.transcript.steps;
    let awaited = failed.awaited.iter().filter_map(|step| match &steps[*step].kind {
        StepKind::Expect(role, Expect::Line(pattern) | Expect::Unordered(pattern)) => {
            let fill = |pattern: &Pattern| pattern.fill(&|name| run.captures.get(*role)?.get(name).cloned());
            let filled = fill(pattern);
            // It may have come while the run was being ended.
            let expected = steps[..=*step].iter().filter(|step| match &step.kind {
                StepKind::Expect(other, Expect::Line(pattern) | Expect::Unordered(pattern)) => {
                    other == role && fill(pattern) == filled
                }
                _ => false,
            });
            let printed = run.evidence.outputs[*role].lines.iter().filter(|line| *line.matched() == *filled.as_bytes());
            let came = printed.count() >= expected.count();
            (!came).then(|| TraceEventKind::Missing(*role, text(filled.as_bytes())))
        }
        StepKind::Expect(role, Expect::Exit(code)) => Some(TraceEventKind::Missing(*role, format!("exit {code}"))),
        _ => None,
    });
    awaited.map(|what| TraceEvent { at: run.evidence.took, what, wrong: true }).collect()
}

/// The last lines of standard error.
fn last_lines(stderr: &[u8]) -> Vec<String> {
    const LINES: usize = 12;
    let all = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = all.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].iter().map(|line| text(line.as_bytes())).collect()
}
