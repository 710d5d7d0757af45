//! A GitHub that answers as real ones do on good and on bad days.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use longshore_world::GitHub as _;
use serde_json::{Value, json};

use super::*;
use crate::stand::{Asked, Reply, Stand};

const REPOSITORY: &str = "Codertocat/Hello-World";
const ROOT: &str = "/repos/Codertocat/Hello-World";
const TOKEN: &str = "github_pat_11ABCDEFG0123456789";

fn github(stand: &Stand) -> GitHub {
    let http = Http::with_timeout(Duration::from_millis(500)).unwrap();
    GitHub::new(http, &stand.url(), Some(Secret::new(TOKEN))).unwrap()
}

fn about() -> Value {
    json!({"id": 186_853_002, "full_name": REPOSITORY, "private": false, "default_branch": "main"})
}

fn branch(name: &str) -> Value {
    let sha = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";
    json!({"name": name, "protected": false,
        "commit": {"sha": sha, "url": format!("https://api.github.com{ROOT}/commits/{sha}")}})
}

fn pull(number: u64) -> Value {
    let side = |branch: &str, sha: &str| {
        json!({"label": format!("Codertocat:{branch}"), "ref": branch, "sha": sha,
            "user": {"login": "Codertocat", "id": 21_031_067, "type": "User"},
            "repo": {"id": 186_853_002, "full_name": REPOSITORY, "fork": false}})
    };
    json!({
        "url": format!("https://api.github.com{ROOT}/pulls/{number}"), "id": 279_147_437, "number": number,
        "state": "open", "locked": false, "title": "Update the README with new information.",
        "user": {"login": "Codertocat", "id": 21_031_067, "type": "User", "site_admin": false},
        "body": null, "created_at": "2019-05-15T15:20:33Z", "merged_at": null, "assignee": null,
        "labels": [{"id": 1, "name": "preview", "color": "ededed", "default": false, "description": null}],
        "milestone": null, "draft": false, "author_association": "OWNER", "auto_merge": null,
        "head": side("changes", "ec26c3e57ca3a959ca5aad62de7213c562f8c821"),
        "base": side("main", "f95f852bd8fca8fcc58a9a2d6c842781e32a215e"),
    })
}

/// The page of a list that is asked for, with GitHub's own links.
fn page(asked: &Asked, all: &[Value]) -> Reply {
    let number: usize = asked.query("page").map_or(1, |page| page.parse().unwrap());
    let size: usize = asked.query("per_page").unwrap().parse().unwrap();
    let part: Vec<Value> = all.iter().skip((number - 1) * size).take(size).cloned().collect();
    let link = |page: usize, name: &str| {
        let path = asked.path.split('?').next().unwrap();
        format!("<http://{}{path}?per_page={size}&page={page}>; rel=\"{name}\"", asked.header("host"))
    };
    let last = all.len().div_ceil(size);
    let reply = Reply::json(200, &Value::from(part));
    if number >= last {
        return reply;
    }
    reply.header("link", format!("{}, {}", link(number + 1, "next"), link(last, "last")))
}

/// With an ETag over the document, and 304 for who has it already.
fn with_etag(asked: &Asked, reply: Reply) -> Reply {
    let etag = format!("W/\"{}\"", crate::signature::id(reply.body().as_bytes()));
    if asked.header("if-none-match") == etag {
        return Reply::text(304, "").header("etag", etag);
    }
    reply.header("etag", etag)
}

fn branches(count: usize) -> Vec<Value> {
    let features = (1..count).map(|number| branch(&format!("feature/{number:04}")));
    features.chain([branch("main")]).collect()
}

fn hello(asked: &Asked, branches: &[Value], pulls: &[Value]) -> Reply {
    match asked.path.split('?').next().unwrap().strip_prefix(ROOT) {
        Some("") => Reply::json(200, &about()),
        Some("/branches") => page(asked, branches),
        Some("/pulls") => page(asked, pulls),
        _ => Reply::json(404, &json!({"message": "Not Found", "status": "404"})),
    }
}

#[tokio::test]
async fn all_pages_are_read_and_unchanged_ones_cost_nothing() {
    let (all, pulls) = (branches(250), (1..=130).map(pull).collect::<Vec<_>>());
    let stand = Stand::new(move |asked| with_etag(asked, hello(asked, &all, &pulls))).await;
    let github = github(&stand);
    let seen = github.repository(REPOSITORY).await.unwrap();
    assert_eq!((seen.branches.len(), seen.pull_requests.len()), (250, 130));
    assert_eq!(seen.branches[249].name, "main");
    assert_eq!(seen.default_branch, "main");
    let asked = stand.asked();
    assert!(asked.iter().all(|asked| asked.header("authorization") == format!("Bearer {TOKEN}")));
    assert!(asked.iter().all(|asked| asked.header("x-github-api-version") == "2022-11-28"));
    assert!(asked.iter().all(|asked| asked.header("user-agent").starts_with("longshore/")));
    assert_eq!(
        asked
            .iter()
            .filter(|asked| asked.path.ends_with("pulls?state=open&sort=created&direction=asc&per_page=100"))
            .count(),
        2
    );
    stand.forget();
    assert_eq!(github.repository(REPOSITORY).await.unwrap(), seen);
    // The repository, three pages of branches, two of pull requests: once, and all by their ETags.
    assert_eq!(stand.asked().len(), 6);
    assert!(stand.asked().iter().all(|asked| asked.header("if-none-match").starts_with("W/")));
}

