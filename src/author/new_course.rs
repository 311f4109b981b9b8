//! `workshop author new-course`: makes a folder that can be given to learners as it is.
//!
//! Its track and its starter come from another course, the model: the built-in one, or a named one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use upon::Value;

use super::changes::Changes;
use super::locate::current_folder;
use super::messages;
use super::new::{check_name, plan};
use super::starter::{STARTERS, StageNames, Starter, title};
use crate::assets::{COURSE_FILE, Catalog, File};
use crate::cli::NewCourseArgs;
use crate::course::{Course, schema};
use crate::error::{Error, Result};
use crate::workspace::write_files;

/// Makes a course in a new folder of the current one.
///
/// # Errors
/// The name can't be used, the model has no such track or no starter for it, or the folder can't be written. Then
/// nothing is left behind.
pub fn course(model: &Catalog, args: &NewCourseArgs) -> Result<bool> {
    check_name(&args.name)?;
    let here = current_folder()?;
    let root = here.join(&args.name);
    Changes { folders: vec![args.name.clone()], ..Changes::default() }.check(&here)?;
    let track = track_name(model, args.track.as_deref())?;
    let starter = Starter::read(model, &track)?;

    whole(&root, &mut |making| {
        write_files(making, &frame(model, &track, &starter, args)?)?;
        let packages = model.track(&track)?;
        for folder in [&packages.templates, &packages.solutions] {
            let folder = making.join(folder);
            fs::create_dir_all(&folder).map_err(|error| Error::io("make", &folder, &error))?;
        }
        match args.empty {
            true => Ok(()),
            false => plan(&Catalog::folder(making)?, &args.stage, &args.roles, &[&track])?.make(making),
        }
    })?;
    messages::course(&Catalog::draft(&root)?, &root);
    Ok(true)
}

/// Makes a folder under a temporary name, and renames it: it is there completely, or not at all.
pub(super) fn whole(root: &Path, make: &mut dyn FnMut(&Path) -> Result<()>) -> Result<()> {
    let here = root.parent().unwrap_or(Path::new("."));
    let making = tempfile::Builder::new()
        .prefix(".making-")
        .tempdir_in(here)
        .map_err(|error| Error::io("make a course in", here, &error))?;
    make(making.path())?;
    fs::rename(making.keep(), root).map_err(|error| Error::io("make", root, &error))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let _ = fs::set_permissions(root, fs::Permissions::from_mode(0o755));
    }
    Ok(())
}

/// The requested track, or the first one that has a starter.
fn track_name(model: &Catalog, asked: Option<&str>) -> Result<String> {
    if let Some(name) = asked {
        return model.track(name).map(|_| name.to_owned());
    }
    let mut tracks = model.course.tracks.keys();
    let found = tracks.find(|track| model.tree(&format!("{STARTERS}/{track}")).is_ok());
    found.cloned().ok_or_else(|| {
        Error::new("no track of this course has a starter to make a course from")
            .help("leave out `--course`, and the built-in course is the model")
    })
}

/// The new course without its first stage.
fn frame(model: &Catalog, track: &str, starter: &Starter, args: &NewCourseArgs) -> Result<Vec<File>> {
    let text = model.text()?;
    let own = starter.track.as_ref().map(|text| below(track, text));
    let lines = own.or_else(|| track_lines(&text, track)).ok_or_else(|| {
        Error::new(format!("the track `{track}` can't be copied from {COURSE_FILE} of the model"))
            .help("write it there as a block below `tracks:`, as in docs/course.md")
    })?;
    let fill = |file: &str, text: &str| fill(file, text, args, &lines);
    let course = fill("course.yaml", include_str!("new/course.yaml"))?;
    Course::draft(COURSE_FILE, &course)?;
    let readme = fill("README.md", include_str!("new/README.md"))?;
    let file = |path: &str, text: &str| (path.to_owned(), text.as_bytes().to_vec());
    let mut files = vec![
        file(COURSE_FILE, &course),
        file("exercises/.schema/course.json", schema::COURSE),
        file("exercises/.schema/stage.json", schema::STAGE),
        file("exercises/.schema/course-language.json", schema::COURSE_LANGUAGE),
        file("exercises/.schema/stage-language.json", schema::STAGE_LANGUAGE),
        file("README.md", &readme),
        file(".gitignore", "target/\n.workshop/\n"),
    ];
    let folder = &starter.folder;
    files.extend(model.tree(folder)?.into_iter().map(|(path, bytes)| (format!("{folder}/{path}"), bytes)));
    let names = StageNames { stage: args.stage.clone(), roles: starter.about.roles.clone() };
    let packages = model.track(track)?;
    for (path, bytes) in starter.part("workspace", &names)? {
        files.push((format!("{}/{path}", packages.templates), bytes.clone()));
        files.push((format!("{}/{path}", packages.solutions), bytes));
    }
    Ok(files)
}

fn fill(file: &str, text: &str, args: &NewCourseArgs, track: &str) -> Result<String> {
    let engine = upon::Engine::new();
    let values = Value::from(BTreeMap::from([
        ("name", args.name.clone()),
        ("title", title(&args.name)),
        ("stages", if args.empty { " []".to_owned() } else { format!("\n  - {}", args.stage) }),
        ("track", track.to_owned()),
    ]));
    let filled = engine.compile(text).and_then(|template| template.render_from(&engine, &values).to_string());
    filled.map_err(|error| Error::new(format!("{file} can't be filled in")).because(error))
}

/// A track's keys, indented for the block below `tracks:`.
fn below(track: &str, keys: &str) -> String {
    let indented = keys.lines().map(|line| if line.is_empty() { String::new() } else { format!("\n    {line}") });
    format!("  {track}:{}", indented.collect::<String>())
}

/// A track as it is written in a `course.yaml`, with its comments.
fn track_lines(course: &str, track: &str) -> Option<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let all = course.lines().skip_while(|line| line.trim_end() != "tracks:").skip(1);
    let key = format!("{track}:");
    let mut lines = all.skip_while(|line| line.trim() != key || indent(line) == 0);
    let first = lines.next()?;
    let is_inside = |line: &&str| line.trim().is_empty() || indent(line) > indent(first);
    let inside: Vec<&str> = lines.take_while(is_inside).collect();
    Some([first].into_iter().chain(inside).collect::<Vec<_>>().join("\n").trim_end().to_owned())
}
