//! Connections that were not made, or not completed.

use super::words::bytes;
use super::{Case, Fact};
use crate::evidence::Connection;

impl Case<'_> {
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
