//! Bodies that are big or slow, upgrades, and 100-continue.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Raw, Upstream, proxy, soon, table};

const BIG: usize = 64 << 20;

/// The most memory that the process has had, in bytes.
fn peak_memory() -> usize {
    let status = std::fs::File::open("/proc/self/status").map(std::io::read_to_string).unwrap().unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn big_bodies_stream_both_ways_in_little_memory() {
    // Sends back what it gets, piece by piece.
    let target = Upstream::start(|mut raw: Raw| async move {
        let head = raw.head().await.unwrap();
        let mut left: usize = head.header("content-length").parse().unwrap();
        raw.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {left}\r\n\r\n")).await;
        let begun = std::mem::take(&mut raw.read);
        raw.send(&begun).await;
        left -= begun.len();
        let mut piece = vec![0; 65536];
        while left > 0 {
            let count = raw.stream.read(&mut piece).await.unwrap();
            raw.stream.write_all(&piece[..count]).await.unwrap();
            left -= count;
        }
    })
    .await;
    let (_proxy, address) = proxy(table(&[target.address])).await;
    let before = peak_memory();
    let client = Raw::connect(address).await;
    let (mut reader, mut writer) = client.stream.into_split();
    let sending = tokio::spawn(async move {
        writer
            .write_all(format!("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {BIG}\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let piece = vec![b'x'; 65536];
        for _ in 0..BIG / piece.len() {
            writer.write_all(&piece).await.unwrap();
        }
        writer
    });
    let (mut piece, mut seen) = (vec![0; 65536], 0);
    while seen < BIG {
        let count = soon(reader.read(&mut piece)).await.unwrap();
        assert!(count > 0, "ended after {seen}");
        seen += count;
    }
    soon(sending).await.unwrap();
    let grown = peak_memory() - before;
    assert!(grown < 24 << 20, "memory grew by {} MiB", grown >> 20);
}

#[tokio::test]
async fn a_slow_reader_holds_its_target_back() {
    let (written, mut progress) = tokio::sync::watch::channel(0_usize);
    let target = Upstream::start(move |mut raw: Raw| {
        let written = written.clone();
        async move {
            raw.head().await.unwrap();
            raw.send("HTTP/1.1 200 OK\r\n\r\n").await;
            let piece = vec![b'x'; 65536];
            while raw.stream.write_all(&piece).await.is_ok() {
                written.send_modify(|count| *count += piece.len());
            }
        }
    })
    .await;
    let (_proxy, address) = proxy(table(&[target.address])).await;
    let mut client = Raw::connect(address).await;
    client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    // The kernel's buffers fill, and then nothing moves.
    let mut last = 0;
    while tokio::time::timeout(Duration::from_millis(500), progress.changed()).await.is_ok() {
        last = *progress.borrow_and_update();
        assert!(last < 256 << 20, "the proxy takes all that comes");
    }
    assert!(last > 0);
}

#[tokio::test]
async fn parts_pass_as_they_come() {
    let target = Upstream::start(|mut raw: Raw| async move {
        raw.head().await.unwrap();
        raw.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        // Each part of the answer waits for a part of the request.
        for _ in 0..5 {
            let part = raw.exactly(6).await.unwrap();
            assert_eq!(part, b"1\r\nx\r\n");
            raw.send("1\r\ny\r\n").await;
        }
        raw.send("0\r\n\r\n").await;
    })
    .await;
    let (_proxy, address) = proxy(table(&[target.address])).await;
    let mut client = Raw::connect(address).await;
    client.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    assert_eq!(soon(client.head()).await.unwrap().status(), 200);
    for _ in 0..5 {
        client.send("1\r\nx\r\n").await;
        assert_eq!(soon(client.exactly(6)).await.unwrap(), b"1\r\ny\r\n");
    }
    assert_eq!(soon(client.exactly(5)).await.unwrap(), b"0\r\n\r\n");
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_go_on() {
    let target = Upstream::start(|mut raw: Raw| async move {
        let head = raw.head().await.unwrap();
        // The proxy has told the client to go on: there is nothing left to ask for.
        assert_eq!(head.header("expect"), "");
        let body = raw.exactly(3).await.unwrap();
        raw.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}", String::from_utf8(body).unwrap()))
            .await;
    })
    .await;
    let (_proxy, address) = proxy(table(&[target.address])).await;
    let mut client = Raw::connect(address).await;
    let interim = client
        .ask("POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        .await;
    assert_eq!(interim.status(), 100);
    assert_eq!(client.ask("abc").await.text(), "abc");
}

/// A target that accepts any upgrade and then answers each byte with the next.
pub(crate) async fn upgrading() -> Upstream {
    Upstream::start(|mut raw: Raw| async move {
        let head = raw.head().await.unwrap();
        assert_eq!(head.header("connection"), "upgrade");
        let protocol = head.header("upgrade");
        raw.send(format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: {protocol}\r\nConnection: Upgrade\r\n\r\nhi"
        ))
        .await;
        while let Ok(byte) = raw.exactly(1).await {
            raw.send([byte[0].wrapping_add(1)]).await;
        }
    })
    .await
}

pub(crate) const UPGRADE: &str =
    "GET /chat HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

#[tokio::test]
async fn upgraded_connections_are_pipes() {
    let target = upgrading().await;
    let (proxy, address) = proxy(table(&[target.address])).await;
    let mut client = Raw::connect(address).await;
    client.send(format!("{UPGRADE}A")).await;
    let answer = soon(client.head()).await.unwrap();
    assert_eq!((answer.status(), answer.header("upgrade")), (101, "websocket".into()));
    assert_eq!(soon(client.exactly(3)).await.unwrap(), b"hiB");
    for byte in [0, 13, 10, 255] {
        client.send([byte]).await;
        assert_eq!(soon(client.exactly(1)).await.unwrap(), [byte.wrapping_add(1)]);
    }
    assert_eq!(proxy.in_flight("g/0"), 1);
    client.stream.shutdown().await.unwrap();
    assert!(client.is_closed().await);
    soon(proxy.drained("g/0")).await;
}

#[tokio::test]
async fn a_refused_upgrade_is_an_answer() {
    let target = Upstream::named("a").await;
    let (_proxy, address) = proxy(table(&[target.address])).await;
    let mut client = Raw::connect(address).await;
    assert_eq!(client.ask(UPGRADE).await.status(), 200);
    assert_eq!(client.get("/").await.status(), 200);
}

#[tokio::test]
async fn a_silent_pipe_ends() {
    let target = upgrading().await;
    let mut table = table(&[target.address]);
    table.listeners[0].idle_timeout = Duration::from_millis(200);
    let (_proxy, address) = proxy(table).await;
    let mut client = Raw::connect(address).await;
    client.send(UPGRADE).await;
    soon(client.head()).await.unwrap();
    soon(client.exactly(2)).await.unwrap();
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_pipe_that_is_used_stays() {
    let target = upgrading().await;
    let mut table = table(&[target.address]);
    table.listeners[0].idle_timeout = Duration::from_millis(300);
    let (_proxy, address) = proxy(table).await;
    let mut client = Raw::connect(address).await;
    client.send(UPGRADE).await;
    soon(client.head()).await.unwrap();
    soon(client.exactly(2)).await.unwrap();
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < Duration::from_millis(900) {
        client.send("A").await;
        assert_eq!(soon(client.exactly(1)).await.unwrap(), b"B");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
