//! `workshop author export`: the course that learners get, without what only its instructors should have: hidden
//! scenarios, known mistakes, the holes of templates, and the solutions.
//!
//! Without solutions nothing is played with the reference. The stage's own peers stay, as far as they do not need the
//! solution: that is found out by playing it as a learner's program in the new course. A scenario that it does not pass
//! there is left out, too.

use std::collections::BTreeSet;
use std::path::Path;

use serde_yaml::{Mapping, Value};

use super::changes::Changes;
use super::locate::{current_folder, own_course};
use super::new_course::whole;
use crate::assets::{COURSE_FILE, Catalog, File};
use crate::build::Built;
use crate::cli::ExportArgs;
use crate::course::{Party, Stage, Track};
use crate::error::{Error, Result};
use crate::pattern::counted;
use crate::report::print;
use crate::runtime::block_on;
use crate::verify::build_folder::{BuildFolder, ProgressLine, package};
use crate::verify::{Selection, Verified, build, verify};
use crate::workspace::write_files;

/// Makes the learners' course in a new folder.
///
/// # Errors
/// The folder is there, the course is not as it should be, or nothing of a stage can be played without its solution.
/// Then nothing is left behind.
pub fn export(course: Option<&Path>, args: &ExportArgs) -> Result<bool> {
    let catalog = own_course(course)?;
    let here = current_folder()?;
    let name = args.folder.to_string_lossy().into_owned();
    Changes { folders: vec![name.clone()], ..Changes::default() }.check(&here)?;
    let scratch = BuildFolder::open(args.cache.as_deref())?;
    whole(&here.join(&args.folder), &mut |making| {
        let mut export = Export {
            catalog: &catalog,
            root: making,
            scratch: scratch.path(),
            withheld: !args.keep_solutions,
            progress: ProgressLine::default(),
        };
        export.packages()?;
        for stage in &catalog.course.stages {
            let said = export.stage(stage);
            export.progress.spinner.done();
            print(&format!("{}\n", said?));
        }
        Catalog::folder(making).map(drop)
    })?;
    print(&format!("{name} is the course for learners: `workshop init {name}` takes it, as a folder or from git\n"));
    Ok(true)
}

/// A course that is being made.
struct Export<'e> {
    catalog: &'e Catalog,
    root: &'e Path,
    scratch: &'e Path,
    /// The solutions are left out.
    withheld: bool,
    progress: ProgressLine,
}

