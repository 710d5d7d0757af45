//! Running, describing and stopping tasks.

use async_trait::async_trait;
use aws_config::retry::RetryConfig;
use aws_sdk_ecs::config::Builder;
use aws_sdk_ecs::operation::run_task::RunTaskError;
use aws_sdk_ecs::types;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::DateTime;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use longshore_model::call::{ListTasks, RunTask, StartTask};
use longshore_model::seen::{
    Binding, Container, Described, Failure, Instance, Started, Task, TaskDefinition,
};
use longshore_model::{Error, Kind, Timestamp};
use longshore_world::Ecs;
use serde::Serialize;

use crate::http::replace_body;
use crate::{Aws, error};

/// ECS lists at most this many tasks in one page.
const PAGE: i32 = 100;

impl Aws {
    fn error<E>(&self, what: &str, error: SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        error::of_call(what, self.place(), error)
    }
}

#[async_trait]
impl Ecs for Aws {
    async fn run_task(&self, request: &RunTask) -> Result<Started, Error> {
        let what = format!("run `{}` on cluster `{}`", request.task_definition, request.cluster);
        let body = body(&what, request)?;
        let answer = self
            .ecs
            .run_task()
            .customize()
            .mutate_request(move |request| replace_body(request, &body))
            .send()
            .await
            .map_err(|error| {
                let known = match error.as_service_error() {
                    Some(RunTaskError::ConflictException(conflict)) => conflict.resource_ids().to_vec(),
                    _ => Vec::new(),
                };
                self.error(&what, error).with_resource_ids(known)
            })?;
        Ok(Started { tasks: tasks(answer.tasks()), failures: failures(answer.failures()) })
    }

    async fn start_task(&self, request: &StartTask) -> Result<Started, Error> {
        let what = format!("start `{}` on cluster `{}`", request.task_definition, request.cluster);
        let body = body(&what, request)?;
        let once = Builder::new().retry_config(RetryConfig::disabled());
        let answer = self
            .ecs
            .start_task()
            .customize()
            .config_override(once)
            .mutate_request(move |request| replace_body(request, &body))
            .send()
            .await
            .map_err(|error| self.error(&what, error))?;
        Ok(Started { tasks: tasks(answer.tasks()), failures: failures(answer.failures()) })
    }

    async fn describe_tasks(&self, cluster: &str, arns: &[String]) -> Result<Described, Error> {
        let what = format!("describe tasks of cluster `{cluster}`");
        let call = self.ecs.describe_tasks().cluster(cluster).set_tasks(Some(arns.to_vec()));
        let answer = call.send().await.map_err(|error| self.error(&what, error))?;
        Ok(Described { tasks: tasks(answer.tasks()), failures: failures(answer.failures()) })
    }

    async fn list_tasks(&self, request: &ListTasks) -> Result<Vec<String>, Error> {
        let what = format!("list tasks of cluster `{}`", request.cluster);
        let status = request.stopped.then_some(types::DesiredStatus::Stopped);
        let mut pages = self
            .ecs
            .list_tasks()
            .cluster(&request.cluster)
            .set_started_by(request.started_by.clone())
            .set_family(request.family.clone())
            .set_service_name(request.service.clone())
            .set_desired_status(status)
            .into_paginator()
            .page_size(PAGE)
            .send();
        let mut arns = Vec::new();
        while let Some(page) = pages.next().await {
            arns.extend_from_slice(page.map_err(|error| self.error(&what, error))?.task_arns());
        }
        Ok(arns)
    }

    async fn stop_task(&self, cluster: &str, arn: &str, reason: &str) -> Result<(), Error> {
        let what = format!("stop task `{arn}` of cluster `{cluster}`");
        let call = self.ecs.stop_task().cluster(cluster).task(arn).reason(reason);
        call.send().await.map_err(|error| self.error(&what, error))?;
        Ok(())
    }

    async fn describe_task_definition(&self, name: &str) -> Result<TaskDefinition, Error> {
        self.describe_revision(name).await
    }

    async fn describe_container_instances(
        &self,
        cluster: &str,
        arns: &[String],
    ) -> Result<Vec<Instance>, Error> {
        let what = format!("describe container instances of cluster `{cluster}`");
        let call = self.ecs.describe_container_instances().cluster(cluster);
        let call = call.set_container_instances(Some(arns.to_vec()));
        let answer = call.send().await.map_err(|error| self.error(&what, error))?;
        Ok(answer.container_instances().iter().map(instance).collect())
    }
}

fn body(what: &str, request: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(request).map_err(|error| Error::new(Kind::Bug, format!("cannot {what}: {error}")))
}

