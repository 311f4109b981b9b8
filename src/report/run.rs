//! One failed run: what each role printed against what was expected, and what went over the wire.

use colored::{ColoredString, Colorize};
use similar::{Algorithm, ChangeTag, capture_diff_slices};

use crate::course::Scenario;
use crate::evidence::{Evidence, LinkEvidence, RoleOutput};
use crate::explain::{stderr_lines, told};
use crate::matcher::{Captures, Ending, accepts};
use crate::pattern::{Pattern, around_difference, cut, escape, shorten};
use crate::trace::happened;
use crate::transcript::{Expect, RoleId, StepKind};
use crate::verdict::{Failed, Failure, Run};

/// How many lines of a role are shown before its first difference.
const CONTEXT: usize = 3;

/// How many lines of a role, lines of standard error, or events of a wire are shown.
const MAX_LINES: usize = 10;

/// A line that differs takes at most this many rows.
const MAX_ROWS: usize = 3;

/// A failed run as indented text.
pub fn show(run: &Run, failed: &Failed, scenario: &Scenario, width: usize, verbose: bool) -> String {
    let mut out = String::new();
    let started = (0..run.evidence.outputs.len()).filter(|role| run.evidence.outputs[*role].started.is_some());
    let compared: Vec<Compared<'_>> = started.map(|role| Compared::new(run, failed, scenario, role)).collect();
    // The legend is shown once.
    let first = compared.iter().position(Compared::differs);
    for (index, compared) in compared.iter().enumerate() {
        out.push_str(&output(run, compared, Some(index) == first, width, verbose));
    }
    for link in &run.evidence.links {
        out.push_str(&wire(&run.evidence, link, width, verbose));
    }
    out
}

/// One line of a role, as it is compared and shown.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct ComparedLine(String);

/// What a role printed, beside what was expected.
struct Compared<'s> {
    role: RoleId,
    expected: Vec<(ComparedLine, Option<&'s Pattern>)>,
    printed: Vec<ComparedLine>,
}

impl<'s> Compared<'s> {
    fn new(run: &Run, failed: &Failed, scenario: &'s Scenario, role: RoleId) -> Self {
        let output = &run.evidence.outputs[role];
        let expected = expected(failed, scenario, role, &run.captures[role]);
        let accepts = accepts(&scenario.transcript, &run.captures[role]);
        let mut printed: Vec<ComparedLine> = output
            .lines
            .iter()
            .map(|line| match line.whole {
                true => align(&line.matched(), &expected, &accepts),
                false => ComparedLine(unended(&line.bytes)),
            })
            .collect();
        if !output.unended.is_empty() {
            printed.push(ComparedLine(unended(&output.unended)));
        }
        if output.ending.is_none() && is_to_end(failed, scenario, role) {
            printed.push(ComparedLine("(still running)".to_owned()));
        }
        if let Some(ending) = output.ending {
            printed.push(ComparedLine(match ending {
                Ending::Exit(code) => format!("(exit {code})"),
                Ending::Signal(_) => format!("({})", told(ending)),
            }));
        }
        Compared { role, expected, printed }
    }

    fn wanted(&self) -> Vec<ComparedLine> {
        self.expected.iter().map(|(line, _)| line.clone()).collect()
    }

    fn differs(&self) -> bool {
        self.wanted() != self.printed
    }

    /// The legend of the difference.
    fn marks(&self, captures: &Captures) -> &'static str {
        let missing = self.expected.iter().filter(|(line, _)| !self.printed.contains(line));
        let mut names = missing.filter_map(|(_, pattern)| *pattern).flat_map(Pattern::names);
        match names.any(|(name, ..)| !captures.contains_key(name)) {
            true => ": - expected, with any value for {…}, + printed",
            false => ": - expected, + printed",
        }
    }
}

fn output(run: &Run, compared: &Compared<'_>, legend: bool, width: usize, verbose: bool) -> String {
    let output = &run.evidence.outputs[compared.role];
    let marks = if legend { compared.marks(&run.captures[compared.role]) } else { "" };
    let party = format!("({}){marks}", output.party.name());
    let mut out = format!("  {} {}\n", output.role.bold(), party.dimmed());
    out.push_str(&difference(&compared.wanted(), &compared.printed, width, verbose));
    let stderr = stderr_lines(output);
    if !stderr.is_empty() {
        out.push_str(&format!("    {}\n", "standard error:".dimmed()));
        out.push_str(&tail(&stderr, width, verbose));
    }
    out
}

