//! How roles end in a composed transcript.

use std::collections::BTreeSet;

use super::{Composer, ExpectedByPhase, OutLine, RecordProblem};
use crate::matcher::Ending;
use crate::runs::{Recorded, RoleEvent};
use crate::transcript::{Action, Expect, RoleId};

impl<'s> Composer<'s> {
    /// Adds how each role ends, where it does; and who is still up at the end.
    pub(super) fn endings(&self, expected: &mut ExpectedByPhase) -> Result<(), RecordProblem> {
        let mut up: Vec<Option<usize>> = vec![None; self.roles().len()];
        let mut actions = self.script.scenario.transcript.actions();
        for (phase, outs) in expected.iter_mut().enumerate() {
            for (role, up) in up.iter_mut().enumerate() {
                if let Some(code) = self.ending(phase, role)? {
                    *up = None;
                    outs.entry(role).or_default().push(self.exit(phase, role, code));
                }
            }
            match actions.next() {
                Some((_, Action::Start(role, _))) => up[*role] = Some(phase + 1),
                Some((_, Action::Kill(role))) => up[*role] = None,
                _ => {}
            }
        }
        for (role, since) in up.into_iter().enumerate() {
            if let Some(since) = since {
                let (phase, out) = self.running(role, since, expected);
                expected[phase].entry(role).or_default().push(out);
            }
        }
        Ok(())
    }

    fn exit(&self, phase: usize, role: RoleId, code: i32) -> OutLine {
        match self.own_ending(phase, role) {
            Some((line, Expect::Exit(own))) if *own == code => OutLine::ending(Some(line), None),
            own => self.new_ending(own.map(|(line, _)| line), role, &format!("exit {code}")),
        }
    }

    /// Where the author says that a role is still up, if nothing of it comes later; else at the end.
    fn running(&self, role: RoleId, since: usize, expected: &ExpectedByPhase) -> (usize, OutLine) {
        let silent = |phase: &usize| expected[phase + 1..].iter().all(|outs| outs.get(&role).is_none_or(Vec::is_empty));
        let own = (since..=self.actions).filter(silent).find_map(|phase| {
            let (line, _) = self.own_ending(phase, role).filter(|(_, expect)| matches!(expect, Expect::Running))?;
            Some((phase, OutLine::ending(Some(line), None)))
        });
        own.unwrap_or_else(|| {
            let slot = self.own_ending(self.actions, role).map(|(line, _)| line);
            (self.actions, self.new_ending(slot, role, "running"))
        })
    }

    /// A new ending, in the place of another one: the remark behind that stays.
    fn new_ending(&self, slot: Option<usize>, role: RoleId, text: &str) -> OutLine {
        let old = slot.map_or("", |line| self.script.lines[line]);
        let remark = old.find(" #").map_or("", |at| &old[old[..at].trim_end().len()..]);
        OutLine::ending(slot, Some(format!("{}{remark}", self.script.line(role, '=', text))))
    }

    /// The code with which a role ended after an action, the same in all runs.
    fn ending(&self, phase: usize, role: RoleId) -> Result<Option<i32>, RecordProblem> {
        let code = |run: &Recorded| {
            run.observations.iter().find_map(|observation| match observation.what {
                RoleEvent::Ended(Ending::Exit(code)) if observation.phase == phase && observation.role == role => {
                    Some(code)
                }
                _ => None,
            })
        };
        let codes: BTreeSet<Option<i32>> = self.runs.iter().map(code).collect();
        if codes.len() <= 1 {
            return Ok(codes.into_iter().next().flatten());
        }
        let told = |code: &Option<i32>| code.map_or("not at all".to_owned(), |code| format!("with exit code {code}"));
        let ways = codes.iter().map(told).collect::<Vec<_>>().join(", or ");
        Err(RecordProblem {
            line: self.script.between(phase).start.checked_sub(1),
            message: format!("`{}` ends after this {ways}, as it happens", self.roles()[role]),
            help: "change the scenario so that the role always ends in the same way, at the same point".to_owned(),
            causes: Vec::new(),
        })
    }

    /// The line in which the author says how a role ends, after an action.
    fn own_ending(&self, phase: usize, role: RoleId) -> Option<(usize, &'s Expect)> {
        self.script.between(phase).find_map(|line| {
            let (who, expect) = self.script.expected_in(line)?;
            (who == role && matches!(expect, Expect::Exit(_) | Expect::Running)).then_some((line, expect))
        })
    }
}
