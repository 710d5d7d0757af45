//! What GitHub and people want of an environment.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What GitHub and people want. The repository's reconciler and commands write it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wish {
    /// Whether it should be there.
    pub presence: Presence,
    /// What it should run.
    pub revision: Revision,
    /// Does not end by itself.
    pub pinned: bool,
    /// Does not end before this moment.
    pub keep_until: Option<Timestamp>,
    /// Asleep or awake.
    pub sleep: Sleep,
    /// Grows when somebody asks for the same revision once more, so that a failed deploy is tried again.
    pub attempt: u32,
}

/// Whether an environment should be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It should.
    Up {
        /// `github`, or who asked: then the end of the branch does not end it, but its TTL does.
        by: String,
    },
    /// It should be removed, completely.
    Down(Removal),
}

/// Why an environment is removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// In words, such as `branch deleted`.
    pub why: String,
    /// `github`, `ttl`, or who asked.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
    /// Who wants it back meanwhile (`github`, or a person): it is made anew, as another life, once nothing of this one
    /// is left. The wish's revision is then the next life's.
    #[serde(default)]
    pub again: Option<String>,
    /// A person has asked for it while longshore.toml did not say what its hooks are: it need not wait for them.
    #[serde(default)]
    pub without_hooks: bool,
}

/// What an environment runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Revision {
    /// The commit.
    pub sha: String,
    /// The branch: of a pull request its head.
    pub branch: String,
    /// The pull request's number.
    pub pull_request: Option<u64>,
}

/// Asleep (no tasks) or awake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sleep {
    /// Awake until it is idle for long enough; the next request wakes it.
    #[default]
    Auto,
    /// Asleep from now on; a request or a person wakes it.
    Asleep,
}
