//! Wrong programs that no author thought of: small changes of the solution, made by a tool for its language.
//!
//! A stage is strict when each of them is rejected. Mutants that break no rule are listed in
//! `mutants/equivalent.yaml` of the stage, each with a reason.

mod equivalent;
mod list;
mod results;

use std::path::{Path, PathBuf};
use std::time::Instant;

use self::equivalent::Equivalent;
use self::list::Mutant;
use self::results::{MutantResult, Results};
use super::check::said;
use super::findings::{CheckItem, Finding};
use super::tables::Tables;
use crate::assets::{Catalog, patch};
use crate::build::{Built, Package};
use crate::cli::{MutantsArgs, Shard};
use crate::course::{Party, Stage, Track};
use crate::error::{Error, Result};
use crate::report;
use crate::runtime::block_on;
use crate::verify::build_folder::{BuildFolder, ProgressLine, Trees, package, verify_package};
use crate::verify::{Selection, new_seed};

/// Runs the mutants of the requested stages, and shows the results. False when one survives that is not listed.
///
/// # Errors
/// Whatever kept them from being made or run.
pub fn mutants(catalog: &Catalog, args: &MutantsArgs) -> Result<bool> {
    let names = if args.stages.is_empty() { &catalog.course.stages } else { &args.stages };
    let stages = names.iter().map(|name| catalog.stage(name)).collect::<Result<Vec<Stage>>>()?;
    let tracks = catalog.course.tracks.iter().filter(|(_, track)| !track.mutants.is_empty());
    let tracks = tracks.map(|(name, track)| Ok((name, track, Trees::of(catalog, track)?)));
    let tracks = tracks.collect::<Result<Vec<_>>>()?;
    if tracks.is_empty() {
        return Err(Error::new("no track of this course has a command for mutants")
            .help("`mutants` of a track is a command that lists them; docs/course.md says what it must print"));
    }
    let scratch = BuildFolder::open(args.cache.as_deref())?;
    let mut tables = Tables::new(args.format);
    let seed = args.seed.unwrap_or_else(new_seed);
    if args.sample.is_some() {
        report::say(&format!("The sample is chosen with --seed {seed}"));
    }
    for stage in &stages {
        for (name, track, trees) in &tracks {
            let start = Instant::now();
            let test = MutantTest::new(catalog, stage, (track, trees), &scratch.path().join(name))?;
            let (all, mutants) = chosen(test.mutants()?, args, seed, &stage.name);
            let checks: Vec<CheckItem> = mutants.iter().map(|mutant| CheckItem::Mutant(mutant.name.clone())).collect();
            tables.begin(&stage.name, Some(name), &checks);
            let whole = mutants.len() == all;
            let mut progress_line = ProgressLine::default();
            let done = block_on(test.run_all(&mutants, args.jobs, whole, &mut progress_line, &mut tables));
            progress_line.spinner.done();
            done?;
            tables.end(start.elapsed());
        }
    }
    Ok(tables.over())
}

/// The requested part of the mutants, in their order, and the number of all.
fn chosen(mut mutants: Vec<Mutant>, args: &MutantsArgs, seed: u64, stage: &str) -> (usize, Vec<Mutant>) {
    let all = mutants.len();
    if let Some(sample) = args.sample {
        // A different sample for each stage, with the same seed.
        let mix = stage.bytes().fold(seed, |mix, byte| mix.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let mut random = fastrand::Rng::with_seed(mix);
        while mutants.len() > sample as usize {
            mutants.remove(random.usize(..mutants.len()));
        }
    }
    if let Some(Shard { part, of }) = args.shard {
        let mut index = 0;
        mutants.retain(|_| {
            index += 1;
            (index - 1) % of == part - 1
        });
    }
    (all, mutants)
}

/// Tests the mutants of one stage in one track.
struct MutantTest<'c> {
    stage: &'c Stage,
    track: &'c Track,
    dir: PathBuf,
    reference: Package,
    trees: &'c Trees,
    equivalent: Vec<Equivalent>,
    results: Results,
}

