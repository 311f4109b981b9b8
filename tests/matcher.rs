//! The matcher against an oracle that tries every way to give each line its expectation.
//!
//! The oracle knows a transcript as its own values, never as the parser's, and matches lines by
//! trying all splits. What it calls right is written down in [`Tale::explains`] as rules about a
//! whole story; nothing in it advances step by step, as the matcher does.

#[path = "support/processor.rs"]
mod processor;

use std::collections::BTreeMap;

use processor::within;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};
use workshop::matcher::{Captures, Ending, Matcher, Refused};
use workshop::transcript::Transcript;

const ROLES: [&str; 2] = ["a", "b"];

// ---- A transcript, as the oracle knows it ----

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Text,
    Int,
}

impl Kind {
    fn accepts(self, value: &str) -> bool {
        match self {
            Kind::Word => !value.is_empty() && !value.contains(' '),
            Kind::Text => !value.is_empty(),
            Kind::Int => {
                let digits = value.strip_prefix('-').unwrap_or(value);
                !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())
            }
        }
    }

    fn written(self) -> &'static str {
        match self {
            Kind::Word => "word",
            Kind::Text => "text",
            Kind::Int => "int",
        }
    }
}

/// What stands between the spaces of an expected line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Literal(&'static str),
    Name(&'static str),
}

#[derive(Debug, Clone)]
enum What {
    Start,
    Type,
    Kill,
    One(Vec<Token>),
    /// With the number of its group.
    Unordered(Vec<Token>, usize),
    Optional(Vec<Token>),
    Elided,
    Exit(i32),
    Running,
}

#[derive(Debug, Clone)]
struct Step {
    role: usize,
    what: What,
    /// How many actions stand above.
    phase: usize,
    /// How many times the role is started above.
    life: usize,
}

impl Step {
    fn is_action(&self) -> bool {
        matches!(self.what, What::Start | What::Type | What::Kill)
    }

    /// Must it have been seen before the next action happens?
    fn is_required(&self) -> bool {
        matches!(self.what, What::One(_) | What::Unordered(..) | What::Exit(_))
    }

    fn same_group(&self, other: &Step) -> bool {
        match (&self.what, &other.what) {
            (What::Unordered(_, a), What::Unordered(_, b)) => self.role == other.role && a == b,
            _ => false,
        }
    }
}

#[derive(Debug, Clone)]
struct Tale {
    steps: Vec<Step>,
    kinds: BTreeMap<&'static str, Kind>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Event {
    Line(usize, String),
    Ended(usize, i32),
    /// The runner does what comes next, if it is time.
    Act,
}

type Env = BTreeMap<String, String>;

impl Tale {
    /// As an author writes it. The first mention of a name has its type.
    fn text(&self) -> String {
        let mut seen: Vec<&str> = Vec::new();
        let mut line = |tokens: &[Token]| {
            let token = |token: &Token| match token {
                Token::Literal(text) => (*text).to_owned(),
                Token::Name(name) if seen.contains(name) => format!("{{{name}}}"),
                Token::Name(name) => {
                    seen.push(name);
                    format!("{{{name}:{}}}", self.kinds[name].written())
                }
            };
            tokens.iter().map(token).collect::<Vec<_>>().join(" ")
        };
        let mut text = String::new();
        for Step { role, what, .. } in &self.steps {
            let role = ROLES[*role];
            text.push_str(&match what {
                What::Start => format!("$ {role}\n"),
                What::Type => format!("{role} < go on\n"),
                What::Kill => format!("! kill {role}\n"),
                What::One(tokens) => format!("{role} | {}\n", line(tokens)),
                What::Unordered(tokens, _) => format!("{role} ~ {}\n", line(tokens)),
                What::Optional(tokens) => format!("{role} ? {}\n", line(tokens)),
                What::Elided => format!("{role} | ...\n"),
                What::Exit(code) => format!("{role} = exit {code}\n"),
                What::Running => format!("{role} = running\n"),
            });
        }
        text
    }

