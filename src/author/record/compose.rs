//! Composes a transcript from what was seen in several runs.
//!
//! Lines of the author that still fit stay: all expectations of a role between two actions, if all of them fit, or
//! else those that do. New lines are put where they happened.

mod endings;

use std::collections::{BTreeMap, BTreeSet};

use super::merge::{Entry, Mark, merge};
use super::names::CaptureNames;
use super::script::{OutLine, Script, ScriptLine};
use super::slots::{generalise, outline};
use crate::course::{Scenario, Stage};
use crate::matcher::{Captures, Matcher, declared_types};
use crate::pattern::{NO_NEWLINE, NO_NEWLINE_WRITTEN, Pattern, Piece, written};
use crate::runs::{Recorded, RoleEvent};
use crate::transcript::{Action, Expect, RoleId, StepKind, Transcript};

/// More lines than this of one role between two actions are not recorded.
const MAX_LINES: usize = 500;

/// Why runs can't be written as a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordProblem {
    /// The author's line that it is about, from 0.
    pub line: Option<usize>,
    /// What is in the way.
    pub message: String,
    /// What to do.
    pub help: String,
    /// What the roles said about it.
    pub causes: Vec<String>,
}

/// The lines of the transcript that all of these runs fit. They are those of the scenario, each to
/// its end; the scenario's own transcript may be a draft.
///
/// # Errors
/// What was seen can't be written down.
pub fn compose(stage: &Stage, scenario: &Scenario, runs: &[Recorded]) -> Result<Vec<ScriptLine>, RecordProblem> {
    let mut first = None;
    for keep in [true, false] {
        match (Composer { keep, ..Composer::new(stage, scenario, runs) }).compose() {
            Ok(lines) if fits(&text_of(scenario, &lines), runs) => return Ok(lines),
            Ok(_) => {}
            Err(problem) => first = first.or(Some(problem)),
        }
    }
    Err(first.unwrap_or_else(|| RecordProblem {
        line: None,
        message: "what the roles print differs from run to run in a way that no transcript says".to_owned(),
        help: "write the lines that matter yourself, and `role | ...` for the others".to_owned(),
        causes: Vec::new(),
    }))
}

/// The text of a new transcript.
pub fn text_of(scenario: &Scenario, lines: &[ScriptLine]) -> String {
    let own: Vec<&str> = scenario.text.lines().collect();
    lines
        .iter()
        .map(|line| match line {
            ScriptLine::Kept(number) => format!("{}\n", own[*number]),
            ScriptLine::New(text) => format!("{text}\n"),
        })
        .collect()
}

/// Does the matcher accept all runs?
pub fn fits(text: &str, runs: &[Recorded]) -> bool {
    let Ok(transcript) = Transcript::parse(text) else { return false };
    runs.iter().all(|run| fits_run(&transcript, run).is_some())
}

fn fits_run(transcript: &Transcript, run: &Recorded) -> Option<()> {
    let mut matcher = Matcher::new(transcript, run.given.clone());
    let actions = transcript.actions().count();
    for phase in 0..=actions {
        for handed in run.handed.iter().filter(|handed| handed.phase == phase) {
            matcher.alias(handed.role, &handed.name, handed.value.clone());
        }
        for observation in run.observations.iter().filter(|observation| observation.phase == phase) {
            match &observation.what {
                RoleEvent::Line(text) => matcher.line(observation.role, text).ok()?,
                RoleEvent::Ended(ending) => matcher.ended(observation.role, *ending).ok()?,
            }
        }
        matcher.ready().then_some(())?;
        if phase < actions {
            matcher.act();
        }
    }
    Some(())
}

/// What is expected of each role after each action.
type ExpectedByPhase = Vec<BTreeMap<RoleId, Vec<OutLine>>>;

struct Composer<'s> {
    script: Script<'s>,
    runs: &'s [Recorded],
    names: CaptureNames,
    /// Keep what the author has written, where it fits.
    keep: bool,
    /// How many actions there are.
    actions: usize,
}

/// A line that is to be written: the author's, or a new one.
enum Choice {
    Kept(OutLine),
    Fresh(Entry, Option<usize>),
}

