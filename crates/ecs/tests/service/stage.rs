//! A cloud with services and a runtime that does what each task definition's family says.

use std::collections::BTreeSet;

use longshore_ecs::{ContainerRef, Effect, Event, Report};
use longshore_model::task::Task;
use serde_json::{Value, json};

use super::local::{Local, id_of, text, texts};

/// How long `settle` looks, in seconds of the cloud's time.
const PATIENCE_SECONDS: i64 = 3600;

/// A cloud and its runtime.
pub(super) struct Stage {
    pub(super) local: Local,
    running: BTreeSet<ContainerRef>,
    /// Effects that nobody has carried out.
    open: Vec<Effect>,
    /// How many addresses were given away.
    addresses: u32,
}

impl Stage {
    /// A cloud with these instances of 1024 CPU units and MiB each.
    pub(super) fn new(instances: usize) -> Self {
        let mut stage =
            Self { local: Local::new(), running: BTreeSet::new(), open: Vec::new(), addresses: 0 };
        for _ in 0..instances {
            stage.local.register_instance(1024, 1024);
        }
        stage
    }

    /// Registers a revision of a family; what the family is called says how its tasks behave: `fails` never starts,
    /// `ends` ends at once, and what begins with `checked` has a health check, which `checked-bad` fails.
    pub(super) fn define(&mut self, family: &str, memory: i32) -> String {
        let mut container = json!({"name": "main", "image": "a", "cpu": memory, "memory": memory});
        if family.starts_with("checked") {
            container["healthCheck"] = json!({"command": ["CMD", "true"], "interval": 5, "retries": 2});
        }
        let body = json!({"family": family, "containerDefinitions": [container]});
        text(&self.local.must("RegisterTaskDefinition", body)["taskDefinition"]["taskDefinitionArn"])
    }

    /// Creates a service called `web`.
    pub(super) fn create(&mut self, family: &str, desired: i32, more: Value) -> Value {
        let mut body = json!({"serviceName": "web", "taskDefinition": family, "desiredCount": desired});
        merge(&mut body, more);
        self.local.must("CreateService", body)["service"].clone()
    }

    pub(super) fn update(&mut self, more: Value) -> Value {
        let mut body = json!({"service": "web"});
        merge(&mut body, more);
        self.local.must("UpdateService", body)["service"].clone()
    }

    pub(super) fn describe(&mut self) -> Value {
        self.local.must("DescribeServices", json!({"services": ["web"], "include": ["TAGS"]}))["services"][0]
            .clone()
    }

    /// The service's events, the oldest first.
    pub(super) fn events(&mut self) -> Vec<String> {
        let service = self.describe();
        let events = service["events"].as_array().expect("events");
        events.iter().rev().map(|event| text(&event["message"])).collect()
    }

    /// The tasks of the service that are to run.
    pub(super) fn tasks(&mut self) -> Vec<Task> {
        self.tasks_with("RUNNING")
    }

    pub(super) fn tasks_with(&mut self, desired_status: &str) -> Vec<Task> {
        let mut arns = Vec::new();
        let mut token = Value::Null;
        loop {
            let mut body = json!({"serviceName": "web", "desiredStatus": desired_status});
            if !token.is_null() {
                body["nextToken"] = token;
            }
            let page = self.local.must("ListTasks", body);
            arns.extend(texts(&page["taskArns"]));
            token = page["nextToken"].clone();
            if token.is_null() {
                return arns.iter().map(|arn| self.local.task(&id_of(arn))).collect();
            }
        }
    }

    /// Carries out what is asked for, until nothing is.
    pub(super) fn work(&mut self) {
        loop {
            self.open.extend(self.local.take_effects());
            let open = std::mem::take(&mut self.open);
            let events: Vec<Event> = open.into_iter().flat_map(|effect| self.carry_out(effect)).collect();
            if events.is_empty() {
                return;
            }
            events.into_iter().for_each(|event| self.local.tell(event));
        }
    }

    /// Works, and lets time pass from one due moment to the next, until nothing more happens or `is_enough`.
    pub(super) fn settle_until(&mut self, mut is_enough: impl FnMut(&mut Self) -> bool) {
        let end = self.local.now.plus_seconds(PATIENCE_SECONDS);
        loop {
            self.work();
            if is_enough(self) {
                return;
            }
            assert!(self.local.tick_before(end), "it never came to that: {:#}", self.describe());
        }
    }

    /// The same until the service is in a steady state.
    pub(super) fn settle(&mut self) {
        self.settle_until(|stage| {
            let service = stage.describe();
            let [deployment] = service["deployments"].as_array().expect("deployments").as_slice() else {
                return false;
            };
            deployment["rolloutState"] == "COMPLETED"
                && service["runningCount"] == service["desiredCount"]
                && stage.events().last().is_some_and(|event| event.contains("steady state"))
        });
    }

    fn carry_out(&mut self, effect: Effect) -> Vec<Event> {
        match effect {
            Effect::Prepare(task) => {
                self.addresses += 1;
                let ip = Some(format!("10.0.{}.{}", self.addresses / 250, self.addresses % 250 + 1));
                vec![Event::Task(task, Report::Prepared { ip, digests: Vec::new() })]
            }
            Effect::Start(of) if self.family(&of) == "fails" => {
                vec![Event::Container(
                    of,
                    Report::StartFailed { reason: "CannotStartContainerError: no".into() },
                )]
            }
            Effect::Start(of) => {
                let started = Report::Started { runtime_id: of.task.clone(), bindings: Vec::new() };
                if self.family(&of) == "ends" {
                    return vec![Event::Container(of.clone(), started), exited(of)];
                }
                self.running.insert(of.clone());
                vec![Event::Container(of, started)]
            }
            Effect::Terminate(of) | Effect::Kill(of) => {
                if self.running.remove(&of) {
                    vec![exited(of)]
                } else {
                    Vec::new()
                }
            }
            Effect::Check(of) => {
                let healthy = self.family(&of) != "checked-bad";
                vec![Event::Container(of, Report::Checked { healthy })]
            }
            Effect::RoutesChanged
            | Effect::Release(_)
            | Effect::TaskChanged(_)
            | Effect::InstanceChanged(_)
            | Effect::ServiceChanged(_) => Vec::new(),
        }
    }

    fn family(&self, of: &ContainerRef) -> String {
        let task = self.local.task(&of.task);
        let (_, revision) = task.task_definition_arn.rsplit_once('/').expect("an ARN");
        revision.split(':').next().expect("a family").to_owned()
    }

    /// A container of a task ends by itself.
    pub(super) fn crash(&mut self, task: &Task) {
        let id = id_of(&task.task_arn);
        let of = self.running.iter().find(|of| of.task == id).cloned().expect("a running container");
        self.running.remove(&of);
        self.local.tell(exited(of));
    }

    /// Ends the engine and starts it again; all containers survive.
    pub(super) fn restart(&mut self) {
        let running = self.running.clone();
        self.open.clear();
        self.local.restart(|_| running);
    }
}

fn exited(of: ContainerRef) -> Event {
    Event::Container(of, Report::Exited { exit_code: Some(1), reason: None })
}

pub(super) fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}
