//! A pattern: one expected line of a transcript, and whether a printed line matches it.
//!
//! A pattern is literal text with captures in it. `listening on {addr:multiaddr}` makes the
//! capture `addr`; a later `{addr}` uses it and must be equal. `{{` and `}}` are braces. Four
//! ideas carry the rest:
//!
//! * **Types are checked, not just matched.** `{id:peer-id}` decodes the peer id; a port is at
//!   most 65535; the thirtieth of February is no timestamp. See [`Type::accepts`].
//! * **A name has one value in a whole scenario**, and any of the lines that hold the name may be
//!   seen first. So [`Pattern::captures`] keeps no state: the caller says what is [`Known`] of each
//!   name and gets back the values that this line adds.
//! * **If there is a way to match, it is found.** Every capture tries its shortest value first and
//!   backtracks, so `{a:text}-{b:word}` splits `x-y z-w` at the second dash. The match returned
//!   is the one that is shortest in its first capture, then in its second, and so on.
//! * **Backtracking stays cheap**, also on a line of 64 KiB that a learner's loop filled with
//!   dashes. A capture ends only where the text behind it occurs; the last one ends where the line
//!   says; and what failed once is remembered until a name that it depends on changes. What is
//!   dear all the same has a limit: the [`Budget`]. That is the submodule `search`.
//!
//! A printed line reaches a terminal only through [`escape`], and in full only when it is short:
//! [`excerpt`].

mod checks;
mod escape;
mod search;
#[cfg(test)]
mod tests;
mod types;
mod values;

use std::fmt;
use std::ops::Range;

pub use escape::{around_difference, counted, cut, escape, excerpt, shorten, visible};
pub use search::Budget;
pub use types::{Type, WholeRegex};
pub use values::{FoundValue, values};

use search::{CaptureStep, TailPart, search};

/// One expected line.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    pieces: Vec<Piece>,
}

/// A part of a [`Pattern`]. Two captures always have a literal between them.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Text that is printed exactly so; its braces are single ones.
    Literal(String),
    /// `{name:type}`, or `{name}` with no type. The column is that of its `{`, from 1, in chars.
    Capture {
        /// The name of the value.
        name: String,
        /// What the value must look like, where the pattern says so.
        ty: Option<Type>,
        /// Where its `{` stands.
        column: usize,
    },
}

/// What the caller of [`Pattern::captures`] knows of a name.
#[derive(Clone, Copy, Debug)]
pub enum Known<'a> {
    /// Its value, which the line must repeat.
    Value(&'a str),
    /// Only its type: the line gives the value.
    Type(&'a Type),
}

/// Why a text is no pattern, and where: `column` from 1 and `len`, both in chars of that text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// Where, from 1.
    pub column: usize,
    /// How long.
    pub len: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)
    }
}

impl std::error::Error for PatternError {}

fn error<T>(at: Range<usize>, message: impl Into<String>, help: &str) -> Result<T, PatternError> {
    Err(PatternError {
        column: at.start + 1,
        len: at.len().max(1),
        message: message.into(),
        help: Some(help.to_owned()),
    })
}

/// Stands at the end of a printed text after which no newline comes, and of a pattern that expects one. It is no
/// character of any text.
pub const NO_NEWLINE: char = '\u{10ffff}';

/// How it is written in a transcript.
pub const NO_NEWLINE_WRITTEN: &str = "{no-newline}";

/// The literal text of a pattern, as it is written in a transcript.
pub fn written(literal: &str) -> String {
    literal.replace('{', "{{").replace('}', "}}").replace(NO_NEWLINE, NO_NEWLINE_WRITTEN)
}

// ---- Reading a pattern ----

