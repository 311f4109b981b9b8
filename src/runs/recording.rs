//! Recording: a run of a transcript that does not say yet what is to be seen.
//!
//! The actions of the transcript are done one after the other, each when nobody does anything any
//! more, and whatever is seen is noted. Actions that a transcript wants done together are.
//!
//! A name that an action uses has its value from a line that the author has written; or else from
//! the first line that has such a value, and that has given no other name its value.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::notes::Notes;
use super::rest::Until;
use super::scratch::hide;
use super::{Own, Plan, Player, Programs};
use crate::course::Scenario;
use crate::evidence::Evidence;
use crate::machine::shortage::Since;
use crate::matcher::{Captures, Ending, Matcher, Refused};
use crate::pattern::{Pattern, Type};
use crate::process::strays;
use crate::stillness::SocketTable;
use crate::transcript::{Action, RoleId};
use crate::verdict::Failure;

/// A run that was recorded.
#[derive(Debug, Default)]
pub struct Recorded {
    /// What was seen, in the order in which it was.
    pub heard: Vec<Heard>,
    /// The values that were given from the start.
    pub given: Captures,
    /// The names that actions use, and where their values come from.
    pub found: BTreeMap<String, Found>,
    /// The addresses of links that roles were handed in the place of others.
    pub handed: Vec<Handed>,
    /// What the roles left on standard error, and all else that was seen.
    pub evidence: Evidence,
    /// How many actions had happened at the end.
    pub phase: usize,
    /// Why it went no further.
    pub failure: Option<Unrecorded>,
}

/// Something that a role showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// How many actions had happened.
    pub phase: usize,
    /// Which role.
    pub role: RoleId,
    /// What it showed.
    pub what: Shown,
}

/// What a role shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// A line.
    Line(String),
    /// Its end.
    Ended(Ending),
}

/// Where the value of a name comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The role that printed it.
    pub role: RoleId,
    /// The value.
    pub value: String,
    /// Its type.
    pub ty: Type,
}

/// A role was handed a link's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// How many actions had happened before.
    pub phase: usize,
    /// Who was handed it.
    pub role: RoleId,
    /// In whose place.
    pub name: String,
    /// What it was handed.
    pub value: String,
}

/// Why a run can't be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unrecorded {
    /// Something that no transcript could expect.
    Failed(Failure),
    /// A role that is not up is to be typed into, or ended.
    NotUp(RoleId),
    /// A role that is up is to be started.
    IsUp(RoleId),
    /// Nothing that was printed can be the value of this name.
    Unknown(String),
}

impl From<Failure> for Unrecorded {
    fn from(failure: Failure) -> Unrecorded {
        Unrecorded::Failed(failure)
    }
}

/// Plays a scenario's actions, and notes what is seen. The transcript may be a draft. `together`
/// says of each action whether the next one follows at once. An action has the scenario's limit
/// for all that comes of it. When the future is dropped, nothing of the run is left.
pub async fn record(
    plan: &Plan<'_>,
    together: &[bool],
    programs: &dyn Programs,
    sockets: Option<Arc<SocketTable>>,
) -> Recorded {
    let since = Since::now();
    let own = match Own::new(plan) {
        Ok(own) => own,
        Err(unplayed) => {
            let failure = Some(Failure::Unplayed(unplayed).into());
            return Recorded { failure, ..Recorded::default() };
        }
    };
    strays::adopt();
    let notes = Notes::new(plan.scenario, own.given(plan));
    let mut player = Player::new(plan, (programs, &|| {}), sockets, Follower::Notes(notes));
    let failure = tokio::select! {
        biased;
        rehearsed = player.rehearse(together) => rehearsed.err(),
        unplayed = since.meets() => Some(Failure::Unplayed(unplayed).into()),
    };
    let notes = match std::mem::replace(&mut player.matcher, Follower::Notes(Notes::default())) {
        Follower::Notes(notes) => notes,
        Follower::Matcher(_) => Notes::default(),
    };
    let seen = player.finish(None).await;
    let Notes { heard, given, found, handed, phase, .. } = notes;
    let mut recorded = Recorded { heard, given, found, handed, evidence: seen.evidence, phase, failure };
    hide(&mut recorded);
    recorded
}

impl<'c> Player<'c> {
    async fn rehearse(&mut self, together: &[bool]) -> Result<(), Unrecorded> {
        let plan = self.plan;
        let limit = Rc::clone(&self.limit);
        for (index, (_, action)) in plan.scenario.transcript.actions().enumerate() {
            self.prepare(action)?;
            self.matcher.act();
            limit.restart();
            self.act(action).await?;
            if !together.get(index).is_some_and(|together| *together) {
                tokio::select! {
                    biased;
                    rest = self.until_rest() => rest,
                    () = limit.over() => Err(Failure::TimeLimit(plan.scenario.limit)),
                }?;
            }
        }
        Ok(())
    }

