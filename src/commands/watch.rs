//! `workshop watch`: fills the full-screen view from keys and news.

use colored::Colorize;

use super::context;
use super::editor;
use super::hints::{self, Hint};
use super::learn;
use super::verify_worker::{News, VerifyWorker};
use crate::cli::{Chosen, WatchArgs};
use crate::error::{Error, Result};
use crate::pattern::visible;
use crate::progress::WorkspaceState;
use crate::report;
use crate::runtime;
use crate::watch::{
    KeyAction, KeyOrResize, Keys, Screen, VerifyStatus, View, ViewPage, ask, help, page_width, suspend,
};
use crate::workspace::Workspace;

/// Shows the current stage and verifies it at each save, until the learner leaves.
pub fn watch(chosen: &Chosen, args: &WatchArgs) -> Result<bool> {
    let workspace = context::open_workspace(chosen)?;
    let mut stage = context::stage_name(&workspace, args.stage.as_deref())?;
    super::verify::has_package(&workspace, &workspace.catalog.stage(&stage)?)?;
    if !report::has_screen() {
        return Err(Error::new("`watch` needs an interactive terminal").help(
            "`workshop verify` gives the same verdict anywhere, and `workshop serve` shows it in a browser; `workshop \
             --help` lists all commands",
        ));
    }
    learn::start_ahead(&workspace, args.no_prefetch);
    // What was on the screen when the learner left it for a while.
    let (mut kept, mut message) = (None, None);
    loop {
        match runtime::block_on(session(chosen, args, &mut stage, (&mut kept, message.take())))? {
            Exit::ForGood => return Ok(true),
            Exit::ForNow => suspend(),
            Exit::ToEdit(place) => message = edit(chosen, &stage, place.as_deref()).err().map(|error| one_line(&error)),
        }
    }
}

/// How the learner left the view.
enum Exit {
    ForGood,
    ForNow,
    /// To edit the file at this place, if there is one to look at.
    ToEdit(Option<String>),
}

/// Opens the editor at a place (`file:line`), or else at the first file of the stage that has a hole, or the first.
fn edit(chosen: &Chosen, stage: &str, place: Option<&str>) -> Result<()> {
    let place = place.and_then(|place| place.rsplit_once(':'));
    if let Some((file, line)) = place {
        return editor::open(file.as_ref(), line.parse().ok());
    }
    let workspace = context::open_quietly(chosen)?;
    let files: Vec<_> = workspace.editable(stage)?.iter().map(|file| workspace.root.join(file)).collect();
    let hole = workspace.track()?.hole.as_deref().and_then(|hole| regex_lite::Regex::new(hole).ok());
    let first_hole = files.iter().find_map(|file| {
        let text = std::fs::read_to_string(file).ok()?;
        let line = text.lines().position(|line| hole.as_ref().is_some_and(|hole| hole.is_match(line)))?;
        Some((file, Some(line + 1)))
    });
    let Some((file, line)) = first_hole.or_else(|| files.first().map(|file| (file, None))) else {
        return Err(Error::new("this stage has no file to edit"));
    };
    editor::open(file, line)
}

/// An error as a message at the bottom of the view.
fn one_line(error: &Error) -> String {
    let help = error.help.as_ref().map(|help| format!(": {help}")).unwrap_or_default();
    format!("{}{help}", error.message)
}

/// Shows the view until the learner leaves. The terminal is restored first, then what runs is ended.
async fn session(
    chosen: &Chosen,
    args: &WatchArgs,
    stage: &mut String,
    (kept, message): (&mut Option<View>, Option<String>),
) -> Result<Exit> {
    let (worker, mut receiver) = VerifyWorker::start(chosen, stage, args.poll)?;
    let mut controller = Controller::new(chosen, worker, stage)?;
    if let Some(view) = kept.take() {
        controller.view = view;
    }
    controller.view.message = message;
    // Declared after the controller, and so dropped before it: to end what runs may take a moment.
    let mut screen = Screen::enter()?;
    let mut keys = Keys::read();
    loop {
        controller.fill(page_width(screen.width()));
        screen.show(&mut controller.view)?;
        tokio::select! {
            pressed = keys.next() => match pressed {
                // The terminal is gone.
                None => return Ok(Exit::ForGood),
                Some(KeyOrResize::Resize) => screen.clear()?,
                Some(KeyOrResize::Key(key)) => match ask(key) {
                    Some(KeyAction::Quit) => return Ok(Exit::ForGood),
                    Some(KeyAction::Suspend) => {
                        *kept = Some(controller.view);
                        return Ok(Exit::ForNow);
                    }
                    Some(KeyAction::Edit) => {
                        let place = controller.view.place.clone();
                        *kept = Some(controller.view);
                        return Ok(Exit::ToEdit(place));
                    }
                    Some(asked) => {
                        controller.answer(asked);
                        stage.clone_from(&controller.stage);
                    }
                    None => controller.view.message = None,
                }
            },
            news = receiver.next() => {
                let news = news.ok_or_else(|| Error::new("the thread that verifies has ended").help("this is a bug of `workshop`"))?;
                controller.hear(news);
                // Show everything that has arrived together.
                while let Some(more) = receiver.at_once() {
                    controller.hear(more);
                }
            }
        }
    }
}

