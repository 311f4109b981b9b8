//! Courses, tracks, stages and scenarios: what the YAML files say, read and checked.
//!
//! Pure: text in, values out. A [`Stage`] that exists can be carried out: its transcripts are in
//! the grammar, every name in them is defined before it is used, every fault has its link.

mod checks;
mod explanation;
mod facts;
mod file;
mod language;
mod names;
mod runner;
mod sanitize;
mod scenario;
pub mod schema;
mod stage;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::hash::stable_hash;
use crate::pattern::{Pattern, escape};
use crate::transcript::{Transcript, is_name};
use crate::yaml::Source;
pub use checks::is_file_name;
#[cfg(test)]
use checks::{FILE_NAME, NAME, PATH};
use checks::{check_file_name, check_path, check_regex, check_unique, check_words};
pub use explanation::{Count, EndOfStream, EndSeen, LineSeen, LinkSeen, SAYS, Seen, StageExplanation};
pub use facts::{FACTS, MISWRITTEN, OF_SEVERAL_RUNS};
pub use language::{CourseWords, StageWords};
use sanitize::Sanitize;

/// The name of an address without a listener, as `IP:PORT`, which every scenario has.
pub const NOBODY: &str = "nobody";

/// The same as a multiaddr.
pub const NOBODY_MULTIADDR: &str = "nobody_multiaddr";

/// A folder of the run's own, empty at first and gone with the run.
pub const SCRATCH: &str = "scratch";

/// The names that every scenario is given.
const ALWAYS_GIVEN: [&str; 3] = [NOBODY, NOBODY_MULTIADDR, SCRATCH];

/// `exercises/course.yaml`: an ordered list of stages, and the tracks that they come in.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(title = "course.yaml"))]
#[serde(deny_unknown_fields)]
pub struct Course {
    /// The course's name, and that of a learner's workspace folder.
    #[cfg_attr(test, schemars(regex(pattern = FILE_NAME), example = &"p2p-workshop"))]
    pub name: String,
    /// One line; `workshop list` shows it.
    pub title: String,
    /// Shown to a learner when a workspace is made.
    #[serde(default)]
    pub about: String,
    /// Shown to a learner when all stages are verified.
    #[serde(default)]
    pub ending: String,
    /// The oldest runner that can run it.
    #[serde(default)]
    #[cfg_attr(test, schemars(example = &"0.1"))]
    pub runner: Option<String>,
    /// The tags of the languages of its texts. Its files are in the first one; for the others there are files with
    /// the tag in their names, as in `lesson.de.md`.
    #[serde(default)]
    #[cfg_attr(test, schemars(inner(regex(pattern = language::TAG)), extend("uniqueItems" = true), example = ["en", "de"]))]
    pub languages: Vec<String>,
    /// The names of the stages, in the order in which learners meet them. Each is a folder in
    /// `exercises/`, and a package in the templates and solutions of every track. Progress is kept
    /// by these names: a stage can be moved, and one that is renamed says what it `was`.
    #[cfg_attr(test, schemars(length(min = 1), inner(regex(pattern = FILE_NAME)), extend("uniqueItems" = true)))]
    pub stages: Vec<String>,
    /// `workshop author export` has left the solutions out: nothing is played with the reference, and no solution is
    /// shown.
    #[serde(default)]
    pub withheld: bool,
    /// The languages of the course, by name.
    #[cfg_attr(test, schemars(extend("minProperties" = 1, "propertyNames" = {"pattern": FILE_NAME})))]
    pub tracks: BTreeMap<String, Track>,
}

