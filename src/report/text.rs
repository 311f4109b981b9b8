//! For people: progress while it happens, and the verdict.

use std::time::Duration;

use colored::Colorize;

use super::spinner::Spinner;
use super::{plain, print, run, width, wrap, wrap_hanging};
use crate::course::{Party, Rule, Scenario, Stage};
use crate::event::{Event, Reporter};
use crate::pattern::{counted, shorten};
use crate::verdict::{Failed, RuleState, Run, StageVerdict};

/// The reporter for a terminal, or for a pipe that a person reads later.
pub struct TextReporter {
    verbose: bool,
    spinner: Spinner,
    seed: u64,
    /// Which of several stages it is, as a prefix.
    turn: String,
    /// The stage, and whose programs are being built.
    building: String,
    /// The stage whose runs are executed.
    stage: String,
    /// How many of its rules were kept last time.
    kept_before: Option<usize>,
}

impl TextReporter {
    /// `verbose` shows every failed run in full.
    pub fn new(verbose: bool) -> Self {
        let spinner = Spinner::default();
        let [turn, building, stage] = [const { String::new() }; 3];
        TextReporter { verbose, spinner, seed: 0, turn, building, stage, kept_before: None }
    }
}

impl Reporter for TextReporter {
    fn tell(&mut self, event: &Event<'_>) {
        match event {
            Event::Turn { number, of } => self.turn = format!("{number} of {of}, "),
            Event::LastTime { kept } => self.kept_before = Some(*kept),
            Event::Waiting(Some(why)) => self.spinner.say((*why).to_owned()),
            Event::Waiting(None) => self.spinner.done(),
            Event::Building { stage, party } => {
                self.building = format!("{}{stage}: building {}", self.turn, whose(*party));
                self.spinner.say(self.building.clone());
            }
            Event::BuildProgress { done, total, what, .. } => {
                if self.spinner.turns() {
                    self.spinner.say(format!("{} {}", self.building, build_progress(*done, *total, what)));
                }
            }
            Event::BuildLine(line) => {
                if !line.trim().is_empty() && self.spinner.turns() {
                    self.spinner.say(shorten(&progress_line(line), width().saturating_sub(16)));
                }
            }
            Event::Built { .. } => self.spinner.done(),
            Event::NotBuilt { stage, party, output } => {
                self.spinner.done();
                print(&not_built(stage, *party, output));
            }
            Event::Verifying { stage, seed, runs } => {
                self.seed = *seed;
                self.stage = format!("{}{}", self.turn, stage.name);
                if *runs > 1 {
                    self.spinner.say(format!("{}: {}", self.stage, counted(*runs, "run")));
                }
            }
            Event::RunOver { done, total, .. } => {
                if self.spinner.turns() && done.is_multiple_of(8) {
                    self.spinner.say(format!("{}: {done} of {total} runs", self.stage));
                }
            }
            Event::StageOver { stage, verdict } => {
                self.spinner.done();
                print(&self.verdict(stage, verdict));
                self.kept_before = None;
            }
            Event::Over { .. } => self.spinner.done(),
        }
    }
}

