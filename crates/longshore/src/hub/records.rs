//! What GitHub keeps beside git: pull requests, comments, deployments. One JSON file for each repository.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::MutexGuard;

use super::place::Place;
use super::{Shared, git};

/// So many comments and so many deployments are kept of a repository; the oldest go first.
const KEPT_LIMIT: usize = 1000;

/// What is kept of a repository.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Records {
    last_id: u64,
    last_number: u64,
    pub(super) pulls: Vec<Pull>,
    pub(super) comments: Vec<Comment>,
    pub(super) deployments: Vec<Deployment>,
}

/// A pull request between two branches of the repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Pull {
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) body: Option<String>,
    pub(super) head: String,
    pub(super) base: String,
    /// Of the head, when it was last looked at.
    pub(super) sha: String,
    pub(super) base_sha: String,
    pub(super) draft: bool,
    pub(super) open: bool,
    pub(super) created_at: String,
    pub(super) updated_at: String,
    pub(super) closed_at: Option<String>,
}

/// A comment on a pull request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) issue: u64,
    pub(super) body: String,
    pub(super) created_at: String,
    pub(super) updated_at: String,
}

/// A deployment and its statuses, as they are shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Deployment {
    pub(super) id: u64,
    pub(super) document: Value,
    /// The newest is the last.
    pub(super) statuses: Vec<Value>,
}

impl Records {
    /// An id that nothing else of this repository has.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id = self.last_id.saturating_add(1);
        self.last_id
    }

    /// The number of a new pull request.
    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number = self.last_number.saturating_add(1);
        self.last_number
    }
}

/// The records of a repository, which nobody else reads or writes meanwhile.
pub(super) struct Open<'a> {
    pub(super) records: Records,
    place: &'a Place,
    _alone: MutexGuard<'a, ()>,
}

impl Open<'_> {
    /// An open pull request is at its branch's commit, and GitHub closes it when its branch is deleted.
    async fn follow_branches(&mut self) -> Result<()> {
        if !self.records.pulls.iter().any(|pull| pull.open) {
            return Ok(());
        }
        let branches = git::branches(&self.place.directory).await?;
        let mut has_closed = false;
        for pull in self.records.pulls.iter_mut().filter(|pull| pull.open) {
            match branches.iter().find(|branch| branch.name == pull.head) {
                Some(head) => pull.sha.clone_from(&head.sha),
                None => {
                    pull.close();
                    has_closed = true;
                }
            }
        }
        if has_closed { self.save() } else { Ok(()) }
    }

    /// Writes them; a crash leaves the old ones or the new ones.
    pub(super) fn save(&mut self) -> Result<()> {
        let Records { comments, deployments, .. } = &mut self.records;
        comments.drain(..comments.len().saturating_sub(KEPT_LIMIT));
        deployments.drain(..deployments.len().saturating_sub(KEPT_LIMIT));
        let file = self.place.records();
        let folder = file.parent().unwrap_or(Path::new("."));
        let mut whole = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut whole, &self.records)?;
        let kept = whole.persist(&file);
        kept.with_context(|| format!("cannot write `{}`", file.display()))?;
        Ok(())
    }
}

/// Opens the records of a repository, with its open pull requests as its branches say.
pub(super) async fn open<'a>(shared: &'a Shared, place: &'a Place) -> Result<Open<'a>> {
    let alone = shared.records.lock().await;
    let file = place.records();
    let records = match fs_err::read(&file) {
        Ok(text) => serde_json::from_slice(&text)
            .with_context(|| format!("cannot understand `{}`", file.display()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Records::default(),
        Err(error) => return Err(error.into()),
    };
    let mut opened = Open { records, place, _alone: alone };
    opened.follow_branches().await?;
    Ok(opened)
}

impl Pull {
    pub(super) fn close(&mut self) {
        self.open = false;
        self.updated_at = now();
        self.closed_at = Some(self.updated_at.clone());
    }
}

/// Now, as GitHub writes it.
pub(super) fn now() -> String {
    let now = jiff::Timestamp::now();
    now.round(jiff::Unit::Second).unwrap_or(now).to_string()
}
