//! What links do to the bytes of peers, and the orders in which it happens.
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use std::fs;

use serde_json::{Value, json};
use support::learner::{Learner, Verdict};

/// Plays runs of a stage; afterwards nothing may be left of them.
fn play(args: &[&str]) -> (Learner, Verdict) {
    let learner = Learner::new("nasty", "scripts");
    let verdict = learner.verify(args);
    learner.nothing_is_left();
    (learner, verdict)
}

mod links {
    use super::*;

    fn verify(scenario: &str) -> Verdict {
        play(&["links", "--scenario", scenario]).1
    }

    /// Back-pressure, however small the steps are in which it comes.
    #[test]
    fn small_buffers_carry_a_mebibyte_each_way() {
        for scenario in ["small-buffers-4", "small-buffers-8"] {
            // Two orders of events, and four other conditions.
            assert_eq!(verify(scenario).passed(), 6, "{scenario}");
        }
    }

    /// Four orders of events, and four other conditions.
    const EVERY_WAY: usize = 8;

    #[test]
    fn the_end_of_a_link_is_no_reset() {
        assert_eq!(verify("ends").passed(), EVERY_WAY);
    }

    #[test]
    fn the_end_of_a_link_comes_after_so_many_bytes() {
        for scenario in ["ends-after-bytes-of-the-listener", "ends-after-bytes-of-the-dialer"] {
            assert_eq!(verify(scenario).passed(), EVERY_WAY, "{scenario}");
        }
    }

    /// It is over for those who dial later, too, until it heals.
    #[test]
    fn a_link_that_has_ended_heals() {
        assert_eq!(verify("ends-and-heals").passed(), EVERY_WAY);
    }

    /// The peer counts what each of its reads has brought.
    #[test]
    fn a_burst_of_short_messages_comes_byte_by_byte() {
        for (scenario, reader) in [("burst-to-the-listener", "peer"), ("burst-to-the-dialer", "other")] {
            let learner = Learner::new("nasty", "scripts");
            let said = |condition: &str| {
                let verdict = learner.verify(&["links", "--scenario", scenario, "--condition", condition]);
                assert_eq!(verdict.passed(), 1);
                printed_by(&learner, "links", reader).pop().expect("a line")
            };
            // 24 messages, of which the first 9 have a digit less: just below 256 bytes.
            let bytes = 9 * 10 + 15 * 11;
            assert_eq!(said("fragmented"), format!("{bytes} reads, 0 of them of more than a byte, {bytes} bytes"));
            let at_once = said("coalesced");
            assert!(at_once.ends_with(&format!(" {bytes} bytes")) && !at_once.contains(" 0 of them"), "{at_once}");
            learner.nothing_is_left();
        }
    }

    /// Whichever message it is, and whatever was sent together with it.
    #[test]
    fn one_read_is_no_message() {
        for scenario in ["second-message", "tenth-message", "second-message-of-a-burst", "tenth-message-of-a-burst"] {
            let verify = |condition| play(&["links", "--scenario", scenario, "--condition", condition]).1;
            assert_eq!(verify("clear").passed(), 1, "{scenario}");
            let verdict = verify("fragmented");
            let lines = verdict.failed("read-as-message")["lanes"][0]["lines"].as_array().expect("lines").clone();
            let number = if scenario.starts_with("tenth") { 10 } else { 2 };
            assert_eq!(lines.len(), 1 + number, "{scenario}: {lines:?}");
            assert_eq!(lines[number], "m", "{scenario}: {lines:?}");
        }
    }
}

/// What a role has printed in the last run that was played, by its picture.
fn printed_by(learner: &Learner, stage: &str, role: &str) -> Vec<String> {
    let file = learner.file(&format!(".workshop/last/{stage}.json"));
    let last: Value = serde_json::from_str(&fs::read_to_string(file).expect("it is kept")).expect("JSON");
    let run = last["runs"].as_array().and_then(|runs| runs.last()).unwrap_or_else(|| panic!("no run in {last:#}"));
    let lanes = run["lanes"].as_array().expect("lanes");
    let lane = lanes.iter().position(|lane| lane["role"] == role).expect("the role");
    let printed = run["events"].as_array().expect("events").iter().map(|event| &event["what"]["printed"]);
    printed.filter(|told| told[0] == lane).filter_map(|told| told[1].as_str().map(str::to_owned)).collect()
}

mod interleaved {
    use super::*;

