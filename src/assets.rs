//! Where the files of a course come from: the binary itself, or a folder.

mod another;
pub mod git;
pub mod patch;
mod source;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use crate::course::{Course, CourseWords, Stage, StageWords, Track};
use crate::error::{Error, Place, Result, suggest};

pub use another::Another;
pub use source::{CourseSource, shown_url};

static BUILT_IN: Dir<'_> = include_dir!("$OUT_DIR/course");

/// The file that makes a folder a course.
pub const COURSE_FILE: &str = "exercises/course.yaml";

/// The longest file of a course, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// The most files that a package of a course may have.
const MAX_FILES: usize = 2000;

/// Where a course comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Embedded in this binary.
    BuiltIn,
    /// A folder, as an absolute path.
    Folder(PathBuf),
}

/// A course, with access to its files.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// Where it comes from.
    pub origin: Origin,
    /// What `course.yaml` says.
    pub course: Course,
    /// The language of its texts, unless it is the course's first one.
    language: Option<String>,
}

/// A file in a package: its path below the package, with `/`, and its bytes.
pub type File = (String, Vec<u8>);

impl Catalog {
    /// Opens a course. This runs nothing of it.
    ///
    /// # Errors
    /// There is no course, or its `course.yaml` is wrong.
    pub fn open(origin: Origin) -> Result<Catalog> {
        Catalog::read(origin, Course::parse)
    }

    fn read(origin: Origin, parse: fn(&str, &str) -> Result<Course>) -> Result<Catalog> {
        let text = text(&origin, COURSE_FILE)?;
        let course = parse(&shown(&origin, COURSE_FILE), &text)?;
        Ok(Catalog { origin, course, language: None })
    }

    /// The text of `course.yaml`.
    ///
    /// # Errors
    /// It can't be read.
    pub fn text(&self) -> Result<String> {
        text(&self.origin, COURSE_FILE)
    }

    /// The course in a folder.
    ///
    /// # Errors
    /// See [`Catalog::open`].
    pub fn folder(path: &Path) -> Result<Catalog> {
        Catalog::open(folder_of(path)?)
    }

    /// The course in a folder, which may have no stage yet.
    ///
    /// # Errors
    /// See [`Catalog::open`].
    pub fn draft(path: &Path) -> Result<Catalog> {
        Catalog::read(folder_of(path)?, Course::draft)
    }

    /// A stage, read and checked.
    ///
    /// # Errors
    /// There is no stage of this name (the error suggests similar ones), or its `stage.yaml` is wrong.
    pub fn stage(&self, name: &str) -> Result<Stage> {
        let mut stage = self.stage_as_written(name)?;
        if let Some(tag) = &self.language
            && let Some(words) = self.stage_words(&stage, tag)?
        {
            words.apply(&mut stage);
        }
        Ok(stage)
    }

    /// A stage in the course's first language.
    ///
    /// # Errors
    /// See [`Catalog::stage`].
    pub fn stage_as_written(&self, name: &str) -> Result<Stage> {
        let (file, text) = self.stage_file(name)?;
        let mut stage = Stage::parse(name, &file, &text)?;
        if self.course.withheld {
            stage.withhold_the_reference();
        }
        Ok(stage)
    }

    /// An optional text of the course, by its path.
    ///
    /// # Errors
    /// It is there, and can't be read.
    pub fn text_if_there(&self, file: &str) -> Result<Option<String>> {
        text_if_there(&self.origin, file)
    }

    /// Checks that the course has solutions.
    ///
    /// # Errors
    /// They were left out when it was exported for learners.
    pub fn has_solutions(&self) -> Result<()> {
        match self.course.withheld {
            true => Err(Error::new("this course comes without its solutions")
                .help("your instructor has them; `workshop hint` says more about a stage")),
            false => Ok(()),
        }
    }

    /// The texts of a stage in another language, if there is a file for it.
    ///
    /// # Errors
    /// The file can't be read, or is wrong.
    pub fn stage_words(&self, stage: &Stage, tag: &str) -> Result<Option<StageWords>> {
        let file = format!("exercises/{}/stage.{tag}.yaml", stage.name);
        let text = text_if_there(&self.origin, &file)?;
        text.map(|text| StageWords::parse(&shown(&self.origin, &file), &text, stage)).transpose()
    }

    /// The texts of the course in another language, if there is a file for it.
    ///
    /// # Errors
    /// The file can't be read, or is wrong.
    pub fn course_words(&self, tag: &str) -> Result<Option<CourseWords>> {
        let file = format!("exercises/course.{tag}.yaml");
        let text = text_if_there(&self.origin, &file)?;
        text.map(|text| CourseWords::parse(&shown(&self.origin, &file), &text)).transpose()
    }

