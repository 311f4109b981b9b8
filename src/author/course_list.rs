//! Adds a stage to the list in `course.yaml`, and changes nothing else in the file.

use crate::course::Course;
use crate::error::{Error, Result};
use crate::yaml::Source;

/// The text of a `course.yaml` with one more stage at the end of its list. Comments and layout stay
/// as they are.
///
/// # Errors
/// The layout of the list is not supported; the author has to add it by hand.
pub fn add(file: &str, text: &str, stage: &str) -> Result<String> {
    let (course, source): (Course, Source<'_>) = Source::parse(file, text)?;
    let wanted: Vec<String> = course.stages.iter().cloned().chain([stage.to_owned()]).collect();
    let added = match course.stages.last() {
        Some(last) => {
            let place = source.place(&format!("stages[{}]", course.stages.len() - 1));
            after(text, (place.line, place.column), last, stage)
        }
        None => first(text, source.place("stages").line, stage),
    };
    let is_right = |text: &String| Course::parse(file, text).is_ok_and(|course| course.stages == wanted);
    added.filter(is_right).ok_or_else(|| {
        Error::new(format!("`{stage}` can't be added to this list"))
            .at(source.place("stages"))
            .help("write the list with one stage a line, as in `- first`; nothing was written")
    })
}

/// Makes a list of the `[]` in a line (from 1), with a name on a line of its own.
fn first(text: &str, line: usize, name: &str) -> Option<String> {
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let own = text[start..].split_inclusive('\n').next()?.trim_end_matches(['\n', '\r']);
    let (key, comment) = own.split_once("[]")?;
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let listed = format!("{}{}{end}  - {name}", key.trim_end(), comment.trim_end());
    Some(format!("{}{listed}{}", &text[..start], &text[start + own.len()..]))
}

/// Inserts a name after the item at a line and column (from 1): on a line of its own if the item has one, otherwise
/// after a comma.
fn after(text: &str, (line, column): (usize, usize), item: &str, name: &str) -> Option<String> {
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let whole = text[start..].split_inclusive('\n').next()?;
    let own = whole.trim_end_matches(['\n', '\r']);
    let before: String = own.chars().take(column - 1).collect();
    let (at, inserted) = match before.trim_start() {
        marker if marker.trim_end() == "-" => {
            let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
            (start + own.len(), format!("{end}{before}{name}"))
        }
        _ => {
            let quote = usize::from(own[before.len()..].starts_with(['"', '\'']));
            (start + before.len() + item.len() + 2 * quote, format!(", {name}"))
        }
    };
    Some(format!("{}{inserted}{}", text.get(..at)?, &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(stages: &str) -> String {
        let tracks = "tracks:\n  t: {title: T, templates: t, solutions: s, edit: [.], run: [x]}\n";
        format!("# The course.\nname: c # its name\ntitle: C\n{stages}\n# What follows.\n{tracks}")
    }

    #[test]
    fn the_first_stage_makes_a_list() {
        let cases = [
            ("stages: []", "stages:\n  - new\n"),
            ("stages: [] # none yet", "stages: # none yet\n  - new\n"),
            ("stages: []\r", "stages:\r\n  - new\r\n"),
        ];
        for (stages, expected) in cases {
            let before = course(stages);
            let after = add("course.yaml", &before, "new").unwrap_or_else(|error| panic!("{error}: {before}"));
            assert!(after.contains(expected), "{after}");
        }
        add("course.yaml", &course("stages: [\n]"), "new").expect_err("it says how to write the list");
    }

    #[test]
    fn the_list_grows_and_nothing_else_changes() {
        let cases = [
            ("stages:\n  - one # the first\n\n  # and then\n  - two  # the last", "  - two  # the last\n  - new"),
            ("stages:\n- one", "- one\n- new"),
            ("stages:\n  -   one", "  -   one\n  -   new"),
            ("stages: [one]", "stages: [one, new]"),
            ("stages: [\"one\", 'two'] # all", "stages: [\"one\", 'two', new] # all"),
            ("stages: [\n  one,\n  two, # last\n]", "  two, new, # last"),
            ("stages:\r\n  - one\r", "  - one\r\n  - new\r"),
            ("stages:\n  - \"one\"", "  - \"one\"\n  - new"),
        ];
        for (stages, expected) in cases {
            let before = course(stages);
            let after = add("course.yaml", &before, "new").unwrap_or_else(|error| panic!("{error}: {before}"));
            assert!(after.contains(expected), "{after}");
            let without: String = ["\r\n  - new", "\n  - new", "\n- new", "\n  -   new", ", new"]
                .iter()
                .find(|added| after.contains(*added))
                .map(|added| after.replacen(added, "", 1))
                .expect("the new name");
            assert_eq!(without, before);
        }
    }
}