/// How a learner works in one language. The runner knows no language by name: all that it does
/// with one is said here.
///
/// Commands are lists of words, and no shell reads them. In `build`, `run` and `env` these words in braces stand for:
/// `{stage}` the stage's name, `{role}` the role to run (not in `env`; a word of
/// `build` that has it stands there once for each role that the package has to play), `{root}` the folder of all packages, `{package}` that of the stage, `{out}` a folder for what is built,
/// another one for each stage and each player, `{cache}` a folder that all builds share, `{number}`
/// a number, another one for each folder of packages (for build tools that keep packages of the same
/// name apart by nothing else), `{colour}` `always` or `never`. A brace is written twice: `{{`, `}}`.
///
/// Paths are below the course's folder: relative, with `/`, without `..`.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Track {
    /// The language, for people.
    #[cfg_attr(test, schemars(example = &"Rust"))]
    pub title: String,
    /// The folder with one package a stage, from which learners start. What lies directly in it
    /// (a workspace file, a lock file) goes into the learner's workspace, too.
    #[cfg_attr(test, schemars(regex(pattern = PATH), example = &"templates/rust"))]
    pub templates: String,
    /// The same with the holes filled: the reference peers.
    #[cfg_attr(test, schemars(regex(pattern = PATH), example = &"solutions/rust"))]
    pub solutions: String,
    /// The files or folders of a package that a learner edits; `.` is all of it.
    #[cfg_attr(test, schemars(inner(regex(pattern = PATH)), example = ["src"]))]
    pub edit: Vec<String>,
    /// Packages that all stages use, and that no learner edits. They are kept beside the solutions; a copy
    /// beside the templates, if there is one, is the same.
    #[serde(default)]
    #[cfg_attr(test, schemars(inner(regex(pattern = PATH)), example = ["support"]))]
    pub shared: Vec<String>,
    /// The command that builds a package, run in the folder of all packages; left out where nothing
    /// is to be built.
    #[serde(default)]
    #[cfg_attr(test, schemars(example = ["make", "-C", "{stage}", "OUT={out}"]))]
    pub build: Vec<String>,
    /// The command that runs a role, in the stage's package; the role's arguments are added.
    #[cfg_attr(test, schemars(length(min = 1), example = ["{out}/debug/{role}"]))]
    pub run: Vec<String>,
    /// Commands that run certain roles, by the role's name, in the place of `run`: for a role that is a program of the
    /// system, such as `curl`. Nothing is built for a role whose command does not name `{out}`.
    #[serde(default, rename = "run-role")]
    #[cfg_attr(test, schemars(
        extend("propertyNames" = {"pattern": NAME}),
        example = std::collections::BTreeMap::from([("client", ["curl", "--silent", "--show-error"])])
    ))]
    pub run_role: BTreeMap<String, Vec<String>>,
    /// Variables set for `build` and `run`, on top of those that the runner has.
    #[serde(default)]
    #[cfg_attr(test, schemars(example = std::collections::BTreeMap::from([("OUT", "{out}")])))]
    pub env: BTreeMap<String, String>,
    /// What builds and programs read beside the system's own files, where they run in a sandbox: `~/` is the home,
    /// `$NAME` a variable. What is not there is left out.
    #[serde(default)]
    #[cfg_attr(test, schemars(example = ["~/.cargo/registry"]))]
    pub reads: Vec<String>,
    /// A regular expression for the lines of a build that are errors, so that they are shown before
    /// anything else.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("format" = "regex"), example = &"^error"))]
    pub error: Option<String>,
    /// The same for warnings: a template builds without any.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("format" = "regex"), example = &"^warning"))]
    pub warning: Option<String>,
    /// A regular expression with the groups `done` and `total`, and `what` if the tool says it: how far
    /// a build is, in a line that the build command prints.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("format" = "regex"), example = &"(?<done>[0-9]+)/(?<total>[0-9]+): (?<what>.*)"))]
    pub progress: Option<String>,
    /// A regular expression with the groups `file` and `line`: where a program says, on standard
    /// error, that it crashed. Of several places, one in a file that learners edit counts.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("format" = "regex"), example = &"panicked at (?<file>[^:]+):(?<line>[0-9]+)"))]
    pub crash: Option<String>,
    /// Where a stack in that output has the frame in which the program crashed: `innermost-first`, or `innermost-last` as
    /// in Python.
    #[serde(default)]
    #[cfg_attr(test, schemars(example = &"innermost-last"))]
    pub stack: StackOrder,
    /// A regular expression for what a program says, on standard error, that runs into a hole of
    /// the template.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("format" = "regex"), example = &"not yet implemented"))]
    pub unfinished: Option<String>,
    /// A regular expression for the lines of a learner's files that are holes of the template: where
    /// files are shown, the holes that are left are marked.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("format" = "regex"), example = &"todo!\\("))]
    pub hole: Option<String>,
    /// A regular expression for the lines of a learner's files that are only a comment: where a file is compared with
    /// the solution, they are left out.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("format" = "regex"), example = &"^\\s*//"))]
    pub comment: Option<String>,
    /// The command that lists mutants of a package, run in the folder of all packages, for
    /// `workshop author mutants`: a JSON array of objects with `name` (`FILE:LINE:COLUMN: what is changed`) and
    /// `diff` (a unified diff; paths below the folder of all packages), as `cargo mutants --list --json` prints it.
    #[serde(default)]
    #[cfg_attr(test, schemars(example = ["cargo", "mutants", "--list", "--json", "--package", "{stage}"]))]
    pub mutants: Vec<String>,
    /// What `workshop doctor` looks at.
    #[serde(default)]
    pub checks: Vec<DoctorCheck>,
}