/// The view, and what it takes to fill it.
struct Controller<'c> {
    chosen: &'c Chosen,
    worker: VerifyWorker,
    stage: String,
    view: View,
    /// The hint that was given last, until the list of hints is asked for.
    hint: Option<Hint>,
    /// The page and width for which the view's text was made.
    filled: Option<(ViewPage, usize)>,
    /// How many runs of the current verify have failed.
    failed: usize,
}

impl<'c> Controller<'c> {
    fn new(chosen: &'c Chosen, worker: VerifyWorker, stage: &str) -> Result<Controller<'c>> {
        let workspace = context::open_quietly(chosen)?;
        let seen = workspace.state.stages.get(stage).is_some_and(|progress| progress.shown);
        let page = if seen { ViewPage::Run } else { ViewPage::Lesson };
        WorkspaceState::update(&workspace.dot(), |state| state.stage(stage).shown = true)?;
        let view = view_of(&workspace, stage, page);
        Ok(Controller { chosen, worker, stage: stage.to_owned(), view, hint: None, filled: None, failed: 0 })
    }

    /// Makes the text of the page, unless it is up to date.
    fn fill(&mut self, width: usize) {
        let page = if self.view.page == ViewPage::Run { ViewPage::Lesson } else { self.view.page };
        if self.filled != Some((page, width)) {
            self.view.text =
                self.text(page, width).unwrap_or_else(|error| report::render_error(&error, report::colour()));
            self.filled = Some((page, width));
        }
    }

    fn text(&self, page: ViewPage, width: usize) -> Result<String> {
        let workspace = context::open_quietly(self.chosen)?;
        Ok(match page {
            ViewPage::Run | ViewPage::Lesson => {
                let lesson = visible(&workspace.catalog.lesson(&self.stage)?);
                let files = workspace.editable(&self.stage)?;
                let files = files.iter().map(|file| format!("  {}\n", report::relative(&workspace.root.join(file))));
                let title = "Edit and save".bold();
                format!("{}\n{title}\n{}", report::laid_out(&lesson, width), files.collect::<String>())
            }
            ViewPage::Hint => {
                let given = hints::given(&workspace, &workspace.catalog.stage(&self.stage)?);
                hints::page(self.hint.as_ref(), &given, width)
            }
            ViewPage::Diff => learn::diff_text(&workspace, &self.stage, false)?,
            ViewPage::Solution => learn::solution_text(&workspace, &self.stage)?,
            ViewPage::Stages => learn::list_text(&workspace, width)?,
            ViewPage::Ending => learn::ending_text(&workspace, width),
            ViewPage::Help => help(width),
        })
    }

    fn hear(&mut self, news: News) {
        let view = &mut self.view;
        match news {
            News::Begins { saved } => {
                self.failed = 0;
                view.tell(VerifyStatus::Working(if saved { "saved" } else { "starting" }.to_owned()));
                // After a save, show the result.
                if saved {
                    view.turn_to(ViewPage::Run);
                }
            }
            News::Doing(what) => view.tell(VerifyStatus::Working(what)),
            News::RunOver { done, total, failed } => {
                if let Some(run) = failed {
                    if self.failed == 0 {
                        view.show_runs(vec![*run]);
                        // The place was that of another reason.
                        view.place = None;
                    }
                    self.failed += 1;
                }
                view.tell(VerifyStatus::Working(format!("{done} of {total} runs, {} failed", self.failed)));
            }
            News::NotBuilt(output) => view.tell(VerifyStatus::NotBuilt(output)),
            News::Trouble(error) => view.tell(VerifyStatus::Trouble(report::render_error(&error, report::colour()))),
            News::Over(outcome) => {
                view.tell(VerifyStatus::Over {
                    runs: outcome.runs,
                    failed: outcome.failed,
                    left_out: outcome.left_out,
                    seconds: outcome.took.as_secs_f64(),
                });
                view.place = outcome.place;
                view.show_runs(outcome.last.runs);
                // The list of stages shows what is verified.
                self.filled = None;
            }
        }
    }

    /// Does what was asked for, or shows the error.
    fn answer(&mut self, asked: KeyAction) {
        self.view.message = None;
        if let Err(error) = self.act(asked) {
            self.view.message = Some(one_line(&error));
        }
    }

    fn act(&mut self, asked: KeyAction) -> Result<()> {
        let view = &mut self.view;
        match asked {
            KeyAction::Again => self.worker.verify(self.chosen, &self.stage)?,
            KeyAction::Next { skip } => self.next(skip)?,
            KeyAction::Hint => {
                let workspace = context::open_quietly(self.chosen)?;
                self.hint = Some(hints::one_more(&workspace, &workspace.catalog.stage(&self.stage)?)?);
                self.turn_to(ViewPage::Hint);
            }
            KeyAction::Hints => {
                let workspace = context::open_quietly(self.chosen)?;
                if hints::given(&workspace, &workspace.catalog.stage(&self.stage)?).is_empty() {
                    view.message = Some("you have seen no hint yet; h gives one".to_owned());
                } else {
                    self.hint = None;
                    self.turn_to(ViewPage::Hint);
                }
            }
            KeyAction::Lesson => self.turn_to(ViewPage::Lesson),
            KeyAction::Solution { spoil } => self.solution(spoil)?,
            KeyAction::Help => self.turn_to(ViewPage::Help),
            KeyAction::Stages => {
                let (_, number, _) = view.stage;
                view.chosen = number - 1;
                self.turn_to(ViewPage::Stages);
            }
            KeyAction::Back => view.turn_to(ViewPage::Run),
            KeyAction::Filter => view.filter(),
            KeyAction::Step(by) => view.step(by),
            KeyAction::Scroll(by) if view.page == ViewPage::Stages => {
                let (_, _, of) = view.stage;
                view.chosen = view.chosen.saturating_add_signed(by).min(of - 1);
            }
            KeyAction::Choose if view.page == ViewPage::Stages => {
                let workspace = context::open_quietly(self.chosen)?;
                if let Some(stage) = workspace.catalog.course.stages.get(self.view.chosen) {
                    learn::take_up(&workspace, stage)?;
                    self.go(&workspace, stage, ViewPage::Run)?;
                }
            }
            KeyAction::Choose => {}
            KeyAction::Scroll(by) => view.scroll(by),
            KeyAction::Leaf(by) => view.leaf(by),
            KeyAction::Top => view.scroll(isize::MIN),
            KeyAction::Bottom => view.scroll(isize::MAX),
            // These leave the view.
            KeyAction::Quit | KeyAction::Suspend | KeyAction::Edit => {}
        }
        Ok(())
    }

    fn turn_to(&mut self, page: ViewPage) {
        self.filled = None;
        self.view.turn_to(page);
    }

    /// Another stage.
    fn go(&mut self, workspace: &Workspace, stage: &str, page: ViewPage) -> Result<()> {
        self.worker.verify(self.chosen, stage)?;
        stage.clone_into(&mut self.stage);
        self.view = view_of(workspace, stage, page);
        self.hint = None;
        self.filled = None;
        Ok(())
    }

    fn next(&mut self, skip: bool) -> Result<()> {
        let workspace = context::open_quietly(self.chosen)?;
        if !skip && !workspace.state.verified(&self.stage) {
            self.view.message = Some(format!("{} is not verified yet; N goes on anyway", self.stage));
            return Ok(());
        }
        match learn::move_on(&workspace, &self.stage)? {
            Some(next) => self.go(&workspace, &next, ViewPage::Lesson)?,
            None => self.turn_to(ViewPage::Ending),
        }
        Ok(())
    }

    /// Shows how the learner's files differ from the solution; the second time, the solution itself.
    fn solution(&mut self, spoil: bool) -> Result<()> {
        let workspace = context::open_quietly(self.chosen)?;
        if let Err(error) = workspace.catalog.has_solutions() {
            self.view.message = Some(error.message);
            return Ok(());
        }
        if !spoil && !workspace.state.verified(&self.stage) {
            self.view.message = Some(format!("{} is not verified yet; D shows it anyway", self.stage));
            return Ok(());
        }
        self.turn_to(if self.view.page == ViewPage::Diff { ViewPage::Solution } else { ViewPage::Diff });
        Ok(())
    }
}

/// A view of a stage.
fn view_of(workspace: &Workspace, stage: &str, page: ViewPage) -> View {
    let mut view = View::new(place(workspace, stage), page);
    view.withheld = workspace.catalog.course.withheld;
    view
}

/// The name of a stage, its number, and how many there are.
fn place(workspace: &Workspace, stage: &str) -> (String, usize, usize) {
    let course = &workspace.catalog.course;
    (stage.to_owned(), course.number(stage), course.stages.len())
}
