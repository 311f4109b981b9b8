//! The site: what it shows, its open pages, and their requests.

use tokio::sync::mpsc::{Sender, channel};

use super::super::verify_worker::{News, VerifyWorker};
use super::super::{hints, learn};
use super::page_state::{LastVerify, PageState, VerifyProgress};
use super::parts;
use crate::cli::Chosen;
use crate::error::Result;
use crate::serve::http::{AdmittedRequest, Answer};
use crate::serve::{PageAddress, PagePart, SCRIPT, STYLE, Templates, WholePage};

/// A page that falls this many events behind is dropped, and has to reconnect.
const MOST_EVENTS: usize = 64;

/// The site.
pub(super) struct Site {
    state: PageState,
    worker: VerifyWorker,
    templates: Templates,
    /// The open pages, which are told of changes.
    looking: Vec<Sender<String>>,
}

impl Site {
    /// Shows what `worker` tells of a stage.
    pub(super) fn new(chosen: Chosen, stage: String, worker: VerifyWorker) -> Result<Site> {
        let state = PageState { chosen, stage, progress: VerifyProgress::default(), last: LastVerify::Nothing };
        Ok(Site { state, worker, templates: Templates::new()?, looking: Vec::new() })
    }

    /// Takes in news, and tells the open pages.
    pub(super) fn take_in(&mut self, news: News) {
        match news {
            News::Begins { saved } => {
                self.state.progress = VerifyProgress::default();
                let files: &[PagePart] = if saved { &[PagePart::Files, PagePart::Solution] } else { &[] };
                self.tell("changed", &[&[PagePart::Status, PagePart::Verdict], files].concat());
            }
            News::Doing(what) => {
                self.state.progress.doing = what;
                self.tell("changed", &[PagePart::Status]);
            }
            News::RunOver { done, total, failed } => {
                let failed = self.state.progress.failed + usize::from(failed.is_some());
                self.state.progress = VerifyProgress { done, total, failed, ..VerifyProgress::default() };
                self.tell("changed", &[PagePart::Status]);
            }
            News::NotBuilt(output) => self.over(LastVerify::NotBuilt(output)),
            News::Over(outcome) => self.over(LastVerify::Verdict(outcome)),
            News::Trouble(error) => self.over(LastVerify::Trouble(error)),
        }
    }

    fn over(&mut self, last: LastVerify) {
        self.state.last = last;
        self.state.progress.over = true;
        self.tell(
            "over",
            &[PagePart::Status, PagePart::Progress, PagePart::Verdict, PagePart::Files, PagePart::Solution],
        );
    }

    fn tell(&mut self, event: &str, parts: &[PagePart]) {
        let told = event_of(event, parts);
        self.looking.retain(|one| one.try_send(told.clone()).is_ok());
    }

    /// Answers an admitted request.
    pub(super) fn answer(&mut self, asked: &AdmittedRequest<'_>) -> Answer {
        let address = PageAddress::parse(asked.query);
        let words: Vec<&str> = asked.path.split('/').collect();
        match (asked.post, words.as_slice()) {
            (false, [""]) => Answer::Text("text/html; charset=utf-8", self.page(&address)),
            (false, ["part", name]) => match PagePart::named(name) {
                Some(part) => Answer::Text("text/html; charset=utf-8", self.part(part, &address)),
                None => Answer::Nothing,
            },
            (false, ["style.css"]) => {
                Answer::Text("text/css; charset=utf-8", format!("{}{STYLE}", crate::report::trace::STYLE))
            }
            (false, ["page.js"]) => Answer::Text("text/javascript; charset=utf-8", SCRIPT.to_owned()),
            (false, ["events"]) => self.events(),
            (true, [what @ ("next" | "skip" | "hint" | "stage" | "again"), stage]) => match self.act(what, stage) {
                Ok(()) => the_page(),
                Err(error) => {
                    self.over(LastVerify::Trouble(error));
                    the_page()
                }
            },
            _ => Answer::Nothing,
        }
    }

    /// What a button does. A button of an outdated page, for another stage, does nothing.
    fn act(&mut self, what: &str, stage: &str) -> Result<()> {
        let workspace = self.state.workspace()?;
        match what {
            "stage" if workspace.catalog.course.stages.iter().any(|name| name == stage) => {
                learn::take_up(&workspace, stage)?;
                self.go_to(stage)
            }
            _ if stage != self.state.stage => Ok(()),
            "hint" => {
                hints::one_more(&workspace, &workspace.catalog.stage(stage)?)?;
                self.tell("changed", &[PagePart::Hints]);
                Ok(())
            }
            "again" => self.worker.verify(&self.state.chosen, stage),
            "next" if !workspace.state.verified(stage) => Ok(()),
            "next" | "skip" => match learn::move_on(&workspace, stage)? {
                Some(next) => self.go_to(&next),
                None => {
                    self.tell("changed", &[PagePart::Progress]);
                    Ok(())
                }
            },
            _ => Ok(()),
        }
    }

    /// Shows another stage, and verifies it.
    fn go_to(&mut self, stage: &str) -> Result<()> {
        self.worker.verify(&self.state.chosen, stage)?;
        stage.clone_into(&mut self.state.stage);
        (self.state.progress, self.state.last) = (VerifyProgress::default(), LastVerify::Nothing);
        self.tell("moved", &[]);
        Ok(())
    }

    fn events(&mut self) -> Answer {
        let (sender, events) = channel(MOST_EVENTS);
        // Something may have changed since the page was made.
        let _ = sender.try_send(event_of("all", &PagePart::ALL));
        self.looking.retain(|one| !one.is_closed());
        self.looking.push(sender);
        Answer::Events(events)
    }

    fn page(&self, address: &PageAddress) -> String {
        let course = self.state.workspace().map(|workspace| workspace.catalog.course.title).unwrap_or_default();
        let parts = PagePart::ALL.map(|part| (part.name(), self.part(part, address))).into_iter().collect();
        let page = WholePage { course, stage: self.state.stage.clone(), parts };
        self.templates.page(&page).unwrap_or_else(|error| trouble(&error))
    }

    /// A part of the page, or the error that kept it from being made.
    fn part(&self, part: PagePart, address: &PageAddress) -> String {
        parts::made(&self.state, &self.templates, part, address).unwrap_or_else(|error| trouble(&error))
    }
}

fn trouble(error: &crate::error::Error) -> String {
    let text = crate::report::render_error(error, false);
    format!("<pre class=\"output\">{}</pre>", crate::report::trace::escape(&text))
}

/// An event, as a browser reads it.
fn event_of(event: &str, parts: &[PagePart]) -> String {
    let names: Vec<&str> = parts.iter().map(|part| part.name()).collect();
    format!("event: {event}\ndata: {}\n\n", names.join(" "))
}

/// After a button the browser loads the page again, which is above `/WHAT/STAGE`.
fn the_page() -> Answer {
    Answer::At("../".to_owned())
}