impl TextReporter {
    fn verdict(&self, stage: &Stage, verdict: &StageVerdict) -> String {
        let total = verdict.runs.len();
        let failed = verdict.failed().count();
        let seconds = verdict.took.as_secs_f64();
        let mut out = String::new();
        let not_run = verdict.not_run().count();
        if let Some((run, _)) = verdict.shown() {
            out.push_str(&self.failure(stage, verdict, run));
            out.push_str(&stability(verdict));
            if verdict.left_out > 0 {
                let skipped = counted(verdict.left_out, "more run");
                let line = format!("  {skipped} skipped, because the failed ones took long\n");
                out.push_str(&line.dimmed().to_string());
            }
            let line = format!(
                "✗ {}: {failed} of {} failed, in {seconds:.2} s (seed {})",
                stage.name,
                counted(total, "run"),
                self.seed
            );
            out.push_str(&format!("{}\n", line.red().bold()));
            out.push_str(&scenarios(stage, verdict, self.verbose));
            out.push_str(&rules(stage, verdict, self.kept_before));
        } else if not_run == 0 {
            out.push_str(&format!(
                "{}\n",
                format!("✓ {}: {} passed, in {seconds:.2} s", stage.name, all_runs(total)).green().bold()
            ));
            if self.verbose {
                out.push_str(&scenarios(stage, verdict, true));
            }
            out.push_str(&rules(stage, verdict, self.kept_before));
            out.push_str(&wrap(&what_was_run(verdict), width(), "  "));
        }
        // The command ends with an error that says what happened and what to do.
        if not_run > 0 {
            let others = match verdict.left_out {
                0 => String::new(),
                count => format!(" ({count} others were skipped)"),
            };
            let line = format!(
                "! {}: {not_run} of {} could not be executed{others}: no verdict",
                stage.name,
                counted(total, "run")
            );
            out.push_str(&format!("{}\n", line.yellow().bold()));
        }
        out
    }

    fn failure(&self, stage: &Stage, verdict: &StageVerdict, shown: &Run) -> String {
        let mut out = String::new();
        for (run, failed) in verdict.failed().filter(|(run, _)| self.verbose || run.id == shown.id) {
            let Ok(scenario) = stage.scenario(&run.id.scenario) else { continue };
            out.push_str(&format!("{} {}\n", "✗".red().bold(), run.id.to_string().bold()));
            out.push_str(&wrap(&run.id.about(&scenario.about), width(), "  "));
            out.push('\n');
            out.push_str(&wrap(&failed.because.say, width(), "  "));
            out.push_str(&busy(run));
            out.push_str(&not_kept(stage, scenario, failed));
            out.push('\n');
            out.push_str(&run::show(run, failed, scenario, width(), self.verbose));
            out.push('\n');
        }
        if !self.verbose {
            out.push_str(&others(verdict));
        }
        out
    }
}

/// The rules that a failed run tests, or those of them that its reason is about, and where the lesson teaches them.
fn not_kept(stage: &Stage, scenario: &Scenario, failed: &Failed) -> String {
    let own = stage.explanations.iter().find(|own| own.id == failed.because.id);
    let is_meant = |rule: &&Rule| own.is_none_or(|own| own.rules.is_empty() || own.rules.contains(&rule.id));
    let rules: Vec<&Rule> =
        stage.rules.iter().filter(|rule| scenario.rules.contains(&rule.id)).filter(is_meant).collect();
    let line = |rule: &&Rule| {
        let lesson = rule.lesson.as_ref().map(|heading| format!(" (lesson: {heading})")).unwrap_or_default();
        format!("{}: {}{lesson}", rule.id, rule.say)
    };
    match rules.as_slice() {
        [rule] => entry(&format!("Rule {}", line(rule))).cyan().to_string(),
        // Of several rules that a scenario tests, only its author could say which one a general reason is about.
        rules => rules.iter().map(|rule| entry(&format!("The run tests {}", line(rule))).cyan().to_string()).collect(),
    }
}

/// At most so many failed scenarios are named.
const MOST_NAMES: usize = 8;

