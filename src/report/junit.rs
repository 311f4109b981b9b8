//! JUnit XML, for tools that collect test results: a suite a stage, a case a run.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::print;
use crate::course::Stage;
use crate::event::{Event, Reporter};
use crate::verdict::{Outcome, StageVerdict};

/// Collects verdicts and prints them at the end.
#[derive(Default)]
pub struct JunitReporter {
    suites: Vec<TestSuite>,
}

impl Reporter for JunitReporter {
    fn tell(&mut self, event: &Event<'_>) {
        match event {
            Event::StageOver { stage, verdict } => self.suites.push(suite(stage, verdict)),
            Event::NotBuilt { stage, output, .. } => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
                status.set_message("does not build").set_description(*output);
                let mut suite = TestSuite::new(*stage);
                suite.add_test_case(TestCase::new("build", status));
                self.suites.push(suite);
            }
            Event::Over { .. } => {
                let mut report = Report::new("workshop");
                report.add_test_suites(std::mem::take(&mut self.suites));
                if let Ok(xml) = report.to_string() {
                    print(&xml);
                }
            }
            _ => {}
        }
    }
}

fn suite(stage: &Stage, verdict: &StageVerdict) -> TestSuite {
    let mut suite = TestSuite::new(verdict.stage.as_str());
    suite.set_time(verdict.took);
    for (rule, kept) in verdict.rules(stage) {
        suite.add_property((format!("rule {}", rule.id).as_str(), kept.name()));
    }
    for run in &verdict.runs {
        let status = match &run.outcome {
            Outcome::Passed => TestCaseStatus::success(),
            Outcome::NotRun(failure) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
                status.set_type(failure.id.as_str()).set_message(format!("{} {}", failure.say, failure.help));
                status
            }
            Outcome::Failed(failed) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_type(failed.because.id.as_str()).set_message(failed.because.say.as_str());
                status
            }
        };
        let name = if run.id.repeat == 0 { run.id.to_string() } else { format!("{} #{}", run.id, run.id.repeat) };
        let mut case = TestCase::new(name, status);
        case.set_classname(verdict.stage.as_str()).set_time(run.evidence.took);
        suite.add_test_case(case);
    }
    suite
}
