//! `workshop grade report`: a class's results as a table, as a page, and for tools that collect test results.

use std::path::PathBuf;

use colored::Colorize;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;

use super::class::{Class, Learner, StageFindings};
use super::result::{GradeResult, Outcome, score};
use crate::cli::GradeReportArgs;
use crate::error::{Error, Result};
use crate::files::replace;
use crate::pattern::counted;
use crate::report::print;
use crate::report::trace::{RunView, STYLE, engine, show};
use crate::verdict::RuleState;

/// Reports the results in a folder.
///
/// # Errors
/// There are none, or a report can't be written.
pub fn report(args: &GradeReportArgs) -> Result<bool> {
    let results = GradeResult::all(&args.results)?;
    if results.is_empty() {
        return Err(Error::new(format!("{} has no results", args.results.display()))
            .help("`workshop grade FOLDER --stage NAME --out RESULTS` makes some"));
    }
    let class = Class::of(&results);
    let write = |file: &Option<PathBuf>, text: &dyn Fn() -> Result<String>| match file {
        Some(file) => replace(file, text()?.as_bytes()).map(|()| print(&format!("{} is written\n", file.display()))),
        None => Ok(()),
    };
    print(&table(&class));
    write(&args.csv, &|| csv(&results))?;
    write(&args.html, &|| page(&class))?;
    write(&args.junit, &|| junit(&class))?;
    Ok(true)
}

/// What a result came to, in a few words.
fn said(result: &GradeResult) -> String {
    let mut said = result.in_short().to_owned();
    if !result.steady {
        said.push_str(" (repeats differ: look at it yourself)");
    }
    if result.attempt > 1 {
        said.push_str(&format!(" (attempt {})", result.attempt));
    }
    said.trim().to_owned()
}

/// For a terminal: who stands where, and the most frequent reasons.
fn table(class: &Class<'_>) -> String {
    let mut out = String::new();
    for learner in &class.learners {
        let (points, most) = learner.total();
        out.push_str(&format!("{}  {}\n", learner.who.bold(), score(points, most)));
        for (stage, result) in class.stages.iter().zip(&learner.results) {
            match result {
                Some(result) => {
                    let line = format!("  {stage}  {}  {}", result.score(), said(result));
                    out.push_str(&format!("{}\n", line.trim_end()));
                }
                None => out.push_str(&format!("  {stage}  no submission\n")),
            }
        }
    }
    for finding in &class.findings {
        out.push_str(&format!("{}\n", format!("{}: {} graded", finding.stage, finding.graded).bold()));
        for (reason, results) in &finding.reasons {
            out.push_str(&format!("  {}  {reason}\n", results.len()));
        }
    }
    out
}

/// A row for each result.
fn csv(results: &[GradeResult]) -> Result<String> {
    let wrong = |error: csv::Error| Error::new("the table can't be made").because(error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(["who", "attempt", "stage", "points", "of", "outcome", "reason", "steady", "seed"])
        .map_err(wrong)?;
    for result in results {
        let outcome = match result.outcome {
            Outcome::Graded => "graded",
            Outcome::NotBuilt => "not built",
            Outcome::NotGraded => "not graded",
        };
        writer
            .write_record([
                harmless(&result.who),
                result.attempt.to_string(),
                result.stage.clone(),
                result.points.map(|points| points.to_string()).unwrap_or_default(),
                result.of.to_string(),
                outcome.to_owned(),
                harmless(&result.reason.as_ref().map_or_else(String::new, |reason| reason.id.clone())),
                result.steady.to_string(),
                result.seed.to_string(),
            ])
            .map_err(wrong)?;
    }
    let bytes = writer.into_inner().map_err(|error| Error::new("the table can't be made").because(error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A spreadsheet takes a cell that begins with one of these for a formula.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

fn junit(class: &Class<'_>) -> Result<String> {
    let mut report = Report::new("workshop grade");
    for (column, stage) in class.stages.iter().enumerate() {
        let mut suite = TestSuite::new(*stage);
        for learner in &class.learners {
            let Some(result) = learner.results[column] else { continue };
            let mut status = match result.outcome {
                Outcome::NotGraded => TestCaseStatus::non_success(NonSuccessKind::Error),
                _ if result.points.is_some_and(|points| points >= result.of) => TestCaseStatus::success(),
                _ => TestCaseStatus::non_success(NonSuccessKind::Failure),
            };
            let why = result.reason.as_ref().map_or_else(|| result.output.clone(), |reason| reason.say.clone());
            status.set_message(format!("{}: {why}", result.score()));
            let mut case = TestCase::new(learner.who, status);
            case.set_classname(*stage).set_time(std::time::Duration::from_millis(result.ms));
            suite.add_test_case(case);
        }
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| Error::new("the report can't be written as XML").because(error))
}

/// The page of a class.
#[derive(Serialize)]
struct ClassPage<'r> {
    count: String,
    style: &'static str,
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
    has_run: bool,
    run_of: &'r str,
    run: Option<RunView<'r>>,
}

fn page(class: &Class<'_>) -> Result<String> {
    let view = ClassPage {
        count: format!("{}, {}", counted(class.learners.len(), "learner"), counted(class.stages.len(), "stage")),
        style: STYLE,
        stages: &class.stages,
        learners: class
            .learners
            .iter()
            .enumerate()
            .map(|(number, learner)| learner_view(class, number, learner))
            .collect(),
        findings: class.findings.iter().map(finding_view).collect(),
    };
    let page = engine().and_then(|engine| {
        let template = engine.compile(include_str!("class.html"))?;
        template.render(&engine, &view).to_string()
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
    let rule = |rule: &'r super::result::RuleResult| RuleView {
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
        has_run: common.is_some(),
        run_of: common.map_or("", |result| &result.who),
        run: common.and_then(|result| result.shown.as_ref()).map(|trace| show(1, trace)),
    }
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(harmless("=cmd()"), "'=cmd()");
        assert_eq!(harmless("ada"), "ada");
    }
}