    /// Uses one of the course's languages for all texts from now on.
    ///
    /// # Errors
    /// The course's texts in it can't be read, or are wrong.
    pub fn speak(&mut self, tag: &str) -> Result<()> {
        if self.course.languages.first().is_some_and(|first| first == tag) {
            return Ok(());
        }
        if let Some(words) = self.course_words(tag)? {
            words.apply(&mut self.course);
        }
        self.language = Some(tag.to_owned());
        Ok(())
    }

    /// A stage's lesson.
    ///
    /// # Errors
    /// There is none, or it can't be read.
    pub fn lesson(&self, stage: &str) -> Result<String> {
        let told = self.language.as_deref().map(|tag| self.lesson_in(stage, tag)).transpose()?.flatten();
        told.map_or_else(|| self.stage_text(stage, "lesson.md"), Ok)
    }

    /// A stage's lesson in another language, if there is one.
    ///
    /// # Errors
    /// It can't be read.
    pub fn lesson_in(&self, stage: &str, tag: &str) -> Result<Option<String>> {
        text_if_there(&self.origin, &format!("exercises/{stage}/lesson.{tag}.md"))
    }

    /// The name and the text of another file of a stage, if it exists; in a folder, its name is its path.
    ///
    /// # Errors
    /// It can't be read.
    pub fn stage_file_if_there(&self, stage: &str, name: &str) -> Result<Option<(String, String)>> {
        let file = format!("exercises/{stage}/{name}");
        Ok(text_if_there(&self.origin, &file)?.map(|text| (shown(&self.origin, &file), text)))
    }

    /// The name and the text of a stage's `stage.yaml`; in a folder, its name is its path.
    ///
    /// # Errors
    /// There is no stage of this name (the error suggests similar ones), or it can't be read.
    pub fn stage_file(&self, name: &str) -> Result<(String, String)> {
        let names: Vec<&str> = self.course.stages.iter().map(String::as_str).collect();
        if !names.contains(&name) {
            return Err(Error::new(format!("this course has no stage `{name}`")).help(suggest(name, "stages", &names)));
        }
        let file = format!("exercises/{name}/stage.yaml");
        Ok((shown(&self.origin, &file), text(&self.origin, &file)?))
    }

    /// The renamed stages: earlier names, and the current ones.
    ///
    /// # Errors
    /// A `stage.yaml` is wrong; or an earlier name belongs to an existing stage, or is claimed twice.
    pub fn renames(&self) -> Result<BTreeMap<String, String>> {
        let mut renames = BTreeMap::new();
        for name in &self.course.stages {
            for old in self.stage(name)?.was {
                let wrong = |why: String| {
                    Error::new(format!("`{name}` can't have been `{old}`: {why}")).help(format!(
                        "take `{old}` out of `was` in {}",
                        self.shown(&format!("exercises/{name}/stage.yaml"))
                    ))
                };
                if self.course.stages.contains(&old) {
                    return Err(wrong("a stage of this course is called that".to_owned()));
                }
                if let Some(other) = renames.insert(old.clone(), name.clone()) {
                    return Err(wrong(format!("`{other}` says so, too")));
                }
            }
        }
        Ok(renames)
    }

    /// Checks that the course is complete, as far as a learner of this track needs it: stages, lessons, languages,
    /// earlier names, shared packages. Done before a workspace is made or changed.
    ///
    /// # Errors
    /// Something is wrong or missing.
    pub fn check_whole(&self, track: &Track) -> Result<()> {
        self.renames()?;
        for stage in &self.course.stages {
            self.stage_text(stage, "lesson.md")?;
            self.has_packages(track, stage)?;
        }
        for tag in self.course.languages.iter().skip(1) {
            self.course_words(tag)?;
            for stage in &self.course.stages {
                self.stage_words(&self.stage_as_written(stage)?, tag)?;
                self.lesson_in(stage, tag)?;
            }
        }
        for package in &track.shared {
            self.tree(&format!("{}/{package}", track.solutions)).map_err(|error| {
                error.help(format!("`{package}` is named under `shared` in {}", self.shown(COURSE_FILE)))
            })?;
        }
        Ok(())
    }

    /// Checks that the track has the two packages of a stage: the template and the solution.
    ///
    /// # Errors
    /// One of them is missing.
    pub fn has_packages(&self, track: &Track, stage: &str) -> Result<()> {
        let packages = [&track.templates, &track.solutions].map(|folder| format!("{folder}/{stage}"));
        let Some(missing) = packages.iter().find(|package| !self.has_folder(package)) else { return Ok(()) };
        Err(Error::new(format!(
            "the stage `{stage}` has no package for {}: there is no folder {}",
            track.title,
            self.shown(missing)
        ))
        .help(format!(
            "a stage has a package in the templates and in the solutions of every track: make this one, or take \
                 `{stage}` out of `stages` in {}",
            self.shown(COURSE_FILE)
        )))
    }

