//! Sites: what their hosts lead to, and what becomes of requests when that changes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use longshore_model::preview::Policy;
use longshore_proxy::sites::PROBER;
use longshore_world::{Routes as _, Site, SiteTarget};

use crate::site_support::{Host, asleep, awake, host, host_with, options, public, service, site, target};
use crate::streams::{UPGRADE, upgrading};
use crate::support::{DEADLINE, Raw, Upstream, soon, until};

/// A policy whose targets get no checks of their own, so that their connections can be counted.
fn checked_at(elsewhere: SocketAddr) -> Policy {
    let mut policy = public();
    policy.services[0].health.port = Some(elsewhere.port());
    policy
}

#[tokio::test]
async fn hosts_and_paths_lead_to_their_services() {
    let (web, api, other) =
        (Upstream::named("web").await, Upstream::named("api").await, Upstream::named("other").await);
    let host = host().await;
    let mut shop = site("a.shop", &public());
    shop.services = vec![service(&[("w", web.address)]), service(&[("i", api.address)])];
    host.sites.set(shop).await.unwrap();
    host.sites.set(awake("b.shop", &public(), &[("o", other.address)])).await.unwrap();
    for (name, path, expected) in [
        ("a.shop.example.com", "/", "web"),
        ("A.Shop.Example.com:8080", "/apis", "web"),
        ("a.shop.example.com", "/api/x?y", "api"),
        ("b.shop.example.com", "/", "other"),
    ] {
        let answer = host.get(name, path).await;
        assert_eq!((answer.status(), answer.header("served-by")), (200, expected.into()), "{name}{path}");
        assert_eq!(answer.header("x-robots-tag"), "noindex");
    }
    for name in ["c.shop.example.com", "shop.example.com", "a.shop.example.com.evil.test", "127.0.0.1"] {
        let answer = host.get(name, "/").await;
        assert_eq!((answer.status(), answer.text()), (404, "There is no preview under this name.\n".into()));
    }
    host.sites.remove("a.shop").await.unwrap();
    assert_eq!(host.get("a.shop.example.com", "/").await.status(), 404);
    assert_eq!(host.get("b.shop.example.com", "/").await.status(), 200);
}

