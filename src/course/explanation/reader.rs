//! What of an explanation is an error of the author's, and where.

use std::collections::BTreeSet;

use super::written::{ExplanationFile, LineFile, SeenFile, Several};
use super::{LineSeen, SAYS, Seen, StageExplanation};
use crate::course::checks::pattern;
use crate::course::facts::{FACTS, OF_SEVERAL_RUNS};
use crate::course::{ALWAYS_GIVEN, Rule, Scenario};
use crate::error::{Error, Result, suggest};
use crate::yaml::Source;

/// Reads an explanation and checks it against its stage.
pub(in crate::course) struct ExplanationReader<'s, 't> {
    pub(in crate::course) rules: &'s [Rule],
    pub(in crate::course) scenarios: &'s [Scenario],
    pub(in crate::course) path: String,
    pub(in crate::course) source: &'s Source<'t>,
    /// A scenario is still a draft: its names are not all there.
    pub(in crate::course) unfinished: bool,
}

impl ExplanationReader<'_, '_> {
    pub(in crate::course) fn read(&self, raw: ExplanationFile) -> Result<StageExplanation> {
        let ExplanationFile { id, when, scenarios, rules, conditions, seen, say } = raw;
        let facts: Vec<&str> = FACTS.into_iter().filter(|id| *id != OF_SEVERAL_RUNS).collect();
        let known: Vec<&str> = self.scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
        let demanded: Vec<&str> = self.rules.iter().map(|rule| rule.id.as_str()).collect();
        self.all_known(&when, "when", ("fact", "facts"), &facts)?;
        self.all_known(&scenarios, "scenarios", ("scenario", "scenarios"), &known)?;
        self.all_known(&rules, "rules", ("rule", "rules"), &demanded)?;
        let own = StageExplanation { id, when, scenarios, rules, conditions, seen: self.seen(seen)?, say };
        if self.scenarios.iter().any(|scenario| own.is_for(scenario)) {
            if !self.unfinished {
                self.check_roles(&own)?;
                self.check_names(&own)?;
            }
            return Ok(own);
        }
        Err(Error::new(format!("`{}` is for no scenario", own.id))
            .at(self.source.place(&self.at("rules")))
            .help("every key narrows down where it applies: leave out `rules`, or `scenarios`"))
    }

    fn at(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    fn all_known(&self, names: &[String], key: &str, (one, all): (&str, &str), known: &[&str]) -> Result<()> {
        match names.iter().enumerate().find(|(_, name)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((index, name)) => Err(self.unknown(name, &format!("{key}[{index}]"), (one, all), known)),
        }
    }

    fn unknown(&self, name: &str, key: &str, (one, all): (&str, &str), known: &[&str]) -> Error {
        Error::new(format!("there is no {one} `{name}` here"))
            .at(self.source.place(&self.at(key)))
            .help(suggest(name, all, known))
    }

    fn seen(&self, raw: SeenFile) -> Result<Seen> {
        let read = |text: &str, key: String| pattern(text, &self.at(&format!("seen.{key}")), self.source);
        let lines = |lines: Several<LineFile>, key: &str| {
            let lines = lines.0.into_iter().enumerate();
            let seen = lines.map(|(index, LineFile { role, line })| {
                let line = read(&line, format!("{key}[{index}].line"))?;
                Ok(LineSeen { role, line })
            });
            seen.collect::<Result<Vec<_>>>()
        };
        Ok(Seen {
            roles: raw.role.0,
            by: raw.by.0,
            line: raw.line.map(|line| read(&line, "line".to_owned())).transpose()?,
            awaited: lines(raw.awaited, "awaited")?,
            printed: lines(raw.printed, "printed")?,
            not_printed: lines(raw.not_printed, "not-printed")?,
            typed: lines(raw.typed, "typed")?,
            not_typed: lines(raw.not_typed, "not-typed")?,
            ended: raw.ended.0,
            links: raw.links.0,
        })
    }

    /// The roles are those of a scenario in which the explanation applies.
    fn check_roles(&self, own: &StageExplanation) -> Result<()> {
        let scenarios = self.scenarios.iter().filter(|scenario| own.is_for(scenario));
        let known: BTreeSet<&str> = scenarios.flat_map(|s| &s.transcript.roles).map(String::as_str).collect();
        let known: Vec<&str> = known.into_iter().collect();
        let seen = &own.seen;
        let mut named: Vec<(&str, String)> = Vec::new();
        named.extend(seen.roles.iter().enumerate().map(|(index, role)| (role.as_str(), format!("role[{index}]"))));
        for (key, lines) in seen.lists() {
            let roles = lines.iter().enumerate().filter_map(|(index, line)| Some((index, line.role.as_deref()?)));
            named.extend(roles.map(|(index, role)| (role, format!("{key}[{index}].role"))));
        }
        named.extend(seen.ended.iter().enumerate().map(|(i, end)| (end.role.as_str(), format!("ended[{i}].role"))));
        named.extend(seen.links.iter().enumerate().flat_map(|(index, link)| {
            [(link.from.as_str(), format!("links[{index}].from")), (link.to.as_str(), format!("links[{index}].to"))]
        }));
        match named.into_iter().find(|(role, _)| !known.contains(role)) {
            Some((role, key)) => Err(self.unknown(role, &format!("seen.{key}"), ("role", "roles"), &known)),
            None => Ok(()),
        }
    }

    /// A name without a type is one that the transcript, or a pattern above, captures. So is a name in `say`.
    fn check_names(&self, own: &StageExplanation) -> Result<()> {
        let scenarios = self.scenarios.iter().filter(|scenario| own.is_for(scenario));
        let mut of_runs: BTreeSet<&str> = scenarios.flat_map(Scenario::names).collect();
        of_runs.extend(ALWAYS_GIVEN);
        let mut captured: BTreeSet<&str> = BTreeSet::new();
        for (key, pattern) in own.seen.patterns() {
            let negative = key.starts_with("not-");
            for (name, ty, _) in pattern.names() {
                if SAYS.contains(&name) {
                    return Err(self.refuse(
                        &format!("seen.{key}"),
                        format!("`{name}` can't be captured"),
                        &format!("`{{{name}}}` stands for something else in `say`: take another name"),
                    ));
                }
                let known = of_runs.contains(name) || captured.contains(name);
                if ty.is_none() && !known {
                    let known: Vec<&str> = of_runs.union(&captured).copied().collect();
                    return Err(self.unknown(name, &format!("seen.{key}"), ("name", "names"), &known));
                }
                // What must not be seen has no values.
                if !negative {
                    captured.insert(name);
                }
            }
        }
        captured.extend(SAYS);
        check_say(&own.say, &captured, &self.at("say"), self.source)
    }

    fn refuse(&self, key: &str, message: String, help: &str) -> Error {
        Error::new(message).at(self.source.place(&self.at(key))).help(help)
    }
}

/// A text for learners names nothing that there is no value of.
pub(super) fn check_say(say: &str, known: &BTreeSet<&str>, path: &str, source: &Source<'_>) -> Result<()> {
    for (name, ty, _) in pattern(say, path, source)?.names() {
        if ty.is_some() || !known.contains(name) {
            let known: Vec<&str> = known.iter().copied().collect();
            return Err(Error::new(format!("`{{{name}}}` stands for nothing here"))
                .at(source.place(path))
                .help(format!("write `{{{{` for a brace; {}", suggest(name, "names", &known))));
        }
    }
    Ok(())
}
