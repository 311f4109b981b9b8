//! Courses from git repositories. Git runs as a program and is told to run no others: no hooks, no submodules, no
//! helpers for unknown kinds of addresses.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::source::shown_url;
use crate::error::{Error, Result};
use crate::pattern::escape;

/// Settings that override the user's own.
const SETTINGS: [&str; 5] = [
    "core.hooksPath=/dev/null",
    "protocol.ext.allow=never",
    "submodule.recurse=false",
    // Line endings stay as the course has them, on every system.
    "core.autocrlf=false",
    "advice.detachedHead=false",
];

/// Copies a repository's newest version, without its history.
///
/// # Errors
/// Git is not installed, or can't clone it.
pub async fn clone(url: &str, to: &Path) -> Result<()> {
    let mut git = git();
    git.args(["clone", "--quiet", "--depth", "1", "--no-tags", "--no-recurse-submodules", "--template=", "--"]);
    run(git.arg(url).arg(to), &format!("get {}", shown_url(url))).await.map(drop)
}

/// Fetches the newest version into the copy, without changing its files; returns its id.
///
/// # Errors
/// Git can't fetch it.
pub async fn fetch(copy: &Path, url: &str) -> Result<String> {
    let mut git = inside(copy);
    git.args(["fetch", "--quiet", "--depth", "1", "--no-tags", "--no-recurse-submodules", "--", url, "HEAD"]);
    run(&mut git, &format!("get what is new from {}", shown_url(url))).await?;
    version(copy, "FETCH_HEAD").await
}

/// The commit id of a version in the copy.
///
/// # Errors
/// It is not a repository.
pub async fn version(copy: &Path, name: &str) -> Result<String> {
    let mut git = inside(copy);
    git.args(["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")]);
    run(&mut git, "read the copy of the course").await.map(|text| text.trim().to_owned())
}

/// Writes the files of a version into a new folder.
///
/// # Errors
/// They can't be written.
pub async fn export(copy: &Path, version: &str, to: &Path) -> Result<()> {
    let index = tempfile::Builder::new().prefix("index-").tempdir_in(copy.join(".git"));
    let index = index.map_err(|error| Error::io("write into", copy, &error))?;
    let what = "read the new version of the course";
    run(inside(copy).env("GIT_INDEX_FILE", index.path().join("index")).args(["read-tree", version]), what).await?;
    let mut prefix = std::ffi::OsString::from("--prefix=");
    prefix.push(to.join(""));
    let mut git = inside(copy);
    git.env("GIT_INDEX_FILE", index.path().join("index")).args(["checkout-index", "--all", "--quiet"]).arg(prefix);
    run(&mut git, what).await.map(drop)
}

/// Checks out a version in the copy, and repairs an interrupted checkout.
///
/// # Errors
/// They can't be written.
pub async fn checkout(copy: &Path, version: &str) -> Result<()> {
    // Left by a git that was killed. No other one is running here, as the caller has the lock.
    let _ = std::fs::remove_file(copy.join(".git/index.lock"));
    let mut git = inside(copy);
    git.args(["checkout", "--quiet", "--force", "--detach", "--no-recurse-submodules", version, "--"]);
    run(&mut git, "change to the new version of the course").await.map(drop)
}

fn inside(copy: &Path) -> Command {
    let mut git = git();
    git.arg("--git-dir").arg(copy.join(".git")).arg("--work-tree").arg(copy);
    git
}

fn git() -> Command {
    let mut git = Command::new("git");
    for setting in SETTINGS {
        git.args(["-c", setting]);
    }
    git.env("GIT_ALLOW_PROTOCOL", "https:ssh:file").env("LC_ALL", "C");
    // Set if a git hook of the user's has started us.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"] {
        git.env_remove(name);
    }
    git
}

/// Runs git and returns what it printed. Dropping the future kills it.
async fn run(git: &mut Command, what: &str) -> Result<String> {
    git.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = git.spawn().map_err(|error| {
        Error::new("cannot start `git`")
            .because(error)
            .help("install git, or get the course as a folder: `workshop init PATH`")
    })?;
    let output =
        output.wait_with_output().await.map_err(|error| Error::new("`git` can't be waited for").because(error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it does not say why");
    let told = said.lines().find(|line| line.starts_with("fatal:")).unwrap_or(last);
    Err(Error::new(format!("git cannot {what}"))
        .because(escape(told.trim().as_bytes()))
        .help("is the address right, and is the network up? Nothing was changed"))
}
