//! From the text of a YAML file to a typed value, with a place for every error.
//!
//! `serde_yaml` gives the value, and the line of an error in a type. What is wrong in the
//! *meaning* (a role that does not exist, a capture used too early) is found later, when the value
//! no longer knows where it came from; `places` is the index for that, made from the events of
//! a second parser that keeps positions. It reads the file first, so that what the two parsers
//! disagree about is refused before they do. `words` says for authors what serde says for
//! programmers.

mod places;
mod words;

use serde::de::DeserializeOwned;

use crate::error::{Error, Place, Result};
use places::{Tree, YamlProblem};

/// A YAML file of a course may be this long; the longest of ours has a twentieth of it.
pub const MAX_BYTES: usize = 1 << 20;

/// A YAML file, and where in it everything is.
pub struct Source<'t> {
    file: &'t str,
    lines: Vec<&'t str>,
    tree: Tree<'t>,
}

impl<'t> Source<'t> {
    /// Reads a file's text as a `T`.
    ///
    /// # Errors
    /// Syntax, unknown keys, keys that come twice, wrong types, too long, too deep, aliases or
    /// control characters, each with its place.
    pub fn parse<T: DeserializeOwned>(file: &'t str, text: &'t str) -> Result<(T, Source<'t>)> {
        // Some editors mark a file as Unicode with an invisible first character.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.len() > MAX_BYTES {
            return Err(Error::new(format!(
                "{file} has {} bytes; a YAML file of a course has at most {MAX_BYTES}",
                text.len()
            ))
            .help("move long texts into scenarios' `let: {name: {repeat: …, bytes: …}}`"));
        }
        let mut source = Source { file, lines: text.lines().collect(), tree: Tree::default() };
        source.tree = Tree::read(text, &source.lines).map_err(|problem| source.error(problem))?;
        let value = serde_yaml::from_str(text).map_err(|error| source.error(words::problem(&error)))?;
        Ok((value, source))
    }

    /// The place of a value, by its path as in `scenarios[2].transcript`; of the nearest parent
    /// where the path itself is not written in the file.
    pub fn place(&self, path: &str) -> Place {
        let (line, column) = self.tree.find(path).place;
        self.at(line, column, 0)
    }

    /// A place inside a block of text (`key: |`), by line and column in that text, from 0.
    pub fn place_in_block(&self, path: &str, line: usize, column: usize, len: usize) -> Place {
        match self.tree.find(path).block {
            Some(block) => self.at(block.line + line, block.indent + column + 1, len),
            None => self.place(path),
        }
    }

    /// Is the text at this path written as a block (`|`), so that its lines have places?
    pub fn is_block(&self, path: &str) -> bool {
        self.tree.find(path).block.is_some()
    }

    /// A place by line and column, from 1; without a length, the rest of the line is meant.
    fn at(&self, line: usize, column: usize, len: usize) -> Place {
        let source = self.lines.get(line.saturating_sub(1)).copied().unwrap_or("");
        let rest = source.chars().count().saturating_sub(column.saturating_sub(1));
        Place::new(self.file, (line, column, if len == 0 { rest } else { len }), source)
    }

    fn error(&self, problem: YamlProblem) -> Error {
        let (line, column) = problem.place;
        Error::new(problem.message).at(self.at(line, column, 0)).help(problem.help)
    }
}
