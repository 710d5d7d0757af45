//! Which environments a repository should have: GitHub's branches and pull requests against what is kept.
//!
//! Guarantees: a listing that failed changes nothing. A listing that would remove more than the policy allows at once
//! removes nothing until a person confirms it. What a person asked for is not removed because GitHub does not have it.

use longshore_model::Timestamp;
use longshore_model::preview::{Environment, Notice, Policy, github};

/// All that the decision may use.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen<'a> {
    /// What the repository's environments are like.
    pub policy: &'a Policy,
    /// All of its branches and open pull requests; `Err` in words when they could not be read, whole.
    pub github: Result<&'a github::Repository, String>,
    /// What is kept of this repository.
    pub environments: &'a [Environment],
    /// Whether a person has confirmed that many may go, and when.
    pub confirmed_at: Option<Timestamp>,
}

/// What is to be done. Nothing of it reaches AWS: records are written, and their own reconcilers do the rest.
#[derive(Debug, Clone, PartialEq, Default)]
#[must_use = "a plan does nothing until it is carried out"]
pub struct Plan {
    /// Records that are new or changed, whole.
    pub write: Vec<Environment>,
    /// What people should hear of.
    pub notices: Vec<Notice>,
    /// Why no more than this happens now, in sentences.
    pub waiting: Vec<String>,
    /// What there is to say of each branch and pull request, for the deliveries that named one: its subject's display
    /// text, and a sentence.
    pub findings: Vec<(String, String)>,
    /// How many removals are held until a person confirms them.
    pub held: usize,
}
