//! Makes the results: takes what counts of a submission, builds it, runs it, and counts the points.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::again::Waiting;
use super::bench::Bench;
use super::lanes::Answer;
use super::mark;
use super::result::{GradeResult, MadeWith, Outcome, RuleResult, RunResult, WAITING};
use super::settings::Settings;
use super::submissions::{Submission, Taken, Unreadable, take};
use crate::assets::File;
use crate::build::{Built, Package};
use crate::cli::GradeArgs;
use crate::course::{Rule, Stage, Track};
use crate::error::{Error, Result};
use crate::pattern::excerpt;
use crate::report::{millis, plain};
use crate::runtime::block_on;
use crate::sandbox;
use crate::trace::Trace;
use crate::verdict::{RuleState, Run, StageVerdict};
use crate::verify::build_folder::ProgressLine;
use crate::verify::{Selection, Verified, new_seed, verify};

/// A result that was made now, or that was there.
pub(super) struct Made {
    pub(super) result: GradeResult,
    pub(super) was_there: bool,
    /// Where it is.
    pub(super) file: PathBuf,
    /// With `--again`: it waits, if it is new.
    pub(super) waits: Option<Waiting>,
}

impl Made {
    /// What a lane says of it.
    pub(super) fn answer(&self) -> Answer {
        Answer { was_there: self.was_there, waits: self.waits.is_some() }
    }

    /// Reads the result that a lane has made.
    ///
    /// # Errors
    /// It is not where it should be.
    pub(super) fn read(out: &Path, submission: &Submission, stage: &Stage, answer: Answer) -> Result<Made> {
        let to = GradeResult::file(out, submission, &stage.name);
        let file =
            if answer.waits { GradeResult::file(&out.join(WAITING), submission, &stage.name) } else { to.clone() };
        let result = GradeResult::load(&file)
            .ok_or_else(|| Error::new(format!("{} is not there, although it was written", file.display())))?;
        let waits = answer.waits.then(|| Waiting {
            old: GradeResult::load(&to),
            new: result.clone(),
            from: file.clone(),
            to: to.clone(),
        });
        Ok(Made { result, was_there: answer.was_there, file, waits })
    }
}

/// What grades submissions.
pub(super) struct Grader<'g> {
    bench: &'g Bench<'g>,
    track_name: &'g str,
    track: &'g Track,
    args: &'g GradeArgs,
    settings: &'g Settings,
    out: &'g Path,
    progress: ProgressLine,
}

