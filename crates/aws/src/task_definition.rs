//! Registering and describing task definitions.

use std::collections::BTreeMap;

use aws_sdk_ecs::types;

use crate::Aws;
use crate::error::{Error, Kind};
use crate::http::replace_body;

/// What a run needs to know of a registered revision.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskDefinition {
    /// With the exact revision.
    pub arn: String,
    /// `awsvpc`, `bridge`, `host` or `none`; absent means bridge.
    pub network_mode: Option<String>,
    /// The launch types that it is valid for.
    pub compatibilities: Vec<String>,
    /// In the order of the definition.
    pub containers: Vec<ContainerSummary>,
}

/// A container of a task definition, without what ECS alone needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContainerSummary {
    /// Unique in the task definition.
    pub name: String,
    /// Whether its end ends the task.
    pub essential: bool,
    /// Where its output goes; absent means that it stays on the instance.
    pub log_driver: Option<LogDriver>,
}

/// A container's log configuration, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogDriver {
    /// Such as `awslogs`.
    pub name: String,
    /// Such as `awslogs-group`.
    pub options: BTreeMap<String, String>,
}

impl Aws {
    /// Registers a revision. `json` is the input of RegisterTaskDefinition and is sent as it is: the SDK's own types
    /// would drop the members that they do not know. `name` is for error messages.
    pub async fn register_task_definition(&self, name: &str, json: String) -> Result<TaskDefinition, Error> {
        let what = format!("register task definition `{name}`");
        self.ecs
            .register_task_definition()
            .customize()
            .mutate_request(move |request| replace_body(request, json.as_bytes()))
            .send()
            .await
            .map_err(|error| Error::from_sdk(&what, self.place(), error))
            .and_then(|answer| summary(&what, answer.task_definition()))
    }

    /// Describes a revision. `name` is a family (its latest active revision), `family:revision` or an ARN.
    pub async fn describe_task_definition(&self, name: &str) -> Result<TaskDefinition, Error> {
        let what = format!("describe task definition `{name}`");
        self.ecs
            .describe_task_definition()
            .task_definition(name)
            .send()
            .await
            .map_err(|error| Error::from_sdk(&what, self.place(), error))
            .and_then(|answer| summary(&what, answer.task_definition()))
    }
}

fn summary(what: &str, answer: Option<&types::TaskDefinition>) -> Result<TaskDefinition, Error> {
    let Some((answer, arn)) = answer.and_then(|answer| Some((answer, answer.task_definition_arn()?))) else {
        return Err(Error::new(Kind::Bug, format!("cannot {what}: the answer has no task definition")));
    };
    Ok(TaskDefinition {
        arn: arn.to_owned(),
        network_mode: answer.network_mode().map(|mode| mode.as_str().to_owned()),
        compatibilities: answer.compatibilities().iter().map(|word| word.as_str().to_owned()).collect(),
        containers: answer.container_definitions().iter().map(container).collect(),
    })
}

fn container(definition: &types::ContainerDefinition) -> ContainerSummary {
    ContainerSummary {
        name: definition.name().unwrap_or_default().to_owned(),
        essential: definition.essential().unwrap_or(true),
        log_driver: definition.log_configuration().map(|log| LogDriver {
            name: log.log_driver().as_str().to_owned(),
            options: log.options().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use crate::replay::Replay;

    const ANSWER: &str = r#"{"taskDefinition": {
        "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:3",
        "networkMode": "awsvpc", "compatibilities": ["EC2", "FARGATE"],
        "containerDefinitions": [
            {"name": "app", "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/web"}}},
            {"name": "proxy", "essential": false}
        ]}}"#;

    #[tokio::test]
    async fn the_users_json_is_sent_byte_for_byte() {
        let (aws, replay) = Replay::of([(200, ANSWER)]).await;
        let json = r#"{"family":"web","memberOfTomorrow":{"a":[1,2]}}"#;
        let registered = aws.register_task_definition("web", json.to_owned()).await.unwrap();
        let sent = replay.sent();
        assert_eq!(sent[0].target, "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition");
        assert_eq!(sent[0].body, json);
        assert_eq!(sent[0].content_length, json.len().to_string());
        assert_eq!(registered.arn, "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:3");
        assert_eq!(registered.network_mode.as_deref(), Some("awsvpc"));
        let [app, proxy] = &registered.containers[..] else { panic!("{registered:?}") };
        assert!(app.essential && !proxy.essential);
        assert_eq!(app.log_driver.as_ref().unwrap().options["awslogs-group"], "/web");
        assert_eq!(proxy.log_driver, None);
    }

    #[tokio::test]
    async fn a_refusal_names_the_object_and_keeps_the_services_words() {
        let refusal = r#"{"__type":"ClientException","message":"Unable to describe task definition."}"#;
        let (aws, _) = Replay::of([(400, refusal)]).await;
        let error = aws.describe_task_definition("web:9").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot describe task definition `web:9`: ClientException: Unable to describe task definition."
        );
        assert_eq!(error.kind(), crate::Kind::NotFound);
    }
}
