//! Is a stage fair and strict? The requirements for every stage, the built-in ones included.
//!
//! 1. The template is the solution with its holes, if they are kept. It builds without warnings and fails, with an explanation.
//! 2. The solution, and the other one if there is one, pass every run, many times over, also while the machine is busy.
//! 3. Every known mistake is a patch that applies, builds and is rejected, and the explanation
//!    shown is the one that it names.
//! 4. A scenario or a condition that catches no mistake tests nothing, and is reported. So is a rule, unless for each
//!    role that it binds a known mistake breaks it in a scenario that tests it.
//! 5. Hints, explanations, lesson, earlier names, shared packages and file names resolve.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::findings::{CheckItem, Finding};
use super::languages;
use super::strictness::Caught;
use super::tables::Tables;
use super::template::stale;
use crate::assets::{Catalog, File, patch};
use crate::build::{BuildOutcome, Built, Package};
use crate::cli::CheckArgs;
use crate::course::{FACTS, Mistake, Party, Scenario, Stage, Track};
use crate::error::{Error, Result, suggest};
use crate::machine::cores;
use crate::runtime::block_on;
use crate::verdict::{Failed, Run, StageVerdict};
use crate::verify::build_folder::{BuildFolder, ProgressLine, Trees, package, verify_package};
use crate::verify::{Selection, new_seed};

/// Checks the requested stages in every track and shows the findings. False when a requirement is not met.
///
/// # Errors
/// Whatever kept the check from being made.
pub fn check(catalog: &Catalog, args: &CheckArgs) -> Result<bool> {
    catalog.has_solutions()?;
    let names = if args.stages.is_empty() { &catalog.course.stages } else { &args.stages };
    let stages = names.iter().map(|name| catalog.stage(name)).collect::<Result<Vec<Stage>>>()?;
    has_mistake(&stages, args)?;
    if args.stages.is_empty() {
        catalog.course.tracks.values().try_for_each(|track| catalog.check_whole(track))?;
    }
    for track in catalog.course.tracks.values() {
        stages.iter().try_for_each(|stage| catalog.has_packages(track, &stage.name))?;
    }
    // Read first, so that errors are reported before anything else.
    let tracks = catalog.course.tracks.iter();
    let tracks = tracks.map(|(name, track)| Ok((name, track, Trees::of(catalog, track)?)));
    let tracks = tracks.collect::<Result<Vec<_>>>()?;
    let scratch = BuildFolder::open(args.cache.as_deref())?;
    let _busy = args.busy.then(Busy::start);
    let mut tables = Tables::new(args.format);
    for stage in &stages {
        for (name, track, trees) in &tracks {
            let start = Instant::now();
            let dir = scratch.path().join(name);
            let progress_line = ProgressLine::default();
            let mut stage_check = StageCheck {
                catalog,
                stage,
                track_name: name,
                track,
                trees,
                dir,
                args,
                progress_line,
                tables: &mut tables,
            };
            stage_check.tables.begin(&stage.name, Some(name), &stage_check.checks());
            let checked = block_on(stage_check.check());
            stage_check.progress_line.spinner.done();
            checked?;
            tables.end(start.elapsed());
        }
    }
    if args.stages.is_empty() && catalog.course.languages.len() > 1 {
        let start = Instant::now();
        let rows = languages::of_course(catalog)?;
        let checks: Vec<CheckItem> = rows.iter().map(|row| row.check.clone()).collect();
        tables.begin(&catalog.course.name, None, &checks);
        rows.into_iter().for_each(|row| tables.add(row));
        tables.end(start.elapsed());
    }
    Ok(tables.over())
}

/// Checks that the requested mistake exists.
fn has_mistake(stages: &[Stage], args: &CheckArgs) -> Result<()> {
    let Some(wanted) = &args.mistake else { return Ok(()) };
    let names: Vec<&str> =
        stages.iter().flat_map(|stage| &stage.mistakes).map(|mistake| mistake.name.as_str()).collect();
    if names.contains(&wanted.as_str()) {
        return Ok(());
    }
    Err(Error::new(format!("there is no known mistake `{wanted}`")).help(suggest(wanted, "mistakes", &names)))
}

