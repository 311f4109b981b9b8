//! The committed schemas and the parser agree: what is a course for one is one for the other.
//! That the schemas are what the types say is tested beside them, in `src/course/schema`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;
use serde_json::{Map, Value, json};
use workshop::course::{Course, Stage, schema};

/// What a schema has against a value: each with the way to where it is.
struct Validator {
    root: Value,
}

impl Validator {
    fn of(schema: &str) -> Validator {
        Validator { root: serde_json::from_str(schema).expect("a schema is JSON") }
    }

    fn problems(&self, yaml: &str) -> Vec<String> {
        let value = serde_yaml::from_str(yaml).expect("YAML");
        let mut problems = Vec::new();
        self.check(&self.root, &value, "", &mut problems);
        problems
    }

    /// Knows the words that our schemas have, and panics at any other: none is passed over.
    fn check(&self, schema: &Value, value: &Value, at: &str, problems: &mut Vec<String>) {
        let empty = Map::new();
        let object = value.as_object().unwrap_or(&empty);
        let list = value.as_array().map_or(&[][..], Vec::as_slice);
        let number = |limit: &Value| limit.as_u64().expect("a limit");
        for (word, limit) in schema.as_object().unwrap_or(&empty) {
            let good = match word.as_str() {
                "$schema" | "$defs" | "title" | "description" | "examples" | "default" => true,
                "type" => match limit.as_array() {
                    Some(types) => types.iter().any(|name| is_a(value, name)),
                    None => is_a(value, limit),
                },
                "$ref" => {
                    let part = limit.as_str().and_then(|path| self.root.pointer(path.trim_start_matches('#')));
                    self.check(part.expect("a part of the schema"), value, at, problems);
                    true
                }
                "required" => {
                    limit.as_array().expect("keys").iter().all(|key| object.contains_key(key.as_str().expect("a key")))
                }
                "properties" => {
                    for (key, part) in limit.as_object().expect("keys") {
                        object.get(key).inspect(|value| self.check(part, value, &format!("{at}/{key}"), problems));
                    }
                    true
                }
                "additionalProperties" => {
                    let others = object.iter().filter(|(key, _)| schema["properties"].get(key).is_none());
                    for (key, value) in others {
                        match limit {
                            Value::Bool(false) => problems.push(format!("{at}/{key} is unknown")),
                            part => self.check(part, value, &format!("{at}/{key}"), problems),
                        }
                    }
                    true
                }
                "propertyNames" => {
                    object.keys().for_each(|key| self.check(limit, &json!(key), &format!("{at}/{key}"), problems));
                    true
                }
                "items" => {
                    for (index, item) in list.iter().enumerate() {
                        self.check(limit, item, &format!("{at}/{index}"), problems);
                    }
                    true
                }
                "oneOf" | "anyOf" => {
                    let fits = |way: &&Value| {
                        let mut problems = Vec::new();
                        self.check(way, value, at, &mut problems);
                        problems.is_empty()
                    };
                    let ways = limit.as_array().expect("ways").iter().filter(fits).count();
                    ways == 1 || (word == "anyOf" && ways > 1)
                }
                "const" => value == limit,
                "minItems" => list.len() as u64 >= number(limit),
                "uniqueItems" => (1..list.len()).all(|index| !list[..index].contains(&list[index])),
                "minProperties" => object.len() as u64 >= number(limit),
                "maxProperties" => object.len() as u64 <= number(limit),
                "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= number(limit)),
                "minimum" => value.as_i64().is_none_or(|n| n >= limit.as_i64().expect("a limit")),
                "maximum" => value.as_i64().is_none_or(|n| n <= limit.as_i64().expect("a limit")),
                "pattern" => {
                    let pattern = Regex::new(limit.as_str().expect("a pattern")).expect("a pattern");
                    value.as_str().is_none_or(|text| pattern.is_match(text))
                }
                "format" => limit == "regex" && value.as_str().is_none_or(|text| Regex::new(text).is_ok()),
                other => panic!("this validator does not know `{other}`"),
            };
            if !good {
                problems.push(format!("{at}: {word} {limit}"));
            }
        }
    }
}

fn is_a(value: &Value, name: &Value) -> bool {
    match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64() || value.is_i64(),
        other => panic!("the type {other:?}"),
    }
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The YAML files below a folder, but not those that builds leave, and not those of starters, which
/// are yet to be filled in.
fn yaml_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("readable").flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() && name != "target" && name != "starters" && !name.starts_with('.') {
            yaml_files(&path, found);
        } else if schema_of(&name).is_some() {
            found.push(path);
        }
    }
}

/// The schema of a file of this name, and the schema's own name.
fn schema_of(file: &str) -> Option<(&'static str, &'static str)> {
    match file.split('.').collect::<Vec<_>>().as_slice() {
        ["course", "yaml"] => Some((schema::COURSE, "course.json")),
        ["stage", "yaml"] => Some((schema::STAGE, "stage.json")),
        ["course", _, "yaml"] => Some((schema::COURSE_LANGUAGE, "course-language.json")),
        ["stage", _, "yaml"] => Some((schema::STAGE_LANGUAGE, "stage-language.json")),
        _ => None,
    }
}

fn schema_for(path: &Path) -> (&'static str, &'static str) {
    schema_of(&path.file_name().expect("a name").to_string_lossy()).expect("a file that has a schema")
}

#[test]
fn every_course_and_stage_is_one_for_the_schema() {
    let mut files = Vec::new();
    for folder in ["exercises", "tests/courses"] {
        yaml_files(&repository().join(folder), &mut files);
    }
    assert!(files.len() > 12, "{files:?}");
    for path in files {
        let text = fs::read_to_string(&path).expect("readable");
        let problems = Validator::of(schema_for(&path).0).problems(&text);
        assert!(problems.is_empty(), "{}: {problems:#?}", path.display());
    }
}

