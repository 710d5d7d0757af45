//! What is kept of an environment. AWS says what runs; this says what is wanted, and what was begun.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Names, Revision, Route, ServicePolicy, Subject, Wish};
use crate::Timestamp;

/// A record, written under its generation: a writer that has not read the newest one is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// What it is called.
    pub names: Names,
    /// `OWNER/NAME`.
    pub repository: String,
    /// Its branch or pull request.
    pub subject: Subject,
    /// Which life this is: greater each time that it is made anew after it was removed. Part of every token.
    pub life: u32,
    /// What is wanted.
    pub wish: Wish,
    /// What has happened.
    pub progress: Progress,
    /// Why it is there although GitHub's list would end it, in a sentence; its repository's reconciler sets it.
    #[serde(default)]
    pub held: Option<String>,
    /// In a word, for people; `decide` sets it.
    pub state: State,
    /// Why nothing more happens now, in sentences; `decide` sets it.
    pub waiting: Vec<String>,
}

/// What is remembered of an environment that is gone because its time was over or a person said so, while its branch
/// lives on: it does not come back before there is another commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its id.
    pub environment: String,
    /// `OWNER/NAME`.
    pub repository: String,
    /// Its branch or pull request.
    pub subject: Subject,
    /// The commit that was wanted last.
    pub sha: String,
    /// Why it ended, in words.
    pub why: String,
    /// When.
    pub at: Timestamp,
}

/// What has happened. Only the environment's own reconciler writes it, but for `last_request_at`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// When this life began.
    pub created_at: Timestamp,
    /// When the wished revision, count or presence last changed: readiness is bounded from here.
    pub changed_at: Timestamp,
    /// The last HTTP request of a client.
    pub last_request_at: Option<Timestamp>,
    /// What is being rolled out, until it is healthy or has failed.
    pub deploying: Option<Deployed>,
    /// What was healthy last, behind its URL.
    pub deployed: Option<Deployed>,
    /// Why the wished revision does not run. Goes with the next revision or attempt.
    pub failure: Option<Failure>,
    /// What it has in AWS, as far as it cannot be told from its names.
    pub resources: Resources,
    /// The deploy after which hooks began last: what they have made is there, also when the deploy failed. Those before the
    /// removal then run, too.
    #[serde(default)]
    pub hooked: Option<Deployed>,
    /// Hooks that have begun in this life, by their key (`MOMENT/SHA/NAME`).
    pub hooks: BTreeMap<String, HookRun>,
    /// The names of the hooks before its removal, as longshore.toml had them last: none is skipped when it speaks of the
    /// repository no more.
    #[serde(default)]
    pub before_destroy: Vec<String>,
    /// What was begun and whose outcome is not known: a call that may or may not have reached AWS.
    pub intents: Vec<Intent>,
    /// So many actions were begun in this life: the ordinal in their tokens.
    pub actions: u32,
    /// Calls that failed in a row, and when the next is due.
    pub errors: u32,
    /// Not before this moment is anything tried again after an error.
    pub retry_at: Option<Timestamp>,
    /// When its tasks went to sleep.
    pub asleep_since: Option<Timestamp>,
    /// The expiry that people were warned of.
    pub warned_of: Option<Timestamp>,
    /// What was announced last, so that nothing is said twice.
    pub announced: Option<String>,
    /// What the last call that failed came to, for people.
    #[serde(default)]
    pub trouble: Option<String>,
    /// The shape of what has failed: a changed policy is tried, too.
    #[serde(default)]
    pub failed_shape: Option<String>,
    /// The failure was not told yet.
    #[serde(default)]
    pub untold: bool,
    /// The `since` of the removal that has begun.
    #[serde(default)]
    pub removing_since: Option<Timestamp>,
    /// The policy's services as they are deployed: what answers goes on with these when longshore.toml has got another
    /// number of them.
    #[serde(default)]
    pub served: Vec<ServicePolicy>,
    /// Somebody has asked for it since it went to sleep.
    #[serde(default)]
    pub woken: bool,
    /// What was deployed last does not run any more either: it did not wake.
    #[serde(default)]
    pub broken: bool,
    /// All that it has was seen to be as it should be. Until something is due or its tasks change, nothing else is looked
    /// at.
    #[serde(default)]
    pub steady: bool,
    /// There is something under its names that this record has not made: its services are looked at before anything is
    /// made.
    #[serde(default)]
    pub is_preceded: bool,
}

