//! Rules, redirects, fixed answers, weights and cookies.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use longshore_proxy::{
    Action, Balance, Condition, Cookie, Fixed, Forward, Redirect, Secret, Table, TableError, Tls,
};

use crate::support::{Raw, Upstream, forward, group, listener, options, proxy, rule, table};

fn fixed(status: u16, body: &str) -> Action {
    Action::Fixed(Fixed { status, content_type: "text/plain".into(), body: body.into() })
}

fn host(name: &str) -> Condition {
    Condition::Host(vec![name.into()])
}

#[tokio::test]
async fn the_first_rule_that_matches_acts() {
    let target = Upstream::named("a").await;
    let https = Redirect { protocol: "HTTPS".into(), port: "443".into(), ..Redirect::default() };
    let mut web = listener(fixed(404, "nothing here"));
    web.rules = vec![
        rule(20, vec![host("*.example.com")], fixed(200, "wildcard")),
        rule(10, vec![host("app.example.com")], forward("g")),
        rule(
            5,
            vec![host("app.example.com"), Condition::Path(vec!["/old/*".into()])],
            Action::Redirect(https),
        ),
        rule(30, vec![Condition::Method(vec!["DELETE".into()])], fixed(405, "no")),
        rule(
            40,
            vec![Condition::SourceIp(vec!["127.0.0.0/8".parse().unwrap()]), host("local")],
            fixed(204, ""),
        ),
    ];
    let (_proxy, address) =
        proxy(Table { listeners: vec![web], groups: vec![group("g", &[target.address])] }).await;
    let mut client = Raw::connect(address).await;
    let ask =
        |method: &str, host: &str, path: &str| format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let answer = client.ask(ask("GET", "APP.example.com:1", "/")).await;
    assert_eq!((answer.status(), answer.header("served-by")), (200, "a".into()));
    let answer = client.ask(ask("GET", "app.example.com", "/old/x?y=z")).await;
    assert_eq!(answer.status(), 301);
    assert_eq!(answer.header("location"), "https://app.example.com:443/old/x?y=z");
    let answer = client.ask(ask("GET", "b.example.com", "/")).await;
    assert_eq!((answer.status(), answer.text()), (200, "wildcard".into()));
    assert_eq!(answer.header("content-type"), "text/plain");
    assert!(answer.header("date").ends_with(" GMT"));
    assert_eq!(client.ask(ask("DELETE", "c", "/")).await.status(), 405);
    let answer = client.ask(ask("GET", "local", "/")).await;
    assert_eq!((answer.status(), answer.header("content-length")), (204, String::new()));
    let answer = client.ask(ask("GET", "c", "/")).await;
    assert_eq!((answer.status(), answer.text()), (404, "nothing here".into()));
    // One connection has seen all of them, and bodies that are here already are no reason to close it.
    let answer = client.ask("POST / HTTP/1.1\r\nHost: c\r\nContent-Length: 3\r\n\r\nabc").await;
    assert_eq!((answer.status(), answer.header("connection")), (404, String::new()));
    assert_eq!(client.ask(ask("GET", "b.example.com", "/")).await.text(), "wildcard");
}

#[tokio::test]
async fn requests_are_spread_by_weight_and_in_turn() {
    let (a, b, c) = (Upstream::named("a").await, Upstream::named("b").await, Upstream::named("c").await);
    let weights = Forward { groups: vec![("blue".into(), 9), ("green".into(), 1)], stickiness: None };
    let groups = vec![group("blue", &[a.address, b.address]), group("green", &[c.address])];
    let (_proxy, address) =
        proxy(Table { listeners: vec![listener(Action::Forward(weights))], groups }).await;
    let mut client = Raw::connect(address).await;
    let mut counts = BTreeMap::<_, u32>::new();
    for _ in 0..200 {
        *counts.entry(client.get("/").await.header("served-by")).or_default() += 1;
    }
    assert!((85..=95).contains(&counts["a"]) && (85..=95).contains(&counts["b"]), "{counts:?}");
    assert!((15..=25).contains(&counts["c"]), "{counts:?}");
}

