//! What was expected of the roles, with what is known filled in.

use super::Case;
use crate::matcher::accepts;
use crate::pattern::Pattern;
use crate::transcript::{Expect, RoleId, Step, StepKind};
use crate::verdict::Failure;

/// A line that was expected of a role, with what is known filled in.
pub(super) struct Expected<'c> {
    pub(super) role: RoleId,
    pub(super) pattern: &'c Pattern,
    /// With `{name}` in the place of an unknown value.
    pub(super) text: String,
    /// For a sentence: with `…` in the place of an unknown value, as learners do not know the scenario's names.
    pub(super) quoted: String,
}

impl<'c> Case<'c> {
    /// The roles that the failure is about, the most important one first.
    pub(super) fn subjects(&self) -> Vec<RoleId> {
        match *self.failure {
            Failure::Line(role, _)
            | Failure::Ended(role, _)
            | Failure::TooLate(role)
            | Failure::Flood(role)
            | Failure::Spinning(role)
            | Failure::Noisy(role)
            | Failure::Leaked(role)
            | Failure::OpenToAll(role)
            | Failure::NotStarted(role, _)
            | Failure::Ambiguous(role) => vec![role],
            Failure::Stuck | Failure::Restless | Failure::Livelock | Failure::TimeLimit(_) | Failure::Machine(_) => {
                let mut roles = Vec::new();
                for step in self.awaited {
                    if let StepKind::Expect(role, _) = &self.scenario.transcript.steps[*step].kind
                        && !roles.contains(role)
                    {
                        roles.push(*role);
                    }
                }
                roles
            }
        }
    }

    /// The lines that were awaited when the run failed.
    pub(super) fn awaited_lines(&self) -> Vec<Expected<'c>> {
        let steps = &self.scenario.transcript.steps;
        let lines = self.awaited.iter().filter_map(|step| match &steps[*step].kind {
            StepKind::Expect(role, Expect::Line(pattern) | Expect::Unordered(pattern)) => {
                Some(self.line(*role, pattern))
            }
            _ => None,
        });
        lines.collect()
    }

    /// The lines that some steps of the scenario expect of a role.
    pub(super) fn lines_of(&self, role: RoleId, wanted: impl Fn(&Step) -> bool) -> Vec<Expected<'c>> {
        let expected = self.scenario.transcript.expected(role).filter(|(step, _)| wanted(step));
        expected.filter_map(|(_, expect)| Some(self.line(role, expect.pattern()?))).collect()
    }

    pub(super) fn line(&self, role: RoleId, pattern: &'c Pattern) -> Expected<'c> {
        let known = |name: &str| self.captures[role].get(name).cloned();
        let quoted = pattern.fill(&|name| Some(known(name).unwrap_or_else(|| "…".to_owned())));
        Expected { role, pattern, text: pattern.fill(&known), quoted }
    }

    /// Is this the line that a pattern expects of a role?
    pub(super) fn is_line(&self, role: RoleId, pattern: &Pattern, text: &str) -> bool {
        accepts(&self.scenario.transcript, &self.captures[role])(pattern, text)
    }
}
