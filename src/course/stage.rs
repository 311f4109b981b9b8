//! `stage.yaml`, as it is written and as it is read.

use std::collections::BTreeMap;

use serde::Deserialize;

#[cfg(test)]
use super::checks::{FILE_NAME, LIMITS, NAME};
use super::checks::{check_file_name, check_limit, check_path, check_unique, pattern};
use super::explanation::{ExplanationFile, ExplanationReader};
use super::scenario::ScenarioReader;
#[cfg(test)]
use super::scenario::{ORDERS, ROOM};
use super::shown::Shown;
use super::{Condition, Hint, Mistake, Party, Role, Rule, Scenario, Stage};
use crate::error::{Error, Result, suggest};
use crate::transcript;
use crate::yaml::Source;

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
    /// Who plays it. Left out where a learner writes the program.
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
}

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
    /// Its own conditions, instead of the stage's.
    #[serde(default)]
    #[cfg_attr(test, schemars(length(min = 1), extend("uniqueItems" = true), example = ["clear"]))]
    pub(super) conditions: Option<Vec<Condition>>,
    /// How many orders of events are played under the condition `interleaved`: the first four are the
    /// extreme ones, the others are chosen by the seed.
    #[serde(default)]
    #[cfg_attr(test, schemars(range(min = *ORDERS.start(), max = *ORDERS.end())))]
    pub(super) orders: Option<u32>,
    /// How often each run is played, in each condition but `interleaved`: for a race that nobody can order from
    /// outside, such as which of two things that are ready a program looks at first.
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

/// A value, of one line: `{text: …}`, or `{repeat: …, bytes: N}`, which repeats a text up to N bytes
/// and stops at the last whole character that fits.
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

/// What all scenarios of a stage are given together; those of one are given no more than
/// [`MAX_GIVEN`] a name.
const MAX_GIVEN_IN_ALL: usize = 4 << 20;

impl Stage {
    /// Reads a `stage.yaml`; `name` is the stage's name, `file` where the text came from.
    ///
    /// # Errors
    /// Anything that is not as it should be, with its place.
    pub fn parse(name: &str, file: &str, text: &str) -> Result<Stage> {
        Stage::draft(name, file, text, &|_| false)
    }

    /// The same; but where `unfinished` says so of a scenario's name, its transcript is only read,
    /// and need not say yet what is to be seen.
    ///
    /// # Errors
    /// Anything else that is not as it should be, with its place.
    pub fn draft(name: &str, file: &str, text: &str, unfinished: &dyn Fn(&str) -> bool) -> Result<Stage> {
        let (mut raw, source): (StageFile, Source<'_>) = Source::parse(file, text)?;
        raw.check(&source)?;
        check_was(name, &raw.was, &source)?;
        raw.make_visible();
        let roles = raw
            .roles
            .iter()
            .enumerate()
            .map(|(i, role)| role.read(&format!("roles[{i}]"), &source))
            .collect::<Result<Vec<_>>>()?;
        let rules = read_rules(&raw, &roles, &source)?;
        let mut scenarios: Vec<Scenario> = Vec::new();
        for (index, scenario) in raw.scenarios.iter().enumerate() {
            let given: usize = scenarios.iter().flat_map(|scenario| scenario.given.values()).map(String::len).sum();
            if given > MAX_GIVEN_IN_ALL {
                return Err(Error::new(format!("the scenarios above are given {given} bytes in all"))
                    .at(source.place(&format!("scenarios[{index}]")))
                    .help(format!(
                        "shorten what is given under `let`: a stage gives {MAX_GIVEN_IN_ALL} bytes at most"
                    )));
            }
            let reader = ScenarioReader {
                raw: scenario,
                roles: &roles,
                path: format!("scenarios[{index}]"),
                source: &source,
                unfinished: unfinished(&scenario.name),
            };
            scenarios.push(reader.read(&raw.conditions, raw.limit)?);
        }
        let explanations = raw.explanations.into_iter().enumerate();
        let explanations = explanations.map(|(index, own)| {
            let unfinished = scenarios.iter().any(|scenario| unfinished(&scenario.name));
            let path = format!("explanations[{index}]");
            ExplanationReader { rules: &rules, scenarios: &scenarios, path, source: &source, unfinished }.read(own)
        });
        let explanations = explanations.collect::<Result<_>>()?;
        Ok(Stage {
            name: name.to_owned(),
            was: raw.was,
            title: raw.title,
            about: raw.about,
            roles,
            rules,
            scenarios,
            hints: raw.hints,
            explanations,
            mistakes: raw.mistakes,
        })
    }

    /// The scenario of this name.
    ///
    /// # Errors
    /// There is none; the nearest names are offered.
    pub fn scenario(&self, name: &str) -> Result<&Scenario> {
        self.scenarios.iter().find(|scenario| scenario.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.scenarios.iter().map(|s| s.name.as_str()).collect();
            Error::new(format!("stage `{}` has no scenario `{name}`", self.name)).help(suggest(
                name,
                "scenarios",
                &names,
            ))
        })
    }

    /// The role of this name.
    ///
    /// # Errors
    /// There is none; the nearest names are offered.
    pub fn role(&self, name: &str) -> Result<&Role> {
        self.roles.iter().find(|role| role.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.roles.iter().map(|r| r.name.as_str()).collect();
            Error::new(format!("stage `{}` has no role `{name}`", self.name)).help(suggest(name, "roles", &names))
        })
    }

    /// The roles whose programs are in the package of a party.
    pub fn programs(&self, whose: Party) -> Vec<String> {
        let theirs = self.roles.iter().filter(|role| role.by.is_none() || whose != Party::You);
        theirs.map(|role| role.name.clone()).collect()
    }
}

