//! Draws the view on a screen of any size.

use colored::{ColoredString, Colorize};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Scrollbar, ScrollbarOrientation, ScrollbarState};

use super::text::lines;
use super::{VerifyStatus, View, ViewPage};
use crate::pattern::{counted, cut};
use crate::report::{all_runs, showable, trace, unicode, wrap};
use crate::trace::{Trace, TraceEventKind};

/// From this width on, a page and a run are shown side by side.
const WIDE: u16 = 130;

/// The widest page; longer lines are hard to read.
const PAGE: u16 = 90;

/// Columns of a pane that are not text: a margin at the left, the scroll bar at the right.
const BESIDE: u16 = 3;

/// The width of a page's text on a screen of this width.
pub fn page_width(screen: u16) -> usize {
    let page = if screen >= WIDE { page_columns(screen) } else { screen };
    usize::from(page.saturating_sub(BESIDE).min(PAGE))
}

/// The columns of the page on a wide screen, which leave the run more than half.
fn page_columns(screen: u16) -> u16 {
    (screen / 2 - screen / 20).min(PAGE + BESIDE)
}

/// Draws it.
pub fn draw(frame: &mut Frame<'_>, view: &mut View) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)]).areas(frame.area());
    frame.render_widget(Paragraph::new(heading(view, head.width)), head);
    if body.width >= WIDE {
        let columns = [Constraint::Length(page_columns(body.width)), Constraint::Length(1), Constraint::Min(0)];
        let [left, between, right] = Layout::horizontal(columns).areas(body);
        page(frame, view, left);
        let rule = "│\n".repeat(usize::from(between.height));
        frame.render_widget(Paragraph::new(lines(&rule.dimmed().to_string(), 1)), between);
        run(frame, view, right);
    } else if view.page == ViewPage::Run {
        run(frame, view, body);
    } else {
        page(frame, view, body);
    }
    frame.render_widget(Paragraph::new(lines(&footing(view, foot.width), usize::from(foot.width))), foot);
    if !unicode() {
        for cell in &mut frame.buffer_mut().content {
            let shown = showable(cell.symbol(), false).into_owned();
            cell.set_symbol(&shown);
        }
    }
}

/// The line at the top: the stage, and the progress of the verify.
fn heading(view: &View, width: u16) -> Line<'static> {
    let (stage, number, of) = &view.stage;
    let width = usize::from(width);
    let status = cut(&status(&view.status), width.saturating_sub(2));
    let room = width.saturating_sub(status.chars().count() + 3);
    let place = cut(&format!("{number}/{of} {stage}"), room);
    let line = format!(" {place:<room$} {status} ");
    Line::from(Span::styled(line, Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD)))
}

fn status(status: &VerifyStatus) -> String {
    match status {
        VerifyStatus::Working(what) => format!("… {what}"),
        VerifyStatus::Over { runs, failed: 0, seconds, .. } => {
            format!("✓ {} passed, in {seconds:.2} s", all_runs(*runs))
        }
        VerifyStatus::Over { runs, failed, seconds, .. } => {
            format!("✗ {failed} of {} failed, in {seconds:.2} s", counted(*runs, "run"))
        }
        VerifyStatus::NotBuilt(_) => "✗ does not build yet".to_owned(),
        VerifyStatus::Trouble(_) => "✗ can't be verified".to_owned(),
    }
}

/// The line at the bottom: a message, or the keys that matter here.
fn footing(view: &View, width: u16) -> String {
    let width = usize::from(width);
    if let Some(message) = &view.message {
        return format!(" {}", cut(message, width.saturating_sub(2)).bold());
    }
    let passed = matches!(view.status, VerifyStatus::Over { failed: 0, .. });
    let mut keys = match view.page {
        ViewPage::Stages => vec![("↑↓", "choose"), ("Enter", "go"), ("Esc", "back")],
        ViewPage::Run => vec![("←→", "runs")],
        _ => vec![("Esc", "run"), ("↑↓", "scroll")],
    };
    if view.page == ViewPage::Run && view.runs.iter().any(|run| !run.passed()) {
        keys.push(("f", if view.only_failed { "all runs" } else { "failed only" }));
    }
    if passed {
        keys.push(("n", "next"));
        if !view.withheld {
            keys.push(("d", "diff"));
        }
    } else {
        keys.push(("h", "hint"));
    }
    keys.extend([("l", "lesson"), ("s", "stages"), ("e", "edit"), ("r", "again"), ("?", "help"), ("q", "quit")]);
    // If there is no room for all keys, those in the middle are left out: help lists them.
    let long =
        |keys: &[(&str, &str)]| keys.iter().map(|(key, what)| key.chars().count() + what.len() + 3).sum::<usize>();
    while long(&keys) > width && keys.len() > 2 {
        keys.remove(keys.len() - 3);
    }
    keys.iter().map(|(key, what)| format!(" {} {what} ", key.bold())).collect()
}

/// A page of text.
fn page(frame: &mut Frame<'_>, view: &mut View, area: Rect) {
    let mut text = lines(&view.text, page_width(frame.area().width));
    if view.page == ViewPage::Stages
        && let Some(line) = text.get_mut(view.chosen + 1)
    {
        *line = line.clone().patch_style(Style::new().add_modifier(Modifier::REVERSED));
        let height = usize::from(area.height);
        view.page_top = view.page_top.max((view.chosen + 2).saturating_sub(height)).min(view.chosen);
    }
    if view.page != ViewPage::Run {
        view.height = usize::from(area.height);
    }
    view.page_top = scrolled(frame, area, text, view.page_top);
}

