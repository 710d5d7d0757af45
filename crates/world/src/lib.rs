//! What we ask of the world: narrow traits with only the calls that we make. The implementation on AWS is the crate
//! `aws`, the one for simulations is `sim`; `control` knows only these.

mod outside;
mod services;
mod store;
mod surroundings;

pub use self::outside::{
    Addresses, Balancers, GitHub, HookCall, Hooks, Listener, LoadBalancer, Login, Message, Notifier, Person,
    Queue, Routes, Rule, Share, Site, SiteService, SiteTarget, TargetGroup,
};
pub use self::services::Services;
pub use self::store::{Expect, Row, Scan, Store, Write, Written};
pub use self::surroundings::Surroundings;

use async_trait::async_trait;
use longshore_model::call::{ListTasks, RunTask, StartTask};
use longshore_model::seen::{Described, Instance, LogPage, LogPosition, LogStream, Started, TaskDefinition};
use longshore_model::{Error, Timestamp};

/// Amazon ECS.
#[async_trait]
pub trait Ecs: Send + Sync + std::fmt::Debug {
    /// Starts tasks. A call that starts only some of them succeeds, with failures. May be sent again with the same
    /// client token.
    async fn run_task(&self, request: &RunTask) -> Result<Started, Error>;

    /// Starts a task on each of the named instances. It is sent once: nothing tells ECS that a second call is the first
    /// one again.
    async fn start_task(&self, request: &StartTask) -> Result<Started, Error>;

    /// Describes at most 100 tasks of a cluster.
    async fn describe_tasks(&self, cluster: &str, arns: &[String]) -> Result<Described, Error>;

    /// The ARNs of all tasks that the filters let through, from all pages.
    async fn list_tasks(&self, request: &ListTasks) -> Result<Vec<String>, Error>;

    /// Asks a task to stop. `reason` becomes its `stoppedReason`.
    async fn stop_task(&self, cluster: &str, arn: &str, reason: &str) -> Result<(), Error>;

    /// Describes a revision. `name` is a family (its latest active revision), `family:revision` or an ARN.
    async fn describe_task_definition(&self, name: &str) -> Result<TaskDefinition, Error>;

    /// Describes at most 100 container instances of a cluster.
    async fn describe_container_instances(
        &self,
        cluster: &str,
        arns: &[String],
    ) -> Result<Vec<Instance>, Error>;
}

/// Amazon CloudWatch Logs.
#[async_trait]
pub trait Logs: Send + Sync + std::fmt::Debug {
    /// Reads a part of a stream. `None` means that the stream (or its group) is not there yet.
    async fn read_log(&self, stream: &LogStream, position: &LogPosition) -> Result<Option<LogPage>, Error>;
}

/// AWS CloudFormation, as a custom resource sees it.
#[async_trait]
pub trait CloudFormation: Send + Sync + std::fmt::Debug {
    /// The `StackStatus`, such as `UPDATE_ROLLBACK_IN_PROGRESS`.
    async fn stack_status(&self, stack_id: &str) -> Result<String, Error>;

    /// Puts an answer to a `ResponseURL`, once. The URL is a credential: it is in no error.
    async fn answer(&self, response_url: &str, body: &str) -> Result<(), Error>;
}

/// The function that we run in, when it is one whose invocations end by the clock.
#[async_trait]
pub trait Successor: Send + Sync + std::fmt::Debug {
    /// Invokes this function again, asynchronously, with this event.
    async fn hand_over(&self, event: &str) -> Result<(), Error>;
}

/// The wall clock, where a moment of the outside world counts.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Now.
    fn now(&self) -> Timestamp;
}
