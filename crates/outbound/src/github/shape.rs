//! What we read of GitHub's answers. A member without a default must be there, or the whole answer does not count.

use longshore_model::preview::github;
use longshore_model::{Error, Kind};
use serde::Deserialize;

/// Of a repository.
#[derive(Debug, Deserialize)]
pub(super) struct About {
    pub(super) default_branch: String,
}

/// Of a branch.
#[derive(Debug, Deserialize)]
pub(super) struct Branch {
    name: String,
    commit: Commit,
}

#[derive(Debug, Deserialize)]
struct Commit {
    sha: String,
}

/// Of a pull request.
#[derive(Debug, Deserialize)]
pub(super) struct Pull {
    number: u64,
    state: String,
    draft: bool,
    labels: Vec<Label>,
    /// Null for an account that is gone.
    user: Option<User>,
    head: Side,
    base: Side,
}

#[derive(Debug, Deserialize)]
struct Label {
    name: String,
}

/// Of a person or a bot.
#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub(super) login: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
}

/// What somebody may do.
#[derive(Debug, Deserialize)]
pub(super) struct Permission {
    /// `admin`, `write`, `read` or `none`: GitHub counts `maintain` as `write`, `triage` as `read`, and a role of the
    /// organisation's own as what it is based on.
    permission: String,
}

#[derive(Debug, Deserialize)]
struct Side {
    #[serde(rename = "ref")]
    branch: String,
    sha: String,
    /// Null for a fork that is gone.
    repo: Option<Place>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Place {
    id: u64,
}

/// What is listed: told apart by this, whatever else changes.
pub(super) trait Listed {
    type Key: PartialEq;

    fn key(&self) -> Self::Key;
}

impl Listed for Branch {
    type Key = String;

    fn key(&self) -> String {
        self.name.clone()
    }
}

impl Listed for Pull {
    type Key = u64;

    fn key(&self) -> u64 {
        self.number
    }
}

impl Branch {
    pub(super) fn into_model(self, what: &str) -> Result<github::Branch, Error> {
        Ok(github::Branch { sha: sha(self.commit.sha, what)?, name: self.name })
    }
}

impl Permission {
    pub(super) fn into_model(self) -> github::Permission {
        match self.permission.as_str() {
            "admin" | "maintain" | "write" => github::Permission::Write,
            _ => github::Permission::Read,
        }
    }
}

impl Pull {
    pub(super) fn is_open(&self) -> bool {
        self.state == "open"
    }

    pub(super) fn into_model(self, what: &str) -> Result<github::PullRequest, Error> {
        let fork = self.head.repo.is_none() || self.head.repo != self.base.repo;
        // An account that is gone is shown as `ghost`, by GitHub itself, too.
        let user = self.user.unwrap_or_else(|| User { login: "ghost".into(), kind: "User".into() });
        Ok(github::PullRequest {
            number: self.number,
            sha: sha(self.head.sha, what)?,
            branch: self.head.branch,
            base: self.base.branch,
            labels: self.labels.into_iter().map(|label| label.name).collect(),
            draft: self.draft,
            bot: user.kind == "Bot",
            author: user.login,
            fork,
        })
    }
}

/// A commit's id: 40 digits, or 64 in a repository with SHA-256.
fn sha(text: String, what: &str) -> Result<String, Error> {
    if matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text);
    }
    Err(Error::new(Kind::Unavailable, format!("cannot {what}: GitHub names a commit that cannot be one")))
}