/// Which scenarios passed; with `verbose` a line for each, in their order, with its runs.
fn scenarios(stage: &Stage, verdict: &StageVerdict, verbose: bool) -> String {
    let runs = |scenario: &Scenario| {
        let runs: Vec<&Run> = verdict.runs.iter().filter(|run| run.id.scenario == scenario.name).collect();
        (runs.iter().filter(|run| run.passed()).count(), runs.len())
    };
    let played: Vec<(&str, (usize, usize))> =
        stage.scenarios.iter().map(|scenario| (scenario.name.as_str(), runs(scenario))).collect();
    let played: Vec<_> = played.into_iter().filter(|(_, (_, all))| *all > 0).collect();
    let (passed, failed): (Vec<_>, Vec<_>) = played.iter().partition(|(_, (passed, all))| passed == all);
    if verbose {
        let line = |(name, (passed, all)): &(&str, (usize, usize))| match passed == all {
            true => format!("  {} {name}: {}\n", "✓".green(), counted(*all, "run")),
            false => format!("  {} {name}: {} of {} failed\n", "✗".red(), all - passed, counted(*all, "run")),
        };
        return played.iter().map(line).collect();
    }
    if played.len() < 2 {
        return String::new();
    }
    let title = format!("{} of {} scenarios passed", passed.len(), played.len());
    let names: Vec<&str> = failed.iter().map(|(name, _)| *name).take(MOST_NAMES).collect();
    let others = match failed.len() - names.len() {
        0 => String::new(),
        count => format!(" and {count} more (--verbose lists all)"),
    };
    match (passed.is_empty(), failed.is_empty()) {
        (true, _) => entry(&title),
        (false, false) => entry(&format!("{title}; failed: {}{others}", names.join(", "))),
        (false, true) => String::new(),
    }
}

/// How many rules are kept, and which are not; nothing when too few runs were executed to say so.
fn rules(stage: &Stage, verdict: &StageVerdict, before: Option<usize>) -> String {
    let rules = verdict.rules(stage);
    let of = |kept| rules.iter().filter(|(_, k)| *k == kept).map(|(rule, _)| rule.id.as_str()).collect::<Vec<_>>();
    let (kept, broken, untried) = (of(RuleState::Kept), of(RuleState::Broken), of(RuleState::Untried));
    let since = match before.filter(|_| untried.is_empty()) {
        Some(before) if kept.len() > before => format!(", {} more than last time", kept.len() - before),
        Some(before) if kept.len() < before => format!(", {} fewer than last time", before - kept.len()),
        _ => String::new(),
    };
    let mut text = match (kept.len(), broken.len()) {
        (0, 0) => return String::new(),
        (0, _) if untried.is_empty() => return entry(&format!("0 of {} rules kept{since}", rules.len())),
        // Only a part of the runs was selected.
        (0, _) => return entry(&format!("not kept: {}", broken.join(", "))),
        (all, 0) if untried.is_empty() => return format!("  all {all} rules kept\n"),
        (count, _) => entry(&format!("{count} of {} rules kept{since}: {}", rules.len(), kept.join(", "))),
    };
    for (what, ids) in [("not kept", broken), ("not fully tested", untried)] {
        if !ids.is_empty() {
            text.push_str(&entry(&format!("{what}: {}", ids.join(", "))));
        }
    }
    text
}

/// Programs have timeouts of their own: on a machine that is too busy, a correct program may give up.
fn busy(run: &Run) -> String {
    let (denied, took) = (run.evidence.denied, run.evidence.took);
    if denied < Duration::from_secs(1) || denied < took / 2 {
        return String::new();
    }
    let line = format!(
        "(The machine was busy: in {:.0} s the programs waited {:.0} s for a processor. Does the run also fail when \
         it is not?)",
        took.as_secs_f64(),
        denied.as_secs_f64()
    );
    wrap(&line, width(), "  ").yellow().to_string()
}

/// An entry of a list, with hanging indent.
fn entry(text: &str) -> String {
    wrap_hanging(text, width(), "  ", "    ")
}

/// Which other runs failed, and why, in a few lines.
fn others(verdict: &StageVerdict) -> String {
    let failed = verdict.failed().map(|(run, failed)| (failed.because.id.as_str(), run.id.to_string()));
    super::others(failed).iter().map(|line| entry(line).dimmed().to_string()).collect()
}

