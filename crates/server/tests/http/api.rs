//! The JSON API: its description, commands, tokens and the audit log.

use std::collections::BTreeSet;

use longshore_model::preview::State;
use longshore_model::preview::view::Role;
use longshore_server::people::tokens;
use serde_json::json;

use crate::samples;
use crate::support::Server;

/// `LONGSHORE_ACCEPT=1 cargo test -p longshore-server description` writes it anew.
#[test]
fn the_description_is_the_one_in_docs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let description = serde_json::to_string_pretty(&longshore_server::document()).unwrap() + "\n";
    if std::env::var_os("LONGSHORE_ACCEPT").is_some() {
        fs_err::write(path, &description).unwrap();
    }
    assert_eq!(fs_err::read_to_string(path).unwrap(), description);
}

#[test]
fn what_machines_can_ask_is_described() {
    let document = longshore_server::document();
    let paths = document["paths"].as_object().unwrap();
    let described: BTreeSet<(String, &str)> = paths
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.as_str()))
        })
        .collect();
    let is_for_machines = |path: &str| {
        ["/api/", "/webhooks/", "/healthz", "/readyz", "/metrics"].iter().any(|start| path.starts_with(start))
    };
    let table = longshore_server::table();
    let routes = table.into_iter().filter(|(_, path, _)| is_for_machines(path));
    let routes: BTreeSet<(String, &str)> = routes.map(|(method, path, _)| (method, path)).collect();
    assert_eq!(described, routes);
}

