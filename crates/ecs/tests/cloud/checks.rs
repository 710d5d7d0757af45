//! The sentences that hold after every step, checked from outside: what the API answers against a recount of our own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use longshore_ecs::{Answer, ContainerRef, Effect, Event, Report, TaskView};
use longshore_model::instance::{ContainerInstance, InstanceStatus};
use longshore_model::task::{Container, DesiredStatus, HealthStatus, LastStatus, Task};
use serde_json::{Value, json};

use super::definitions::{Shape, shape};
use super::local::{Local, id_of};

/// What a task was made from, as the test knows it.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) family: &'static str,
    pub(super) needs: (i32, i32),
}

/// What was seen so far.
#[derive(Default)]
pub(super) struct Checker {
    pub(super) made: BTreeMap<String, Made>,
    pub(super) tasks: BTreeMap<String, Arc<TaskView>>,
    instances: BTreeMap<String, ContainerInstance>,
    released: BTreeSet<String>,
    /// The containers of which a start was reported, or an end, which says the same.
    ran: BTreeSet<(String, String)>,
}

impl Checker {
    /// Remembers what the cloud is told.
    pub(super) fn hear(&mut self, event: &Event) {
        if let Event::Container(of, Report::Started { .. } | Report::Exited { .. }) = event {
            self.ran.insert((of.task.clone(), of.container.clone()));
        }
    }

    /// Remembers what is known to run after a restart.
    pub(super) fn found(&mut self, of: &ContainerRef) {
        self.ran.insert((of.task.clone(), of.container.clone()));
    }

    /// Looks at everything after a step.
    pub(super) fn look(&mut self, local: &mut Local, effects: &[Effect]) {
        self.look_at_tasks(local);
        self.look_at_effects(effects);
        self.look_at_instances(local);
    }

    fn look_at_tasks(&mut self, local: &mut Local) {
        let tasks = all_tasks(local);
        for task in &tasks {
            let id = id_of(&task.task_arn);
            assert!(self.made.contains_key(&id), "nobody asked for task {id}");
            in_order_of_time(task);
            let stopped = task.desired_status == DesiredStatus::Stopped;
            let shape = shape(self.made[&id].family);
            for container in &task.containers {
                let over =
                    container.last_status == LastStatus::Stopped && shape.is_essential(&container.name);
                assert!(stopped || !over, "{} is over, but not its task: {task:?}", container.name);
            }
            assert_eq!(task.stopped_at.is_some(), task.last_status == LastStatus::Stopped);
            assert_eq!(task.stop_code.is_some(), stopped, "{task:?}");
            if let Some(before) = self.tasks.get(&id) {
                only_forward(before, task);
            }
            self.tasks.insert(id, Arc::clone(task));
        }
    }

