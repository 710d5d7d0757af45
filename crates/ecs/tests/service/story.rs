//! A story of some services: what happens to them, and the sentences that hold after every step.

use std::collections::{BTreeMap, BTreeSet};

use longshore_ecs::Event;
use longshore_model::Timestamp;
use longshore_model::task::{DesiredStatus, HealthStatus, LastStatus, StopCode, Task};
use proptest::sample::Index;
use serde_json::{Value, json};

use super::fake_runtime::FakeRuntime;
use super::local::{Local, id_of, text, texts};

/// The services of a story; the last is a daemon.
pub(super) const SERVICES: [&str; 3] = ["web", "worker", "agent"];
/// What they run: with a health check, and without one.
const FAMILIES: [&str; 2] = ["plain", "checked"];
/// Bounds in percent that leave a service of four tasks something to do.
const BOUNDS: [(usize, usize); 4] = [(100, 200), (50, 100), (0, 200), (75, 150)];
/// How long a healed service may take: the longest pause, and some more for its checks.
const PATIENCE_SECONDS: i64 = 2 * 3600;
/// How long a task without checks proves itself.
const PROOF_MS: i64 = 5000;

/// Something that happens.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Create { service: usize, family: usize, desired: usize, bounds: usize, breaker: bool },
    Scale(usize, usize),
    Deploy(usize, usize),
    Force(usize),
    Rebound(usize, usize),
    Rollback(usize),
    Delete(usize),
    RunTask(usize),
    StopTask(Index),
    RegisterInstance(i32),
    Drain(Index, bool),
    Answer(Index, u8),
    Repeat(Index),
    Work,
    Wait(i64),
    Restart(u64),
}

/// The cloud, the runtime, and what the test knows itself.
pub(super) struct Story {
    pub(super) local: Local,
    runtime: FakeRuntime,
    instances: Vec<String>,
    /// All tasks as they were after the last step.
    tasks: BTreeMap<String, Task>,
    /// The deployments that a service ever had.
    deployments: BTreeMap<String, BTreeSet<String>>,
}

impl Story {
    pub(super) fn new() -> Self {
        let mut local = Local::new();
        for family in FAMILIES {
            let mut container = json!({"name": "main", "image": "a", "memory": 100});
            if family == "checked" {
                container["healthCheck"] = json!({"command": ["CMD", "true"], "interval": 5, "retries": 1});
            }
            local.must(
                "RegisterTaskDefinition",
                json!({"family": family, "containerDefinitions": [container]}),
            );
        }
        let mut story = Self {
            local,
            runtime: FakeRuntime::default(),
            instances: Vec::new(),
            tasks: BTreeMap::new(),
            deployments: BTreeMap::new(),
        };
        story.apply(&Op::RegisterInstance(1000));
        story
    }

    /// Lets it happen, and looks at what has come of it.
    pub(super) fn apply(&mut self, op: &Op) {
        match op {
            Op::Create { service, family, desired, bounds, breaker } => {
                self.create(*service, *family, *desired, *bounds, *breaker);
            }
            Op::Scale(service, desired) => self.update(*service, json!({"desiredCount": desired})),
            Op::Deploy(service, family) => {
                self.update(*service, json!({"taskDefinition": FAMILIES[*family]}))
            }
            Op::Force(service) => self.update(*service, json!({"forceNewDeployment": true})),
            Op::Rebound(service, bounds) if SERVICES[*service] != "agent" => {
                let (minimum, maximum) = BOUNDS[*bounds];
                let configuration = json!({"minimumHealthyPercent": minimum, "maximumPercent": maximum});
                self.update(*service, json!({"deploymentConfiguration": configuration}));
            }
            Op::Rebound(..) => {}
            Op::Rollback(service) => {
                let arn = self.describe(SERVICES[*service])["currentServiceDeployment"].clone();
                if !arn.is_null() {
                    drop(self.local.call("StopServiceDeployment", json!({"serviceDeploymentArn": arn})));
                }
            }
            Op::Delete(service) => {
                drop(self.local.call("DeleteService", json!({"service": SERVICES[*service], "force": true})));
            }
            Op::RunTask(family) => {
                drop(self.local.call("RunTask", json!({"taskDefinition": FAMILIES[*family]})));
            }
            Op::StopTask(which) => {
                let ids: Vec<_> = self.tasks.keys().cloned().collect();
                if !ids.is_empty() {
                    drop(self.local.call("StopTask", json!({"task": which.get(&ids)})));
                }
            }
            Op::RegisterInstance(memory) => {
                let arn = self.local.register_instance(*memory, *memory);
                self.instances.push(arn);
            }
            Op::Drain(which, on) => self.drain(which.get(&self.instances).clone(), *on),
            Op::Answer(which, choice) => {
                if let Some(event) = self.runtime.answer(*which, *choice) {
                    self.local.tell(event);
                }
            }
            Op::Repeat(which) => {
                if let Some(event) = self.runtime.repeat(*which) {
                    self.local.tell(event);
                }
            }
            Op::Work => {
                for event in self.runtime.work(false) {
                    self.tell(event);
                }
            }
            Op::Wait(seconds) => self.wait(*seconds),
            Op::Restart(mask) => {
                let runtime = &mut self.runtime;
                self.local.restart(|expected| runtime.survivors(&expected, *mask));
            }
        }
        self.look();
    }

