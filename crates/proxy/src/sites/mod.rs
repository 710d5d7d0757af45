//! Preview environments behind the proxy: each a host name with its targets, who is let in, and what waits until it is
//! awake.
//!
//! [`Sites`] keeps what each environment was set to, and puts all of it in force as one table. Requests never see more
//! of it than their table and the door of their site.

mod access;
mod door;
mod page;
mod pass;
mod table;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use longshore_model::{Error, Kind, Timestamp};
use longshore_world::{Clock, Routes, Site};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

pub use self::access::COOKIE_NAME;
use self::door::{Door, House};
pub use self::door::{Holding, PROBER};
pub use self::pass::{ENTER_PATH, Key, Scope, enter_url, sign_link};
use crate::health::{Check, Health, HealthChecks, Reason, Transition};
use crate::limits::Options;
use crate::proxy::{Bound, Proxy};

/// How sites are served.
#[derive(Debug, Clone)]
pub struct SiteOptions {
    /// The first of these that can be had, without TLS: a load balancer ends it, or nobody speaks it.
    pub addresses: Vec<SocketAddr>,
    /// What passes are signed with.
    pub key: Key,
    /// What the dashboard's URLs begin with: `URL/enter?environment=ID&to=PATH` sends back who may enter, with a link
    /// (see [`sign_link`] and [`enter_url`]).
    pub dashboard: String,
    /// How long one may stay after having entered.
    pub stay: Duration,
    /// Requests that wait.
    pub holding: Holding,
    /// Of the proxy beneath.
    pub proxy: Options,
}

impl SiteOptions {
    /// With the usual limits, and a stay of twelve hours.
    #[must_use]
    pub fn new(addresses: Vec<SocketAddr>, key: Key, dashboard: impl Into<String>) -> Self {
        let (holding, proxy) = (Holding::default(), Options::default());
        let stay = Duration::from_secs(12 * 3600);
        Self { addresses, key, dashboard: dashboard.into(), stay, holding, proxy }
    }
}

/// The sites of all environments. When it is dropped, its connections end; see [`Sites::shutdown`].
#[derive(Debug)]
pub struct Sites {
    shared: Arc<Shared>,
    address: SocketAddr,
    listening: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    house: Arc<House>,
    addresses: Vec<SocketAddr>,
    proxy: Proxy,
    checks: HealthChecks,
    book: Mutex<Book>,
    /// The version of the book that is in force. Who holds it swaps.
    in_force: tokio::sync::Mutex<u64>,
}

/// What is wanted.
#[derive(Debug, Default)]
struct Book {
    /// Grows with each change.
    version: u64,
    /// By environment.
    sites: BTreeMap<String, Entry>,
    /// What checks have found, by environment and target's key. It says each change only once, so that this is
    /// forgotten together with the checks, and not before.
    health: BTreeMap<String, BTreeMap<String, Health>>,
}

#[derive(Debug)]
struct Entry {
    site: Site,
    /// The version that it came with.
    version: u64,
    door: Arc<Door>,
    checks: Vec<Check>,
}

impl Sites {
    /// Opens the listener, without a site.
    ///
    /// # Errors
    /// When no address can be had, or the system gives no more threads or descriptors.
    pub async fn start(options: SiteOptions, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let SiteOptions { addresses, key, dashboard, stay, holding, proxy } = options;
        let failed = |error: std::io::Error| {
            Error::new(Kind::Unavailable, "cannot start the proxy of preview environments")
                .caused_by(error.to_string())
        };
        let house = House {
            clock,
            key,
            dashboard: dashboard.trim_end_matches('/').to_owned(),
            cookie_seconds: i64::try_from(stay.as_secs()).unwrap_or(i64::MAX),
            holding,
            held: AtomicUsize::new(0),
            calling: Notify::new(),
        };
        let (checks, found) = HealthChecks::start().map_err(failed)?;
        let shared = Arc::new(Shared {
            house: Arc::new(house),
            addresses,
            proxy: Proxy::start(proxy).map_err(failed)?,
            checks,
            book: Mutex::default(),
            in_force: tokio::sync::Mutex::default(),
        });
        let (_, mut bound) = shared.swap().await?;
        let address = match bound.remove(table::LISTENER) {
            Some(Ok(address)) => address,
            other => {
                let why = other.and_then(Result::err).map(|error| error.to_string()).unwrap_or_default();
                return Err(Error::new(
                    Kind::Unavailable,
                    "cannot listen for requests of preview environments",
                )
                .caused_by(why)
                .with_hint("end the program that has the port, or choose another one"));
            }
        };
        let listening = tokio::spawn(listen(shared.clone(), found));
        Ok(Self { shared, address, listening })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The environments that have had requests since the last call, and when the last one moved: those of clients that
    /// were let in, upgraded connections and streams for as long as bytes move.
    #[must_use]
    pub fn requests(&self) -> Vec<(String, Timestamp)> {
        let book = self.shared.book();
        let news = |(id, entry): (&String, &Entry)| Some((id.clone(), entry.door.activity.news()?));
        book.sites.iter().filter_map(news).collect()
    }

    /// Waits until environments should be looked at, and gives their ids: a request waits there for targets, or the
    /// health of one has changed. One caller at a time.
    pub async fn calls(&self) -> Vec<String> {
        loop {
            let calling = self.shared.house.calling.notified();
            let called: Vec<_> = {
                let book = self.shared.book();
                let calls = book.sites.iter().filter(|(_, entry)| entry.door.activity.take_call());
                calls.map(|(id, _)| id.clone()).collect()
            };
            if !called.is_empty() {
                return called;
            }
            calling.await;
        }
    }

    /// Ends: requests that wait are answered, others have this much time.
    pub async fn shutdown(&self, patience: Duration) {
        self.shared.proxy.shutdown(patience).await;
    }
}

impl Drop for Sites {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

#[async_trait]
impl Routes for Sites {
    async fn set(&self, route: Site) -> Result<(), Error> {
        let version = self.shared.note(route)?;
        self.shared.put_in_force(version).await
    }

