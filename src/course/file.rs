//! `stage.yaml`, as it is written. The doc comments here are what authors read in their editors.

use std::collections::BTreeMap;

use serde::Deserialize;

#[cfg(test)]
use super::checks::{FILE_NAME, LIMITS, NAME};
use super::explanation::ExplanationFile;
use super::{Condition, Hint, Mistake};

/// `exercises/STAGE/stage.yaml`: one exercise.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(title = "stage.yaml"))]
#[serde(deny_unknown_fields)]
pub(super) struct StageFile {
    /// What the stage was called before: progress and files of these names are its own.
    #[serde(default)]
    #[cfg_attr(test, schemars(inner(regex(pattern = FILE_NAME)), extend("uniqueItems" = true)))]
    pub(super) was: Vec<String>,
    /// One line; `workshop next` and `workshop list` show it.
    pub(super) title: String,
    /// What the stage is about, in a sentence.
    pub(super) about: String,
    /// What a learner who has passed the stage can do now, and why that matters, in two or three sentences. It is
    /// shown when a verify of the whole stage passes.
    #[serde(default)]
    pub(super) learned: String,
    /// The programs of the stage; at least one is the learner's.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub(super) roles: Vec<RoleFile>,
    /// What the lesson demands of the learner's programs, each in a sentence: a verify tells which of
    /// them are kept.
    #[serde(default)]
    pub(super) rules: Vec<RuleFile>,
    /// The conditions of every scenario that does not name its own, from kind to unkind.
    #[cfg_attr(test, schemars(extend("uniqueItems" = true), example = ["clear", "fragmented"]))]
    pub(super) conditions: Vec<Condition>,
    /// The time limit of a run, in seconds, for scenarios without their own.
    #[serde(default = "default_limit")]
    #[cfg_attr(test, schemars(range(min = *LIMITS.start(), max = *LIMITS.end())))]
    pub(super) limit: u64,
    /// The stories that the peers act out; put the simple ones first, as the first failed run is
    /// the one that a learner is shown.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub(super) scenarios: Vec<ScenarioFile>,
    /// From gentle to nearly telling.
    #[serde(default)]
    pub(super) hints: Vec<Hint>,
    /// Explanations of the stage's own, tried before the general ones.
    #[serde(default)]
    pub(super) explanations: Vec<ExplanationFile>,
    /// Known wrong solutions, to prove that the stage is strict.
    #[serde(default)]
    pub(super) mistakes: Vec<Mistake>,
}

/// One program of a stage.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Role"))]
#[serde(deny_unknown_fields)]
pub(super) struct RoleFile {
    /// Its name, as transcripts use it: a lower-case letter, then lower-case letters, digits, `_`.
    #[cfg_attr(test, schemars(regex(pattern = NAME), example = &"alice"))]
    pub(super) name: String,
    /// What it does, in a few words.
    #[cfg_attr(test, schemars(example = &"listens, and takes one peer"))]
    pub(super) about: String,
    /// Its arguments; `{name}` stands for what the transcript has captured or been given.
    #[serde(default)]
    #[cfg_attr(test, schemars(example = ["{addr}"]))]
    pub(super) args: Vec<String>,
    /// Whose program plays it. Left out where a learner writes the program.
    #[serde(default)]
    pub(super) by: Option<ByFile>,
}

/// Who always plays a role.
#[derive(Deserialize, Clone, Copy)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "By"))]
#[serde(rename_all = "kebab-case")]
pub(super) enum ByFile {
    /// The stage itself: a peer that no learner writes, such as a server that breaks the protocol on
    /// purpose. Its program is in the solution's package only.
    Stage,
}

/// Something that the stage demands of the learner's programs.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Rule"))]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    /// Its name, as `for` of scenarios and `breaks` of mistakes use it.
    #[cfg_attr(test, schemars(regex(pattern = FILE_NAME), example = &"greets"))]
    pub(super) id: String,
    /// The rule, in a sentence.
    #[cfg_attr(test, schemars(example = &"Each side sends its greeting as soon as the connection is up."))]
    pub(super) say: String,
    /// The heading of the lesson under which it is taught.
    #[serde(default)]
    #[cfg_attr(test, schemars(example = &"What to build"))]
    pub(super) lesson: Option<String>,
    /// The roles that it binds; every role that learners write when left out.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("uniqueItems" = true), example = ["alice"]))]
    pub(super) roles: Vec<String>,
    /// What it is worth when the stage is graded.
    #[serde(default = "one")]
    #[cfg_attr(test, schemars(range(max = MAX_POINTS)))]
    pub(super) points: u32,
}

fn one() -> u32 {
    1
}