    fn look_at_effects(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Release(task) => {
                    assert!(self.released.insert(task.clone()), "{task} is released twice");
                    assert_eq!(self.tasks[task].last_status, LastStatus::Stopped);
                }
                Effect::Prepare(task) => {
                    assert!(!self.released.contains(task), "{task} is prepared after its end")
                }
                Effect::Start(of) => {
                    assert!(!self.released.contains(&of.task), "{of:?} is started after its task's end");
                    self.may_start(of);
                }
                Effect::Terminate(of) | Effect::Kill(of) | Effect::Check(of) => {
                    assert!(!self.released.contains(&of.task), "{effect:?} after the end of its task");
                }
                Effect::TaskChanged(_)
                | Effect::InstanceChanged(_)
                | Effect::ServiceChanged(_)
                | Effect::RoutesChanged => {}
            }
        }
    }

    /// What the container waits for is there. A container that is restarted has waited before.
    fn may_start(&self, of: &ContainerRef) {
        let task = &self.tasks[&of.task];
        assert_eq!(task.desired_status, DesiredStatus::Running, "{of:?} is started in {task:?}");
        assert!(task.pull_stopped_at.is_some(), "{of:?} is started before its task is ready");
        if of.attempt > 0 {
            return;
        }
        for (name, condition) in shape(self.made[&of.task].family).waits_for(&of.container) {
            let container = find(task, &name);
            let ran = self.ran.contains(&(of.task.clone(), name.clone()));
            let over = container.last_status == LastStatus::Stopped;
            let holds = match condition.as_str() {
                "START" => ran,
                "COMPLETE" => ran && over,
                "SUCCESS" => ran && over && container.exit_code == Some(0),
                "HEALTHY" => container.health_status == HealthStatus::Healthy && !over,
                other => panic!("no condition {other}"),
            };
            assert!(holds, "{of:?} is started, but {name} is not at {condition}: {task:?}");
        }
    }

    fn look_at_instances(&mut self, local: &mut Local) {
        let instances = all_instances(local);
        for instance in &instances {
            let arn = &instance.container_instance_arn;
            let its = self.tasks.values().filter(|it| it.container_instance_arn.as_ref() == Some(arn));
            let unfinished: Vec<_> = its.filter(|it| it.last_status != LastStatus::Stopped).collect();
            let running = unfinished.iter().filter(|it| it.last_status >= LastStatus::Running).count();
            let counts = (instance.running_tasks_count, instance.pending_tasks_count);
            let counted = (i32::try_from(running), i32::try_from(unfinished.len() - running));
            assert_eq!((Ok(counts.0), Ok(counts.1)), counted, "tasks of {arn}");
            if instance.status == InstanceStatus::Inactive {
                continue;
            }
            let made = unfinished.iter().map(|it| &self.made[&id_of(&it.task_arn)]).collect::<Vec<_>>();
            self.balance(instance, &made);
            if let Some(before) = self.instances.get(arn) {
                let shown = |it: &ContainerInstance| {
                    (
                        it.remaining_resources.clone(),
                        it.status,
                        it.attributes.clone(),
                        it.version_info.clone(),
                    )
                };
                let (same, grew) = (shown(before) == shown(instance), before.version < instance.version);
                assert!(same || grew, "{arn} changed without a new version");
                assert!(before.version <= instance.version);
            }
            self.instances.insert(arn.clone(), instance.clone());
        }
    }

    /// What is left is what was registered less what unfinished tasks hold, and never less than nothing.
    fn balance(&self, instance: &ContainerInstance, made: &[&Made]) {
        let amount = |list: &[longshore_model::instance::Resource], name: &str| {
            list.iter().find(|it| it.name == name).map_or(0, |it| it.integer_value)
        };
        let (registered, left) = (&instance.registered_resources, &instance.remaining_resources);
        let held = made.iter().fold((0, 0), |sum, it| (sum.0 + it.needs.0, sum.1 + it.needs.1));
        for (name, held) in [("CPU", held.0), ("MEMORY", held.1)] {
            let (had, has) = (amount(registered, name), amount(left, name));
            assert!(
                (0..=had).contains(&has),
                "{name} of {}: {has} of {had}",
                instance.container_instance_arn
            );
            assert_eq!(has, had - held, "{name} left of {had} with tasks {made:?}");
        }
        let ports = left.iter().find(|it| it.name == "PORTS").and_then(|it| it.string_set_value.clone());
        let mut expected: Vec<u16> = made.iter().flat_map(|it| shape(it.family).ports).copied().collect();
        expected.push(22);
        expected.sort_unstable();
        let shown: Vec<u16> =
            ports.unwrap_or_default().iter().map(|port| port.parse().expect("a port")).collect();
        assert_eq!(shown, expected, "ports in use");
    }

    /// Every task is over, released once, and nothing of any instance is taken.
    pub(super) fn all_is_over(&mut self, local: &mut Local) {
        for (id, task) in &self.tasks {
            assert_eq!(task.last_status, LastStatus::Stopped, "{task:?}");
            assert!(self.released.contains(id), "{id} was never released");
        }
        for instance in all_instances(local) {
            assert_eq!(instance.remaining_resources, instance.registered_resources);
            assert_eq!((instance.running_tasks_count, instance.pending_tasks_count), (0, 0));
        }
    }
}

/// What a task of this shape takes, with one of the overrides that [`overrides`] gives.
pub(super) fn needs(shape: &Shape, variant: u8) -> (i32, i32) {
    let request = shape.request();
    let first = &request["containerDefinitions"][0];
    let of_first = |name: &str| i32::try_from(first[name].as_i64().expect("a number")).expect("a small one");
    match variant {
        3 => (200, 300),
        1 if !shape.awsvpc => (shape.cpu - of_first("cpu") + 50, shape.memory - of_first("memory") + 100),
        2 if !shape.awsvpc => (shape.cpu, shape.memory - of_first("memory") + 20),
        _ => (shape.cpu, shape.memory),
    }
}