/// What was expected of a role so far: as text, with its pattern if it is a line.
fn expected<'s>(
    failed: &Failed,
    scenario: &'s Scenario,
    role: RoleId,
    captures: &Captures,
) -> Vec<(ComparedLine, Option<&'s Pattern>)> {
    let due = scenario.transcript.expected(role).filter(|(step, _)| step.phase <= failed.phase);
    due.filter_map(|(_, expect)| match expect {
        Expect::Line(pattern) | Expect::Unordered(pattern) => {
            let line = pattern.fill(&|name| captures.get(name).cloned());
            Some((ComparedLine(escape(line.as_bytes())), Some(pattern)))
        }
        Expect::Exit(code) => Some((ComparedLine(format!("(exit {code})")), None)),
        Expect::Optional(_) | Expect::Elided | Expect::Running => None,
    })
    .collect()
}

/// Was the end of this role awaited when the run hung?
fn is_to_end(failed: &Failed, scenario: &Scenario, role: RoleId) -> bool {
    if matches!(failed.how, Failure::Line(..) | Failure::Ended(..)) {
        return false;
    }
    let steps = &scenario.transcript.steps;
    let ends = |step: &usize| matches!(&steps[*step].kind, StepKind::Expect(who, Expect::Exit(_)) if *who == role);
    failed.awaited.iter().any(ends)
}

/// Text after the last newline.
fn unended(bytes: &[u8]) -> String {
    format!("{} (without a newline)", escape(bytes))
}

/// A printed line. A line that a pattern accepts becomes the text of that pattern, so that a matched capture is never
/// shown as a difference.
fn align(
    bytes: &[u8],
    expected: &[(ComparedLine, Option<&Pattern>)],
    accepts: &impl Fn(&Pattern, &str) -> bool,
) -> ComparedLine {
    let text = std::str::from_utf8(bytes).ok();
    let accepted = text
        .and_then(|text| expected.iter().find(|(_, pattern)| pattern.is_some_and(|pattern| accepts(pattern, text))));
    accepted.map_or_else(|| ComparedLine(escape(bytes)), |(line, _)| line.clone())
}

fn difference(wanted: &[ComparedLine], printed: &[ComparedLine], width: usize, verbose: bool) -> String {
    let room = width.saturating_sub(8);
    let mut lines = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, wanted, printed) {
        let (old, new) = (&wanted[op.old_range()], &printed[op.new_range()]);
        let (mut deleted, mut inserted) = (0, 0);
        for change in op.iter_changes(wanted, printed) {
            let text = &change.value().0;
            lines.push(match change.tag() {
                ChangeTag::Equal => (false, as_expected(text, room)),
                ChangeTag::Delete => {
                    deleted += 1;
                    let rows = rows(text, new.get(deleted - 1), room);
                    (true, marked(&"-".red(), rows.iter().map(|row| row.red())))
                }
                ChangeTag::Insert => {
                    inserted += 1;
                    let rows = rows(text, old.get(inserted - 1), room);
                    (true, marked(&"+".green(), rows.iter().map(|row| row.green())))
                }
            });
        }
    }
    if lines.is_empty() {
        return format!("    {}\n", "(nothing)".dimmed());
    }
    let first = lines.iter().position(|(differs, _)| *differs).unwrap_or(lines.len().saturating_sub(MAX_LINES));
    let start = if verbose { 0 } else { first.saturating_sub(CONTEXT) };
    let end = if verbose { lines.len() } else { lines.len().min(start + MAX_LINES) };
    let mut out = String::new();
    if start > 0 {
        out.push_str(&format!("      {}\n", format!("… {start} lines as expected").dimmed()));
    }
    lines[start..end].iter().for_each(|(_, line)| out.push_str(line));
    if end < lines.len() {
        out.push_str(&format!("      {}\n", format!("… {} more (--verbose shows all)", lines.len() - end).dimmed()));
    }
    out
}

/// A line that was printed as expected: whole if it is not too long.
fn as_expected(text: &str, room: usize) -> String {
    if text.chars().nth(2 * room).is_some() {
        return format!("      {}\n", shorten(text, room));
    }
    broken_at_words(text, room).iter().map(|row| format!("      {row}\n")).collect()
}

