//! A refused line that is a piece of a line, or several lines in one: the result of one read, taken for a line.

use super::refused::RefusedLine;
use super::wire::{Channel, is_end};
use super::words::{bytes, shown};
use super::{Case, Fact};
use crate::course::Condition;
use crate::transcript::RoleId;
use crate::verdict::Failure;

/// A piece shorter than this is what had arrived; a longer one is what fits into a buffer.
const BUFFER: usize = 256;

/// Two lines that have so many bytes in common at their ends are taken to have the same end.
const LINE_END: usize = 16;

impl Case<'_> {
    /// Is the refused line a piece of an expected one, or several?
    pub(super) fn pieces(&self, refused: &RefusedLine<'_>, facts: &mut Vec<Fact>) {
        let RefusedLine { role, index, text, .. } = *refused;
        let who = self.subject(role);
        // The reference decodes what it reads as it should.
        if text.contains('\u{FFFD}') && self.yours(role) && !self.came_so(role, text) {
            let say = format!(
                "{who} printed «{}», with broken characters (\u{FFFD}). A character may take several bytes, and a \
                 read may end between them: decode a line only when it is complete.",
                shown(text)
            );
            facts.push(Fact::new("broken-characters", say));
        }
        let typed = self.evidence.typed.iter().filter(|typed| typed.role != role);
        let typed: Vec<&str> = typed.map(|typed| typed.text.as_str()).collect();
        if self.was_cut() && !text.is_empty() && typed.iter().any(|typed| is_beginning(text, typed)) {
            let say = format!(
                "The connection was cut in the middle of a line, and {} printed the half that had come, «{}», as if \
                 it were whole. A line is complete only with its newline.",
                self.who(role),
                shown(text)
            );
            facts.push(Fact::new("half-line", say));
        }
        let next = self.evidence.outputs[role].lines.get(index + 1).and_then(|next| next.text());
        let whole = self.whole_lines(role);
        // What is missing in the middle was not dropped by the reader if it never left the sender.
        // With the end of the line its newline has come: the sender is done with it.
        let has_ends = |whole: &&String| {
            let end = text.len().saturating_sub(LINE_END);
            text.len() >= BUFFER && whole.len() > text.len() && text.get(end..).is_some_and(|end| whole.ends_with(end))
        };
        facts.extend(whole.iter().filter(has_ends).find_map(|whole| self.cut_by_sender(role, whole)));
        for (at, line) in whole.iter().enumerate() {
            facts.extend(self.piece(refused, line, next));
            facts.extend(whole.get(at + 1).and_then(|follower| self.joined(refused, line, follower)));
        }
    }

    /// Is the refused line the beginning of a longer one? Then the sender may not have been done when it was refused.
    pub(super) fn refuses_a_beginning(&self) -> bool {
        let Failure::Line(role, index) = *self.failure else { return false };
        let Some(text) = self.evidence.outputs[role].lines[index].text() else { return false };
        self.whole_lines(role).iter().any(|whole| is_beginning(text, whole))
    }

    /// The lines that a role could have printed: those that are expected of it, and those typed into others.
    fn whole_lines(&self, role: RoleId) -> Vec<String> {
        let expected = self.lines_of(role, |_| true).into_iter().map(|line| line.text);
        let typed = self.evidence.typed.iter().filter(|typed| typed.role != role).map(|typed| typed.text.clone());
        expected.chain(typed).collect()
    }

    /// The line came that way over a link: it is a whole line of the wire, and no piece that a read returned.
    fn came_so(&self, role: RoleId, text: &str) -> bool {
        let channels = self.evidence.channels();
        let mut lines = channels.iter().filter(|channel| channel.to == role).flat_map(Channel::lines);
        lines.any(|(line, whole)| whole && is_end(&line, text))
    }

    /// Other roles could have sent the line, but none did.
    pub(super) fn never_came(&self, role: RoleId, text: &str) -> bool {
        let channels = self.evidence.channels();
        let mut to = channels.iter().filter(|channel| channel.to == role).peekable();
        let is_in = |line: &str| !line.is_empty() && (line.contains(text) || text.contains(line));
        to.peek().is_some()
            && to.all(|channel| !channel.is_sealed() && channel.lines().iter().all(|(line, _)| !is_in(line)))
    }

    /// The beginning of an expected line.
    fn piece(&self, refused: &RefusedLine<'_>, whole: &str, next: Option<&str>) -> Option<Fact> {
        let RefusedLine { role, text, .. } = *refused;
        if text.is_empty() || !is_beginning(text, whole) {
            return None;
        }
        if let Some(cut) = self.cut_by_sender(role, whole) {
            return Some(cut);
        }
        if !self.yours(role) || self.came_so(role, text) {
            return None;
        }
        let who = self.subject(role);
        let rest = &whole[text.len()..];
        let goes_on = next.filter(|next| !next.is_empty() && rest.starts_with(next));
        Some(match goes_on {
            Some(next) => Fact::new(
                "read-as-message",
                format!(
                    "{who} printed one line in pieces: «{}», then «{}». A stream carries bytes, not messages: one \
                     read returns whatever has arrived, here a part of a line. Collect bytes until the newline comes.",
                    shown(text),
                    shown(next)
                ),
            ),
            None if text.len() >= BUFFER && rest.trim().is_empty() => return None,
            None if text.len() >= BUFFER => Fact::new(
                "truncated",
                format!(
                    "{who} printed the first {} of a line of {} and dropped the other {}. Is the line read into a \
                     buffer of fixed size?",
                    bytes(text.len() as u64),
                    whole.len(),
                    rest.len()
                ),
            ),
            None if self.condition == Condition::Fragmented => Fact::new(
                "read-as-message",
                format!(
                    "{who} printed «{}», which is only the beginning of «{}»: it was all that had arrived. A stream \
                     carries bytes, not messages: collect bytes until the newline comes.",
                    shown(text),
                    shown(whole)
                ),
            ),
            None => return None,
        })
    }

    /// A line that was typed into a role of the learner's, which has sent only a part of it.
    fn cut_by_sender(&self, role: RoleId, whole: &str) -> Option<Fact> {
        let channels = self.evidence.channels();
        let mut to_role = channels.iter().filter(|channel| channel.to == role && self.yours(channel.from));
        to_role.find_map(|channel| {
            let typed = self.typed_for(channel.from, whole)?;
            let sent = self.sent_short(channel, typed).filter(|sent| *sent < typed.text.len() as u64)?;
            Some(self.sent_in_part(channel, typed, sent))
        })
    }

    /// Two expected lines in one.
    fn joined(&self, refused: &RefusedLine<'_>, line: &str, follower: &str) -> Option<Fact> {
        let RefusedLine { role, text, .. } = *refused;
        let rest = text.strip_prefix(line).filter(|rest| !rest.is_empty() && !line.is_empty())?;
        if follower.is_empty() || !rest.trim_start().starts_with(follower) {
            return None;
        }
        let channels = self.evidence.channels();
        let mut senders = channels.iter().filter(|channel| channel.to == role && self.yours(channel.from));
        let has_joined = |channel: &&Channel<'_>| match channel.is_sealed() {
            // The reference splits what it reads at the newlines.
            true => !self.yours(role) && self.typed_for(channel.from, follower).is_some(),
            false => channel.times(text) > 0,
        };
        if let Some(sender) = senders.find(has_joined) {
            let say = format!(
                "{} sent two lines as one: «{}». Only a newline marks the end of a line: send one after each.",
                self.subject(sender.from),
                shown(text)
            );
            return Some(Fact::new("newline-not-sent", say));
        }
        if !self.yours(role) {
            return None;
        }
        let say = format!(
            "{} printed two lines as one: «{}». A stream carries bytes, not messages: one read may return several \
             lines. Split what you read at the newlines.",
            self.subject(role),
            shown(text)
        );
        Some(Fact::new("read-as-message", say))
    }
}

/// Is a text the beginning of a longer one?
fn is_beginning(text: &str, whole: &str) -> bool {
    whole.len() > text.len() && whole.starts_with(text)
}