/// The order of the frames of a stack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum StackOrder {
    /// The frame in which the program crashed comes first.
    #[default]
    InnermostFirst,
    /// It comes last.
    InnermostLast,
}

/// One thing that `workshop doctor` looks at. A check with a word in braces (`{root}`, `{out}`,
/// `{cache}`) is made only where there is a workspace of this track.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Check"))]
#[serde(deny_unknown_fields)]
pub struct DoctorCheck {
    /// What is good when the command succeeds.
    #[cfg_attr(test, schemars(example = &"Rust is installed (cargo --version)"))]
    pub what: String,
    /// The command.
    #[cfg_attr(test, schemars(length(min = 1), example = ["cargo", "--version"]))]
    pub run: Vec<String>,
    /// What to do when it fails.
    pub fix: String,
}

/// One exercise.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Its name: the folder's, and the key of the learner's progress.
    pub name: String,
    /// What it was called before.
    pub was: Vec<String>,
    /// One line.
    pub title: String,
    /// What it is about, in a sentence.
    pub about: String,
    /// What a learner who has passed it can do now; may be empty.
    pub learned: String,
    /// The programs of the stage.
    pub roles: Vec<Role>,
    /// What the stage demands of the learner's programs.
    pub rules: Vec<Rule>,
    /// The scenarios that the peers act out.
    pub scenarios: Vec<Scenario>,
    /// From gentle to nearly telling.
    pub hints: Vec<Hint>,
    /// Explanations of the stage's own, tried before the general ones.
    pub explanations: Vec<StageExplanation>,
    /// Known wrong solutions.
    pub mistakes: Vec<Mistake>,
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

/// Something that a stage demands of the learner's programs. A rule is kept when every run of every
/// scenario that is there for it passes.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name, as scenarios and mistakes use it.
    pub id: String,
    /// The rule, in a sentence.
    pub say: String,
    /// The heading of the lesson under which it is taught.
    pub lesson: Option<String>,
    /// The roles of the stage that it binds, as indices: of those, at least one, that learners write.
    pub binds: Vec<usize>,
    /// What it is worth when the stage is graded.
    pub points: u32,
}

/// One story that the peers act out.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it shows, in a sentence.
    pub about: String,
    /// The rules that it is there for, by their ids.
    pub rules: Vec<String>,
    /// Learners do not get it.
    pub hidden: bool,
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
    /// How many orders of events are run where its links are interleaved.
    pub orders: u32,
    /// How often each other run is repeated.
    pub times: u32,
    /// Whose programs play the roles, in each pairing.
    pub pairings: Vec<Pairing>,
    /// Seconds after which a run is over, whatever happens.
    pub limit: u64,
    /// MiB that each peer may allocate; as much as it likes when `None`.
    pub memory: Option<u64>,
}

