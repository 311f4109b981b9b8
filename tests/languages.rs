//! A course in several languages: who is spoken to in which one, and what is missing.

#[path = "support/folders.rs"]
mod folders;
#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::learner::{Done, Learner};

/// What a learner is told with a locale.
fn told(learner: &Learner, locale: &str, args: &[&str]) -> Done {
    learner.start_with(args, &[("LANG", locale)]).end()
}

#[test]
fn the_locale_chooses_the_language() {
    let learner = Learner::new("languages", "sh");
    for (locale, expected) in [
        ("de_AT.UTF-8", "Gib jede Zeile in Großbuchstaben aus."),
        ("de", "Gib jede Zeile"),
        ("en_GB.UTF-8", "Print every line"),
        ("fr_FR.UTF-8", "Print every line"),
        ("C.UTF-8", "Print every line"),
        ("", "Print every line"),
        // Of this language there is nothing in this stage.
        ("pt_BR.UTF-8", "Print every line"),
    ] {
        let text = told(&learner, locale, &["lesson"]).success().text();
        assert!(text.contains(expected), "{locale}: {text}");
    }
    let list = told(&learner, "de_DE.UTF-8", &["list"]).success().text();
    assert!(list.contains("Programme, die mit allen sprechen") && list.contains("Rufen"), "{list}");
    assert!(list.contains("Count"), "what is not translated is in the first language: {list}");
    let list = told(&learner, "pt_BR.UTF-8", &["list"]).success().text();
    assert!(list.contains("Shout") && list.contains("Contar"), "{list}");
    let list = told(&learner, "pt_PT.UTF-8", &["list"]).success().text();
    assert!(list.contains("Count"), "Brazil's is another: {list}");
}

#[test]
fn a_verdict_and_hints_are_in_the_language() {
    let learner = Learner::new("languages", "sh");
    let verdict = told(&learner, "de_DE.UTF-8", &["verify"]).code(1).text();
    assert!(
        verdict.contains("Jede Zeile wird beantwortet.") && verdict.contains("Dein Rufer ruft nicht."),
        "{verdict}"
    );
    let hint = told(&learner, "de_DE.UTF-8", &["hint"]).success().text();
    assert!(hint.contains("Es gibt einen Befehl, der Buchstaben ändert."), "{hint}");
    let ids: Vec<Value> = told(&learner, "de_DE.UTF-8", &["verify", "--format", "json"])
        .code(1)
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert!(ids.iter().any(|event| event["reason"]["id"] == "whispers"), "ids are the same: {ids:#?}");
}

#[test]
fn what_was_asked_for_once_is_remembered() {
    let learner = Learner::new("languages", "sh");
    told(&learner, "C", &["list", "--lang", "de"]).success();
    let text = told(&learner, "en_GB.UTF-8", &["lesson"]).success().text();
    assert!(text.contains("Gib jede Zeile"), "{text}");
    told(&learner, "C", &["list", "--lang", "en"]).success();
    let text = told(&learner, "de_DE.UTF-8", &["lesson"]).success().text();
    assert!(text.contains("Print every line"), "{text}");
    // Of a language that the course does not have, nothing is remembered.
    let done = told(&learner, "C", &["lesson", "--lang", "fr"]).code(2);
    assert!(
        done.stderr.contains("this course is not in `fr`") && done.stderr.contains("en, de, pt-BR"),
        "{}",
        done.stderr
    );
    let text = told(&learner, "de_DE.UTF-8", &["lesson"]).success().text();
    assert!(text.contains("Print every line"), "{text}");
}

#[test]
fn a_check_names_what_is_missing() {
    let learner = Learner::new("languages", "sh");
    let text = told(&learner, "C", &["author", "check"]).success().text();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "✓ language de all texts are there",
        "! language pt-BR missing: lesson.pt-BR.md, stage.pt-BR.yaml",
        "! language de missing: lesson.de.md, stage.de.yaml",
        "! language pt-BR missing: lesson.pt-BR.md, about, role crier, scenario two",
        "languages (the course) ✓ language de all texts are there ! language pt-BR missing: course.pt-BR.yaml",
    ] {
        assert!(words.contains(expected), "{expected} is not in {text}");
    }
}

#[test]
fn words_for_what_is_not_there_are_refused_with_their_place() {
    let wrong = [
        (
            "shout/stage.de.yaml",
            "  one-by-one: Jede",
            "  one-by-two: Jede",
            "`one-by-two` is none of the stage's scenarios",
        ),
        ("shout/stage.de.yaml", "  crier: gibt", "  cryer: gibt", "`cryer` is none of the stage's roles"),
        ("shout/stage.de.yaml", "  whispers: Dein", "  wispers: Dein", "`wispers` is none of the stage's explanations"),
        ("shout/stage.de.yaml", "  - Er heißt `tr`.\n", "", "the stage has 2 hints, and here are 1"),
        ("shout/stage.de.yaml", "title: Rufen", "titel: Rufen", "titel"),
        ("shout/stage.de.yaml", "ruft nicht.", "ruft {was}.", "`{was}` stands for nothing here"),
        ("course.de.yaml", "ending: Das", "end: Das", "end"),
        ("course.yaml", "[en, de, pt-BR]", "[en, German]", "this is not the tag of a language"),
        ("course.yaml", "[en, de, pt-BR]", "[en, de, en]", "there are two languages named `en`"),
    ];
    for (file, right, instead, expected) in wrong {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let course = dir.path().join("course");
        folders::copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/courses/languages"), &course);
        let path = course.join("exercises").join(file);
        let text = fs::read_to_string(&path).expect("readable");
        assert!(text.contains(right), "{right}");
        fs::write(&path, text.replace(right, instead)).expect("written");
        // Installing looks at every language, whichever the learner speaks.
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_workshop"))
            .args(["init", "course"])
            .env("LANG", "C")
            .current_dir(dir.path())
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{instead}: {said}");
        assert!(said.contains(expected) && said.contains(&format!("{file}:")), "{instead}: {said}");
        assert!(!dir.path().join("languages").exists(), "nothing is written");
    }
}
