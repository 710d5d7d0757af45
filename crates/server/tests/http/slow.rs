//! Senders that take their time: they hold no connection for long, and no room that others need.

use std::time::Duration;

use futures_util::future::join_all;
use longshore_model::preview::view::Role;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{LIMIT, Server};

/// A body must be here before this.
const TIME: Duration = Duration::from_secs(31);

async fn read(stream: &mut TcpStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    let read = tokio::time::timeout(LIMIT, stream.read_exact(&mut bytes)).await.expect("no answer");
    read.unwrap();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn no_body_is_waited_for_without_an_end() {
    let server = Server::start().await;
    let token = server.token("ada", Role::Operator).await;
    let session = server.browser(Role::Operator).await.cookie;
    for path in ["/login", "/confirm", "/api/v1/environments", "/webhooks/github", "/webhooks/slack"] {
        let mut stream = TcpStream::connect(&server.authority).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nCookie: {session}\r\n\
             Expect: 100-continue\r\nContent-Length: 100\r\n\r\n",
            server.authority
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // The body is being read from now on.
        assert_eq!(read(&mut stream, 25).await, "HTTP/1.1 100 Continue\r\n\r\n", "{path}");
        stream.write_all(b"token=").await.unwrap();
        tokio::time::pause();
        tokio::time::advance(TIME).await;
        tokio::time::resume();
        let mut answer = String::new();
        let end = tokio::time::timeout(LIMIT, stream.read_to_string(&mut answer)).await;
        end.unwrap_or_else(|_| panic!("{path} waits, and the connection is held")).unwrap();
        assert!(answer.starts_with("HTTP/1.1 408"), "{path}: {answer}");
    }
    server.stop().await;
}

/// What nobody reads is not waited for either.
#[tokio::test]
async fn a_body_that_nobody_asked_for_ends_the_connection() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(&server.authority).await.unwrap();
    let head = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\nContent-Length: 100\r\n\r\n", server.authority);
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let end = tokio::time::timeout(LIMIT, stream.read_to_string(&mut answer)).await;
    end.expect("the connection is held").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn strangers_who_fill_the_room_for_deliveries_keep_no_person_out() {
    const MEGABYTE: usize = 1024 * 1024;
    let server = Server::start().await;
    let token = server.token("ada", Role::Operator).await;
    // They send this much of a delivery, and never its end.
    let begin = async |megabytes: usize| {
        let mut stream = TcpStream::connect(&server.authority).await.unwrap();
        let head = format!(
            "POST /webhooks/github HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
            server.authority,
            25 * MEGABYTE
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        for piece in 0..megabytes {
            let is_whole = piece == 24;
            stream.write_all(&vec![b'x'; MEGABYTE - usize::from(is_whole)]).await.unwrap();
        }
        stream
    };
    // 256 MB in all.
    let strangers = join_all((0..11).map(|number| begin(if number < 10 { 25 } else { 6 }))).await;
    let end = tokio::time::Instant::now() + LIMIT;
    while server.send("POST", "/webhooks/github", &[], "{}").await.status != 503 {
        assert!(tokio::time::Instant::now() < end, "there is room for more");
        tokio::task::yield_now().await;
    }
    server.log_in(&token).await;
    let wish = r#"{"verb": "wake", "environment": "none"}"#;
    assert_eq!(server.api("POST", "/api/v1/environments", &token, wish).await.status, 404);
    drop(strangers);
    server.stop().await;
}
