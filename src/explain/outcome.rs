//! How the run failed: what can always be said, when nothing more telling was found.

use std::time::Duration;

use super::wire::Channel;
use super::words::{bytes, shown};
use super::{Case, Fact};
use crate::evidence::{MAX_NOISE, MAX_PRINTED, MAX_PRINTED_LINES};
use crate::pattern::{counted, escape};
use crate::transcript::RoleId;
use crate::verdict::Failure;

/// A role that computed for less than this, in all, has not kept the others waiting.
const COMPUTED: Duration = Duration::from_secs(1);

/// What a role adds to the bytes that it received, or holds back of them, is not more than this.
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

    /// A run that did not reach its end.
    fn hanging(&self) -> Option<Fact> {
        let awake = self.restless();
        Some(match self.failure {
            Failure::Stuck => Fact::new("stuck", "Deadlock: every program is waiting for another one.".to_owned()),
            Failure::TimeLimit(seconds) => {
                let unrest = self.unrest();
                let awake = if unrest.is_empty() { awake } else { unrest };
                Fact::new("time-limit", format!("The run was not over after {seconds} s.{awake}"))
            }
            Failure::Restless => {
                let say = format!("For three seconds, nothing that the programs did had any effect.{awake}");
                Fact::new("restless", say)
            }
            Failure::Livelock => Fact::new("livelock", self.livelock()),
            _ => return None,
        })
    }

    /// Which two roles talk to each other without end.
    fn livelock(&self) -> String {
        let channels = self.evidence.channels();
        let came =
            |from, to| channels.iter().find(|channel| (channel.from, channel.to) == (from, to)).map(Channel::came);
        let pairs = channels.iter().map(|channel| (channel.from.min(channel.to), channel.from.max(channel.to)));
        let both = |(one, other)| (came(one, other).unwrap_or(0), came(other, one).unwrap_or(0));
        let Some((one, other)) = pairs.max_by_key(|pair| both(*pair).0 + both(*pair).1) else {
            return "Livelock: the programs are busy without end, to no visible effect.".to_owned();
        };
        let (there, back) = both((one, other));
        format!(
            "Livelock: the programs talk to each other without end, to no visible effect. So far {} have gone from {} \
             to {}, and {} back. Does one of them ask again and again, because it gets no answer or ignores it?",
            bytes(there),
            self.name(one),
            self.name(other),
            bytes(back)
        )
    }

    /// Something that no role may do.
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
                    "{} listens on every interface of this machine (0.0.0.0): every machine on the network can \
                     connect to it. Listen on loopback (127.0.0.1), which only programs on this machine can reach.",
                    self.subject(*role)
                ),
            ),
            Failure::NotStarted(role, why) => Fact::new(
                "not-started",
                format!("{} could not be started: {}", self.subject(*role), escape(why.as_bytes())),
            ),
            Failure::Ambiguous(_) => Fact::new(
                "ambiguous",
                "The transcript can be read in too many ways, or one of its lines in too many to try: its author has \
                 to make it clearer."
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
                "{who} was told that nothing more will come, and has been computing without a pause since then. {how} \
                 Leave the loop in this case."
            );
            Fact::new("end-ignored", say)
        });
        let say = format!(
            "{who} computed for {:.1} s without a pause and to no effect, while all others were waiting. A loop that \
             polls for what is not there wastes a processor: wait for it instead.",
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

    /// Why a role may print without end.
    fn endless(&self, role: RoleId) -> String {
        if self.told_of_end(role) {
            return "Does a loop go on after the end of the stream? A read of 0 bytes is the end.".to_owned();
        }
        let lines = &self.evidence.outputs[role].lines;
        let printed: usize = lines.iter().map(|line| line.bytes.len() + 1).sum();
        // Of a flood, what follows the last newline is not kept.
        let printed = if lines.len() < MAX_PRINTED_LINES { printed.max(MAX_PRINTED) } else { printed } as u64;
        let channels = self.evidence.channels();
        let came = channels.iter().filter(|channel| channel.to == role).max_by_key(|channel| channel.delivered());
        match came.filter(|channel| channel.delivered() + ROUGHLY >= printed) {
            Some(channel) => format!(
                "About as much came from {}: is a line that exceeds the limit printed in parts? A line that is too \
                 long is an error.",
                self.name(channel.from)
            ),
            None => "It printed more than it received: does a loop print the same again and again?".to_owned(),
        }
    }

    /// The line of the transcript that waited for rest, and who was not at rest.
    fn unrest(&self) -> String {
        let Some(unrest) = &self.evidence.unrest else { return String::new() };
        let waits = self.scenario.text.lines().nth(unrest.line).unwrap_or_default().trim();
        let mut said = format!(" Line {} of the transcript, `{waits}`, still waited for rest.", unrest.line + 1);
        for (role, times) in &unrest.woken {
            said += &format!(" {} woke {} meanwhile.", self.subject(*role), counted(*times as usize, "time"));
        }
        said
    }

    /// Which roles woke by themselves, or computed, since the last effect.
    fn restless(&self) -> String {
        if matches!(self.failure, Failure::Stuck) {
            return String::new();
        }
        let outputs = &self.evidence.outputs;
        let napping: Vec<RoleId> = (0..outputs.len()).filter(|role| outputs[*role].naps > 0).collect();
        let mut said = String::new();
        if let [first, _, _, rest @ ..] = &napping[..] {
            let others = counted(rest.len() + 2, "other");
            said = format!(" {} and {others} woke by themselves and slept again, over and over.", self.subject(*first));
        }
        for (role, output) in outputs.iter().enumerate() {
            let who = self.subject(role);
            if output.naps > 0 {
                if napping.len() < 3 {
                    said += &format!(" {who} woke by itself and slept again, over and over.");
                }
            } else if output.computed >= COMPUTED {
                said += &format!(" {who} computed for {:.1} s.", output.computed.as_secs_f64());
            }
        }
        said
    }
}
