//! One event a line, for other programs. The format is documented in docs/json.md.

use serde_json::{Value, json};

use super::print;
use crate::course::{Party, Stage};
use crate::event::{Event, Reporter};
use crate::verdict::{Outcome, Run};

/// The version of the format: raised when something is changed or removed, not when something
/// is added.
const VERSION: u32 = 1;

/// Prints events as JSON lines.
pub struct Json;

impl Reporter for Json {
    fn tell(&mut self, event: &Event<'_>) {
        for value in values(event) {
            print(&json_line(&value));
        }
    }
}

/// A value on one line. Many programs take these characters for the end of a line, too, where they stand as they
/// are.
pub fn json_line(value: &Value) -> String {
    let text = value.to_string();
    format!("{}\n", text.replace('\u{85}', "\\u0085").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029"))
}

fn values(event: &Event<'_>) -> Vec<Value> {
    match event {
        Event::Verifying { stage, seed, runs } => vec![
            json!({"event": "verify", "version": VERSION, "runner": env!("CARGO_PKG_VERSION"), "stage": stage.name, "seed": seed, "runs": runs}),
        ],
        Event::Built { stage, party, took } => {
            vec![
                json!({"event": "built", "version": VERSION, "stage": stage, "party": party.name(), "fresh": took.is_none(), "ms": took.map_or(0, |took| took.as_millis())}),
            ]
        }
        Event::NotBuilt { stage, party, output } => vec![
            json!({"event": "not-built", "version": VERSION, "stage": stage, "party": party.name(), "output": output}),
        ],
        Event::StageOver { stage, verdict } => {
            let mut values: Vec<Value> = verdict.runs.iter().map(|run| self::run(stage, run)).collect();
            let rules = verdict.rules(stage);
            let rules: Vec<Value> = rules
                .iter()
                .map(|(rule, state)| json!({"id": rule.id, "say": rule.say, "lesson": rule.lesson, "state": state}))
                .collect();
            let reason = verdict.shown().map(|(_, failed)| &failed.because);
            values.push(json!({
                "event": "stage", "version": VERSION, "stage": stage.name, "passed": verdict.passed(),
                "runs": verdict.runs.len(), "failed": verdict.failed().count(), "unplayed": verdict.unplayed().count(), "left_out": verdict.left_out, "ms": verdict.took.as_millis(), "reason": reason, "rules": rules,
                "processor_ms": verdict.processor.map(|(runner, peers)| json!({"runner": runner.as_millis(), "peers": peers.as_millis()})),
            }));
            values
        }
        Event::Over { passed } => vec![json!({"event": "over", "version": VERSION, "passed": passed})],
        Event::Turn { .. }
        | Event::Waiting(_)
        | Event::Building { .. }
        | Event::BuildLine(_)
        | Event::RunOver { .. } => Vec::new(),
    }
}

fn run(stage: &Stage, run: &Run) -> Value {
    let lanes: Vec<Value> = run
        .evidence
        .lanes
        .iter()
        .map(|lane| {
            let lines: Vec<String> = lane.lines.iter().map(|line| String::from_utf8_lossy(&line.bytes).into_owned()).collect();
            json!({"role": lane.role, "party": lane.party.name(), "lines": lines, "unended": String::from_utf8_lossy(&lane.unended), "ending": lane.ending, "stderr": String::from_utf8_lossy(&lane.stderr)})
        })
        .collect();
    let mut value = json!({
        "event": "run", "version": VERSION, "stage": stage.name, "scenario": run.id.scenario, "pairing": run.id.pairing.0.iter().flatten().copied().map(Party::name).collect::<Vec<_>>(),
        "condition": run.id.condition.name(), "repeat": run.id.repeat, "seed": run.id.seed, "outcome": run.outcome.name(), "passed": run.passed(), "ms": run.evidence.took.as_millis(),
    });
    if let Some(order) = run.id.order() {
        value["order"] = json!(order + 1);
    }
    match &run.outcome {
        Outcome::Passed => {}
        Outcome::Failed(failed) => {
            value["reason"] = json!(failed.because);
            value["rules"] =
                json!(stage.scenario(&run.id.scenario).map(|scenario| &scenario.rules).unwrap_or(&Vec::new()));
        }
        Outcome::Unplayed(unplayed) => value["unplayed"] = json!(unplayed),
    }
    if !run.passed() {
        value["lanes"] = json!(lanes);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_for_whoever_splits_at_other_ends_of_lines() {
        let said = "a\u{85}b\u{2028}c\u{2029}d\ne";
        let line = json_line(&json!({ "said": said }));
        assert!(!line.contains(['\u{85}', '\u{2028}', '\u{2029}']) && line.matches('\n').count() == 1, "{line:?}");
        let read: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read["said"], said);
    }
}
