//! Does what the peers show fit the transcript?
//!
//! The matcher simulates all explanations of the events so far. A
//! `Candidate` is one explanation: a position in every role's expectations, and the captured values. An
//! event moves each candidate to its successors; if no candidate is left, the event is a difference. This needs no
//! backtracking, a wildcard can't steal the line that a later literal needs, and the captures of all roles are
//! unified, whichever role prints its line first.
//!
//! Between two actions, lines of different roles have no order, so an event of one role leaves the positions of the
//! others alone. An expectation below an action can't be met before the action has happened: the `phase` of a step is
//! compared with that of the matcher.

mod candidates;
mod expectations;
mod reading;
mod timing;

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use crate::pattern::{Known, NO_NEWLINE, Pattern, Type};
use crate::transcript::{RoleId, StepKind, Transcript};

use candidates::{Candidate, Candidates, Move, Position};
use expectations::{Expectations, by_role, starts};
use reading::{Bindings, LineReading};
use timing::Timing;

pub use timing::{Clock, Pending};

/// Captured values by name.
pub type Captures = BTreeMap<String, String>;

/// How a role ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It returned, with this code.
    Exit(i32),
    /// A signal ended it.
    Signal(i32),
}

/// Why an event was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Nothing explains it.
    Unexpected,
    /// It can't be decided: there are too many ways to read the transcript, or to split the line among the captures
    /// of a pattern.
    Ambiguous,
    /// It fits, but came too late.
    TooLate {
        /// The step that it fits, as an index.
        step: usize,
        /// How long it took.
        took: Duration,
    },
}

/// Follows a run through its transcript.
#[derive(Debug)]
pub struct Matcher<'t> {
    expectations: Vec<Expectations<'t>>,
    /// The role that each action starts, if it starts one.
    starts: Vec<Option<RoleId>>,
    names: Bindings<'t>,
    candidates: Candidates<'t>,
    phase: usize,
    /// When the last action was done.
    acted: Instant,
    /// Something has a time in which it has to come.
    timed: bool,
}

impl<'t> Matcher<'t> {
    /// At the top of the transcript, with the values that are given from the start.
    pub fn new(transcript: &'t Transcript, given: Captures) -> Self {
        let timed = transcript.steps.iter().any(|step| step.time.is_some());
        Matcher {
            expectations: by_role(transcript),
            starts: starts(transcript),
            names: Bindings { types: declared_types(transcript), given, aliases: HashMap::new() },
            candidates: Candidates::new(transcript.roles.len(), timed),
            timed,
            phase: 0,
            acted: Instant::now(),
        }
    }

    /// A role printed a line.
    ///
    /// # Errors
    /// No expectation explains it, or that can't be decided; the matcher is unchanged.
    pub fn line(&mut self, role: RoleId, text: &str) -> Result<(), Refused> {
        self.line_at(role, text, None)
    }

    /// A role printed a line, at a time by this clock; without one, nothing comes too late.
    ///
    /// # Errors
    /// No expectation explains it, or that can't be decided, and the matcher is unchanged; or it comes too late.
    pub fn line_at(&mut self, role: RoleId, text: &str, clock: Option<&Clock<'_>>) -> Result<(), Refused> {
        let timing = Timing::new(clock, self.acted);
        let mut reading = LineReading::new(&self.names, role, text, timing);
        let now = clock.map(|clock| clock.now);
        let moves = |candidate: &Candidate<'t>| reading.moves(&self.expectations[role], self.phase, candidate);
        let result = self.candidates.advance(role, now, moves);
        let late = reading.late();
        self.unless_late(result, late, clock)
    }

    /// What fitted something too late, and could still be taken for something else, saves the run only if nothing is
    /// overdue then.
    fn unless_late(
        &self,
        result: Result<(), Refused>,
        late: Option<Refused>,
        clock: Option<&Clock<'_>>,
    ) -> Result<(), Refused> {
        let is_overdue = || clock.and_then(|clock| self.pending(clock)).is_some_and(|pending| pending.is_late());
        match (result, late) {
            (Err(Refused::Unexpected), Some(late)) => Err(late),
            (Ok(()), Some(late)) if is_overdue() => Err(late),
            (result, _) => result,
        }
    }

