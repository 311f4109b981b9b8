//! What went from one role to another, in bytes, whichever role failed.

use super::Case;
use crate::evidence::{Connection, Direction, Evidence, Flow, Typed, WireEvent, WireEventKind};
use crate::transcript::{Action, LinkFault, RoleId};

/// This many equal bytes are the beginning of a line, and not chance.
const TELLING: usize = 8;

/// All that went from one role to another, over all connections between the two.
pub(super) struct Channel<'e> {
    pub(super) from: RoleId,
    pub(super) to: RoleId,
    /// One for each connection, in their order, each with its connection and its direction.
    flows: Vec<(&'e Connection, Direction)>,
}

impl<'e> Channel<'e> {
    fn flows(&self) -> impl DoubleEndedIterator<Item = &'e Flow> {
        self.flows.iter().map(|(connection, direction)| connection.flow_in(*direction))
    }

    /// Bytes that have come from the sender.
    pub(super) fn came(&self) -> u64 {
        self.flows().map(|flow| flow.came).sum()
    }

    /// Bytes that were delivered to the receiver.
    pub(super) fn delivered(&self) -> u64 {
        self.flows().map(|flow| flow.delivered).sum()
    }

    /// Unread bytes in the receiver's sockets, where the system says.
    pub(super) fn unread(&self) -> Option<u32> {
        self.flows().filter_map(|flow| flow.unread).reduce(u32::saturating_add)
    }

    /// The receiver has read everything that came from the sender, as far as the system says.
    pub(super) fn is_read(&self) -> bool {
        self.delivered() == self.came() && self.unread().is_none_or(|unread| unread == 0)
    }

    /// The last byte that has come.
    pub(super) fn last(&self) -> Option<u8> {
        self.flows().rev().find_map(|flow| flow.last)
    }

    /// Some of it is encrypted, and can't be read.
    pub(super) fn is_sealed(&self) -> bool {
        self.flows().any(|flow| flow.wire.is_sealed())
    }

    /// The sender may still send: its half of the last connection is open.
    pub(super) fn is_open(&self) -> bool {
        self.flows().next_back().is_some_and(|flow| flow.fin.is_none() && flow.reset.is_none())
    }

    /// The receiver was told that the sender has finished (FIN).
    pub(super) fn fin_delivered(&self) -> bool {
        self.flows().any(|flow| flow.fin_delivered.is_some())
    }

    /// The scenario has broken a connection between the two.
    pub(super) fn is_broken(&self) -> bool {
        self.flows.iter().any(|(connection, _)| connection.broken.is_some())
    }

    /// The lines that went there, each with whether it has its newline, as far as their bytes are kept.
    pub(super) fn lines(&self) -> Vec<(String, bool)> {
        let all = self.flows.iter().flat_map(|(connection, direction)| lines(&connection.events, *direction));
        all.collect()
    }

    /// How often exactly this line went there, with its newline.
    pub(super) fn times(&self, line: &str) -> usize {
        self.lines().iter().filter(|(other, whole)| *whole && other == line).count()
    }

    /// Has this long line begun there? Only the beginning of a long line is kept.
    pub(super) fn has_begun(&self, line: &str) -> bool {
        let kept =
            |text: &str| text.split('\0').next().is_some_and(|kept| kept.len() >= TELLING && line.starts_with(kept));
        self.lines().iter().any(|(text, _)| kept(text))
    }
}

/// The lines of one direction; `false` for the last one if it has no newline.
fn lines(events: &[WireEvent], direction: Direction) -> Vec<(String, bool)> {
    let mut bytes = Vec::new();
    for event in events.iter().filter(|event| event.direction == direction) {
        if let WireEventKind::Data { bytes: all, sample, .. } = &event.what {
            bytes.extend_from_slice(sample);
            // Marks the gap: the rest of this event was not kept.
            if *all > sample.len() as u64 {
                bytes.push(0);
            }
        }
    }
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| match line.strip_suffix(b"\n") {
        Some(line) => (line, true),
        None => (line, false),
    });
    lines.filter_map(|(line, whole)| Some((String::from_utf8(line.to_vec()).ok()?, whole))).collect()
}

impl Evidence {
    /// What went from each role to every other one, where the two were connected.
    pub(super) fn channels(&self) -> Vec<Channel<'_>> {
        let mut channels: Vec<Channel<'_>> = Vec::new();
        for link in &self.links {
            for direction in [Direction::ToListener, Direction::ToDialer] {
                let (from, to) = direction.ends(link.dialer, link.listener);
                let flows = link.connections.iter().map(|connection| (connection, direction));
                match channels.iter_mut().find(|channel| (channel.from, channel.to) == (from, to)) {
                    Some(channel) => channel.flows.extend(flows),
                    None => channels.push(Channel { from, to, flows: flows.collect() }),
                }
            }
        }
        channels.retain(|channel| !channel.flows.is_empty());
        channels
    }
}

impl Case<'_> {
    /// The typed line that a printed line shows: the printed line ends with it, perhaps after a prefix (a name, a
    /// time). The last one, where several are equal.
    pub(super) fn typed_for(&self, sender: RoleId, printed: &str) -> Option<&Typed> {
        let typed = self.evidence.typed.iter().filter(|typed| typed.role == sender);
        let meant = typed.filter(|typed| printed == typed.text || is_end(&typed.text, printed));
        meant.max_by_key(|typed| typed.text.len())
    }

    /// How many bytes went to a role since a line was typed, if they are too few for the line.
    pub(super) fn sent_short(&self, channel: &Channel<'_>, typed: &Typed) -> Option<u64> {
        let sent = channel.came().saturating_sub(typed.sent_before.get(channel.to).copied().unwrap_or(0));
        (sent <= typed.text.len() as u64).then_some(sent)
    }

    /// The scenario has broken a connection.
    pub(super) fn was_cut(&self) -> bool {
        self.evidence.links.iter().any(|link| link.connections.iter().any(|connection| connection.broken.is_some()))
            || self.scenario.transcript.actions().any(|(step, action)| {
                step.phase < self.phase && matches!(action, Action::Link(LinkFault::Break(_, None), _))
            })
    }

    /// The scenario has killed this role.
    pub(super) fn was_killed(&self, role: RoleId) -> bool {
        let mut actions = self.scenario.transcript.actions().filter(|(step, _)| step.phase < self.phase);
        actions.any(|(_, action)| matches!(action, Action::Kill(killed) if *killed == role))
    }

    /// Was this role told, since it was started, that nothing more will come?
    pub(super) fn told(&self, role: RoleId) -> bool {
        self.was_cut() || self.told_of_end(role)
    }

    /// Was it told so by an end of the stream (FIN)?
    pub(super) fn told_of_end(&self, role: RoleId) -> bool {
        let begun = self.evidence.outputs[role].started.unwrap_or_default();
        self.evidence.flows().any(|(_, to, flow)| to == role && flow.fin_delivered.is_some_and(|at| at >= begun))
    }
}

/// Does a line end with a text that is not empty?
pub(super) fn is_end(text: &str, line: &str) -> bool {
    !text.is_empty() && line.ends_with(text)
}