    /// Is there such a folder in the course?
    pub fn has_folder(&self, folder: &str) -> bool {
        match &self.origin {
            Origin::BuiltIn => BUILT_IN.get_dir(folder).is_some(),
            Origin::Folder(root) => root.join(folder).is_dir(),
        }
    }

    /// What learners of a track start from: the templates, and the shared packages that are kept in the solutions
    /// only.
    ///
    /// # Errors
    /// See [`Catalog::tree`].
    pub fn templates(&self, track: &Track) -> Result<Vec<File>> {
        let mut files = self.tree(&track.templates)?;
        for package in self.kept_once(track) {
            let shared = self.tree(&format!("{}/{package}", track.solutions))?;
            files.extend(shared.into_iter().map(|(path, bytes)| (format!("{package}/{path}"), bytes)));
        }
        files.sort();
        Ok(files)
    }

    /// The shared packages that are kept in the solutions only. No file is read for it: every command asks.
    pub fn kept_once<'t>(&self, track: &'t Track) -> impl Iterator<Item = &'t str> {
        let in_templates = |package: &&str| self.has_folder(&format!("{}/{package}", track.templates));
        track.shared.iter().map(String::as_str).filter(move |package| !in_templates(package))
    }

    /// The name of a file as the reader knows it.
    pub fn shown(&self, file: &str) -> String {
        shown(&self.origin, file)
    }

    /// A text file of a stage's folder, such as a patch.
    ///
    /// # Errors
    /// It can't be read.
    pub fn stage_text(&self, stage: &str, file: &str) -> Result<String> {
        text(&self.origin, &format!("exercises/{stage}/{file}"))
    }

    /// A track by its name.
    ///
    /// # Errors
    /// There is no track of this name; the error suggests similar ones.
    pub fn track(&self, name: &str) -> Result<&Track> {
        self.course.tracks.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.course.tracks.keys().map(String::as_str).collect();
            Error::new(format!("this course has no track `{name}`")).help(suggest(name, "tracks", &names))
        })
    }

    /// A track by its name, or else the course's first one; with its name.
    ///
    /// # Errors
    /// See [`Catalog::track`].
    pub fn track_or_first<'n>(&'n self, name: Option<&'n str>) -> Result<(&'n str, &'n Track)> {
        let name = name.or(self.course.tracks.keys().next().map(String::as_str)).unwrap_or_default();
        Ok((name, self.track(name)?))
    }

    /// All files below a folder of the course.
    ///
    /// # Errors
    /// The folder can't be read, contains links, or has too many or too long files.
    pub fn tree(&self, folder: &str) -> Result<Vec<File>> {
        let mut files = Vec::new();
        match &self.origin {
            Origin::BuiltIn => {
                let dir = BUILT_IN.get_dir(folder).ok_or_else(|| missing(&self.origin, folder))?;
                embedded(dir, dir.path(), &mut files);
            }
            Origin::Folder(root) => on_disk(&inside(root, folder)?, "", &mut files)?,
        }
        files.sort();
        Ok(files)
    }
}

fn folder_of(path: &Path) -> Result<Origin> {
    path.canonicalize().map(Origin::Folder).map_err(|error| {
        Error::io("open the course", path, &error).help("a course is a folder with exercises/course.yaml in it")
    })
}

fn missing(origin: &Origin, file: &str) -> Error {
    Error::new(format!("the course has no {}", shown(origin, file))).help(needed_by(origin, file))
}

/// What needs a file or folder of a course, and what to do when it is not there.
fn needed_by(origin: &Origin, file: &str) -> String {
    let listed = |stage: &str| {
        let list = shown(origin, COURSE_FILE);
        format!(
            "`stages` in {list} names `{stage}`: is it spelt right? `workshop author new {stage}` makes a new stage"
        )
    };
    match file.strip_prefix("exercises/").and_then(|rest| rest.split_once('/')) {
        None if file == COURSE_FILE => {
            "a course is a folder with exercises/, templates/ and solutions/ in it".to_owned()
        }
        None if file.starts_with("starters/") => {
            "`workshop author new` makes a stage from it; docs/course.md shows what a starter has".to_owned()
        }
        None => format!("a track in {} names it: is it spelt right there?", shown(origin, COURSE_FILE)),
        Some((stage, "stage.yaml")) => listed(stage),
        Some((stage, "lesson.md")) => format!("every stage has a lesson: write that of `{stage}`"),
        Some((stage, _)) => {
            let yaml = shown(origin, &format!("exercises/{stage}/stage.yaml"));
            format!("{yaml} names it: add the file, or take out what names it")
        }
    }
}

