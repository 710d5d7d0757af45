//! What `longshore run` is pointed at: a registered task definition, or a file that is registered first.
//!
//! A file is sent as it is. Longshore only takes off what DescribeTaskDefinition adds, so that its answer can be used
//! as a file; ECS is the judge of the rest.

use std::path::PathBuf;

use longshore_aws::{ContainerSummary, LogDriver};
use longshore_model::task_definition::TaskSpec;
use serde_json::{Map, Value};

use crate::error::Failed;

/// Members that DescribeTaskDefinition adds and RegisterTaskDefinition does not take.
const DESCRIBE_ONLY: [&str; 9] = [
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

/// What the user named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reference {
    /// `family`, `family:revision` or an ARN.
    Registered(String),
    File(PathBuf),
}

/// A task definition from a file, ready to be registered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Definition {
    pub(crate) family: String,
    /// The input of RegisterTaskDefinition.
    pub(crate) input: Value,
    pub(crate) containers: Vec<ContainerSummary>,
    /// What looks wrong, but is ECS's to judge.
    pub(crate) warnings: Vec<String>,
}

/// Tells names from paths: a family has only letters, digits, `-` and `_`, and a path to a file hardly ever has.
pub(crate) fn reference(text: &str) -> Reference {
    let (family, revision) =
        text.split_once(':').map_or((text, None), |(family, revision)| (family, Some(revision)));
    let is_family =
        !family.is_empty() && family.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let is_revision = revision.is_none_or(|revision| revision.parse::<u32>().is_ok());
    if text.starts_with("arn:") || (is_family && is_revision) {
        Reference::Registered(text.to_owned())
    } else {
        Reference::File(text.into())
    }
}

/// Reads a file's text. `name` decides between JSON and YAML, and is for error messages.
pub(crate) fn parse(name: &str, text: &str) -> Result<Definition, Failed> {
    let mut document = match value(name, text)? {
        Value::Object(members) => members,
        _ => return Err(not_a_definition(name)),
    };
    let mut input = match document.remove("taskDefinition") {
        Some(Value::Object(mut members)) => {
            // `describe-task-definition --include TAGS` puts the tags beside the definition.
            if let Some(tags) = document.remove("tags") {
                members.entry("tags").or_insert(tags);
            }
            members
        }
        Some(_) => return Err(not_a_definition(name)),
        None => document,
    };
    for member in DESCRIBE_ONLY {
        input.remove(member);
    }
    if !input.contains_key("containerDefinitions") {
        return Err(not_a_definition(name));
    }
    let Some(family) = input.get("family").and_then(Value::as_str).map(ToOwned::to_owned) else {
        return Err(Failed::new(format!("`{name}` has no `family`"))
            .with_hint("every task definition belongs to one: add \"family\": \"NAME\""));
    };
    let warnings = warnings(&input);
    Ok(Definition { family, containers: containers(&input), warnings, input: Value::Object(input) })
}

