//! An account of ECS as far as the verbs around services ask: clusters with services, revisions, tasks, and calls that
//! fail when a test wants it.

use std::process::Output;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::service::Service;

const PREFIX: &str = "arn:aws:ecs:eu-west-1:123456789012";

/// Calls that change something.
const CHANGES: [&str; 5] =
    ["CreateService", "DeleteService", "DeregisterTaskDefinition", "RegisterTaskDefinition", "UpdateService"];

/// What there is.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Cluster and description.
    pub(crate) services: Vec<(String, Value)>,
    /// `{"taskDefinition": ..., "tags": ...}`, the oldest first.
    pub(crate) revisions: Vec<Value>,
    /// Cluster and `family:revision`.
    pub(crate) tasks: Vec<(String, String)>,
    /// What services ran successfully, the newest first: cluster, service, `family:revision`.
    pub(crate) history: Vec<(String, String, String)>,
    /// Answers that go before all others.
    pub(crate) answers: Vec<(&'static str, (u16, Value))>,
}

pub(crate) struct Account {
    pub(crate) service: Service,
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) directory: tempfile::TempDir,
}

pub(crate) fn tags(project: &str) -> Value {
    if project.is_empty() { json!([]) } else { json!([{"key": "longshore:project", "value": project}]) }
}

pub(crate) fn revision_arn(name: &str) -> String {
    format!("{PREFIX}:task-definition/{name}")
}

impl Account {
    pub(crate) fn new() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let service = Service::start(move |operation, input| shared.lock().unwrap().answer(operation, input));
        Self { service, state, directory: tempfile::tempdir().unwrap() }
    }

    /// Revisions 1 to `count` of a family.
    pub(crate) fn family(&self, family: &str, count: u32, project: &str) {
        for number in 1..=count {
            self.state.lock().unwrap().revisions.push(json!({"tags": tags(project), "taskDefinition": {
                "taskDefinitionArn": revision_arn(&format!("{family}:{number}")), "family": family,
                "revision": number, "status": "ACTIVE", "volumes": [], "compatibilities": ["EC2"],
                "containerDefinitions": [{"name": "app", "image": format!("app:{number}"), "cpu": 0, "memory": 32,
                    "essential": true, "environment": [{"name": "API_TOKEN", "value": "hush"}]}]}}));
        }
    }

    /// A service that runs these revisions, the newest first.
    pub(crate) fn runs(&self, cluster: &str, name: &str, revisions: &[&str], project: &str) {
        let deployments: Vec<Value> = revisions
            .iter()
            .enumerate()
            .map(|(index, revision)| {
                json!({"id": format!("ecs-svc/{index}"), "status": if index == 0 { "PRIMARY" } else { "ACTIVE" },
                    "taskDefinition": revision_arn(revision), "desiredCount": 1, "runningCount": 1,
                    "rolloutState": "COMPLETED"})
            })
            .collect();
        let service = json!({"serviceArn": format!("{PREFIX}:service/{cluster}/{name}"), "serviceName": name,
            "clusterArn": format!("{PREFIX}:cluster/{cluster}"), "status": "ACTIVE", "desiredCount": 1,
            "runningCount": 1, "pendingCount": 0, "launchType": "EC2", "schedulingStrategy": "REPLICA",
            "taskDefinition": revision_arn(revisions[0]), "deployments": deployments, "events": [],
            "tags": tags(project)});
        self.state.lock().unwrap().services.push((cluster.to_owned(), service));
    }

    /// This operation gets this answer from now on.
    pub(crate) fn answers(&self, operation: &'static str, answer: (u16, Value)) {
        let mut state = self.state.lock().unwrap();
        state.answers.retain(|(known, _)| *known != operation);
        state.answers.push((operation, answer));
    }

    pub(crate) fn denies(&self, operation: &'static str) {
        self.answers(operation, (400, json!({"__type": "AccessDeniedException", "message": "no"})));
    }

    pub(crate) fn forgives(&self) {
        self.state.lock().unwrap().answers.clear();
    }

    /// Runs the binary in the account's own directory.
    pub(crate) fn longshore(&self, arguments: &[&str]) -> Output {
        self.service.longshore(arguments).current_dir(self.directory.path()).output().unwrap()
    }

    /// How often something was changed.
    pub(crate) fn changes(&self) -> usize {
        CHANGES.iter().map(|operation| self.service.calls(operation).len()).sum()
    }

    /// `family:revision` of what was deregistered.
    pub(crate) fn deregistered(&self) -> Vec<String> {
        let calls = self.service.calls("DeregisterTaskDefinition");
        calls
            .iter()
            .map(|input| input["taskDefinition"].as_str().unwrap().rsplit('/').next().unwrap().to_owned())
            .collect()
    }
}

