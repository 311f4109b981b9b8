//! Checks that the steps of a transcript can be carried out, each in its place.

use super::grammar::Cursor;
use super::{Action, Expect, Mention, RoleId, Step, StepKind, Transcript, TranscriptError};

/// At most this many lines in one unordered group: the matcher keeps a set of bits for it.
pub const MAX_GROUP: usize = 16;

/// Each role is started before it is used, not twice at a time, and its ending is stated. Lines below the ending of a
/// role could never happen.
pub(super) fn check(transcript: &Transcript, lines: &[&str]) -> Result<(), TranscriptError> {
    let cursor = |number: usize| Cursor { line: lines.get(number).copied().unwrap_or(""), number };
    if transcript.steps.is_empty() {
        let start = Mention { line: 0, column: 0, len: 1 };
        return Err(TranscriptError::new(start, "this transcript is empty", "begin with `$ role`"));
    }
    let mut roles: Vec<RoleLife<'_>> = transcript.roles.iter().map(|name| RoleLife::new(name)).collect();
    for step in &transcript.steps {
        if let Some(role) = role_of(step) {
            roles[role].step(step, cursor(step.line))?;
        }
    }
    for (role, mention) in roles.iter().zip(&transcript.mentions) {
        let name = role.name;
        match role.life {
            Life::Up(line) => {
                return Err(cursor(line).error(
                    format!("`{name}` is started, but nothing says how it ends"),
                    format!("add `{name} = exit 0`, or `{name} = running`"),
                ));
            }
            Life::NotYet => {
                let message = format!("`{name}` is named, but never started");
                return Err(TranscriptError::new(*mention, message, format!("add `$ {name}`")));
            }
            Life::Over | Life::Stays => {}
        }
    }
    Ok(())
}

/// The role whose life a step is about. A fault of a link is about none.
fn role_of(step: &Step) -> Option<RoleId> {
    match &step.kind {
        StepKind::Act(
            Action::Start(role, _)
            | Action::Type(role, _)
            | Action::EndInput(role)
            | Action::Kill(role)
            | Action::Pause(role)
            | Action::Resume(role)
            | Action::Nothing(Some(role), _),
        )
        | StepKind::Expect(role, _) => Some(*role),
        StepKind::Act(Action::Link(..) | Action::UntilStill(_) | Action::Nothing(None, _)) => None,
    }
}

/// A role while its transcript is read.
struct RoleLife<'t> {
    name: &'t str,
    life: Life,
    input_ended: bool,
    /// Paused in this line.
    paused: Option<usize>,
    /// The current unordered group: how many lines it has so far, and between which actions.
    group: usize,
    phase: usize,
}

#[derive(Clone, Copy)]
enum Life {
    NotYet,
    /// Started in this line.
    Up(usize),
    Over,
    /// Said to be running at the end.
    Stays,
}

impl<'t> RoleLife<'t> {
    fn new(name: &'t str) -> RoleLife<'t> {
        RoleLife { name, life: Life::NotYet, input_ended: false, paused: None, group: 0, phase: 0 }
    }

    fn step(&mut self, step: &Step, at: Cursor<'_>) -> Result<(), TranscriptError> {
        if matches!(step.kind, StepKind::Act(Action::Start(..))) {
            return self.start(at);
        }
        self.check_up(at)?;
        match &step.kind {
            StepKind::Act(Action::Kill(_)) => (self.life, self.paused) = (Life::Over, None),
            StepKind::Expect(_, Expect::Exit(_)) if self.paused.is_none() => self.life = Life::Over,
            StepKind::Expect(_, Expect::Running) => self.life = Life::Stays,
            StepKind::Act(Action::Pause(_)) if self.paused.is_some() => {
                let message = format!("`{}` is paused already", self.name);
                return Err(at.error(message, format!("add `! resume {}` above this line", self.name)));
            }
            StepKind::Act(Action::Pause(_)) => self.paused = Some(at.number),
            StepKind::Act(Action::Resume(_)) if self.paused.take().is_none() => {
                let message = format!("`{}` is not paused here", self.name);
                return Err(at.error(message, format!("add `! pause {}` above this line", self.name)));
            }
            StepKind::Expect(_, Expect::Line(_) | Expect::Unordered(_) | Expect::Exit(_))
            | StepKind::Act(Action::Nothing(..))
                if self.paused.is_some() =>
            {
                let message = format!("`{}` is paused here, and can do nothing", self.name);
                return Err(at.error(message, format!("add `! resume {}` above this line", self.name)));
            }
            StepKind::Act(Action::Type(..)) => self.check_input(at)?,
            StepKind::Act(Action::EndInput(_)) => {
                self.check_input(at)?;
                self.input_ended = true;
            }
            _ => {}
        }
        match &step.kind {
            StepKind::Expect(_, expect) => self.check_group(expect, step.phase, at),
            StepKind::Act(_) => Ok(()),
        }
    }

    fn start(&mut self, at: Cursor<'_>) -> Result<(), TranscriptError> {
        match self.life {
            Life::Up(_) => Err(at.error(
                format!("`{}` is already up here", self.name),
                "say how it ended, or kill it, before it starts again",
            )),
            Life::Stays => self.check_up(at),
            Life::NotYet | Life::Over => {
                self.life = Life::Up(at.number);
                self.input_ended = false;
                Ok(())
            }
        }
    }

    fn check_up(&self, at: Cursor<'_>) -> Result<(), TranscriptError> {
        let name = self.name;
        match self.life {
            Life::Up(_) => Ok(()),
            Life::NotYet => {
                Err(at.error(format!("`{name}` is not started yet"), format!("put `$ {name}` above this line")))
            }
            Life::Stays => Err(at.error(
                format!("`{name}` is said above to be running at the end"),
                format!("put this line above `{name} = running`"),
            )),
            Life::Over => Err(at.error(
                format!("`{name}` has already ended here"),
                format!("put this line above the ending of `{name}`"),
            )),
        }
    }

    fn check_input(&self, at: Cursor<'_>) -> Result<(), TranscriptError> {
        if self.input_ended {
            let message = format!("the input of `{}` has ended above", self.name);
            return Err(at.error(message, "put this line above the `^D`"));
        }
        Ok(())
    }

    /// A group consists of unordered lines of a role, with no action and no other line of the role in between.
    fn check_group(&mut self, expect: &Expect, phase: usize, at: Cursor<'_>) -> Result<(), TranscriptError> {
        self.group = match expect {
            Expect::Unordered(_) if self.phase == phase => self.group + 1,
            Expect::Unordered(_) => 1,
            _ => 0,
        };
        self.phase = phase;
        if self.group > MAX_GROUP {
            return Err(at.error(
                format!("more than {MAX_GROUP} lines in any order"),
                "split the group, or fix the order of some of its lines",
            ));
        }
        Ok(())
    }
}
