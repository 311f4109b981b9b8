//! `workshop grade`: the submissions of a class, each built and run like a learner's programs, with points for the
//! rules that it keeps.
//!
//! Each result is a file that is written at once when it is known. A result that is there, and was made with the same
//! course, files and settings, is not made again: an interrupted command goes on where it stopped, and several
//! machines can share the work.

mod again;
mod bench;
mod class;
pub mod cluster;
mod grader;
mod lanes;
mod report;
mod result;
mod settings;
mod submissions;

use std::path::Path;
use std::thread;

use colored::Colorize;

use self::again::Waiting;
use self::bench::Bench;
use self::grader::{Grader, Made};
use self::lanes::Unit;
pub use self::report::report;
use self::result::{GradeResult, Outcome};
use self::settings::Settings;
#[cfg(test)]
pub(crate) use self::settings::SettingsFile;
use self::submissions::find;
use crate::assets::{Catalog, File};
use crate::cli::{GradeArgs, Shard};
use crate::course::Stage;
use crate::error::{Error, Result, suggest};
use crate::hash::stable_hash;
use crate::pattern::counted;
use crate::report::{Spinner, print, say};
use crate::sandbox;

/// Grades the submissions in a folder.
///
/// # Errors
/// The submissions or the course can't be read, the results can't be written, or something could not be graded.
pub fn grade(catalog: &Catalog, args: &GradeArgs) -> Result<bool> {
    let sandboxed = !args.trust_submissions;
    let lane = lanes::this().filter(|_| sandboxed && sandbox::is_inside());
    if sandboxed && lane.is_none() {
        sandbox::works()?;
    }
    let settings = Settings::of(args)?;
    let (folder, out) = (folder_of(args)?, out_of(args)?);
    if is_below(out, folder)? {
        return Err(Error::new(format!("the results would be among the submissions in {}", folder.display()))
            .help("name a folder beside it with `--out`"));
    }
    let track = catalog.track_or_first(settings.track.as_deref())?;
    let stages = stages_of(catalog, &settings)?;
    let (submissions, others) = find(folder, settings.roster.as_deref())?;
    if submissions.is_empty() {
        return Err(Error::new(format!("{} has no submissions", folder.display()))
            .help("a submission is a folder, a .zip or a .tar.gz, one for each learner"));
    }
    let mut bench = Bench::new(catalog, track, &stages, args)?;
    // The course does not change meanwhile: its mark is made once for each stage.
    let marks = stages.iter().map(|stage| bench.mark_of(stage)).collect::<Result<Vec<String>>>()?;
    if lane.is_some() {
        bench.ready(true, lane)?;
        let mut grader = Grader::new(&bench, track, args, &settings, out);
        let mut make = |unit: Unit| grader.one(&submissions[unit.submission], &stages[unit.stage], &marks[unit.stage]);
        return lanes::serve(|unit| make(unit).map(|made| made.answer())).map(|()| true);
    }
    others.iter().for_each(|other| say(&format!("{other}: it is left out")));
    settings.remember(args.settings.as_deref(), out)?;
    let units = units(submissions.len(), stages.len(), args.shard);
    let mut tally = Tally::new(units.len());
    if sandboxed {
        bench.fill()?;
        sandbox::Layer::sweep();
        let lanes = if args.jobs > 0 { args.jobs } else { 2 * thread::available_parallelism().map_or(1, usize::from) };
        lanes::all(&units, lanes, |unit, answer| {
            tally.add(Made::read(out, &submissions[unit.submission], &stages[unit.stage], answer)?);
            Ok(())
        })?;
    } else {
        bench.ready(false, args.shard)?;
        let mut grader = Grader::new(&bench, track, args, &settings, out);
        for Unit { submission, stage } in units {
            grader.says(format!("{}: {}, {}", tally.progress(), submissions[submission].who, stages[stage].name));
            tally.add(grader.one(&submissions[submission], &stages[stage], &marks[stage])?);
        }
    }
    tally.done();
    print(&tally.text());
    if args.again {
        again::decide(&tally.waiting, out, args.yes)?;
    }
    tally.trouble().map_or(Ok(true), Err)
}

