//! `workshop init`: a workspace of a course that is not built in. Nothing of the course is run.

use std::path::{Path, PathBuf};

use colored::Colorize;

use super::context;
use super::doctor;
use crate::assets::{Catalog, CourseSource, git};
use crate::cli::{Chosen, InitArgs};
use crate::error::{Error, Result};
use crate::pattern::escape;
use crate::report;
use crate::report::{print, say, width, wrap};
use crate::runtime;
use crate::workspace::{NewWorkspace, Workspace, is_free};

/// Makes the workspace, and says what its course will run and when.
pub fn init(chosen: &Chosen, args: &InitArgs) -> Result<bool> {
    if chosen.course.is_some() {
        return Err(
            Error::new("`init` takes its course as an argument, without `--course`").help("use `workshop init PATH`")
        );
    }
    let source = CourseSource::parse(&args.source)?;
    let (parent, name) = target(args.dir.as_deref())?;
    if let Some(name) = &name {
        is_free(&parent.join(name))?;
    }
    let making = NewWorkspace::begin(&parent)?;
    let (mut catalog, url) = match &source {
        CourseSource::Folder(path) => (Catalog::folder(path)?, None),
        CourseSource::Git(url) => {
            say(&format!("getting {}", source.shown()));
            runtime::block_on(git::clone(url, &making.course()))?;
            (Catalog::folder(&making.course())?, Some(url.as_str()))
        }
    };
    context::speak(&mut catalog, chosen, None)?;
    let workspace = making.finish(catalog, url, name.as_deref(), args.track.as_deref())?;
    context::remember(&workspace, chosen)?;
    welcome(&workspace, &source)?;
    Ok(true)
}

/// The folder that the workspace will be in, and its name, where one was given.
fn target(dir: Option<&Path>) -> Result<(PathBuf, Option<String>)> {
    let here = context::current_dir()?;
    let Some(dir) = dir else { return Ok((here, None)) };
    let shown = escape(dir.to_string_lossy().as_bytes());
    let name = dir.file_name().and_then(|name| name.to_str()).filter(|name| !name.starts_with(['-', '.']));
    let name = name.ok_or_else(|| {
        Error::new(format!("`{shown}` can't be a workspace"))
            .help("name a folder that does not exist yet; it will be made")
    })?;
    if shown.starts_with('-') {
        return Err(Error::new(format!("`{shown}` can't be a workspace")).help("a folder's name can't begin with `-`"));
    }
    Ok((here.join(dir.parent().unwrap_or(Path::new(""))), Some(name.to_owned())))
}

fn welcome(workspace: &Workspace, source: &CourseSource) -> Result<()> {
    let course = &workspace.catalog.course;
    let root = escape(report::relative(&workspace.root).as_bytes());
    print(&format!("{}\n", format!("Your workspace: {root}").bold()));
    print(&wrap(&format!("{} (from {})", course.title, source.shown()), width(), "  "));
    print(&wrap(course.about.trim(), width(), "  "));
    print(&format!("\n{}\n", "Nothing of the course has been run yet.".bold()));
    print(&doctor::what_it_runs(&workspace.catalog, Some(&workspace.state.track))?);
    print(&wrap(
        &format!(
            "None of this runs before `workshop verify` or `workshop run`. In {root}, `workshop next` shows the first \
             lesson."
        ),
        width(),
        "",
    ));
    Ok(())
}