impl<'s> Composer<'s> {
    fn new(stage: &Stage, scenario: &'s Scenario, runs: &'s [Recorded]) -> Composer<'s> {
        let names = CaptureNames::new(runs, declared_types(&scenario.transcript), &used_names(stage, scenario));
        let actions = scenario.transcript.actions().count();
        Composer { script: Script::new(scenario), runs, names, keep: true, actions }
    }

    fn compose(mut self) -> Result<Vec<ScriptLine>, RecordProblem> {
        let mut choices = Vec::new();
        for phase in 0..=self.actions {
            for role in self.order(phase) {
                choices.push((phase, role, self.choose(phase, role)?));
            }
        }
        let mut expected: ExpectedByPhase = vec![BTreeMap::new(); self.actions + 1];
        for (phase, role, chosen) in choices {
            let outs: Vec<OutLine> = chosen.into_iter().map(|choice| self.write(role, choice)).collect();
            expected[phase].insert(role, outs);
        }
        self.endings(&mut expected)?;
        let mut lines = Vec::new();
        for (phase, mut outs) in expected.into_iter().enumerate() {
            let actions = self.script.between(phase);
            lines.extend((phase > 0).then(|| ScriptLine::Kept(actions.start - 1)));
            let order = self.order(phase);
            let outs = order.into_iter().filter_map(|role| Some((role, outs.remove(&role)?))).collect();
            lines.extend(self.script.weave(phase, outs));
        }
        Ok(self.with_types(lines))
    }

    fn roles(&self) -> &'s [String] {
        &self.script.scenario.transcript.roles
    }

    /// The roles in the order in which the author has them after an action, then the others.
    fn order(&self, phase: usize) -> Vec<RoleId> {
        let written = self.script.between(phase).filter_map(|line| self.script.expected_in(line)).map(|(role, _)| role);
        let mut order = Vec::new();
        for role in written.chain(0..self.roles().len()) {
            if !order.contains(&role) {
                order.push(role);
            }
        }
        order
    }

    /// What a role printed after an action, in each run.
    fn printed(&self, phase: usize, role: RoleId) -> Vec<Vec<String>> {
        let lines = |run: &Recorded| {
            let observation =
                run.observations.iter().filter(|observation| observation.phase == phase && observation.role == role);
            observation
                .filter_map(
                    |observation| if let RoleEvent::Line(text) = &observation.what { Some(text.clone()) } else { None },
                )
                .collect()
        };
        self.runs.iter().map(lines).collect()
    }

    fn choose(&mut self, phase: usize, role: RoleId) -> Result<Vec<Choice>, RecordProblem> {
        let printed = self.printed(phase, role);
        let own: Vec<usize> = self
            .script
            .between(phase)
            .filter(|line| {
                let expected = self.script.expected_in(*line);
                expected
                    .is_some_and(|(who, expect)| who == role && !matches!(expect, Expect::Exit(_) | Expect::Running))
            })
            .collect();
        if self.keep && !own.is_empty() && self.keeps(role, &own, &printed) {
            return Ok(own.into_iter().map(|line| Choice::Kept(OutLine::kept(line))).collect());
        }
        let problem = |message: String, help: &str| RecordProblem {
            line: self.script.between(phase).start.checked_sub(1),
            message,
            help: help.to_owned(),
            causes: Vec::new(),
        };
        let name = &self.roles()[role];
        if let Some(count) = printed.iter().map(Vec::len).find(|count| *count > MAX_LINES) {
            let message = format!("`{name}` prints {count} lines after this");
            return Err(problem(message, "write the lines that matter, and `role | ...` for the others"));
        }
        if let Some(line) = printed.iter().flatten().find(|line| line.chars().any(is_unwritable)) {
            let message = format!(
                "`{name}` prints a line after this that has a control character in it, which no YAML file can have: \
                 `{}`",
                crate::pattern::escape(line.as_bytes())
            );
            return Err(problem(message, "write the line yourself, with `{name:text}` where the character is"));
        }
        let names = &self.names;
        let entries = merge(&printed, &|run, text| outline(text, &|value| names.name_of(role, run, value)));
        let entries = entries.ok_or_else(|| {
            let message =
                format!("what `{name}` prints after this differs from run to run in a way that no transcript says");
            problem(message, "write the lines that matter, and `role | ...` for the others")
        })?;
        Ok(self.align(role, &own, entries))
    }

    /// Does all that the author expects here fit in every run? Then it says what its names are.
    fn keeps(&mut self, role: RoleId, own: &[usize], printed: &[Vec<String>]) -> bool {
        let name = &self.roles()[role];
        let mut text = format!("$ {name}\n");
        own.iter().for_each(|line| text.push_str(&format!("{}\n", self.script.lines[*line])));
        text.push_str(&format!("{name} = running\n"));
        let Ok(transcript) = Transcript::parse(&text) else { return false };
        // Types that are written elsewhere count here, too.
        let elsewhere = |name: &str| !declared_types(&transcript).contains_key(name);
        let mut learned = Vec::new();
        for (run, lines) in printed.iter().enumerate() {
            let known = self.names.known_to(role, run);
            let mut matcher = Matcher::new(&transcript, known.clone());
            matcher.act();
            if !lines.iter().all(|line| matcher.line(0, line).is_ok()) || !matcher.ready() {
                return false;
            }
            let captured: Captures =
                matcher.captures().into_iter().filter(|(name, _)| !known.contains_key(name)).collect();
            let typed = |(name, value): (&String, &String)| {
                !elsewhere(name) || self.names.types.get(name).is_some_and(|ty| ty.accepts(value))
            };
            if !captured.iter().all(typed) {
                return false;
            }
            learned.push(captured);
        }
        learned.into_iter().enumerate().for_each(|(run, captured)| self.names.learn(run, captured));
        true
    }

    /// Finds the author's lines among those that were printed.
    fn align(&mut self, role: RoleId, own: &[usize], entries: Vec<Entry>) -> Vec<Choice> {
        let patterns: Vec<(usize, &'s Pattern, Mark)> = own
            .iter()
            .filter(|_| self.keep)
            .filter_map(|line| match self.script.expected_in(*line)?.1 {
                Expect::Line(pattern) => Some((*line, pattern, Mark::Line)),
                Expect::Unordered(pattern) => Some((*line, pattern, Mark::Unordered)),
                Expect::Optional(pattern) => Some((*line, pattern, Mark::Optional)),
                _ => None,
            })
            .collect();
        let pairs = best_pairs(patterns.len(), entries.len(), &|p, e| {
            let (_, pattern, _) = patterns[p];
            self.captures(pattern, role, &entries[e]).map_or(0, |_| if pattern.is_blanket() { 1 } else { 3 })
        });
        let mut pairs = pairs.into_iter().peekable();
        let mut choices = Vec::new();
        for (e, entry) in entries.into_iter().enumerate() {
            let found = pairs.next_if(|(_, other)| *other == e).map(|(p, _)| patterns[p]);
            let Some((line, pattern, mark)) = found else {
                self.names.sketch(role, &generalise(&entry.texts));
                choices.push(Choice::Fresh(entry, None));
                continue;
            };
            let Some(captured) = self.captures(pattern, role, &entry) else {
                choices.push(Choice::Fresh(entry, Some(line)));
                continue;
            };
            captured.into_iter().for_each(|(run, captured)| self.names.learn(run, captured));
            // What the author expects less strictly stays so.
            let mark = if entry.mark == Mark::Line { mark } else { entry.mark };
            let text = self.script.marked(line, mark.char());
            choices.push(Choice::Kept(OutLine { text, ..OutLine::kept(line) }));
        }
        choices
    }

    /// What an author's line captures in each run that has the line, if it matches in all.
    fn captures(&self, pattern: &Pattern, role: RoleId, entry: &Entry) -> Option<Vec<(usize, Captures)>> {
        let present = entry.texts.iter().enumerate().filter_map(|(run, text)| Some((run, text.as_deref()?)));
        present.map(|(run, text)| Some((run, self.names.captures(pattern, role, run, text)?))).collect()
    }

    fn write(&mut self, role: RoleId, choice: Choice) -> OutLine {
        let (entry, slot) = match choice {
            Choice::Kept(out) => return out,
            Choice::Fresh(entry, slot) => (entry, slot),
        };
        let pattern = self.names.pattern(role, &self.roles()[role], &generalise(&entry.texts));
        // Behind `|`, three dots stand for any lines.
        let looks_elided = pattern.find(" #").map_or(pattern.as_str(), |at| &pattern[..at]).trim_end() == "...";
        let mark = if looks_elided && entry.mark == Mark::Line { Mark::Unordered } else { entry.mark };
        OutLine {
            slot,
            text: Some(self.script.line(role, mark.char(), &pattern.replace(NO_NEWLINE, NO_NEWLINE_WRITTEN))),
            is_ending: false,
        }
    }

    /// The first place of a name has its type, and no other one has.
    fn with_types(&self, lines: Vec<ScriptLine>) -> Vec<ScriptLine> {
        let mut typed = BTreeSet::new();
        let text = text_of(self.script.scenario, &lines);
        let Ok(transcript) = Transcript::draft(&text) else { return lines };
        let mut lines: Vec<ScriptLine> = lines;
        for step in &transcript.steps {
            let StepKind::Expect(_, expect) = &step.kind else { continue };
            let Some(p) = expect.pattern() else { continue };
            let mut out = String::new();
            for piece in p.pieces() {
                match piece {
                    Piece::Literal(text) => out.push_str(&written(text)),
                    Piece::Capture { name, ty, .. } => {
                        let ty = ty
                            .as_ref()
                            .or_else(|| self.names.types.get(name))
                            .filter(|_| !self.names.is_given(name) && typed.insert(name.clone()));
                        out.push_str(&ty.map_or_else(|| format!("{{{name}}}"), |ty| format!("{{{name}:{ty}}}")));
                    }
                }
            }
            let old = text.lines().nth(step.line).unwrap_or_default();
            if out != p.to_string()
                && let Some(at) = step.columns.first()
            {
                let head: String = old.chars().take(*at).collect();
                lines[step.line] = ScriptLine::New(format!("{}{out}", head.trim_start()));
            }
        }
        lines
    }
}