    fn actions(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.is_action())
    }

    /// Is this a way to explain the story, with `chosen[n]` the step that event `n` meets? If so,
    /// the values of the names, and which steps have been met.
    fn explains(&self, story: &[Event], chosen: &[usize]) -> Option<(Env, Vec<bool>)> {
        let mut env = Env::new();
        let mut met = vec![false; self.steps.len()];
        let (mut acts, mut lives) = (0, [0; 2]);
        for (n, event) in story.iter().enumerate() {
            let (role, text) = match event {
                Event::Act => {
                    // Everything above the action has been seen.
                    if !self.all_met(&met, acts) {
                        return None;
                    }
                    let action = self.actions().nth(acts)?;
                    lives[action.role] += usize::from(matches!(action.what, What::Start));
                    acts += 1;
                    continue;
                }
                Event::Line(role, text) => (*role, text),
                Event::Ended(role, _) => (*role, &String::new()),
            };
            let at = chosen[n];
            let step = &self.steps[at];
            // Nothing is met before the actions above it, nor by another start of the role.
            if step.role != role || step.phase > acts || step.life != lives[role] {
                return None;
            }
            // Only what is elided is met twice.
            if met[at] && !matches!(step.what, What::Elided) {
                return None;
            }
            // In the order of the role, but for a group: nothing below was met, nothing above is missing.
            let mine = self.steps.iter().zip(&met).enumerate().filter(|(_, (other, _))| other.role == role);
            for (place, (other, done)) in mine {
                let fine = match place.cmp(&at) {
                    std::cmp::Ordering::Less => *done || !other.is_required() || step.same_group(other),
                    std::cmp::Ordering::Equal => true,
                    std::cmp::Ordering::Greater => !done || step.same_group(other),
                };
                if !fine {
                    return None;
                }
            }
            match (&step.what, event) {
                (What::One(tokens) | What::Unordered(tokens, _) | What::Optional(tokens), Event::Line(..)) => {
                    env = self.split(tokens, text, env)?;
                }
                (What::Elided, Event::Line(..)) => {}
                (What::Exit(code), Event::Ended(_, ended)) if code == ended => {}
                _ => return None,
            }
            met[at] = true;
        }
        Some((env, met))
    }

    fn all_met(&self, met: &[bool], acts: usize) -> bool {
        self.steps.iter().zip(met).all(|(step, met)| *met || step.phase > acts || !step.is_required())
    }

    /// The split of a line whose first value is shortest, then the second, and so on.
    fn split(&self, tokens: &[Token], text: &str, env: Env) -> Option<Env> {
        let (token, rest) = tokens.split_first()?;
        let mut ends: Vec<usize> = (1..=text.len()).filter(|end| text.is_char_boundary(*end)).collect();
        ends.retain(|end| match token {
            Token::Literal(literal) => text[..*end] == **literal,
            Token::Name(name) => match env.get(*name) {
                Some(value) => text[..*end] == **value,
                None => self.kinds[name].accepts(&text[..*end]),
            },
        });
        ends.into_iter().find_map(|end| {
            let mut env = env.clone();
            if let Token::Name(name) = token {
                env.insert((*name).to_owned(), text[..end].to_owned());
            }
            if rest.is_empty() {
                return (end == text.len()).then_some(env);
            }
            self.split(rest, text[end..].strip_prefix(' ')?, env)
        })
    }
}

// ---- Drafts, from which tales are made so that they can be carried out ----

#[derive(Debug, Clone)]
enum Draft {
    Type(usize),
    Kill(usize),
    One(usize, Vec<Token>),
    Unordered(usize, Vec<Token>),
    Optional(usize, Vec<Token>),
    Elided(usize),
    End(usize, Option<i32>),
}

fn tokens() -> impl Strategy<Value = Vec<Token>> {
    let token = prop_oneof![
        3 => prop::sample::select(vec!["x", "y", "1"]).prop_map(Token::Literal),
        2 => prop::sample::select(vec!["p", "q", "r"]).prop_map(Token::Name),
    ];
    prop::collection::vec(token, 1..=3)
}

fn drafts(restarts: bool) -> impl Strategy<Value = Vec<Draft>> {
    let role = || 0..2usize;
    let draft = prop_oneof![
        2 => role().prop_map(Draft::Type),
        4 => (role(), tokens()).prop_map(|(role, tokens)| Draft::One(role, tokens)),
        4 => (role(), tokens()).prop_map(|(role, tokens)| Draft::Unordered(role, tokens)),
        2 => (role(), tokens()).prop_map(|(role, tokens)| Draft::Optional(role, tokens)),
        2 => role().prop_map(Draft::Elided),
        1 => (role(), prop::sample::select(vec![Some(0), Some(1), None])).prop_map(|(role, end)| Draft::End(role, end)),
        if restarts { 3 } else { 1 } => role().prop_map(Draft::Kill),
    ];
    prop::collection::vec(draft, 0..8)
}

