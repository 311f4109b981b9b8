//! `workshop grade`: the submissions of a class, each built and run like a learner's programs, with points for the
//! rules that it keeps.
//!
//! Each result is a file that is written at once when it is known. A result that is there, and was made with the same
//! course, files and settings, is not made again: an interrupted command goes on where it stopped, and several
//! machines can share the work.

mod again;
mod class;
mod report;
mod result;
mod submissions;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use colored::Colorize;

use self::again::Pending;
pub use self::report::report;
use self::result::{BUILDS, GradeResult, MadeWith, Outcome, RuleResult, RunResult, WAITING};
use self::submissions::{Submission, Taken, Unreadable, find, take};
use crate::assets::{Catalog, File};
use crate::build::{Built, Package};
use crate::cli::GradeArgs;
use crate::course::{Party, Rule, Stage, Track};
use crate::error::{Error, Result, suggest};
use crate::hash::stable_hash;
use crate::pattern::{counted, excerpt};
use crate::report::{millis, plain, print, say};
use crate::runtime::block_on;
use crate::sandbox;
use crate::trace::Trace;
use crate::verdict::{RuleState, Run, StageVerdict};
use crate::verify::build_folder::{BuildFolder, ProgressLine, Trees, package};
use crate::verify::{Selection, Verified, build, new_seed, verify};

/// Grades the submissions in a folder.
///
/// # Errors
/// The submissions or the course can't be read, the results can't be written, or something could not be graded.
pub fn grade(catalog: &Catalog, args: &GradeArgs) -> Result<bool> {
    let is_outside = !args.trust_submissions && !sandbox::is_inside();
    if is_outside {
        sandbox::works()?;
    }
    let (folder, out) = (folder_of(args)?, out_of(args)?);
    let (track_name, track) = catalog.track_or_first(args.track.as_deref())?;
    let stages = args.stages.iter().map(|name| catalog.stage(name)).collect::<Result<Vec<Stage>>>()?;
    if stages.is_empty() {
        let names: Vec<&str> = catalog.course.stages.iter().map(String::as_str).collect();
        return Err(Error::new("which stage?").help(format!("`--stage NAME`; {}", suggest("", "stages", &names))));
    }
    let (submissions, others) = find(folder, args.roster.as_deref())?;
    if submissions.is_empty() {
        return Err(Error::new(format!("{} has no submissions", folder.display()))
            .help("a submission is a folder, a .zip or a .tar.gz, one for each learner"));
    }
    let cache = cache_folder(args)?;
    if is_outside {
        build_references(catalog, track_name, track, &stages, &cache)?;
        sandbox::enter()?;
    }
    for other in &others {
        say(&format!("{other} is no submission of this class: it is left out"));
    }
    let mine: Vec<&Submission> = match args.shard {
        None => submissions.iter().collect(),
        Some(shard) => submissions.iter().skip(shard.part - 1).step_by(shard.of).collect(),
    };
    let scratch = BuildFolder::open(Some(&cache))?;
    let mut grader = Grader {
        catalog,
        track_name,
        track,
        args,
        dir: scratch.path().join(track_name),
        trees: Trees::of(catalog, track)?,
        progress: ProgressLine::default(),
        pending: Vec::new(),
    };
    // The course does not change meanwhile: its mark is made once for each stage.
    let marks = stages.iter().map(|stage| grader.mark_of(stage)).collect::<Result<Vec<String>>>()?;
    let mut tally = Tally::default();
    let total = mine.len() * stages.len();
    for (index, submission) in mine.iter().enumerate() {
        for (number, (stage, mark)) in stages.iter().zip(&marks).enumerate() {
            grader.progress.what =
                format!("{} of {total}: {}, {}", index * stages.len() + number + 1, submission.who, stage.name);
            let found = grader.one(submission, stage, mark, out)?;
            grader.progress.spinner.done();
            tally.add(&found);
            print(&line(&found));
        }
    }
    print(&tally.text());
    if args.again {
        again::decide(&grader.pending, out, args.yes)?;
    }
    tally.trouble().map_or(Ok(true), Err)
}