impl Pattern {
    /// Reads a pattern as it is written in a transcript.
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        let chars: Vec<char> = text.chars().collect();
        let (mut pieces, mut literal, mut at) = (Vec::new(), String::new(), 0);
        while let Some(&c) = chars.get(at) {
            match c {
                '{' | '}' if chars.get(at + 1) == Some(&c) => {
                    literal.push(c);
                    at += 2;
                }
                '}' => return error(at..at + 1, "a single `}`", "write `}}` for a brace"),
                '{' => {
                    let end = closing_brace(&chars, at)?;
                    if !literal.is_empty() {
                        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                    } else if !pieces.is_empty() {
                        let message = "two captures with nothing between cannot be told apart";
                        return error(at..end + 1, message, "write the text between them");
                    }
                    pieces.push(capture(&chars[at + 1..end], at)?);
                    at = end + 1;
                }
                _ => {
                    literal.push(c);
                    at += 1;
                }
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Pattern { pieces })
    }

    /// The same, for a text after which no newline comes; `None` unless it ends with literal text, which tells where it
    /// ends.
    pub fn without_newline(mut self) -> Option<Pattern> {
        let Some(Piece::Literal(last)) = self.pieces.last_mut() else { return None };
        last.push(NO_NEWLINE);
        Some(self)
    }

    /// The literal text at the end of a pattern that expects no newline.
    pub fn prompt_end(&self) -> Option<&str> {
        let Some(Piece::Literal(last)) = self.pieces.last() else { return None };
        last.strip_suffix(NO_NEWLINE)
    }

    /// The literals and captures, in order.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Every capture, in order: its name, its type where it has one, its column.
    pub fn names(&self) -> impl Iterator<Item = (&str, Option<&Type>, usize)> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(_) => None,
            Piece::Capture { name, ty, column } => Some((name.as_str(), ty.as_ref(), *column)),
        })
    }

    /// Whether it accepts every line that is not empty: nothing but one `{name:text}`.
    pub fn is_blanket(&self) -> bool {
        let [piece] = self.pieces.as_slice() else {
            return false;
        };
        matches!(piece, Piece::Capture { ty: Some(Type::Text), .. })
    }

    /// Whether it accepts the very lines that `other` accepts, as the same names: where a name has
    /// its type written makes no difference.
    pub fn is_like(&self, other: &Pattern) -> bool {
        let same = |(one, two): (&Piece, &Piece)| match (one, two) {
            (Piece::Capture { name: one, .. }, Piece::Capture { name: two, .. }) => one == two,
            (one, two) => one == two,
        };
        self.pieces.len() == other.pieces.len() && self.pieces.iter().zip(&other.pieces).all(same)
    }

    /// The same with its literal text in lower case, and every value any text: what is the same but for the case
    /// of its letters matches it in lower case.
    pub fn in_lower_case(&self) -> Pattern {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Literal(text) => Piece::Literal(text.to_lowercase()),
            capture @ Piece::Capture { .. } => capture.clone(),
        });
        Pattern { pieces: pieces.collect() }
    }

    /// The line with the values that are known in place, and `{name}` for the others.
    pub fn fill(&self, value: &dyn Fn(&str) -> Option<String>) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Literal(text) => text.clone(),
            Piece::Capture { name, .. } => value(name).unwrap_or_else(|| format!("{{{name}}}")),
        };
        self.pieces.iter().map(text).collect()
    }
}

/// As it is written in a transcript.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Literal(text) => f.write_str(&written(text)),
            Piece::Capture { name, ty: Some(ty), .. } => write!(f, "{{{name}:{ty}}}"),
            Piece::Capture { name, ty: None, .. } => write!(f, "{{{name}}}"),
        })
    }
}

/// Where the capture that opens at `open` ends. A regular expression may hold braces.
fn closing_brace(chars: &[char], open: usize) -> Result<usize, PatternError> {
    let mut at = open + 1;
    loop {
        match chars.get(at) {
            Some('}') => return Ok(at),
            Some(':') if chars.get(at + 1) == Some(&'/') => {
                let Some(end) = closing_slash(&chars[at + 2..]) else {
                    let help = "it ends with `/}`; a slash inside of it is written `\\/`";
                    return error(at + 1..chars.len(), "this regular expression has no end", help);
                };
                at += 3 + end;
            }
            None | Some('{') => {
                return error(open..at, "this `{` is never closed", "write `{{` for a brace");
            }
            Some(_) => at += 1,
        }
    }
}

