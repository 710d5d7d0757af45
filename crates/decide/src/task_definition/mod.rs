//! Whether a task definition in a file is the one that is registered already: RegisterTaskDefinition refills at one call
//! a second for a whole account, so a file that says nothing new is not registered again.
//!
//! When in doubt the two differ: a registration too many does no harm, a change that is missed does.

mod normal;
mod size;

use serde_json::{Map, Value};

pub use self::normal::normalised;
pub use self::size::{cpu_units, mebibytes};

/// Members that DescribeTaskDefinition adds and RegisterTaskDefinition does not take.
const DESCRIBED_ONLY: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
];

/// Tags that AWS itself has put there; nobody else may.
const TAGS_OF_AWS: &str = "aws:";

/// The input of RegisterTaskDefinition that a document describes: it is that already, or the answer of
/// DescribeTaskDefinition, with or without `taskDefinition` around it. `None` when it is neither.
#[must_use]
pub fn register_input(document: &Value) -> Option<Map<String, Value>> {
    let document = document.as_object()?;
    let mut input = match document.get("taskDefinition") {
        Some(described) => described.as_object()?.clone(),
        None => document.clone(),
    };
    // `describe-task-definition --include TAGS` puts the tags beside the definition.
    if let Some(tags) = document.get("tags").filter(|_| document.contains_key("taskDefinition")) {
        input.entry("tags").or_insert_with(|| tags.clone());
    }
    if let Some(Value::Array(tags)) = input.get_mut("tags") {
        let is_of_aws = |tag: &Value| tag["key"].as_str().is_some_and(|key| key.starts_with(TAGS_OF_AWS));
        tags.retain(|tag| !is_of_aws(tag));
    }
    input.retain(|member, _| !DESCRIBED_ONLY.contains(&member.as_str()));
    input.contains_key("containerDefinitions").then_some(input)
}

/// Whether a file, as RegisterTaskDefinition takes it, says what the described revision says, and this can be run.
/// `described` is `{"taskDefinition": {...}, "tags": [...]}`.
#[must_use]
pub fn same(file: &Value, described: &Value) -> bool {
    if described["taskDefinition"]["status"] != "ACTIVE" {
        return false;
    }
    match (register_input(file), register_input(described)) {
        (Some(file), Some(registered)) => normalised(&file) == normalised(&registered),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_description_is_read_as_what_was_registered() {
        let input = json!({"family": "web", "containerDefinitions": [{"name": "app"}], "cpu": "256"});
        let mut described = input.clone();
        for member in DESCRIBED_ONLY {
            described[member] = json!("x");
        }
        let read = |document: &Value| register_input(document).map(Value::Object);
        assert_eq!(read(&input).as_ref(), Some(&input));
        assert_eq!(read(&described).as_ref(), Some(&input));
        let tags =
            json!([{"key": "aws:cloudformation:stack-name", "value": "s"}, {"key": "a", "value": "b"}]);
        let mut with_tags = input;
        with_tags["tags"] = json!([{"key": "a", "value": "b"}]);
        assert_eq!(read(&json!({"taskDefinition": described, "tags": tags})), Some(with_tags));
        for neither in [json!([]), json!({"taskDefinition": "web:3"}), json!({"service": {}}), json!(null)] {
            assert_eq!(read(&neither), None, "{neither}");
        }
    }

    #[test]
    fn only_a_revision_that_can_be_run_is_the_same() {
        let file = json!({"family": "web", "containerDefinitions": [{"name": "app", "cpu": 0}]});
        let described = |status: &str, tags: Value| {
            json!({"tags": tags, "taskDefinition": {"family": "web", "revision": 3, "status": status,
                "volumes": [], "containerDefinitions": [{"name": "app", "essential": true, "environment": []}]}})
        };
        assert!(same(&file, &described("ACTIVE", json!([]))));
        assert!(same(&file, &described("ACTIVE", json!([{"key": "aws:x", "value": "y"}]))));
        assert!(!same(&file, &described("ACTIVE", json!([{"key": "x", "value": "y"}]))));
        assert!(!same(&file, &described("INACTIVE", json!([]))));
        assert!(!same(&file, &json!({})));
        assert!(!same(&json!([]), &described("ACTIVE", json!([]))));
    }
}
