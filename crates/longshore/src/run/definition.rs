//! What `longshore run` is pointed at: a registered task definition, or a file that says what is to be registered.
//!
//! A file is sent as it is. Longshore only takes off what DescribeTaskDefinition adds, so that its answer can be used
//! as a file; ECS is the judge of the rest.

use std::path::{Path, PathBuf};

use longshore_decide::task_definition::register_input;
use longshore_model::seen::{ContainerSummary, LogDriver, TaskDefinition};
use longshore_model::task_definition::TaskSpec;
use serde_json::{Map, Value};

use super::file;
use crate::error::Failed;

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

impl Definition {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failed> {
        let text = file::text(path, "the task definition").map_err(|failed| {
            failed.with_hint("name a file, or a registered FAMILY, FAMILY:REVISION or ARN")
        })?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Reads a file's text. `name` decides between JSON and YAML, and is for error messages.
    fn parse(name: &str, text: &str) -> Result<Self, Failed> {
        let Some(input) = register_input(&file::document(name, text)?) else {
            return Err(Failed::new(format!("`{name}` is not a task definition"))
                .with_hint("it needs `family` and `containerDefinitions`, or both inside `taskDefinition`"));
        };
        let Some(family) = input.get("family").and_then(Value::as_str).map(ToOwned::to_owned) else {
            return Err(Failed::new(format!("`{name}` has no `family`"))
                .with_hint("every task definition belongs to one: add \"family\": \"NAME\""));
        };
        let containers = containers(&input);
        let mut known = input.clone();
        known.remove("tags");
        let warnings = file::unlike::<TaskSpec>(known).sentences();
        Ok(Self { family, containers, warnings, input: Value::Object(input) })
    }

    /// What is known of the revision before there is one: it goes by its family's name.
    pub(crate) fn unregistered(&self) -> TaskDefinition {
        let containers = self.containers.clone();
        TaskDefinition { arn: self.family.clone(), containers, ..TaskDefinition::default() }
    }
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
            ..ContainerSummary::default()
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
    fn yaml_is_read_like_json() {
        let text = "family: job # ours\ncontainerDefinitions:\n  - name: app\n    image: busybox\n    cpu: 10\n    \
                    essential: false\n    command: ['sh', '-c', 'exit 7']\n    logConfiguration:\n      logDriver: \
                    awslogs\n      options: {awslogs-group: /job}\n";
        let found = Definition::parse("job.yaml", text).unwrap();
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
        let text = r#"{"family": "web", "fmaily": 1, "tags": [{"key": "a"}], "containerDefinitions":
            [{"name": "app", "memroy": 5, "logConfiguration": {"logDriver": "awslogs", "opts": {}}}]}"#;
        let found = Definition::parse("t.json", text).unwrap();
        assert_eq!(
            found.warnings,
            ["unknown to this version, sent to ECS all the same: \
              `containerDefinitions.0.logConfiguration.opts`, `containerDefinitions.0.memroy`, `fmaily`"]
        );
        assert_eq!(found.input["fmaily"], json!(1));
    }

    #[test]
    fn what_is_no_task_definition_is_refused() {
        let message = |name, text| Definition::parse(name, text).unwrap_err().to_string();
        for other in ["[]", r#"{"taskDefinition": "web:3"}"#, r#"{"service": {}}"#] {
            assert_eq!(message("t.json", other), "`t.json` is not a task definition");
        }
        assert_eq!(message("t.json", r#"{"containerDefinitions": []}"#), "`t.json` has no `family`");
    }
}
