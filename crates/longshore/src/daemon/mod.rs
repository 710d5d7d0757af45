//! `longshore serve` and the same within `longshore up`: the control plane, wired.

mod glance;
mod outside;
mod place;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use longshore_aws::{Aws, Settings, SqsQueue};
use longshore_control::book::Book;
use longshore_control::driver::Driver;
use longshore_control::lease::Lease;
use longshore_control::preview::{
    Desk, GatheredEcs, GatheredServices, Object, Previews, TaskHooks, World, serve as drive,
};
use longshore_control::run::Runner;
use longshore_control::shutdown::Shutdown;
use longshore_model::preview::view::Role;
use longshore_model::preview::{Policy, Route};
use longshore_proxy::sites::{Key, SiteOptions, Sites};
use longshore_server::people::tokens;
use longshore_server::{App, Network, Secrets};
use longshore_store::Sqlite;
use longshore_world::{Clock, Queue, Routes};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::config::{self, Config};
use crate::error::Failed;
use crate::provider::WallClock;
use crate::terminal::{self, Style};

pub(crate) use self::place::{Place, default_directory, local, random, reach, within};

/// The lease of those who drive environments.
const LEASE: &str = "previews";
/// The name of the operator's token on this machine.
const LOCAL_TOKEN: &str = "this-machine";
/// A holder that died on another machine blocks the others for so long.
const LEASE_TIME: Duration = Duration::from_secs(15);
/// Rounds under way and open requests have so long when the daemon ends.
const GRACE: Duration = Duration::from_secs(10);
/// A process that stands by looks so often whether it acts now.
const LOOK_AT_LEASE: Duration = Duration::from_millis(500);
/// The requests of clients are noted so often.
const NOTE_REQUESTS: Duration = Duration::from_secs(5);

/// What it is started with.
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) place: Place,
    /// Where the API and the dashboard are.
    pub(crate) listener: TcpListener,
    /// Where our own proxy listens: the first of these that can be had.
    pub(crate) proxy: Vec<SocketAddr>,
    /// How AWS is reached.
    pub(crate) aws: Settings,
    /// Secrets by the names of their environment variables; `up` has its own.
    pub(crate) secret: fn(&str) -> Option<String>,
    /// What `up` knows beforehand instead.
    pub(crate) secrets: BTreeMap<String, String>,
}

impl Setup {
    /// A secret, by the name that the configuration has for it.
    fn secret(&self, name: &str) -> Option<String> {
        self.secrets.get(name).cloned().or_else(|| (self.secret)(name))
    }
}

/// A daemon that serves.
pub(crate) struct Daemon {
    /// Where the API and the dashboard are, on this machine.
    pub(crate) endpoint: String,
    /// Where people and GitHub reach them.
    pub(crate) public_url: String,
    /// Where the environments behind our own proxy are.
    pub(crate) proxy: SocketAddr,
    stop: Shutdown,
    sites: Arc<Sites>,
    tasks: JoinSet<()>,
    place: Arc<Place>,
}

/// Starts everything; when it returns, requests are answered.
pub(crate) async fn start(setup: Setup) -> Result<Daemon> {
    let Config { serve, .. } = &setup.config;
    let endpoint = endpoint(&setup.listener)?;
    let public_url = serve.url.clone().unwrap_or_else(|| endpoint.clone());
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let key = Key::new(&setup.place.key);
    let options = SiteOptions::new(setup.proxy.clone(), key.clone(), &public_url);
    let sites = Arc::new(Sites::start(options, Arc::clone(&clock)).await?);
    let policies = policies(&setup.config, sites.address())?;
    let aws = Arc::new(Aws::connect(setup.aws.clone()).await?);
    let github = outside::github(&setup)?;
    let runner = Runner::new(Arc::clone(&aws) as _, Arc::clone(&aws) as _);
    let tasks = TaskHooks::new(runner, Arc::clone(&aws) as _);
    let world = World {
        services: Arc::new(GatheredServices::new(Arc::clone(&aws) as _)),
        ecs: Arc::new(GatheredEcs::new(Arc::clone(&aws) as _)),
        logs: Arc::clone(&aws) as _,
        balancers: Some(Arc::clone(&aws) as _),
        notifiers: outside::notifiers(&setup, &github, &aws, &public_url)?,
        github,
        hooks: outside::hooks(&setup, &policies, &aws, tasks)?,
        addresses: Arc::clone(&aws) as _,
        routes: Some(Arc::clone(&sites) as Arc<dyn Routes>),
        clock: Arc::clone(&clock),
    };
    let book = Book::new(Arc::new(Sqlite::open(&setup.place.store())?));
    tokens::keep(&book, LOCAL_TOKEN, Role::Operator, &setup.place.token, clock.now()).await?;
    let driver = Driver::new(Arc::clone(&clock));
    let previews = Arc::new(Previews::new(world, book.clone(), policies.clone()));
    previews.reopen().await?;
    let desk = Arc::new(Desk::of(Arc::clone(&previews), driver.clone()));
    let lease = Lease::new(book, LEASE, setup.place.holder.clone(), LEASE_TIME, Arc::clone(&clock));
    let queue = serve.queue.as_ref();
    let queue = queue.map(|name| Arc::new(SqsQueue::new(Aws::clone(&aws), name)) as Arc<dyn Queue>);
    let app = App {
        desk: Arc::clone(&desk),
        secrets: secrets(&setup),
        login: outside::login(&setup, &public_url)?,
        public_url: public_url.clone(),
        repositories_url: outside::repositories_url(&serve.github.api),
        trusted_proxies: trusted(&serve.trusted_proxies)?,
        glance: Arc::new(glance::Cluster::new(aws, clusters(&policies), driver.clone(), lease.clone())),
        reply: Arc::new(outside::Replies::new()?),
        sign_link: outside::link_signer(key, clock),
    };
    let place = Arc::new(setup.place);
    let stop = Shutdown::new();
    let mut tasks = JoinSet::new();
    if place.is_second() {
        let (place, lease, endpoint) = (Arc::clone(&place), lease.clone(), endpoint.clone());
        tasks.spawn(announce_once_acting(place, lease, endpoint, sites.address(), stop.clone()));
    } else {
        place.announce(&endpoint, &sites.address().to_string())?;
    }
    tasks.spawn(serve_http(setup.listener, app, stop.clone()));
    tasks.spawn(watch_requests(Arc::clone(&sites), desk, stop.clone()));
    tasks.spawn({
        let stop = stop.clone();
        async move { drive(previews, &driver, &lease, queue, &stop).await }
    });
    let proxy = sites.address();
    Ok(Daemon { endpoint, public_url, proxy, stop, sites, tasks, place })
}