    /// Can this action be done, and does it have all that it names?
    fn prepare(&mut self, action: &'c Action) -> Result<(), Unrecorded> {
        let scenario = self.plan.scenario;
        let (role, texts) = match action {
            Action::Start(role, own) => (*role, scenario.args(*role, own.as_ref(), &self.plan.stage.roles)),
            Action::Type(role, text) => (*role, std::slice::from_ref(text)),
            Action::EndInput(role) | Action::Kill(role) | Action::Pause(role) | Action::Resume(role) => {
                (*role, [].as_slice())
            }
            Action::Link(..) | Action::UntilStill => return Ok(()),
        };
        match (action, self.peers[role].is_some()) {
            (Action::Start(..), true) => return Err(Unrecorded::IsUp(role)),
            (Action::Start(..), false) | (_, true) => {}
            (_, false) => return Err(Unrecorded::NotUp(role)),
        }
        let Follower::Notes(notes) = &mut self.matcher else { return Ok(()) };
        texts.iter().flat_map(Pattern::names).try_for_each(|(name, ..)| notes.find(name, role))
    }

    /// Waits until nobody does anything any more. A peer that sleeps for a while is waited for,
    /// unless it wakes again and again to no effect.
    async fn until_rest(&mut self) -> Result<(), Failure> {
        self.until(Until::Still, Self::is_done).await
    }
}

/// What is made of what the peers show: it is held against the transcript, or noted.
pub(super) enum Follower<'c> {
    Matcher(Matcher<'c>),
    Notes(Notes<'c>),
}

impl Follower<'_> {
    pub(super) fn line(&mut self, role: RoleId, text: &str) -> Result<(), Refused> {
        match self {
            Follower::Matcher(matcher) => matcher.line(role, text),
            Follower::Notes(notes) => {
                notes.line(role, text);
                Ok(())
            }
        }
    }

    /// No transcript can expect that a signal ends a role.
    pub(super) fn ended(&mut self, role: RoleId, ending: Ending) -> Result<(), Refused> {
        match (self, ending) {
            (Follower::Matcher(matcher), _) => matcher.ended(role, ending),
            (Follower::Notes(_), Ending::Signal(_)) => Err(Refused::Unexpected),
            (Follower::Notes(notes), Ending::Exit(_)) => {
                notes.note(role, Shown::Ended(ending));
                Ok(())
            }
        }
    }

    pub(super) fn ready(&self) -> bool {
        match self {
            Follower::Matcher(matcher) => matcher.ready(),
            Follower::Notes(_) => true,
        }
    }

    pub(super) fn act(&mut self) {
        match self {
            Follower::Matcher(matcher) => matcher.act(),
            Follower::Notes(notes) => notes.phase += 1,
        }
    }

    pub(super) fn phase(&self) -> usize {
        match self {
            Follower::Matcher(matcher) => matcher.phase(),
            Follower::Notes(notes) => notes.phase,
        }
    }

    pub(super) fn alias(&mut self, role: RoleId, name: &str, value: String) {
        match self {
            Follower::Matcher(matcher) => matcher.alias(role, name, value),
            Follower::Notes(notes) => {
                notes.handed.push(Handed { phase: notes.phase, role, name: name.to_owned(), value: value.clone() });
                notes.aliases.entry(role).or_default().insert(name.to_owned(), value);
            }
        }
    }

    pub(super) fn value(&self, role: RoleId, name: &str) -> Option<&str> {
        match self {
            Follower::Matcher(matcher) => matcher.value(role, name),
            Follower::Notes(notes) => notes.value(role, name),
        }
    }

    /// The role that listens at the address of this name.
    pub(super) fn listener(&self, scenario: &Scenario, name: &str) -> Option<RoleId> {
        match self {
            Follower::Matcher(_) => scenario.addresses().get(name).copied(),
            Follower::Notes(notes) => {
                notes.found.get(name).filter(|found| found.ty.is_address()).map(|found| found.role)
            }
        }
    }

    pub(super) fn awaited(&self) -> Vec<usize> {
        match self {
            Follower::Matcher(matcher) => matcher.awaited(),
            Follower::Notes(_) => Vec::new(),
        }
    }

    pub(super) fn captures_of(&self, role: RoleId) -> Captures {
        match self {
            Follower::Matcher(matcher) => matcher.captures_of(role),
            Follower::Notes(_) => Captures::new(),
        }
    }
}
