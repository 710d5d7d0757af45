//! Sample data: for tests, and for whoever wants to look at the dashboard (`cargo run -p longshore-server --example dashboard`).

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use longshore_control::book::{self, Book};
use longshore_decide::preview::record;
use longshore_model::network::LaunchType;
use longshore_model::preview::{
    Access, Deployed, Entry, EntryKind, Environment, Failure, Policy, PullRequests, Revision, Route,
    ServicePolicy, State, Subject, Trigger,
};
use longshore_model::{Error, Timestamp};
use longshore_server::{ApiCalls, Glance, RunRow, ServiceRow, Standing};
use longshore_world::Expect;

/// `octo/APP`: branches `feature/**` and `fix/**`, and pull requests.
pub(crate) fn policy(app: &str) -> Policy {
    let web = ServicePolicy {
        cpu: Some(256),
        memory: Some(512),
        launch_type: Some(LaunchType::Fargate),
        ..ServicePolicy::new("web", "web", 80)
    };
    let trigger = Trigger {
        branches: vec!["feature/**".to_owned(), "fix/**".to_owned()],
        strip: vec!["feature/".to_owned(), "fix/".to_owned()],
        pull_requests: Some(PullRequests::default()),
        ..Trigger::default()
    };
    let route = Route::Proxy {
        domain: "preview.example.com".to_owned(),
        scheme: "https".to_owned(),
        port: None,
        access: Access::Login,
    };
    Policy { trigger, ..Policy::new(&format!("octo/{app}"), "previews", vec![web], route) }
}

/// By repository.
pub(crate) fn policies() -> BTreeMap<String, Arc<Policy>> {
    ["shop", "billing"].map(|app| (format!("octo/{app}"), Arc::new(policy(app)))).into()
}

/// An environment as it is so many minutes after it was made.
pub(crate) fn environment(
    app: &str,
    branch: &str,
    state: State,
    now: Timestamp,
    minutes: i64,
) -> Environment {
    let policy = policy(app);
    let at = now.plus_seconds(-60 * minutes);
    let sha = format!("{:08x}{:032x}", branch.len() * 0x0123_4567, minutes);
    let revision = Revision { sha, branch: branch.to_owned(), pull_request: None };
    let subject = Subject::Branch(branch.to_owned());
    let mut it = record::fresh(&policy, subject, revision.clone(), record::GITHUB, at);
    it.state = state;
    if matches!(state, State::Ready | State::Updating | State::Asleep | State::Waking) {
        it.progress.deployed = Some(Deployed { revision, at, ..Deployed::default() });
        it.progress.last_request_at = Some(now.plus_seconds(-15 * minutes));
    }
    if state == State::Asleep {
        it.progress.asleep_since = Some(at);
    }
    it
}

/// Writes an environment and a few lines of its timeline.
pub(crate) async fn keep(book: &Book, it: &Environment, lines: &[(EntryKind, &str)]) {
    let id = &it.names.id;
    let mut writes = vec![book::put(book::ENVIRONMENTS, id.as_str(), Expect::Anything, it)];
    for (index, (kind, text)) in (0..).zip(lines) {
        let at = it.progress.created_at.plus_seconds(index);
        let (round, text) = (format!("round-{index}"), (*text).to_owned());
        let entry = Entry { at, object: id.clone(), round, kind: *kind, text };
        writes.push(book::put(book::ENTRIES, format!("{id}/{:020}/{index}", at.0), Expect::Anything, &entry));
    }
    assert!(book.write(writes).await.unwrap());
}

/// Writes down what a repository waits for.
pub(crate) async fn wait(book: &Book, repository: &str, why: &str) {
    let ledger = serde_json::json!({"waiting": [why]});
    let write = book::put(book::REPOSITORIES, repository, Expect::Anything, &ledger);
    assert!(book.write(vec![write]).await.unwrap());
}

