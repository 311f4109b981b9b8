//! The names of a recording: their values in every run, and new names for what differs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::slots::LinePart;
use crate::matcher::Captures;
use crate::pattern::{Known, Pattern, Type};
use crate::runs::Recorded;
use crate::transcript::RoleId;

/// A value in each run; `None` in those that do not have it.
type Values = Vec<Option<String>>;

/// A given text that is shorter is only named where it is the whole line.
const TELLING: usize = 8;

/// Words that say nothing about what stands beside them.
const EMPTY_WORDS: [&str; 29] = [
    "a", "after", "an", "and", "are", "as", "at", "by", "for", "from", "got", "had", "has", "have", "in", "into", "is",
    "it", "no", "of", "on", "or", "the", "then", "to", "was", "were", "with", "within",
];

/// What the names of a transcript stand for, in each of some runs.
pub(super) struct CaptureNames {
    /// For each run: the names that are known, and for each role those that it knows otherwise.
    books: Vec<KnownNames>,
    /// The type of each name that is captured.
    pub(super) types: BTreeMap<String, Type>,
    /// The names that are given, and so are not captured.
    given: BTreeSet<String>,
    /// What the author has named; new names are other ones.
    taken: BTreeSet<String>,
    /// What differs in new lines, before it has names.
    sketches: Vec<Values>,
}

#[derive(Clone, Default)]
struct KnownNames {
    own: Captures,
    handed: HashMap<RoleId, Captures>,
}

impl KnownNames {
    fn value(&self, role: RoleId, name: &str) -> Option<&str> {
        let handed = self.handed.get(&role).and_then(|handed| handed.get(name));
        handed.or_else(|| self.own.get(name)).map(String::as_str)
    }
}

impl CaptureNames {
    /// At the beginning: what is given, and the names in `used`, which the actions need.
    pub(super) fn new(runs: &[Recorded], declared: BTreeMap<&str, &Type>, used: &BTreeSet<String>) -> CaptureNames {
        let book = |run: &Recorded| {
            let mut book = KnownNames { own: run.given.clone(), handed: HashMap::new() };
            let found = run.found.iter().filter(|(name, _)| used.contains(*name));
            book.own.extend(found.map(|(name, found)| (name.clone(), found.value.clone())));
            for handed in &run.handed {
                book.handed.entry(handed.role).or_default().insert(handed.name.clone(), handed.value.clone());
            }
            book
        };
        let mut types: BTreeMap<String, Type> =
            declared.into_iter().map(|(name, ty)| (name.to_owned(), ty.clone())).collect();
        let taken = types.keys().cloned().chain(used.iter().cloned()).collect();
        for (name, found) in runs.iter().flat_map(|run| &run.found).filter(|(name, _)| used.contains(*name)) {
            types.entry(name.clone()).or_insert_with(|| found.ty.clone());
        }
        let given = runs.iter().flat_map(|run| run.given.keys().cloned()).collect();
        CaptureNames { books: runs.iter().map(book).collect(), types, given, taken, sketches: Vec::new() }
    }

    /// All that a role knows in a run.
    pub(super) fn known_to(&self, role: RoleId, run: usize) -> Captures {
        let book = &self.books[run];
        let mut known = book.own.clone();
        known.extend(book.handed.get(&role).cloned().unwrap_or_default());
        known
    }

    pub(super) fn is_given(&self, name: &str) -> bool {
        self.given.contains(name)
    }

    /// More that has been captured in a run.
    pub(super) fn learn(&mut self, run: usize, captured: Captures) {
        let CaptureNames { books, given, .. } = self;
        let Some(book) = books.get_mut(run) else { return };
        for (name, value) in captured {
            if !given.contains(&name) {
                book.own.entry(name).or_insert(value);
            }
        }
    }

