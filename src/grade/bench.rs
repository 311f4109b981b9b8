//! Where submissions are built and run: a cache with everything that they depend on, which is filled once while there
//! is a network, and for each submission a layer over it, with which everything that it has written goes.

use std::fs;
use std::path::{Path, PathBuf};

use super::mark;
use super::result::BUILDS;
use crate::assets::Catalog;
use crate::build::Package;
use crate::cli::{GradeArgs, Shard};
use crate::course::{Party, Stage, Track};
use crate::error::{Error, Result};
use crate::files::{Lock, replace};
use crate::report::say;
use crate::runtime::block_on;
use crate::sandbox::Layer;
use crate::verify::build;
use crate::verify::build_folder::{ProgressLine, Trees, alone, package};

/// Held together by those who grade, and alone by who fills the cache.
const LOCK: &str = ".lock";

/// Held by who fills the cache, or is about to. Others wait for that, and not for those who grade already.
const FILLS: &str = ".fills";

/// What the programs of a class are built with.
pub(super) struct Bench<'b> {
    catalog: &'b Catalog,
    track_name: &'b str,
    track: &'b Track,
    stages: &'b [Stage],
    pub(super) trees: Trees,
    /// The folder with the packages, what is built, and the cache.
    dir: PathBuf,
    /// Each submission has a layer of its own.
    layered: bool,
    /// Held until all is graded.
    _lock: Option<Lock>,
}

