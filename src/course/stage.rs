//! A stage, from what its author has written.

use super::checks::{check_file_name, check_limit, check_path, check_unique, is_file_name, pattern};
use super::explanation::ExplanationReader;
use super::file::{ByFile, MAX_POINTS, RoleFile, RuleFile, StageFile};
use super::sanitize::Sanitize;
use super::scenario::ScenarioReader;
use super::{Party, Role, Rule, Scenario, Stage};
use crate::error::{Error, Result, suggest};
use crate::pattern::escape;
use crate::transcript;
use crate::yaml::Source;

/// What all scenarios of a stage are given together; those of one are given no more than
/// [`MAX_GIVEN`] a name.
const MAX_GIVEN_IN_ALL: usize = 8 << 20;

impl Stage {
    /// Reads a `stage.yaml`; `name` is the stage's name, `file` where the text came from.
    ///
    /// # Errors
    /// Anything that is not as it should be, with its place.
    pub fn parse(name: &str, file: &str, text: &str) -> Result<Stage> {
        Stage::draft(name, file, text, &|_| false)
    }

    /// Nothing is played with the reference: that part of the course is not here.
    pub fn withhold_the_reference(&mut self) {
        for scenario in &mut self.scenarios {
            scenario.pairings.retain(|pairing| !pairing.0.contains(&Some(Party::Reference)));
        }
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
        raw.sanitize();
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
            learned: raw.learned,
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
        let roles = self.roles.iter().map(|role| role.name.as_str());
        check_unique(roles, "role", &|index| format!("roles[{index}].name"), source)?;
        check_names(self.scenarios.iter().map(|scenario| &scenario.name), "scenario", source)?;
        check_names(self.mistakes.iter().map(|mistake| &mistake.name), "mistake", source)?;
        let ids = self.explanations.iter().map(|explanation| explanation.id.as_str());
        check_unique(ids, "explanation", &|index| format!("explanations[{index}].id"), source)?;
        for (index, mistake) in self.mistakes.iter().enumerate() {
            if mistake.explains.is_empty() {
                return Err(Error::new("a mistake names the explanation that a learner must be shown")
                    .at(source.place(&format!("mistakes[{index}].explains")))
                    .help("write its id, as in `nothing-sent`, or a list of ids, one of which is shown"));
            }
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
        if self.points > MAX_POINTS {
            return Err(Error::new(format!("a rule is not worth {} points", self.points))
                .at(source.place(&format!("{path}.points")))
                .help(format!("give it {MAX_POINTS} at most")));
        }
        Ok(Rule {
            points: self.points,
            id: self.id.clone(),
            say: self.say.clone(),
            lesson: self.lesson.clone(),
            binds: if bound.is_empty() { learners } else { bound },
        })
    }
}

/// The names of scenarios and mistakes.
fn check_names<'a>(names: impl Iterator<Item = &'a String> + Clone, kind: &str, source: &Source<'_>) -> Result<()> {
    let path = |index| format!("{kind}s[{index}].name");
    for (index, name) in names.clone().enumerate() {
        check_file_name(name, &path(index), source)?;
    }
    check_unique(names.map(String::as_str), kind, &path, source)
}

impl RoleFile {
    fn read(&self, path: &str, source: &Source<'_>) -> Result<Role> {
        if !transcript::is_name(&self.name) || !is_file_name(&self.name) {
            return Err(Error::new(format!("`{}` can't be the name of a role", escape(self.name.as_bytes())))
                .at(source.place(&format!("{path}.name")))
                .help("write lower-case letters, digits and `_`, a letter first; 64 characters at most"));
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
