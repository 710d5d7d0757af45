//! Headers of every answer, and the files of the dashboard.

use longshore_model::preview::view::Role;

use crate::support::{HTML, Server};

#[tokio::test]
async fn every_answer_carries_the_headers() {
    let server = Server::start().await;
    let browser = server.browser(Role::Operator).await;
    let token = server.token("ci", Role::Viewer).await;
    let answers = [
        browser.get("/").await,
        browser.get("/deliveries").await,
        server.get("/login", &HTML).await,
        server.get("/none", &HTML).await,
        server.get("/", &HTML).await,
        server.get("/healthz", &[]).await,
        server.api("GET", "/api/v1/environments", &token, "").await,
        server.send("POST", "/webhooks/github", &[], "{}").await,
    ];
    for answer in answers {
        let policy = answer.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-robots-tag"), "noindex");
        assert_eq!(answer.header("x-request-id").len(), 16);
        assert!(answer.headers.get("access-control-allow-origin").is_none());
    }
    server.stop().await;
}

#[tokio::test]
async fn files_are_kept_for_ever_under_their_hash() {
    let server = Server::start().await;
    let page = server.get("/login", &HTML).await;
    for (name, kind) in
        [("style.css", "text/css; charset=utf-8"), ("script.js", "text/javascript; charset=utf-8")]
    {
        let end = page.body.find(&format!("/{name}\"")).unwrap() + name.len() + 1;
        let start = page.body[..end].rfind('"').unwrap() + 1;
        let file = server.get(&page.body[start..end], &[]).await;
        assert_eq!((file.status.as_u16(), file.header("content-type")), (200, kind));
        assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable");
        let known = server.get(&page.body[start..end], &[("if-none-match", file.header("etag"))]).await;
        assert_eq!((known.status.as_u16(), known.body.as_str()), (304, ""));
        let old = server.get(&format!("/assets/0000/{name}"), &[]).await;
        assert_eq!((old.status.as_u16(), old.header("cache-control")), (200, "no-cache"));
    }
    assert_eq!(server.get("/assets/x/../../etc/passwd", &[]).await.status, 404);
    assert_eq!(server.get("/assets/x/Cargo.toml", &[]).await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn people_get_pages_and_machines_get_json_of_the_same_problem() {
    let server = Server::start().await;
    let browser = server.browser(Role::Viewer).await;
    let page = browser.get("/environments/none").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (404, "text/html; charset=utf-8"));
    assert!(page.body.contains("There is no environment <code>none</code>."), "{}", page.body);
    let refused = browser.get("/audit").await;
    assert_eq!(refused.status, 403);
    assert!(
        refused.body.contains("this is for operators") && refused.body.contains("Log out"),
        "{}",
        refused.body
    );
    let json = server.get("/none", &[]).await;
    assert_eq!((json.status.as_u16(), json.header("content-type")), (404, "application/json"));
    server.stop().await;
}
