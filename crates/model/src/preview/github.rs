//! What GitHub says, as far as environments depend on it.

use serde::{Deserialize, Serialize};

/// What a person may do in a repository, as far as that makes a difference here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Permission {
    /// At most to read it.
    #[default]
    Read,
    /// To push to it: `write`, `maintain` and `admin`.
    Write,
}

/// A branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// Without `refs/heads/`.
    pub name: String,
    /// Its commit.
    pub sha: String,
}

/// An open pull request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// The head's commit.
    pub sha: String,
    /// The head's branch, in the head's repository.
    pub branch: String,
    /// The base branch.
    pub base: String,
    /// Names of its labels.
    pub labels: Vec<String>,
    /// Not yet ready for review.
    pub draft: bool,
    /// Whose it is.
    pub author: String,
    /// Whether that is a bot (`user.type` is `Bot`).
    pub bot: bool,
    /// From another repository, or from one that is gone (`head.repo` is null).
    pub fork: bool,
}

/// All branches and open pull requests of a repository, from all pages. There is no such value when a page failed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Repository {
    /// Its branches.
    pub branches: Vec<Branch>,
    /// Its open pull requests.
    pub pull_requests: Vec<PullRequest>,
    /// The default branch, which is never taken for deleted work.
    pub default_branch: String,
}
