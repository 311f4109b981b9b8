//! The author's text: which of its lines are actions, expectations and comments, and how new expectations are
//! inserted.

use crate::course::Scenario;
use crate::transcript::{Expect, RoleId, StepKind};

/// A line of the new transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptLine {
    /// The author's, by its number from 0, as it was.
    Kept(usize),
    /// A new one, without indentation.
    New(String),
}

/// An expectation of the new transcript.
#[derive(Debug, Clone)]
pub(super) struct OutLine {
    /// The author's line that it is, or takes the place of.
    pub(super) slot: Option<usize>,
    /// Its text, where it is not that line.
    pub(super) text: Option<String>,
    /// It is how a role ends.
    pub(super) is_ending: bool,
}

impl OutLine {
    pub(super) fn kept(line: usize) -> OutLine {
        OutLine { slot: Some(line), text: None, is_ending: false }
    }

    pub(super) fn ending(slot: Option<usize>, text: Option<String>) -> OutLine {
        OutLine { slot, text, is_ending: true }
    }
}

/// The author's text.
pub(super) struct Script<'s> {
    pub(super) scenario: &'s Scenario,
    pub(super) lines: Vec<&'s str>,
    /// In which column the marks stand, when the author has aligned them.
    column: usize,
}

impl<'s> Script<'s> {
    pub(super) fn new(scenario: &'s Scenario) -> Script<'s> {
        let lines: Vec<&str> = scenario.text.lines().collect();
        let marked = scenario.transcript.steps.iter().filter_map(|step| mark_of(lines[step.line]));
        let aligned: Vec<usize> = marked.filter(|mark| mark.padded).map(|mark| mark.at).collect();
        Script { scenario, column: aligned.into_iter().max().unwrap_or(0), lines }
    }

    /// A new line of a role.
    pub(super) fn line(&self, role: RoleId, mark: char, text: &str) -> String {
        let name = &self.scenario.transcript.roles[role];
        let width = self.column.saturating_sub(1);
        let line = format!("{name:width$} {mark} {text}");
        if text.is_empty() { line.trim_end().to_owned() } else { line }
    }

    /// An author's line with another mark.
    pub(super) fn marked(&self, line: usize, mark: char) -> Option<String> {
        let text = self.lines[line];
        let own = mark_of(text)?;
        (!text[own.byte..].starts_with(mark))
            .then(|| format!("{}{mark}{}", text[..own.byte].trim_start(), &text[own.byte + 1..]))
    }

    /// The numbers of the author's lines after this many actions, up to the next one.
    pub(super) fn between(&self, phase: usize) -> std::ops::Range<usize> {
        let mut actions = self.scenario.transcript.actions().map(|(step, _)| step.line);
        let start = phase.checked_sub(1).and_then(|before| actions.nth(before)).map_or(0, |line| line + 1);
        let mut actions = self.scenario.transcript.actions().map(|(step, _)| step.line);
        start..actions.nth(phase).unwrap_or(self.lines.len())
    }

    /// The author's expectation in a line, if one is there.
    pub(super) fn expected_in(&self, line: usize) -> Option<(RoleId, &'s Expect)> {
        self.scenario.transcript.steps.iter().find(|step| step.line == line).and_then(|step| match &step.kind {
            StepKind::Expect(role, expect) => Some((*role, expect)),
            StepKind::Act(_) => None,
        })
    }

    /// What stands between two actions: the author's remarks where they were, and of each role
    /// what is expected now, as far as possible where the author had something.
    pub(super) fn weave(&self, phase: usize, mut outs: Vec<(RoleId, Vec<OutLine>)>) -> Vec<ScriptLine> {
        let range = self.between(phase);
        let expected = |line: &usize| self.expected_in(*line);
        let last = range.clone().rfind(|line| expected(line).is_some());
        let mut woven = Vec::new();
        // Where the author expects nothing, what is new stands directly below the action.
        if last.is_none() {
            put_all(&mut woven, std::mem::take(&mut outs));
        }
        for line in range.clone() {
            let Some((role, _)) = expected(&line) else {
                woven.push(ScriptLine::Kept(line));
                continue;
            };
            let is_last = !(line + 1..range.end).any(|line| expected(&line).is_some_and(|(other, _)| other == role));
            if let Some((_, queue)) = outs.iter_mut().find(|(other, _)| *other == role) {
                let until = match queue.iter().position(|out| out.slot.is_some_and(|slot| slot >= line)) {
                    // A new ending stands below what the other roles print.
                    _ if is_last => {
                        queue.iter().position(|out| out.is_ending && out.slot.is_none()).unwrap_or(queue.len())
                    }
                    // What is new stands before what follows it; one new line takes the place of an old one.
                    Some(at) if queue[at].slot == Some(line) => at + 1,
                    Some(at) => at.min(1),
                    None => queue.len().min(1),
                };
                put(&mut woven, queue.drain(..until).collect());
            }
            if Some(line) == last {
                put_all(&mut woven, std::mem::take(&mut outs));
            }
        }
        woven
    }
}

/// What is left: what the roles print, role by role, and then how they end.
fn put_all(woven: &mut Vec<ScriptLine>, outs: Vec<(RoleId, Vec<OutLine>)>) {
    let (endings, lines): (Vec<OutLine>, Vec<OutLine>) =
        outs.into_iter().flat_map(|(_, outs)| outs).partition(|out| out.is_ending);
    put(woven, lines);
    put(woven, endings);
}

fn put(woven: &mut Vec<ScriptLine>, outs: Vec<OutLine>) {
    woven.extend(outs.into_iter().filter_map(|out| match out {
        OutLine { text: Some(text), .. } => Some(ScriptLine::New(text)),
        OutLine { slot: Some(line), text: None, .. } => Some(ScriptLine::Kept(line)),
        OutLine { slot: None, text: None, .. } => None,
    }));
}

/// The mark of a line: its byte, its column without the indentation, and whether more than one
/// space stands before it.
struct MarkAt {
    byte: usize,
    at: usize,
    padded: bool,
}

fn mark_of(line: &str) -> Option<MarkAt> {
    let indent = line.len() - line.trim_start().len();
    let name = line[indent..].find(char::is_whitespace)?;
    let within = within_of(line).unwrap_or(0);
    let rest = &line[indent + name + within..];
    let spaces = rest.len() - rest.trim_start().len();
    rest.trim_start().starts_with(['|', '<', '~', '?', '=']).then_some(MarkAt {
        byte: indent + name + within + spaces,
        at: name + within + spaces,
        padded: spaces > 1 && within == 0,
    })
}

/// The length of ` within 2s` behind the role of a line.
fn within_of(line: &str) -> Option<usize> {
    let line = line.trim_start();
    let behind = &line[line.find(char::is_whitespace)?..];
    let time = behind.trim_start().strip_prefix("within")?;
    let seconds = Some(time.trim_start()).filter(|seconds| seconds.len() < time.len())?;
    let end = seconds.find(char::is_whitespace)?;
    Some(behind.len() - seconds.len() + end)
}
