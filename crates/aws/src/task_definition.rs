//! Registering and describing task definitions.

use aws_sdk_ecs::types;
use longshore_model::seen::{ContainerSummary, Environment, LogDriver, TaskDefinition};
use longshore_model::{Error, Kind};
use serde_json::{Value, json};

use crate::http::replace_body;
use crate::{Aws, error};

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
            .map_err(|error| error::of_call(&what, self.place(), error))
            .and_then(|answer| summary(&what, answer.task_definition()))
    }

    /// Describes a revision with its tags, as ECS's own JSON: `{"taskDefinition": {...}, "tags": [...]}`. `name` is a
    /// family (its latest active revision), `family:revision` or an ARN.
    pub async fn describe_task_definition_json(&self, name: &str) -> Result<Value, Error> {
        let what = format!("describe task definition `{name}`");
        let input = json!({"taskDefinition": name, "include": ["TAGS"]});
        self.ecs_json("DescribeTaskDefinition", &what, &input).await
    }

    pub(crate) async fn describe_revision(&self, name: &str) -> Result<TaskDefinition, Error> {
        let what = format!("describe task definition `{name}`");
        self.ecs
            .describe_task_definition()
            .task_definition(name)
            .send()
            .await
            .map_err(|error| error::of_call(&what, self.place(), error))
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
        cpu: size(answer.cpu(), answer.container_definitions().iter().map(types::ContainerDefinition::cpu)),
        memory: size(answer.memory(), answer.container_definitions().iter().map(memory)),
        containers: answer.container_definitions().iter().map(container).collect(),
    })
}

/// What a task reserves on an instance: its own size, or else the sum of its containers'.
fn size(of_task: Option<&str>, of_containers: impl Iterator<Item = i32>) -> i64 {
    of_task.and_then(|size| size.parse().ok()).unwrap_or_else(|| of_containers.map(i64::from).sum())
}

/// A container reserves its soft limit, or without one its hard limit.
fn memory(definition: &types::ContainerDefinition) -> i32 {
    definition.memory_reservation().or(definition.memory()).unwrap_or_default()
}

fn environment(definition: &types::ContainerDefinition) -> Environment {
    let values = definition.environment().iter().filter_map(|pair| Some((pair.name()?, pair.value()?)));
    let secrets = definition.secrets().iter().map(|secret| (secret.name(), secret.value_from()));
    Environment(values.chain(secrets).map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn container(definition: &types::ContainerDefinition) -> ContainerSummary {
    ContainerSummary {
        name: definition.name().unwrap_or_default().to_owned(),
        essential: definition.essential().unwrap_or(true),
        environment: environment(definition),
        log_driver: definition.log_configuration().map(|log| LogDriver {
            name: log.log_driver().as_str().to_owned(),
            options: log.options().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
    async fn members_that_nobody_here_knows_are_kept() {
        let answer = r#"{"taskDefinition":{"family":"web","memberOfTomorrow":{"a":1}},"tags":[{"key":"k","value":"v"}]}"#;
        let (aws, replay) = Replay::of([(200, answer)]).await;
        let described = aws.describe_task_definition_json("web").await.unwrap();
        assert_eq!(described, serde_json::from_str::<Value>(answer).unwrap());
        let sent = replay.sent();
        assert_eq!(sent[0].target, "AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition");
        assert_eq!(sent[0].body, r#"{"include":["TAGS"],"taskDefinition":"web"}"#);
        assert_eq!(sent[0].header("content-type"), Some("application/x-amz-json-1.1"));
    }

    #[tokio::test]
    async fn a_refusal_names_the_object_and_keeps_the_services_words() {
        let refusal = r#"{"__type":"ClientException","message":"Unable to describe task definition."}"#;
        let (aws, _) = Replay::of([(400, refusal)]).await;
        let error = aws.describe_revision("web:9").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot describe task definition `web:9`: ClientException: Unable to describe task definition."
        );
        assert_eq!(error.kind(), Kind::NotFound);
    }
}