/// A run and its result, which stays in place while the picture is scrolled.
fn run(frame: &mut Frame<'_>, view: &mut View, area: Rect) {
    let width = usize::from(area.width.saturating_sub(BESIDE));
    let shown = match view.status {
        VerifyStatus::NotBuilt(_) | VerifyStatus::Trouble(_) => None,
        _ => view.runs.get(view.at),
    };
    let (top, picture) = match (&view.status, shown) {
        (VerifyStatus::NotBuilt(output), _) => (not_built(), output.clone()),
        (VerifyStatus::Trouble(error), _) => (String::new(), error.clone()),
        (_, None) => (String::new(), "A verify is running; `l` shows the lesson meanwhile.\n".dimmed().to_string()),
        (_, Some(run)) => (above(view, run, width), trace::picture(run, width)),
    };
    let (drawn, wrong) = (shown.is_some(), shown.and_then(wrong_event));
    let mut top = lines(&top, width);
    let mut picture = lines(&picture, width);
    let height = usize::from(area.height);
    // A reason that would leave no room for the picture scrolls with it.
    if top.len() > height * 2 / 3 {
        top.append(&mut picture);
        view.run_top = Some(scrolled(frame, area, top, view.run_top.unwrap_or(0)));
        return;
    }
    // The names of the roles stay above their columns.
    if drawn && !picture.is_empty() {
        top.push(picture.remove(0));
    }
    let [above, below] =
        Layout::vertical([Constraint::Length(u16::try_from(top.len()).unwrap_or(0)), Constraint::Min(0)]).areas(area);
    frame.render_widget(Paragraph::new(top), inside(above));
    let seen = wrong.map_or(0, |line| line + 2).saturating_sub(usize::from(below.height));
    let first = scrolled(frame, below, picture, view.run_top.unwrap_or(seen));
    view.run_top = Some(first);
    if view.page == ViewPage::Run {
        view.height = usize::from(below.height);
    }
}

/// The first thing that did not fit, which is also its line below the names of the roles.
fn wrong_event(run: &Trace) -> Option<usize> {
    run.events.iter().position(|event| event.wrong && !matches!(event.what, TraceEventKind::Missing(..)))
}

fn not_built() -> String {
    format!("{}\n\n", "Your programs do not build yet: fix the first error, and save.".red().bold())
}

/// What stands above a run's picture.
fn above(view: &View, run: &Trace, width: usize) -> String {
    let mut out = match (&run.reason, &view.status) {
        (None, VerifyStatus::Over { failed: 0, .. }) => {
            let said = match view.withheld {
                true => "✓ Passed. `n` goes to the next stage.",
                false => "✓ Passed. `n` goes to the next stage, `d` compares your files with the solution.",
            };
            painted(&wrap(said, width, ""), |line| line.green().bold())
        }
        _ => trace::verdict(run, width),
    };
    if let Some(place) = view.place.as_ref().filter(|_| run.reason.is_some()) {
        out.push_str(&format!("  {}\n", cut(&format!("look at {place}"), width).bold()));
    }
    if let VerifyStatus::Over { failed: failed @ 1.., .. } = view.status {
        for said in trace::others(&view.runs, failed) {
            out.push_str(&format!("  {}\n", cut(&said, width.saturating_sub(2)).dimmed()));
        }
    }
    if let VerifyStatus::Over { left_out: 1.., .. } = view.status {
        let said = "Some runs were skipped, because the failed ones took long.";
        out.push_str(&painted(&wrap(said, width, "  "), |line| line.dimmed()));
    }
    let listed = view.listed();
    let number = listed.iter().position(|index| *index == view.at).map_or(0, |place| place + 1);
    let which = if view.only_failed { "failed run" } else { "run" };
    let number = format!("{which} {number} of {}", listed.len());
    let title = cut(&run.title(), width.saturating_sub(number.len() + 2));
    let between = width.saturating_sub(title.chars().count() + number.len());
    out.push_str(&format!("\n{}{}{}\n", title.bold(), " ".repeat(between), number.dimmed()));
    out.push_str(&painted(&wrap(&run.about, width, ""), |line| line.dimmed()));
    out.push('\n');
    out
}

/// Styles each line of a text by itself, so that a style does not run on.
fn painted(text: &str, paint: impl Fn(&str) -> ColoredString) -> String {
    text.lines().map(|line| format!("{}\n", paint(line))).collect()
}

/// The part of a pane for text.
fn inside(area: Rect) -> Rect {
    Rect { x: area.x + 1.min(area.width), width: area.width.saturating_sub(BESIDE), ..area }
}

/// Shows as many lines as fit, from `top` on or as near as the text allows; returns the first line that is shown.
fn scrolled(frame: &mut Frame<'_>, area: Rect, text: Vec<Line<'static>>, top: usize) -> usize {
    let (count, height) = (text.len(), usize::from(area.height));
    let most = count.saturating_sub(height);
    let top = top.min(most);
    let shown: Vec<Line<'_>> = text.into_iter().skip(top).take(height).collect();
    frame.render_widget(Paragraph::new(shown), inside(area));
    if most > 0 {
        let mut state = ScrollbarState::new(most + 1).position(top).viewport_content_length(height);
        frame.render_stateful_widget(Scrollbar::new(ScrollbarOrientation::VerticalRight), area, &mut state);
    }
    top
}
