//! Courses, tracks, stages and scenarios: what the YAML files say, read and checked.
//!
//! Pure: text in, values out. A [`Stage`] that exists can be carried out: its transcripts are in
//! the grammar, every name in them is defined before it is used, every fault has its link.

mod checks;
mod names;
mod scenario;
mod stage;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::pattern::Pattern;
use crate::transcript::Transcript;
use crate::yaml::Source;
use checks::{check_file_name, check_path, check_regex, check_unique, check_words};

/// The captures that every scenario has: an address at which nobody listens, as `IP:PORT`.
pub const NOBODY: &str = "nobody";

/// The same as a multiaddr.
pub const NOBODY_MULTIADDR: &str = "nobody_multiaddr";

/// `course.yaml`: an ordered list of stages, and the tracks that they come in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Course {
    /// Also the name of the workspace's folder.
    pub name: String,
    /// One line.
    pub title: String,
    /// What a learner is told when a workspace is made.
    #[serde(default)]
    pub about: String,
    /// What a learner is told at the end.
    #[serde(default)]
    pub ending: String,
    /// Names of stages, in order; each is a folder beside `course.yaml`.
    pub stages: Vec<String>,
    /// The languages of the course, by name.
    pub tracks: BTreeMap<String, Track>,
}

/// How a learner works in one language. The runner itself knows no language.
///
/// In `build`, `run`, `env` and `checks` these words in braces stand for: `{stage}` its name,
/// `{role}` the role to play, `{root}` the folder of all packages, `{package}` that of the stage,
/// `{out}` a folder for what is built, per stage and per player, `{cache}` a folder that all
/// builds share, `{number}` another number for each folder that packages are built from (a build tool that keeps
/// packages of the same name apart by nothing else needs it), `{colour}` `always` or `never`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Track {
    /// The language, for people.
    pub title: String,
    /// The folder with one package a stage, from which learners start.
    pub templates: String,
    /// The same with the holes filled: the reference peers.
    pub solutions: String,
    /// Files or folders in a package that a learner edits.
    pub edit: Vec<String>,
    /// The command that builds a package; none for languages that need none.
    #[serde(default)]
    pub build: Vec<String>,
    /// The command that plays a role.
    pub run: Vec<String>,
    /// Set for `build` and `run`.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// How the first line of a compiler's error begins, so that errors come before warnings.
    #[serde(default)]
    pub error: Option<String>,
    /// The same for warnings: a template builds without any.
    #[serde(default)]
    pub warning: Option<String>,
    /// A regular expression with groups `file` and `line`: where a program says it crashed.
    #[serde(default)]
    pub crash: Option<String>,
    /// A regular expression for what a program says that runs into a hole of the template.
    #[serde(default)]
    pub unfinished: Option<String>,
    /// What `workshop doctor` looks at.
    #[serde(default)]
    pub checks: Vec<Check>,
}

/// One thing that `workshop doctor` looks at.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What is good when the command succeeds.
    pub what: String,
    /// The command.
    pub run: Vec<String>,
    /// What to do when it fails.
    pub fix: String,
}

/// One exercise.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Its name: the folder's, and the key of the learner's progress.
    pub name: String,
    /// One line.
    pub title: String,
    /// What it is about, in a sentence.
    pub about: String,
    /// The programs of the stage.
    pub roles: Vec<Role>,
    /// The stories that the peers act out.
    pub scenarios: Vec<Scenario>,
    /// From gentle to nearly telling.
    pub hints: Vec<Hint>,
    /// Explanations of the stage's own, tried before the general ones.
    pub explanations: Vec<StageExplanation>,
    /// Known wrong solutions.
    pub mistakes: Vec<Mistake>,
    /// The lesson's path in the course.
    pub lesson: String,
}

/// One program of a stage.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// What it does, in a few words.
    pub about: String,
    /// Its arguments; captures in braces.
    pub args: Vec<Pattern>,
    /// Whose program always plays it; `None` where that depends on the pairing.
    pub by: Option<Party>,
}

/// One story that the peers act out.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it shows, in a sentence.
    pub about: String,
    /// The transcript as the author wrote it.
    pub text: String,
    /// The transcript as the runner reads it.
    pub transcript: Transcript,
    /// For each role of the transcript: which role of the stage plays it.
    pub cast: Vec<usize>,
    /// Values that are given from the start.
    pub given: BTreeMap<String, String>,
    /// Conditions under which it is run.
    pub conditions: Vec<Condition>,
    /// Who plays the roles, in each pairing.
    pub pairings: Vec<Pairing>,
    /// Seconds after which a run is over, whatever happens.
    pub limit: u64,
    /// MiB that each peer may allocate; as much as it likes when `None`.
    pub memory: Option<u64>,
}

/// How a link treats what comes through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// As it comes.
    Clear,
    /// In pieces, the first bytes one at a time, each only when the last was read.
    Fragmented,
    /// Held back until nobody can go on without it, then all at once.
    Coalesced,
    /// Every piece a fixed time after it came.
    Delayed,
}

