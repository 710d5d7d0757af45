//! Valid definitions, ways to change them, and registering from JSON.

use longshore_ecs::fault::FaultKind;
use longshore_ecs::register::{Registered, register};
use longshore_model::task_definition::TaskSpec;
use serde_json::{Value, json};

/// The smallest definition that EC2 takes.
pub(super) fn on_ec2() -> Value {
    json!({"family": "web", "containerDefinitions": [{"name": "app", "image": "nginx", "memory": 128}]})
}

/// The smallest definition that Fargate takes.
pub(super) fn on_fargate() -> Value {
    json!({
        "family": "web", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "containerDefinitions": [{"name": "app", "image": "nginx"}],
    })
}

/// The definition with the members of `change` put into the task (null removes one); those of its `app` go into the
/// container `app`, and its `others` are more containers, complete but for image and memory.
pub(super) fn with(mut definition: Value, change: &Value) -> Value {
    for (member, value) in change.as_object().expect("a change is an object") {
        match member.as_str() {
            "app" => merge(&mut definition["containerDefinitions"][0], value),
            "others" => {
                for other in value.as_array().expect("others are a list") {
                    let mut container = json!({"image": "busybox", "memory": 64});
                    merge(&mut container, other);
                    definition["containerDefinitions"].as_array_mut().expect("a list").push(container);
                }
            }
            _ => merge(&mut definition, &json!({member: value})),
        }
    }
    definition
}

pub(super) fn merge(into: &mut Value, change: &Value) {
    let into = into.as_object_mut().expect("an object");
    for (member, value) in change.as_object().expect("an object") {
        match value {
            Value::Null => into.remove(member),
            value => into.insert(member.clone(), value.clone()),
        };
    }
}

/// Registers what the JSON says; the error is ECS's sentence, or the parser's.
pub(super) fn try_register(definition: &Value) -> Result<Registered, String> {
    let spec: TaskSpec = serde_json::from_value(definition.clone()).map_err(|error| error.to_string())?;
    register(spec, definition.to_string().len()).map_err(|fault| {
        assert_eq!(fault.kind, FaultKind::Client, "{fault}");
        fault.message
    })
}

pub(super) fn must_register(definition: &Value) -> Registered {
    try_register(definition).unwrap_or_else(|message| panic!("{message}: {definition:#}"))
}