/// Each role is started before it is used and ends; with `restarts` it may start again.
fn tale(drafts: &[Draft], kinds: [Kind; 3], restarts: bool) -> Tale {
    let mut steps: Vec<Step> = Vec::new();
    let (mut up, mut over, mut lives, mut phase) = ([false; 2], [false; 2], [0; 2], 0);
    // The group that is open for each role, by number.
    let (mut group, mut groups) = ([None; 2], 0);
    let mut add = |role: usize, what: What, lives: &mut [usize; 2]| {
        steps.push(Step { role, phase, life: lives[role], what });
        let action = steps.last().is_some_and(Step::is_action);
        lives[role] += usize::from(matches!(steps.last().unwrap().what, What::Start));
        phase += usize::from(action);
        action
    };
    for draft in drafts {
        let role = match draft {
            Draft::Type(role) | Draft::Kill(role) | Draft::Elided(role) => *role,
            Draft::One(role, _) | Draft::Unordered(role, _) | Draft::Optional(role, _) | Draft::End(role, _) => *role,
        };
        if !up[role] {
            if over[role] {
                continue;
            }
            up[role] = true;
            add(role, What::Start, &mut lives);
            group = [None; 2];
        }
        let what = match draft {
            Draft::Type(_) => What::Type,
            Draft::Kill(_) => What::Kill,
            Draft::One(_, tokens) => What::One(tokens.clone()),
            Draft::Optional(_, tokens) => What::Optional(tokens.clone()),
            Draft::Elided(_) => What::Elided,
            Draft::End(_, Some(code)) => What::Exit(*code),
            Draft::End(_, None) => What::Running,
            Draft::Unordered(_, tokens) => {
                let number = *group[role].get_or_insert_with(|| {
                    groups += 1;
                    groups
                });
                What::Unordered(tokens.clone(), number)
            }
        };
        if !matches!(what, What::Unordered(..)) {
            group[role] = None;
        }
        if matches!(what, What::Kill | What::Exit(_) | What::Running) {
            up[role] = false;
            over[role] = !restarts || matches!(what, What::Running);
        }
        if add(role, what, &mut lives) {
            group = [None; 2];
        }
    }
    for (role, up) in up.into_iter().enumerate() {
        if up {
            add(role, What::Exit(0), &mut lives);
        }
    }
    if steps.is_empty() {
        steps.push(Step { role: 0, what: What::Start, phase: 0, life: 0 });
        steps.push(Step { role: 0, what: What::Exit(0), phase: 1, life: 1 });
    }
    Tale { steps, kinds: ["p", "q", "r"].into_iter().zip(kinds).collect() }
}

// ---- Stories: what the roles may do ----

/// Small numbers that a test case is made of; they run in a circle.
struct Choices<'c> {
    from: &'c [u8],
    next: usize,
}

impl Choices<'_> {
    fn below(&mut self, limit: usize) -> usize {
        let choice = self.from.get(self.next % self.from.len().max(1)).copied().unwrap_or(0);
        self.next += 1;
        usize::from(choice) % limit.max(1)
    }
}

const VALUES: [(Kind, [&str; 2]); 3] =
    [(Kind::Word, ["x", "zz"]), (Kind::Text, ["y", "x y"]), (Kind::Int, ["1", "-22"])];