/// How a link treats what comes through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// As it comes.
    Clear,
    /// In pieces, the first bytes one at a time, each only when the last was read.
    Fragmented,
    /// Held back until no peer can go on without it, then delivered all at once.
    Coalesced,
    /// Every piece a fixed time after it came.
    Delayed,
    /// One event at a time, whenever all peers are at rest: a piece, an end, or what the scenario does next. Each run
    /// has a different order.
    Interleaved,
}

impl Condition {
    /// All of them.
    pub const ALL: [Condition; 5] =
        [Condition::Clear, Condition::Fragmented, Condition::Coalesced, Condition::Delayed, Condition::Interleaved];

    /// Does it hold back what comes until all peers are at rest?
    pub fn holds_back(self) -> bool {
        matches!(self, Condition::Coalesced | Condition::Interleaved)
    }

    /// As it is written in YAML and in output.
    pub fn name(self) -> &'static str {
        match self {
            Condition::Clear => "clear",
            Condition::Fragmented => "fragmented",
            Condition::Coalesced => "coalesced",
            Condition::Delayed => "delayed",
            Condition::Interleaved => "interleaved",
        }
    }
}

/// Who plays a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Player"))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Hint {
    /// The hint; `workshop hint` shows one more each time.
    pub say: String,
    /// Ids of explanations: after a verify that failed so, this hint comes first.
    #[serde(default, rename = "for")]
    #[cfg_attr(test, schemars(example = ["read-as-message", "truncated"]))]
    pub helps: Vec<String>,
}

/// A known wrong solution. `workshop author check` checks that it is rejected, for the reason named here.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Mistake {
    /// Its name.
    #[cfg_attr(test, schemars(regex(pattern = FILE_NAME), example = &"never-flushed"))]
    pub name: String,
    /// What is wrong with it, in a sentence.
    pub about: String,
    /// The path, below the stage's folder, of a unified diff against the solution; paths in the diff
    /// are below the stage's package.
    #[cfg_attr(test, schemars(regex(pattern = PATH), example = &"mistakes/never-flushed.patch"))]
    pub patch: String,
    /// The id of the rule that it breaks.
    #[serde(default)]
    #[cfg_attr(test, schemars(example = &"greets"))]
    pub breaks: Option<String>,
    /// The id of the explanation that a learner must be shown; one of these, when it is a list.
    #[serde(deserialize_with = "explanation::one_or_several")]
    #[cfg_attr(test, schemars(with = "explanation::Several<String>", example = &"nothing-sent"))]
    pub explains: Vec<String>,
}

impl Course {
    /// The number of a stage, from 1; 0 when it is none of the course's.
    pub fn number(&self, stage: &str) -> usize {
        self.stages.iter().position(|name| name == stage).map_or(0, |at| at + 1)
    }

    /// Reads `course.yaml`.
    ///
    /// # Errors
    /// Anything that is wrong, with its place.
    pub fn parse(file: &str, text: &str) -> Result<Course> {
        let (course, source) = Course::read(file, text)?;
        if course.stages.is_empty() {
            return Err(Error::new("this course has no stages")
                .at(source.place("stages"))
                .help("`workshop author new NAME` makes the first one"));
        }
        Ok(course)
    }

    /// Reads a `course.yaml` that may have no stage yet: `stages: []`.
    ///
    /// # Errors
    /// Anything else that is wrong, with its place.
    pub fn draft(file: &str, text: &str) -> Result<Course> {
        Course::read(file, text).map(|(course, _)| course)
    }

