//! A run made of values: a transcript, and a log of what was seen.
//!
//! ```text
//! alice | hello          a printed line
//! alice |- hel           the same without its newline
//! alice ! oops           a line on standard error
//! alice = exit 1         an end; also `= signal 9`
//! alice by reference     who plays a role; all are the learner's otherwise
//! alice input 5          so many bytes of its input were not read
//! alice naps             it wakes by itself and sleeps again
//! bob > alice open       bob dials alice
//! bob > alice refused    bob dials alice, and nothing listens there
//! bob > alice hello\n    bytes from bob, on the last connection between the two, which arrive
//! bob > alice lost hi\n  bytes that come from bob and never arrive
//! bob > alice 1000 bytes so many bytes, of which nobody knows what they are
//! bob > alice sealed 99  so many encrypted bytes; a libp2p connection
//! bob > alice fin        the end of what bob sends; also `reset`, `unread 5`
//! link cut               the runner has cut every connection
//! fragmented             the condition of the links
//! after 5100             so many milliseconds pass
//! early 3 800            the next line comes 800 ms after a silence has begun, which step 3 asks for (from 0)
//! late                   what is awaited has not come in its time
//! stuck                  how the run failed, where no line and no ending was refused; also `restless`,
//!                        `limit 10`, `flood bob`, `noisy bob`, `spins bob`, `leaked bob`, `open bob`,
//!                        `not started bob why`, `ambiguous bob`
//! ```
//!
//! What the runner does (it types, it starts roles) follows from the transcript, as in a run.

use std::time::{Duration, Instant};

use crate::course::{Condition, Course, Party, Stage};
use crate::evidence::{
    Connection, Direction, Evidence, Flow, LinkEvidence, MAX_SAMPLE, OffTime, Printed, RoleOutput, Typed, Unrest,
    WireEvent, WireEventKind,
};
use crate::explain::{Case, Fact, explain};
use crate::matcher::{Captures, Clock, Ending, Matcher, Refused};
use crate::transcript::{Action, Break, RoleId, Transcript};
use crate::verdict::{Explanation, Failure};

const COURSE: &str = "
name: c
title: C
stages: [s]
tracks:
  rust:
    title: Rust
    templates: t
    solutions: s
    edit: [src]
    run: [x]
    crash: 'panicked at (?<file>[^:]+):(?<line>[0-9]+):[0-9]+:'
    unfinished: 'not yet implemented'
";

/// A run that has failed.
pub(super) struct Scene {
    pub(super) stage: Stage,
    pub(super) failure: Failure,
    pub(super) evidence: Evidence,
    course: Course,
    awaited: Vec<usize>,
    phase: usize,
    condition: Condition,
    captures: Vec<Captures>,
}

/// A run of the scenario `s`, which is there for the rule `r`, of a stage with these explanations. The stage has
/// another scenario, `elsewhere`, for the rule `other`.
pub(super) fn scene(transcript: &str, explanations: &str, log: &str) -> Scene {
    scene_with("", transcript, explanations, log)
}

