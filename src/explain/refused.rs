//! The refused line: what is wrong with it, and where it stands in the transcript.

use super::expected::Expected;
use super::wire::{Channel, is_end};
use super::words::{shown, shown_both, shown_bytes};
use super::{Case, Fact};
use crate::pattern::{Known, Type};
use crate::transcript::RoleId;
use crate::verdict::Failure;

/// A printed line that no expectation explains.
pub(super) struct RefusedLine<'c> {
    pub(super) role: RoleId,
    pub(super) index: usize,
    pub(super) text: &'c str,
    /// The line that was awaited of this role.
    pub(super) awaited: Option<Expected<'c>>,
}

impl<'c> Case<'c> {
    /// What the refused line looks like, if one was refused.
    pub(super) fn refused_line(&self, facts: &mut Vec<Fact>) {
        let Failure::Line(role, index) = *self.failure else { return };
        let line = &self.evidence.outputs[role].lines[index];
        let who = self.subject(role);
        if !line.whole {
            let say = format!(
                "{who} ended without a newline after «{}»: a line is complete only with its newline.",
                shown_bytes(&line.bytes)
            );
            facts.push(Fact::new("no-final-newline", say));
        }
        let Some(text) = line.text() else {
            let say = format!(
                "{who} printed bytes that are not UTF-8: «{}». Decode a line only when it is complete.",
                shown_bytes(&line.bytes)
            );
            return facts.push(Fact::new("not-utf8", say));
        };
        let before = index.checked_sub(1).map(|before| &self.evidence.outputs[role].lines[before]);
        if let Some(prompt) = before.filter(|before| before.prompt && text.is_empty()) {
            let say = format!(
                "{who} printed a newline after «{}», where none is expected: what comes next belongs to the same line.",
                shown_bytes(&prompt.bytes)
            );
            return facts.push(Fact::new("extra-line", say));
        }
        let awaited = self.awaited_lines().into_iter().find(|awaited| awaited.role == role);
        let refused = RefusedLine { role, index, text, awaited };
        self.pieces(&refused, facts);
        self.near_misses(&refused, facts);
        self.places(&refused, facts);
        if facts.is_empty() || line.whole {
            self.odd_line(&refused, facts);
        }
    }

    /// An expected line in the wrong place: it comes again, or before another one.
    fn places(&self, refused: &RefusedLine<'_>, facts: &mut Vec<Fact>) {
        let RefusedLine { role, index, text, .. } = *refused;
        if self.is_again(refused) {
            let awaited =
                refused.awaited.as_ref().map(|line| format!(", where «{}» was expected", shown(&line.quoted)));
            let (who, where_to) = (self.subject(role), awaited.unwrap_or_default());
            let sent =
                self.sent_again(role, text).map(|sender| format!(" {} sent it more than once.", self.subject(sender)));
            let say = format!("{who} printed «{}» a second time{where_to}.{}", shown(text), sent.unwrap_or_default());
            return facts.push(Fact::new("printed-twice", say));
        }
        let missed = refused.awaited.as_ref().filter(|missed| missed.text != text);
        // Lines below an action that is still to come can't have been sent yet.
        let begun = self.lines_of(role, |step| step.phase <= self.phase);
        let Some(missed) = missed.filter(|missed| {
            let behind = begun.iter().skip_while(|line| line.text != missed.text).skip(1);
            behind.into_iter().any(|line| line.text == text)
        }) else {
            return;
        };
        let after = self.evidence.outputs[role].lines[index + 1..].iter().filter_map(|line| line.text());
        let (said, late) = (shown(text), shown(&missed.quoted));
        if after.into_iter().any(|line| self.is_line(role, missed.pattern, line)) {
            let say = format!("{} printed «{said}» before «{late}», which should come first.", self.subject(role));
            facts.push(Fact::new("lines-swapped", say));
        } else if self.yours(role) {
            let say = format!(
                "{} printed «{said}», but not «{late}», which comes before it. A stream keeps its order, so those \
                 bytes had arrived: were they read ahead into a buffer that was then dropped?",
                self.subject(role)
            );
            facts.push(Fact::new("lost-bytes", say));
        }
    }

