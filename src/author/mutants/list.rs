//! The mutants that the track's tool lists: small changes of a package, each with a name and a unified diff.

use serde::Deserialize;

use crate::build::Package;
use crate::course::Track;
use crate::error::{Error, Result};
use crate::pattern::escape;

/// A small change of the solution.
#[derive(Debug, Clone)]
pub(super) struct Mutant {
    /// The file, with its line, and what was changed.
    pub(super) name: String,
    /// The name without the line number, which moves with every edit above it.
    pub(super) change: String,
    /// The file, below the stage's package.
    pub(super) file: String,
    /// The changed line, trimmed; the first one, if there are several.
    pub(super) code: String,
    /// A unified diff on the stage's package.
    pub(super) patch: String,
}

/// A mutant as the tool prints it; other fields are ignored.
#[derive(Deserialize)]
struct Listed {
    name: String,
    diff: String,
}

/// All mutants of a stage's package.
///
/// # Errors
/// The tool is missing, fails, or prints something else.
pub(super) fn list(package: &Package, track: &Track) -> Result<Vec<Mutant>> {
    let words = package.mutants_command(track).join(" ");
    let fail = |why: &dyn std::fmt::Display| {
        Error::new("the mutants can't be listed").because(format!("`{words}`: {why}")).help(
            "`mutants` of the track is this command; for Rust it is a tool to install: `cargo install cargo-mutants`",
        )
    };
    let output = package.list_mutants(track).map_err(|error| fail(&error))?;
    if !output.status.success() {
        return Err(fail(&format!("{}: {}", output.status, escape(output.stderr.trim_ascii()))));
    }
    let listed: Vec<Listed> = serde_json::from_slice(&output.stdout)
        .map_err(|error| fail(&format!("it prints no list of mutants with a `name` and a `diff` each: {error}")))?;
    listed
        .into_iter()
        .map(|listed| {
            mutant(&package.stage, &listed).ok_or_else(|| fail(&format!("this is no diff:\n{}", listed.diff)))
        })
        .collect()
}

/// Turns a diff on the folder of all packages into a patch on the stage's package.
fn mutant(stage: &str, listed: &Listed) -> Option<Mutant> {
    let (head, hunks) = listed.diff.split_once("\n@@")?;
    let path = head.lines().find_map(|line| line.strip_prefix("--- "))?.split('\t').next()?.trim();
    let path = path.strip_prefix("a/").unwrap_or(path);
    let file = path.strip_prefix(stage).and_then(|rest| rest.strip_prefix('/')).unwrap_or(path);
    let code = hunks.lines().find_map(|line| line.strip_prefix('-')).unwrap_or_default().trim();
    let name = listed.name.strip_prefix(stage).and_then(|rest| rest.strip_prefix('/')).unwrap_or(&listed.name);
    Some(Mutant {
        name: name.to_owned(),
        change: without_place(name),
        file: file.to_owned(),
        code: code.to_owned(),
        patch: format!("--- a/{file}\n+++ b/{file}\n@@{hunks}"),
    })
}

/// `src/lib.rs:12:5: replace …` without line and column.
fn without_place(name: &str) -> String {
    let Some((place, what)) = name.split_once(": ") else { return name.to_owned() };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let file = place.trim_end_matches(|c: char| c == ':' || c.is_ascii_digit());
    if place[file.len()..].split(':').skip(1).all(is_number) { format!("{file}: {what}") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_on_all_packages_is_a_patch_on_one() {
        let diff = "--- duplex/src/lib.rs\n+++ replace < with <= in next_line\n@@ -1,3 +1,3 @@\n a\n-    if x < 3 \
            {\n+    if x <= 3 {\n b\n";
        let name = "duplex/src/lib.rs:2:10: replace < with <= in next_line";
        let mutant = mutant("duplex", &Listed { name: name.to_owned(), diff: diff.to_owned() }).expect("a mutant");
        assert_eq!(mutant.name, "src/lib.rs:2:10: replace < with <= in next_line");
        assert_eq!(mutant.change, "src/lib.rs: replace < with <= in next_line");
        assert_eq!((mutant.file.as_str(), mutant.code.as_str()), ("src/lib.rs", "if x < 3 {"));
        assert!(
            mutant.patch.starts_with("--- a/src/lib.rs\n+++ b/src/lib.rs\n@@ -1,3 +1,3 @@\n a\n"),
            "{}",
            mutant.patch
        );
    }

    #[test]
    fn a_name_without_a_place_is_left_as_it_is() {
        for name in ["drop the flush", "src/lib.rs: drop the flush", "a: b: c"] {
            assert_eq!(without_place(name), name);
        }
        assert_eq!(without_place("src/lib.rs:12: x"), "src/lib.rs: x");
    }
}
