//! The learner's editor, at a line of a file.

use std::path::Path;
use std::process::Command;

use crate::error::{Error, Result};

/// Opens a file in the editor that `VISUAL` or `EDITOR` names, and waits until it is left. The terminal must not be
/// taken over.
///
/// # Errors
/// None is named, or it can't be started.
pub(super) fn open(file: &Path, line: Option<usize>) -> Result<()> {
    let named = ["VISUAL", "EDITOR"].into_iter().filter_map(|name| std::env::var(name).ok());
    let words = named.map(|value| words(&value)).find(|words| !words.is_empty());
    let Some((program, args)) = words.as_deref().and_then(<[String]>::split_first) else {
        return Err(Error::new("no editor is named").help("set EDITOR, as in `export EDITOR=nano`"));
    };
    let fail = |error| {
        Error::new(format!("the editor `{program}` can't be started")).because(error).help("EDITOR or VISUAL names it")
    };
    Command::new(program).args(args).args(at_line(program, &file.to_string_lossy(), line)).status().map_err(fail)?;
    Ok(())
}

/// A command with arguments, as in `code --wait`.
fn words(command: &str) -> Vec<String> {
    command.split_whitespace().map(str::to_owned).collect()
}

/// How an editor is told the line. Most of those in a terminal know `+12`.
fn at_line(program: &str, file: &str, line: Option<usize>) -> Vec<String> {
    let Some(line) = line else { return vec![file.to_owned()] };
    let name = Path::new(program).file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    match name {
        "code" | "code-insiders" | "codium" | "cursor" | "windsurf" => {
            vec!["--goto".to_owned(), format!("{file}:{line}")]
        }
        "hx" | "helix" | "subl" | "zed" | "zeditor" | "lapce" => vec![format!("{file}:{line}")],
        "notepad" => vec![file.to_owned()],
        "idea" | "clion" | "rustrover" => vec!["--line".to_owned(), line.to_string(), file.to_owned()],
        _ => vec![format!("+{line}"), file.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_editor_is_told_the_line_in_its_own_way() {
        assert_eq!(at_line("/usr/bin/nvim", "a.rs", Some(7)), ["+7", "a.rs"]);
        assert_eq!(at_line("nano", "a.rs", None), ["a.rs"]);
        assert_eq!(at_line("code", "a.rs", Some(7)), ["--goto", "a.rs:7"]);
        assert_eq!(at_line("hx", "a.rs", Some(7)), ["a.rs:7"]);
        assert_eq!(words(" code  --wait "), ["code", "--wait"]);
    }
}
