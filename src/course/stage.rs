//! `stage.yaml`, as it is written and as it is read.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::checks::{check_file_name, check_limit, check_path, check_unique, pattern};
use super::scenario::ScenarioReader;
use super::{Condition, Hint, Mistake, Party, Role, Scenario, Stage, StageExplanation};
use crate::error::{Error, Result, suggest};
use crate::transcript;
use crate::yaml::Source;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StageFile {
    pub(super) title: String,
    pub(super) about: String,
    pub(super) roles: Vec<RoleFile>,
    pub(super) conditions: Vec<Condition>,
    #[serde(default = "default_limit")]
    pub(super) limit: u64,
    pub(super) scenarios: Vec<ScenarioFile>,
    #[serde(default)]
    pub(super) hints: Vec<Hint>,
    #[serde(default)]
    pub(super) explanations: Vec<StageExplanation>,
    #[serde(default)]
    pub(super) mistakes: Vec<Mistake>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleFile {
    pub(super) name: String,
    pub(super) about: String,
    #[serde(default)]
    pub(super) args: Vec<String>,
    #[serde(default)]
    pub(super) by: Option<ByFile>,
}

/// Who always plays a role.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ByFile {
    #[serde(alias = "reference")]
    Stage,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioFile {
    pub(super) name: String,
    pub(super) about: String,
    #[serde(default)]
    pub(super) conditions: Option<Vec<Condition>>,
    #[serde(default, rename = "let")]
    pub(super) given: BTreeMap<String, GivenFile>,
    #[serde(default)]
    pub(super) also: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) limit: Option<u64>,
    #[serde(default)]
    pub(super) memory: Option<u64>,
    #[serde(deserialize_with = "block")]
    pub(super) transcript: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GivenFile {
    pub(super) text: Option<String>,
    pub(super) repeat: Option<String>,
    pub(super) bytes: Option<usize>,
}

pub(super) fn default_limit() -> u64 {
    10
}

/// The longest given value.
pub(super) const MAX_GIVEN: usize = 256 * 1024;

/// What all scenarios of a stage are given together; those of one are given no more than
/// [`MAX_GIVEN`] a name.
const MAX_GIVEN_IN_ALL: usize = 4 << 20;

impl Stage {
    /// Reads a `stage.yaml`; `name` is the stage's name, `file` where the text came from.
    ///
    /// # Errors
    /// Anything that is not as it should be, with its place.
    pub fn parse(name: &str, file: &str, text: &str) -> Result<Stage> {
        let (raw, source): (StageFile, Source<'_>) = Source::parse(file, text)?;
        raw.check(&source)?;
        let roles = raw
            .roles
            .iter()
            .enumerate()
            .map(|(i, role)| role.read(&format!("roles[{i}]"), &source))
            .collect::<Result<Vec<_>>>()?;
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
            let reader =
                ScenarioReader { raw: scenario, roles: &roles, path: format!("scenarios[{index}]"), source: &source };
            scenarios.push(reader.read(&raw.conditions, raw.limit)?);
        }
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        Ok(Stage {
            name: name.to_owned(),
            title: raw.title,
            about: raw.about,
            roles,
            scenarios,
            hints: raw.hints,
            explanations: raw.explanations,
            mistakes: raw.mistakes,
            lesson: format!("{folder}/lesson.md"),
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
