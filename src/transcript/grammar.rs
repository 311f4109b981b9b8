//! Parses the lines of a transcript into steps.

use std::collections::HashMap;
use std::time::Duration;

use super::{
    Action, After, Break, Expect, LinkFault, LinkName, Mention, RoleId, Step, StepKind, Transcript, TranscriptError,
    is_name,
};
use crate::pattern::{NO_NEWLINE_WRITTEN, Pattern};

/// The longest time, in seconds, that a transcript can name.
const LONGEST: u64 = 60;

/// Parses all lines, each by itself.
pub(super) fn read(lines: &[&str]) -> Result<Transcript, TranscriptError> {
    let transcript = Transcript { roles: Vec::new(), mentions: Vec::new(), steps: Vec::new() };
    let mut reader = Reader { transcript, known: HashMap::new(), columns: Vec::new(), time: None };
    let mut phase = 0;
    for (number, line) in lines.iter().enumerate() {
        let Some(kind) = reader.line(Cursor { line, number })? else { continue };
        let is_action = matches!(kind, StepKind::Act(_));
        let columns = std::mem::take(&mut reader.columns);
        let time = reader.time.take();
        reader.transcript.steps.push(Step { line: number, phase, columns, time, kind });
        phase += usize::from(is_action);
    }
    Ok(reader.transcript)
}

/// The transcript as far as it is parsed.
struct Reader<'t> {
    transcript: Transcript,
    known: HashMap<&'t str, RoleId>,
    /// Where the patterns of the line that is read begin.
    columns: Vec<usize>,
    /// The time that the expectation in this line has.
    time: Option<Duration>,
}

