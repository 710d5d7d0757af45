//! Running, describing and stopping tasks.

use aws_sdk_ecs::types;
use aws_smithy_types::DateTime;
use longshore_model::Timestamp;
use longshore_model::network::{CapacityProviderStrategyItem, LaunchType, NetworkConfiguration};
use longshore_model::task::ContainerOverride;
use serde::Serialize;

use crate::Aws;
use crate::error::{Error, Kind};
use crate::http::replace_body;

/// ECS starts at most this many tasks in one call.
pub const MAX_TASKS_PER_RUN: u8 = 10;

/// ECS describes at most this many tasks in one call.
pub const MAX_TASKS_PER_DESCRIBE: usize = 100;

/// The input of RunTask. It is sent as it is serialised, so what a dry run prints is what goes out.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunTask {
    /// Name or ARN.
    pub cluster: String,
    /// Family, `family:revision` or ARN.
    pub task_definition: String,
    /// 1-10.
    pub count: u8,
    /// Where it runs; excludes a strategy.
    pub launch_type: Option<LaunchType>,
    /// Which capacity it runs on; excludes a launch type.
    pub capacity_provider_strategy: Option<Vec<CapacityProviderStrategyItem>>,
    /// For networkMode awsvpc.
    pub network_configuration: Option<NetworkConfiguration>,
    /// What differs from the task definition.
    pub overrides: Option<Overrides>,
    /// Whom the tasks belong to, at most 36 characters.
    pub started_by: Option<String>,
    /// The same token starts the same tasks once, however often the call is made.
    pub client_token: Option<String>,
}

/// What differs from the task definition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overrides {
    /// By container.
    pub container_overrides: Vec<ContainerOverride>,
}

/// What RunTask did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Started {
    /// Placed, or waiting for capacity.
    pub tasks: Vec<Task>,
    /// Why others were not.
    pub failures: Vec<Failure>,
}

/// What DescribeTasks knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Described {
    /// Those that it knows, in any order.
    pub tasks: Vec<Task>,
    /// `MISSING` for those that it does not.
    pub failures: Vec<Failure>,
}

/// A refusal inside a successful answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failure {
    /// The object that did not fit, often a container instance.
    pub arn: Option<String>,
    /// Such as `RESOURCE:MEMORY`.
    pub reason: String,
    /// More words, rarely.
    pub detail: Option<String>,
}

/// A task. Words that ECS may add to are strings here, so that a new one is shown and not refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Task {
    /// `arn:aws:ecs:REGION:ACCOUNT:task/CLUSTER/ID`.
    pub arn: String,
    /// Its cluster.
    pub cluster_arn: String,
    /// The exact revision.
    pub task_definition_arn: String,
    /// `PROVISIONING` to `STOPPED`.
    pub last_status: String,
    /// `RUNNING` or `STOPPED`.
    pub desired_status: String,
    /// Such as `EssentialContainerExited`.
    pub stop_code: Option<String>,
    /// ECS's words for it.
    pub stopped_reason: Option<String>,
    /// When RunTask took it.
    pub created_at: Option<Timestamp>,
    /// When it reached RUNNING.
    pub started_at: Option<Timestamp>,
    /// When it reached STOPPED.
    pub stopped_at: Option<Timestamp>,
    /// Its containers.
    pub containers: Vec<Container>,
}

/// A container of a task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// Its name in the task definition.
    pub name: String,
    /// `PENDING`, `RUNNING` or `STOPPED`.
    pub last_status: String,
    /// Absent while it runs, and for ever when it never started.
    pub exit_code: Option<i32>,
    /// Why it failed, when ECS knows.
    pub reason: Option<String>,
    /// The runtime's id, once it was created.
    pub runtime_id: Option<String>,
}

impl Task {
    /// The id at the end of the ARN.
    #[must_use]
    pub fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it is over: nothing of it changes any more.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.last_status.as_str(), "STOPPED" | "DELETED")
    }
}

impl Aws {
    /// Starts tasks. A call that only starts some of them succeeds, with failures.
    pub async fn run_task(&self, request: &RunTask) -> Result<Started, Error> {
        let what = format!("run `{}` on cluster `{}`", request.task_definition, request.cluster);
        let body = serde_json::to_vec(request)
            .map_err(|error| Error::new(Kind::Bug, format!("cannot {what}: {error}")))?;
        let answer = self
            .ecs
            .run_task()
            .customize()
            .mutate_request(move |request| replace_body(request, &body))
            .send()
            .await
            .map_err(|error| Error::from_sdk(&what, self.place(), error))?;
        Ok(Started { tasks: tasks(answer.tasks()), failures: failures(answer.failures()) })
    }

