//! Policies, records and lists for the tests of this folder.

use longshore_model::Timestamp;
use longshore_model::preview::github::{Branch, PullRequest, Repository};
use longshore_model::preview::view::EnvironmentView;
use longshore_model::preview::{
    Access, Environment, Moment, Notice, Policy, PullRequests, Revision, Route, ServicePolicy, Subject,
    Trigger,
};

use super::record;

/// When the tests of this folder begin.
pub(super) const NOW: Timestamp = Timestamp(1_800_000_000_000);

pub(super) fn service(name: &str) -> ServicePolicy {
    ServicePolicy::new(name, name, 80)
}

/// `octo/shop`: branches `feature/**` and pull requests, without any prefix left out.
pub(super) fn policy() -> Policy {
    let trigger = Trigger {
        branches: vec!["feature/**".to_owned()],
        pull_requests: Some(PullRequests::default()),
        ..Trigger::default()
    };
    let route = Route::Proxy {
        domain: "preview.example.com".to_owned(),
        scheme: "https".to_owned(),
        port: None,
        access: Access::Login,
    };
    Policy { trigger, ..Policy::new("octo/shop", "previews", vec![service("web")], route) }
}

pub(super) fn branch(name: &str) -> Subject {
    Subject::Branch(name.to_owned())
}

pub(super) fn revision(sha: &str, branch: &str) -> Revision {
    Revision { sha: sha.to_owned(), branch: branch.to_owned(), pull_request: None }
}

pub(super) fn environment(name: &str) -> Environment {
    record::fresh(&policy(), branch(name), revision("aaa1", name), record::GITHUB, NOW)
}

/// GitHub's list: `main`, these branches with their commits, and these pull requests.
pub(super) fn github(branches: &[(&str, &str)], pull_requests: Vec<PullRequest>) -> Repository {
    let branches = [("main", "0000")].iter().chain(branches);
    let branches = branches.map(|(name, sha)| Branch { name: (*name).to_owned(), sha: (*sha).to_owned() });
    Repository { branches: branches.collect(), pull_requests, default_branch: "main".to_owned() }
}

pub(super) fn pull_request(number: u64, sha: &str) -> PullRequest {
    PullRequest {
        number,
        sha: sha.to_owned(),
        branch: "topic".to_owned(),
        base: "main".to_owned(),
        author: "octocat".to_owned(),
        ..PullRequest::default()
    }
}

pub(super) fn notice(moment: Moment) -> Notice {
    Notice {
        at: NOW,
        moment,
        environment: "x.shop".to_owned(),
        repository: "octo/shop".to_owned(),
        revision: revision("0123456789", "feature/x"),
        url: None,
        text: "More of it.".to_owned(),
        log_tail: Vec::new(),
    }
}

pub(super) fn view() -> EnvironmentView {
    EnvironmentView {
        id: "x.shop".to_owned(),
        repository: "octo/shop".to_owned(),
        branch: "feature/x".to_owned(),
        pull_request: None,
        state: "ready".to_owned(),
        url: Some("https://x.shop.example.com/".to_owned()),
        sha: "0123456789".to_owned(),
        deployed_sha: None,
        waiting: vec!["a reason".to_owned()],
        failure: None,
        log_tail: Vec::new(),
        pinned: false,
        by: "github".to_owned(),
        created_at: "2027-01-15T08:00:00Z".to_owned(),
        deployed_at: None,
        last_request_at: None,
        expires_at: Some("2027-01-22T08:00:00Z".to_owned()),
        sleeps_at: None,
        usd_per_day: Some(0.296),
    }
}
