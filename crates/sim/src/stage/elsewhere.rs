//! GitHub, hooks, people to tell, and our own proxy, for the hands of a process.

use std::collections::BTreeMap;

use async_trait::async_trait;
use longshore_model::preview::github::{Permission, Repository};
use longshore_model::preview::{Notice, Revision, Subject};
use longshore_model::{Error, Kind, Timestamp};
use longshore_world::{Clock, GitHub, HookCall, Hooks, Notifier, Routes, Site};
use serde_json::{Value, json};

use super::Hands;

#[async_trait]
impl GitHub for Hands {
    async fn repository(&self, name: &str) -> Result<Repository, Error> {
        let what = format!("list branches of `{name}`");
        self.act("GitHub", &what, |inner| {
            let chance = inner.chances.github;
            if inner.happens(chance) {
                return Err(Error::new(Kind::Unavailable, format!("cannot {what}: 502")));
            }
            if inner.happens(chance) {
                return Ok(Repository::default());
            }
            Ok(inner.github.get(name).cloned().unwrap_or_default())
        })
        .await
    }

    async fn head(&self, repository: &str, subject: &Subject) -> Result<Option<Revision>, Error> {
        let what = format!("look at {subject} of `{repository}`");
        self.act("GitHub", &what, |inner| {
            let Some(known) = inner.github.get(repository) else { return Ok(None) };
            Ok(match subject {
                Subject::Branch(name) => {
                    known.branches.iter().find(|branch| branch.name == *name).map(|branch| Revision {
                        sha: branch.sha.clone(),
                        branch: name.clone(),
                        pull_request: None,
                    })
                }
                Subject::PullRequest(number) => {
                    known.pull_requests.iter().find(|it| it.number == *number).map(|it| Revision {
                        sha: it.sha.clone(),
                        branch: it.branch.clone(),
                        pull_request: Some(*number),
                    })
                }
            })
        })
        .await
    }

    /// Whoever writes here may push.
    async fn permission(&self, repository: &str, login: &str) -> Result<Permission, Error> {
        let what = format!("look what `{login}` may do in `{repository}`");
        self.act("GitHub", &what, |_| Ok(Permission::Write)).await
    }

    async fn comment(&self, repository: &str, pull_request: u64, _text: &str) -> Result<(), Error> {
        self.act("GitHub", &format!("answer in #{pull_request} of `{repository}`"), |_| Ok(())).await
    }
}

#[async_trait]
impl Hooks for Hands {
    async fn call(&self, call: &HookCall) -> Result<Result<(), String>, Error> {
        self.act("Hook", "call a hook", |inner| {
            let chance = inner.chances.hooks;
            if inner.happens(chance) {
                return Ok(Err("it ended with 1".to_owned()));
            }
            *inner.hooks.entry(call.id.clone()).or_default() += 1;
            Ok(Ok(()))
        })
        .await
    }
}

#[async_trait]
impl Notifier for Hands {
    fn name(&self) -> &str {
        "people"
    }

    async fn tell(&self, notice: &Notice, memory: Option<&Value>) -> Result<Option<Value>, Error> {
        let count = memory.and_then(|memory| memory["count"].as_u64()).unwrap_or_default();
        self.act("Tell", "tell people", |inner| {
            inner.told.push(notice.clone());
            Ok(Some(json!({"count": count + 1})))
        })
        .await
    }
}

#[async_trait]
impl Routes for Hands {
    async fn set(&self, site: Site) -> Result<(), Error> {
        self.wire.pass().await;
        self.own_sites().insert(site.environment.clone(), site);
        Ok(())
    }

    async fn remove(&self, environment: &str) -> Result<(), Error> {
        self.wire.pass().await;
        self.own_sites().remove(environment);
        Ok(())
    }

    /// A target is healthy as long as its task runs and answers.
    fn health(&self, environment: &str) -> BTreeMap<String, Result<(), String>> {
        let sites = self.own_sites();
        let Some(site) = sites.get(environment) else { return BTreeMap::new() };
        let inner = self.stage.lock();
        let targets = site.services.iter().flat_map(|service| service.active.iter().chain(&service.probed));
        let health = |key: &str| match inner.state.answers(key, inner.now) {
            true => Ok(()),
            false => Err("there was no answer".to_owned()),
        };
        targets.map(|target| (target.key.clone(), health(&target.key))).collect()
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        self.stage.now().plus_ms(self.ahead_ms())
    }
}
