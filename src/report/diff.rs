//! The difference between two texts.

use colored::Colorize;
use similar::{ChangeTag, TextDiff};

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
