//! Why a run failed: from what was seen to the one most likely reason.
//!
//! A [`Fact`] is something that the evidence shows, with a name and a sentence that quotes it.
//! All facts of a run are gathered, the most telling first. A stage's own explanation applies
//! when all the facts that it names hold; otherwise the first fact is the explanation. The names
//! are documented in `docs/explanations.md`, and a test keeps that list whole.

mod misprints;
mod own;
mod silences;

use std::collections::BTreeSet;

pub use crate::course::FACTS;
use crate::course::{Condition, OF_SEVERAL_RUNS, Party, Scenario, Stage, Track};
use crate::evidence::{Evidence, Lane};
use crate::matcher::{Captures, Ending};
use crate::pattern::{Pattern, escape, shorten};
use crate::transcript::{Action, Expect, LinkFault, RoleId, Step, StepKind};
use crate::verdict::{Explanation, Failed, Failure, Outcome, Run};

/// Something that the evidence shows.
#[derive(Debug, Clone)]
pub struct Fact {
    /// One of [`FACTS`].
    pub id: &'static str,
    /// The sentence for the learner.
    pub say: String,
    /// `file:line` where a program says it crashed.
    pub place: Option<String>,
}

/// What there is to reason from.
pub struct Case<'c> {
    /// The stage.
    pub stage: &'c Stage,
    /// The scenario.
    pub scenario: &'c Scenario,
    /// The condition of its links.
    pub condition: Condition,
    /// The track, for what its programs say when they crash.
    pub track: &'c Track,
    /// What did not fit.
    pub failure: &'c Failure,
    /// The steps that were awaited.
    pub awaited: &'c [usize],
    /// How many actions had happened.
    pub phase: usize,
    /// What was seen.
    pub evidence: &'c Evidence,
    /// What was captured, as each role of the transcript knows it.
    pub captures: &'c [Captures],
}

/// The most likely reason of a failed run.
pub fn explain(case: &Case<'_>) -> Explanation {
    let facts = case.facts();
    // A hole that was reached explains whatever came of it.
    let unfinished = facts.iter().any(|fact| fact.id == "unfinished");
    let own = own::first(case, &facts, unfinished);
    let place = facts.iter().find_map(|fact| fact.place.clone());
    match (own, facts.first()) {
        (Some((id, say)), _) => Explanation { id, say, place },
        (None, Some(fact)) => Explanation { id: fact.id.to_owned(), say: fact.say.clone(), place: fact.place.clone() },
        (None, None) => Explanation {
            id: "wrong-line".to_owned(),
            say: "What was printed is not what the transcript expects.".to_owned(),
            place,
        },
    }
}

/// When your own two programs pass a scenario over every link, and one of them fails it with the
/// reference, that is the reason, unless there is a more telling one: they agree with each other,
/// but not with the protocol.
pub fn compare_pairings(runs: &mut [Run]) {
    /// What such a mistake looks like from inside one run.
    const LOOKS_LIKE: [&str; 5] = ["waits-in-turn", "lost-bytes", "nothing-sent", "wrong-line", "exited-early"];
    let rank = |id: &str| FACTS.iter().position(|fact| *fact == id).unwrap_or(0);
    let alone = |run: &&Run| !run.id.pairing.0.contains(&Some(Party::Reference));
    let story = |run: &Run| (run.id.scenario.clone(), run.id.repeat);
    let played: BTreeSet<_> = runs.iter().filter(alone).map(story).collect();
    let failed: BTreeSet<_> = runs.iter().filter(alone).filter(|run| !run.passed()).map(story).collect();
    for run in runs {
        let story = story(run);
        let Outcome::Failed(Failed { because, .. }) = &mut run.outcome else { continue };
        let vague = rank(&because.id) > rank(OF_SEVERAL_RUNS) || LOOKS_LIKE.contains(&because.id.as_str());
        if vague && played.contains(&story) && !failed.contains(&story) {
            let seen = std::mem::take(&mut because.say);
            because.id = OF_SEVERAL_RUNS.to_owned();
            because.say = format!(
                "Your two programs understand each other, but not the reference: with you on both sides this scenario \
                 passes. Both make the same mistake, so that it cancels out. Compare what goes over the wire below with \
                 what the lesson says about the protocol. (Here: {seen})"
            );
        }
    }
}

/// A line that was expected of a role, with what is known filled in.
struct Expected<'c> {
    role: RoleId,
    pattern: &'c Pattern,
    text: String,
}

