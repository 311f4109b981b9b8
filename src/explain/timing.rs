//! What came too early or too late, by the times that the transcript asks for.

use std::time::Duration;

use super::words::{shown, shown_bytes, told};
use super::{Case, Fact};
use crate::transcript::{Action, Break, Expect, LinkFault, RoleId, Step, StepKind};
use crate::verdict::Failure;

impl Case<'_> {
    /// What came too early, too late, or not in its time.
    pub(super) fn off_time(&self) -> Option<Fact> {
        let off_time = self.evidence.off_time?;
        let step = self.scenario.transcript.steps.get(off_time.step)?;
        match &step.kind {
            StepKind::Expect(role, expect) if !matches!(expect, Expect::Running) => {
                Some(Fact::new("too-late", self.too_late(*role, off_time.step, off_time.took)?))
            }
            StepKind::Expect(role, _) => {
                Some(Fact::new("too-early", self.too_early(Some(*role), None, step.time?, off_time.took)?))
            }
            StepKind::Act(Action::Nothing(role, time)) => {
                let after = self.scenario.transcript.steps[..off_time.step].iter().rfind(|step| begins_time(step));
                Some(Fact::new("too-early", self.too_early(*role, after, *time, off_time.took)?))
            }
            StepKind::Act(_) => None,
        }
    }

    fn too_late(&self, role: RoleId, index: usize, took: Duration) -> Option<String> {
        let step = &self.scenario.transcript.steps[index];
        let (within, after) = (whole_seconds(step.time?), self.after(self.begins(role, index)));
        let who = self.subject(role);
        let took = seconds(took);
        Some(match (self.failure, &step.kind) {
            (Failure::Line(role, line), _) => {
                let text = shown_bytes(&self.evidence.outputs[*role].lines.get(*line)?.bytes);
                format!("{who} printed «{text}» {took} after {after}: it has to come within {within}.")
            }
            (Failure::Ended(_, ending), _) => {
                format!("{who} {} {took} after {after}: it has to end within {within}.", told(*ending))
            }
            (_, StepKind::Expect(_, Expect::Exit(_))) => {
                format!("{who} has to end within {within} after {after}, and had not after {took}.")
            }
            (_, StepKind::Expect(_, expect)) => {
                let text = shown(&self.line(role, expect.pattern()?).quoted);
                format!("{who} has to print «{text}» within {within} after {after}, and had not after {took}.")
            }
            _ => return None,
        })
    }

    /// A line came in a silence: of this role alone, if one is given.
    fn too_early(&self, of: Option<RoleId>, after: Option<&Step>, time: Duration, took: Duration) -> Option<String> {
        let Failure::Line(role, line) = *self.failure else { return None };
        let text = shown_bytes(&self.evidence.outputs[role].lines.get(line)?.bytes);
        let whom = if of.is_some() { "it" } else { "any program" };
        let after = after.map_or("everything else".to_owned(), |step| self.after(Some(step)));
        Some(format!(
            "{} printed «{text}» {} after {after}: for {}, nothing may come from {whom}.",
            self.subject(role),
            seconds(took),
            whole_seconds(time)
        ))
    }

    /// What the time of an expectation begins with: the last thing of its role above it that has to come, or the last
    /// action.
    fn begins(&self, role: RoleId, index: usize) -> Option<&Step> {
        let steps = &self.scenario.transcript.steps;
        let in_a_group = |step: &Step| matches!(step.kind, StepKind::Expect(_, Expect::Unordered(_)));
        // The lines of a group have one beginning.
        let mut group = in_a_group(&steps[index]);
        steps[..index].iter().rev().find(|step| match &step.kind {
            StepKind::Act(_) => true,
            StepKind::Expect(other, _) if *other == role => {
                group &= in_a_group(step);
                !group && begins_time(step)
            }
            StepKind::Expect(..) => false,
        })
    }

    /// A step as the beginning of a time, behind "after".
    fn after(&self, step: Option<&Step>) -> String {
        let Some(step) = step else { return "the start".to_owned() };
        let name = |role: &RoleId| self.name(*role);
        match &step.kind {
            StepKind::Expect(role, Expect::Exit(_) | Expect::Running | Expect::Elided) => {
                format!("the end of {}", name(role))
            }
            StepKind::Expect(role, Expect::Line(text) | Expect::Unordered(text) | Expect::Optional(text)) => {
                format!("«{}»", shown(&self.line(*role, text).quoted))
            }
            StepKind::Act(Action::Type(role, text)) => {
                format!("«{}» was typed into {}", shown(&self.line(*role, text).quoted), name(role))
            }
            StepKind::Act(Action::Start(role, _)) => format!("{} was started", name(role)),
            StepKind::Act(Action::EndInput(role)) => format!("the input of {} ended", name(role)),
            StepKind::Act(Action::Kill(role)) => format!("{} was killed", name(role)),
            StepKind::Act(Action::Pause(role)) => format!("{} was paused", name(role)),
            StepKind::Act(Action::Resume(role)) => format!("{} was resumed", name(role)),
            StepKind::Act(Action::Link(fault, _)) => format!("the link was {}", fault_done(*fault)),
            StepKind::Act(Action::UntilStill(_)) => "all programs were at rest".to_owned(),
            StepKind::Act(Action::Nothing(_, time)) => format!("a silence of {}", whole_seconds(*time)),
        }
    }
}

/// Can the time of what stands below begin with this step? What may be missing begins nothing.
fn begins_time(step: &Step) -> bool {
    !matches!(step.kind, StepKind::Expect(_, Expect::Optional(_) | Expect::Elided | Expect::Running))
}

fn fault_done(fault: LinkFault) -> &'static str {
    match fault {
        LinkFault::Break(Break::Cut, _) => "cut",
        LinkFault::Break(Break::End, _) => "ended",
        LinkFault::Stall => "stalled",
        LinkFault::Heal => "healed",
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn whole_seconds(time: Duration) -> String {
    format!("{} s", time.as_secs())
}
