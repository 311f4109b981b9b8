//! Reads the learner's files for display, and nothing outside of the workspace.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::Workspace;
use crate::error::{Error, Result};

/// The largest file that is shown, in bytes.
const MOST: u64 = 1 << 20;

impl Workspace {
    /// The text of a file, by its path below the workspace. A link that leads out of the workspace is not
    /// followed, whether it is the file or a folder on the way to it.
    ///
    /// # Errors
    /// It is not in the workspace, is no file, is too large, or can't be read.
    pub fn text(&self, file: &Path) -> Result<String> {
        let shown = file.display();
        let fail = |error: std::io::Error| Error::new(format!("cannot read {shown}")).because(error);
        let root = self.root.canonicalize().map_err(fail)?;
        // The resolved path, without links.
        let real = root.join(file).canonicalize().map_err(fail)?;
        if !real.starts_with(&root) {
            return Err(Error::new(format!("{shown} is a link that leads out of the workspace")));
        }
        // Opening a pipe would block.
        if !real.metadata().map_err(fail)?.is_file() {
            return Err(Error::new(format!("{shown} is not a file")));
        }
        let mut bytes = Vec::new();
        File::open(&real).map_err(fail)?.take(MOST + 1).read_to_end(&mut bytes).map_err(fail)?;
        if bytes.len() as u64 > MOST {
            return Err(Error::new(format!("{shown} is too large to be shown")));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
