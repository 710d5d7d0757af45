//! Swaps, draining, and the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use longshore_proxy::Table;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::streams::{UPGRADE, upgrading};
use crate::support::{Raw, Upstream, echo, forward, group, listener, proxy, soon, table, until};

/// A target that answers only once it is told to.
pub(crate) async fn gated() -> (Upstream, Arc<Notify>) {
    let gate = Arc::new(Notify::new());
    let open = gate.clone();
    let target = Upstream::start(move |mut raw: Raw| {
        let open = open.clone();
        async move {
            while raw.message().await.is_ok() {
                open.notified().await;
                raw.send("HTTP/1.1 200 OK\r\nServed-By: gated\r\nContent-Length: 0\r\n\r\n").await;
            }
        }
    })
    .await;
    (target, gate)
}

#[tokio::test]
async fn a_target_is_drained_when_its_last_request_ends() {
    let (old, gate) = gated().await;
    let new = Upstream::named("new").await;
    let (proxy, address) = proxy(table(&[old.address])).await;
    let mut client = Raw::connect(address).await;
    client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    until(|| proxy.in_flight("g/0") == 1).await;
    let mut next = table(&[new.address]);
    next.groups[0].targets[0].key = "new".into();
    let bound = proxy.swap(next).await.unwrap();
    assert_eq!(*bound["web"].as_ref().unwrap(), address);
    // Others go to the new one at once, over any worker.
    for _ in 0..20 {
        assert_eq!(Raw::connect(address).await.get("/").await.header("served-by"), "new");
    }
    let drained = proxy.drained("g/0");
    tokio::pin!(drained);
    assert!(tokio::time::timeout(Duration::from_millis(100), drained.as_mut()).await.is_err());
    assert_eq!(proxy.in_flight("g/0"), 1);
    gate.notify_one();
    assert_eq!(soon(client.message()).await.unwrap().header("served-by"), "gated");
    soon(drained).await;
    assert_eq!((proxy.in_flight("g/0"), proxy.in_flight("never")), (0, 0));
    assert_eq!(client.get("/").await.header("served-by"), "new");
}

#[tokio::test]
async fn upgraded_connections_count_until_they_end() {
    let target = upgrading().await;
    let (proxy, address) = proxy(table(&[target.address])).await;
    let mut client = Raw::connect(address).await;
    client.send(UPGRADE).await;
    soon(client.head()).await.unwrap();
    proxy.swap(table(&[])).await.unwrap();
    assert_eq!(proxy.in_flight("g/0"), 1);
    client.send("A").await;
    assert_eq!(soon(client.exactly(3)).await.unwrap(), b"hiB");
    drop(client);
    soon(proxy.drained("g/0")).await;
}

#[tokio::test]
async fn idle_connections_to_a_target_that_is_gone_are_closed() {
    let closed = Arc::new(AtomicUsize::new(0));
    let count = closed.clone();
    let target = Upstream::start(move |raw: Raw| {
        let count = count.clone();
        async move {
            echo(raw, "a").await;
            count.fetch_add(1, Ordering::SeqCst);
        }
    })
    .await;
    let (proxy, address) = proxy(table(&[target.address])).await;
    let mut client = Raw::connect(address).await;
    assert_eq!(client.get("/").await.status(), 200);
    assert_eq!(closed.load(Ordering::SeqCst), 0);
    proxy.swap(table(&[])).await.unwrap();
    until(|| closed.load(Ordering::SeqCst) == target.connections()).await;
    assert_eq!(client.get("/").await.status(), 503);
}

#[tokio::test]
async fn listeners_come_and_go() {
    let target = Upstream::named("a").await;
    let (proxy, address) = proxy(table(&[target.address])).await;
    let mut kept = Raw::connect(address).await;
    assert_eq!(kept.get("/").await.status(), 200);
    let mut two = table(&[target.address]);
    let mut more = listener(forward("g"));
    more.id = "more".into();
    two.listeners.push(more.clone());
    // A third cannot be opened; the others do not care.
    let mut taken = listener(forward("g"));
    (taken.id, taken.addresses) = ("taken".into(), vec![target.address]);
    two.listeners.push(taken);
    let bound = proxy.swap(two.clone()).await.unwrap();
    assert_eq!(bound["taken"].as_ref().unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    let second = *bound["more"].as_ref().unwrap();
    assert_eq!(*bound["web"].as_ref().unwrap(), address);
    assert_eq!(kept.get("/").await.status(), 200);
    let mut other = Raw::connect(second).await;
    assert_eq!(other.get("/").await.status(), 200);
    // The first goes. Its port can be had again at once, under another name.
    let mut moved = Table { listeners: vec![more, listener(forward("g"))], groups: two.groups };
    (moved.listeners[1].id, moved.listeners[1].addresses) = ("again".into(), vec![address]);
    let bound = proxy.swap(moved).await.unwrap();
    assert_eq!(*bound["again"].as_ref().unwrap(), address);
    assert!(kept.is_closed().await);
    assert_eq!(other.get("/").await.status(), 200);
    assert_eq!(Raw::connect(address).await.get("/").await.status(), 200);
}

/// Clients that ask without a pause until they are stopped, each on one connection; how often they were answered.
struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<tokio::task::JoinHandle<usize>>,
}