/// A revision in AWS.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Deployed {
    /// What it runs.
    pub revision: Revision,
    /// The wish's attempt.
    pub attempt: u32,
    /// The task definition ARN of each service, in the policy's order.
    pub task_definitions: Vec<String>,
    /// The policy's services, image and size at that moment, as a hash: a changed policy is a new deploy.
    pub shape: String,
    /// When it began (`deploying`) or was healthy (`deployed`).
    pub at: Timestamp,
}

/// Why a revision does not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Of this revision.
    pub revision: Revision,
    /// And of this attempt.
    pub attempt: u32,
    /// What, why, and what to do next.
    pub why: String,
    /// The last lines of the task that failed.
    pub log_tail: Vec<String>,
    /// When.
    pub at: Timestamp,
}

/// What an environment has in AWS that its names do not tell.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resources {
    /// ARNs of target groups, by service name of the policy.
    pub target_groups: BTreeMap<String, String>,
    /// The ARN of its own listener.
    pub listener: Option<String>,
    /// The ARNs of its rules.
    pub rules: Vec<String>,
    /// The listener's port.
    pub port: Option<u16>,
    /// The DNS name of the load balancer.
    pub dns_name: Option<String>,
    /// Families whose revisions are ours to deregister.
    pub families: Vec<String>,
    /// The revision that was registered last of each family, and when. A list without it is older than that.
    #[serde(default)]
    pub registered: BTreeMap<String, (String, Timestamp)>,
    /// While it is removed: the last of all active revisions of these families. Once that is deregistered, none is left.
    #[serde(default)]
    pub last_revision: Option<String>,
    /// The cluster of its services: that of the policy when it was made.
    #[serde(default)]
    pub cluster: Option<String>,
    /// How requests get there: the policy's route when it was made.
    #[serde(default)]
    pub route: Option<Route>,
    /// The ECS services that were made, by name, and when. One that was made a moment ago may not be visible yet.
    #[serde(default)]
    pub services: BTreeMap<String, Timestamp>,
    /// Launch type and network of its first service, as in CreateService: hooks that are tasks run there, too.
    #[serde(default)]
    pub placement: Option<serde_json::Value>,
    /// `http` or `https`, where the load balancer decides it.
    #[serde(default)]
    pub scheme: Option<String>,
}

/// A hook of this life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRun {
    /// How far it is.
    pub state: HookState,
    /// How often it was begun, or called when the call could not be made.
    pub attempts: u32,
    /// When it began or ended.
    pub at: Timestamp,
}

/// How far a hook is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookState {
    /// It was begun, or is about to be: after a crash it is begun again, with the same id.
    Running,
    /// The last call could not be made. It is made again, as the same attempt and with the same id.
    Uncalled {
        /// Why, in words.
        why: String,
        /// Not before this moment.
        again_at: Timestamp,
    },
    /// It did well.
    Done,
    /// It did not.
    Failed(String),
}

impl HookState {
    /// Whether it has begun and not ended.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Running | Self::Uncalled { .. })
    }
}

/// An action whose outcome is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Its place in this life.
    pub ordinal: u32,
    /// In words, such as `create service web-x`.
    pub what: String,
    /// When it began.
    pub at: Timestamp,
}

/// Where an environment is in its life, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits for room, or for the name of one that drains.
    Queued,
    /// Its first revision is on the way.
    Creating,
    /// It answers behind its URL.
    Ready,
    /// A new revision is on the way; the old one answers.
    Updating,
    /// It has no tasks; a request wakes it.
    Asleep,
    /// Its tasks are coming back.
    Waking,
    /// The wished revision does not run.
    Failed,
    /// It is being removed.
    Removing,
}

impl State {
    /// In the order of a life.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Creating,
        Self::Ready,
        Self::Updating,
        Self::Asleep,
        Self::Waking,
        Self::Failed,
        Self::Removing,
    ];

    /// As people read it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Creating => "creating",
            Self::Ready => "ready",
            Self::Updating => "updating",
            Self::Asleep => "asleep",
            Self::Waking => "waking",
            Self::Failed => "failed",
            Self::Removing => "removing",
        }
    }
}
