//! Health checks against targets that answer, do not, and answer wrongly.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use longshore_proxy::health::{Check, Health, HealthChecks, Probe, Reason, Thresholds, Transition};
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::support::{Raw, Upstream, soon, until};

fn check(target: &str, address: std::net::SocketAddr) -> Check {
    Check {
        group: "g".into(),
        target: target.into(),
        address,
        probe: Probe::Http { tls: false, path: "/health".into(), codes: "200-299".parse().unwrap() },
        interval: Duration::from_millis(30),
        first_interval: Duration::from_millis(30),
        timeout: Duration::from_millis(500),
        thresholds: Thresholds { healthy: 3, unhealthy: 2 },
    }
}

async fn next(told: &mut UnboundedReceiver<Transition>) -> (String, Health) {
    let transition = soon(told.recv()).await.unwrap();
    assert_eq!(transition.group, "g");
    (transition.target, transition.health)
}

/// A target whose status can be changed, and which checks that it is asked in the right words.
async fn with_status() -> (Upstream, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(200));
    let shared = status.clone();
    let target = Upstream::start(move |mut raw: Raw| {
        let status = shared.clone();
        async move {
            let request = raw.message().await.unwrap();
            let asked = request.first == "GET /health HTTP/1.1"
                && request.header("user-agent") == "ELB-HealthChecker/2.0";
            let status = if asked { status.load(Ordering::SeqCst) } else { 400 };
            raw.send(format!("HTTP/1.1 {status} Word\r\nContent-Length: 0\r\n\r\n")).await;
        }
    })
    .await;
    (target, status)
}

#[tokio::test]
async fn a_target_turns_healthy_and_unhealthy_and_back() {
    let (target, status) = with_status().await;
    let (checks, mut told) = HealthChecks::start().unwrap();
    checks.set(vec![check("t", target.address)]);
    assert_eq!(next(&mut told).await, ("t".into(), Health::Healthy));
    status.store(503, Ordering::SeqCst);
    assert_eq!(next(&mut told).await.1, Health::Unhealthy(Reason::Mismatch(503)));
    status.store(204, Ordering::SeqCst);
    assert_eq!(next(&mut told).await.1, Health::Healthy);
}

#[tokio::test]
async fn silence_refusal_and_garbage_have_their_reasons() {
    let silent = Upstream::silent().await;
    let garbage = Upstream::start(|mut raw: Raw| async move { raw.send("SSH-2.0\r\n\r\n").await }).await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (checks, mut told) = HealthChecks::start().unwrap();
    let mut slow = check("silent", silent.address);
    slow.timeout = Duration::from_millis(50);
    let tcp = Check { probe: Probe::Tcp, ..check("tcp", silent.address) };
    checks.set(vec![slow, check("garbage", garbage.address), check("nobody", nobody), tcp]);
    let mut all = Vec::new();
    while all.len() < 4 {
        all.push(next(&mut told).await);
    }
    all.sort_by(|left, right| left.0.cmp(&right.0));
    let expected = [
        ("garbage", Health::Unhealthy(Reason::Failed)),
        ("nobody", Health::Unhealthy(Reason::Failed)),
        ("silent", Health::Unhealthy(Reason::Timeout)),
        ("tcp", Health::Healthy),
    ];
    assert_eq!(all, expected.map(|(name, health)| (name.to_owned(), health)));
}

#[tokio::test]
async fn a_new_set_keeps_what_is_known_and_forgets_what_is_gone() {
    let (target, _) = with_status().await;
    let (other, _) = with_status().await;
    let (checks, mut told) = HealthChecks::start().unwrap();
    checks.set(vec![check("t", target.address)]);
    assert_eq!(next(&mut told).await, ("t".into(), Health::Healthy));
    let mut slower = check("t", target.address);
    slower.interval = Duration::from_millis(20);
    checks.set(vec![slower, check("other", other.address)]);
    // The first is not told again: it is still known to be healthy.
    assert_eq!(next(&mut told).await, ("other".into(), Health::Healthy));
    checks.set(vec![check("other", other.address)]);
    let (asked, others) = (target.connections(), other.connections());
    until(|| other.connections() >= others + 6).await;
    // One that was on its way may still have arrived.
    assert!(target.connections() <= asked + 1);
    assert!(told.try_recv().is_err());
}
