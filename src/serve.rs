//! The page of `workshop serve`: values in, HTML out.
//!
//! The page consists of parts, so it can be loaded as a whole and updated part by part. All its content is text (of
//! the course, of the learner's programs, of a build tool) and never HTML: a course can come from anywhere, and a
//! program can print anything.

mod address;
mod code;
pub mod http;
mod lesson;
mod picture;

use serde::Serialize;
use upon::Engine;

use crate::error::{Error, Result};
use crate::report::trace::{self, RunView};

pub use address::PageAddress;
pub use code::{CodeLine, Difference, Hole, Holes, around, difference};
pub use lesson::html as lesson_html;

/// The style sheet of the page.
pub const STYLE: &str = include_str!("serve/style.css");

/// The script that keeps the page up to date.
pub const SCRIPT: &str = include_str!("serve/page.js");

/// A part of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PagePart {
    /// What is being done, or the result, in a line.
    Status,
    /// The stages, and how far the learner has come.
    Progress,
    /// Why it failed, and the runs.
    Verdict,
    /// The files to edit.
    Files,
    /// How the files differ from the solution.
    Solution,
    /// The hints so far, and a button for another one.
    Hints,
    /// The lesson.
    Lesson,
}

impl PagePart {
    /// All of them.
    pub const ALL: [PagePart; 7] = [
        PagePart::Status,
        PagePart::Progress,
        PagePart::Hints,
        PagePart::Verdict,
        PagePart::Files,
        PagePart::Solution,
        PagePart::Lesson,
    ];

    /// Its name in the page and in addresses.
    pub fn name(self) -> &'static str {
        match self {
            PagePart::Status => "status",
            PagePart::Progress => "progress",
            PagePart::Verdict => "verdict",
            PagePart::Files => "files",
            PagePart::Solution => "solution",
            PagePart::Hints => "hints",
            PagePart::Lesson => "lesson",
        }
    }

    /// The part of this name.
    pub fn named(name: &str) -> Option<PagePart> {
        PagePart::ALL.into_iter().find(|part| part.name() == name)
    }
}

/// [`PagePart::Status`].
#[derive(Serialize)]
pub struct StatusPart {
    /// How it looks: `busy`, `passed` or `failed`.
    pub kind: &'static str,
    /// The same as a character.
    pub mark: &'static str,
    /// What a screen reader says.
    pub say: String,
    /// Details that change all the time.
    pub more: String,
    /// The stage.
    pub stage: String,
}

/// [`PagePart::Progress`].
#[derive(Serialize)]
pub struct ProgressPart {
    /// The stages, in their order.
    pub stages: Vec<StageEntry>,
    /// The stage that is shown.
    pub here: String,
    /// The stage is verified, and there is a next one.
    pub next: bool,
    /// The stage is not verified, and there is a next one.
    pub skip: bool,
    /// What is said after the last stage.
    pub ending: String,
}

/// A stage among the others.
#[derive(Serialize)]
pub struct StageEntry {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its state: `verified`, `fails now`, `changed`, `current`, `skipped` or `open`.
    pub state: &'static str,
    /// The same as a character.
    pub mark: &'static str,
    /// Is it shown?
    pub here: bool,
}

/// [`PagePart::Verdict`].
#[derive(Serialize, Default)]
pub struct VerdictPart<'v> {
    /// It is that of the previous verify, while another one is running.
    pub old: bool,
    /// What the build tool printed, if the build failed.
    pub output: String,
    /// The error that kept the runner from a verdict.
    pub trouble: String,
    /// Remarks about all runs together.
    pub notes: Vec<String>,
    /// What a learner can do who has passed, if all runs of the stage did.
    pub learned: String,
    /// Where to look first.
    pub place: String,
    /// Its address in the page, if it is one of the files to edit.
    pub place_address: String,
    /// The lines there.
    pub code: Vec<CodeLine>,
    /// The run that is shown.
    pub run: Option<RunView<'v>>,
    /// The runs to choose from.
    pub runs: Vec<RunEntry>,
    /// How many runs there are.
    pub count: usize,
    /// How many of them failed.
    pub failed: usize,
    /// The reader has chosen from the list.
    pub listing: bool,
    /// Only the failed ones are listed.
    pub failed_only: bool,
    /// The address with the other choice.
    pub toggle: String,
    /// The address of the listed run before this one.
    pub before: String,
    /// That of the one after it.
    pub after: String,
}

