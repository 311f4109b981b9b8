//! The script *and* the expected output of a scenario, in one text.
//!
//! A transcript reads like two terminals side by side, top to bottom:
//!
//! ```text
//! $ a                                  # start a role
//! a | listening on {addr:address}      # a line that it prints
//! $ b                                  # its arguments, from the stage, name {addr}
//! b < hello                            # a line typed into it; ^D ends the input
//! a | hello
//! b = exit 0                           # how it ends
//! ```
//!
//! This module is the grammar, and the checks that need nothing but the text. [`pattern`](crate::pattern) decides
//! what a line *matches*, and [`matcher`](crate::matcher) whether the peers' output *fits*. `docs/transcript.md` has
//! the full grammar.

mod grammar;
mod lives;

use std::fmt;
use std::time::Duration;

use crate::pattern::Pattern;

pub use lives::MAX_GROUP;

/// Position of a role (an instance that can be started) in [`Transcript::roles`].
pub type RoleId = usize;

/// A parsed transcript.
#[derive(Debug, Clone)]
pub struct Transcript {
    /// The roles that it names, in the order of their first mention.
    pub roles: Vec<String>,
    /// Where each of them is named first.
    pub mentions: Vec<Mention>,
    /// Its lines, comments and blank ones left out.
    pub steps: Vec<Step>,
}

/// A part of a transcript's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mention {
    /// Line in the transcript, counted from 0.
    pub line: usize,
    /// Column in characters, counted from 0.
    pub column: usize,
    /// Length in characters; at least 1.
    pub len: usize,
}

/// One line of a transcript.
#[derive(Debug, Clone)]
pub struct Step {
    /// The line in the transcript, counted from 0.
    pub line: usize,
    /// How many actions stand above this line.
    pub phase: usize,
    /// Where each of its patterns begins, as a column in characters, counted from 0.
    pub columns: Vec<usize>,
    /// The time in which a line or an ending has to come (`role within 2s | …`), or for which a role has to stay up and
    /// silent (`role = running for 2s`).
    pub time: Option<Duration>,
    /// What the line says.
    pub kind: StepKind,
}

impl Step {
    /// The end of a typed or printed text that looks like a comment: two spaces and `# `. In such a line `#` is an
    /// ordinary character.
    pub fn remark_in_text(&self) -> Option<String> {
        let text = match &self.kind {
            StepKind::Act(Action::Type(_, pattern)) => pattern,
            StepKind::Act(_) => return None,
            StepKind::Expect(_, expect) => expect.pattern()?,
        }
        .to_string();
        text.find("  # ").map(|at| text[at..].trim_start().to_owned())
    }
}

/// What one line says: something to do, or something to see.
#[derive(Debug, Clone)]
pub enum StepKind {
    /// Done by the runner, as soon as every line above has been seen.
    Act(Action),
    /// Seen by the runner.
    Expect(RoleId, Expect),
}

/// What the runner does to the peers and their links.
#[derive(Debug, Clone)]
pub enum Action {
    /// `$ role [args]`: start it, with the stage's arguments unless some are written here.
    Start(RoleId, Option<Vec<Pattern>>),
    /// `role < text`: type a line.
    Type(RoleId, Pattern),
    /// `role < ^D`: end the input.
    EndInput(RoleId),
    /// `! kill role`: end it without a warning.
    Kill(RoleId),
    /// `! pause role`: stop it where it is.
    Pause(RoleId),
    /// `! resume role`: let it go on.
    Resume(RoleId),
    /// `! cut link …`, `! end link …`, `! stall link …`, `! heal link …`.
    Link(LinkFault, Option<LinkName>),
    /// `! until still [for Ns]`: wait until every peer sleeps, nothing is on its way, and no peer will wake by itself
    /// soon, or within this time.
    UntilStill(Option<Duration>),
    /// `! nothing [from role] for Ns`: for this time no peer, or not this one, may print anything.
    Nothing(Option<RoleId>, Duration),
}

/// A link by the roles at its ends: `b-a` is the one that `b` dials to reach `a`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkName {
    /// The role that dials.
    pub dialer: RoleId,
    /// The role that listens.
    pub listener: RoleId,
}

/// A fault of a link at a point of the transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFault {
    /// Break off its connections, now or after a number of bytes, and refuse new ones until it heals.
    Break(Break, Option<After>),
    /// Accept everything, deliver nothing.
    Stall,
    /// Back to normal.
    Heal,
}