    fn read<'t>(file: &'t str, text: &'t str) -> Result<(Course, Source<'t>)> {
        // First, so that keys of a newer runner are not reported as unknown.
        runner::check(file, text)?;
        let (mut course, source): (Course, Source<'_>) = Source::parse(file, text)?;
        check_file_name(&course.name, "name", &source)?;
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
            track.check_shared(&format!("tracks.{name}.shared"), &course.stages, &source)?;
        }
        course.check_languages(&source)?;
        course.sanitize();
        Ok((course, source))
    }

    /// A mark of all commands that the course runs; it changes when they change.
    pub fn commands(&self) -> String {
        let commands = self.tracks.iter().map(|(name, track)| {
            let checks: Vec<_> = track.checks.iter().map(|check| &check.run).collect();
            (name, &track.build, &track.run, &track.run_role, &track.env, checks)
        });
        format!("{:016x}", stable_hash(&commands.collect::<Vec<_>>()))
    }
}

impl Track {
    /// The command that runs a role.
    pub fn run_of(&self, role: &str) -> &[String] {
        self.run_role.get(role).unwrap_or(&self.run)
    }

    /// Is the program of this role one that is built?
    pub fn builds(&self, role: &str) -> bool {
        self.run_role.get(role).is_none_or(|command| command.iter().any(|word| names_word(word, "out")))
    }

    /// Does a learner edit this file, by its path below the package?
    pub fn edits(&self, path: &str) -> bool {
        self.edit.iter().any(|edit| {
            edit == "." || path == edit || path.strip_prefix(edit.as_str()).is_some_and(|rest| rest.starts_with('/'))
        })
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
            ("hole", &self.hole),
            ("comment", &self.comment),
            ("error", &self.error),
            ("warning", &self.warning),
            ("progress", &self.progress),
        ] {
            pattern.as_deref().map_or(Ok(()), |regex| check_regex(regex, &format!("{path}.{key}"), source))?;
        }
        if self.run.is_empty() {
            return Err(Error::new("`run` needs a command")
                .at(source.place(&format!("{path}.run")))
                .help("write the command that plays a role, as in `[\"{out}/{role}\"]`"));
        }
        for (role, command) in &self.run_role {
            let at = format!("{path}.run-role.{role}");
            if !is_name(role) {
                return Err(Error::new(format!("`{}` can't be the name of a role", escape(role.as_bytes())))
                    .at(source.place(&at))
                    .help("write lower-case letters, digits and `_`, a letter first"));
            }
            if command.is_empty() {
                return Err(Error::new(format!("`{role}` needs a command"))
                    .at(source.place(&at))
                    .help("write the command that runs this role, as in `[curl, --silent]`"));
            }
        }
        let own = self.run_role.iter().map(|(role, command)| (format!("run-role.{role}"), command));
        let words = [("build".to_owned(), &self.build), ("run".to_owned(), &self.run)].into_iter().chain(own);
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

impl Track {
    /// Shared packages lie beside the stages, and are not stages.
    fn check_shared(&self, path: &str, stages: &[String], source: &Source<'_>) -> Result<()> {
        let at = |index| format!("{path}[{index}]");
        for (index, name) in self.shared.iter().enumerate() {
            check_file_name(name, &at(index), source)?;
            if stages.contains(name) {
                return Err(Error::new(format!("`{name}` is a stage, and can't be shared"))
                    .at(source.place(&at(index)))
                    .help("what stages share is a package of its own, beside theirs: give it another name"));
            }
        }
        check_unique(self.shared.iter().map(String::as_str), "shared package", &at, source)
    }
}

/// Does this word of a track's command stand for something of each role?
pub fn names_role(text: &str) -> bool {
    names_word(text, "role")
}

/// Does a word of a track's command have this word in braces?
fn names_word(text: &str, word: &str) -> bool {
    Pattern::parse(text).is_ok_and(|pattern| pattern.names().any(|(name, ..)| name == word))
}

/// Replaces the words in braces of a track's command.
pub fn fill_words(text: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    match Pattern::parse(text) {
        Ok(pattern) => pattern.fill(value),
        Err(_) => text.to_owned(),
    }
}
