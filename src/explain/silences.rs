//! What was not said, not sent, not read, not closed.

use super::{Case, Expected, Fact, capitalize, shown, told};
use crate::evidence::{Connection, Flow};
use crate::matcher::Ending;
use crate::transcript::{Expect, RoleId, StepKind};
use crate::verdict::Failure;

impl Case<'_> {
    /// What was not said, not sent, not closed.
    pub(super) fn silences(&self, facts: &mut Vec<Fact>) {
        if let Failure::Ended(role, ending) = *self.failure {
            self.early_ending(role, ending, facts);
        }
        let waiting = matches!(
            self.failure,
            Failure::Stuck | Failure::Restless | Failure::TimeLimit(_) | Failure::Spinning(_) | Failure::Noisy(_)
        );
        if !waiting {
            return;
        }
        for awaited in self.awaited_lines() {
            self.not_arrived(&awaited, facts);
        }
        for step in self.awaited {
            if let StepKind::Expect(role, Expect::Exit(_)) = &self.scenario.transcript.steps[*step].kind {
                self.not_ended(*role, facts);
            }
        }
        self.unread(facts);
        self.unconnected(facts);
    }

    fn early_ending(&self, role: RoleId, ending: Ending, facts: &mut Vec<Fact>) {
        let who = capitalize(&self.who(role));
        let more = self.awaited_lines().into_iter().find(|awaited| awaited.role == role);
        let pending = more.is_some()
            || self
                .scenario
                .transcript
                .expected(role)
                .any(|(step, expect)| step.phase > self.phase && !matches!(expect, Expect::Running));
        let how = told(ending);
        if ending == Ending::Exit(0) && pending && self.yours(role) {
            let missing = more.map(|line| format!(" «{}» was still to come.", shown(&line.text))).unwrap_or_default();
            let why = self.left_by(role).unwrap_or_else(|| {
                "It is over when the typed input has ended and the other side has finished too.".to_owned()
            });
            let say = format!("{who} ended while the conversation was still going on.{missing} {why}");
            facts.push(Fact { id: "exited-early", say, place: None });
        } else {
            facts.push(Fact {
                id: "wrong-ending",
                say: format!("{who} {how}, which the transcript does not expect here."),
                place: None,
            });
        }
    }

    /// Whoever was told that nothing more will come may end; then it is about who has told it too soon.
    fn left_by(&self, role: RoleId) -> Option<String> {
        let told = |(_, to, flow): &(RoleId, RoleId, &Flow)| *to == role && flow.fin_delivered.is_some();
        let (sender, ..) = self
            .evidence
            .flows()
            .filter(told)
            .find(|(sender, ..)| self.yours(*sender) && !self.evidence.lanes[*sender].input_ended)?;
        Some(format!(
            "It had been told that nothing more will come: {} closed its sending half, although its input has not ended.",
            self.who(sender)
        ))
    }

    /// An awaited line: where did it get lost?
    fn not_arrived(&self, awaited: &Expected<'_>, facts: &mut Vec<Fact>) {
        let receiver = awaited.role;
        let mut add = |id, say| facts.push(Fact { id, say, place: None });
        for (sender, to, flow) in self.evidence.flows().filter(|(_, to, _)| *to == receiver) {
            let typed =
                self.evidence.typed.iter().rev().find(|typed| typed.role == sender && typed.text == awaited.text);
            let before = typed.map_or(0, |typed| typed.sent_before);
            let silent = flow.came <= before;
            let what = typed.map_or_else(
                || format!("«{}»", shown(&awaited.text)),
                |typed| format!("«{}», which was typed into it,", shown(&typed.text)),
            );
            let earlier = self.evidence.typed.iter().any(|other| other.role == sender && other.sent_before < before);
            if silent && self.yours(sender) && flow.fin.is_none() {
                if typed.is_some() && earlier {
                    add(
                        "waits-in-turn",
                        format!(
                            "{} sent the line typed before, but not {what} for it is waiting for something else. Sending and receiving must not wait for each other: do both at once.",
                            capitalize(&self.who(sender))
                        ),
                    );
                } else {
                    add(
                        "nothing-sent",
                        format!(
                            "{} should have sent {what} but no byte {}left it. Is the writer flushed?",
                            capitalize(&self.who(sender)),
                            if flow.came > 0 { "more " } else { "" }
                        ),
                    );
                }
            } else if flow.wire.is_sealed() {
                // Bytes have come, but nobody can tell from outside what they say.
            } else if !silent && flow.unread == Some(0) && self.yours(to) && flow.delivered == flow.came {
                let question = if flow.last != Some(b'\n') && self.yours(sender) {
                    format!("The last of them is no newline: does {} end its lines?", self.who(sender))
                } else {
                    "Is something read ahead into a buffer that is then thrown away, or waited for that never comes?"
                        .to_owned()
                };
                add(
                    "lost-bytes",
                    format!(
                        "{} has read all {} bytes that came from {}, but did not print «{}». {question}",
                        capitalize(&self.who(to)),
                        flow.delivered,
                        self.name(sender),
                        shown(&awaited.text)
                    ),
                );
            } else if !silent && !self.yours(to) && self.yours(sender) {
                let newline = if flow.last == Some(b'\n') { "" } else { " and the last of them is no newline" };
                add(
                    "reference-waits",
                    format!(
                        "{} bytes came from {}, but the reference's {} could not make the line «{}» of them{newline}.",
                        flow.came,
                        self.who(sender),
                        self.name(to),
                        shown(&awaited.text)
                    ),
                );
            }
        }
    }

    /// A role that was to end: who holds it back?
    fn not_ended(&self, role: RoleId, facts: &mut Vec<Fact>) {
        let lanes = &self.evidence.lanes;
        let mut add = |id, say| facts.push(Fact { id, say, place: None });
        if self.yours(role) {
            let input = if lanes[role].input_ended { " although its input has" } else { "" };
            let how = match self.failure {
                Failure::Stuck => ": it waits for something that nobody will do".to_owned(),
                Failure::Restless => ", and nothing comes of what it wakes for".to_owned(),
                Failure::TimeLimit(seconds) => format!(" after {seconds} s"),
                _ => String::new(),
            };
            add("not-ended", format!("{} has not ended{input}{how}.", capitalize(&self.who(role))));
        }
        // In an encrypted connection are many streams: their ends can't be seen.
        for (sender, receiver, flow) in self.evidence.flows().filter(|(.., flow)| !flow.wire.is_sealed()) {
            let open = flow.fin.is_none() && flow.reset.is_none();
            if receiver == role
                && open
                && lanes[sender].input_ended
                && self.yours(sender)
                && lanes[sender].ending.is_none()
            {
                add(
                    "never-closed",
                    format!(
                        "The input of {} has ended, but its sending half is still open: {} can't know that nothing more will come. Shut the sending half down when the input ends.",
                        self.who(sender),
                        self.name(receiver)
                    ),
                );
            }
            if sender == role && open && lanes[role].input_ended && self.yours(role) {
                add(
                    "never-closed",
                    format!(
                        "The input of {} has ended, but its sending half is still open: {} can't know that nothing more will come. Shut the sending half down when the input ends.",
                        self.who(role),
                        self.name(receiver)
                    ),
                );
            }
            let told = flow.fin_delivered.is_some() || self.was_cut();
            if receiver == role && told && self.yours(role) && !open {
                add(
                    "end-ignored",
                    format!(
                        "{} was told that nothing more will come, and goes on as if nothing had happened. A read of 0 bytes is the end of the stream.",
                        capitalize(&self.who(role))
                    ),
                );
            }
        }
    }

    /// A role of the learner's that was handed an address, and did not get through to who listens there.
    fn unconnected(&self, facts: &mut Vec<Fact>) {
        let mut add = |id, say| facts.push(Fact { id, say, place: None });
        for link in &self.evidence.links {
            let (dialer, listener) = (self.who(link.dialer), self.who(link.listener));
            let alive = self.evidence.lanes[link.dialer].ending.is_none();
            if link.connections.is_empty() && alive && self.yours(link.dialer) {
                add(
                    "no-connection",
                    format!("{} has never connected to the address of {listener}.", capitalize(&dialer)),
                );
            }
            let unmet = |connection: &&Connection| connection.is_libp2p() && !connection.shook_hands();
            let ours = self.yours(link.dialer) || self.yours(link.listener);
            if let Some(unmet) = link.connections.iter().find(unmet).filter(|_| ours) {
                add(
                    "no-handshake",
                    format!(
                        "{} is connected to {listener}, but they never finished the handshake of the encryption: {} bytes went there, {} came back. A swarm does nothing unless somebody polls it.",
                        capitalize(&dialer),
                        unmet.there.came,
                        unmet.back.came
                    ),
                );
            }
        }
    }

    /// Bytes that lie in a socket of the learner's program, unread, while everything waits.
    fn unread(&self, facts: &mut Vec<Fact>) {
        for (sender, receiver, flow) in self.evidence.flows() {
            if let Some(unread @ 1..) = flow.unread.filter(|_| self.yours(receiver)) {
                // Who has several peers may be busy with another one.
                let others = self.evidence.flows().any(|(from, to, _)| to == receiver && from != sender);
                let remedy = if others {
                    "Neither may sending and receiving wait for each other, nor one peer for another: does it deal with all of them at once?"
                } else {
                    "Sending and receiving must not wait for each other: do both at once."
                };
                let say = format!(
                    "{unread} bytes from {} have arrived, but {} does not read them: it is waiting for something else. {remedy}",
                    self.name(sender),
                    self.who(receiver)
                );
                facts.push(Fact { id: "waits-in-turn", say, place: None });
            }
        }
        for (role, lane) in self.evidence.lanes.iter().enumerate() {
            if let Some(unread @ 1..) = lane.unread_input.filter(|_| self.yours(role)) {
                let say = format!(
                    "{unread} bytes were typed into {}, which does not read them: it is waiting for something else. Reading the input and reading the connection must not wait for each other.",
                    self.who(role)
                );
                facts.push(Fact { id: "waits-in-turn", say, place: None });
            }
        }
    }
}
