//! The layers of `src/`: dependencies point down only.

use std::fs;
use std::path::{Path, PathBuf};

const VOCABULARY: [&str; 14] = [
    "error",
    "hash",
    "yaml",
    "course",
    "pattern",
    "transcript",
    "matcher",
    "evidence",
    "fault",
    "verdict",
    "explain",
    "trace",
    "event",
    "lib",
];
const MACHINERY: [&str; 13] = [
    "files",
    "runtime",
    "assets",
    "workspace",
    "progress",
    "last",
    "build",
    "machine",
    "process",
    "stillness",
    "link",
    "runs",
    "saves",
];
const PRESENTATION: [&str; 3] = ["report", "watch", "serve"];
const ASSEMBLY: [&str; 4] = ["verify", "author", "cli", "commands"];

/// The module at the top that a file belongs to, and its text.
fn modules() -> Vec<(String, PathBuf, String)> {
    fn walk(dir: &Path, top: Option<&str>, found: &mut Vec<(String, PathBuf, String)>) {
        for entry in fs::read_dir(dir).expect("src can be read").flatten() {
            let path = entry.path();
            let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let module = top.map_or(stem.clone(), str::to_owned);
            if path.is_dir() {
                walk(&path, Some(&module), found);
            } else if stem != "main" && stem != "tests" {
                let text = fs::read_to_string(&path).expect("a source file");
                found.push((module, path, text));
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), None, &mut found);
    found
}

/// The modules that a text names as `crate::module`.
fn names(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let after = code.split("crate::").skip(1);
    after.map(|rest| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect()).collect()
}

#[test]
fn every_module_has_a_layer() {
    for (module, path, _) in modules() {
        let layers = [VOCABULARY.as_slice(), &MACHINERY, &PRESENTATION, &ASSEMBLY];
        assert!(layers.iter().any(|layer| layer.contains(&module.as_str())), "{} is in no layer", path.display());
    }
}

#[test]
fn dependencies_point_down() {
    for (module, path, text) in modules() {
        let allowed: Vec<&str> = if VOCABULARY.contains(&module.as_str()) {
            VOCABULARY.to_vec()
        } else if MACHINERY.contains(&module.as_str()) {
            [VOCABULARY.as_slice(), &MACHINERY].concat()
        } else if PRESENTATION.contains(&module.as_str()) {
            [VOCABULARY.as_slice(), &PRESENTATION].concat()
        } else {
            continue;
        };
        for name in names(&text) {
            assert!(allowed.contains(&name.as_str()), "{} uses crate::{name}, which is not below it", path.display());
        }
    }
}

#[test]
fn only_report_and_main_print() {
    // The assembly hands its texts to `report::print`; one wait is told to standard error.
    for (module, path, text) in modules() {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        let prints = ["println!", "print!(", "eprint"].iter().any(|word| code.contains(word));
        assert!(!prints || module == "report", "{} prints", path.display());
    }
}

#[test]
fn nothing_waits_for_time_to_pass() {
    // Where a clock is looked at, and why: see docs/architecture.md.
    const KNOWN: [(&str, usize); 5] =
        [("direction.rs", 4), ("process.rs", 2), ("runs.rs", 1), ("rest.rs", 3), ("limit.rs", 1)];
    for (_, path, text) in modules() {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let sleeps = text.lines().filter(|line| line.contains("time::sleep") || line.contains("thread::sleep")).count();
        let known = KNOWN.iter().find(|(file, _)| *file == name).map_or(0, |(_, count)| *count);
        assert!(sleeps <= known, "{} sleeps {sleeps} times, {known} are accounted for", path.display());
    }
}
