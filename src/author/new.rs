//! `workshop author new`: makes a stage that is complete and correct before its author changes a word.
//!
//! Everything is checked first, with the files as they will be: names, the parsed stage, the patches of its mistakes,
//! the lock files. Only then is anything written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::changes::Changes;
use super::locate::own_draft;
use super::starter::{StageNames, Starter};
use super::{course_list, holes, messages};
use crate::assets::{COURSE_FILE, Catalog, File, Origin, is_passed_over, patch};
use crate::cli::NewArgs;
use crate::course::{Stage, is_file_name, schema};
use crate::error::{Error, Result};
use crate::transcript;
use crate::workspace::write_files;

/// Adds a stage to the named course, or to the one that contains the current folder.
///
/// # Errors
/// The course can't be changed, the name can't be used, or a starter does not make a complete stage. Then nothing is
/// written.
pub fn stage(course: Option<&Path>, args: &NewArgs) -> Result<bool> {
    let catalog = own_draft(course)?;
    let root = root(&catalog)?;
    if catalog.course.stages.contains(&args.name) {
        let help = "choose another name; `workshop list` shows the stages";
        return Err(Error::new(format!("this course has a stage `{}` already", args.name)).help(help));
    }
    let all: Vec<&str> = catalog.course.tracks.keys().map(String::as_str).collect();
    let tracks = match &args.track {
        Some(track) => catalog.track(track).map(|_| vec![track.as_str()])?,
        None => all.clone(),
    };
    let mut changes = plan(&catalog, &args.name, &args.roles, &tracks)?;
    let list = course_list::add(&root.join(COURSE_FILE).display().to_string(), &catalog.text()?, &args.name)?;
    // Last: the stage exists once the course lists it.
    changes.replaced.push((COURSE_FILE.to_owned(), list.into_bytes()));
    changes.make(&root)?;
    let without: Vec<&str> = all.into_iter().filter(|track| !tracks.contains(track)).collect();
    messages::stage(&catalog, &root, &args.name, &changes, &without);
    Ok(true)
}

pub(super) fn root(catalog: &Catalog) -> Result<PathBuf> {
    match &catalog.origin {
        Origin::Folder(root) => Ok(root.clone()),
        Origin::BuiltIn => Err(Error::new("the built-in course can't be changed")),
    }
}

/// Checks that a name can be that of a folder in a course.
pub(super) fn check_name(name: &str) -> Result<()> {
    if is_file_name(name) && !is_passed_over(name) {
        return Ok(());
    }
    Err(Error::new(format!("`{}` can't be a name here", crate::pattern::escape(name.as_bytes())))
        .help("names become folders: lower-case letters, digits, `-` and `_`, and not the name of a build's folder"))
}

/// What a new stage adds to a course, except its line in `course.yaml`. Its own files come from the starter of the
/// first track.
pub(super) fn plan(catalog: &Catalog, stage: &str, roles: &[String], tracks: &[&str]) -> Result<Changes> {
    check_name(stage)?;
    let starters = tracks.iter().map(|track| Starter::read(catalog, track)).collect::<Result<Vec<_>>>()?;
    let roles = if roles.is_empty() { starters[0].about.roles.clone() } else { roles.to_vec() };
    check_roles(&roles)?;
    let names = StageNames { stage: stage.to_owned(), roles };
    if let Some(starter) = starters.iter().find(|starter| starter.about.taken.contains(&names.stage)) {
        return Err(Error::new(format!("`{stage}` means something else in this language already"))
            .help(format!("take another name; {}/starter.yaml lists those that are taken", starter.folder)));
    }

    let mut own = starters[0].stage_files(&names)?;
    name_schema(&mut own, &catalog.text()?);
    let read = read_stage(&names, &own, &starters[0])?;
    let mut changes = Changes { folders: vec![format!("exercises/{stage}")], ..Changes::default() };
    for (name, starter) in tracks.iter().zip(&starters) {
        let track = catalog.track(name)?;
        let [template, solution] = [part(starter, "template", &names)?, part(starter, "solution", &names)?];
        check_mistakes(&read, &own, &below(stage, solution.clone()), starter)?;
        own.push((holes::file_of(name), holes_between(&solution, &template, starter)?));
        for (package, folder) in [(template, &track.templates), (solution, &track.solutions)] {
            let package = below(stage, package);
            changes.folders.push(format!("{folder}/{stage}"));
            changes.replaced.extend(below(folder, beside(catalog, folder, &package, starter, &names)?));
            changes.files.extend(below(folder, package));
        }
    }
    changes.files.extend(below(&format!("exercises/{stage}"), own));
    if let Origin::Folder(root) = &catalog.origin {
        changes.check(root)?;
    }
    Ok(changes)
}

/// The package that a starter makes for a new stage; paths are below it.
fn part(starter: &Starter, part: &str, names: &StageNames) -> Result<Vec<File>> {
    let files = starter.part(part, names)?;
    if files.is_empty() {
        return Err(Error::new(format!("the course has no files in {}/{part}", starter.folder))
            .help("put the package of a new stage there; docs/course.md shows how"));
    }
    Ok(files)
}

/// How the template of a new stage differs from its solution.
fn holes_between(solution: &[File], template: &[File], starter: &Starter) -> Result<Vec<u8>> {
    let holes = holes::between(solution, template);
    holes.map(String::into_bytes).map_err(|why| {
        Error::new(format!("the template and the solution in {} differ in more than text", starter.folder))
            .because(why)
            .help("put the same file into both")
    })
}

