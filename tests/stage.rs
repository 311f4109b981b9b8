//! The built-in course is held to its own rules.
//!
//! `WORKSHOP_REPEAT=100 cargo test --test stage` plays every run of the solution and of each
//! mistake a hundred times; without it, once. With `WORKSHOP_INSTALLED` the runner is the program of this path,
//! an optimized build of the same source: it judges the same, and takes a third of the processor time.

use std::process::Command;

#[test]
fn every_stage_is_fair_and_strict() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let repeat = std::env::var("WORKSHOP_REPEAT").unwrap_or_else(|_| "1".to_owned());
    let runner = std::env::var_os("WORKSHOP_INSTALLED").unwrap_or_else(|| env!("CARGO_BIN_EXE_workshop").into());
    // Kept between test runs, as a learner's build cache is. What packages depend on is built once for all tests.
    let kept = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (cache, dependencies) = (kept.join("author"), kept.join("cache"));
    let output = Command::new(&runner)
        .args(["author", "check", "--repeat", &repeat, "--cache"])
        .arg(&cache)
        .env("WORKSHOP_CACHE", &dependencies)
        .current_dir(home.path())
        .output()
        .expect("it starts");
    let table = String::from_utf8_lossy(&output.stdout);
    println!("{table}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "a rule is broken:\n{table}");
    let words = table.split_whitespace().collect::<Vec<_>>().join(" ");
    // A remark is about something that is not tested.
    assert!(!table.lines().any(|line| line.starts_with('!')), "{table}");
    assert_eq!(words.matches("rules is tested in every role that it binds").count(), 7, "{table}");
    assert_eq!(std::fs::read_dir(home.path()).expect("readable").count(), 0, "nothing is written where it is run");
    // What was not recorded but written by hand is what would be recorded: nothing would change.
    let recorded = Command::new(&runner)
        .args(["author", "record", "duplex-tcp", "--check", "--runs", "1", "--course", env!("CARGO_MANIFEST_DIR")])
        .arg("--cache")
        .arg(&cache)
        .env("WORKSHOP_CACHE", &dependencies)
        .output()
        .expect("it starts");
    assert!(recorded.status.success(), "{}", String::from_utf8_lossy(&recorded.stdout));
}
