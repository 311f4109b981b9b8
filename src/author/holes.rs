//! Holes: how a template differs from its solution. They are a patch, `holes/TRACK.patch` in a stage's folder, in the
//! format of `git diff --irreversible-delete`: what a learner is not given is named there, and not quoted.
//!
//! So each function is written once, in the solution, which stays free of marks; and what a hole says to the learner
//! is in the patch. All of this is values.

use diffy::patch_set::{FileOperation, FilePatch, ParseOptions, PatchSet};
use diffy::{ConflictStyle, DiffOptions, MergeOptions};

use crate::assets::File;
use crate::assets::patch::{change, text_of};

/// The first lines of the file.
const TITLE: &str = "\
The template is the solution with these holes. `workshop author template` makes it; change the
template by hand, and `workshop author template --save-holes` keeps the difference here.
";

/// Longer than what stands in any file.
const MARKER: usize = 60;

/// The file with the holes of a track, below the stage's folder.
pub(super) fn file_of(track: &str) -> String {
    format!("holes/{track}.patch")
}

/// A template, and the holes that make it of the solution.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Template {
    /// Its files, in order; paths are below the stage's package.
    pub(super) files: Vec<File>,
    /// The holes; others than before when the solution changed around them.
    pub(super) holes: String,
    /// Files in which the solution changed inside a hole.
    pub(super) inside: Vec<String>,
}

/// The holes between a solution and its template.
///
/// # Errors
/// A file that is not text differs.
pub(super) fn between(solution: &[File], template: &[File]) -> Result<String, String> {
    let mut holes = TITLE.to_owned();
    let mut paths: Vec<&str> = solution.iter().chain(template).map(|(path, _)| path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    for path in paths {
        let header = format!("diff --git a/{path} b/{path}\n");
        match (find(solution, path), find(template, path)) {
            (Some(old), Some(new)) if old == new => {}
            (Some(_), None) => holes.push_str(&format!("{header}deleted file mode 100644\n")),
            (old, Some(new)) => {
                let mut options = DiffOptions::new();
                options.set_original_filename(old.map_or("/dev/null".to_owned(), |_| format!("a/{path}")));
                options.set_modified_filename(format!("b/{path}"));
                let patch = options.create_patch(text_of(path, old.unwrap_or_default())?, text_of(path, new)?);
                let mode = if old.is_none() { "new file mode 100644\n" } else { "" };
                holes.push_str(&format!("{header}{mode}{patch}"));
            }
            (None, None) => {}
        }
    }
    Ok(holes)
}

fn parse(holes: &str) -> Result<Vec<FilePatch<'_, str>>, String> {
    let patches: Result<_, _> = PatchSet::parse(holes, ParseOptions::gitdiff()).collect();
    patches.map_err(|error| format!("this is not a patch of git's: {error}"))
}

