//! Finds the course that the author means.

use std::path::{Path, PathBuf};

use crate::assets::{COURSE_FILE, Catalog, Origin};
use crate::error::{Error, Result};
use crate::report::say;

/// The current folder.
///
/// # Errors
/// It does not exist any more.
pub(super) fn current_folder() -> Result<PathBuf> {
    std::env::current_dir().map_err(|error| Error::new("the current folder is gone").because(error))
}

/// The named course, or else the one that contains the current folder, if any.
///
/// # Errors
/// It can't be read.
pub fn course(named: Option<&Path>) -> Result<Option<Catalog>> {
    located(named, Catalog::folder)
}

fn located(named: Option<&Path>, open: fn(&Path) -> Result<Catalog>) -> Result<Option<Catalog>> {
    let here = current_folder()?;
    let around = || here.ancestors().find(|folder| folder.join(COURSE_FILE).is_file());
    named.or_else(around).map(open).transpose()
}

/// The course that [`course`] finds, or else the built-in one, which it says: the author may have meant another.
///
/// # Errors
/// It can't be read.
pub fn course_or_built_in(named: Option<&Path>) -> Result<Catalog> {
    if let Some(catalog) = course(named)? {
        return Ok(catalog);
    }
    let catalog = Catalog::open(Origin::BuiltIn)?;
    say(&format!(
        "This folder is in no course: this is about the built-in one, `{}`. For your own, change to its folder, or name \
         it with `--course PATH`",
        catalog.course.name
    ));
    Ok(catalog)
}

/// The course that [`course`] finds, for a command that writes into the course.
///
/// # Errors
/// There is none, or it can't be read.
pub(super) fn own_course(named: Option<&Path>) -> Result<Catalog> {
    course(named)?.ok_or_else(no_own_course)
}

/// The same; but the course may have no stage yet.
///
/// # Errors
/// There is none, or it can't be read.
pub(super) fn own_draft(named: Option<&Path>) -> Result<Catalog> {
    located(named, Catalog::draft)?.ok_or_else(no_own_course)
}

fn no_own_course() -> Error {
    Error::new("there is no course here, and the built-in one can't be changed: it is part of this program").help(
        "change to the folder of your course, or name it with `--course PATH`; `workshop author new-course NAME` makes \
         one",
    )
}

/// The `--course` option for a command that is typed here; empty if the course is found without it.
pub(super) fn option(root: &Path) -> String {
    let here = current_folder().and_then(|here| here.canonicalize().map_err(|error| Error::io("read", &here, &error)));
    let here = here.unwrap_or_default();
    if here.starts_with(root) {
        return String::new();
    }
    let path = root.strip_prefix(&here).unwrap_or(root).display().to_string();
    let is_plain = path.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c));
    if is_plain { format!("--course {path} ") } else { format!("--course '{path}' ") }
}