/// The same; `keys` are more keys of the scenario, indented by four.
pub(super) fn scene_with(keys: &str, transcript: &str, explanations: &str, log: &str) -> Scene {
    let roles = &Transcript::parse(transcript).expect("a transcript").roles;
    let roles: String = roles.iter().map(|name| format!("  - {{name: {name}, about: x}}\n")).collect();
    let block: String = transcript.lines().map(|line| format!("      {line}\n")).collect();
    let text = format!(
        "title: S\nabout: s\nroles:\n{roles}conditions: [clear]\n\
         rules:\n  - {{id: r, say: x}}\n  - {{id: other, say: x}}\n\
         scenarios:\n  - name: s\n    about: x\n    for: [r]\n{keys}    transcript: |\n{block}  \
         - name: elsewhere\n    about: x\n    for: [other]\n{keys}    transcript: |\n{block}\
         explanations:\n{explanations}"
    );
    let stage = Stage::parse("s", "stage.yaml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let course = Course::parse("course.yaml", COURSE).expect("a course");
    let scenario = &stage.scenarios[0];
    let mut player = Player::new(&scenario.transcript, scenario.given.clone());
    for line in log.lines().map(str::trim).filter(|line| !line.is_empty()) {
        player.log(line);
    }
    let Player { matcher, evidence, failure, condition, .. } = player;
    let failure = failure.expect("the run has failed");
    let captures = (0..evidence.outputs.len()).map(|role| matcher.captures_of(role)).collect();
    let (awaited, phase) = (matcher.awaited(), matcher.phase());
    Scene { stage, failure, evidence, course, awaited, phase, condition, captures }
}

impl Scene {
    /// The same in a track that finds the place of a crash so.
    pub(super) fn with_crash(mut self, keys: &str) -> Scene {
        let start = COURSE.find("    crash:").expect("a key");
        let course = format!("{}{keys}    unfinished: 'not yet implemented'\n", &COURSE[..start]);
        self.course = Course::parse("course.yaml", &course).expect("a course");
        self
    }

    pub(super) fn case(&self) -> Case<'_> {
        Case {
            stage: &self.stage,
            scenario: &self.stage.scenarios[0],
            condition: self.condition,
            track: &self.course.tracks["rust"],
            failure: &self.failure,
            awaited: &self.awaited,
            phase: self.phase,
            evidence: &self.evidence,
            captures: &self.captures,
        }
    }

    pub(super) fn explain(&self) -> Explanation {
        explain(&self.case())
    }

    pub(super) fn facts(&self) -> Vec<Fact> {
        self.case().facts()
    }
}

/// Follows a log, as the runner follows a run.
struct Player<'t> {
    transcript: &'t Transcript,
    matcher: Matcher<'t>,
    evidence: Evidence,
    failure: Option<Failure>,
    condition: Condition,
    began: Instant,
}

impl<'t> Player<'t> {
    fn new(transcript: &'t Transcript, given: Captures) -> Self {
        let output = |role: &String| RoleOutput::new(role, Party::You);
        let evidence = Evidence { outputs: transcript.roles.iter().map(output).collect(), ..Evidence::default() };
        let mut player = Player {
            transcript,
            matcher: Matcher::new(transcript, given),
            evidence,
            failure: None,
            condition: Condition::Clear,
            began: Instant::now(),
        };
        player.act();
        player
    }

    /// The next moment.
    fn now(&mut self) -> Duration {
        self.evidence.took += Duration::from_millis(1);
        self.evidence.took
    }

    /// Lets the matcher judge an event that comes now.
    fn judge(&mut self, judge: impl FnOnce(&mut Matcher<'t>, &Clock<'_>) -> Result<(), Refused>) -> bool {
        let now = self.began + self.evidence.took;
        let result = judge(&mut self.matcher, &Clock { now, since: &|then| now.saturating_duration_since(then) });
        if let Err(Refused::TooLate { step, took }) = result {
            self.evidence.off_time = Some(OffTime { step, took });
        }
        result.is_ok()
    }

    fn role(&self, name: &str) -> RoleId {
        self.transcript.roles.iter().position(|role| role == name).unwrap_or_else(|| panic!("no role {name}"))
    }

    /// Does what is due.
    fn act(&mut self) {
        while self.failure.is_none() && self.matcher.ready() {
            let Some((_, action)) = self.transcript.actions().nth(self.matcher.phase()) else { return };
            self.matcher.act();
            let at = self.now();
            self.evidence.acted.push(at);
            self.matcher.acted(self.began + at);
            match action {
                Action::Start(role, _) => self.evidence.outputs[*role].started = Some(at),
                Action::Type(role, text) => {
                    let text = text.fill(&|name| self.matcher.value(*role, name).map(str::to_owned));
                    let sent_before = self.evidence.sent_by(*role);
                    self.evidence.typed.push(Typed { role: *role, text, at, sent_before });
                }
                Action::EndInput(role) => self.evidence.outputs[*role].input_ended = true,
                _ => {}
            }
        }
    }

    fn log(&mut self, line: &str) {
        if let Some((role, text)) = line.split_once(" | ").or_else(|| Some((line.strip_suffix(" |")?, ""))) {
            self.print(role, text, true);
        } else if let Some((role, text)) = line.split_once(" |- ") {
            self.print(role, text, false);
        } else if let Some((role, text)) = line.split_once(" ! ").or(line.strip_suffix(" !").map(|role| (role, ""))) {
            let role = self.role(role);
            self.evidence.outputs[role].stderr.extend(format!("{}\n", unescape(text)).bytes());
        } else if let Some((role, how)) = line.split_once(" = ") {
            self.end(role, how);
        } else if let Some((from, rest)) = line.split_once(" > ") {
            let (to, what) = rest.split_once(' ').expect("what went there");
            self.wire(from, to, what);
        } else {
            self.other(line);
        }
        self.act();
    }

