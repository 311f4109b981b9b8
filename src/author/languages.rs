//! The missing translations of a course.

use super::findings::{CheckItem, Finding};
use crate::assets::Catalog;
use crate::error::Result;

/// The missing translations of a stage, a finding for each language but the first.
///
/// # Errors
/// A file of a language is wrong.
pub(super) fn of_stage(catalog: &Catalog, name: &str) -> Result<Vec<Finding>> {
    let rows = catalog.course.languages.iter().skip(1).map(|tag| {
        let mut stage = catalog.stage_as_written(name)?;
        let mut missing = Vec::new();
        if catalog.lesson_in(name, tag)?.is_none() {
            missing.push(format!("lesson.{tag}.md"));
        }
        match catalog.stage_words(&stage, tag)? {
            Some(words) => missing.extend(words.apply(&mut stage)),
            None => missing.push(format!("stage.{tag}.yaml")),
        }
        Ok(row(tag, &missing))
    });
    rows.collect()
}

/// The missing translations of the course itself.
///
/// # Errors
/// A file of a language is wrong.
pub(super) fn of_course(catalog: &Catalog) -> Result<Vec<Finding>> {
    let rows = catalog.course.languages.iter().skip(1).map(|tag| {
        let missing = match catalog.course_words(tag)? {
            Some(words) => words.apply(&mut catalog.course.clone()),
            None => vec![format!("course.{tag}.yaml")],
        };
        Ok(row(tag, &missing))
    });
    rows.collect()
}

/// A missing translation is no error: the text appears in the first language.
fn row(tag: &str, missing: &[String]) -> Finding {
    let check = CheckItem::Language(tag.to_owned());
    if missing.is_empty() {
        return Finding::good(check, "all texts are there".to_owned());
    }
    Finding::note(check, format!("missing: {}", missing.join(", ")))
}
