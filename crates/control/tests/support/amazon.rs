//! As much of ECS as an environment needs: services become tasks when `settle` is called. It counts calls, and can be told
//! to refuse one.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Mutex;

use async_trait::async_trait;
use longshore_model::call::{ListTasks, RunTask, StartTask};
use longshore_model::seen::{
    Cluster, Described, Instance, LogPage, LogPosition, LogStream, PastDeployment, Service, Started, Task,
    TaskDefinition,
};
use longshore_model::tag::Tag;
use longshore_model::{Error, Kind};
use longshore_world::{Addresses, Ecs, Logs, Services};
use serde_json::{Map, Value, json};

use super::world::pause;

#[derive(Debug, Default)]
pub(crate) struct Amazon {
    pub(crate) services: Mutex<BTreeMap<String, Value>>,
    pub(crate) tasks: Mutex<Vec<Task>>,
    /// Active revisions.
    pub(crate) revisions: Mutex<Vec<String>>,
    pub(crate) calls: Mutex<Vec<String>>,
    /// The next call of this name is refused.
    pub(crate) refuse: Mutex<Option<(&'static str, Kind)>>,
    made: Mutex<usize>,
}

const ARN: &str = "arn:aws:ecs:eu-west-1:123456789012";

impl Amazon {
    /// A call: a crash before it and one after it are different things.
    async fn call(&self, name: &'static str) -> Result<(), Error> {
        pause().await;
        self.calls.lock().unwrap().push(name.to_owned());
        match self.refuse.lock().unwrap().take_if(|(refused, _)| *refused == name) {
            Some((_, kind)) => Err(Error::new(kind, format!("{name} was refused"))),
            None => Ok(()),
        }
    }

    /// How often a call was made.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.calls.lock().unwrap().iter().filter(|call| *call == name).count()
    }

    fn next(&self) -> usize {
        let mut made = self.made.lock().unwrap();
        *made += 1;
        *made
    }

    pub(crate) fn add_service(&self, name: &str, tags: &Value) {
        let service = json!({"serviceName": name, "serviceArn": format!("{ARN}:service/previews/{name}"),
            "status": "ACTIVE", "taskDefinition": format!("{ARN}:task-definition/{name}:1"), "desiredCount": 1, "tags": tags});
        self.services.lock().unwrap().insert(name.to_owned(), service);
    }

    /// Each service gets the tasks that it wants, of its revision.
    pub(crate) fn settle(&self) {
        let services = self.services.lock().unwrap().clone();
        let mut tasks = self.tasks.lock().unwrap();
        tasks.retain(|task| {
            let name = task.group.as_ref().and_then(|group| group.strip_prefix("service:"));
            let service = name.and_then(|name| services.get(name));
            service.is_some_and(|it| it["taskDefinition"] == json!(task.task_definition_arn))
        });
        for (name, service) in services {
            let group = format!("service:{name}");
            let wanted = usize::try_from(service["desiredCount"].as_u64().unwrap()).unwrap();
            while tasks.iter().filter(|task| task.group.as_ref() == Some(&group)).count() > wanted {
                let last = tasks.iter().rposition(|task| task.group.as_ref() == Some(&group)).unwrap();
                tasks.remove(last);
            }
            while tasks.iter().filter(|task| task.group.as_ref() == Some(&group)).count() < wanted {
                tasks.push(Task {
                    arn: format!("{ARN}:task/previews/{}", self.next()),
                    task_definition_arn: service["taskDefinition"].as_str().unwrap().to_owned(),
                    group: Some(group.clone()),
                    last_status: "RUNNING".into(),
                    desired_status: "RUNNING".into(),
                    private_ip: Some("10.0.0.1".into()),
                    ..Task::default()
                });
            }
        }
    }
}

fn refused(text: &str) -> Error {
    Error::new(Kind::Invalid, text)
}

#[async_trait]
impl Services for Amazon {
    async fn describe_services(&self, _cluster: &str, names: &[String]) -> Result<Vec<Service>, Error> {
        assert!(names.len() <= 10);
        self.call("DescribeServices").await?;
        let services = self.services.lock().unwrap();
        Ok(names.iter().filter_map(|name| Service::read(services.get(name)?.clone()).ok()).collect())
    }

    async fn list_services(&self, _cluster: &str) -> Result<Vec<String>, Error> {
        self.call("ListServices").await?;
        Ok(self
            .services
            .lock()
            .unwrap()
            .keys()
            .map(|name| format!("{ARN}:service/previews/{name}"))
            .collect())
    }

    async fn create_service(&self, input: &Map<String, Value>) -> Result<Service, Error> {
        self.call("CreateService").await?;
        let name = input["serviceName"].as_str().unwrap();
        let mut service = input.clone();
        service.insert("status".into(), json!("ACTIVE"));
        service.insert("serviceArn".into(), json!(format!("{ARN}:service/previews/{name}")));
        let service = Value::Object(service);
        let known = self.services.lock().unwrap().entry(name.to_owned()).or_insert(service.clone()).clone();
        pause().await;
        match known["clientToken"] == service["clientToken"] {
            true => Ok(Service::read(known).unwrap()),
            false => Err(refused("Creation of service was not idempotent.")),
        }
    }

    async fn update_service(&self, input: &Map<String, Value>) -> Result<Service, Error> {
        self.call("UpdateService").await?;
        let after = {
            let mut services = self.services.lock().unwrap();
            let service =
                services.get_mut(input["service"].as_str().unwrap()).ok_or(refused("Service not found."))?;
            for member in ["taskDefinition", "desiredCount"] {
                if let Some(value) = input.get(member) {
                    service[member] = value.clone();
                }
            }
            service.clone()
        };
        pause().await;
        Ok(Service::read(after).unwrap())
    }

