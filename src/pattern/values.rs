//! Finds values in a printed line: the parts that look like one of the types.

use std::ops::Range;

use super::Type;

/// A part of a line that looks like a value.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundValue {
    /// Where it stands, in bytes.
    pub at: Range<usize>,
    /// The narrowest type that accepts it.
    pub ty: Type,
}

/// Characters that are in no value.
fn separates(c: char) -> bool {
    c.is_whitespace() || "=,;()[]{}<>\"'`|@#«»“”".contains(c)
}

/// Characters that are in some values, and between others.
fn may_separate(c: char) -> bool {
    matches!(c, ':' | '/' | '-' | '_')
}

/// All values of a line, in order: `took:12ms, id=7` has a duration and a number. Words are none.
pub fn values(line: &str) -> Vec<FoundValue> {
    let mut found = Vec::new();
    split(line, 0..line.len(), separates, &mut |at| {
        let at = without_punctuation(line, at);
        match Type::of(&line[at.clone()]) {
            Some(ty) => found.push(FoundValue { at, ty }),
            None => split(line, at, may_separate, &mut |at| {
                found.extend(Type::of(&line[at.clone()]).map(|ty| FoundValue { at, ty }));
            }),
        }
    });
    found
}

/// The parts of a range between separators.
fn split(line: &str, range: Range<usize>, separates: fn(char) -> bool, part: &mut dyn FnMut(Range<usize>)) {
    let mut start = range.start;
    for (at, separator) in line[range.clone()].match_indices(separates) {
        part(start..range.start + at);
        start = range.start + at + separator.len();
    }
    part(start..range.end);
}

/// Is it the time on a clock?
fn is_clock(value: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (time, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let parts: Vec<&str> = time.split(':').collect();
    let below = |part: &str, limit: u8| part.len() == 2 && digits(part) && part.parse().is_ok_and(|n: u8| n < limit);
    digits(fraction) && matches!(parts[..], [h, m, s] if below(h, 24) && below(m, 60) && below(s, 60))
}

/// The full stop of a sentence belongs to no value.
fn without_punctuation(line: &str, at: Range<usize>) -> Range<usize> {
    let kept = line[at.clone()].trim_end_matches(['.', ':', '!', '?']).len();
    at.start..at.start + kept
}

impl Type {
    /// The types that tell values from words, the narrowest first. A port looks like any number.
    const TELLING: [Type; 7] =
        [Type::Multiaddr, Type::PeerId, Type::Address, Type::Timestamp, Type::Duration, Type::Int, Type::Hex];

    /// The narrowest type of a value; `None` when it is just a word, or several.
    pub fn of(value: &str) -> Option<Type> {
        Type::of_all(&[value])
    }

    /// The narrowest type that accepts all of these values, and tells them from words.
    pub fn of_all(values: &[&str]) -> Option<Type> {
        // Without a digit anywhere, `bad` and `cafe` are words and not numbers.
        let fits = |ty: &Type| {
            *ty != Type::Hex || values.iter().any(|v| v.len() > 1 && v.contains(|c: char| c.is_ascii_digit()))
        };
        let clock = || values.iter().all(|value| is_clock(value)).then(Type::clock).flatten();
        Type::TELLING.into_iter().find(|ty| values.iter().all(|value| ty.accepts(value)) && fits(ty)).or_else(clock)
    }

    /// The time on a clock, `14:15:30` or `14:15:30.25`: no type of its own, but one value and not three.
    fn clock() -> Option<Type> {
        Type::parse(r"/[0-2]\d:[0-5]\d:[0-5]\d(\.\d+)?/").ok()
    }
}
