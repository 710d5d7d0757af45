//! A GitHub that keeps deployments, statuses and comments.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use longshore_model::preview::{Moment, Revision};

use super::super::comment::GitHubComments;
use super::*;
use crate::stand::{Asked, Reply, Stand, notice};
use crate::{Http, Secret};

const ROOT: &str = "/repos/Codertocat/Hello-World";

/// What it keeps.
#[derive(Debug, Default)]
struct Hub {
    /// By id: the document, and the states, the newest last.
    deployments: BTreeMap<u64, (Value, Vec<String>)>,
    /// By id: the author, and the body.
    comments: BTreeMap<u64, (String, String)>,
    next: u64,
    /// The status with which deployments are refused.
    refuses: Option<u16>,
}

impl Hub {
    fn answer(&mut self, asked: &Asked) -> Reply {
        let path = asked.path.split('?').next().unwrap();
        let parts: Vec<&str> = path.strip_prefix(ROOT).unwrap_or(path).split('/').skip(1).collect();
        let missing = || Reply::json(404, &json!({"message": "Not Found"}));
        if let (Some(status), ["deployments", ..]) = (self.refuses, &parts[..]) {
            return Reply::json(status, &json!({"message": "Resource not accessible"}));
        }
        match (asked.method.as_str(), &parts[..]) {
            ("GET", ["user"]) => Reply::json(200, &json!({"login": "ship", "type": "User"})),
            ("GET", ["deployments"]) => {
                // As if it knew no filters: what is not ours is left alone all the same.
                Reply::json(200, &json!(self.deployments.values().map(|(it, _)| it).collect::<Vec<_>>()))
            }
            ("POST", ["deployments"]) => {
                self.next += 1;
                let mut document = asked.json();
                document["id"] = json!(self.next);
                document["sha"] = document["ref"].clone();
                self.deployments.insert(self.next, (document.clone(), Vec::new()));
                Reply::json(201, &document)
            }
            (method, ["deployments", id, "statuses"]) => {
                let Some((_, states)) = self.deployments.get_mut(&id.parse().unwrap()) else {
                    return missing();
                };
                if method == "GET" {
                    return Reply::json(
                        200,
                        &json!(
                            states
                                .last()
                                .map(|state| json!({"state": state}))
                                .into_iter()
                                .collect::<Vec<_>>()
                        ),
                    );
                }
                states.push(asked.json()["state"].as_str().unwrap().to_owned());
                Reply::json(201, &json!({"state": states.last()}))
            }
            ("GET", ["issues", "2", "comments"]) => {
                let comment = |(id, (author, body)): (&u64, &(String, String))| json!({"id": id, "body": body, "user": {"login": author, "type": "User"}});
                Reply::json(200, &self.comments.iter().map(comment).collect())
            }
            ("POST", ["issues", "2", "comments"]) => {
                self.next += 1;
                self.write(self.next, "ship", asked.json()["body"].as_str().unwrap())
            }
            ("PATCH", ["issues", "comments", id]) => {
                let id = id.parse().unwrap();
                let Some((author, _)) = self.comments.get(&id).cloned() else { return missing() };
                self.write(id, &author, asked.json()["body"].as_str().unwrap())
            }
            _ => missing(),
        }
    }

    fn write(&mut self, id: u64, author: &str, body: &str) -> Reply {
        self.comments.insert(id, (author.to_owned(), body.to_owned()));
        Reply::json(201, &json!({"id": id, "body": body, "user": {"login": author, "type": "User"}}))
    }

    fn states(&self) -> Vec<String> {
        self.deployments.values().map(|(_, states)| states.join(" ")).collect()
    }
}

fn notice_of(moment: Moment, sha: &str) -> Notice {
    let mut notice = notice(moment);
    notice.revision.sha = sha.repeat(40);
    notice
}

struct Scene {
    hub: Arc<Mutex<Hub>>,
    stand: Stand,
    notifier: GitHubNotifier,
    memory: Option<Value>,
    comments: GitHubComments,
    comment: Option<Value>,
}

impl Scene {
    async fn new() -> Self {
        let hub: Arc<Mutex<Hub>> = Arc::default();
        let there = Arc::clone(&hub);
        let stand =
            Stand::new(move |asked| there.lock().unwrap_or_else(PoisonError::into_inner).answer(asked)).await;
        let token = Some(Secret::new("ghp_16C7e42F292c6912E7710c838347Ae178B4a"));
        let github = GitHub::new(Http::new().unwrap(), &stand.url(), token).unwrap();
        let page = Some("https://ship.example.com/environments/".to_owned());
        let github = Arc::new(github);
        let notifier = GitHubNotifier::new("github", Arc::clone(&github), page);
        let comments = GitHubComments::new("github-comments", github);
        Self { hub, stand, notifier, memory: None, comments, comment: None }
    }

