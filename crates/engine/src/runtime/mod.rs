//! Runtimes: what really runs the containers. `ecs` decides, a runtime does and reports what happened.
//!
//! A runtime decides nothing about tasks: order, deadlines, restarts and health policy are `ecs`'s. It never waits
//! for a container to end inside a call; an end is reported through [`Reports`].

pub mod docker;
pub mod lines;
mod ports;
pub mod process;
pub mod simulated;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_model::container_definition::ContainerDefinition;
use longshore_model::network::NetworkMode;
use longshore_model::task::NetworkBinding;
use longshore_model::task_definition::TaskDefinition;
use tokio::sync::mpsc;

/// Which task, in which region: enough to find it again after a restart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskKey {
    /// Twelve digits.
    pub account: String,
    /// Such as `eu-west-1`.
    pub region: String,
    /// The task's 32 hexadecimal digits.
    pub task: String,
}

/// Which start of which container of which task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerKey {
    /// Its task.
    pub task: TaskKey,
    /// Its name in the task definition.
    pub name: String,
    /// Counts a container's starts within its task, from 0 (restart policy).
    pub attempt: u32,
}

/// A task that is about to start.
#[derive(Debug, Clone)]
pub struct TaskPlan {
    /// Which.
    pub key: TaskKey,
    /// The cluster's name.
    pub cluster: String,
    /// The revision, with the overrides of the caller already applied to its containers.
    pub definition: Arc<TaskDefinition>,
    /// [`NetworkMode::Bridge`] where the definition is silent.
    pub network_mode: NetworkMode,
    /// Directories for the volumes that are directories here (host volumes without a path, EFS), by volume name.
    pub directories: BTreeMap<String, PathBuf>,
    /// CPU units that the whole task may use; absent means no cap.
    pub cpu: Option<u32>,
    /// MiB that the whole task may use; absent means no cap.
    pub memory_mib: Option<u32>,
}

/// What [`Runtime::prepare`] found out.
#[derive(Debug, Clone, Default)]
pub struct Prepared {
    /// The task's own address, with awsvpc.
    pub ip: Option<String>,
    /// Digests of the images, by container name, where known.
    pub digests: BTreeMap<String, String>,
    /// Whether an image was pulled.
    pub pulled: bool,
}

/// A container that is to start now.
#[derive(Debug, Clone)]
pub struct ContainerPlan {
    /// Which.
    pub key: ContainerKey,
    /// Its task.
    pub task: Arc<TaskPlan>,
    /// Its definition with the caller's overrides applied. Its `environment`, `secrets` and `environmentFiles` are
    /// already merged into `environment` below and must not be read here.
    pub definition: ContainerDefinition,
    /// The whole environment, secrets included: never to be logged or written to disk by us.
    pub environment: BTreeMap<String, String>,
}

/// What [`Runtime::start`] found out.
#[derive(Debug, Clone, Default)]
pub struct Started {
    /// Docker's id, or the process runtime's own: 32 hexadecimal digits and a dash and a number, as on Fargate.
    pub runtime_id: String,
    /// Published ports.
    pub bindings: Vec<NetworkBinding>,
}

/// Why a task or container could not be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StartError(
    /// ECS's wording: an error name, a colon and a sentence, such as `CannotPullContainerError: ...`.
    pub String,
);

/// Why a runtime cannot tell what of it still exists, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RecoverError(
    /// What it says.
    pub String,
);

/// A line of a container's output, without its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Counts the lines of one start of a container from 0, over stdout and stderr together.
    pub number: u64,
    /// The line; invalid UTF-8 was replaced.
    pub text: String,
}

/// What a runtime reports, on its own time.
#[derive(Debug, Clone)]
pub enum Report {
    /// Lines of output, in order. Sent before the [`Report::Exited`] of the same start.
    Lines(ContainerKey, Vec<LogLine>),
    /// The container ended. The last report of a start.
    Exited {
        /// Which.
        key: ContainerKey,
        /// Its exit code: 128 + signal when a signal ended it; absent when nobody saw it end.
        exit_code: Option<i32>,
        /// ECS's wording for an unusual end, such as `OutOfMemoryError: Container killed due to memory usage`.
        reason: Option<String>,
    },
}

/// Where a runtime sends its reports. Bounded: a container that prints faster than the disk writes waits in its
/// write, as it would with Docker.
pub type Reports = mpsc::Sender<Report>;

/// How many reports may wait.
pub const REPORTS_LIMIT: usize = 1024;

/// How many lines a runtime puts into one [`Report::Lines`] at most.
pub const LINES_PER_REPORT: usize = 1000;

/// A line longer than this is cut into pieces of this many bytes: CloudWatch Logs takes events up to 256 KiB
/// less 26 bytes, and the awslogs driver cuts there too.
pub const LINE_LIMIT_BYTES: usize = 262_144 - 26;

/// A container that was found running, or ended, after a restart of the engine.
#[derive(Debug, Clone)]
pub struct Found {
    /// Which.
    pub key: ContainerKey,
    /// As in [`Started`].
    pub runtime_id: String,
}

/// A container that the engine knew as running when it was ended, with what of its output is stored already.
#[derive(Debug, Clone)]
pub struct Known {
    /// Which.
    pub key: ContainerKey,
    /// How many lines of its output are stored.
    pub lines_stored: u64,
}

/// A way to run containers.
#[async_trait]
pub trait Runtime: Send + Sync + 'static {
    /// `docker`, `process` or `simulated`.
    fn name(&self) -> &'static str;

    /// Whether its containers outlive the engine, so that [`Runtime::recover`] can find them again.
    fn survives(&self) -> bool;

    /// Makes ready what the task's containers share: images, network, volumes. Undone by [`Runtime::release`],
    /// which is called whether this succeeds or not.
    async fn prepare(&self, plan: &TaskPlan) -> Result<Prepared, StartError>;

    /// Starts a container. Its output and its end come as [`Report`]s.
    async fn start(&self, plan: ContainerPlan) -> Result<Started, StartError>;

    /// Sends the container's stop signal (SIGTERM unless the image says otherwise). A container that is gone is fine.
    async fn terminate(&self, key: &ContainerKey);

    /// Kills the container and all that it started. A container that is gone is fine.
    async fn kill(&self, key: &ContainerKey);

    /// Runs a health check's command (`["CMD", ..]` or `["CMD-SHELL", line]`) in the container: whether it exited with
    /// 0 within the timeout.
    async fn check(&self, key: &ContainerKey, command: &[String], timeout: Duration) -> bool;

    /// Docker's stats of a container as JSON, for the task metadata endpoint; `None` when it is not running.
    async fn stats(&self, key: &ContainerKey) -> Option<serde_json::Value>;

    /// Gives back what [`Runtime::prepare`] and [`Runtime::start`] made, once all containers have ended.
    async fn release(&self, task: &TaskKey);

    /// After a restart: takes up the containers of this engine that still exist (their ends and further lines come as
    /// reports, lines from `lines_stored` on) and removes those that nobody knows. What is not in the answer is lost.
    ///
    /// # Errors
    /// When the runtime cannot tell what exists: nothing is then removed, and nothing may be taken for lost.
    async fn recover(&self, known: Vec<Known>) -> Result<Vec<Found>, RecoverError>;

    /// Ends everything that this runtime runs, at once: the engine is shutting down.
    async fn shutdown(&self);
}
