//! The order of events of a run whose links are interleaved.
//!
//! Such links hold back everything. Whenever all peers are at rest, one event is released: a piece or an end in one
//! direction of a connection, a dialer, or the next action of the transcript, if it is due. So a run is one order of
//! events, and the same number and seed reproduce it.
//!
//! A race mostly shows when one event comes as late, or as early, as possible. The first orders are these extremes
//! ([`RunId::about`](crate::verdict::RunId::about)); the others give each possible event a priority by the seed, and
//! lower the highest one at a few random steps. With `d - 1` such steps that finds a race of `d` events in `k` steps
//! of `n` sources with a probability of at least `1 / (n * k^(d - 1))` (Burckhardt, Kothari, Musuvathi, Nagarakatte:
//! A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs, ASPLOS 2010).

use std::collections::HashMap;

use crate::evidence::Direction;
use crate::hash::stable_hash;
use crate::link::Held;

/// The random steps are among the first this many; most runs have about as many steps with a choice.
const STEPS: u32 = 24;

/// How many priorities are lowered: enough for a race of three events.
const CHANGES: usize = 2;

/// Something that may happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Turn {
    /// The next action of the transcript.
    Act,
    /// What a link holds back; the link by its number.
    Link(usize, Held),
}

/// One order of events.
pub(super) struct EventOrder {
    number: u32,
    seed: u64,
    step: u32,
    /// The steps at which a priority is lowered.
    changes: Vec<u32>,
    /// The events with a lowered priority, and at which step that was.
    lowered: HashMap<Turn, u32>,
}

impl EventOrder {
    /// The order of this number, from 0; `seed` is the run's.
    pub(super) fn new(number: u32, seed: u64) -> EventOrder {
        let mut random = fastrand::Rng::with_seed(seed);
        let changes = (0..CHANGES).map(|_| random.u32(1..=STEPS)).collect();
        EventOrder { number, seed, step: 0, changes, lowered: HashMap::new() }
    }

    /// Chooses among the events that may happen, given with the oldest link and connection first; `None` if there are
    /// none.
    pub(super) fn choose(&mut self, turns: &[Turn]) -> Option<Turn> {
        let priority = |(place, turn): &(usize, &Turn)| self.priority(*place, **turn);
        let chosen = *turns.iter().enumerate().max_by_key(priority)?.1;
        if turns.len() > 1 {
            self.step += 1;
            if self.number >= Self::FIRST && self.changes.contains(&self.step) {
                self.lowered.insert(chosen, self.step);
                return self.choose(turns);
            }
        }
        Some(chosen)
    }

    /// The number of orders that are not chosen at random.
    const FIRST: u32 = 4;

    /// The priority of an event: the highest is chosen. `place` is its index among the possible ones.
    fn priority(&self, place: usize, turn: Turn) -> (u32, u64) {
        let direction = match turn {
            Turn::Link(_, Held::Dialer(_)) => Some(Direction::ToListener),
            Turn::Link(_, Held::Piece { direction, .. }) => Some(direction),
            Turn::Act => None,
        };
        let class = match (self.number, direction) {
            (0, None) | (1, Some(_)) => 2,
            (2, Some(Direction::ToDialer)) | (3, Some(Direction::ToListener)) => 2,
            (2 | 3, None) => 1,
            (0..=3, _) => 0,
            // The last one that was lowered has the lowest priority.
            _ => self.lowered.get(&turn).map_or(STEPS + 1, |step| STEPS - step),
        };
        let among_equals = match self.number {
            // The latest event overtakes the others.
            0 => place as u64,
            1..Self::FIRST => u64::MAX - place as u64,
            _ => stable_hash(&(self.seed, turn)),
        };
        (class, among_equals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO_LISTENER: Turn = Turn::Link(0, Held::Piece { connection: 0, direction: Direction::ToListener });
    const TO_DIALER: Turn = Turn::Link(0, Held::Piece { connection: 0, direction: Direction::ToDialer });

    /// The order in which three pieces of each direction, and three actions, happen.
    fn order_of(number: u32, seed: u64) -> Vec<Turn> {
        let mut order = EventOrder::new(number, seed);
        let mut left = [(Turn::Act, 3), (TO_LISTENER, 3), (TO_DIALER, 3)];
        let mut order_of = Vec::new();
        loop {
            let turns: Vec<Turn> = left.iter().filter(|(_, left)| *left > 0).map(|(turn, _)| *turn).collect();
            let Some(turn) = order.choose(&turns) else { return order_of };
            left.iter_mut().filter(|(other, _)| *other == turn).for_each(|(_, left)| *left -= 1);
            order_of.push(turn);
        }
    }

    #[test]
    fn the_first_orders_are_the_extreme_ones() {
        let position =
            |number, turn| order_of(number, 7).iter().position(|other| *other == turn).expect("it is played");
        assert_eq!(position(0, Turn::Act), 0);
        assert_eq!(position(1, Turn::Act), 6);
        assert_eq!(position(2, TO_LISTENER), 6);
        assert_eq!(position(3, TO_DIALER), 6);
    }

    /// Of two dialers, the later one comes first in the first order, and in no other of the extreme ones.
    #[test]
    fn nothing_in_the_first_orders_is_up_to_the_seed() {
        let dialers = [Turn::Link(0, Held::Dialer(0)), Turn::Link(1, Held::Dialer(0))];
        for seed in 0..20 {
            let first = |number| EventOrder::new(number, seed).choose(&dialers);
            assert_eq!([0, 1, 2, 3].map(first), [1, 0, 0, 0].map(|place: usize| Some(dialers[place])), "seed {seed}");
        }
    }

    #[test]
    fn an_order_is_the_same_again_and_others_are_others() {
        let orders: std::collections::HashSet<Vec<Turn>> = (0..200).map(|seed| order_of(4, seed)).collect();
        assert!(orders.len() > 20, "only {} orders", orders.len());
        for number in 0..6 {
            assert_eq!(order_of(number, 42), order_of(number, 42));
        }
    }
}
