//! GitHub's webhooks: who is believed, what is stored, what is answered.

use bytes::Bytes;
use longshore_model::preview::view::Role;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Answer, FORM, GITHUB, LIMIT, Server, form, hmac};

const MEGABYTES_25: usize = 25 * 1024 * 1024;

fn push(repository: &str, name: &str) -> String {
    json!({"ref": name, "after": "77aa", "repository": {"full_name": repository}}).to_string()
}

async fn deliver(server: &Server, id: &str, event: &str, body: impl Into<Bytes>) -> Answer {
    let body = body.into();
    let signature = format!("sha256={}", hmac(GITHUB, &[&body]));
    let headers = [
        ("x-hub-signature-256", signature.as_str()),
        ("x-github-event", event),
        ("x-github-delivery", id),
        ("content-type", "application/json"),
    ];
    server.send("POST", "/webhooks/github", &headers, body).await
}

async fn deliveries(server: &Server) -> Vec<Value> {
    let name = format!("reader-{}", server.now().0);
    let _was_there = longshore_server::people::tokens::revoke(&server.book, &name).await.unwrap();
    let token = server.token(&name, Role::Viewer).await;
    let answer = server.api("GET", "/api/v1/deliveries?limit=1000", &token, "").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json().as_array().unwrap().clone()
}

#[tokio::test]
async fn a_push_is_stored_before_it_is_answered() {
    let server = Server::start().await;
    let answer = deliver(&server, "d-1", "push", push("octo/shop", "refs/heads/feature/x")).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (202, json!({"message": "accepted"})));
    let stored = deliveries(&server).await;
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0]["id"], "d-1");
    assert_eq!(stored[0]["event"], "push");
    assert_eq!(stored[0]["repository"], "octo/shop");
    assert_eq!(stored[0]["about"], "branch `feature/x`");
    assert_eq!(stored[0]["state"], "accepted");
    let payload = server.book.store().read("payload", "d-1").await.unwrap().unwrap();
    assert_eq!(payload.body, push("octo/shop", "refs/heads/feature/x").into_bytes());
    server.stop().await;
}

