//! Checks that every name in a transcript is captured before it is used, and that every fault has its link.

use std::collections::BTreeMap;

use super::{ALWAYS_GIVEN, Role, Scenario};
use crate::error::{Error, Result};
use crate::pattern::{Pattern, Type};
use crate::transcript::{Action, After, Expect, LinkFault, LinkName, Step, StepKind};
use crate::yaml::Source;

/// Checks the names and the faults of one scenario.
pub(super) struct NameCheck<'s, 't> {
    scenario: &'s Scenario,
    roles: &'s [Role],
    /// The file, and where the transcript is in it.
    at: (&'s Source<'t>, &'s str),
    links: Vec<LinkName>,
    known: BTreeMap<&'s str, Made>,
}

/// Whether a name has a value once the lines that name it are behind. The lesser is the surer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Made {
    /// It was given, or stands in a line that is always waited for.
    Surely,
    /// It stands only in lines that may be missing.
    Perhaps,
}

/// A capture of a pattern: its name, its type where it has one, its column.
type Capture<'p> = (&'p str, Option<&'p Type>, usize);

impl<'s, 't> NameCheck<'s, 't> {
    pub(super) fn new(scenario: &'s Scenario, roles: &'s [Role], at: (&'s Source<'t>, &'s str)) -> Self {
        let given = scenario.given.keys().map(String::as_str).chain(ALWAYS_GIVEN);
        let known = given.map(|name| (name, Made::Surely)).collect();
        NameCheck { scenario, roles, at, links: scenario.links(roles), known }
    }

    pub(super) fn check(mut self) -> Result<()> {
        let Scenario { transcript, .. } = self.scenario;
        for step in &transcript.steps {
            match &step.kind {
                StepKind::Act(Action::Start(role, own)) => {
                    let args = self.scenario.args(*role, own.as_ref(), self.roles);
                    args.iter().enumerate().try_for_each(|(index, arg)| self.uses(arg, step, index))?;
                }
                StepKind::Act(Action::Type(_, text)) => self.uses(text, step, 0)?,
                StepKind::Act(Action::Link(fault, link)) => self.link(*fault, *link, step)?,
                StepKind::Expect(_, Expect::Line(p) | Expect::Unordered(p)) => self.makes(p, step, Made::Surely)?,
                StepKind::Expect(_, Expect::Optional(p)) => self.makes(p, step, Made::Perhaps)?,
                StepKind::Act(_) | StepKind::Expect(..) => {}
            }
        }
        Ok(())
    }

    /// A text that the runner writes: it can use captures, not make them. It is the step's
    /// pattern number `index`, or comes from the stage.
    fn uses(&self, pattern: &Pattern, step: &Step, index: usize) -> Result<()> {
        for capture in pattern.names() {
            let (name, ty, _) = capture;
            let (message, help) = match (ty, self.known.get(name)) {
                (None, Some(Made::Surely)) => continue,
                (Some(_), _) => (
                    format!("`{{{name}:…}}` can't be captured from what the runner writes"),
                    format!("write `{{{name}}}`, and capture it from a line that a role prints"),
                ),
                (None, Some(Made::Perhaps)) => (
                    format!("`{{{name}}}` is needed here, but captured only in a line that may be missing"),
                    "write that line with `|` instead of `?`".to_owned(),
                ),
                (None, None) => self.too_early(name, step),
            };
            return Err(self.error_in(step, index, capture, message, help));
        }
        Ok(())
    }

    /// What to say of a name that the runner needs, and no line above makes.
    fn too_early(&self, name: &str, step: &Step) -> (String, String) {
        let by_default = match step.kind {
            StepKind::Act(Action::Start(role, None)) => Some(&self.scenario.transcript.roles[role]),
            _ => None,
        };
        let message = match by_default {
            Some(role) => format!("`{role}` needs `{{{name}}}` to start, which no line above has captured"),
            None => format!("`{{{name}}}` is used before a line captures it"),
        };
        let is_later = self.scenario.addresses().contains_key(name);
        let help = match (is_later, by_default) {
            (true, Some(_)) => "it is captured further down: start the role that prints it first; two roles that need \
                each other's address can't be started at all"
                .to_owned(),
            (true, None) => "move the line that captures it above this one".to_owned(),
            _ => format!("capture it, as in `role | listening on {{{name}:address}}`, or give it under `let:`"),
        };
        (message, help)
    }

    /// A line that a role prints: the first place of a name has its type, the others have none.
    /// A line that is always waited for makes the name sure, whether it has the type or not.
    fn makes(&mut self, pattern: &'s Pattern, step: &Step, made: Made) -> Result<()> {
        for capture in pattern.names() {
            let (name, ty, _) = capture;
            let (message, help) = match (ty, self.known.contains_key(name)) {
                (Some(_), true) => (
                    format!("`{name}` is captured a second time"),
                    format!("write `{{{name}}}` to say that it is the same, or take another name"),
                ),
                (None, false) => (
                    format!("`{{{name}}}` is used before a line captures it"),
                    format!("give it a type where it comes first, as in `{{{name}:word}}`"),
                ),
                (None, true) if self.scenario.given.get(name).is_some_and(|value| value.contains('\n')) => (
                    format!("`{{{name}}}` has several lines, and a role prints one at a time"),
                    "write each of its lines".to_owned(),
                ),
                _ => {
                    self.known.entry(name).and_modify(|known| *known = (*known).min(made)).or_insert(made);
                    continue;
                }
            };
            return Err(self.error_in(step, 0, capture, message, help));
        }
        Ok(())
    }

    fn link(&self, fault: LinkFault, named: Option<LinkName>, step: &Step) -> Result<()> {
        let roles = &self.scenario.transcript.roles;
        let show = |link: &LinkName| format!("`{}-{}`", roles[link.dialer], roles[link.listener]);
        let all = self.links.iter().map(show).collect::<Vec<_>>().join(", ");
        let link = match (named, self.links.as_slice()) {
            (Some(link), links) if links.contains(&link) => link,
            (None, [only]) => *only,
            (_, []) => {
                let help = "a link is made where a role is handed an address that another one printed";
                return Err(self.error(step, "there is no link in this scenario", help));
            }
            (Some(_), _) => {
                let help = format!("the links are: {all}");
                return Err(self.error(step, "there is no such link in this scenario", help));
            }
            (None, _) => return Err(self.error(step, "which link?", format!("say `link` and one of: {all}"))),
        };
        match fault {
            LinkFault::Break(_, Some(After { from, .. })) if from != link.dialer && from != link.listener => {
                let message = format!("`{}` is not at an end of this link", roles[from]);
                Err(self.error(step, message, format!("the link is {}", show(&link))))
            }
            _ => Ok(()),
        }
    }

    /// An error about a capture in the step's pattern number `index`. Where the pattern comes
    /// from the stage, the line has no such part, and is meant as a whole.
    fn error_in(&self, step: &Step, index: usize, capture: Capture<'_>, message: String, help: String) -> Error {
        let Some(start) = step.columns.get(index) else { return self.error(step, message, help) };
        let (name, ty, column) = capture;
        let written = ty.map_or_else(|| format!("{{{name}}}"), |ty| format!("{{{name}:{ty}}}"));
        self.error_at(step, (start + column - 1, written.chars().count()), message, help)
    }

    /// An error about a whole line.
    fn error(&self, step: &Step, message: impl Into<String>, help: impl Into<String>) -> Error {
        let line = self.scenario.text.lines().nth(step.line).unwrap_or("");
        let indent = line.chars().take_while(|c| c.is_whitespace()).count();
        self.error_at(step, (indent, line.trim().chars().count()), message, help)
    }

    fn error_at(
        &self,
        step: &Step,
        (column, len): (usize, usize),
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Error {
        let at = self.at.0.place_in_block(self.at.1, step.line, column, len);
        Error::new(message).at(at).help(help)
    }
}
