//! What the programs themselves say: on standard error, when they crash.

use regex_lite::Regex;

use super::words::{capitalize, shown};
use super::{Case, Fact};
use crate::course::Party;
use crate::fault::Fault;
use crate::pattern::{escape, excerpt};
use crate::transcript::RoleId;

impl Case<'_> {
    /// What the programs themselves say on standard error.
    pub(super) fn crashes(&self, facts: &mut Vec<Fact>) {
        for (role, output) in self.evidence.outputs.iter().enumerate().filter(|(_, output)| output.party == Party::You)
        {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let regex = |source: &Option<String>| source.as_deref().and_then(|source| Regex::new(source).ok());
            let crash = regex(&self.track.crash).and_then(|regex| {
                let found = regex.captures(&stderr)?;
                let line = stderr[found.get(0)?.end()..]
                    .lines()
                    .find(|line| !line.trim().is_empty() && !line.starts_with(':'))
                    .unwrap_or("")
                    .trim()
                    .to_owned();
                Some((format!("{}:{}", found.name("file")?.as_str(), found.name("line")?.as_str()), line))
            });
            let place = crash.as_ref().map(|(place, _)| place.clone());
            let at = place.as_deref().map(|place| format!(" at {}", escape(place.as_bytes()))).unwrap_or_default();
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
            } else if let Some((place, message)) = crash {
                let say = format!(
                    "{} crashed at {}: {}",
                    capitalize(&self.who(role)),
                    escape(place.as_bytes()),
                    excerpt(message.as_bytes(), 200)
                );
                facts.push(Fact { id: "panicked", say, place: Some(place) });
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