#[tokio::test]
async fn the_published_vector_is_believed_and_a_forged_one_is_not_stored() {
    let server = Server::start().await;
    let vector = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let send = async |signature: &str, body: &'static str| {
        let mut headers = vec![("x-github-event", "push"), ("x-github-delivery", "d-1")];
        if !signature.is_empty() {
            headers.push(("x-hub-signature-256", signature));
        }
        server.send("POST", "/webhooks/github", &headers, body).await
    };
    let believed = send(vector, "Hello, World!").await;
    assert_eq!(believed.status, 400, "{}", believed.body);
    assert!(believed.json()["error"].as_str().unwrap().contains("no JSON"), "{}", believed.body);
    for (signature, body) in
        [(vector, "Hello, World?"), ("", "Hello, World!"), ("sha256=00", "Hello, World!")]
    {
        let refused = send(signature, body).await;
        assert_eq!(refused.status, 401, "{signature} {body}");
        assert_eq!(refused.json()["error"], "the signature is not good");
    }
    assert!(deliveries(&server).await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn the_same_delivery_is_taken_once() {
    let server = Server::start().await;
    let body = push("octo/shop", "refs/heads/feature/x");
    for expected in ["accepted", "this delivery was here before", "this delivery was here before"] {
        let answer = deliver(&server, "d-1", "push", body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (202, json!({"message": expected})));
    }
    assert_eq!(deliveries(&server).await.len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_form_carries_the_payload_and_is_signed_whole() {
    let server = Server::start().await;
    let body = form(&[("payload", &push("octo/shop", "refs/heads/feature/ü&x"))]);
    let signature = format!("sha256={}", hmac(GITHUB, &[body.as_bytes()]));
    let headers = [
        ("x-hub-signature-256", signature.as_str()),
        ("x-github-event", "push"),
        ("x-github-delivery", "d-1"),
        ("content-type", FORM),
    ];
    let answer = server.send("POST", "/webhooks/github", &headers, body).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert_eq!(deliveries(&server).await[0]["about"], "branch `feature/ü&x`");
    let empty = form(&[("other", "{}")]);
    let signature = format!("sha256={}", hmac(GITHUB, &[empty.as_bytes()]));
    let headers = [("x-hub-signature-256", signature.as_str()), headers[1], headers[2], headers[3]];
    let answer = server.send("POST", "/webhooks/github", &headers, empty).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("no `payload`"), "{}", answer.body);
    server.stop().await;
}

#[tokio::test]
async fn every_accepted_delivery_ends_where_people_see_it() {
    let server = Server::start().await;
    let ping = json!({"zen": "Design for failure.", "repository": {"full_name": "octo/shop"}}).to_string();
    let pong = deliver(&server, "d-1", "ping", ping).await;
    assert_eq!((pong.status.as_u16(), pong.json()), (200, json!({"message": "pong"})));
    for (id, event, body) in [
        ("d-2", "push", push("octo/shop", "refs/tags/v1")),
        ("d-3", "star", json!({"repository": {"full_name": "octo/shop"}}).to_string()),
        ("d-4", "push", push("octo/unknown", "refs/heads/main")),
        ("d-5", "push", "{}".to_owned()),
    ] {
        let answer = deliver(&server, id, event, body).await;
        assert_eq!(answer.status, 202, "{id}");
        assert!(answer.json()["message"].as_str().unwrap().starts_with("ignored: "), "{}", answer.body);
    }
    let states: Vec<(String, String)> = deliveries(&server)
        .await
        .iter()
        .map(|it| (it["id"].as_str().unwrap().to_owned(), it["state"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(states.len(), 5);
    for (id, state) in states {
        assert_eq!(state, if id == "d-1" { "done" } else { "ignored" }, "{id}");
    }
    server.stop().await;
}

#[tokio::test]
async fn repositories_without_a_policy_do_not_fill_the_store() {
    let server = Server::start().await;
    for index in 0..40 {
        let body = push(&format!("octo/other-{index}"), "refs/heads/main");
        assert_eq!(deliver(&server, &format!("d-{index}"), "push", body).await.status, 202);
    }
    assert_eq!(deliveries(&server).await.len(), 20);
    let ours = deliver(&server, "ours", "push", push("Octo/Shop", "refs/heads/feature/x")).await;
    assert_eq!(ours.json(), json!({"message": "accepted"}), "names of repositories have no case");
    server.clock.add_seconds(60);
    let other = push("octo/other", "refs/heads/main");
    assert_eq!(deliver(&server, "later", "push", other).await.status, 202);
    let stored = deliveries(&server).await;
    assert_eq!(stored.len(), 22);
    let ours = stored.iter().find(|it| it["id"] == "ours").unwrap();
    assert_eq!(ours["repository"], "octo/shop");
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_delivery_is_refused_in_words() {
    let server = Server::start().await;
    let long = "x".repeat(200);
    for id in ["", &long, "a b"] {
        let answer = deliver(&server, id, "push", push("octo/shop", "refs/heads/x")).await;
        assert_eq!(answer.status, 400, "{id}");
        assert!(answer.body.contains("X-GitHub-Delivery"), "{}", answer.body);
    }
    assert_eq!(deliver(&server, "d-1", "", push("octo/shop", "refs/heads/x")).await.status, 400);
    assert!(deliveries(&server).await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn without_a_secret_nobody_is_believed() {
    let server = Server::with(|app| app.secrets.github = None).await;
    let answer = deliver(&server, "d-1", "push", push("octo/shop", "refs/heads/x")).await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("not set up"), "{}", answer.body);
    server.stop().await;
}

#[tokio::test]
async fn a_body_of_25_megabytes_is_taken_and_a_longer_one_is_not() {
    let server = Server::start().await;
    let mut body =
        json!({"ref": "refs/heads/feature/x", "repository": {"full_name": "octo/shop"}}).to_string();
    let fill = MEGABYTES_25 - body.len() - r#","commits":"""#.len();
    body.insert_str(body.len() - 1, &format!(r#","commits":"{}""#, "x".repeat(fill)));
    assert_eq!(body.len(), MEGABYTES_25);
    let answer = deliver(&server, "d-1", "push", body.clone()).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    body.push(' ');
    let answer = deliver(&server, "d-2", "push", body).await;
    assert_eq!(answer.status, 413);
    assert_eq!(deliveries(&server).await.len(), 1);
    server.stop().await;
}

/// A client that lies about the length, or does not say it, is stopped where the bound is.
#[tokio::test]
async fn a_body_without_a_length_is_bounded_too() {
    let server = Server::start().await;
    let mut stream = tokio::net::TcpStream::connect(&server.authority).await.unwrap();
    let head = "POST /webhooks/github HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("100000\r\n{}\r\n", "x".repeat(0x10_0000));
    for _ in 0..26 {
        // The server may have answered and closed already.
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let mut start = [0; 12];
    let read = tokio::time::timeout(LIMIT, stream.read_exact(&mut start)).await.expect("no answer");
    read.unwrap();
    assert_eq!(&start, b"HTTP/1.1 413");
    server.stop().await;
}

#[tokio::test]
async fn names_of_headers_have_no_case() {
    let server = Server::start().await;
    let body = push("octo/shop", "refs/heads/feature/x");
    let signature = hmac(GITHUB, &[body.as_bytes()]);
    let request = format!(
        "POST /webhooks/github HTTP/1.1\r\nHOST: x\r\nX-HUB-SIGNATURE-256: sha256={signature}\r\n\
         x-GitHub-EVENT: push\r\nX-Github-Delivery: d-1\r\nContent-LENGTH: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = tokio::net::TcpStream::connect(&server.authority).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(LIMIT, stream.read_to_string(&mut answer)).await.expect("no answer").unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn forgers_are_told_less_and_less_and_the_true_sender_is_always_heard() {
    let server = Server::with(|app| app.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let forge = async |from: &str| {
        let headers = [("x-hub-signature-256", "sha256=00"), ("x-forwarded-for", from)];
        server.send("POST", "/webhooks/github", &headers, "{}").await
    };
    for _ in 0..20 {
        assert_eq!(forge("203.0.113.9").await.status, 401);
    }
    let limited = forge("203.0.113.9").await;
    assert_eq!((limited.status.as_u16(), limited.header("retry-after")), (429, "7"));
    assert_eq!(forge("203.0.113.10").await.status, 401, "another address");
    let true_one = deliver(&server, "d-1", "push", push("octo/shop", "refs/heads/x")).await;
    assert_eq!(true_one.status, 202);
    server.stop().await;
}

#[tokio::test]
async fn a_comment_is_stored_for_the_round_that_does_what_it_asks() {
    let server = Server::start().await;
    let comment = |body: &str, association: &str| {
        let comment = json!({"body": body, "author_association": association, "user": {"login": "ada"}});
        let issue = json!({"number": 7, "pull_request": {}});
        let repository = json!({"full_name": "octo/shop"});
        json!({"action": "created", "issue": issue, "comment": comment, "repository": repository}).to_string()
    };
    for (id, body, association, state) in [
        ("d-1", "/preview up", "MEMBER", "accepted"),
        ("d-2", "/preview dwon", "COLLABORATOR", "accepted"),
        ("d-3", "/preview up", "CONTRIBUTOR", "ignored"),
        ("d-4", "looks good", "OWNER", "ignored"),
    ] {
        let answer = deliver(&server, id, "issue_comment", comment(body, association)).await;
        assert_eq!(answer.status, 202);
        assert_eq!(deliveries(&server).await[0]["state"], state, "{id}");
    }
    let pending = longshore_world::Scan { limit: 10, ..longshore_world::Scan::default() };
    let pending = server.book.store().scan("pending", &pending).await.unwrap();
    let ids: Vec<&str> = pending.iter().map(|row| row.key.rsplit('/').next().unwrap()).collect();
    assert_eq!(ids, ["d-1", "d-2"]);
    server.stop().await;
}
