//! The learner's files as lines: with the holes that are left, and against the solution.

use regex_lite::Regex;
use serde::Serialize;

use crate::pattern::visible;
use crate::report::{HunkLine, Side, hunks};

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeLine {
    /// Counted from 1.
    pub number: usize,
    /// What stands in it.
    pub text: String,
    /// It is a hole of the template.
    pub hole: bool,
    /// It is the line that a reason is about.
    pub meant: bool,
}

/// A hole of the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// The number of its line.
    pub line: usize,
    /// What stands there.
    pub text: String,
}

/// Recognises holes.
pub struct Holes(Option<Regex>);

impl Holes {
    /// Holes are the lines in which the track's regular expression is found.
    pub fn new(hole: Option<&str>) -> Holes {
        Holes(hole.and_then(|hole| Regex::new(hole).ok()))
    }

    /// The lines of a file.
    pub fn lines(&self, text: &str) -> Vec<CodeLine> {
        let lines = visible(text);
        let numbered = lines.lines().zip(1..);
        numbered
            .map(|(line, number)| CodeLine { number, text: line.to_owned(), hole: self.is_hole(line), meant: false })
            .collect()
    }

    /// The holes of a file.
    pub fn of(&self, text: &str) -> Vec<Hole> {
        let lines = self.lines(text).into_iter().filter(|line| line.hole);
        lines.map(|line| Hole { line: line.number, text: line.text.trim().to_owned() }).collect()
    }

    fn is_hole(&self, line: &str) -> bool {
        self.0.as_ref().is_some_and(|hole| hole.is_match(line))
    }
}

/// Lines shown on each side of the one that is meant.
const AROUND: usize = 4;

/// A line of a file, marked, with those around it; nothing if the file has no such line.
pub fn around(text: &str, number: usize) -> Vec<CodeLine> {
    let mut lines = Holes(None).lines(text);
    if !(1..=lines.len()).contains(&number) {
        return Vec::new();
    }
    lines[number - 1].meant = true;
    let end = lines.len().min(number + AROUND);
    lines.drain(number.saturating_sub(AROUND + 1)..end).collect()
}

/// How a file differs from the solution's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The file's path.
    pub name: String,
    /// The lines that differ, with their context.
    pub lines: Vec<Change>,
}

/// A line of a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `mine`, `theirs`, `both`, or `place`.
    pub kind: &'static str,
    /// Its mark.
    pub mark: &'static str,
    /// The line.
    pub text: String,
}

/// How a file differs from the solution's; `None` when it does not. See [`hunks`].
pub fn difference(name: &str, mine: &str, theirs: &str, comment: Option<&Regex>) -> Option<Difference> {
    let mut lines = Vec::new();
    for hunk in hunks(mine, theirs, comment) {
        lines.push(Change { kind: "place", mark: "", text: hunk.place });
        lines.extend(hunk.lines.into_iter().map(|HunkLine { side, text }| {
            let kind = match side {
                Side::Old => "mine",
                Side::New => "theirs",
                Side::Both => "both",
            };
            Change { kind, mark: side.mark(), text: visible(&text) }
        }));
    }
    (!lines.is_empty()).then(|| Difference { name: name.to_owned(), lines })
}

#[cfg(test)]
mod tests {
    use super::{Holes, around, difference};

    #[test]
    fn holes_are_what_the_course_says() {
        let text = "fn a() {\n    todo!(\"1. listen\")\n}\nlet a = 1;\u{1b}[2J\n";
        let holes = Holes::new(Some(r"\btodo!\("));
        let found = holes.of(text);
        assert_eq!((found.len(), found[0].line, found[0].text.as_str()), (1, 2, "todo!(\"1. listen\")"));
        let lines = holes.lines(text);
        assert_eq!(lines.iter().map(|line| line.hole).collect::<Vec<_>>(), [false, true, false, false]);
        assert_eq!(lines[3].text, "let a = 1;\\x1b[2J");
        assert!(Holes::new(None).of(text).is_empty());
    }

    #[test]
    fn a_line_has_its_neighbours() {
        let text: String = (1..=20).map(|number| format!("line {number}\n")).collect();
        let numbers = |number| around(&text, number).iter().map(|line| line.number).collect::<Vec<_>>();
        assert_eq!(numbers(10), (6..=14).collect::<Vec<_>>());
        assert_eq!((numbers(1), numbers(19)), ((1..=5).collect(), (15..=20).collect()));
        assert!(numbers(0).is_empty() && numbers(21).is_empty());
        assert_eq!(around(&text, 10).iter().find(|line| line.meant).map(|line| line.text.as_str()), Some("line 10"));
    }

    #[test]
    fn a_difference_has_its_surroundings() {
        assert_eq!(difference("a", "1\n2\n", "1\n2\n", None), None);
        let found = difference("a", "1\n2\n", "1\n3\n", None).expect("they differ");
        let lines: Vec<String> = found.lines.iter().map(|line| format!("{}{}", line.mark, line.text)).collect();
        assert_eq!(lines, ["@@ -1,2 +1,2 @@", " 1", "-2", "+3"]);
    }
}
