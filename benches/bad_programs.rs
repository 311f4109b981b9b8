//! How long a verify takes when every run fails: programs that crash, hang, spin or flood.
//!
//! `cargo bench --bench bad_programs` prints a table: for each kind of program the time of a verify of all
//! runs of a stage, and the processor time of the runner and of the peers. Every row is held to its limits,
//! which are those of two idle cores.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The longest time of a verify of a program that never works, in seconds.
const LIMIT: f64 = 5.0;

/// A verify of its solution takes about a second.
const STAGE: &str = "streaming-parts";

/// A change of a file of the solution: its path, the text, and what stands in its place.
type Change = (&'static str, &'static str, String);

/// Each kind of program, as changes of the solution.
fn programs() -> Vec<(&'static str, Vec<Change>)> {
    let talks = vec![
        // The other side is never told that there is no more.
        ("bin/server.rs", "    stream.close().await", r#"    loop { write_message(stream, "").await? }"#.to_owned()),
        (
            "bin/client.rs",
            "        println!(\"[client] received",
            "        if part.is_empty() { continue }\n        println!(\"[client] received".to_owned(),
        ),
    ];
    vec![
        ("right", Vec::new()),
        ("prints without end", at_the_end(r#"loop { println!("and on") }"#)),
        ("reads the end again and again", at_the_end("loop { let _ = stream.read(&mut prefix[..1]).await; }")),
        ("spins", at_the_end("loop { std::hint::spin_loop() }")),
        ("spins before anything else", at_once("loop { std::hint::spin_loop() }")),
        ("hangs", at_once("std::future::pending::<()>().await")),
        ("hangs, with a timer of 1 s", at_once("loop { std::thread::sleep(std::time::Duration::from_secs(1)) }")),
        ("hangs, with a timer of 60 s", at_once("loop { std::thread::sleep(std::time::Duration::from_secs(60)) }")),
        ("crashes at once", at_once(r#"panic!("at once")"#)),
        ("floods standard error", at_once(r#"loop { eprintln!("and on") }"#)),
        ("talks without end", talks),
    ]
}

/// Does this before it reads a message.
fn at_once(does: &str) -> Vec<Change> {
    let line = "    let Some(length) = read_length(stream)";
    vec![("lib.rs", line, format!("    if true {{ {does} }}\n{line}"))]
}

/// Does this at the end of a stream.
fn at_the_end(does: &str) -> Vec<Change> {
    vec![("lib.rs", "0 => Ok(None),", format!("0 => {{ if true {{ {does} }} Ok(None) }}"))]
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn workshop(dir: &Path, args: &[&str]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
    command.args(args).current_dir(dir).env("WORKSHOP_NO_PREFETCH", "1");
    let output = command.output().expect("the binary can be started");
    let events = String::from_utf8_lossy(&output.stdout).into_owned();
    events.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Writes the solution, with these changes.
fn write_program(package: &Path, changes: &[Change]) {
    let solution = repository().join("solutions/rust").join(STAGE).join("src");
    for file in ["lib.rs", "bin/server.rs", "bin/client.rs"] {
        let mut text = fs::read_to_string(solution.join(file)).expect("the solution is there");
        for (_, old, new) in changes.iter().filter(|(of, ..)| *of == file) {
            assert!(text.contains(old), "the solution is not what it was");
            text = text.replacen(old, new, 1);
        }
        fs::write(package.join("src").join(file), text).expect("it can be written");
    }
}

fn main() {
    // `cargo test --benches` builds it, and asks for no measurement.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    workshop(dir.path(), &["next"]);
    let workspace = fs::read_dir(dir.path()).expect("it can be read").flatten().next().expect("a workspace").path();
    let mut slow = Vec::new();
    println!(
        "| program | verify | runs | left out | runner | peers | reason |\n| --- | --- | --- | --- | --- | --- | --- |"
    );
    for (name, changes) in programs() {
        write_program(&workspace.join(STAGE), &changes);
        let events = workshop(&workspace, &["verify", STAGE, "--format", "json"]);
        let stage =
            events.iter().find(|event| event["event"] == "stage").unwrap_or_else(|| panic!("{name}: {events:#?}"));
        let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
        let seconds = number(&stage["ms"]) / 1000.0;
        let (runner, peers) = (number(&stage["processor_ms"]["runner"]), number(&stage["processor_ms"]["peers"]));
        println!(
            "| {name} | {seconds:.2} s | {} | {} | {runner:.0} ms | {peers:.0} ms | {} |",
            stage["runs"],
            stage["left_out"],
            stage["reason"]["id"].as_str().unwrap_or("")
        );
        assert_eq!(stage["passed"], changes.is_empty(), "{name}");
        // Watching programs that sleep takes something, too.
        if seconds > LIMIT || runner > peers.max(seconds * 200.0) {
            slow.push(name);
        }
    }
    assert!(slow.is_empty(), "above their limit: {slow:?}");
}