impl<'g> Grader<'g> {
    pub(super) fn new(
        bench: &'g Bench<'g>,
        (track_name, track): (&'g str, &'g Track),
        args: &'g GradeArgs,
        settings: &'g Settings,
        out: &'g Path,
    ) -> Grader<'g> {
        Grader { bench, track_name, track, args, settings, out, progress: ProgressLine::default() }
    }

    /// What is being done, for the line that shows progress.
    pub(super) fn says(&mut self, what: String) {
        self.progress.what = what;
    }

    /// Grades a submission in one stage, unless its result is there.
    pub(super) fn one(&mut self, submission: &Submission, stage: &Stage, course: &str) -> Result<Made> {
        let made = self.found_or_made(submission, stage, course);
        self.progress.spinner.done();
        made
    }

    fn found_or_made(&mut self, submission: &Submission, stage: &Stage, course: &str) -> Result<Made> {
        let file = GradeResult::file(self.out, submission, &stage.name);
        let taken = take(&submission.path, &stage.name, self.track, self.settings.stages.len() == 1);
        let made_with = self.made_with(course, taken.as_ref());
        let old = GradeResult::load(&file);
        if let Some(result) = old.as_ref().filter(|old| self.is_the_same(old, &made_with)) {
            return Ok(Made { result: result.clone(), was_there: true, file, waits: None });
        }
        if !self.args.again {
            let result = self.made(submission, stage, taken, made_with, &file)?;
            return Ok(Made { result, was_there: false, file, waits: None });
        }
        // Beside the results, so that an interrupted command goes on with these, too.
        let from = GradeResult::file(&self.out.join(WAITING), submission, &stage.name);
        let waiting = GradeResult::load(&from).filter(|new| self.is_the_same(new, &made_with));
        let was_there = waiting.is_some();
        let result = match waiting {
            Some(result) => result,
            None => self.made(submission, stage, taken, made_with, &from)?,
        };
        // Nothing would change: it could not be graded before, and it can't be now.
        let is_old = |old: &GradeResult| old.outcome == Outcome::NotGraded && result.outcome == Outcome::NotGraded;
        if old.as_ref().is_some_and(is_old) {
            result.save(&file)?;
            return Ok(Made { result, was_there, file, waits: None });
        }
        let waits = Some(Waiting { old, new: result.clone(), from: from.clone(), to: file });
        Ok(Made { result, was_there, file: from, waits })
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
        let seed = self.settings.seed.unwrap_or_else(new_seed);
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

    /// What keeps the submission's programs from the rest of the machine, and from each other.
    fn isolation(&self) -> &'static str {
        if self.sandboxed() { sandbox::level(self.bench.is_layered()) } else { "none" }
    }

    /// What could not be graded is tried again.
    fn is_the_same(&self, old: &GradeResult, made_with: &MadeWith) -> bool {
        old.outcome != Outcome::NotGraded
            && old.made_with == *made_with
            && self.settings.seed.is_none_or(|seed| seed == old.seed)
    }

    fn made_with(&self, course: &str, taken: std::result::Result<&Taken, &Unreadable>) -> MadeWith {
        MadeWith {
            runner: env!("CARGO_PKG_VERSION").to_owned(),
            course: course.to_owned(),
            submission: taken.map_or_else(|why| why.id.to_owned(), |taken| mark(&taken.files)),
            repeat: self.settings.repeat,
            all_or_nothing: self.settings.all_or_nothing,
            isolation: self.isolation().to_owned(),
        }
    }

    /// Builds the submission's programs, and runs them.
    fn judge(&mut self, stage: &Stage, taken: Taken, result: &mut GradeResult) -> Result<()> {
        result.taken = taken.files.iter().map(|(path, _)| path.clone()).collect();
        result.ignored = taken.ignored;
        let files = onto_template(&self.bench.trees.template, &stage.name, self.track, taken.files);
        // All that it writes goes with it.
        let _layer = self.bench.layer()?;
        let you = Package { sandboxed: self.sandboxed(), ..self.bench.submission(stage, &files)? };
        let reference = self.bench.reference(stage)?;
        let verdict = block_on(self.verdict(stage, you, reference, result.seed))?;
        match verdict {
            Judged::NotBuilt(output) => {
                result.rules = stage.rules.iter().map(|rule| rule_result(rule, RuleState::Untried)).collect();
                result.output = plain(&output);
                result.count(self.settings.all_or_nothing);
                result.outcome = Outcome::NotBuilt;
            }
            Judged::Verdict(verdict, traces) => {
                result.rules = verdict.rules(stage).into_iter().map(|(rule, state)| rule_result(rule, state)).collect();
                let hidden = |run: &Run| stage.scenarios.iter().any(|one| one.hidden && one.name == run.id.scenario);
                result.runs = verdict.runs.iter().map(|run| run_result(run, hidden(run))).collect();
                let shown = verdict.failed().find(|(run, _)| !hidden(run)).or(verdict.shown());
                if let Some((run, failed)) = shown {
                    result.reason = Some(failed.because.clone());
                    result.reason_is_hidden = hidden(run);
                    result.shown = traces
                        .into_iter()
                        .find(|trace| trace.name == run.id.to_string() && trace.repeat == run.id.repeat);
                }
                result.steady = is_steady(&verdict);
                match trouble(&verdict) {
                    // The machine's fault is not the learner's.
                    Some(trouble) => result.output = trouble,
                    None => {
                        result.count(self.settings.all_or_nothing);
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
        let selection = Selection { repeat: self.settings.repeat, seed, jobs, ..Selection::default() };
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

fn run_result(run: &Run, hidden: bool) -> RunResult {
    RunResult {
        name: run.id.to_string(),
        repeat: run.id.repeat,
        seed: run.id.seed,
        outcome: run.outcome.name().to_owned(),
        ms: millis(run.evidence.took),
        reason: run.failure().map(|failed| failed.because.id.clone()),
        hidden,
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