fn check_roles(roles: &[String]) -> Result<()> {
    for (index, role) in roles.iter().enumerate() {
        if !transcript::is_name(role) || !is_file_name(role) {
            let shown = crate::pattern::escape(role.as_bytes());
            return Err(Error::new(format!("`{shown}` can't be the name of a role"))
                .help("lower-case letters, digits and `_`, a letter first, as in `--roles alice,bob`"));
        }
        if roles[..index].contains(role) {
            let help = "each role has a name of its own, as in `--roles alice,bob`";
            return Err(Error::new(format!("there are two roles named `{role}`")).help(help));
        }
    }
    Ok(())
}

/// The files with their paths below a folder.
pub(super) fn below(folder: &str, files: Vec<File>) -> Vec<File> {
    files.into_iter().map(|(path, bytes)| (format!("{folder}/{path}"), bytes)).collect()
}

/// If the course names its schema, so does the stage: the file beside the course's.
fn name_schema(own: &mut [File], course: &str) {
    let named = course.lines().next().and_then(|line| line.strip_prefix(schema::NAMED_BY));
    let Some(folder) = named.and_then(|path| path.trim().strip_suffix("course.json")) else { return };
    let up = if folder.contains("://") || folder.starts_with('/') { "" } else { "../" };
    for (_, bytes) in own.iter_mut().filter(|(path, _)| path == "stage.yaml") {
        let line = format!("{}{up}{folder}stage.json\n", schema::NAMED_BY);
        bytes.splice(0..0, line.into_bytes());
    }
}

fn text_of<'f>(files: &'f [File], path: &str, starter: &Starter) -> Result<&'f str> {
    let found = files.iter().find(|(name, _)| name == path).and_then(|(_, bytes)| std::str::from_utf8(bytes).ok());
    found.ok_or_else(|| {
        Error::new(format!("the course has no {}/{path}", starter.folder))
            .help("add it to the starter; docs/course.md shows what one has")
    })
}

/// Parses the new stage.
fn read_stage(names: &StageNames, own: &[File], starter: &Starter) -> Result<Stage> {
    text_of(own, "lesson.md", starter)?;
    let text = text_of(own, "stage.yaml", starter)?;
    Stage::parse(&names.stage, &format!("{}/stage.yaml", starter.folder), text)
}

/// Checks that every known mistake is a patch on the solution.
fn check_mistakes(stage: &Stage, own: &[File], solution: &[File], starter: &Starter) -> Result<()> {
    for mistake in &stage.mistakes {
        patch::apply(text_of(own, &mistake.patch, starter)?, &stage.name, solution).map_err(|why| {
            Error::new(format!("the mistake `{}` is no patch on {}/solution", mistake.name, starter.folder))
                .because(why)
                .help(
                    "make the patch again from the solution; one stage's mistakes are patches on the solution of \
                    every track",
                )
        })?;
    }
    Ok(())
}

/// The files beside the packages that change with a new package.
fn beside(
    catalog: &Catalog,
    folder: &str,
    package: &[File],
    starter: &Starter,
    names: &StageNames,
) -> Result<Vec<File>> {
    // Git keeps no empty folder: a course without a stage may lack it.
    let all = if catalog.has_folder(folder) { catalog.tree(folder)? } else { Vec::new() };
    let mut top: Vec<File> = all.iter().filter(|(path, _)| !path.contains('/')).cloned().collect();
    for insert in &starter.about.insert {
        let place = format!("{}/starter.yaml", starter.folder);
        let text = names.fill(&insert.text, None, &place)?;
        let file = top.iter_mut().find(|(path, _)| *path == insert.file);
        let at = file.as_ref().and_then(|(_, bytes)| String::from_utf8_lossy(bytes).find(&insert.after));
        let (Some((_, bytes)), Some(at)) = (file, at) else {
            return Err(Error::new(format!("{folder}/{} has no `{}` to add to", insert.file, insert.after))
                .help(format!("{place} says so under `insert`: change it there, or the file")));
        };
        let at = at + insert.after.len();
        bytes.splice(at..at, text.into_bytes());
    }
    if !starter.about.refresh.is_empty() {
        top = refreshed(&starter.about.refresh, &all, &top, package)?;
    }
    Ok(top.into_iter().filter(|file| !all.contains(file)).collect())
}

/// The files beside the packages, after the starter's command has run on a copy of everything.
fn refreshed(command: &[String], all: &[File], top: &[File], package: &[File]) -> Result<Vec<File>> {
    let dir = tempfile::tempdir().map_err(|error| Error::new("no temporary folder can be made").because(error))?;
    for files in [all, package, top] {
        write_files(dir.path(), files)?;
    }
    let shown = format!("cannot bring the files beside the packages up to date: `{}`", command.join(" "));
    let output = Command::new(&command[0])
        .args(&command[1..])
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Error::new(&shown).because(error).help("is the language of this track installed?"))?;
    if !output.status.success() {
        let lines = output.stderr.trim_ascii().split(|byte| *byte == b'\n');
        let said: Vec<String> = lines.map(crate::pattern::escape).collect();
        return Err(Error::new(shown)
            .because(said.join("\n"))
            .help("this was tried on a copy, and nothing was written"));
    }
    let fail = |error| Error::io("read the folder", dir.path(), &error);
    let mut files = Vec::new();
    for entry in fs::read_dir(dir.path()).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if entry.file_type().map_err(fail)?.is_file() {
            let bytes = fs::read(entry.path()).map_err(fail)?;
            files.push((entry.file_name().to_string_lossy().into_owned(), bytes));
        }
    }
    files.sort();
    Ok(files)
}