    fn create(&mut self, service: usize, family: usize, desired: usize, bounds: usize, breaker: bool) {
        let name = SERVICES[service];
        let (minimum, maximum) = BOUNDS[bounds];
        let breaker = json!({"enable": breaker, "rollback": true});
        let mut body = json!({"serviceName": name, "taskDefinition": FAMILIES[family]});
        body["deploymentConfiguration"] = json!({"deploymentCircuitBreaker": breaker});
        if name == "agent" {
            body["schedulingStrategy"] = json!("DAEMON");
            body["deploymentConfiguration"]["minimumHealthyPercent"] = json!(50);
        } else {
            body["desiredCount"] = json!(desired);
            body["deploymentConfiguration"]["minimumHealthyPercent"] = json!(minimum);
            body["deploymentConfiguration"]["maximumPercent"] = json!(maximum);
        }
        drop(self.local.call("CreateService", body));
    }

    fn update(&mut self, service: usize, mut body: Value) {
        body["service"] = json!(SERVICES[service]);
        drop(self.local.call("UpdateService", body));
    }

    fn drain(&mut self, instance: String, on: bool) {
        let status = if on { "DRAINING" } else { "ACTIVE" };
        let body = json!({"containerInstances": [instance], "status": status});
        self.local.must("UpdateContainerInstancesState", body);
    }

    fn tell(&mut self, event: Event) {
        self.local.tell(event);
        self.look();
    }

    pub(super) fn wait(&mut self, seconds: i64) {
        let end = self.local.now.plus_seconds(seconds);
        while self.local.tick_before(end) {
            self.look();
        }
    }

    pub(super) fn describe(&mut self, name: &str) -> Value {
        self.local.must("DescribeServices", json!({"services": [name]}))["services"][0].clone()
    }

    fn all_tasks(&mut self) -> BTreeMap<String, Task> {
        let mut tasks = BTreeMap::new();
        for status in ["RUNNING", "STOPPED"] {
            let mut body = json!({"desiredStatus": status});
            loop {
                let page = self.local.must("ListTasks", body.clone());
                let ids = texts(&page["taskArns"]).into_iter().map(|arn| id_of(&arn));
                tasks.extend(ids.map(|id| (id.clone(), self.local.task(&id))));
                if page["nextToken"].is_null() {
                    break;
                }
                body["nextToken"] = page["nextToken"].clone();
            }
        }
        tasks
    }

    /// Looks at everything after a step.
    fn look(&mut self) {
        let effects = self.local.take_effects();
        self.runtime.take(&effects);
        let tasks = self.all_tasks();
        for name in SERVICES {
            let service = self.describe(name);
            if !service.is_null() {
                self.bounds_are_kept(name, &service, &tasks);
            }
        }
        for (id, task) in &tasks {
            if task.stop_code == Some(StopCode::ServiceSchedulerInitiated) {
                let group = task.group.as_deref().and_then(|group| group.strip_prefix("service:"));
                let name = group.unwrap_or_else(|| panic!("{id} belongs to no service: {task:?}"));
                let reason = task.stopped_reason.clone().unwrap_or_default();
                let by = reason.strip_prefix("Scaling activity initiated by (deployment ");
                let by = by.map(|rest| rest.trim_end_matches(')').to_owned());
                let known = self.deployments.get(name);
                assert!(by.is_none_or(|by| known.is_some_and(|known| known.contains(&by))), "{id}: {reason}");
            }
        }
        self.tasks = tasks;
    }

