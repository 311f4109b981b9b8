//! What no single run shows: your programs understand each other, and not the reference.

use std::collections::{BTreeMap, BTreeSet};

use crate::course::{FACTS, OF_SEVERAL_RUNS, Pairing, Party};
use crate::transcript::RoleId;
use crate::verdict::{Failed, Outcome, Run};

/// When your own two programs pass a scenario over every link, and one of them fails it with the
/// reference, that is the reason, unless there is a more telling one: they agree with each other,
/// but not with the protocol. Where all others of yours get on with the reference, it is one of them
/// that is wrong, and that they pass together is chance.
pub fn compare_pairings(runs: &mut [Run]) {
    /// What such a mistake looks like from inside one run.
    const LOOKS_LIKE: [&str; 5] = ["waits-in-turn", "lost-bytes", "nothing-sent", "wrong-line", "exited-early"];
    let rank = |id: &str| FACTS.iter().position(|fact| *fact == id).unwrap_or(0);
    let story = |run: &Run| (run.id.scenario.clone(), run.id.repeat);
    let mut stories: BTreeMap<_, Story> = BTreeMap::new();
    runs.iter().for_each(|run| stories.entry(story(run)).or_default().add(run));
    for run in runs {
        let told = &stories[&story(run)];
        let roles = yours(&run.id.pairing);
        let Outcome::Failed(Failed { because, .. }) = &mut run.outcome else { continue };
        let vague = rank(&because.id) > rank(OF_SEVERAL_RUNS) || LOOKS_LIKE.contains(&because.id.as_str());
        if vague && told.passes_alone && !told.is_only(&roles) {
            let seen = std::mem::take(&mut because.say);
            because.id = OF_SEVERAL_RUNS.to_owned();
            because.say = format!(
                "Your two programs understand each other, but not the reference: with you on both sides this scenario \
                 passes. Both make the same mistake, so that it cancels out. Compare what goes over the wire below with \
                 what the lesson says about the protocol. (Here: {seen})"
            );
        }
    }
}

/// The roles that the learner's programs play.
fn yours(pairing: &Pairing) -> BTreeSet<RoleId> {
    (0..pairing.0.len()).filter(|role| pairing.0[*role] == Some(Party::You)).collect()
}

/// What the runs of one scenario in one repeat have come to, in all pairings and over all links.
#[derive(Default)]
struct Story {
    /// There are runs without the reference, and all of them passed.
    passes_alone: bool,
    failed_alone: bool,
    /// The roles of the learner, where all are.
    roles: BTreeSet<RoleId>,
    /// Which of them, alone in the learner's hands, have passed and failed.
    passed: BTreeSet<RoleId>,
    failed: BTreeSet<RoleId>,
}

impl Story {
    fn add(&mut self, run: &Run) {
        let yours = yours(&run.id.pairing);
        if !run.id.pairing.0.contains(&Some(Party::Reference)) {
            self.failed_alone |= !run.passed();
            self.passes_alone = !self.failed_alone;
            self.roles.extend(yours);
        } else if yours.len() == 1 {
            if run.passed() { self.passed.extend(yours) } else { self.failed.extend(yours) }
        }
    }

    /// Have all roles but these been seen to get on with the reference?
    fn is_only(&self, roles: &BTreeSet<RoleId>) -> bool {
        let mut others = self.roles.difference(roles).peekable();
        others.peek().is_some() && others.all(|role| self.passed.contains(role) && !self.failed.contains(role))
    }
}
