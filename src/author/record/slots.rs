//! The slots of a line: what differs from run to run, and where it begins and ends.

use std::ops::Range;

use crate::pattern::{Type, values};

/// A part of a line.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum LinePart {
    /// The same in all runs.
    Same(String),
    /// Different from run to run; `None` in the runs that do not have the line.
    Slot { values: Vec<Option<String>>, ty: Type },
}

/// The line that is all of these: what differs becomes a slot, as small as it makes sense.
pub(super) fn generalise(texts: &[Option<String>]) -> Vec<LinePart> {
    let present: Vec<&str> = texts.iter().flatten().map(String::as_str).collect();
    let mut line = Generaliser { texts, parts: Vec::new() };
    line.add(&present);
    line.parts
}

/// What one line looks like when its values are left out.
pub(super) fn outline(text: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let (mut out, mut end) = (String::new(), 0);
    for found in values(text) {
        out.push_str(&text[end..found.at.start]);
        out.push('\u{1}');
        out.push_str(&value(&text[found.at.clone()]).unwrap_or_default());
        out.push('\u{1}');
        end = found.at.end;
    }
    out + &text[end..]
}

/// Characters at which a word is split when no value of it tells where it differs.
const HARD: &str = "=,;()[]{}<>\"'`|@#«»“”";

struct Generaliser<'t> {
    texts: &'t [Option<String>],
    parts: Vec<LinePart>,
}

impl Generaliser<'_> {
    /// Adds pieces of text, one for each run that has the line.
    fn add(&mut self, pieces: &[&str]) {
        if pieces.windows(2).all(|two| two[0] == two[1]) {
            return self.same(pieces.first().copied().unwrap_or_default());
        }
        let words: Vec<Vec<&str>> = pieces.iter().map(|piece| piece.split(' ').collect()).collect();
        let count = words[0].len();
        if words.iter().any(|words| words.len() != count) {
            return self.add_text(pieces, &words);
        }
        for index in 0..count {
            if index > 0 {
                self.same(" ");
            }
            let column: Vec<&str> = words.iter().map(|words| words[index]).collect();
            self.add_word(&column);
        }
    }

    /// Different numbers of words: what is between the first words and the last ones that are equal.
    fn add_text(&mut self, pieces: &[&str], words: &[Vec<&str>]) {
        let shortest = words.iter().map(Vec::len).min().unwrap_or(0);
        let equal = |at: &dyn Fn(&[&str]) -> Option<usize>| {
            let word = |words: &Vec<&str>| at(words).and_then(|index| words.get(index).copied()).map(str::to_owned);
            words.iter().all(|other| word(other) == word(&words[0]))
        };
        let front = (0..shortest).take_while(|k| equal(&|_| Some(*k))).count();
        let back = (0..shortest).take_while(|k| equal(&|words| words.len().checked_sub(k + 1))).count();
        // At least one word is left to differ in each.
        let front = front.min(shortest.saturating_sub(1));
        let back = back.min(shortest.saturating_sub(front + 1));
        let joined = |range: Range<usize>, words: &[&str]| words[range].join(" ");
        if front > 0 {
            self.same(&format!("{} ", joined(0..front, &words[0])));
        }
        let middle: Vec<String> = words.iter().map(|words| joined(front..words.len() - back, words)).collect();
        if middle.iter().any(String::is_empty) {
            self.parts.clear();
            return self.slot(pieces);
        }
        self.slot(&middle.iter().map(String::as_str).collect::<Vec<_>>());
        if back > 0 {
            self.same(&format!(" {}", joined(words[0].len() - back..words[0].len(), &words[0])));
        }
    }

    fn add_word(&mut self, words: &[&str]) {
        if words.windows(2).all(|two| two[0] == two[1]) {
            return self.same(words[0]);
        }
        let found: Vec<_> = words.iter().map(|word| values(word)).collect();
        let outline = |word: &str| outline(word, &|_| None);
        if !found[0].is_empty() && words.iter().all(|word| outline(word) == outline(words[0])) {
            let mut end = 0;
            for (k, first) in found[0].iter().enumerate() {
                self.same(&words[0][end..first.at.start]);
                let column: Vec<&str> =
                    words.iter().zip(&found).map(|(word, values)| &word[values[k].at.clone()]).collect();
                if column.windows(2).all(|two| two[0] == two[1]) {
                    self.same(column[0])
                } else {
                    self.slot(&column)
                }
                end = first.at.end;
            }
            return self.same(&words[0][end..]);
        }
        let (front, back) = (common_front(words), common_back(words));
        let inner: Vec<&str> =
            words.iter().map(|word| word.get(front..word.len().max(back) - back).unwrap_or("")).collect();
        if inner.iter().any(|inner| inner.is_empty()) {
            return self.slot(words);
        }
        self.same(&words[0][..front]);
        self.slot(&inner);
        self.same(&words[0][words[0].len() - back..]);
    }

    fn same(&mut self, text: &str) {
        match self.parts.last_mut() {
            _ if text.is_empty() => {}
            Some(LinePart::Same(before)) => before.push_str(text),
            _ => self.parts.push(LinePart::Same(text.to_owned())),
        }
    }

    fn slot(&mut self, pieces: &[&str]) {
        // Nothing at all is no value: then the whole line is, or there is no way to say it.
        let ty = Type::of_all(pieces)
            .or_else(|| [Type::Word].into_iter().find(|ty| pieces.iter().all(|piece| ty.accepts(piece))))
            .unwrap_or(Type::Text);
        let mut pieces = pieces.iter();
        let values = self.texts.iter().map(|text| text.as_ref().and_then(|_| pieces.next()).map(|s| (*s).to_owned()));
        self.parts.push(LinePart::Slot { values: values.collect(), ty });
    }
}

/// How much of the beginning is equal, up to the last separator in it.
fn common_front(words: &[&str]) -> usize {
    let equal = words[0].char_indices().take_while(|(at, c)| words.iter().all(|word| word[*at..].starts_with(*c)));
    let ends = equal.filter(|(_, c)| HARD.contains(*c)).map(|(at, c)| at + c.len_utf8());
    ends.last().unwrap_or(0)
}

/// How much of the end is equal, from the first separator in it; a full stop counts as one.
fn common_back(words: &[&str]) -> usize {
    let back = |word: &str, at: usize| word.chars().rev().nth(at);
    let equal =
        words[0].chars().rev().enumerate().take_while(|(at, c)| words.iter().all(|word| back(word, *at) == Some(*c)));
    let (mut length, mut kept) = (0, 0);
    for (_, c) in equal {
        length += c.len_utf8();
        if HARD.contains(c) || ".:!?".contains(c) {
            kept = length;
        }
    }
    kept
}
