//! The languages of a course's texts.
//!
//! What it says in its own files is in its first language. For each of the others there may be a
//! file beside each of those, with the language's tag in its name: `lesson.de.md`, `stage.de.yaml`,
//! `course.de.yaml`. What is not there is said in the first language.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::checks::check_unique;
#[cfg(test)]
use super::checks::{FILE_NAME, NAME};
use super::{Course, Stage};
use crate::error::{Error, Result, suggest};
use crate::pattern::visible;
use crate::yaml::Source;

/// Tags of languages, as a regular expression; [`is_tag`] says the same.
#[cfg(test)]
pub(super) const TAG: &str = "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$";

fn is_tag(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default();
    let is_part = |part: &str| (2..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric());
    (2..=3).contains(&language.len()) && language.chars().all(|c| c.is_ascii_lowercase()) && parts.all(is_part)
}

impl Course {
    /// The languages are tags, each once.
    pub(super) fn check_languages(&self, source: &Source<'_>) -> Result<()> {
        let at = |index| format!("languages[{index}]");
        if let Some(index) = self.languages.iter().position(|tag| !is_tag(tag)) {
            return Err(Error::new("this is not the tag of a language")
                .at(source.place(&at(index)))
                .help("a tag is two or three lower-case letters, perhaps with a region, as in `de` or `pt-BR`"));
        }
        check_unique(self.languages.iter().map(String::as_str), "language", &at, source)
    }

    /// The language of this course that fits a tag or a locale (`de_AT.UTF-8`) best: the same one, or
    /// the same without its region.
    pub fn language(&self, wanted: &str) -> Option<&str> {
        let wanted = wanted.split(['.', '@']).next().unwrap_or_default().replace('_', "-").to_lowercase();
        let mut wanted = wanted.as_str();
        loop {
            if let Some(tag) = self.languages.iter().find(|tag| tag.to_lowercase() == wanted) {
                return Some(tag);
            }
            wanted = wanted.rsplit_once('-')?.0;
        }
    }
}

/// `exercises/course.de.yaml`: what `course.yaml` says to people, in another language (here German).
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(title = "course.LANGUAGE.yaml"))]
#[serde(deny_unknown_fields)]
pub struct CourseWords {
    /// The course's `title`.
    title: Option<String>,
    /// The course's `about`.
    about: Option<String>,
    /// The course's `ending`.
    ending: Option<String>,
}

impl CourseWords {
    /// Reads the file.
    ///
    /// # Errors
    /// Anything that is not as it should be, with its place.
    pub fn parse(file: &str, text: &str) -> Result<CourseWords> {
        Source::parse(file, text).map(|(words, _)| words)
    }

    /// The course says these words instead of its own. What it still says in its own is told.
    pub fn apply(self, course: &mut Course) -> Vec<String> {
        let mut missing = Missing::default();
        missing.replace("title", &mut course.title, self.title);
        missing.replace("about", &mut course.about, self.about);
        missing.replace("ending", &mut course.ending, self.ending);
        missing.0
    }
}

/// `exercises/STAGE/stage.de.yaml`: what `stage.yaml` says to learners, in another language (here
/// German).
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(title = "stage.LANGUAGE.yaml"))]
#[serde(deny_unknown_fields)]
pub struct StageWords {
    /// The stage's `title`.
    title: Option<String>,
    /// The stage's `about`.
    about: Option<String>,
    /// The stage's `learned`.
    learned: Option<String>,
    /// For roles by their names: their `about`.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("propertyNames" = {"pattern": NAME})))]
    roles: BTreeMap<String, String>,
    /// For rules by their ids: what they say.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("propertyNames" = {"pattern": FILE_NAME})))]
    rules: BTreeMap<String, String>,
    /// For scenarios by their names: their `about`.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("propertyNames" = {"pattern": FILE_NAME})))]
    scenarios: BTreeMap<String, String>,
    /// What the hints say: all of them, in the order of the stage's.
    #[serde(default)]
    hints: Vec<String>,
    /// For explanations of the stage's own by their ids: what they say.
    #[serde(default)]
    explanations: BTreeMap<String, String>,
}

impl StageWords {
    /// Reads the file, which is about this stage.
    ///
    /// # Errors
    /// Anything that is not as it should be, with its place: such as words for what the stage has not.
    pub fn parse(file: &str, text: &str, stage: &Stage) -> Result<StageWords> {
        let (words, source): (StageWords, Source<'_>) = Source::parse(file, text)?;
        let roles: Vec<&str> = stage.roles.iter().map(|role| role.name.as_str()).collect();
        let rules: Vec<&str> = stage.rules.iter().map(|rule| rule.id.as_str()).collect();
        let scenarios: Vec<&str> = stage.scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
        let ids: Vec<&str> = stage.explanations.iter().map(|own| own.id.as_str()).collect();
        for (kind, said, known) in [
            ("roles", &words.roles, &roles),
            ("rules", &words.rules, &rules),
            ("scenarios", &words.scenarios, &scenarios),
            ("explanations", &words.explanations, &ids),
        ] {
            if let Some(name) = said.keys().find(|name| !known.contains(&name.as_str())) {
                return Err(Error::new(format!("`{name}` is none of the stage's {kind}"))
                    .at(source.place(&format!("{kind}.{name}")))
                    .help(suggest(name, kind, known)));
            }
        }
        for (id, say) in &words.explanations {
            let own = stage.explanations.iter().find(|own| own.id == *id);
            own.map_or(Ok(()), |own| own.check_words(say, &format!("explanations.{id}"), &source))?;
        }
        if !words.hints.is_empty() && words.hints.len() != stage.hints.len() {
            let (said, there) = (words.hints.len(), stage.hints.len());
            return Err(Error::new(format!("the stage has {there} hints, and here are {said}"))
                .at(source.place("hints"))
                .help("write all of them, in the order of stage.yaml, or none"));
        }
        Ok(words)
    }

    /// The stage says these words instead of its own. What it still says in its own is told.
    pub fn apply(mut self, stage: &mut Stage) -> Vec<String> {
        let mut missing = Missing::default();
        missing.replace("title", &mut stage.title, self.title);
        missing.replace("about", &mut stage.about, self.about);
        missing.replace("learned", &mut stage.learned, self.learned);
        for role in &mut stage.roles {
            missing.replace(&format!("role {}", role.name), &mut role.about, self.roles.remove(&role.name));
        }
        for rule in &mut stage.rules {
            missing.replace(&format!("rule {}", rule.id), &mut rule.say, self.rules.remove(&rule.id));
        }
        for scenario in &mut stage.scenarios {
            let said = self.scenarios.remove(&scenario.name);
            missing.replace(&format!("scenario {}", scenario.name), &mut scenario.about, said);
        }
        let mut hints = self.hints.into_iter();
        for (index, hint) in stage.hints.iter_mut().enumerate() {
            missing.replace(&format!("hint {}", index + 1), &mut hint.say, hints.next());
        }
        for own in &mut stage.explanations {
            missing.replace(&format!("explanation {}", own.id), &mut own.say, self.explanations.remove(&own.id));
        }
        missing.0
    }
}

/// What there are no words for.
#[derive(Default)]
struct Missing(Vec<String>);

impl Missing {
    fn replace(&mut self, what: &str, said: &mut String, words: Option<String>) {
        match words {
            Some(words) => *said = visible(&words),
            None if said.is_empty() => {}
            None => self.0.push(what.to_owned()),
        }
    }
}
