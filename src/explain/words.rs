//! The wording of explanations: names, numbers, and printed text, safe to show and shortened.

use super::Case;
use crate::course::Party;
use crate::evidence::RoleOutput;
use crate::matcher::Ending;
use crate::pattern::{around_difference, counted, escape, excerpt};
use crate::transcript::RoleId;

/// A text up to this length, in characters, is quoted whole.
const WHOLE: usize = 160;

/// Of a longer text this many characters are quoted.
const PART: usize = 60;

impl Case<'_> {
    pub(super) fn name(&self, role: RoleId) -> &str {
        &self.evidence.outputs[role].role
    }

    pub(super) fn yours(&self, role: RoleId) -> bool {
        self.evidence.outputs[role].party == Party::You
    }

    /// The name of a role, and whose program played it.
    pub(super) fn who(&self, role: RoleId) -> String {
        let output = &self.evidence.outputs[role];
        match output.party {
            Party::You => format!("your {}", output.role),
            Party::Reference => format!("the reference's {}", output.role),
            Party::Stage => format!("the stage's {}", output.role),
        }
    }

    /// The same at the beginning of a sentence.
    pub(super) fn subject(&self, role: RoleId) -> String {
        capitalize(&self.who(role))
    }
}

/// How a role ended, in words.
pub fn told(ending: Ending) -> String {
    match ending {
        Ending::Exit(code) => format!("ended with exit code {code}"),
        Ending::Signal(signal) => format!("was ended by {}", signal_name(signal)),
    }
}

/// A signal by its name, and its number.
pub fn signal_name(signal: i32) -> String {
    let (bus, sys) = if cfg!(target_os = "linux") { (7, 31) } else { (10, 12) };
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        _ if signal == bus => "SIGBUS",
        _ if signal == sys => "SIGSYS",
        _ => return format!("signal {signal}"),
    };
    format!("{name} (signal {signal})")
}

/// The text of a lane's standard error, for display. Lines keep their indentation; a tab in it is four spaces.
pub fn stderr_lines(output: &RoleOutput) -> Vec<String> {
    let line = |line: &[u8]| {
        let indent = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let (indent, text) = line.split_at(indent);
        String::from_utf8_lossy(indent).replace('\t', "    ") + &escape(text)
    };
    output.stderr.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(line).collect()
}

/// A number of bytes, in words.
pub(super) fn bytes(count: u64) -> String {
    counted(usize::try_from(count).unwrap_or(usize::MAX), "byte")
}

pub(super) fn shown(text: &str) -> String {
    shown_bytes(text.as_bytes())
}

pub(super) fn shown_bytes(bytes: &[u8]) -> String {
    let fits = bytes.len() <= 4 * WHOLE && escape(bytes).chars().nth(WHOLE).is_none();
    excerpt(bytes, if fits { WHOLE } else { PART })
}

/// Two texts that differ; of long ones, the part around the first difference.
pub(super) fn shown_both(one: &str, other: &str) -> (String, String) {
    let (one, other) = (escape(one.as_bytes()), escape(other.as_bytes()));
    let room = if [&one, &other].iter().all(|text| text.chars().nth(WHOLE).is_none()) { WHOLE } else { PART };
    (around_difference(&one, &other, room), around_difference(&other, &one, room))
}

pub(super) fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
