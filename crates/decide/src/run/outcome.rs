//! How a run ended, and the result document that says so: the same for a terminal, a script and CloudFormation.

use longshore_model::Timestamp;
use serde::{Serialize, Serializer};

/// How a run ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Ended {
    /// Every container that counts ended with an accepted code (or nothing was to be run).
    Succeeded,
    /// A container that counts ended with a code that is not accepted.
    Application,
    /// A container that counts never ran: image, secret, network, command.
    FailedToStart,
    /// The host went away under a task, or could not do its part.
    Infrastructure,
    /// ECS found no place for all tasks within the time given.
    NotPlaced,
    /// It took longer than the time given.
    TimedOut,
    /// Whoever waits for the run wanted it stopped.
    Interrupted,
    /// Somebody else stopped a task.
    Stopped,
    /// ECS refused to start the tasks.
    Refused,
    /// ECS could not be asked any longer: tasks may run on.
    #[default]
    Unknown,
    /// The tasks were started, and nobody waits for them.
    Detached,
}

/// The result document. All members are always there; what is not known is null.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// How it ended.
    pub result: Ended,
    /// Of the container that decided; null when it never ran.
    pub exit_code: Option<i32>,
    /// The container that decided.
    pub container: Option<String>,
    /// One sentence, without a full stop.
    pub explanation: String,
    /// What to do now.
    pub next_step: Option<String>,
    /// The run's name: the same name is the same run.
    pub run_id: String,
    /// Name or ARN, as given.
    pub cluster: String,
    /// The exact revision.
    pub task_definition_arn: String,
    /// The task that decided: the first that failed, or else the first one.
    pub task_arn: Option<String>,
    /// Every task that was started, lost ones included.
    pub tasks: Vec<TaskOutcome>,
    /// The last lines of the container that decided, when it failed.
    pub log_tail: Vec<String>,
}

/// A task in the result document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskOutcome {
    /// Its ARN.
    pub task_arn: String,
    /// `STOPPED`, or where it was seen last.
    pub last_status: String,
    /// Of its container that decided.
    pub exit_code: Option<i32>,
    /// Such as `EssentialContainerExited`.
    pub stop_code: Option<String>,
    /// ECS's words.
    pub stopped_reason: Option<String>,
    /// One sentence, once it is over.
    pub explanation: Option<String>,
    /// Whether it is over, and a container that counts did not end with an accepted code.
    pub failed: bool,
    /// Its containers.
    pub containers: Vec<ContainerOutcome>,
    /// When RunTask took it.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: Option<Timestamp>,
    /// When it reached RUNNING.
    #[serde(serialize_with = "rfc3339")]
    pub started_at: Option<Timestamp>,
    /// When it reached STOPPED.
    #[serde(serialize_with = "rfc3339")]
    pub stopped_at: Option<Timestamp>,
}

/// A container in the result document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerOutcome {
    /// Its name in the task definition.
    pub name: String,
    /// `STOPPED`, or where it was seen last.
    pub last_status: String,
    /// Null when it never ran.
    pub exit_code: Option<i32>,
    /// What went wrong beyond the exit code.
    pub reason: Option<String>,
    /// `GROUP:STREAM` of its output in CloudWatch Logs.
    pub log_stream: Option<String>,
}

impl Outcome {
    /// The task that decided.
    #[must_use]
    pub fn decisive(&self) -> Option<&TaskOutcome> {
        self.tasks.iter().find(|task| Some(&task.task_arn) == self.task_arn.as_ref())
    }
}

fn rfc3339<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    let time = time.and_then(|time| jiff::Timestamp::from_millisecond(time.0).ok());
    time.map(|time| format!("{time:.3}")).serialize(serializer)
}
