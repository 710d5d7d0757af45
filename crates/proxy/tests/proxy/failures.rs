//! Targets that refuse, break, are silent or send garbage: what clients see, and what is tried again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use longshore_proxy::{Limits, Options, Table};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::support::{Raw, Upstream, forward, group, listener, options, proxy, proxy_with, soon, table};

const GET: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc";

/// An address where nobody listens.
async fn nowhere() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn a_group_without_targets_answers_503() {
    let (_proxy, address) = proxy(table(&[])).await;
    let answer = Raw::connect(address).await.get("/").await;
    assert_eq!((answer.status(), answer.header("content-type")), (503, "text/html".into()));
    assert!(answer.text().contains("<title>503 Service Temporarily Unavailable</title>"));
}

#[tokio::test]
async fn targets_that_refuse_are_passed_over() {
    let target = Upstream::named("a").await;
    let (_proxy, address) = proxy(table(&[nowhere().await, target.address, nowhere().await])).await;
    let mut client = Raw::connect(address).await;
    for request in [GET, POST].iter().cycle().take(20) {
        assert_eq!(client.ask(request).await.header("served-by"), "a");
    }
    // Its body is still on its way; the connection was refused before anything of it was read.
    for _ in 0..6 {
        client.send("PUT / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(client.ask("1\r\nx\r\n0\r\n\r\n").await.header("served-by"), "a");
    }
}

#[tokio::test]
async fn a_client_hears_502_when_every_target_refuses() {
    let (_proxy, address) = proxy(table(&[nowhere().await, nowhere().await])).await;
    let mut client = Raw::connect(address).await;
    assert_eq!(client.get("/").await.status(), 502);
    assert_eq!(client.get("/").await.status(), 502);
}

#[tokio::test]
async fn garbage_and_cut_heads_are_502() {
    for answer in [
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        "HTTP/1.1 20",
    ] {
        let target = Upstream::start(move |mut raw: Raw| async move {
            raw.message().await.unwrap();
            raw.send(answer).await;
        })
        .await;
        let (_proxy, address) = proxy(table(&[target.address])).await;
        let seen = Raw::connect(address).await.ask(POST).await;
        assert_eq!(seen.status(), 502, "{answer:?}");
        assert_eq!(target.connections(), 1, "a POST was sent again after {answer:?}");
    }
}

#[tokio::test]
async fn an_answer_whose_lines_end_in_lf_is_written_anew() {
    // hyper reads it, and what the client gets has nothing of it any more.
    let target = Upstream::start(|mut raw: Raw| async move {
        raw.message().await.unwrap();
        raw.send("HTTP/1.1 200 OK\nA: b\nContent-Length: 2\n\nok").await;
    })
    .await;
    let (_proxy, address) = proxy(table(&[target.address])).await;
    let answer = Raw::connect(address).await.get("/").await;
    assert_eq!((answer.status(), answer.header("a"), answer.text()), (200, "b".into(), "ok".into()));
}

/// A target that takes one request on each connection and closes without an answer; and how many requests it saw.
async fn closes_at_once() -> (Upstream, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    let target = Upstream::start(move |mut raw: Raw| {
        let count = count.clone();
        async move {
            raw.message().await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
        }
    })
    .await;
    (target, seen)
}

#[tokio::test]
async fn only_idempotent_requests_are_sent_again_after_a_target_took_them() {
    let (broken, seen) = closes_at_once().await;
    let good = Upstream::named("good").await;
    let (_proxy, address) = proxy(table(&[broken.address, good.address])).await;
    let mut client = Raw::connect(address).await;
    for _ in 0..10 {
        assert_eq!(client.get("/").await.header("served-by"), "good");
    }
    assert_eq!(seen.load(Ordering::SeqCst), 5, "each second GET went to the broken target first");
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(client.ask(POST).await.status());
    }
    assert_eq!(seen.load(Ordering::SeqCst), 10, "no POST was sent to the broken target twice");
    assert_eq!(statuses.iter().filter(|status| **status == 502).count(), 5, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 5, "{statuses:?}");
}

#[tokio::test]
async fn a_kept_connection_that_ends_loses_nothing() {
    // It answers one request on each connection, says nothing of closing, and closes when the next comes.
    let target = Upstream::start(|mut raw: Raw| async move {
        raw.message().await.unwrap();
        raw.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        raw.head().await.unwrap();
    })
    .await;
    let (_proxy, address) = proxy(table(&[target.address])).await;
    let mut client = Raw::connect(address).await;
    for number in 0..50 {
        assert_eq!(client.get("/").await.status(), 200, "{number}");
    }
}

