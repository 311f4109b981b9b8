//! The committed schemas are what the types say.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema};
use serde_json::Value;
use snapbox::{assert_data_eq, file};

use super::super::file::StageFile;
use super::super::{Course, CourseWords, StageWords};
use super::reference;
use crate::grade::SettingsFile;

/// The schema of a file that is read as a `T`.
fn schema<T: JsonSchema>() -> Schema {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    RecursiveTransform(tidy).transform(&mut schema);
    schema
}

/// What serde's types say, as an author would: a key is left out, and never written without a
/// value; a default that is empty goes without saying; lines of a comment are lines of a paragraph.
fn tidy(schema: &mut Schema) {
    // In what is derived from an `Option`, the other one of two is `null`.
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(ways)) = schema.remove("anyOf") {
        let ways: Vec<Value> = ways.into_iter().filter(|way| way["type"] != "null").collect();
        match ways.as_slice() {
            [Value::Object(only)] => {
                only.iter().for_each(|(key, value)| drop(schema.insert(key.clone(), value.clone())))
            }
            _ => drop(schema.insert("anyOf".to_owned(), Value::Array(ways))),
        }
    }
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    if schema.get("default").is_some_and(is_empty) {
        schema.remove("default");
    }
    // `uint64` and `uint` are formats of a programming language.
    if schema.get("type").is_some_and(|name| name == "integer") {
        schema.remove("format");
    }
    if let Some(Value::String(text)) = schema.get_mut("description") {
        let paragraphs: Vec<String> = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
        *text = paragraphs.join("\n\n");
    }
}

fn printed(schema: &Schema) -> String {
    serde_json::to_string_pretty(schema).expect("a schema is JSON") + "\n"
}

#[test]
fn the_schema_of_a_course_is_what_its_type_says() {
    assert_data_eq!(printed(&schema::<Course>()), file!["../../../docs/schema/course.json": Text].raw());
    let words = printed(&schema::<CourseWords>());
    assert_data_eq!(words, file!["../../../docs/schema/course-language.json": Text].raw());
}

#[test]
fn the_schema_of_a_stage_is_what_its_type_says() {
    assert_data_eq!(printed(&schema::<StageFile>()), file!["../../../docs/schema/stage.json": Text].raw());
    let words = printed(&schema::<StageWords>());
    assert_data_eq!(words, file!["../../../docs/schema/stage-language.json": Text].raw());
}

#[test]
fn the_schema_of_a_class_is_what_its_type_says() {
    assert_data_eq!(printed(&schema::<SettingsFile>()), file!["../../../docs/schema/grade.json": Text].raw());
}

#[test]
fn the_reference_is_made_from_the_schemas() {
    let schemas = [
        schema::<Course>(),
        schema::<StageFile>(),
        schema::<CourseWords>(),
        schema::<StageWords>(),
        schema::<SettingsFile>(),
    ]
    .map(Schema::to_value);
    assert_data_eq!(reference::page(&schemas), file!["../../../docs/reference.md": Text].raw());
}
