//! The search for the values of a line's captures: backtracking that remembers.
//!
//! The captures are opened from left to right. An open one ([`Frame`]) goes through the places
//! where its value can end, nearest first; when there is none left it is closed, and the one in
//! front of it goes on. So the first match found is the shortest-first one. The frames are on a
//! stack of our own: a pattern of many captures costs memory, not the thread's stack.
//!
//! Two kinds of failure are remembered, because a line of dashes under
//! `{a:word}-{b:word}-{c:word}!` would meet each of them tens of thousands of times:
//!
//! * the capture failed from this *start* (asked before it is opened);
//! * what follows the capture failed from these *ends*. Where a type accepts every end up to the
//!   next char of a wrong class, the ends tried make a range, and a later start skips it whole.
//!   Not so for a name that comes again: what follows then depends on the value, not on its end.
//!
//! Both hold as long as the names that come again keep their values, so a new value for such a name forgets what was
//! remembered between it and its last use. Without such names the time grows about with the line, or with its square
//! under a `/regex/`; each such name costs one power more. So there is a [`Budget`]: no line may keep the runner from
//! watching the clock.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use super::Type;

/// How much work may go into one line. A unit is about a nanosecond, or a byte that is looked at.
#[derive(Debug)]
pub struct Budget(usize);

impl Default for Budget {
    /// A tenth of a second, where a line usually needs microseconds.
    fn default() -> Budget {
        Budget(1 << 27)
    }
}

impl Budget {
    /// Spends this much work in advance.
    pub fn spend(&mut self, units: usize) {
        self.0 = self.0.saturating_sub(units);
    }

    /// Is nothing left? Then the search has ended without an answer.
    pub fn is_spent(&self) -> bool {
        self.0 == 0
    }
}

/// What a step of the search costs besides the bytes that it looks at.
const STEP: usize = 64;
/// How many bytes are searched for a text in one unit.
const SEARCHED: usize = 2;
/// How many bytes are compared or copied in one unit.
const COPIED: usize = 16;
/// How many units a regular expression needs for a byte.
const CHECKED: usize = 64;

/// A name whose value the line gives, and what follows it up to the next such name.
pub(super) struct CaptureStep<'p, 'k> {
    pub name: &'p str,
    pub ty: &'k Type,
    pub tail: Vec<TailPart>,
    /// The last step whose tail holds this value once more.
    pub last_use: Option<usize>,
}

/// Text that is known, or will be when the search gets there: the value of an earlier step.
pub(super) enum TailPart {
    Literal(String),
    Same(usize),
}

/// Where each step's value is in `line`, when the steps match all of it from `start` on.
pub(super) fn search(
    line: &str,
    start: usize,
    steps: &[CaptureStep],
    budget: &mut Budget,
) -> Option<Vec<Range<usize>>> {
    let memory = steps.iter().map(|_| Memory::default()).collect();
    Search { line, steps, memory, found: Vec::new(), budget }.run(start)
}

struct Search<'s> {
    line: &'s str,
    steps: &'s [CaptureStep<'s, 's>],
    memory: Vec<Memory>,
    /// The values of the open steps.
    found: Vec<Range<usize>>,
    budget: &'s mut Budget,
}

/// What is remembered of one step.
#[derive(Default)]
struct Memory {
    failed_starts: HashSet<usize>,
    failed_ends: Range<usize>,
    /// The latest run of chars of the type's class; it saves a walk along the line.
    run: Range<usize>,
}

/// An open step: its value starts at `start` and may end at `low..=high`, from `next` on.
struct Frame<'s> {
    start: usize,
    low: usize,
    next: usize,
    high: usize,
    /// The tail, up to where the step's own value comes again.
    needle: Cow<'s, str>,
    /// The tail from there on.
    own: &'s [TailPart],
    /// Whether the type accepts each of those ends, so that it need not be asked.
    any: bool,
    /// Whether, besides, what follows the value does not depend on it: only on its end.
    alike: bool,
}

impl<'s> Search<'s> {
    fn run(mut self, start: usize) -> Option<Vec<Range<usize>>> {
        let mut frames = vec![self.open(0, start)];
        while let Some(mut frame) = frames.pop() {
            let step = frames.len();
            self.found.truncate(step);
            let Some((end, after)) = self.next(step, &mut frame) else {
                self.close(step, &frame);
                continue;
            };
            self.found.push(frame.start..end);
            frames.push(frame);
            if frames.len() == self.steps.len() {
                return Some(self.found);
            }
            if let Some(last_use) = self.steps[step].last_use {
                self.budget.spend(STEP * (last_use - step));
                for memory in &mut self.memory[step + 1..=last_use] {
                    // Not `clear`, whose time is that of the largest set that there was.
                    memory.failed_starts = HashSet::new();
                    memory.failed_ends = 0..0;
                }
            }
            if !self.memory[step + 1].failed_starts.contains(&after) {
                frames.push(self.open(step + 1, after));
            }
        }
        None
    }