impl Export<'_> {
    /// Writes all but the stages: the course, and the packages of its tracks.
    fn packages(&self) -> Result<()> {
        let mut text = self.catalog.text()?;
        if self.withheld {
            text.push_str("\nwithheld: true\n");
        }
        let mut files = vec![(COURSE_FILE.to_owned(), text.into_bytes())];
        for tag in self.catalog.course.languages.iter().skip(1) {
            files.extend(self.copy(format!("exercises/course.{tag}.yaml"))?);
        }
        for track in self.catalog.course.tracks.values() {
            let below = |folder: &str, files: Vec<File>| -> Vec<File> {
                files.into_iter().map(|(path, bytes)| (format!("{folder}/{path}"), bytes)).collect()
            };
            files.extend(below(&track.templates, self.catalog.tree(&track.templates)?));
            files.extend(below(&track.solutions, self.solutions(track)?));
        }
        write_files(self.root, &files)
    }

    /// The packages that stand in for the solutions: the templates, with the stages' own peers.
    fn solutions(&self, track: &Track) -> Result<Vec<File>> {
        let mut files = self.catalog.tree(&track.solutions)?;
        if self.withheld {
            let templates = self.catalog.templates(track)?;
            for (path, bytes) in &mut files {
                if let Some((_, template)) = templates.iter().find(|(other, _)| other == path) {
                    bytes.clone_from(template);
                }
            }
        }
        Ok(files)
    }

    /// A text of the course as it is, if it is there.
    fn copy(&self, path: String) -> Result<Option<File>> {
        let text = self.catalog.text_if_there(&path)?;
        Ok(text.map(|text| (path, text.into_bytes())))
    }

    /// Writes a stage; returns what is left out of it.
    fn stage(&mut self, name: &str) -> Result<String> {
        let whole = self.catalog.stage_as_written(name)?;
        let hidden = whole.scenarios.iter().filter(|scenario| scenario.hidden);
        let mut left_out: BTreeSet<String> = hidden.map(|scenario| scenario.name.clone()).collect();
        let hidden = left_out.len();
        let languages = self.catalog.course.languages.iter().skip(1);
        let lessons = languages.map(|tag| format!("exercises/{name}/lesson.{tag}.md"));
        let lessons = std::iter::once(format!("exercises/{name}/lesson.md")).chain(lessons);
        let lessons = lessons.map(|path| self.copy(path)).collect::<Result<Vec<_>>>()?;
        write_files(self.root, &lessons.into_iter().flatten().collect::<Vec<File>>())?;
        loop {
            if left_out.len() == whole.scenarios.len() {
                return Err(Error::new(format!("nothing of `{name}` can be played without its solution"))
                    .help("its own peers need it: `--keep-solutions` exports the course with them"));
            }
            self.write_stage(&whole, &left_out)?;
            let needing = if self.withheld { self.needing_solutions(&whole, name)? } else { BTreeSet::new() };
            if needing.is_empty() {
                break;
            }
            left_out.extend(needing);
        }
        let mut said = format!("{name}: {}", counted(whole.scenarios.len() - left_out.len(), "scenario"));
        if hidden > 0 {
            said.push_str(&format!("; {hidden} hidden"));
        }
        let needing = left_out.len() - hidden;
        if needing > 0 {
            said.push_str(&format!("; {needing} left out, whose peers need the solution"));
        }
        Ok(said)
    }

    /// Writes `stage.yaml` and its translations without these scenarios, and without what is only for authors.
    fn write_stage(&self, whole: &Stage, left_out: &BTreeSet<String>) -> Result<()> {
        let name = &whole.name;
        let text = self.catalog.stage_text(name, "stage.yaml")?;
        let stage = learners_stage(name, &read(&text)?, whole, left_out)?;
        let has = |key: &str, by: &str, value: &str| {
            items(&stage, key).iter().any(|item| item.get(by).and_then(Value::as_str) == Some(value))
        };
        let mut files = vec![(format!("exercises/{name}/stage.yaml"), written(&stage)?)];
        for tag in self.catalog.course.languages.iter().skip(1) {
            let path = format!("exercises/{name}/stage.{tag}.yaml");
            let Some(text) = self.catalog.text_if_there(&path)? else { continue };
            let mut words = read(&text)?;
            for (key, by) in [("scenarios", "name"), ("roles", "name"), ("explanations", "id")] {
                if let Some(Value::Mapping(of_key)) = words.get_mut(key) {
                    of_key.retain(|name, _| name.as_str().is_some_and(|name| has(key, by, name)));
                }
            }
            files.push((path, written(&words)?));
        }
        write_files(self.root, &files)
    }

    /// The scenarios that the solution does not pass as a learner's program in the new course.
    fn needing_solutions(&mut self, whole: &Stage, name: &str) -> Result<BTreeSet<String>> {
        let made = Catalog::folder(self.root)?;
        let stage = made.stage_as_written(name)?;
        let mut needing = BTreeSet::new();
        for (track_name, track) in &self.catalog.course.tracks {
            self.progress.what = format!("{name} ({track_name})");
            let dir = self.scratch.join(track_name);
            let you = package(&dir, &stage, Party::You, "solution", &self.catalog.tree(&track.solutions)?)?;
            let peers = package(&dir, &stage, Party::Reference, "withheld", &made.tree(&track.solutions)?)?;
            if !block_on(build(track, &peers, &mut self.progress))? {
                let own = |scenario: &&crate::course::Scenario| {
                    scenario.cast.iter().any(|role| whole.roles[*role].by == Some(Party::Stage))
                };
                return Ok(stage.scenarios.iter().filter(own).map(|scenario| scenario.name.clone()).collect());
            }
            let built = Built { track, you, reference: peers };
            match block_on(verify(&stage, &built, &Selection::default(), &mut self.progress))? {
                Verified::NotBuilt => {
                    return Err(Error::new(format!("the solution of `{name}` does not build"))
                        .because(std::mem::take(&mut self.progress.not_built)));
                }
                Verified::Verdict(verdict, _) => {
                    if let Some(trouble) = verdict.trouble() {
                        return Err(trouble);
                    }
                    needing.extend(verdict.failed().map(|(run, _)| run.id.scenario.clone()));
                }
            }
        }
        Ok(needing)
    }
}

