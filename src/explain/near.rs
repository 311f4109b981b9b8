//! Near misses: the refused line is an expected one, except for how it is written.
//!
//! Each check changes the line in one way and compares the result with the expected lines, so it knows exactly what
//! is wrong. The bytes on the link, where they can be read, tell which program wrote it that way.

use regex_lite::Regex;

use super::expected::Expected;
use super::refused::RefusedLine;
use super::words::{capitalize, shown, shown_both};
use super::{Case, Fact};
use crate::matcher::declared_types;
use crate::pattern::{Budget, Known, Type};
use crate::transcript::RoleId;

/// A prompt is not longer than this.
const PROMPT: usize = 24;

/// What ends a prompt.
const PROMPT_ENDS: [&str; 7] = ["> ", ">", "$ ", "# ", ": ", "? ", "» "];

/// One way to get a line wrong: its fact, what is visible, what to do about it.
struct LineSlip {
    id: &'static str,
    what: &'static str,
    advice: &'static str,
}

const COLOURS: LineSlip = LineSlip {
    id: "colour-codes",
    what: "there are colour codes in it (escape sequences)",
    advice: "Print plain text: when the output is not a terminal, the codes are part of the line.",
};
const CARRIAGE_RETURN: LineSlip = LineSlip {
    id: "carriage-return",
    what: "there is a carriage return (`\\r`) in it",
    advice: "A line ends with a newline (`\\n`) and nothing else.",
};
const SPACES: LineSlip = LineSlip {
    id: "spaces-at-the-ends",
    what: "the spaces at its start or end differ",
    advice: "Spaces are text: remove the newline and nothing else, and add nothing.",
};
const LETTER_CASE: LineSlip = LineSlip {
    id: "letter-case",
    what: "only the case of letters differs",
    advice: "Lines are compared letter by letter, and case matters.",
};

