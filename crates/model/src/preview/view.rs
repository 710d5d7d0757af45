//! What the JSON API shows: a promise to its clients, apart from what is stored.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An environment in a list. Times are RFC 3339.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnvironmentView {
    /// `LABEL.APP`.
    pub id: String,
    /// `OWNER/NAME`.
    pub repository: String,
    /// The branch; of a pull request its head.
    pub branch: String,
    /// The pull request's number.
    pub pull_request: Option<u64>,
    /// `queued`, `creating`, `ready`, `updating`, `asleep`, `waking`, `failed` or `removing`.
    pub state: String,
    /// Where it answers, once it has been ready.
    pub url: Option<String>,
    /// The commit that is wanted.
    pub sha: String,
    /// The commit that answers.
    pub deployed_sha: Option<String>,
    /// Why nothing more happens now.
    pub waiting: Vec<String>,
    /// Why the wanted commit does not run.
    pub failure: Option<String>,
    /// The last lines of the task that failed.
    pub log_tail: Vec<String>,
    /// Does not end by itself.
    pub pinned: bool,
    /// `github`, or who asked for it.
    pub by: String,
    /// When it was made.
    pub created_at: String,
    /// When the commit that answers was deployed.
    pub deployed_at: Option<String>,
    /// The last request of a client.
    pub last_request_at: Option<String>,
    /// When it ends by itself.
    pub expires_at: Option<String>,
    /// When it goes to sleep.
    pub sleeps_at: Option<String>,
    /// An estimate of what a day of it costs, in US dollars; 0 while it sleeps.
    pub usd_per_day: Option<f64>,
}

/// An environment alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnvironmentDetail {
    /// What the list shows.
    #[serde(flatten)]
    pub environment: EnvironmentView,
    /// Its ECS services.
    pub services: Vec<ServiceView>,
    /// The newest first.
    pub timeline: Vec<EntryView>,
}

/// A service of an environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceView {
    /// Its name in ECS.
    pub name: String,
    /// Its tasks.
    pub tasks: Vec<TaskView>,
}

/// A task of an environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TaskView {
    /// Its id.
    pub id: String,
    /// `PROVISIONING` to `STOPPED`.
    pub status: String,
    /// Whether it answers its health check; absent while nobody knows.
    pub healthy: Option<bool>,
    /// Its revision, `family:revision`.
    pub task_definition: String,
    /// Why it stopped.
    pub reason: Option<String>,
}

/// A line of a timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EntryView {
    /// RFC 3339.
    pub at: String,
    /// `intent`, `done`, `error`, `state` or `asked`.
    pub kind: String,
    /// In words.
    pub text: String,
    /// The round that wrote it, as in the logs of `serve`.
    pub round: String,
}

/// A webhook that was accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryView {
    /// Its id.
    pub id: String,
    /// `github` or `slack`.
    pub source: String,
    /// Such as `push`.
    pub event: String,
    /// `OWNER/NAME`.
    pub repository: Option<String>,
    /// The branch or pull request.
    pub about: Option<String>,
    /// RFC 3339.
    pub at: String,
    /// `accepted`, `done` or `ignored`.
    pub state: String,
    /// What was found, or why there was nothing to do.
    pub text: Option<String>,
}

/// What is waited for beside the environments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaitingView {
    /// `repository OWNER/NAME`, `sweep` (what looks at all clusters) or `notifier NAME`.
    pub about: String,
    /// Why nothing more happens now, in sentences.
    pub waiting: Vec<String>,
}

/// What a person asks of an environment: the body of `POST /api/v1/environments`. The same verbs exist in the CLI, in
/// Slack and on the dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "verb", deny_unknown_fields)]
pub enum Command {
    /// Makes one, or tries again, for a branch or a pull request.
    Up {
        /// `OWNER/NAME`; may be absent when there is only one policy.
        repository: Option<String>,
        /// The branch.
        branch: Option<String>,
        /// The pull request.
        pull_request: Option<u64>,
    },
    /// Removes it.
    Down {
        /// An id, a branch, or `#NUMBER`.
        environment: String,
    },
    /// Keeps it for so long from now, in seconds.
    Extend {
        /// An id, a branch, or `#NUMBER`.
        environment: String,
        /// Seconds from now; absent: one TTL.
        seconds: Option<u32>,
    },
    /// Keeps it until it is unpinned, or its branch ends.
    Pin {
        /// An id, a branch, or `#NUMBER`.
        environment: String,
        /// False: no longer.
        pinned: bool,
    },
    /// Takes its tasks away; a request brings them back.
    Sleep {
        /// An id, a branch, or `#NUMBER`.
        environment: String,
    },
    /// Brings its tasks back.
    Wake {
        /// An id, a branch, or `#NUMBER`.
        environment: String,
    },
    /// Lets removals go on that were held because they were too many at once.
    Confirm {
        /// `OWNER/NAME`.
        repository: String,
    },
}

/// What became of a command: the answer to `POST /api/v1/environments`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AnswerView {
    /// In a sentence.
    pub message: String,
    /// The id of the environment that it was about; absent when it was about a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

/// What a person or a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May look.
    Viewer,
    /// May ask for things, too.
    Operator,
}
