//! Doorkeepers: requests that they let in, answer, and hold until a table has a target.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Response, StatusCode};
use longshore_proxy::{Action, Admission, Doorkeeper, Forward, Guard, Head, Limits, Options, Table, Tls};

use crate::streams::{UPGRADE, upgrading};
use crate::support::{DEADLINE, Raw, Upstream, group, listener, options, proxy, proxy_with, soon, until};
use crate::tls::{certificate, connect, h2, request, text};

const GET: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

/// Lets everybody in but those who ask for `/no`, and holds when there is no target.
#[derive(Debug)]
struct Keeper {
    longest: Duration,
    held: AtomicUsize,
    asked: AtomicUsize,
    moved: AtomicUsize,
}

impl Keeper {
    fn new(longest: Duration) -> Arc<Self> {
        Arc::new(Self {
            longest,
            held: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
            moved: AtomicUsize::new(0),
        })
    }

    fn held(&self) -> usize {
        self.held.load(Ordering::SeqCst)
    }

    fn moved(&self) -> usize {
        self.moved.load(Ordering::SeqCst)
    }
}

fn answer(status: StatusCode, body: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = status;
    response
}

impl Doorkeeper for Keeper {
    fn admit(&self, request: &Head<'_>) -> Admission {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if request.path == "/no" {
            return Admission::Answer(answer(StatusCode::FORBIDDEN, "no entry"));
        }
        if request.has_target {
            return Admission::Pass { counted: true };
        }
        self.held.fetch_add(1, Ordering::SeqCst);
        Admission::Hold(self.longest)
    }

    fn in_vain(&self, _: &Head<'_>) -> Response<Bytes> {
        answer(StatusCode::SERVICE_UNAVAILABLE, "in vain")
    }

    fn let_go(&self) {
        self.held.fetch_sub(1, Ordering::SeqCst);
    }

    fn moved(&self) {
        self.moved.fetch_add(1, Ordering::SeqCst);
    }

    fn to_target(&self, headers: &mut HeaderMap) {
        headers.remove("secret");
    }

    fn to_client(&self, headers: &mut HeaderMap) {
        headers.insert("door", HeaderValue::from_static("yes"));
    }
}

fn guarded(keeper: &Arc<Keeper>, addresses: &[std::net::SocketAddr]) -> Table {
    let action = Action::Guarded(Forward::to("g"), Guard(keeper.clone()));
    Table { listeners: vec![listener(action)], groups: vec![group("g", addresses)] }
}

#[tokio::test]
async fn who_is_not_let_in_reaches_no_target() {
    let target = Upstream::named("a").await;
    let keeper = Keeper::new(DEADLINE);
    let (_proxy, address) = proxy(guarded(&keeper, &[target.address])).await;
    let mut client = Raw::connect(address).await;
    let refused = client.get("/no").await;
    assert_eq!(
        (refused.status(), refused.text(), refused.header("door")),
        (403, "no entry".into(), "yes".into())
    );
    let head = client.send("HEAD /no HTTP/1.1\r\nHost: test\r\n\r\n");
    head.await;
    let head = soon(client.head()).await.unwrap();
    assert_eq!((head.status(), head.header("content-length")), (403, "8".into()));
    assert_eq!(target.connections(), 0);
    let passed = client.ask("GET / HTTP/1.1\r\nHost: test\r\nSecret: x\r\nOther: y\r\n\r\n").await;
    assert_eq!((passed.status(), passed.header("door")), (200, "yes".into()));
    assert!(passed.text().contains("other: y") && !passed.text().contains("secret"));
}

#[tokio::test]
async fn held_requests_go_on_over_any_version_and_with_their_bodies() {
    let target = Upstream::named("a").await;
    let own = certificate(&["test"]);
    let keeper = Keeper::new(DEADLINE);
    let tls = |mut table: Table| {
        table.listeners[0].tls = Some(Tls { certificates: vec![own.clone()] });
        table
    };
    let (proxy, address) = proxy(tls(guarded(&keeper, &[]))).await;
    let (mut sender, _connection) = h2(connect(address, "test", &own, &["h2"]).await.unwrap()).await;
    let answers: Vec<_> =
        (0..20).map(|it| tokio::spawn(sender.send_request(request("/", format!("body {it}"))))).collect();
    let mut old = Raw::new(connect(address, "test", &own, &[]).await.unwrap());
    old.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody").await;
    until(|| keeper.held() == 21).await;
    // A swap that brings no target changes nothing.
    proxy.swap(tls(guarded(&keeper, &[]))).await.unwrap();
    assert_eq!(keeper.held(), 21);
    proxy.swap(tls(guarded(&keeper, &[target.address]))).await.unwrap();
    for (number, answer) in answers.into_iter().enumerate() {
        let answer = soon(answer).await.unwrap().unwrap();
        assert_eq!((answer.status(), answer.headers()["door"].as_bytes()), (StatusCode::OK, &b"yes"[..]));
        assert!(text(answer).await.ends_with(&format!("body {number}")));
    }
    assert!(soon(old.message()).await.unwrap().text().ends_with("\nbody"));
    assert_eq!((keeper.held(), keeper.asked.load(Ordering::SeqCst)), (0, 21));
}

