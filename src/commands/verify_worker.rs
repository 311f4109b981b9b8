//! Verifies at each save: what `watch` and `serve` have in common.
//!
//! A thread of its own executes one verify at a time and reports its news. A save, a key or another stage calls off
//! the current verify: its processes are ended before the next one begins.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use super::context;
use super::verify::{StageVerify, VERIFY, has_package, place_from_here};
use crate::cli::Chosen;
use crate::course::Party;
use crate::error::{Error, Result};
use crate::event::{Event, Reporter};
use crate::file_watch::{FileWatch, WatchedFiles};
use crate::last::Last;
use crate::report;
use crate::runtime;
use crate::trace::Trace;
use crate::verify::{Selection, new_seed};
use crate::workspace::Workspace;

/// The news of a verify.
pub enum News {
    /// A verify begins.
    Begins {
        /// Because of a save.
        saved: bool,
    },
    /// What is being done now, on a line.
    Doing(String),
    /// A run is over.
    RunOver {
        /// How many are over now.
        done: usize,
        /// Of how many.
        total: usize,
        /// The run as a story, when it failed.
        failed: Option<Box<Trace>>,
    },
    /// The learner's programs can't be built; what the build tool says about it.
    NotBuilt(String),
    /// The verify is over.
    Over(Box<VerifyResult>),
    /// An error kept the runner from a verdict.
    Trouble(Error),
}

/// What a verify came to.
pub struct VerifyResult {
    /// How many runs were played.
    pub runs: usize,
    /// How many of them failed.
    pub failed: usize,
    /// The traces of the runs; of very many failed runs, the first.
    pub last: Last,
    /// Runs that were left out, because the failed ones took too long.
    pub left_out: usize,
    /// How long it took, without the build.
    pub took: Duration,
    /// `file:line` to look at first, as a path from the current folder.
    pub place: Option<String>,
}

/// What the worker has to do.
#[derive(Clone)]
struct Job {
    /// Different for each job.
    number: u64,
    /// The stage to verify; `None` when it is time to quit.
    stage: Option<String>,
    /// Because of a save.
    saved: bool,
}

/// The news of the verify that was requested last.
pub struct NewsReceiver {
    news: UnboundedReceiver<(u64, News)>,
    jobs: Arc<watch::Sender<Job>>,
}

impl NewsReceiver {
    /// The next piece of news; `None` when the worker is gone.
    pub async fn next(&mut self) -> Option<News> {
        loop {
            let (number, news) = self.news.recv().await?;
            // Ignore news of a verify that was called off: it may be about another stage.
            if self.jobs.borrow().number == number {
                return Some(news);
            }
        }
    }

    /// The next piece of news, if it is there already.
    pub fn at_once(&mut self) -> Option<News> {
        self.next().now_or_never().flatten()
    }
}

/// Verifies a stage now, and again at each save. Once it is dropped, nothing of it runs any more.
pub struct VerifyWorker {
    jobs: Arc<watch::Sender<Job>>,
    worker: Option<JoinHandle<()>>,
    file_watch: FileWatch,
}

impl VerifyWorker {
    /// Begins. With `poll`, it polls for saves instead of waiting for the system to report them.
    ///
    /// # Errors
    /// There is no such stage, or no thread can be started.
    pub fn start(chosen: &Chosen, stage: &str, poll: bool) -> Result<(VerifyWorker, NewsReceiver)> {
        let watched = watched(&context::open_quietly(chosen)?, stage)?;
        let (jobs, wanted) = watch::channel(Job { number: 0, stage: Some(stage.to_owned()), saved: false });
        let (sender, news) = unbounded_channel();
        let jobs = Arc::new(jobs);
        let receiver = NewsReceiver { news, jobs: Arc::clone(&jobs) };
        let saved = {
            let jobs = Arc::clone(&jobs);
            move || {
                jobs.send_modify(|job| {
                    job.number += 1;
                    job.saved = true;
                });
            }
        };
        let file_watch = FileWatch::start(watched, poll, saved)?;
        let chosen = chosen.clone();
        let worker = std::thread::Builder::new()
            .name("verify".to_owned())
            .spawn(move || work(&chosen, wanted, &sender))
            .map_err(|error| Error::new("the verify thread can't be started").because(error))?;
        Ok((VerifyWorker { jobs, worker: Some(worker), file_watch }, receiver))
    }

    /// Verifies this stage from now on; also the current one once more.
    ///
    /// # Errors
    /// There is no such stage.
    pub fn verify(&self, chosen: &Chosen, stage: &str) -> Result<()> {
        self.file_watch.watch_instead(watched(&context::open_quietly(chosen)?, stage)?);
        self.job(Some(stage.to_owned()));
        Ok(())
    }

    fn job(&self, stage: Option<String>) {
        self.jobs.send_modify(|job| *job = Job { number: job.number + 1, stage, saved: false });
    }
}

