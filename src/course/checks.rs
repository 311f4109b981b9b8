//! What several of a course's files are held to.

use std::collections::BTreeSet;

use super::Track;
use crate::error::{Error, Result, suggest};
use crate::pattern::{Pattern, escape};
use crate::yaml::Source;

/// Seconds that the limit of a run may be.
pub(super) const LIMITS: std::ops::RangeInclusive<u64> = 1..=600;

/// Names that become folders, as a regular expression; [`is_file_name`] says the same.
#[cfg(test)]
pub(super) const FILE_NAME: &str = "^[a-z0-9][a-z0-9_-]{0,63}$";

/// The names of captures, and nearly those of roles, as a regular expression; see
/// [`is_name`](crate::transcript::is_name).
#[cfg(test)]
pub(super) const NAME: &str = "^[a-z][a-z0-9_]*$";

/// Paths below a course, nearly: that none of their parts is `..` is left to [`check_path`].
#[cfg(test)]
pub(super) const PATH: &str = r"^[^/\\:]+(/[^/\\:]+)*$";

/// A text with captures.
pub(super) fn pattern(text: &str, path: &str, source: &Source<'_>) -> Result<Pattern> {
    Pattern::parse(text).map_err(|error| Error { help: error.help, ..Error::new(error.message).at(source.place(path)) })
}

/// The words in braces of a track's command are those that it fills in.
pub(super) fn check_words(text: &str, path: &str, source: &Source<'_>) -> Result<()> {
    for (name, _, _) in pattern(text, path, source)?.names() {
        if !Track::WORDS.contains(&name) {
            return Err(Error::new(format!("`{{{name}}}` stands for nothing here"))
                .at(source.place(path))
                .help(suggest(name, "words in braces", &Track::WORDS)));
        }
    }
    Ok(())
}

pub(super) fn check_regex(text: &str, path: &str, source: &Source<'_>) -> Result<()> {
    regex_lite::Regex::new(text).map(drop).map_err(|error| {
        Error::new(format!("this is not a regular expression: {error}"))
            .at(source.place(path))
            .help("they are those of the crate `regex-lite`; a `\\` in front of a character takes its meaning away")
    })
}

pub(super) fn check_limit(seconds: u64, path: &str, source: &Source<'_>) -> Result<()> {
    if LIMITS.contains(&seconds) {
        return Ok(());
    }
    Err(Error::new(format!("a run can't be limited to {seconds} seconds")).at(source.place(path)).help(format!(
        "write a number from {} to {}",
        LIMITS.start(),
        LIMITS.end()
    )))
}

/// Names that become folders: no separators, no dots in front, nothing that a shell would split.
pub fn is_file_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= 64
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
}

pub(super) fn check_file_name(name: &str, path: &str, source: &Source<'_>) -> Result<()> {
    if is_file_name(name) {
        return Ok(());
    }
    Err(Error::new(format!("`{}` can't be a name here", escape(name.as_bytes())))
        .at(source.place(path))
        .help("names become folders: lower-case letters, digits, `-` and `_`"))
}

/// Paths in YAML are relative to the course, and stay inside.
pub(super) fn check_path(text: &str, path: &str, source: &Source<'_>) -> Result<()> {
    let bad = text.is_empty()
        || text.contains('\\')
        || text.contains(':')
        || text.starts_with('/')
        || text.split('/').any(|part| part == ".." || part.is_empty());
    if !bad {
        return Ok(());
    }
    Err(Error::new(format!("`{}` leads out of the course", escape(text.as_bytes())))
        .at(source.place(path))
        .help("write a relative path with `/`, without `..`"))
}

/// Each of a list has a name of its own; `path` says where the name of each is.
pub(super) fn check_unique<'a>(
    names: impl Iterator<Item = &'a str>,
    kind: &str,
    path: &dyn Fn(usize) -> String,
    source: &Source<'_>,
) -> Result<()> {
    let mut seen = BTreeSet::new();
    for (index, name) in names.enumerate() {
        if !seen.insert(name) {
            return Err(Error::new(format!("there are two {kind}s named `{name}`"))
                .at(source.place(&path(index)))
                .help("rename one of them, or take it out"));
        }
    }
    Ok(())
}
