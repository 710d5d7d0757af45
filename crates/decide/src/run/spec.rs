//! What to run, and how to judge it. Front doors make one; it does not change during the run.

use std::time::Duration;

use longshore_model::call::RunTask;
use longshore_model::seen::TaskDefinition;

/// What to run, and how to judge it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The run's name. Client tokens are made from it, so that a run with the same name, cluster, revision and
    /// parameters is the same run, however often it is begun.
    pub id: String,
    /// What is sent to start the tasks; `count` and `client_token` are filled in for each call. Its
    /// `task_definition` is `definition.arn`.
    pub request: RunTask,
    /// How many tasks; more than 10 are several calls.
    pub count: usize,
    /// One task on each of these container instances (ids or ARNs), with StartTask; then `count` says nothing.
    pub instances: Vec<String>,
    /// Tasks that run already: they are followed, and nothing is started.
    pub attach: Vec<String>,
    /// The exact revision.
    pub definition: TaskDefinition,
    /// Whose exit code counts; absent means the essential containers.
    pub container: Option<String>,
    /// Exit codes that are a success, beside 0.
    pub accept_exit_codes: Vec<i32>,
    /// The whole run ends after this time, counted from its beginning.
    pub timeout: Option<Duration>,
    /// The same as it was asked for, for words: a part of it may have passed before the beginning.
    pub timeout_in_full: Option<Duration>,
    /// What becomes of the tasks then.
    pub on_timeout: OnTimeout,
    /// For so long, tasks that are told to stop are waited for.
    pub stop_patience: Duration,
    /// For so long after the beginning, tasks that found no place are tried again.
    pub wait_for_capacity: Duration,
    /// How often a task whose host was lost is started again.
    pub retry_infrastructure: u32,
    /// What is read of the logs.
    pub logs: LogReading,
    /// How often the tasks are looked at; absent means as the service's own pace suggests.
    pub poll_interval: Option<Duration>,
    /// The run is over once all tasks are placed.
    pub detach: bool,
    /// Who we are, for the `stoppedReason` of a task that we stop, such as `longshore run (ann@build-1)`.
    pub who: String,
}

/// What becomes of tasks that are not over when the time is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnTimeout {
    /// They are stopped.
    #[default]
    Stop,
    /// They run on.
    Leave,
}

/// What is read of the logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogReading {
    /// Everything, as it comes.
    #[default]
    Follow,
    /// The last lines of the container that decided, when it failed.
    Tail,
}