/// Where packages are built. It outlives this process, which may go on as another one.
fn cache_folder(args: &GradeArgs) -> Result<PathBuf> {
    let folder = match &args.cache {
        Some(folder) => folder.clone(),
        None => out_of(args)?.join(BUILDS),
    };
    let folder = match args.shard {
        Some(shard) => folder.join(format!("part-{}-of-{}", shard.part, shard.of)),
        None => folder,
    };
    std::path::absolute(&folder).map_err(|error| Error::io("use", &folder, &error))
}

/// Builds the references while there is still a network: what submissions depend on is in the cache then.
fn build_references(catalog: &Catalog, track_name: &str, track: &Track, stages: &[Stage], cache: &Path) -> Result<()> {
    let scratch = BuildFolder::open(Some(cache))?;
    let dir = scratch.path().join(track_name);
    let solutions = catalog.tree(&track.solutions)?;
    let mut progress = ProgressLine::default();
    for stage in stages {
        progress.what = format!("the reference of {}", stage.name);
        let reference = package(&dir, stage, Party::Reference, "solution", &solutions)?;
        if !block_on(build(track, &reference, &mut progress))? {
            progress.spinner.done();
            return Err(Error::new(format!("the reference of `{}` can't be built", stage.name))
                .because(std::mem::take(&mut progress.not_built))
                .help("`workshop doctor` looks at what a build needs"));
        }
    }
    progress.spinner.done();
    Ok(())
}

fn folder_of(args: &GradeArgs) -> Result<&Path> {
    args.submissions
        .as_deref()
        .ok_or_else(|| Error::new("which submissions?").help("`workshop grade FOLDER --stage NAME --out RESULTS`"))
}

fn out_of(args: &GradeArgs) -> Result<&Path> {
    args.out.as_deref().ok_or_else(|| Error::new("where do the results go?").help("`--out FOLDER`"))
}

/// A result that is new, or that was there.
struct Found {
    result: GradeResult,
    was_there: bool,
    file: PathBuf,
}

/// What grades submissions.
struct Grader<'g> {
    catalog: &'g Catalog,
    track_name: &'g str,
    track: &'g Track,
    args: &'g GradeArgs,
    dir: PathBuf,
    trees: Trees,
    progress: ProgressLine,
    /// With `--again`: new results, which are not in their place yet.
    pending: Vec<Pending>,
}

