//! Puts new transcripts into the text of a `stage.yaml`; everything else stays byte for byte.

use super::script::ScriptLine;
use crate::course::Stage;
use crate::error::{Error, Place, Result};
use crate::yaml::Source;

/// The text of the file with the transcripts of some scenarios replaced.
///
/// # Errors
/// The file is not what the stage was read from.
pub(super) fn splice(file: &str, text: &str, stage: &Stage, changes: &[(usize, Vec<ScriptLine>)]) -> Result<String> {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let end = if lines.first().is_some_and(|line| line.ends_with("\r\n")) { "\r\n" } else { "\n" };
    let mut changes: Vec<_> = changes.iter().collect();
    // From the last one to the first, so that places stay true.
    changes.sort_by_key(|(index, _)| std::cmp::Reverse(*index));
    for (index, new) in changes {
        let place = place(file, text, *index, 0).ok_or_else(|| Error::new(format!("{file} is not the stage's")))?;
        let (first, indent) = (place.line - 1, " ".repeat(place.column - 1));
        let count = stage.scenarios[*index].text.lines().count();
        let block: Vec<String> = lines[first..first + count].to_vec();
        let line = |line: &ScriptLine| match line {
            ScriptLine::Kept(number) if block[*number].ends_with('\n') => block[*number].clone(),
            ScriptLine::Kept(number) => format!("{}{end}", block[*number]),
            ScriptLine::New(text) => format!("{indent}{text}{end}"),
        };
        lines.splice(first..first + count, new.iter().map(line));
    }
    let mut out = lines.concat();
    if !text.ends_with('\n') {
        out.truncate(out.trim_end_matches(['\n', '\r']).len());
    }
    Ok(out)
}

/// Where a line of a scenario's transcript stands in the file.
pub(super) fn place(file: &str, text: &str, scenario: usize, line: usize) -> Option<Place> {
    let (_, source) = Source::parse::<serde_yaml::Value>(file, text).ok()?;
    let path = format!("scenarios[{scenario}].transcript");
    source.is_block(&path).then(|| source.place_in_block(&path, line, 0, 0))
}
