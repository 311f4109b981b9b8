//! `workshop grade report`: a class's results as a table, as a page, and for tools that collect test results.

mod learner;
mod page;

use std::path::{Path, PathBuf};

use colored::Colorize;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;

use self::learner::{check50, for_learners, gradescope};
use self::page::{class_page, learner_page};
use super::class::{Class, Learner};
use super::result::{GradeResult, Outcome, score};
use super::settings::Settings;
use super::submissions::listed;
use crate::cli::GradeReportArgs;
use crate::error::{Error, Result};
use crate::files::{make_folder, replace};
use crate::pattern::counted;
use crate::report::print;

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
    let settings = Settings::of_results(args.settings.as_deref(), &args.results)?;
    let everybody = settings.roster.as_deref().map(listed).transpose()?.unwrap_or_default();
    let class = Class::of(&results, &settings, &everybody);
    let write = |file: &Option<PathBuf>, text: &dyn Fn() -> Result<String>| match file {
        Some(file) => replace(file, text()?.as_bytes()).map(|()| print(&format!("{} is written\n", file.display()))),
        None => Ok(()),
    };
    print(&table(&class));
    write(&args.csv, &|| csv(&class))?;
    write(&args.html, &|| class_page(&class))?;
    write(&args.junit, &|| junit(&class))?;
    // What learners get: a file for each of them, with what the instructor lets them see.
    let theirs: Vec<GradeResult> = results.iter().map(|result| for_learners(result, &settings)).collect();
    let theirs = Class::of(&theirs, &settings, &[]);
    each(args.learners.as_deref(), "html", &theirs, &|learner| learner_page(&theirs, learner))?;
    each(args.gradescope.as_deref(), "json", &theirs, &|learner| json(&gradescope(learner)))?;
    each(args.check50.as_deref(), "json", &theirs, &|learner| json(&check50(learner)))?;
    Ok(true)
}

/// Writes a file for each learner into a folder.
fn each(
    folder: Option<&Path>,
    ending: &str,
    class: &Class<'_>,
    text: &dyn Fn(&Learner<'_>) -> Result<String>,
) -> Result<()> {
    let Some(folder) = folder else { return Ok(()) };
    make_folder(folder)?;
    for learner in &class.learners {
        // A result's folder has this name, so it is one of a file.
        replace(&folder.join(format!("{}.{ending}", learner.folder())), text(learner)?.as_bytes())?;
    }
    print(&format!("{} in {}\n", counted(class.learners.len(), "file"), folder.display()));
    Ok(())
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|error| Error::new("this can't be written as JSON").because(error))
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
        if learner.results.iter().all(Option::is_none) {
            out.push_str(&format!("{}  no submission\n", learner.who.bold()));
            continue;
        }
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

/// A row for each learner and stage: the last attempt counts.
fn csv(class: &Class<'_>) -> Result<String> {
    let wrong = |error: csv::Error| Error::new("the table can't be made").because(error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(["who", "attempt", "stage", "points", "of", "weight", "outcome", "reason", "steady", "seed"])
        .map_err(wrong)?;
    for learner in &class.learners {
        for (stage, (result, weight)) in class.stages.iter().zip(learner.results.iter().zip(&learner.weights)) {
            let mut row = match result {
                Some(result) => of_result(result, *weight),
                None => ["who", "", stage, "", "", &weight.to_string(), "no submission", "", "", ""].map(str::to_owned),
            };
            row[0] = harmless(learner.who);
            writer.write_record(row).map_err(wrong)?;
        }
    }
    let bytes = writer.into_inner().map_err(|error| Error::new("the table can't be made").because(error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn of_result(result: &GradeResult, weight: u32) -> [String; 10] {
    let outcome = match result.outcome {
        Outcome::Graded => "graded",
        Outcome::NotBuilt => "not built",
        Outcome::NotGraded => "not graded",
    };
    [
        String::new(),
        result.attempt.to_string(),
        result.stage.clone(),
        result.points.map(|points| points.to_string()).unwrap_or_default(),
        result.of.to_string(),
        weight.to_string(),
        outcome.to_owned(),
        harmless(result.in_short()),
        result.steady.to_string(),
        result.seed.to_string(),
    ]
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

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(harmless("=cmd()"), "'=cmd()");
        assert_eq!(harmless("ada"), "ada");
    }
}
