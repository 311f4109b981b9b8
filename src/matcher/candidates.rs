//! The remaining explanations of a run: [`Candidate`]s, and how an event moves them.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashSet};
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use super::Refused;
use crate::transcript::RoleId;

/// With more candidates than this, the transcript is ambiguous.
const MAX_CANDIDATES: usize = 2048;

/// One explanation of what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Candidate<'t> {
    /// For each role.
    pub positions: Vec<Position>,
    pub captures: Arc<BTreeMap<&'t str, CapturedValue>>,
    pub seen: Seen,
}

/// When the last thing that had to come was seen of each role; empty where nothing has a time.
///
/// It does not tell candidates apart. Of two that are otherwise the same, the later times count: every demand of a
/// transcript is that something comes soon enough.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen(Vec<Option<Instant>>);

impl Seen {
    pub fn of(&self, role: RoleId) -> Option<Instant> {
        self.0.get(role).copied().flatten()
    }

    fn join(&mut self, other: &Seen) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own = (*own).max(*other));
    }
}

impl PartialEq for Seen {
    fn eq(&self, _: &Seen) -> bool {
        true
    }
}

impl Eq for Seen {}

impl Hash for Seen {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Position {
    pub next: usize,
    /// The members of the group at `next` that have been seen, as bits.
    pub taken: u32,
}

impl Position {
    pub fn at(next: usize) -> Position {
        Position { next, taken: 0 }
    }
}

/// A captured value: a slice of its line, so that all candidates share what a peer printed.
#[derive(Debug, Clone)]
pub(super) struct CapturedValue {
    line: Arc<str>,
    at: Range<usize>,
    /// The hash of the text: candidates are compared at every line, and a value may be 64 KiB.
    hash: u64,
}

impl CapturedValue {
    pub fn new(line: &Arc<str>, at: Range<usize>) -> CapturedValue {
        let mut hasher = DefaultHasher::new();
        line[at.clone()].hash(&mut hasher);
        CapturedValue { line: Arc::clone(line), at, hash: hasher.finish() }
    }

    pub fn text(&self) -> &str {
        &self.line[self.at.clone()]
    }
}

impl PartialEq for CapturedValue {
    fn eq(&self, other: &CapturedValue) -> bool {
        let (one, two) = (self.text(), other.text());
        self.hash == other.hash && (std::ptr::eq(one, two) || one == two)
    }
}

impl Eq for CapturedValue {}

impl Hash for CapturedValue {
    fn hash<H: Hasher>(&self, candidate: &mut H) {
        candidate.write_u64(self.hash);
    }
}

/// The values that a line adds.
pub(super) type Added<'t> = Arc<[(&'t str, CapturedValue)]>;

/// What an event does to one candidate: the new position of the role, and new captures.
#[derive(Debug)]
pub(super) struct Move<'t> {
    pub to: Position,
    /// Something that had to come has been seen.
    pub past: bool,
    pub added: Option<Added<'t>>,
}

impl Move<'_> {
    pub fn to(to: Position) -> Self {
        Move { to, past: false, added: None }
    }

    /// The move past something that has to come.
    pub fn past(to: Position) -> Self {
        Move { to, past: true, added: None }
    }
}

impl<'t> Candidate<'t> {
    fn go(&mut self, role: RoleId, step: &Move<'t>, now: Option<Instant>) {
        self.positions[role] = step.to;
        if let (true, Some(seen)) = (step.past, self.seen.0.get_mut(role)) {
            *seen = now;
        }
        if let Some(added) = step.added.as_deref().filter(|added| !added.is_empty()) {
            Arc::make_mut(&mut self.captures).extend(added.iter().cloned());
        }
    }
}

/// All candidates; there is always at least one.
#[derive(Debug)]
pub(super) struct Candidates<'t>(Vec<Arc<Candidate<'t>>>);

impl<'t> Candidates<'t> {
    /// Every role at its first expectation, and nothing captured.
    pub fn new(roles: usize, timed: bool) -> Self {
        let seen = Seen(if timed { vec![None; roles] } else { Vec::new() });
        Candidates(vec![Arc::new(Candidate {
            positions: vec![Position::at(0); roles],
            captures: Arc::default(),
            seen,
        })])
    }

    pub fn iter(&self) -> impl Iterator<Item = &Candidate<'t>> {
        self.0.iter().map(|candidate| &**candidate)
    }

    /// An event of a role moves each candidate to its successors. If there are none, nothing changes.
    pub fn advance(
        &mut self,
        role: RoleId,
        now: Option<Instant>,
        mut moves: impl FnMut(&Candidate<'t>) -> Result<Vec<Move<'t>>, Refused>,
    ) -> Result<(), Refused> {
        // The usual case: one candidate before, one after. Then thousands of captures need no copy.
        if let [candidate] = self.0.as_mut_slice()
            && let [only] = moves(candidate)?.as_slice()
        {
            Arc::make_mut(candidate).go(role, only, now);
            return Ok(());
        }
        let mut next = Successors::default();
        for candidate in &self.0 {
            for step in moves(candidate)? {
                let mut candidate = Candidate::clone(candidate);
                candidate.go(role, &step, now);
                next.add(Arc::new(candidate))?;
            }
        }
        if next.candidates.is_empty() {
            return Err(Refused::Unexpected);
        }
        self.0 = next.candidates;
        Ok(())
    }

    /// Keeps the candidates that fit, unless none does.
    pub fn keep(&mut self, fits: impl Fn(&Candidate<'t>) -> bool) {
        if self.iter().any(&fits) {
            self.0.retain(|candidate| fits(candidate));
        }
    }

    /// Moves a role to a position in every candidate.
    pub fn put(&mut self, role: RoleId, at: Position) {
        let mut next = Successors::default();
        for mut candidate in self.0.drain(..) {
            Arc::make_mut(&mut candidate).positions[role] = at;
            // There are not more than before.
            _ = next.add(candidate);
        }
        self.0 = next.candidates;
    }
}

/// The new candidates, without duplicates, in the order found.
#[derive(Default)]
struct Successors<'t> {
    candidates: Vec<Arc<Candidate<'t>>>,
    known: HashSet<Arc<Candidate<'t>>>,
}

impl<'t> Successors<'t> {
    fn add(&mut self, candidate: Arc<Candidate<'t>>) -> Result<(), Refused> {
        if self.known.insert(Arc::clone(&candidate)) {
            self.candidates.push(candidate);
        } else if !candidate.seen.0.is_empty() {
            let same = self.candidates.iter_mut().find(|same| **same == candidate);
            same.into_iter().for_each(|same| Arc::make_mut(same).seen.join(&candidate.seen));
        }
        if self.candidates.len() > MAX_CANDIDATES { Err(Refused::Ambiguous) } else { Ok(()) }
    }
}
