//! Tasks as they are kept, and the calls that look at them or stop them.

use std::sync::Arc;

use longshore_model::Timestamp;
use longshore_model::arn::last_part;
use longshore_model::network::LaunchType;
use longshore_model::tag::Tag;
use longshore_model::task::{DesiredStatus, LastStatus, StopCode, Task};
use longshore_model::task_definition::TaskDefinition;
use serde::{Deserialize, Serialize};

use crate::api::{Failure, request};
use crate::cloud::{Cloud, Key};
use crate::fault::Fault;
use crate::page::{PageRequest, page};
use crate::service::TaskOfService;
use crate::view::TaskView;

/// How long DescribeTasks still knows a stopped task ("at least one hour", says the API reference).
pub(crate) const STOPPED_TASK_VISIBLE_SECONDS: i64 = 3600;

/// A task with what only its keeper needs to know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TaskEntry {
    pub(crate) view: Arc<TaskView>,
    pub(crate) cluster: String,
    /// The instance's id; none on Fargate.
    pub(crate) instance: Option<String>,
    pub(crate) tags: Vec<Tag>,
    /// Whether [`crate::Effect::Prepare`] was answered.
    pub(crate) prepared: bool,
    /// In the order of the definition's containers.
    pub(crate) runs: Vec<ContainerRun>,
    /// What it was running when it was asked to stop: its resources are still held until it is STOPPED.
    pub(crate) holds_resources: bool,
    /// The service that it belongs to.
    #[serde(default)]
    pub(crate) service: Option<TaskOfService>,
    /// Its entry in the cloud's timers; entered again when it is restored.
    #[serde(skip)]
    pub(crate) wake: Option<Timestamp>,
    /// The version that the subscribers were told of.
    #[serde(skip)]
    pub(crate) published: i64,
    /// The revision with the overrides applied; linked again when it is restored.
    #[serde(skip, default = "no_definition")]
    pub(crate) definition: Arc<TaskDefinition>,
}

/// One container of a task in its keeper's eyes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ContainerRun {
    pub(crate) stage: Stage,
    /// Counts its starts from 0.
    pub(crate) attempt: u32,
    /// When this start was asked for.
    pub(crate) asked_at: Option<Timestamp>,
    pub(crate) started_at: Option<Timestamp>,
    /// When it is killed (again).
    pub(crate) kill_at: Option<Timestamp>,
    /// How often it was killed.
    pub(crate) kills: u32,
    /// When its health is checked next; none while a check runs.
    pub(crate) check_at: Option<Timestamp>,
    pub(crate) check_failures: u32,
}

/// How far a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// For what it depends on.
    Waiting,
    /// The runtime was asked to start it.
    Starting,
    Running,
    /// It was sent its stop signal.
    Terminating,
    Ended,
}

impl ContainerRun {
    pub(crate) const fn new() -> Self {
        Self {
            stage: Stage::Waiting,
            attempt: 0,
            asked_at: None,
            started_at: None,
            kill_at: None,
            kills: 0,
            check_at: None,
            check_failures: 0,
        }
    }

    /// Whether it was started at all, be it that it has ended since.
    pub(crate) fn has_run(&self) -> bool {
        self.started_at.is_some() || self.attempt > 0
    }
}

/// What stands for a definition between reading a stored task and linking it.
pub(crate) fn no_definition() -> Arc<TaskDefinition> {
    Arc::new(TaskDefinition {
        task_definition_arn: String::new(),
        spec: longshore_model::task_definition::TaskSpec::default(),
        revision: 0,
        status: longshore_model::task_definition::TaskDefinitionStatus::Inactive,
        requires_attributes: None,
        compatibilities: Vec::new(),
        registered_at: Timestamp::default(),
        registered_by: None,
        deregistered_at: None,
        delete_requested_at: None,
    })
}

request! {
    /// StopTask.
    StopTask { cluster: Option<String>, task: String, reason: Option<String> }
}
request! {
    /// DescribeTasks.
    DescribeTasks { cluster: Option<String>, tasks: Vec<String>, include: Vec<String> }
}
request! {
    /// ListTasks.
    ListTasks {
        cluster: Option<String>,
        container_instance: Option<String>,
        family: Option<String>,
        next_token: Option<String>,
        max_results: Option<i32>,
        started_by: Option<String>,
        service_name: Option<String>,
        desired_status: Option<DesiredStatus>,
        launch_type: Option<LaunchType>,
    }
}

/// The answer with one task.
#[derive(Debug, Clone, Serialize)]
pub struct OneTask {
    /// The task.
    pub task: Arc<TaskView>,
}

/// The answer of DescribeTasks.
#[derive(Debug, Clone, Serialize)]
pub struct Tasks {
    /// Those that were found.
    pub tasks: Vec<Arc<TaskView>>,
    /// Those that were not.
    pub failures: Vec<Failure>,
}

/// The answer of ListTasks.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskArns {
    /// One page.
    pub task_arns: Vec<String>,
    /// Where the next one begins.
    pub next_token: Option<String>,
}

