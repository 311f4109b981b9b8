//! Endings: a role that ended too early or with the wrong code, and a role that should have ended.

use super::words::{shown, told};
use super::{Case, Fact};
use crate::matcher::Ending;
use crate::transcript::{Expect, RoleId, StepKind};
use crate::verdict::Failure;

impl Case<'_> {
    /// A role ended as the transcript does not let it.
    pub(super) fn early_ending(&self, role: RoleId, ending: Ending, facts: &mut Vec<Fact>) {
        let who = self.subject(role);
        let more = self.awaited_lines().into_iter().find(|awaited| awaited.role == role);
        let mut expected = self.scenario.transcript.expected(role);
        let later = expected.any(|(step, expect)| step.phase > self.phase && !matches!(expect, Expect::Running));
        let missing = more.as_ref().map(|line| format!(" «{}» was still to come.", shown(&line.quoted)));
        let missing = missing.unwrap_or_default();
        if ending == Ending::Exit(0) && (more.is_some() || later) && self.yours(role) {
            let why = self.left_by(role).unwrap_or_else(|| self.what_goes_on(role).to_owned());
            let when = if self.was_cut() {
                "although more was expected of it"
            } else {
                "while the conversation was still going on"
            };
            facts.push(Fact::new("exited-early", format!("{who} ended {when}.{missing} {why}")));
        } else {
            let how = told(ending);
            let instead = self.awaited.iter().find_map(|step| match &self.scenario.transcript.steps[*step].kind {
                StepKind::Expect(other, Expect::Exit(code)) if *other == role && more.is_none() => {
                    Some(format!(" Exit code {code} was expected."))
                }
                _ => None,
            });
            let say = format!("{who} {how}, which the transcript does not expect here.{}", instead.unwrap_or(missing));
            facts.push(Fact::new("wrong-ending", say));
        }
    }

    /// A role that was told that nothing more will come may end. If it was told too early, the mistake is the
    /// sender's.
    fn left_by(&self, role: RoleId) -> Option<String> {
        let channels = self.evidence.channels();
        let hasty = channels.iter().find(|channel| {
            channel.to == role
                && channel.fin_delivered()
                && !channel.is_broken()
                && self.yours(channel.from)
                && !self.was_killed(channel.from)
                && !self.evidence.outputs[channel.from].input_ended
        })?;
        Some(format!(
            "It had been told that nothing more would come: {} closed its sending half although its input had not \
             ended.",
            self.who(hasty.from)
        ))
    }

    /// What was still open in the conversation when a role ended.
    fn what_goes_on(&self, role: RoleId) -> &'static str {
        if self.was_cut() {
            return "The connection was lost, which is not a normal end: report it, and exit with another code.";
        }
        let ends = (self.evidence.outputs[role].input_ended, self.told_of_end(role));
        let roles = 0..self.evidence.outputs.len();
        if ends == (false, true) && roles.into_iter().any(|other| self.was_killed(other)) {
            return "A peer is gone, but its own typed input has not ended: more may follow, and others may come.";
        }
        match ends {
            (false, true) => {
                "The other side has finished, but its own typed input has not ended: more may follow. The \
                 conversation is over when both have ended."
            }
            (true, false) => {
                "Its typed input has ended, but the other side has not finished: more may follow. The conversation is \
                 over when both have ended."
            }
            (false, false) => {
                "Its typed input has not ended, and the other side has not finished. The conversation is over when \
                 both have ended."
            }
            (true, true) => "Its input has ended and the other side has finished, but this was still to be done.",
        }
    }

    /// The roles that should have ended, and what keeps them from it.
    pub(super) fn missing_endings(&self, facts: &mut Vec<Fact>) {
        for step in self.awaited {
            if let StepKind::Expect(role, Expect::Exit(_)) = &self.scenario.transcript.steps[*step].kind {
                self.not_ended(*role, facts);
                self.never_closed(*role, facts);
            }
        }
    }

    fn not_ended(&self, role: RoleId, facts: &mut Vec<Fact>) {
        if !self.yours(role) {
            return;
        }
        let who = self.subject(role);
        let input = if self.evidence.outputs[role].input_ended { " although its input has" } else { "" };
        let how = match self.failure {
            Failure::Stuck => ": it is waiting for something that will never happen".to_owned(),
            Failure::Restless => ": it wakes again and again to no effect".to_owned(),
            Failure::Livelock => ": it goes on talking without end".to_owned(),
            Failure::TimeLimit(seconds) => format!(" after {seconds} s"),
            _ => String::new(),
        };
        let has_said_all = self.awaited_lines().iter().all(|line| line.role != role);
        let keyboard = if has_said_all && !self.evidence.outputs[role].input_ended {
            " Its typed input is still open: does something wait for the keyboard, such as a thread for which the \
             program waits before it ends?"
        } else {
            ""
        };
        facts.push(Fact::new("not-ended", format!("{who} has not ended{input}{how}.{keyboard}")));
        // An encrypted connection carries many streams, whose ends can't be seen.
        let channels = self.evidence.channels();
        let mut from_others = channels.iter().filter(|channel| channel.to == role && !channel.is_sealed());
        let told = from_others.any(|channel| !channel.is_open() && (channel.fin_delivered() || self.was_cut()));
        if told {
            let how = self.how_an_end_is_told();
            let say =
                format!("{who} was told that nothing more will come, but goes on as if nothing had happened. {how}");
            facts.push(Fact::new("end-ignored", say));
        }
    }

    /// What a program sees when a stream is over.
    pub(super) fn how_an_end_is_told(&self) -> &'static str {
        if self.was_cut() {
            "The connection was lost: since then every read and every write fails. Is such an error ignored?"
        } else {
            "A read of 0 bytes is the end of the stream, and a write fails once the other side is gone: is one of the \
             two ignored?"
        }
    }

    /// A role whose input has ended, but which has not closed its sending half to the role that should end, or to the
    /// one that it is connected to.
    fn never_closed(&self, role: RoleId, facts: &mut Vec<Fact>) {
        let channels = self.evidence.channels();
        for channel in channels.iter().filter(|channel| channel.from == role || channel.to == role) {
            let output = &self.evidence.outputs[channel.from];
            let owes = output.input_ended && output.ending.is_none() && self.yours(channel.from);
            if owes && channel.is_open() && !channel.is_sealed() {
                let say = format!(
                    "The input of {} has ended, but its sending half is still open: {} can't know that nothing more \
                     will come. Is the sending half shut down when the input ends, or does the shutdown wait for \
                     something else, such as a lock that the reader holds?",
                    self.who(channel.from),
                    self.name(channel.to)
                );
                facts.push(Fact::new("never-closed", say));
            }
        }
    }
}
