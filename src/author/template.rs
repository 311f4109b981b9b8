//! `workshop author template`: makes templates of solutions and their holes, or keeps the holes of templates that were
//! changed by hand.

use std::path::Path;

use colored::Colorize;

use super::changes::Changes;
use super::holes::{between, cut, file_of, follow};
use super::locate::own_course;
use super::new::{below, root};
use crate::assets::{Catalog, File};
use crate::cli::TemplateArgs;
use crate::course::Track;
use crate::error::{Error, Result};
use crate::report;

/// Brings the templates of the requested stages up to date, in all tracks. False when `--check` finds that something
/// would change.
///
/// # Errors
/// Holes that do not fit; or the course can't be read or changed. Then nothing is written.
pub fn template(course: Option<&Path>, args: &TemplateArgs) -> Result<bool> {
    let catalog = own_course(course)?;
    let root = root(&catalog)?;
    let names = if args.stages.is_empty() { &catalog.course.stages } else { &args.stages };
    let mut changes = Changes::default();
    for name in names {
        catalog.stage_file(name)?;
        for (track_name, track) in &catalog.course.tracks {
            let package = StagePackage { catalog: &catalog, stage: name, track_name, track };
            let found = if args.save_holes { package.save_holes() } else { package.template() }?;
            let title = match catalog.course.tracks.len() {
                1 => name.clone(),
                _ => format!("{name} ({track_name})"),
            };
            let mark = if found.is_empty() { "✓".green() } else { "•".yellow() };
            report::print(&format!("{mark} {}: {}\n", title.bold(), found.said));
            changes.replaced.extend(found.replaced);
            changes.removed.extend(found.removed);
        }
    }
    if changes.replaced.is_empty() && changes.removed.is_empty() {
        return Ok(true);
    }
    show(&root, &changes);
    decide(args, &root, &changes)
}

/// Why a template is not the solution with its holes, if it is not; a template without them is never stale.
///
/// # Errors
/// The course can't be read.
pub(super) fn stale(catalog: &Catalog, stage: &str, track_name: &str, track: &Track) -> Result<Option<String>> {
    let package = StagePackage { catalog, stage, track_name, track };
    let Some((_, holes)) = package.holes()? else { return Ok(None) };
    let [solution, template] = package.files()?;
    let why = match cut(&holes, &solution) {
        Ok(made) if made == template => None,
        Ok(_) => Some("it is not the solution with its holes".to_owned()),
        Err(why) => Some(why),
    };
    Ok(why.map(|why| {
        format!("{why}; `workshop author template {stage}` brings it up to date, or saves what you have changed in it")
    }))
}

/// What becomes of the files of one stage in one track.
#[derive(Default)]
struct Planned {
    said: String,
    replaced: Vec<File>,
    removed: Vec<String>,
}

impl Planned {
    fn is_empty(&self) -> bool {
        self.replaced.is_empty() && self.removed.is_empty()
    }
}

/// A stage's package in one track.
struct StagePackage<'c> {
    catalog: &'c Catalog,
    stage: &'c str,
    track_name: &'c str,
    track: &'c Track,
}

impl StagePackage<'_> {
    /// The holes as the template has them now.
    fn save_holes(&self) -> Result<Planned> {
        let [solution, template] = self.files()?;
        let holes = between(&solution, &template).map_err(|why| self.refused(&why, "only text can have holes"))?;
        let file = format!("exercises/{}/{}", self.stage, file_of(self.track_name));
        if self.holes()?.is_some_and(|(_, old)| old == holes) {
            return Ok(Planned { said: format!("{file} has the holes of the template"), ..Planned::default() });
        }
        let said = format!("{file} gets the holes of the template");
        Ok(Planned { said, replaced: vec![(file, holes.into_bytes())], ..Planned::default() })
    }

    /// The template as solution and holes make it.
    fn template(&self) -> Result<Planned> {
        let Some((_, old_holes)) = self.holes()? else {
            let said = "the template is kept by hand; `--save-holes` makes it one of the solution".to_owned();
            return Ok(Planned { said, ..Planned::default() });
        };
        let [solution, template] = self.files()?;
        let made = follow(&old_holes, &solution, &template).map_err(|why| {
            self.refused(
                &why,
                "change the template to what learners should start from; then `workshop author template --save-holes` \
                 makes new holes of it",
            )
        })?;
        let folder = format!("{}/{}", self.track.templates, self.stage);
        let new = made.files.iter().filter(|file| !template.contains(file)).cloned().collect();
        let gone = template.iter().filter(|(path, _)| !made.files.iter().any(|(name, _)| name == path));
        let mut planned = Planned {
            said: "the template is the solution with its holes".to_owned(),
            replaced: below(&folder, new),
            removed: gone.map(|(path, _)| format!("{folder}/{path}")).collect(),
        };
        if made.holes != old_holes {
            let file = format!("exercises/{}/{}", self.stage, file_of(self.track_name));
            planned.replaced.push((file, made.holes.into_bytes()));
        }
        if !planned.is_empty() {
            planned.said = "the template is not the solution with its holes".to_owned();
        }
        if !made.inside.is_empty() {
            let files = made.inside.join(", ");
            planned.said = format!("the solution has changed inside a hole of {files}: read what the hole says again");
        }
        Ok(planned)
    }

    fn holes(&self) -> Result<Option<(String, String)>> {
        self.catalog.stage_file_if_there(self.stage, &file_of(self.track_name))
    }

    /// The solution's files and the template's; paths are below the package.
    fn files(&self) -> Result<[Vec<File>; 2]> {
        let of = |folder: &str| self.catalog.tree(&format!("{folder}/{}", self.stage));
        Ok([of(&self.track.solutions)?, of(&self.track.templates)?])
    }

    fn refused(&self, why: &str, help: &str) -> Error {
        Error::new(format!("the template of `{}` can't be made from the solution", self.stage)).because(why).help(help)
    }
}

/// Shows what would be written.
fn show(root: &Path, changes: &Changes) {
    // The patch says in another way what the templates show.
    for (file, new) in changes.replaced.iter().filter(|(file, _)| !file.ends_with(".patch")) {
        let old = std::fs::read(root.join(file)).unwrap_or_default();
        let [old, new] = [&old, new].map(|bytes| String::from_utf8_lossy(bytes));
        report::print(&report::diff(file, &old, "from the solution", &new, None));
    }
    for file in &changes.removed {
        report::print(&format!("{file} goes: the solution has no such file\n"));
    }
}

/// Asks, if there is a terminal, and writes.
fn decide(args: &TemplateArgs, root: &Path, changes: &Changes) -> Result<bool> {
    if args.check {
        return Ok(false);
    }
    if !args.yes && !report::write_it("`--check` only says whether something would change")? {
        return Ok(true);
    }
    changes.make(root)?;
    let files = changes.replaced.iter().map(|(file, _)| file);
    let written: String = files.map(|file| format!("  {file}\n")).collect();
    report::print(&format!("{} written:\n{written}", "✓".green()));
    Ok(true)
}