#[tokio::test]
async fn who_waits_in_vain_is_told_so_and_the_connection_goes_on() {
    let target = Upstream::named("a").await;
    let keeper = Keeper::new(Duration::from_millis(50));
    let (proxy, address) = proxy(guarded(&keeper, &[])).await;
    let mut client = Raw::connect(address).await;
    let late = client.get("/").await;
    assert_eq!((late.status(), late.text(), late.header("door")), (503, "in vain".into(), "yes".into()));
    assert_eq!(keeper.held(), 0);
    proxy.swap(guarded(&keeper, &[target.address])).await.unwrap();
    assert_eq!(client.get("/").await.status(), 200);
}

#[tokio::test]
async fn nobody_waits_longer_than_a_connection_may_be_silent() {
    let keeper = Keeper::new(DEADLINE * 10);
    let mut table = guarded(&keeper, &[]);
    table.listeners[0].idle_timeout = Duration::from_millis(50);
    let (_proxy, address) = proxy(table).await;
    assert_eq!(Raw::connect(address).await.get("/").await.status(), 503);
}

#[tokio::test]
async fn a_client_that_goes_leaves_its_place() {
    let keeper = Keeper::new(DEADLINE);
    let (_proxy, address) = proxy(guarded(&keeper, &[])).await;
    let mut client = Raw::connect(address).await;
    client.send(GET).await;
    until(|| keeper.held() == 1).await;
    drop(client);
    until(|| keeper.held() == 0).await;
}

#[tokio::test]
async fn the_newest_table_says_what_becomes_of_those_who_wait() {
    let target = Upstream::named("a").await;
    let (first, second) = (Keeper::new(DEADLINE), Keeper::new(DEADLINE));
    let (proxy, address) = proxy(guarded(&first, &[])).await;
    let mut client = Raw::connect(address).await;
    client.send(GET).await;
    until(|| first.held() == 1).await;
    // Another doorkeeper is asked, and holds it in turn.
    proxy.swap(guarded(&second, &[])).await.unwrap();
    until(|| (first.held(), second.held()) == (0, 1)).await;
    // Nobody is asked any more.
    let plain = Table {
        listeners: vec![listener(Action::Forward(Forward::to("g")))],
        groups: vec![group("g", &[target.address])],
    };
    proxy.swap(plain).await.unwrap();
    let answer = soon(client.message()).await.unwrap();
    assert_eq!((answer.status(), answer.header("door"), second.held()), (200, String::new(), 0));
    // The listener goes.
    proxy.swap(guarded(&first, &[])).await.unwrap();
    client.send(GET).await;
    until(|| first.held() == 1).await;
    proxy.swap(Table::default()).await.unwrap();
    assert_eq!(soon(client.message()).await.unwrap().status(), 503);
    assert_eq!(first.held(), 0);
}

#[tokio::test]
async fn the_end_of_the_proxy_waits_for_nobody_who_waits() {
    let keeper = Keeper::new(DEADLINE * 10);
    let limits = Limits { grace: DEADLINE * 10, ..Limits::default() };
    let (proxy, address) = proxy_with(Options { limits, ..options() }, guarded(&keeper, &[])).await;
    let (mut client, mut late) = (Raw::connect(address).await, Raw::connect(address).await);
    assert_eq!(late.get("/no").await.status(), 403);
    client.send(GET).await;
    until(|| keeper.held() == 1).await;
    let ending = tokio::spawn(async move { proxy.shutdown(DEADLINE * 10).await });
    assert_eq!(soon(client.message()).await.unwrap().text(), "in vain");
    // Each connection may ask once more, and does not wait then either.
    let answer = late.get("/").await;
    assert_eq!((answer.text(), answer.header("connection")), ("in vain".into(), "close".into()));
    soon(ending).await.unwrap();
}

#[tokio::test]
async fn what_moves_is_told() {
    // Sends a part whenever one comes.
    let target = Upstream::start(|mut raw: Raw| async move {
        raw.head().await.unwrap();
        raw.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        while raw.exactly(6).await.is_ok() {
            raw.send("1\r\ny\r\n").await;
        }
    })
    .await;
    let keeper = Keeper::new(DEADLINE);
    let (_proxy, address) = proxy(guarded(&keeper, &[target.address])).await;
    let mut client = Raw::connect(address).await;
    client.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    soon(client.head()).await.unwrap();
    for _ in 0..3 {
        let before = keeper.moved();
        client.send("1\r\nx\r\n").await;
        soon(client.exactly(6)).await.unwrap();
        // Once on the way there, once on the way back.
        until(|| keeper.moved() >= before + 2).await;
    }
}

#[tokio::test]
async fn what_moves_after_an_upgrade_is_told() {
    let target = upgrading().await;
    let keeper = Keeper::new(DEADLINE);
    let (_proxy, address) = proxy(guarded(&keeper, &[target.address])).await;
    let mut client = Raw::connect(address).await;
    client.send(UPGRADE).await;
    assert_eq!(soon(client.head()).await.unwrap().header("door"), "yes");
    soon(client.exactly(2)).await.unwrap();
    for _ in 0..3 {
        let before = keeper.moved();
        // Moments are told apart by the millisecond.
        soon(async {
            while keeper.moved() == before {
                client.send("A").await;
                assert_eq!(client.exactly(1).await.unwrap(), b"B");
            }
        })
        .await;
    }
}
