//! A class, as its results show it: who stands where, and what has not been understood.

use std::collections::BTreeMap;

use super::result::{GradeResult, Outcome};
use super::settings::Settings;
use crate::verdict::RuleState;

/// A class.
pub(super) struct Class<'r> {
    /// The stages that have results, in the order of their names.
    pub(super) stages: Vec<&'r str>,
    /// The learners, in the order of their names.
    pub(super) learners: Vec<Learner<'r>>,
    /// What was not understood, for each stage.
    pub(super) findings: Vec<StageFindings<'r>>,
}

/// A learner.
pub(super) struct Learner<'r> {
    pub(super) who: &'r str,
    /// The last attempt in each stage of the class.
    pub(super) results: Vec<Option<&'r GradeResult>>,
    /// How often the points of each stage count.
    pub(super) weights: Vec<u32>,
}

/// What was not understood of a stage.
pub(super) struct StageFindings<'r> {
    pub(super) stage: &'r str,
    /// How many submissions were graded.
    pub(super) graded: usize,
    /// Reasons with the submissions that failed for them first, the most frequent one first.
    pub(super) reasons: Vec<(&'r str, Vec<&'r GradeResult>)>,
    /// Rules with how many submissions did not keep them, the most frequent one first.
    pub(super) rules: Vec<(&'r str, &'r str, usize)>,
}

impl<'r> Class<'r> {
    /// The class with these results, which are ordered by who, stage and attempt, and with everybody who should have some.
    pub(super) fn of(results: &'r [GradeResult], settings: &Settings, everybody: &'r [String]) -> Class<'r> {
        let mut stages: Vec<&str> = results.iter().map(|result| result.stage.as_str()).collect();
        stages.sort_unstable();
        stages.dedup();
        let mut last: BTreeMap<&str, BTreeMap<&str, &GradeResult>> = BTreeMap::new();
        for result in results {
            last.entry(&result.who).or_default().insert(&result.stage, result);
        }
        for who in everybody {
            last.entry(who).or_default();
        }
        let learners = last.iter().map(|(who, of_stage)| Learner {
            who,
            results: stages.iter().map(|stage| of_stage.get(stage).copied()).collect(),
            weights: stages.iter().map(|stage| settings.weight(stage)).collect(),
        });
        let learners: Vec<Learner<'_>> = learners.collect();
        let findings = stages.iter().enumerate().map(|(column, stage)| {
            StageFindings::of(stage, learners.iter().filter_map(|learner| learner.results[column]))
        });
        Class { findings: findings.collect(), learners, stages }
    }
}

impl<'r> Learner<'r> {
    /// The points in all stages, and the most that there are; none if a stage could not be graded.
    pub(super) fn total(&self) -> (Option<u32>, u32) {
        let points = self.weighted().map(|(result, weight)| Some(result.points? * weight)).sum::<Option<u32>>();
        (points, self.weighted().map(|(result, weight)| result.of * weight).sum())
    }

    /// What a file of theirs is called.
    pub(super) fn folder(&self) -> &'r str {
        self.results.iter().flatten().next().map_or(self.who, |result| &result.folder)
    }

    /// The results that there are, with how often their points count.
    pub(super) fn weighted(&self) -> impl Iterator<Item = (&'r GradeResult, u32)> {
        self.results.iter().zip(&self.weights).filter_map(|(result, weight)| Some(((*result)?, *weight)))
    }
}

impl<'r> StageFindings<'r> {
    fn of(stage: &'r str, results: impl Iterator<Item = &'r GradeResult>) -> StageFindings<'r> {
        let mut graded = 0;
        let mut reasons: BTreeMap<&str, Vec<&GradeResult>> = BTreeMap::new();
        let mut rules: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
        for result in results.filter(|result| result.outcome != Outcome::NotGraded) {
            graded += 1;
            let reason = match (&result.reason, result.outcome) {
                (Some(reason), _) => Some(reason.id.as_str()),
                (None, Outcome::NotBuilt) => Some("does-not-build"),
                (None, _) => None,
            };
            reason.into_iter().for_each(|reason| reasons.entry(reason).or_default().push(result));
            for rule in result.rules.iter().filter(|rule| rule.state == RuleState::Broken) {
                rules.entry(&rule.id).or_insert((&rule.say, 0)).1 += 1;
            }
        }
        let mut reasons: Vec<_> = reasons.into_iter().collect();
        reasons.sort_by_key(|(_, results)| std::cmp::Reverse(results.len()));
        let mut rules: Vec<_> = rules.into_iter().map(|(id, (say, count))| (id, say, count)).collect();
        rules.sort_by_key(|(_, _, count)| std::cmp::Reverse(*count));
        StageFindings { stage, graded, reasons, rules }
    }
}