    /// What the scheduler stops leaves enough healthy tasks, and what it starts makes not too many.
    fn bounds_are_kept(&mut self, name: &str, service: &Value, tasks: &BTreeMap<String, Task>) {
        let ids = service["deployments"].as_array().expect("deployments").iter().map(|it| text(&it["id"]));
        self.deployments.entry(name.to_owned()).or_default().extend(ids);
        let number = |value: &Value| usize::try_from(value.as_u64().expect("a number")).expect("small");
        let desired = number(&service["desiredCount"]);
        let configuration = &service["deploymentConfiguration"];
        let lower = (desired * number(&configuration["minimumHealthyPercent"])).div_ceil(100);
        let upper = desired * number(&configuration["maximumPercent"]) / 100;
        let of = |task: &Task| task.group.as_deref() == Some(&format!("service:{name}"));
        let is_live = |task: &Task| task.desired_status == DesiredStatus::Running;
        let live: Vec<(&String, &Task)> =
            tasks.iter().filter(|(_, task)| of(task) && is_live(task)).collect();
        let is_new = live.iter().any(|(id, _)| !self.tasks.contains_key(*id));
        assert!(!is_new || live.len() <= upper, "{name}: {} tasks, at most {upper}: {service:#}", live.len());
        let now = self.local.now;
        let stopped_healthy = self.tasks.iter().filter(|(id, before)| {
            let after = tasks.get(*id);
            is_live(before)
                && is_healthy(before, now)
                && after.is_some_and(|it| {
                    let by_us = it.stop_code == Some(StopCode::ServiceSchedulerInitiated);
                    of(it)
                        && by_us
                        && it.stopped_reason.as_deref().is_some_and(|why| why.starts_with("Scaling"))
                })
        });
        let stopped = stopped_healthy.count();
        let healthy = live.iter().filter(|(_, task)| is_healthy(task, now)).count();
        assert!(stopped == 0 || healthy >= lower, "{name}: {healthy} healthy, at least {lower}: {service:#}");
    }

    /// Everything is answered well from now on: each service gets what it wants, and then nothing happens any more.
    pub(super) fn heal(&mut self) {
        // There is room everywhere: a daemon would wait for it on an instance that others have filled.
        for instance in std::mem::take(&mut self.instances) {
            let body = json!({"containerInstance": instance, "force": true});
            self.local.must("DeregisterContainerInstance", body);
            self.look();
        }
        for _ in 0..2 {
            self.apply(&Op::RegisterInstance(100_000));
        }
        for (service, name) in SERVICES.iter().enumerate() {
            if self.describe(name)["status"] == "ACTIVE" {
                let four = if *name == "agent" { json!({}) } else { json!({"desiredCount": 4}) };
                self.update(service, four);
                self.update(service, json!({"forceNewDeployment": true}));
                self.look();
            }
        }
        let limit = self.local.now.plus_seconds(PATIENCE_SECONDS);
        while !SERVICES.iter().all(|name| self.is_converged(name)) {
            assert!(self.local.now < limit, "{:#?}", SERVICES.map(|name| self.describe(name)));
            self.apply(&Op::Work);
            self.wait(1);
        }
        let before = self.converged();
        for _ in 0..10 {
            self.apply(&Op::Work);
            self.wait(60);
        }
        assert_eq!(self.converged(), before, "a service that has what it wants decides nothing more");
    }

    fn is_converged(&mut self, name: &str) -> bool {
        let service = self.describe(name);
        match service["status"].as_str() {
            None | Some("INACTIVE") => true,
            Some("DRAINING") => false,
            Some(_) => {
                let deployments = service["deployments"].as_array().expect("deployments");
                service["runningCount"] == service["desiredCount"]
                    && deployments.len() == 1
                    && deployments[0]["rolloutState"] == "COMPLETED"
                    && service["events"][0]["message"].as_str().is_some_and(|it| it.contains("steady state"))
            }
        }
    }

    /// What a service that has what it wants keeps.
    fn converged(&mut self) -> (Vec<Value>, Vec<String>) {
        let mut services = SERVICES.map(|name| self.describe(name)).to_vec();
        services.retain(|service| service["status"] == "ACTIVE");
        let live = self.all_tasks().into_iter().filter(|(_, task)| {
            let of_service = task.group.as_deref().is_some_and(|group| group.starts_with("service:"));
            of_service && task.desired_status == DesiredStatus::Running
        });
        (services, live.map(|(id, _)| id).collect())
    }
}

/// Whether a task counts, as the test sees it.
fn is_healthy(task: &Task, now: Timestamp) -> bool {
    let is_checked = task.task_definition_arn.contains("/checked:");
    let is_proven = if is_checked {
        task.health_status == HealthStatus::Healthy
    } else {
        task.started_at.is_some_and(|at| now.ms_since(at) >= PROOF_MS)
    };
    task.last_status == LastStatus::Running && is_proven
}
