//! Lessons as a terminal shows them, and the difference between two texts.

use colored::Colorize;
use similar::{ChangeTag, TextDiff};

/// Markdown as a terminal shows it; in a pipe or without colour it stays as it is.
pub fn markdown(text: &str, width: usize) -> String {
    if super::colour() { laid_out(text, width) } else { text.to_owned() }
}

/// Markdown in lines of a width.
pub fn laid_out(text: &str, width: usize) -> String {
    let mut skin = if super::colour() { termimad::MadSkin::default() } else { termimad::MadSkin::no_style() };
    if super::colour() {
        skin.set_headers_fg(termimad::crossterm::style::Color::Cyan);
    }
    for header in &mut skin.headers {
        header.align = termimad::Alignment::Left;
    }
    format!("{}", skin.text(text, Some(width)))
}

/// A unified difference of two texts.
pub fn diff(old_name: &str, old: &str, new_name: &str, new: &str) -> String {
    let diff = TextDiff::from_lines(old, new);
    if diff.ratio() >= 1.0 {
        return String::new();
    }
    let mut out = format!("{}\n{}\n", format!("--- {old_name}").bold(), format!("+++ {new_name}").bold());
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        out.push_str(&format!("{}\n", hunk.header().to_string().trim_end().cyan()));
        for change in hunk.iter_changes() {
            let line = change.to_string_lossy();
            let line = line.trim_end_matches('\n');
            let line = match change.tag() {
                ChangeTag::Delete => format!("-{line}").red(),
                ChangeTag::Insert => format!("+{line}").green(),
                ChangeTag::Equal => format!(" {line}").normal(),
            };
            out.push_str(&format!("{line}\n"));
        }
    }
    out
}