/// The first slash that no backslash is in front of.
fn closing_slash(chars: &[char]) -> Option<usize> {
    let mut at = 0;
    while *chars.get(at)? != '/' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    Some(at)
}

/// What is between the braces of a capture whose `{` is at `open`.
fn capture(body: &[char], open: usize) -> Result<Piece, PatternError> {
    let colon = body.iter().position(|c| *c == ':');
    let name: String = body[..colon.unwrap_or(body.len())].iter().collect();
    let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(valid) {
        let help = "a name is a lowercase letter, then lowercase letters, digits and `_`; \
                    write `{{` for a brace";
        let at = open + 1..open + 1 + name.chars().count();
        return error(at, format!("`{name}` is not a name"), help);
    }
    let parse = |colon: usize| {
        let source: String = body[colon + 1..].iter().collect();
        let shift = |e: PatternError| PatternError { column: open + 2 + colon + e.column, ..e };
        Type::parse(&source).map_err(shift)
    };
    let ty = colon.map(parse).transpose()?;
    Ok(Piece::Capture { name, ty, column: open + 1 })
}

// ---- Matching a line ----

impl Pattern {
    /// Matches a whole line, and returns the values of the names that were not known before, in
    /// the order of their first use; `None` when there is no way to match, or none is found within
    /// the usual [`Budget`].
    ///
    /// A name that comes twice has the same value twice. The types that count are those of
    /// `known`, for a `{name}` may be seen before the `{name:type}` of another line.
    pub fn captures<'p, 'l, 'k>(
        &'p self,
        line: &'l str,
        known: &dyn Fn(&str) -> Known<'k>,
    ) -> Option<Vec<(&'p str, &'l str)>> {
        let found = self.captures_within(line, known, &mut Budget::default())?;
        Some(found.into_iter().map(|(name, at)| (name, &line[at])).collect())
    }

    /// The same, and where in the line the values are. `None` says nothing once the budget is spent.
    pub fn captures_within<'p, 'k>(
        &'p self,
        line: &str,
        known: &dyn Fn(&str) -> Known<'k>,
        budget: &mut Budget,
    ) -> Option<Vec<(&'p str, Range<usize>)>> {
        let (head, steps) = self.steps(known);
        budget.spend(head.len());
        let start = line.starts_with(&head).then_some(head.len())?;
        let Some(last) = steps.last() else {
            return (start == line.len()).then(Vec::new);
        };
        if matches!(last.tail.as_slice(), [TailPart::Literal(text)] if !line.ends_with(text.as_str())) {
            return None;
        }
        let found = search(line, start, &steps, budget)?;
        Some(steps.iter().zip(found).map(|(step, at)| (step.name, at)).collect())
    }

    /// The text in front of the first unknown name, and a step for each unknown name. Known values
    /// are literal text from here on.
    fn steps<'p, 'k>(&'p self, known: &dyn Fn(&str) -> Known<'k>) -> (String, Vec<CaptureStep<'p, 'k>>) {
        let (mut head, mut steps) = (String::new(), Vec::<CaptureStep>::new());
        for piece in &self.pieces {
            let text = match piece {
                Piece::Literal(text) => text,
                Piece::Capture { name, .. } => {
                    let current = steps.len();
                    if let Some(first) = steps.iter().position(|step| step.name == name) {
                        steps[first].last_use = Some(current - 1);
                        steps[current - 1].tail.push(TailPart::Same(first));
                        continue;
                    }
                    match known(name) {
                        Known::Value(value) => value,
                        Known::Type(ty) => {
                            steps.push(CaptureStep { name, ty, tail: Vec::new(), last_use: None });
                            continue;
                        }
                    }
                }
            };
            match steps.last_mut().map(|step| &mut step.tail) {
                None => head.push_str(text),
                Some(tail) => match tail.last_mut() {
                    Some(TailPart::Literal(literal)) => literal.push_str(text),
                    _ => tail.push(TailPart::Literal(text.to_owned())),
                },
            }
        }
        (head, steps)
    }
}