/// Names that the actions use.
pub(super) fn used_names(stage: &Stage, scenario: &Scenario) -> BTreeSet<String> {
    let texts = scenario.transcript.actions().flat_map(|(_, action)| match action {
        Action::Start(role, own) => scenario.args(*role, own.as_ref(), &stage.roles),
        Action::Type(_, text) => std::slice::from_ref(text),
        _ => &[],
    });
    texts.flat_map(Pattern::names).map(|(name, ..)| name.to_owned()).collect()
}

/// What a YAML file may not have, or what would end its line.
fn is_unwritable(c: char) -> bool {
    (c.is_control() && c != '\t') || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Pairs of the elements of two lists, in the order of both, with the highest sum of worth.
fn best_pairs(ones: usize, others: usize, worth: &dyn Fn(usize, usize) -> u32) -> Vec<(usize, usize)> {
    let mut best = vec![vec![0; others + 1]; ones + 1];
    let worth: Vec<Vec<u32>> = (0..ones).map(|one| (0..others).map(|other| worth(one, other)).collect()).collect();
    for one in (0..ones).rev() {
        for other in (0..others).rev() {
            let skip = best[one + 1][other].max(best[one][other + 1]);
            let pair = if worth[one][other] > 0 { worth[one][other] + best[one + 1][other + 1] } else { 0 };
            best[one][other] = skip.max(pair);
        }
    }
    let (mut one, mut other, mut pairs) = (0, 0, Vec::new());
    while one < ones && other < others {
        if worth[one][other] > 0 && best[one][other] == worth[one][other] + best[one + 1][other + 1] {
            pairs.push((one, other));
            (one, other) = (one + 1, other + 1);
        } else if best[one][other] == best[one + 1][other] {
            one += 1;
        } else {
            other += 1;
        }
    }
    pairs
}