impl<'t> Reader<'t> {
    fn line(&mut self, at: Cursor<'t>) -> Result<Option<StepKind>, TranscriptError> {
        let trimmed = at.line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            return Ok(None);
        }
        if let Some(rest) = trimmed.strip_prefix('$') {
            return self.start(at, rest).map(Some);
        }
        if let Some(rest) = trimmed.strip_prefix('!') {
            return self.fault(at, without_comment(rest)).map(Some);
        }
        self.said_or_seen(at).map(Some)
    }

    /// `$ role [args]`
    fn start(&mut self, at: Cursor<'t>, rest: &'t str) -> Result<StepKind, TranscriptError> {
        let mut words = without_comment(rest).split_whitespace();
        let Some(role) = words.next() else {
            return Err(at.error("which role is to be started?", "write `$ role`"));
        };
        let role = self.role(at, role)?;
        let args = words.map(|word| self.pattern(at, word)).collect::<Result<Vec<_>, _>>()?;
        Ok(StepKind::Act(Action::Start(role, (!args.is_empty()).then_some(args))))
    }

    /// `! kill role`, `! pause role`, `! resume role`, `! cut link [b-a] [after N bytes from role]`,
    /// `! end link` likewise, `! stall link`, `! heal link`, `! until still [for Ns]`, `! nothing [from role] for Ns`
    fn fault(&mut self, at: Cursor<'t>, rest: &'t str) -> Result<StepKind, TranscriptError> {
        const KNOWN: &str = "write `! kill ROLE`, `! pause ROLE`, `! resume ROLE`, `! cut link`, `! end link`, both \
                             perhaps with `after N bytes from ROLE`, `! stall link`, `! heal link`, `! until still`, \
                             perhaps with `for 5s`, or `! nothing for 2s`, perhaps with `from ROLE`; with several \
                             links, name one: `link b-a`";
        let words: Vec<&str> = rest.split_whitespace().collect();
        let unknown = || at.error("this fault is not known", KNOWN);
        let (verb, rest) = match words.as_slice() {
            ["until", "still"] => return Ok(StepKind::Act(Action::UntilStill(None))),
            ["until", "still", "for", seconds] => {
                let seconds = Self::seconds(at, seconds)?;
                return Ok(StepKind::Act(Action::UntilStill(Some(seconds))));
            }
            ["nothing", "for", seconds] => {
                return Ok(StepKind::Act(Action::Nothing(None, Self::seconds(at, seconds)?)));
            }
            ["nothing", "from", role, "for", seconds] => {
                let role = self.role(at, role)?;
                return Ok(StepKind::Act(Action::Nothing(Some(role), Self::seconds(at, seconds)?)));
            }
            ["kill", role] => return Ok(StepKind::Act(Action::Kill(self.role(at, role)?))),
            ["pause", role] => return Ok(StepKind::Act(Action::Pause(self.role(at, role)?))),
            ["resume", role] => return Ok(StepKind::Act(Action::Resume(self.role(at, role)?))),
            [verb @ ("cut" | "end" | "stall" | "heal"), "link", rest @ ..] => (*verb, rest),
            _ => return Err(unknown()),
        };
        let (link, rest) = match rest {
            [name, rest @ ..] if *name != "after" => (Some(self.link(at, name)?), rest),
            rest => (None, rest),
        };
        let after = match rest {
            [] => None,
            ["after", count, "bytes" | "byte", "from", role] => {
                let from = self.role(at, role)?;
                let bytes = count.parse().map_err(|_| {
                    at.error_on(count, "this is not a number of bytes", "write digits, as in `after 12 bytes`")
                })?;
                Some(After { bytes, from })
            }
            _ => return Err(unknown()),
        };
        let fault = match (verb, after) {
            ("cut", after) => LinkFault::Break(Break::Cut, after),
            ("end", after) => LinkFault::Break(Break::End, after),
            ("stall", None) => LinkFault::Stall,
            ("heal", None) => LinkFault::Heal,
            _ => return Err(unknown()),
        };
        Ok(StepKind::Act(Action::Link(fault, link)))
    }

    /// `5s`
    fn seconds(at: Cursor<'t>, text: &'t str) -> Result<Duration, TranscriptError> {
        let seconds = text.strip_suffix('s').and_then(|number| number.parse().ok());
        let fits = seconds.filter(|seconds| (1..=LONGEST).contains(seconds));
        fits.map(Duration::from_secs).ok_or_else(|| {
            let help = format!("write whole seconds from 1 to {LONGEST}, as in `5s`");
            at.error_on(text, "this is not a time", help)
        })
    }

    fn link(&mut self, at: Cursor<'t>, name: &'t str) -> Result<LinkName, TranscriptError> {
        let Some((dialer, listener)) = name.split_once('-').filter(|(a, b)| !a.is_empty() && !b.is_empty()) else {
            return Err(at.error_on(
                name,
                "this is not the name of a link",
                "a link is named by its dialer and its listener, as in `b-a`",
            ));
        };
        at.check_role(dialer)?;
        at.check_role(listener)?;
        let whole = at.mention(name);
        Ok(LinkName { dialer: self.role_id(dialer, whole), listener: self.role_id(listener, whole) })
    }

    /// `role MARK text`
    fn said_or_seen(&mut self, at: Cursor<'t>) -> Result<StepKind, TranscriptError> {
        const MARKS: &str = "write `role | printed line`, `role < typed line`, `role ~ line in any order`, \
                             `role ? line that may be missing`, `role = exit 0`, `$ role` or `! fault`";
        let line = at.line.trim_start();
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        at.check_role(name)?;
        let (within, rest) = Self::within(at, rest.trim_start())?;
        let mark = rest.chars().next().filter(|mark| "|<~?=".contains(*mark));
        let Some(mark) = mark else { return Err(at.error("this line has no mark after the role", MARKS)) };
        let role = self.role(at, name)?;
        self.time = within;
        // One space after the mark belongs to the notation; the rest belongs to the line.
        let text = rest[1..].strip_prefix(' ').unwrap_or(&rest[1..]);
        let kind = match mark {
            '<' if without_comment(text).trim() == "^D" => StepKind::Act(Action::EndInput(role)),
            '<' => StepKind::Act(Action::Type(role, self.pattern(at, text)?)),
            '=' => StepKind::Expect(role, self.ending(at, text)?),
            '|' if without_comment(text).trim_end() == "..." => StepKind::Expect(role, Expect::Elided),
            '|' => StepKind::Expect(role, Expect::Line(self.printed(at, text)?)),
            '~' => StepKind::Expect(role, Expect::Unordered(self.pattern(at, text)?)),
            _ => StepKind::Expect(role, Expect::Optional(self.pattern(at, text)?)),
        };
        let has_time = || matches!(kind, StepKind::Expect(_, Expect::Line(_) | Expect::Unordered(_) | Expect::Exit(_)));
        if within.is_some() && !has_time() {
            return Err(at.error(
                "only what has to come can have a time in which it has to",
                "write `within` before `|` with a line, before `~`, or before `= exit 0`",
            ));
        }
        Ok(kind)
    }

    /// `within 2s` between a role and its mark, and what follows it.
    fn within(at: Cursor<'t>, rest: &'t str) -> Result<(Option<Duration>, &'t str), TranscriptError> {
        let Some(time) = rest.strip_prefix("within").filter(|time| time.starts_with(char::is_whitespace)) else {
            return Ok((None, rest));
        };
        let time = time.trim_start();
        let (seconds, rest) = time.split_at(time.find(char::is_whitespace).unwrap_or(time.len()));
        if seconds.is_empty() {
            return Err(
                at.error("this line names no time", "write it behind `within`, as in `b within 2s | peer lost`")
            );
        }
        Ok((Some(Self::seconds(at, seconds)?), rest.trim_start()))
    }

    /// `exit N`, `running`, `running for Ns`
    fn ending(&mut self, at: Cursor<'t>, text: &'t str) -> Result<Expect, TranscriptError> {
        let words: Vec<&str> = without_comment(text).split_whitespace().collect();
        if let ["running", "for", seconds] = words.as_slice() {
            if self.time.is_none() {
                self.time = Some(Self::seconds(at, seconds)?);
            }
            return Ok(Expect::Running);
        }
        at.ending(text)
    }

    /// A role by its name, which stands in this line.
    fn role(&mut self, at: Cursor<'t>, name: &'t str) -> Result<RoleId, TranscriptError> {
        at.check_role(name)?;
        Ok(self.role_id(name, at.mention(name)))
    }

    fn role_id(&mut self, name: &'t str, mention: Mention) -> RoleId {
        let Transcript { roles, mentions, .. } = &mut self.transcript;
        *self.known.entry(name).or_insert_with(|| {
            roles.push(name.to_owned());
            mentions.push(mention);
            roles.len() - 1
        })
    }

    /// A line, or a text after which no newline comes: `Name: {no-newline}`.
    fn printed(&mut self, at: Cursor<'_>, text: &str) -> Result<Pattern, TranscriptError> {
        let Some(prompt) = text.strip_suffix(NO_NEWLINE_WRITTEN) else { return self.pattern(at, text) };
        self.pattern(at, prompt)?.without_newline().ok_or_else(|| {
            let help = "what comes before it ends with text of its own, as in `Name: {no-newline}`: nothing else tells \
                        where it ends";
            at.error_on(&text[prompt.len()..], "nothing is printed before this", help)
        })
    }

    fn pattern(&mut self, at: Cursor<'_>, text: &str) -> Result<Pattern, TranscriptError> {
        let column = at.mention(text).column;
        self.columns.push(column);
        Pattern::parse(text).map_err(|error| TranscriptError {
            line: at.number,
            column: column + error.column.saturating_sub(1),
            len: error.len.max(1),
            message: error.message,
            help: error.help,
        })
    }
}