/// Threads that keep every core busy, until dropped.
struct Busy(Arc<AtomicBool>);

impl Busy {
    fn start() -> Busy {
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..cores() {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Busy(stop)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One stage in one track, while it is checked.
struct StageCheck<'c> {
    catalog: &'c Catalog,
    stage: &'c Stage,
    track_name: &'c str,
    track: &'c Track,
    trees: &'c Trees,
    dir: PathBuf,
    args: &'c CheckArgs,
    progress_line: ProgressLine,
    tables: &'c mut Tables,
}

impl<'c> StageCheck<'c> {
    /// Everything that is checked, in order.
    fn checks(&self) -> Vec<CheckItem> {
        let mistakes = self.stage.mistakes.iter().filter(|mistake| self.is_wanted(mistake));
        let mistakes = mistakes.map(|mistake| CheckItem::Mistake(mistake.name.clone()));
        if self.args.mistake.is_some() {
            return [CheckItem::Names].into_iter().chain(mistakes).collect();
        }
        let languages = self.catalog.course.languages.iter().skip(1).map(|tag| CheckItem::Language(tag.clone()));
        let first = [CheckItem::Names, CheckItem::Template, CheckItem::Solution];
        first.into_iter().chain(mistakes).chain([CheckItem::Strictness, CheckItem::Rules]).chain(languages).collect()
    }

    fn is_wanted(&self, mistake: &Mistake) -> bool {
        self.args.mistake.as_ref().is_none_or(|only| *only == mistake.name)
    }

    async fn check(&mut self) -> Result<()> {
        let row = self.names()?;
        self.found(row);
        let reference = self.package(Party::Reference, "solution", &self.trees.solution)?;
        // Everything else is held against it.
        self.looks_at("the solution");
        self.progress_line.spinner.say(format!("{}: building", self.progress_line.what));
        if let BuildOutcome::Failed(output) = reference.build(self.track, &mut |_| {}).await? {
            self.found(Finding::bad(CheckItem::Solution, not_built(&output)));
            return Ok(());
        }
        if self.args.mistake.is_none() {
            self.looks_at("the template");
            let row = self.template(&reference).await?;
            self.found(row);
            self.looks_at("the solution");
            let row = self.solution(&reference).await?;
            self.found(row);
            self.looks_at("the other solution");
            if let Some(row) = self.another(&reference).await? {
                self.found(row);
            }
        }
        let mut caught = Caught::default();
        let stage = self.stage;
        let bench = self.workbench();
        let wanted: Vec<&Mistake> = stage.mistakes.iter().filter(|mistake| self.is_wanted(mistake)).collect();
        let mut ahead = None;
        for (index, mistake) in wanted.iter().enumerate() {
            self.looks_at(&format!("mistake {} ({} of {})", mistake.name, index + 1, wanted.len()));
            let made = match ahead.take() {
                Some(made) => made,
                None => bench.make(mistake, index).await?,
            };
            // The next one is built while this one is judged.
            let next = async {
                match wanted.get(index + 1) {
                    Some(next) => bench.make(next, index + 1).await.map(Some),
                    None => Ok(None),
                }
            };
            let (row, next) = tokio::join!(self.mistake(&reference, mistake, made, &mut caught), next);
            ahead = next?;
            self.found(row?);
        }
        if self.args.mistake.is_none() {
            self.found(caught.idle(stage));
            caught.untested(stage).into_iter().for_each(|row| self.found(row));
            languages::of_stage(self.catalog, &stage.name)?.into_iter().for_each(|row| self.found(row));
        }
        Ok(())
    }

    /// Shows a finding.
    fn found(&mut self, row: Finding) {
        self.progress_line.spinner.done();
        self.tables.add(row);
    }

    fn looks_at(&mut self, what: &str) {
        self.progress_line.what = format!("{}, {what}", self.stage.name);
    }

    fn package(&self, party: Party, name: &str, files: &[File]) -> Result<Package> {
        package(&self.dir, self.stage, party, name, files)
    }

    fn workbench(&self) -> Workbench<'c> {
        let StageCheck { catalog, stage, track, trees, .. } = *self;
        Workbench { catalog, stage, track, trees, dir: self.dir.clone() }
    }

    /// Verifies `you` against the reference, with the requested seed.
    async fn verify(
        &mut self,
        you: &Package,
        reference: &Package,
        selection: Selection,
    ) -> Result<Option<StageVerdict>> {
        let built = Built { track: self.track, you: you.clone(), reference: reference.clone() };
        let seed = self.args.seed.unwrap_or_else(new_seed);
        let selection = Selection { seed, jobs: self.args.jobs, ..selection };
        verify_package(self.stage, &built, &selection, &mut self.progress_line).await
    }

    /// 5: every name resolves.
    fn names(&self) -> Result<Finding> {
        let own = self.stage.explanations.iter().map(|own| own.id.as_str());
        let known: Vec<&str> = FACTS.iter().copied().chain(own).collect();
        let of_hints = self.stage.hints.iter().flat_map(|hint| &hint.helps);
        let of_mistakes = self.stage.mistakes.iter().flat_map(|mistake| &mistake.explains);
        for id in of_hints.chain(of_mistakes) {
            if !known.contains(&id.as_str()) {
                return Ok(Finding::bad(
                    CheckItem::Names,
                    format!("there is no explanation `{id}`; {}", suggest(id, "explanations", &known)),
                ));
            }
        }
        let lesson = self.catalog.stage_text(&self.stage.name, "lesson.md")?;
        let headings: Vec<&str> =
            lesson.lines().filter_map(|line| Some(line.strip_prefix('#')?.trim_matches(['#', ' ']))).collect();
        for rule in &self.stage.rules {
            if let Some(heading) = rule.lesson.as_deref().filter(|heading| !headings.contains(heading)) {
                let help = suggest(heading, "headings", &headings);
                return Ok(Finding::bad(
                    CheckItem::Names,
                    format!("rule {}: the lesson has no heading `{heading}`; {help}", rule.id),
                ));
            }
        }
        let kept_once: Vec<&str> = self.catalog.kept_once(self.track).collect();
        for name in self.track.shared.iter().filter(|name| !kept_once.contains(&name.as_str())) {
            let [template, solution] = [&self.track.templates, &self.track.solutions]
                .map(|folder| self.catalog.tree(&format!("{folder}/{name}")));
            if template? != solution? {
                let why = "differs between the templates and the solutions: a learner's program would be built with \
                    another one than the reference";
                return Ok(Finding::bad(CheckItem::Names, format!("the shared package `{name}` {why}")));
            }
        }
        if let Some(text) = remark_in_text(self.stage) {
            return Ok(Finding::note(CheckItem::Names, text));
        }
        Ok(Finding::good(CheckItem::Names, "lesson, hints and explanations resolve".to_owned()))
    }

    /// 1: the template builds without warnings, and fails with an explanation.
    async fn template(&mut self, reference: &Package) -> Result<Finding> {
        if let Some(why) = stale(self.catalog, &self.stage.name, self.track_name, self.track)? {
            return Ok(Finding::bad(CheckItem::Template, why));
        }
        let package = self.package(Party::You, "template", &self.trees.template)?;
        // Built in any case: an earlier build has printed its warnings already.
        package.forget();
        match package.build(self.track, &mut |_| {}).await? {
            BuildOutcome::Failed(output) => {
                return Ok(Finding::bad(CheckItem::Template, not_built(&output)));
            }
            BuildOutcome::Built { output, .. } if self.warns(&output) => {
                return Ok(Finding::bad(CheckItem::Template, format!("builds with warnings:\n{output}")));
            }
            BuildOutcome::Built { .. } | BuildOutcome::Fresh => {}
        }
        let start = Instant::now();
        let Some(verdict) = self.verify(&package, reference, Selection::default()).await? else {
            return Ok(Finding::bad(CheckItem::Template, not_built(&self.progress_line.not_built)));
        };
        Ok(match verdict.shown() {
            None => Finding::bad(CheckItem::Template, "passes: there is nothing to learn".to_owned()),
            Some((_, failed)) => {
                Finding::good(CheckItem::Template, format!("fails: {} — {}", failed.because.id, failed.because.say))
                    .took(start.elapsed())
            }
        })
    }

    fn warns(&self, output: &str) -> bool {
        let regex = self.track.warning.as_deref().and_then(|source| regex_lite::Regex::new(source).ok());
        regex.is_some_and(|regex| output.lines().any(|line| regex.is_match(line)))
    }

    /// 2: the solution passes every run, every time.
    async fn solution(&mut self, reference: &Package) -> Result<Finding> {
        let you = Package { party: Party::You, ..reference.clone() };
        self.passes(CheckItem::Solution, &you, reference).await
    }

    /// 2: so does the other solution, against the reference.
    async fn another(&mut self, reference: &Package) -> Result<Option<Finding>> {
        let stage = &self.stage.name;
        let another = self.catalog.another(stage, self.track_name);
        let files = another.and_then(|another| another.map(|one| one.files(stage, &self.trees.solution)).transpose());
        let files = match files {
            Ok(None) => return Ok(None),
            Ok(Some(files)) => files,
            Err(error) => return Ok(Some(Finding::bad(CheckItem::Another, error.to_string()))),
        };
        let you = self.package(Party::You, "another", &files)?;
        self.passes(CheckItem::Another, &you, reference).await.map(Some)
    }

    async fn passes(&mut self, check: CheckItem, you: &Package, reference: &Package) -> Result<Finding> {
        let start = Instant::now();
        let Some(verdict) = self.verify(you, reference, times(self.args.repeat)).await? else {
            return Ok(Finding::bad(check, not_built(&self.progress_line.not_built)));
        };
        let whole = repeats(&verdict).filter(Option::is_none).count();
        let runs = verdict.runs.len();
        let row = match verdict.shown() {
            None => Finding::good(check, format!("passes {whole} of {} times, {runs} runs", self.args.repeat)),
            Some((run, failed)) => Finding::bad(
                check,
                format!(
                    "passes {whole} of {} times; {run_id} (seed {}): {} — {}",
                    self.args.repeat,
                    run.id.seed,
                    failed.because.id,
                    failed.because.say,
                    run_id = run.id
                ),
            ),
        };
        Ok(row.took(start.elapsed() / self.args.repeat))
    }

    /// 3: the mistake is rejected every time, with its own explanation. Beyond the run that a learner would be shown,
    /// only scenarios are executed that have not caught a mistake yet.
    async fn mistake(
        &mut self,
        reference: &Package,
        mistake: &Mistake,
        made: std::result::Result<Package, String>,
        caught: &mut Caught,
    ) -> Result<Finding> {
        let check = || CheckItem::Mistake(mistake.name.clone());
        let package = match made {
            Ok(package) => package,
            Err(why) => return Ok(Finding::bad(check(), why)),
        };
        let start = Instant::now();
        let all = self.args.repeat;
        let until_failed = Selection { until_failed: true, ..times(all) };
        let Some(verdict) = self.verify(&package, reference, until_failed).await? else {
            return Ok(Finding::bad(check(), not_built(&self.progress_line.not_built)));
        };
        caught.note(self.stage, mistake, &verdict);
        let shown: Vec<Option<ShownReason>> = repeats(&verdict).collect();
        let took = start.elapsed() / all;
        let scenarios = caught.open(self.stage, mistake, &verdict);
        if self.args.mistake.is_none()
            && !scenarios.is_empty()
            && let Some(verdict) =
                self.verify(&package, reference, Selection { scenarios, ..Selection::default() }).await?
        {
            caught.note(self.stage, mistake, &verdict);
        }
        let rejected = shown.iter().flatten().count();
        let explains = |shown: &ShownReason| mistake.explains.contains(&shown.id);
        let matched = shown.iter().flatten().filter(|shown_first| explains(shown_first)).count();
        let wanted = mistake.explains.join(" or ");
        let mut text = format!("rejected {rejected} of {all}, explained {matched} of {all} ({wanted})");
        let good = rejected == all as usize && matched == all as usize;
        if !good && let Some(other) = shown.iter().find(|shown_first| !shown_first.as_ref().is_some_and(explains)) {
            text.push_str("; otherwise ");
            text.push_str(&other.as_ref().map_or("accepted".to_owned(), ShownReason::to_string));
        }
        let row = if good { Finding::good(check(), text) } else { Finding::bad(check(), text) };
        Ok(row.took(took))
    }
}

/// Where mistakes are made: the solution with a patch, built.
struct Workbench<'c> {
    catalog: &'c Catalog,
    stage: &'c Stage,
    track: &'c Track,
    trees: &'c Trees,
    dir: PathBuf,
}