#[tokio::test]
async fn a_kept_connection_that_has_ended_is_not_used_for_what_cannot_be_repeated() {
    let target = Upstream::start(|mut raw: Raw| async move {
        raw.message().await.unwrap();
        raw.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    })
    .await;
    let (_proxy, address) = proxy(table(&[target.address])).await;
    let mut client = Raw::connect(address).await;
    for number in 0..50 {
        assert_eq!(client.ask(POST).await.status(), 200, "{number}");
        // Until its end has come over loopback.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_silent_target_is_504_and_a_silent_client_408() {
    let target = Upstream::silent().await;
    let mut table = table(&[target.address]);
    table.listeners[0].idle_timeout = Duration::from_millis(300);
    let (proxy, address) = proxy(table).await;
    assert_eq!(Raw::connect(address).await.get("/").await.status(), 504);
    let started = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\na";
    assert_eq!(Raw::connect(address).await.ask(started).await.status(), 408);
    assert_eq!(proxy.in_flight("g/0"), 0);
}

#[tokio::test]
async fn a_target_that_does_not_accept_is_504() {
    // A full queue: the kernel drops what would connect.
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    listener.listen(0).unwrap();
    let full = listener.local_addr().unwrap().as_socket().unwrap();
    let _queued: Vec<_> =
        (0..4).map(|_| std::net::TcpStream::connect_timeout(&full, Duration::from_millis(100))).collect();
    let limits = Limits { connect_time: Duration::from_millis(300), ..options().limits };
    let alone = proxy_with(Options { limits: limits.clone(), ..options() }, table(&[full])).await;
    assert_eq!(Raw::connect(alone.1).await.get("/").await.status(), 504);
    let good = Upstream::named("good").await;
    let both = proxy_with(Options { limits, ..options() }, table(&[full, good.address])).await;
    let mut client = Raw::connect(both.1).await;
    for _ in 0..4 {
        assert_eq!(client.get("/").await.header("served-by"), "good");
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_is_cut_for_the_client_too() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz",
    ] {
        let target = Upstream::start(move |mut raw: Raw| async move {
            raw.message().await.unwrap();
            raw.send(answer).await;
        })
        .await;
        let (_proxy, address) = proxy(table(&[target.address])).await;
        let mut client = Raw::connect(address).await;
        client.send(GET).await;
        assert!(soon(client.message()).await.is_err(), "{answer:?} looked whole");
    }
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_still_sends() {
    let target = Upstream::start(|mut raw: Raw| async move {
        raw.head().await.unwrap();
        raw.send("HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig").await;
        raw.stream.shutdown().await.unwrap();
    })
    .await;
    let (_proxy, address) = proxy(table(&[target.address])).await;
    let mut client = Raw::connect(address).await;
    client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n").await;
    client.send(vec![b'x'; 100_000]).await;
    let answer = soon(client.message()).await.unwrap();
    assert_eq!(
        (answer.status(), answer.text(), answer.header("connection")),
        (413, "big".into(), "close".into())
    );
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_target() {
    let target = Upstream::silent().await;
    let table =
        Table { listeners: vec![listener(forward("g"))], groups: vec![group("g", &[target.address])] };
    let (proxy, address) = proxy(table).await;
    let mut client = Raw::connect(address).await;
    client.send(GET).await;
    crate::support::until(|| proxy.in_flight("g/0") == 1).await;
    drop(client);
    soon(proxy.drained("g/0")).await;
}

#[tokio::test]
async fn a_client_hears_why_its_upload_is_not_wanted() {
    let mut table = table(&[]);
    let no = longshore_proxy::Fixed { status: 403, content_type: String::new(), body: "no".into() };
    table.listeners[0].default = longshore_proxy::Action::Fixed(no);
    let (_proxy, address) = proxy(table).await;
    for _ in 0..10 {
        let client = Raw::connect(address).await;
        let (reader, mut writer) = client.stream.into_split();
        let sending = tokio::spawn(async move {
            let head = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n";
            writer.write_all(head).await.unwrap();
            for _ in 0..100 {
                writer.write_all(&[b'x'; 1000]).await.unwrap();
                tokio::task::yield_now().await;
            }
            writer
        });
        let mut client = Raw::new(tokio::io::join(reader, tokio::io::sink()));
        // All of it can be sent, and only then the answer is read.
        let _writer = soon(sending).await.unwrap();
        let answer = soon(client.message()).await.unwrap();
        assert_eq!((answer.status(), answer.text()), (403, "no".into()));
    }
}
