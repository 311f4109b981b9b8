//! What a session prints, made comparable.

use regex::Regex;

/// What differs from run to run, made equal.
pub fn settled(text: &str) -> String {
    let rules = [
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r"\d+\.\d+ s\b", "TIME s"),
        (r"seed \d+", "seed N"),
        (r"\(\d+\) panicked", "(ID) panicked"),
        // How many runs fail by a race is the weather; that they fail, and why, is not.
        (r"\d+ of (\d+) runs failed", "N of $1 runs failed"),
        (r"(?m)^  \d+ (more )?failed .*\n(    .*\n)*", ""),
        (r"(?m)^  \d+ of (\d+) scenarios passed; .*\n(    .*\n)*", "  N of $1 scenarios passed\n"),
        (r" +TIME s", " TIME s"),
        (r"(?m)[ \t]+$", ""),
    ];
    let mut text = text.to_owned();
    for (pattern, replacement) in rules {
        text = Regex::new(pattern).expect("a pattern").replace_all(&text, replacement).into_owned();
    }
    // The wire's moments interleave as the two sides happen to speak.
    let wire = Regex::new(r"(?m)^ *(TIME s  .*|… \d+ more)\n").expect("a pattern");
    wire.replace_all(&text, "").into_owned().trim_end().to_owned()
}
