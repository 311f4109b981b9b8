//! Shows what a check has found: as tables, as JSON lines, as JUnit XML.

use std::time::Duration;

use colored::Colorize;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::json;

use super::findings::{Check, Checked, Row};
use crate::report::{Format, print, width, wrap};

/// The version of the JSON lines: raised when something is changed or removed, not when something
/// is added. docs/json.md describes them.
const VERSION: u32 = 1;

/// Shows each stage as soon as it is checked, and all of them at the end.
pub struct Tables {
    format: Format,
    checked: Vec<Checked>,
}

impl Tables {
    /// Nothing is checked yet.
    pub fn new(format: Format) -> Tables {
        Tables { format, checked: Vec::new() }
    }

    /// A stage is checked in a track.
    pub fn add(&mut self, checked: Checked) {
        match self.format {
            Format::Text => print(&table(&checked)),
            Format::Json => checked.rows.iter().for_each(|row| print(&line(&checked, row))),
            Format::Junit => {}
        }
        self.checked.push(checked);
    }

    /// All stages are checked; false when a rule is broken.
    pub fn over(&self) -> bool {
        let good = self.checked.iter().all(Checked::good);
        match self.format {
            Format::Text if self.checked.len() > 1 => print(&summary(&self.checked)),
            Format::Text => {}
            Format::Json => print(&format!("{}\n", json!({"event": "over", "version": VERSION, "passed": good}))),
            Format::Junit => print(&junit(&self.checked)),
        }
        good
    }
}

/// The table of a stage.
fn table(checked: &Checked) -> String {
    let mut out = format!("{}\n", checked.title().bold());
    let room = checked.rows.iter().map(|row| row.check.to_string().chars().count()).max().unwrap_or(0);
    for row in &checked.rows {
        let mark = match (row.good, row.note) {
            (false, _) => "✗".red().bold(),
            (true, true) => "!".yellow().bold(),
            (true, false) => "✓".green(),
        };
        let took = row.took.map(seconds).unwrap_or_default();
        let indent = " ".repeat(room + 14);
        // What follows the first line is of a tool, or of a patch: it stays as it is.
        let (first, rest) = row.text.split_once('\n').unwrap_or((&row.text, ""));
        let text = wrap(first, width().max(60), &indent);
        out.push_str(&format!("{mark} {:room$}  {took:>8}  {}", row.check.to_string(), text.trim_start()));
        rest.lines().for_each(|line| out.push_str(&format!("    {line}\n")));
    }
    out + &format!("  in {}; each time above is that of one repeat\n", seconds(checked.took)).dimmed().to_string()
}

/// A line for each stage.
fn summary(all: &[Checked]) -> String {
    let all: Vec<&Checked> = all.iter().filter(|checked| checked.track.is_some()).collect();
    let room = all.iter().map(|checked| checked.title().chars().count()).max().unwrap_or(0);
    let mut out = format!("{}\n", "All stages".bold());
    for checked in all {
        let mistakes = || checked.rows.iter().filter(|row| matches!(row.check, Check::Mistake(_)));
        let caught = mistakes().filter(|row| row.good).count();
        let broken: Vec<String> =
            checked.rows.iter().filter(|row| !row.good).map(|row| row.check.to_string()).collect();
        let mut text = match mistakes().count() {
            0 => "no known mistakes".to_owned(),
            known => format!("{caught} of {known} mistakes rejected and explained"),
        };
        if !broken.is_empty() {
            text.push_str(&format!("; broken: {}", broken.join(", ")));
        }
        let mark = if broken.is_empty() { "✓".green() } else { "✗".red().bold() };
        let text = wrap(&text, width().max(60), &" ".repeat(room + 14));
        out.push_str(&format!("{mark} {:room$}  {:>8}  {}", checked.title(), seconds(checked.took), text.trim_start()));
    }
    out
}

fn line(checked: &Checked, row: &Row) -> String {
    let mut value = json!(row.check);
    value["event"] = json!("rule");
    value["version"] = json!(VERSION);
    value["stage"] = json!(checked.stage);
    value["track"] = json!(checked.track);
    value["good"] = json!(row.good);
    value["note"] = json!(row.note);
    value["text"] = json!(row.text);
    value["ms"] = json!(row.took.map(|took| took.as_millis()));
    format!("{value}\n")
}

fn junit(all: &[Checked]) -> String {
    let mut report = Report::new("workshop author check");
    report.add_test_suites(all.iter().map(|checked| {
        let mut suite = TestSuite::new(checked.title());
        suite.set_time(checked.took);
        suite.add_test_cases(checked.rows.iter().map(|row| {
            let mut case = TestCase::new(row.check.to_string(), status(row));
            case.set_classname(checked.stage.as_str()).set_time(row.took.unwrap_or_default());
            // What is worth a look breaks no rule: it is told beside the result.
            case.set_system_out(row.text.as_str());
            case
        }));
        suite
    }));
    report.to_string().unwrap_or_default()
}

fn status(row: &Row) -> TestCaseStatus {
    if row.good {
        return TestCaseStatus::success();
    }
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(row.text.as_str());
    status
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
