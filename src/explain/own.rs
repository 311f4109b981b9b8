//! A stage's own explanations: the first one that fits what was seen, with its placeholders filled in.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::expected::Expected;
use super::words::{capitalize, shown};
use super::{Case, Fact};
use crate::course::{EndOfStream, EndSeen, LinkSeen, MISWRITTEN, Seen, StageExplanation};
use crate::evidence::Printed;
use crate::matcher::{Ending, declared_types};
use crate::pattern::{Known, Pattern, Piece, Type};
use crate::transcript::RoleId;
use crate::verdict::Failure;

/// At most this many lines are matched for one explanation; one that needs more does not apply. It is enough to go
/// through a role of ten thousand lines ten times.
const MAX_READ: usize = 100_000;

/// The first of the stage's explanations that applies: its id and its text.
pub(super) fn first(case: &Case<'_>, facts: &[Fact]) -> Option<(String, String)> {
    let has = |id: &str| facts.iter().any(|fact| fact.id == id);
    let miswritten = MISWRITTEN.into_iter().any(has);
    let unsent = has("sent-in-part") && !case.refuses_a_beginning();
    let decisive = [("unfinished", has("unfinished")), ("sent-in-part", unsent)];
    let asks = |own: &&StageExplanation| {
        let names = |id: &str| own.when.iter().any(|named| named == id);
        // A hole that was reached, and bytes that never left the sender, explain everything after them. And a fact
        // about how the line is written says more than an explanation that has not looked at the line.
        decisive.into_iter().all(|(id, is_found)| !is_found || names(id))
            && (!miswritten || own.seen.line.is_some() || MISWRITTEN.into_iter().any(names))
    };
    let found = case.stage.explanations.iter().filter(asks).find_map(|own| Some((own, says(case, own, facts)?)));
    found.map(|(own, say)| (own.id.clone(), say))
}

/// What an explanation says of this run, if it applies.
fn says(case: &Case<'_>, own: &StageExplanation, facts: &[Fact]) -> Option<String> {
    let here = own.is_for(case.scenario) && (own.conditions.is_empty() || own.conditions.contains(&case.condition));
    let found = own.when.iter().all(|id| facts.iter().any(|fact| fact.id == id));
    let seen = &own.seen;
    let ended = seen.ended.iter().all(|end| case.has_ended(end));
    let went = seen.links.iter().all(|link| case.went(link));
    // Lines come last: searching them takes the longest.
    if !(here && found && ended && went) {
        return None;
    }
    let mut subjects: Vec<Option<RoleId>> = case.subjects().into_iter().map(Some).collect();
    if subjects.is_empty() {
        subjects.push(None);
    }
    let mut meant = subjects.into_iter().filter(|subject| {
        let output = subject.map(|role| &case.evidence.outputs[role]);
        (seen.roles.is_empty() || output.is_some_and(|output| seen.roles.contains(&output.role)))
            && (seen.by.is_empty() || output.is_some_and(|output| seen.by.contains(&output.party)))
    });
    // An explanation of the refused line asks what *else* was printed.
    let apart = match *case.failure {
        Failure::Line(role, index) if seen.line.is_some() => Some((role, index)),
        _ => None,
    };
    meant.find_map(|subject| LineSearch { case, subject, apart, read: Cell::new(0) }.says(own))
}

/// What the names in braces stand for.
type NamedValues = BTreeMap<String, String>;

/// A line that must, or must not, have been seen.
struct Goal<'o> {
    source: LineSource,
    role: Option<&'o str>,
    pattern: &'o Pattern,
    absent: bool,
}

/// Where a line is looked for.
#[derive(Clone, Copy)]
enum LineSource {
    Refused,
    Awaited,
    Printed,
    Typed,
}

/// A line that was found there.
struct FoundLine<'c> {
    role: RoleId,
    text: String,
    /// For an awaited line, which has not been printed: its pattern, and how a sentence quotes it.
    expected: Option<(&'c Pattern, String)>,
}

impl FoundLine<'_> {
    fn quoted(&self) -> String {
        self.expected.as_ref().map_or_else(|| self.text.clone(), |(_, quoted)| quoted.clone())
    }
}