    fn verify(scenario: &str) -> (Learner, Verdict) {
        play(&["orders", "--scenario", scenario])
    }

    /// The orders of these runs, and whether each has passed.
    fn orders(verdict: &Verdict) -> Vec<(u64, bool)> {
        let of = |run: &&Value| (run["order"].as_u64().expect("a number"), run["passed"] == true);
        verdict.runs().iter().map(of).collect()
    }

    /// What happened to the peers of each run, as they have written it down; all runs in the order of the plan.
    fn lived(learner: &Learner, seed: &str) -> Vec<Vec<String>> {
        let log = learner.file("orders/events.log");
        let _ = fs::remove_file(&log);
        let verdict = learner.verify(&["orders", "--scenario", "both-talk", "--seed", seed, "--jobs", "1"]);
        assert_eq!(verdict.passed(), 16);
        let text = fs::read_to_string(log).expect("the peers have written it");
        let runs = text.split("begins\n").skip(1);
        runs.map(|run| run.lines().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_orders() {
        let learner = Learner::new("nasty", "scripts");
        let (first, second, other) = (lived(&learner, "7"), lived(&learner, "7"), lived(&learner, "8"));
        assert_eq!(first.len(), 16);
        for (number, (one, again)) in first.iter().zip(&second).enumerate() {
            assert_eq!(one, again, "order {}", number + 1);
        }
        // And they are orders indeed: these two, for a start, are opposites.
        let position = |order: usize, what: &str| first[order].iter().position(|event| event == what);
        assert!(position(0, "dialer is to say four") < position(0, "dialer is told one"), "{:#?}", first[0]);
        assert!(position(1, "dialer is to say four") > position(1, "dialer is told one"), "{:#?}", first[1]);
        let different: std::collections::HashSet<_> = first.iter().collect();
        assert!(different.len() >= 4, "only {} orders: {different:#?}", different.len());
        assert_ne!(first[4..], other[4..], "another seed, other orders");
        learner.nothing_is_left();
    }

    #[test]
    fn a_race_is_lost_in_the_order_that_is_named() {
        let (learner, verdict) = verify("who-is-here");
        let [first, others @ ..] = &orders(&verdict)[..] else { panic!("{:#?}", verdict.runs()) };
        assert_eq!(*first, (1, false), "what is typed comes before what is on its way");
        assert_eq!(others[0], (2, true), "what is on its way comes before what is typed");
        let run = verdict.runs()[0].clone();
        assert_eq!(run["lanes"][0]["lines"][1], "nobody", "{run:#}");
        let text = learner.command(&["verify", "orders", "--scenario", "who-is-here"]).code(1).text();
        assert!(text.contains("interleaved, order 1"), "{text}");
        assert!(text.contains("whatever is typed or done comes before anything still in flight"), "{text}");
        learner.nothing_is_left();
    }

    /// In the first order whoever dialed last overtakes the other one, with any seed.
    #[test]
    fn who_dialed_first_need_not_come_first() {
        let learner = Learner::new("nasty", "scripts");
        for seed in ["1", "2", "3"] {
            let verdict = learner.verify(&["orders", "--scenario", "who-came-first", "--seed", seed]);
            assert_eq!(orders(&verdict), [(1, false), (2, true), (3, true), (4, true)], "seed {seed}");
            let run = verdict.runs()[0];
            assert_eq!(run["lanes"][0]["lines"][1], "third other", "{run:#}");
        }
        learner.nothing_is_left();
    }

    #[test]
    fn a_scenario_says_how_many_orders() {
        let (_, verdict) = verify("two-orders");
        assert_eq!(orders(&verdict), [(1, true), (2, true)]);
    }

    #[test]
    fn a_right_program_passes_every_order() {
        let (_, verdict) = verify("both-talk");
        assert_eq!(verdict.passed(), 16);
        assert_eq!(orders(&verdict), (1..=16).map(|order| (order, true)).collect::<Vec<_>>());
    }

    /// Rest is there when nothing is held back.
    #[test]
    fn until_still_lets_everything_arrive_first() {
        let (_, verdict) = verify("who-is-here-at-rest");
        assert_eq!(verdict.passed(), 16);
    }

    #[test]
    fn where_there_is_no_link_there_is_one_run() {
        let (_, verdict) = verify("alone");
        assert_eq!(verdict.passed(), 1);
        assert_eq!(verdict.run()["condition"], "clear");
        assert_eq!(verdict.run()["order"], json!(null));
    }
}