impl Workbench<'_> {
    /// Makes the package of the mistake with this number and builds it; says why its patch does not apply. Whether it
    /// builds is found out by verifying it, which builds nothing again that is up to date.
    async fn make(&self, mistake: &Mistake, number: usize) -> Result<std::result::Result<Package, String>> {
        let text = match self.catalog.stage_file_if_there(&self.stage.name, &mistake.patch)? {
            Some((_, text)) => text,
            None => {
                let [patch, yaml] = [mistake.patch.as_str(), "stage.yaml"]
                    .map(|file| self.catalog.shown(&format!("exercises/{}/{file}", self.stage.name)));
                return Ok(Err(format!(
                    "there is no file {patch}: `patch` of this mistake names it in {yaml}; make the patch, or take the \
                     mistake out"
                )));
            }
        };
        let files = match patch::apply(&text, &self.stage.name, &self.trees.solution) {
            Ok(files) => files,
            Err(why) => return Ok(Err(why)),
        };
        // Two places, by turns: the programs in the other one may be playing.
        let place = ["mistake", "next-mistake"][number % 2];
        let package = package(&self.dir, self.stage, Party::You, place, &files)?;
        package.build(self.track, &mut |_| {}).await?;
        Ok(Ok(package))
    }
}

/// What to say of a package that does not build: what its build tool has printed.
fn not_built(output: &str) -> String {
    format!("does not build:\n{}", output.trim_end())
}