/// One of a few overrides: none, a larger first container, a softer one, another size of the task.
pub(super) fn overrides(shape: &Shape, variant: u8) -> Value {
    let name = shape.request()["containerDefinitions"][0]["name"].clone();
    match variant {
        1 => json!({"containerOverrides": [{"name": name, "cpu": 50, "memory": 100}]}),
        2 => json!({"containerOverrides": [{"name": name, "memoryReservation": 20}]}),
        3 => json!({"cpu": "200", "memory": "300"}),
        _ => json!({}),
    }
}

fn find<'a>(task: &'a Task, name: &str) -> &'a Container {
    task.containers.iter().find(|it| it.name == name).unwrap_or_else(|| panic!("no container {name}"))
}

fn in_order_of_time(task: &Task) {
    let moments = [
        Some(task.created_at),
        task.pull_started_at,
        task.pull_stopped_at,
        task.started_at,
        task.stopping_at,
        task.execution_stopped_at,
        task.stopped_at,
    ];
    let known: Vec<_> = moments.into_iter().flatten().collect();
    assert!(known.is_sorted(), "the moments of {task:?}");
}

fn only_forward(before: &Task, after: &Task) {
    assert!(before.last_status <= after.last_status, "{before:?} went back to {after:?}");
    let back =
        before.desired_status == DesiredStatus::Stopped && after.desired_status == DesiredStatus::Running;
    assert!(!back, "{before:?} is to run again: {after:?}");
    assert!(before == after || before.version < after.version, "changed without a new version: {after:?}");
    let kept = |before: Option<_>, after: Option<_>| before.is_none() || before == after;
    assert!(kept(before.started_at, after.started_at) && kept(before.stopped_at, after.stopped_at));
    assert!(
        before.stop_code.is_none() || before.stopped_reason == after.stopped_reason,
        "the first reason stays"
    );
}

/// Every item of a list, in pages of `size`: each once.
pub(super) fn pages(
    local: &mut Local,
    operation: &str,
    body: &Value,
    member: &str,
    size: usize,
) -> Vec<String> {
    let mut all = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut page = body.clone();
        page["maxResults"] = json!(size);
        if !token.is_null() {
            page["nextToken"] = token;
        }
        let answer = local.must(operation, page);
        let items = super::local::texts(&answer[member]);
        assert!(items.len() <= size);
        all.extend(items);
        token = answer["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len(), "{operation} gives an item twice");
    all
}

fn all_tasks(local: &mut Local) -> Vec<Arc<TaskView>> {
    let mut arns = Vec::new();
    for status in ["RUNNING", "STOPPED"] {
        let body = json!({"desiredStatus": status});
        let listed = pages(local, "ListTasks", &body, "taskArns", 100);
        assert_eq!(pages(local, "ListTasks", &body, "taskArns", 7), listed, "pages of another size");
        arns.extend(listed);
    }
    let mut tasks = Vec::new();
    for some in arns.chunks(100) {
        match local.ask("DescribeTasks", json!({"tasks": some})) {
            Ok(Answer::DescribeTasks(answer)) => {
                assert!(answer.failures.is_empty(), "listed, but not there: {:?}", answer.failures);
                tasks.extend(answer.tasks);
            }
            other => panic!("{other:?}"),
        }
    }
    tasks
}

fn all_instances(local: &mut Local) -> Vec<ContainerInstance> {
    let mut arns = pages(local, "ListContainerInstances", &json!({}), "containerInstanceArns", 2);
    let gone = json!({"status": "INACTIVE"});
    arns.extend(pages(local, "ListContainerInstances", &gone, "containerInstanceArns", 100));
    if arns.is_empty() {
        return Vec::new();
    }
    match local.ask("DescribeContainerInstances", json!({"containerInstances": arns})) {
        Ok(Answer::DescribeContainerInstances(answer)) => answer.container_instances,
        other => panic!("{other:?}"),
    }
}