/// An editor finds the schema by the first line, from the file's own place.
#[test]
fn the_first_line_of_every_exercise_names_its_schema() {
    let mut files = Vec::new();
    for folder in ["exercises", "tests/courses/languages"] {
        yaml_files(&repository().join(folder), &mut files);
    }
    assert!(files.iter().any(|path| path.ends_with("stage.de.yaml")), "{files:?}");
    for path in files {
        let text = fs::read_to_string(&path).expect("readable");
        let named = text.lines().next().and_then(|line| line.strip_prefix(schema::NAMED_BY));
        let named = named.unwrap_or_else(|| panic!("{} names no schema", path.display()));
        let file = path.parent().expect("a folder").join(named).canonicalize().expect("the schema is there");
        assert!(
            file.ends_with(format!("docs/schema/{}", schema_for(&path).1)),
            "{} names {}",
            path.display(),
            file.display()
        );
    }
}

/// So do those of a new course, which brings the schemas along.
#[test]
fn a_new_course_names_its_own_schemas() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
    let made = command.args(["author", "new-course", "mine"]).current_dir(dir.path()).output().expect("it starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let exercises = dir.path().join("mine/exercises");
    let mut files = Vec::new();
    yaml_files(&exercises, &mut files);
    assert_eq!(files.len(), 2, "{files:?}");
    for path in files {
        let text = fs::read_to_string(&path).expect("readable");
        let named = text.lines().next().and_then(|line| line.strip_prefix(schema::NAMED_BY)).expect("a schema");
        let file = fs::read_to_string(path.parent().expect("a folder").join(named)).expect("the schema is there");
        let problems = Validator::of(&file).problems(&text);
        assert!(problems.is_empty(), "{}: {problems:#?}", path.display());
        assert_eq!(file, schema_for(&path).0);
    }
}

/// What the parser refuses by a file's shape, the schema refuses too, and at the same key.
#[test]
fn what_is_wrong_is_wrong_for_both() {
    let course = fs::read_to_string(repository().join("tests/courses/scripts/exercises/course.yaml")).expect("there");
    let stage = fs::read_to_string(repository().join("exercises/duplex-tcp/stage.yaml")).expect("there");
    let wrong = [
        (&course, "name: scripts", "name: No Name", "/name: pattern"),
        (&course, "title: Peers", "titel: Peers", "/titel is unknown"),
        (&course, "title: Peers", "colour: blue\ntitle: Peers", "/colour is unknown"),
        (&course, "  - shout\n", "  - shout\n  - shout\n", "/stages: uniqueItems"),
        (&course, "  - shout\n  - echo-line\n", "  []\n", "/stages: minItems"),
        (&course, "templates: templates/python", "templates: /etc", "/tracks/python/templates: pattern"),
        (&course, "run: [sh, \"{package}/{role}.sh\"]", "run: []", "/tracks/sh/run: minItems"),
        (&course, "edit: [crier.sh, conversation.py]", "edit: crier.sh", "/tracks/sh/edit: type"),
        (&stage, "title: A duplex", "titles: A duplex", "/titles is unknown"),
        (&stage, "conditions: [clear, fragmented, coalesced, delayed]", "conditions: [kind]", "/conditions/0: oneOf"),
        (
            &stage,
            "conditions: [clear, fragmented, coalesced, delayed]\n",
            "conditions: [clear]\nlimit: 601\n",
            "/limit:",
        ),
        (&stage, "conditions: [clear, fragmented, coalesced, delayed]\n", "conditions: [clear]\nlimit: 0\n", "/limit:"),
        (&stage, "  - name: greeting\n", "  - name: greeting\n    memory: 15\n", "/scenarios/0/memory: minimum"),
        (&stage, "  - name: a\n", "  - name: A\n", "/roles/0/name: pattern"),
        (&stage, "bytes: 65536}", "bytes: 65536, text: x}", "/let/long: oneOf"),
        (&stage, "bytes: 65536}", "bytes: 2000000}", "/let/long/bytes: maximum"),
        (&stage, "    args: [\"{addr}\"]\n", "    by: nobody\n", "/roles/1/by: oneOf"),
        (&stage, "    explains: held-back\n", "", ": required [\"name\",\"about\",\"patch\",\"explains\"]"),
    ];
    for (whole, right, instead, expected) in wrong {
        assert!(whole.contains(right), "{right}");
        let text = whole.replacen(right, instead, 1);
        let is_course = std::ptr::eq(whole, &raw const course);
        let (parsed, schema) = if is_course {
            (Course::parse("course.yaml", &text).err(), schema::COURSE)
        } else {
            (Stage::parse("duplex-tcp", "exercises/duplex-tcp/stage.yaml", &text).err(), schema::STAGE)
        };
        assert!(parsed.is_some(), "the parser accepts {instead:?}");
        let problems = Validator::of(schema).problems(&text);
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{instead:?}: {problems:#?}");
    }
}

#[test]
fn the_command_prints_what_is_committed() {
    let print = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
        let output = command.args(["author", "schema"]).args(args).output().expect("it starts");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let file = |path| fs::read_to_string(repository().join(path)).expect("committed");
    assert_eq!(print(&["course"]), (Some(0), file("docs/schema/course.json")));
    assert_eq!(print(&["stage"]), (Some(0), file("docs/schema/stage.json")));
    assert_eq!(print(&["course-language"]), (Some(0), file("docs/schema/course-language.json")));
    assert_eq!(print(&["stage-language"]), (Some(0), file("docs/schema/stage-language.json")));
    assert_eq!(print(&["--markdown"]), (Some(0), file("docs/reference.md")));
    assert_eq!(print(&[]).0, Some(2));
}
