//! How long the commands take as a user sees them: whole processes, in a real workspace.
//!
//! `cargo bench` builds the reference once, then times a verify of unchanged sources (all
//! scenarios × pairings × conditions), and the commands that should feel like nothing.

use std::path::Path;
use std::process::{Command, Stdio};

use criterion::{Criterion, criterion_group, criterion_main};

fn workshop(dir: &Path, args: &[&str]) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
    command.args(args).current_dir(dir).env("WORKSHOP_NO_PREFETCH", "1");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().expect("the binary can be started").success()
}

fn commands(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    assert!(workshop(dir.path(), &["next"]));
    assert!(workshop(dir.path(), &["verify", "--solution"]), "the solution passes");
    let mut group = criterion.benchmark_group("workshop");
    group.sample_size(20);
    for args in [["verify", "--solution"].as_slice(), &["next"], &["list"], &["hint"]] {
        group.bench_function(args.join(" "), |bench| bench.iter(|| assert!(workshop(dir.path(), args))));
    }
    group.finish();
}

criterion_group!(benches, commands);
criterion_main!(benches);
