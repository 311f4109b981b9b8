//! A scenario: its transcript, its cast, what it is given, and how it is to be run.

use std::collections::{BTreeMap, BTreeSet};

use super::checks::check_limit;
use super::file::{GivenFile, MAX_GIVEN, ORDERS, ROOM, ScenarioFile};
use super::names::NameCheck;

use super::{ALWAYS_GIVEN, Condition, Pairing, Party, Role, Scenario};
use crate::error::{Error, Result, suggest};
use crate::pattern::{Pattern, Type};
use crate::transcript::{self, Action, LinkName, Mention, RoleId, StepKind, Transcript};
use crate::yaml::Source;

/// The default number of orders of events.
const DEFAULT_ORDERS: u32 = 6;

/// Reads one scenario and checks it against its stage.
pub(super) struct ScenarioReader<'s, 't> {
    pub(super) raw: &'s ScenarioFile,
    pub(super) roles: &'s [Role],
    pub(super) path: String,
    pub(super) source: &'s Source<'t>,
    /// What is to be seen may still be missing.
    pub(super) unfinished: bool,
}

impl ScenarioReader<'_, '_> {
    pub(super) fn read(&self, conditions: &[Condition], limit: u64) -> Result<Scenario> {
        let transcript = self.transcript()?;
        if let Some(own) = self.raw.limit {
            check_limit(own, &self.at("limit"), self.source)?;
        }
        let scenario = Scenario {
            name: self.raw.name.clone(),
            about: self.raw.about.clone(),
            rules: self.raw.rules.clone(),
            hidden: self.raw.hidden,
            text: self.raw.transcript.clone(),
            cast: self.cast(&transcript)?,
            given: self.given()?,
            conditions: self.conditions(conditions)?,
            orders: self.count("orders", self.raw.orders)?.unwrap_or(DEFAULT_ORDERS),
            times: self.count("times", self.raw.times)?.unwrap_or(1),
            pairings: Vec::new(),
            limit: self.raw.limit.unwrap_or(limit),
            memory: self.memory()?,
            transcript,
        };
        if !self.unfinished {
            NameCheck::new(&scenario, self.roles, (self.source, &self.at("transcript"))).check()?;
            self.check_silence(&scenario)?;
        }
        let conditions = self.for_links(&scenario)?;
        let pairings = self.pairings(&scenario)?;
        Ok(Scenario { conditions, pairings, ..scenario })
    }

    /// Conditions are those of links. A scenario without a link is played once; conditions of its own would
    /// promise what can't be.
    fn for_links(&self, scenario: &Scenario) -> Result<Vec<Condition>> {
        let mut unkind = scenario.conditions.iter().filter(|condition| **condition != Condition::Clear);
        if self.unfinished || !scenario.links(self.roles).is_empty() {
            return Ok(scenario.conditions.clone());
        }
        match (&self.raw.conditions, unkind.next()) {
            (Some(_), Some(condition)) => Err(Error::new(format!(
                "there is no link in this scenario that could be {}",
                condition.name()
            ))
            .at(self.source.place(&self.at("conditions")))
            .help(
                "a link is made where a role is handed an address that another one printed; take the conditions out",
            )),
            _ => Ok(vec![Condition::Clear]),
        }
    }

    /// How many runs the author asks for.
    fn count(&self, key: &str, count: Option<u32>) -> Result<Option<u32>> {
        match count {
            Some(count) if !ORDERS.contains(&count) => Err(Error::new(format!("{count} {key} can't be played"))
                .at(self.source.place(&self.at(key)))
                .help(format!("write a number, {} to {}", ORDERS.start(), ORDERS.end()))),
            count => Ok(count),
        }
    }

    /// The time limit leaves room for the silences that a transcript asks for.
    fn check_silence(&self, scenario: &Scenario) -> Result<()> {
        let (silence, limit) = (scenario.transcript.silence().as_secs(), scenario.limit);
        if silence < limit {
            return Ok(());
        }
        Err(Error::new(format!("this transcript is silent for {silence} s, and its runs end after {limit} s"))
            .at(self.source.place(&self.at("transcript")))
            .help("give the scenario a longer `limit`, or ask for less time"))
    }

    /// A limit of memory leaves room for a program to start in.
    fn memory(&self) -> Result<Option<u64>> {
        match self.raw.memory {
            Some(memory) if !ROOM.contains(&memory) => {
                Err(Error::new(format!("{memory} MiB is no limit of memory that makes sense"))
                    .at(self.source.place(&self.at("memory")))
                    .help(format!("write MiB, {} to {}", ROOM.start(), ROOM.end())))
            }
            memory => Ok(memory),
        }
    }

