//! A progress line that disappears when the work is done.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A spinner on standard error, on a terminal only.
#[derive(Default)]
pub struct Spinner(Option<ProgressBar>);

impl Spinner {
    /// Says what is being done now.
    pub fn say(&mut self, message: String) {
        if !std::io::stderr().is_terminal() {
            return;
        }
        let bar = self.0.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed_precise}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            let style = if super::unicode() { style } else { style.tick_chars("-\\|/ ") };
            let bar = ProgressBar::new_spinner().with_style(style);
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        bar.set_message(super::showable(&message, super::unicode()).into_owned());
    }

    /// Is the spinner shown at the moment?
    pub fn turns(&self) -> bool {
        self.0.is_some()
    }

    /// Removes the spinner.
    pub fn done(&mut self) {
        if let Some(bar) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}
