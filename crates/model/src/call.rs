//! The inputs of the calls that start tasks. They are sent as they are serialised, so what a dry run prints is what
//! goes out.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::network::{CapacityProviderStrategyItem, LaunchType, NetworkConfiguration};
use crate::placement::{PlacementConstraint, PlacementStrategy};
use crate::tag::Tag;

/// ECS starts at most this many tasks in one call of RunTask or StartTask.
pub const MAX_TASKS_PER_CALL: usize = 10;

/// ECS describes at most this many tasks in one call.
pub const MAX_TASKS_PER_DESCRIBE: usize = 100;

/// ECS describes at most this many services in one call.
pub const MAX_SERVICES_PER_DESCRIBE: usize = 10;

/// ECS describes at most this many clusters in one call.
pub const MAX_CLUSTERS_PER_DESCRIBE: usize = 100;

/// The most characters of a `startedBy` that both RunTask (128) and StartTask (36) take.
pub const MAX_STARTED_BY: usize = 36;

/// The input of RunTask. Its `Debug` does not show the overrides, which hold the values of environment variables.
#[serde_with::skip_serializing_none]
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RunTask {
    /// Name or ARN.
    pub cluster: String,
    /// Family, `family:revision` or ARN.
    pub task_definition: String,
    /// 1-10.
    pub count: usize,
    /// Where it runs; excludes a strategy.
    pub launch_type: Option<LaunchType>,
    /// Which capacity it runs on; excludes a launch type.
    pub capacity_provider_strategy: Option<Vec<CapacityProviderStrategyItem>>,
    /// For networkMode awsvpc.
    pub network_configuration: Option<NetworkConfiguration>,
    /// Fargate's, such as `1.4.0` or `LATEST`.
    pub platform_version: Option<String>,
    /// Rules for the instances.
    pub placement_constraints: Option<Vec<PlacementConstraint>>,
    /// Preferences among the instances.
    pub placement_strategy: Option<Vec<PlacementStrategy>>,
    /// What differs from the task definition: a TaskOverride, with members that we do not know kept.
    pub overrides: Option<Value>,
    /// The group of the tasks; absent means `family:NAME`.
    pub group: Option<String>,
    /// Whom the tasks belong to, at most [`MAX_STARTED_BY`] characters.
    pub started_by: Option<String>,
    /// At most 50.
    pub tags: Option<Vec<Tag>>,
    /// The same token starts the same tasks once, however often the call is made.
    pub client_token: Option<String>,
}

/// The input of StartTask: one task on each of these instances. It has no client token. Its `Debug` does not
/// show the overrides.
#[serde_with::skip_serializing_none]
#[derive(Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StartTask {
    /// Name or ARN.
    pub cluster: String,
    /// Family, `family:revision` or ARN.
    pub task_definition: String,
    /// 1-10 ids or ARNs.
    pub container_instances: Vec<String>,
    /// For networkMode awsvpc.
    pub network_configuration: Option<NetworkConfiguration>,
    /// What differs from the task definition.
    pub overrides: Option<Value>,
    /// The group of the tasks.
    pub group: Option<String>,
    /// Whom the tasks belong to, at most [`MAX_STARTED_BY`] characters.
    pub started_by: Option<String>,
    /// At most 50.
    pub tags: Option<Vec<Tag>>,
}

impl fmt::Debug for RunTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunTask")
            .field("cluster", &self.cluster)
            .field("task_definition", &self.task_definition)
            .field("count", &self.count)
            .field("client_token", &self.client_token)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for StartTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartTask")
            .field("cluster", &self.cluster)
            .field("task_definition", &self.task_definition)
            .field("container_instances", &self.container_instances)
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

/// The input of ListTasks. ECS wants `startedBy` to be alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListTasks {
    /// Name or ARN.
    pub cluster: String,
    /// Running tasks that belong to it.
    pub started_by: Option<String>,
    /// Tasks of this family...
    pub family: Option<String>,
    /// ...or of this service...
    pub service: Option<String>,
    /// ...that are over (else: that are to run).
    pub stopped: bool,
}
