//! What no single run shows: your programs understand each other, but not the reference.

use std::collections::{BTreeMap, BTreeSet};

use crate::course::{FACTS, OF_SEVERAL_RUNS, Pairing, Party};
use crate::transcript::RoleId;
use crate::verdict::{Failed, Outcome, Run};

/// When the learner's programs pass a scenario with each other over every link, and one of them fails it with the
/// reference, that is the reason, unless there is a more telling one: they agree with each other, but not with the
/// protocol. Where all the other programs pass with the reference, only the one is wrong, and that they pass together
/// is chance.
pub fn compare_pairings(runs: &mut [Run]) {
    /// What such a mistake looks like from inside one run.
    const LOOKS_LIKE: [&str; 5] = ["waits-in-turn", "lost-bytes", "nothing-sent", "wrong-line", "exited-early"];
    let rank = |id: &str| FACTS.iter().position(|fact| *fact == id).unwrap_or(0);
    let story = |run: &Run| (run.id.scenario.clone(), run.id.repeat);
    let mut stories: BTreeMap<_, ScenarioResults> = BTreeMap::new();
    runs.iter().for_each(|run| stories.entry(story(run)).or_default().add(run));
    for run in runs {
        let told = &stories[&story(run)];
        let roles = yours(&run.id.pairing);
        let Outcome::Failed(Failed { because, .. }) = &mut run.outcome else { continue };
        let vague = rank(&because.id) > rank(OF_SEVERAL_RUNS) || LOOKS_LIKE.contains(&because.id.as_str());
        if vague && told.passes_alone == Some(true) && !told.is_only(&roles) {
            let seen = std::mem::take(&mut because.say);
            because.id = OF_SEVERAL_RUNS.to_owned();
            because.say = format!(
                "Your two programs understand each other, but not the reference: with you on both sides this scenario \
                 passes. Both make the same mistake, so it cancels out. Compare what goes over the wire below with \
                 what the lesson says about the protocol. (Here: {seen})"
            );
        }
    }
}

/// The roles that the learner's programs play.
fn yours(pairing: &Pairing) -> BTreeSet<RoleId> {
    (0..pairing.0.len()).filter(|role| pairing.0[*role] == Some(Party::You)).collect()
}

/// The results of one scenario in one repeat, over all pairings and links.
#[derive(Default)]
struct ScenarioResults {
    /// Have all runs without the reference passed? `None` where there are none.
    passes_alone: Option<bool>,
    /// The learner's roles, where no role is the reference's.
    roles: BTreeSet<RoleId>,
    /// Have all runs passed in which only this role is the learner's?
    gets_on: BTreeMap<RoleId, bool>,
}

impl ScenarioResults {
    fn add(&mut self, run: &Run) {
        let yours = yours(&run.id.pairing);
        if !run.id.pairing.0.contains(&Some(Party::Reference)) {
            self.passes_alone = Some(self.passes_alone.unwrap_or(true) && run.passed());
            self.roles.extend(yours);
        } else if let (Some(role), 1) = (yours.first(), yours.len()) {
            *self.gets_on.entry(*role).or_insert(true) &= run.passed();
        }
    }

    /// Have all roles but these passed with the reference?
    fn is_only(&self, roles: &BTreeSet<RoleId>) -> bool {
        let mut others = self.roles.difference(roles).peekable();
        others.peek().is_some() && others.all(|role| self.gets_on.get(role) == Some(&true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::Condition;
    use crate::evidence::Evidence;
    use crate::verdict::{Explanation, Failure, RunId};

    /// A run of two roles: who plays each (`you`, `reference` or `stage`), and the reason if it fails.
    fn run(players: [Party; 2], reason: Option<&str>) -> Run {
        let because = |id: &str| Explanation { id: id.to_owned(), say: "This was seen.".to_owned(), place: None };
        let failed = |id| Failed { how: Failure::Stuck, awaited: Vec::new(), phase: 0, because: because(id) };
        Run {
            id: RunId {
                scenario: "meeting".to_owned(),
                pairing: Pairing(players.map(Some).to_vec()),
                condition: Condition::Clear,
                which: None,
                repeat: 0,
                seed: 1,
            },
            outcome: reason.map_or(Outcome::Passed, |id| Outcome::Failed(failed(id))),
            evidence: Evidence::default(),
            captures: Vec::new(),
        }
    }

    const BOTH: [Party; 2] = [Party::You, Party::You];
    const FIRST: [Party; 2] = [Party::You, Party::Reference];
    const SECOND: [Party; 2] = [Party::Reference, Party::You];

    /// The reasons of the failed ones among some runs, after they were compared.
    fn compared(mut runs: Vec<Run>) -> Vec<String> {
        compare_pairings(&mut runs);
        runs.iter().filter_map(Run::failure).map(|failed| failed.because.id.clone()).collect()
    }

    #[test]
    fn both_fail_with_the_reference_and_not_with_each_other() {
        let runs = [run(BOTH, None), run(FIRST, Some("wrong-line")), run(SECOND, Some("missing-line"))];
        assert_eq!(compared(runs.to_vec()), [OF_SEVERAL_RUNS, OF_SEVERAL_RUNS]);
        // The other one was not played: it may be wrong as well.
        assert_eq!(compared(runs[..2].to_vec()), [OF_SEVERAL_RUNS]);
    }

    #[test]
    fn one_of_them_is_wrong_and_the_other_is_not() {
        let runs = [run(BOTH, None), run(FIRST, None), run(SECOND, Some("wrong-line"))];
        assert_eq!(compared(runs.to_vec()), ["wrong-line"]);
        // Once is enough to see that the first one does not get on, either.
        let again = [&runs[..], &[run(FIRST, Some("wrong-line"))]].concat();
        assert_eq!(compared(again), [OF_SEVERAL_RUNS, OF_SEVERAL_RUNS]);
    }

    #[test]
    fn they_fail_with_each_other_too_or_something_more_telling_was_seen() {
        let runs = [run(BOTH, Some("wrong-line")), run(FIRST, Some("wrong-line")), run(SECOND, Some("wrong-line"))];
        assert_eq!(compared(runs.to_vec()), ["wrong-line"; 3]);
        let runs = [run(BOTH, None), run(FIRST, Some("letter-case")), run(SECOND, Some("panicked"))];
        assert_eq!(compared(runs.to_vec()), ["letter-case", "panicked"]);
        // No run shows that they pass with each other.
        assert_eq!(compared(vec![run(FIRST, Some("wrong-line")), run(SECOND, Some("wrong-line"))]), ["wrong-line"; 2]);
    }
}