/// A file's name as the reader knows it.
fn shown(origin: &Origin, file: &str) -> String {
    match origin {
        Origin::BuiltIn => file.to_owned(),
        Origin::Folder(root) => root.join(file).display().to_string(),
    }
}

fn text(origin: &Origin, file: &str) -> Result<String> {
    let bytes: Cow<'_, [u8]> = match origin {
        Origin::BuiltIn => BUILT_IN.get_file(file).ok_or_else(|| missing(origin, file))?.contents().into(),
        Origin::Folder(root) => read(root, file)?.into(),
    };
    String::from_utf8(bytes.into_owned())
        .map_err(|error| not_utf8(&shown(origin, file), error.as_bytes(), error.utf8_error().valid_up_to()))
}

/// An optional text of a course.
fn text_if_there(origin: &Origin, file: &str) -> Result<Option<String>> {
    let is_there = match origin {
        Origin::BuiltIn => BUILT_IN.get_file(file).is_some(),
        // A dangling link exists, but can't be read.
        Origin::Folder(root) => root.join(file).symlink_metadata().is_ok(),
    };
    is_there.then(|| text(origin, file)).transpose()
}

/// An error that shows the line, with replacement characters for what is not text.
fn not_utf8(file: &str, bytes: &[u8], valid: usize) -> Error {
    let line = bytes[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = bytes[..valid].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let column = String::from_utf8_lossy(&bytes[start..valid]).chars().count() + 1;
    let source = bytes[start..].split(|byte| *byte == b'\n').next().unwrap_or_default();
    let place = Place::new(file, (line, column, 1), &String::from_utf8_lossy(source));
    Error::new("this is not UTF-8").at(place).help("save the file as UTF-8")
}

/// Reads a file of a course's folder, within the limit on its size, and never from outside of the folder.
fn read(root: &Path, file: &str) -> Result<Vec<u8>> {
    read_limited(&inside(root, file)?)
}

/// The real path of a file or folder of a course, unless a link leads out of the course.
fn inside(root: &Path, file: &str) -> Result<PathBuf> {
    let path = root.join(file);
    let real = path.canonicalize().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => missing(&Origin::Folder(root.to_owned()), file),
        _ => Error::io("read", &path, &error).help("the course must be readable as a whole"),
    })?;
    if real.starts_with(root) {
        return Ok(real);
    }
    Err(Error::new(format!("{} is a link that leads out of the course", path.display()))
        .help("copy its target into the course itself"))
}

/// Reads a regular file: a pipe may never end, and a device may do anything.
fn read_limited(path: &Path) -> Result<Vec<u8>> {
    let fail = |error| Error::io("read", path, &error).help("the course must be readable as a whole");
    let metadata = fs::metadata(path).map_err(fail)?;
    if !metadata.is_file() {
        return Err(Error::new(format!("{} is not a file", path.display())).help("put a plain file in its place"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes)).map_err(fail)?;
    let length = metadata.len().max(bytes.len() as u64);
    if length > MAX_FILE {
        return Err(Error::new(format!(
            "{} has {length} bytes; a file of a course has at most {MAX_FILE}",
            path.display()
        ))
        .help("make it shorter, or let the package's own build fetch it"));
    }
    Ok(bytes)
}

/// Folders that are never part of a course.
pub fn is_passed_over(name: &str) -> bool {
    matches!(name, "target" | ".git" | ".workshop" | "__pycache__" | "node_modules")
}

fn embedded(dir: &Dir<'_>, root: &Path, files: &mut Vec<File>) {
    for file in dir.files() {
        let path = file.path().strip_prefix(root).unwrap_or(file.path());
        files.push((path.to_string_lossy().replace('\\', "/"), file.contents().to_vec()));
    }
    dir.dirs().for_each(|dir| embedded(dir, root, files));
}

fn on_disk(dir: &Path, prefix: &str, files: &mut Vec<File>) -> Result<()> {
    let fail = |error| Error::io("read the folder", dir, &error).help("the course must be readable as a whole");
    for entry in fs::read_dir(dir).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().map_err(fail)?;
        let path = format!("{prefix}{name}");
        if kind.is_symlink() {
            return Err(Error::new(format!("{} is a symbolic link", entry.path().display()))
                .help("put the file itself into the course"));
        }
        if kind.is_dir() {
            if !is_passed_over(&name) {
                on_disk(&entry.path(), &format!("{path}/"), files)?;
            }
        } else {
            files.push((path, read_limited(&entry.path())?));
        }
        if files.len() > MAX_FILES {
            return Err(Error::new(format!("{} has more than {MAX_FILES} files", dir.display()))
                .help("remove what a build makes or fetches"));
        }
    }
    Ok(())
}