/// What the peers of a transcript do when they are right.
fn performance(tale: &Tale, choices: &mut Choices) -> Vec<Event> {
    let value = |name: &str, choices: &mut Choices| {
        VALUES.iter().find(|(kind, _)| *kind == tale.kinds[name]).unwrap().1[choices.below(2)]
    };
    let values: BTreeMap<&str, &str> = tale.kinds.keys().map(|name| (*name, value(name, choices))).collect();
    let filled = |tokens: &[Token]| {
        let token = |token: &Token| match token {
            Token::Literal(text) => *text,
            Token::Name(name) => values[name],
        };
        tokens.iter().map(token).collect::<Vec<_>>().join(" ")
    };
    let actions = tale.actions().count();
    let mut story = Vec::new();
    for phase in 0..=actions {
        let mut lanes: [Vec<Event>; 2] = [Vec::new(), Vec::new()];
        for (role, lane) in lanes.iter_mut().enumerate() {
            let mine: Vec<&Step> =
                tale.steps.iter().filter(|s| s.role == role && s.phase == phase && !s.is_action()).collect();
            for together in mine.chunk_by(|a, b| a.same_group(b)) {
                let mut events: Vec<Event> = Vec::new();
                for step in together {
                    match &step.what {
                        What::One(tokens) | What::Unordered(tokens, _) => {
                            events.push(Event::Line(role, filled(tokens)))
                        }
                        What::Optional(tokens) if choices.below(2) == 1 => {
                            events.push(Event::Line(role, filled(tokens)))
                        }
                        What::Elided => {
                            (0..choices.below(3)).for_each(|_| events.push(Event::Line(role, "x y".to_owned())))
                        }
                        What::Exit(code) => events.push(Event::Ended(role, *code)),
                        _ => {}
                    }
                }
                while !events.is_empty() {
                    lane.push(events.swap_remove(choices.below(events.len())));
                }
            }
        }
        while let Some(role) = (0..2)
            .filter(|role| !lanes[*role].is_empty())
            .nth(choices.below((0..2).filter(|role| !lanes[*role].is_empty()).count()))
        {
            story.push(lanes[role].remove(0));
        }
        if phase < actions {
            story.push(Event::Act);
        }
    }
    story
}

/// The same with a few things wrong, or only in another order.
fn spoiled(mut story: Vec<Event>, choices: &mut Choices) -> Vec<Event> {
    for _ in 0..choices.below(4) {
        let at = choices.below(story.len());
        match choices.below(5) {
            0 | 1 if at + 1 < story.len() => story.swap(at, at + 1),
            2 if story.len() > 1 => drop(story.remove(at)),
            3 => story.insert(at, story[at].clone()),
            _ => {
                if let Event::Line(_, text) = &mut story[at] {
                    *text = ["x", "y x", "1", "x y x"][choices.below(4)].to_owned();
                }
            }
        }
    }
    story
}

/// Anything at all.
fn chaos(choices: &mut Choices) -> Vec<Event> {
    let word = |choices: &mut Choices| ["x", "y", "1"][choices.below(3)];
    (0..choices.below(12))
        .map(|_| match choices.below(6) {
            0 | 1 => Event::Act,
            2 => Event::Ended(choices.below(2), choices.below(2) as i32),
            _ => {
                let role = choices.below(2);
                let words: Vec<&str> = (0..=choices.below(3)).map(|_| word(choices)).collect();
                Event::Line(role, words.join(" "))
            }
        })
        .collect()
}

// ---- One against the other ----

/// How many events were taken and refused, and whether the transcript came to its end.
#[derive(Debug, Default)]
struct Score {
    taken: usize,
    refused: usize,
    ended: bool,
}