impl StageFile {
    /// What can be said of the file without a look into roles and transcripts.
    fn check(&self, source: &Source<'_>) -> Result<()> {
        for (key, is_empty) in [("roles", self.roles.is_empty()), ("scenarios", self.scenarios.is_empty())] {
            if is_empty {
                return Err(Error::new(format!("a stage needs {key}, at least one"))
                    .at(source.place(key))
                    .help("docs/course.md shows a whole stage"));
            }
        }
        check_names(self.roles.iter().map(|role| &role.name), "role", source)?;
        check_names(self.scenarios.iter().map(|scenario| &scenario.name), "scenario", source)?;
        check_names(self.mistakes.iter().map(|mistake| &mistake.name), "mistake", source)?;
        let ids = self.explanations.iter().map(|explanation| explanation.id.as_str());
        check_unique(ids, "explanation", &|index| format!("explanations[{index}].id"), source)?;
        for (index, mistake) in self.mistakes.iter().enumerate() {
            check_path(&mistake.patch, &format!("mistakes[{index}].patch"), source)?;
        }
        if self.roles.iter().all(|role| role.by.is_some()) {
            return Err(Error::new("the learner has no role here")
                .at(source.place("roles"))
                .help("leave out `by` where the learner writes the program"));
        }
        check_limit(self.limit, "limit", source)
    }
}

/// A stage had other names before than it has now.
fn check_was(name: &str, was: &[String], source: &Source<'_>) -> Result<()> {
    let at = |index| format!("was[{index}]");
    for (index, old) in was.iter().enumerate() {
        check_file_name(old, &at(index), source)?;
        if old == name {
            return Err(Error::new(format!("`{name}` is what this stage is called now"))
                .at(source.place(&at(index)))
                .help("`was` has the names that it had before"));
        }
    }
    check_unique(was.iter().map(String::as_str), "earlier name", &at, source)
}

/// The rules; scenarios and mistakes name no others.
fn read_rules(raw: &StageFile, roles: &[Role], source: &Source<'_>) -> Result<Vec<Rule>> {
    for (index, rule) in raw.rules.iter().enumerate() {
        check_file_name(&rule.id, &format!("rules[{index}].id"), source)?;
    }
    let ids: Vec<&str> = raw.rules.iter().map(|rule| rule.id.as_str()).collect();
    check_unique(ids.iter().copied(), "rule", &|index| format!("rules[{index}].id"), source)?;
    let named = raw.scenarios.iter().enumerate().flat_map(|(index, scenario)| {
        scenario.rules.iter().enumerate().map(move |(at, id)| (id, format!("scenarios[{index}].for[{at}]")))
    });
    let broken = raw.mistakes.iter().enumerate();
    let broken =
        broken.filter_map(|(index, mistake)| Some((mistake.breaks.as_ref()?, format!("mistakes[{index}].breaks"))));
    for (id, path) in named.chain(broken) {
        if !ids.contains(&id.as_str()) {
            return Err(Error::new(format!("this stage has no rule `{id}`"))
                .at(source.place(&path))
                .help(suggest(id, "rules", &ids)));
        }
    }
    raw.rules.iter().enumerate().map(|(index, rule)| rule.read(&format!("rules[{index}]"), roles, source)).collect()
}

impl RuleFile {
    fn read(&self, path: &str, roles: &[Role], source: &Source<'_>) -> Result<Rule> {
        let learners: Vec<usize> = (0..roles.len()).filter(|role| roles[*role].by.is_none()).collect();
        let names: Vec<&str> = learners.iter().map(|role| roles[*role].name.as_str()).collect();
        let bound = self.roles.iter().enumerate().map(|(at, name)| {
            let found = learners.iter().copied().find(|role| roles[*role].name == *name);
            found.ok_or_else(|| {
                Error::new(format!("`{name}` is no role that a learner writes"))
                    .at(source.place(&format!("{path}.roles[{at}]")))
                    .help(suggest(name, "roles", &names))
            })
        });
        let bound: Vec<usize> = bound.collect::<Result<_>>()?;
        Ok(Rule {
            id: self.id.clone(),
            say: self.say.clone(),
            lesson: self.lesson.clone(),
            binds: if bound.is_empty() { learners } else { bound },
        })
    }
}

/// The names of roles, scenarios and mistakes.
fn check_names<'a>(names: impl Iterator<Item = &'a String> + Clone, kind: &str, source: &Source<'_>) -> Result<()> {
    let path = |index| format!("{kind}s[{index}].name");
    for (index, name) in names.clone().enumerate() {
        check_file_name(name, &path(index), source)?;
    }
    check_unique(names.map(String::as_str), kind, &path, source)
}

impl RoleFile {
    fn read(&self, path: &str, source: &Source<'_>) -> Result<Role> {
        if !transcript::is_name(&self.name) {
            return Err(Error::new(format!("`{}` can't be the name of a role", self.name))
                .at(source.place(&format!("{path}.name")))
                .help("lower-case letters, digits and `_`, a letter first"));
        }
        let args = self.args.iter().enumerate();
        let args = args.map(|(index, arg)| pattern(arg, &format!("{path}.args[{index}]"), source));
        Ok(Role {
            name: self.name.clone(),
            about: self.about.clone(),
            args: args.collect::<Result<_>>()?,
            by: self.by.map(|ByFile::Stage| Party::Stage),
        })
    }
}

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
