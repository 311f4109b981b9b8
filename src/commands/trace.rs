//! `workshop trace`: the runs of the last verify, drawn.

use std::fs;
use std::path::Path;

use super::context;
use crate::cli::{Chosen, TraceArgs};
use crate::error::{Error, Result};
use crate::last::Last;
use crate::report::{self, print, width};

/// Draws a run, or lists all.
pub fn trace(chosen: &Chosen, args: &TraceArgs) -> Result<bool> {
    let workspace = context::open_workspace(chosen)?;
    let stage = context::stage_name(&workspace, args.stage.as_deref())?;
    let last = Last::load(&workspace.dot(), &stage)?;
    if args.list {
        print(&report::trace::list(&last.runs, width()));
        return Ok(true);
    }
    if let Some(path) = &args.html {
        return write_page(&last, path).map(|()| true);
    }
    let (number, run) = last.run(args.run)?;
    if let Some(path) = &args.svg {
        write(path, &report::trace::svg(run))?;
        return Ok(true);
    }
    print(&report::trace::draw(run, width()));
    let others = format!("run {number} of {}: `workshop trace --list` lists them all", last.runs.len());
    print(&report::wrap(&others, width(), "  "));
    Ok(true)
}

/// Writes the page of a stage's last verify, and says where it is.
pub fn write_page(last: &Last, path: &Path) -> Result<()> {
    write(path, &report::trace::page(&last.stage, &last.title, last.seed, &last.runs)?)
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)
        .map_err(|error| Error::io("write", path, &error).help("name a file in an existing folder"))?;
    report::say(&format!(
        "{} is written",
        report::link(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
    ));
    Ok(())
}
