//! Limits the number of concurrent runs, once programs compete for the processors.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use tokio::sync::Notify;

/// Programs that compute compete for the processors: to be sure that a peer computes to no effect, a run would have
/// to wait for all of them. So once a peer has computed to no effect for a while, only a few runs are executed at a
/// time; the others are begun again later.
pub(super) struct Throttle {
    /// How many runs at a time, once it is raised.
    few: usize,
    is_one: Cell<bool>,
    /// The current runs, by their places in the plan.
    at_work: RefCell<BTreeSet<usize>>,
    changed: Notify,
}

impl Throttle {
    pub(super) fn new(few: usize) -> Throttle {
        Throttle { few, is_one: Cell::new(false), at_work: RefCell::default(), changed: Notify::new() }
    }

    /// A peer has computed to no effect for a while.
    pub(super) fn raise(&self) {
        self.is_one.set(true);
        self.changed.notify_waiters();
    }

    pub(super) fn has_room(&self) -> bool {
        !self.is_one.get() || self.at_work.borrow().len() < self.few
    }

    pub(super) fn begins(&self, index: usize) {
        self.at_work.borrow_mut().insert(index);
    }

    pub(super) fn is_over(&self, index: usize) {
        self.at_work.borrow_mut().remove(&index);
    }

    pub(super) fn count(&self, which: impl Fn(usize) -> bool) -> usize {
        self.at_work.borrow().iter().filter(|index| which(**index)).count()
    }

    /// Waits until this run has to give way to earlier ones in the plan.
    pub(super) async fn sends_away(&self, index: usize) {
        while !self.is_one.get() || self.count(|other| other < index) < self.few {
            self.changed.notified().await;
        }
    }
}
