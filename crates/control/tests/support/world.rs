//! Everything around environments but ECS, small enough to be seen through: GitHub, our own proxy, hooks, somebody to
//! tell, and a clock that is set by hand.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use longshore_model::preview::github::{Branch, Permission, Repository};
use longshore_model::preview::{Notice, Revision, Subject};
use longshore_model::{Error, Kind, Timestamp};
use longshore_world::{Clock, GitHub, HookCall, Hooks, Notifier, Routes, Site};
use serde_json::{Value, json};

/// Waits once: a place where a round can be dropped, or another one come between.
pub(crate) async fn pause() {
    struct Once(bool);
    impl Future for Once {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            context.waker().wake_by_ref();
            if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
        }
    }
    Once(false).await;
}

/// Polls by hand, so often at most. `None`: it was dropped there, as by a crash.
pub(crate) fn poll_up_to<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(end) = future.as_mut().poll(&mut context) {
            return Some(end);
        }
    }
    None
}

/// To its end. Whatever waits for a timer, a task or a channel would never get there.
pub(crate) fn poll<T>(future: impl Future<Output = T>) -> T {
    poll_up_to(future, 100_000).expect("it waits for something that never comes")
}

#[derive(Debug)]
pub(crate) struct Hand(pub(crate) Mutex<Timestamp>);

impl Default for Hand {
    fn default() -> Self {
        Self(Mutex::new(Timestamp(1_800_000_000_000)))
    }
}

impl Hand {
    pub(crate) fn pass(&self, seconds: i64) {
        let mut now = self.0.lock().unwrap();
        *now = now.plus_seconds(seconds);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// `octo/shop` with `main`, and these branches. `None`: it does not answer.
#[derive(Debug, Default)]
pub(crate) struct Hub(pub(crate) Mutex<Option<BTreeMap<String, String>>>, pub(crate) Mutex<Talk>);

/// Its pull requests with their commits, who may push, and what was written into which pull request.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    pub(crate) pulls: BTreeMap<u64, String>,
    pub(crate) writers: Vec<String>,
    pub(crate) said: Vec<(u64, String)>,
    /// Why nothing can be written.
    pub(crate) out: Option<Kind>,
}

impl Hub {
    pub(crate) fn talk(&self) -> std::sync::MutexGuard<'_, Talk> {
        self.1.lock().unwrap()
    }

    pub(crate) fn push(&self, branch: &str, sha: &str) {
        self.0.lock().unwrap().get_or_insert_default().insert(branch.to_owned(), sha.to_owned());
    }

    pub(crate) fn delete(&self, branch: &str) {
        self.0.lock().unwrap().get_or_insert_default().remove(branch);
    }
}

#[async_trait]
impl GitHub for Hub {
    async fn repository(&self, _name: &str) -> Result<Repository, Error> {
        pause().await;
        let known = self.0.lock().unwrap().clone();
        let known = known.ok_or_else(|| Error::new(Kind::Unavailable, "GitHub does not answer"))?;
        let main = Branch { name: "main".into(), sha: "0".repeat(40) };
        let branches = known.into_iter().map(|(name, sha)| Branch { name, sha });
        Ok(Repository {
            branches: std::iter::once(main).chain(branches).collect(),
            pull_requests: Vec::new(),
            default_branch: "main".into(),
        })
    }

    async fn head(&self, _repository: &str, subject: &Subject) -> Result<Option<Revision>, Error> {
        let branch = match subject {
            Subject::Branch(branch) => branch,
            Subject::PullRequest(number) => {
                let sha = self.talk().pulls.get(number).cloned();
                let branch = format!("topic-{number}");
                return Ok(sha.map(|sha| Revision { sha, branch, pull_request: Some(*number) }));
            }
        };
        let sha = self.0.lock().unwrap().as_ref().and_then(|known| known.get(branch).cloned());
        Ok(sha.map(|sha| Revision { sha, branch: branch.clone(), pull_request: None }))
    }

