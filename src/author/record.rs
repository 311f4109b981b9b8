//! Recording: the solution writes the expectations of a transcript.
//!
//! The author writes the actions. The solution is run several times, and what it does is put between them; `compose`
//! decides how, on values alone. A scenario that the solution passes as it stands is left alone. Nothing is written
//! that the solution does not pass.

mod compose;
mod meanwhile;
mod merge;
mod names;
mod rehearsal;
mod script;
mod slots;
mod splice;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use colored::Colorize;

use self::rehearsal::Rehearsal;
use self::script::ScriptLine;
use self::splice::splice;
use super::locate::own_course;
use crate::build::{BuildOutcome, Built, Package};
use crate::cli::RecordArgs;
use crate::course::{Party, Stage, Track};
use crate::error::{Error, Result};
use crate::event::Silent;
use crate::files::replace;
use crate::report;
use crate::runtime::block_on;
use crate::verify::build_folder::{BuildFolder, package};
use crate::verify::{Selection, Verified, new_seed, verify};

/// Runs the solution of a stage, and writes what it does into the stage's transcripts. False when `--check` finds
/// that something would change.
///
/// # Errors
/// Whatever kept it from being recorded or written; then the file is unchanged.
pub fn record(course: Option<&Path>, args: &RecordArgs) -> Result<bool> {
    let catalog = own_course(course)?;
    let (file, old) = catalog.stage_file(&args.stage)?;
    let stage = Stage::draft(&args.stage, &file, &old, &|_| true)?;
    if let Some(name) = &args.scenario {
        stage.scenario(name)?;
    }
    let (track_name, track) = catalog.track_or_first(args.track.as_deref())?;
    let scratch = BuildFolder::open(args.cache.as_deref())?;
    let solution = package(
        &scratch.path().join(track_name),
        &stage,
        Party::Reference,
        "solution",
        &catalog.tree(&track.solutions)?,
    )?;
    if report::can_ask() {
        report::say(&format!("building and running the solution of {} …", stage.name));
    }
    let recording = Recording { args, file: &file, old: &old, stage: &stage, track };
    let changes = block_on(recording.record(&solution))?;
    let name = stage.name.bold();
    if changes.is_empty() {
        let count = args.scenario.as_ref().map_or(stage.scenarios.len(), |_| 1);
        let what = if count == 1 { "the transcript is".to_owned() } else { format!("all {count} transcripts are") };
        report::print(&format!("{} {name}: {what} as the solution plays it\n", "✓".green()));
        return Ok(true);
    }
    let new = splice(&file, &old, &stage, &changes)?;
    report::print(&report::diff(&shown(&file), &old, "as recorded", &new, None));
    block_on(recording.verify(&new, &changes, &solution))?;
    recording.decide(&new, &changes)
}

/// The file, relative to the current folder.
fn shown(file: &str) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    Path::new(file).strip_prefix(&here).map_or_else(|_| file.to_owned(), |path| path.display().to_string())
}

/// New transcripts, by the index of their scenario.
type NewTranscripts = Vec<(usize, Vec<ScriptLine>)>;

/// What is to be recorded, and from what.
struct Recording<'r> {
    args: &'r RecordArgs,
    file: &'r str,
    old: &'r str,
    stage: &'r Stage,
    track: &'r Track,
}