    /// What has to come next within a time; where several things have to, the most urgent one.
    pub fn pending(&self, clock: &Clock<'_>) -> Option<Pending> {
        // Asked all the time, and most transcripts ask for no times: then no clock is read.
        if !self.timed {
            return None;
        }
        let of = |candidate: &Candidate<'t>| {
            let roles = self.expectations.iter().zip(&candidate.positions).enumerate();
            let timed = roles.flat_map(|(role, (of_role, from))| {
                let took = Timing::new(Some(clock), self.acted).took(role, candidate).unwrap_or_default();
                let timed = of_role.timed(*from, self.phase);
                timed.map(move |(step, within)| Pending { role, step, within, took })
            });
            timed.min_by_key(Pending::left)
        };
        // A candidate for which nothing is pending leaves all the time there is.
        let all: Option<Vec<Pending>> = self.candidates.iter().map(of).collect();
        all?.into_iter().max_by_key(Pending::left)
    }

    /// How much of a text that a role has printed, and not ended with a newline, is a text after which none is
    /// expected; `None` if nothing of it is. [`line`](Matcher::line) takes it, with the mark [`NO_NEWLINE`].
    pub fn prompt(&self, role: RoleId, text: &str) -> Option<usize> {
        let mut shortest: Option<usize> = None;
        for candidate in self.candidates.iter() {
            for (line, end) in self.expectations[role].prompts(candidate.positions[role], self.phase) {
                let ends = (0..=text.len()).filter(|at| text.is_char_boundary(*at) && text[..*at].ends_with(end));
                let mut ends = ends.filter(|at| *at > 0 && shortest.is_none_or(|shortest| *at < shortest));
                let is = |at: &usize| {
                    let printed = format!("{}{NO_NEWLINE}", &text[..*at]);
                    LineReading::new(&self.names, role, &printed, Timing::new(None, self.acted)).is(line, candidate)
                };
                shortest = ends.find(is).or(shortest);
            }
        }
        shortest
    }

    /// A role ended by itself.
    ///
    /// # Errors
    /// The transcript does not allow this ending here.
    pub fn ended(&mut self, role: RoleId, ending: Ending) -> Result<(), Refused> {
        self.ended_at(role, ending, None)
    }

    /// A role ended by itself, at a time by this clock; without one, nothing comes too late.
    ///
    /// # Errors
    /// The transcript does not allow this ending here, or not so late.
    pub fn ended_at(&mut self, role: RoleId, ending: Ending, clock: Option<&Clock<'_>>) -> Result<(), Refused> {
        let mut timing = Timing::new(clock, self.acted);
        let mut end = |candidate: &Candidate<'t>| {
            let (step, index, within) = self.expectations[role].end(candidate.positions[role], self.phase, ending)?;
            timing.is_in_time(role, candidate, (index, within)).then_some(step)
        };
        let moves = |candidate: &Candidate<'t>| Ok(end(candidate).into_iter().collect());
        let result = self.candidates.advance(role, clock.map(|clock| clock.now), moves);
        let late = timing.late;
        self.unless_late(result, late, clock)
    }

    /// Has every line above the next action been seen?
    pub fn ready(&self) -> bool {
        self.candidates.iter().any(|candidate| missing(&self.expectations, self.phase, candidate).next().is_none())
    }

    /// The next action happens: what stands below it may be seen from now on.
    pub fn act(&mut self) {
        self.candidates.keep(|candidate| missing(&self.expectations, self.phase, candidate).next().is_none());
        if let Some(role) = self.starts.get(self.phase).copied().flatten() {
            self.candidates.put(role, self.expectations[role].below(self.phase));
        }
        self.phase += 1;
    }

    /// The last action that happened was done at this time.
    pub fn acted(&mut self, at: Instant) {
        self.acted = at;
    }

    /// How many actions have happened.
    pub fn phase(&self) -> usize {
        self.phase
    }

    /// From now on a role knows a capture by another value.
    pub fn alias(&mut self, role: RoleId, name: &str, value: String) {
        self.names.aliases.entry(role).or_default().insert(name.to_owned(), value);
    }

    /// The value of a capture, as a role knows it.
    pub fn value(&self, role: RoleId, name: &str) -> Option<&str> {
        self.names.value(role, name, self.best())
    }

    /// What has been captured so far, as a role knows it.
    pub fn captures_of(&self, role: RoleId) -> Captures {
        let mut captures = self.captures();
        captures.extend(self.names.aliases.get(&role).cloned().unwrap_or_default());
        captures
    }

    /// What has been given and captured so far.
    pub fn captures(&self) -> Captures {
        let mut captures = self.names.given.clone();
        let captured = self.best().captures.iter();
        captures.extend(captured.map(|(name, value)| ((*name).to_owned(), value.text().to_owned())));
        captures
    }

    /// The steps (as indices) that are awaited before the next action can happen.
    pub fn awaited(&self) -> Vec<usize> {
        let mut steps: Vec<_> = missing(&self.expectations, self.phase, self.best()).collect();
        steps.sort_unstable();
        steps
    }

    /// The candidate that a person would choose: the one with the fewest missing lines, so none when everything was
    /// seen.
    fn best(&self) -> &Candidate<'t> {
        let missing = |candidate: &&Candidate<'t>| missing(&self.expectations, self.phase, candidate).count();
        self.candidates.iter().min_by_key(missing).expect("there is always a way")
    }
}

/// The steps that a candidate still needs before the next action.
fn missing(expectations: &[Expectations<'_>], phase: usize, candidate: &Candidate<'_>) -> impl Iterator<Item = usize> {
    expectations.iter().zip(&candidate.positions).flat_map(move |(of_role, from)| of_role.awaited(*from, phase))
}

/// Tells whether a pattern accepts a line, with the values that a run has captured; a name without a value accepts
/// any value of its declared type.
pub fn accepts<'k>(transcript: &'k Transcript, captures: &'k Captures) -> impl Fn(&Pattern, &str) -> bool + use<'k> {
    let types = declared_types(transcript);
    move |pattern, line| {
        let known = |name: &str| match captures.get(name) {
            Some(value) => Known::Value(value),
            None => Known::Type(types.get(name).copied().unwrap_or(&Type::Text)),
        };
        pattern.captures(line, &known).is_some()
    }
}

/// The type of each name, from its first capture in the transcript.
pub fn declared_types(transcript: &Transcript) -> BTreeMap<&str, &Type> {
    let mut types = BTreeMap::new();
    for step in &transcript.steps {
        let StepKind::Expect(_, expect) = &step.kind else { continue };
        for (name, ty, _) in expect.pattern().into_iter().flat_map(Pattern::names) {
            if let Some(ty) = ty {
                types.entry(name).or_insert(ty);
            }
        }
    }
    types
}
