//! Applies a mistake, a patch on the solution: exactly, or not at all.

use diffy::patch_set::{FileOperation, ParseOptions, PatchSet};

use crate::assets::File;

/// The solution's files with a patch applied; paths in it are below the stage's package.
///
/// # Errors
/// Why the patch does not apply, with the part that does not.
pub fn apply(text: &str, stage: &str, solution: &[File]) -> Result<Vec<File>, String> {
    let mut files = solution.to_vec();
    let mut any = false;
    for patch in PatchSet::parse(text, ParseOptions::unidiff()) {
        let patch = patch.map_err(|error| format!("this is not a unified diff: {error}"))?;
        let operation = patch.operation().strip_prefix(1);
        let FileOperation::Modify { modified, .. } = &operation else {
            return Err("a mistake changes files; it neither adds nor removes any".to_owned());
        };
        let path = format!("{stage}/{modified}");
        let file = files
            .iter_mut()
            .find(|(name, _)| *name == path)
            .ok_or_else(|| format!("the solution has no file {modified}"))?;
        let before = String::from_utf8_lossy(&file.1).into_owned();
        let hunks = patch.patch().as_text().ok_or("a mistake is a patch of text")?;
        file.1 = diffy::apply(&before, hunks)
            .map_err(|error| does_not_apply(modified, &error.to_string(), hunks))?
            .into_bytes();
        any = true;
    }
    if any { Ok(files) } else { Err("the patch is empty".to_owned()) }
}

/// The error for a hunk that does not apply, with the hunk and what to do.
fn does_not_apply(file: &str, error: &str, patch: &diffy::Patch<'_, str>) -> String {
    let number = error.rsplit('#').next().and_then(|number| number.trim().parse::<usize>().ok());
    let hunk = number.and_then(|number| patch.hunks().get(number.checked_sub(1)?));
    let Some(hunk) = hunk else { return format!("does not apply to {file}: {error}") };
    let mut text = format!(
        "does not apply to {file}: the solution has other lines than those of hunk {}. Make the patch anew from the \
         solution as it is now.\n@@ -{} +{} @@",
        number.unwrap_or_default(),
        hunk.old_range(),
        hunk.new_range()
    );
    for line in hunk.lines() {
        let (mark, line) = match line {
            diffy::Line::Context(line) => (' ', line),
            diffy::Line::Delete(line) => ('-', line),
            diffy::Line::Insert(line) => ('+', line),
        };
        text.push_str(&format!("\n{mark}{}", line.trim_end_matches('\n')));
    }
    text
}