/// Searches for what an explanation requires to have been seen.
struct LineSearch<'c> {
    case: &'c Case<'c>,
    /// The role that the failure is about.
    subject: Option<RoleId>,
    /// The refused line, if it is looked at by itself: a role, and the line's index.
    apart: Option<(RoleId, usize)>,
    /// How many lines were matched so far.
    read: Cell<usize>,
}

impl<'c> LineSearch<'c> {
    /// What an explanation says; `None` when it does not apply.
    fn says(&self, own: &StageExplanation) -> Option<String> {
        let mut values = self.all(&goals(&own.seen), &NamedValues::new())?;
        let lines = |source| self.candidates(source).next().map(|line| line.quoted());
        values.extend(self.subject.map(|role| ("who".to_owned(), self.case.who(role))));
        values.extend(lines(LineSource::Refused).map(|line| ("line".to_owned(), line)));
        if let Some(line) = lines(LineSource::Awaited) {
            values.entry("awaited".to_owned()).or_insert(line);
        }
        self.fill(&own.say, &values)
    }

    /// The values with which all goals are met, if they are. Later goals know what earlier ones captured; where
    /// several lines meet a goal, each is tried.
    fn all(&self, goals: &[Goal<'_>], values: &NamedValues) -> Option<NamedValues> {
        let Some((goal, rest)) = goals.split_first() else { return Some(values.clone()) };
        let lines =
            self.candidates(goal.source).filter(|line| goal.role.is_none_or(|role| role == self.name(line.role)));
        let mut met = lines.filter_map(|line| self.read(&line, goal.pattern, values));
        if goal.absent {
            return if met.next().is_none() { self.all(rest, values) } else { None };
        }
        met.find_map(|values| self.all(rest, &values))
    }

    /// Matches a line: the values, with what it captures, if it matches. A name with a type accepts any value of that
    /// type; one without stands for what an earlier pattern, or the run, has captured.
    fn read(&self, line: &FoundLine<'_>, pattern: &Pattern, values: &NamedValues) -> Option<NamedValues> {
        self.read.set(self.read.get() + 1);
        if self.read.get() > MAX_READ {
            return None;
        }
        let own: BTreeMap<&str, &Type> = pattern.names().filter_map(|(name, ty, _)| Some((name, ty?))).collect();
        let types = declared_types(&self.case.scenario.transcript);
        let of_run = &self.case.captures[line.role];
        let known = |name: &str| match (values.get(name), own.get(name), of_run.get(name)) {
            (Some(value), ..) | (None, None, Some(value)) => Known::Value(value),
            (None, Some(ty), _) => Known::Type(ty),
            (None, None, None) => Known::Type(types.get(name).copied().unwrap_or(&Type::Text)),
        };
        let mut read = values.clone();
        match pattern.captures(&line.text, &known) {
            Some(captured) => {
                read.extend(captured.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())))
            }
            // An awaited line has no values yet: it is the same line when it has the same words.
            None if line.expected.as_ref().is_some_and(|(expected, _)| has_same_words(expected, pattern)) => {}
            None => return None,
        }
        if line.expected.is_some() {
            // `say` quotes the awaited line that matched.
            read.entry("awaited".to_owned()).or_insert_with(|| line.quoted());
        }
        Some(read)
    }

    fn name(&self, role: RoleId) -> &str {
        self.case.name(role)
    }

    /// The lines of a source.
    fn candidates(&self, source: LineSource) -> Box<dyn Iterator<Item = FoundLine<'c>> + 'c> {
        let (case, subject) = (self.case, self.subject);
        let seen = |role, text: &str| FoundLine { role, text: text.to_owned(), expected: None };
        match source {
            LineSource::Refused => {
                let Failure::Line(role, index) = *case.failure else { return Box::new(std::iter::empty()) };
                let line = case.evidence.outputs[role].lines.get(index).and_then(Printed::text);
                Box::new(line.into_iter().map(move |text| seen(role, text)))
            }
            LineSource::Awaited => {
                let mut lines = case.awaited_lines();
                // The role that the failure is about comes first.
                lines.sort_by_key(|line| Some(line.role) != subject);
                let awaited = |line: Expected<'c>| FoundLine {
                    role: line.role,
                    text: line.text,
                    expected: Some((line.pattern, line.quoted)),
                };
                Box::new(lines.into_iter().map(awaited))
            }
            LineSource::Printed => {
                let apart = self.apart;
                let outputs = case.evidence.outputs.iter().enumerate();
                let lines = outputs.flat_map(|(role, output)| {
                    output.lines.iter().enumerate().map(move |(index, line)| ((role, index), line))
                });
                let others = lines.filter(move |(place, _)| Some(*place) != apart);
                Box::new(others.filter_map(move |((role, _), line)| Some(seen(role, line.text()?))))
            }
            LineSource::Typed => Box::new(case.evidence.typed.iter().map(move |typed| seen(typed.role, &typed.text))),
        }
    }

    /// The text with its placeholders filled in; `None` when it names something that was not seen.
    fn fill(&self, say: &str, values: &NamedValues) -> Option<String> {
        let Ok(pattern) = Pattern::parse(say.trim()) else { return Some(say.trim().to_owned()) };
        let roles = 0..self.case.captures.len();
        let of_run = |name: &str| roles.clone().find_map(|role| self.case.captures[role].get(name).cloned());
        let mut text = String::new();
        for piece in pattern.pieces() {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Capture { name, .. } => {
                    let value = values.get(name).cloned().or_else(|| of_run(name))?;
                    let begins = text.is_empty() || sentence_over(&text);
                    text.push_str(&if begins && name == "who" { capitalize(&value) } else { shown(&value) });
                }
            }
        }
        Some(text)
    }
}

