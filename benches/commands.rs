//! How long the commands take as a user sees them: whole processes, in a real workspace.
//!
//! `cargo bench` builds the references once, then times a verify of unchanged sources for each
//! stage (all scenarios × pairings × conditions), and the commands that should feel like nothing.

use std::path::Path;
use std::process::{Command, Stdio};

use criterion::{Criterion, criterion_group, criterion_main};

fn workshop(dir: &Path, args: &[&str]) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
    command.args(args).current_dir(dir).env("WORKSHOP_NO_PREFETCH", "1");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().expect("the binary can be started").success()
}

/// The stages of the built-in course, by the folders that they have.
fn stages() -> Vec<String> {
    let exercises = Path::new(env!("CARGO_MANIFEST_DIR")).join("exercises");
    let folders = std::fs::read_dir(exercises).expect("the course is there").flatten();
    let stages = folders.filter(|folder| folder.path().join("stage.yaml").is_file());
    let mut names: Vec<String> = stages.filter_map(|stage| stage.file_name().into_string().ok()).collect();
    names.sort();
    names
}

fn commands(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    assert!(workshop(dir.path(), &["next"]));
    let mut group = criterion.benchmark_group("workshop");
    group.sample_size(20);
    let stages = stages();
    let verifies = stages.iter().map(|stage| vec!["verify", stage, "--solution"]);
    for args in verifies.chain([vec!["next"], vec!["list"], vec!["hint"]]) {
        assert!(workshop(dir.path(), &args), "{} succeeds", args.join(" "));
        group.bench_function(args.join(" "), |bench| bench.iter(|| assert!(workshop(dir.path(), &args))));
    }
    group.finish();
}

criterion_group!(benches, commands);
criterion_main!(benches);