/// A line of the transcript, for errors that point into it.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'t> {
    pub(super) line: &'t str,
    pub(super) number: usize,
}

impl Cursor<'_> {
    /// An error about the whole line.
    pub(super) fn error(self, message: impl Into<String>, help: impl Into<String>) -> TranscriptError {
        self.error_on(self.line.trim(), message, help)
    }

    /// An error about a part of this line.
    fn error_on(self, part: &str, message: impl Into<String>, help: impl Into<String>) -> TranscriptError {
        TranscriptError::new(self.mention(part), message, help)
    }

    /// Where a part of this line is. Parts are slices of the line, because a search might find an equal part
    /// elsewhere.
    fn mention(self, part: &str) -> Mention {
        let byte = part.as_ptr().addr().wrapping_sub(self.line.as_ptr().addr());
        let column = self.line.get(..byte).map_or(0, |before| before.chars().count());
        Mention { line: self.number, column, len: part.chars().count().max(1) }
    }

    fn check_role(self, name: &str) -> Result<(), TranscriptError> {
        if is_name(name) {
            return Ok(());
        }
        Err(self.error_on(
            name,
            format!("`{name}` is not the name of a role"),
            "a line begins with a role, `$`, `!` or `#`; names are lower-case letters, digits and `_`",
        ))
    }

    fn ending(self, text: &str) -> Result<Expect, TranscriptError> {
        let text = without_comment(text).trim();
        match text.split_once(char::is_whitespace) {
            None if text == "running" => Ok(Expect::Running),
            Some(("exit", code)) => {
                let code = code.trim_start();
                let not_a_code = |_| self.error_on(code, "this is not an exit code", "exit codes are 0 to 255");
                code.parse::<u8>().map(|code| Expect::Exit(i32::from(code))).map_err(not_a_code)
            }
            _ => Err(self.error("this ending is not known", "write `= exit 0`, `= running` or `= running for 2s`")),
        }
    }
}

/// Actions and endings may have a comment; printed and typed lines are taken whole.
fn without_comment(text: &str) -> &str {
    text.find(" #").map_or(text, |at| &text[..at])
}