impl Drop for VerifyWorker {
    fn drop(&mut self) {
        self.job(None);
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

/// The files that a stage's verdict depends on.
fn watched(workspace: &Workspace, stage: &str) -> Result<WatchedFiles> {
    let package = context::package(workspace, &workspace.catalog.stage(stage)?, Party::You, Party::You)?;
    let track = workspace.track()?.clone();
    let given: BTreeSet<PathBuf> =
        workspace.template(stage)?.into_iter().map(|(path, _)| PathBuf::from(path)).collect();
    let folders = std::iter::once(stage).chain(track.shared.iter().map(String::as_str));
    Ok(WatchedFiles {
        root: workspace.root.clone(),
        folders: folders.map(|name| workspace.root.join(name)).collect(),
        mark: Box::new(move || {
            // Without its folder there is no program: that is a change of content, too.
            if !package.dir().is_dir() {
                return Some(0);
            }
            // A file that a program leaves behind is not a save.
            let counts = |path: &Path| given.contains(path) || track.edits(&path.to_string_lossy());
            package.mark(&track, &counts).ok()
        }),
    })
}

/// The worker's loop, until it is told to quit.
fn work(chosen: &Chosen, mut jobs: watch::Receiver<Job>, sender: &UnboundedSender<(u64, News)>) {
    loop {
        let Job { number, stage: Some(stage), saved } = jobs.borrow_and_update().clone() else { return };
        // If the receiver is gone, the program is about to quit.
        let tell = |news| _ = sender.send((number, news));
        tell(News::Begins { saved });
        let mut others = jobs.clone();
        let over = runtime::block_on_unasked(async {
            tokio::select! {
                biased;
                _ = others.changed() => Ok(None),
                over = once(chosen, &stage, &tell) => over.map(Some),
            }
        });
        match over {
            Ok(None) => continue,
            Ok(Some(over)) => tell(over),
            Err(error) => tell(News::Trouble(error)),
        }
        let another = runtime::block_on_unasked(async { Ok(jobs.changed().await.is_ok()) });
        if !another.unwrap_or(false) {
            return;
        }
    }
}

/// One verify.
async fn once(chosen: &Chosen, stage: &str, tell: &dyn Fn(News)) -> Result<News> {
    let mut teller = NewsReporter { tell, not_built: String::new() };
    let _lock =
        super::prefetch::told_lock(&context::dot()?, VERIFY, "another `workshop` is verifying", &mut teller).await?;
    // Only now: what was waited for may have been an update.
    let workspace = context::open_quietly(chosen)?;
    let stage = workspace.catalog.stage(stage)?;
    has_package(&workspace, &stage)?;
    context::accept(&workspace)?;
    let selection = Selection { repeat: 1, seed: new_seed(), ..Selection::default() };
    let stage_verify = StageVerify { workspace: &workspace, stage: &stage, solution: false, selection: &selection };
    Ok(match stage_verify.run(&mut teller).await? {
        None => News::NotBuilt(teller.not_built),
        Some((verdict, last)) => match verdict.trouble() {
            // Failed runs were reported one by one; with runs that could not be executed there is no verdict.
            Some(trouble) => News::Trouble(trouble),
            None => News::Over(Box::new(VerifyResult {
                runs: verdict.runs.len(),
                failed: verdict.failed().count(),
                last,
                left_out: verdict.left_out,
                took: verdict.took,
                place: verdict
                    .shown()
                    .and_then(|(_, failed)| failed.because.place.as_ref())
                    .and_then(|place| place_from_here(&workspace, place)),
            })),
        },
    })
}

/// Turns events into news.
struct NewsReporter<'n> {
    tell: &'n dyn Fn(News),
    /// What the build tool says about the learner's programs.
    not_built: String,
}

impl Reporter for NewsReporter<'_> {
    fn tell(&mut self, event: &Event<'_>) {
        let news = match event {
            Event::Waiting(Some(why)) => News::Doing(format!("waiting: {why}")),
            Event::Building { party, .. } => News::Doing(format!("building {}", report::whose(*party))),
            Event::BuildLine(line) => News::Doing(report::progress_line(line)),
            Event::BuildProgress { party, done, total, what } => News::Doing(format!(
                "building {}: {}",
                report::whose(*party),
                report::build_progress(*done, *total, what)
            )),
            Event::Verifying { runs, .. } => News::Doing(format!("{runs} runs")),
            Event::NotBuilt { output, .. } => {
                self.not_built = (*output).to_owned();
                return;
            }
            Event::RunOver { run, trace, done, total } => News::RunOver {
                done: *done,
                total: *total,
                failed: trace.filter(|_| !run.passed()).map(|trace| Box::new(trace.clone())),
            },
            Event::Turn { .. }
            | Event::LastTime { .. }
            | Event::Waiting(None)
            | Event::Built { .. }
            | Event::StageOver { .. }
            | Event::Over { .. } => return,
        };
        (self.tell)(news);
    }
}