    async fn tell(&mut self, moment: Moment, sha: &str) {
        self.memory = self.notifier.tell(&notice_of(moment, sha), self.memory.as_ref()).await.unwrap();
        self.comment(moment, sha).await;
    }

    async fn comment(&mut self, moment: Moment, sha: &str) {
        self.comment = self.comments.tell(&notice_of(moment, sha), self.comment.as_ref()).await.unwrap();
    }

    /// How many deployments and comments there are.
    fn counts(&self) -> (usize, usize) {
        let hub = self.hub();
        (hub.deployments.len(), hub.comments.len())
    }

    fn hub(&self) -> std::sync::MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[tokio::test]
async fn a_whole_life_is_two_deployments_and_one_comment() {
    let mut scene = Scene::new().await;
    let first = "queued in_progress success inactive";
    for (moment, sha) in [
        (Moment::Queued, "a"),
        (Moment::Creating, "a"),
        (Moment::Ready, "a"),
        (Moment::Updating, "b"),
        (Moment::Failed, "b"),
        (Moment::Updated, "b"),
    ] {
        scene.tell(moment, sha).await;
    }
    assert_eq!(scene.hub().states(), [first, "in_progress failure success"]);
    for (moment, sha) in
        [(Moment::Asleep, "b"), (Moment::Awake, "b"), (Moment::Expiring, "b"), (Moment::Removing, "b")]
    {
        scene.tell(moment, sha).await;
    }
    let second = "in_progress failure success success success success inactive";
    assert_eq!(scene.hub().states(), [first, second]);
    scene.tell(Moment::HookFailed, "b").await;
    scene.tell(Moment::Removed, "b").await;
    assert_eq!(scene.hub().states(), [first, &format!("{second} error inactive")]);
    assert_eq!(scene.hub().comments.len(), 1);
    let (_, body) = scene.hub().comments.values().next().unwrap().clone();
    assert_eq!(body, words::comment(&notice_of(Moment::Removed, "b"), None));
    assert!(body.starts_with(&words::marker("changes-3f2a.hello")), "{body}");
    let made = scene.hub().deployments.values().next().unwrap().0.clone();
    assert_eq!(made["environment"], "preview/changes-3f2a.hello");
    assert_eq!(made["ref"], "a".repeat(40));
    assert_eq!((&made["transient_environment"], &made["auto_merge"]), (&json!(true), &json!(false)));
    assert_eq!(made["required_contexts"], json!([]));
    let told = scene.stand.asked();
    let statuses = told.iter().filter(|asked| asked.path.ends_with("/statuses")).map(Asked::json);
    let success = statuses.into_iter().find(|it| it["state"] == "success").unwrap();
    assert_eq!(success["environment_url"], "https://changes-3f2a.hello.example.com");
    assert_eq!(success["log_url"], "https://ship.example.com/environments/changes-3f2a.hello");
    assert_eq!(success["auto_inactive"], false);
}

#[tokio::test]
async fn what_is_told_again_after_a_crash_makes_nothing_twice() {
    let mut scene = Scene::new().await;
    scene.tell(Moment::Creating, "a").await;
    assert_eq!(scene.counts(), (1, 1));
    for memory in [None, Some(json!("not a memory"))] {
        (scene.memory, scene.comment) = (memory.clone(), memory);
        scene.tell(Moment::Creating, "a").await;
    }
    assert_eq!(scene.counts(), (1, 1));
}

#[tokio::test]
async fn only_the_deployments_of_this_environment_are_touched() {
    let mut scene = Scene::new().await;
    let (same, other) = ("a".repeat(40), "c".repeat(40));
    for (id, sha, environment, state) in [
        (10, &same, "production", "success"),
        (11, &other, "preview/changes-3f2a.hello", "failure"),
        (12, &other, "preview/changes-3f2a.hello", "inactive"),
    ] {
        let document = json!({"id": id, "sha": sha, "environment": environment});
        scene.hub().deployments.insert(id, (document, vec![state.to_owned()]));
    }
    scene.tell(Moment::Ready, "a").await;
    assert_eq!(scene.hub().states(), ["success", "success", "failure", "inactive"]);
    scene.memory = None;
    scene.tell(Moment::Removed, "a").await;
    assert_eq!(scene.hub().states(), ["success inactive", "success", "failure inactive", "inactive"]);
}

#[tokio::test]
async fn a_deployment_that_somebody_has_deleted_is_made_anew() {
    let mut scene = Scene::new().await;
    scene.tell(Moment::Creating, "a").await;
    scene.hub().deployments.clear();
    scene.tell(Moment::Ready, "a").await;
    assert_eq!(scene.hub().states(), ["success"]);
    // One that is there all the same, such as by the hand of another process, is taken.
    scene.memory = Some(json!({"current": {"id": 99, "sha": "a".repeat(40)}, "older": []}));
    scene.tell(Moment::Asleep, "a").await;
    assert_eq!(scene.hub().states(), ["success success"]);
    assert_eq!(scene.memory.as_ref().unwrap()["older"], json!([]), "what is gone needs not end");
    scene.tell(Moment::Removed, "a").await;
    assert_eq!(scene.hub().states(), ["success success inactive"]);
}

#[tokio::test]
async fn a_token_that_may_not_deploy_may_still_comment() {
    let mut scene = Scene::new().await;
    for (status, kind) in [(403, Kind::Denied), (404, Kind::NotFound), (401, Kind::Unavailable)] {
        scene.hub().refuses = Some(status);
        let refused = scene.notifier.tell(&notice_of(Moment::Creating, "a"), None).await.unwrap_err();
        assert_eq!(refused.kind(), kind, "{refused}");
    }
    assert!(!scene.notifier.is_one_place() && !scene.comments.is_one_place());
    for moment in [Moment::Creating, Moment::Ready] {
        scene.comment(moment, "a").await;
        let (_, body) = scene.hub().comments.values().next().unwrap().clone();
        assert_eq!(body, words::comment(&notice_of(moment, "a"), None));
    }
    assert_eq!(scene.counts(), (0, 1));
}

#[tokio::test]
async fn a_comment_that_is_gone_is_written_anew_and_a_forged_one_is_left_alone() {
    let mut scene = Scene::new().await;
    let marker = words::marker("changes-3f2a.hello");
    let (forged, quoted) = (format!("{marker}\nfollow this link"), format!("> {marker}"));
    scene.hub().comments.insert(7, ("mallory".into(), forged.clone()));
    scene.hub().comments.insert(8, ("ship".into(), quoted.clone()));
    scene.hub().next = 100;
    scene.tell(Moment::Ready, "a").await;
    assert_eq!(scene.hub().comments[&7].1, forged);
    assert_eq!(scene.hub().comments[&8].1, quoted);
    let ours = *scene.hub().comments.keys().next_back().unwrap();
    scene.hub().comments.remove(&ours);
    scene.tell(Moment::Asleep, "a").await;
    let (author, body) = scene.hub().comments.values().next_back().unwrap().clone();
    assert_eq!((author, body), ("ship".to_owned(), words::comment(&notice_of(Moment::Asleep, "a"), None)));
    assert_eq!(scene.hub().comments.len(), 3);
}

#[tokio::test]
async fn a_branch_gets_no_comment_and_a_removal_no_first_one() {
    let mut scene = Scene::new().await;
    scene.tell(Moment::Removed, "a").await;
    let mut branch = notice(Moment::Ready);
    branch.revision = Revision { sha: "a".repeat(40), branch: "x".into(), pull_request: None };
    scene.notifier.tell(&branch, None).await.unwrap();
    assert_eq!(scene.comments.tell(&branch, None).await.unwrap(), None);
    assert_eq!(scene.hub().comments.len(), 0);
    assert_eq!(scene.hub().states(), ["success"]);
}

#[tokio::test]
async fn a_commit_that_is_gone_is_not_told_of_and_other_refusals_are_errors() {
    for (status, message, is_fine) in
        [(422, "No ref found for: a", true), (422, "Validation Failed", false), (500, "Server Error", false)]
    {
        let stand = Stand::new(move |asked| match asked.method.as_str() {
            "POST" => Reply::json(status, &json!({"message": message})),
            _ => Reply::json(200, &json!([])),
        })
        .await;
        let github = GitHub::new(Http::new().unwrap(), &stand.url(), None).unwrap();
        let mut branch = notice(Moment::Creating);
        branch.revision.pull_request = None;
        let told = GitHubNotifier::new("github", Arc::new(github), None).tell(&branch, None).await;
        assert_eq!(told.is_ok(), is_fine, "{status} {message}");
    }
}