impl Case<'_> {
    /// All that the evidence shows, the most telling first.
    pub fn facts(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        self.crashes(&mut facts);
        self.misprints(&mut facts);
        self.silences(&mut facts);
        self.outcome(&mut facts);
        facts.sort_by_key(|fact| FACTS.iter().position(|id| *id == fact.id));
        facts
    }

    fn name(&self, role: RoleId) -> &str {
        &self.evidence.lanes[role].role
    }

    fn yours(&self, role: RoleId) -> bool {
        self.evidence.lanes[role].party == Party::You
    }

    /// The roles that the failure is about, the first one most of all.
    fn subjects(&self) -> Vec<RoleId> {
        match *self.failure {
            Failure::Line(role, _)
            | Failure::Ended(role, _)
            | Failure::Flood(role)
            | Failure::Spinning(role)
            | Failure::Noisy(role)
            | Failure::Leaked(role)
            | Failure::OpenToAll(role)
            | Failure::NotStarted(role, _)
            | Failure::Ambiguous(role) => vec![role],
            Failure::Stuck | Failure::Restless | Failure::TimeLimit(_) | Failure::Unplayed(_) => {
                let steps = &self.scenario.transcript.steps;
                let roles = self.awaited.iter().filter_map(|step| match &steps[*step].kind {
                    StepKind::Expect(role, _) => Some(*role),
                    StepKind::Act(_) => None,
                });
                roles.fold(Vec::new(), |mut all, role| {
                    if !all.contains(&role) {
                        all.push(role);
                    }
                    all
                })
            }
        }
    }

    /// The name of a role, and whose program played it.
    fn who(&self, role: RoleId) -> String {
        let lane = &self.evidence.lanes[role];
        match lane.party {
            Party::You => format!("your {}", lane.role),
            Party::Reference => format!("the reference's {}", lane.role),
            Party::Stage => format!("the stage's {}", lane.role),
        }
    }

    /// A pattern's text with what is captured filled in, as a role knows it.
    fn fill(&self, role: RoleId, pattern: &Pattern) -> String {
        pattern.fill(&|name| self.captures[role].get(name).cloned())
    }

    /// The lines that were awaited when the run failed.
    fn awaited_lines(&self) -> Vec<Expected<'_>> {
        let steps = &self.scenario.transcript.steps;
        self.awaited
            .iter()
            .filter_map(|step| match &steps[*step].kind {
                StepKind::Expect(role, Expect::Line(p) | Expect::Unordered(p)) => {
                    Some(Expected { role: *role, pattern: p, text: self.fill(*role, p) })
                }
                _ => None,
            })
            .collect()
    }

    /// All lines that the scenario expects of a role.
    fn expected_of(&self, role: RoleId) -> Vec<String> {
        self.lines_of(role, |_| true)
    }

    /// The lines that some steps of the scenario expect of a role.
    fn lines_of(&self, role: RoleId, wanted: impl Fn(&Step) -> bool) -> Vec<String> {
        self.scenario
            .transcript
            .expected(role)
            .filter(|(step, _)| wanted(step))
            .filter_map(|(_, expect)| match expect {
                Expect::Line(p) | Expect::Unordered(p) | Expect::Optional(p) => Some(self.fill(role, p)),
                _ => None,
            })
            .collect()
    }

    /// What is left to say when nothing more telling was found.
    fn outcome(&self, facts: &mut Vec<Fact>) {
        let mut add = |id, say| facts.push(Fact { id, say, place: None });
        match self.failure {
            Failure::Line(..) | Failure::Ended(..) | Failure::Unplayed(_) => {}
            Failure::Stuck | Failure::Restless | Failure::TimeLimit(_) => {
                if let Some(awaited) = self.awaited_lines().first() {
                    let who = capitalize(&self.who(awaited.role));
                    add(
                        "missing-line",
                        format!("{who} did not print «{}».{}", shown(&awaited.text), self.restless()),
                    );
                }
                match self.failure {
                    Failure::TimeLimit(seconds) => add(
                        "time-limit",
                        format!("After {seconds} s the run was not over.{}", self.restless()),
                    ),
                    Failure::Restless => add(
                        "restless",
                        format!("Nothing comes of what the programs do, for three seconds now.{}", self.restless()),
                    ),
                    _ => add("stuck", "Deadlock: every program is waiting for another one.".to_owned()),
                }
            }
            Failure::Flood(role) => add(
                "flood",
                format!(
                    "{} printed more than {} KiB, or {} lines: the run was ended. Does a loop go on after the end of the stream?",
                    capitalize(&self.who(*role)),
                    crate::evidence::MAX_PRINTED / 1024,
                    crate::evidence::MAX_PRINTED_LINES
                ),
            ),
            Failure::Spinning(role) => {
                if self.yours(*role) && self.told(*role) {
                    add(
                        "end-ignored",
                        format!(
                            "{} was told that nothing more will come, and since then it has been computing without a pause. A read of 0 bytes is the end of the stream: leave the loop.",
                            capitalize(&self.who(*role))
                        ),
                    );
                }
                add(
                    "spinning",
                    format!(
                        "{} has computed for {:.1} s without a pause, and nothing came of it, while everybody else was waiting. A loop that asks again and again for what is not there keeps a processor busy for nothing: wait for it instead.",
                        capitalize(&self.who(*role)),
                        self.evidence.lanes[*role].computed.as_secs_f64()
                    ),
                );
            }
            Failure::Noisy(role) => add(
                "flood",
                format!(
                    "{} wrote more than 1 MiB to standard error while nothing else happened: the run was ended. Does a loop go on after the end of the stream?",
                    capitalize(&self.who(*role))
                ),
            ),
            Failure::Leaked(role) => add(
                "leaked",
                format!(
                    "{} ended, but left a process behind that still holds its output.",
                    capitalize(&self.who(*role))
                ),
            ),
            Failure::OpenToAll(role) => add(
                "open-to-all",
                format!(
                    "{} listens on every interface of this machine (0.0.0.0): whoever is on the same network can call it. Listen on loopback, 127.0.0.1, and only programs of this machine can.",
                    capitalize(&self.who(*role))
                ),
            ),
            Failure::NotStarted(role, why) => add(
                "not-started",
                format!("{} could not be started: {}", capitalize(&self.who(*role)), escape(why.as_bytes())),
            ),
            Failure::Ambiguous(_) => add(
                "ambiguous",
                "The transcript can be read in too many ways, or one line of it in so many that it took too long: its author has to make it clearer.".to_owned(),
            ),
        }
    }

    /// Was this role told, since it was started, that nothing more will come?
    fn told(&self, role: RoleId) -> bool {
        let begun = self.evidence.lanes[role].started.unwrap_or_default();
        let since = |at: Option<std::time::Duration>| at.is_some_and(|at| at >= begun);
        self.was_cut() || self.evidence.flows().any(|(_, to, flow)| to == role && since(flow.fin_delivered))
    }

    /// Who woke by itself, or computed, since something last came of it.
    fn restless(&self) -> String {
        let mut said = String::new();
        for (role, lane) in self.evidence.lanes.iter().enumerate() {
            let who = capitalize(&self.who(role));
            if lane.naps > 0 {
                said += &format!(" {who} woke by itself and slept again, over and over.");
            } else if lane.computed >= std::time::Duration::from_millis(100) {
                said += &format!(" {who} computed for {:.1} s.", lane.computed.as_secs_f64());
            }
        }
        said
    }

    fn was_cut(&self) -> bool {
        self.evidence.links.iter().any(|link| link.connections.iter().any(|connection| connection.broken.is_some()))
            || self.scenario.transcript.actions().any(|(step, action)| {
                step.phase < self.phase && matches!(action, Action::Link(LinkFault::Break(_, None), _))
            })
    }

    fn fragmented(&self) -> bool {
        self.evidence.links.iter().any(|link| link.condition == crate::course::Condition::Fragmented)
    }
}

/// What follows the first of these lines that is equal to one.
fn after<'l>(lines: &'l [String], line: &str) -> &'l [String] {
    lines.iter().position(|other| other == line).map_or(&[], |at| &lines[at + 1..])
}

/// Do these words say that a port is somebody else's?
fn port_taken(text: &str) -> bool {
    text.to_lowercase().contains("address already in use") || text.contains("EADDRINUSE")
}

/// How a role ended, in words.
pub fn told(ending: Ending) -> String {
    match ending {
        Ending::Exit(code) => format!("ended with exit code {code}"),
        Ending::Signal(signal) => format!("was ended by signal {signal}"),
    }
}

fn shown(text: &str) -> String {
    shorten(&escape(text.as_bytes()), 60)
}

fn shown_bytes(bytes: &[u8]) -> String {
    shorten(&escape(bytes), 60)
}

fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The text of a lane's standard error, for display.
pub fn stderr_lines(lane: &Lane) -> Vec<String> {
    lane.stderr.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(escape).collect()
}

#[cfg(test)]
mod tests;
