//! Files that the user names: their text, the JSON or YAML in them, and what in it is unlike ECS's shapes.
//!
//! They may hold secrets, so no error shows what is in them.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::Failed;

/// The text of a file. `what` says what it was to be, such as `the task definition`.
pub(crate) fn text(path: &Path, what: &str) -> Result<String, Failed> {
    fs_err::read_to_string(path)
        .map_err(|error| Failed::usage(format!("cannot read {what}")).caused_by(error))
}

/// The JSON or YAML in a file. `name` decides between the two, and is for error messages.
pub(crate) fn document(name: &str, text: &str) -> Result<Value, Failed> {
    let cannot = |error: anyhow::Error| Failed::new(format!("cannot read `{name}`")).caused_by(error);
    // Without the lines around the error.
    let yaml = |text| {
        serde_saphyr::from_str::<Value>(text).map_err(|error| anyhow::anyhow!("{}", error.without_snippet()))
    };
    if name.ends_with(".yaml") || name.ends_with(".yml") {
        return yaml(text).map_err(cannot);
    }
    serde_json::from_str(text).map_err(|error| {
        let failed = cannot(error.into());
        if yaml(text).is_ok_and(|value| value.is_object()) {
            failed.with_hint("this is YAML, not JSON (which has no comments): name the file .yaml")
        } else {
            failed
        }
    })
}

/// What is unlike one of ECS's shapes, in words: members that ECS did not have when this version was made, and values of
/// another type.
pub(crate) fn unlike<Shape: DeserializeOwned>(members: Map<String, Value>) -> Vec<String> {
    let mut unknown = Vec::new();
    let mut found = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(Value::Object(members), &mut track);
    let read: Result<Shape, _> = serde_ignored::deserialize(tracked, |path| {
        unknown.push(path.to_string().replace(".?", ""));
    });
    if !unknown.is_empty() {
        let names: Vec<String> = unknown.iter().map(|name| format!("`{name}`")).collect();
        found.push(format!("unknown to this version, sent to ECS all the same: {}", names.join(", ")));
    }
    if let Err(error) = read {
        let error = error.to_string();
        // What comes before it is the value.
        let why = error.rsplit_once("expected ").map_or("another type than ECS's", |(_, expected)| expected);
        found.push(format!("`{}` may be refused by ECS, which expects {why}", track.path()));
    }
    found
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
        let members = json!({"cpu": "256", "newMember": "hush", "containerOverrides": [
            {"name": "app", "environment": [{"name": "PIN", "value": 12_345_678}]}]});
        assert_eq!(
            unlike::<TaskOverride>(members.as_object().unwrap().clone()),
            ["`containerOverrides[0].environment[0].value` may be refused by ECS, which expects a string",]
        );
        let members = json!({"newMember": "hush"});
        assert_eq!(
            unlike::<TaskOverride>(members.as_object().unwrap().clone()),
            ["unknown to this version, sent to ECS all the same: `newMember`"]
        );
    }
}