fn instance(answer: &types::ContainerInstance) -> Instance {
    let free = |name: &str| {
        let resource = answer.remaining_resources().iter().find(|resource| resource.name() == Some(name));
        resource.map_or(0, |resource| i64::from(resource.integer_value()))
    };
    Instance {
        arn: text(answer.container_instance_arn()),
        free_cpu: free("CPU"),
        free_memory: free("MEMORY"),
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
        container_instance_arn: answer.container_instance_arn().map(ToOwned::to_owned),
        group: answer.group().map(ToOwned::to_owned),
        started_by: answer.started_by().map(ToOwned::to_owned),
        last_status: text(answer.last_status()),
        desired_status: text(answer.desired_status()),
        stop_code: answer.stop_code().map(|code| code.as_str().to_owned()),
        stopped_reason: answer.stopped_reason().map(ToOwned::to_owned),
        created_at: answer.created_at().and_then(timestamp),
        started_at: answer.started_at().and_then(timestamp),
        stopped_at: answer.stopped_at().and_then(timestamp),
        containers: answer.containers().iter().map(container).collect(),
        private_ip: private_ip(answer),
    }
}

fn container(answer: &types::Container) -> Container {
    Container {
        name: text(answer.name()),
        last_status: text(answer.last_status()),
        exit_code: answer.exit_code(),
        reason: answer.reason().map(ToOwned::to_owned),
        runtime_id: answer.runtime_id().map(ToOwned::to_owned),
        bindings: answer.network_bindings().iter().filter_map(binding).collect(),
    }
}

/// The address of a task's own network interface: all of its containers are behind it.
fn private_ip(answer: &types::Task) -> Option<String> {
    let mut interfaces = answer.containers().iter().flat_map(types::Container::network_interfaces);
    interfaces.find_map(|interface| interface.private_ipv4_address().map(ToOwned::to_owned))
}

fn binding(answer: &types::NetworkBinding) -> Option<Binding> {
    if answer.protocol() == Some(&types::TransportProtocol::Udp) {
        return None;
    }
    let port = |port: Option<i32>| u16::try_from(port?).ok().filter(|port| *port > 0);
    Some(Binding { container_port: port(answer.container_port())?, host_port: port(answer.host_port())? })
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
    async fn a_conflict_names_the_tasks_that_the_token_has_started() {
        let conflict =
            r#"{"__type":"ConflictException","message":"no","resourceIds":["arn:task/a","arn:task/b"]}"#;
        let (aws, _) = Replay::of([(400, conflict)]).await;
        let error = aws.run_task(&request()).await.unwrap_err();
        assert_eq!((error.kind(), error.resource_ids().len()), (Kind::Conflict, 2));
    }

    #[tokio::test]
    async fn what_has_no_client_token_is_sent_once() {
        let busy = r#"{"__type":"ServerException","message":"later"}"#;
        let (aws, replay) = Replay::of([(500, busy), (200, "{}")]).await;
        let request = StartTask { container_instances: vec!["i".into()], ..StartTask::default() };
        assert_eq!(aws.start_task(&request).await.unwrap_err().kind(), Kind::Unavailable);
        assert_eq!(replay.sent().len(), 1);
    }

    #[tokio::test]
    async fn all_pages_are_listed() {
        let pages = [r#"{"taskArns":["a","b"],"nextToken":"2"}"#, r#"{"taskArns":["c"]}"#];
        let (aws, replay) = Replay::of(pages.map(|page| (200, page))).await;
        let filter = ListTasks { cluster: "c".into(), started_by: Some("me".into()), ..ListTasks::default() };
        assert_eq!(aws.list_tasks(&filter).await.unwrap(), ["a", "b", "c"]);
        assert!(replay.sent()[1].body.contains(r#""nextToken":"2""#));
        assert!(!replay.sent()[0].body.contains("desiredStatus"), "startedBy is to be the only filter");
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
    async fn where_a_task_is_reached() {
        let answer = r#"{"tasks":[{"taskArn":"a","containers":[{"name":"side"},{"name":"app",
            "networkInterfaces":[{"attachmentId":"x","privateIpv4Address":"10.0.0.7"}]}]},
            {"taskArn":"b","containers":[{"name":"app","networkInterfaces":[],"networkBindings":[
            {"bindIP":"0.0.0.0","containerPort":80,"hostPort":32768,"protocol":"tcp"},
            {"bindIP":"0.0.0.0","containerPort":53,"hostPort":32769,"protocol":"udp"},
            {"bindIP":"0.0.0.0","containerPortRange":"90-92","protocol":"tcp"}]}]}]}"#;
        let (aws, _) = Replay::of([(200, answer)]).await;
        let tasks = aws.describe_tasks("default", &["a".into(), "b".into()]).await.unwrap().tasks;
        assert_eq!(
            (tasks[0].private_ip.as_deref(), tasks[1].private_ip.as_deref()),
            (Some("10.0.0.7"), None)
        );
        assert_eq!(tasks[0].containers[1].bindings, []);
        assert_eq!(tasks[1].containers[0].bindings, [Binding { container_port: 80, host_port: 32768 }]);
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
