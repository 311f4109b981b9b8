//! A refused line that differs from an expected one in a single word.

use super::expected::Expected;
use super::refused::RefusedLine;
use super::wire::is_end;
use super::words::{shown, shown_both};
use super::{Case, Fact};
use crate::matcher::declared_types;
use crate::pattern::{Piece, Type};

impl Case<'_> {
    /// One word of a line differs, is missing or is extra; and it is a literal of the transcript, not a value.
    pub(super) fn misspelt(&self, refused: &RefusedLine<'_>, expected: &[Expected<'_>]) -> Option<Fact> {
        let RefusedLine { role, text, .. } = *refused;
        // The line of another role, or a typed line, is not a misspelling.
        let others = (0..self.evidence.outputs.len()).filter(|other| *other != role);
        let mut of_others = others.flat_map(|other| self.lines_of(other, |_| true));
        let meant = |typed: &str| refused.awaited.as_ref().is_some_and(|due| is_end(typed, &due.text));
        let typed = self.evidence.typed.iter().any(|typed| is_end(&typed.text, text) && !meant(&typed.text));
        if typed || of_others.any(|line| !line.pattern.is_blanket() && line.text == text) {
            return None;
        }
        let due = expected.iter().filter(|line| refused.awaited.as_ref().is_none_or(|due| due.text == line.text));
        let (line, slip) = due.into_iter().find_map(|line| Some((line, one_word(&words(self, line), text)?)))?;
        // The beginning of a line is a piece, not a misspelling.
        if line.text.starts_with(text) {
            return None;
        }
        let (said, meant) = shown_both(text, &line.text);
        let deed = self.deed(role, &self.origin(role, text, &line.text), &said, &meant);
        Some(match slip {
            WordSlip::Letter(what) => Fact::new("misspelt", format!("{deed}: one letter differs, {what}.")),
            WordSlip::Word(what) => Fact::new("one-word-differs", format!("{deed}: {what}.")),
        })
    }
}

/// How a line differs in one word, in words for the learner.
enum WordSlip {
    /// Nearly the same word.
    Letter(String),
    /// Another word, an extra one, or a missing one.
    Word(String),
}

/// A word of an expected line.
enum Word<'t> {
    /// As it is written in the transcript.
    Literal(String),
    /// It contains a captured value.
    Value(String),
    /// A value that has not been captured: a word of this type, or several words of text.
    Unknown(&'t Type),
    /// It contains a value that has not been captured.
    Any,
}

/// The words of an expected line.
fn words<'e>(case: &'e Case<'_>, line: &'e Expected<'_>) -> Vec<Word<'e>> {
    let types = declared_types(&case.scenario.transcript);
    let mut words: Vec<Word<'e>> = Vec::new();
    // The last word continues in the next piece.
    let mut open = false;
    for piece in line.pattern.pieces() {
        match piece {
            Piece::Literal(text) => {
                for (index, part) in text.split(' ').enumerate() {
                    match words.last_mut().filter(|_| index == 0 && open) {
                        Some(Word::Literal(word) | Word::Value(word)) => word.push_str(part),
                        Some(unknown) if !part.is_empty() => *unknown = Word::Any,
                        Some(_) => {}
                        None => words.push(Word::Literal(part.to_owned())),
                    }
                }
            }
            Piece::Capture { name, .. } => {
                let value = case.captures[line.role].get(name);
                let begun = words.last_mut().filter(|_| open);
                match (begun, value) {
                    (Some(word), Some(value)) => match word {
                        Word::Literal(text) if text.is_empty() => *word = Word::Value(value.clone()),
                        Word::Literal(text) | Word::Value(text) => *word = Word::Value(format!("{text}{value}")),
                        Word::Unknown(_) | Word::Any => *word = Word::Any,
                    },
                    (Some(word), None) => {
                        let whole = matches!(word, Word::Literal(text) if text.is_empty());
                        let ty = types.get(name.as_str()).copied().unwrap_or(&Type::Text);
                        *word = if whole { Word::Unknown(ty) } else { Word::Any };
                    }
                    (None, Some(value)) => words.push(Word::Value(value.clone())),
                    (None, None) => words.push(Word::Unknown(types.get(name.as_str()).copied().unwrap_or(&Type::Text))),
                }
            }
        }
        open = true;
    }
    words
}

