//! The names of what can be found in a failed run, as explanations, hints and mistakes use them.

/// The names of all facts, the most telling first. `docs/explanations.md` says what each of them is.
pub const FACTS: [&str; 52] = [
    "unfinished",
    "address-in-use",
    "panicked",
    "out-of-memory",
    "not-started",
    "open-to-all",
    "not-listening",
    "on-stderr",
    "flood",
    "leaked",
    "too-early",
    "too-late",
    "not-utf8",
    "colour-codes",
    "carriage-return",
    "spaces-at-the-ends",
    "letter-case",
    "prompt",
    "log-line",
    "broken-characters",
    "half-line",
    "read-as-message",
    "truncated",
    "newline-not-sent",
    "sent-in-part",
    "misspelt",
    "one-word-differs",
    "printed-twice",
    "lines-swapped",
    "unended-line",
    "no-connection",
    "no-handshake",
    "end-ignored",
    "spinning",
    "livelock",
    "exited-early",
    "never-closed",
    "waits-in-turn",
    "nothing-sent",
    "lost-bytes",
    "no-final-newline",
    "wrong-line",
    "extra-line",
    "wrong-ending",
    "not-the-protocol",
    "reference-waits",
    "missing-line",
    "not-ended",
    "stuck",
    "restless",
    "time-limit",
    "ambiguous",
];

/// Found by comparing runs, and so never a fact of one.
pub const OF_SEVERAL_RUNS: &str = "not-the-protocol";

/// Those that say of a refused line how it is written wrongly: they know better what is wrong than an explanation
/// that has not looked at the line.
pub const MISWRITTEN: [&str; 7] =
    ["colour-codes", "carriage-return", "spaces-at-the-ends", "letter-case", "prompt", "log-line", "misspelt"];
