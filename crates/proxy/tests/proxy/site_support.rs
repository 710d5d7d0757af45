//! Sites for tests, with a clock that is set by hand.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use longshore_model::Timestamp;
use longshore_model::preview::{Access, Entrance, Health, Policy, Route, ServicePolicy};
use longshore_proxy::sites::{Key, SiteOptions, Sites};
use longshore_world::{Clock, Site, SiteService, SiteTarget};
use tokio::task::JoinHandle;

use crate::support::{Message, Raw, Upstream, soon};

#[derive(Debug)]
pub(crate) struct SetClock(pub(crate) AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// Sites that run.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) sites: Sites,
    pub(crate) clock: Arc<SetClock>,
}

pub(crate) fn key() -> Key {
    Key::new(&[9; 32])
}

pub(crate) fn options() -> SiteOptions {
    let mut options =
        SiteOptions::new(vec!["127.0.0.1:0".parse().unwrap()], key(), "https://ship.example.com/");
    options.proxy = crate::support::options();
    options
}

pub(crate) async fn host() -> Host {
    host_with(options()).await
}

/// At one millisecond past 1970.
pub(crate) async fn host_with(options: SiteOptions) -> Host {
    let clock = Arc::new(SetClock(AtomicI64::new(1)));
    Host { sites: Sites::start(options, clock.clone()).await.unwrap(), clock }
}

impl Host {
    /// A GET over a connection of its own, with more headers.
    pub(crate) fn ask(
        &self,
        host: &str,
        path: &str,
        headers: &str,
    ) -> impl Future<Output = Message> + Send + use<> {
        let (address, request) =
            (self.sites.address(), format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n"));
        async move { Raw::connect(address).await.ask(request).await }
    }

    pub(crate) async fn get(&self, host: &str, path: &str) -> Message {
        soon(self.ask(host, path, "")).await
    }

    /// What is new about requests.
    pub(crate) fn news(&self) -> Vec<(String, i64)> {
        self.sites.requests().into_iter().map(|(id, at)| (id, at.0)).collect()
    }

    /// The first answer of several, which leaves them.
    pub(crate) async fn first(&self, all: &mut Vec<JoinHandle<Message>>) -> Message {
        loop {
            if let Some(number) = all.iter().position(JoinHandle::is_finished) {
                return all.remove(number).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

fn service_policy(name: &str, paths: &[&str]) -> ServicePolicy {
    ServicePolicy {
        paths: paths.iter().map(|it| (*it).to_owned()).collect(),
        health: Health { path: "/health".into(), ..Health::default() },
        ..ServicePolicy::new(name, name, 80)
    }
}

pub(crate) fn policy(access: Access) -> Policy {
    let route =
        Route::Proxy { domain: "example.com".into(), scheme: "https".into(), port: Some(8443), access };
    Policy::new(
        "octo/shop",
        "default",
        vec![service_policy("web", &[]), service_policy("api", &["/api/*"])],
        route,
    )
}

pub(crate) fn public() -> Policy {
    policy(Access::Public)
}

/// A site without a target.
pub(crate) fn site(id: &str, policy: &Policy) -> Site {
    let Route::Proxy { port: Some(port), access, .. } = policy.route else { panic!("another route") };
    Site {
        environment: id.into(),
        host: format!("{id}.example.com"),
        entrance: Entrance { is_secure: true, port, access },
        services: Vec::new(),
        policy: Arc::new(policy.clone()),
        closed: None,
    }
}

pub(crate) fn service(active: &[(&str, SocketAddr)]) -> SiteService {
    let active = active.iter().map(|(key, address)| SiteTarget { key: (*key).to_owned(), address: *address });
    SiteService { active: active.collect(), probed: Vec::new() }
}

pub(crate) fn asleep(id: &str, policy: &Policy) -> Site {
    Site { services: vec![SiteService::default(), SiteService::default()], ..site(id, policy) }
}

/// A site whose first service has these targets.
pub(crate) fn awake(id: &str, policy: &Policy, active: &[(&str, SocketAddr)]) -> Site {
    Site { services: vec![service(active), SiteService::default()], ..site(id, policy) }
}

/// A target that answers health checks with a status, and counts all else.
#[derive(Debug)]
pub(crate) struct Checked {
    upstream: Upstream,
    pub(crate) status: Arc<AtomicU16>,
    others: Arc<AtomicUsize>,
}

impl Checked {
    pub(crate) fn address(&self) -> SocketAddr {
        self.upstream.address
    }

    /// Requests that were no checks.
    pub(crate) fn others(&self) -> usize {
        self.others.load(Ordering::SeqCst)
    }
}

pub(crate) async fn target(name: &'static str) -> Checked {
    let (status, others) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicUsize::new(0)));
    let shared = (status.clone(), others.clone());
    let upstream = Upstream::start(move |mut raw: Raw| {
        let (status, others) = shared.clone();
        async move {
            while let Ok(request) = raw.message().await {
                let mut code = 200;
                if request.first.starts_with("GET /health ") {
                    code = status.load(Ordering::SeqCst);
                } else {
                    others.fetch_add(1, Ordering::SeqCst);
                }
                raw.send(format!("HTTP/1.1 {code} Word\r\nServed-By: {name}\r\nContent-Length: 0\r\n\r\n"))
                    .await;
            }
        }
    })
    .await;
    Checked { upstream, status, others }
}
