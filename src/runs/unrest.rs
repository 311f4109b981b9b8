//! Who wakes while a line of the transcript waits for rest: if that never comes, they are named.

use super::poll::{PeerState, Snapshot};
use crate::evidence::Unrest;

/// A wait for rest, and what the peers do meanwhile.
pub(super) struct RestMeter {
    line: usize,
    roles: Vec<Wakes>,
}

/// How often one role has woken.
#[derive(Clone, Default)]
struct Wakes {
    /// A mark of its last sleep.
    mark: Option<u64>,
    count: u32,
    /// It sleeps with a time at which it wakes.
    by_itself: bool,
}

impl RestMeter {
    /// Begins with a line of the transcript, which waits.
    pub(super) fn new(line: usize, roles: usize) -> RestMeter {
        RestMeter { line, roles: vec![Wakes::default(); roles] }
    }

    /// Notes the result of a poll.
    pub(super) fn saw(&mut self, snapshot: &Snapshot) {
        let Snapshot::Quiet { peers, .. } = snapshot else { return };
        for (role, state) in self.roles.iter_mut().zip(peers) {
            let Some(PeerState::Asleep { wakes, mark }) = state else { continue };
            role.count += u32::from(role.mark.is_some_and(|before| before != *mark));
            role.mark = Some(*mark);
            role.by_itself |= wakes.is_some();
        }
    }

    /// The wait was not over.
    pub(super) fn unrest(self) -> Unrest {
        let by_itself = self.roles.iter().any(|role| role.by_itself && role.count > 0);
        let woken = self.roles.iter().enumerate().filter(|(_, role)| role.count > 0 && (role.by_itself || !by_itself));
        Unrest { line: self.line, woken: woken.map(|(id, role)| (id, role.count)).collect() }
    }
}