#[tokio::test]
async fn a_target_sees_the_address_that_clients_see() {
    let target = Upstream::named("a").await;
    let host = host().await;
    host.sites.set(awake("a.shop", &public(), &[("t", target.address)])).await.unwrap();
    let mut client = Raw::connect(host.sites.address()).await;
    let answer = client
        .ask(
            "GET / HTTP/1.1\r\nHost: a.shop.example.com\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\n\
             Cookie: mine=1; longshore_preview=x\r\nCookie: longshore_preview=y\r\n\r\n",
        )
        .await
        .text();
    let mut lines: Vec<_> = answer.trim_end().lines().skip(2).collect();
    lines.sort_unstable();
    let expected = [
        "cookie: mine=1",
        "host: a.shop.example.com",
        "x-forwarded-for: 192.0.2.1, 127.0.0.1",
        "x-forwarded-port: 8443",
        "x-forwarded-proto: https",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_request_whose_targets_have_all_failed_waits_for_another_one() {
    let new = Upstream::named("new").await;
    // It takes a request, and is gone.
    let old = Upstream::start(|mut raw| async move { drop(raw.message().await) }).await;
    let host = host().await;
    host.sites.set(awake("a.shop", &public(), &[("old", old.address)])).await.unwrap();
    host.sites.set(awake("b.shop", &public(), &[("b", new.address)])).await.unwrap();
    let waiting = tokio::spawn(host.ask("a.shop.example.com", "/", ""));
    until(|| old.connections() > 0).await;
    // Whatever came of that, it would have come before the answers to these.
    for _ in 0..50 {
        assert_eq!(host.get("b.shop.example.com", "/").await.status(), 200);
    }
    assert!(!waiting.is_finished(), "no other target is known yet");
    host.sites.set(awake("a.shop", &public(), &[("new", new.address)])).await.unwrap();
    let answer = soon(waiting).await.unwrap();
    assert_eq!((answer.status(), answer.header("served-by")), (200, "new".into()));
}

#[tokio::test]
async fn requests_wait_until_their_site_is_awake() {
    let target = Upstream::named("a").await;
    let host = host().await;
    host.sites.set(asleep("a.shop", &public())).await.unwrap();
    let waiting: Vec<_> = (0..40).map(|_| tokio::spawn(host.ask("a.shop.example.com", "/", ""))).collect();
    assert_eq!(soon(host.sites.calls()).await, ["a.shop"]);
    // Nothing about a site but a target lets them go on: not another site, not a target that is only probed.
    host.sites.set(awake("b.shop", &public(), &[("b", target.address)])).await.unwrap();
    let mut waking = asleep("a.shop", &public());
    waking.services[0].probed = vec![SiteTarget { key: "t".into(), address: target.address }];
    host.sites.set(waking).await.unwrap();
    assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
    host.sites.set(awake("a.shop", &public(), &[("t", target.address)])).await.unwrap();
    for answer in waiting {
        let answer = soon(answer).await.unwrap();
        assert_eq!((answer.status(), answer.header("x-robots-tag")), (200, "noindex".into()));
    }
    assert_eq!(host.news(), [("a.shop".to_owned(), 1)]);
}

#[tokio::test]
async fn no_more_requests_wait_than_may() {
    let mut options = options();
    (options.holding.per_site, options.holding.total) = (3, 5);
    let host = host_with(options).await;
    for id in ["a.shop", "b.shop"] {
        host.sites.set(asleep(id, &public())).await.unwrap();
    }
    let wait = |name: &'static str| tokio::spawn(host.ask(name, "/", "Accept: text/html\r\n"));
    let (mut first, mut second) = (Vec::new(), Vec::new());
    // One after another, so that it is known who comes too late: nobody's place shows from outside but by an answer.
    for _ in 0..4 {
        first.push(wait("a.shop.example.com"));
    }
    let busy = soon(host.first(&mut first)).await;
    assert_eq!((busy.status(), busy.header("retry-after")), (503, "5".into()));
    assert!(busy.text().contains("<h1>This preview is busy</h1>"), "{}", busy.text());
    for _ in 0..3 {
        second.push(wait("b.shop.example.com"));
    }
    assert_eq!(soon(host.first(&mut second)).await.status(), 503);
    assert_eq!((first.len(), second.len()), (3, 2));
    // Who goes leaves a place for the next.
    let target = Upstream::named("a").await;
    host.sites.set(awake("a.shop", &public(), &[("t", target.address)])).await.unwrap();
    for answer in first {
        assert_eq!(soon(answer).await.unwrap().status(), 200);
    }
    second.push(wait("b.shop.example.com"));
    host.sites.set(awake("b.shop", &public(), &[("u", target.address)])).await.unwrap();
    for answer in second {
        assert_eq!(soon(answer).await.unwrap().status(), 200);
    }
    // All places are free again.
    host.sites.set(asleep("a.shop", &public())).await.unwrap();
    host.clock.0.store(2, Ordering::SeqCst);
    let again: Vec<_> = (0..3).map(|_| wait("a.shop.example.com")).collect();
    until(|| host.news() == [("a.shop".to_owned(), 2)]).await;
    host.sites.set(awake("a.shop", &public(), &[("t", target.address)])).await.unwrap();
    for answer in again {
        assert_eq!(soon(answer).await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    let mut options = options();
    options.holding.longest = std::time::Duration::from_millis(50);
    let host = host_with(options).await;
    host.sites.set(asleep("a.shop", &public())).await.unwrap();
    let answer = host.get("a.shop.example.com", "/").await;
    assert_eq!((answer.status(), answer.header("retry-after")), (503, "5".into()));
    assert_eq!(answer.header("x-robots-tag"), "noindex");
    assert!(answer.text().starts_with("This preview is still waking up: "));
}

#[tokio::test]
async fn a_closed_site_says_why_and_lets_nobody_wait() {
    let target = Upstream::named("a").await;
    let host = host().await;
    host.sites.set(asleep("a.shop", &public())).await.unwrap();
    let waiting = tokio::spawn(host.ask("a.shop.example.com", "/", "Accept: text/html\r\n"));
    soon(host.sites.calls()).await;
    host.news();
    let mut closed = awake("a.shop", &public(), &[("t", target.address)]);
    closed.closed = Some("its image <none> was not found".into());
    host.sites.set(closed).await.unwrap();
    let answer = soon(waiting).await.unwrap();
    assert_eq!((answer.status(), answer.header("x-robots-tag")), (503, "noindex".into()));
    assert!(answer.text().contains("its image &lt;none&gt; was not found"), "{}", answer.text());
    assert_eq!(host.get("a.shop.example.com", "/").await.status(), 503);
    assert!(host.news().is_empty());
    host.sites.set(asleep("b.shop", &public())).await.unwrap();
    let waiting = tokio::spawn(host.ask("b.shop.example.com", "/", ""));
    soon(host.sites.calls()).await;
    host.sites.remove("b.shop").await.unwrap();
    assert_eq!(soon(waiting).await.unwrap().status(), 404);
}

#[tokio::test]
async fn health_checks_wake_nothing_and_are_not_counted() {
    let target = Upstream::named("a").await;
    let host = host().await;
    host.sites.set(asleep("a.shop", &public())).await.unwrap();
    for agent in ["ELB-HealthChecker/2.0", PROBER] {
        let agent = format!("User-Agent: {agent}\r\n");
        let answer = host.ask("a.shop.example.com", "/", &agent).await;
        assert_eq!((answer.status(), answer.header("retry-after")), (503, "5".into()));
        assert!(host.news().is_empty());
    }
    host.sites.set(awake("a.shop", &public(), &[("t", target.address)])).await.unwrap();
    assert_eq!(host.ask("a.shop.example.com", "/", "User-Agent: longshore-prober/1\r\n").await.status(), 200);
    assert!(host.news().is_empty());
    // The proxy itself is well.
    assert_eq!(host.ask("10.0.0.1", "/any", "User-Agent: ELB-HealthChecker/2.0\r\n").await.status(), 200);
    assert_eq!(host.get("a.shop.example.com", "/").await.status(), 200);
    assert_eq!(host.news(), [("a.shop".to_owned(), 1)]);
}

#[tokio::test]
async fn times_of_requests_are_told_once() {
    let target = upgrading().await;
    let echo = Upstream::named("a").await;
    let host = host().await;
    let policy = checked_at(echo.address);
    host.sites.set(awake("a.shop", &policy, &[("t", target.address)])).await.unwrap();
    host.sites.set(awake("b.shop", &public(), &[("u", echo.address)])).await.unwrap();
    assert!(host.news().is_empty());
    for now in [5, 7] {
        host.clock.0.store(now, Ordering::SeqCst);
        host.get("b.shop.example.com", "/").await;
    }
    assert_eq!(host.news(), [("b.shop".to_owned(), 7)]);
    assert!(host.news().is_empty());
    let mut client = Raw::connect(host.sites.address()).await;
    client.send(UPGRADE.replace("Host: test", "Host: a.shop.example.com")).await;
    soon(client.head()).await.unwrap();
    soon(client.exactly(2)).await.unwrap();
    host.news();
    for now in [20, 30] {
        host.clock.0.store(now, Ordering::SeqCst);
        soon(async {
            while host.news() != [("a.shop".to_owned(), now)] {
                client.send("A").await;
                assert_eq!(client.exactly(1).await.unwrap(), b"B");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn old_targets_get_nothing_new_and_end_what_they_have() {
    let (old, gate) = crate::life::gated().await;
    let new = Upstream::named("new").await;
    let host = Arc::new(host().await);
    let policy = checked_at(new.address);
    host.sites.set(awake("a.shop", &policy, &[("old", old.address)])).await.unwrap();
    let under_way = tokio::spawn(host.ask("a.shop.example.com", "/", ""));
    until(|| old.connections() >= 1).await;
    host.sites.set(awake("a.shop", &policy, &[("new", new.address)])).await.unwrap();
    let before = old.connections();
    for _ in 0..20 {
        assert_eq!(host.get("a.shop.example.com", "/").await.header("served-by"), "new");
    }
    assert_eq!(old.connections(), before);
    soon(async {
        while !under_way.is_finished() {
            gate.notify_one();
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(under_way.await.unwrap().header("served-by"), "gated");
}

#[tokio::test]
async fn targets_are_checked_and_probed_ones_get_nothing_else() {
    let (active, probed, status) = (target("active").await, target("probed").await, target("bad").await);
    status.status.store(500, Ordering::SeqCst);
    let host = host().await;
    let mut shop = awake("a.shop", &public(), &[("active", active.address())]);
    shop.services[0].probed = vec![
        SiteTarget { key: "probed".into(), address: probed.address() },
        SiteTarget { key: "bad".into(), address: status.address() },
    ];
    assert!(host.sites.health("a.shop").is_empty());
    host.sites.set(shop.clone()).await.unwrap();
    let found = |expected: &[(&str, Result<(), &str>)]| -> BTreeMap<String, Result<(), String>> {
        expected.iter().map(|(key, found)| ((*key).to_owned(), found.map_err(str::to_owned))).collect()
    };
    let all = found(&[("active", Ok(())), ("probed", Ok(())), ("bad", Err("the answer was 500"))]);
    soon(async {
        while host.sites.health("a.shop") != all {
            assert_eq!(host.sites.calls().await, ["a.shop"]);
        }
    })
    .await;
    for _ in 0..10 {
        assert_eq!(host.get("a.shop.example.com", "/").await.header("served-by"), "active");
    }
    assert_eq!((probed.others(), status.others(), active.others()), (0, 0, 10));
    // Checks count as nobody's request. One that was probed becomes active without being asked anew.
    host.news();
    shop.services[0].active = std::mem::take(&mut shop.services[0].probed);
    shop.services[0].active.pop();
    host.sites.set(shop).await.unwrap();
    assert_eq!(host.sites.health("a.shop"), found(&[("probed", Ok(()))]));
    assert_eq!(host.get("a.shop.example.com", "/").await.header("served-by"), "probed");
    host.sites.remove("a.shop").await.unwrap();
    assert!(host.sites.health("a.shop").is_empty());
}

#[tokio::test]
async fn many_changes_at_once_are_each_in_force_on_return() {
    let target = Upstream::named("a").await;
    let host: Arc<Host> = Arc::new(host().await);
    let mut all = tokio::task::JoinSet::new();
    for number in 0..200 {
        let (host, address) = (host.clone(), target.address);
        all.spawn(async move {
            let id = format!("e{number}.shop");
            host.sites.set(awake(&id, &public(), &[("t", address)])).await.unwrap();
            assert_eq!(host.get(&format!("{id}.example.com"), "/").await.status(), 200);
            if number % 2 == 0 {
                host.sites.remove(&id).await.unwrap();
                assert_eq!(host.get(&format!("{id}.example.com"), "/").await.status(), 404);
            }
        });
    }
    while let Some(done) = soon(all.join_next()).await {
        done.unwrap();
    }
}

#[tokio::test]
async fn a_site_that_makes_no_sense_changes_nothing() {
    let host = host().await;
    host.sites.set(asleep("a.shop", &public())).await.unwrap();
    let mut policy = public();
    policy.services[0].health.matcher = "good".into();
    let error = host.sites.set(asleep("a.shop", &policy)).await.unwrap_err();
    assert!(error.to_string().contains("service `web` of `a.shop`"), "{error}");
    // The policy of what is made from now on: this one was made for our proxy.
    policy = public();
    policy.route = longshore_model::preview::Route::Host { listener: "arn".into(), domain: "d".into() };
    let moved = Site { policy: Arc::new(policy), ..asleep("a.shop", &public()) };
    host.sites.set(moved).await.unwrap();
    let waiting = tokio::spawn(host.ask("a.shop.example.com", "/", ""));
    assert_eq!(soon(host.sites.calls()).await, ["a.shop"]);
    // The end waits for nobody who waits.
    soon(host.sites.shutdown(DEADLINE * 10)).await;
    assert_eq!(soon(waiting).await.unwrap().status(), 503);
}
