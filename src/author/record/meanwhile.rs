//! What becomes of a recording when its file was changed meanwhile: running a solution takes minutes, and is not lost.

use std::path::Path;

use super::NewTranscripts;
use super::splice::splice;
use crate::course::Stage;
use crate::error::{Error, Result};
use crate::files::replace;

/// The text as it is now, with the recorded transcripts of those scenarios whose transcript is still the one that was
/// recorded; and the names of the others. The file and the stage are those from which was recorded.
///
/// # Errors
/// The text is not that of a stage any more; but then no transcript is in place either, so it does not come to that.
pub(super) fn onto(
    now: &str,
    (file, stage): (&str, &Stage),
    changes: &NewTranscripts,
) -> Result<(String, Vec<String>)> {
    let name = |index: usize| stage.scenarios[index].name.clone();
    let Ok(there) = Stage::draft(&stage.name, file, now, &|_| true) else {
        return Ok((now.to_owned(), changes.iter().map(|(index, _)| name(*index)).collect()));
    };
    let (mut fitting, mut left) = (Vec::new(), Vec::new());
    for (index, lines) in changes {
        let recorded = &stage.scenarios[*index];
        let same =
            |scenario: &crate::course::Scenario| scenario.name == recorded.name && scenario.text == recorded.text;
        match there.scenarios.iter().position(same) {
            Some(index) => fitting.push((index, lines.clone())),
            None => left.push(name(*index)),
        }
    }
    Ok((splice(file, now, &there, &fitting)?, left))
}

/// Keeps a recording beside the file; the error says where it is.
///
/// # Errors
/// It can't be written.
pub(super) fn keep(file: &Path, shown: &str, new: &str, left: &[String]) -> Result<Error> {
    let kept = file.with_extension("yaml.recorded");
    replace(&kept, new.as_bytes())?;
    let names = left.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let message = format!("{shown} was changed meanwhile: what was recorded of {names} is not written into it");
    Ok(Error::new(message).help(format!(
        "the whole file, as recorded, is in {shown}.recorded: take from it what you need and remove it, or record again"
    )))
}
