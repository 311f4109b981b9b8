//! Polls the system for what the peers and the links are doing; see [`quiescence`](crate::quiescence).

use std::time::Instant;

use super::ActiveRun;
use super::follower::Follower;
use crate::link::{Link, LinkActivity};
use crate::process::Peer;
use crate::quiescence::{Activity, BypassTraffic, LinkMembership, ProcessProbe};
use crate::transcript::RoleId;

/// The result of a poll.
#[derive(Debug)]
pub(super) enum Snapshot {
    /// Bytes are in flight on a link, a line is on its way to the runner or to a peer, or a peer is just ending.
    Moving,
    /// Nothing is in flight on the links.
    Quiet {
        /// What each role's peer does; `None` if it is not up.
        peers: Vec<Option<PeerState>>,
        /// A link holds something back.
        holding: bool,
    },
    /// The system does not say.
    Blind,
}

/// What a peer does, with all processes that it has started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeerState {
    /// It runs, or is about to.
    Awake,
    /// It slept at one instant of the poll.
    Asleep {
        /// When it wakes by itself, at the earliest.
        wakes: Option<Instant>,
        /// Changes once it has run.
        mark: u64,
    },
}

impl Snapshot {
    /// Did all peers sleep at one common instant, with nothing in flight?
    pub(super) fn is_at_rest(&self) -> bool {
        match self {
            Snapshot::Quiet { peers, .. } => peers.iter().flatten().all(|state| *state != PeerState::Awake),
            Snapshot::Moving | Snapshot::Blind => false,
        }
    }

    /// A link holds something back.
    pub(super) fn is_holding(&self) -> bool {
        matches!(self, Snapshot::Quiet { holding: true, .. })
    }
}

impl<F: Follower> ActiveRun<'_, F> {
    /// Polls the links, then all peers, then all peers again, then the links: if nothing has changed in between,
    /// there was a common instant of rest.
    pub(super) fn poll(&mut self) -> Snapshot {
        let before = self.quiet();
        if before == LinkActivity::Moving {
            return Snapshot::Moving;
        }
        if self.sockets.is_none() && !self.links.is_empty() {
            // Bytes in flight can't be seen here, so no peer can be said to wait in vain.
            return Snapshot::Blind;
        }
        let Ok(mut peers) = self.states() else { return Snapshot::Blind };
        if (Snapshot::Quiet { peers: peers.clone(), holding: false }).is_at_rest() {
            let Ok(again) = self.states() else { return Snapshot::Blind };
            for (peer, again) in peers.iter_mut().zip(again) {
                let mark =
                    |state: Option<PeerState>| if let Some(PeerState::Asleep { mark, .. }) = state { mark } else { 0 };
                if mark(*peer) != mark(again) {
                    *peer = Some(PeerState::Awake);
                }
            }
        }
        // Lines printed before the peers fell asleep are taken before anything else happens.
        let told = self.events.receiver.is_empty();
        let up = || self.peers.iter().flatten().map(|(peer, _)| peer);
        let tells = up().any(|peer| peer.is_ending() || peer.has_printed_more());
        let is_told = up().any(Peer::is_typed_into);
        match before.min(self.quiet()) {
            _ if tells || is_told || !told => Snapshot::Moving,
            LinkActivity::Moving => Snapshot::Moving,
            quiet => Snapshot::Quiet { peers, holding: quiet == LinkActivity::Holding },
        }
    }

    /// What each peer does; an error where the system does not say.
    fn states(&mut self) -> Result<Vec<Option<PeerState>>, ()> {
        let state = |(_, probe): &mut (_, ProcessProbe)| match probe.activity() {
            Activity::Unknown => Err(()),
            // Gone: its ending is on its way.
            Activity::Busy | Activity::Gone => Ok(PeerState::Awake),
            Activity::Asleep { wakes, mark } => Ok(PeerState::Asleep { wakes, mark }),
        };
        self.peers.iter_mut().map(|peer| peer.as_mut().map(state).transpose()).collect()
    }

    pub(super) fn quiet(&self) -> LinkActivity {
        self.links.iter().map(Link::quiet).min().unwrap_or(LinkActivity::Still)
    }

    /// The traffic on the peers' connections that bypass the links. `None` if unknown.
    pub(super) fn bypass_traffic(&mut self) -> Option<BypassTraffic> {
        let membership_of =
            |own, other| self.links.iter().map(|link| link.membership(own, other)).max().unwrap_or(LinkMembership::No);
        let mut open = Vec::new();
        for (_, probe) in self.peers.iter().flatten() {
            open.extend(probe.sockets()?);
        }
        match &self.sockets {
            _ if open.is_empty() => Some(BypassTraffic { moving: false, traffic: 0 }),
            Some(table) => table.bypass_traffic(&open, &mut self.known, &membership_of),
            None => None,
        }
    }

    /// May this peer have timers that can't be seen from outside?
    pub(super) fn has_hidden_timers(&self, role: RoleId) -> bool {
        self.peers[role].as_ref().is_some_and(|(_, probe)| probe.may_have_hidden_timers())
    }
}
