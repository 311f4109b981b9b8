//! Shows events and errors: on a terminal, as JSON lines, as JUnit XML.
//!
//! Only this module and `main` print. The verdict goes to standard output; progress and errors go to standard error.

mod ascii;
mod diff;
mod json;
mod junit;
mod markdown;
mod paths;
mod plain;
mod run;
mod spinner;
mod text;
pub mod trace;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::OnceLock;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use ratatui::crossterm::terminal;
use textwrap::WordSplitter;

use crate::error::{Error, Result};
use crate::event::Reporter;

pub use ascii::{drawn, showable, unicode};
pub use diff::{Hunk, HunkLine, Side, diff, hunks};
pub use json::{EventLine, JsonLine, JsonReporter, OverLine, RuleLine, json_line, millis};
pub use junit::JunitReporter;
pub use markdown::{laid_out, leads_to_the_web, parser};
pub use paths::{link, relative};
pub use plain::plain;
pub use spinner::Spinner;
pub use text::{TextReporter, all_runs, build_progress, progress_line, whose};

/// How a verdict is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One event a line; see docs/json.md.
    Json,
    /// JUnit XML, at the end.
    Junit,
}

impl Format {
    /// The reporter of this format.
    pub fn reporter(self, verbose: bool) -> Box<dyn Reporter> {
        match self {
            Format::Text => Box::new(TextReporter::new(verbose)),
            Format::Json => Box::new(JsonReporter),
            Format::Junit => Box::new(JunitReporter::default()),
        }
    }
}

/// Decides on colour, once for the whole program: `NO_COLOR`, a pipe and a dumb terminal mean none.
pub fn choose_colour() {
    let no = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let force = std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0");
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    colored::control::set_override(!no && (force || (std::io::stdout().is_terminal() && !dumb)));
}

/// Is output in colour?
pub fn colour() -> bool {
    colored::control::SHOULD_COLORIZE.should_colorize()
}

/// The width of the output in columns: `COLUMNS`, or the terminal's, or 80; at most 100, as longer lines are hard to
/// read.
pub fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = || terminal::size().ok().filter(|_| std::io::stdout().is_terminal());
    let width = columns.or_else(|| terminal().map(|(columns, _)| usize::from(columns))).unwrap_or(80);
    width.clamp(20, 100)
}

/// Is there an interactive terminal with a whole screen?
pub fn has_screen() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    can_ask() && !dumb
}

/// The first error of a write to standard output.
static UNPRINTED: OnceLock<String> = OnceLock::new();

/// Prints text. A closed pipe is not an error: the work goes on, and the exit code is the verdict. Any other failed
/// write is reported at the end; see [`printed`].
pub fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(showable(text, unicode()).as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => _ = UNPRINTED.set(error.to_string()),
        _ => {}
    }
}

/// Was everything written that was printed?
///
/// # Errors
/// It was not, for example because a disk is full.
pub fn printed() -> Result<(), Error> {
    match UNPRINTED.get() {
        None => Ok(()),
        Some(why) => Err(Error::new("the output could not be written")
            .because(why)
            .help("a part of the output is missing: check where standard output goes, and try again")),
    }
}

/// Which runs failed besides the first, and why: a line for each reason. A failed run is given by the name of its
/// explanation and its title.
pub fn others<'r>(mut failed: impl Iterator<Item = (&'r str, String)>) -> Vec<String> {
    let Some((shown, _)) = failed.next() else { return Vec::new() };
    let mut reasons: BTreeMap<&str, (usize, String)> = BTreeMap::new();
    failed.for_each(|(id, title)| reasons.entry(id).or_insert((0, title)).0 += 1);
    let line = |(id, (count, first)): (&str, (usize, String))| match id == shown {
        true => format!("{count} more failed for the same reason ({id})"),
        false => format!("{count} failed with {id}, first: {first}"),
    };
    // The same reason first, then by name.
    let same = reasons.remove_entry(shown);
    same.into_iter().chain(reasons).map(line).collect()
}

