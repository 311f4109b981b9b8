//! Follows what the roles do: matches it against a transcript, or records it.

use std::time::Instant;

use crate::course::Scenario;
use crate::matcher::{Captures, Clock, Ending, Matcher, Pending, Refused};
use crate::transcript::{RoleId, Transcript};

/// Follows a run.
pub(super) trait Follower {
    /// A role has printed a line.
    fn line(&mut self, role: RoleId, text: &str, clock: &Clock<'_>) -> Result<(), Refused>;

    /// How much of a text without a newline is one that is expected here, if anything is.
    fn prompt(&self, _role: RoleId, _text: &str) -> Option<usize> {
        None
    }

    /// Does it matter what this role prints before its newline comes?
    fn takes_prompts(&self, transcript: &Transcript, role: RoleId) -> bool {
        let mut expected = transcript.expected(role).filter_map(|(_, expect)| expect.pattern());
        expected.any(|pattern| pattern.prompt_end().is_some())
    }

    /// A role has ended.
    fn ended(&mut self, role: RoleId, ending: Ending, clock: &Clock<'_>) -> Result<(), Refused>;

    /// Has everything been seen that must come before the next action?
    fn ready(&self) -> bool;

    /// The next action happens.
    fn act(&mut self);

    /// The last action that happened was done at this time.
    fn acted(&mut self, _at: Instant) {}

    /// What has to come next within a time, if anything has.
    fn pending(&self, _clock: &Clock<'_>) -> Option<Pending> {
        None
    }

    /// How many actions have happened.
    fn phase(&self) -> usize;

    /// A role was handed another value for this name: the address of a link.
    fn alias(&mut self, role: RoleId, name: &str, value: String);

    /// What a name stands for, as this role knows it.
    fn value(&self, role: RoleId, name: &str) -> Option<&str>;

    /// The role that listens at the address of this name.
    fn listener(&self, scenario: &Scenario, name: &str) -> Option<RoleId>;

    /// The steps that are awaited, as indices.
    fn awaited(&self) -> Vec<usize> {
        Vec::new()
    }

    /// Everything that was captured, as this role knows it.
    fn captures_of(&self, _role: RoleId) -> Captures {
        Captures::new()
    }
}

impl Follower for Matcher<'_> {
    fn line(&mut self, role: RoleId, text: &str, clock: &Clock<'_>) -> Result<(), Refused> {
        self.line_at(role, text, Some(clock))
    }

    fn prompt(&self, role: RoleId, text: &str) -> Option<usize> {
        self.prompt(role, text)
    }

    fn ended(&mut self, role: RoleId, ending: Ending, clock: &Clock<'_>) -> Result<(), Refused> {
        self.ended_at(role, ending, Some(clock))
    }

    fn ready(&self) -> bool {
        self.ready()
    }

    fn act(&mut self) {
        self.act();
    }

    fn acted(&mut self, at: Instant) {
        self.acted(at);
    }

    fn pending(&self, clock: &Clock<'_>) -> Option<Pending> {
        self.pending(clock)
    }

    fn phase(&self) -> usize {
        self.phase()
    }

    fn alias(&mut self, role: RoleId, name: &str, value: String) {
        self.alias(role, name, value);
    }

    fn value(&self, role: RoleId, name: &str) -> Option<&str> {
        self.value(role, name)
    }

    fn listener(&self, scenario: &Scenario, name: &str) -> Option<RoleId> {
        scenario.addresses().get(name).copied()
    }

    fn awaited(&self) -> Vec<usize> {
        self.awaited()
    }

    fn captures_of(&self, role: RoleId) -> Captures {
        self.captures_of(role)
    }
}