impl Load {
    fn start(address: std::net::SocketAddr, count: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let client = |stop: Arc<AtomicBool>| async move {
            let (mut raw, mut answered) = (Raw::connect(address).await, 0);
            while !stop.load(Ordering::SeqCst) {
                let answer = raw.get("/").await;
                assert_eq!(answer.status(), 200, "{answer:?}");
                answered += 1;
                if answer.header("connection") == "close" {
                    raw = Raw::connect(address).await;
                }
            }
            answered
        };
        let clients = (0..count).map(|_| tokio::spawn(client(stop.clone()))).collect();
        Self { stop, clients }
    }

    async fn end(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        let mut answered = 0;
        for client in self.clients {
            answered += soon(client).await.unwrap();
        }
        answered
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_swaps_lose_nothing() {
    let targets = [Upstream::named("0").await, Upstream::named("1").await, Upstream::named("2").await];
    let addresses: Vec<_> = targets.iter().map(|target| target.address).collect();
    let (proxy, address) = proxy(table(&addresses)).await;
    let load = Load::start(address, 16);
    for number in 0..1000 {
        let mut next = table(&addresses[number % 3..=number % 3]);
        next.groups[0].targets[0].key = format!("target-{}", number % 3);
        // Rules change as well, and a listener comes and goes.
        next.listeners[0].rules = (0..number % 7)
            .map(|it| {
                crate::support::rule(
                    1,
                    vec![longshore_proxy::Condition::Host(vec![format!("h{it}")])],
                    forward("g"),
                )
            })
            .collect();
        if number % 5 == 0 {
            let mut more = listener(forward("g"));
            more.id = "more".into();
            next.listeners.push(more);
        }
        let bound = proxy.swap(next).await.unwrap();
        assert_eq!(*bound["web"].as_ref().unwrap(), address);
    }
    let answered = load.end().await;
    assert!(answered > 1000, "{answered}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn targets_that_are_killed_under_load_lose_nothing() {
    let steady = Upstream::named("steady").await;
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let killed = socket.local_addr().unwrap();
    let mut victim = Upstream::start_on(socket, |raw| echo(raw, "victim"));
    let (_proxy, address) = proxy(table(&[steady.address, killed])).await;
    let load = Load::start(address, 16);
    for _ in 0..30 {
        until(|| victim.connections() > 3).await;
        // Ends its socket and cuts its connections wherever they are.
        drop(victim);
        tokio::time::sleep(Duration::from_millis(5)).await;
        let socket = loop {
            match TcpListener::bind(killed).await {
                Ok(socket) => break socket,
                Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        };
        victim = Upstream::start_on(socket, |raw| echo(raw, "victim"));
    }
    let answered = load.end().await;
    assert!(answered > 100, "{answered}");
}

#[tokio::test]
async fn a_shutdown_lets_requests_end() {
    let (target, gate) = gated().await;
    let (proxy, address) = proxy(table(&[target.address])).await;
    let (mut busy, mut idle) = (Raw::connect(address).await, Raw::connect(address).await);
    busy.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    gate.notify_one();
    soon(busy.message()).await.unwrap();
    idle.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    gate.notify_one();
    soon(idle.message()).await.unwrap();
    busy.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    until(|| proxy.in_flight("g/0") == 1).await;
    let ending = tokio::spawn(async move { proxy.shutdown(Duration::from_secs(20)).await });
    assert!(idle.is_closed().await);
    gate.notify_one();
    let answer = soon(busy.message()).await.unwrap();
    assert_eq!((answer.status(), answer.header("connection")), (200, "close".into()));
    soon(ending).await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_shutdown_has_its_limit() {
    let (target, _gate) = gated().await;
    let (proxy, address) = proxy(table(&[target.address])).await;
    let mut client = Raw::connect(address).await;
    client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
    until(|| proxy.in_flight("g/0") == 1).await;
    soon(proxy.shutdown(Duration::from_millis(200))).await;
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn a_group_may_be_replaced_by_one_of_the_same_name() {
    let (a, b) = (Upstream::named("a").await, Upstream::named("b").await);
    let (proxy, address) = proxy(table(&[a.address])).await;
    let mut client = Raw::connect(address).await;
    assert_eq!(client.get("/").await.header("served-by"), "a");
    let next = Table {
        listeners: vec![listener(forward("g"))],
        groups: vec![group("first", &[a.address]), group("g", &[b.address])],
    };
    proxy.swap(next).await.unwrap();
    assert_eq!(client.get("/").await.header("served-by"), "b");
}
