//! What watches this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use async_trait::async_trait;
use longshore_model::Error;
use longshore_model::preview::view::Role;
use longshore_server::{ApiCalls, Glance, RunRow, ServiceRow, Standing};

use crate::samples;
use crate::support::Server;

/// A process whose lease is told from outside.
#[derive(Debug)]
struct Lease(AtomicU8);

#[async_trait]
impl Glance for Lease {
    async fn services(&self) -> Result<Vec<ServiceRow>, Error> {
        Ok(Vec::new())
    }

    async fn runs(&self) -> Result<Vec<RunRow>, Error> {
        Ok(Vec::new())
    }

    async fn api_calls(&self) -> Vec<ApiCalls> {
        Vec::new()
    }

    fn standing(&self) -> Standing {
        let acts = match self.0.load(Ordering::SeqCst) {
            0 => None,
            1 => Some(false),
            _ => Some(true),
        };
        Standing { acts, ..Standing::default() }
    }
}

#[tokio::test]
async fn ready_is_who_knows_of_the_lease() {
    let lease = Arc::new(Lease(AtomicU8::new(0)));
    let given = Arc::clone(&lease);
    let server = Server::with(|app| app.glance = given).await;
    assert_eq!(server.get("/healthz", &[]).await.body, "ok\n");
    for (state, status, words) in [(0, 503, "not known"), (1, 503, "standing by"), (2, 200, "acting")] {
        lease.0.store(state, Ordering::SeqCst);
        let ready = server.get("/readyz", &[]).await;
        assert_eq!(ready.status, status);
        assert!(ready.body.contains(words), "{}", ready.body);
    }
    server.stop().await;
}

/// A cluster that counts how often it is looked at.
#[derive(Debug, Default)]
struct Counted(AtomicUsize);

#[async_trait]
impl Glance for Counted {
    async fn services(&self) -> Result<Vec<ServiceRow>, Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Vec::new())
    }

    async fn runs(&self) -> Result<Vec<RunRow>, Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Vec::new())
    }

    async fn api_calls(&self) -> Vec<ApiCalls> {
        Vec::new()
    }

    fn standing(&self) -> Standing {
        Standing::default()
    }
}

#[tokio::test]
async fn open_pages_share_one_look_at_the_cluster() {
    let counted = Arc::new(Counted::default());
    let given = Arc::clone(&counted);
    let server = Server::with(|app| app.glance = given).await;
    let browser = server.browser(Role::Viewer).await;
    for _ in 0..20 {
        assert_eq!(browser.get("/runs").await.status, 200);
    }
    assert_eq!(counted.0.load(Ordering::SeqCst), 2, "services once, runs once");
    server.clock.add_seconds(5);
    browser.get("/runs").await;
    assert_eq!(counted.0.load(Ordering::SeqCst), 4);
    server.stop().await;
}

#[tokio::test]
async fn prometheus_reads_counts_and_no_secrets() {
    let server = Server::start().await;
    samples::fill(&server.book, server.now()).await;
    let token = server.token("prometheus", Role::Viewer).await;
    let _forged = server.send("POST", "/webhooks/github", &[], "{}").await;
    let _unknown = server.get("/a/path/that/is/not/there?token=secret", &[]).await;
    let _invented = server.send("BREW", "/", &[], "").await;
    let page = server.api("GET", "/metrics", &token, "").await;
    assert_eq!(page.header("content-type"), "text/plain; version=0.0.4");
    for line in [
        "longshore_http_requests_total{route=\"/webhooks/github\",method=\"POST\",status=\"401\"} 1",
        "longshore_http_requests_total{route=\"none\",method=\"GET\",status=\"404\"} 1",
        "longshore_deliveries_total{source=\"github\",fate=\"forged\"} 1",
        "longshore_environments{state=\"ready\"} 3",
        "longshore_environments{state=\"waking\"} 0",
        "longshore_rounds_total 412",
        "longshore_round_errors_total 1",
        "longshore_acts 1",
        "longshore_aws_calls_last_minute{operation=\"ecs:DescribeServices\"} 14",
    ] {
        assert!(page.body.lines().any(|it| it == line), "{line} is not in {}", page.body);
    }
    assert!(!page.body.contains("secret") && !page.body.contains(&token) && !page.body.contains("BREW"));
    for line in page.body.lines().filter(|line| !line.starts_with('#')) {
        let (_, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    server.stop().await;
}
