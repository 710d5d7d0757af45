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
