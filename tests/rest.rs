//! Does waiting still make sense? Peers that sleep, wake, compute, are paused, or talk where no link sees it.
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use support::learner::{Learner, Verdict};

/// Plays a scenario of the stage `rest`; afterwards nothing may be left of it.
fn play(scenario: &str) -> (Learner, Verdict) {
    let learner = Learner::new("nasty", "scripts");
    let verdict = learner.verify(&["rest", "--scenario", scenario]);
    learner.nothing_is_left();
    (learner, verdict)
}

fn passes(scenario: &str) -> Verdict {
    let (_, verdict) = play(scenario);
    assert_eq!(verdict.passed(), 1);
    verdict
}

/// Plays a scenario that is to fail for a reason; what is said of it.
fn fails(scenario: &str, reason: &str) -> (Verdict, String) {
    let (_, verdict) = play(scenario);
    let said = verdict.failed(reason)["reason"]["say"].to_string();
    (verdict, said)
}

/// The last event of a stage.
fn stage(verdict: &Verdict) -> &Value {
    verdict.events.iter().find(|event| event["event"] == "stage").expect("a stage's verdict")
}

/// Processor time that all peers of a verify have used: it does not pass faster on a busy machine.
fn used_by_peers(verdict: &Verdict) -> Duration {
    let used = &stage(verdict)["processor_ms"]["peers"];
    Duration::from_millis(used.as_u64().expect("the system says"))
}

/// How long the only run took.
fn took(verdict: &Verdict) -> Duration {
    Duration::from_millis(verdict.run()["ms"].as_u64().expect("a time"))
}

/// Peers that wake, and `! until still`.
mod wakes {
    use super::*;

    #[test]
    fn a_clock_that_ticks_is_at_rest() {
        passes("ticks");
    }

    #[test]
    fn a_loop_that_polls_is_at_rest() {
        passes("polls");
    }

    /// Bytes go from one to the other for ever. The limit is 30 s: a request of a library that is held back meanwhile
    /// gives up much earlier.
    #[test]
    fn who_sends_heartbeats_is_at_rest() {
        let quick = took(&passes("heartbeats"));
        assert!(quick < Duration::from_secs(10), "{quick:?}");
        let longer = took(&passes("heartbeats-for-a-while"));
        assert!((Duration::from_secs(3)..Duration::from_secs(15)).contains(&longer), "{longer:?}");
    }

    /// The limit is shorter than the time after which heartbeats are ignored.
    #[test]
    fn who_keeps_a_line_from_its_rest_is_named_with_the_line() {
        let (_, said) = fails("heartbeats-without-rest", "time-limit");
        assert!(said.contains("Line 5 of the transcript, `! until still`, still waited for rest"), "{said}");
        assert!(said.contains("Your peer woke ") && !said.contains("Your other"), "{said}");
    }

    #[test]
    fn who_sleeps_once_is_waited_for() {
        passes("dozes");
        let (verdict, _) = fails("dozes-too-late", "extra-line");
        assert_eq!(verdict.run()["lanes"][1]["lines"], json!(["one", "two"]));
    }

    /// It wakes after 1.5 s: nothing of it is seen before, unless the transcript waits for longer.
    #[test]
    fn who_sleeps_for_long_is_waited_for_where_that_is_said() {
        passes("sleeps-for-long");
        let (verdict, _) = fails("is-waited-for-longer", "extra-line");
        assert!(took(&verdict) >= Duration::from_millis(1500), "it was not waited for");
    }

    /// What is still to be typed is on its way, however often the pipe is empty when it is looked at.
    #[test]
    fn who_takes_in_a_long_line_is_waited_for() {
        passes("reads-in-pieces");
    }

    /// Such a run has a limit of 30 s.
    fn is_over_long_before_the_limit(verdict: &Verdict) {
        assert!(took(verdict) >= Duration::from_secs(3), "too hasty: {:?}", took(verdict));
        assert!(took(verdict) < Duration::from_secs(15), "too late: {:?}", took(verdict));
    }

    #[test]
    fn who_wakes_for_nothing_is_not_waited_for_until_the_limit() {
        let (verdict, said) = fails("wakes-for-nothing", "missing-line");
        is_over_long_before_the_limit(&verdict);
        assert!(said.contains("Your peer did not print «never»"), "{said}");
        assert!(said.contains("Your peer woke by itself and slept again"), "{said}");
        assert!(!said.contains("other woke"), "{said}");
    }

    #[test]
    fn who_wakes_for_nothing_instead_of_ending_is_told_so() {
        let (verdict, said) = fails("wakes-and-does-not-end", "not-ended");
        is_over_long_before_the_limit(&verdict);
        assert!(said.contains("Your peer has not ended: it wakes again and again to no effect"), "{said}");
    }
}

mod computes {
    use super::*;

    #[test]
    fn who_computes_for_a_while_after_the_end_may() {
        passes("computes-after-the-end");
    }

    /// That its first life was told of an end says nothing about the second.
    #[test]
    fn who_computes_in_a_second_life_may() {
        passes("computes-before-it-dials");
        passes("asks-before-it-dials");
    }

    #[test]
    fn who_reads_the_end_over_and_over_is_told_so_soon() {
        let (verdict, _) = fails("reads-the-end-again", "end-ignored");
        let used = used_by_peers(&verdict);
        assert!(used < Duration::from_millis(1200), "that took {used:?} of processor time");
    }

    #[test]
    fn who_computes_for_ever_is_told_so() {
        let (verdict, said) = fails("spins", "spinning");
        let used = used_by_peers(&verdict);
        assert!(used >= Duration::from_millis(1500), "it had only {used:?}");
        assert!(used < Duration::from_millis(4000), "that took {used:?} of processor time");
        assert!(said.contains("Your peer computed for 1."), "{said}");
    }

