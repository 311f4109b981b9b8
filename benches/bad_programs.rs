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

/// Each kind of program: what it does before it reads its first message, or at the end of a stream.
const PROGRAMS: [(&str, When, &str); 10] = [
    ("right", When::Never, ""),
    ("prints without end", When::AtTheEnd, r#"loop { println!("and on") }"#),
    ("reads the end again and again", When::AtTheEnd, "loop { let _ = stream.read(&mut prefix[..1]).await; }"),
    ("spins", When::AtTheEnd, "loop { std::hint::spin_loop() }"),
    ("spins before anything else", When::AtOnce, "loop { std::hint::spin_loop() }"),
    ("hangs", When::AtOnce, "std::future::pending::<()>().await"),
    ("hangs, with a timer of 1 s", When::AtOnce, "loop { std::thread::sleep(std::time::Duration::from_secs(1)) }"),
    ("hangs, with a timer of 60 s", When::AtOnce, "loop { std::thread::sleep(std::time::Duration::from_secs(60)) }"),
    ("crashes at once", When::AtOnce, r#"panic!("at once")"#),
    ("floods standard error", When::AtOnce, r#"loop { eprintln!("and on") }"#),
];

#[derive(PartialEq)]
enum When {
    Never,
    AtOnce,
    AtTheEnd,
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

/// The solution, with its behaviour replaced.
fn write_program(package: &Path, when: &When, does: &str) {
    let solution = repository().join("solutions/rust").join(STAGE).join("src");
    for file in ["lib.rs", "bin/server.rs", "bin/client.rs"] {
        let text = fs::read_to_string(solution.join(file)).expect("the solution is there");
        let text = match (file, when) {
            ("lib.rs", When::AtOnce) => before(&text, "    let Some(length) = read_length(stream)", does),
            ("lib.rs", When::AtTheEnd) => {
                text.replacen("0 => Ok(None),", &format!("0 => {{ if true {{ {does} }} Ok(None) }}"), 1)
            }
            _ => text,
        };
        assert!(file != "lib.rs" || does.is_empty() || text.contains(does), "the solution is not what it was");
        fs::write(package.join("src").join(file), text).expect("it can be written");
    }
}

/// The text, with something done before this line of it.
fn before(text: &str, line: &str, does: &str) -> String {
    text.replacen(line, &format!("    if true {{ {does} }}\n{line}"), 1)
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
    for (name, when, does) in PROGRAMS {
        write_program(&workspace.join(STAGE), &when, does);
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
        assert_eq!(stage["passed"], when == When::Never, "{name}");
        if seconds > LIMIT || runner > peers {
            slow.push(name);
        }
    }
    assert!(slow.is_empty(), "above their limit: {slow:?}");
}
