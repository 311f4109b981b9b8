//! What a learner gets of their own results: as much as the instructor's settings say, for Gradescope and as check50
//! has it.

use serde::Serialize;

use super::super::class::Learner;
use super::super::result::{GradeResult, Outcome, RuleResult};
use super::super::settings::{Settings, Shown};
use crate::verdict::RuleState;

/// A result as its learner sees it.
pub(super) fn for_learners(result: &GradeResult, settings: &Settings) -> GradeResult {
    let mut theirs = result.clone();
    theirs.runs.retain(|run| !run.hidden);
    if theirs.reason_is_hidden {
        theirs.shown = None;
        if let Some(reason) = &mut theirs.reason {
            "hidden-scenario".clone_into(&mut reason.id);
            "A scenario that is not in your course fails. The rules that are not kept say what it is about."
                .clone_into(&mut reason.say);
        }
    }
    if !settings.shows(Shown::Rules) {
        theirs.rules.clear();
    }
    if !settings.shows(Shown::Reason) {
        theirs.reason = None;
        // Why something could not be graded is not about the submission.
        if theirs.outcome != Outcome::NotGraded {
            theirs.output.clear();
        }
    }
    if !settings.shows(Shown::Run) {
        theirs.shown = None;
    }
    theirs
}

/// A `results.json`, as the specification of Gradescope's autograders has it.
#[derive(Serialize)]
pub(super) struct Gradescope {
    /// Left out where something could not be graded: Gradescope then asks the instructor to look, and no attempt is
    /// lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<u32>,
    output: String,
    execution_time: u64,
    stdout_visibility: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tests: Vec<GradescopeTest>,
}

#[derive(Serialize)]
struct GradescopeTest {
    name: String,
    score: u32,
    max_score: u32,
    status: &'static str,
    output: String,
}

pub(super) fn gradescope(learner: &Learner<'_>) -> Gradescope {
    let (score, _) = learner.total();
    let results = || learner.weighted();
    let test = |result: &GradeResult, weight: u32, rule: &RuleResult| {
        let kept = rule.state == RuleState::Kept;
        GradescopeTest {
            name: format!("{}: {}", result.stage, rule.id),
            score: if kept { rule.worth * weight } else { 0 },
            max_score: rule.worth * weight,
            status: if kept { "passed" } else { "failed" },
            output: rule.say.clone(),
        }
    };
    let tests = results().flat_map(|(result, weight)| result.rules.iter().map(move |rule| test(result, weight, rule)));
    Gradescope {
        score,
        output: results().map(|(result, _)| told(result)).collect::<Vec<_>>().join("\n"),
        execution_time: results().map(|(result, _)| result.ms).sum::<u64>() / 1000,
        stdout_visibility: "hidden",
        tests: if score.is_some() { tests.collect() } else { Vec::new() },
    }
}

/// A result in a few lines.
fn told(result: &GradeResult) -> String {
    let reason = result.reason.as_ref().map_or(result.output.as_str(), |reason| reason.say.as_str());
    format!("{}: {}\n{reason}", result.stage, result.score()).trim_end().to_owned()
}

/// The report of check50, version 3.3: a check for each rule.
#[derive(Serialize)]
pub(super) struct Check50<'r> {
    slug: String,
    results: Vec<Check<'r>>,
    version: &'static str,
}

#[derive(Serialize)]
struct Check<'r> {
    name: String,
    description: &'r str,
    /// Null where it could not be checked.
    passed: Option<bool>,
    log: Vec<String>,
    cause: Option<Cause>,
    data: serde_json::Map<String, serde_json::Value>,
    dependency: Option<String>,
}

#[derive(Serialize)]
struct Cause {
    rationale: String,
    help: Option<String>,
}

pub(super) fn check50<'r>(learner: &Learner<'r>) -> Check50<'r> {
    let stages: Vec<&str> = learner.weighted().map(|(result, _)| result.stage.as_str()).collect();
    let checks = learner.weighted().flat_map(|(result, _)| {
        let whole = check("builds", "The programs build and can be run.", whole(result), result);
        let rules = result.rules.iter().map(|rule| {
            let passed = match (rule.state, result.outcome) {
                (_, Outcome::NotBuilt | Outcome::NotGraded) | (RuleState::Untried, _) => None,
                (state, _) => Some(state == RuleState::Kept),
            };
            let dependency = Some(format!("{}/builds", result.stage));
            Check { dependency, ..check(&rule.id, &rule.say, passed, result) }
        });
        // A stage without rules is one check.
        let passes = result.points.filter(|_| result.outcome == Outcome::Graded).map(|points| points >= result.of);
        let all = check("passes", "Every scenario passes.", passes, result);
        let all = result.rules.is_empty().then_some(all);
        std::iter::once(whole).chain(rules).chain(all).collect::<Vec<_>>()
    });
    Check50 { slug: format!("workshop/{}", stages.join("+")), results: checks.collect(), version: "3.3.0" }
}

/// Was it built?
fn whole(result: &GradeResult) -> Option<bool> {
    match result.outcome {
        Outcome::Graded => Some(true),
        Outcome::NotBuilt => Some(false),
        Outcome::NotGraded => None,
    }
}

fn check<'r>(name: &str, description: &'r str, passed: Option<bool>, result: &GradeResult) -> Check<'r> {
    let rationale = || match passed {
        Some(true) => None,
        Some(false) => Some(told(result)),
        None => Some("this could not be checked".to_owned()),
    };
    Check {
        name: format!("{}/{name}", result.stage),
        description,
        passed,
        log: Vec::new(),
        cause: rationale().map(|rationale| Cause { rationale, help: None }),
        data: serde_json::Map::new(),
        dependency: None,
    }
}
