use std::collections::BTreeSet;

use serde_json::{Value, json};
use snapbox::{assert_data_eq, file};

use super::{JsonLine, json_line};

#[test]
fn a_line_is_one_even_where_other_characters_end_lines() {
    let said = "a\u{85}b\u{2028}c\u{2029}d\ne";
    let line = json_line(&json!({ "said": said }));
    assert!(!line.contains(['\u{85}', '\u{2028}', '\u{2029}']) && line.matches('\n').count() == 1, "{line:?}");
    let read: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(read["said"], said);
}

fn schema() -> Value {
    let generator = schemars::generate::SchemaSettings::draft2020_12().for_serialize().into_generator();
    serde_json::to_value(generator.into_root_schema_for::<JsonLine<'_>>()).expect("a schema is JSON")
}

#[test]
fn the_schema_of_the_events_is_what_their_types_say() {
    let printed = serde_json::to_string_pretty(&schema()).expect("JSON") + "\n";
    assert_data_eq!(printed, file!["../../../docs/schema/events.json": Text].raw());
}

/// Every field of every event has its row in docs/json.md, and every row its field.
#[test]
fn the_fields_in_the_docs_are_those_of_the_types() {
    fn fields(schema: &Value, found: &mut BTreeSet<String>) {
        match schema {
            Value::Object(map) => {
                if let Some(Value::Object(properties)) = map.get("properties") {
                    found.extend(properties.keys().cloned());
                }
                map.values().for_each(|value| fields(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| fields(value, found)),
            _ => {}
        }
    }
    let mut in_types = BTreeSet::new();
    fields(&schema(), &mut in_types);
    let docs = include_str!("../../../docs/json.md");
    let rows = docs.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned()));
    let in_rows: BTreeSet<String> = rows.collect();
    // These are described in the text, or in the row of what they are a part of.
    let in_text = ["event", "version", "stage", "exit", "signal", "lesson", "state", "runner", "peers"];
    let missing: Vec<&String> = in_types.iter().filter(|field| !in_rows.contains(*field)).collect();
    assert!(missing.iter().all(|field| in_text.contains(&field.as_str())), "not in docs/json.md: {missing:?}");
    for field in in_text {
        assert!(docs.contains(&format!("`{field}`")) || docs.contains(&format!("\"{field}\"")), "{field}");
    }
    let unknown: Vec<&String> = in_rows.difference(&in_types).collect();
    assert!(unknown.is_empty(), "no field of a type: {unknown:?}");
}
