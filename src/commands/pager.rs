//! Long texts, a screenful at a time.

use std::ffi::OsString;
use std::io::Write;
use std::process::{Command, Stdio};

use crossterm::terminal;

use crate::report::{has_screen, print, showable, unicode};
use crate::runtime::unharmed;

/// Prints a text through the reader's pager, `$PAGER` or `less`, if it does not fit on the terminal.
pub(super) fn page(text: &str) {
    let rows = terminal::size().map_or(0, |(_, rows)| usize::from(rows));
    // The prompt needs a row, too.
    if !has_screen() || text.lines().count() < rows || !through_pager(text) {
        print(text);
    }
}

/// Shows a text in the pager; false when there is none.
fn through_pager(text: &str) -> bool {
    let chosen = std::env::var_os("PAGER").unwrap_or_else(|| "less".into()).into_string().unwrap_or_default();
    let mut words = chosen.split_whitespace();
    let Some(program) = words.next().filter(|program| *program != "cat") else { return false };
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::piped());
    // As git has it: colours are shown, what is read stays on the screen, and a text that fits is only printed.
    for (name, value) in [("LESS", "FRX"), ("LV", "-c")] {
        if std::env::var_os(name).is_none_or(|set: OsString| set.is_empty()) {
            command.env(name, value);
        }
    }
    // In the pager Ctrl-C belongs to the pager.
    unharmed(|| {
        let Ok(mut pager) = command.spawn() else { return false };
        if let Some(mut input) = pager.stdin.take() {
            // Who leaves early has seen enough.
            let _ = input.write_all(showable(text, unicode()).as_bytes());
        }
        pager.wait().is_ok()
    })
}
