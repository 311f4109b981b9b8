//! The requirements of a stage, and the findings of a check, as values.

use std::time::Duration;

/// A requirement that is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckItem {
    /// Everything that hints, mistakes and explanations name exists, and so do the lesson and the packages.
    Names,
    /// The template builds without warnings and fails, with an explanation.
    Template,
    /// The solution passes every time.
    Solution,
    /// The other solution passes every time.
    Another,
    /// This known mistake is rejected every time, with its explanation.
    Mistake(String),
    /// Every scenario and condition catches a known mistake.
    Strictness,
    /// Every rule of the stage is tested, in each role that it binds.
    Rules,
    /// This mutant of the solution is rejected, or listed as one that breaks no rule.
    Mutant(String),
    /// All mutants together.
    Mutants,
    /// All texts exist in this language.
    Language(String),
}

impl CheckItem {
    /// Its kind in JSON, and its name if there are several.
    pub fn name(&self) -> (&'static str, Option<&str>) {
        match self {
            CheckItem::Names => ("names", None),
            CheckItem::Template => ("template", None),
            CheckItem::Solution => ("solution", None),
            CheckItem::Another => ("another", None),
            CheckItem::Mistake(name) => ("mistake", Some(name)),
            CheckItem::Strictness => ("strictness", None),
            CheckItem::Rules => ("rules", None),
            CheckItem::Mutant(name) => ("mutant", Some(name)),
            CheckItem::Mutants => ("mutants", None),
            CheckItem::Language(tag) => ("language", Some(tag)),
        }
    }
}

impl std::fmt::Display for CheckItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            ("mutant", Some(name)) => f.write_str(name),
            (kind, Some(name)) => write!(f, "{kind} {name}"),
            (kind, None) => f.write_str(kind),
        }
    }
}

/// What was found for one requirement.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What was checked.
    pub check: CheckItem,
    /// Is the requirement met?
    pub good: bool,
    /// Nothing is wrong, but it is worth a look.
    pub note: bool,
    /// What was found.
    pub text: String,
    /// How long one repeat took.
    pub took: Option<Duration>,
}

impl Finding {
    /// The requirement is met.
    pub fn good(check: CheckItem, text: String) -> Finding {
        Finding { check, good: true, note: false, text, took: None }
    }

    /// The requirement is not met.
    pub fn bad(check: CheckItem, text: String) -> Finding {
        Finding { good: false, ..Finding::good(check, text) }
    }

    /// Worth a look.
    pub fn note(check: CheckItem, text: String) -> Finding {
        Finding { note: true, ..Finding::good(check, text) }
    }

    /// Adds the time that one repeat took.
    pub fn took(self, took: Duration) -> Finding {
        Finding { took: Some(took), ..self }
    }
}

/// The findings for one stage in one track, or for the course itself.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The stage, or the course.
    pub stage: String,
    /// The track; none for the course.
    pub track: Option<String>,
    /// The findings, in the order of the checks.
    pub rows: Vec<Finding>,
    /// How long all of it took, builds included.
    pub took: Duration,
}

impl Checked {
    /// Are all requirements met?
    pub fn good(&self) -> bool {
        self.rows.iter().all(|row| row.good)
    }

    /// For people.
    pub fn title(&self) -> String {
        format!("{} ({})", self.stage, self.track.as_deref().unwrap_or("the course"))
    }
}