/// A run among the others.
#[derive(Serialize)]
pub struct RunEntry {
    /// Its number.
    pub number: usize,
    /// Its title.
    pub title: String,
    /// Did it pass?
    pub passed: bool,
    /// Is it shown?
    pub here: bool,
    /// Its address.
    pub address: String,
}

/// [`PagePart::Files`].
#[derive(Serialize, Default)]
pub struct FilesPart {
    /// The files to edit.
    pub files: Vec<FileEntry>,
    /// All holes that are left.
    pub holes: Vec<HoleEntry>,
    /// Does the track say what a hole is?
    pub has_holes: bool,
    /// The lines of the file that is shown.
    pub lines: Vec<CodeLine>,
    /// Why there are none.
    pub trouble: String,
}

/// A file among the others.
#[derive(Serialize)]
pub struct FileEntry {
    /// Its path.
    pub name: String,
    /// How many holes are in it.
    pub holes: usize,
    /// Is it shown?
    pub here: bool,
    /// Its address.
    pub address: String,
}

/// A hole in one of the files.
#[derive(Serialize)]
pub struct HoleEntry {
    /// The file's path and the line's number.
    pub place: String,
    /// What stands there.
    pub text: String,
    /// Its address.
    pub address: String,
}

/// [`PagePart::Solution`].
#[derive(Serialize, Default)]
pub struct SolutionPart {
    /// The stage is verified, so the solution may be shown.
    pub open: bool,
    /// The files that differ from it.
    pub files: Vec<Difference>,
    /// Comments and empty lines are not compared.
    pub code_only: bool,
    /// What the stage's other solution is; empty if it has none.
    pub another: String,
    /// Why it is good, as HTML.
    pub why: String,
    /// How it differs from the solution.
    pub other_files: Vec<Difference>,
}

/// [`PagePart::Lesson`].
#[derive(Serialize)]
pub struct LessonPart {
    /// Which stage it is, as in `Stage 1 of 7`.
    pub number: String,
    /// The stage's name.
    pub stage: String,
    /// Its title.
    pub title: String,
    /// The lesson as HTML.
    pub html: String,
}

/// [`PagePart::Hints`].
#[derive(Serialize)]
pub struct HintsPart {
    /// The stage's name.
    pub stage: String,
    /// The hints that were given, as HTML.
    pub hints: Vec<String>,
    /// How many there are.
    pub count: usize,
    /// There are more.
    pub more: bool,
}

/// The whole page, with its parts as HTML.
#[derive(Serialize)]
pub struct WholePage {
    /// The course's title.
    pub course: String,
    /// The stage's name.
    pub stage: String,
    /// Each part's HTML, by its name.
    pub parts: std::collections::BTreeMap<&'static str, String>,
}

/// Fills templates with values.
pub struct Templates(Engine<'static>);

impl Templates {
    /// Reads the templates.
    ///
    /// # Errors
    /// One of them is wrong.
    pub fn new() -> Result<Templates> {
        let read = || -> std::result::Result<Engine<'static>, upon::Error> {
            let mut engine = trace::engine()?;
            engine.add_template("page", include_str!("serve/page.html"))?;
            engine.add_template("status", include_str!("serve/status.html"))?;
            engine.add_template("progress", include_str!("serve/progress.html"))?;
            engine.add_template("verdict", include_str!("serve/verdict.html"))?;
            engine.add_template("files", include_str!("serve/files.html"))?;
            engine.add_template("difference", include_str!("serve/difference.html"))?;
            engine.add_template("solution", include_str!("serve/solution.html"))?;
            engine.add_template("hints", include_str!("serve/hints.html"))?;
            engine.add_template("lesson", include_str!("serve/lesson.html"))?;
            Ok(engine)
        };
        read().map(Templates).map_err(|error| Error::new("the page can't be made").because(error))
    }

    /// A part of the page.
    ///
    /// # Errors
    /// The values do not fit the part.
    pub fn part(&self, part: PagePart, values: &impl Serialize) -> Result<String> {
        self.fill(part.name(), values)
    }

    /// The whole page.
    ///
    /// # Errors
    /// The values do not fit the template.
    pub fn page(&self, page: &WholePage) -> Result<String> {
        self.fill("page", page)
    }

    fn fill(&self, name: &str, values: &impl Serialize) -> Result<String> {
        let filled = self.0.template(name).render(values).to_string();
        filled.map_err(|error| Error::new("the page can't be made").because(error))
    }
}
