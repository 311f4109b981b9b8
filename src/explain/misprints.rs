//! What the programs themselves say, and what a line that does not fit looks like.

use regex_lite::Regex;

use super::{Case, Fact, after, capitalize, port_taken, shown, shown_bytes};
use crate::course::Party;
use crate::evidence::Happened;
use crate::fault::Fault;
use crate::pattern::{escape, shorten};
use crate::transcript::RoleId;
use crate::verdict::Failure;

impl Case<'_> {
    /// What the programs themselves say on standard error.
    pub(super) fn crashes(&self, facts: &mut Vec<Fact>) {
        for (role, lane) in self.evidence.lanes.iter().enumerate().filter(|(_, lane)| lane.party == Party::You) {
            let stderr = String::from_utf8_lossy(&lane.stderr);
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
                    "{} has reached a part that is not written yet{at}: {}",
                    capitalize(&self.who(role)),
                    escape(hole.as_bytes())
                );
                facts.push(Fact { id: "unfinished", say, place: place.clone() });
            } else if port_taken(&stderr) || lane.lines.iter().filter_map(|line| line.text()).any(port_taken) {
                facts.push(Fact {
                    id: "address-in-use",
                    say: format!("{} wanted a port that is already taken{at}. A fixed port works once; let the system choose a free one (port 0), and print which it was.", capitalize(&self.who(role))),
                    place: place.clone(),
                });
            } else if let Some((place, message)) = crash {
                let say = format!(
                    "{} crashed at {}: {}",
                    capitalize(&self.who(role)),
                    escape(place.as_bytes()),
                    shorten(&escape(message.as_bytes()), 200)
                );
                facts.push(Fact { id: "panicked", say, place: Some(place) });
            }
            if self.scenario.memory.is_some() && Fault::Memory.is_said(&stderr) {
                let say = format!(
                    "{} needs more memory than the {} MiB that a peer has here. Does it keep something that has no end, such as all that is still to be sent?",
                    capitalize(&self.who(role)),
                    self.scenario.memory.unwrap_or_default()
                );
                facts.push(Fact { id: "out-of-memory", say, place: None });
            }
            self.on_stderr(role, &stderr, facts);
        }
    }

    fn on_stderr(&self, role: RoleId, stderr: &str, facts: &mut Vec<Fact>) {
        let printed: Vec<_> = self.evidence.lanes[role].lines.iter().filter_map(|line| line.text()).collect();
        let misplaced = self.expected_of(role).into_iter().find(|expected| {
            !expected.is_empty() && !printed.contains(&expected.as_str()) && stderr.lines().any(|line| line == expected)
        });
        if let Some(line) = misplaced {
            let say = format!(
                "{} wrote «{}» to standard error. What the user is to see goes to standard output; standard error is for what went wrong.",
                capitalize(&self.who(role)),
                shown(&line)
            );
            facts.push(Fact { id: "on-stderr", say, place: None });
        }
    }

    /// What a line that does not fit looks like.
    pub(super) fn misprints(&self, facts: &mut Vec<Fact>) {
        let Failure::Line(role, index) = *self.failure else { return };
        let lane = &self.evidence.lanes[role];
        let line = &lane.lines[index];
        let who = capitalize(&self.who(role));
        let mut add = |id, say| facts.push(Fact { id, say, place: None });
        if !line.whole {
            add(
                "no-final-newline",
                format!(
                    "{who} ended without a newline after «{}»: a line is a line when its newline is there.",
                    shown_bytes(&line.bytes)
                ),
            );
        }
        let Some(text) = line.text() else {
            return add(
                "not-utf8",
                format!(
                    "{who} printed bytes that are not UTF-8: «{}». Decode a line when all of it is there.",
                    shown_bytes(&line.bytes)
                ),
            );
        };
        let next = lane.lines.get(index + 1).and_then(|next| next.text());
        let expected = self.expected_of(role);
        let typed: Vec<&str> =
            self.evidence.typed.iter().filter(|typed| typed.role != role).map(|typed| typed.text.as_str()).collect();
        if text.contains('\u{FFFD}') {
            add(
                "broken-characters",
                format!(
                    "{who} printed «{}», with characters broken in two (\u{FFFD}). A character may take several bytes, and a read may end between them: decode a line only when all of it is there.",
                    shown(text)
                ),
            );
        }
        if self.was_cut()
            && !text.is_empty()
            && typed.iter().any(|typed| typed.len() > text.len() && typed.starts_with(text))
        {
            add(
                "half-line",
                format!(
                    "The connection was cut in the middle of a line, and {} printed the half that had come, «{}», as if it were whole. A line that has no newline yet is not a line.",
                    self.who(role),
                    shown(text)
                ),
            );
        }
        let missed = self.awaited_lines().into_iter().find(|awaited| awaited.role == role && awaited.text != text);
        // What an action still to come leads to, nobody can have sent.
        let begun = self.lines_of(role, |step| step.phase <= self.phase);
        let skipped = missed.filter(|missed| after(&begun, &missed.text).contains(&text.to_owned()));
        if let Some(missed) = skipped.filter(|_| self.yours(role)) {
            let say = format!(
                "{who} printed «{}», but not «{}», which comes before it. A stream keeps its order, so those bytes had \
                 arrived: was something read ahead into a buffer that was then thrown away?",
                shown(text),
                shown(&missed.text)
            );
            add("lost-bytes", say);
        }
        let whole = expected.iter().map(String::as_str).chain(typed);
        // A whole line that the other side has sent is no piece of one.
        let sent_so = self.whole_lines(role).any(|sent| !sent.is_empty() && text.ends_with(&sent));
        for (whole, follower) in whole.clone().zip(whole.clone().skip(1).map(Some).chain([None])) {
            if !sent_so {
                self.piece(&who, text, next, whole, &mut add);
            }
            joined(&who, text, whole, follower, &mut add);
        }
        if facts.is_empty() || line.whole {
            self.odd_line((role, index), text, &expected, facts);
        }
    }

    /// The whole lines that came to a role over the wire, as far as their bytes are kept.
    fn whole_lines(&self, role: RoleId) -> impl Iterator<Item = String> {
        let connections = self.evidence.links.iter().flat_map(move |link| {
            let there = link.listener == role;
            let ours = there || link.dialer == role;
            link.connections.iter().filter(move |_| ours).map(move |connection| (there, connection))
        });
        connections.flat_map(|(there, connection)| {
            let mut bytes = Vec::new();
            for moment in connection.moments.iter().filter(|moment| moment.there == there) {
                if let Happened::Data { bytes: all, sample, .. } = &moment.what {
                    bytes.extend_from_slice(sample);
                    // What follows is not what follows on the wire.
                    if *all > sample.len() as u64 {
                        bytes.push(0);
                    }
                }
            }
            let lines = bytes.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
            lines.filter_map(|line| String::from_utf8(line.to_vec()).ok()).collect::<Vec<_>>()
        })
    }

    /// Is this line a piece of an expected one?
    fn piece(
        &self,
        who: &str,
        text: &str,
        next: Option<&str>,
        whole: &str,
        add: &mut impl FnMut(&'static str, String),
    ) {
        let cut = whole.strip_prefix(text).filter(|rest| !rest.is_empty() && !text.is_empty());
        match (cut, next) {
            (Some(rest), Some(next)) if rest.starts_with(next) && !next.is_empty() => add(
                "read-as-message",
                format!(
                    "{who} printed one line in pieces: «{}», then «{}». A stream carries bytes, not messages: one read brings whatever has arrived, here a part of a line. Collect bytes until the newline is there.",
                    shown(text),
                    shown(next)
                ),
            ),
            (Some(rest), _) if text.len() >= 256 => add(
                "truncated",
                format!(
                    "{who} printed the first {} bytes of a line of {} and dropped the other {}. Does a buffer of fixed size hold the line?",
                    text.len(),
                    whole.len(),
                    rest.len()
                ),
            ),
            (Some(_), _) if self.fragmented() => add(
                "read-as-message",
                format!(
                    "{who} printed «{}», which is only the beginning of «{}»: it was all that had arrived. A stream carries bytes, not messages. Collect bytes until the newline is there.",
                    shown(text),
                    shown(whole)
                ),
            ),
            _ => {}
        }
    }

    /// A line that is neither a piece of one nor several.
    fn odd_line(&self, (role, index): (RoleId, usize), text: &str, expected: &[String], facts: &mut Vec<Fact>) {
        let said = format!("{} printed «{}»", capitalize(&self.who(role)), shown(text));
        let times = expected.iter().filter(|expected| *expected == text).count();
        let before = self.evidence.lanes[role].lines[..index].iter().filter(|line| line.text() == Some(text)).count();
        // Whether another line was due depends on what the runner had typed by then; that it is the same one
        // again does not.
        let again = times > 0 && before >= times;
        let awaited = self.awaited_lines().into_iter().find(|awaited| awaited.role == role);
        let mut add = |id, say| facts.push(Fact { id, say, place: None });
        if let Some(awaited) = &awaited {
            let how = if again { " a second time," } else { "" };
            add("wrong-line", format!("{said}{how} where «{}» was expected.", shown(&awaited.text)));
        }
        match awaited {
            _ if again => add("extra-line", format!("{said} a second time.")),
            None if times > 0 => add("extra-line", format!("{said}, which is not to come here yet.")),
            None => add("extra-line", format!("{said}, which nothing asked for.")),
            Some(_) => {}
        }
    }
}

/// Is this line two expected ones?
fn joined(who: &str, text: &str, whole: &str, follower: Option<&str>, add: &mut impl FnMut(&'static str, String)) {
    if let Some(rest) = text.strip_prefix(whole).filter(|rest| !rest.is_empty() && !whole.is_empty())
        && follower.is_some_and(|follower| rest.trim_start().starts_with(follower) && !follower.is_empty())
    {
        add(
            "read-as-message",
            format!(
                "{who} printed two lines as one: «{}». A stream carries bytes, not messages: one read may bring several lines. Split what you read at the newlines.",
                shown(text)
            ),
        );
    }
}
