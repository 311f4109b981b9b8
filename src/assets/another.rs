//! Another good solution of a stage: the reference with a patch, whose first lines say what it is and why it is good.

use super::{Catalog, File, patch};
use crate::error::{Error, Result};

/// Another good solution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Another {
    /// What it is, in a few words.
    pub title: String,
    /// Why it is good, and what it costs: Markdown.
    pub why: String,
    /// The file that it comes from, as the reader knows it.
    file: String,
    /// What stands in it.
    text: String,
}

impl Catalog {
    /// The stage's other solution, if it has one for this track.
    ///
    /// # Errors
    /// The file can't be read, or does not say what the solution is and why it is good.
    pub fn another(&self, stage: &str, track_name: &str) -> Result<Option<Another>> {
        let name = format!("another/{track_name}.patch");
        let Some((file, text)) = self.stage_file_if_there(stage, &name)? else { return Ok(None) };
        let (title, why) = title_and_why(&text).map_err(|why| {
            wrong(&file, why)
                .help("it begins with a heading, as in `# Two threads`, and a paragraph; then comes the patch")
        })?;
        Ok(Some(Another { title, why, file, text }))
    }
}

impl Another {
    /// All packages of the track, with this one in the place of the stage's solution.
    ///
    /// # Errors
    /// It is not a patch of the solution.
    pub fn files(&self, stage: &str, solutions: &[File]) -> Result<Vec<File>> {
        patch::apply(&self.text, stage, solutions)
            .map_err(|why| wrong(&self.file, why).help("make it again, as a patch of the solution as it is now"))
    }
}

fn wrong(file: &str, why: String) -> Error {
    Error::new(format!("{file} is not another solution")).because(why)
}

/// What stands before the patch: a heading, and text.
fn title_and_why(text: &str) -> std::result::Result<(String, String), String> {
    let before = text.lines().take_while(|line| !line.starts_with("diff ") && !line.starts_with("--- "));
    let before: String = before.map(|line| format!("{line}\n")).collect();
    let before = before.trim_start();
    let (heading, why) = before.split_once('\n').unwrap_or((before, ""));
    let title =
        heading.strip_prefix("# ").map(str::trim).filter(|title| !title.is_empty()).ok_or("it has no heading")?;
    let why = why.trim();
    if why.is_empty() {
        return Err("it does not say why it is good".to_owned());
    }
    Ok((title.to_owned(), why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::title_and_why;

    #[test]
    fn the_patch_begins_with_a_heading_and_a_reason() {
        let text = "# Two threads\n\nNo *async*.\n\nBut two stacks.\n\ndiff --git a/x b/x\n--- a/x\n+++ b/x\n";
        let expected = ("Two threads".to_owned(), "No *async*.\n\nBut two stacks.".to_owned());
        assert_eq!(title_and_why(text), Ok(expected));
        for wrong in ["", "--- a/x\n", "Two threads\n\nwhy\n", "# Two threads\n\n--- a/x\n", "# \n\nwhy\n"] {
            title_and_why(wrong).expect_err(wrong);
        }
    }
}
