//! `workshop update`: brings the course's changes into a workspace.

use std::path::Path;

use colored::Colorize;

use super::context;
use crate::assets::{Catalog, Origin, git};
use crate::cli::{Chosen, UpdateArgs};
use crate::error::{Error, Result};
use crate::files::Lock;
use crate::pattern::escape;
use crate::progress::WorkspaceState;
use crate::report::{self, print, say, width, wrap};
use crate::runtime;
use crate::workspace::{Action, DOT, FileStep, Updated, Workspace};

/// Updates the workspace, and says what became of every file that changed.
pub fn update(chosen: &Chosen, args: &UpdateArgs) -> Result<bool> {
    let (root, state) = Workspace::locate(&context::current_dir()?)?;
    let dot = root.join(DOT);
    let _one_at_a_time = Lock::take(&dot, "update.lock", || say("another `workshop update` is running; waiting"))?;
    let waits = || say("another `workshop` is verifying in this workspace; waiting for it to finish");
    let _verify = Lock::take(&dot, super::verify::VERIFY, waits)?;
    // Kept until the end: a dry run reads the new version from it.
    let _fetched;
    let mut catalog = match (&chosen.course, &state.course_url, &state.course_path) {
        (Some(path), ..) => Catalog::folder(path)?,
        (None, Some(url), Some(copy)) => {
            let (fetched, catalog) = fetch(url, &root.join(copy), &dot, &state, args.dry_run)?;
            _fetched = fetched;
            catalog
        }
        (None, _, Some(path)) => Catalog::folder(&root.join(path))?,
        (None, _, None) => Catalog::open(Origin::BuiltIn)?,
    };
    context::speak(&mut catalog, chosen, state.language.as_deref())?;
    let workspace = Workspace::with(root, state, catalog)?;
    context::remember(&workspace, chosen)?;
    let mut reporter = report::Format::Text.reporter(false);
    let build_lock = runtime::block_on(super::prefetch::build_lock(&workspace, reporter.as_mut()))?;
    let updated = workspace.update(args.dry_run)?;
    drop(build_lock);
    drop(reporter);
    show(&workspace, &updated, args.dry_run);
    Ok(updated.conflicts() == 0)
}

/// The newest version of a course from git. It is read completely before any file of the old one is changed: a
/// version that this runner can't run leaves the old one in place.
fn fetch(
    url: &str,
    copy: &Path,
    dot: &Path,
    state: &WorkspaceState,
    dry: bool,
) -> Result<(Option<tempfile::TempDir>, Catalog)> {
    say(&format!("fetching {}", crate::assets::shown_url(url)));
    let dir = tempfile::Builder::new().prefix("course-new-").tempdir_in(dot);
    let dir = dir.map_err(|error| Error::io("write into", dot, &error))?;
    runtime::block_on(async {
        let new = git::fetch(copy, url).await?;
        git::export(copy, &new, dir.path()).await?;
        let catalog = Catalog::folder(dir.path())?;
        catalog.check_whole(catalog.track(&state.track)?)?;
        if dry {
            return Ok((Some(dir), catalog));
        }
        if catalog.course.name == state.course {
            git::checkout(copy, &new).await?;
            return Ok((None, Catalog::folder(copy)?));
        }
        // `Workspace::with` refuses it.
        Ok((None, catalog))
    })
}

fn show(workspace: &Workspace, updated: &Updated, dry: bool) {
    let mut out = String::new();
    for moved in &updated.moves {
        let (old, new) = (&moved.old, &moved.new);
        out.push_str(&wrap(
            &if moved.free {
                format!("{old} was renamed to {new}, and so is your folder; your progress is kept")
            } else {
                format!("{old} was renamed to {new}; your folder {old} stays, as there is a folder {new} already")
            },
            width(),
            "",
        ));
    }
    let mut of = None;
    for step in &updated.steps {
        let (package, file) = step.path.split_once('/').unwrap_or(("the workspace", &step.path));
        if of != Some(package) {
            out.push_str(&format!("{}\n", escape(package.as_bytes()).bold()));
            of = Some(package);
        }
        out.push_str(&line(step, file));
    }
    if let Some(backup) = &updated.backup {
        out.push_str(&wrap(&format!("the replaced files are kept in {}", report::relative(backup)), width(), ""));
    }
    print(&out);
    print(&wrap(&ending(workspace, updated, dry), width(), ""));
}

/// One file: what became of it, and its name.
fn line(step: &FileStep, file: &str) -> String {
    let (word, more) = match &step.action {
        Action::Left => return String::new(),
        Action::Added => ("new", String::new()),
        Action::Replaced => ("replaced", String::new()),
        Action::Merged(_) => ("merged", ": yours and the course's changes".to_owned()),
        Action::Removed => ("removed", ": no longer in the course".to_owned()),
        Action::Kept => ("left", ": no longer in the course, but you have changed it".to_owned()),
        Action::Deleted => ("deleted", ": you deleted it, so it stays deleted".to_owned()),
        Action::Conflict => {
            let beside = step.beside.as_deref().unwrap_or_default();
            let beside = beside.rsplit('/').next().unwrap_or(beside);
            (
                "conflict",
                format!(": yours is unchanged; the course's version is beside it, in {}", escape(beside.as_bytes())),
            )
        }
    };
    let word = format!("{word:<8}");
    let word = match &step.action {
        Action::Conflict => word.red().bold(),
        Action::Deleted | Action::Kept => word.yellow(),
        _ => word.green(),
    };
    let text = wrap(&format!("{}{more}", escape(file.as_bytes())), width(), "            ");
    format!("  {word}  {}", text.trim_start())
}

fn ending(workspace: &Workspace, updated: &Updated, dry: bool) -> String {
    let changed = updated
        .steps
        .iter()
        .filter(|step| matches!(step.action, Action::Added | Action::Replaced | Action::Merged(_) | Action::Removed));
    let (changed, conflicts) = (changed.count(), updated.conflicts());
    let lessons =
        if workspace.state.course_url.is_some() { " Lessons and transcripts are the course's newest." } else { "" };
    let files = |count: usize| if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
    match (conflicts, dry) {
        (0, false) if changed == 0 && updated.moves.is_empty() => format!("Your files are up to date.{lessons}"),
        (0, false) => format!("{} brought up to date.{lessons}", files(changed)),
        (_, false) => format!(
            "{} brought up to date; in {} you and the course changed the same lines. Take what you want from the \
             files beside them, then remove those.",
            files(changed),
            files(conflicts)
        ),
        (0, true) => format!("{} would be brought up to date. Nothing has been changed.", files(changed)),
        (_, true) => format!(
            "{} would be brought up to date, {} would be in conflict. Nothing has been changed.",
            files(changed),
            files(conflicts)
        ),
    }
}