    fn print(&mut self, role: &str, text: &str, whole: bool) {
        let (role, at) = (self.role(role.trim()), self.now());
        let bytes = unescape_bytes(text);
        let index = self.evidence.outputs[role].lines.len();
        self.evidence.outputs[role].lines.push(Printed { bytes: bytes.clone(), at, whole, prompt: false });
        if self.failure.is_some() {
            return;
        }
        let taken = std::str::from_utf8(&bytes).ok().filter(|_| whole);
        let early = self.evidence.off_time.is_some();
        let fits = |text: &str| self.judge(|matcher, clock| matcher.line_at(role, text, Some(clock)));
        if early || !taken.is_some_and(fits) {
            self.failure = Some(Failure::Line(role, index));
        }
    }

    fn end(&mut self, role: &str, how: &str) {
        let (role, at) = (self.role(role.trim()), self.now());
        let (kind, number) = how.split_once(' ').expect("exit N");
        let number = number.parse().expect("a number");
        let ending = if kind == "exit" { Ending::Exit(number) } else { Ending::Signal(number) };
        let output = &mut self.evidence.outputs[role];
        output.ending = Some(ending);
        output.endings.push((at, ending));
        if self.failure.is_none() && !self.judge(|matcher, clock| matcher.ended_at(role, ending, Some(clock))) {
            self.failure = Some(Failure::Ended(role, ending));
        }
    }

    fn other(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let failure = match words.as_slice() {
            [role, "by", party] => {
                let role = self.role(role);
                self.evidence.outputs[role].party = match *party {
                    "reference" => Party::Reference,
                    "stage" => Party::Stage,
                    _ => panic!("{party}"),
                };
                return;
            }
            [role, "input", bytes] => {
                let role = self.role(role);
                self.evidence.outputs[role].unread_input = Some(bytes.parse().expect("a number"));
                return;
            }
            ["line", line, "waits", role, "woke", times] => {
                let (line, times) = (line.parse::<usize>().expect("a number"), times.parse().expect("a number"));
                self.evidence.unrest = Some(Unrest { line: line - 1, woken: vec![(self.role(role), times)] });
                return;
            }
            [role, "naps"] => {
                let role = self.role(role);
                self.evidence.outputs[role].naps = 3;
                return;
            }
            ["link", "cut"] => {
                let at = self.now();
                let connections = self.evidence.links.iter_mut().flat_map(|link| &mut link.connections);
                connections.for_each(|connection| connection.broken = Some((Break::Cut, at)));
                return;
            }
            ["fragmented"] => {
                self.condition = Condition::Fragmented;
                self.evidence.links.iter_mut().for_each(|link| link.condition = Condition::Fragmented);
                return;
            }
            ["after", time] => {
                self.evidence.took += Duration::from_millis(time.parse().expect("a number"));
                return;
            }
            ["early", step, took] => {
                let took = Duration::from_millis(took.parse().expect("a number"));
                self.evidence.off_time = Some(OffTime { step: step.parse().expect("a number"), took });
                return;
            }
            ["late"] => {
                let now = self.began + self.evidence.took;
                let clock = Clock { now, since: &|then| now.saturating_duration_since(then) };
                let pending = self.matcher.pending(&clock).filter(|pending| pending.is_late()).expect("it is late");
                self.evidence.off_time = Some(OffTime { step: pending.step, took: pending.took });
                Failure::TooLate(pending.role)
            }
            ["stuck"] => Failure::Stuck,
            ["restless"] => Failure::Restless,
            ["livelock"] => Failure::Livelock,
            ["limit", seconds] => Failure::TimeLimit(seconds.parse().expect("a number")),
            ["flood", role] => Failure::Flood(self.role(role)),
            ["noisy", role] => Failure::Noisy(self.role(role)),
            ["spins", role] => Failure::Spinning(self.role(role)),
            ["leaked", role] => Failure::Leaked(self.role(role)),
            ["open", role] => Failure::OpenToAll(self.role(role)),
            ["ambiguous", role] => Failure::Ambiguous(self.role(role)),
            ["not", "started", role, why @ ..] => Failure::NotStarted(self.role(role), why.join(" ")),
            _ => panic!("`{line}` is no line of a log"),
        };
        self.failure = Some(failure);
    }