impl Case<'_> {
    /// Is the refused line an expected one, written wrongly?
    pub(super) fn near_misses(&self, refused: &RefusedLine<'_>, facts: &mut Vec<Fact>) {
        let expected = self.candidates(refused);
        let is_expected = expected.iter().any(|line| self.is_line(refused.role, line.pattern, refused.text));
        if refused.text.is_empty() || is_expected {
            return;
        }
        let found = self.slip(refused, &expected).or_else(|| self.prefixed(refused, &expected));
        facts.extend(found.or_else(|| self.misspelt(refused, &expected)));
    }

    /// The lines that it may be an attempt at: the awaited one, then all others of this role.
    fn candidates<'e>(&'e self, refused: &RefusedLine<'_>) -> Vec<Expected<'e>> {
        let awaited = self.awaited_lines().into_iter().filter(|line| line.role == refused.role);
        awaited.chain(self.lines_of(refused.role, |_| true)).collect()
    }

    /// The same line except for characters that are hard to see.
    fn slip(&self, refused: &RefusedLine<'_>, expected: &[Expected<'_>]) -> Option<Fact> {
        let RefusedLine { role, text, .. } = *refused;
        let plain = without_colours(text);
        let unreturned = text.replace('\r', "");
        let is = |line: &Expected<'_>, text: &str| self.is_line(role, line.pattern, text);
        let trimmed = |line: &Expected<'_>| is(line, text.trim()) || line.text.trim() == text.trim();
        let find = |wanted: &dyn Fn(&Expected<'_>) -> bool| expected.iter().find(|line| wanted(line));
        let (slip, line) = None
            .or_else(|| Some((&COLOURS, find(&|line| plain != text && is(line, &plain))?)))
            .or_else(|| Some((&CARRIAGE_RETURN, find(&|line| unreturned != text && is(line, &unreturned))?)))
            .or_else(|| Some((&SPACES, find(&trimmed)?)))
            .or_else(|| Some((&LETTER_CASE, find(&|line| self.is_but_for_case(role, line, text))?)))?;
        let origin = self.origin(role, text, &line.text);
        let (said, meant) = if slip.id == SPACES.id { ends(text, &line.text) } else { shown_both(text, &line.text) };
        let LineSlip { id, what, advice } = slip;
        Some(Fact::new(id, format!("{}: {what}. {advice}", self.deed(role, &origin, &said, &meant))))
    }

    fn is_but_for_case(&self, role: RoleId, line: &Expected<'_>, text: &str) -> bool {
        let values: Vec<(&String, String)> =
            self.captures[role].iter().map(|(name, value)| (name, value.to_lowercase())).collect();
        let known = |name: &str| match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => Known::Value(value),
            None => Known::Type(&Type::Text),
        };
        let lower = text.to_lowercase();
        let pattern = line.pattern.in_lower_case();
        let Some(found) = pattern.captures_within(&lower, &known, &mut Budget::default()) else {
            return false;
        };
        // The values are as they were printed.
        let types = declared_types(&self.scenario.transcript);
        let fits =
            |name: &str, at| types.get(name).is_none_or(|ty| text.get(at).is_some_and(|value| ty.accepts(value)));
        lower.len() != text.len() || found.into_iter().all(|(name, at)| fits(name, at))
    }

    /// An expected line with something in front of it, or a line for a log.
    fn prefixed(&self, refused: &RefusedLine<'_>, expected: &[Expected<'_>]) -> Option<Fact> {
        let RefusedLine { role, text, .. } = *refused;
        let who = self.subject(role);
        if is_log_line(text) {
            let say = format!(
                "{who} printed «{}», which looks like a log line. Standard output is for the user; logs go to \
                 standard error.",
                shown(text)
            );
            return Some(Fact::new("log-line", say));
        }
        let places = text.char_indices().map(|(at, _)| at).skip(1).take(PROMPT);
        let prompts = places.filter(|at| PROMPT_ENDS.iter().any(|end| text[..*at].ends_with(end)));
        let (prompt, rest, line) = prompts.map(|at| text.split_at(at)).find_map(|(prompt, rest)| {
            let line =
                expected.iter().find(|line| self.is_line(role, line.pattern, rest) && !line.pattern.is_blanket())?;
            (!rest.is_empty()).then_some((prompt, rest, line))
        })?;
        let origin = self.origin(role, text, &line.text);
        let deed = self.deed(role, &origin, &shown(text), &shown(rest));
        let say = format!(
            "{deed}: «{}» stands in front of it. Is it a prompt? To a program that reads the line it is part of the \
             line.",
            shown(prompt)
        );
        Some(Fact::new("prompt", say))
    }

    /// Which program is to blame for a line that is printed wrongly.
    pub(super) fn origin(&self, printer: RoleId, wrong: &str, right: &str) -> WrittenBy {
        let channels = self.evidence.channels();
        let mut unknown = None;
        for channel in channels.iter().filter(|channel| channel.to == printer) {
            let typed = self.typed_for(channel.from, right).map(|typed| typed.text.as_str());
            let came = channel.lines();
            let mut whole =
                came.iter().filter(|(line, whole)| *whole && !line.is_empty()).map(|(line, _)| line.as_str());
            if whole.clone().any(|line| Some(line) == typed || line == right) {
                return WrittenBy::Printer;
            }
            if whole.any(|line| wrong.ends_with(line) && line.trim().len() >= typed.unwrap_or(right).trim().len()) {
                return WrittenBy::Sender(channel.from);
            }
            if typed.is_some() {
                unknown = Some(channel.from);
            }
        }
        match unknown {
            Some(sender) if self.yours(sender) && self.yours(printer) => WrittenBy::Either(sender),
            Some(sender) if self.yours(sender) => WrittenBy::Sender(sender),
            _ => WrittenBy::Printer,
        }
    }

    /// Who did what, as the first half of a sentence; after its colon comes what is wrong.
    pub(super) fn deed(&self, printer: RoleId, origin: &WrittenBy, said: &str, meant: &str) -> String {
        let who = self.who(printer);
        match origin {
            WrittenBy::Printer => format!("{} printed «{said}» where «{meant}» was meant", capitalize(&who)),
            WrittenBy::Sender(sender) => {
                format!(
                    "{} sent it that way, so {who} printed «{said}» where «{meant}» was meant",
                    self.subject(*sender)
                )
            }
            WrittenBy::Either(sender) => format!(
                "«{said}» was printed by {who} where «{meant}» was meant (either {} sent it that way, or {who} \
                 changed it)",
                self.who(*sender)
            ),
        }
    }
}

/// The program that wrote a line wrongly.
pub(super) enum WrittenBy {
    /// The one that printed it: the line came right, or not over a link.
    Printer,
    /// The one that sent it.
    Sender(RoleId),
    /// It can't be told from outside; both are the learner's.
    Either(RoleId),
}

/// Without escape sequences for colours.
fn without_colours(text: &str) -> String {
    Regex::new("\u{1b}\\[[0-9;]*m").map_or_else(|_| text.to_owned(), |regex| regex.replace_all(text, "").into_owned())
}

/// A level, perhaps with a time in front of it; or a place in a program.
fn is_log_line(text: &str) -> bool {
    let level = r"^\W*(\d[\dT:.,Z+ -]*\W*)?\b(TRACE|DEBUG|INFO|WARN|WARNING|ERROR)\b";
    let place = r"^\[?[\w/.-]+\.\w{1,4}:\d+(:\d+)?\]";
    [level, place].iter().any(|source| Regex::new(source).is_ok_and(|regex| regex.is_match(text)))
}

/// Two lines that differ in the spaces at their ends, with the spaces as dots.
fn ends(one: &str, other: &str) -> (String, String) {
    let dotted = |text: &str| {
        let dots = |text: &str| "·".repeat(text.chars().count());
        let start = text.len() - text.trim_start().len();
        let trimmed = text.trim();
        format!("{}{}{}", dots(&text[..start]), shown(trimmed), dots(&text[start + trimmed.len()..]))
    };
    (dotted(one), dotted(other))
}
