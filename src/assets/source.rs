//! What a learner names to get a course: a folder, or the address of a git repository.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::pattern::escape;

/// Where a course is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CourseSource {
    /// A folder, whose files are used where they are.
    Folder(PathBuf),
    /// A git repository, which is copied into the workspace.
    Git(String),
}

/// Addresses of these kinds are passed to git. Git knows more, and some of them run programs.
const SCHEMES: [&str; 3] = ["https", "ssh", "file"];

impl CourseSource {
    /// Parses what was typed. It looks nothing up, except whether a folder of this name exists.
    ///
    /// # Errors
    /// It is neither a folder nor an address that may be passed to git.
    pub fn parse(typed: &str) -> Result<CourseSource> {
        let shown = escape(typed.as_bytes());
        // Git and ssh would take it for an option.
        if typed.starts_with('-') || typed.is_empty() {
            return Err(Error::new(format!("`{shown}` can't be a course"))
                .help("name a folder or a git repository; a folder whose name begins with `-` can be named as ./-…"));
        }
        if let Some((scheme, rest)) = typed.split_once("://") {
            if !SCHEMES.contains(&scheme) {
                return Err(Error::new(format!(
                    "courses are not taken from `{}:` addresses",
                    escape(scheme.as_bytes())
                ))
                .help("https:, ssh: and file: addresses of a git repository will do"));
            }
            return address(typed, rest, &shown);
        }
        if Path::new(typed).exists() {
            return Ok(CourseSource::Folder(PathBuf::from(typed)));
        }
        match typed.split_once(':') {
            // As in git@example.org:course.git, which is ssh.
            Some((host, path)) if host.contains('@') && !host.contains('/') && !path.starts_with(':') => {
                address(typed, host, &shown)
            }
            _ => {
                Err(Error::new(format!("there is no folder `{shown}` here, and it is no address of a git repository"))
                    .help("an address looks like https://example.org/course.git"))
            }
        }
    }

    /// For people: control characters are escaped, a password is left out.
    pub fn shown(&self) -> String {
        match self {
            CourseSource::Folder(path) => escape(path.to_string_lossy().as_bytes()),
            CourseSource::Git(url) => shown_url(url),
        }
    }
}

/// An address for people: control characters are escaped, a password is left out.
pub fn shown_url(url: &str) -> String {
    let shown = escape(url.as_bytes());
    let Some((scheme, rest)) = shown.split_once("://") else { return shown };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match host.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{host}{path}")
        }
        None => shown,
    }
}

/// `host` begins with the address's host, perhaps after a user.
fn address(typed: &str, host: &str, shown: &str) -> Result<CourseSource> {
    let host = host.split('/').next().unwrap_or_default();
    let bare = host.rsplit_once('@').map_or(host, |(_, bare)| bare);
    if host.starts_with('-') || bare.starts_with('-') || typed.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Error::new(format!("`{shown}` can't be the address of a course"))
            .help("no host begins with `-`, and there are no blanks in an address"));
    }
    Ok(CourseSource::Git(typed.to_owned()))
}
