//! A mistake is a patch on the solution: applied exactly, or not at all.

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
            .map_err(|error| format!("does not apply to {modified}: {error}\n{}", shown(hunks)))?
            .into_bytes();
        any = true;
    }
    if any { Ok(files) } else { Err("the patch is empty".to_owned()) }
}

fn shown(patch: &diffy::Patch<'_, str>) -> String {
    patch.to_string()
}