    /// Something happens between two roles.
    fn wire(&mut self, from: &str, to: &str, what: &str) {
        let (from, to, at) = (self.role(from), self.role(to), self.now());
        let condition = self.condition;
        let links = &mut self.evidence.links;
        let between = |link: &LinkEvidence, dialer, listener| link.dialer == dialer && link.listener == listener;
        if what == "link" || what == "open" || what == "refused" {
            let found = links.iter().position(|link| between(link, from, to));
            let link = found.unwrap_or_else(|| {
                links.push(LinkEvidence { dialer: from, listener: to, condition, connections: Vec::new() });
                links.len() - 1
            });
            if what != "link" {
                let mut connection = Connection::default();
                let what = if what == "open" { WireEventKind::Opened } else { WireEventKind::Refused };
                connection.note(at, Direction::ToListener, what);
                links[link].connections.push(connection);
            }
            return;
        }
        let there = links.iter().any(|link| between(link, from, to));
        let direction = if there { Direction::ToListener } else { Direction::ToDialer };
        let (dialer, listener) = direction.ends(from, to);
        let link = links.iter_mut().find(|link| between(link, dialer, listener)).expect("a link");
        flow(link.connections.last_mut().expect("a connection"), at, direction, what);
    }
}

fn flow(connection: &mut Connection, at: Duration, direction: Direction, what: &str) {
    let words: Vec<&str> = what.split(' ').collect();
    let flow: &mut Flow = connection.flow(direction);
    match words.as_slice() {
        ["fin"] => (flow.fin, flow.fin_delivered) = (Some(at), Some(at)),
        ["reset"] => flow.reset = Some(at),
        ["unread", count] => flow.unread = Some(count.parse().expect("a number")),
        ["lost", ..] => {
            let bytes = unescape_bytes(what.trim_start_matches("lost "));
            (flow.came, flow.last) = (flow.came + bytes.len() as u64, bytes.last().copied());
        }
        [count, "bytes"] => {
            let count: u64 = count.parse().expect("a number");
            (flow.came, flow.delivered, flow.last) = (flow.came + count, flow.delivered + count, Some(b'x'));
            let sample = vec![b'x'; MAX_SAMPLE];
            let what = WireEventKind::Data { bytes: count, pieces: 1, sample, sealed: false };
            connection.events.push(WireEvent { at, direction, what });
        }
        ["sealed", count] => {
            let mut bytes = b"\x13/multistream/1.0.0\n\x07/noise\n".to_vec();
            bytes.extend((0..3).flat_map(|_| [0, 1, 7]));
            let (count, known): (u64, u64) = (count.parse().expect("a number"), flow.came);
            if known == 0 {
                flow.wire.read(&bytes);
            }
            (flow.came, flow.delivered) = (known + count, known + count);
        }
        _ => {
            let bytes = unescape_bytes(what);
            (flow.came, flow.last) = (flow.came + bytes.len() as u64, bytes.last().copied());
            connection.delivered(at, direction, &bytes);
        }
    }
}

/// `\n`, `\r`, `\t`, `\e` (escape), `\xff`, and `\s` for a space at an end.
fn unescape_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend(before.bytes());
        let (byte, length) = match after.as_bytes()[0] {
            b'n' => (b'\n', 1),
            b'r' => (b'\r', 1),
            b't' => (b'\t', 1),
            b'e' => (0x1b, 1),
            b's' => (b' ', 1),
            b'x' => (u8::from_str_radix(&after[1..3], 16).expect("two digits"), 3),
            other => panic!("\\{}", char::from(other)),
        };
        bytes.push(byte);
        rest = &after[length..];
    }
    bytes.extend(rest.bytes());
    bytes
}

fn unescape(text: &str) -> String {
    String::from_utf8(unescape_bytes(text)).expect("text")
}