#[tokio::test]
async fn what_must_be_known_of_a_pull_request_is_read_from_its_real_shape() {
    let edit = |number, edit: fn(&mut Value)| {
        let mut one = pull(number);
        edit(&mut one);
        one
    };
    let pulls = vec![
        pull(2),
        edit(3, |it| it["head"]["repo"] = Value::Null),
        edit(4, |it| it["head"]["repo"]["id"] = json!(7)),
        edit(5, |it| it["user"] = json!({"login": "dependabot[bot]", "type": "Bot"})),
        edit(6, |it| it["user"] = Value::Null),
        edit(7, |it| it["draft"] = json!(true)),
        edit(8, |it| it["state"] = json!("closed")),
    ];
    let stand = Stand::new(move |asked| hello(asked, &branches(1), &pulls)).await;
    let seen = github(&stand).repository(REPOSITORY).await.unwrap().pull_requests;
    let first = PullRequest {
        number: 2,
        sha: "ec26c3e57ca3a959ca5aad62de7213c562f8c821".into(),
        branch: "changes".into(),
        base: "main".into(),
        labels: vec!["preview".into()],
        draft: false,
        author: "Codertocat".into(),
        bot: false,
        fork: false,
    };
    assert_eq!(seen[0], first);
    let told: Vec<_> =
        seen.iter().map(|it| (it.number, it.fork, it.bot, it.draft, it.author.as_str())).collect();
    assert_eq!(
        told,
        [
            (2, false, false, false, "Codertocat"),
            (3, true, false, false, "Codertocat"),
            (4, true, false, false, "Codertocat"),
            (5, false, true, false, "dependabot[bot]"),
            (6, false, false, false, "ghost"),
            (7, false, false, true, "Codertocat"),
        ]
    );
}

/// Each of these on the second page of either list, and in place of the repository, fails the whole.
#[tokio::test]
async fn an_error_is_never_an_empty_or_a_shorter_list() {
    let list = Value::from(branches(3)).to_string();
    let html = "<!DOCTYPE html><html><title>Unicorn!</title></html>";
    let no_sha = json!([{"name": "feature/x", "commit": {}, "number": 1}]);
    let odd_sha = json!([{"name": "feature/x", "commit": {"sha": "HEAD"}}]);
    let bad = [
        ("500", Reply::json(500, &json!({"message": "Server Error"}))),
        ("502 of a proxy", Reply::text(502, html).header("content-type", "text/html")),
        ("HTML", Reply::text(200, html).header("content-type", "text/html")),
        ("empty", Reply::text(200, "")),
        ("204", Reply::text(204, "")),
        ("truncated JSON", Reply::text(200, &list[..list.len() / 2])),
        ("a broken connection", Reply::text(200, &list[..list.len() / 2]).broken()),
        ("an object", Reply::json(200, &json!({"message": "soon"}))),
        ("null", Reply::json(200, &Value::Null)),
        ("no commit", Reply::json(200, &no_sha)),
        ("no commit's id", Reply::json(200, &odd_sha)),
        ("a 304 that nobody asked for", Reply::text(304, "")),
        ("a redirect", Reply::text(302, "").header("location", "https://example.com/")),
        ("404", Reply::json(404, &json!({"message": "Not Found"}))),
        ("nothing", Reply::never()),
    ];
    for place in ["", "/branches", "/pulls"] {
        for (name, reply) in bad.clone() {
            let (all, pulls) = (branches(150), (1..=150).map(pull).collect::<Vec<_>>());
            let stand = Stand::new(move |asked| {
                let is_there = asked.path.split('?').next() == Some(&format!("{ROOT}{place}"));
                let is_page = place.is_empty() || asked.query("page") == Some("2");
                if is_there && is_page { reply.clone() } else { hello(asked, &all, &pulls) }
            })
            .await;
            let error = github(&stand).repository(REPOSITORY).await.expect_err(name);
            assert!(!error.to_string().contains(TOKEN) && error.to_string().contains(REPOSITORY), "{error}");
            assert!(stand.asked().iter().all(|asked| asked.path.starts_with(ROOT)), "{name}");
        }
    }
}

