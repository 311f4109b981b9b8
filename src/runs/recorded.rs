//! What comes of recording a run.

use std::collections::BTreeMap;

use crate::evidence::Evidence;
use crate::matcher::{Captures, Ending};
use crate::pattern::Type;
use crate::transcript::RoleId;
use crate::verdict::Failure;

/// A run that was recorded.
#[derive(Debug, Default)]
pub struct Recorded {
    /// What was seen, in the order in which it was.
    pub observations: Vec<Observation>,
    /// The values that were given from the start.
    pub given: Captures,
    /// The names that actions use, and where their values come from.
    pub found: BTreeMap<String, BoundValue>,
    /// The addresses of links that roles were handed in the place of others.
    pub handed: Vec<HandedAddress>,
    /// What the roles left on standard error, and all else that was seen.
    pub evidence: Evidence,
    /// How many actions had happened at the end.
    pub phase: usize,
    /// Why it went no further.
    pub failure: Option<RecordError>,
}

/// Something that a role showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// How many actions had happened.
    pub phase: usize,
    /// Which role.
    pub role: RoleId,
    /// What it showed.
    pub what: RoleEvent,
}

/// What a role shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleEvent {
    /// A line.
    Line(String),
    /// Its end.
    Ended(Ending),
}

/// Where the value of a name comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct BoundValue {
    /// The role that printed it.
    pub role: RoleId,
    /// The value.
    pub value: String,
    /// Its type.
    pub ty: Type,
}

/// A role was handed a link's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedAddress {
    /// How many actions had happened before.
    pub phase: usize,
    /// Who was handed it.
    pub role: RoleId,
    /// In whose place.
    pub name: String,
    /// What it was handed.
    pub value: String,
}

/// Why a run can't be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordError {
    /// Something that no transcript could expect.
    Failed(Failure),
    /// A role that is not up is to be typed into, or ended.
    NotUp(RoleId),
    /// A role that is up is to be started.
    IsUp(RoleId),
    /// Nothing that was printed can be the value of this name.
    Unknown(String),
}

impl From<Failure> for RecordError {
    fn from(failure: Failure) -> RecordError {
        RecordError::Failed(failure)
    }
}
