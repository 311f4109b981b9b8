//! Connections that were not made, or not completed.

use super::words::bytes;
use super::{Case, Fact};
use crate::evidence::{Connection, LinkEvidence, WireEventKind};

impl Case<'_> {
    /// The learner's roles that printed an address at which they did not listen.
    pub(super) fn refused_connections(&self, facts: &mut Vec<Fact>) {
        let refused = |link: &&LinkEvidence| self.yours(link.listener) && self.was_refused_first(link);
        // The scenario itself may refuse connections.
        let Some(link) = self.evidence.links.iter().find(refused).filter(|_| !self.was_cut()) else { return };
        let say = format!(
            "{} dialed the address that {} had printed, and was refused: nothing listened there. Print the address \
             once the socket listens, and go on listening until the call has come.",
            self.subject(link.dialer),
            self.who(link.listener)
        );
        facts.push(Fact::new("not-listening", say));
    }

    /// Was this dialer refused although the listener had not ended, and before anyone had reached it?
    fn was_refused_first(&self, link: &LinkEvidence) -> bool {
        let when = |link: &LinkEvidence, wanted: &WireEventKind| {
            let mut events = link.connections.iter().flat_map(|connection| &connection.events);
            events.find(|event| event.what == *wanted).map(|event| event.at)
        };
        let Some(refused) = when(link, &WireEventKind::Refused) else { return false };
        let to_listener = self.evidence.links.iter().filter(|other| other.listener == link.listener);
        let reached = to_listener.filter_map(|other| when(other, &WireEventKind::Opened)).min();
        let ended = self.evidence.outputs[link.listener].endings.iter().map(|(at, _)| *at).min();
        [reached, ended].into_iter().flatten().all(|at| at > refused)
    }

    /// The learner's roles that were handed an address and did not reach the peer that listens there.
    pub(super) fn connections(&self, facts: &mut Vec<Fact>) {
        for link in &self.evidence.links {
            let (dialer, listener) = (self.subject(link.dialer), self.who(link.listener));
            let alive = self.evidence.outputs[link.dialer].ending.is_none();
            if link.connections.is_empty() && alive && self.yours(link.dialer) {
                let say = format!("{dialer} never connected to the address of {listener}.");
                facts.push(Fact::new("no-connection", say));
            }
            let unmet = |connection: &&Connection| connection.is_libp2p() && !connection.shook_hands();
            let ours = self.yours(link.dialer) || self.yours(link.listener);
            if let Some(unmet) = link.connections.iter().find(unmet).filter(|_| ours) {
                let say = format!(
                    "{dialer} is connected to {listener}, but they never finished the encryption handshake: {} went \
                     there, {} came back. A swarm makes progress only while it is polled.",
                    bytes(unmet.to_listener.came),
                    unmet.to_dialer.came
                );
                facts.push(Fact::new("no-handshake", say));
            }
        }
    }
}
