//! Files that the user names: their text, the JSON or YAML in them, and what in it is unlike ECS's shapes.
//!
//! They may hold secrets, so no error shows what is in them.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use crate::error::Failed;

/// The text of a file. `what` says what it was to be, such as `the task definition`.
pub(crate) fn text(path: &Path, what: &str) -> Result<String, Failed> {
    fs_err::read_to_string(path)
        .map_err(|error| Failed::usage(format!("cannot read {what}")).caused_by(error))
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Yaml,
}

impl Format {
    /// As the file's name has it; other names are JSON's.
    pub(crate) fn of(name: &str) -> Self {
        if name.ends_with(".yaml") || name.ends_with(".yml") { Self::Yaml } else { Self::Json }
    }
}

/// Where a text is not what it was to be, and why. Nothing of the text is in it.
#[derive(Debug)]
pub(crate) struct Misread {
    /// From 1.
    pub(crate) line: usize,
    /// From 1: bytes in JSON, characters in YAML.
    pub(crate) column: usize,
    pub(crate) why: String,
    /// Whether it is YAML, and JSON was expected.
    pub(crate) is_yaml: bool,
}

/// The value that a text describes.
pub(crate) fn parse(format: Format, text: &str) -> Result<Value, Misread> {
    if format == Format::Yaml {
        return yaml(text);
    }
    serde_json::from_str(text).map_err(|error: serde_json::Error| {
        let (line, column) = (error.line(), error.column());
        let why = without_place(&error.to_string(), &format!(" at line {line} column {column}"));
        Misread { line, column, why, is_yaml: yaml(text).is_ok_and(|value| value.is_object()) }
    })
}

fn yaml(text: &str) -> Result<Value, Misread> {
    serde_saphyr::from_str(text).map_err(|error| {
        // Without the lines around the error.
        let error = error.without_snippet();
        let place = error.location().map_or((1, 1), |place| (place.line(), place.column()));
        let why = without_place(&error.to_string(), &format!(" at line {}, column {}", place.0, place.1));
        let number = |place| usize::try_from(place).unwrap_or(usize::MAX);
        Misread { line: number(place.0), column: number(place.1), why, is_yaml: false }
    })
}

fn without_place(said: &str, place: &str) -> String {
    said.strip_suffix(place).unwrap_or(said).to_owned()
}

/// What to do about YAML where JSON was expected.
pub(crate) const IS_YAML: &str = "this is YAML, not JSON (which has no comments): name the file .yaml";

/// The JSON or YAML in a file. `name` decides between the two, and is for error messages.
pub(crate) fn document(name: &str, text: &str) -> Result<Value, Failed> {
    parse(Format::of(name), text).map_err(|Misread { line, column, why, is_yaml }| {
        let failed = Failed::new(format!("cannot read `{name}`"))
            .caused_by(anyhow::anyhow!("{why} at line {line} column {column}"));
        if is_yaml { failed.with_hint(IS_YAML) } else { failed }
    })
}

/// What is unlike one of ECS's shapes.
#[derive(Debug, Default)]
pub(crate) struct Unlike {
    /// Members that ECS did not have when this version was made, such as `containerDefinitions.0.memroy`.
    pub(crate) unknown: Vec<String>,
    /// Values of another type, and the types that ECS has.
    other_types: Vec<(String, String)>,
}

impl Unlike {
    /// The same in words.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let names: Vec<String> = self.unknown.iter().map(|name| format!("`{name}`")).collect();
        let unknown = (!names.is_empty())
            .then(|| format!("unknown to this version, sent to ECS all the same: {}", names.join(", ")));
        let other_types = self.other_types.iter();
        let other_types = other_types
            .map(|(path, expected)| format!("`{path}` may be refused by ECS, which expects {expected}"));
        unknown.into_iter().chain(other_types).collect()
    }
}

/// Compares with one of ECS's shapes.
pub(crate) fn unlike<Shape: DeserializeOwned>(members: Map<String, Value>) -> Unlike {
    let mut members = Value::Object(members);
    let mut found = Unlike::default();
    loop {
        found.unknown.clear();
        let mut track = serde_path_to_error::Track::new();
        let tracked = serde_path_to_error::Deserializer::new(&members, &mut track);
        let read: Result<Shape, _> = serde_ignored::deserialize(tracked, |path| {
            found.unknown.push(path.to_string().replace(".?", ""));
        });
        let Err(error) = read else { return found };
        let error = error.to_string();
        // What comes before it is the value.
        let expected = match error.rsplit_once("expected ") {
            Some((_, "i32" | "i64" | "u16" | "u32" | "u64")) => "a whole number",
            Some((_, expected)) => expected,
            None => "another type",
        };
        let path = track.path();
        found.other_types.push((path.to_string(), expected.to_owned()));
        // It hides what comes behind it, so the rest is read without it.
        if !remove(&mut members, &path) {
            return found;
        }
    }
}

/// Takes the last member on the path away, and says whether there was one.
fn remove(value: &mut Value, path: &serde_path_to_error::Path) -> bool {
    let keys = path.iter().filter(|step| matches!(step, Segment::Map { .. })).count();
    let (mut value, mut passed) = (value, 0);
    for step in path {
        value = match step {
            Segment::Map { key } => {
                passed += 1;
                let Some(members) = value.as_object_mut() else { return false };
                if passed == keys {
                    return members.remove(key).is_some();
                }
                let Some(next) = members.get_mut(key) else { return false };
                next
            }
            Segment::Seq { index } => {
                let Some(next) = value.get_mut(index) else { return false };
                next
            }
            Segment::Enum { .. } | Segment::Unknown => return false,
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use longshore_model::task::TaskOverride;
    use serde_json::json;

    use super::*;

    #[test]
    fn both_formats_are_read() {
        let expected = json!({"a": ["b", 1, true]});
        assert_eq!(document("t.json", r#"{"a": ["b", 1, true]}"#).unwrap(), expected);
        for name in ["t.yaml", "t.yml"] {
            assert_eq!(document(name, "a: # ours\n- b\n- 1\n- true\n").unwrap(), expected);
        }
    }

    #[test]
    fn an_error_shows_nothing_of_the_file() {
        for (name, text) in
            [("t.json", "{\"a\": \"hush\", hush}"), ("t.yaml", "a: hush\nb: [hush\nc: hush\n")]
        {
            let error = anyhow::Error::from(document(name, text).unwrap_err());
            let said: Vec<String> = error.chain().map(ToString::to_string).collect();
            assert_eq!(said[0], format!("cannot read `{name}`"));
            assert!(said[1].contains("line "), "{said:?}");
            assert!(!said.concat().contains("hush"), "{said:?}");
        }
    }

    #[test]
    fn what_is_unlike_ecs_is_named_without_its_value() {
        let members = json!({"cpu": 256, "newMember": "hush", "containerOverrides": [
            {"name": "app", "environment": [{"name": "PIN", "value": 12_345_678}]}]});
        assert_eq!(
            unlike::<TaskOverride>(members.as_object().unwrap().clone()).sentences(),
            [
                "unknown to this version, sent to ECS all the same: `newMember`",
                "`containerOverrides[0].environment[0].value` may be refused by ECS, which expects a string",
                "`cpu` may be refused by ECS, which expects a string",
            ]
        );
        let members = json!({"newMember": "hush"});
        assert_eq!(
            unlike::<TaskOverride>(members.as_object().unwrap().clone()).sentences(),
            ["unknown to this version, sent to ECS all the same: `newMember`"]
        );
    }
}
