//! The calls of the API: pages, ETags, pull requests, comments, deployments, and what is refused.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::support::{Reply, Setup, git};

/// Makes many branches at once, as nobody pushes them.
fn make_branches(setup: &Setup, count: usize) {
    let sha = git(&setup.bare, &["rev-parse", "main"]);
    let mut lines = String::new();
    for number in 0..count {
        writeln!(lines, "create refs/heads/many/{number:04} {}", sha.trim()).unwrap();
    }
    let mut child = Command::new("git")
        .arg("--git-dir")
        .arg(&setup.bare)
        .args(["update-ref", "--stdin"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

fn names(page: &Value) -> Vec<String> {
    page.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
}

async fn post(setup: &Setup, path: &str, document: Value) -> Reply {
    setup.call("POST", path, &[], &document.to_string()).await
}

async fn patch(setup: &Setup, path: &str, document: Value) -> Reply {
    setup.call("PATCH", path, &[], &document.to_string()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn all_pages_together_are_all_branches() {
    let setup = Setup::new().await;
    make_branches(&setup, 250);
    let mut expected: Vec<String> = (0..250).map(|number| format!("many/{number:04}")).collect();
    expected.insert(0, "main".to_owned());
    for (prefix, sizes) in [("", [100, 100, 51]), ("/api/v3", [100, 100, 51])] {
        let (mut found, mut lengths) = (Vec::new(), Vec::new());
        let mut next = Some(format!("{}{prefix}/repos/octo-org/app/branches?per_page=100", setup.url));
        while let Some(address) = next {
            // Whoever asked under an address goes on under it.
            assert!(
                address.starts_with(&format!("{}{prefix}/repos/octo-org/app/branches?", setup.url)),
                "{address}"
            );
            let page = setup.get(&address).await;
            lengths.push(names(&page.json()).len());
            found.extend(names(&page.json()));
            next = page.link("next");
        }
        assert_eq!((found, lengths), (expected.clone(), sizes.to_vec()));
    }
    let first = setup.get("/repos/octo-org/app/branches").await;
    assert_eq!((names(&first.json()).len(), first.link("prev")), (30, None));
    let last = setup.get(&first.link("last").unwrap()).await;
    assert_eq!((names(&last.json()), last.link("next")), (expected[240..].to_vec(), None));
    assert!(last.link("first").unwrap().ends_with("?page=1"));
    assert_eq!(names(&setup.get("/repos/octo-org/app/branches?per_page=1000").await.json()).len(), 100);
    assert_eq!(setup.get("/repos/octo-org/app/branches?page=99").await.json(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_client_has_is_not_sent_again() {
    let setup = Setup::new().await;
    make_branches(&setup, 40);
    let path = "/repos/octo-org/app/branches";
    let first = setup.get(path).await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    let again = async |tag: &str| setup.call("GET", path, &[("if-none-match", tag)], "").await;
    for known in [tag.as_str(), tag.trim_start_matches("W/"), &format!("\"x\", {tag}"), "*"] {
        let unchanged = again(known).await;
        assert_eq!((unchanged.status, unchanged.text.as_str()), (304, ""), "{known}");
        assert_eq!(unchanged.headers["etag"], tag);
    }
    assert_eq!(again("\"x\"").await.text, first.text);
    setup.commit("feature/x");
    setup.git(&["push", "origin", "feature/x"]);
    let changed = again(&tag).await;
    assert_eq!(changed.status, 200);
    assert!(names(&changed.json()).contains(&"feature/x".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_is_opened_pushed_to_closed_and_opened_again() {
    let mut setup = Setup::new().await;
    let first = setup.commit("feature/x");
    setup.git(&["push", "origin", "feature/x"]);
    assert_eq!(setup.delivery().await.event(), "push");
    let wanted = json!({"title": "A change", "head": "feature/x", "base": "main", "draft": true});
    let opened = post(&setup, "/repos/octo-org/app/pulls", wanted.clone()).await;
    assert_eq!(opened.status, 201, "{}", opened.text);
    let told = setup.delivery().await;
    assert_eq!((told.event(), &told.json()["action"]), ("pull_request", &json!("opened")));
    assert_eq!(told.json()["pull_request"], opened.json());
    let found = setup.get("/repos/octo-org/app/pulls/1").await.json();
    assert_eq!(found, opened.json());
    assert_eq!(
        (&found["state"], &found["draft"], &found["labels"]),
        (&json!("open"), &json!(true), &json!([]))
    );
    assert_eq!((&found["head"]["ref"], &found["head"]["sha"]), (&json!("feature/x"), &json!(first)));
    assert_eq!(found["head"]["repo"]["id"], found["base"]["repo"]["id"]);
    assert_eq!(post(&setup, "/repos/octo-org/app/pulls", wanted).await.status, 422);
    let missing = json!({"title": "x", "head": "feature/none", "base": "main"});
    assert_eq!(post(&setup, "/repos/octo-org/app/pulls", missing).await.status, 422);

    let second = setup.commit("feature/x");
    setup.git(&["push", "origin", "feature/x"]);
    assert_eq!(setup.delivery().await.event(), "push");
    let told = setup.delivery().await.json();
    assert_eq!(
        (&told["action"], &told["before"], &told["after"]),
        (&json!("synchronize"), &json!(first), &json!(second))
    );
    let open = async || setup.get("/repos/octo-org/app/pulls?state=open").await.json();
    assert_eq!(open().await[0]["head"]["sha"], json!(second));

    let closed = patch(&setup, "/repos/octo-org/app/pulls/1", json!({"state": "closed"})).await.json();
    assert!(closed["closed_at"].is_string());
    assert_eq!(open().await, json!([]));
    let reopened = patch(&setup, "/repos/octo-org/app/pulls/1", json!({"state": "open"})).await.json();
    assert_eq!((&reopened["state"], &reopened["closed_at"]), (&json!("open"), &Value::Null));
    assert_eq!(open().await[0]["number"], json!(1));
    let mut told =
        [setup.delivery().await.json(), setup.delivery().await.json()].map(|it| it["action"].to_string());
    told.sort();
    assert_eq!(told, ["\"closed\"", "\"reopened\""]);
    // Its branch is deleted, and with it the request is over.
    setup.git(&["push", "origin", "--delete", "feature/x"]);
    assert_eq!(setup.get("/repos/octo-org/app/pulls?state=open").await.json(), json!([]));
    let gone = setup.get("/repos/octo-org/app/pulls/1").await;
    assert_eq!((&gone.json()["state"], &gone.json()["head"]["sha"]), (&json!("closed"), &json!(second)));
    // All of it is there when somebody else serves it.
    setup.start().await;
    let later = setup.get("/repos/octo-org/app/pulls?state=all").await.json();
    assert_eq!((&later[0]["number"], &later[0]["closed_at"]), (&json!(1), &gone.json()["closed_at"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_are_written_and_changed() {
    let setup = Setup::new().await;
    make_branches(&setup, 1);
    let pull = json!({"title": "A change", "head": "octo-org:many/0000", "base": "main"});
    assert_eq!(post(&setup, "/repos/octo-org/app/pulls", pull).await.status, 201);
    let path = "/repos/octo-org/app/issues/1/comments";
    let made = post(&setup, path, json!({"body": "on its way"})).await;
    assert_eq!(made.status, 201);
    let comment = format!("/repos/octo-org/app/issues/comments/{}", made.json()["id"]);
    assert_eq!(patch(&setup, &comment, json!({"body": "ready"})).await.json()["body"], "ready");
    let listed = setup.get(path).await.json();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["body"]), (1, &json!("ready")));
    assert_eq!(listed[0]["id"], made.json()["id"]);
    for (path, document, status) in [
        ("/repos/octo-org/app/issues/2/comments", json!({"body": "x"}), 404),
        (path, json!({"body": ""}), 422),
        (path, json!({"body": "x".repeat(65_537)}), 422),
        (path, json!([]), 400),
    ] {
        assert_eq!(post(&setup, path, document).await.status, status);
    }
    assert_eq!(
        patch(&setup, "/repos/octo-org/app/issues/comments/99", json!({"body": "x"})).await.status,
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn deployments_have_statuses() {
    let setup = Setup::new().await;
    let sha = git(&setup.bare, &["rev-parse", "main"]).trim().to_owned();
    let path = "/repos/octo-org/app/deployments";
    let wanted = json!({
        "ref": sha, "environment": "preview/x", "transient_environment": true, "auto_merge": false,
        "required_contexts": [], "payload": {"id": 7},
    });
    let made = post(&setup, path, wanted).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let by_name = post(&setup, path, json!({"ref": "main"})).await.json();
    assert_eq!((&by_name["sha"], &by_name["environment"]), (&json!(sha), &json!("production")));
    for (wanted, status) in [("--all", 422), ("main~0", 422), ("none", 422), (&"0".repeat(40), 422)] {
        assert_eq!(post(&setup, path, json!({"ref": wanted})).await.status, status, "{wanted}");
    }
    let listed = setup.get(path).await.json();
    assert_eq!((&listed[0]["id"], &listed[1]["id"]), (&by_name["id"], &made.json()["id"]));
    let found = setup.get(&format!("{path}?environment=preview%2Fx")).await.json();
    assert_eq!(found, json!([made.json()]));
    let statuses = format!("{path}/{}/statuses", made.json()["id"]);
    for state in ["in_progress", "success"] {
        let status =
            json!({"state": state, "environment_url": "http://x.localhost", "description": "d".repeat(140)});
        let status = post(&setup, &statuses, status).await;
        assert_eq!((status.status, &status.json()["environment"]), (201, &json!("preview/x")));
    }
    let listed = setup.get(&statuses).await.json();
    assert_eq!((&listed[0]["state"], &listed[1]["state"]), (&json!("success"), &json!("in_progress")));
    assert_eq!(post(&setup, &statuses, json!({"state": "done"})).await.status, 422);
    let long = json!({"state": "success", "description": "d".repeat(141)});
    assert_eq!(post(&setup, &statuses, long).await.status, 422);
    assert_eq!(post(&setup, &format!("{path}/99/statuses"), json!({"state": "success"})).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_is_and_what_it_refuses() {
    let setup = Setup::new().await;
    let repository = setup.get("/repos/octo-org/app").await;
    assert_eq!(repository.headers["server"], "longshore-hub (local stand-in for GitHub)");
    assert_eq!(
        (&repository.json()["default_branch"], &repository.json()["full_name"]),
        (&json!("main"), &json!("octo-org/app"))
    );
    assert_eq!(setup.get("/api/v3/repos/octo-org/app").await.text, repository.text);
    assert_eq!(setup.get("/api/v3/user").await.json()["login"], "longshore");
    let mine = setup.get("/repos/octo-org/app/collaborators/octocat/permission").await.json();
    assert_eq!((&mine["permission"], &mine["user"]["login"]), (&json!("admin"), &json!("octocat")));
    assert_eq!(setup.get("/rate_limit").await.json()["resources"]["core"]["remaining"], 5000);
    for missing in [
        "/repos/octo-org/none",
        "/repos/octo-org/..%2Fapp",
        "/repos/../octo-org/app",
        "/repos/octo-org/app.git",
    ] {
        assert_eq!(setup.get(missing).await.status, 404, "{missing}");
    }
    for (method, path) in [
        ("GET", "/repos/octo-org/app/git/trees/main"),
        ("DELETE", "/repos/octo-org/app"),
        ("PUT", "/repos/octo-org/app/pulls/1/merge"),
        ("GET", "/"),
        ("POST", "/graphql"),
    ] {
        let refused = setup.call(method, path, &[], "{}").await;
        assert_eq!(refused.status, 501, "{method} {path}");
        assert!(refused.text.contains("Longshore's local stand-in for GitHub"), "{}", refused.text);
        assert!(refused.text.contains("POST /pulls"), "{}", refused.text);
        assert_eq!(refused.headers["server"], "longshore-hub (local stand-in for GitHub)");
    }
    for headers in [
        [("host", "evil.example.com")],
        [("origin", "https://example.com")],
        [("host", "localhost.example.com:80")],
    ] {
        assert_eq!(setup.call("GET", "/user", &headers, "").await.status, 403, "{headers:?}");
    }
    assert_eq!(setup.call("GET", "/user", &[("host", "localhost:1")], "").await.status, 200);
}

#[tokio::test]
async fn it_does_not_listen_for_others() {
    let temporary = tempfile::tempdir().unwrap();
    let options = |listen: &str, webhook: &str| super::Options {
        repositories: temporary.path().to_owned(),
        listen: listen.parse().unwrap(),
        webhook: webhook.to_owned(),
        secret: "s".to_owned(),
    };
    let refused = super::start(options("0.0.0.0:0", "http://127.0.0.1:1/")).await.err().unwrap();
    assert!(refused.to_string().contains("does not listen on 0.0.0.0:0"), "{refused}");
    let refused = super::start(options("127.0.0.1:0", "https://example.com/")).await.err().unwrap();
    assert!(refused.to_string().contains("no http:// address"), "{refused}");
}
