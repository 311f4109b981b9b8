//! The docs' examples are read by the code that they describe.

use std::fs;
use std::path::Path;

use serde_json::Value;
use workshop::course::{Stage, StageWords};
use workshop::explain::FACTS;
use workshop::transcript::Transcript;

fn doc(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).expect("a document")
}

/// The fenced blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).filter_map(|rest| rest.split("\n```").next()).map(str::to_owned).collect()
}

#[test]
fn every_fact_is_documented_in_its_order() {
    let text = doc("explanations.md");
    let headings: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    assert_eq!(headings, FACTS);
}

#[test]
fn the_transcripts_in_the_docs_are_in_the_grammar() {
    let whole: Vec<String> = ["transcript.md", "time.md", "links.md"]
        .iter()
        .flat_map(|name| blocks(&doc(name), "text"))
        .filter(|block| block.starts_with("$ ") && block.contains("= exit"))
        .collect();
    assert!(!whole.is_empty(), "there is an example of a whole transcript");
    for block in whole {
        Transcript::parse(&block).unwrap_or_else(|error| panic!("{error}\n{block}"));
    }
}

#[test]
fn the_stage_in_the_docs_is_a_stage() {
    let whole: Vec<String> =
        blocks(&doc("course.md"), "yaml").into_iter().filter(|block| block.contains("\nscenarios:")).collect();
    let [stage, words] = whole.as_slice() else {
        panic!("an example of a whole stage, and one of its words: {whole:#?}")
    };
    let stage = Stage::parse("example", "docs/course.md", stage).unwrap_or_else(|error| panic!("{error}\n{stage}"));
    StageWords::parse("docs/course.md", words, &stage).unwrap_or_else(|error| panic!("{error}\n{words}"));
}

#[test]
fn the_events_in_the_docs_are_json_with_a_version() {
    for block in blocks(&doc("json.md"), "json") {
        let value: Value = serde_json::from_str(&block).unwrap_or_else(|error| panic!("{error}\n{block}"));
        assert_eq!(value["version"], 1, "{block}");
    }
}
