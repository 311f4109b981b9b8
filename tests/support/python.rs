//! The `python3` that the peers of the test courses are played with.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// `PATH` with the folder of the real `python3` in front: version managers put a script before
/// it, which looks into the home folder and takes its time.
pub fn path() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let asked = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
        let said = asked.expect("these tests need python3").stdout;
        let python = PathBuf::from(String::from_utf8_lossy(&said).trim());
        let folder = python.parent().expect("an absolute path").display().to_string();
        format!("{folder}:{}", std::env::var("PATH").unwrap_or_default())
    })
}