impl Word<'_> {
    fn is(&self, text: &str) -> bool {
        match self {
            Word::Literal(word) | Word::Value(word) => word == text,
            Word::Unknown(ty) => ty.accepts(text),
            Word::Any => true,
        }
    }
}

/// Do these words match, one by one? A text at the end may have several words.
fn all_match(expected: &[Word<'_>], printed: &[&str]) -> bool {
    match expected.split_last() {
        Some((Word::Unknown(Type::Text), before)) if printed.len() > before.len() => {
            all_match(before, &printed[..before.len()])
        }
        _ => expected.len() == printed.len() && expected.iter().zip(printed).all(|(word, text)| word.is(text)),
    }
}

/// The one word in which a line differs from an expected one; `None` where more than one word differs, or a value.
fn one_word(expected: &[Word<'_>], text: &str) -> Option<WordSlip> {
    let printed: Vec<&str> = text.split(' ').collect();
    let same = expected.iter().zip(&printed).take_while(|(word, text)| word.is(text)).count();
    let (missing, extra) = (expected.get(same), printed.get(same));
    let rest = |skipped: usize, passed: usize| {
        let (expected, printed) = (expected.get(same + skipped..), printed.get(same + passed..));
        expected.zip(printed).is_some_and(|(expected, printed)| all_match(expected, printed))
    };
    if let (Some(Word::Literal(word)), Some(other)) = (missing, extra)
        && rest(1, 1)
    {
        return other_word(word, other, expected.len() > 1);
    }
    let literals = expected.iter().filter(|word| matches!(word, Word::Literal(text) if is_word(text))).count();
    match (missing, extra) {
        (Some(Word::Literal(word)), _) if !word.is_empty() && literals > 1 && rest(1, 0) => {
            Some(WordSlip::Word(format!("«{}» is missing", shown(word))))
        }
        (_, Some(other)) if !other.is_empty() && literals > 0 && rest(0, 1) => {
            Some(WordSlip::Word(format!("«{}» is extra", shown(other))))
        }
        _ => None,
    }
}

/// A word in the place of another one. Two numbers are values, not words; and a line of a single word is a different
/// line, unless the two words are nearly the same.
fn other_word(word: &str, other: &str, in_a_line: bool) -> Option<WordSlip> {
    let numbers = [word, other].iter().all(|text| text.chars().any(|c| c.is_ascii_digit()));
    if word.is_empty() || other.is_empty() || numbers || !(is_word(word) || is_word(other)) {
        return None;
    }
    let (quoted, meant) = shown_both(other, word);
    let what = format!("«{quoted}» instead of «{meant}»");
    match distance_is_one(word, other) && word.chars().count() > 2 {
        true => Some(WordSlip::Letter(what)),
        false => in_a_line.then(|| WordSlip::Word(format!("one word differs, {what}"))),
    }
}

fn is_word(text: &str) -> bool {
    text.chars().any(char::is_alphabetic)
}

/// Is the distance one letter (added, missing or different), or one swap of neighbours?
fn distance_is_one(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let same = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    let (one, other) = (&one[same..], &other[same..]);
    match (one, other) {
        ([a, b, one @ ..], [c, d, other @ ..]) if (a, b) == (d, c) && one == other => true,
        ([_, one @ ..], [_, other @ ..]) if one == other => true,
        ([_, one @ ..], other) if one == other => true,
        (one, [_, other @ ..]) => one == other,
        _ => false,
    }
}
