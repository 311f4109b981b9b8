//! A course's YAML, as anybody may have written it: an answer for each, and an error that points
//! into the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use workshop::course::{Course, CourseWords, Stage, StageWords};
use workshop::error::Error;

/// A stage to say words of.
const STAGE: &str = include_str!("../../exercises/duplex-tcp/stage.yaml");

fuzz_target!(|text: &str| {
    let stage = Stage::parse("stage", "stage.yaml", STAGE).expect("a stage");
    for error in [
        Stage::parse("stage", "stage.yaml", text).err(),
        Course::parse("course.yaml", text).err(),
        StageWords::parse("stage.de.yaml", text, &stage).err(),
        CourseWords::parse("course.de.yaml", text).err(),
    ] {
        if let Some(error) = error {
            check(&error, text);
        }
    }
});

fn check(error: &Error, text: &str) {
    assert!(!error.message.is_empty());
    let shown = workshop::report::render_error(error, false);
    assert!(!shown.is_empty());
    if let Some(place) = &error.place {
        let line = text.lines().nth(place.line.max(1) - 1).unwrap_or("");
        assert_eq!(place.source, line, "the line shown is the line named");
        assert!(place.line >= 1 && place.column >= 1 && place.len >= 1, "{place:?}");
    }
}