/// A dozen environments in all their states.
pub(crate) async fn fill(book: &Book, now: Timestamp) {
    let lines = [
        (EntryKind::State, "is being created"),
        (EntryKind::Intent, "create service shop-login"),
        (EntryKind::Done, "create service shop-login"),
        (EntryKind::Error, "cannot describe tasks: too many calls; tried again in 4 s"),
        (EntryKind::Asked, "dana asked to keep it longer"),
        (EntryKind::State, "is ready"),
    ];
    let mut all = vec![
        environment("shop", "feature/login-with-passkeys", State::Ready, now, 12),
        environment("shop", "feature/cart-rounding", State::Updating, now, 55),
        environment("shop", "fix/VAT-1042-reverse-charge", State::Failed, now, 4),
        environment("shop", "feature/search", State::Asleep, now, 2900),
        environment("shop", "feature/dependencies", State::Queued, now, 2),
        environment("billing", "feature/invoices-as-pdf", State::Ready, now, 8000),
        environment("billing", "feature/demo", State::Ready, now, 400),
        environment("billing", "feature/dunning", State::Creating, now, 1),
        environment("billing", "feature/old-export", State::Removing, now, 9000),
    ];
    all[0].wish.revision.pull_request = Some(128);
    all[1].wish.revision.sha = "77aa00ff11".repeat(4);
    all[1].waiting = vec!["1 of 2 tasks of the new revision answers its health check".to_owned()];
    all[2].wish.revision.sha = "3b1f09c2".repeat(5);
    all[2].progress.failure = Some(Failure {
        revision: all[2].wish.revision.clone(),
        attempt: 0,
        why: "the tasks of commit 3b1f09c crashed 3 times: exit code 1. Push a fix, or try again".to_owned(),
        log_tail: vec![
            "Error: connect ECONNREFUSED db:5432".to_owned(),
            "    at TCPConnectWrap.afterConnect (node:net:1555)".to_owned(),
        ],
        at: now,
    });
    all[4].waiting =
        vec!["20 of 20 environments of octo/shop exist; it is the first in the queue".to_owned()];
    all[6].wish.pinned = true;
    all[8].waiting = vec!["the hook `drop-database` is tried again in 2 min: it failed 3 times".to_owned()];
    record::remove(&mut all[8], "branch deleted", record::GITHUB, now);
    for it in &all {
        keep(book, it, &lines).await;
    }
}

/// A cluster that has everything; `text` stands in all of its words.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    pub(crate) text: String,
}

#[async_trait]
impl Glance for Cluster {
    async fn services(&self) -> Result<Vec<ServiceRow>, Error> {
        let row = |name: &str, running, pending, desired, state: &str| ServiceRow {
            name: format!("{name}{}", self.text),
            task_definition: format!("{name}:12{}", self.text),
            running,
            pending,
            desired,
            state: format!("{state}{}", self.text),
        };
        Ok(vec![row("shop-web", 3, 0, 3, "steady"), row("shop-worker", 1, 1, 2, "deploying")])
    }

    async fn runs(&self) -> Result<Vec<RunRow>, Error> {
        let row = |id: &str, status: &str, exit_code, reason: Option<&str>| RunRow {
            id: format!("{id}{}", self.text),
            task_definition: format!("migrate:7{}", self.text),
            status: status.to_owned(),
            started_at: Some(format!("2026-11-21T10:00:00Z{}", self.text)),
            exit_code,
            reason: reason.map(|reason| format!("{reason}{}", self.text)),
        };
        let killed = "OutOfMemoryError: Container killed due to memory usage";
        Ok(vec![
            row("6f1e2d3c4b5a", "RUNNING", None, None),
            row("0f1e2d3c4b5a", "STOPPED", Some(0), Some("Essential container in task exited")),
            row("af1e2d3c4b5a", "STOPPED", Some(137), Some(killed)),
        ])
    }

    async fn api_calls(&self) -> Vec<ApiCalls> {
        let row = |operation: &str, last_minute, limit_per_minute| ApiCalls {
            operation: format!("{operation}{}", self.text),
            last_minute,
            limit_per_minute,
        };
        vec![
            row("ecs:DescribeServices", 14, Some(1200)),
            row("ecs:RunTask", 2, None),
            row("elasticloadbalancing:CreateRule", 310, Some(600)),
        ]
    }

    fn standing(&self) -> Standing {
        Standing { acts: Some(true), rounds: 412, errors: 1 }
    }
}