fn value(name: &str, text: &str) -> Result<Value, Failed> {
    let cannot = |error: anyhow::Error| Failed::new(format!("cannot read `{name}`")).caused_by(error);
    let yaml = |text| serde_saphyr::from_str::<Value>(text).map_err(|error| anyhow::anyhow!("{error}"));
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

fn not_a_definition(name: &str) -> Failed {
    Failed::new(format!("`{name}` is not a task definition"))
        .with_hint("it needs `family` and `containerDefinitions`, or both inside `taskDefinition`")
}

/// Members that ECS did not have when this version was made, and values of another type than ECS's.
fn warnings(input: &Map<String, Value>) -> Vec<String> {
    let mut known = input.clone();
    known.remove("tags");
    let mut unknown = Vec::new();
    let mut found = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(Value::Object(known), &mut track);
    let read: Result<TaskSpec, _> = serde_ignored::deserialize(tracked, |path| {
        unknown.push(path.to_string().replace(".?", ""));
    });
    if !unknown.is_empty() {
        let names: Vec<String> = unknown.iter().map(|name| format!("`{name}`")).collect();
        found.push(format!("unknown to this version, sent to ECS all the same: {}", names.join(", ")));
    }
    if let Err(error) = read {
        found.push(format!("`{}` may be refused by ECS: {error}", track.path()));
    }
    found
}

/// As far as the choice of a container needs it. What has another shape is left to ECS to refuse.
fn containers(input: &Map<String, Value>) -> Vec<ContainerSummary> {
    let text = |value: &Value, member: &str| value.get(member).and_then(Value::as_str).map(ToOwned::to_owned);
    let log_driver = |definition: &Value| {
        let log = definition.get("logConfiguration")?;
        let options = log.get("options").and_then(Value::as_object);
        let options = options.into_iter().flatten();
        Some(LogDriver {
            name: text(log, "logDriver")?,
            options: options
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
        })
    };
    let definitions = input.get("containerDefinitions").and_then(Value::as_array);
    definitions
        .into_iter()
        .flatten()
        .map(|definition| ContainerSummary {
            name: text(definition, "name").unwrap_or_default(),
            essential: definition.get("essential").and_then(Value::as_bool).unwrap_or(true),
            log_driver: log_driver(definition),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references() {
        for name in ["web", "web:3", "my_job-2", "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:3"] {
            assert_eq!(reference(name), Reference::Registered(name.into()), "{name}");
        }
        for path in ["task.json", "./web", "ecs/web", "web:latest", "", "tasks/web.yaml"] {
            assert_eq!(reference(path), Reference::File(path.into()), "{path}");
        }
    }

    #[test]
    fn described_and_registered_shapes_give_the_same_input() {
        let registered = json!({"family": "web", "containerDefinitions": [{"name": "app"}], "cpu": "256"});
        let mut described = registered.clone();
        for member in DESCRIBE_ONLY {
            described[member] = json!("x");
        }
        let wrapped = json!({"taskDefinition": described, "tags": [{"key": "a"}]});
        assert_eq!(parse("t.json", &registered.to_string()).unwrap().input, registered);
        assert_eq!(parse("t.json", &described.to_string()).unwrap().input, registered);
        let mut with_tags = registered;
        with_tags["tags"] = json!([{"key": "a"}]);
        let found = parse("t.json", &wrapped.to_string()).unwrap();
        assert_eq!(found.input, with_tags);
        assert_eq!(found.warnings, [""; 0], "tags are known");
    }

    #[test]
    fn yaml_is_read_like_json() {
        let text = "family: job # ours\ncontainerDefinitions:\n  - name: app\n    image: busybox\n    cpu: 10\n    \
                    essential: false\n    command: ['sh', '-c', 'exit 7']\n    logConfiguration:\n      logDriver: \
                    awslogs\n      options: {awslogs-group: /job}\n";
        let found = parse("job.yaml", text).unwrap();
        assert_eq!(
            found.input["containerDefinitions"][0],
            json!({"name": "app", "image": "busybox", "cpu": 10, "essential": false,
                "command": ["sh", "-c", "exit 7"],
                "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/job"}}})
        );
        let [app] = &found.containers[..] else { panic!("{found:?}") };
        assert!(!app.essential);
        assert_eq!(app.log_driver.as_ref().unwrap().options["awslogs-group"], "/job");
    }

    #[test]
    fn what_looks_wrong_is_named_and_sent_all_the_same() {
        let text = r#"{"family": "web", "fmaily": 1, "containerDefinitions":
            [{"name": "app", "memroy": 5, "logConfiguration": {"logDriver": "awslogs", "opts": {}}}]}"#;
        let found = parse("t.json", text).unwrap();
        assert_eq!(
            found.warnings,
            ["unknown to this version, sent to ECS all the same: \
              `containerDefinitions.0.logConfiguration.opts`, `containerDefinitions.0.memroy`, `fmaily`"]
        );
        assert_eq!(found.input["fmaily"], json!(1));

        let text =
            "family: web\ncontainerDefinitions:\n- {name: app, environment: [{name: PORT, value: 8080}]}";
        let found = parse("t.yaml", text).unwrap();
        assert!(
            found.warnings[0]
                .starts_with("`containerDefinitions[0].environment[0].value` may be refused by ECS"),
            "{:?}",
            found.warnings
        );
    }

    #[test]
    fn what_is_no_task_definition_is_refused() {
        let message = |name, text| parse(name, text).unwrap_err().to_string();
        assert_eq!(message("t.json", "[]"), "`t.json` is not a task definition");
        assert_eq!(message("t.json", r#"{"taskDefinition": "web:3"}"#), "`t.json` is not a task definition");
        assert_eq!(message("t.json", r#"{"service": {}}"#), "`t.json` is not a task definition");
        assert_eq!(message("t.json", r#"{"containerDefinitions": []}"#), "`t.json` has no `family`");
        assert_eq!(message("t.json", "{"), "cannot read `t.json`");
        assert_eq!(message("t.yaml", "a: [b"), "cannot read `t.yaml`");
    }
}