/// The first typed or printed text with something in it that looks like a comment.
fn remark_in_text(stage: &Stage) -> Option<String> {
    let of = |scenario: &Scenario| {
        let (step, remark) = scenario.transcript.steps.iter().find_map(|step| Some((step, step.remark_in_text()?)))?;
        let place = format!("scenario {}, line {} of its transcript", scenario.name, step.line + 1);
        Some(format!(
            "{place}: `{remark}` is part of the text; a comment has a line of its own, or follows `$`, `!` or `=`"
        ))
    };
    stage.scenarios.iter().find_map(of)
}

/// All runs, repeated.
fn times(repeat: u32) -> Selection {
    Selection { repeat, ..Selection::default() }
}

/// What a learner is shown first: the explanation, and its run.
struct ShownReason {
    id: String,
    say: String,
    run: String,
}

impl ShownReason {
    fn new(run: &Run, failed: &Failed) -> ShownReason {
        ShownReason { id: failed.because.id.clone(), say: failed.because.say.clone(), run: run.id.to_string() }
    }
}

impl std::fmt::Display for ShownReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, in {}: {}", self.id, self.run, self.say)
    }
}

/// The explanation of a failed run in a line.
pub(super) fn said(run: &Run, failed: &Failed) -> String {
    ShownReason::new(run, failed).to_string()
}

/// For each repeat, what a learner would have been shown, if it failed.
fn repeats(verdict: &StageVerdict) -> impl Iterator<Item = Option<ShownReason>> {
    let last = verdict.runs.iter().map(|run| run.id.repeat).max().unwrap_or(0);
    (0..=last).map(|repeat| {
        let (run, failed) = verdict.failed().find(|(run, _)| run.id.repeat == repeat)?;
        Some(ShownReason::new(run, failed))
    })
}
