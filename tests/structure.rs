//! The layers of `src/`: dependencies point down only.

use std::collections::{BTreeMap, BTreeSet};
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
const MACHINERY: [&str; 14] = [
    "files",
    "runtime",
    "assets",
    "workspace",
    "progress",
    "last",
    "build",
    "machine",
    "process",
    "sandbox",
    "quiescence",
    "link",
    "runs",
    "file_watch",
];
const PRESENTATION: [&str; 3] = ["report", "watch", "serve"];
const ASSEMBLY: [&str; 5] = ["verify", "author", "grade", "cli", "commands"];

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

#[test]
fn every_module_has_a_layer() {
    for (module, path, _) in modules() {
        let layers = [VOCABULARY.as_slice(), &MACHINERY, &PRESENTATION, &ASSEMBLY];
        assert!(layers.iter().any(|layer| layer.contains(&module.as_str())), "{} is in no layer", path.display());
    }
}

#[test]
fn dependencies_point_down() {
    let top = |file: &FileName| file.split('/').next().unwrap_or_default().to_owned();
    for (file, needs) in imports() {
        let module = top(&file);
        let allowed: Vec<&str> = if VOCABULARY.contains(&module.as_str()) {
            VOCABULARY.to_vec()
        } else if MACHINERY.contains(&module.as_str()) {
            [VOCABULARY.as_slice(), &MACHINERY].concat()
        } else if PRESENTATION.contains(&module.as_str()) {
            [VOCABULARY.as_slice(), &PRESENTATION].concat()
        } else {
            continue;
        };
        for name in needs.iter().map(top) {
            assert!(allowed.contains(&name.as_str()), "{file} uses crate::{name}, which is not below it");
        }
    }
}

#[test]
fn only_report_and_main_print() {
    // The assembly hands its texts to `report::print`; one wait is reported on standard error.
    for (module, path, text) in modules() {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        let prints = ["println!", "print!(", "eprint"].iter().any(|word| code.contains(word));
        assert!(!prints || module == "report", "{} prints", path.display());
    }
}

#[test]
fn nothing_waits_for_time_to_pass() {
    // Where a clock is used, and why: see docs/architecture.md.
    const KNOWN: [(&str, usize); 6] =
        [("carrier.rs", 4), ("process.rs", 2), ("runs.rs", 1), ("settle.rs", 3), ("limit.rs", 1), ("time.rs", 1)];
    for (_, path, text) in modules() {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let sleeps = text.lines().filter(|line| line.contains("time::sleep") || line.contains("thread::sleep")).count();
        let known = KNOWN.iter().find(|(file, _)| *file == name).map_or(0, |(_, count)| *count);
        assert!(sleeps <= known, "{} sleeps {sleeps} times, {known} are accounted for", path.display());
    }
}

/// A source file by its place below `src`, as in `course/names`.
type FileName = String;

/// The files that each file imports, by `use` or by a path. That a file imports those of its own folder is left out:
/// it is the door to them.
fn imports() -> BTreeMap<FileName, BTreeSet<FileName>> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let name_of = |path: &Path| path.strip_prefix(&src).expect("below src").with_extension("").display().to_string();
    let files: Vec<(FileName, String)> =
        modules().into_iter().map(|(_, path, text)| (name_of(&path), text)).filter(|(name, _)| name != "lib").collect();
    let names: BTreeSet<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    // The file that has what a path leads to: the longest part of it that is one.
    let file_of = |path: &[String]| {
        (1..=path.len()).rev().map(|end| path[..end].join("/")).find(|name| names.contains(name.as_str()))
    };
    let of = |name: &str, text: &str| -> BTreeSet<FileName> {
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let found = paths(&code.join("\n")).into_iter().filter_map(|path| file_of(&absolute(name, &path, &names)));
        found.filter(|file| file != name && !file.starts_with(&format!("{name}/"))).collect()
    };
    files.iter().map(|(name, text)| (name.clone(), of(name, text))).collect()
}

/// What a text imports by `use`, and what it names by a path from `crate` or `super`.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for statement in code.split("use ").skip(1).filter_map(|rest| rest.split_once(';')) {
        expand("", &statement.0.split_whitespace().collect::<Vec<_>>().join(" "), &mut found);
    }
    for start in ["crate::", "super::"] {
        let named = code.split(start).skip(1).map(|rest| {
            let path = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'));
            format!("{start}{}", path.collect::<String>())
        });
        found.extend(named);
    }
    found.iter().map(|path| path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()).collect()
}

/// The paths of one `use`, without its braces.
fn expand(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let Some((before, inside)) = tree.split_once('{') else {
        found.push(format!("{prefix}{}", tree.split(" as ").next().unwrap_or_default().trim()));
        return;
    };
    let inside = inside.trim_end().strip_suffix('}').unwrap_or(inside);
    let (mut depth, mut item) = (0, String::new());
    for c in inside.chars().chain([',']) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if c == ',' && depth == 0 {
            if !item.trim().is_empty() {
                expand(&format!("{prefix}{before}"), item.trim(), found);
            }
            item.clear();
        } else {
            item.push(c);
        }
    }
}

/// A path as seen from `src`.
fn absolute(name: &str, path: &[String], names: &BTreeSet<&str>) -> Vec<String> {
    let mut base: Vec<String> = name.split('/').map(str::to_owned).collect();
    match path.first().map(String::as_str) {
        Some("crate") => path[1..].to_vec(),
        Some("super") => {
            let up = path.iter().take_while(|part| *part == "super").count();
            base.truncate(base.len().saturating_sub(up));
            base.into_iter().chain(path[up..].iter().cloned()).collect()
        }
        Some("self") => base.into_iter().chain(path[1..].iter().cloned()).collect(),
        Some(first) if names.contains(format!("{name}/{first}").as_str()) => {
            base.into_iter().chain(path.iter().cloned()).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let mut imports = imports();
    assert!(imports["course/stage"].contains("course/scenario"), "imports are not seen any more");
    // Files that import none that is left are taken away, until only circles are left.
    loop {
        let left: BTreeSet<FileName> = imports.keys().cloned().collect();
        let before = imports.len();
        imports.retain(|_, needs| needs.iter().any(|file| left.contains(file)));
        if imports.len() == before {
            break;
        }
    }
    assert!(imports.is_empty(), "these import each other, or those that do: {imports:#?}");
}
