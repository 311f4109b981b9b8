//! Runs as HTML: a single run as part of another page, or all runs of a verify as one page, which needs no other file
//! and no network.

use std::fmt::Write;

use serde::Serialize;
use upon::{Engine, Value, fmt};

use super::svg::{escape, picture};
use super::told;
use crate::error::{Error, Result};
use crate::trace::Trace;

/// What a page with runs looks like: the pictures in it, and what stands beside them.
pub const STYLE: &str = concat!(include_str!("style.css"), include_str!("run.css"));

/// What a page shows of a run.
#[derive(Serialize)]
pub struct RunView<'r> {
    number: usize,
    title: String,
    about: &'r str,
    passed: bool,
    took: String,
    reason: String,
    say: String,
    transcript: Vec<TranscriptLine<'r>>,
    picture: String,
    moments: Vec<MomentRow>,
    stderr: Vec<Stderr<'r>>,
    left_out: usize,
}

/// A line of the transcript.
#[derive(Serialize)]
struct TranscriptLine<'r> {
    text: &'r str,
    awaited: bool,
}

/// An event, in words.
#[derive(Serialize)]
struct MomentRow {
    at: String,
    text: String,
    wrong: bool,
}

/// What a role wrote to standard error.
#[derive(Serialize)]
struct Stderr<'r> {
    role: &'r str,
    text: String,
}

/// The page of a stage's runs.
///
/// # Errors
/// The page's template is wrong.
pub fn page(stage: &str, title: &str, seed: u64, runs: &[Trace]) -> Result<String> {
    let failed = runs.iter().filter(|run| !run.passed()).count();
    let shown: Vec<RunView<'_>> = runs.iter().enumerate().map(|(index, run)| show(index + 1, run)).collect();
    let values = upon::to_value(&shown).map(|shown| {
        Value::from([
            ("stage", Value::from(stage)),
            ("title", Value::from(title)),
            ("seed", Value::from(seed.to_string())),
            ("count", Value::from(runs.len() as i64)),
            ("failed", Value::from(failed as i64)),
            ("good", Value::from(failed == 0)),
            ("style", Value::from(STYLE)),
            ("runs", shown),
        ])
    });
    let page = values.and_then(|values| {
        let engine = engine()?;
        let template = engine.compile(include_str!("page.html"))?;
        template.render_from(&engine, &values).to_string()
    });
    page.map_err(|error| Error::new("the page can't be made").because(error))
}

/// What makes pages of templates. The template `run` is one run, of a [`RunView`] as its values.
///
/// # Errors
/// The template is wrong.
pub fn engine() -> std::result::Result<Engine<'static>, upon::Error> {
    let mut engine = Engine::new();
    engine.set_default_formatter(&html);
    engine.add_formatter("raw", fmt::default);
    engine.add_template("run", include_str!("run.html"))?;
    Ok(engine)
}

/// What stands between braces is text: escape it.
fn html(out: &mut fmt::Formatter<'_>, value: &Value) -> fmt::Result {
    let mut text = String::new();
    match value {
        Value::String(own) => text.push_str(own),
        Value::Integer(number) => write!(text, "{number}")?,
        other => return Err(fmt::Error::from(format!("{other:?} is no text"))),
    }
    out.write_str(&escape(&text))?;
    Ok(())
}

/// A run of this number, as a page shows it.
pub fn show(number: usize, run: &Trace) -> RunView<'_> {
    let (reason, say) = run.reason.as_ref().map(|reason| (reason.id.clone(), reason.say.clone())).unwrap_or_default();
    RunView {
        number,
        title: run.title(),
        about: &run.about,
        passed: run.passed(),
        took: format!("{:.3} s", run.took.as_secs_f64()),
        reason,
        say,
        transcript: run
            .transcript
            .iter()
            .enumerate()
            .map(|(index, text)| TranscriptLine { text, awaited: run.awaited.contains(&index) })
            .collect(),
        picture: picture(run),
        moments: run
            .events
            .iter()
            .map(|event| MomentRow {
                at: format!("{:.3} s", event.at.as_secs_f64()),
                text: told(run, event),
                wrong: event.wrong,
            })
            .collect(),
        stderr: run
            .columns
            .iter()
            .filter(|column| !column.stderr.is_empty())
            .map(|column| Stderr { role: &column.role, text: column.stderr.join("\n") })
            .collect(),
        left_out: run.left_out,
    }
}
