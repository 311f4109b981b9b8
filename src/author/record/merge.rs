//! Merges what a role printed between two actions in several runs: which lines are the same, in which order they
//! come, and which are sometimes missing.

use std::collections::BTreeSet;

use similar::{Algorithm, DiffTag, capture_diff_slices};

use super::slots::{LinePart, generalise};
use crate::transcript::MAX_GROUP;

/// How a line is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// `|`
    Line,
    /// `~`
    Unordered,
    /// `?`
    Optional,
}

impl Mark {
    pub(super) fn char(self) -> char {
        match self {
            Mark::Line => '|',
            Mark::Unordered => '~',
            Mark::Optional => '?',
        }
    }
}

/// A line to expect: what it was in each run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) mark: Mark,
    pub(super) texts: Vec<Option<String>>,
}

/// A line that comes again in other runs: its index in each.
type Pair = Vec<Option<usize>>;

/// The lines of all runs as one list. `key` is what a line of a run looks like when its values are
/// left out. `None` when no transcript could say it: a line that may be missing comes at any place
/// among others without order, or there are more of those than a group can have.
pub(super) fn merge(runs: &[Vec<String>], key: &dyn Fn(usize, &str) -> String) -> Option<Vec<Entry>> {
    let pairs = pair(runs, key);
    let always: Vec<usize> = (0..pairs.len()).filter(|id| pairs[*id].iter().all(Option::is_some)).collect();
    let at = |id: usize, run: usize| pairs[id][run];
    let orders: Vec<Vec<usize>> = (0..runs.len())
        .map(|run| {
            let mut order = always.clone();
            order.sort_by_key(|id| at(*id, run));
            order
        })
        .collect();
    let cuts: Vec<usize> = (0..=always.len()).filter(|cut| is_cut(&orders, *cut)).collect();
    let text = |run: usize, index: usize| runs[run][index].clone();
    let texts = |id: usize| (0..runs.len()).map(|run| at(id, run).map(|index| text(run, index))).collect();
    let gap = |id: usize, run: usize| {
        let own = at(id, run)?;
        Some(always.iter().filter(|other| at(**other, run) < Some(own)).count())
    };
    let mut entries = Vec::new();
    for (number, cut) in cuts.iter().enumerate() {
        let mut perhaps = Vec::new();
        for run in 0..runs.len() {
            let mut here: Vec<usize> =
                (0..pairs.len()).filter(|id| !always.contains(id) && gap(*id, run) == Some(*cut)).collect();
            here.sort_by_key(|id| at(*id, run));
            perhaps = supersequence(&perhaps, &here);
        }
        entries.extend(perhaps.into_iter().map(|id| Entry { mark: Mark::Optional, texts: texts(id) }));
        let Some(next) = cuts.get(number + 1) else { break };
        let mark = if next - cut == 1 { Mark::Line } else { Mark::Unordered };
        let group = orders.first().map_or(&[][..], |order| &order[*cut..*next]);
        entries.extend(group.iter().map(|id| Entry { mark, texts: texts(*id) }));
    }
    let placed = |id: usize| (0..runs.len()).all(|run| gap(id, run).is_none_or(|gap| cuts.contains(&gap)));
    let is_sayable = (0..pairs.len()).all(|id| always.contains(&id) || placed(id));
    (is_sayable && largest_group(&entries) <= MAX_GROUP).then_some(entries)
}

/// Are the first lines, up to the cut, the same ones in all runs, in any order?
fn is_cut(orders: &[Vec<usize>], cut: usize) -> bool {
    let sets: BTreeSet<BTreeSet<usize>> = orders.iter().map(|order| order[..cut].iter().copied().collect()).collect();
    sets.len() <= 1
}

fn largest_group(entries: &[Entry]) -> usize {
    entries
        .chunk_by(|a, b| a.mark == b.mark)
        .filter(|group| group[0].mark == Mark::Unordered)
        .map(<[_]>::len)
        .max()
        .unwrap_or(0)
}