/// A stage without these scenarios, without peers that only they had, and without what is only for authors.
fn learners_stage(name: &str, whole: &Value, parsed: &Stage, left_out: &BTreeSet<String>) -> Result<Value> {
    let mut stage = whole.clone();
    let text_of = |item: &Value, key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    keep(&mut stage, "scenarios", |scenario| !left_out.contains(&text_of(scenario, "name")));
    remove(&mut stage, "mistakes");
    // A role without a scenario would be built all the same.
    let stays = parsed.scenarios.iter().filter(|scenario| !left_out.contains(&scenario.name));
    let played: BTreeSet<&str> =
        stays.flat_map(|scenario| &scenario.cast).map(|role| parsed.roles[*role].name.as_str()).collect();
    let own = |role: &str| parsed.roles.iter().any(|other| other.name == role && other.by == Some(Party::Stage));
    keep(&mut stage, "roles", |role| {
        let role = text_of(role, "name");
        !own(&role) || played.contains(role.as_str())
    });
    for explanation in items_mut(&mut stage, "explanations") {
        keep(explanation, "scenarios", |scenario| scenario.as_str().is_none_or(|name| !left_out.contains(name)));
    }
    // Each explanation that still makes sense by itself stays.
    let explanations = items(&stage, "explanations").to_vec();
    let makes_sense = |explanation: &Value| -> Result<bool> {
        let mut alone = stage.clone();
        remove(&mut alone, "hints");
        if let Some(Value::Sequence(all)) = alone.get_mut("explanations") {
            *all = vec![explanation.clone()];
        }
        let text = String::from_utf8_lossy(&written(&alone)?).into_owned();
        Ok(Stage::parse(name, "stage.yaml", &text).is_ok())
    };
    let mut lost = BTreeSet::new();
    for explanation in &explanations {
        let names_none = explanation.get("scenarios").and_then(Value::as_sequence).is_some_and(Vec::is_empty);
        if names_none || !makes_sense(explanation)? {
            lost.insert(text_of(explanation, "id"));
        }
    }
    keep(&mut stage, "explanations", |explanation| !lost.contains(&text_of(explanation, "id")));
    for hint in items_mut(&mut stage, "hints") {
        keep(hint, "for", |id| id.as_str().is_none_or(|id| !lost.contains(id)));
    }
    Ok(stage)
}

fn read(text: &str) -> Result<Value> {
    serde_yaml::from_str(text).map_err(|error| Error::new("a file of the course is no YAML").because(error))
}

fn written(value: &Value) -> Result<Vec<u8>> {
    let text = serde_yaml::to_string(value).map_err(|error| Error::new("a stage can't be written").because(error))?;
    Ok(text.into_bytes())
}

/// The items of a list that a mapping has.
fn items<'v>(of: &'v Value, key: &str) -> &'v [Value] {
    of.get(key).and_then(Value::as_sequence).map_or(&[], Vec::as_slice)
}

fn items_mut<'v>(of: &'v mut Value, key: &str) -> &'v mut [Value] {
    of.get_mut(key).and_then(Value::as_sequence_mut).map_or(&mut [], Vec::as_mut_slice)
}

fn keep(of: &mut Value, key: &str, stays: impl FnMut(&Value) -> bool) {
    if let Some(Value::Sequence(list)) = of.get_mut(key) {
        list.retain(stays);
    }
}

fn remove(of: &mut Value, key: &str) {
    of.as_mapping_mut().map(|mapping: &mut Mapping| mapping.remove(key));
}
