//! A stage's own explanations: each key narrows down when one applies.

use super::scene::scene;
use crate::course::Stage;

/// Bob is to say hello to alice, who is to print it and to answer.
const TALK: &str = "\
$ alice
alice | listening on {port:int}
$ bob
bob | connected to {port}
bob < hello
alice | > hello from {name:word}
alice < hi
bob | > hi
bob = exit 0
alice = running
";

const BEGUN: &str = "
alice | listening on 7
bob > alice open
bob | connected to 7
";

/// Runs in which a line is refused, a role ends too early, and nobody does anything.
const WRONG: &str = "alice | > Bonsoir to bob";
const ENDS: &str = "bob = exit 3";
const STUCK: &str = "alice by reference\nbob > alice hello\\n\nstuck";

/// Does an explanation with these keys apply to a run?
fn applies(keys: &str, run: &str) -> bool {
    let own = format!("  - {{id: mine, {keys}, say: x}}\n");
    scene(TALK, &own, &format!("{BEGUN}{run}")).explain().id == "mine"
}

/// What is found, and what is not.
fn table(rows: &[(&str, &str, bool)]) {
    for (keys, run, expected) in rows {
        assert_eq!(applies(keys, run), *expected, "{keys}\n{run}");
    }
}

#[test]
fn all_facts_have_to_be_found() {
    table(&[
        ("when: []", WRONG, true),
        ("when: [wrong-line]", WRONG, true),
        ("when: [missing-line]", WRONG, false),
        ("when: [missing-line, stuck]", STUCK, true),
        ("when: [wrong-line, stuck]", STUCK, false),
        ("when: [stuck, wrong-line]", STUCK, false),
    ]);
}

#[test]
fn the_run_is_of_the_scenario_the_rule_and_the_condition() {
    table(&[
        ("when: [], scenarios: [s]", WRONG, true),
        ("when: [], scenarios: [elsewhere]", WRONG, false),
        ("when: [], scenarios: [elsewhere, s]", WRONG, true),
        ("when: [], rules: [r]", WRONG, true),
        ("when: [], rules: [other]", WRONG, false),
        ("when: [], scenarios: [elsewhere, s], rules: [other]", WRONG, false),
        ("when: [], rules: [other, r]", WRONG, true),
        ("when: [], scenarios: [s], rules: [r]", WRONG, true),
        ("when: [], conditions: [clear]", WRONG, true),
        ("when: [], conditions: [fragmented, coalesced]", WRONG, false),
        ("when: [], conditions: [coalesced, fragmented]", "fragmented\nalice | what?", true),
    ]);
}

#[test]
fn the_failure_is_about_a_role() {
    table(&[
        ("when: [], seen: {role: alice}", WRONG, true),
        ("when: [], seen: {role: bob}", WRONG, false),
        ("when: [], seen: {role: [bob, alice]}", WRONG, true),
        ("when: [], seen: {role: bob}", ENDS, true),
        ("when: [], seen: {role: alice}", STUCK, true),
        ("when: [], seen: {by: you}", WRONG, true),
        ("when: [], seen: {by: reference}", WRONG, false),
        ("when: [], seen: {by: reference}", STUCK, true),
        ("when: [], seen: {by: [stage, reference]}", STUCK, true),
        ("when: [], seen: {role: alice, by: you}", STUCK, false),
    ]);
}

#[test]
fn the_refused_line_matches() {
    table(&[
        ("when: [], seen: {line: \"> Bonsoir to bob\"}", WRONG, true),
        ("when: [], seen: {line: \"> bonsoir to bob\"}", WRONG, false),
        ("when: [], seen: {line: \"> {what:word} to {x:word}\"}", WRONG, true),
        ("when: [], seen: {line: \"> {what:int} to {x:word}\"}", WRONG, false),
        // What the run has captured.
        ("when: [], seen: {line: \"port {port}\"}", "alice | port 7", true),
        ("when: [], seen: {line: \"port {port}\"}", "alice | port 8", false),
        ("when: [], seen: {line: \"port {another:int}\"}", "alice | port 8", true),
        // No line was refused.
        ("when: [], seen: {line: \"{any:text}\"}", ENDS, false),
        ("when: [], seen: {line: \"{any:text}\"}", STUCK, false),
    ]);
}