    async fn remove(&self, environment: &str) -> Result<(), Error> {
        let version = {
            let mut book = self.shared.book();
            if book.sites.remove(environment).is_some() {
                book.version += 1;
            }
            book.version
        };
        self.shared.put_in_force(version).await
    }

    fn health(&self, environment: &str) -> BTreeMap<String, Result<(), String>> {
        let book = self.shared.book();
        let (Some(entry), Some(found)) = (book.sites.get(environment), book.health.get(environment)) else {
            return BTreeMap::new();
        };
        let known = |check: &Check| {
            let health = match found.get(&check.target)? {
                Health::Healthy => Ok(()),
                Health::Unhealthy(reason) => Err(came_to(*reason, check.timeout)),
            };
            Some((check.target.clone(), health))
        };
        entry.checks.iter().filter_map(known).collect()
    }
}

impl Shared {
    /// Nothing is left half done under this lock, so a panic elsewhere is no reason to stop.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what a site is set to. The version from which on it is so.
    fn note(&self, site: Site) -> Result<u64, Error> {
        let mut book = self.book();
        let before = book.sites.get(&site.environment);
        if let Some(before) = before.filter(|before| before.site == site) {
            return Ok(before.version);
        }
        let door = Door::of(&site, &self.house, before.map(|before| &before.door));
        let checks = table::checks(&site)?;
        book.version += 1;
        let version = book.version;
        book.sites.insert(site.environment.clone(), Entry { site, version, door, checks });
        Ok(version)
    }

    /// Returns once this version is in force. One swap is enough for all who come while another goes on.
    async fn put_in_force(&self, version: u64) -> Result<(), Error> {
        let mut in_force = self.in_force.lock().await;
        if *in_force < version {
            (*in_force, _) = self.swap().await?;
        }
        Ok(())
    }

    /// Puts the newest version in force, and tells which one that is.
    async fn swap(&self) -> Result<(u64, Bound), Error> {
        let (version, table, checks) = {
            let mut book = self.book();
            book.forget_unchecked();
            let sites = book.sites.values().map(|entry| (&entry.site, &entry.door));
            let checks = book.sites.values().flat_map(|entry| entry.checks.iter().cloned()).collect();
            (book.version, table::table(&self.addresses, sites), checks)
        };
        let bound = self.proxy.swap(table).await.map_err(|error| {
            Error::new(Kind::Bug, "cannot put the routes of preview environments in force")
                .caused_by(error.to_string())
        })?;
        self.checks.set(checks);
        Ok((version, bound))
    }
}

impl Book {
    /// Forgets what was found of targets that are no longer checked.
    fn forget_unchecked(&mut self) {
        let sites = &self.sites;
        self.health.retain(|environment, found| {
            sites.get(environment).is_some_and(|entry| {
                found.retain(|target, _| entry.checks.iter().any(|check| check.target == *target));
                true
            })
        });
    }
}

/// What a check came to that failed, in words.
fn came_to(reason: Reason, timeout: Duration) -> String {
    match reason {
        Reason::Timeout => format!("there was no answer within {} s", timeout.as_secs()),
        Reason::Mismatch(code) => format!("the answer was {code}"),
        Reason::Failed => "there was no connection, or no HTTP".to_owned(),
    }
}

/// Notes what checks find, and has somebody look.
async fn listen(shared: Arc<Shared>, mut found: mpsc::UnboundedReceiver<Transition>) {
    while let Some(Transition { group, target, health }) = found.recv().await {
        let mut book = shared.book();
        let environment = table::environment(&group);
        let found = book.health.entry(environment.to_owned()).or_default();
        found.insert(target, health);
        if let Some(entry) = book.sites.get(environment) {
            entry.door.activity.call(&shared.house);
        }
    }
}