impl<'c> MutantTest<'c> {
    fn new(
        catalog: &Catalog,
        stage: &'c Stage,
        (track, trees): (&'c Track, &'c Trees),
        dir: &Path,
    ) -> Result<MutantTest<'c>> {
        let solution = &trees.solution;
        let yaml = catalog.stage_text(&stage.name, "stage.yaml")?;
        Ok(MutantTest {
            stage,
            track,
            dir: dir.to_owned(),
            results: Results::open(&dir.join("mutants").join(format!("{}.json", stage.name)), &yaml, solution),
            reference: package(dir, stage, Party::Reference, "solution", solution)?,
            trees,
            equivalent: equivalent::of(catalog, &stage.name)?,
        })
    }

    /// The mutants of the files that learners write. The programs of the stage's own peers are in the solution only.
    fn mutants(&self) -> Result<Vec<Mutant>> {
        let mut mutants = list::list(&self.reference, self.track)?;
        mutants.retain(|mutant| {
            let path = format!("{}/{}", self.stage.name, mutant.file);
            self.trees.template.iter().any(|(name, _)| *name == path)
        });
        Ok(mutants)
    }

    async fn run_all(
        mut self,
        mutants: &[Mutant],
        jobs: usize,
        whole: bool,
        progress_line: &mut ProgressLine,
        tables: &mut Tables,
    ) -> Result<()> {
        let mut all: Vec<MutantResult> = Vec::new();
        for (index, mutant) in mutants.iter().enumerate() {
            progress_line.what = format!("{}, mutant {} of {}", self.stage.name, index + 1, mutants.len());
            let start = Instant::now();
            let known = self.results.of(mutant);
            let result = match known.clone() {
                Some(result) => result,
                None => self.run(mutant, jobs, progress_line).await?,
            };
            if known.is_none() {
                self.results.add(mutant, &result)?;
            }
            progress_line.spinner.done();
            let row = self.row(mutant, &result);
            tables.add(if known.is_none() { row.took(start.elapsed()) } else { row });
            all.push(result);
        }
        tables.add(self.summary(mutants, &all, whole));
        Ok(())
    }

    /// Runs one mutant.
    async fn run(&self, mutant: &Mutant, jobs: usize, progress_line: &mut ProgressLine) -> Result<MutantResult> {
        let Ok(files) = patch::apply(&mutant.patch, &self.stage.name, &self.trees.solution) else {
            return Err(Error::new(format!("the mutant `{}` does not apply to the solution", mutant.name))
                .help("`mutants` of the track must list changes of the current package"));
        };
        // One folder for all mutants: the tool builds only what has changed.
        let you = package(&self.dir, self.stage, Party::You, "mutant", &files)?;
        let built = Built { track: self.track, you, reference: self.reference.clone() };
        let selection = Selection { until_failed: true, jobs, seed: new_seed(), ..Selection::default() };
        let verdict = verify_package(self.stage, &built, &selection, progress_line).await?;
        Ok(verdict.map_or(MutantResult::NotBuilt, |verdict| {
            verdict.shown().map_or(MutantResult::Survived, |(run, failed)| MutantResult::Rejected(said(run, failed)))
        }))
    }

    fn row(&self, mutant: &Mutant, result: &MutantResult) -> Finding {
        let check = CheckItem::Mutant(mutant.name.clone());
        match (result, self.equivalent.iter().find(|one| one.is(mutant))) {
            (MutantResult::NotBuilt, _) => Finding::good(check, "does not build".to_owned()),
            (MutantResult::Rejected(said), None) => Finding::good(check, format!("rejected: {said}")),
            (MutantResult::Rejected(said), Some(_)) => {
                Finding::bad(check, format!("is listed as equivalent, but rejected: {said}"))
            }
            (MutantResult::Survived, Some(one)) => Finding::good(check, format!("listed: {}", one.why)),
            (MutantResult::Survived, None) => Finding::bad(check, format!("survives\n{}", mutant.patch.trim_end())),
        }
    }

    /// How many there are of each kind. If all mutants of the stage were run, listed ones that do not exist any more
    /// are reported, too.
    fn summary(&self, mutants: &[Mutant], all: &[MutantResult], whole: bool) -> Finding {
        let count =
            |of: &dyn Fn(&Mutant, &MutantResult) -> bool| mutants.iter().zip(all).filter(|(m, c)| of(m, c)).count();
        let is_listed = |mutant: &Mutant| self.equivalent.iter().any(|one| one.is(mutant));
        let rejected = count(&|_, result| matches!(result, MutantResult::Rejected(_)));
        let listed = count(&|mutant, result| matches!(result, MutantResult::Survived) && is_listed(mutant));
        let survive = count(&|mutant, result| matches!(result, MutantResult::Survived) && !is_listed(mutant));
        let not_built = count(&|_, result| matches!(result, MutantResult::NotBuilt));
        let mut text = format!(
            "{} build: {rejected} rejected, {listed} listed, {survive} survive; {not_built} do not build",
            all.len() - not_built
        );
        let gone: Vec<&str> = self
            .equivalent
            .iter()
            .filter(|one| whole && !mutants.iter().any(|mutant| one.is(mutant)))
            .map(|one| one.mutant.as_str())
            .collect();
        if gone.is_empty() {
            return Finding { good: survive == 0, ..Finding::good(CheckItem::Mutants, text) };
        }
        text.push_str(&format!("; equivalent.yaml lists mutants that no longer exist: {}", gone.join(", ")));
        Finding::bad(CheckItem::Mutants, text)
    }
}
