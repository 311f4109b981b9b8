//! `workshop doctor --grade`: how well can submissions be kept apart on this machine? Found out by doing it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use super::line;
use crate::assets::Catalog;
use crate::cli::Chosen;
use crate::commands::context;
use crate::course::Track;
use crate::error::{Error, Result};
use crate::report::{print, width, wrap};
use crate::sandbox::{self, Layer, Sandbox};

/// Looks at what grading needs, and says which isolation there is.
///
/// # Errors
/// The course can't be read.
pub fn doctor(chosen: &Chosen) -> Result<bool> {
    if sandbox::is_inside() {
        return inside(&context::open_course(chosen)?);
    }
    if let Err(error) = sandbox::works() {
        line(false, &error.message, &said(&error));
        print("Isolation here: none. `workshop grade` refuses, unless `--trust-submissions` is given.\n");
        return Ok(false);
    }
    line(true, "programs of strangers can be kept apart: bubblewrap makes namespaces here", "");
    let ended = sandbox::inside().and_then(|mut command| command.stdin(Stdio::null()).status());
    ended.map(|status| status.success()).map_err(|error| Error::new("the sandbox can't be looked at").because(error))
}

/// Goes on inside of the outer wall.
fn inside(catalog: &Catalog) -> Result<bool> {
    let mut good = true;
    let folder = tempfile::tempdir().map_err(|error| Error::new("no temporary folder can be made").because(error))?;
    let layer = Layer::over(folder.path());
    line(
        layer.is_ok(),
        if layer.is_ok() {
            "each submission has a layer of its own over the cache of builds"
        } else {
            "submissions share the cache of builds, which a build may write into"
        },
        &layer.as_ref().err().map_or_else(String::new, |error| {
            format!(
                "{}: it needs Linux 5.11 or later, and a system that allows overlays to ordinary users",
                said(error)
            )
        }),
    );
    for (name, track) in &catalog.course.tracks {
        let tool = tool(track);
        good &= line(
            starts(track, tool),
            &format!("track {name}: `{tool}` is there in the sandbox"),
            "the track names under `reads` what it needs beside the system's own files; is it installed for this user?",
        );
    }
    let level = sandbox::level(layer.is_ok());
    print(&wrap(
        &format!("Isolation here: {level}. docs/grading.md says what that keeps off, and what not."),
        width(),
        "",
    ));
    Ok(good)
}

fn said(error: &Error) -> String {
    error.causes.iter().chain(&error.help).cloned().collect::<Vec<_>>().join("; ")
}

/// What builds the track's packages, or else runs them.
fn tool(track: &Track) -> &str {
    track.build.first().or(track.run.first()).map_or("", String::as_str)
}

/// Is it found in a sandbox of this track?
fn starts(track: &Track, tool: &str) -> bool {
    let sandbox = Sandbox { reads: Sandbox::reads_of(&track.reads), ..Sandbox::default() };
    let find = ["sh", "-c", "command -v \"$1\"", "sh", tool].map(str::to_owned);
    let words = sandbox.command(find.to_vec(), Path::new("/"), &BTreeMap::new());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
