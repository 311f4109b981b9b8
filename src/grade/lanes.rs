//! Several results are made at a time: each lane is a process inside of a wall of its own, so that no program meets
//! those of another lane, whose loopback is another one.
//!
//! A lane is told on its standard input which result to make, a line for each, and answers with a line when it is
//! written. It is given the next one then, so no lane waits for a slow one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use serde::{Deserialize, Serialize};

use crate::cli::Shard;
use crate::error::{Error, Result};
use crate::report::say;
use crate::sandbox;

/// Says to a process which lane it is.
const LANE: &str = "WORKSHOP_GRADE_LANE";

/// A submission in a stage, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unit {
    pub(super) submission: usize,
    pub(super) stage: usize,
}

/// What a lane answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    /// The result was there before.
    pub(super) was_there: bool,
    /// It waits until the instructor agrees.
    pub(super) waits: bool,
}

/// The lane that this process is, if it is one: which of how many.
pub(super) fn this() -> Option<Shard> {
    std::env::var(LANE).ok()?.parse().ok()
}

/// Makes all results in so many lanes; `each` is told of each, in the order of the units.
///
/// # Errors
/// A lane can't be started or has ended early, or what `each` says.
pub(super) fn all(units: &[Unit], lanes: usize, mut each: impl FnMut(Unit, Answer) -> Result<()>) -> Result<()> {
    let next = AtomicUsize::new(0);
    let lanes = lanes.min(units.len()).max(1);
    let (tell, told) = channel();
    let mut started = Vec::new();
    for part in 1..=lanes {
        started.push(Lane::start(Shard { part, of: lanes })?);
    }
    thread::scope(|scope| {
        for lane in started {
            let (tell, next) = (tell.clone(), &next);
            scope.spawn(move || lane.work(units, next, &tell));
        }
        drop(tell);
        let mut first = Ok(());
        let mut said = BTreeSet::new();
        let mut made = BTreeMap::new();
        let mut told_of = 0;
        for news in told {
            let done = match news {
                News::Made(index, answer) => {
                    made.insert(index, answer);
                    let mut done = Ok(());
                    while let Some(answer) = made.remove(&told_of) {
                        done = done.and(each(units[told_of], answer));
                        told_of += 1;
                    }
                    done
                }
                News::Ended(error) => Err(error),
                News::Said(line) => {
                    if said.insert(line.clone()) {
                        say(&line);
                    }
                    Ok(())
                }
            };
            if done.is_err() && first.is_ok() {
                first = done;
                // Nothing new is begun.
                next.store(units.len(), Ordering::Relaxed);
            }
        }
        first
    })
}

/// What is heard of a lane.
enum News {
    /// The number of the unit, and the answer.
    Made(usize, Answer),
    Said(String),
    Ended(Error),
}

/// A process that makes results.
struct Lane {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Lane {
    fn start(lane: Shard) -> Result<Lane> {
        let failed =
            |error: &dyn std::fmt::Display| Error::new("a lane of the grading can't be started").because(error);
        let mut command = sandbox::inside().map_err(|error| failed(&error))?;
        command.env(LANE, format!("{}/{}", lane.part, lane.of));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        let (Some(asks), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(&"it has no pipes"));
        };
        Ok(Lane { child, asks, answers: BufReader::new(answers) })
    }

    /// Makes results as long as there are any to be made.
    fn work(mut self, units: &[Unit], next: &AtomicUsize, tell: &Sender<News>) {
        let stderr = self.child.stderr.take();
        let complains = thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.map(|mut stderr| stderr.read_to_string(&mut text));
            text
        });
        let mut is_lost = false;
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(unit) = units.get(index) else { break };
            match self.make(*unit) {
                Some(answer) => drop(tell.send(News::Made(index, answer))),
                None => {
                    is_lost = true;
                    break;
                }
            }
        }
        // The end of its input is the end of its work.
        drop(self.asks);
        let _ = self.child.wait();
        let said = complains.join().unwrap_or_default();
        let news = match is_lost {
            true => {
                let error = Error::new("a lane of the grading has ended before its work was done")
                    .help("what is graded is kept: the same command goes on");
                vec![News::Ended(if said.trim().is_empty() { error } else { error.because(said.trim()) })]
            }
            false => said.lines().map(|line| News::Said(line.to_owned())).collect(),
        };
        news.into_iter().for_each(|news| drop(tell.send(news)));
    }

    /// Has a result made; `None` if the lane has ended.
    fn make(&mut self, unit: Unit) -> Option<Answer> {
        let mut line = serde_json::to_string(&unit).ok()?;
        line.push('\n');
        self.asks.write_all(line.as_bytes()).and_then(|()| self.asks.flush()).ok()?;
        line.clear();
        self.answers.read_line(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    }
}

/// The work of a lane: makes what it is asked for.
///
/// # Errors
/// What `make` says, or there is nobody to answer.
pub(super) fn serve(mut make: impl FnMut(Unit) -> Result<Answer>) -> Result<()> {
    let lost = |error: &dyn std::fmt::Display| Error::new("the command that grades is gone").because(error);
    for line in std::io::stdin().lock().lines() {
        let unit = serde_json::from_str(&line.map_err(|error| lost(&error))?).map_err(|error| lost(&error))?;
        let mut answer = serde_json::to_string(&make(unit)?).map_err(|error| lost(&error))?;
        answer.push('\n');
        let mut out = std::io::stdout().lock();
        out.write_all(answer.as_bytes()).and_then(|()| out.flush()).map_err(|error| lost(&error))?;
    }
    Ok(())
}
