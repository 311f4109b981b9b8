//! A stage's own explanations: in which runs one applies, what must have been seen, what it says.
//!
//! This is what has been read and checked. `written` is how it stands in `stage.yaml`, `reader` what of it is an
//! error of the author's. Whether one applies to a run is the business of [`explain`](crate::explain).

mod reader;
mod written;

use serde::Deserialize;

use super::{Condition, Party, Scenario};
use crate::error::Result;
use crate::pattern::Pattern;
use crate::yaml::Source;

pub(super) use reader::ExplanationReader;
#[cfg(test)]
pub(super) use written::Several;
pub(super) use written::{ExplanationFile, one_or_several};

/// What `say` may name in braces besides the names of patterns: whom the failure is about and whose program
/// played it, the refused line, the line that was awaited.
pub const SAYS: [&str; 3] = ["who", "line", "awaited"];

/// What a stage says of a failure that it knows better than the general explanations do. Every key narrows
/// down when it applies.
#[derive(Debug, Clone)]
pub struct StageExplanation {
    /// Its name, as mistakes and hints use it.
    pub id: String,
    /// Facts that must all have been found.
    pub when: Vec<String>,
    /// Only in these scenarios, unless there are none here.
    pub scenarios: Vec<String>,
    /// Only in scenarios that are there for one of these rules, unless there are none here.
    pub rules: Vec<String>,
    /// Only under these conditions, unless there are none here.
    pub conditions: Vec<Condition>,
    /// What must have been seen.
    pub seen: Seen,
    /// What to tell the learner: a text in which `{name}` stands for what was seen.
    pub say: String,
}

/// What must have been seen in a run, all of it.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The failure is about one of these roles, unless there are none here.
    pub roles: Vec<String>,
    /// One of these plays that role, unless there are none here.
    pub by: Vec<Party>,
    /// The refused line.
    pub line: Option<Pattern>,
    /// Lines that were awaited.
    pub awaited: Vec<LineSeen>,
    /// Lines that were printed.
    pub printed: Vec<LineSeen>,
    /// Lines that were not printed.
    pub not_printed: Vec<LineSeen>,
    /// Lines that were typed.
    pub typed: Vec<LineSeen>,
    /// Lines that were not typed.
    pub not_typed: Vec<LineSeen>,
    /// Roles that ended by themselves.
    pub ended: Vec<EndSeen>,
    /// What went over links.
    pub links: Vec<LinkSeen>,
}

/// A line of a role, or of any role.
#[derive(Debug, Clone)]
pub struct LineSeen {
    /// The role; any when `None`.
    pub role: Option<String>,
    /// What the line matches.
    pub line: Pattern,
}

impl Seen {
    /// The patterns in the order in which they are matched, each with its path below `seen`: those that must
    /// match, whose captures the later ones know, then those that must not.
    fn patterns(&self) -> Vec<(String, &Pattern)> {
        let mut found: Vec<(String, &Pattern)> = self.line.iter().map(|line| ("line".to_owned(), line)).collect();
        for (key, lines) in self.lists() {
            found.extend(lines.iter().enumerate().map(|(index, seen)| (format!("{key}[{index}]"), &seen.line)));
        }
        found
    }

    /// The lists of lines, in the order in which they are matched.
    fn lists(&self) -> [(&'static str, &Vec<LineSeen>); 5] {
        [
            ("awaited", &self.awaited),
            ("printed", &self.printed),
            ("typed", &self.typed),
            ("not-printed", &self.not_printed),
            ("not-typed", &self.not_typed),
        ]
    }
}

/// A role that has ended by itself.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Ended"))]
#[serde(deny_unknown_fields)]
pub struct EndSeen {
    /// The role.
    pub role: String,
    /// Its exit code; any ending when left out.
    pub code: Option<i32>,
}

/// What went from one role to another, over all links between the two, in either direction of dialing.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Link"))]
#[serde(deny_unknown_fields)]
pub struct LinkSeen {
    /// The role that sends.
    pub from: String,
    /// The role that receives.
    pub to: String,
    /// How many connections there were between the two.
    pub connections: Option<Count>,
    /// How many bytes have come from the sender.
    pub bytes: Option<Count>,
    /// What the sender has done last.
    pub end: Option<EndOfStream>,
}

/// How one direction of the last connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "End"))]
#[serde(rename_all = "kebab-case")]
pub enum EndOfStream {
    /// The sender has closed its sending half (FIN).
    Sent,
    /// The sender has reset the connection.
    Reset,
    /// It has done neither, or there was no connection.
    None,
}

/// A number, or a range of numbers: `0`, `1..`, `..65536`, `1..3`. Both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    least: u64,
    most: u64,
}

impl Count {
    /// Is the number one of these?
    pub fn contains(self, number: u64) -> bool {
        (self.least..=self.most).contains(&number)
    }

    fn parse(text: &str) -> Option<Count> {
        let number = |text: &str, open: u64| if text.is_empty() { Some(open) } else { text.parse().ok() };
        let (least, most) = match text.split_once("..") {
            Some(("", "")) => return None,
            Some((least, most)) => (number(least, 0)?, number(most, u64::MAX)?),
            None => (text.parse().ok()?, text.parse().ok()?),
        };
        (least <= most).then_some(Count { least, most })
    }
}

impl StageExplanation {
    /// Does it apply in this scenario?
    pub fn is_for(&self, scenario: &Scenario) -> bool {
        let named = self.scenarios.is_empty() || self.scenarios.contains(&scenario.name);
        let ruled = self.rules.is_empty() || self.rules.iter().any(|rule| scenario.rules.contains(rule));
        named && ruled
    }

    /// Checks what it says in another language: the same may be named.
    ///
    /// # Errors
    /// A name that stands for nothing, with its place.
    pub(super) fn check_words(&self, say: &str, path: &str, source: &Source<'_>) -> Result<()> {
        let patterns = self.seen.patterns();
        let positive = patterns.iter().filter(|(key, _)| !key.starts_with("not-"));
        let names = positive.flat_map(|(_, pattern)| pattern.names().map(|(name, ..)| name));
        reader::check_say(say, &names.chain(SAYS).collect(), path, source)
    }
}
