//! The oldest runner that can run a course.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::yaml::Source;

/// The version of this runner.
const THIS: &str = env!("CARGO_PKG_VERSION");

/// The only key of `course.yaml` that every runner has to understand.
#[derive(Deserialize)]
struct Needs {
    #[serde(default)]
    runner: Option<String>,
}

/// This runner is new enough for the course in `text`.
///
/// # Errors
/// It is not; or what `runner` says is no version.
pub(super) fn check(file: &str, text: &str) -> Result<()> {
    let (needs, source): (Needs, Source<'_>) = Source::parse(file, text)?;
    let Some(least) = needs.runner else { return Ok(()) };
    let wanted = semver::VersionReq::parse(&format!(">={least}")).ok().filter(|_| is_version(&least));
    let wanted = wanted.ok_or_else(|| {
        Error::new(format!("`{}` is not a version", crate::pattern::escape(least.as_bytes())))
            .at(source.place("runner"))
            .help("write the oldest version that will do, in quotes, as in `runner: \"0.1\"`")
    })?;
    match semver::Version::parse(THIS) {
        // What comes before a release has what the release has.
        Ok(this) if !wanted.matches(&semver::Version::new(this.major, this.minor, this.patch)) => Err(Error::new(
            format!("this course needs workshop {least} or newer; this is workshop {THIS}"),
        )
        .at(source.place("runner"))
        .help(
            "install a newer workshop, the way you installed this one (`cargo install`); your work is left as it is",
        )),
        _ => Ok(()),
    }
}

/// One to three numbers: no signs, no stars, no lists.
fn is_version(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() <= 3
        && parts.iter().all(|part| !part.is_empty() && part.len() <= 9 && part.chars().all(|c| c.is_ascii_digit()))
}
