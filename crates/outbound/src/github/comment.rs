//! The one comment on a pull request that is kept up to date.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_model::preview::{Moment, Notice};
use longshore_model::{Error, Kind};
use longshore_world::Notifier;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::shape::{Listed, User};
use super::{GitHub, path_of, refusal};
use crate::words;

/// Tells the pull request. Apart from deployments: a token that may not deploy may still comment.
#[derive(Debug)]
pub struct GitHubComments {
    name: String,
    github: Arc<GitHub>,
}

/// What is kept of an environment between two notices.
#[derive(Debug, Serialize, Deserialize)]
struct Memory {
    comment: u64,
}

#[derive(Debug, Deserialize)]
struct Comment {
    id: u64,
    body: Option<String>,
    user: Option<User>,
}

impl Listed for Comment {
    type Key = u64;

    fn key(&self) -> u64 {
        self.id
    }
}

impl GitHubComments {
    /// `name` is the one among the notifiers of this configuration.
    #[must_use]
    pub fn new(name: impl Into<String>, github: Arc<GitHub>) -> Self {
        Self { name: name.into(), github }
    }
}

#[async_trait]
impl Notifier for GitHubComments {
    fn name(&self) -> &str {
        &self.name
    }

    /// It is many repositories, each with its own rights.
    fn is_one_place(&self) -> bool {
        false
    }

    async fn tell(&self, notice: &Notice, memory: Option<&Value>) -> Result<Option<Value>, Error> {
        let Some(number) = notice.revision.pull_request else { return Ok(None) };
        let known = memory.and_then(|memory| serde_json::from_value::<Memory>(memory.clone()).ok());
        let kept = self.github.keep_comment(notice, number, known.map(|known| known.comment)).await;
        let comment = kept.map_err(refusal::of_notice)?;
        Ok(comment.map(|comment| json!(Memory { comment })))
    }
}

impl GitHub {
    /// Writes the comment of a notice's environment, and says which it is: the known one, one that is found by its
    /// marker, or a new one.
    async fn keep_comment(
        &self,
        notice: &Notice,
        number: u64,
        known: Option<u64>,
    ) -> Result<Option<u64>, Error> {
        let Notice { environment, repository, .. } = notice;
        let root = path_of(repository)?;
        let marker = words::marker(environment);
        let body = json!({"body": words::comment(notice, None)});
        let what = format!("write the comment of `{environment}` on #{number} of `{repository}`");
        if let Some(id) = known {
            let path = format!("{root}/issues/comments/{id}");
            match self.change::<Comment>(&what, Method::PATCH, &path, &body).await {
                Err(error) if error.kind() == Kind::NotFound => {}
                done => return done.map(|comment| Some(comment.id)),
            }
        }
        let list = format!("{root}/issues/{number}/comments");
        let comments: Vec<Comment> = self.all(&what, &list).await?;
        if let Some(id) = self.ours(&what, &comments, &marker).await? {
            let path = format!("{root}/issues/comments/{id}");
            return Ok(Some(self.change::<Comment>(&what, Method::PATCH, &path, &body).await?.id));
        }
        if notice.moment == Moment::Removed {
            // There was never a word of it here.
            return Ok(None);
        }
        Ok(Some(self.change::<Comment>(&what, Method::POST, &list, &body).await?.id))
    }

    /// Whoever may comment can write a marker: only our own comment is taken.
    async fn ours(&self, what: &str, comments: &[Comment], marker: &str) -> Result<Option<u64>, Error> {
        let marked = |it: &&Comment| it.body.as_deref().is_some_and(|body| body.starts_with(marker));
        let mut marked = comments.iter().filter(marked).peekable();
        if marked.peek().is_none() {
            return Ok(None);
        }
        // The token of an installation may not ask who it is; its comments are a bot's.
        let me = match self.get::<User>(what, "/user").await {
            Ok(me) => Some(me.login),
            Err(error) if matches!(error.kind(), Kind::Denied | Kind::NotFound) => None,
            Err(error) => return Err(error),
        };
        let is_mine = |user: &User| me.as_ref().map_or(user.kind == "Bot", |me| *me == user.login);
        Ok(marked.find(|it| it.user.as_ref().is_some_and(is_mine)).map(|it| it.id))
    }
}
