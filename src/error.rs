//! Errors of the runner, the machine or the course: an [`Error`] names the place, the cause and the next step.
//!
//! A learner's wrong peer is never an `Error`; that is a [verdict](crate::verdict).

use std::fmt;
use std::path::Path;

use crate::fault::Fault;

/// A place in a text file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the reader knows it: relative to the course, or a path on disk.
    pub file: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// Length in characters; at least 1.
    pub len: usize,
    /// The text of that line.
    pub source: String,
}

impl Place {
    /// A place in a line. Control characters of the line become U+FFFD: the error may be about them, and none may
    /// reach a terminal.
    pub fn new(file: &str, (line, column, len): (usize, usize, usize), source: &str) -> Place {
        let visible = |c: char| if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c };
        Place { file: file.to_owned(), line, column, len: len.max(1), source: source.chars().map(visible).collect() }
    }
}

/// What kept the runner from doing its work. Always exit code 2.
#[derive(Debug, Clone)]
pub struct Error {
    /// What went wrong, in one sentence.
    pub message: String,
    /// Where, when a file is the cause.
    pub place: Option<Box<Place>>,
    /// The underlying causes, outermost first.
    pub causes: Vec<String>,
    /// What to do next.
    pub help: Option<String>,
}

/// The result of anything that can fail through no fault of the learner's program.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of one sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Error { message: message.into(), place: None, causes: Vec::new(), help: None }
    }

    /// An operation on a file or folder failed: `what` is a verb, as in "read".
    pub fn io(what: &str, path: &Path, cause: &std::io::Error) -> Self {
        let error = Error::new(format!("cannot {what} {}", path.display())).because(cause);
        match Fault::of(cause) {
            Some(fault) => error.help(fault.help()),
            None => error,
        }
    }

    /// Adds the next step.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds an underlying cause.
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Adds the place in a file.
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(Box::new(place));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{}:{}:{}: ", place.file, place.line, place.column)?;
        }
        f.write_str(&self.message)?;
        for cause in &self.causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Up to three of `known` that look like what was typed, for "did you mean".
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut scored: Vec<(f64, &str)> = known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&typed.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(score, _)| *score > 0.7)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

/// "did you mean `x`?" if something is near, otherwise the list of what exists.
pub fn suggest<'a>(typed: &str, kind: &str, known: &[&'a str]) -> String {
    let near: Vec<&'a str> = nearest(typed, known.iter().copied());
    let quoted = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match (near.is_empty(), known.is_empty()) {
        (false, _) => format!("did you mean {}?", quoted(&near)),
        (true, false) => format!("the {kind} are {}", quoted(known)),
        (true, true) => format!("there are no {kind} here"),
    }
}
