//! The table at the end of a check.

use std::time::Duration;

use colored::Colorize;

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was checked.
    pub title: String,
    /// Does the rule hold?
    pub good: bool,
    /// Worth a look, though no rule is broken.
    pub note: bool,
    /// What was found.
    pub text: String,
    /// How long one repeat took.
    pub took: Option<Duration>,
}

impl Row {
    /// The rule holds.
    pub fn good(title: &str, text: String) -> Row {
        Row { title: title.to_owned(), good: true, note: false, text, took: None }
    }

    /// The rule is broken.
    pub fn bad(title: &str, text: String) -> Row {
        Row { good: false, ..Row::good(title, text) }
    }

    /// Worth a look.
    pub fn note(title: &str, text: String) -> Row {
        Row { note: true, ..Row::good(title, text) }
    }

    /// With the time that one repeat took.
    pub fn took(self, took: Duration) -> Row {
        Row { took: Some(took), ..self }
    }
}

/// The table of a stage.
pub fn render(stage: &str, track: &str, rows: &[Row]) -> String {
    let mut out = format!("{}\n", format!("{stage} ({track})").bold());
    let room = rows.iter().map(|row| row.title.chars().count()).max().unwrap_or(0);
    for row in rows {
        let mark = match (row.good, row.note) {
            (false, _) => "✗".red().bold(),
            (true, true) => "!".yellow().bold(),
            (true, false) => "✓".green(),
        };
        let took = row.took.map(super::seconds).unwrap_or_default();
        let indent = " ".repeat(room + 14);
        let text = crate::report::wrap(&row.text, crate::report::width().max(60), &indent);
        out.push_str(&format!("{mark} {:room$}  {took:>8}  {}", row.title, text.trim_start()));
    }
    out
}
