//! What a command came to.

use std::process::Command;

/// Its exit code, and all that it printed.
pub struct Done {
    pub code: Option<i32>,
    pub text: String,
}

impl Done {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Done {
        let output = command.output().expect("it starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        Done { code: output.status.code(), text }
    }
}