impl Daemon {
    /// Where its state is.
    pub(crate) fn directory(&self) -> &Path {
        self.place.directory()
    }

    /// Ends: what is under way is finished, within bounds.
    pub(crate) async fn shutdown(mut self) {
        self.stop.request(GRACE);
        while self.tasks.join_next().await.is_some() {}
        self.sites.shutdown(GRACE).await;
    }
}

async fn serve_http(listener: TcpListener, app: App, stop: Shutdown) {
    let shutdown = async move {
        stop.requested().await;
    };
    longshore_server::serve(listener, app, shutdown).await;
}

/// A second process in a directory is asked on this machine once it is the one that acts.
async fn announce_once_acting(
    place: Arc<Place>,
    lease: Lease,
    endpoint: String,
    proxy: SocketAddr,
    stop: Shutdown,
) {
    while !lease.is_held() {
        tokio::select! {
            biased;
            _ = stop.requested() => return,
            () = tokio::time::sleep(LOOK_AT_LEASE) => {}
        }
    }
    if let Err(error) = place.announce(&endpoint, &proxy.to_string()) {
        tracing::warn!(%error, "cannot say where this process is reached");
    }
}

/// Tells the reconcilers what clients do: at once when somebody waits, else every few seconds.
async fn watch_requests(sites: Arc<Sites>, desk: Arc<Desk>, stop: Shutdown) {
    loop {
        tokio::select! {
            biased;
            _ = stop.requested() => return,
            called = sites.calls() => called.into_iter().for_each(|id| desk.driver().wake(Object::Environment(id))),
            () = tokio::time::sleep(NOTE_REQUESTS) => {}
        }
        if let Err(error) = desk.requested(&sites.requests()).await {
            tracing::warn!(%error, "cannot note the requests of clients");
        }
    }
}

/// The policies by repository, with the proxy's own port where nothing else is between it and browsers.
fn policies(config: &Config, proxy: SocketAddr) -> Result<BTreeMap<String, Arc<Policy>>> {
    let mut policies = Vec::new();
    for preview in &config.preview {
        let mut policy = preview.policy()?;
        if let Route::Proxy { domain, port, scheme, .. } = &mut policy.route
            && port.is_none()
            && scheme == "http"
            && config::is_local(domain)
        {
            *port = Some(proxy.port());
        }
        policies.push(policy);
    }
    if let Err(wrong) = longshore_decide::preview::check::check(&policies) {
        let hint = wrong.get(1..).filter(|more| !more.is_empty()).map(|more| more.join("; "));
        let failed = Failed::usage(format!("longshore.toml: {}", wrong.first().map_or("", String::as_str)));
        return Err(match hint {
            Some(hint) => failed.with_hint(hint).into(),
            None => failed.into(),
        });
    }
    for warning in longshore_decide::preview::check::warnings(&policies) {
        terminal::talk(&format!("warning: {warning}"), Style::Warning);
    }
    Ok(policies.into_iter().map(|policy| (policy.repository.clone(), Arc::new(policy))).collect())
}

/// Addresses, or ranges of them.
fn trusted(texts: &[String]) -> Result<Vec<Network>> {
    texts.iter().map(|text| Ok(text.parse()?)).collect()
}

fn clusters(policies: &BTreeMap<String, Arc<Policy>>) -> Vec<String> {
    let mut clusters: Vec<String> = policies.values().map(|policy| policy.cluster.clone()).collect();
    clusters.sort();
    clusters.dedup();
    clusters
}

fn secrets(setup: &Setup) -> Secrets {
    let serve = &setup.config.serve;
    let bytes = |name: &str| setup.secret(name).map(String::into_bytes);
    Secrets {
        github: bytes(&serve.github.webhook_secret_env),
        slack: bytes(&serve.slack.signing_secret_env),
        slack_token: serve.slack.outgoing_token_env.as_deref().and_then(|name| setup.secret(name)),
        key: setup.place.key,
    }
}

/// Where a listener is reached.
pub(crate) fn endpoint(listener: &TcpListener) -> Result<String> {
    Ok(format!("http://{}", listener.local_addr().context("the listener has no address")?))
}

/// Opens the port of the API and the dashboard.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "is another `longshore serve` running? choose another `serve.listen`"
            }
            _ => "`serve.listen` in longshore.toml is an address of this machine and a port",
        };
        Failed::new(format!("cannot listen on {address}")).with_hint(hint).caused_by(error).into()
    })
}
