//! An awaited line that was not printed: how far did it get?

use super::expected::Expected;
use super::wire::Channel;
use super::words::{bytes, shown};
use super::{Case, Fact};
use crate::evidence::{Printed, Typed};
use crate::transcript::RoleId;

impl Case<'_> {
    /// Where did each awaited line get lost?
    pub(super) fn arrivals(&self, facts: &mut Vec<Fact>) {
        let channels = self.evidence.channels();
        for awaited in self.awaited_lines() {
            facts.extend(self.unended_line(&awaited));
            for channel in channels.iter().filter(|channel| channel.to == awaited.role && !channel.is_broken()) {
                facts.extend(self.not_arrived(&awaited, channel));
            }
        }
        // A program that is not at rest may be about to read.
        if !self.is_at_work() {
            self.unread(&channels, facts);
            self.unread_input(facts);
        }
    }

    /// The line, or its beginning, was printed without a newline.
    fn unended_line(&self, awaited: &Expected<'_>) -> Option<Fact> {
        let role = awaited.role;
        let unended = std::str::from_utf8(&self.evidence.outputs[role].unended).ok().filter(|text| !text.is_empty())?;
        let whole = self.is_line(role, awaited.pattern, unended.trim_end());
        if !self.yours(role) || !(whole || awaited.text.starts_with(unended)) {
            return None;
        }
        let what = if whole { "" } else { ", the beginning of it" };
        let say = format!(
            "{} should have printed «{}». It printed «{}»{what}, but no newline: a line is complete only with its \
             newline.",
            self.subject(role),
            shown(&awaited.quoted),
            shown(unended)
        );
        Some(Fact::new("unended-line", say))
    }

    /// What became of it between two roles.
    fn not_arrived(&self, awaited: &Expected<'_>, channel: &Channel<'_>) -> Option<Fact> {
        let (sender, receiver) = (channel.from, channel.to);
        let typed = self.typed_for(sender, &awaited.text);
        let short = typed.and_then(|typed| Some((typed, self.sent_short(channel, typed)?)));
        let silent = short.map_or(channel.came() == 0, |(_, sent)| sent == 0);
        if silent {
            return (self.yours(sender) && channel.is_open()).then(|| self.not_sent(awaited, channel, typed));
        }
        if let Some((typed, sent)) = short.filter(|_| self.yours(sender) && channel.is_read()) {
            let newline_only = sent == typed.text.len() as u64 && !channel.is_sealed();
            return Some(if newline_only {
                self.unended(sender, &typed.text)
            } else {
                self.sent_in_part(channel, typed, sent)
            });
        }
        if channel.is_sealed() {
            // Bytes have come, but they are encrypted.
            return None;
        }
        let lines = channel.lines();
        // A protocol without lines may have bytes that look like a newline.
        let is_it = |text: &str| text == awaited.text || typed.is_some_and(|typed| text == typed.text);
        let unended = lines.last().filter(|(text, whole)| !whole && !text.is_empty() && is_it(text));
        if let Some((text, _)) = unended.filter(|_| self.yours(sender)) {
            return Some(self.unended(sender, text));
        }
        if !self.yours(receiver) {
            return self.yours(sender).then(|| self.reference_waits(awaited, channel));
        }
        let on_the_wire = lines.iter().any(|(line, whole)| *whole && is_it(line));
        // Evidence keeps only the first bytes of a long line, so its length is compared.
        let counted = channel.last() == Some(b'\n')
            && typed.is_some_and(|typed| short.is_none() && channel.has_begun(&typed.text));
        let quiet = !self.is_at_work();
        let is_read = quiet && channel.unread() == Some(0) && channel.is_read();
        (is_read && (on_the_wire || counted)).then(|| self.lost(awaited, channel))
    }

    /// The sender has sent nothing of it.
    fn not_sent(&self, awaited: &Expected<'_>, channel: &Channel<'_>, typed: Option<&Typed>) -> Fact {
        let sender = channel.from;
        let who = self.subject(sender);
        let before = |typed: &Typed| typed.sent_before.get(channel.to).copied().unwrap_or(0);
        let earlier = typed.is_some_and(|typed| {
            let mut others = self.evidence.typed.iter().filter(|other| other.role == sender);
            others.any(|other| before(other) < before(typed))
        });
        let what = match typed {
            Some(typed) => format!("«{}», which was typed into it,", shown(&typed.text)),
            None => format!("«{}»,", shown(&awaited.quoted)),
        };
        if earlier {
            return Fact::new(
                "waits-in-turn",
                format!(
                    "{who} sent the line typed before, but not {what} because it is waiting for something else. \
                     Sending and receiving must not wait for each other: do both at once."
                ),
            );
        }
        let others = self.evidence.channels();
        let told: Vec<String> = others
            .iter()
            .filter(|other| {
                other.from == sender
                    && other.to != channel.to
                    && typed.is_some_and(|typed| self.sent_short(other, typed).is_none())
            })
            .map(|other| self.name(other.to).to_owned())
            .collect();
        if !told.is_empty() {
            return Fact::new(
                "nothing-sent",
                format!(
                    "{who} should have sent {what} to {}, but no byte went there. It was sent to {}. Does every \
                     connected peer get it?",
                    self.name(channel.to),
                    told.join(" and ")
                ),
            );
        }
        let more = if channel.came() > 0 { "more " } else { "" };
        let question = "Is the writer flushed? Or is it waiting for something, such as an answer or a lock that the \
            reader holds?";
        Fact::new("nothing-sent", format!("{who} should have sent {what} but no {more}bytes left it. {question}"))
    }

    /// The sender has sent only a part of a line.
    pub(super) fn sent_in_part(&self, channel: &Channel<'_>, typed: &Typed, sent: u64) -> Fact {
        let most = if channel.is_sealed() { "at most " } else { "" };
        let say = format!(
            "{} sent {most}{sent} of the {} of a line that was typed into it, and nothing since: the other side can't \
             have the whole line. May a write have taken only a part (`write` instead of `write_all`)? Or is the rest \
             in a buffer that is not flushed?",
            self.subject(channel.from),
            bytes(typed.text.len() as u64 + 1)
        );
        Fact::new("sent-in-part", say)
    }

    /// The sender has sent a line without its newline.
    fn unended(&self, sender: RoleId, text: &str) -> Fact {
        let say = format!(
            "{} sent «{}» without a newline after it: the other side can't know that the line has ended.",
            self.subject(sender),
            shown(text)
        );
        Fact::new("newline-not-sent", say)
    }

    fn reference_waits(&self, awaited: &Expected<'_>, channel: &Channel<'_>) -> Fact {
        let is_line = self.typed_for(channel.from, &awaited.text).is_some() && channel.last() != Some(b'\n');
        let newline = if is_line { " The last of them is not a newline." } else { "" };
        let say = format!(
            "{} came from {}, but {} did not print «{}» after reading them.{newline}",
            bytes(channel.came()),
            self.who(channel.from),
            self.who(channel.to),
            shown(&awaited.quoted)
        );
        Fact::new("reference-waits", say)
    }

    /// Every byte came and was read. Whether earlier lines were printed decides which place is named first.
    fn lost(&self, awaited: &Expected<'_>, channel: &Channel<'_>) -> Fact {
        let lines = &self.evidence.outputs[channel.to].lines;
        let came: Vec<String> =
            channel.lines().into_iter().filter(|(line, whole)| *whole && !line.is_empty()).map(|line| line.0).collect();
        let some = lines.iter().filter_map(|line| line.text()).any(|text| came.iter().any(|line| text.ends_with(line)));
        let ahead = "was it read ahead into a buffer that was then dropped";
        let held = "is it in a buffer of standard output that was never flushed";
        let (first, second) = if some { (ahead, held) } else { (held, ahead) };
        let say = format!(
            "{} read all {} that came from {}, but did not print «{}». Where is the line: {first}, {second}, or is \
             the program waiting for something else before it prints (more bytes, a lock)?",
            self.subject(channel.to),
            bytes(channel.delivered()),
            self.name(channel.from),
            shown(&awaited.quoted)
        );
        Fact::new("lost-bytes", say)
    }

    /// Unread bytes in a socket of the learner's program while every program waits.
    fn unread(&self, channels: &[Channel<'_>], facts: &mut Vec<Fact>) {
        for channel in channels.iter().filter(|channel| self.yours(channel.to)) {
            let Some(unread @ 1..) = channel.unread() else { continue };
            // A program with several peers may be waiting for another one.
            let others = channels.iter().any(|other| other.to == channel.to && other.from != channel.from);
            let remedy = if others {
                "Sending and receiving must not wait for each other, nor may one peer wait for another: does it serve \
                 all of them at once?"
            } else {
                "Sending and receiving must not wait for each other: do both at once."
            };
            let (verb, them) = if unread == 1 { ("has", "it") } else { ("have", "them") };
            let why = self.why_unread(channel, unread);
            let say = format!(
                "{} from {} {verb} arrived, but {} does not read {them}{why} {remedy}",
                bytes(unread.into()),
                self.name(channel.from),
                self.who(channel.to)
            );
            facts.push(Fact::new("waits-in-turn", say));
        }
    }

    /// Why the bytes are not read. A program that has read before may have stopped at the line that it printed last.
    fn why_unread(&self, channel: &Channel<'_>, unread: u32) -> String {
        let last = self.evidence.outputs[channel.to].lines.last().and_then(Printed::text).unwrap_or_default();
        let is_last = |line: &str| !line.is_empty() && last.ends_with(line);
        let has_read = channel.delivered() > u64::from(unread);
        if has_read && channel.lines().iter().any(|(line, whole)| *whole && is_last(line)) {
            return format!(
                ". It read what came before, up to «{}»: did it stop reading there, as if this line or a timeout were \
                 the end? Or is it waiting for something else?",
                shown(last)
            );
        }
        ": it is waiting for something else.".to_owned()
    }

    /// Typed bytes that were not read.
    fn unread_input(&self, facts: &mut Vec<Fact>) {
        for (role, output) in self.evidence.outputs.iter().enumerate() {
            if let Some(unread @ 1..) = output.unread_input.filter(|_| self.yours(role)) {
                let say = format!(
                    "{} typed into {} {} unread: it is waiting for something else. Reading the input and reading the \
                     connection must not wait for each other.",
                    bytes(unread as u64),
                    self.who(role),
                    if unread == 1 { "is" } else { "are" }
                );
                facts.push(Fact::new("waits-in-turn", say));
            }
        }
    }
}
