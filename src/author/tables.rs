//! Shows the findings of a check: as tables, as JSON lines, as JUnit XML.

use std::time::Duration;

use colored::Colorize;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::findings::{CheckItem, Checked, Finding};
use crate::report::{EventLine, Format, JsonLine, OverLine, RuleLine, json_line, millis, print, width, wrap};

/// Shows each finding at once, and a summary of all stages at the end.
pub struct Tables {
    format: Format,
    checked: Vec<Checked>,
    /// The width of the column that says what was checked, in characters.
    room: usize,
}

impl Tables {
    /// Begins without findings.
    pub fn new(format: Format) -> Tables {
        Tables { format, checked: Vec::new(), room: 0 }
    }

    /// Begins the checks of a stage in a track, or of the course itself.
    pub fn begin(&mut self, stage: &str, track: Option<&str>, checks: &[CheckItem]) {
        let checked = Checked {
            stage: stage.to_owned(),
            track: track.map(str::to_owned),
            rows: Vec::new(),
            took: Duration::ZERO,
        };
        self.room = checks.iter().map(|check| check.to_string().chars().count()).max().unwrap_or(0);
        if self.format == Format::Text {
            print(&format!("{}\n", checked.title().bold()));
        }
        self.checked.push(checked);
    }

    /// Adds and shows a finding.
    pub fn add(&mut self, row: Finding) {
        let Some(checked) = self.checked.last_mut() else { return };
        match self.format {
            Format::Text => print(&text(&row, self.room)),
            Format::Json => print(&line(checked, &row)),
            Format::Junit => {}
        }
        checked.rows.push(row);
    }

    /// Ends the checks of a stage, with the time that they took.
    pub fn end(&mut self, took: Duration) {
        let Some(checked) = self.checked.last_mut() else { return };
        checked.took = took;
        if self.format == Format::Text {
            let line = format!("  in {}; each time above is that of one repeat\n", seconds(took));
            print(&line.dimmed().to_string());
        }
    }

    /// Ends all checks; false when a requirement is not met.
    pub fn over(&self) -> bool {
        let good = self.checked.iter().all(Checked::good);
        match self.format {
            Format::Text if self.checked.len() > 1 => print(&summary(&self.checked)),
            Format::Text => {}
            Format::Json => print(&json_line(&JsonLine::from(EventLine::Over(OverLine { passed: good })))),
            Format::Junit => print(&junit(&self.checked)),
        }
        good
    }
}

/// A row of the table of a stage.
fn text(row: &Finding, room: usize) -> String {
    let mark = match (row.good, row.note) {
        (false, _) => "✗".red().bold(),
        (true, true) => "!".yellow().bold(),
        (true, false) => "✓".green(),
    };
    let took = row.took.map(seconds).unwrap_or_default();
    let indent = " ".repeat(room + 14);
    // Further lines come from a tool or a patch, and stay as they are.
    let (first, rest) = row.text.split_once('\n').unwrap_or((&row.text, ""));
    let text = wrap(first, width().max(60), &indent);
    let mut out = format!("{mark} {:room$}  {took:>8}  {}", row.check.to_string(), text.trim_start());
    rest.lines().for_each(|line| out.push_str(&format!("    {line}\n")));
    out
}

/// A line for each stage.
fn summary(all: &[Checked]) -> String {
    let all: Vec<&Checked> = all.iter().filter(|checked| checked.track.is_some()).collect();
    let room = all.iter().map(|checked| checked.title().chars().count()).max().unwrap_or(0);
    let mut out = format!("{}\n", "All stages".bold());
    for checked in all {
        let mistakes = || checked.rows.iter().filter(|row| matches!(row.check, CheckItem::Mistake(_)));
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

fn line(checked: &Checked, row: &Finding) -> String {
    let (rule, name) = row.check.name();
    json_line(&JsonLine::from(EventLine::Rule(RuleLine {
        rule,
        name,
        stage: &checked.stage,
        track: checked.track.as_deref(),
        good: row.good,
        note: row.note,
        text: &row.text,
        ms: row.took.map(millis),
    })))
}

fn junit(all: &[Checked]) -> String {
    let mut report = Report::new("workshop author check");
    report.add_test_suites(all.iter().map(|checked| {
        let mut suite = TestSuite::new(checked.title());
        suite.set_time(checked.took);
        suite.add_test_cases(checked.rows.iter().map(|row| {
            let mut case = TestCase::new(row.check.to_string(), status(row));
            case.set_classname(checked.stage.as_str()).set_time(row.took.unwrap_or_default());
            // A note is no failure: it goes into the output.
            case.set_system_out(row.text.as_str());
            case
        }));
        suite
    }));
    report.to_string().unwrap_or_default()
}

fn status(row: &Finding) -> TestCaseStatus {
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
