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

use std::collections::{BTreeMap, HashMap};

use crate::pattern::{Known, NO_NEWLINE, Pattern, Type};
use crate::transcript::{RoleId, StepKind, Transcript};

use candidates::{Candidate, Candidates, Move, Position};
use expectations::{Expectations, by_role, starts};
use reading::{Bindings, LineReading};

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
}

impl<'t> Matcher<'t> {
    /// At the top of the transcript, with the values that are given from the start.
    pub fn new(transcript: &'t Transcript, given: Captures) -> Self {
        Matcher {
            expectations: by_role(transcript),
            starts: starts(transcript),
            names: Bindings { types: declared_types(transcript), given, aliases: HashMap::new() },
            candidates: Candidates::new(transcript.roles.len()),
            phase: 0,
        }
    }

    /// A role printed a line.
    ///
    /// # Errors
    /// No expectation explains it, or that can't be decided; the matcher is unchanged.
    pub fn line(&mut self, role: RoleId, text: &str) -> Result<(), Refused> {
        let mut reading = LineReading::new(&self.names, role, text);
        self.candidates.advance(role, |candidate| reading.moves(&self.expectations[role], self.phase, candidate))
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
                    LineReading::new(&self.names, role, &printed).is(line, candidate)
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
        let end =
            |candidate: &Candidate<'t>| self.expectations[role].end(candidate.positions[role], self.phase, ending);
        self.candidates.advance(role, |candidate| Ok(end(candidate).into_iter().collect()))
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
