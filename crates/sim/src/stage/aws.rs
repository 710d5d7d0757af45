//! ECS and its logs, for the hands of a process.

use std::collections::BTreeMap;

use async_trait::async_trait;
use longshore_ecs::Answer;
use longshore_model::call::{ListTasks, RunTask, StartTask};
use longshore_model::seen::{
    Cluster, Described, Instance, LogPage, LogPosition, LogStream, PastDeployment, Service, Started,
    TaskDefinition,
};
use longshore_model::tag::Tag;
use longshore_model::{Error, Kind};
use longshore_world::{Ecs, Logs, Services};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{Hands, Inner};
use crate::logs::Name;
use crate::seen;

impl Hands {
    /// A look whose answer is ECS's own document.
    async fn see(&self, operation: &'static str, what: &str, body: Value) -> Result<Value, Error> {
        let question = body.clone();
        self.look(operation, what, &question, |inner| inner.ask(what, operation, body)).await
    }

    /// A change whose answer is ECS's own document.
    async fn change(&self, operation: &'static str, what: &str, body: Value) -> Result<Value, Error> {
        self.act(operation, what, |inner| {
            inner.note(operation, &body);
            let answer = inner.ask(what, operation, body)?;
            inner.done();
            Ok(answer)
        })
        .await
    }

    /// All items of a list, from all its pages. Any page may fail, and then all of it has.
    async fn pages(
        &self,
        operation: &'static str,
        what: &str,
        mut body: Value,
        list: &str,
    ) -> Result<Vec<String>, Error> {
        let mut all = Vec::new();
        loop {
            let mut page = self.see(operation, what, body.clone()).await?;
            all.extend(member::<Vec<String>>(what, &mut page, list)?);
            let next = page["nextToken"].take();
            if next.is_null() {
                return Ok(all);
            }
            body["nextToken"] = next;
        }
    }

    async fn service(&self, operation: &'static str, what: &str, body: Value) -> Result<Service, Error> {
        read(what, self.change(operation, what, body).await?["service"].take())
    }
}

fn member<T: DeserializeOwned>(what: &str, answer: &mut Value, name: &str) -> Result<T, Error> {
    serde_json::from_value(answer[name].take())
        .map_err(|error| Error::new(Kind::Bug, format!("cannot {what}: {error}")))
}

fn read(what: &str, document: Value) -> Result<Service, Error> {
    Service::read(document).map_err(|error| Error::new(Kind::Bug, format!("cannot {what}: {error}")))
}

fn text<'a>(input: &'a Map<String, Value>, name: &str) -> &'a str {
    input.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[async_trait]
impl Services for Hands {
    async fn describe_services(&self, cluster: &str, names: &[String]) -> Result<Vec<Service>, Error> {
        let what = "describe services";
        let body = json!({"cluster": cluster, "services": names, "include": ["TAGS"]});
        let mut answer = self.see("DescribeServices", what, body).await?;
        let services: Vec<Value> = member(what, &mut answer, "services")?;
        services.into_iter().map(|service| read(what, service)).collect()
    }

    async fn list_services(&self, cluster: &str) -> Result<Vec<String>, Error> {
        self.pages(
            "ListServices",
            "list services",
            json!({"cluster": cluster, "maxResults": 100}),
            "serviceArns",
        )
        .await
    }

    async fn create_service(&self, input: &Map<String, Value>) -> Result<Service, Error> {
        let what = format!("create service `{}`", text(input, "serviceName"));
        self.service("CreateService", &what, Value::Object(input.clone())).await
    }

    async fn update_service(&self, input: &Map<String, Value>) -> Result<Service, Error> {
        let what = format!("update service `{}`", text(input, "service"));
        self.service("UpdateService", &what, Value::Object(input.clone())).await
    }

    async fn delete_service(&self, cluster: &str, name: &str) -> Result<Service, Error> {
        let what = format!("delete service `{name}`");
        self.service("DeleteService", &what, json!({"cluster": cluster, "service": name, "force": true}))
            .await
    }

    async fn past_deployments(&self, _cluster: &str, _name: &str) -> Result<Vec<PastDeployment>, Error> {
        Ok(Vec::new())
    }

    async fn revisions(&self, _arns: &[String]) -> Result<BTreeMap<String, String>, Error> {
        Ok(BTreeMap::new())
    }

    async fn tag(&self, arn: &str, tags: &[Tag]) -> Result<(), Error> {
        self.change("TagResource", "tag", json!({"resourceArn": arn, "tags": tags})).await.map(drop)
    }

    async fn untag(&self, arn: &str, keys: &[String]) -> Result<(), Error> {
        self.change("UntagResource", "untag", json!({"resourceArn": arn, "tagKeys": keys})).await.map(drop)
    }

    async fn register(&self, input: &Map<String, Value>) -> Result<TaskDefinition, Error> {
        let what = format!("register `{}`", text(input, "family"));
        let body = Value::Object(input.clone());
        self.act("RegisterTaskDefinition", &what, |inner| {
            inner.note("RegisterTaskDefinition", &body);
            match inner.state.ask("RegisterTaskDefinition", body, inner.now) {
                Ok(Answer::RegisterTaskDefinition(one)) => {
                    inner.done();
                    Ok(seen::definition(&one.task_definition))
                }
                Ok(_) => Err(Error::new(Kind::Bug, what.clone())),
                Err(fault) => Err(seen::refusal(&what, &fault)),
            }
        })
        .await
    }