    async fn permission(&self, _repository: &str, login: &str) -> Result<Permission, Error> {
        pause().await;
        let may_push = self.talk().writers.iter().any(|writer| writer == login);
        Ok(if may_push { Permission::Write } else { Permission::Read })
    }

    async fn comment(&self, _repository: &str, pull_request: u64, text: &str) -> Result<(), Error> {
        pause().await;
        let out = self.talk().out;
        if let Some(kind) = out {
            return Err(Error::new(kind, "GitHub takes no comment"));
        }
        self.talk().said.push((pull_request, text.to_owned()));
        pause().await;
        Ok(())
    }
}

/// A proxy that finds each target healthy as soon as it knows it.
#[derive(Debug, Default)]
pub(crate) struct Sites {
    pub(crate) sites: Mutex<BTreeMap<String, Site>>,
    pub(crate) set: Mutex<usize>,
    /// The environment whose site it does not take.
    pub(crate) refused: Mutex<Option<String>>,
}

#[async_trait]
impl Routes for Sites {
    async fn set(&self, route: Site) -> Result<(), Error> {
        pause().await;
        *self.set.lock().unwrap() += 1;
        if self.refused.lock().unwrap().as_ref() == Some(&route.environment) {
            return Err(Error::new(Kind::Invalid, "this site makes no sense"));
        }
        self.sites.lock().unwrap().insert(route.environment.clone(), route);
        Ok(())
    }

    async fn remove(&self, environment: &str) -> Result<(), Error> {
        self.sites.lock().unwrap().remove(environment);
        Ok(())
    }

    fn health(&self, environment: &str) -> BTreeMap<String, Result<(), String>> {
        let sites = self.sites.lock().unwrap();
        let services = sites.get(environment).into_iter().flat_map(|site| &site.services);
        let targets = services.flat_map(|service| service.active.iter().chain(&service.probed));
        targets.map(|target| (target.key.clone(), Ok(()))).collect()
    }
}

/// Hooks that do well, unless it is said how they end, and are written down.
#[derive(Debug, Default)]
pub(crate) struct Called {
    pub(crate) calls: Mutex<Vec<HookCall>>,
    /// What the next calls come to.
    pub(crate) ends: Mutex<VecDeque<Result<Result<(), String>, Error>>>,
}

#[async_trait]
impl Hooks for Called {
    async fn call(&self, call: &HookCall) -> Result<Result<(), String>, Error> {
        pause().await;
        self.calls.lock().unwrap().push(call.clone());
        pause().await;
        self.ends.lock().unwrap().pop_front().unwrap_or(Ok(Ok(())))
    }
}

/// Somebody who remembers how often they were told of an environment, and may be out.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    pub(crate) heard: Mutex<Vec<Notice>>,
    pub(crate) out: Mutex<Option<Kind>>,
    /// The environment whose notices it refuses.
    pub(crate) refuses: Mutex<Option<(String, Kind)>>,
}

#[async_trait]
impl Notifier for Ear {
    fn name(&self) -> &str {
        "ear"
    }

    fn is_one_place(&self) -> bool {
        false
    }

    async fn tell(&self, notice: &Notice, memory: Option<&Value>) -> Result<Option<Value>, Error> {
        pause().await;
        if let Some(kind) = *self.out.lock().unwrap() {
            return Err(Error::new(kind, "nobody listens"));
        }
        let refused = self.refuses.lock().unwrap().clone();
        if let Some((_, kind)) = refused.filter(|(environment, _)| *environment == notice.environment) {
            return Err(Error::new(kind, "it is archived"));
        }
        let mut heard = self.heard.lock().unwrap();
        let before = heard.iter().filter(|it| it.environment == notice.environment).count();
        assert_eq!(
            memory.map_or(0, |it| it["told"].as_u64().unwrap()),
            before as u64,
            "it was not remembered"
        );
        heard.push(notice.clone());
        Ok(Some(json!({"told": before + 1})))
    }
}