/// The lines to look for. Those that must be there come first, as the others use what they capture.
fn goals(seen: &Seen) -> Vec<Goal<'_>> {
    let refused =
        seen.line.iter().map(|pattern| Goal { source: LineSource::Refused, role: None, pattern, absent: false });
    let lists = [
        (LineSource::Awaited, &seen.awaited, false),
        (LineSource::Printed, &seen.printed, false),
        (LineSource::Typed, &seen.typed, false),
        (LineSource::Printed, &seen.not_printed, true),
        (LineSource::Typed, &seen.not_typed, true),
    ];
    let lines = lists.into_iter().flat_map(|(source, lines, absent)| {
        lines.iter().map(move |seen| Goal { source, role: seen.role.as_deref(), pattern: &seen.line, absent })
    });
    refused.chain(lines).collect()
}

/// Does a new sentence begin behind this text?
fn sentence_over(text: &str) -> bool {
    text.trim_end().ends_with(['.', '?', '!'])
}

/// Do two patterns differ in nothing but their captures?
fn has_same_words(one: &Pattern, other: &Pattern) -> bool {
    let same = |pieces: (&Piece, &Piece)| match pieces {
        (Piece::Capture { .. }, Piece::Capture { .. }) => true,
        (Piece::Literal(one), Piece::Literal(other)) => one == other,
        _ => false,
    };
    one.pieces().len() == other.pieces().len() && one.pieces().iter().zip(other.pieces()).all(same)
}

impl Case<'_> {
    fn has_ended(&self, wanted: &EndSeen) -> bool {
        let fits = |ending: Ending| wanted.code.is_none_or(|code| ending == Ending::Exit(code));
        let outputs = self.evidence.outputs.iter().filter(|output| output.role == wanted.role);
        outputs.flat_map(|output| &output.endings).any(|(_, ending)| fits(*ending))
    }

    /// Does what went from one role to another fit?
    fn went(&self, wanted: &LinkSeen) -> bool {
        let is = |role: RoleId, name: &str| self.name(role) == name;
        let flows: Vec<_> = self
            .evidence
            .flows()
            .filter(|(from, to, _)| is(*from, &wanted.from) && is(*to, &wanted.to))
            .map(|(.., flow)| flow)
            .collect();
        let bytes = flows.iter().map(|flow| flow.came).sum();
        let end = flows.last().map_or(EndOfStream::None, |flow| match (flow.reset, flow.fin) {
            (Some(_), _) => EndOfStream::Reset,
            (None, Some(_)) => EndOfStream::Sent,
            (None, None) => EndOfStream::None,
        });
        wanted.connections.is_none_or(|count| count.contains(flows.len() as u64))
            && wanted.bytes.is_none_or(|count| count.contains(bytes))
            && wanted.end.is_none_or(|wanted| wanted == end)
    }
}