impl Grader<'_> {
    /// Grades a submission in one stage, unless its result is there.
    fn one(&mut self, submission: &Submission, stage: &Stage, course: &str, out: &Path) -> Result<Found> {
        let file = GradeResult::file(out, submission, &stage.name);
        let taken = take(&submission.path, &stage.name, self.track);
        let made_with = self.made_with(course, taken.as_ref());
        let old = GradeResult::load(&file);
        if let Some(result) = old.as_ref().filter(|old| self.is_the_same(old, &made_with)) {
            return Ok(Found { result: result.clone(), was_there: true, file });
        }
        if !self.args.again {
            let result = self.made(submission, stage, taken, made_with, &file)?;
            return Ok(Found { result, was_there: false, file });
        }
        // Beside the results, so that an interrupted command goes on with these, too.
        let from = GradeResult::file(&out.join(WAITING), submission, &stage.name);
        let waiting = GradeResult::load(&from).filter(|new| self.is_the_same(new, &made_with));
        let was_there = waiting.is_some();
        let result = match waiting {
            Some(result) => result,
            None => self.made(submission, stage, taken, made_with, &from)?,
        };
        self.pending.push(Pending { old, new: result.clone(), from, to: file.clone() });
        Ok(Found { result, was_there, file })
    }

    /// Makes a result, and writes it into a file.
    fn made(
        &mut self,
        submission: &Submission,
        stage: &Stage,
        taken: std::result::Result<Taken, Unreadable>,
        made_with: MadeWith,
        file: &Path,
    ) -> Result<GradeResult> {
        let start = Instant::now();
        let seed = self.args.seed.unwrap_or_else(new_seed);
        let mut result = GradeResult::new(submission, stage, self.track_name, made_with, seed);
        match taken {
            Err(Unreadable { id, say }) => result.output = format!("{id}: {say}"),
            Ok(taken) => self.judge(stage, taken, &mut result)?,
        }
        result.ms = millis(start.elapsed());
        result.save(file)?;
        Ok(result)
    }

    fn sandboxed(&self) -> bool {
        !self.args.trust_submissions
    }

    /// What could not be graded is tried again.
    fn is_the_same(&self, old: &GradeResult, made_with: &MadeWith) -> bool {
        old.outcome != Outcome::NotGraded
            && old.made_with == *made_with
            && self.args.seed.is_none_or(|seed| seed == old.seed)
    }

    /// A mark of everything of the course that a result of a stage depends on.
    fn mark_of(&self, stage: &Stage) -> Result<String> {
        let counts = |path: &str| {
            let package = path.split('/').next().unwrap_or_default();
            package == stage.name || self.track.shared.iter().any(|shared| shared == package)
        };
        let below = |files: &[File]| files.iter().filter(|(path, _)| counts(path)).cloned().collect();
        let parts: [Vec<File>; 4] = [
            self.catalog.tree(&format!("exercises/{}", stage.name))?,
            below(&self.trees.solution),
            below(&self.trees.template),
            vec![("course".to_owned(), self.catalog.text()?.into_bytes())],
        ];
        Ok(mark(&parts.concat()))
    }

    fn made_with(&self, course: &str, taken: std::result::Result<&Taken, &Unreadable>) -> MadeWith {
        MadeWith {
            runner: env!("CARGO_PKG_VERSION").to_owned(),
            course: course.to_owned(),
            submission: taken.map_or_else(|why| why.id.to_owned(), |taken| mark(&taken.files)),
            repeat: self.args.repeat,
            all_or_nothing: self.args.all_or_nothing,
            isolation: if self.sandboxed() { "namespaces" } else { "none" }.to_owned(),
        }
    }

    /// Builds the submission's programs, and runs them.
    fn judge(&mut self, stage: &Stage, taken: Taken, result: &mut GradeResult) -> Result<()> {
        result.taken = taken.files.iter().map(|(path, _)| path.clone()).collect();
        result.ignored = taken.ignored;
        let files = onto_template(&self.trees.template, &stage.name, self.track, taken.files);
        let you = package(&self.dir, stage, Party::You, "submission", &files)?;
        let you = Package { sandboxed: self.sandboxed(), ..you };
        // Whatever was built there was another submission's.
        you.forget();
        let reference = package(&self.dir, stage, Party::Reference, "solution", &self.trees.solution)?;
        let verdict = block_on(self.verdict(stage, you, reference, result.seed))?;
        match verdict {
            Judged::NotBuilt(output) => {
                result.rules = stage.rules.iter().map(|rule| rule_result(rule, RuleState::Untried)).collect();
                result.output = plain(&output);
                result.count(self.args.all_or_nothing);
                result.outcome = Outcome::NotBuilt;
            }
            Judged::Verdict(verdict, traces) => {
                result.rules = verdict.rules(stage).into_iter().map(|(rule, state)| rule_result(rule, state)).collect();
                result.runs = verdict.runs.iter().map(run_result).collect();
                result.reason = verdict.shown().map(|(_, failed)| failed.because.clone());
                result.shown = traces.into_iter().find(|trace| !trace.passed());
                result.steady = is_steady(&verdict);
                match trouble(&verdict) {
                    // The machine's fault is not the learner's.
                    Some(trouble) => result.output = trouble,
                    None => {
                        result.count(self.args.all_or_nothing);
                        result.outcome = Outcome::Graded;
                    }
                }
            }
        }
        Ok(())
    }

    async fn verdict(&mut self, stage: &Stage, you: Package, reference: Package, seed: u64) -> Result<Judged> {
        let built = Built { track: self.track, you, reference };
        // One run at a time: a run's programs must not reach those of another one, whose loopback is the same.
        let jobs = if self.sandboxed() { 1 } else { self.args.jobs };
        let selection = Selection { repeat: self.args.repeat, seed, jobs, ..Selection::default() };
        self.progress.not_built.clear();
        Ok(match verify(stage, &built, &selection, &mut self.progress).await? {
            Verified::Verdict(verdict, traces) => Judged::Verdict(Box::new(verdict), traces),
            Verified::NotBuilt => Judged::NotBuilt(std::mem::take(&mut self.progress.not_built)),
        })
    }
}

