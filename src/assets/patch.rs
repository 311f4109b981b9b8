//! Applies a patch on the solution, such as a mistake: exactly, or not at all.

use diffy::patch_set::{FileOperation, FilePatch, ParseOptions, PatchSet};

use super::File;

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
            return Err("the patch adds or removes a file; it may only change files".to_owned());
        };
        let path = format!("{stage}/{modified}");
        let file = files
            .iter_mut()
            .find(|(name, _)| *name == path)
            .ok_or_else(|| format!("the solution has no file {modified}"))?;
        file.1 = change(modified, &file.1, &patch)?;
        any = true;
    }
    if any { Ok(files) } else { Err("the patch is empty".to_owned()) }
}

/// A file with its part of a patch applied.
///
/// # Errors
/// Why it does not apply.
pub fn change(file: &str, before: &[u8], patch: &FilePatch<'_, str>) -> Result<Vec<u8>, String> {
    let hunks = patch.patch().as_text().ok_or("this is not a patch of text")?;
    diffy::apply(text_of(file, before)?, hunks)
        .map(String::into_bytes)
        .map_err(|error| does_not_apply(file, &error.to_string(), hunks))
}

/// The content of a file that can be patched.
///
/// # Errors
/// It is not text.
pub fn text_of<'b>(file: &str, bytes: &'b [u8]) -> Result<&'b str, String> {
    std::str::from_utf8(bytes).map_err(|_| format!("{file} is not text"))
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
