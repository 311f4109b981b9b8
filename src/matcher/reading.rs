//! Matches one printed line against the patterns that may explain it.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use super::candidates::{Added, Candidate, CapturedValue, Move, Position};
use super::expectations::{Expectations, ExpectedLine, Item, open};
use super::{Captures, Refused, Timing};
use crate::pattern::{Budget, Known, NO_NEWLINE, Type};
use crate::transcript::RoleId;

/// The cost of one question, including a pattern that fails at once.
const QUESTION: usize = 256;

/// The values and types of names, apart from captured values.
#[derive(Debug)]
pub(super) struct Bindings<'t> {
    pub types: BTreeMap<&'t str, &'t Type>,
    pub given: Captures,
    /// Captures that a role knows by another value: an address that it was handed as a link's.
    pub aliases: HashMap<RoleId, Captures>,
}

impl Bindings<'_> {
    /// The value of a name, as a role knows it.
    pub fn value<'a>(&'a self, role: RoleId, name: &str, candidate: &'a Candidate<'_>) -> Option<&'a str> {
        let alias = self.aliases.get(&role).and_then(|aliases| aliases.get(name)).map(String::as_str);
        let captured = || candidate.captures.get(name).map(CapturedValue::text);
        alias.or_else(captured).or_else(|| self.given.get(name).map(String::as_str))
    }
}

/// A line that is being matched. Each pattern is tried once for all candidates in which its names have the same
/// values, and everything together has one budget.
pub(super) struct LineReading<'m, 't> {
    names: &'m Bindings<'t>,
    role: RoleId,
    line: Arc<str>,
    timing: Timing<'m>,
    budget: Budget,
    answers: HashMap<(usize, Vec<Option<CapturedValue>>), Option<Added<'t>>>,
}

impl<'m, 't> LineReading<'m, 't> {
    pub fn new(names: &'m Bindings<'t>, role: RoleId, line: &str, timing: Timing<'m>) -> Self {
        LineReading { names, role, line: line.into(), timing, budget: Budget::default(), answers: HashMap::new() }
    }

    /// The line came too late for a step.
    pub fn late(&self) -> Option<Refused> {
        self.timing.late
    }

    /// The moves of one candidate for this line, the nearest expectation first.
    pub fn moves(
        &mut self,
        of_role: &Expectations<'t>,
        phase: usize,
        candidate: &Candidate<'t>,
    ) -> Result<Vec<Move<'t>>, Refused> {
        let mut moves = Vec::new();
        let mut position = candidate.positions[self.role];
        for place in of_role.due(position, phase) {
            let after = Position::at(position.next + 1);
            match &place.item {
                Item::Group(lines) => {
                    for (line, taken) in open(lines, position.taken) {
                        let to = taken.map_or(after, |taken| Position { taken, ..position });
                        let past = taken.is_none();
                        moves.extend(self.take(line, to, candidate).map(|step| Move { past, ..step }));
                    }
                }
                Item::Optional(line) => moves.extend(self.take(line, after, candidate)),
                Item::Elided => moves.push(Move::to(position)),
                Item::Exit(_) | Item::Running => {}
            }
            if !place.is_free() {
                break;
            }
            position = after;
        }
        if self.budget.is_spent() { Err(Refused::Ambiguous) } else { Ok(moves) }
    }

    /// The move if the line is this expected one.
    fn take(&mut self, line: &ExpectedLine<'t>, to: Position, candidate: &Candidate<'t>) -> Option<Move<'t>> {
        let step = self.fitting(line, to, candidate)?;
        self.timing.is_in_time(self.role, candidate, (line.step, line.within)).then_some(step)
    }

    fn fitting(&mut self, line: &ExpectedLine<'t>, to: Position, candidate: &Candidate<'t>) -> Option<Move<'t>> {
        self.budget.spend(QUESTION);
        let values = line.pattern.names().map(|(name, ..)| candidate.captures.get(name).cloned());
        let question = (line.step, values.collect());
        if let Some(answer) = self.answers.get(&question) {
            return answer.clone().map(|added| Move { added: Some(added), ..Move::to(to) });
        }
        let answer = self.answer(line, candidate);
        self.answers.insert(question, answer.clone());
        answer.map(|added| Move { added: Some(added), ..Move::to(to) })
    }

    /// Is the line this expected one?
    pub fn is(&mut self, line: &ExpectedLine<'t>, candidate: &Candidate<'t>) -> bool {
        self.answer(line, candidate).is_some()
    }

    fn answer(&mut self, line: &ExpectedLine<'t>, candidate: &Candidate<'t>) -> Option<Added<'t>> {
        let known = |name: &str| match self.names.value(self.role, name, candidate) {
            Some(value) => Known::Value(value),
            None => Known::Type(self.names.types.get(name).copied().unwrap_or(&Type::Text)),
        };
        if self.line.ends_with(NO_NEWLINE) != line.pattern.prompt_end().is_some() {
            return None;
        }
        let found = line.pattern.captures_within(&self.line, &known, &mut self.budget)?;
        let value = |(name, at): (&'t str, Range<usize>)| {
            self.budget.spend(at.len());
            (name, CapturedValue::new(&self.line, at))
        };
        Some(found.into_iter().map(value).collect())
    }
}