/// What building and running a submission came to.
enum Judged {
    Verdict(Box<StageVerdict>, Vec<Trace>),
    NotBuilt(String),
}

/// A mark of files: of others it is another one.
fn mark(files: &[File]) -> String {
    format!("{:016x}", stable_hash(&files))
}

/// The pristine template, with what the learner edits in the place of its own.
fn onto_template(templates: &[File], stage: &str, track: &Track, taken: Vec<File>) -> Vec<File> {
    let edited =
        |path: &str| path.strip_prefix(stage).and_then(|p| p.strip_prefix('/')).is_some_and(|p| track.edits(p));
    let mut files: Vec<File> = templates.iter().filter(|(path, _)| !edited(path)).cloned().collect();
    files.extend(taken.into_iter().map(|(path, bytes)| (format!("{stage}/{path}"), bytes)));
    files
}

fn rule_result(rule: &Rule, state: RuleState) -> RuleResult {
    RuleResult { id: rule.id.clone(), say: rule.say.clone(), state, worth: rule.points }
}

fn run_result(run: &Run) -> RunResult {
    RunResult {
        name: run.id.to_string(),
        repeat: run.id.repeat,
        seed: run.id.seed,
        outcome: run.outcome.name().to_owned(),
        ms: millis(run.evidence.took),
        reason: run.failure().map(|failed| failed.because.id.clone()),
    }
}

/// What kept runs from being executed, if something did: the machine, or the sandbox.
fn trouble(verdict: &StageVerdict) -> Option<String> {
    let sandbox = || {
        let outputs = verdict.failed().flat_map(|(run, _)| &run.evidence.outputs);
        let failed = outputs.map(|output| &output.stderr).find(|stderr| sandbox::failed(stderr))?;
        Some(format!("the sandbox could not be made: {}", excerpt(failed, 300)))
    };
    verdict.trouble().map(|trouble| trouble.to_string()).or_else(sandbox)
}

/// Did every repeat of each run come to the same?
fn is_steady(verdict: &StageVerdict) -> bool {
    let mut first = BTreeMap::new();
    verdict.runs.iter().all(|run| {
        let passed = run.passed();
        *first.entry(run.id.to_string()).or_insert(passed) == passed
    })
}

/// A line about a result.
fn line(found: &Found) -> String {
    let GradeResult { stage, outcome, points, of, steady, .. } = &found.result;
    let mark = match (outcome, points) {
        (Outcome::NotGraded, _) => "!".yellow(),
        (_, Some(points)) if points >= of => "✓".green(),
        _ => "✗".red(),
    };
    let (whose, score, said) = (found.result.whose(), found.result.score(), found.result.in_short());
    let unsteady = if *steady { "" } else { "  repeats differ: look at it yourself" };
    let was_there = if found.was_there { "  (was there)" } else { "" };
    let line = format!("{mark} {whose}  {stage}  {score}  {said}{unsteady}{was_there}");
    let file = if *outcome == Outcome::NotGraded { format!("\n  see {}", found.file.display()) } else { String::new() };
    format!("{}{file}\n", line.trim_end())
}

/// How many results there are of each kind.
#[derive(Default)]
struct Tally {
    graded: usize,
    not_graded: usize,
    was_there: usize,
}

impl Tally {
    fn add(&mut self, found: &Found) {
        self.was_there += usize::from(found.was_there);
        match found.result.outcome {
            Outcome::NotGraded => self.not_graded += 1,
            Outcome::Graded | Outcome::NotBuilt => self.graded += 1,
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{} graded", counted(self.graded, "result"));
        if self.was_there > 0 {
            text.push_str(&format!(", {} of them there already", self.was_there));
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
