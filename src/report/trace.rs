//! A run as a picture: a column for each role, an arrow for what goes over the wire.

mod columns;
mod html;
mod svg;

use colored::Colorize;

pub use columns::{draw, picture};
pub use html::{RunView, STYLE, engine, page, show};
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

/// Why the run failed, or that it passed.
pub fn verdict(run: &Trace, width: usize) -> String {
    match &run.reason {
        None => format!("{}\n", format!("✓ passed, in {:.3} s", run.took.as_secs_f64()).green()),
        Some(reason) => {
            let title = format!("✗ {}", reason.id).red().bold();
            format!("{title}\n{}", wrap(&reason.say, width, "  "))
        }
    }
}

/// Which runs failed besides the first, and why: a line for each reason. Of many that failed, only the first are kept;
/// then the last line says so.
pub fn others(runs: &[Trace], failed: usize) -> Vec<String> {
    let reasons: Vec<_> = runs.iter().filter_map(|run| Some((run.reason.as_ref()?.id.as_str(), run.title()))).collect();
    let kept = reasons.len();
    let mut lines = super::others(reasons.into_iter());
    if failed > kept {
        lines.push(format!("Only the first {kept} failed runs are counted here."));
    }
    lines
}

/// What goes over a wire, fitted into a room. If not everything fits, the content and the number of pieces matter
/// more than the number of bytes.
fn fit(text: &str, room: usize) -> String {
    let shorter = [text.find(" in ").map(|at| &text[at + 4..]), text.find('«').map(|at| &text[at..])];
    let fits = |text: &&str| text.chars().count() <= room;
    let last = shorter[1].unwrap_or(text);
    std::iter::once(text).chain(shorter.into_iter().flatten()).find(fits).map_or_else(|| cut(last, room), str::to_owned)
}

/// An event as a line of text.
fn told(run: &Trace, event: &TraceEvent) -> String {
    let role = |role: usize| run.columns.get(role).map_or("?", |column| column.role.as_str());
    match &event.what {
        TraceEventKind::Started(column) => format!("{} starts", role(*column)),
        TraceEventKind::Typed(column, text) => format!("{} < {text}", role(*column)),
        TraceEventKind::EndOfInput(column) => format!("{} < ^D", role(*column)),
        TraceEventKind::Printed(column, text) => format!("{} | {text}", role(*column)),
        TraceEventKind::Missing(column, text) => format!("{} - {text} (expected, but did not come)", role(*column)),
        TraceEventKind::Ended(column, how) => format!("{} = {how}", role(*column)),
        TraceEventKind::Killed(column) => format!("! kill {}", role(*column)),
        TraceEventKind::Fault(what) => format!("! {what}"),
        TraceEventKind::Wire { from, to, text, .. } => format!("{} → {}  {text}", role(*from), role(*to)),
    }
}
