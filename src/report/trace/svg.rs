//! The picture as SVG: in a file of its own, or in a page.

use super::{fit, told};
use crate::pattern::shorten;
use crate::trace::{Trace, TraceEvent, TraceEventKind, WireKind};

/// The height of an event, in pixels.
const ROW: usize = 24;

/// The width of the column with the times, and of each role's.
const TIME: usize = 84;
const COLUMN: usize = 260;
/// The width of a column where there are two: most pages have room for it.
const WIDE_COLUMN: usize = 320;

/// How wide a character of the font is.
const CHARACTER: f64 = 7.3;

/// What the lines and letters look like, light and dark.
const STYLE: &str = include_str!("style.css");

/// A run as an SVG document.
pub fn svg(run: &Trace) -> String {
    let picture = picture(run);
    let style = format!("<style>{STYLE}</style><rect class=\"paper\" width=\"100%\" height=\"100%\"/>");
    // The style comes before everything that is drawn.
    let at = picture.find("</title>").map_or(0, |at| at + "</title>".len());
    format!("{}{style}{}\n", &picture[..at], &picture[at..])
}

/// The picture, to be put into a page that has the style.
pub(super) fn picture(run: &Trace) -> String {
    let columns = Columns::of(run);
    let (width, height) = (columns.x(run.columns.len()), (run.events.len() + 2) * ROW);
    let title = escape(&run.title());
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"trace\" role=\"img\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" data-row=\"{ROW}\" data-took=\"{}\"><title>{title}</title>",
        run.took.as_micros()
    );
    for (column, about) in run.columns.iter().enumerate() {
        let name = format!("{} ({})", about.role, about.party.name());
        out.push_str(&format!(
            "<text class=\"role\" x=\"{}\" y=\"16\">{}</text>",
            columns.x(column) - 4,
            escape(&name)
        ));
    }
    for (column, from, to) in lives(run) {
        let (y1, y2) = (y(from), y(to));
        out.push_str(&format!(
            "<line class=\"life\" x1=\"{0}\" x2=\"{0}\" y1=\"{y1}\" y2=\"{y2}\" data-from=\"{from}\" \
             data-to=\"{to}\"/>",
            columns.x(column)
        ));
    }
    for (index, event) in run.events.iter().enumerate() {
        out.push_str(&format!(
            "<g class=\"moment {}\" data-at=\"{}\" transform=\"translate(0 {})\"><title>{}</title>\
             <text class=\"time\" x=\"{}\" y=\"4\">{:.3} s</text>{}</g>",
            class(event),
            event.at.as_micros(),
            y(index),
            escape(&told(run, event)),
            TIME - 20,
            event.at.as_secs_f64(),
            moment(event, columns)
        ));
    }
    out + "</svg>"
}

/// Where the columns are.
#[derive(Clone, Copy)]
struct Columns {
    width: usize,
}

impl Columns {
    fn of(run: &Trace) -> Columns {
        Columns { width: if run.columns.len() > 2 { COLUMN } else { WIDE_COLUMN } }
    }

    /// The x coordinate of a role's line.
    fn x(self, column: usize) -> usize {
        TIME + column * self.width
    }

    /// How many characters there is room for beside a line.
    fn room(self) -> usize {
        (self.width as f64 / CHARACTER) as usize - 3
    }
}

/// The y coordinate of an event.
fn y(index: usize) -> usize {
    (index + 1) * ROW + ROW / 2
}

/// For each role, from which event to which it is up; it may be started again.
fn lives(run: &Trace) -> Vec<(usize, usize, usize)> {
    let mut lives = Vec::new();
    let mut up = vec![None; run.columns.len()];
    for (index, event) in run.events.iter().enumerate() {
        match &event.what {
            TraceEventKind::Started(column) => up[*column] = Some(index),
            TraceEventKind::Ended(column, _) | TraceEventKind::Killed(column) => {
                lives.extend(up[*column].take().map(|from| (*column, from, index)))
            }
            _ => {}
        }
    }
    let last = run.events.len().saturating_sub(1);
    lives.extend(up.iter().enumerate().filter_map(|(column, from)| from.map(|from| (column, from, last))));
    lives
}

fn class(event: &TraceEvent) -> String {
    let kind = match &event.what {
        TraceEventKind::Started(_) | TraceEventKind::Ended(..) => "edge",
        TraceEventKind::Typed(..) | TraceEventKind::EndOfInput(_) => "typed",
        TraceEventKind::Printed(..) => "printed",
        TraceEventKind::Missing(..) => "missing",
        TraceEventKind::Killed(_) | TraceEventKind::Fault(_) => "fault",
        TraceEventKind::Wire { kind: WireKind::Break, .. } => "wire fault",
        TraceEventKind::Wire { kind: WireKind::Sealed, .. } => "wire sealed",
        TraceEventKind::Wire { .. } => "wire",
    };
    if event.wrong { format!("{kind} wrong") } else { kind.to_owned() }
}

/// What is drawn for an event.
fn moment(event: &TraceEvent, columns: Columns) -> String {
    let beside = |column: usize, text: &str| {
        let (x, text) = (columns.x(column), shorten(text, columns.room()));
        format!("<circle cx=\"{x}\" r=\"3\"/><text x=\"{}\" y=\"4\">{}</text>", x + 10, escape(&text))
    };
    match &event.what {
        TraceEventKind::Started(column) => beside(*column, "starts"),
        TraceEventKind::Ended(column, how) => beside(*column, how),
        TraceEventKind::Killed(column) => beside(*column, "killed"),
        TraceEventKind::Typed(column, text) => beside(*column, &format!("< {text}")),
        TraceEventKind::EndOfInput(column) => beside(*column, "< ^D"),
        TraceEventKind::Printed(column, text) if event.wrong => beside(*column, &format!("✗ {text}")),
        // Nothing beside a dot would look like nothing.
        TraceEventKind::Printed(column, text) if text.is_empty() => beside(*column, "(an empty line)"),
        TraceEventKind::Printed(column, text) => beside(*column, text),
        TraceEventKind::Missing(column, text) => beside(*column, &format!("- {text}")),
        TraceEventKind::Fault(what) => format!("<text x=\"{}\" y=\"4\">! {}</text>", TIME + 10, escape(what)),
        TraceEventKind::Wire { from, to, text, .. } => arrow(*from, *to, text, columns),
    }
}

/// An arrow with its text above the line.
fn arrow(from: usize, to: usize, text: &str, columns: Columns) -> String {
    let (start, end) = (columns.x(from), columns.x(to));
    let point = if start < end { [-8, -8] } else { [8, 8] };
    let tip = |offset: i64| end as i64 + offset;
    let room = ((start.abs_diff(end)) as f64 / CHARACTER) as usize - 4;
    format!(
        "<line x1=\"{start}\" x2=\"{end}\" y1=\"7\" y2=\"7\"/><path d=\"M{end} 7 L{} 3 L{} 11 Z\"/>\
         <text class=\"label\" x=\"{}\" y=\"2\">{}</text>",
        tip(point[0]),
        tip(point[1]),
        usize::midpoint(start, end),
        escape(&fit(text, room))
    )
}

/// Escapes a text for XML.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