/// What this part of the class has to be graded.
fn units(submissions: usize, stages: usize, part: Option<Shard>) -> Vec<Unit> {
    let part = part.unwrap_or(Shard { part: 1, of: 1 });
    let mine = (part.part - 1..submissions).step_by(part.of);
    mine.flat_map(|submission| (0..stages).map(move |stage| Unit { submission, stage })).collect()
}

/// The stages that are graded.
fn stages_of(catalog: &Catalog, settings: &Settings) -> Result<Vec<Stage>> {
    if settings.stages.is_empty() {
        let names: Vec<&str> = catalog.course.stages.iter().map(String::as_str).collect();
        return Err(Error::new("which stage?").help(format!("`--stage NAME`; {}", suggest("", "stages", &names))));
    }
    settings.stages.iter().map(|stage| catalog.stage(&stage.name)).collect()
}

fn folder_of(args: &GradeArgs) -> Result<&Path> {
    args.submissions
        .as_deref()
        .ok_or_else(|| Error::new("which submissions?").help("`workshop grade FOLDER --stage NAME --out RESULTS`"))
}

fn out_of(args: &GradeArgs) -> Result<&Path> {
    args.out.as_deref().ok_or_else(|| Error::new("where do the results go?").help("`--out FOLDER`"))
}

/// Is this path one below the folder?
fn is_below(path: &Path, folder: &Path) -> Result<bool> {
    let whole = |path: &Path| {
        let absolute = std::path::absolute(path).map_err(|error| Error::io("use", path, &error))?;
        Ok(absolute.canonicalize().unwrap_or(absolute))
    };
    Ok(whole(path)?.starts_with(whole(folder)?))
}

/// A mark of files: of others it is another one.
fn mark(files: &[File]) -> String {
    format!("{:016x}", stable_hash(&files))
}

/// A line about a result.
fn line(made: &Made) -> String {
    let GradeResult { stage, outcome, points, of, steady, .. } = &made.result;
    let mark = match (outcome, points) {
        (Outcome::NotGraded, _) => "!".yellow(),
        (_, Some(points)) if points >= of => "✓".green(),
        _ => "✗".red(),
    };
    let (whose, score, said) = (made.result.whose(), made.result.score(), made.result.in_short());
    let unsteady = if *steady { "" } else { "  repeats differ: look at it yourself" };
    let was_there = if made.was_there { "  (was there)" } else { "" };
    let line = format!("{mark} {whose}  {stage}  {score}  {said}{unsteady}{was_there}");
    let file = if *outcome == Outcome::NotGraded { format!("\n  see {}", made.file.display()) } else { String::new() };
    format!("{}{file}\n", line.trim_end())
}

/// How many results there are of each kind.
#[derive(Default)]
struct Tally {
    total: usize,
    graded: usize,
    not_graded: usize,
    were_there: usize,
    /// With `--again`: new results, which are not in their place yet.
    waiting: Vec<Waiting>,
    spinner: Spinner,
}

impl Tally {
    fn new(total: usize) -> Tally {
        let mut tally = Tally { total, ..Tally::default() };
        tally.spinner.say(tally.progress());
        tally
    }

    /// Counts a result, and prints its line.
    fn add(&mut self, made: Made) {
        self.were_there += usize::from(made.was_there);
        match made.result.outcome {
            Outcome::NotGraded => self.not_graded += 1,
            Outcome::Graded | Outcome::NotBuilt => self.graded += 1,
        }
        self.spinner.done();
        print(&line(&made));
        self.spinner.say(self.progress());
        self.waiting.extend(made.waits);
    }

    fn progress(&self) -> String {
        format!("{} of {}", self.graded + self.not_graded, counted(self.total, "result"))
    }

    fn done(&mut self) {
        self.spinner.done();
    }

    fn text(&self) -> String {
        let mut text = format!("{} graded", counted(self.graded, "result"));
        if self.were_there > 0 {
            text.push_str(&format!(", {} of them there already", self.were_there));
        }
        format!("{text}\n")
    }

    /// What could not be graded is no verdict, and no zero.
    fn trouble(&self) -> Option<Error> {
        (self.not_graded > 0).then(|| {
            Error::new(format!("{} could not be graded", counted(self.not_graded, "result")))
                .help("the lines with `!` say why; the same command tries these again, and leaves the others")
        })
    }
}
