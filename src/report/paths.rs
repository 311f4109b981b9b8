//! Paths as a reader can use them: below the current folder without it, and clickable in a terminal.

use std::path::Path;

use super::colour;

/// A path as seen from the current folder.
pub fn relative(path: &Path) -> String {
    let dir = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&dir).unwrap_or(path).display().to_string()
}

/// A path that a terminal can open: OSC 8, where there is a terminal.
pub fn link(path: &Path) -> String {
    let shown = relative(path);
    if colour() { format!("\u{1b}]8;;file://{}\u{1b}\\{shown}\u{1b}]8;;\u{1b}\\", path.display()) } else { shown }
}