/// The most points that a rule is worth.
pub(super) const MAX_POINTS: u32 = 1000;

/// One story that the peers act out.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Scenario"))]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioFile {
    /// Its name.
    #[cfg_attr(test, schemars(regex(pattern = FILE_NAME), example = &"greeting"))]
    pub(super) name: String,
    /// What it shows, in a sentence; a learner reads it when a run of it fails.
    pub(super) about: String,
    /// The rules that it is there for, by their ids: not all that it happens to exercise.
    #[serde(default, rename = "for")]
    #[cfg_attr(test, schemars(extend("uniqueItems" = true), example = ["greets"]))]
    pub(super) rules: Vec<String>,
    /// Learners do not get it: it is played when their work is graded, and `workshop author export` leaves it out of
    /// their course.
    #[serde(default)]
    pub(super) hidden: bool,
    /// Its own conditions, instead of the stage's.
    #[serde(default)]
    #[cfg_attr(test, schemars(length(min = 1), extend("uniqueItems" = true), example = ["clear"]))]
    pub(super) conditions: Option<Vec<Condition>>,
    /// How many orders of events are run under the condition `interleaved`: the first four are the extreme ones, the
    /// others are chosen by the seed.
    #[serde(default)]
    #[cfg_attr(test, schemars(range(min = *ORDERS.start(), max = *ORDERS.end())))]
    pub(super) orders: Option<u32>,
    /// How often each run is repeated, in each condition but `interleaved`: for a race that can't be ordered from
    /// outside, such as which of two ready events a program handles first.
    #[serde(default)]
    #[cfg_attr(test, schemars(range(min = *ORDERS.start(), max = *ORDERS.end())))]
    pub(super) times: Option<u32>,
    /// Values of names that the transcript uses.
    #[serde(default, rename = "let")]
    #[cfg_attr(test, schemars(extend("maxProperties" = 16, "propertyNames" = {"pattern": NAME})))]
    pub(super) given: BTreeMap<String, GivenFile>,
    /// More roles, each with the role of the stage whose program it runs: `{other: alice}` adds
    /// `other`, a second peer that runs the program of `alice`.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("propertyNames" = {"pattern": NAME})))]
    pub(super) also: BTreeMap<String, String>,
    /// Its own time limit, in seconds, instead of the stage's.
    #[serde(default)]
    #[cfg_attr(test, schemars(range(min = *LIMITS.start(), max = *LIMITS.end())))]
    pub(super) limit: Option<u64>,
    /// MiB that each peer may allocate; as much as it likes when left out. On Linux only.
    #[serde(default)]
    #[cfg_attr(test, schemars(range(min = *ROOM.start(), max = *ROOM.end())))]
    pub(super) memory: Option<u64>,
    /// What is typed, what is expected and what happens to links, read from top to bottom; written
    /// as a block (`transcript: |`). docs/transcript.md is its language.
    #[serde(deserialize_with = "block")]
    #[cfg_attr(test, schemars(example = &"$ alice\nalice | listening on {addr:address}\n"))]
    pub(super) transcript: String,
}

/// A value: `{text: …}`, or `{repeat: …, bytes: N}`, which repeats a text up to N bytes and stops at the
/// last whole character that fits. One of several lines can be typed and handed over, not expected.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Value", extend("oneOf" = [
    {"required": ["text"], "maxProperties": 1},
    {"required": ["repeat", "bytes"], "maxProperties": 2},
])))]
#[serde(deny_unknown_fields)]
pub(super) struct GivenFile {
    /// The value itself.
    pub(super) text: Option<String>,
    /// What is repeated.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub(super) repeat: Option<String>,
    /// How long the value is, in bytes.
    #[cfg_attr(test, schemars(range(max = MAX_GIVEN)))]
    pub(super) bytes: Option<usize>,
}

pub(super) fn default_limit() -> u64 {
    10
}

/// The longest given value.
pub(super) const MAX_GIVEN: usize = 1024 * 1024;

/// MiB that a limit of memory may be.
pub(super) const ROOM: std::ops::RangeInclusive<u64> = 16..=65536;

/// How many orders of events a scenario may have, and how often a run of it may be played.
pub(super) const ORDERS: std::ops::RangeInclusive<u32> = 1..=64;
/// Reads a transcript. That it is a block is checked where its place is known; here it is only
/// said, when what is there is no text at all.
fn block<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<String, D::Error> {
    struct Visitor;
    impl serde::de::Visitor<'_> for Visitor {
        type Value = String;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("lines below `transcript: |`")
        }
        fn visit_str<E>(self, text: &str) -> std::result::Result<String, E> {
            Ok(text.to_owned())
        }
    }
    deserializer.deserialize_str(Visitor)
}