    /// Where a link offers more than it has memory for, Linux drops what says that a line has arrived. It happened
    /// in one run of thirty.
    #[test]
    fn who_writes_much_in_small_pieces_hears_what_is_said() {
        passes("writes-much");
    }

    /// A run can take ten times its limit, but only where others have the processors.
    #[test]
    fn who_takes_all_processors_loses_no_time() {
        let (verdict, _) = fails("takes-all-processors", "missing-line");
        assert!(took(&verdict) < Duration::from_secs(8), "{:?}", took(&verdict));
    }

    /// No byte moves: that is no talk, however short the limit is and whoever wakes meanwhile.
    #[test]
    fn who_computes_does_not_talk() {
        passes("computes-within-a-short-limit");
        let (_, said) = fails("spins-beside-a-clock", "spinning");
        assert!(said.contains("Your peer computed for"), "{said}");
    }

    /// Each byte is an effect, so only what they use tells that nothing will ever be seen of it.
    #[test]
    fn who_talks_without_end_is_told_so() {
        passes("asks-for-a-while");
        for scenario in ["asks-for-ever", "asks-for-ever-and-is-awaited"] {
            let (verdict, said) = fails(scenario, "livelock");
            let used = used_by_peers(&verdict);
            // A quarter of the limit for one of them, and the other one uses no more than that.
            assert!(used >= Duration::from_secs(2), "they had only {used:?}");
            assert!(used < Duration::from_secs(6), "that took {used:?} of processor time");
            assert!(said.contains("ask again and again"), "{said}");
        }
    }

    /// Standard error is a flood only where nothing else happens.
    #[test]
    fn who_says_much_on_standard_error_and_goes_on_may() {
        passes("is-noisy");
    }

    /// When every run would take a processor to itself, the verdict does not take all of them.
    #[test]
    fn what_is_behind_the_first_run_that_spins_is_left_out() {
        let learner = Learner::new("nasty", "scripts");
        let verify = || {
            let verdict = learner.verify(&["spins"]);
            learner.nothing_is_left();
            let (first, stage) = (verdict.runs()[0], stage(&verdict));
            assert_eq!(first["scenario"], "run-1", "the first of the plan is the one that is shown");
            assert_eq!(first["reason"]["id"], "spinning", "{first:#}");
            assert_eq!(stage["reason"], first["reason"], "{stage:#}");
            let numbers = [&stage["runs"], &stage["failed"], &stage["left_out"]].map(|n| n.as_u64().expect("a number"));
            assert_eq!((numbers[0], numbers[0] + numbers[2]), (numbers[1], 12), "none is forgotten: {stage:#}");
            let used = used_by_peers(&verdict);
            assert!(used < Duration::from_secs(5), "the peers had {used:?} of processor time");
            numbers[0]
        };
        assert_eq!([verify(), verify()], [1, 1], "one run is enough");
    }
}

mod paused {
    use super::*;

    #[test]
    fn what_comes_meanwhile_is_there_afterwards() {
        passes("is-paused");
    }

    /// Half a second passes for another peer, and a line takes a hundredth of that.
    #[test]
    fn it_does_nothing() {
        let (learner, verdict) = play("counts-and-is-paused");
        assert_eq!(verdict.passed(), 1);
        let text = fs::read_to_string(learner.file(".workshop/last/rest.json")).expect("it is kept");
        let last: Value = serde_json::from_str(&text).expect("JSON");
        let events = last["runs"][0]["events"].as_array().expect("events").iter();
        let printed: Vec<Duration> = events.filter(|event| event["what"]["printed"][0] == 0).map(at).collect();
        let longest = printed.windows(2).map(|two| two[1] - two[0]).max();
        assert!(longest >= Some(Duration::from_millis(400)), "it was never silent: {printed:?}");
    }

    /// When something in the picture of a run happened.
    fn at(event: &Value) -> Duration {
        serde_json::from_value(event["at"].clone()).expect("a time")
    }

    #[test]
    fn nothing_is_left_of_a_run_that_passes() {
        passes("passes-while-paused");
    }

    #[test]
    fn nothing_is_left_of_a_run_that_fails() {
        let (verdict, _) = fails("fails-while-paused", "wrong-line");
        assert!(took(&verdict) < Duration::from_secs(15), "{:?}", took(&verdict));
        let (verdict, _) = fails("is-stuck-while-paused", "missing-line");
        assert!(took(&verdict) < Duration::from_secs(15), "{:?}", took(&verdict));
    }

    #[test]
    fn it_can_be_killed() {
        passes("is-killed-while-paused");
    }
}

mod past_the_links {
    use super::*;

    #[test]
    fn who_talks_is_not_at_rest() {
        passes("talk-past-the-links");
        let (verdict, _) = fails("talk-past-the-links-too-late", "extra-line");
        assert_eq!(verdict.run()["lanes"][1]["lines"], json!(["talking", "talked"]));
    }

    #[test]
    fn who_talks_is_not_restless() {
        passes("talk-past-the-links-for-long");
    }

    /// Whoever sleeps although bytes have come is not going to read them.
    #[test]
    fn bytes_that_nobody_reads_do_not_move() {
        passes("a-byte-is-never-read-past-the-links");
        passes("much-is-never-read-past-the-links");
    }

    #[test]
    fn who_is_connected_and_says_nothing_is_at_rest() {
        passes("are-connected-past-the-links");
        let (verdict, _) = fails("are-connected-past-the-links-in-vain", "missing-line");
        assert!(took(&verdict) < Duration::from_secs(15), "{:?}", took(&verdict));
    }
}