/// Tells the story to both; they must agree at every event.
fn agree(tale: &Tale, story: &[Event]) -> Result<Score, TestCaseError> {
    let text = tale.text();
    let transcript = Transcript::parse(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
    let mut matcher = Matcher::new(&transcript, Captures::new());
    let actions = tale.actions().count();
    let mut told: Vec<Event> = Vec::new();
    let mut acts = 0;
    let mut up = [false; 2];
    // Every way, each as a choice of a step for every event.
    let mut ways: Vec<Vec<usize>> = vec![Vec::new()];
    let mut score = Score::default();
    for event in story {
        let known = |told: &[Event], ways: &[Vec<usize>]| -> Vec<(Env, Vec<bool>)> {
            ways.iter().map(|way| tale.explains(told, way).expect("a way that was found")).collect()
        };
        let ready = known(&told, &ways).iter().any(|(_, met)| tale.all_met(met, acts));
        prop_assert_eq!(matcher.ready(), ready, "ready after {:?} of\n{}", told, text);
        if *event == Event::Act && (acts == actions || !ready) {
            continue;
        }
        // A role that is not up says nothing.
        if let Event::Line(role, _) | Event::Ended(role, _) = event
            && !up[*role]
        {
            continue;
        }
        let mut longer = told.clone();
        longer.push(event.clone());
        let choices = if *event == Event::Act { 1 } else { tale.steps.len() };
        let found: Vec<Vec<usize>> = ways
            .iter()
            .flat_map(|way| (0..choices).map(|step| [way.as_slice(), &[step]].concat()))
            .filter(|way| tale.explains(&longer, way).is_some())
            .collect();
        let answer = match event {
            Event::Act => {
                matcher.act();
                let action = tale.actions().nth(acts).unwrap();
                match action.what {
                    What::Start => up[action.role] = true,
                    What::Kill => up[action.role] = false,
                    _ => {}
                }
                acts += 1;
                Ok(())
            }
            Event::Line(role, text) => matcher.line(role_of(&transcript, *role), text),
            Event::Ended(role, code) => matcher.ended(role_of(&transcript, *role), Ending::Exit(*code)),
        };
        let expected = if found.is_empty() { Err(Refused::Unexpected) } else { Ok(()) };
        prop_assert_eq!(answer, expected, "{:?} after {:?} of\n{}", event, told, text);
        if found.is_empty() {
            score.refused += 1;
            continue;
        }
        score.taken += 1;
        (told, ways) = (longer, found);
        if let Event::Ended(role, _) = event {
            up[*role] = false;
        }
        let captures: Env = matcher.captures().clone();
        prop_assert!(
            known(&told, &ways).iter().any(|(env, _)| *env == captures),
            "nobody captures {:?} from {:?} of\n{}",
            captures,
            told,
            text
        );
        prop_assert_eq!(matcher.phase(), acts);
    }
    score.ended = acts == actions && matcher.ready();
    Ok(score)
}

/// The parser numbers roles by their first mention.
fn role_of(transcript: &Transcript, role: usize) -> usize {
    transcript.roles.iter().position(|name| name == ROLES[role]).expect("a role that is up is mentioned")
}

fn kinds() -> impl Strategy<Value = [Kind; 3]> {
    prop::array::uniform3(prop::sample::select(vec![Kind::Word, Kind::Text, Kind::Int]))
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Runs a property over transcripts and the small numbers that a story is made of.
fn holds(cases: u32, restarts: bool, property: impl Fn(&Tale, &mut Choices) -> TestCaseResult) {
    let input = (drafts(restarts), kinds(), prop::collection::vec(any::<u8>(), 1..60));
    let run = TestRunner::new(config(cases)).run(&input, |(drafts, kinds, choices)| {
        property(&tale(&drafts, kinds, restarts), &mut Choices { from: &choices, next: 0 })
    });
    if let Err(error) = run {
        panic!("{error}");
    }
}

#[test]
fn any_story_is_judged_as_the_oracle_does() {
    holds(1500, false, |tale, choices| agree(tale, &chaos(choices)).map(drop));
}

#[test]
fn a_story_that_is_nearly_right_is_judged_as_the_oracle_does() {
    let (taken, refused) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    holds(1500, false, |tale, choices| {
        let story = spoiled(performance(tale, choices), choices);
        let score = agree(tale, &story)?;
        taken.set(taken.get() + score.taken);
        refused.set(refused.get() + score.refused);
        Ok(())
    });
    // The test says something about both kinds of answers.
    assert!(taken.get() > 3000 && refused.get() > 300, "{taken:?} {refused:?}");
}

#[test]
fn a_role_that_starts_again_is_judged_as_the_oracle_does() {
    holds(1500, true, |tale, choices| {
        let story = spoiled(performance(tale, choices), choices);
        agree(tale, &story).map(drop)
    });
}

#[test]
fn a_right_performance_is_accepted_to_its_end() {
    holds(1500, false, |tale, choices| {
        // Values that end at a space: the shortest split is the right one.
        let plain = tale.kinds.iter().map(|(name, kind)| (*name, if *kind == Kind::Text { Kind::Word } else { *kind }));
        let tale = Tale { kinds: plain.collect(), ..tale.clone() };
        let score = agree(&tale, &performance(&tale, choices))?;
        prop_assert_eq!(score.refused, 0);
        prop_assert!(score.ended);
        Ok(())
    });
}

// ---- Examples ----

/// Tells a story, a line each: `a | text` is seen and taken, `✗ a | text` is refused, `a = 0` and
/// `✗ a = 0` are endings, `act` happens when everything above it was seen, `wait` says that it
/// was not. At the end the values of the names are compared, `name=value` each.
#[track_caller]
fn plays(transcript: &str, story: &str, values: &str) {
    let transcript = Transcript::parse(transcript).expect("a transcript");
    let mut matcher = Matcher::new(&transcript, Captures::new());
    for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line {
            "act" => {
                assert!(matcher.ready(), "ready, still awaiting {:?}", matcher.awaited());
                matcher.act();
                continue;
            }
            "wait" => {
                assert!(!matcher.ready(), "not ready");
                assert!(!matcher.awaited().is_empty(), "something is awaited");
                continue;
            }
            _ => {}
        }
        let (refused, line) = match line.strip_prefix("✗ ") {
            Some(line) => (true, line),
            None => (false, line),
        };
        let (role, rest) = line.split_once(' ').expect("a role");
        let role = transcript.roles.iter().position(|name| name == role).expect("a role of the transcript");
        let answer = match rest.split_at(2) {
            ("| ", text) => matcher.line(role, text),
            ("= ", code) => matcher.ended(role, Ending::Exit(code.parse().expect("a code"))),
            _ => panic!("{line}"),
        };
        assert_eq!(answer, if refused { Err(Refused::Unexpected) } else { Ok(()) }, "{line}");
    }
    let found: Vec<String> = matcher.captures().iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(found.join(" "), values);
}

#[test]
fn a_wildcard_leaves_the_line_that_a_later_literal_needs() {
    let group = "$ a\na ~ {any:text}\na ~ hello\na ~ {n:int}\na = exit 0";
    plays(group, "act\na | hello\na | 7\nwait\na | what else\na = 0", "any=what else n=7");
    plays(group, "act\na | 7\na | hello\na | what else\n✗ a | more\na = 0", "any=what else n=7");
    plays(group, "act\na | what else\na | hello\n✗ a | hello\na | 7\na = 0", "any=what else n=7");
    let elided = "$ a\na | ...\na | {last:word}\na = exit 0";
    plays(elided, "act\na | one\na | two\na | three\na = 0", "last=three");
    let optional = "$ a\na ? {first:text}\na | hello\na = exit 0";
    plays(optional, "act\na | hello\na = 0", "");
    plays(optional, "act\na | hello\na | hello\n✗ a | hello\na = 0", "first=hello");
}

#[test]
fn names_have_one_value_whoever_is_first() {
    let both = "$ a\n$ b\na | i am {id:word}\nb | he is {id}\na = exit 0\nb = exit 0";
    plays(both, "act\nact\na | i am x\n✗ b | he is y\nb | he is x\na = 0\nb = 0", "id=x");
    plays(both, "act\nact\nb | he is x\n✗ a | i am y\na | i am x\na = 0\nb = 0", "id=x");
    // The type counts, also where it is not written.
    plays(both, "act\nact\n✗ b | he is x y\nb | he is x", "id=x");
    let twice = "$ a\na | {x:word} and {x}\na = exit 0";
    plays(twice, "act\n✗ a | 1 and 2\na | 1 and 1\na = 0", "x=1");
    // Of the group's two ways to capture, the line of the other role leaves one.
    let group = "$ a\n$ b\na ~ {x:word}\na ~ {y:word}\nb | {x}-{y}\na = exit 0\nb = exit 0";
    plays(group, "act\nact\na | 1\na | 2\nb | 2-1\n✗ b | 1-2", "x=2 y=1");
}

#[test]
fn lines_below_an_action_wait_for_it() {
    let text = "$ a\na | one\na < go\na | two\na = exit 0";
    plays(text, "✗ a | one\nact\nwait\n✗ a | two\na | one\n✗ a | two\nact\na | two\na = 0", "");
    let other = "$ a\n$ b\na | one\na < go\nb | two\na = exit 0\nb = exit 0";
    plays(other, "act\nact\n✗ b | two\n✗ b = 0\na | one\n✗ b | two\nact\nb | two\nb = 0\na = 0", "");
}

#[test]
fn what_may_be_missing_may_come_late() {
    let text = "$ a\na ? late\na | ...\na < go\na | two\na = exit 0";
    plays(text, "act\nact\na | late\na | what\na | two\na = 0", "");
    plays(text, "act\nact\na | two\na = 0", "");
    // But once a later line was seen, it is over.
    plays("$ a\na ? maybe\na | one\na = exit 0", "act\na | one\n✗ a | maybe\na = 0", "");
}

#[test]
fn a_role_ends_after_its_lines_and_once() {
    let text = "$ a\na | one\na ? two\na = exit 3";
    plays(text, "✗ a = 3\nact\n✗ a = 3\na | one\n✗ a = 0\na = 3\n✗ a = 3\n✗ a | two", "");
    plays("$ a\na = running", "act\n✗ a = 0\n✗ a | hello", "");
    plays("$ a\na ~ one\na ~ two\na = exit 0", "act\na | two\n✗ a = 0\nwait\na | one\na = 0", "");
    // An ending is waited for, like a line.
    plays("$ a\n$ b\na = exit 0\nb < go\nb = exit 0", "act\nact\nwait\n✗ b = 0\na = 0\nact\nb = 0", "");
    let transcript = Transcript::parse("$ a\na = exit 9").unwrap();
    let mut matcher = Matcher::new(&transcript, Captures::new());
    matcher.act();
    assert_eq!(matcher.ended(0, Ending::Signal(9)), Err(Refused::Unexpected));
}

#[test]
fn a_role_starts_again() {
    let text = "$ a\na | up {n:int}\n! kill a\n$ a\na | up {n}\na = exit 0";
    plays(text, "act\nwait\na | up 1\nact\n✗ a | up 1\nact\n✗ a | up 2\na | up 1\na = 0", "n=1");
    let ended = "$ a\na = exit 1\n$ a\na | two\na = exit 0";
    plays(ended, "act\n✗ a | two\na = 1\nact\na | two\na = 0", "");
}

/// What is expected of a new start stands below its `$`: `...` above it is about the old one.
#[test]
fn what_was_elided_before_a_kill_is_not_elided_afterwards() {
    let text = "$ a\na | ...\n! kill a\n$ a\na | ready\na = exit 0";
    plays(text, "act\na | chatter\nact\nact\n✗ a | chatter\na | ready\na = 0", "");
    let optional = "$ a\na ? hello\n! kill a\n$ a\na | ready\na = exit 0";
    plays(optional, "act\nact\nact\n✗ a | hello\na | ready\na = 0", "");
}

/// A way to read the transcript in which all was seen is enough; the report must not name lines
/// that only another way still misses.
#[test]
fn nothing_is_awaited_when_all_was_seen() {
    let transcript = Transcript::parse("$ a\na | ...\na | {x:word}\na = running").unwrap();
    let mut matcher = Matcher::new(&transcript, Captures::new());
    matcher.act();
    assert_eq!(matcher.line(0, "hello"), Ok(()));
    assert!(matcher.ready());
    assert_eq!(matcher.awaited(), Vec::<usize>::new());
    assert_eq!(matcher.captures().get("x").map(String::as_str), Some("hello"));
}

/// A group may have sixteen lines, so it can be played, also where they are the same.
#[test]
fn the_largest_group_of_equal_lines_is_not_ambiguous() {
    let text = format!("$ a\n{}a = exit 0", "a ~ again\n".repeat(16));
    let story = format!("act\n{}✗ a | again\na = 0", "a | again\n".repeat(16));
    plays(&text, &story, "");
}

/// Nor does it matter which of them has the type.
#[test]
fn equal_lines_with_a_capture_are_not_ambiguous() {
    let text = format!("$ a\na ~ from {{who:word}}\n{}a = exit 0", "a ~ from {who}\n".repeat(15));
    let story = format!("act\n{}✗ a | from me\na = 0", "a | from me\n".repeat(16));
    plays(&text, &story, "who=me");
}

/// `docs/transcript.md` says six.
#[test]
fn six_lines_may_capture_in_any_order_and_seven_are_too_many() {
    let last = |lines: usize| {
        let text = format!("$ a\n{}a = exit 0", (0..lines).map(|n| format!("a ~ {{x{n}:text}}\n")).collect::<String>());
        let transcript = Transcript::parse(&text).unwrap();
        let mut matcher = Matcher::new(&transcript, Captures::new());
        matcher.act();
        (0..lines).try_for_each(|n| matcher.line(0, &format!("line {n}")))
    };
    assert_eq!((last(6), last(7)), (Ok(()), Err(Refused::Ambiguous)));
}

/// Ways are counted while they are found, and share what they captured.
#[test]
fn many_ways_and_long_values_cost_little() {
    let text = format!("$ a\n{}a = exit 0", (0..200).map(|n| format!("a ? {{x{n}:text}}\n")).collect::<String>());
    let transcript = Transcript::parse(&text).unwrap();
    let judged = within(2, move || {
        let mut matcher = Matcher::new(&transcript, Captures::new());
        matcher.act();
        (matcher.line(0, &"x".repeat(60_000)), matcher.line(0, &"y".repeat(60_000)))
    });
    assert_eq!(judged, Some((Ok(()), Err(Refused::Ambiguous))));
}

#[test]
fn thousands_of_captures_take_no_time() {
    let text = format!("$ a\n{}a = exit 0", (0..8000).map(|n| format!("a | {{x{n}:int}}\n")).collect::<String>());
    let transcript = Transcript::parse(&text).unwrap();
    let captured = within(1, move || {
        let mut matcher = Matcher::new(&transcript, Captures::new());
        matcher.act();
        for n in 0..8000 {
            assert_eq!(matcher.line(0, &n.to_string()), Ok(()));
            assert!(!matcher.ready());
        }
        assert_eq!(matcher.ended(0, Ending::Exit(0)), Ok(()));
        matcher.captures().len()
    });
    assert_eq!(captured, Some(8000));
}

#[test]
fn too_many_ways_are_reported_and_end_soon() {
    let text = format!("$ a\n{}a = exit 0", (0..16).map(|n| format!("a ~ {{x{n}:text}}\n")).collect::<String>());
    let transcript = Transcript::parse(&text).unwrap();
    let answer = within(2, move || {
        let mut matcher = Matcher::new(&transcript, Captures::new());
        matcher.act();
        (0..16).find_map(|n| matcher.line(0, &format!("line {n}")).err())
    });
    assert_eq!(answer, Some(Some(Refused::Ambiguous)));
}

/// What can't be judged in time is not called wrong, and nothing has changed.
#[test]
fn a_line_that_cannot_be_judged_is_ambiguous() {
    let transcript = Transcript::parse("$ a\na | {x:text}-{y:text}-{x}-{y}!-\na = exit 0").unwrap();
    let mut matcher = Matcher::new(&transcript, Captures::new());
    matcher.act();
    assert_eq!(matcher.line(0, &"-".repeat(65536)), Err(Refused::Ambiguous));
    assert_eq!(matcher.line(0, "1-2-1-2!"), Err(Refused::Unexpected));
    assert_eq!(matcher.line(0, "1-2-1-2!-"), Ok(()));
}

/// The runner judges lines on the one thread that also watches the time limit and Ctrl-C, so a
/// learner's line of 64 KiB must not keep it, whatever the pattern.
#[test]
fn a_long_line_is_judged_soon() {
    let patterns = ["{x:text}-{y:text}-{x}-{y}!-", "{x:/-+/}-{y:/-+y/}-", "{x:word}-{y:word}-{z:word}!"];
    let late = patterns.iter().filter(|pattern| {
        let transcript = Transcript::parse(&format!("$ a\na | {pattern}\na = exit 0")).expect("a transcript");
        let judged = within(5, move || {
            let mut matcher = Matcher::new(&transcript, Captures::new());
            matcher.act();
            matcher.line(0, &"-".repeat(65536))
        });
        judged.is_none()
    });
    assert_eq!(late.collect::<Vec<_>>(), Vec::<&&str>::new());
}

/// A text without a newline is found where it ends, however much of what follows has come.
#[test]
fn a_prompt_ends_at_the_same_place_in_however_many_pieces_it_comes() {
    let text = "$ a\na | {n:int}> {no-newline}\na | done\na = running\n";
    let transcript = Transcript::parse(text).expect("a transcript");
    let mut matcher = Matcher::new(&transcript, Captures::new());
    assert_eq!(matcher.prompt(0, "12> "), None, "it is not started");
    matcher.act();
    for (printed, end) in [("", None), ("12>", None), ("12> ", Some(4)), ("12> 13> done", Some(4)), ("x> ", None)] {
        assert_eq!(matcher.prompt(0, printed), end, "{printed}");
    }
    assert!(matcher.line(0, "12> ").is_err(), "with a newline it is another line");
    let printed = format!("12> {}", workshop::pattern::NO_NEWLINE);
    matcher.line(0, &printed).expect("it is expected");
    assert_eq!(matcher.captures()["n"], "12");
    assert_eq!(matcher.prompt(0, "13> "), None, "it has come");
    matcher.line(0, "done").expect("what follows is a line");
}
