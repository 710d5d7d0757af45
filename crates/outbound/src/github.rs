//! GitHub as the source of truth: what branches and open pull requests there are, and what they are at.

mod call;
pub(crate) mod comment;
pub(crate) mod login;
pub(crate) mod notifier;
mod pages;
mod refusal;
mod shape;

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use longshore_model::preview::github::{Branch, Permission, PullRequest, Repository};
use longshore_model::preview::{Revision, Subject};
use longshore_model::{Error, Kind};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, Url};

use self::call::Pause;
use self::pages::Kept;
use crate::http::is_loopback;
use crate::{Http, Secret};

/// What stands for itself in a path: RFC 3986's unreserved characters.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// GitHub's REST API. It remembers pages with their ETags, and asks nothing while a rate limit holds.
#[derive(Debug)]
pub struct GitHub {
    http: Http,
    /// Without a slash at its end.
    api: String,
    token: Option<Secret>,
    pages: Mutex<BTreeMap<String, Kept>>,
    pause: Mutex<Option<Pause>>,
}

impl GitHub {
    /// Behind an address such as `https://api.github.com` or, of an Enterprise Server, `https://HOST/api/v3`. The token is
    /// a fine-grained one (contents and pull requests: read; deployments and pull requests: write, for the notifier), a
    /// classic one (`repo`), or an installation's. Who asks what others may do must be able to push.
    ///
    /// # Errors
    /// The address is none, or the token would travel unencrypted.
    pub fn new(http: Http, api: &str, token: Option<Secret>) -> Result<Self, Error> {
        let api = address(api)?;
        Ok(Self { http, api, token, pages: Mutex::default(), pause: Mutex::default() })
    }

    /// A branch; `None` when the repository can be read and does not have it.
    ///
    /// # Errors
    /// As [`longshore_world::GitHub::repository`].
    pub async fn branch(&self, repository: &str, name: &str) -> Result<Option<Branch>, Error> {
        let what = format!("read branch `{name}` of `{repository}`");
        let path = format!("{}/branches/{}", path_of(repository)?, escaped(name));
        let found: Option<shape::Branch> = self.of_repository(&what, repository, &path).await?;
        found.map(|branch| branch.into_model(&what)).transpose()
    }

    /// An open pull request; `None` when the repository can be read and does not have it, or it is closed.
    ///
    /// # Errors
    /// As [`longshore_world::GitHub::repository`].
    pub async fn pull_request(&self, repository: &str, number: u64) -> Result<Option<PullRequest>, Error> {
        let what = format!("read pull request #{number} of `{repository}`");
        let path = format!("{}/pulls/{number}", path_of(repository)?);
        let found: Option<shape::Pull> = self.of_repository(&what, repository, &path).await?;
        found.filter(shape::Pull::is_open).map(|pull| pull.into_model(&what)).transpose()
    }

    /// A 404 may speak of the repository, too: it is believed once the repository itself has been seen.
    async fn of_repository<T: serde::de::DeserializeOwned>(
        &self,
        what: &str,
        repository: &str,
        path: &str,
    ) -> Result<Option<T>, Error> {
        match self.get(what, path).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == Kind::NotFound => {
                self.about(repository).await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn about(&self, repository: &str) -> Result<shape::About, Error> {
        let what = format!("read repository `{repository}`");
        self.get(&what, &path_of(repository)?).await
    }
}

#[async_trait]
impl longshore_world::GitHub for GitHub {
    /// <https://docs.github.com/en/rest/branches/branches#list-branches>,
    /// <https://docs.github.com/en/rest/pulls/pulls#list-pull-requests>
    async fn repository(&self, name: &str) -> Result<Repository, Error> {
        let default_branch = self.about(name).await?.default_branch;
        let what = format!("list the branches of `{name}`");
        let path = format!("{}/branches", path_of(name)?);
        let branches: Vec<shape::Branch> = self.all(&what, &path).await?;
        let branches: Vec<Branch> =
            branches.into_iter().map(|branch| branch.into_model(&what)).collect::<Result<_, _>>()?;
        // Only a repository that nobody has pushed it to has no default branch; an answer that lost its branches does not.
        if !branches.iter().any(|branch| branch.name == default_branch)
            && self.branch(name, &default_branch).await?.is_some()
        {
            let text = format!("cannot {what}: GitHub left out `{default_branch}`, which it has");
            return Err(Error::new(Kind::Unavailable, text));
        }
        let what = format!("list the open pull requests of `{name}`");
        let path = format!("{}/pulls?state=open&sort=created&direction=asc", path_of(name)?);
        let pulls: Vec<shape::Pull> = self.all(&what, &path).await?;
        let open = pulls.into_iter().filter(shape::Pull::is_open);
        let pull_requests = open.map(|pull| pull.into_model(&what)).collect::<Result<_, _>>()?;
        Ok(Repository { branches, pull_requests, default_branch })
    }

    async fn head(&self, repository: &str, subject: &Subject) -> Result<Option<Revision>, Error> {
        Ok(match subject {
            Subject::Branch(name) => self.branch(repository, name).await?.map(|branch| Revision {
                sha: branch.sha,
                branch: branch.name,
                pull_request: None,
            }),
            Subject::PullRequest(number) => self
                .pull_request(repository, *number)
                .await?
                .map(|pull| Revision { sha: pull.sha, branch: pull.branch, pull_request: Some(pull.number) }),
        })
    }

    /// <https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user>
    async fn permission(&self, repository: &str, login: &str) -> Result<Permission, Error> {
        let what = format!("read what `{login}` may do in `{repository}`");
        let path = format!("{}/collaborators/{}/permission", path_of(repository)?, escaped(login));
        let found: Option<shape::Permission> = self.of_repository(&what, repository, &path).await?;
        Ok(found.map(shape::Permission::into_model).unwrap_or_default())
    }

    /// <https://docs.github.com/en/rest/issues/comments#create-an-issue-comment>
    async fn comment(&self, repository: &str, pull_request: u64, text: &str) -> Result<(), Error> {
        let what = format!("answer in #{pull_request} of `{repository}`");
        let path = format!("{}/issues/{pull_request}/comments", path_of(repository)?);
        let document = serde_json::json!({"body": text});
        self.change::<serde::de::IgnoredAny>(&what, Method::POST, &path, &document).await.map(drop)
    }
}

/// An address of GitHub's, without a slash at its end.
fn address(text: &str) -> Result<String, Error> {
    let invalid = |why: &str| {
        Error::new(Kind::Invalid, format!("GitHub's address {why}"))
            .with_hint("it is https://api.github.com, or https://HOST/api/v3 of an Enterprise Server")
    };
    let url = Url::parse(text).map_err(|_| invalid("is not a URL"))?;
    if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
        return Err(invalid("does not begin with https://"));
    }
    if !url.username().is_empty() || url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("has more than a host and a path"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// `/repos/OWNER/NAME`, of a name that can be one.
fn path_of(repository: &str) -> Result<String, Error> {
    let is_word = |word: &str| {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !word.is_empty() && word.chars().all(legal) && word.chars().any(|c| c != '.')
    };
    match repository.split_once('/') {
        Some((owner, name)) if is_word(owner) && is_word(name) => Ok(format!("/repos/{repository}")),
        _ => Err(Error::new(Kind::Invalid, format!("`{repository}` is not the name of a repository"))
            .with_hint("it is OWNER/NAME, as in its address")),
    }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

#[cfg(test)]
#[path = "github_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "github/comments_tests.rs"]
mod comments_tests;
