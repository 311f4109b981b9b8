//! An awaited line that was not printed: how far has it come?

use super::expected::Expected;
use super::wire::Channel;
use super::words::{bytes, shown};
use super::{Case, Fact};
use crate::evidence::{Printed, Typed};
use crate::transcript::RoleId;

impl Case<'_> {
    /// For each awaited line: where did it get lost?
    pub(super) fn arrivals(&self, facts: &mut Vec<Fact>) {
        let channels = self.evidence.channels();
        for awaited in self.awaited_lines() {
            facts.extend(self.unended_line(&awaited));
            for channel in channels.iter().filter(|channel| channel.to == awaited.role && !channel.is_broken()) {
                facts.extend(self.not_arrived(&awaited, channel));
            }
        }
        // What a program that is not at rest has not read, it may be about to read.
        if !self.is_at_work() {
            self.unread(&channels, facts);
            self.unread_input(facts);
        }
    }

    /// It was printed, or its beginning, and no newline.
    fn unended_line(&self, awaited: &Expected<'_>) -> Option<Fact> {
        let role = awaited.role;
        let unended = std::str::from_utf8(&self.evidence.outputs[role].unended).ok().filter(|text| !text.is_empty())?;
        let whole = self.is_line(role, awaited.pattern, unended.trim_end());
        if !self.yours(role) || !(whole || awaited.text.starts_with(unended)) {
            return None;
        }
        let what = if whole { "" } else { ", which is the beginning of it" };
        let say = format!(
            "{} was to print «{}» and has printed «{}»{what}, without a newline: a line is there when its newline is.",
            self.subject(role),
            shown(&awaited.quoted),
            shown(unended)
        );
        Some(Fact::new("unended-line", say))
    }

    /// What has become of it between two roles.
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
            // Bytes have come, but nobody can tell from outside what they say.
            return None;
        }
        let lines = channel.lines();
        // A program that sends no lines may send bytes that look like the end of one.
        let is_it = |text: &str| text == awaited.text || typed.is_some_and(|typed| text == typed.text);
        let unended = lines.last().filter(|(text, whole)| !whole && !text.is_empty() && is_it(text));
        if let Some((text, _)) = unended.filter(|_| self.yours(sender)) {
            return Some(self.unended(sender, text));
        }
        if !self.yours(receiver) {
            return self.yours(sender).then(|| self.reference_waits(awaited, channel));
        }
        let on_the_wire = lines.iter().any(|(line, whole)| *whole && is_it(line));
        // Of a long line only the first bytes are kept, and its length counts.
        let counted = channel.last() == Some(b'\n')
            && typed.is_some_and(|typed| short.is_none() && channel.has_begun(&typed.text));
        let quiet = !self.is_at_work();
        let is_read = quiet && channel.unread() == Some(0) && channel.is_read();
        (is_read && (on_the_wire || counted)).then(|| self.lost(awaited, channel))
    }

    /// Nothing has left the sender.
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
                    "{who} sent the line typed before, but not {what} for it is waiting for something else. Sending and \
                     receiving must not wait for each other: do both at once."
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
                    "{who} should have sent {what} to {}, but no byte went there; to {} it was sent. Does it go to everybody \
                     who is connected?",
                    self.name(channel.to),
                    told.join(" and ")
                ),
            );
        }
        let more = if channel.came() > 0 { "more " } else { "" };
        let question = "Is the writer flushed, or does it wait for something: a lock that the reader holds, an answer?";
        Fact::new("nothing-sent", format!("{who} should have sent {what} but no byte {more}left it. {question}"))
    }

    /// The sender has sent a part of a line.
    pub(super) fn sent_in_part(&self, channel: &Channel<'_>, typed: &Typed, sent: u64) -> Fact {
        let most = if channel.is_sealed() { "at most " } else { "" };
        let say = format!(
            "{} has sent {most}{sent} of the {} of a line that was typed into it, and nothing since: the other side can't have \
             all of it. Does a write that takes only a part count as done (`write` instead of `write_all`), or lies the \
             rest in a buffer that is not flushed?",
            self.subject(channel.from),
            bytes(typed.text.len() as u64 + 1)
        );
        Fact::new("sent-in-part", say)
    }

    /// The sender has sent a line without its newline.
    fn unended(&self, sender: RoleId, text: &str) -> Fact {
        let say = format!(
            "{} sent «{}», and no newline behind it: the other side can't know that the line is over.",
            self.subject(sender),
            shown(text)
        );
        Fact::new("newline-not-sent", say)
    }

    fn reference_waits(&self, awaited: &Expected<'_>, channel: &Channel<'_>) -> Fact {
        let newline = if channel.last() == Some(b'\n') { "" } else { " and the last of them is no newline" };
        let say = format!(
            "{} came from {}, but {} could not make the line «{}» of them{newline}.",
            bytes(channel.came()),
            self.who(channel.from),
            self.who(channel.to),
            shown(&awaited.quoted)
        );
        Fact::new("reference-waits", say)
    }

    /// All has come and was read. What was printed of it before says where it is most likely to be.
    fn lost(&self, awaited: &Expected<'_>, channel: &Channel<'_>) -> Fact {
        let lines = &self.evidence.outputs[channel.to].lines;
        let came: Vec<String> =
            channel.lines().into_iter().filter(|(line, whole)| *whole && !line.is_empty()).map(|line| line.0).collect();
        let some = lines.iter().filter_map(|line| line.text()).any(|text| came.iter().any(|line| text.ends_with(line)));
        let ahead = "was it read ahead into a buffer that is then thrown away";
        let held = "does it lie in a buffer of standard output that is not flushed";
        let (first, second) = if some { (ahead, held) } else { (held, ahead) };
        let say = format!(
            "{} has read all {} that came from {}, but did not print «{}». Where is it: {first}, {second}, or does the \
             program wait for something else before it prints (more bytes, a lock)?",
            self.subject(channel.to),
            bytes(channel.delivered()),
            self.name(channel.from),
            shown(&awaited.quoted)
        );
        Fact::new("lost-bytes", say)
    }

    /// Bytes that lie in a socket of the learner's program, unread, while everything waits.
    fn unread(&self, channels: &[Channel<'_>], facts: &mut Vec<Fact>) {
        for channel in channels.iter().filter(|channel| self.yours(channel.to)) {
            let Some(unread @ 1..) = channel.unread() else { continue };
            // A program with several peers may be busy with another one.
            let others = channels.iter().any(|other| other.to == channel.to && other.from != channel.from);
            let remedy = if others {
                "Neither may sending and receiving wait for each other, nor one peer for another: does it deal with all of them at once?"
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

    /// Why what has come is not read: a program that has read before may have stopped at the line that it printed
    /// last.
    fn why_unread(&self, channel: &Channel<'_>, unread: u32) -> String {
        let last = self.evidence.outputs[channel.to].lines.last().and_then(Printed::text).unwrap_or_default();
        let is_last = |line: &str| !line.is_empty() && last.ends_with(line);
        let has_read = channel.delivered() > u64::from(unread);
        if has_read && channel.lines().iter().any(|(line, whole)| *whole && is_last(line)) {
            return format!(
                ". It read what came before, and «{}» was the last of that: has it stopped reading then, as if this line \
                 or the time that passed were the end? Or is it waiting for something else?",
                shown(last)
            );
        }
        ": it is waiting for something else.".to_owned()
    }

    /// Bytes that were typed and not read.
    fn unread_input(&self, facts: &mut Vec<Fact>) {
        for (role, output) in self.evidence.outputs.iter().enumerate() {
            if let Some(unread @ 1..) = output.unread_input.filter(|_| self.yours(role)) {
                let say = format!(
                    "{} typed into {} {} not read: it is waiting for something else. Reading the input and reading the \
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
