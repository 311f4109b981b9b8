//! What the programs themselves say: on standard error, when they crash.

use regex_lite::Regex;

use super::words::{capitalize, shown};
use super::{Case, Fact};
use crate::course::{Party, StackOrder};
use crate::fault::Fault;
use crate::pattern::{escape, excerpt};
use crate::transcript::RoleId;

/// Where a program crashed, and what it says of it.
struct Crash {
    /// The place for a sentence.
    shown: String,
    /// The place, below the folder of all packages where the file is the learner's.
    place: String,
    message: String,
}

impl Case<'_> {
    /// What the programs themselves say on standard error.
    pub(super) fn crashes(&self, facts: &mut Vec<Fact>) {
        for (role, output) in self.evidence.outputs.iter().enumerate().filter(|(_, output)| output.party == Party::You)
        {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let regex = |source: &Option<String>| source.as_deref().and_then(|source| Regex::new(source).ok());
            let crash = regex(&self.track.crash).and_then(|regex| self.crash(&regex, &stderr));
            let place = crash.as_ref().map(|crash| crash.place.clone());
            let at = crash.as_ref().map(|crash| format!(" at {}", escape(crash.shown.as_bytes()))).unwrap_or_default();
            if let Some(found) =
                regex(&self.track.unfinished).and_then(|regex| regex.find(&stderr).map(|found| found.end()))
            {
                let hole = stderr[found..].lines().next().unwrap_or("").trim_start_matches(':').trim();
                let say = format!(
                    "{} reached a part that is not written yet{at}: {}",
                    capitalize(&self.who(role)),
                    escape(hole.as_bytes())
                );
                facts.push(Fact { id: "unfinished", say, place: place.clone() });
            } else if port_taken(&stderr) || output.lines.iter().filter_map(|line| line.text()).any(port_taken) {
                facts.push(Fact {
                    id: "address-in-use",
                    say: format!(
                        "{} asked for a port that is already in use{at}. A fixed port works only once: let \
                        the system choose a free one (port 0), and print it.",
                        capitalize(&self.who(role))
                    ),
                    place: place.clone(),
                });
            } else if let Some(crash) = crash {
                let say =
                    format!("{} crashed{at}: {}", capitalize(&self.who(role)), excerpt(crash.message.as_bytes(), 200));
                facts.push(Fact { id: "panicked", say, place: Some(crash.place) });
            }
            if self.scenario.memory.is_some() && Fault::Memory.is_said(&stderr) {
                let say = format!(
                    "{} needs more memory than the {} MiB that a peer has here. Does it keep something without a \
                     bound, such as everything that is still to be sent?",
                    capitalize(&self.who(role)),
                    self.scenario.memory.unwrap_or_default()
                );
                facts.push(Fact { id: "out-of-memory", say, place: None });
            }
            self.on_stderr(role, &stderr, facts);
        }
    }

    /// Where a program says that it crashed. Of several places, as those of a stack, it is the innermost one in a file
    /// that the learner edits, if there is any.
    fn crash(&self, regex: &Regex, stderr: &str) -> Option<Crash> {
        let places = regex.captures_iter(stderr).filter_map(|found| {
            let [whole, file, line] = [found.get(0)?, found.name("file")?, found.name("line")?];
            Some((whole.range(), file.as_str(), line.as_str()))
        });
        let places: Vec<_> = places.collect();
        let mut own = places.iter().filter(|(_, file, _)| self.own_file(file).is_some());
        let innermost = match self.track.stack {
            StackOrder::InnermostFirst => own.next().or(places.first()),
            StackOrder::InnermostLast => own.next_back().or(places.last()),
        };
        let (at, file, line) = innermost?;
        let own = self.own_file(file).map(|path| format!("{}/{path}", self.stage.name));
        let shown = own.clone().filter(|_| file.starts_with('/')).unwrap_or_else(|| (*file).to_owned());
        Some(Crash {
            shown: format!("{shown}:{line}"),
            place: format!("{}:{line}", own.as_deref().unwrap_or(file)),
            message: self.crash_message(stderr, at),
        })
    }

    /// The path, below the package, of a file that the learner edits.
    fn own_file<'f>(&self, file: &'f str) -> Option<&'f str> {
        let folder = format!("{}/", self.stage.name);
        let below = match file.rfind(&format!("/{folder}")) {
            Some(at) => Some(&file[at + 1 + folder.len()..]),
            None => file.strip_prefix(&folder).or((!file.starts_with('/')).then_some(file)),
        };
        below.filter(|path| self.track.edits(path))
    }

    /// What a program says of its crash: a line beside the place that is not indented, as the frames of a stack are. It
    /// stands above a stack that begins with the innermost frame, and otherwise below.
    fn crash_message(&self, stderr: &str, place: &std::ops::Range<usize>) -> String {
        let is_said = |line: &&str| !line.trim().is_empty() && !line.starts_with(':');
        let is_outside = |line: &&str| is_said(line) && !line.starts_with([' ', '\t']);
        let start = stderr[..place.start].rfind('\n').map_or(0, |newline| newline + 1);
        let is_frame = stderr[start..].starts_with([' ', '\t']);
        let above = || stderr[..start].lines().rev().find(is_outside);
        let after = || stderr[place.end..].lines().skip(1);
        let rest = stderr[place.end..].lines().next().filter(is_said).filter(|_| !is_frame);
        let below = || rest.or_else(|| after().find(is_outside)).or_else(|| after().find(is_said));
        let message = match self.track.stack {
            StackOrder::InnermostFirst if is_frame => above().or_else(below),
            _ => below(),
        };
        message.unwrap_or_default().trim().to_owned()
    }

    fn on_stderr(&self, role: RoleId, stderr: &str, facts: &mut Vec<Fact>) {
        let printed: Vec<_> = self.evidence.outputs[role].lines.iter().filter_map(|line| line.text()).collect();
        let misplaced = self.lines_of(role, |_| true).into_iter().find_map(|expected| {
            let is_it = |line: &str| !line.is_empty() && self.is_line(role, expected.pattern, line);
            let missing = !expected.pattern.is_blanket() && !printed.iter().any(|line| is_it(line));
            stderr.lines().find(|line| missing && is_it(line))
        });
        if let Some(line) = misplaced {
            let say = format!(
                "{} wrote «{}» to standard error. Output for the user goes to standard output; standard error is for \
                 what went wrong.",
                capitalize(&self.who(role)),
                shown(line)
            );
            facts.push(Fact { id: "on-stderr", say, place: None });
        }
    }
}

/// Does this text say that a port is in use?
fn port_taken(text: &str) -> bool {
    text.to_lowercase().contains("address already in use") || text.contains("EADDRINUSE")
}
