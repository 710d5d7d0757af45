//! Tells GitHub: a deployment for each commit with the states of its life, and one comment on the pull request.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::preview::{Moment, Notice};
use longshore_model::{Error, Kind};
use longshore_world::Notifier;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::shape::Listed;
use super::{GitHub, escaped, path_of};
use crate::words;

/// Tells GitHub.
#[derive(Debug)]
pub struct GitHubNotifier {
    name: String,
    github: Arc<GitHub>,
    page: Option<String>,
}

/// What is kept of an environment between two notices.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Memory {
    /// The deployment of the commit that was told of last.
    current: Option<Current>,
    /// Those before it that are not inactive yet.
    older: Vec<u64>,
    /// The comment.
    comment: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Current {
    id: u64,
    sha: String,
}

#[derive(Debug, Deserialize)]
struct Deployment {
    id: u64,
    sha: String,
    environment: String,
}

#[derive(Debug, Deserialize)]
struct Status {
    state: String,
}

impl Listed for Deployment {
    type Key = u64;

    fn key(&self) -> u64 {
        self.id
    }
}

impl GitHubNotifier {
    /// `name` is the one among the notifiers of this configuration. An environment's id behind `page` is the address of
    /// its page on the dashboard, which the deployment's log leads to.
    #[must_use]
    pub fn new(name: impl Into<String>, github: Arc<GitHub>, page: Option<String>) -> Self {
        Self { name: name.into(), github, page }
    }
}

#[async_trait]
impl Notifier for GitHubNotifier {
    fn name(&self) -> &str {
        &self.name
    }

    async fn tell(&self, notice: &Notice, memory: Option<&Value>) -> Result<Option<Value>, Error> {
        let known = memory.and_then(|memory| serde_json::from_value::<Memory>(memory.clone()).ok());
        let mut memory = known.unwrap_or_default();
        let told = self.deploy(notice, &mut memory).await;
        // A token that may not deploy may still comment.
        memory.comment = self.comment(notice, memory.comment).await?;
        told?;
        Ok(Some(json!(memory)))
    }
}

/// The state of a deployment at a moment; `None` where nothing changes for it.
/// <https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status>
const fn state(moment: Moment) -> Option<&'static str> {
    match moment {
        Moment::Queued => Some("pending"),
        Moment::Creating | Moment::Updating => Some("in_progress"),
        // Who follows the link of one that sleeps wakes it.
        Moment::Ready | Moment::Updated | Moment::Asleep | Moment::Awake => Some("success"),
        Moment::Failed => Some("failure"),
        Moment::Expiring | Moment::Removing | Moment::HookFailed => None,
        Moment::Removed => Some("inactive"),
    }
}

impl GitHubNotifier {
    async fn deploy(&self, notice: &Notice, memory: &mut Memory) -> Result<(), Error> {
        let Some(state) = state(notice.moment) else { return Ok(()) };
        if notice.moment == Moment::Removed {
            return self.retire_all(notice, memory).await;
        }
        let sha = &notice.revision.sha;
        if memory.current.as_ref().is_none_or(|current| current.sha != *sha) {
            let Some(id) = self.deployment(notice).await? else { return Ok(()) };
            let before = memory.current.replace(Current { id, sha: sha.clone() });
            memory.older.extend(before.map(|before| before.id));
            memory.older.retain(|older| *older != id);
        }
        let Some(current) = &memory.current else { return Ok(()) };
        self.say(notice, current.id, state).await?;
        if state == "success" {
            // GitHub does this by itself only for environments that are not transient.
            for id in std::mem::take(&mut memory.older) {
                self.say(notice, id, "inactive").await?;
            }
        }
        Ok(())
    }

    /// The deployment of the notice's commit: one that is there, or a new one. `None` when the commit is not there any
    /// more, so that there is nothing to say of it.
    async fn deployment(&self, notice: &Notice) -> Result<Option<u64>, Error> {
        let Notice { environment, repository, revision, .. } = notice;
        let root = path_of(repository)?;
        let what = format!("find the deployment of `{}` in `{environment}`", revision.sha);
        let query = format!("sha={}&environment={}", escaped(&revision.sha), escaped(environment));
        let found: Vec<Deployment> = self.github.all(&what, &format!("{root}/deployments?{query}")).await?;
        let mine = |it: &&Deployment| it.sha == revision.sha && it.environment == *environment;
        if let Some(newest) = found.iter().filter(mine).map(|it| it.id).max() {
            return Ok(Some(newest));
        }
        let what = format!("create a deployment of `{}` in `{environment}`", revision.sha);
        let document = json!({
            "ref": revision.sha,
            "environment": environment,
            "description": words::description(notice),
            "transient_environment": true,
            "production_environment": false,
            "auto_merge": false,
            // The statuses of the commit are not waited for: it is we who are waited for.
            "required_contexts": [],
        });
        let path = format!("{root}/deployments");
        match self.github.change::<Deployment>(&what, Method::POST, &path, &document).await {
            Ok(made) => Ok(Some(made.id)),
            // A push with force can take a commit away.
            Err(error) if error.kind() == Kind::Invalid && error.to_string().contains("No ref found") => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn say(&self, notice: &Notice, deployment: u64, state: &str) -> Result<(), Error> {
        let mut document = json!({
            "state": state,
            "description": words::description(notice),
            "auto_inactive": false,
        });
        if state == "success" {
            document["environment_url"] = json!(notice.url);
        }
        if let Some(page) = &self.page {
            document["log_url"] = json!(format!("{page}{}", escaped(&notice.environment)));
        }
        let what = format!("set a deployment of `{}` {state}", notice.environment);
        let path = format!("{}/deployments/{deployment}/statuses", path_of(&notice.repository)?);
        match self.github.change::<Status>(&what, Method::POST, &path, &document).await {
            // Somebody has deleted a deployment that is not the current one any more.
            Err(error) if error.kind() == Kind::NotFound && state == "inactive" => Ok(()),
            done => done.map(drop),
        }
    }

    /// All deployments of this environment become inactive, which GitHub shows as destroyed.
    async fn retire_all(&self, notice: &Notice, memory: &mut Memory) -> Result<(), Error> {
        let known: Vec<u64> =
            memory.older.drain(..).chain(memory.current.take().map(|current| current.id)).collect();
        let ids = if known.is_empty() { self.active(notice).await? } else { known };
        for id in ids {
            self.say(notice, id, "inactive").await?;
        }
        Ok(())
    }

    /// The deployments of this environment, and of no other, that are not inactive: for when the memory is lost.
    async fn active(&self, notice: &Notice) -> Result<Vec<u64>, Error> {
        let Notice { environment, repository, .. } = notice;
        let path = format!("{}/deployments", path_of(repository)?);
        let what = format!("find the deployments of `{environment}`");
        let query = format!("{path}?environment={}", escaped(environment));
        let found: Vec<Deployment> = self.github.all(&what, &query).await?;
        let mut active = Vec::new();
        for deployment in found.into_iter().filter(|it| it.environment == *environment) {
            let newest = format!("{path}/{}/statuses?per_page=1", deployment.id);
            let statuses: Vec<Status> = self.github.get(&what, &newest).await?;
            if statuses.first().is_none_or(|status| status.state != "inactive") {
                active.push(deployment.id);
            }
        }
        Ok(active)
    }

    async fn comment(&self, notice: &Notice, known: Option<u64>) -> Result<Option<u64>, Error> {
        match notice.revision.pull_request {
            Some(number) => self.github.keep_comment(notice, number, known).await,
            None => Ok(None),
        }
    }
}

#[cfg(test)]
#[path = "notifier_tests.rs"]
mod tests;
