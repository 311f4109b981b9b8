//! What is printed when something was made: where it is, and what to do next.

use std::path::Path;

use super::changes::Changes;
use super::locate::option;
use crate::assets::{COURSE_FILE, Catalog};
use crate::report::{print, width, wrap};

/// A stage was added to the course in `root`; the tracks in `without` do not have it.
pub(super) fn stage(catalog: &Catalog, root: &Path, name: &str, changes: &Changes, without: &[&str]) {
    let mut text = wrap(&format!("The stage `{name}` is made. It is complete: now make it your own."), width(), "");
    let mut files: Vec<&str> = changes.files.iter().map(|(path, _)| path.as_str()).collect();
    files.sort_unstable();
    files.iter().for_each(|path| text.push_str(&format!("  {path}\n")));
    let changed: Vec<&str> = changes.replaced.iter().map(|(path, _)| path.as_str()).collect();
    text.push_str(&wrap(&format!("Also changed: {}", changed.join(", ")), width(), ""));
    if !without.is_empty() {
        let without = without.join(", ");
        text.push_str(&wrap(&format!("Not made for: {without}. A stage has a package in every track."), width(), ""));
    }
    text.push_str("\nNext:\n");
    text.push_str(&format!("  workshop {}author check {name}\n", option(root)));
    step(&mut text, "passes now, and should pass after each step:");
    let folders = catalog.course.tracks.values();
    for (folder, what) in folders.flat_map(|track| {
        [(&track.solutions, "the programs as they should be"), (&track.templates, "the same with holes")]
    }) {
        let package = format!("{folder}/{name}");
        if changes.folders.contains(&package) {
            text.push_str(&format!("  {package}\n"));
            step(&mut text, what);
        }
    }
    text.push_str(&format!("  exercises/{name}/stage.yaml\n"));
    step(&mut text, "what is typed and what is expected; then write the lesson, and a patch for each known mistake");
    print(&text);
}

/// A course was made in `root`, perhaps with a first stage.
pub(super) fn course(catalog: &Catalog, root: &Path) {
    let name = &catalog.course.name;
    let stage = catalog.course.stages.first();
    let with = stage.map_or("without a stage".to_owned(), |stage| format!("with a first stage, `{stage}`"));
    let mut text = wrap(&format!("The course `{name}` is made, {with}."), width(), "");
    let track = catalog.course.tracks.values().next();
    let mut paths = vec![COURSE_FILE.to_owned()];
    if let Some(stage) = stage {
        paths.push(format!("exercises/{stage}/"));
        let packages = track.into_iter().flat_map(|track| [&track.templates, &track.solutions]);
        paths.extend(packages.map(|folder| format!("{folder}/{stage}/")));
    }
    paths.extend(["starters/".to_owned(), "README.md".to_owned()]);
    paths.iter().for_each(|path| text.push_str(&format!("  {name}/{path}\n")));
    text.push_str("\nNext:\n");
    if stage.is_none() {
        text.push_str(&format!("  workshop {}author new NAME\n", option(root)));
        step(&mut text, "makes the first stage; README.md has the rest");
        return print(&text);
    }
    text.push_str(&format!("  workshop {}author check\n", option(root)));
    step(&mut text, "passes now, and should pass after each step");
    text.push_str(&format!("  workshop {}author new NAME\n", option(root)));
    step(&mut text, "adds a stage");
    text.push_str(&format!("  workshop {}next\n", option(root)));
    step(&mut text, "is what learners type, in a folder of their own; README.md has the rest");
    print(&text);
}

fn step(text: &mut String, what: &str) {
    text.push_str(&wrap(what, width(), "      "));
}