/// A list in which both are contained, in their order.
fn supersequence(one: &[usize], two: &[usize]) -> Vec<usize> {
    let mut both = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, one, two) {
        let (_, old, new) = op.as_tag_tuple();
        both.extend_from_slice(&one[old]);
        if op.tag() != DiffTag::Equal {
            both.extend_from_slice(&two[new]);
        }
    }
    both
}

/// Which lines of the runs are the same line: those that are equal; that are equal but for their
/// values; that begin with the same word; and what is left, by its place. Each first where all runs
/// have as many of them, as then none is missing.
fn pair(runs: &[Vec<String>], key: &dyn Fn(usize, &str) -> String) -> Vec<Pair> {
    let labels = |label: &dyn Fn(usize, &str) -> String| -> Vec<Vec<String>> {
        runs.iter().enumerate().map(|(run, lines)| lines.iter().map(|line| label(run, line)).collect()).collect()
    };
    let (keys, places) = (labels(key), labels(&|_, _| String::new()));
    let heads = labels(&|_, line| format!("{} {}", line.split(' ').next().unwrap_or(""), line.split(' ').count()));
    let left = runs.iter().map(|lines| (0..lines.len()).collect()).collect();
    let mut pairing = LinePairing { runs, left, pairs: Vec::new() };
    for (labels, certain) in [(runs, true), (&keys, true), (&heads, false), (&places, false)] {
        pairing.by_label(labels, true, certain);
    }
    for (labels, certain) in [(&heads, false), (&keys, true)] {
        pairing.by_label(labels, false, certain);
    }
    pairing.pairs
}

/// The pairs so far, and the lines of each run that are in none.
struct LinePairing<'r> {
    runs: &'r [Vec<String>],
    left: Vec<Vec<usize>>,
    pairs: Vec<Pair>,
}

impl LinePairing<'_> {
    /// Pairs what has the same label, the first with the first and so on; with `all`, only labels
    /// that all runs have equally often. A label that is not `certain` only says what may be the same.
    fn by_label(&mut self, labels: &[Vec<String>], all: bool, certain: bool) {
        let mut seen: Vec<&String> = Vec::new();
        for (left, labels) in self.left.iter().zip(labels) {
            for index in left {
                if !seen.contains(&&labels[*index]) {
                    seen.push(&labels[*index]);
                }
            }
        }
        for label in seen {
            let have = |(left, labels): (&Vec<usize>, &Vec<String>)| -> Vec<usize> {
                left.iter().copied().filter(|index| labels[*index] == *label).collect()
            };
            let lists: Vec<Vec<usize>> = self.left.iter().zip(labels).map(have).collect();
            let most = lists.iter().map(Vec::len).max().unwrap_or(0);
            if all && lists.iter().any(|list| list.len() != most) {
                continue;
            }
            for k in 0..most {
                let pair: Pair = lists.iter().map(|list| list.get(k).copied()).collect();
                if certain || self.is_one_line(&pair) {
                    self.take(pair);
                }
            }
        }
    }

    /// Lines that have words in common are one line; so are lines that are never the same. Others
    /// are a few different lines, of which each may be missing.
    fn is_one_line(&self, pair: &Pair) -> bool {
        let texts = pair.iter().zip(self.runs).map(|(index, lines)| index.map(|index| lines[index].clone()));
        let texts: Vec<Option<String>> = texts.collect();
        let present: Vec<&String> = texts.iter().flatten().collect();
        let different: BTreeSet<&&String> = present.iter().collect();
        let common = |part: &LinePart| matches!(part, LinePart::Same(text) if text.contains(char::is_alphabetic));
        different.len() == 1 || different.len() == present.len() || generalise(&texts).iter().any(common)
    }

    fn take(&mut self, pair: Pair) {
        for (left, taken) in self.left.iter_mut().zip(&pair) {
            left.retain(|index| Some(*index) != *taken);
        }
        self.pairs.push(pair);
    }
}
