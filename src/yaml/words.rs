//! Translates serde's errors into messages for authors.

use super::places::YamlProblem;
use crate::error::{nearest, suggest};

/// What serde expects, what that is called here, and how it is written.
const EXPECTED: [(&str, &str, &str); 9] = [
    ("a sequence", "a list", "write a list, as in `[one, two]`"),
    ("struct ", "a mapping", "write keys with values, as in `name: value`"),
    ("a map", "a mapping", "write keys with values, as in `name: value`"),
    ("a string", "a text", "write a text, in quotes where it looks like something else"),
    ("u64", "a number", "write a number in digits, 18 at most and no sign, as in `10`"),
    ("usize", "a number", "write a number in digits, 18 at most and no sign, as in `10`"),
    ("i32", "a number", "write a number in digits, as in `1`"),
    ("string or map", "a word", "write one word"),
    ("field identifier", "a key", "write one word, and its value after a `:`"),
];

/// What serde calls the kinds of values that it finds.
const FOUND: [(&str, &str); 7] = [
    ("unit value", "nothing"),
    ("sequence", "a list"),
    ("map", "a mapping"),
    ("string ", "the text "),
    ("boolean ", ""),
    ("integer ", ""),
    ("floating point ", ""),
];

/// Where and what an error of serde is.
pub(super) fn problem(error: &serde_yaml::Error) -> YamlProblem {
    let said = error.to_string();
    let place = error.location().map_or((1, 1), |at| (at.line(), at.column()));
    // The location is shown as a place, not as words. A text that is quoted may say the same.
    let whole = said.rsplit_once(" at line ").map_or(said.as_str(), |(whole, _)| whole);
    let (message, help) =
        unknown(whole).or_else(|| missing(whole)).or_else(|| wrong_type(whole)).unwrap_or_else(|| {
            let first = said.split(" at line ").next().unwrap_or(&said);
            (first.to_owned(), "docs/course.md says what belongs here, and how it is written".to_owned())
        });
    YamlProblem { place, message, help }
}

/// "unknown field `x`, expected one of `a`, `b`": which of them was meant?
fn unknown(said: &str) -> Option<(String, String)> {
    let kinds = [("unknown field `", "key", "keys"), ("unknown variant `", "word", "words")];
    let (rest, kind, kinds) =
        kinds.iter().find_map(|(phrase, kind, kinds)| Some((said.split_once(phrase)?.1, kind, kinds)))?;
    let (typed, expected) = rest.rsplit_once("`, expected ")?;
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let nearest = nearest(typed, known.iter().copied()).first().map(|near| format!("did you mean `{near}`?"));
    let help = nearest.unwrap_or_else(|| suggest(typed, kinds, &known));
    Some((format!("the {kind} `{typed}` is not known here"), help))
}

fn missing(said: &str) -> Option<(String, String)> {
    let key = said.split_once("missing field `")?.1.trim_end_matches('`');
    Some((format!("the key `{key}` is missing"), format!("add `{key}: …`")))
}

fn wrong_type(said: &str) -> Option<(String, String)> {
    let (found, expected) = said.split_once("invalid type: ")?.1.rsplit_once(", expected ")?;
    let found = found.trim_end_matches(" as u128").trim_end_matches(" as i128");
    let found = FOUND
        .iter()
        .find_map(|(serde, ours)| Some(format!("{ours}{}", found.strip_prefix(serde)?)))
        .unwrap_or_else(|| found.to_owned());
    Some(match EXPECTED.iter().find(|(serde, ..)| expected.starts_with(serde)) {
        Some((_, ours, help)) => (format!("expected {ours}, found {found}"), (*help).to_owned()),
        None => (format!("expected {expected}, found {found}"), format!("write {expected}")),
    })
}
