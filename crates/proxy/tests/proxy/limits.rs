//! Clients that are slow, silent, or too many.

use std::time::Duration;

use longshore_proxy::{Limits, Options};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Raw, Upstream, options, proxy, proxy_with, soon, table};

#[tokio::test]
async fn a_head_that_takes_too_long_is_cut() {
    let target = Upstream::named("a").await;
    let limits = Limits { head_time: Duration::from_millis(300), ..options().limits };
    let (_proxy, address) = proxy_with(Options { limits, ..options() }, table(&[target.address])).await;
    let mut client = Raw::connect(address).await;
    // A byte now and then does not help. hyper cannot be asked to answer 408, so there is no answer.
    let drip = async {
        for byte in "GET / HTTP/1.1\r\nHost: test\r\nX: ".bytes().chain(std::iter::repeat(b'x')) {
            if client.stream.write_all(&[byte]).await.is_err() {
                return true;
            }
            if let Ok(read) = tokio::time::timeout(Duration::from_millis(20), client.stream.read_u8()).await {
                return read.is_err();
            }
        }
        false
    };
    let begun = tokio::time::Instant::now();
    assert!(soon(drip).await, "there is an answer");
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_silent_connection_is_closed_without_a_word() {
    let target = Upstream::named("a").await;
    let mut table = table(&[target.address]);
    table.listeners[0].idle_timeout = Duration::from_millis(200);
    let (_proxy, address) = proxy(table).await;
    assert!(Raw::connect(address).await.is_closed().await);
    let mut client = Raw::connect(address).await;
    assert_eq!(client.get("/").await.status(), 200);
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let target = Upstream::named("a").await;
    let limits = Limits { connections: 2, ..options().limits };
    let (_proxy, address) = proxy_with(Options { workers: 1, limits }, table(&[target.address])).await;
    let (mut first, mut second, mut third) =
        (Raw::connect(address).await, Raw::connect(address).await, Raw::connect(address).await);
    assert_eq!(first.get("/").await.status(), 200);
    assert_eq!(second.get("/").await.status(), 200);
    third.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert!(tokio::time::timeout(Duration::from_millis(200), third.message()).await.is_err());
    drop(first);
    assert_eq!(soon(third.message()).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let target = Upstream::start(|mut raw: Raw| async move {
        raw.head().await.unwrap();
        raw.send("HTTP/1.1 200 OK\r\n\r\n").await;
        let piece = vec![b'x'; 65536];
        while tokio::io::AsyncWriteExt::write_all(&mut raw.stream, &piece).await.is_ok() {}
    })
    .await;
    let mut table = table(&[target.address]);
    table.listeners[0].idle_timeout = Duration::from_millis(300);
    let (proxy, address) = proxy(table).await;
    let mut client = Raw::connect(address).await;
    client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    crate::support::until(|| proxy.in_flight("g/0") == 1).await;
    soon(proxy.drained("g/0")).await;
}
