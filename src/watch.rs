//! The full-screen view: its content and layout. It knows nothing about how the content comes about.
//!
//! A [`View`] is a value. [`draw()`] draws it on a screen of any size, [`ask`] says what a key means, and [`Screen`]
//! is the terminal, which is restored when it is dropped.

mod draw;
mod keys;
mod screen;
mod text;

use crate::trace::Trace;

pub use draw::{draw, page_width};
pub use keys::{KeyAction, ask, help};
pub use screen::{KeyOrResize, Keys, Screen, suspend};

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewPage {
    /// A run of the last verify, and the verdict.
    Run,
    /// The lesson.
    Lesson,
    /// The latest hint.
    Hint,
    /// The learner's files against the solution's.
    Diff,
    /// The solution.
    Solution,
    /// All stages, to choose from.
    Stages,
    /// The text after the last stage.
    Ending,
    /// The keys.
    Help,
}

/// The progress of the verify.
#[derive(Debug, Clone, PartialEq)]
pub enum VerifyStatus {
    /// What is being done.
    Working(String),
    /// All runs are over.
    Over {
        /// How many were executed.
        runs: usize,
        /// How many failed.
        failed: usize,
        /// How many were skipped.
        left_out: usize,
        /// How long it took.
        seconds: f64,
    },
    /// The learner's programs can't be built: what the build tool printed.
    NotBuilt(String),
    /// An error kept the runner from a verdict: what, and what to do.
    Trouble(String),
}

/// Everything on the screen.
pub struct View {
    /// The stage's name, its number, and how many stages there are.
    pub stage: (String, usize, usize),
    /// The progress of the verify.
    status: VerifyStatus,
    /// What is shown. On a wide screen a run stands beside it.
    pub page: ViewPage,
    /// The text of the page, unless it is a run, with the colours of a terminal.
    pub text: String,
    /// The line of the selected stage.
    pub chosen: usize,
    /// A message, shown once in the place of the keys.
    pub message: Option<String>,
    /// Where to look first: a file and a line.
    pub place: Option<String>,
    /// The course comes without its solutions.
    pub withheld: bool,
    runs: Vec<Trace>,
    /// The run that is shown.
    at: usize,
    /// The title of the run that the learner has chosen.
    studied: Option<String>,
    only_failed: bool,
    page_top: usize,
    /// The first line of the run's picture; `None` shows what went wrong.
    run_top: Option<usize>,
    /// How many lines of the page fitted the screen when it was drawn last.
    height: usize,
}

impl View {
    /// A view of a stage without any news yet.
    pub fn new(stage: (String, usize, usize), page: ViewPage) -> View {
        View {
            stage,
            status: VerifyStatus::Working("starting".to_owned()),
            page,
            text: String::new(),
            chosen: 0,
            message: None,
            place: None,
            withheld: false,
            runs: Vec::new(),
            at: 0,
            studied: None,
            only_failed: false,
            page_top: 0,
            run_top: None,
            height: 0,
        }
    }

    /// Shows another page, from its top.
    pub fn turn_to(&mut self, page: ViewPage) {
        self.page = page;
        self.page_top = 0;
    }

    /// Shows the progress of the verify; an error is shown from its top.
    pub fn tell(&mut self, status: VerifyStatus) {
        if matches!(status, VerifyStatus::NotBuilt(_) | VerifyStatus::Trouble(_)) {
            self.run_top = None;
        }
        self.status = status;
    }

    /// Shows these runs: the chosen one if it failed again, or else the first that failed, or else the first.
    pub fn show_runs(&mut self, runs: Vec<Trace>) {
        let failed = |wanted: &dyn Fn(&Trace) -> bool| runs.iter().position(|run| !run.passed() && wanted(run));
        let again = self.studied.as_ref().and_then(|title| failed(&|run| run.title() == *title));
        let first = failed(&|_| true);
        self.only_failed &= first.is_some();
        self.at = again.or(first).unwrap_or(0);
        self.runs = runs;
        self.run_top = None;
    }

    /// The runs that can be stepped through.
    fn listed(&self) -> Vec<usize> {
        (0..self.runs.len()).filter(|index| !self.only_failed || !self.runs[*index].passed()).collect()
    }

    /// Goes to the next run (`1`), or the one before (`-1`).
    pub fn step(&mut self, by: isize) {
        let listed = self.listed();
        let now = listed.iter().position(|index| *index >= self.at).unwrap_or(listed.len().saturating_sub(1));
        if let Some(next) = now.checked_add_signed(by).and_then(|place| listed.get(place)) {
            self.at = *next;
            self.studied = Some(self.runs[self.at].title());
            self.run_top = None;
        }
        self.turn_to(ViewPage::Run);
    }

    /// Only the failed runs, or all again.
    pub fn filter(&mut self) {
        if self.runs.iter().all(Trace::passed) {
            self.message = Some("no run has failed".to_owned());
            return;
        }
        self.only_failed = !self.only_failed;
        if self.only_failed && self.runs[self.at].passed() {
            self.at = self.runs.iter().position(|run| !run.passed()).unwrap_or(0);
            self.run_top = None;
        }
        self.turn_to(ViewPage::Run);
    }

    /// Scrolls by this many lines; drawing limits it to the end of the text.
    pub fn scroll(&mut self, by: isize) {
        let top = if self.page == ViewPage::Run { self.run_top.get_or_insert(0) } else { &mut self.page_top };
        *top = top.saturating_add_signed(by);
    }

    /// Scrolls by this many screens, which overlap by one line.
    pub fn leaf(&mut self, by: isize) {
        let height = isize::try_from(self.height.saturating_sub(1).max(1)).unwrap_or(1);
        self.scroll(by * height);
    }
}