    /// Was it printed before as often as it is expected so far?
    fn is_again(&self, refused: &RefusedLine<'_>) -> bool {
        let RefusedLine { role, index, text, .. } = *refused;
        let expected = self.lines_of(role, |step| step.phase <= self.phase);
        let times = expected.iter().filter(|line| self.is_line(role, line.pattern, text)).count();
        let before = self.evidence.outputs[role].lines[..index].iter().filter(|line| line.text() == Some(text)).count();
        times > 0 && before >= times
    }

    /// The role that sent a line more often than it was typed.
    fn sent_again(&self, role: RoleId, text: &str) -> Option<RoleId> {
        let channels = self.evidence.channels();
        let again = channels.iter().filter(|channel| channel.to == role).find(|channel| {
            let typed = self.typed_for(channel.from, text).map(|typed| typed.text.as_str());
            let times = |typed: &str| self.evidence.typed.iter().filter(|other| other.text == typed).count();
            typed.is_some_and(|typed| channel.times(typed) > times(typed))
        });
        again.map(|channel| channel.from)
    }

    /// The role of the learner's that sent a line which another one's program printed.
    fn sent_so(&self, role: RoleId, text: &str) -> Option<RoleId> {
        let channels = self.evidence.channels();
        let mut senders = channels.iter().filter(|channel| channel.to == role && self.yours(channel.from));
        let sent = |channel: &&Channel<'_>| channel.lines().iter().any(|(line, whole)| *whole && is_end(line, text));
        senders.find(sent).map(|channel| channel.from).filter(|_| !self.yours(role))
    }

    /// The line stands where another one was awaited, or none.
    fn odd_line(&self, refused: &RefusedLine<'_>, facts: &mut Vec<Fact>) {
        let RefusedLine { role, text, .. } = *refused;
        let who = self.subject(role);
        // Whether another line was due depends on what the runner had typed by then; whether it is a repetition does
        // not.
        let again = self.is_again(refused);
        if let Some(awaited) = &refused.awaited {
            let (said, expected) = shown_both(text, &awaited.quoted);
            let how = if again { " a second time," } else { "" };
            let from = self.sent_so(role, text).map(|sender| format!(" {} sent it so.", self.subject(sender)));
            // «cannot connect: …» was expected, and it looks as if that had come.
            let has_words = || awaited.pattern.captures(text, &|_| Known::Type(&Type::Text)).is_some();
            let but = match awaited.quoted.contains('…') && has_words() {
                true => ", with another value for the «…»",
                false => "",
            };
            let say = format!(
                "{who} printed «{said}»{how} where «{expected}» was expected{but}.{}",
                from.unwrap_or_default()
            );
            facts.push(Fact::new("wrong-line", say));
        }
        let said = shown(text);
        let later = self.lines_of(role, |_| true).iter().any(|line| self.is_line(role, line.pattern, text));
        match &refused.awaited {
            _ if again => facts.push(Fact::new("extra-line", format!("{who} printed «{said}» a second time."))),
            None if later => {
                facts.push(Fact::new("extra-line", format!("{who} printed «{said}», which is not expected here yet.")));
            }
            None => {
                let from = if self.never_came(role, text) { ", and which no peer sent to it" } else { "" };
                let say = match text.is_empty() && self.told_of_end(role) {
                    true => format!(
                        "{who} printed an empty line, which nothing asked for, and the stream to it has ended. A read of 0 \
                         bytes is that end, and no line: is it printed as one?"
                    ),
                    false => format!("{who} printed «{said}», which nothing asked for{from}."),
                };
                facts.push(Fact::new("extra-line", say));
            }
            Some(_) => {}
        }
    }
}