/// How a connection is broken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// `! cut`: it is reset; both sides see an error.
    Cut,
    /// `! end`: both sides are told that nothing more will come (FIN), as when the other one has died.
    End,
}

/// Where in a stream a fault comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    /// Bytes, counted from the fault's line on.
    pub bytes: u64,
    /// The role whose bytes are counted.
    pub from: RoleId,
}

/// What a role is expected to show.
#[derive(Debug, Clone)]
pub enum Expect {
    /// `|`: this line, next.
    Line(Pattern),
    /// `~`: this line, among its neighbours in any order.
    Unordered(Pattern),
    /// `?`: this line, or nothing.
    Optional(Pattern),
    /// `| ...`: any number of any lines.
    Elided,
    /// `= exit N`.
    Exit(i32),
    /// `= running`: still up at the end.
    Running,
}

impl Expect {
    /// The pattern of an expected line, whether the line has to come or may be missing; `None` for `...` and for an
    /// ending.
    pub fn pattern(&self) -> Option<&Pattern> {
        match self {
            Expect::Line(pattern) | Expect::Unordered(pattern) | Expect::Optional(pattern) => Some(pattern),
            Expect::Elided | Expect::Exit(_) | Expect::Running => None,
        }
    }
}

/// What is wrong with a transcript, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscriptError {
    /// Line in the transcript, counted from 0.
    pub line: usize,
    /// Column in characters, counted from 0.
    pub column: usize,
    /// Length in characters of what is meant.
    pub len: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl TranscriptError {
    fn new(at: Mention, message: impl Into<String>, help: impl Into<String>) -> TranscriptError {
        let Mention { line, column, len } = at;
        TranscriptError { line, column, len, message: message.into(), help: Some(help.into()) }
    }
}

impl fmt::Display for TranscriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line + 1, self.column + 1, self.message)
    }
}

impl Transcript {
    /// Reads a transcript. Never panics, whatever the text.
    ///
    /// # Errors
    /// The first line that is not in the grammar, or that can't be carried out in its place: a
    /// role that is typed into before it is started, or whose ending is never said.
    pub fn parse(text: &str) -> Result<Transcript, TranscriptError> {
        let lines: Vec<&str> = text.lines().collect();
        let transcript = grammar::read(&lines)?;
        lives::check(&transcript, &lines)?;
        Ok(transcript)
    }

    /// Reads a transcript that is not finished: its lines are in the grammar, and what is expected
    /// of the roles may still be missing.
    ///
    /// # Errors
    /// The first line that is not in the grammar.
    pub fn draft(text: &str) -> Result<Transcript, TranscriptError> {
        grammar::read(&text.lines().collect::<Vec<_>>())
    }

    /// The actions, in their order.
    pub fn actions(&self) -> impl Iterator<Item = (&Step, &Action)> {
        self.steps.iter().filter_map(|step| match &step.kind {
            StepKind::Act(action) => Some((step, action)),
            StepKind::Expect(..) => None,
        })
    }

    /// Does a run of it take time by the clock, in which its peers mostly sleep?
    pub fn takes_time(&self) -> bool {
        let waits = |action: &Action| matches!(action, Action::Nothing(..) | Action::UntilStill(Some(_)));
        self.steps.iter().any(|step| step.time.is_some() || matches!(&step.kind, StepKind::Act(act) if waits(act)))
    }

    /// For how long nothing is to be printed, in all: one silence after the other, and the longest one at the end.
    pub fn silence(&self) -> Duration {
        let asked = self.actions().filter_map(|(_, action)| match action {
            Action::Nothing(_, time) => Some(*time),
            _ => None,
        });
        let at_end = self.steps.iter().filter(|step| matches!(step.kind, StepKind::Expect(_, Expect::Running)));
        asked.sum::<Duration>() + at_end.filter_map(|step| step.time).max().unwrap_or_default()
    }

    /// What is expected of one role, in order.
    pub fn expected(&self, role: RoleId) -> impl Iterator<Item = (&Step, &Expect)> {
        self.steps.iter().filter_map(move |step| match &step.kind {
            StepKind::Expect(who, expect) if *who == role => Some((step, expect)),
            _ => None,
        })
    }
}

/// Role names: also used as the names of programs and in the names of links.
pub fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
