//! Slack: signatures, verbs, and answers in time.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_control::book::Book;
use longshore_model::Error;
use longshore_model::preview::State;
use longshore_model::preview::view::Role;
use longshore_world::{Row, Scan, Store, Write, Written};
use serde_json::Value;

use crate::samples;
use crate::support::{Answer, FORM, SLACK, SLACK_TOKEN, Server, form, hmac, until};

const HOOK: &str = "https://hooks.slack.com/commands/T1/2/3";

fn stamp(server: &Server) -> String {
    (server.now().0 / 1000).to_string()
}

async fn send(server: &Server, stamp: &str, body: &str) -> Answer {
    let signature = format!("v0={}", hmac(SLACK, &[b"v0:", stamp.as_bytes(), b":", body.as_bytes()]));
    let headers = [
        ("x-slack-signature", signature.as_str()),
        ("x-slack-request-timestamp", stamp),
        ("content-type", FORM),
    ];
    server.send("POST", "/webhooks/slack", &headers, body.to_owned()).await
}

async fn say(server: &Server, text: &str) -> Value {
    let fields = [("user_name", "ada"), ("channel_name", "ship"), ("text", text), ("response_url", HOOK)];
    // A moment later each time: the same words again are another request.
    server.clock.add_seconds(1);
    let answer = send(server, &stamp(server), &form(&fields)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

async fn audit(server: &Server) -> Value {
    let token = server.token(&format!("reader-{}", server.now().0), Role::Operator).await;
    server.api("GET", "/api/v1/audit", &token, "").await.json()
}

#[tokio::test]
async fn every_verb_reaches_the_desk_under_its_askers_name() {
    let server = Server::start().await;
    let it = samples::environment("shop", "feature/x", State::Ready, server.now(), 5);
    samples::keep(&server.book, &it, &[]).await;
    for (text, expected) in [
        ("", "`up [REPOSITORY] BRANCH|#NUMBER`"),
        ("list", "ready x.shop https://x.shop.preview.example.com"),
        ("why feature/x", "x.shop is ready."),
        ("logs feature/x", "cannot read logs"),
        ("up octo/shop feature/y", "cannot ask GitHub"),
        ("pin feature/x", "x.shop"),
        ("unpin feature/x", "x.shop"),
        ("extend feature/x 2d", "x.shop"),
        ("sleep feature/x", "x.shop"),
        ("wake feature/x", "x.shop"),
        ("confirm octo/shop", "octo/shop"),
        ("down feature/x", "x.shop"),
        ("dwon feature/x", "Did you mean `down`?"),
        ("why feature/none", "there is no environment"),
    ] {
        let answer = say(&server, text).await;
        assert_eq!(answer["response_type"], "ephemeral");
        let said = answer["text"].as_str().unwrap();
        assert!(said.contains(expected), "{text}: {said}");
    }
    let log = audit(&server).await;
    let deeds: Vec<&str> = log.as_array().unwrap().iter().map(|it| it["what"].as_str().unwrap()).collect();
    assert_eq!(
        deeds,
        [
            "down feature/x",
            "confirm removals of octo/shop",
            "wake feature/x",
            "sleep feature/x",
            "extend feature/x by 172800 s",
            "unpin feature/x",
            "pin feature/x",
            "up feature/y of octo/shop",
        ]
    );
    for deed in log.as_array().unwrap() {
        assert_eq!((deed["who"].as_str(), deed["via"].as_str()), (Some("ada (Slack)"), Some("slack")));
        assert!(deed["outcome"].is_string(), "{deed}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_request_is_good_for_five_minutes_and_once() {
    let server = Server::start().await;
    let it = samples::environment("shop", "feature/x", State::Ready, server.now(), 5);
    samples::keep(&server.book, &it, &[]).await;
    let body = form(&[("user_name", "ada"), ("text", "pin feature/x"), ("response_url", HOOK)]);
    let first = stamp(&server);
    assert_eq!(send(&server, &first, &body).await.status, 200);
    server.clock.add_seconds(300);
    let again = send(&server, &first, &body).await;
    assert!(again.body.contains("This was asked before"), "{}", again.body);
    assert_eq!(audit(&server).await.as_array().unwrap().len(), 1);
    server.clock.add_seconds(1);
    assert_eq!(send(&server, &first, &body).await.status, 401);
    let later = stamp(&server);
    let stolen = format!("v0={}", hmac(SLACK, &[b"v0:", first.as_bytes(), b":", body.as_bytes()]));
    let headers = [("x-slack-signature", stolen.as_str()), ("x-slack-request-timestamp", later.as_str())];
    assert_eq!(server.send("POST", "/webhooks/slack", &headers, body).await.status, 401);
    server.stop().await;
}

#[tokio::test]
async fn an_outgoing_webhook_is_known_by_its_token() {
    let server = Server::start().await;
    let it = samples::environment("shop", "feature/x", State::Ready, server.now(), 5);
    samples::keep(&server.book, &it, &[]).await;
    let send = async |token: &str, text: &str| {
        let fields = [("token", token), ("user_name", "ada"), ("trigger_word", "deity"), ("text", text)];
        server.send("POST", "/webhooks/slack", &[("content-type", FORM)], form(&fields)).await
    };
    let answer = send(SLACK_TOKEN, "deity pin feature/x").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.json()["text"].as_str().unwrap().contains("x.shop"), "{}", answer.body);
    assert!(answer.json().get("response_type").is_none());
    for token in ["", "wrong", &SLACK_TOKEN[1..]] {
        assert_eq!(send(token, "deity unpin feature/x").await.status, 401, "{token}");
    }
    assert_eq!(audit(&server).await.as_array().unwrap().len(), 1);
    server.stop().await;
    let server = Server::with(|app| app.secrets.slack_token = None).await;
    let fields = form(&[("token", ""), ("text", "list")]);
    assert_eq!(server.send("POST", "/webhooks/slack", &[], fields).await.status, 401);
    server.stop().await;
}

#[tokio::test]
async fn nothing_that_opens_a_door_is_stored() {
    let server = Server::start().await;
    let _answer = say(&server, "list").await;
    let all = Scan { limit: 10, ..Scan::default() };
    let rows = server.book.store().scan("payload", &all).await.unwrap();
    assert_eq!(rows.len(), 1);
    let text = String::from_utf8(rows[0].body.clone()).unwrap();
    assert!(text.contains("list") && !text.contains("hooks.slack.com"), "{text}");
    server.stop().await;
}

#[tokio::test]
async fn a_hostile_branch_mentions_nobody() {
    let server = Server::start().await;
    let it = samples::environment("shop", "feature/<!channel>&", State::Ready, server.now(), 5);
    samples::keep(&server.book, &it, &[]).await;
    let answer = say(&server, "why feature/<!everyone>").await;
    let said = answer["text"].as_str().unwrap();
    assert!(said.contains("&lt;!everyone&gt;") && !said.contains('<'), "{said}");
    server.stop().await;
}

/// A store whose lists wait until they may be read.
#[derive(Debug)]
struct Slow {
    memory: longshore_store::Memory,
    gate: tokio::sync::Semaphore,
}

#[async_trait]
impl Store for Slow {
    async fn read(&self, table: &'static str, key: &str) -> Result<Option<Row>, Error> {
        self.memory.read(table, key).await
    }

    async fn scan(&self, table: &'static str, scan: &Scan) -> Result<Vec<Row>, Error> {
        let _open = self.gate.acquire().await.unwrap();
        self.memory.scan(table, scan).await
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Written, Error> {
        self.memory.write(writes).await
    }
}

#[tokio::test]
async fn what_takes_longer_comes_later() {
    let gate = tokio::sync::Semaphore::new(0);
    let store = Arc::new(Slow { memory: longshore_store::Memory::new(), gate });
    let book = Book::new(Arc::clone(&store) as Arc<dyn Store>);
    let server = Server::over(book, |_| {}).await;
    let begun = tokio::time::Instant::now();
    let answer = say(&server, "list").await;
    assert_eq!(answer["text"], "On it…");
    assert!(begun.elapsed() < std::time::Duration::from_secs(3), "Slack has given up");
    assert!(server.later.0.lock().unwrap().is_empty());
    store.gate.add_permits(10);
    until("the answer comes", || !server.later.0.lock().unwrap().is_empty()).await;
    let later = server.later.0.lock().unwrap().clone();
    assert_eq!(later, [(HOOK.to_owned(), "There is no environment.".to_owned())]);
    server.stop().await;
}
