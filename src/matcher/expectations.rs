//! What is expected of each role, in the form that the matcher walks.

use std::time::Duration;

use super::{Ending, Move, Position};
use crate::pattern::Pattern;
use crate::transcript::{Action, Expect, RoleId, StepKind, Transcript};

/// The expectations of one role, in order.
#[derive(Debug, Default)]
pub(super) struct Expectations<'t>(Vec<Expectation<'t>>);

#[derive(Debug)]
pub(super) struct Expectation<'t> {
    phase: usize,
    /// The index of the step (of the first one of a group).
    step: usize,
    /// The time in which it has to come; for a group, its lines have their own.
    within: Option<Duration>,
    pub item: Item<'t>,
}

#[derive(Debug)]
pub(super) enum Item<'t> {
    /// Lines in any order; a line with `|` is a group of one.
    Group(Vec<ExpectedLine<'t>>),
    Optional(ExpectedLine<'t>),
    Elided,
    Exit(i32),
    Running,
}

#[derive(Debug)]
pub(super) struct ExpectedLine<'t> {
    pub step: usize,
    pub pattern: &'t Pattern,
    /// The time in which it has to come.
    pub within: Option<Duration>,
    /// The nearest member above it in its group that accepts the same lines. It is taken first, so that sixteen equal
    /// lines are one candidate and not one for each subset.
    twin: Option<usize>,
}

/// The expectations of each role.
pub(super) fn by_role(transcript: &Transcript) -> Vec<Expectations<'_>> {
    let mut expectations: Vec<_> = transcript.roles.iter().map(|_| Expectations::default()).collect();
    for (step, what) in transcript.steps.iter().enumerate() {
        let StepKind::Expect(role, expect) = &what.kind else { continue };
        let Expectations(places) = &mut expectations[*role];
        let line = |pattern| ExpectedLine { step, pattern, within: what.time, twin: None };
        let item = match expect {
            Expect::Unordered(pattern) => {
                if let Some(group) = open_group(transcript, places.last_mut(), what.phase) {
                    let twin = {
                        let is_twin =
                            |other: &ExpectedLine<'_>| other.within == what.time && other.pattern.is_like(pattern);
                        group.iter().rposition(is_twin)
                    };
                    group.push(ExpectedLine { twin, ..line(pattern) });
                    continue;
                }
                Item::Group(vec![line(pattern)])
            }
            Expect::Line(pattern) => Item::Group(vec![line(pattern)]),
            Expect::Optional(pattern) => Item::Optional(line(pattern)),
            Expect::Elided => Item::Elided,
            Expect::Exit(code) => Item::Exit(*code),
            Expect::Running => Item::Running,
        };
        places.push(Expectation { phase: what.phase, step, within: what.time, item });
    }
    expectations
}

/// The group that a line with `~` joins: that of the previous `~`, with no action in between.
fn open_group<'p, 't>(
    transcript: &Transcript,
    last: Option<&'p mut Expectation<'t>>,
    phase: usize,
) -> Option<&'p mut Vec<ExpectedLine<'t>>> {
    let place = last.filter(|place| place.phase == phase)?;
    let StepKind::Expect(_, Expect::Unordered(_)) = transcript.steps[place.step].kind else { return None };
    if let Item::Group(lines) = &mut place.item { Some(lines) } else { None }
}

/// The role that each action starts, if it starts one.
pub(super) fn starts(transcript: &Transcript) -> Vec<Option<RoleId>> {
    let started = |action: &Action| if let Action::Start(role, _) = action { Some(*role) } else { None };
    transcript.actions().map(|(_, action)| started(action)).collect()
}

impl<'t> Expectations<'t> {
    /// What may be seen next, before the action that ends this phase.
    pub fn due(&self, from: Position, phase: usize) -> impl Iterator<Item = &Expectation<'t>> {
        self.0[from.next..].iter().take_while(move |place| place.phase <= phase)
    }

    /// The texts without a newline that may be seen next.
    pub fn prompts(&self, from: Position, phase: usize) -> impl Iterator<Item = (&ExpectedLine<'t>, &str)> {
        let due = self.due(from, phase);
        // Only what may be missing stands before them.
        let mut open = true;
        let next = due.take_while(move |place| std::mem::replace(&mut open, place.is_free()));
        let lines = next.filter_map(|place| if let Item::Group(lines) = &place.item { lines.first() } else { None });
        lines.filter_map(|line| Some((line, line.pattern.prompt_end()?)))
    }

    /// The steps that must still be seen before that action.
    pub fn awaited(&self, from: Position, phase: usize) -> impl Iterator<Item = usize> {
        let taken = std::iter::once(from.taken).chain(std::iter::repeat(0));
        self.due(from, phase).zip(taken).flat_map(|(place, taken)| place.awaited(taken))
    }

    /// What has to come next of the role and has a time for it: the steps, with these times.
    pub fn timed(&self, from: Position, phase: usize) -> impl Iterator<Item = (usize, Duration)> {
        let skipped = self.due(from, phase).take_while(|place| place.is_free()).count();
        let taken = if skipped == 0 { from.taken } else { 0 };
        self.due(from, phase).nth(skipped).into_iter().flat_map(move |place| {
            let lines = if let Item::Group(lines) = &place.item { lines.as_slice() } else { &[] };
            let missing = lines.iter().enumerate().filter(move |(at, _)| taken & (1 << at) == 0);
            let ending = place.within.filter(|_| matches!(place.item, Item::Exit(_)));
            let lines = missing.filter_map(|(_, line)| Some((line.step, line.within?)));
            lines.chain(ending.map(|within| (place.step, within)))
        })
    }

    /// The move for the role's ending, if it may end like this here, with its step and the time in which it has to come.
    pub fn end(&self, from: Position, phase: usize, ending: Ending) -> Option<(Move<'t>, usize, Option<Duration>)> {
        let (skipped, place) = self.due(from, phase).enumerate().find(|(_, place)| !place.is_free())?;
        let fits = matches!(place.item, Item::Exit(code) if ending == Ending::Exit(code));
        fits.then(|| (Move::past(Position::at(from.next + skipped + 1)), place.step, place.within))
    }

    /// The first place below an action.
    pub fn below(&self, action: usize) -> Position {
        Position::at(self.0.partition_point(|place| place.phase <= action))
    }
}

impl Expectation<'_> {
    /// May it be missing?
    pub fn is_free(&self) -> bool {
        matches!(self.item, Item::Optional(_) | Item::Elided)
    }

    fn awaited(&self, taken: u32) -> impl Iterator<Item = usize> {
        let lines = if let Item::Group(lines) = &self.item { lines.as_slice() } else { &[] };
        let missing = lines.iter().enumerate().filter(move |(at, _)| taken & (1 << at) == 0);
        let ending = matches!(self.item, Item::Exit(_)).then_some(self.step);
        missing.map(|(_, line)| line.step).chain(ending)
    }
}

/// The members of a group that a line may be; each with the members seen afterwards, or `None` if that is the whole
/// group.
pub(super) fn open<'g, 't>(
    group: &'g [ExpectedLine<'t>],
    taken: u32,
) -> impl Iterator<Item = (&'g ExpectedLine<'t>, Option<u32>)> {
    let is_taken = move |at: usize| taken & (1 << at) != 0;
    let open = group.iter().enumerate().filter(move |(at, line)| !is_taken(*at) && line.twin.is_none_or(is_taken));
    open.map(move |(at, line)| {
        let taken = taken | (1 << at);
        (line, (taken.count_ones() as usize != group.len()).then_some(taken))
    })
}