/// Is there a terminal to ask questions on?
pub fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Asks a question; anything but a clear yes is a no.
pub fn ask(question: &str) -> bool {
    print(&format!("{question} [y/N] "));
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Asks whether to write what was shown.
///
/// # Errors
/// There is no terminal to ask on; `otherwise` says what can be done without one, beside `--yes`.
pub fn write_it(otherwise: &str) -> Result<bool> {
    if !can_ask() {
        return Err(Error::new("nothing is written: there is no terminal to ask on")
            .help(format!("`--yes` writes without asking; {otherwise}")));
    }
    let yes = ask("write it?");
    if !yes {
        print("nothing is written\n");
    }
    Ok(yes)
}

/// Prints a message that is not part of the result to standard error.
pub fn say(text: &str) {
    tell(text);
}

/// Prints an error, with the line that it is about.
pub fn error(error: &Error) {
    let on_terminal = std::io::stderr().is_terminal();
    let mut error = error.clone();
    if on_terminal {
        // Behind ` = note: `.
        let broken = |text: &String| wrap(text, width().saturating_sub(9), "").trim_end().to_owned();
        error.help = error.help.as_ref().map(broken);
        error.causes = error.causes.iter().map(broken).collect();
    }
    tell(&render_error(&error, colour() && on_terminal));
}

/// A failed write to standard error is ignored.
fn tell(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{}", showable(text, unicode()));
}

/// An error as text.
pub fn render_error(error: &Error, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut group = match &error.place {
        None => annotate_snippets::Group::with_title(Level::ERROR.primary_title(error.message.as_str())),
        Some(place) => {
            let byte =
                |column: usize| place.source.char_indices().nth(column).map_or(place.source.len(), |(byte, _)| byte);
            let start = byte(place.column.saturating_sub(1));
            let end = byte(place.column.saturating_sub(1) + place.len).max(start);
            Level::ERROR.primary_title(error.message.as_str()).element(
                Snippet::source(place.source.as_str())
                    .line_start(place.line)
                    .path(place.file.as_str())
                    .annotation(AnnotationKind::Primary.span(start..end)),
            )
        }
    };
    for cause in &error.causes {
        group = group.element(Level::NOTE.message(cause.as_str()));
    }
    if let Some(help) = &error.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group]).clone()
}

/// Wraps text to a width, each line with an indent. A blank line separates paragraphs; within one, line breaks of the
/// source are ignored. Words stay whole, so that they can be copied.
pub fn wrap(text: &str, width: usize, indent: &str) -> String {
    wrap_hanging(text, width, indent, indent)
}

/// Like [`wrap`] for one line, which keeps its own indent, up to a fourth of the width.
pub fn wrap_indented(line: &str, width: usize, indent: &str) -> String {
    let own = line.len() - line.trim_start_matches(' ').len();
    wrap(line, width, &format!("{indent}{}", " ".repeat(own.min(width / 4))))
}

/// Like [`wrap`], but the further lines of a paragraph have an indent of their own, which shows where an entry of a
/// list begins.
fn wrap_hanging(text: &str, width: usize, first: &str, rest: &str) -> String {
    let width = width.max(rest.chars().count() + 16);
    let options = lines_of(width).break_words(false).initial_indent(first).subsequent_indent(rest);
    let paragraph = |text: &str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        format!("{}\n", textwrap::fill(&words.join(" "), &options))
    };
    text.split("\n\n").map(paragraph).collect::<Vec<_>>().join("\n")
}

/// A paragraph in lines of a width; longer words are broken.
fn broken(text: &str, width: usize) -> Vec<String> {
    textwrap::wrap(text.trim(), lines_of(width.max(1))).into_iter().map(Cow::into_owned).collect()
}

/// Lines break only between words: a word with a hyphen may be a name.
fn lines_of(width: usize) -> textwrap::Options<'static> {
    textwrap::Options::new(width).word_splitter(WordSplitter::NoHyphenation)
}
