//! What is left to say when nothing more telling was found: how the run failed.

use std::time::Duration;

use super::wire::Channel;
use super::words::{bytes, shown};
use super::{Case, Fact};
use crate::evidence::{MAX_NOISE, MAX_PRINTED, MAX_PRINTED_LINES};
use crate::pattern::escape;
use crate::transcript::RoleId;
use crate::verdict::Failure;

/// A role that has computed for less than this, in all, has hardly kept anybody waiting.
const COMPUTED: Duration = Duration::from_secs(1);

/// What a role prints in front of what has come, or holds back, is not more than this.
const ROUGHLY: u64 = 64 * 1024;

impl Case<'_> {
    /// How the run failed, in words.
    pub(super) fn outcome(&self, facts: &mut Vec<Fact>) {
        if matches!(self.failure, Failure::Stuck | Failure::Restless | Failure::Livelock | Failure::TimeLimit(_))
            && let Some(awaited) = self.awaited_lines().first()
        {
            let who = self.subject(awaited.role);
            let say = format!("{who} did not print «{}».{}", shown(&awaited.quoted), self.restless());
            facts.push(Fact::new("missing-line", say));
        }
        facts.extend(self.hanging());
        facts.extend(self.misbehaving());
    }

    /// A run that did not come to its end.
    fn hanging(&self) -> Option<Fact> {
        let awake = self.restless();
        Some(match self.failure {
            Failure::Stuck => Fact::new("stuck", "Deadlock: every program is waiting for another one.".to_owned()),
            Failure::TimeLimit(seconds) => {
                Fact::new("time-limit", format!("After {seconds} s the run was not over.{awake}"))
            }
            Failure::Restless => {
                let say = format!("Nothing comes of what the programs do, for three seconds now.{awake}");
                Fact::new("restless", say)
            }
            Failure::Livelock => Fact::new("livelock", self.livelock()),
            _ => return None,
        })
    }

    /// Who talks to whom without end.
    fn livelock(&self) -> String {
        let channels = self.evidence.channels();
        let came =
            |from, to| channels.iter().find(|channel| (channel.from, channel.to) == (from, to)).map(Channel::came);
        let pairs = channels.iter().map(|channel| (channel.from.min(channel.to), channel.from.max(channel.to)));
        let both = |(one, other)| (came(one, other).unwrap_or(0), came(other, one).unwrap_or(0));
        let Some((one, other)) = pairs.max_by_key(|pair| both(*pair).0 + both(*pair).1) else {
            return "The programs are busy without end, and nothing that can be seen comes of it.".to_owned();
        };
        let (there, back) = both((one, other));
        format!(
            "The programs talk to each other without end, and nothing that can be seen comes of it: by now {} have gone \
             from {} to {}, and {} back. Does one of them ask again and again, because it gets no answer or does not \
             take the answer that it gets?",
            bytes(there),
            self.name(one),
            self.name(other),
            bytes(back)
        )
    }

    /// Something that a role may not do anywhere.
    fn misbehaving(&self) -> Vec<Fact> {
        let fact = match self.failure {
            Failure::Spinning(role) => return self.spinning(*role),
            Failure::Flood(role) => Fact::new("flood", self.flood(*role)),
            Failure::Noisy(role) => Fact::new(
                "flood",
                format!(
                    "{} wrote more than {} MiB to standard error while nothing else happened: the run was ended. {}",
                    self.subject(*role),
                    MAX_NOISE >> 20,
                    self.endless(*role)
                ),
            ),
            Failure::Leaked(role) => Fact::new(
                "leaked",
                format!("{} ended, but left a process behind that still holds its output.", self.subject(*role)),
            ),
            Failure::OpenToAll(role) => Fact::new(
                "open-to-all",
                format!(
                    "{} listens on every interface of this machine (0.0.0.0): whoever is on the same network can call it. \
                     Listen on loopback, 127.0.0.1, and only programs of this machine can.",
                    self.subject(*role)
                ),
            ),
            Failure::NotStarted(role, why) => Fact::new(
                "not-started",
                format!("{} could not be started: {}", self.subject(*role), escape(why.as_bytes())),
            ),
            Failure::Ambiguous(_) => Fact::new(
                "ambiguous",
                "The transcript can be read in too many ways, or one line of it in so many that it took too long: its \
                 author has to make it clearer."
                    .to_owned(),
            ),
            _ => return Vec::new(),
        };
        vec![fact]
    }

    fn spinning(&self, role: RoleId) -> Vec<Fact> {
        let who = self.subject(role);
        let told = (self.yours(role) && self.told(role)).then(|| {
            let how = self.how_an_end_is_told();
            let say = format!(
                "{who} was told that nothing more will come, and since then it has been computing without a pause. {how} \
                 Leave the loop then."
            );
            Fact::new("end-ignored", say)
        });
        let say = format!(
            "{who} has computed for {:.1} s without a pause, and nothing came of it, while everybody else was waiting. A \
             loop that asks again and again for what is not there keeps a processor busy for nothing: wait for it instead.",
            self.evidence.outputs[role].computed.as_secs_f64()
        );
        told.into_iter().chain([Fact::new("spinning", say)]).collect()
    }

    fn flood(&self, role: RoleId) -> String {
        format!(
            "{} printed more than {} MiB, or {MAX_PRINTED_LINES} lines: the run was ended. {}",
            self.subject(role),
            MAX_PRINTED >> 20,
            self.endless(role)
        )
    }

    /// Why somebody may print without end.
    fn endless(&self, role: RoleId) -> String {
        if self.told_of_end(role) {
            return "Does a loop go on after the end of the stream? A read of 0 bytes is the end.".to_owned();
        }
        let lines = &self.evidence.outputs[role].lines;
        let printed: usize = lines.iter().map(|line| line.bytes.len() + 1).sum();
        // What came after the last newline is not kept of a flood.
        let printed = if lines.len() < MAX_PRINTED_LINES { printed.max(MAX_PRINTED) } else { printed } as u64;
        let channels = self.evidence.channels();
        let came = channels.iter().filter(|channel| channel.to == role).max_by_key(|channel| channel.delivered());
        match came.filter(|channel| channel.delivered() + ROUGHLY >= printed) {
            Some(channel) => format!(
                "As much has come from {}: is a line that is longer than the limit printed in parts? A line that is too long \
                 is an error.",
                self.name(channel.from)
            ),
            None => "It printed more than has come to it: does a loop print the same again and again?".to_owned(),
        }
    }

    /// Who woke by itself, or computed, since something last came of it.
    fn restless(&self) -> String {
        if matches!(self.failure, Failure::Stuck) {
            return String::new();
        }
        let mut said = String::new();
        for (role, output) in self.evidence.outputs.iter().enumerate() {
            let who = self.subject(role);
            if output.naps > 0 {
                said += &format!(" {who} woke by itself and slept again, over and over.");
            } else if output.computed >= COMPUTED {
                said += &format!(" {who} computed for {:.1} s.", output.computed.as_secs_f64());
            }
        }
        said
    }
}