impl<'b> Bench<'b> {
    /// The bench of a track. Nothing is built yet.
    ///
    /// # Errors
    /// The course can't be read, or there is no folder for it.
    pub(super) fn new(
        catalog: &'b Catalog,
        (track_name, track): (&'b str, &'b Track),
        stages: &'b [Stage],
        args: &GradeArgs,
    ) -> Result<Bench<'b>> {
        let folder = match (&args.cache, &args.out) {
            (Some(cache), _) => cache.clone(),
            (None, out) => out.clone().unwrap_or_default().join(BUILDS),
        };
        let folder = std::path::absolute(&folder).map_err(|error| Error::io("use", &folder, &error))?;
        let dir = folder.join(track_name);
        let trees = Trees::of(catalog, track)?;
        Ok(Bench { catalog, track_name, track, stages, trees, dir, layered: false, _lock: None })
    }

    /// Fills the cache, unless that is done: the references are built, and the templates for what submissions depend
    /// on. Each has a cache of its own, so no submission sees a part of a reference.
    ///
    /// # Errors
    /// One of them can't be built.
    pub(super) fn fill(&self) -> Result<()> {
        let folder = |error| Error::io("use", &self.dir, &error);
        fs::create_dir_all(&self.dir).map_err(folder)?;
        let is_filled = || Lock::share(&self.dir, LOCK).map(|_shared| self.is_filled());
        if is_filled()? {
            return Ok(());
        }
        let _fills = alone(&self.dir, FILLS)?;
        if is_filled()? {
            return Ok(());
        }
        let _alone = alone(&self.dir, LOCK)?;
        self.build_all()
    }

    fn build_all(&self) -> Result<()> {
        let mut progress = ProgressLine::default();
        for stage in self.stages {
            let of_submissions = self.submission(stage, &self.trees.template)?;
            let both = [("the reference", self.reference(stage)?), ("the template", of_submissions)];
            for (name, built) in both {
                progress.what = format!("{name} of {}", stage.name);
                // A template that does not build is one that learners have to mend; what it depends on is built.
                let is_built = block_on(build(self.track, &built, &mut progress))?;
                if !is_built && built.party == Party::Reference {
                    progress.spinner.done();
                    return Err(Error::new(format!("the reference of `{}` can't be built", stage.name))
                        .because(std::mem::take(&mut progress.not_built))
                        .help("`workshop doctor` looks at what a build needs"));
                }
            }
            let (file, mark) = self.filled(stage);
            replace(&file, mark.as_bytes())?;
        }
        progress.spinner.done();
        Ok(())
    }

    /// Says whether the cache is filled with what these stages need.
    fn is_filled(&self) -> bool {
        self.stages.iter().map(|stage| self.filled(stage)).all(|(file, mark)| {
            let there = fs::read_to_string(file);
            there.is_ok_and(|there| there == mark)
        })
    }

    /// The file that says what of a stage is in the cache, and what it says.
    fn filled(&self, stage: &Stage) -> (PathBuf, String) {
        let (solution, template) =
            (self.of_stage(&self.trees.solution, stage), self.of_stage(&self.trees.template, stage));
        let command = format!("{:?} {:?}", self.track.build, self.track.env).into_bytes();
        let files = [solution, template, vec![("build".to_owned(), command)]].concat();
        (self.dir.join(format!(".filled-{}", stage.name)), mark(&files))
    }

    /// The files of the stage's package and of those that stages share.
    pub(super) fn of_stage(&self, files: &[crate::assets::File], stage: &Stage) -> Vec<crate::assets::File> {
        let counts = |path: &str| {
            let package = path.split('/').next().unwrap_or_default();
            !path.contains('/') || package == stage.name || self.track.shared.iter().any(|shared| shared == package)
        };
        files.iter().filter(|(path, _)| counts(path)).cloned().collect()
    }

    /// Makes it ready for submissions: inside of the walls with a layer for each. Where there are no layers,
    /// submissions share a cache, and each part of a class has its own.
    ///
    /// # Errors
    /// Another command has filled the cache with something else meanwhile, or it can't be filled here.
    pub(super) fn ready(&mut self, sandboxed: bool, part: Option<Shard>) -> Result<()> {
        if sandboxed {
            let lock = Lock::share(&self.dir, LOCK)?;
            if !self.is_filled() {
                return Err(Error::new(format!("{} is being filled by another command", self.dir.display()))
                    .help("grade again when it is over, or give each command a cache of its own with `--cache`"));
            }
            match Layer::over(&self.dir) {
                Ok(_) => {
                    self.layered = true;
                    self._lock = Some(lock);
                    return Ok(());
                }
                Err(error) => say(&format!(
                    "submissions share a cache, which a build may write into: {}",
                    error.causes.join(": ")
                )),
            }
        }
        if let Some(part) = part {
            let name = format!("part-{}-of-{}", part.part, part.of);
            self.dir = self.dir.parent().unwrap_or(Path::new("/")).join(name).join(self.track_name);
        }
        fs::create_dir_all(&self.dir).map_err(|error| Error::io("use", &self.dir, &error))?;
        self._lock = Some(alone(&self.dir, LOCK)?);
        if self.is_filled() { Ok(()) } else { self.build_all() }
    }

    /// Is all that a submission writes gone with it?
    pub(super) fn is_layered(&self) -> bool {
        self.layered
    }

    /// A layer for a submission, if there are any.
    ///
    /// # Errors
    /// It can't be made.
    pub(super) fn layer(&self) -> Result<Option<Layer>> {
        self.layered.then(|| Layer::over(&self.dir)).transpose()
    }

    /// The package of a submission, with these files.
    ///
    /// # Errors
    /// They can't be written.
    pub(super) fn submission(&self, stage: &Stage, files: &[crate::assets::File]) -> Result<Package> {
        let package = package(&self.dir, stage, Party::You, "submission", files)?;
        // Whatever was built there was another submission's.
        if package.out.exists() {
            fs::remove_dir_all(&package.out).map_err(|error| Error::io("clear", &package.out, &error))?;
        }
        Ok(Package { cache: self.dir.join("cache"), ..package })
    }

    /// The package of the reference.
    ///
    /// # Errors
    /// It can't be written.
    pub(super) fn reference(&self, stage: &Stage) -> Result<Package> {
        let package = package(&self.dir, stage, Party::Reference, "solution", &self.trees.solution)?;
        Ok(Package { cache: self.dir.join("cache-of-references"), ..package })
    }

    /// A mark of everything of the course that a result of a stage depends on.
    ///
    /// # Errors
    /// The course can't be read.
    pub(super) fn mark_of(&self, stage: &Stage) -> Result<String> {
        let parts = [
            self.catalog.tree(&format!("exercises/{}", stage.name))?,
            self.of_stage(&self.trees.solution, stage),
            self.of_stage(&self.trees.template, stage),
            vec![("course".to_owned(), self.catalog.text()?.into_bytes())],
        ];
        Ok(mark(&parts.concat()))
    }
}