#[test]
fn a_line_is_awaited() {
    table(&[
        ("when: [], seen: {awaited: \"> hello from {name:word}\"}", WRONG, true),
        ("when: [], seen: {awaited: \"> hello from {name}\"}", STUCK, true),
        ("when: [], seen: {awaited: \"> hello from {someone:int}\"}", STUCK, true),
        ("when: [], seen: {awaited: {role: alice, line: \"> hello{rest:text}\"}}", WRONG, true),
        ("when: [], seen: {awaited: {role: bob, line: \"> hello{rest:text}\"}}", WRONG, false),
        ("when: [], seen: {awaited: \"> hi\"}", WRONG, false),
        ("when: [], seen: {awaited: [\"> hello from {name}\", \"> hi\"]}", WRONG, false),
    ]);
}

#[test]
fn lines_were_printed_and_typed() {
    table(&[
        ("when: [], seen: {printed: \"connected to {port}\"}", WRONG, true),
        ("when: [], seen: {printed: {role: bob, line: \"connected to 7\"}}", WRONG, true),
        ("when: [], seen: {printed: {role: alice, line: \"connected to 7\"}}", WRONG, false),
        ("when: [], seen: {printed: [\"connected to {port}\", \"> hi\"]}", WRONG, false),
        ("when: [], seen: {printed: [\"> hi\", \"connected to {port}\"]}", WRONG, false),
        // The refused line is looked at by itself, so it is none of the others.
        ("when: [], seen: {line: \"> {x:text}\", printed: \"> {x}\"}", WRONG, false),
        ("when: [], seen: {line: \"> {x:text}\", printed: \"connected to 7\"}", WRONG, true),
        ("when: [], seen: {not-printed: \"> hi\"}", WRONG, true),
        ("when: [], seen: {not-printed: [\"> hi\", \"connected to 7\"]}", WRONG, false),
        ("when: [], seen: {not-printed: {role: bob, line: \"listening on 7\"}}", WRONG, true),
        ("when: [], seen: {typed: {role: bob, line: hello}}", WRONG, true),
        ("when: [], seen: {typed: {role: alice, line: hello}}", WRONG, false),
        ("when: [], seen: {typed: [hello, hi]}", WRONG, false),
        ("when: [], seen: {not-typed: hi}", WRONG, true),
        ("when: [], seen: {not-typed: [hi, hello]}", WRONG, false),
    ]);
}

#[test]
fn what_one_line_captures_the_others_know() {
    let found = "bob | Found 4\nbob | Found 5\nbob | Calling 4";
    let talk = "$ bob\nbob ~ Found {a:int}\nbob ~ Found {b:int}\nbob ~ Calling {a}\nbob ~ Calling {b}\nbob = running\n";
    let id = |seen: &str, log: &str| {
        let own = format!("  - {{id: mine, when: [], seen: {seen}, say: \"nobody called {{x}}\"}}\n");
        scene(talk, &own, log).explain()
    };
    // The first that was found was called, so it takes the second one.
    let seen = "{printed: \"Found {x:int}\", not-printed: \"Calling {x}\"}";
    assert_eq!(id(seen, &format!("{found}\nstuck")).say, "nobody called 5");
    assert_ne!(id(seen, &format!("{found}\nbob | Calling 5\nbob | Calling 4")).id, "mine");
    // A line that must be there is looked for first, wherever it is written.
    let swapped = "{not-printed: \"Calling {x}\", printed: \"Found {x:int}\"}";
    assert_eq!(id(swapped, &format!("{found}\nstuck")).say, "nobody called 5");
}

#[test]
fn roles_ended_and_links_carried_something() {
    table(&[
        ("when: [], seen: {ended: {role: bob}}", ENDS, true),
        ("when: [], seen: {ended: {role: bob, code: 3}}", ENDS, true),
        ("when: [], seen: {ended: {role: bob, code: 0}}", ENDS, false),
        ("when: [], seen: {ended: [{role: bob}, {role: alice}]}", ENDS, false),
        ("when: [], seen: {links: {from: bob, to: alice, connections: 1, bytes: 6, end: none}}", STUCK, true),
        ("when: [], seen: {links: {from: bob, to: alice, bytes: 7..}}", STUCK, false),
        ("when: [], seen: {links: {from: bob, to: alice, bytes: ..6}}", STUCK, true),
        ("when: [], seen: {links: {from: bob, to: alice, connections: 0}}", STUCK, false),
        ("when: [], seen: {links: {from: bob, to: alice, connections: 2.., bytes: 6}}", STUCK, false),
        ("when: [], seen: {links: {from: alice, to: bob, bytes: 0}}", STUCK, true),
        ("when: [], seen: {links: [{from: alice, to: bob, bytes: 0}, {from: bob, to: alice, bytes: 0}]}", STUCK, false),
        ("when: [], seen: {links: {from: bob, to: alice, end: sent}}", "bob > alice fin\nstuck", true),
        ("when: [], seen: {links: {from: bob, to: alice, end: none}}", "bob > alice fin\nstuck", false),
        ("when: [], seen: {links: {from: bob, to: alice, end: reset}}", "bob > alice reset\nstuck", true),
    ]);
}

