//! One event a line, for other programs. The format is documented in docs/json.md.

mod line;

use serde::Serialize;

use super::print;
use crate::event::{Event, Reporter};

use line::{BuiltLine, NotBuiltLine, RunLine, StageLine, VerifyLine};
pub use line::{EventLine, JsonLine, OverLine, RuleLine, millis};

/// Prints events as JSON lines.
pub struct JsonReporter;

impl Reporter for JsonReporter {
    fn tell(&mut self, event: &Event<'_>) {
        for event in lines(event) {
            print(&json_line(&JsonLine::from(event)));
        }
    }
}

/// A value on one line. Some programs end a line at these characters too where they stand as they are.
pub fn json_line(value: &impl Serialize) -> String {
    // By way of a value, whose fields are sorted: the order stays when the types change theirs.
    let value = serde_json::to_value(value).unwrap_or_default();
    let text = value.to_string();
    format!("{}\n", text.replace('\u{85}', "\\u0085").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029"))
}

fn lines<'e>(event: &'e Event<'e>) -> Vec<EventLine<'e>> {
    match event {
        Event::Verifying { stage, seed, runs } => vec![EventLine::Verify(VerifyLine {
            runner: env!("CARGO_PKG_VERSION"),
            stage: &stage.name,
            seed: *seed,
            runs: *runs,
        })],
        Event::Built { stage, party, took } => vec![EventLine::Built(BuiltLine {
            stage,
            party: *party,
            fresh: took.is_none(),
            ms: took.map_or(0, millis),
        })],
        Event::NotBuilt { stage, party, output } => {
            vec![EventLine::NotBuilt(NotBuiltLine { stage, party: *party, output })]
        }
        Event::StageOver { stage, verdict } => {
            let runs = verdict.runs.iter().map(|run| EventLine::Run(Box::new(RunLine::of(stage, run))));
            runs.chain([EventLine::Stage(StageLine::of(stage, verdict))]).collect()
        }
        Event::Over { passed } => vec![EventLine::Over(OverLine { passed: *passed })],
        Event::Turn { .. }
        | Event::LastTime { .. }
        | Event::Waiting(_)
        | Event::Building { .. }
        | Event::BuildLine(_)
        | Event::BuildProgress { .. }
        | Event::RunOver { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
