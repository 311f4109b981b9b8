//! An explanation as it stands in `stage.yaml`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

use super::{Count, EndSeen, LinkSeen};
use crate::course::{Condition, Party};

/// What a stage says of a failure that it knows better than the general explanations do. It is tried before those. It applies when all that its keys ask for is so;
/// docs/explanations.md lists the facts and says how patterns are matched.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Explanation"))]
#[serde(deny_unknown_fields)]
pub(in crate::course) struct ExplanationFile {
    /// Its name, as mistakes and hints use it.
    pub(in crate::course) id: String,
    /// Facts that must all have been found.
    #[cfg_attr(test, schemars(example = ["extra-line"]))]
    pub(in crate::course) when: Vec<String>,
    /// The scenarios in which it applies; in all of them when left out.
    #[serde(default)]
    pub(super) scenarios: Vec<String>,
    /// The rules for which the scenarios are there in which it applies; any when left out.
    #[serde(default)]
    pub(super) rules: Vec<String>,
    /// The conditions under which it applies; all of them when left out.
    #[serde(default)]
    #[cfg_attr(test, schemars(extend("uniqueItems" = true), example = ["fragmented"]))]
    pub(super) conditions: Vec<Condition>,
    /// What must have been seen, too.
    #[serde(default)]
    pub(super) seen: SeenFile,
    /// What to tell the learner. `{who}` stands for the role that the failure is about and whose program
    /// played it ("your alice"), `{line}` for the refused line, `{awaited}` for the line that was awaited, and
    /// the names of the patterns for what was captured. A brace is written twice: `{{`, `}}`.
    pub(in crate::course) say: String,
}

/// What must have been seen in the run; all of it. A text with captures is a pattern, as in a transcript:
/// `{name}` is what the run has captured by this name, or what a pattern above has; `{name:type}` is any value
/// of a type.
#[derive(Deserialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Seen"))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SeenFile {
    /// The role that the failure is about: it has printed the refused line, it has ended, or something is
    /// awaited of it; one of these, when it is a list.
    #[serde(default)]
    #[cfg_attr(test, schemars(example = &"alice"))]
    pub(super) role: Several<String>,
    /// Who plays that role: `you`, `reference` or `stage`; one of these, when it is a list.
    #[serde(default)]
    #[cfg_attr(test, schemars(example = &"you"))]
    pub(super) by: Several<Party>,
    /// The refused line matches this pattern.
    #[cfg_attr(test, schemars(example = &"announced under {topic:hex}"))]
    pub(super) line: Option<String>,
    /// A line that matches is awaited.
    #[serde(default)]
    pub(super) awaited: Several<LineFile>,
    /// A line that matches was printed.
    #[serde(default)]
    pub(super) printed: Several<LineFile>,
    /// No line that matches was printed.
    #[serde(default)]
    pub(super) not_printed: Several<LineFile>,
    /// A line that matches was typed.
    #[serde(default)]
    pub(super) typed: Several<LineFile>,
    /// No line that matches was typed.
    #[serde(default)]
    pub(super) not_typed: Several<LineFile>,
    /// A role has ended by itself.
    #[serde(default)]
    pub(super) ended: Several<EndSeen>,
    /// What went from one role to another over the links between them.
    #[serde(default)]
    pub(super) links: Several<LinkSeen>,
}

/// A line of a certain role. A text in its place is a line of any role.
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Line", deny_unknown_fields))]
pub(super) struct LineFile {
    /// The role.
    pub(super) role: Option<String>,
    /// What the line matches.
    pub(super) line: String,
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Count;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a range of numbers, as in `0` or `1..`")
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> std::result::Result<Count, E> {
                Ok(Count { least: number, most: number })
            }
            fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Count, E> {
                Count::parse(text).ok_or_else(|| E::invalid_type(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// One of something, or a list of it.
pub(in crate::course) struct Several<T>(pub(super) Vec<T>);

/// Reads one of something, or a list of it, into a list.
pub(in crate::course) fn one_or_several<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Vec<T>, D::Error> {
    Several::deserialize(deserializer).map(|Several(all)| all)
}

impl<T> Default for Several<T> {
    fn default() -> Self {
        Several(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Several<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = Several<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one of these, or a list of them")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Self::Value, E> {
                T::deserialize(StrDeserializer::new(text)).map(|one| Several(vec![one]))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|one| Several(vec![one]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> std::result::Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Several)
            }
        }
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

impl<'de> Deserialize<'de> for LineFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct OfRole {
            role: Option<String>,
            line: String,
        }
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = LineFile;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a line, as in `hello` or `{role: alice, line: hello}`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<LineFile, E> {
                Ok(LineFile { role: None, line: text.to_owned() })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<LineFile, A::Error> {
                let OfRole { role, line } = OfRole::deserialize(MapAccessDeserializer::new(map))?;
                Ok(LineFile { role, line })
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// For schemas: what these readers accept.
#[cfg(test)]
mod schemas {
    use std::borrow::Cow;

    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use super::{Count, Several};

    impl JsonSchema for Count {
        fn schema_name() -> Cow<'static, str> {
            "Count".into()
        }
        fn inline_schema() -> bool {
            true
        }
        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({"type": ["integer", "string"], "minimum": 0, "pattern": r"^([0-9]+|[0-9]+\.\.[0-9]*|\.\.[0-9]+)$"})
        }
    }

    impl<T: JsonSchema> JsonSchema for Several<T> {
        fn schema_name() -> Cow<'static, str> {
            format!("Several_{}", T::schema_name()).into()
        }
        fn inline_schema() -> bool {
            true
        }
        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            let one = generator.subschema_for::<T>();
            let mut ways = vec![one.clone().to_value()];
            // A line of any role is a text.
            if T::schema_name() == "Line" {
                ways.insert(0, serde_json::json!({"type": "string"}));
            }
            let items = if ways.len() == 1 { ways[0].clone() } else { serde_json::json!({"anyOf": ways}) };
            ways.push(serde_json::json!({"type": "array", "items": items}));
            json_schema!({"anyOf": ways})
        }
    }
}
