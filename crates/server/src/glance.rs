//! What else the dashboard shows: what runs in the cluster, the pace of our calls, and how this process is.

use async_trait::async_trait;
use longshore_model::Error;

/// A service of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceRow {
    /// Its name.
    pub name: String,
    /// Its revision, `family:revision`.
    pub task_definition: String,
    /// Tasks that run.
    pub running: u32,
    /// Tasks that are on the way.
    pub pending: u32,
    /// Tasks that should run.
    pub desired: u32,
    /// In a word: `steady`, `deploying`, `draining`.
    pub state: String,
}

/// A run: a task that ends by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunRow {
    /// The task's id.
    pub id: String,
    /// Its revision, `family:revision`.
    pub task_definition: String,
    /// `PROVISIONING` to `STOPPED`.
    pub status: String,
    /// When it began, RFC 3339.
    pub started_at: Option<String>,
    /// The exit code of its essential container, once it has ended.
    pub exit_code: Option<i64>,
    /// Why it stopped.
    pub reason: Option<String>,
}

/// How often an operation was called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApiCalls {
    /// Such as `ecs:DescribeTasks`.
    pub operation: String,
    /// Calls in the last minute.
    pub last_minute: u32,
    /// So many AWS lets through in a minute without a burst; absent when AWS does not publish it.
    pub limit_per_minute: Option<u32>,
}

/// How this process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Whether it holds the lease and acts, or stands by; absent while that is not known.
    pub acts: Option<bool>,
    /// Rounds since its start.
    pub rounds: u64,
    /// Rounds that ended with an error.
    pub errors: u64,
}

/// What else there is to see.
#[async_trait]
pub trait Glance: Send + Sync + std::fmt::Debug {
    /// The cluster's services.
    async fn services(&self) -> Result<Vec<ServiceRow>, Error>;

    /// The cluster's runs, the newest first.
    async fn runs(&self) -> Result<Vec<RunRow>, Error>;

    /// How often AWS was called.
    async fn api_calls(&self) -> Vec<ApiCalls>;

    /// How this process is.
    fn standing(&self) -> Standing;
}
