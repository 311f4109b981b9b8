//! A run as a picture: a column for each role, an arrow for what goes over the wire.

mod html;
mod lanes;
mod svg;

use colored::Colorize;

pub use html::{RunView, STYLE, engine, page, show};
pub use lanes::{draw, picture};
pub use svg::{escape, svg};

use super::wrap;
use crate::pattern::{cut, shorten};
use crate::trace::{Trace, TraceEvent, TraceEventKind};

/// All runs, a line each, with their numbers.
pub fn list(runs: &[Trace], width: usize) -> String {
    let mut out = String::new();
    for (index, run) in runs.iter().enumerate() {
        let mark = if run.passed() { "✓".green() } else { "✗".red().bold() };
        let reason = run.reason.as_ref().map(|reason| format!("  {}", reason.id)).unwrap_or_default();
        let line = format!("{:4}  {}{reason}", index + 1, run.title());
        out.push_str(&format!("{mark} {}\n", shorten(&line, width.saturating_sub(2))));
    }
    out
}

/// Why the run failed, or that it did not.
pub fn verdict(run: &Trace, width: usize) -> String {
    match &run.reason {
        None => format!("{}\n", format!("✓ passed, in {:.3} s", run.took.as_secs_f64()).green()),
        Some(reason) => {
            let title = format!("✗ {}", reason.id).red().bold();
            format!("{title}\n{}", wrap(&reason.say, width, "  "))
        }
    }
}

/// Which runs failed besides the first that did, and why: a line for each reason.
pub fn others(runs: &[Trace]) -> Vec<String> {
    super::others(runs.iter().filter_map(|run| Some((run.reason.as_ref()?.id.as_str(), run.title()))))
}

/// What goes over a wire, with so much room: where it is too little for all, what the bytes say and in how
/// many pieces they came tells more than how many they are.
fn fit(text: &str, room: usize) -> String {
    let shorter = [text.find(" in ").map(|at| &text[at + 4..]), text.find('«').map(|at| &text[at..])];
    let fits = |text: &&str| text.chars().count() <= room;
    let last = shorter[1].unwrap_or(text);
    std::iter::once(text).chain(shorter.into_iter().flatten()).find(fits).map_or_else(|| cut(last, room), str::to_owned)
}

/// A moment in a line of text, for those who see no columns.
fn told(run: &Trace, event: &TraceEvent) -> String {
    let role = |role: usize| run.lanes.get(role).map_or("?", |lane| lane.role.as_str());
    match &event.what {
        TraceEventKind::Started(lane) => format!("{} starts", role(*lane)),
        TraceEventKind::Typed(lane, text) => format!("{} < {text}", role(*lane)),
        TraceEventKind::EndOfInput(lane) => format!("{} < ^D", role(*lane)),
        TraceEventKind::Printed(lane, text) => format!("{} | {text}", role(*lane)),
        TraceEventKind::Missing(lane, text) => format!("{} - {text} (was expected, and did not come)", role(*lane)),
        TraceEventKind::Ended(lane, how) => format!("{} = {how}", role(*lane)),
        TraceEventKind::Killed(lane) => format!("! kill {}", role(*lane)),
        TraceEventKind::Fault(what) => format!("! {what}"),
        TraceEventKind::Wire { from, to, text, .. } => format!("{} → {}  {text}", role(*from), role(*to)),
    }
}