impl Condition {
    /// All of them.
    pub const ALL: [Condition; 4] = [Condition::Clear, Condition::Fragmented, Condition::Coalesced, Condition::Delayed];

    /// As it is written in YAML and in output.
    pub fn name(self) -> &'static str {
        match self {
            Condition::Clear => "clear",
            Condition::Fragmented => "fragmented",
            Condition::Coalesced => "coalesced",
            Condition::Delayed => "delayed",
        }
    }
}

/// Who plays a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Party {
    /// The learner's program.
    You,
    /// The solution's.
    Reference,
    /// The stage's own: a peer that comes with it, which no learner writes.
    Stage,
}

impl Party {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Party::You => "you",
            Party::Reference => "reference",
            Party::Stage => "stage",
        }
    }
}

/// Who plays each role of a scenario, in the order of the stage's roles; `None` for the roles
/// that the scenario has no use for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pairing(pub Vec<Option<Party>>);

impl std::fmt::Display for Pairing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.0.iter().flatten().map(|party| party.name()).collect();
        f.write_str(&names.join("/"))
    }
}

/// A hint, and the explanations after which it helps most.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hint {
    /// The hint.
    pub say: String,
    /// Ids of explanations.
    #[serde(default, rename = "for")]
    pub helps: Vec<String>,
}

/// What a stage says of a failure that it knows better than the general explanations do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageExplanation {
    /// Its name, as mistakes and hints use it.
    pub id: String,
    /// Facts that must all hold; see `docs/explanations.md`.
    pub when: Vec<String>,
    /// Only in these scenarios, where given.
    #[serde(default)]
    pub scenarios: Vec<String>,
    /// What to tell the learner.
    pub say: String,
}

/// A known wrong solution.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mistake {
    /// Its name.
    pub name: String,
    /// What is wrong with it, in a sentence.
    pub about: String,
    /// The path, below the stage's folder, of a unified diff against the solution.
    pub patch: String,
    /// The id of the explanation that a learner must be shown.
    pub explains: String,
}

impl Course {
    /// Reads `course.yaml`.
    ///
    /// # Errors
    /// Anything that is not as it should be, with its place.
    pub fn parse(file: &str, text: &str) -> Result<Course> {
        let (course, source): (Course, Source<'_>) = Source::parse(file, text)?;
        check_file_name(&course.name, "name", &source)?;
        if course.stages.is_empty() {
            return Err(Error::new("this course has no stages")
                .at(source.place("stages"))
                .help("name a folder below exercises/, as in `stages: [first]`"));
        }
        let path = |index| format!("stages[{index}]");
        for (index, stage) in course.stages.iter().enumerate() {
            check_file_name(stage, &path(index), &source)?;
        }
        check_unique(course.stages.iter().map(String::as_str), "stage", &path, &source)?;
        if course.tracks.is_empty() {
            return Err(Error::new("this course has no track")
                .at(source.place("tracks"))
                .help("docs/course.md shows a track"));
        }
        for (name, track) in &course.tracks {
            check_file_name(name, &format!("tracks.{name}"), &source)?;
            track.check(&format!("tracks.{name}"), &source)?;
        }
        Ok(course)
    }
}

impl Track {
    const WORDS: [&'static str; 8] = ["stage", "role", "root", "package", "out", "cache", "number", "colour"];

    fn check(&self, path: &str, source: &Source<'_>) -> Result<()> {
        check_path(&self.templates, &format!("{path}.templates"), source)?;
        check_path(&self.solutions, &format!("{path}.solutions"), source)?;
        for (index, edit) in self.edit.iter().enumerate() {
            check_path(edit, &format!("{path}.edit[{index}]"), source)?;
        }
        for (key, pattern) in [
            ("crash", &self.crash),
            ("unfinished", &self.unfinished),
            ("error", &self.error),
            ("warning", &self.warning),
        ] {
            pattern.as_deref().map_or(Ok(()), |regex| check_regex(regex, &format!("{path}.{key}"), source))?;
        }
        if self.run.is_empty() {
            return Err(Error::new("`run` needs a command")
                .at(source.place(&format!("{path}.run")))
                .help("write the command that plays a role, as in `[\"{out}/{role}\"]`"));
        }
        let words = [("build", &self.build), ("run", &self.run)];
        for (key, command) in words {
            for (index, word) in command.iter().enumerate() {
                check_words(word, &format!("{path}.{key}[{index}]"), source)?;
            }
        }
        for (key, value) in &self.env {
            check_words(value, &format!("{path}.env.{key}"), source)?;
        }
        Ok(())
    }
}

/// Replaces the words in braces of a track's command.
pub fn fill_words(text: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    match Pattern::parse(text) {
        Ok(pattern) => pattern.fill(value),
        Err(_) => text.to_owned(),
    }
}