    fn open(&mut self, step: usize, start: usize) -> Frame<'s> {
        let CaptureStep { ty, tail, last_use, .. } = &self.steps[step];
        let is_own = |part: &TailPart| matches!(part, TailPart::Same(of) if *of == step);
        let (known, own) = tail.split_at(tail.iter().position(is_own).unwrap_or(tail.len()));
        let needle = match known {
            [TailPart::Literal(text)] => Cow::Borrowed(text.as_str()),
            parts => parts.iter().map(|part| self.text(part)).collect(),
        };
        self.budget.spend(STEP + needle.len() / COPIED);
        let memory = &mut self.memory[step];
        let (low, high) = match ty.class() {
            Some(class) => {
                let body = start + ty.sign(&self.line[start..]);
                if !memory.run.contains(&body) {
                    let rest = &self.line[body..];
                    memory.run = body..body + rest.find(|c| !class(c)).unwrap_or(rest.len());
                    self.budget.spend(memory.run.len());
                }
                (body + 1, memory.run.end)
            }
            None => (start, start.saturating_add(ty.longest()).min(self.line.len())),
        };
        let any = ty.class().is_some();
        let alike = any && last_use.is_none();
        let skip = alike && memory.failed_ends.contains(&low);
        let next = if skip { memory.failed_ends.end } else { low };
        Frame { start, low, next, high, needle, own, any, alike }
    }

    /// The next end of the step's value, and where its tail ends.
    fn next(&mut self, step: usize, frame: &mut Frame) -> Option<(usize, usize)> {
        let last = step + 1 == self.steps.len();
        while frame.next <= frame.high && !self.budget.is_spent() {
            let end = self.find(last, frame)?;
            if end < frame.next || end > frame.high {
                return None;
            }
            frame.next = end + 1;
            if (frame.any || self.accepts(step, frame.start..end))
                && let Some(after) = self.own_tail(frame, end)
                && (!last || after == self.line.len())
            {
                return Some((end, after));
            }
        }
        None
    }

    /// The first place where the needle is, among the ends that are left.
    fn find(&mut self, last: bool, frame: &Frame) -> Option<usize> {
        if last && frame.own.is_empty() {
            self.budget.spend(STEP + frame.needle.len() / COPIED);
            return Some(self.line.strip_suffix(&*frame.needle)?.len());
        }
        let from = self.line.ceil_char_boundary(frame.next);
        let to = self.line.floor_char_boundary(frame.high + frame.needle.len());
        let rest = self.line.get(from..to)?;
        let found = rest.find(&*frame.needle);
        self.budget.spend(STEP + (frame.needle.len() + found.unwrap_or(rest.len())) / SEARCHED);
        Some(from + found?)
    }

    fn accepts(&mut self, step: usize, value: Range<usize>) -> bool {
        let ty = self.steps[step].ty;
        let each = if matches!(ty, Type::Regex(_)) { CHECKED } else { 1 };
        self.budget.spend(STEP + each * value.len());
        ty.accepts(&self.line[value])
    }

    /// Where the tail ends that starts at `end`, where the needle is known to be.
    fn own_tail(&mut self, frame: &Frame, end: usize) -> Option<usize> {
        let mut after = end + frame.needle.len();
        for (i, part) in frame.own.iter().enumerate() {
            let is_own = matches!((part, &frame.own[0]), (TailPart::Same(a), TailPart::Same(b)) if a == b);
            let text = if i == 0 || is_own { &self.line[frame.start..end] } else { self.text(part) };
            self.budget.spend(text.len() / COPIED);
            after += self.line[after..].starts_with(text).then_some(text.len())?;
        }
        Some(after)
    }

    /// The step failed from its start on, whatever its end.
    fn close(&mut self, step: usize, frame: &Frame) {
        let memory = &mut self.memory[step];
        memory.failed_starts.insert(frame.start);
        if frame.alike && frame.low <= frame.high {
            let ends = &mut memory.failed_ends;
            if !ends.contains(&frame.low) && ends.end != frame.low {
                *ends = frame.low..frame.low;
            }
            ends.end = ends.end.max(frame.high + 1);
        }
    }

    fn text(&self, part: &'s TailPart) -> &'s str {
        match part {
            TailPart::Literal(text) => text,
            TailPart::Same(step) => &self.line[self.found[*step].clone()],
        }
    }
}