/// With repeats: how many passed, and what the failed runs have in common.
fn stability(verdict: &StageVerdict) -> String {
    let repeats = verdict.runs.iter().map(|run| run.id.repeat).max().map_or(1, |last| last + 1);
    if repeats < 2 {
        return String::new();
    }
    let whole = (0..repeats)
        .filter(|repeat| verdict.runs.iter().filter(|run| run.id.repeat == *repeat).all(Run::passed))
        .count();
    let mut out = format!("  {whole} of {repeats} repeats passed whole.\n");
    let mut shared: Vec<String> = Vec::new();
    let failed: Vec<&Run> = verdict.failed().map(|(run, _)| run).collect();
    let common = |of: &dyn Fn(&Run) -> String| {
        let first = failed.first().map(|run| of(run))?;
        failed.iter().all(|run| of(run) == first).then_some(first)
    };
    shared.extend(common(&|run| run.id.scenario.clone()).map(|name| format!("scenario {name}")));
    shared.extend(common(&|run| run.id.condition.name().to_owned()).map(|name| format!("condition {name}")));
    shared.extend(common(&|run| run.id.pairing.to_string()).map(|name| format!("pairing {name}")));
    shared.extend(
        common(&|run| run.failure().map(|failed| failed.because.id.clone()).unwrap_or_default())
            .map(|id| format!("reason {id}")),
    );
    let common = if shared.is_empty() { "nothing".to_owned() } else { shared.join(", ") };
    out.push_str(&format!("  The failed runs have in common: {common}.\n"));
    out
}

fn what_was_run(verdict: &StageVerdict) -> String {
    let distinct = |of: &dyn Fn(&Run) -> String| {
        let mut names: Vec<String> = Vec::new();
        for run in &verdict.runs {
            let name = of(run);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    };
    let repeats = verdict.runs.iter().map(|run| run.id.repeat).max().unwrap_or(0) + 1;
    let times = if repeats > 1 { format!(", {repeats} times each") } else { String::new() };
    let scenarios = distinct(&|run| run.id.scenario.clone());
    let scenarios = match scenarios.len() {
        0..=MOST_NAMES => format!("scenarios {}", scenarios.join(", ")),
        count => format!("{count} scenarios (--verbose lists them)"),
    };
    format!(
        "{scenarios}; pairings {}; links {}{times}",
        distinct(&|run| run.id.pairing.to_string()).join(", "),
        distinct(&|run| run.id.condition.name().to_owned()).join(", "),
    )
}

fn not_built(stage: &str, party: Party, output: &str) -> String {
    let title = match party {
        Party::You => format!("✗ {stage} does not build yet"),
        Party::Reference | Party::Stage => format!("✗ the reference of {stage} does not build"),
    };
    format!("{}\n{}\n", output.trim_end(), title.red().bold())
}

/// All of so many runs, in words.
pub fn all_runs(count: usize) -> String {
    if count == 1 { "the run".to_owned() } else { format!("all {count} runs") }
}

/// Whose programs, in words.
pub fn whose(party: Party) -> &'static str {
    match party {
        Party::You => "your programs",
        Party::Reference | Party::Stage => "the reference",
    }
}

/// How far a build is: a bar, the numbers, and what is being built.
pub fn build_progress(done: usize, total: usize, what: &str) -> String {
    const WIDTH: usize = 16;
    let full = (WIDTH * done / total.max(1)).min(WIDTH);
    let bar = format!("{}{}", "█".repeat(full), "·".repeat(WIDTH - full));
    let what = progress_line(what);
    if what.is_empty() { format!("{bar} {done} of {total}") } else { format!("{bar} {done} of {total}: {what}") }
}

/// A line of a build tool as a progress message, without its colours.
pub fn progress_line(line: &str) -> String {
    plain(line).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::build_progress;

    #[test]
    fn a_build_is_a_bar_with_numbers() {
        assert_eq!(build_progress(1, 4, "libp2p"), "████············ 1 of 4: libp2p");
        assert_eq!(build_progress(4, 4, ""), "████████████████ 4 of 4");
        assert_eq!(build_progress(7, 0, "\u{1b}[1ma\u{1b}[0m "), "████████████████ 7 of 0: a");
    }
}