    /// What a pattern captures from a line that it matches.
    pub(super) fn captures(&self, pattern: &Pattern, role: RoleId, run: usize, line: &str) -> Option<Captures> {
        let known = |name: &str| match self.books[run].value(role, name) {
            Some(value) => Known::Value(value),
            None => Known::Type(self.types.get(name).unwrap_or(&Type::Text)),
        };
        let captured = pattern.captures(line, &known)?;
        Some(captured.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// The name that a role has for a value in a run.
    pub(super) fn name_of(&self, role: RoleId, run: usize, value: &str) -> Option<String> {
        let book = &self.books[run];
        let mut names: Vec<&String> = book.own.keys().collect();
        // A role that was handed an address knows it by that name alone.
        names.sort_by_key(|name| book.handed.get(&role).is_none_or(|handed| !handed.contains_key(*name)));
        let name = names.into_iter().find(|name| book.value(role, name) == Some(value)).cloned();
        let is_sketched = |values: &Values| values[run].as_deref() == Some(value);
        name.or_else(|| Some(format!("#{}", self.sketches.iter().position(is_sketched)?)))
    }

    /// What differs in a new line is known from here on: where it comes again, it is the same.
    pub(super) fn sketch(&mut self, role: RoleId, parts: &[LinePart]) {
        for part in parts {
            if let LinePart::Slot { values, .. } = part
                && self.known_as(role, values).is_none()
            {
                self.sketches.push(values.clone());
            }
        }
    }

    /// A line that a role prints, as the pattern that expects it. New names are made for what
    /// differs and has none.
    pub(super) fn pattern(&mut self, role: RoleId, role_name: &str, parts: &[LinePart]) -> String {
        let mut out = String::new();
        for (index, part) in parts.iter().enumerate() {
            match part {
                LinePart::Same(text) => {
                    let alone = (index == 0, index + 1 == parts.len());
                    out.push_str(&self.literal(role, text, alone));
                }
                LinePart::Slot { values, ty } => {
                    let name = self.known_as(role, values).unwrap_or_else(|| {
                        let text = |at: Option<usize>| match at.and_then(|at| parts.get(at)) {
                            Some(LinePart::Same(text)) => text.as_str(),
                            _ => "",
                        };
                        let around = (text(index.checked_sub(1)), text(Some(index + 1)));
                        self.make(values, ty, around, role_name)
                    });
                    out.push_str(&format!("{{{name}}}"));
                }
            }
        }
        out
    }

    /// The name whose value is this one in every run.
    fn known_as(&self, role: RoleId, values: &Values) -> Option<String> {
        let is =
            |name: &str, run: usize, value: &str| self.books[run].value(role, name).is_some_and(|own| own == value);
        let present = || values.iter().enumerate().filter_map(|(run, value)| Some((run, value.as_deref()?)));
        let (first, value) = present().next()?;
        let names: Vec<&String> = self.books[first].own.keys().filter(|name| is(name, first, value)).collect();
        names.into_iter().find(|name| present().all(|(run, value)| is(name, run, value))).cloned()
    }

    /// Text that is the same in all runs; the values in it that have to be names are.
    /// `at_edge` says whether the line begins and ends with it.
    fn literal(&self, role: RoleId, text: &str, at_edge: (bool, bool)) -> String {
        let fixed =
            |name: &&String| self.books.iter().all(|book| book.value(role, name) == self.books[0].value(role, name));
        let names: Vec<(&String, &str)> = self.books.first().map_or(Vec::new(), |book| {
            let names = book.own.keys().filter(fixed);
            names.filter_map(|name| Some((name, book.value(role, name)?))).collect()
        });
        let whole = at_edge == (true, true);
        if whole && let Some((name, _)) = names.iter().find(|(_, value)| *value == text) {
            return format!("{{{name}}}");
        }
        let found = names.iter().find_map(|(name, value)| {
            let telling = !self.given.contains(*name) || value.len() >= TELLING;
            let at = telling.then(|| stands_in(text, value)).flatten()?;
            let inside = (at > 0 || at_edge.0) && (at + value.len() < text.len() || at_edge.1);
            inside.then_some((name, at, value.len()))
        });
        match found {
            Some((name, at, len)) => {
                let (before, after) = (&text[..at], &text[at + len..]);
                format!("{}{{{name}}}{}", escaped(before), self.literal(role, after, (false, at_edge.1)))
            }
            None => escaped(text),
        }
    }

    /// A new name, from the words beside the value, or from its type.
    fn make(&mut self, values: &Values, ty: &Type, (before, after): (&str, &str), role: &str) -> String {
        let is_port = before.to_lowercase().trim_end().ends_with("port")
            && values.iter().flatten().all(|value| Type::Port.accepts(value));
        let ty = if is_port { &Type::Port } else { ty };
        let by_type = match ty {
            Type::Multiaddr | Type::Address => Some("addr"),
            Type::PeerId => Some("id"),
            Type::Port => Some("port"),
            // The time on a clock.
            Type::Regex(_) => Some("time"),
            _ => None,
        };
        let last = match ty {
            Type::Hex => "hex",
            Type::Duration => "took",
            Type::Timestamp => "time",
            Type::Int => "number",
            Type::Word => "word",
            _ => "text",
        };
        let word =
            by_type.map(str::to_owned).or_else(|| telling_word(before, true)).or_else(|| telling_word(after, false));
        let base = word.unwrap_or_else(|| last.to_owned());
        let numbered = (2..).map(|n: u32| format!("{base}{n}"));
        let name =
            [base.clone(), format!("{role}_{base}")].into_iter().chain(numbered).find(|name| !self.is_taken(name));
        let name = name.unwrap_or(base);
        self.types.insert(name.clone(), ty.clone());
        for (book, value) in self.books.iter_mut().zip(values) {
            if let Some(value) = value {
                book.own.insert(name.clone(), value.clone());
            }
        }
        name
    }

    fn is_taken(&self, name: &str) -> bool {
        self.taken.contains(name) || self.types.contains_key(name) || self.given.contains(name)
    }
}

/// Where a value stands in a text, and is not a part of a longer word.
fn stands_in(text: &str, value: &str) -> Option<usize> {
    let is_part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let alone =
        |at: &usize| !is_part(text[..*at].chars().next_back()) && !is_part(text[at + value.len()..].chars().next());
    text.match_indices(value).map(|(at, _)| at).find(alone).filter(|_| !value.is_empty())
}

/// The nearest word beside a value that says what it is.
fn telling_word(text: &str, before: bool) -> Option<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase);
    let is_name = |word: &String| {
        word.starts_with(|c: char| c.is_ascii_lowercase()) && word.len() <= 16 && !EMPTY_WORDS.contains(&word.as_str())
    };
    let words: Vec<String> = words.collect();
    // In `my number is 5` the word stands farther off; in `5 of them` there is none.
    let is_telling = |word: &&String| !EMPTY_WORDS.contains(&word.as_str());
    let near = if before { words.iter().rev().take(2).find(is_telling) } else { words.first() };
    near.filter(|word| is_name(word)).cloned()
}

/// Text as a pattern writes it.
fn escaped(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}