/// A line that differs, in rows, because the cause of an error often stands at its end. Of a longer line, the part
/// around the first difference.
fn rows(text: &str, other: Option<&ComparedLine>, room: usize) -> Vec<String> {
    let text = visible(text);
    if text.chars().nth(MAX_ROWS * room).is_some() {
        return vec![around_difference(&text, other.map_or("", |other| &other.0), room)];
    }
    broken_at_words(&text, room)
}

/// Rows of at most `room` chars, at least one: each ends with a space, for which there is always room, if there is one
/// in its second half. Together they are the text, char by char.
fn broken_at_words(text: &str, room: usize) -> Vec<String> {
    let (room, mut rest) = (room.max(1), text.chars().collect::<Vec<char>>());
    let mut rows = Vec::new();
    while rest.len() > room {
        let space = rest[room / 2..=room].iter().rposition(|c| *c == ' ');
        let following = rest.split_off(space.map_or(room, |at| room / 2 + at + 1));
        rows.push(std::mem::replace(&mut rest, following).into_iter().collect());
    }
    rows.push(rest.into_iter().collect());
    rows
}

/// Rows, with a mark in front of the first one.
fn marked(mark: &ColoredString, rows: impl Iterator<Item = ColoredString>) -> String {
    rows.enumerate()
        .map(|(index, row)| if index == 0 { format!("    {mark} {row}\n") } else { format!("      {row}\n") })
        .collect()
}

/// A line with the spaces at its end as dots.
fn visible(text: &str) -> String {
    let kept = text.trim_end_matches(' ');
    format!("{kept}{}", "·".repeat(text.len() - kept.len()))
}

fn tail(lines: &[String], width: usize, verbose: bool) -> String {
    let start = if verbose { 0 } else { lines.len().saturating_sub(MAX_LINES) };
    lines[start..]
        .iter()
        .map(|line| super::wrap_indented(&shorten(line, 3 * width), width, "      "))
        .collect::<String>()
        .dimmed()
        .to_string()
}

/// What went over a link.
fn wire(evidence: &Evidence, link: &LinkEvidence, width: usize, verbose: bool) -> String {
    let outputs = &evidence.outputs;
    let name = |role: RoleId| outputs.get(role).map_or("?", |output: &RoleOutput| output.role.as_str());
    let title = format!("the wire, {}", link.condition.name());
    let mut out = format!("  {}\n", title.bold());
    if link.connections.is_empty() {
        out.push_str(&format!(
            "    {}\n",
            format!("{} never connected to {}", name(link.dialer), name(link.listener)).dimmed()
        ));
    }
    for connection in &link.connections {
        let count = if verbose { connection.events.len() } else { MAX_LINES };
        for (at, event) in connection.as_received().into_iter().take(count) {
            let (from, to) = event.direction.ends(link.dialer, link.listener);
            let arrow = format!("{} → {}", name(from), name(to));
            let what = happened(&event.what);
            let line = format!("{:7.3} s  {arrow}  {what}", at.as_secs_f64());
            out.push_str(&format!("    {}\n", cut(&line, width.saturating_sub(4)).dimmed()));
        }
        if connection.events.len() > count {
            out.push_str(&format!("    {}\n", format!("… {} more", connection.events.len() - count).dimmed()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(wanted: &[&str], printed: &[&str]) -> String {
        let all = |lines: &[&str]| lines.iter().map(|line| ComparedLine((*line).to_owned())).collect::<Vec<_>>();
        colored::control::set_override(false);
        difference(&all(wanted), &all(printed), 28, false)
    }

    #[test]
    fn a_cause_at_the_end_is_shown() {
        let told = shown(&["connected"], &["cannot connect: one, two, three, refused"]);
        assert_eq!(told, "    - connected\n    + cannot connect: one, \n      two, three, refused\n");
        // Nothing is lost where there is no space.
        assert_eq!(broken_at_words("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(broken_at_words("", 3), [""]);
    }

    #[test]
    fn where_long_lines_differ_is_shown() {
        let (one, other) =
            (format!("{}X{}", "a".repeat(99), "b".repeat(99)), format!("{}Y{}", "a".repeat(99), "b".repeat(99)));
        let told = shown(&[&one], &[&other]);
        assert_eq!(told, "    - …aaaaaaaaaXbbbbbbbb…\n    + …aaaaaaaaaYbbbbbbbb…\n");
    }

    #[test]
    fn spaces_at_an_end_are_seen() {
        assert_eq!(shown(&["a"], &["a  "]), "    - a\n    + a··\n");
    }
}
