//! What an environment belongs to, and what it is called.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A branch or a pull request of a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A branch, by its name without `refs/heads/`.
    Branch(String),
    /// A pull request, by its number.
    PullRequest(u64),
}

impl fmt::Display for Subject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Branch(name) => write!(out, "branch `{name}`"),
            Self::PullRequest(number) => write!(out, "pull request #{number}"),
        }
    }
}

/// The names of an environment: a function of the repository, its policy and the subject alone, so that the same
/// branch has the same names for ever. `decide::preview::names` makes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// The environment's own id, unique over all repositories: `LABEL.APP`. Also the first two labels of its host.
    pub id: String,
    /// A DNS label (63 characters: RFC 1035, 2.3.4), unique in its app.
    pub label: String,
    /// The ECS service of each service of the policy, in the policy's order (255 characters of letters, digits, `-`,
    /// `_`; API reference of CreateService). Task definition families have the same names.
    pub services: Vec<String>,
    /// The target group of each service, in the policy's order (32 characters of letters, digits and inner hyphens,
    /// unique in account and region; API reference of CreateTargetGroup).
    pub target_groups: Vec<String>,
}