/// All that is asked for has to be so, whichever of it comes first.
#[test]
fn every_key_narrows() {
    let right = ["role: alice", "line: \"{x:text}\"", "printed: \"connected to 7\"", "typed: hello", "not-typed: hi"];
    let wrong = ["role: bob", "line: nothing", "printed: nothing", "typed: nothing", "not-typed: hello"];
    let ask = |keys: &[&str]| applies(&format!("when: [wrong-line], seen: {{{}}}", keys.join(", ")), WRONG);
    assert!(ask(&right));
    for (index, wrong) in wrong.iter().enumerate() {
        let mut keys = right;
        keys[index] = wrong;
        assert!(!ask(&keys), "{keys:?}");
    }
}

#[test]
fn what_is_said_quotes_what_was_seen() {
    let says = |say: &str, seen: &str, run: &str| {
        let own = format!("  - {{id: mine, when: [], seen: {{{seen}}}, say: \"{say}\"}}\n");
        let said = scene(TALK, &own, &format!("{BEGUN}{run}")).explain();
        (said.id == "mine").then_some(said.say)
    };
    assert_eq!(
        says("{who} printed «{line}» where «{awaited}» was expected. {who}!", "", WRONG).as_deref(),
        Some("Your alice printed «> Bonsoir to bob» where «> hello from …» was expected. Your alice!")
    );
    assert_eq!(
        says("Nothing of {who}: «{awaited}»", "", STUCK).as_deref(),
        Some("Nothing of the reference's alice: «> hello from …»")
    );
    assert_eq!(
        says("{what} is big, {{not}}", "line: \"> {what:word} to bob\"", WRONG).as_deref(),
        Some("Bonsoir is big, {not}")
    );
    assert_eq!(says("port {port}", "printed: \"connected to {port}\"", WRONG).as_deref(), Some("port 7"));
    // Nothing that a terminal obeys, and not too much of it.
    assert_eq!(says("{line}", "", "alice | \\e[2Jx").as_deref(), Some("\\x1b[2Jx"));
    let long = format!("alice | {}", "x".repeat(500));
    assert!(says("{line}", "", &long).is_some_and(|said| said.chars().count() <= 60 && said.contains("500 bytes")));
    // Where nothing was refused there is no line to quote.
    assert_eq!(says("«{line}»", "", STUCK), None);
    // Nobody awaits a line when all that is awaited is an end.
    assert_eq!(says("«{awaited}»", "", "alice | > hello from bob\nbob | > hi\nstuck"), None);
}

#[test]
fn a_hole_explains_all() {
    let own = "  - {id: mine, when: [], say: x}\n";
    let log = format!(
        "{BEGUN}alice ! thread 'main' panicked at src/lib.rs:7:5:\nalice ! not yet implemented: 3. listen\nalice = exit 101"
    );
    assert_eq!(scene(TALK, own, &log).explain().id, "unfinished");
    let asks = "  - {id: mine, when: [unfinished], say: x}\n";
    assert_eq!(scene(TALK, asks, &log).explain().id, "mine");
    assert_eq!(scene(TALK, asks, &log).explain().place.as_deref(), Some("s/src/lib.rs:7"));
}

#[test]
fn the_first_that_applies_is_said() {
    let own = "  - {id: no, when: [stuck], say: x}\n  - {id: first, when: [wrong-line], say: x}\n  - {id: second, when: [], say: x}\n";
    assert_eq!(scene(TALK, own, &format!("{BEGUN}{WRONG}")).explain().id, "first");
}

#[test]
fn what_is_no_text_matches_nothing() {
    let run = "alice | \\xff";
    table(&[
        ("when: [not-utf8], seen: {line: \"{x:text}\"}", run, false),
        ("when: [not-utf8], seen: {role: alice}", run, true),
    ]);
}

#[test]
fn a_stage_is_read_without_explanations() {
    let text = "title: S\nabout: s\nroles:\n  - {name: a, about: x}\nconditions: [clear]\nscenarios:\n  - name: s\n    about: x\n    transcript: |\n      $ a\n      a = exit 0\n";
    assert!(Stage::parse("s", "stage.yaml", text).is_ok_and(|stage| stage.explanations.is_empty()));
}