    async fn delete_service(&self, _cluster: &str, name: &str) -> Result<Service, Error> {
        self.call("DeleteService").await?;
        let gone = self.services.lock().unwrap().remove(name);
        pause().await;
        gone.map(|it| Service::read(it).unwrap()).ok_or_else(|| Error::new(Kind::NotFound, "no such service"))
    }

    async fn past_deployments(&self, _cluster: &str, _name: &str) -> Result<Vec<PastDeployment>, Error> {
        unreachable!("nobody asks for it");
    }

    async fn revisions(&self, _arns: &[String]) -> Result<BTreeMap<String, String>, Error> {
        unreachable!("nobody asks for it");
    }

    async fn tag(&self, _arn: &str, _tags: &[Tag]) -> Result<(), Error> {
        unreachable!("nobody asks for it");
    }

    async fn untag(&self, _arn: &str, _keys: &[String]) -> Result<(), Error> {
        unreachable!("nobody asks for it");
    }

    async fn register(&self, input: &Map<String, Value>) -> Result<TaskDefinition, Error> {
        self.call("RegisterTaskDefinition").await?;
        let family = input["family"].as_str().unwrap();
        let arn = format!("{ARN}:task-definition/{family}:{}", self.next());
        self.revisions.lock().unwrap().push(arn.clone());
        pause().await;
        Ok(TaskDefinition { arn, ..TaskDefinition::default() })
    }

    async fn task_definition(&self, name: &str) -> Result<Option<Value>, Error> {
        self.call("DescribeTaskDefinition").await?;
        let mut container = json!({"name": "app", "image": "shop", "essential": true, "portMappings": [{"containerPort": 80}]});
        if name.starts_with(ARN) {
            // A revision of ours, and not what it varies.
            container["environment"] = json!([{"name": "LONGSHORE_SHA", "value": "5".repeat(40)},
                {"name": "LONGSHORE_BRANCH", "value": "lost"}]);
        }
        Ok(Some(
            json!({"taskDefinition": {"family": name, "networkMode": "awsvpc", "containerDefinitions": [container],
            "taskDefinitionArn": format!("{ARN}:task-definition/{name}:1")}, "tags": []}),
        ))
    }

    async fn active_revisions(&self, family: &str) -> Result<Vec<String>, Error> {
        self.call("ListTaskDefinitions").await?;
        let of_family = format!("/{family}:");
        let revisions = self.revisions.lock().unwrap();
        Ok(revisions.iter().filter(|arn| arn.contains(&of_family)).cloned().collect())
    }

    async fn families(&self) -> Result<Vec<String>, Error> {
        unreachable!("nobody asks for it");
    }

    async fn list_clusters(&self) -> Result<Vec<String>, Error> {
        unreachable!("nobody asks for it");
    }

    async fn describe_clusters(&self, _arns: &[String]) -> Result<Vec<Cluster>, Error> {
        unreachable!("nobody asks for it");
    }

    async fn deregister(&self, arn: &str) -> Result<(), Error> {
        self.call("DeregisterTaskDefinition").await?;
        self.revisions.lock().unwrap().retain(|known| known != arn);
        pause().await;
        Ok(())
    }
}

#[async_trait]
impl Ecs for Amazon {
    async fn run_task(&self, _request: &RunTask) -> Result<Started, Error> {
        unreachable!("nobody asks for it");
    }

    async fn start_task(&self, _request: &StartTask) -> Result<Started, Error> {
        unreachable!("nobody asks for it");
    }

    async fn describe_tasks(&self, _cluster: &str, arns: &[String]) -> Result<Described, Error> {
        assert!(arns.len() <= 100);
        self.call("DescribeTasks").await?;
        let tasks = self.tasks.lock().unwrap();
        let tasks = tasks.iter().filter(|task| arns.contains(&task.arn)).cloned().collect();
        Ok(Described { tasks, failures: Vec::new() })
    }

    async fn list_tasks(&self, request: &ListTasks) -> Result<Vec<String>, Error> {
        self.call(if request.family.is_some() { "ListTasks of one" } else { "ListTasks of all" }).await?;
        let tasks = self.tasks.lock().unwrap();
        let is_of = |task: &&Task| {
            let family = request.family.as_ref().map(|family| format!("/{family}:"));
            !request.stopped && family.is_none_or(|family| task.task_definition_arn.contains(&family))
        };
        Ok(tasks.iter().filter(is_of).map(|task| task.arn.clone()).collect())
    }

    async fn stop_task(&self, _cluster: &str, _arn: &str, _reason: &str) -> Result<(), Error> {
        unreachable!("nobody asks for it");
    }

    async fn describe_task_definition(&self, name: &str) -> Result<TaskDefinition, Error> {
        Ok(TaskDefinition { arn: name.to_owned(), ..TaskDefinition::default() })
    }

    async fn describe_container_instances(
        &self,
        _cluster: &str,
        arns: &[String],
    ) -> Result<Vec<Instance>, Error> {
        assert!(arns.is_empty(), "all tasks have addresses of their own");
        Ok(Vec::new())
    }
}

#[async_trait]
impl Logs for Amazon {
    async fn read_log(&self, _stream: &LogStream, _position: &LogPosition) -> Result<Option<LogPage>, Error> {
        Ok(None)
    }
}

/// Every task here has an address of its own.
#[async_trait]
impl Addresses for Amazon {
    async fn addresses(&self, _: &str, _: &[String]) -> Result<BTreeMap<String, IpAddr>, Error> {
        Ok(BTreeMap::new())
    }
}
