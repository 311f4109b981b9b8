//! The pages: of a class, and of a learner, from one template.

use serde::Serialize;

use super::said;
use crate::error::{Error, Result};
use crate::grade::class::{Class, Learner, StageFindings};
use crate::grade::result::{GradeResult, RuleResult, score};
use crate::pattern::counted;
use crate::report::trace::{RunView, STYLE, engine, show};
use crate::verdict::RuleState;

/// What stands on a page.
#[derive(Serialize)]
struct ClassPage<'r> {
    title: String,
    style: &'static str,
    /// Not only of one learner.
    of_class: bool,
    stages: &'r [&'r str],
    learners: Vec<LearnerView<'r>>,
    findings: Vec<FindingView<'r>>,
}

#[derive(Serialize)]
struct LearnerView<'r> {
    number: usize,
    who: &'r str,
    total: String,
    cells: Vec<CellView<'r>>,
}

/// A result on the page.
#[derive(Serialize, Default)]
struct CellView<'r> {
    there: bool,
    stage: &'r str,
    points: String,
    said: String,
    say: String,
    rules: Vec<RuleView<'r>>,
    output: String,
    made_with: String,
    has_run: bool,
    run: Option<RunView<'r>>,
}

#[derive(Serialize)]
struct RuleView<'r> {
    mark: &'static str,
    id: &'r str,
    say: &'r str,
    points: String,
    count: usize,
    width: usize,
}

#[derive(Serialize)]
struct ReasonView<'r> {
    id: &'r str,
    say: String,
    who: String,
    count: usize,
    width: usize,
}

#[derive(Serialize)]
struct FindingView<'r> {
    stage: &'r str,
    graded: usize,
    reasons: Vec<ReasonView<'r>>,
    rules: Vec<RuleView<'r>>,
    /// Nothing is left to be understood.
    all_good: bool,
    has_run: bool,
    run_of: &'r str,
    run: Option<RunView<'r>>,
}

/// The page of a class, for its instructor.
pub(super) fn class_page(class: &Class<'_>) -> Result<String> {
    let learners = class.learners.iter().enumerate();
    render(&ClassPage {
        title: format!("{}, {}", counted(class.learners.len(), "learner"), counted(class.stages.len(), "stage")),
        style: STYLE,
        of_class: true,
        stages: &class.stages,
        learners: learners.map(|(number, learner)| learner_view(class, number, learner)).collect(),
        findings: class.findings.iter().map(finding_view).collect(),
    })
}

/// The page of a learner.
pub(super) fn learner_page(class: &Class<'_>, learner: &Learner<'_>) -> Result<String> {
    let learner = learner_view(class, 0, learner);
    render(&ClassPage {
        title: format!("{}: {}", learner.who, learner.total),
        style: STYLE,
        of_class: false,
        stages: &class.stages,
        learners: vec![learner],
        findings: Vec::new(),
    })
}

fn render(view: &ClassPage<'_>) -> Result<String> {
    let page = engine().and_then(|engine| {
        let template = engine.compile(include_str!("class.html"))?;
        template.render(&engine, view).to_string()
    });
    page.map_err(|error| Error::new("the page can't be made").because(format!("{error:#}")))
}

fn learner_view<'r>(class: &Class<'r>, number: usize, learner: &Learner<'r>) -> LearnerView<'r> {
    let (points, most) = learner.total();
    let cells = class.stages.iter().zip(&learner.results).map(|(stage, result)| match result {
        Some(result) => cell(stage, result),
        None => CellView { stage, said: "no submission".to_owned(), ..CellView::default() },
    });
    LearnerView { number: number + 1, who: learner.who, total: score(points, most), cells: cells.collect() }
}

fn cell<'r>(stage: &'r str, result: &'r GradeResult) -> CellView<'r> {
    let rule = |rule: &'r RuleResult| RuleView {
        mark: if rule.state == RuleState::Kept { "✓" } else { "✗" },
        id: &rule.id,
        say: &rule.say,
        points: match rule.state {
            RuleState::Kept => counted(rule.worth as usize, "point"),
            RuleState::Broken => "broken".to_owned(),
            RuleState::Untried => "not fully tested".to_owned(),
        },
        count: 0,
        width: 0,
    };
    let made = &result.made_with;
    CellView {
        there: true,
        stage,
        points: result.score(),
        said: said(result),
        say: result.reason.as_ref().map_or_else(String::new, |reason| reason.say.clone()),
        rules: result.rules.iter().map(rule).collect(),
        output: result.output.clone(),
        made_with: format!(
            "Made with workshop {}, course {}, seed {}, each run {}, isolation: {}.",
            made.runner,
            made.course,
            result.seed,
            counted(made.repeat as usize, "time"),
            made.isolation
        ),
        has_run: result.shown.is_some(),
        run: result.shown.as_ref().map(|trace| show(1, trace)),
    }
}

/// The width of a bar, in pixels.
fn width(count: usize, of: usize) -> usize {
    160 * count / of.max(1)
}

fn finding_view<'r>(finding: &StageFindings<'r>) -> FindingView<'r> {
    let common = finding.reasons.iter().flat_map(|(_, results)| results).find(|result| result.shown.is_some());
    FindingView {
        stage: finding.stage,
        graded: finding.graded,
        reasons: finding
            .reasons
            .iter()
            .map(|(id, results)| ReasonView {
                id,
                say: results.iter().find_map(|result| Some(result.reason.as_ref()?.say.clone())).unwrap_or_default(),
                who: results.iter().map(|result| result.who.as_str()).collect::<Vec<_>>().join(", "),
                count: results.len(),
                width: width(results.len(), finding.graded),
            })
            .collect(),
        rules: finding
            .rules
            .iter()
            .map(|(id, say, count)| RuleView {
                mark: "✗",
                id,
                say,
                points: String::new(),
                count: *count,
                width: width(*count, finding.graded),
            })
            .collect(),
        all_good: finding.reasons.is_empty() && finding.rules.is_empty(),
        has_run: common.is_some(),
        run_of: common.map_or("", |result| &result.who),
        run: common.and_then(|result| result.shown.as_ref()).map(|trace| show(1, trace)),
    }
}