    /// Describes at most [`MAX_TASKS_PER_DESCRIBE`] tasks of a cluster.
    pub async fn describe_tasks(&self, cluster: &str, arns: &[String]) -> Result<Described, Error> {
        let answer =
            self.ecs.describe_tasks().cluster(cluster).set_tasks(Some(arns.to_vec())).send().await.map_err(
                |error| {
                    Error::from_sdk(&format!("describe tasks of cluster `{cluster}`"), self.place(), error)
                },
            )?;
        Ok(Described { tasks: tasks(answer.tasks()), failures: failures(answer.failures()) })
    }

    /// Asks a task to stop. `reason` becomes its `stoppedReason`.
    pub async fn stop_task(&self, cluster: &str, arn: &str, reason: &str) -> Result<(), Error> {
        self.ecs.stop_task().cluster(cluster).task(arn).reason(reason).send().await.map_err(|error| {
            Error::from_sdk(&format!("stop task `{arn}` of cluster `{cluster}`"), self.place(), error)
        })?;
        Ok(())
    }
}

fn tasks(answer: &[types::Task]) -> Vec<Task> {
    answer.iter().map(task).collect()
}

fn task(answer: &types::Task) -> Task {
    Task {
        arn: text(answer.task_arn()),
        cluster_arn: text(answer.cluster_arn()),
        task_definition_arn: text(answer.task_definition_arn()),
        last_status: text(answer.last_status()),
        desired_status: text(answer.desired_status()),
        stop_code: answer.stop_code().map(|code| code.as_str().to_owned()),
        stopped_reason: answer.stopped_reason().map(ToOwned::to_owned),
        created_at: answer.created_at().and_then(timestamp),
        started_at: answer.started_at().and_then(timestamp),
        stopped_at: answer.stopped_at().and_then(timestamp),
        containers: answer.containers().iter().map(container).collect(),
    }
}

fn container(answer: &types::Container) -> Container {
    Container {
        name: text(answer.name()),
        last_status: text(answer.last_status()),
        exit_code: answer.exit_code(),
        reason: answer.reason().map(ToOwned::to_owned),
        runtime_id: answer.runtime_id().map(ToOwned::to_owned),
    }
}

fn failures(answer: &[types::Failure]) -> Vec<Failure> {
    let failure = |answer: &types::Failure| Failure {
        arn: answer.arn().map(ToOwned::to_owned),
        reason: text(answer.reason()),
        detail: answer.detail().map(ToOwned::to_owned),
    };
    answer.iter().map(failure).collect()
}

fn text(answer: Option<&str>) -> String {
    answer.unwrap_or_default().to_owned()
}

fn timestamp(time: &DateTime) -> Option<Timestamp> {
    time.to_millis().ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Replay;

    fn request() -> RunTask {
        RunTask {
            cluster: "default".into(),
            task_definition: "web:3".into(),
            count: 1,
            client_token: Some("token".into()),
            ..RunTask::default()
        }
    }

    #[tokio::test]
    async fn what_is_serialised_is_what_is_sent_even_when_it_is_sent_again() {
        let busy = r#"{"__type":"ServerException","message":"later"}"#;
        let (aws, replay) = Replay::of([(500, busy), (200, r#"{"tasks":[],"failures":[]}"#)]).await;
        assert_eq!(aws.run_task(&request()).await.unwrap(), Started::default());
        let sent = replay.sent();
        assert_eq!(sent.len(), 2);
        for attempt in sent {
            assert_eq!(attempt.body, serde_json::to_string(&request()).unwrap());
        }
    }

    #[tokio::test]
    async fn an_unknown_word_is_kept_and_a_missing_exit_code_stays_missing() {
        let answer = r#"{"tasks":[{"taskArn":"arn:aws:ecs:r:1:task/default/0af3","lastStatus":"STOPPED",
            "stopCode":"InfrastructureHealth","stoppedAt":1700000000.5,
            "containers":[{"name":"app","exitCode":7},{"name":"side","reason":"CannotPullContainerError: x"}]}],
            "failures":[{"arn":"arn:aws:ecs:r:1:task/default/9","reason":"MISSING"}]}"#;
        let (aws, _) = Replay::of([(200, answer)]).await;
        let described = aws.describe_tasks("default", &["0af3".into(), "9".into()]).await.unwrap();
        let task = &described.tasks[0];
        assert_eq!((task.id(), task.is_stopped()), ("0af3", true));
        assert_eq!(task.stop_code.as_deref(), Some("InfrastructureHealth"));
        assert_eq!(task.stopped_at, Some(Timestamp(1_700_000_000_500)));
        assert_eq!(task.containers[0].exit_code, Some(7));
        assert_eq!(task.containers[1].exit_code, None);
        assert_eq!(described.failures[0].reason, "MISSING");
    }

    #[tokio::test]
    async fn nobody_there_is_unavailable_and_says_where_and_why() {
        let (aws, replay) = Replay::of([]).await;
        let error = aws.stop_task("default", "0af3", "because").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
        assert_eq!(
            error.to_string(),
            "cannot stop task `0af3` of cluster `default`: http://localhost:1 does not answer"
        );
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "connection refused");
        assert!(replay.sent().len() > 1, "a lost connection is tried again");
    }
}
