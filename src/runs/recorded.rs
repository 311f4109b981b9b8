//! The result of recording a run.

use std::collections::BTreeMap;

use crate::evidence::Evidence;
use crate::matcher::{Captures, Ending};
use crate::pattern::Type;
use crate::transcript::RoleId;
use crate::verdict::Failure;

/// A run that was recorded.
#[derive(Debug, Default)]
pub struct Recorded {
    /// What was seen, in order.
    pub observations: Vec<Observation>,
    /// The values that were given from the start.
    pub given: Captures,
    /// The names that actions use, with the sources of their values.
    pub found: BTreeMap<String, BoundValue>,
    /// The addresses of links that roles were handed in the place of printed ones.
    pub handed: Vec<HandedAddress>,
    /// Standard error, and everything else that was seen.
    pub evidence: Evidence,
    /// How many actions had happened at the end.
    pub phase: usize,
    /// Why the recording stopped early.
    pub failure: Option<RecordError>,
}

/// Something that a role did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// How many actions had happened.
    pub phase: usize,
    /// Which role.
    pub role: RoleId,
    /// What it did.
    pub what: RoleEvent,
}

/// What a role does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleEvent {
    /// A line.
    Line(String),
    /// Its end.
    Ended(Ending),
}

/// The value of a name, and where it comes from.
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
    /// The role.
    pub role: RoleId,
    /// The name whose value it replaces.
    pub name: String,
    /// What it was handed.
    pub value: String,
}

/// Why a run can't be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordError {
    /// Something happened that no transcript can expect.
    Failed(Failure),
    /// A role that is not up is to be typed into, or ended.
    NotUp(RoleId),
    /// A role that is up is to be started.
    IsUp(RoleId),
    /// No printed text can be the value of this name.
    Unknown(String),
}

impl From<Failure> for RecordError {
    fn from(failure: Failure) -> RecordError {
        RecordError::Failed(failure)
    }
}