#[tokio::test]
async fn a_lost_link_loses_no_branch() {
    let all = branches(300);
    let stand = Stand::new(move |asked| {
        let reply = hello(asked, &all, &[]);
        if asked.path.contains("/branches") { reply.without("link") } else { reply }
    })
    .await;
    assert_eq!(github(&stand).repository(REPOSITORY).await.unwrap().branches.len(), 300);
}

#[tokio::test]
async fn a_page_that_should_not_be_empty_ends_no_list() {
    let all = branches(150);
    let stand = Stand::new(move |asked| match asked.query("page") {
        Some("2") => Reply::json(200, &json!([])),
        _ => with_etag(asked, hello(asked, &all, &[])),
    })
    .await;
    let error = github(&stand).repository(REPOSITORY).await.unwrap_err();
    assert!(error.to_string().contains("a page of it is missing"), "{error}");
}

/// The first page is as it was, and its ETag, too; but there is no second one any more.
#[tokio::test]
async fn a_remembered_link_to_a_page_that_is_gone_is_forgotten() {
    let gone = Arc::new(AtomicBool::new(false));
    let count = Arc::clone(&gone);
    let stand = Stand::new(move |asked| {
        let all = branches(if count.load(Ordering::SeqCst) { 101 } else { 102 });
        let part = if count.load(Ordering::SeqCst) { &all[..100] } else { &all[..101] };
        let with_main = asked.path.ends_with("/branches/main");
        if with_main { Reply::json(404, &json!({})) } else { with_etag(asked, hello(asked, part, &[])) }
    })
    .await;
    let github = github(&stand);
    assert_eq!(github.repository(REPOSITORY).await.unwrap().branches.len(), 101);
    gone.store(true, Ordering::SeqCst);
    assert_eq!(github.repository(REPOSITORY).await.unwrap().branches.len(), 100);
}

/// When the first branch goes between two pages, the 101st moves to the page that was read already.
#[tokio::test]
async fn a_branch_that_goes_between_two_pages_takes_no_other_with_it() {
    let gone = Arc::new(AtomicBool::new(false));
    let stand = Stand::new(move |asked| {
        let mut all = branches(200);
        if gone.load(Ordering::SeqCst) {
            all.remove(0);
        }
        if asked.path.contains("/branches") {
            gone.store(true, Ordering::SeqCst);
        }
        hello(asked, &all, &[])
    })
    .await;
    let seen = github(&stand).repository(REPOSITORY).await.unwrap().branches;
    let names: Vec<_> = seen.iter().map(|branch| branch.name.as_str()).collect();
    assert_eq!((names.len(), names[0]), (199, "feature/0002"));
    assert!(names.contains(&"feature/0101"));
}

#[tokio::test]
async fn a_list_that_never_holds_still_or_never_ends_is_an_error() {
    let count = AtomicUsize::new(0);
    let stand = Stand::new(move |asked| {
        let mut all = branches(150);
        all[0] = branch(&format!("feature/0000-{}", count.fetch_add(1, Ordering::SeqCst)));
        hello(asked, &all, &[])
    })
    .await;
    let error = github(&stand).repository(REPOSITORY).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.to_string().contains("changes while it is read"), "{error}");
    let endless = Stand::new(|asked| match asked.query("per_page") {
        None => Reply::json(200, &about()),
        Some(_) => {
            let next =
                format!("<http://{}{ROOT}/branches?per_page=100&page=2>; rel=\"next\"", asked.header("host"));
            Reply::json(200, &json!([branch("main")])).header("link", next)
        }
    })
    .await;
    let error = github(&endless).repository(REPOSITORY).await.unwrap_err();
    assert!(error.to_string().contains("more than 20000"), "{error}");
}

#[tokio::test]
async fn an_answer_without_its_branches_is_noticed_and_an_unborn_default_branch_is_fine() {
    let single = |asked: &Asked| asked.path.ends_with("/branches/main");
    let lied =
        Stand::new(
            move |asked| {
                if single(asked) { Reply::json(200, &branch("main")) } else { hello(asked, &[], &[]) }
            },
        )
        .await;
    let error = github(&lied).repository(REPOSITORY).await.unwrap_err();
    assert!(error.to_string().contains("left out `main`"), "{error}");
    let unborn = Stand::new(|asked| hello(asked, &[branch("feature/x")], &[])).await;
    assert_eq!(github(&unborn).repository(REPOSITORY).await.unwrap().branches.len(), 1);
}

#[tokio::test]
async fn the_token_goes_nowhere_else() {
    let other = Stand::new(|_| Reply::json(200, &json!([]))).await;
    let there = other.url();
    let stand = Stand::new(move |asked| {
        let next = format!("<{there}{ROOT}/branches?page=2>; rel=\"next\"");
        hello(asked, &branches(1), &[]).header("link", next)
    })
    .await;
    let error = github(&stand).repository(REPOSITORY).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!(other.asked().len(), 0);
    for address in ["http://api.github.com", "ftp://x", "nowhere", "https://user@api.github.com"] {
        assert!(GitHub::new(Http::new().unwrap(), address, None).is_err(), "{address}");
    }
    assert!(!format!("{:?}", github(&stand)).contains(TOKEN));
}

