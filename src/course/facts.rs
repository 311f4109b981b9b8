//! The names of what can be found in a failed run, as explanations, hints and mistakes use them.

/// The names of all facts, the most telling first. `docs/explanations.md` says what each of them is.
pub const FACTS: [&str; 35] = [
    "unfinished",
    "address-in-use",
    "panicked",
    "out-of-memory",
    "not-started",
    "open-to-all",
    "on-stderr",
    "flood",
    "leaked",
    "not-utf8",
    "broken-characters",
    "half-line",
    "read-as-message",
    "truncated",
    "no-connection",
    "no-handshake",
    "end-ignored",
    "spinning",
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