#[tokio::test]
async fn environments_are_shown_and_asked() {
    let server = Server::start().await;
    samples::fill(&server.book, server.now()).await;
    let token = server.token("ci", Role::Operator).await;
    let all = server.api("GET", "/api/v1/environments", &token, "").await.json();
    let ids: Vec<&str> = all.as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted() && ids.len() == 9, "{ids:?}");
    let one = server.api("GET", "/api/v1/environments/feature%2Fsearch", &token, "").await;
    assert_eq!(
        (one.json()["state"].as_str(), one.json()["timeline"].as_array().unwrap().len()),
        (Some("asleep"), 6)
    );
    let pin = json!({"verb": "pin", "environment": "search.shop", "pinned": true}).to_string();
    let answer = server.api("POST", "/api/v1/environments", &token, &pin).await;
    assert!(answer.status == 200 && answer.json()["message"].is_string(), "{}", answer.body);
    let one = server.api("GET", "/api/v1/environments/search.shop", &token, "").await;
    assert_eq!(one.json()["pinned"], true);
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_asked_is_said_with_a_hint() {
    let server = Server::start().await;
    let token = server.token("ci", Role::Operator).await;
    for (method, path, body, status) in [
        ("GET", "/api/v1/environments/none", "", 404),
        ("GET", "/api/v1/none", "", 404),
        ("PUT", "/api/v1/environments", "", 405),
        ("POST", "/api/v1/environments", "{", 400),
        ("POST", "/api/v1/environments", r#"{"verb":"explode"}"#, 400),
        ("POST", "/api/v1/environments", r#"{"verb":"wake","environment":"x","force":1}"#, 400),
        ("GET", "/api/v1/deliveries?limit=many", "", 400),
        ("GET", "/api/v1/environments/x/logs?lines=-1", "", 400),
        ("POST", "/api/v1/tokens", r#"{"name":"a b","role":"viewer"}"#, 400),
        ("POST", "/api/v1/tokens", r#"{"name":"x","role":"root"}"#, 400),
        ("DELETE", "/api/v1/tokens/none", "", 404),
    ] {
        let answer = server.api(method, path, &token, body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}");
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        let keys: Vec<String> = answer.json().as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["error", "hint"], "{}", answer.body);
    }
    let long = format!(r#"{{"verb":"wake","environment":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(server.api("POST", "/api/v1/environments", &token, &long).await.status, 413);
    server.stop().await;
}

#[tokio::test]
async fn tokens_are_made_shown_once_used_and_revoked() {
    let server = Server::start().await;
    let operator = server.token("first", Role::Operator).await;
    let made = server.api("POST", "/api/v1/tokens", &operator, r#"{"name":"ci","role":"viewer"}"#).await;
    assert_eq!(made.status, 201);
    let secret = made.json()["token"].as_str().unwrap().to_owned();
    let twice = server.api("POST", "/api/v1/tokens", &operator, r#"{"name":"ci","role":"operator"}"#).await;
    assert_eq!(twice.status, 409);
    let shown = server.api("GET", "/api/v1/tokens", &operator, "").await;
    assert!(!shown.body.contains(&secret[12..]), "a secret is shown again");
    let ci = &shown.json()[0];
    assert_eq!(
        (ci["name"].as_str(), ci["made_by"].as_str(), ci.get("last_used_at")),
        (Some("ci"), Some("first"), Some(&json!(null)))
    );
    assert_eq!(server.api("GET", "/api/v1/environments", &secret, "").await.status, 200);
    assert_eq!(
        server.api("POST", "/api/v1/tokens", &secret, r#"{"name":"x","role":"operator"}"#).await.status,
        403
    );
    let shown = server.api("GET", "/api/v1/tokens", &operator, "").await;
    assert_eq!(shown.json()[0]["last_used_at"], "2027-01-15T08:00:00Z");
    let all = longshore_world::Scan { limit: 100, ..Default::default() };
    for row in server.book.store().scan("token", &all).await.unwrap() {
        let text = String::from_utf8(row.body).unwrap();
        assert!(!row.key.contains(&secret[12..]) && !text.contains(&secret[12..]), "a secret is stored");
    }
    assert_eq!(server.api("DELETE", "/api/v1/tokens/ci", &operator, "").await.status, 204);
    assert_eq!(server.api("GET", "/api/v1/environments", &secret, "").await.status, 401);
    let log = server.api("GET", "/api/v1/audit", &operator, "").await;
    let deeds = log.json();
    let deeds: Vec<&str> = deeds.as_array().unwrap().iter().map(|it| it["what"].as_str().unwrap()).collect();
    assert_eq!(deeds.len(), 3, "{deeds:?}");
    assert!(!log.body.contains(&secret[12..]), "a secret is in the audit log");
    server.stop().await;
}

#[tokio::test]
async fn a_token_of_a_file_is_kept() {
    let server = Server::start().await;
    let (book, now) = (&server.book, server.now());
    let secret = tokens::make(book, "local", Role::Operator, "up", now).await.unwrap();
    tokens::keep(book, "local", Role::Operator, &secret, now).await.unwrap();
    assert_eq!(server.api("GET", "/api/v1/audit", &secret, "").await.status, 200);
    let other = format!("longshore_{}", "ab".repeat(32));
    tokens::keep(book, "local", Role::Operator, &other, now).await.unwrap();
    assert_eq!(server.api("GET", "/api/v1/audit", &secret, "").await.status, 401, "the one before has ended");
    assert_eq!(server.api("GET", "/api/v1/audit", &other, "").await.status, 200);
    let error = tokens::keep(book, "local", Role::Operator, "short", now).await.unwrap_err();
    assert!(!error.to_string().contains("short"), "{error}");
    server.stop().await;
}

#[tokio::test]
async fn the_log_says_who_did_what_and_what_became_of_it() {
    let server = Server::start().await;
    let it = samples::environment("shop", "feature/x", State::Ready, server.now(), 5);
    samples::keep(&server.book, &it, &[]).await;
    let token = server.token("ci", Role::Operator).await;
    for (body, outcome) in [
        (r#"{"verb":"wake","environment":"x.shop"}"#, "x.shop"),
        (r#"{"verb":"wake","environment":"none"}"#, "failed: there is no environment `none`"),
    ] {
        server.clock.add_seconds(1);
        let _answer = server.api("POST", "/api/v1/environments", &token, body).await;
        let newest = server.api("GET", "/api/v1/audit?limit=1", &token, "").await.json()[0].clone();
        assert_eq!((newest["who"].as_str(), newest["via"].as_str()), (Some("ci"), Some("api")));
        assert!(newest["outcome"].as_str().unwrap().contains(outcome), "{newest}");
    }
    server.stop().await;
}