    pub(super) fn at(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    fn transcript(&self) -> Result<Transcript> {
        let (text, at) = (&self.raw.transcript, self.at("transcript"));
        if !self.source.is_block(&at) {
            let what = if text.trim().is_empty() { "is empty" } else { "is not a block" };
            return Err(Error::new(format!("this transcript {what}"))
                .at(self.source.place(&at))
                .help("write it as `transcript: |`, with its lines below"));
        }
        let read = if self.unfinished { Transcript::draft } else { Transcript::parse };
        read(text).map_err(|error| {
            // A misspelt role is never started either. That the stage has no such role says more.
            let misspelt = Transcript::draft(text).ok().and_then(|draft| self.cast(&draft).err());
            misspelt.unwrap_or_else(|| Error {
                help: error.help,
                ..Error::new(error.message).at(self.source.place_in_block(&at, error.line, error.column, error.len))
            })
        })
    }

    /// Which role of the stage plays each role of the transcript.
    fn cast(&self, transcript: &Transcript) -> Result<Vec<usize>> {
        let known: Vec<&str> = self.roles.iter().map(|role| role.name.as_str()).collect();
        let find = |name: &str| known.iter().position(|known| *known == name);
        for (extra, role) in &self.raw.also {
            if find(role).is_none() || find(extra).is_some() || !transcript::is_name(extra) {
                return Err(Error::new(format!("`{extra}: {role}` does not add a role"))
                    .at(self.source.place(&self.at("also")))
                    .help(format!(
                        "write a new name and the role whose program it runs; {}",
                        suggest(role, "roles", &known)
                    )));
            }
        }
        let cast = transcript.roles.iter().zip(&transcript.mentions).map(|(name, mention)| {
            find(self.raw.also.get(name).unwrap_or(name)).ok_or_else(|| {
                let Mention { line, column, len } = *mention;
                Error::new(format!("this stage has no role `{name}`"))
                    .at(self.source.place_in_block(&self.at("transcript"), line, column, len))
                    .help(suggest(name, "roles", &known))
            })
        });
        cast.collect()
    }

    fn given(&self) -> Result<BTreeMap<String, String>> {
        /// More names than a person could tell apart.
        const MAX_NAMES: usize = 16;
        if self.raw.given.len() > MAX_NAMES {
            return Err(Error::new(format!("{} names are given", self.raw.given.len()))
                .at(self.source.place(&self.at("let")))
                .help(format!("a scenario gives {MAX_NAMES} names at most")));
        }
        let mut given = BTreeMap::new();
        for (name, value) in &self.raw.given {
            let at = || self.source.place(&self.at(&format!("let.{name}")));
            let text = match value {
                GivenFile { text: Some(text), repeat: None, bytes: None } => text.clone(),
                GivenFile { text: None, repeat: Some(unit), bytes: Some(bytes) }
                    if !unit.is_empty() && *bytes <= MAX_GIVEN =>
                {
                    let mut text = unit.repeat(bytes.div_ceil(unit.len()));
                    while text.len() > *bytes || !text.is_char_boundary(text.len()) {
                        text.pop();
                    }
                    text
                }
                _ => {
                    return Err(Error::new(format!("`{name}` has no value"))
                        .at(at())
                        .help(format!("write `{{text: …}}` or `{{repeat: …, bytes: N}}`, N up to {MAX_GIVEN}")));
                }
            };
            let taken = ALWAYS_GIVEN.contains(&name.as_str());
            if !transcript::is_name(name) || taken || text.contains('\r') {
                return Err(Error::new(format!("`{name}` can't be given so"))
                    .at(at())
                    .help("a name of lower-case letters, digits and `_`; a value without carriage returns"));
            }
            given.insert(name.clone(), text);
        }
        Ok(given)
    }

    /// All `you` first, then each role alone in the learner's hands. What the stage plays stays with it.
    fn pairings(&self, scenario: &Scenario) -> Result<Vec<Pairing>> {
        let involved: BTreeSet<usize> = scenario.cast.iter().copied().collect();
        let learners: Vec<usize> = involved.iter().copied().filter(|role| self.roles[*role].by.is_none()).collect();
        if learners.is_empty() {
            return Err(Error::new("the learner has no role in this scenario")
                .at(self.source.place(&self.at("transcript")))
                .help("start a role of the stage that has no `by`"));
        }
        let assign = |you: &dyn Fn(usize) -> bool| {
            let party = |role: usize| {
                let chosen = if you(role) { Party::You } else { Party::Reference };
                self.roles[role].by.unwrap_or(chosen)
            };
            Pairing((0..self.roles.len()).map(|role| involved.contains(&role).then(|| party(role))).collect())
        };
        let mut pairings = vec![assign(&|_| true)];
        if learners.len() > 1 {
            pairings.extend(learners.iter().map(|alone| assign(&|role| role == *alone)));
        }
        Ok(pairings)
    }

    fn conditions(&self, all: &[Condition]) -> Result<Vec<Condition>> {
        let (own, key) = match &self.raw.conditions {
            Some(own) => (own.as_slice(), self.at("conditions")),
            None => (all, "conditions".to_owned()),
        };
        let unique: BTreeSet<_> = own.iter().copied().collect();
        if unique.is_empty() || unique.len() != own.len() {
            return Err(Error::new("conditions are named once each, and at least one")
                .at(self.source.place(&key))
                .help("write some of `[clear, fragmented, coalesced, delayed, interleaved]`"));
        }
        Ok(own.to_vec())
    }
}

impl Scenario {
    /// The arguments with which a start action starts its role.
    pub fn args<'s>(&'s self, role: RoleId, own: Option<&'s Vec<Pattern>>, stage_roles: &'s [Role]) -> &'s [Pattern] {
        own.map_or(&stage_roles[self.cast[role]].args, |own| own)
    }

    /// Does anything in it use this name: a line, or the arguments of a role that is started?
    pub fn uses(&self, name: &str, roles: &[Role]) -> bool {
        let has = |texts: &[Pattern]| texts.iter().flat_map(Pattern::names).any(|(used, ..)| used == name);
        self.transcript.steps.iter().any(|step| match &step.kind {
            StepKind::Act(Action::Start(role, own)) => has(self.args(*role, own.as_ref(), roles)),
            StepKind::Act(Action::Type(_, text)) => has(std::slice::from_ref(text)),
            StepKind::Expect(_, expect) => expect.pattern().is_some_and(|p| has(std::slice::from_ref(p))),
            StepKind::Act(_) => false,
        })
    }

    /// How many runs there are of it, each played once.
    pub fn runs(&self) -> usize {
        let times = self.conditions.iter().map(|condition| self.times(*condition) as usize);
        times.sum::<usize>() * self.pairings.len()
    }

    /// How often each pairing is played under a condition: the number of orders of events, or `times`.
    pub fn times(&self, condition: Condition) -> u32 {
        if condition == Condition::Interleaved { self.orders } else { self.times }
    }

    /// The names that its lines capture, and those that it is given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let lines = self.transcript.steps.iter().filter_map(|step| match &step.kind {
            StepKind::Expect(_, expect) => expect.pattern(),
            StepKind::Act(_) => None,
        });
        let captured = lines.flat_map(Pattern::names).filter_map(|(name, ty, _)| ty.map(|_| name));
        captured.chain(self.given.keys().map(String::as_str))
    }

    /// The role that prints each address, by the name of the capture.
    pub fn addresses(&self) -> BTreeMap<&str, RoleId> {
        let mut found = BTreeMap::new();
        for step in &self.transcript.steps {
            let StepKind::Expect(role, expect) = &step.kind else { continue };
            for (name, ty, _) in expect.pattern().into_iter().flat_map(Pattern::names) {
                if ty.is_some_and(Type::is_address) {
                    found.entry(name).or_insert(*role);
                }
            }
        }
        found
    }

    /// The links that the scenario's starts and typed lines make.
    pub fn links(&self, roles: &[Role]) -> Vec<LinkName> {
        let addresses = self.addresses();
        let mut links = Vec::new();
        for (_, action) in self.transcript.actions() {
            let (dialer, texts) = match action {
                Action::Start(role, own) => (*role, self.args(*role, own.as_ref(), roles)),
                Action::Type(role, text) => (*role, std::slice::from_ref(text)),
                _ => continue,
            };
            for name in texts.iter().flat_map(Pattern::names).map(|(name, ..)| name) {
                if let Some(listener) = addresses.get(name).filter(|listener| **listener != dialer) {
                    let link = LinkName { dialer, listener: *listener };
                    if !links.contains(&link) {
                        links.push(link);
                    }
                }
            }
        }
        links
    }
}
