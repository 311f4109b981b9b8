//! The schemas of a course's YAML files, for editors: JSON Schema, draft 2020-12.
//!
//! The schemas are made from the very types that parse the files, and their descriptions are the
//! doc comments of these types. That is done by a test, which compares them with the committed
//! files that are embedded here: so a learner who installs the runner does not compile a generator
//! of schemas. `SNAPSHOTS=overwrite cargo test schema` writes them anew.
//!
//! A schema knows what one value may be. What values mean to each other (a role that a transcript
//! names) is told by `workshop author check`.

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

/// The schema of `course.yaml`.
pub const COURSE: &str = include_str!("../../docs/schema/course.json");

/// The schema of `stage.yaml`.
pub const STAGE: &str = include_str!("../../docs/schema/stage.json");

/// The schema of `course.LANGUAGE.yaml`.
pub const COURSE_LANGUAGE: &str = include_str!("../../docs/schema/course-language.json");

/// The schema of `stage.LANGUAGE.yaml`.
pub const STAGE_LANGUAGE: &str = include_str!("../../docs/schema/stage-language.json");

/// The schema of `grade.yaml`.
pub const GRADE: &str = include_str!("../../docs/schema/grade.json");

/// A page for people, made from all of them: every key, its type, its meaning and its limits.
pub const REFERENCE: &str = include_str!("../../docs/reference.md");

/// How the first line of a file begins that names its schema; a path, relative to the file, or a URL
/// follows.
pub const NAMED_BY: &str = "# yaml-language-server: $schema=";
