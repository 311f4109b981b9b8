//! What the known mistakes of a stage prove about its scenarios, conditions and rules.

use std::collections::BTreeSet;

use super::findings::{CheckItem, Finding};
use crate::course::{Condition, Mistake, Pairing, Party, Scenario, Stage};
use crate::verdict::StageVerdict;

/// Scenarios and rules that have caught a known mistake.
#[derive(Default)]
pub(super) struct Caught {
    /// Scenarios, with the conditions under which they did.
    runs: BTreeSet<(String, Condition)>,
    /// Rules for which a mistake was rejected, each with the only role that the mistaken program played.
    rules: BTreeSet<(String, usize)>,
}

impl Caught {
    /// Records the verdict on a known mistake.
    pub(super) fn note(&mut self, stage: &Stage, mistake: &Mistake, verdict: &StageVerdict) {
        for (run, _) in verdict.failed() {
            self.runs.insert((run.id.scenario.clone(), run.id.condition));
            let scenario = stage.scenario(&run.id.scenario).ok();
            let rule = mistake.breaks.as_ref().filter(|rule| scenario.is_some_and(|s| s.rules.contains(rule)));
            if let (Some(rule), Some(role)) = (rule, alone(&run.id.pairing)) {
                self.rules.insert((rule.clone(), role));
            }
        }
    }

    /// The scenarios, from the first one that caught this mistake on, in which it could prove something that no
    /// mistake has proved yet. That first one is included: it was not continued after its first failure.
    pub(super) fn open(&self, stage: &Stage, mistake: &Mistake, verdict: &StageVerdict) -> Vec<String> {
        let first =
            verdict.failed().filter_map(|(run, _)| stage.scenarios.iter().position(|s| s.name == run.id.scenario));
        let Some(first) = first.min() else { return Vec::new() };
        let has_caught = |scenario: &str| self.runs.iter().any(|(name, _)| name == scenario);
        let is_idle = |condition: &Condition| !self.runs.iter().any(|(_, other)| other == condition);
        let broken = stage.rules.iter().find(|rule| Some(&rule.id) == mistake.breaks.as_ref());
        let untested =
            broken.filter(|rule| rule.binds.iter().any(|role| !self.rules.contains(&(rule.id.clone(), *role))));
        let open = |scenario: &&Scenario| {
            !has_caught(&scenario.name)
                || scenario.conditions.iter().any(is_idle)
                || untested.is_some_and(|rule| scenario.rules.contains(&rule.id))
        };
        stage.scenarios[first..].iter().filter(open).map(|scenario| scenario.name.clone()).collect()
    }

    /// Scenarios and conditions that catch no mistake.
    pub(super) fn idle(&self, stage: &Stage) -> Finding {
        let scenarios = stage
            .scenarios
            .iter()
            .filter(|scenario| !self.runs.iter().any(|(name, _)| *name == scenario.name))
            .map(|scenario| format!("scenario {}", scenario.name));
        let used: BTreeSet<Condition> =
            stage.scenarios.iter().flat_map(|scenario| scenario.conditions.iter().copied()).collect();
        let conditions = used
            .iter()
            .filter(|condition| !self.runs.iter().any(|(_, other)| other == *condition))
            .map(|condition| format!("condition {}", condition.name()));
        let idle: Vec<String> = scenarios.chain(conditions).collect();
        if idle.is_empty() {
            Finding::good(CheckItem::Strictness, "every scenario and condition catches a mistake".to_owned())
        } else {
            Finding::note(CheckItem::Strictness, format!("catch no known mistake: {}", idle.join(", ")))
        }
    }

    /// Rules without a test, scenarios and mistakes without a rule; `None` for a stage without rules.
    pub(super) fn untested(&self, stage: &Stage) -> Option<Finding> {
        if stage.rules.is_empty() {
            return None;
        }
        let mut lacking: Vec<String> = Vec::new();
        for rule in &stage.rules {
            let tested = |role: &&usize| self.rules.contains(&(rule.id.clone(), **role));
            let untested: Vec<&str> =
                rule.binds.iter().filter(|role| !tested(role)).map(|role| stage.roles[*role].name.as_str()).collect();
            if !untested.is_empty() {
                lacking.push(format!("no mistake shows that {} is tested in {}", rule.id, untested.join(", ")));
            }
        }
        let scenarios = stage.scenarios.iter().filter(|scenario| scenario.rules.is_empty());
        lacking.extend(scenarios.map(|scenario| format!("scenario {} tests no rule", scenario.name)));
        let mistakes = stage.mistakes.iter().filter(|mistake| mistake.breaks.is_none());
        lacking.extend(mistakes.map(|mistake| format!("mistake {} breaks no rule", mistake.name)));
        if lacking.is_empty() {
            let text = match stage.rules.len() {
                1 => "the one rule is tested in every role that it binds".to_owned(),
                count => format!("each of {count} rules is tested in every role that it binds"),
            };
            return Some(Finding::good(CheckItem::Rules, text));
        }
        Some(Finding::note(CheckItem::Rules, lacking.join("; ")))
    }
}

/// The learner's role, if there is only one.
fn alone(pairing: &Pairing) -> Option<usize> {
    let mut yours = (0..pairing.0.len()).filter(|role| pairing.0[*role] == Some(Party::You));
    yours.next().filter(|_| yours.next().is_none())
}
