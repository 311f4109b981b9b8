//! The picture for a terminal.

use colored::{ColoredString, Colorize};

use super::{fit, told, verdict};
use crate::pattern::{cut, shorten};
use crate::report::{wrap, wrap_indented};
use crate::trace::{Trace, TraceEvent, TraceEventKind, WireKind};

/// Characters for the time.
const TIME: usize = 11;

/// A narrower column can't be read: then every event is a line of text.
const NARROW: usize = 16;

/// Draws a run in lines of at most `width` characters, with what it is about and its result.
pub fn draw(run: &Trace, width: usize) -> String {
    let title = run.title().bold();
    format!("{title}\n{}\n{}\n{}", wrap(&run.about, width, "  "), picture(run, width), verdict(run, width))
}

/// Draws only what happened.
pub fn picture(run: &Trace, width: usize) -> String {
    let mut out = String::new();
    let columns = Columns::new(run, width);
    match &columns {
        Some(columns) => out.push_str(&columns.head()),
        None => out.push_str(&format!("  {}\n", run.columns.iter().map(title).collect::<Vec<_>>().join(", ").bold())),
    }
    let mut up = vec![false; run.columns.len()];
    for event in &run.events {
        let line = match &columns {
            Some(columns) => columns.line(event, &mut up),
            None => paint(event, brief(&told(run, event), width.saturating_sub(TIME))).to_string(),
        };
        out.push_str(&format!("{}  {}\n", format!("{:7.3} s", event.at.as_secs_f64()).dimmed(), line.trim_end()));
    }
    if run.left_out > 0 {
        out.push_str(&format!("{}\n", format!("  … {} more", run.left_out).dimmed()));
    }
    for column in run.columns.iter().filter(|column| !column.stderr.is_empty()) {
        out.push_str(&format!("{}\n", format!("  standard error of {}:", column.role).dimmed()));
        column.stderr.iter().for_each(|line| out.push_str(&wrap_indented(line, width, "    ").dimmed().to_string()));
    }
    out
}

fn title(column: &crate::trace::Column) -> String {
    format!("{} ({})", column.role, column.party.name())
}

/// As much of a text as fits: of a long one its beginning and end, if there is enough room.
fn brief(text: &str, room: usize) -> String {
    if room < 40 { cut(text, room) } else { shorten(text, room) }
}

/// The text of an event in its colour.
fn paint(event: &TraceEvent, text: String) -> ColoredString {
    match &event.what {
        _ if event.wrong => text.red().bold(),
        TraceEventKind::Typed(..) | TraceEventKind::EndOfInput(_) => text.cyan(),
        TraceEventKind::Printed(..) | TraceEventKind::Missing(..) => text.normal(),
        TraceEventKind::Started(_) | TraceEventKind::Ended(..) => text.dimmed(),
        TraceEventKind::Killed(_) | TraceEventKind::Fault(_) => text.magenta(),
        TraceEventKind::Wire { kind: WireKind::Break, .. } => text.magenta(),
        TraceEventKind::Wire { .. } => text.blue(),
    }
}

/// The columns.
struct Columns<'r> {
    run: &'r Trace,
    /// The width of each.
    column_width: usize,
}

impl<'r> Columns<'r> {
    /// Columns for all roles, if there is room for them.
    fn new(run: &'r Trace, width: usize) -> Option<Columns<'r>> {
        let column_width = width.saturating_sub(TIME) / run.columns.len().max(1);
        (column_width >= NARROW).then_some(Columns { run, column_width })
    }

    fn head(&self) -> String {
        let titles = self.run.columns.iter().map(|column| {
            let title = brief(&title(column), self.column_width - 1);
            format!("{title:<width$}", width = self.column_width)
        });
        format!("{}{}\n", " ".repeat(TIME), titles.collect::<String>().trim_end().bold())
    }

    /// An event: in the column of its role, or as an arrow, beside the lines of the roles that are up.
    fn line(&self, event: &TraceEvent, up: &mut [bool]) -> String {
        let room = self.column_width - 3;
        let (column, mark, text) = match &event.what {
            TraceEventKind::Wire { from, to, text, .. } => return self.arrow(event, (*from, *to), text, up),
            TraceEventKind::Fault(what) => return paint(event, format!("! {what}")).to_string(),
            TraceEventKind::Started(column) => (*column, '┌', "starts".to_owned()),
            TraceEventKind::Ended(column, how) => (*column, '└', how.clone()),
            TraceEventKind::Killed(column) => (*column, '└', "killed".to_owned()),
            TraceEventKind::Typed(column, text) => (*column, '│', format!("< {}", brief(text, room.saturating_sub(2)))),
            TraceEventKind::EndOfInput(column) => (*column, '│', "< ^D".to_owned()),
            TraceEventKind::Printed(column, text) if event.wrong => {
                (*column, '│', format!("✗ {}", brief(text, room.saturating_sub(2))))
            }
            TraceEventKind::Printed(column, text) => (*column, '│', brief(text, room)),
            TraceEventKind::Missing(column, text) => {
                (*column, '│', format!("- {}", brief(text, room.saturating_sub(2))))
            }
        };
        up[column] |= matches!(event.what, TraceEventKind::Started(_));
        let mut out = String::new();
        for (index, is_up) in up.iter().enumerate() {
            if index == column {
                let padded = format!("{text:<width$}", width = room + 1);
                out.push_str(&format!("{mark} {}", paint(event, padded)));
            } else {
                out.push_str(&self.blank(*is_up));
            }
        }
        up[column] &= !matches!(event.what, TraceEventKind::Ended(..) | TraceEventKind::Killed(_));
        out
    }

    /// A column without an event.
    fn blank(&self, is_up: bool) -> String {
        format!("{}{}", if is_up { '│' } else { ' ' }, " ".repeat(self.column_width - 1))
    }

    /// An arrow from one column to another, with its text.
    fn arrow(&self, event: &TraceEvent, (from, to): (usize, usize), text: &str, up: &[bool]) -> String {
        let (left, right) = (from.min(to), from.max(to));
        let room = (right - left) * self.column_width - 1;
        let text = fit(text, room.saturating_sub(6));
        let lines = room - text.chars().count() - 2;
        let (before, after) = ("─".repeat(lines / 2), "─".repeat(lines - lines / 2));
        let (start, end) = match (from < to, &event.what) {
            (true, TraceEventKind::Wire { kind: WireKind::Break, .. }) => ("├", "✗"),
            (false, TraceEventKind::Wire { kind: WireKind::Break, .. }) => ("✗", "┤"),
            (true, _) => ("├", "▶"),
            (false, _) => ("◀", "┤"),
        };
        let arrow = paint(event, format!("{start}{before} {text} {after}{end}"));
        let beside = |columns: &[bool]| columns.iter().map(|is_up| self.blank(*is_up)).collect::<String>();
        let rest = up.get(right + 1..).unwrap_or(&[]);
        format!("{}{arrow}{}{}", beside(&up[..left]), " ".repeat(self.column_width - 1), beside(rest))
    }
}
