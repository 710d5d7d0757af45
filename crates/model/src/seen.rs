//! What was seen of ECS: as much of its answers as we use. Words that ECS may add to are strings here, so that a new
//! one is shown and not refused.

use std::collections::BTreeMap;
use std::fmt;

use crate::Timestamp;

mod cluster;
mod service;
mod surroundings;

pub use self::cluster::Cluster;
pub use self::service::{Deployment, PastDeployment, Service, ServiceEvent};
pub use self::surroundings::{Role, Secret, SeenImage, TargetGroup};

/// What RunTask or StartTask did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Started {
    /// Placed, or waiting for capacity. A replayed answer has little more than their ARNs.
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

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Task {
    /// `arn:aws:ecs:REGION:ACCOUNT:task/CLUSTER/ID`.
    pub arn: String,
    /// Its cluster.
    pub cluster_arn: String,
    /// The exact revision.
    pub task_definition_arn: String,
    /// The instance it runs on; none on Fargate.
    pub container_instance_arn: Option<String>,
    /// `family:NAME`, or what the caller named.
    pub group: Option<String>,
    /// Whom it belongs to.
    pub started_by: Option<String>,
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
    /// The address of its own network interface, which only mode awsvpc gives it.
    pub private_ip: Option<String>,
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
    /// Where its ports are found on its host, once it runs; with mode awsvpc there are none.
    pub bindings: Vec<Binding>,
}

/// A port of a container on its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Binding {
    /// In the container.
    pub container_port: u16,
    /// On the host.
    pub host_port: u16,
}

impl Task {
    /// The id at the end of the ARN.
    #[must_use]
    pub fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }

    /// The first characters of the id, for people.
    #[must_use]
    pub fn short_id(&self) -> &str {
        const LENGTH: usize = 8;
        self.id().get(..LENGTH).unwrap_or(self.id())
    }

    /// Whether it is over: nothing of it changes any more.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.last_status.as_str(), "STOPPED" | "DELETED")
    }
}

/// A registered revision of a task definition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskDefinition {
    /// With the exact revision.
    pub arn: String,
    /// `awsvpc`, `bridge`, `host` or `none`; absent means bridge.
    pub network_mode: Option<String>,
    /// The launch types that it is valid for.
    pub compatibilities: Vec<String>,
    /// CPU units of a task: its own, or those of its containers together.
    pub cpu: i64,
    /// MiB of a task: its own, or those of its containers together.
    pub memory: i64,
    /// In the order of the definition.
    pub containers: Vec<ContainerSummary>,
}

/// A container of a task definition, without what ECS alone needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContainerSummary {
    /// Unique in the task definition.
    pub name: String,
    /// Whether its end ends the task.
    pub essential: bool,
    /// Where its output goes; absent means that it stays on the instance.
    pub log_driver: Option<LogDriver>,
    /// Its environment variables, and for secrets where their values come from.
    pub environment: Environment,
}

/// Environment variables by name. Its `Debug` does not show the values.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Environment(pub BTreeMap<String, String>);

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A container's log configuration, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogDriver {
    /// Such as `awslogs`.
    pub name: String,
    /// Such as `awslogs-group`.
    pub options: BTreeMap<String, String>,
}

/// A container instance, as far as it matters to whoever waits for room on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Instance {
    /// `arn:aws:ecs:REGION:ACCOUNT:container-instance/CLUSTER/ID`.
    pub arn: String,
    /// CPU units that are free.
    pub free_cpu: i64,
    /// MiB that are free.
    pub free_memory: i64,
}

/// Where the `awslogs` driver writes the output of one container of one task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogStream {
    /// `awslogs-region`; absent means the region of the task.
    pub region: Option<String>,
    /// `awslogs-group`.
    pub group: String,
    /// `PREFIX/CONTAINER/TASK`.
    pub name: String,
}

/// What a load balancer finds of a target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetHealth {
    /// `healthy`, `initial`, `unhealthy`, `draining`, ...
    pub state: String,
    /// Why it is not healthy, in Elastic Load Balancing's words; empty when it says nothing.
    pub description: String,
}

/// Where in a stream to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogPosition {
    /// From its first line.
    Head,
    /// From the first line that was written then or later.
    Since(Timestamp),
    /// On from an earlier page.
    After(String),
    /// So many last lines.
    Tail(u16),
}

/// A part of a stream. Its end is reached when `token` is the one that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogPage {
    /// In the order of the stream. May be empty before the end.
    pub lines: Vec<LogLine>,
    /// Continues after these lines.
    pub token: Option<String>,
}

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogLine {
    /// When it was written, by the container's host.
    pub timestamp: Timestamp,
    /// Without its line end.
    pub message: String,
}