impl Recording<'_> {
    fn is_wanted(&self, scenario: &str) -> bool {
        self.args.scenario.as_ref().is_none_or(|only| only == scenario)
    }

    /// Both parties are the solution.
    fn built(&self, solution: &Package) -> Built<'_> {
        Built { track: self.track, you: Package { party: Party::You, ..solution.clone() }, reference: solution.clone() }
    }

    async fn record(&self, solution: &Package) -> Result<NewTranscripts> {
        if let BuildOutcome::Failed(output) = solution.build(self.track, &mut |_| {}).await? {
            return Err(Error::new(format!("the solution of `{}` can't be built", self.stage.name))
                .because(output.trim_end())
                .help("`workshop doctor` looks at what a build needs"));
        }
        let built = self.built(solution);
        let mut changes = Vec::new();
        for (index, scenario) in self.stage.scenarios.iter().enumerate() {
            if !self.is_wanted(&scenario.name) {
                continue;
            }
            let rehearsal = Rehearsal { stage: self.stage, scenario, built: &built, runs: self.args.runs };
            let strict = Stage::draft(&self.stage.name, self.file, self.old, &|name| name != scenario.name);
            if let Ok(strict) = &strict
                && rehearsal.passes(strict).await
            {
                continue;
            }
            let lines = rehearsal.record().await.map_err(|problem| self.error(index, problem))?;
            if compose::text_of(scenario, &lines) == own_text(&scenario.text) {
                // The solution does not always pass what it always prints.
                return Err(self.error(index, rehearsal::unsteady(scenario)));
            }
            changes.push((index, lines));
        }
        Ok(changes)
    }

    /// The new text is that of a stage, and the solution passes what is new in it.
    async fn verify(&self, new: &str, changes: &NewTranscripts, solution: &Package) -> Result<()> {
        let name = &self.stage.name;
        let stage =
            Stage::draft(name, self.file, new, &|scenario| !self.is_wanted(scenario)).map_err(|error| Error {
                help: Some(format!(
                    "{}; nothing is written, and the line is numbered as it would be: change the actions, and record \
                     again",
                    error.help.unwrap_or_else(|| "this can't be run".to_owned())
                )),
                ..error
            })?;
        let built = self.built(solution);
        for (index, _) in changes {
            let scenario = &self.stage.scenarios[*index].name;
            let seed = new_seed();
            let selection = Selection { scenarios: vec![scenario.clone()], repeat: 2, seed, ..Selection::default() };
            let Verified::Verdict(verdict, _) = verify(&stage, &built, &selection, &mut Silent).await? else {
                continue;
            };
            if let Some(trouble) = verdict.trouble() {
                return Err(trouble);
            }
            if let Some((run, failed)) = verdict.shown() {
                return Err(Error::new(format!(
                    "the solution does not always pass what was recorded of `{scenario}`: \
                    nothing is written"
                ))
                .because(format!("{}: {}", run.id, failed.because.say))
                .help(
                    "an action is quicker than a program: put `! until still` where the next one has to wait, \
                        or raise `--runs`",
                ));
            }
        }
        Ok(())
    }

    /// Asks, if there is a terminal, and writes.
    fn decide(&self, new: &str, changes: &NewTranscripts) -> Result<bool> {
        if self.args.check {
            return Ok(false);
        }
        if !self.args.yes && !report::write_it("`--check` only says whether something would change")? {
            return Ok(true);
        }
        // A link inside of the course stays a link.
        let file = Path::new(self.file);
        let file = file.canonicalize().map_err(|error| Error::io("find", file, &error))?;
        let now = fs::read_to_string(&file).map_err(|error| Error::io("read", &file, &error))?;
        let path = shown(&file.display().to_string());
        let mut with = "";
        if now == self.old {
            replace(&file, new.as_bytes())?;
        } else {
            let (text, left) = meanwhile::onto(&now, (self.file, self.stage), changes)?;
            replace(&file, text.as_bytes())?;
            if !left.is_empty() {
                return Err(meanwhile::keep(&file, &path, new, &left)?);
            }
            with = ", with what was changed in it meanwhile";
        }
        report::print(&format!(
            "{} {path} is written{with}\n  `workshop author check {}` holds the stage to the rules\n",
            "✓".green(),
            self.args.stage
        ));
        Ok(true)
    }

    fn error(&self, index: usize, problem: compose::RecordProblem) -> Error {
        let scenario = &self.stage.scenarios[index];
        let mut error =
            Error::new(format!("`{}` can't be recorded: {}", scenario.name, problem.message)).help(problem.help);
        if let Some(line) = problem.line {
            error.place = splice::place(self.file, self.old, index, line).map(Box::new);
        }
        problem.causes.iter().fold(error, Error::because)
    }
}

/// A transcript as `compose` writes it.
fn own_text(text: &str) -> String {
    text.lines().map(|line| format!("{line}\n")).collect()
}
