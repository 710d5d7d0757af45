//! How applying a service ended, and what happened on the way.

use serde::Serialize;

use crate::run;

/// How it ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Ended {
    /// It is as the file says already.
    Unchanged,
    /// There was none.
    Created,
    /// It was changed.
    Updated,
    /// Its deployment failed, and what ran before runs again.
    RolledBack,
    /// Its deployment failed.
    DeploymentFailed,
    /// A task that had to do well did not.
    GateFailed,
    /// It took longer than the time given.
    TimedOut,
    /// Somebody else changed it meanwhile.
    Superseded,
    /// ECS refused the change.
    Refused,
    /// Whoever waits wanted to wait no longer.
    Interrupted,
    /// ECS could not be asked any longer.
    Unknown,
}

impl Ended {
    /// Whether the service is as the file says, as far as it was waited for.
    #[must_use]
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Unchanged | Self::Created | Self::Updated)
    }
}

/// The result of one service. All members are always there; what is not known is null or empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Its name.
    pub service: String,
    /// How it ended.
    pub result: Ended,
    /// One sentence, without a full stop.
    pub explanation: String,
    /// What to do now.
    pub next_step: Option<String>,
    /// The revision that was wanted.
    pub task_definition_arn: String,
    /// Tasks of its deployment that failed.
    pub failing: Vec<Failing>,
    /// The run of the gate that failed.
    pub gate: Option<run::Outcome>,
}

/// A task of a deployment that failed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failing {
    /// Its ARN.
    pub task_arn: String,
    /// Why, in one sentence.
    pub explanation: String,
    /// Whether it had come to run.
    pub started: bool,
    /// The last lines of the container that decided.
    pub log_tail: Vec<String>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A remark.
    Say(String),
    /// Something is not as it should be.
    Warn(String),
    /// The service was created or updated.
    Changed {
        /// Whether it is new.
        created: bool,
        /// The id of the deployment that began.
        deployment: String,
    },
    /// ECS said it of the service.
    Event(String),
    /// A task failed.
    Failing(Failing),
}