/// The template that the holes make of the solution, exactly.
///
/// # Errors
/// Which of the holes is in the way.
pub(super) fn cut(holes: &str, solution: &[File]) -> Result<Vec<File>, String> {
    let mut files = solution.to_vec();
    for patch in parse(holes)? {
        match patch.operation().strip_prefix(1) {
            FileOperation::Delete(path) => files.retain(|(name, _)| *name != path),
            FileOperation::Create(path) => {
                let bytes = change(&path, &[], &patch)?;
                files.push((path.into_owned(), bytes));
            }
            FileOperation::Modify { modified: path, .. } => {
                let file = files.iter_mut().find(|(name, _)| *name == path);
                let file = file.ok_or_else(|| format!("the solution has no file {path}"))?;
                file.1 = change(&path, &file.1, &patch)?;
            }
            FileOperation::Rename { to, .. } | FileOperation::Copy { to, .. } => {
                return Err(format!("holes rename and copy no file, as they do with {to}"));
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The template for a solution that has changed: the holes stay, and everything around them becomes that of the
/// solution. What the solution was before is seen from the template without its holes.
///
/// # Errors
/// Why the holes can't be followed: both the solution and the template have changed in the same place.
pub(super) fn follow(holes: &str, solution: &[File], template: &[File]) -> Result<Template, String> {
    let exact = match cut(holes, solution) {
        Ok(files) => return Ok(Template { files, holes: holes.to_owned(), inside: Vec::new() }),
        Err(why) => why,
    };
    let (mut files, mut inside) = (Vec::new(), Vec::new());
    let patches = parse(holes)?;
    for (path, new) in solution {
        let patch = patches.iter().find(|patch| match patch.operation().strip_prefix(1) {
            FileOperation::Delete(name) | FileOperation::Modify { modified: name, .. } => name == *path,
            _ => false,
        });
        let Some(patch) = patch else {
            files.push((path.clone(), new.clone()));
            continue;
        };
        if patch.operation().is_delete() {
            continue;
        }
        let (Some(hunks), Some(ours)) = (patch.patch().as_text(), find(template, path)) else { continue };
        let ours = text_of(path, ours)?;
        let before = diffy::apply(ours, &hunks.reverse()).map_err(|_| exact.clone())?;
        let (merged, clean) = merge(&before, ours, text_of(path, new)?);
        if !clean {
            inside.push(path.clone());
        }
        files.push((path.clone(), merged.into_bytes()));
    }
    let created = template.iter().filter(|(path, _)| {
        patches
            .iter()
            .any(|patch| matches!(patch.operation().strip_prefix(1), FileOperation::Create(name) if name == *path))
    });
    files.extend(created.cloned());
    files.sort();
    let holes = between(solution, &files)?;
    Ok(Template { files, holes, inside })
}

/// Both changes in one text. Where they meet, the template's stays; false if they do.
fn merge(before: &str, template: &str, solution: &str) -> (String, bool) {
    let mut options = MergeOptions::new();
    options.set_conflict_style(ConflictStyle::Merge).set_conflict_marker_length(MARKER);
    let text = match options.merge(before, template, solution) {
        Ok(text) => return (text, true),
        Err(text) => text,
    };
    let marker = |sign: char| sign.to_string().repeat(MARKER);
    let (ours, theirs, end) = (marker('<'), marker('='), marker('>'));
    let mut kept = true;
    let mut merged = String::new();
    for line in text.split_inclusive('\n') {
        if line.starts_with(&ours) || line.starts_with(&end) {
            kept = true;
        } else if line.starts_with(&theirs) {
            kept = false;
        } else if kept {
            merged.push_str(line);
        }
    }
    (merged, false)
}

fn find<'f>(files: &'f [File], path: &str) -> Option<&'f [u8]> {
    files.iter().find(|(name, _)| name == path).map(|(_, bytes)| bytes.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOLUTION: &str =
        "use a;\n\n/// Adds.\nfn add() {\n    1 + 1\n}\n\n\n\n\n\n/// Helps.\nfn help() {\n    2\n}\n";
    const TEMPLATE: &str = "use a;\n\n/// Adds. Look at `+`.\nfn add() {\n    todo!(\"1\")\n}\n\n\n\n\n\n/// Helps.\nfn help() {\n    2\n}\n";

    fn files(list: &[(&str, &str)]) -> Vec<File> {
        list.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
    }

    fn holes() -> String {
        let solution = files(&[("lib", SOLUTION), ("same", "same\n"), ("secret", "not for learners\n")]);
        let template = files(&[("lib", TEMPLATE), ("notes", "read\n"), ("same", "same\n")]);
        let holes = between(&solution, &template).expect("text");
        assert_eq!(cut(&holes, &solution).expect("applies"), template, "{holes}");
        holes
    }

    #[test]
    fn what_a_learner_is_not_given_is_not_in_the_patch() {
        let holes = holes();
        assert!(holes.contains("deleted file mode"), "{holes}");
        assert!(!holes.contains("not for learners"), "{holes}");
        assert!(holes.contains("+read"), "{holes}");
    }

    #[test]
    fn what_changes_beside_a_hole_is_taken_over() {
        let solution = files(&[("lib", &SOLUTION.replace("    2", "    3")), ("more", "more\n"), ("secret", "new\n")]);
        let template = files(&[("lib", TEMPLATE), ("notes", "read\n"), ("same", "same\n")]);
        let made = follow(&holes(), &solution, &template).expect("followed");
        let expected = files(&[("lib", &TEMPLATE.replace("    2", "    3")), ("more", "more\n"), ("notes", "read\n")]);
        assert_eq!(made.files, expected);
        assert_eq!(made.inside, Vec::<String>::new());
    }

    #[test]
    fn what_changes_inside_of_a_hole_leaves_the_hole() {
        let solution = SOLUTION.replace("1 + 1", "2").replace("Helps", "Really helps");
        let solution = files(&[("lib", &solution), ("secret", "new\n")]);
        let template = files(&[("lib", TEMPLATE), ("notes", "read\n")]);
        let made = follow(&holes(), &solution, &template).expect("followed");
        let expected = files(&[("lib", &TEMPLATE.replace("Helps", "Really helps")), ("notes", "read\n")]);
        assert_eq!(made.files, expected);
        assert_eq!(made.inside, ["lib"]);
        assert_eq!(cut(&made.holes, &solution).expect("applies"), made.files, "{}", made.holes);
    }

    #[test]
    fn a_template_and_a_solution_that_have_both_changed_are_left_to_the_author() {
        let solution = files(&[("lib", &SOLUTION.replace("1 + 1", "2")), ("secret", "x\n")]);
        let template = files(&[("lib", &TEMPLATE.replace("Look at", "See"))]);
        let why = follow(&holes(), &solution, &template).expect_err("both have changed");
        assert!(why.contains("does not apply to lib"), "{why}");
    }

    #[test]
    fn other_files_than_text_stay_as_they_are() {
        let image = vec![("image".to_owned(), vec![0xff, 0xfe])];
        assert_eq!(between(&image, &image).expect("equal"), TITLE);
        let other = vec![("image".to_owned(), vec![0xff])];
        between(&image, &other).expect_err("no text");
    }
}