#[tokio::test]
async fn a_rate_limit_is_told_with_its_end_and_kept() {
    let primary = Reply::json(403, &json!({"message": "API rate limit exceeded for user ID 1."}))
        .header("x-ratelimit-remaining", "0")
        .header("x-ratelimit-reset", "1377013266")
        .header("date", "Tue, 20 Aug 2013 14:50:41 GMT");
    let secondary = json!({"message": "You have exceeded a secondary rate limit."});
    let limits = [
        (primary, "until 2013-08-20T15:41:06Z"),
        (Reply::json(403, &secondary), "for 60 s more"),
        (Reply::json(403, &secondary).header("retry-after", "17"), "for 17 s more"),
        (Reply::text(429, "slow down").header("retry-after", "30"), "for 30 s more"),
        (Reply::text(429, "").header("retry-after", "99999999"), "for 3600 s more"),
    ];
    for (reply, words) in limits {
        let stand = Stand::new(move |_| reply.clone()).await;
        let github = github(&stand);
        let error = github.repository(REPOSITORY).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Throttled);
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(github.branch(REPOSITORY, "main").await.unwrap_err().kind(), Kind::Throttled);
        assert_eq!(stand.asked().len(), 1, "nothing is asked while it holds");
    }
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let named = json!({"message": "Resource not accessible by personal access token"});
    let cases = [
        (Reply::json(404, &json!({"message": "Not Found"})), Kind::NotFound, "does the token not see it"),
        (Reply::json(301, &json!({"message": "Moved Permanently"})), Kind::Conflict, "renamed"),
        (Reply::json(451, &json!({"message": "Repository access blocked"})), Kind::Denied, "own words"),
        (Reply::json(422, &json!({"message": "Validation Failed"})), Kind::Invalid, "own words"),
        (
            Reply::json(
                422,
                &json!({"message": "Validation Failed", "errors": [{"message": "was submitted too quickly"}]}),
            ),
            Kind::Throttled,
            "by itself",
        ),
        (Reply::json(401, &json!({"message": "Bad credentials"})), Kind::Denied, "expired"),
        (
            Reply::json(403, &named).header("x-accepted-github-permissions", "contents=read"),
            Kind::Denied,
            "contents=read",
        ),
        (Reply::text(503, "<html>"), Kind::Unavailable, "githubstatus"),
    ];
    for (reply, kind, hint) in cases {
        let stand = Stand::new(move |_| reply.clone()).await;
        let error = github(&stand).repository(REPOSITORY).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.hint().unwrap().contains(hint), "{:?}", error.hint());
    }
    let stand = Stand::new(|_| Reply::never()).await;
    for name in ["x", "../x", "a/b/c", "a/..", "/b", "a/b?c"] {
        assert_eq!(github(&stand).repository(name).await.unwrap_err().kind(), Kind::Invalid, "{name}");
    }
}

#[tokio::test]
async fn the_head_of_a_branch_or_pull_request_is_read_alone() {
    let stand = Stand::new(|asked| match asked.path.strip_prefix(ROOT) {
        Some("/branches/feature%2Fa%23b") => Reply::json(200, &branch("feature/a#b")),
        Some("/pulls/2") => Reply::json(200, &pull(2)),
        Some("/pulls/3") => {
            let mut closed = pull(3);
            closed["state"] = json!("closed");
            Reply::json(200, &closed)
        }
        Some("") => Reply::json(200, &about()),
        _ => Reply::json(404, &json!({"message": "Branch not found"})),
    })
    .await;
    let github = github(&stand);
    let branch = |name: &str| Subject::Branch(name.to_owned());
    let found = github.head(REPOSITORY, &branch("feature/a#b")).await.unwrap().unwrap();
    assert_eq!((found.branch.as_str(), found.pull_request), ("feature/a#b", None));
    let found = github.head(REPOSITORY, &Subject::PullRequest(2)).await.unwrap().unwrap();
    assert_eq!((found.branch.as_str(), found.pull_request), ("changes", Some(2)));
    assert_eq!(github.head(REPOSITORY, &Subject::PullRequest(3)).await.unwrap(), None);
    assert_eq!(github.head(REPOSITORY, &Subject::PullRequest(4)).await.unwrap(), None);
    assert_eq!(github.head(REPOSITORY, &branch("gone")).await.unwrap(), None);
    // The same answer of a repository that cannot be seen says nothing of a branch.
    let error = github.head("Codertocat/Other", &branch("gone")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
}
