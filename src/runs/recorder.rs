//! Records a run, and finds values for the names in its actions.

use std::collections::{BTreeMap, HashMap};

use super::follower::Follower;
use super::recorded::{BoundValue, HandedAddress, Observation, RecordError, RoleEvent};
use crate::course::Scenario;
use crate::matcher::{Captures, Clock, Ending, Refused, declared_types};
use crate::pattern::{FoundValue, Known, Pattern, Type, values};
use crate::transcript::{RoleId, StepKind, Transcript};

/// What has been seen so far, and the values of names.
#[derive(Debug, Default)]
pub(super) struct Recorder<'c> {
    scenario: Option<&'c Scenario>,
    pub(super) given: Captures,
    pub(super) phase: usize,
    pub(super) observations: Vec<Observation>,
    pub(super) found: BTreeMap<String, BoundValue>,
    pub(super) aliases: HashMap<RoleId, Captures>,
    pub(super) handed: Vec<HandedAddress>,
    /// The author's lines that have been seen.
    met: Vec<usize>,
}

impl<'c> Recorder<'c> {
    pub(super) fn new(scenario: &'c Scenario, given: Captures) -> Self {
        Recorder { scenario: Some(scenario), given, ..Recorder::default() }
    }

    fn note(&mut self, role: RoleId, what: RoleEvent) {
        self.observations.push(Observation { phase: self.phase, role, what });
    }

    fn hear(&mut self, role: RoleId, text: &str) {
        self.note(role, RoleEvent::Line(text.to_owned()));
        let Some(scenario) = self.scenario else { return };
        let transcript = &scenario.transcript;
        let types = declared_types(transcript);
        let expected = written(transcript).filter(|(_, who, phase, _)| *who == role && *phase <= self.phase);
        for (step, _, _, pattern) in expected {
            if self.met.contains(&step) {
                continue;
            }
            let known = |name: &str| match self.value(role, name) {
                Some(value) => Known::Value(value),
                None => Known::Type(types.get(name).copied().unwrap_or(&Type::Text)),
            };
            let Some(captured) = pattern.captures(text, &known) else { continue };
            let found: Vec<_> = captured
                .into_iter()
                .filter_map(|(name, value)| {
                    let ty = (*types.get(name)?).clone();
                    Some((name.to_owned(), BoundValue { role, value: value.to_owned(), ty }))
                })
                .collect();
            self.found.extend(found);
            self.met.push(step);
            return;
        }
    }

    /// Finds a value for a name that `role` is to be handed.
    pub(super) fn find(&mut self, name: &str, role: RoleId) -> Result<(), RecordError> {
        if self.value(role, name).is_some() {
            return Ok(());
        }
        let candidates: Vec<BoundValue> =
            self.observations.iter().flat_map(|observation| self.offers(observation, name)).collect();
        let choose = |fits: &dyn Fn(&BoundValue) -> bool| candidates.iter().find(|found| fits(found)).cloned();
        let is_port = |found: &BoundValue| found.ty == Type::Port;
        let is_id = |found: &BoundValue| found.ty == Type::PeerId;
        let is_address = |found: &BoundValue| matches!(found.ty, Type::Address | Type::Multiaddr);
        let found = match name {
            _ if name.contains("port") => choose(&is_port).or_else(|| choose(&is_address)),
            _ if name.contains("id") || name.contains("peer") => choose(&is_id).or_else(|| choose(&is_address)),
            _ => choose(&is_address).or_else(|| choose(&is_id)),
        };
        let found = found.ok_or_else(|| RecordError::Unknown(name.to_owned()))?;
        self.found.insert(name.to_owned(), found);
        Ok(())
    }

    /// The values in a line that no name has yet; a number counts as a port if a port is wanted.
    fn offers(&self, observation: &Observation, name: &str) -> Vec<BoundValue> {
        let RoleEvent::Line(line) = &observation.what else { return Vec::new() };
        let taken = |value: &str| {
            self.found.values().any(|found| found.value == value) || self.given.values().any(|given| given == value)
        };
        let offer = |value: FoundValue| {
            let text = &line[value.at];
            let is_port = name.contains("port") && Type::Port.accepts(text);
            let ty = if is_port { Type::Port } else { value.ty };
            (!taken(text)).then(|| BoundValue { role: observation.role, value: text.to_owned(), ty })
        };
        values(line).into_iter().filter_map(offer).collect()
    }
}

impl Follower for Recorder<'_> {
    fn line(&mut self, role: RoleId, text: &str, _clock: &Clock<'_>) -> Result<(), Refused> {
        self.hear(role, text);
        Ok(())
    }

    fn takes_prompts(&self, _transcript: &Transcript, _role: RoleId) -> bool {
        true
    }

    /// No transcript can expect that a signal ends a role.
    fn ended(&mut self, role: RoleId, ending: Ending, _clock: &Clock<'_>) -> Result<(), Refused> {
        if matches!(ending, Ending::Signal(_)) {
            return Err(Refused::Unexpected);
        }
        self.note(role, RoleEvent::Ended(ending));
        Ok(())
    }

    fn ready(&self) -> bool {
        true
    }

    fn act(&mut self) {
        self.phase += 1;
    }

    fn phase(&self) -> usize {
        self.phase
    }

    fn alias(&mut self, role: RoleId, name: &str, value: String) {
        self.handed.push(HandedAddress { phase: self.phase, role, name: name.to_owned(), value: value.clone() });
        self.aliases.entry(role).or_default().insert(name.to_owned(), value);
    }

    fn value(&self, role: RoleId, name: &str) -> Option<&str> {
        let alias = self.aliases.get(&role).and_then(|aliases| aliases.get(name));
        let found = || self.found.get(name).map(|found| &found.value);
        alias.or_else(found).or_else(|| self.given.get(name)).map(String::as_str)
    }

    fn listener(&self, _scenario: &Scenario, name: &str) -> Option<RoleId> {
        self.found.get(name).filter(|found| found.ty.is_address()).map(|found| found.role)
    }
}

/// The lines that the author expects: the step, the role, how many actions stand above it.
fn written(transcript: &Transcript) -> impl Iterator<Item = (usize, RoleId, usize, &Pattern)> {
    transcript.steps.iter().enumerate().filter_map(|(index, step)| match &step.kind {
        StepKind::Expect(role, expect) => Some((index, *role, step.phase, expect.pattern()?)),
        StepKind::Act(_) => None,
    })
}
