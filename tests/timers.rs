//! Times in a transcript: what comes too early, in time, too late and never.
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use support::learner::{Learner, Verdict};

/// Plays a scenario of the stage `timers`; afterwards nothing may be left of it.
fn play(scenario: &str) -> Verdict {
    let learner = Learner::new("nasty", "scripts");
    let verdict = learner.verify(&["timers", "--scenario", scenario]);
    learner.nothing_is_left();
    verdict
}

/// A scenario that is to fail for a reason, of which this is said.
fn fails(scenario: &str, reason: &str, said: &str) -> Verdict {
    let verdict = play(scenario);
    let reason = verdict.failed(reason)["reason"]["say"].to_string();
    assert!(reason.contains(said), "{scenario}: {reason}");
    verdict
}

/// How long the only run took.
fn took(verdict: &Verdict) -> Duration {
    Duration::from_millis(verdict.run()["ms"].as_u64().expect("a time"))
}

/// Plays while every core is busy, several times over.
fn beside_a_load<T>(play: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(2, std::num::NonZero::get);
        for _ in 0..3 * cores {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let played = play();
        stop.store(true, Ordering::Relaxed);
        played
    })
}

#[test]
fn what_comes_in_time_passes() {
    for scenario in ["detects", "in-time", "after-another", "ends-in-time", "polls"] {
        assert_eq!(play(scenario).passed(), 1, "{scenario}");
    }
}

#[test]
fn what_comes_too_late_is_told_with_how_late() {
    fails("late", "too-late", "s after «go» was typed into peer: it has to come within 2 s.");
    fails("detects-late", "too-late", "s after other was paused: it has to come within 2 s.");
    fails("late-behind-others", "too-late", "Your peer printed «lost» 3.");
    fails("ends-late", "too-late", "Your peer ended with exit code 0 2.");
}

#[test]
fn what_never_comes_is_not_waited_for_without_end() {
    for scenario in ["far-too-late", "never"] {
        let verdict =
            fails(scenario, "too-late", "Your peer has to print «lost» within 2 s after «go» was typed into peer");
        assert!(took(&verdict) < Duration::from_secs(12), "{scenario}: {:?}", took(&verdict));
    }
}

#[test]
fn a_silence_is_kept_or_broken() {
    for scenario in ["silent", "paused-meanwhile", "runs-on"] {
        let verdict = play(scenario);
        assert_eq!(verdict.passed(), 1, "{scenario}");
        assert!(took(&verdict) >= Duration::from_secs(1), "{scenario}: {:?}", took(&verdict));
    }
    fails("breaks-silence", "too-early", "s after «go» was typed into peer: for 1 s, nothing may come from it.");
    fails("breaks-silence-with-any-line", "too-early", "nothing may come from any program");
    fails("speaks-at-the-end", "too-early", "s after everything else: for 1 s");
    assert_eq!(play("ends-at-the-end").run()["passed"], false);
}

#[test]
fn a_busy_machine_makes_nothing_late_and_excuses_nothing() {
    beside_a_load(|| {
        for scenario in ["detects", "in-time", "silent"] {
            assert_eq!(play(scenario).passed(), 1, "{scenario}");
        }
        for scenario in ["late", "detects-late"] {
            fails(scenario, "too-late", "it has to come within 2 s");
        }
    });
}

/// They sleep, so they wait at the same time.
#[test]
fn runs_that_wait_are_beside_each_other() {
    let verdict = play("waits-a-second");
    assert_eq!(verdict.passed(), 20);
    let stage = verdict.events.iter().find(|event| event["event"] == "stage").expect("a stage's verdict");
    let ms = stage["ms"].as_u64().expect("a time");
    assert!(ms < 15_000, "{ms} ms");
}