impl State {
    fn answer(&mut self, operation: &str, input: &Value) -> (u16, Value) {
        if let Some((_, answer)) = self.answers.iter().find(|(known, _)| *known == operation) {
            return answer.clone();
        }
        let cluster = input["cluster"].as_str().unwrap_or("default").rsplit('/').next().unwrap().to_owned();
        let arn = |kind: &str, name: &str| format!("{PREFIX}:{kind}/{name}");
        let answer = match operation {
            "ListClusters" => {
                json!({"clusterArns": self.clusters().iter().map(|name| arn("cluster", name)).collect::<Vec<_>>()})
            }
            "DescribeClusters" => json!({"clusters": self.clusters().iter().map(|name| json!({
                "clusterArn": arn("cluster", name), "clusterName": name, "status": "ACTIVE",
                "activeServicesCount": self.count(name)})).collect::<Vec<_>>()}),
            "ListServices" => {
                json!({"serviceArns": self.of(&cluster).filter(|service| service["status"] != "INACTIVE")
                .map(|service| service["serviceArn"].clone()).collect::<Vec<_>>()})
            }
            "DescribeServices" => self.describe_services(&cluster, input),
            "UpdateService" => {
                let service = self.service(&cluster, &input["service"]);
                service["desiredCount"] = input["desiredCount"].clone();
                json!({"service": service})
            }
            "DeleteService" => {
                let service = self.service(&cluster, &input["service"]);
                service["status"] = json!("DRAINING");
                json!({"service": service})
            }
            "ListTasks" => {
                let of = |(at, name): &&(String, String)| {
                    *at == cluster && name.rsplit_once(':').unwrap().0 == input["family"]
                };
                json!({"taskArns": self.tasks.iter().filter(of).map(|(_, name)| arn("task", name)).collect::<Vec<_>>()})
            }
            "DescribeTasks" => {
                let task = |task: &Value| {
                    json!({"taskArn": task, "lastStatus": "PENDING",
                    "taskDefinitionArn": revision_arn(task.as_str().unwrap().rsplit('/').next().unwrap())})
                };
                json!({"tasks": input["tasks"].as_array().unwrap().iter().map(task).collect::<Vec<_>>()})
            }
            "ListServiceDeployments" => {
                let of =
                    |(at, name, _): &&(String, String, String)| *at == cluster && *name == input["service"];
                let past = self.history.iter().filter(of).enumerate();
                json!({"serviceDeployments": past.map(|(age, (_, _, revision))| json!({"status": "SUCCESSFUL",
                    "targetServiceRevisionArn": revision, "createdAt": 100 - age})).collect::<Vec<_>>()})
            }
            "DescribeServiceRevisions" => {
                let revisions = input["serviceRevisionArns"].as_array().unwrap().iter();
                json!({"serviceRevisions": revisions.map(|arn| json!({"serviceRevisionArn": arn,
                    "taskDefinition": revision_arn(arn.as_str().unwrap())})).collect::<Vec<_>>()})
            }
            _ => return self.of_revisions(operation, input),
        };
        (200, answer)
    }

    fn of_revisions(&mut self, operation: &str, input: &Value) -> (u16, Value) {
        let answer = match operation {
            "ListTaskDefinitionFamilies" => {
                let mut families: Vec<&str> = self.revisions.iter().map(family).collect();
                families.dedup();
                json!({"families": families})
            }
            "ListTaskDefinitions" => {
                let arns = self.revisions.iter().rev().filter(|it| family(it) == input["familyPrefix"]);
                json!({"taskDefinitionArns": arns.map(|it| it["taskDefinition"]["taskDefinitionArn"].clone()).collect::<Vec<_>>()})
            }
            "DescribeTaskDefinition" => {
                let name = input["taskDefinition"].as_str().unwrap();
                let named =
                    |it: &&Value| family(it) == name || it["taskDefinition"]["taskDefinitionArn"] == name;
                let Some(found) = self.revisions.iter().rev().find(named) else {
                    return (
                        400,
                        json!({"__type": "ClientException", "message": "Unable to describe task definition."}),
                    );
                };
                found.clone()
            }
            "DeregisterTaskDefinition" => {
                self.revisions
                    .retain(|it| it["taskDefinition"]["taskDefinitionArn"] != input["taskDefinition"]);
                json!({})
            }
            other => panic!("{other} {input}"),
        };
        (200, answer)
    }

    /// What is on its way out is gone when it is looked at for the second time.
    fn describe_services(&mut self, cluster: &str, input: &Value) -> Value {
        let wanted =
            |service: &Value| input["services"].as_array().unwrap().contains(&service["serviceName"]);
        let found: Vec<Value> = self.of(cluster).filter(|service| wanted(service)).cloned().collect();
        for (_, service) in &mut self.services {
            if service["status"] == "DRAINING" {
                service["status"] = json!("INACTIVE");
            }
        }
        json!({"services": found, "failures": []})
    }

    fn clusters(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.services.iter().map(|(cluster, _)| cluster.as_str()).collect();
        names.extend(self.tasks.iter().map(|(cluster, _)| cluster.as_str()));
        names.sort_unstable();
        names.dedup();
        names
    }

    fn count(&self, cluster: &str) -> usize {
        self.of(cluster).filter(|service| service["status"] == "ACTIVE").count()
    }

    fn of<'a>(&'a self, cluster: &'a str) -> impl Iterator<Item = &'a Value> {
        self.services.iter().filter(move |(at, _)| at == cluster).map(|(_, service)| service)
    }

    fn service(&mut self, cluster: &str, name: &Value) -> &mut Value {
        let found =
            self.services.iter_mut().find(|(at, service)| at == cluster && service["serviceName"] == *name);
        &mut found.unwrap().1
    }
}

fn family(revision: &Value) -> &str {
    revision["taskDefinition"]["family"].as_str().unwrap()
}