    async fn task_definition(&self, name: &str) -> Result<Option<Value>, Error> {
        let body = json!({"taskDefinition": name, "include": ["TAGS"]});
        match self.see("DescribeTaskDefinition", &format!("describe task definition `{name}`"), body).await {
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            answer => answer.map(Some),
        }
    }

    async fn active_revisions(&self, family: &str) -> Result<Vec<String>, Error> {
        let body = json!({"familyPrefix": family, "status": "ACTIVE", "sort": "DESC", "maxResults": 100});
        let mut arns =
            self.pages("ListTaskDefinitions", "list revisions", body, "taskDefinitionArns").await?;
        let is_of = |arn: &String| {
            let name = arn.rsplit('/').next().unwrap_or_default();
            name.rsplit_once(':').is_some_and(|(found, _)| found == family)
        };
        arns.retain(is_of);
        Ok(arns)
    }

    async fn families(&self) -> Result<Vec<String>, Error> {
        let body = json!({"status": "ACTIVE", "maxResults": 100});
        self.pages("ListTaskDefinitionFamilies", "list families", body, "families").await
    }

    async fn list_clusters(&self) -> Result<Vec<String>, Error> {
        self.pages("ListClusters", "list clusters", json!({"maxResults": 100}), "clusterArns").await
    }

    async fn describe_clusters(&self, arns: &[String]) -> Result<Vec<Cluster>, Error> {
        let what = "describe clusters";
        member(what, &mut self.see("DescribeClusters", what, json!({"clusters": arns})).await?, "clusters")
    }

    async fn deregister(&self, arn: &str) -> Result<(), Error> {
        let body = json!({"taskDefinition": arn});
        self.change("DeregisterTaskDefinition", &format!("deregister `{arn}`"), body).await.map(drop)
    }
}

/// Tasks of an answer of ECS, as callers see them.
fn described(inner: &mut Inner, what: &str, body: Value) -> Result<Described, Error> {
    match inner.state.ask("DescribeTasks", body, inner.now) {
        Ok(Answer::DescribeTasks(answer)) => Ok(Described {
            tasks: answer.tasks.iter().map(|task| seen::task(task)).collect(),
            failures: answer.failures.iter().map(seen::failure).collect(),
        }),
        Ok(_) => Err(Error::new(Kind::Bug, what)),
        Err(fault) => Err(seen::refusal(what, &fault)),
    }
}

#[async_trait]
impl Ecs for Hands {
    async fn run_task(&self, _request: &RunTask) -> Result<Started, Error> {
        Err(Error::new(Kind::Bug, "this stage runs no single tasks"))
    }

    async fn start_task(&self, _request: &StartTask) -> Result<Started, Error> {
        Err(Error::new(Kind::Bug, "this stage runs no single tasks"))
    }

    async fn describe_tasks(&self, cluster: &str, arns: &[String]) -> Result<Described, Error> {
        let what = "describe tasks";
        let body = json!({"cluster": cluster, "tasks": arns});
        self.act("DescribeTasks", what, |inner| described(inner, what, body)).await
    }

    async fn list_tasks(&self, request: &ListTasks) -> Result<Vec<String>, Error> {
        let status = if request.stopped { "STOPPED" } else { "RUNNING" };
        let body = json!({
            "cluster": request.cluster,
            "serviceName": request.service,
            "startedBy": request.started_by,
            "family": request.family,
            "desiredStatus": status,
        });
        self.pages("ListTasks", "list tasks", body, "taskArns").await
    }

    async fn stop_task(&self, cluster: &str, arn: &str, reason: &str) -> Result<(), Error> {
        let body = json!({"cluster": cluster, "task": arn, "reason": reason});
        self.change("StopTask", &format!("stop task `{arn}`"), body).await.map(drop)
    }

    async fn describe_task_definition(&self, name: &str) -> Result<TaskDefinition, Error> {
        let what = format!("describe task definition `{name}`");
        let body = json!({"taskDefinition": name});
        self.act("DescribeTaskDefinition", &what, |inner| {
            match inner.state.ask("DescribeTaskDefinition", body, inner.now) {
                Ok(Answer::DescribeTaskDefinition(one)) => Ok(seen::definition(&one.task_definition)),
                Ok(_) => Err(Error::new(Kind::Bug, what.clone())),
                Err(fault) => Err(seen::refusal(&what, &fault)),
            }
        })
        .await
    }

    async fn describe_container_instances(
        &self,
        _cluster: &str,
        _arns: &[String],
    ) -> Result<Vec<Instance>, Error> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Logs for Hands {
    async fn read_log(&self, stream: &LogStream, position: &LogPosition) -> Result<Option<LogPage>, Error> {
        let name = Name { group: stream.group.clone(), stream: stream.name.clone() };
        let what = format!("read log stream `{}`", stream.name);
        self.act("GetLogEvents", &what, |inner| {
            let refused = |token| Error::new(Kind::Invalid, format!("cannot {what}: no token: {token}"));
            inner.state.streams.read(&name, position, inner.now, false).map_err(refused)
        })
        .await
    }
}
