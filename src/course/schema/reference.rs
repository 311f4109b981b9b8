//! A page for people, from schemas: a section for each object, a line for each of its keys.

use serde_json::{Map, Value};

use super::super::checks::{FILE_NAME, NAME, PATH};
use super::super::language::TAG;

const HEAD: &str = "\
# Reference of the YAML files

Every key of `course.yaml`, of `stage.yaml` and of their translations, made from the schemas in
`docs/schema`: what is needed, what may be written, what it means. [course.md](course.md) tells how the parts belong together.

A *name* has lower-case letters, digits, `-` and `_`, begins with a letter or a digit, and has at most
64 characters. A *short name* begins with a letter and has no `-`. A *path* is relative, with `/` and
without `..`. A *tag* names a language: two or three lower-case letters, perhaps with a region, as in `de` or
`pt-BR`. A *regular expression* is one of the crate [`regex-lite`](https://docs.rs/regex-lite).

`workshop author schema` prints the schemas, and this page with `--markdown`. An editor with the YAML
language server completes and explains every key when the first line of a file names its schema, by a path
that starts at the file:

```yaml
# yaml-language-server: $schema=.schema/course.json
```
";

/// The page for these schemas.
pub(super) fn page(schemas: &[Value]) -> String {
    let mut page = HEAD.to_owned();
    for schema in schemas {
        let title = schema["title"].as_str().expect("a file's schema has a title");
        page.push_str(&format!("\n## {title}\n\n"));
        object(schema, &mut page);
        for name in named_by(schema, schema) {
            let part = &schema["$defs"][&name];
            page.push_str(&format!("\n### {}\n\n", name));
            match part["oneOf"].as_array() {
                Some(ways) if part["properties"].is_null() => choices(part, ways, &mut page),
                _ => object(part, &mut page),
            }
        }
    }
    page
}

/// The parts that a schema refers to, in the order in which a reader meets them.
fn named_by(value: &Value, schema: &Value) -> Vec<String> {
    let mut names = Vec::new();
    let mut ahead = keys(value).into_iter().map(|(_, key)| key.clone()).collect::<std::collections::VecDeque<_>>();
    while let Some(next) = ahead.pop_front() {
        for name in references(&next) {
            if !names.contains(&name) {
                ahead.extend(keys(&schema["$defs"][&name]).into_iter().map(|(_, key)| key.clone()));
                names.push(name);
            }
        }
    }
    names
}

/// The names of the parts that a value's own schema is made of.
fn references(value: &Value) -> Vec<String> {
    let ways = value["anyOf"].as_array().into_iter().flatten().flat_map(|way| [way, &way["items"]]);
    let inner = [value, &value["items"], &value["additionalProperties"]].into_iter().chain(ways);
    let found = inner.filter_map(|part| part["$ref"].as_str()?.strip_prefix("#/$defs/"));
    found.map(str::to_owned).collect()
}

/// The keys of an object: those that are needed in their order, then the others by name.
fn keys(object: &Value) -> Vec<(String, Value)> {
    let empty = Map::new();
    let all = object["properties"].as_object().unwrap_or(&empty);
    let needed: Vec<&str> = object["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let first = needed.iter().map(|key| (*key, &all[*key]));
    let others = all.iter().map(|(key, value)| (key.as_str(), value)).filter(|(key, _)| !needed.contains(key));
    first.chain(others).map(|(key, value)| (key.to_owned(), value.clone())).collect()
}

fn object(object: &Value, page: &mut String) {
    let about = object["description"].as_str().expect("every part has a description");
    page.push_str(&format!("{}\n\n| key | | value | means |\n| --- | --- | --- | --- |\n", about.trim()));
    let needed = object["required"].as_array();
    for (key, value) in keys(object) {
        let is_needed = needed.is_some_and(|needed| needed.iter().any(|name| *name == key));
        let about = value["description"].as_str().expect("every key has a description");
        let means = format!("{about}{}{}", default(&value), examples(&value));
        let needed = if is_needed { "needed" } else { "" };
        page.push_str(&format!("| `{key}` | {needed} | {} | {} |\n", cell(&kind(&value)), cell(&means)));
    }
}

/// A part that is one of several words.
fn choices(part: &Value, ways: &[Value], page: &mut String) {
    let about = part["description"].as_str().expect("every part has a description");
    page.push_str(&format!("{about}\n\n| value | means |\n| --- | --- |\n"));
    for way in ways {
        let (word, about) = (way["const"].as_str(), way["description"].as_str());
        let (word, about) = (word.expect("a word"), about.expect("every word has a description"));
        page.push_str(&format!("| `{word}` | {} |\n", cell(about)));
    }
}

/// What may be written for a key.
fn kind(value: &Value) -> String {
    if let Some(name) = value["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        return format!("[{}](#{})", name.to_lowercase(), name.to_lowercase());
    }
    if let Some(ways) = value["anyOf"].as_array() {
        // One of something, or a list of it: the list needs no words of its own.
        let one = ways.iter().filter(|way| way["type"] != "array").map(kind).collect::<Vec<_>>().join(" or ");
        return format!("{one}, or a list");
    }
    if value["type"].is_array() {
        return "number or range".to_owned();
    }
    let kind = match value["type"].as_str() {
        Some("array") => format!("list of {}", kind(&value["items"])),
        Some("object") => {
            let names = value["propertyNames"]["pattern"].as_str().map_or("text", word);
            format!("for each {names}, {}", kind(&value["additionalProperties"]))
        }
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("integer") => "number".to_owned(),
        Some("string") if value["format"] == "regex" => "regular expression".to_owned(),
        Some("string") => value["pattern"].as_str().map_or("text", word).to_owned(),
        other => panic!("{other:?} has no words in {value:#}"),
    };
    [kind].into_iter().chain(limits(value)).collect::<Vec<_>>().join(", ")
}

/// What a text is that has this pattern.
fn word(pattern: &str) -> &'static str {
    match pattern {
        FILE_NAME => "name",
        NAME => "short name",
        PATH => "path",
        TAG => "tag",
        _ => panic!("the page has no word for {pattern}"),
    }
}

fn limits(value: &Value) -> impl Iterator<Item = String> {
    let number = |key: &str| value[key].as_u64();
    let range = match (number("minimum"), number("maximum")) {
        (None | Some(0), max) => max.map(|max| format!("up to {max}")),
        (Some(min), Some(max)) => Some(format!("{min} to {max}")),
        (Some(min), None) => Some(format!("from {min}")),
    };
    let least = number("minItems").or(number("minProperties")).map(|least| format!("at least {least}"));
    let most = number("maxProperties").map(|most| format!("at most {most}"));
    let length = number("minLength").map(|_| "not empty".to_owned());
    let unique = value["uniqueItems"].as_bool().map(|_| "each once".to_owned());
    [range, least, most, length, unique].into_iter().flatten()
}

fn default(value: &Value) -> String {
    match &value["default"] {
        Value::Null => String::new(),
        default => format!(" {default} when left out."),
    }
}

/// An example of several lines has no place in a table.
fn examples(value: &Value) -> String {
    let all = value["examples"].as_array().into_iter().flatten();
    let texts = all.map(|example| example.as_str().map_or_else(|| example.to_string(), str::to_owned));
    let texts: Vec<String> = texts.filter(|text| !text.contains('\n')).map(|text| format!("`{text}`")).collect();
    if texts.is_empty() { String::new() } else { format!(" As in {}.", texts.join(", ")) }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace("\n\n", "<br>")
}