#[tokio::test]
async fn the_least_busy_target_gets_the_request() {
    let (busy, free) = (Upstream::silent().await, Upstream::named("free").await);
    let mut table = table(&[busy.address, free.address]);
    table.groups[0].balance = Balance::LeastOutstanding;
    let (proxy, address) = proxy(table).await;
    let mut stuck = Vec::new();
    while proxy.in_flight("g/0") == 0 {
        let mut client = Raw::connect(address).await;
        client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").await;
        crate::support::until(|| proxy.in_flight("g/0") == 1 || !stuck.is_empty()).await;
        stuck.push(client);
    }
    let mut client = Raw::connect(address).await;
    for _ in 0..10 {
        assert_eq!(client.get("/").await.header("served-by"), "free");
    }
}

#[tokio::test]
async fn a_cookie_keeps_a_client_with_its_target_and_its_group() {
    let (a, b, c) = (Upstream::named("a").await, Upstream::named("b").await, Upstream::named("c").await);
    let cookie = |name: &str| Some(Cookie { name: name.into(), lasts: Duration::from_secs(60) });
    let weights = Forward { groups: vec![("x".into(), 1), ("y".into(), 1)], stickiness: cookie("GROUP") };
    let mut groups = vec![group("x", &[a.address, b.address]), group("y", &[c.address])];
    groups[0].stickiness = cookie("TARGET");
    let table = Table { listeners: vec![listener(Action::Forward(weights))], groups };
    let (proxy, address) = proxy(table.clone()).await;
    let mut client = Raw::connect(address).await;
    let (mut seen, mut kept) = (BTreeSet::new(), None);
    for _ in 0..20 {
        let first = client.get("/").await;
        let set = first.header("set-cookie");
        assert!(set.starts_with("GROUP=") && set.contains("; Expires=") && set.contains("; Path=/"), "{set}");
        let cookies: Vec<_> = set.split('|').filter_map(|it| it.split(';').next()).collect();
        let request =
            format!("GET / HTTP/1.1\r\nHost: test\r\nCookie: other=1; {}\r\n\r\n", cookies.join("; "));
        for _ in 0..5 {
            assert_eq!(client.ask(&request).await.header("served-by"), first.header("served-by"));
        }
        if first.header("served-by") == "a" {
            kept = Some(request);
        }
        seen.insert(first.header("served-by"));
    }
    assert_eq!(seen.len(), 3, "every target got somebody");
    // A target that is gone is no reason to fail.
    let mut without = table;
    without.groups[0].targets.remove(0);
    proxy.swap(without).await.unwrap();
    assert_eq!(client.ask(kept.unwrap()).await.header("served-by"), "b");
}

#[tokio::test]
async fn a_table_that_makes_no_sense_changes_nothing() {
    let target = Upstream::named("a").await;
    let good = table(&[target.address]);
    let (proxy, address) = proxy(good.clone()).await;
    let mut twice = good.clone();
    twice.groups.push(group("g", &[]));
    let mut missing = good.clone();
    missing.listeners[0].default = forward("h");
    let mut split = good.clone();
    split.listeners[0].default =
        Action::Redirect(Redirect { path: "/\r\nX: y".into(), ..Redirect::default() });
    let mut no_certificate = good.clone();
    no_certificate.listeners[0].tls = Some(Tls {
        certificates: vec![longshore_proxy::Certificate {
            names: vec![],
            chain: "none".into(),
            key: Secret("secret text".into()),
        }],
    });
    assert!(!format!("{no_certificate:?}").contains("secret text"));
    assert!(matches!(proxy.swap(twice).await, Err(TableError::Twice { what: "group", .. })));
    assert!(matches!(proxy.swap(missing).await, Err(TableError::NoGroup { .. })));
    assert!(matches!(proxy.swap(split).await, Err(TableError::NotAnswerable { .. })));
    assert!(matches!(proxy.swap(no_certificate).await, Err(TableError::Certificate { .. })));
    assert_eq!(Raw::connect(address).await.get("/").await.status(), 200);
    assert!(options().workers > 1);
}
