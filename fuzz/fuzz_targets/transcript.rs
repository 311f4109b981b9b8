//! A transcript, and lines for it. What stands above the first NUL byte is the transcript; below
//! it each line is an event: the digit of a role, then `|` and a printed line, or `=` and an exit
//! code. The runner's actions come as soon as the matcher is ready for them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use workshop::matcher::{Captures, Ending, Matcher};
use workshop::transcript::Transcript;

fuzz_target!(|text: &str| {
    let (text, events) = text.split_once('\0').unwrap_or((text, ""));
    let transcript = match Transcript::parse(text) {
        Ok(transcript) => transcript,
        Err(error) => {
            let lines: Vec<&str> = text.lines().collect();
            let line = lines.get(error.line).copied().unwrap_or("");
            assert!(error.line < lines.len().max(1), "{error:?}");
            assert!(error.column <= line.chars().count(), "{error:?}");
            return;
        }
    };
    // A fault of "the" link names nobody.
    if transcript.roles.is_empty() {
        return;
    }
    let actions = transcript.actions().count();
    let mut matcher = Matcher::new(&transcript, Captures::new());
    for event in events.lines().take(64) {
        while matcher.phase() < actions && matcher.ready() {
            matcher.act();
        }
        let mut chars = event.chars();
        let role = chars.next().map_or(0, |c| c as usize) % transcript.roles.len();
        let before = matcher.awaited();
        let done = match chars.next() {
            Some('=') => matcher.ended(role, Ending::Exit(chars.as_str().parse().unwrap_or(0))),
            _ => matcher.line(role, chars.as_str()),
        };
        if done.is_err() {
            assert_eq!(matcher.awaited(), before, "a refused event changes nothing");
        }
    }
});
