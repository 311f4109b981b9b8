//! Starters: what a new stage is made from. They are files of the course, one folder for each track, with
//! placeholders for the stage's names.
//!
//! Everything that is specific to a language is in these files and in `starter.yaml`.

use serde::Deserialize;
use upon::Value;

use crate::assets::{Catalog, File};
use crate::error::{Error, Result};
use crate::yaml::Source;

/// The folder with the starters of all tracks, below a course's.
pub const STARTERS: &str = "starters";

/// The file that says what to do with the others.
const STARTER_FILE: &str = "starter.yaml";

/// The parts of a starter; other files go into the stage's folder.
const PARTS: [&str; 3] = ["template", "solution", "workspace"];

/// The track for a new course, if it differs from the one in this course.
const TRACK_FILE: &str = "track.yaml";

/// The starter of a track.
pub struct Starter {
    /// Its folder, below the course's.
    pub folder: String,
    /// What `starter.yaml` says.
    pub about: About,
    /// What `track.yaml` says: the track in a new course.
    pub track: Option<String>,
    /// The other files, as they are: paths below the starter's folder.
    pub files: Vec<File>,
}

/// What `starter.yaml` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The roles of a stage for which none are named.
    pub roles: Vec<String>,
    /// Names that a stage can't have in this language.
    #[serde(default)]
    pub taken: Vec<String>,
    /// Insertions into files beside the packages.
    #[serde(default)]
    pub insert: Vec<Insert>,
    /// A command to run beside the packages when one was added, for example to update a lock file.
    #[serde(default)]
    pub refresh: Vec<String>,
}

/// A text that a new stage adds to a file beside the packages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Insert {
    /// The file's name.
    pub file: String,
    /// The text after whose first occurrence it is added.
    pub after: String,
    /// What is added.
    pub text: String,
}

/// The names of a stage that its starter's files use.
#[derive(Debug, Clone)]
pub struct StageNames {
    /// The stage's name.
    pub stage: String,
    /// Its roles.
    pub roles: Vec<String>,
}

impl Starter {
    /// Reads the starter of a track.
    ///
    /// # Errors
    /// The track has none, or its `starter.yaml` is wrong.
    pub fn read(catalog: &Catalog, track: &str) -> Result<Starter> {
        let folder = format!("{STARTERS}/{track}");
        let missing = |error: Error| {
            error.help(format!("a new stage is made from the files in {folder}; docs/course.md says what they are"))
        };
        let mut files = catalog.tree(&folder).map_err(missing)?;
        let own = files.iter().position(|(path, _)| path == STARTER_FILE);
        let file = format!("{folder}/{STARTER_FILE}");
        let own = own.ok_or_else(|| missing(Error::new(format!("the course has no {file}"))))?;
        let (_, bytes) = files.remove(own);
        let track = files.iter().position(|(path, _)| path == TRACK_FILE).map(|at| files.remove(at));
        let track = track.map(|(_, bytes)| String::from_utf8_lossy(&bytes).into_owned());
        let text = String::from_utf8_lossy(&bytes);
        let (about, source): (About, Source<'_>) = Source::parse(&file, &text)?;
        if about.roles.is_empty() {
            let help = "name them, as in `roles: [alice, bob]`";
            return Err(Error::new("a starter needs roles").at(source.place("roles")).help(help));
        }
        Ok(Starter { folder, about, track, files })
    }

    /// The files of one of the starter's parts (`template`, `solution`, `workspace`), filled in;
    /// paths below it.
    ///
    /// # Errors
    /// A file is not a valid template.
    pub fn part(&self, part: &str, names: &StageNames) -> Result<Vec<File>> {
        let prefix = format!("{part}/");
        self.filled(names, |path| path.strip_prefix(&prefix).map(str::to_owned))
    }

    /// The files for the stage's own folder, filled in.
    ///
    /// # Errors
    /// A file is not a valid template.
    pub fn stage_files(&self, names: &StageNames) -> Result<Vec<File>> {
        let is_part = |path: &str| path.split_once('/').is_some_and(|(part, _)| PARTS.contains(&part));
        self.filled(names, |path| (!is_part(path)).then(|| path.to_owned()))
    }

    fn filled(&self, names: &StageNames, wanted: impl Fn(&str) -> Option<String>) -> Result<Vec<File>> {
        let mut filled = Vec::new();
        for (path, bytes) in &self.files {
            let Some(below) = wanted(path) else { continue };
            let for_each_role = ["{{role}}", "{{ role }}"].iter().any(|word| below.contains(word));
            let roles: Vec<Option<&str>> =
                if for_each_role { names.roles.iter().map(|role| Some(role.as_str())).collect() } else { vec![None] };
            let file = format!("{}/{path}", self.folder);
            for role in roles {
                let bytes = match std::str::from_utf8(bytes) {
                    Ok(text) => names.fill(text, role, &file)?.into_bytes(),
                    Err(_) => bytes.clone(),
                };
                let path = names.fill(&below, role, &file)?;
                if path.split('/').any(|part| part.is_empty() || part == "..") {
                    let help = "the names in a path stand for themselves, as in `src/{{role}}.c`";
                    return Err(Error::new(format!("{file} would become `{path}`")).help(help));
                }
                filled.push((path, bytes));
            }
        }
        Ok(filled)
    }
}

impl StageNames {
    /// Fills in a text of a starter; `file` is where it comes from.
    ///
    /// # Errors
    /// The text is not a valid template, or names something unknown.
    pub fn fill(&self, text: &str, role: Option<&str>, file: &str) -> Result<String> {
        let engine = upon::Engine::new();
        let values = self.values(role);
        let filled = engine.compile(text).and_then(|template| template.render_from(&engine, &values).to_string());
        filled.map_err(|error| {
            Error::new(format!("{file} can't be filled in")).because(format!("{error:#}")).help(
                "two braces that are meant as such are written `{{ \"{{\" }}` and `{{ \"}}\" }}`; \
                    https://docs.rs/upon has the rest",
            )
        })
    }

    fn values(&self, role: Option<&str>) -> Value {
        let mut values = std::collections::BTreeMap::from([
            ("stage", Value::from(self.stage.clone())),
            ("ident", Value::from(self.stage.replace('-', "_"))),
            ("title", Value::from(title(&self.stage))),
            ("roles", Value::from(self.roles.clone())),
            ("first", Value::from(self.roles[0].clone())),
            ("others", Value::from(self.roles[1..].to_vec())),
        ]);
        if let Some(role) = role {
            values.insert("role", Value::from(role));
        }
        Value::from(values)
    }
}

/// A name as a title: `duplex-tcp` is `Duplex tcp`.
pub fn title(name: &str) -> String {
    let words = name.replace(['-', '_'], " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
