//! Requests and answers pass, bodies in every framing, and connections are used again.

use crate::support::{Raw, Upstream, proxy, soon, table};

#[tokio::test]
async fn requests_pass_and_connections_are_kept_on_both_sides() {
    let target = Upstream::named("a").await;
    let (_proxy, address) = proxy(table(&[target.address])).await;
    let mut client = Raw::connect(address).await;
    for number in 0..20 {
        let answer = client.get(&format!("/{number}?q=1")).await;
        assert_eq!((answer.status(), answer.header("served-by")), (200, "a".to_owned()));
        let seen = answer.text();
        assert!(seen.starts_with(&format!("a\nGET /{number}?q=1 HTTP/1.1\n")), "{seen}");
        assert!(seen.contains("\nhost: test\n"), "{seen}");
        assert!(seen.contains("x-forwarded-for: 127.0.0.1\n"), "{seen}");
        assert!(seen.contains(&format!("x-forwarded-port: {}\n", address.port())), "{seen}");
    }
    assert_eq!(target.connections(), 1);
}

#[tokio::test]
async fn bodies_pass_in_every_framing() {
    let target = Upstream::named("a").await;
    let (_proxy, address) = proxy(table(&[target.address])).await;
    let mut client = Raw::connect(address).await;
    let head = "POST / HTTP/1.1\r\nHost: test\r\n";
    let requests = [
        format!("{head}Content-Length: 5\r\n\r\nhello"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n2;x\r\nhe\r\n3\r\nllo\r\n0\r\nAfter: 1\r\n\r\n"),
    ];
    for request in requests.iter().cycle().take(6) {
        let answer = client.ask(request).await;
        assert!(answer.text().ends_with("\n\nhello"), "{}", answer.text());
    }
    // The same, byte by byte.
    for request in &requests {
        for byte in request.as_bytes() {
            client.send([*byte]).await;
            tokio::task::yield_now().await;
        }
        let answer = soon(client.message()).await.unwrap();
        assert!(answer.text().ends_with("\n\nhello"), "{}", answer.text());
    }
}

#[tokio::test]
async fn requests_that_are_sent_ahead_are_answered_in_order() {
    let target = Upstream::named("a").await;
    let (_proxy, address) = proxy(table(&[target.address])).await;
    let mut client = Raw::connect(address).await;
    let requests: String = (0..50).map(|it| format!("GET /{it} HTTP/1.1\r\nHost: test\r\n\r\n")).collect();
    client.send(requests).await;
    for number in 0..50 {
        let answer = soon(client.message()).await.unwrap();
        assert!(answer.text().contains(&format!("GET /{number} HTTP")), "{number}");
    }
}

#[tokio::test]
async fn answers_in_chunks_leave_the_connection_for_the_next_request() {
    let target = Upstream::start(|mut raw: Raw| async move {
        while raw.message().await.is_ok() {
            raw.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
            tokio::task::yield_now().await;
            raw.send("2\r\nde\r\n0\r\n\r\n").await;
        }
    })
    .await;
    let (_proxy, address) = proxy(table(&[target.address])).await;
    let mut client = Raw::connect(address).await;
    for _ in 0..20 {
        assert_eq!(client.get("/").await.text(), "abcde");
    }
    assert_eq!(target.connections(), 1);
}

#[tokio::test]
async fn old_clients_and_old_targets_are_understood() {
    // It speaks HTTP/1.0 and would like to keep its connections.
    let target = Upstream::start(|mut raw: Raw| async move {
        while let Ok(request) = raw.message().await {
            assert!(request.first.ends_with(" HTTP/1.1"), "{}", request.first);
            let text = request.text();
            let length = text.len();
            raw.send(format!(
                "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: {length}\r\n\r\n{text}"
            ))
            .await;
        }
    })
    .await;
    let (_proxy, address) = proxy(table(&[target.address])).await;
    let mut client = Raw::connect(address).await;
    // A chunked body passes only on a connection that nothing is known about: HTTP/1.0 has no chunks.
    for _ in 0..3 {
        let put = "PUT / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
        let answer = client.ask(put).await;
        assert_eq!((answer.first.as_str(), answer.text()), ("HTTP/1.1 200 OK", "hi".into()));
    }
    let mut old = Raw::connect(address).await;
    for _ in 0..3 {
        let answer =
            old.ask("POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nho").await;
        assert_eq!(
            (answer.first.as_str(), answer.header("connection")),
            ("HTTP/1.0 200 OK", "keep-alive".into())
        );
        assert_eq!(answer.text(), "ho");
    }
    assert_eq!(old.ask("GET / HTTP/1.0\r\n\r\n").await.status(), 200);
    assert!(old.is_closed().await);
}
