//! `grade.yaml`: what an instructor has decided about a class, once for all commands.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cli::GradeArgs;
use crate::error::{Error, Result};
use crate::files::{make_folder, replace};
use crate::yaml::Source;

/// Beside results: the path of the settings that they were made with.
const NOTED: &str = ".settings";

/// `grade.yaml`: how a class is graded. Options of the command line come first.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(title = "grade.yaml", rename = "Settings"))]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsFile {
    /// The stages to grade.
    #[serde(default)]
    stages: Vec<StageSetting>,
    /// The track of the submissions; the course's first one when left out.
    #[serde(default)]
    #[cfg_attr(test, schemars(example = &"rust"))]
    track: Option<String>,
    /// How often to repeat every run.
    #[serde(default)]
    #[cfg_attr(test, schemars(range(min = 1, max = 1000)))]
    repeat: Option<u32>,
    /// Make the same random choices for every submission.
    #[serde(default)]
    seed: Option<u64>,
    /// All points for a submission that keeps every rule, and none for others.
    #[serde(default)]
    all_or_nothing: bool,
    /// A CSV file that says whose each submission is; its path is relative to this file.
    #[serde(default)]
    #[cfg_attr(test, schemars(example = &"roster.csv"))]
    roster: Option<PathBuf>,
    /// What a learner's own page and file say beside the points; everything when left out.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("uniqueItems" = true), example = ["rules", "reason"]))]
    show: Option<Vec<Shown>>,
}

/// A stage that is graded.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Graded"))]
#[serde(deny_unknown_fields)]
pub(crate) struct StageSetting {
    /// Its name.
    #[cfg_attr(test, schemars(example = &"duplex-tcp"))]
    pub(crate) name: String,
    /// Its points count so many times in the sum of all stages.
    #[serde(default = "once")]
    #[cfg_attr(test, schemars(range(min = 1, max = 1000)))]
    pub(crate) weight: u32,
}

fn once() -> u32 {
    1
}

/// A part of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum Shown {
    /// Which rules are kept, and what each is worth.
    Rules,
    /// Why the first failed run failed, or what the build printed.
    Reason,
    /// That run, as a picture.
    Run,
}

/// What holds for a command: the file, and the options over it.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) stages: Vec<StageSetting>,
    pub(super) track: Option<String>,
    pub(super) repeat: u32,
    pub(super) seed: Option<u64>,
    pub(super) all_or_nothing: bool,
    pub(super) roster: Option<PathBuf>,
    show: Option<Vec<Shown>>,
}

impl Settings {
    /// Those of a file, or none but the usual ones.
    ///
    /// # Errors
    /// The file can't be read, or is not what it has to be.
    pub(super) fn load(file: Option<&Path>) -> Result<Settings> {
        let Some(path) = file else { return Ok(Settings { repeat: 1, ..Settings::default() }) };
        let text = fs::read_to_string(path).map_err(|error| {
            Error::io("read the settings", path, &error).help("docs/grading.md says what they may be")
        })?;
        let shown = path.display().to_string();
        let (file, source) = Source::parse::<SettingsFile>(&shown, &text)?;
        let wrong = |what: &str, at: &str| Err(Error::new(what).at(source.place(at)));
        if file.repeat.is_some_and(|repeat| !(1..=1000).contains(&repeat)) {
            return wrong("`repeat` is between 1 and 1000", "repeat");
        }
        for (index, stage) in file.stages.iter().enumerate() {
            if !(1..=1000).contains(&stage.weight) {
                return wrong("`weight` is between 1 and 1000", &format!("stages[{index}].weight"));
            }
            if file.stages[..index].iter().any(|other| other.name == stage.name) {
                return wrong(&format!("the stage `{}` is named twice", stage.name), &format!("stages[{index}].name"));
            }
        }
        Ok(Settings {
            stages: file.stages,
            track: file.track,
            repeat: file.repeat.unwrap_or(1),
            seed: file.seed,
            all_or_nothing: file.all_or_nothing,
            roster: file.roster.map(|roster| path.parent().unwrap_or(Path::new("")).join(roster)),
            show: file.show,
        })
    }

    /// Those of a command.
    ///
    /// # Errors
    /// Its file can't be read.
    pub(super) fn of(args: &GradeArgs) -> Result<Settings> {
        let mut settings = Settings::load(args.settings.as_deref())?;
        if !args.stages.is_empty() {
            let weight = |name: &str| settings.weight(name);
            let stages = args.stages.iter().map(|name| StageSetting { name: name.clone(), weight: weight(name) });
            settings.stages = stages.collect();
        }
        settings.track = args.track.clone().or(settings.track);
        settings.repeat = args.repeat.unwrap_or(settings.repeat);
        settings.seed = args.seed.or(settings.seed);
        settings.all_or_nothing |= args.all_or_nothing;
        settings.roster = args.roster.clone().or(settings.roster);
        Ok(settings)
    }

    /// Notes beside the results which settings they were made with.
    ///
    /// # Errors
    /// It can't be written.
    pub(super) fn remember(&self, file: Option<&Path>, results: &Path) -> Result<()> {
        let Some(file) = file else { return Ok(()) };
        let whole = std::path::absolute(file).map_err(|error| Error::io("use", file, &error))?;
        make_folder(results)?;
        replace(&results.join(NOTED), whole.display().to_string().as_bytes())
    }

    /// Those of the file, or else those that the results were made with.
    ///
    /// # Errors
    /// The file can't be read.
    pub(super) fn of_results(file: Option<&Path>, results: &Path) -> Result<Settings> {
        let noted = fs::read_to_string(results.join(NOTED)).ok().map(PathBuf::from);
        Settings::load(file.or(noted.as_deref()))
    }

    /// How often the points of a stage count.
    pub(super) fn weight(&self, stage: &str) -> u32 {
        self.stages.iter().find(|setting| setting.name == stage).map_or(1, |setting| setting.weight)
    }

    /// Do learners see this part of their results?
    pub(super) fn shows(&self, part: Shown) -> bool {
        self.show.as_ref().is_none_or(|show| show.contains(&part))
    }
}
