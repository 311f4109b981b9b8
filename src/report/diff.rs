//! The difference between two texts.

use std::ops::Range;

use colored::Colorize;
use regex_lite::Regex;
use similar::{ChangeTag, TextDiff};

/// Lines around a difference.
const CONTEXT: usize = 3;

/// A place where two texts differ.
#[derive(Debug, PartialEq, Eq)]
pub struct Hunk {
    /// Which lines of each text it is about, as in a unified diff.
    pub place: String,
    /// Its lines, in order.
    pub lines: Vec<HunkLine>,
}

/// A line of a [`Hunk`].
#[derive(Debug, PartialEq, Eq)]
pub struct HunkLine {
    /// Which of the texts have it.
    pub side: Side,
    /// The line, without its end.
    pub text: String,
}

/// Which of two texts have a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The first one.
    Old,
    /// The second one.
    New,
    /// Both.
    Both,
}

impl Side {
    /// The mark in front of a line.
    pub fn mark(self) -> &'static str {
        match self {
            Side::Old => "-",
            Side::New => "+",
            Side::Both => " ",
        }
    }
}

/// Where two texts differ. With a pattern for comments, lines that it matches and empty ones are left out of both.
pub fn hunks(old: &str, new: &str, comment: Option<&Regex>) -> Vec<Hunk> {
    let [old, new] = [old, new].map(|text| numbered(text, comment));
    let [old_lines, new_lines] = [&old, &new].map(|lines| lines.iter().map(|(_, line)| *line).collect::<Vec<_>>());
    let diff = TextDiff::from_slices(&old_lines, &new_lines);
    let groups = diff.grouped_ops(CONTEXT);
    let hunk = |group: &Vec<similar::DiffOp>| {
        let (first, last) = (group.first()?, group.last()?);
        let [olds, news] = [
            place(&old, first.old_range().start..last.old_range().end),
            place(&new, first.new_range().start..last.new_range().end),
        ];
        let changes = group.iter().flat_map(|op| diff.iter_changes(op));
        let lines = changes.map(|change| {
            let side = match change.tag() {
                ChangeTag::Delete => Side::Old,
                ChangeTag::Insert => Side::New,
                ChangeTag::Equal => Side::Both,
            };
            HunkLine { side, text: change.value().to_owned() }
        });
        Some(Hunk { place: format!("@@ -{olds} +{news} @@"), lines: lines.collect() })
    };
    groups.iter().filter_map(hunk).collect()
}

/// The lines that are compared, each with its number.
fn numbered<'t>(text: &'t str, comment: Option<&Regex>) -> Vec<(usize, &'t str)> {
    let is_left_out = |line: &str| comment.is_some_and(|comment| line.trim().is_empty() || comment.is_match(line));
    (1..).zip(text.lines()).filter(|(_, line)| !is_left_out(line)).collect()
}

/// The first line of a range, and how many there are up to its last one.
fn place(lines: &[(usize, &str)], range: Range<usize>) -> String {
    match lines.get(range.clone()) {
        Some([(only, _)]) => only.to_string(),
        Some([(first, _), .., (last, _)]) => format!("{first},{}", last - first + 1),
        _ => format!("{},0", range.start.checked_sub(1).and_then(|before| lines.get(before)).map_or(0, |line| line.0)),
    }
}

/// A unified difference of two texts; see [`hunks`].
pub fn diff(old_name: &str, old: &str, new_name: &str, new: &str, comment: Option<&Regex>) -> String {
    let hunks = hunks(old, new, comment);
    if hunks.is_empty() {
        return String::new();
    }
    let mut out = format!("{}\n{}\n", format!("--- {old_name}").bold(), format!("+++ {new_name}").bold());
    for hunk in hunks {
        out.push_str(&format!("{}\n", hunk.place.cyan()));
        for HunkLine { side, text } in hunk.lines {
            let line = format!("{}{text}", side.mark());
            let line = match side {
                Side::Old => line.red(),
                Side::New => line.green(),
                Side::Both => line.normal(),
            };
            out.push_str(&format!("{line}\n"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{hunks, place};
    use regex_lite::Regex;

    fn shown(old: &str, new: &str, comment: Option<&str>) -> Vec<String> {
        let comment = comment.map(|pattern| Regex::new(pattern).expect("a pattern"));
        let line = |hunk: super::Hunk| {
            let lines = hunk.lines.into_iter().map(|line| format!("{}{}", line.side.mark(), line.text));
            std::iter::once(hunk.place).chain(lines).collect::<Vec<_>>()
        };
        hunks(old, new, comment.as_ref()).into_iter().flat_map(line).collect()
    }

    #[test]
    fn a_difference_has_its_surroundings() {
        assert!(shown("1\n2\n", "1\n2\n", None).is_empty());
        assert_eq!(shown("1\n2\n", "1\n3\n", None), ["@@ -1,2 +1,2 @@", " 1", "-2", "+3"]);
        assert_eq!(shown("", "1\n", None), ["@@ -0,0 +1 @@", "+1"]);
    }

    #[test]
    fn comments_are_left_out_and_counted() {
        let (mine, theirs) = ("fn a() {\n    // mine\n    b();\n}\n", "// theirs\n\nfn a() {\n    c();\n}\n");
        assert_eq!(
            shown(mine, theirs, Some("^ *//")),
            ["@@ -1,4 +3,3 @@", " fn a() {", "-    b();", "+    c();", " }"]
        );
        assert!(shown("// one\na\n", "a\n\n// two\n", Some("^ *//")).is_empty());
        assert!(!shown("// one\na\n", "a\n\n// two\n", None).is_empty());
    }

    #[test]
    fn an_empty_range_is_behind_the_line_before() {
        assert_eq!(place(&[(4, "a"), (7, "b")], 1..1), "4,0");
    }
}
