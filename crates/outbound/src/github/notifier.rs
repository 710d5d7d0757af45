//! Tells GitHub of deployments: one for each commit, with the states of its life.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::preview::Notice;
use longshore_model::{Error, Kind};
use longshore_world::Notifier;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::shape::Listed;
use super::{GitHub, escaped, path_of, refusal};
use crate::words::{self, Deployment as Status};

/// Tells GitHub of deployments.
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
struct Said {
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

    /// It is many repositories, each with its own rights.
    fn is_one_place(&self) -> bool {
        false
    }

    async fn tell(&self, notice: &Notice, memory: Option<&Value>) -> Result<Option<Value>, Error> {
        let Some(status) = words::deployment(notice) else { return Ok(memory.cloned()) };
        let known = memory.and_then(|memory| serde_json::from_value::<Memory>(memory.clone()).ok());
        let is_lost = known.is_none();
        let mut memory = known.unwrap_or_default();
        let told = match status.state {
            "inactive" => self.retire(notice, &status, &mut memory, is_lost).await,
            _ => self.deploy(notice, &status, &mut memory).await,
        };
        told.map_err(refusal::of_notice)?;
        Ok(Some(json!(memory)))
    }
}

impl GitHubNotifier {
    async fn deploy(&self, notice: &Notice, status: &Status, memory: &mut Memory) -> Result<(), Error> {
        let sha = &notice.revision.sha;
        let known = memory.current.as_ref().filter(|current| current.sha == *sha).map(|current| current.id);
        let is_said = match known {
            Some(id) => self.is_said(notice, id, status).await?,
            None => false,
        };
        if !is_said {
            let Some(id) = self.deployment(notice, status).await? else { return Ok(()) };
            let before = memory.current.replace(Current { id, sha: sha.clone() }).map(|before| before.id);
            // What is known and took no status was deleted by somebody.
            memory.older.extend(before.filter(|before| known != Some(*before)));
            memory.older.retain(|older| *older != id);
            self.say(notice, id, status).await?;
        }
        if status.state == "success" {
            // GitHub does this by itself only for environments that are not transient.
            let inactive = Status { state: "inactive", ..status.clone() };
            for id in std::mem::take(&mut memory.older) {
                self.say(notice, id, &inactive).await?;
            }
        }
        Ok(())
    }

    /// The deployment of the notice's commit: one that is there, or a new one. `None` when the commit is not there any
    /// more, so that there is nothing to say of it.
    async fn deployment(&self, notice: &Notice, status: &Status) -> Result<Option<u64>, Error> {
        let Notice { repository, revision, .. } = notice;
        let environment = &words::environment(&notice.environment);
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
            "description": status.description,
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

    /// Whether it was said: not of a deployment that is gone.
    async fn is_said(&self, notice: &Notice, deployment: u64, status: &Status) -> Result<bool, Error> {
        match self.say(notice, deployment, status).await {
            Err(error) if error.kind() == Kind::NotFound => Ok(false),
            done => done.map(|()| true),
        }
    }

    async fn say(&self, notice: &Notice, deployment: u64, status: &Status) -> Result<(), Error> {
        let mut document = json!({
            "state": status.state,
            "description": status.description,
            "auto_inactive": false,
        });
        if let Some(url) = &status.environment_url {
            document["environment_url"] = json!(url);
        }
        if let Some(page) = &self.page {
            document["log_url"] = json!(format!("{page}{}", escaped(&notice.environment)));
        }
        let what = format!("set a deployment of `{}` {}", notice.environment, status.state);
        let path = format!("{}/deployments/{deployment}/statuses", path_of(&notice.repository)?);
        match self.github.change::<Said>(&what, Method::POST, &path, &document).await {
            // Somebody has deleted a deployment that was to end anyway.
            Err(error) if error.kind() == Kind::NotFound && status.state == "inactive" => Ok(()),
            done => done.map(drop),
        }
    }

    /// All deployments of this environment become inactive, which GitHub shows as destroyed.
    async fn retire(
        &self,
        notice: &Notice,
        status: &Status,
        memory: &mut Memory,
        is_lost: bool,
    ) -> Result<(), Error> {
        let current = memory.current.take().map(|current| current.id);
        let known: Vec<u64> = memory.older.drain(..).chain(current).collect();
        for id in if is_lost { self.active(notice).await? } else { known } {
            self.say(notice, id, status).await?;
        }
        Ok(())
    }

    /// The deployments of this environment, and of no other, that are not inactive: for when the memory is lost.
    async fn active(&self, notice: &Notice) -> Result<Vec<u64>, Error> {
        let environment = &words::environment(&notice.environment);
        let path = format!("{}/deployments", path_of(&notice.repository)?);
        let what = format!("find the deployments of `{environment}`");
        let query = format!("{path}?environment={}", escaped(environment));
        let found: Vec<Deployment> = self.github.all(&what, &query).await?;
        let mut active = Vec::new();
        for deployment in found.into_iter().filter(|it| it.environment == *environment) {
            let newest = format!("{path}/{}/statuses?per_page=1", deployment.id);
            let statuses: Vec<Said> = self.github.get(&what, &newest).await?;
            if statuses.first().is_none_or(|status| status.state != "inactive") {
                active.push(deployment.id);
            }
        }
        Ok(active)
    }
}

#[cfg(test)]
#[path = "notifier_tests.rs"]
mod tests;