impl Cloud {
    pub(crate) fn tasks_in(&self, cluster: &str) -> impl Iterator<Item = &TaskEntry> {
        self.tasks_of_cluster.get(cluster).into_iter().flatten().filter_map(|id| self.tasks.get(id))
    }

    pub(crate) fn stop_task(&mut self, request: &StopTask, now: Timestamp) -> Result<OneTask, Fault> {
        let cluster = self.active_cluster(request.cluster.as_deref())?;
        let id = last_part(&request.task).to_owned();
        if id.is_empty() {
            return Err(Fault::invalid("Task can not be blank."));
        }
        if self.tasks.get(&id).is_none_or(|entry| entry.cluster != cluster) {
            return Err(Fault::invalid("The referenced task was not found."));
        }
        // "Any tags associated with the task will be deleted", says the API reference.
        if self.tasks.get_mut(&id).is_some_and(|entry| !std::mem::take(&mut entry.tags).is_empty()) {
            self.touch(Key::Task(id.clone()));
        }
        let reason = request.reason.clone().unwrap_or_else(|| "Task stopped by user".to_owned());
        self.stop(&id, StopCode::UserInitiated, reason, now);
        match self.tasks.get(&id) {
            Some(entry) => Ok(OneTask { task: Arc::clone(&entry.view) }),
            None => Err(Fault::invalid("The referenced task was not found.")),
        }
    }

    pub(crate) fn describe_tasks(&self, request: &DescribeTasks) -> Result<Tasks, Fault> {
        let cluster = self.active_cluster(request.cluster.as_deref())?;
        match request.tasks.len() {
            0 => return Err(Fault::invalid("Tasks cannot be empty.")),
            1..=100 => {}
            _ => return Err(Fault::invalid("Tasks cannot contain more than 100 elements.")),
        }
        let with_tags = request.include.iter().any(|word| word == "TAGS");
        let mut answer = Tasks { tasks: Vec::with_capacity(request.tasks.len()), failures: Vec::new() };
        for given in &request.tasks {
            let id = last_part(given);
            match self.tasks.get(id).filter(|entry| entry.cluster == cluster) {
                None => answer.failures.push(Failure::missing(self.scope.task(&cluster, id))),
                Some(entry) if with_tags && !entry.tags.is_empty() => {
                    let mut task = (**entry.view).clone();
                    task.tags.clone_from(&entry.tags);
                    answer.tasks.push(Arc::new(task.into()));
                }
                Some(entry) => answer.tasks.push(Arc::clone(&entry.view)),
            }
        }
        Ok(answer)
    }

    pub(crate) fn list_tasks(&self, request: &ListTasks) -> Result<TaskArns, Fault> {
        let cluster = self.active_cluster(request.cluster.as_deref())?;
        if request.started_by.as_ref().is_some_and(|by| by.chars().count() > 128) {
            return Err(Fault::invalid("startedBy longer than 128."));
        }
        let pages =
            PageRequest { max_results: request.max_results, next_token: request.next_token.as_deref() };
        let from = pages.after()?;
        let range =
            (from.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded), std::ops::Bound::Unbounded);
        let ids = self
            .tasks_of_cluster
            .get(&cluster)
            .into_iter()
            .flat_map(|ids| ids.range::<String, _>(range.clone()));
        let matching = ids.filter(|id| self.tasks.get(*id).is_some_and(|entry| is_listed(entry, request)));
        let page = page(matching, pages.limit(100)?, |id| (*id).clone());
        let task_arns = page.items.into_iter().map(|id| self.scope.task(&cluster, id)).collect();
        Ok(TaskArns { task_arns, next_token: page.next_token })
    }

    /// Changes what DescribeTasks gives of a task, and its version.
    pub(crate) fn change_task(&mut self, id: &str, change: impl FnOnce(&mut Task)) {
        if let Some(entry) = self.tasks.get_mut(id) {
            let view = Arc::make_mut(&mut entry.view).change();
            change(view);
            view.version = view.version.saturating_add(1);
            if entry.service.is_some() {
                self.unsettled_tasks.insert(id.to_owned());
            }
            self.touch(Key::Task(id.to_owned()));
        }
    }
}

fn is_listed(entry: &TaskEntry, request: &ListTasks) -> bool {
    let task = &entry.view;
    let instance_matches = request
        .container_instance
        .as_ref()
        .is_none_or(|given| entry.instance.as_deref() == Some(last_part(given)));
    let family_matches = request.family.as_ref().is_none_or(|family| entry.definition.spec.family == *family);
    let service_matches = request.service_name.as_ref().is_none_or(|service| {
        task.group.as_deref().and_then(|group| group.strip_prefix("service:")) == Some(last_part(service))
    });
    task.desired_status == request.desired_status.unwrap_or(DesiredStatus::Running)
        && request.launch_type.is_none_or(|launch_type| task.launch_type == Some(launch_type))
        && request.started_by.as_ref().is_none_or(|by| task.started_by.as_ref() == Some(by))
        && instance_matches
        && family_matches
        && service_matches
}

/// Whether the task is over.
pub(crate) fn is_over(entry: &TaskEntry) -> bool {
    entry.view.last_status == LastStatus::Stopped
}
