//! Preview environments: what drives `decide::preview` over the world.
//!
//! A round is plain async over the traits of `world`: no timer, no task and no channel is in it, so that a simulator can
//! poll it by hand and drop it anywhere. Two rounds of one object at once, in two processes, do no harm: each action
//! follows a write that only one of them can make.

mod act;
mod balancer;
mod chronicle;
mod clerk;
mod comments;
mod desk;
mod environment;
mod gather;
mod hooks;
mod listen;
mod look;
mod notifier;
mod object;
mod orphans;
mod records;
mod reopen;
mod repository;
mod serve;
mod showing;
mod sweep;
mod task_hook;
mod tidy;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use longshore_decide::preview::environment::{Look, as_named};
use longshore_decide::preview::{events, find};
use longshore_model::preview::{Environment, Policy};
use longshore_model::seen::{Service, Task};
use longshore_model::{Error, Timestamp};
use longshore_world::{
    Addresses, Balancers, Clock, Ecs, GitHub, Hooks, Logs, Notifier, Routes, Services, Site,
};

use crate::book::{Book, LastRead};
use crate::driver;
use crate::recent::Recent;

use self::orphans::Unknown;

pub use self::desk::{Accepted, Desk};
pub use self::gather::{GatheredEcs, GatheredServices};
pub use self::object::Object;
pub use self::serve::serve;
pub use self::showing::WayIn;
pub use self::task_hook::TaskHooks;

/// What a round of a preview object came to.
pub type Round = driver::Round<Object>;

/// The world of preview environments.
#[derive(Debug, Clone)]
pub struct World {
    /// Services and task definitions.
    pub services: Arc<dyn Services>,
    /// Tasks.
    pub ecs: Arc<dyn Ecs>,
    /// Their output.
    pub logs: Arc<dyn Logs>,
    /// Load balancers, for routes `port` and `host`.
    pub balancers: Option<Arc<dyn Balancers>>,
    /// GitHub.
    pub github: Arc<dyn GitHub>,
    /// Hooks.
    pub hooks: Arc<dyn Hooks>,
    /// Whom notices are told, each under a name of its own.
    pub notifiers: Vec<Arc<dyn Notifier>>,
    /// Where container instances are, for tasks without an address of their own.
    pub addresses: Arc<dyn Addresses>,
    /// Our own proxy, when it runs in this process.
    pub routes: Option<Arc<dyn Routes>>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
}

/// The rounds of preview environments.
#[derive(Debug)]
pub struct Previews {
    world: World,
    book: Book,
    policies: BTreeMap<String, Arc<Policy>>,
    memory: Mutex<Memory>,
    shown: Recent<(String, u64), Look<Vec<Task>>>,
}

/// What this process has found out and may forget: it is found out again.
#[derive(Debug, Default)]
struct Memory {
    /// What the last sweep has read.
    records: LastRead<Environment>,
    /// The sites that our own proxy has been given.
    sites: BTreeMap<String, Site>,
    /// Environments by the names of their services, for events.
    services: HashMap<String, String>,
    /// Environments that had a round in this process.
    known: HashSet<String>,
    /// Clusters in which environments were made.
    clusters: BTreeSet<String>,
    /// Services that no record speaks of.
    unknown: Unknown,
    /// What the last sweep has seen of the tasks of those that it woke, and when.
    tasks: BTreeMap<String, (Timestamp, Vec<Task>)>,
    /// Tasks that events have named, by environment: where to look while its services were made a moment ago.
    running: BTreeMap<String, BTreeSet<String>>,
    /// Environments at whose tasks a round is looking, while no event has spoken of them.
    looking: BTreeSet<String>,
    /// What their last look has seen, until an event speaks of them, or they are changed.
    looked: BTreeMap<String, Looked>,
    /// Environments whose hooks are being called.
    calling: BTreeSet<String>,
    /// Where container instances are, by their ARN.
    addresses: BTreeMap<String, IpAddr>,
    /// The object whose timeline was looked through last.
    tidied: Option<String>,
}

/// What a look has seen of an environment, and when.
#[derive(Debug)]
struct Looked {
    at: Timestamp,
    services: Look<BTreeMap<String, Service>>,
    tasks: Vec<Task>,
}

impl Previews {
    /// Over a world and what is kept. `policies` are by repository.
    #[must_use]
    pub fn new(world: World, book: Book, policies: BTreeMap<String, Arc<Policy>>) -> Self {
        Self { world, book, policies, memory: Mutex::default(), shown: Recent::new(showing::GOOD_FOR_MS) }
    }

    /// One round of an object. `id` is its own, for what it writes down.
    ///
    /// # Errors
    /// What kept it from its end. Whatever it has done until then is written down, and the next round goes on from there.
    pub async fn round(&self, object: &Object, id: &str) -> Result<Round, Error> {
        match object {
            Object::Sweep => self.sweep(id).await,
            Object::Tidy => self.tidy().await,
            Object::Repository(name) => self.repository(name, id).await,
            Object::Environment(environment) => self.environment(environment, id).await,
            Object::Hooks(environment) => self.hooks(environment, id).await,
            Object::Notifier(name) => self.notifier(name, id).await,
        }
    }

    /// What is woken at the start and every few minutes. Environments are woken by the sweep, as far as there is reason.
    #[must_use]
    pub fn everything(&self) -> Vec<Object> {
        let repositories = self.policies.keys().map(|name| Object::Repository(name.clone()));
        let mut objects = vec![Object::Sweep, Object::Tidy];
        objects.extend(repositories);
        objects.extend(self.notifiers());
        objects
    }

    /// Whom an event of EventBridge wakes: the environments whose services it names. Of what it says only the name of a
    /// task is kept, to look at.
    /// Services that this process has not seen are found by the sweep.
    #[must_use]
    pub fn on_event(&self, body: &str) -> Vec<Object> {
        let named = events::read(body);
        let mut memory = self.memory();
        let mut environments: BTreeSet<String> =
            named.services.iter().filter_map(|name| memory.services.get(name).cloned()).collect();
        environments.retain(|id| !(named.is_steady && memory.sites.contains_key(id)));
        for id in &environments {
            memory.forget_look(id);
            memory.running.entry(id.clone()).or_default().extend(named.running.clone());
        }
        environments.into_iter().map(Object::Environment).collect()
    }

    /// The environments whose site our own proxy was given.
    fn sites(&self) -> Vec<String> {
        self.memory().sites.keys().cloned().collect()
    }

    fn notifiers(&self) -> impl Iterator<Item = Object> {
        self.world.notifiers.iter().map(|notifier| Object::Notifier(notifier.name().to_owned()))
    }

    fn policy(&self, repository: &str) -> Option<&Arc<Policy>> {
        find::by_repository(&self.policies, repository)
    }

    fn policy_of(&self, record: &Environment) -> Option<&Arc<Policy>> {
        self.policy(&record.repository)
    }

    /// The same, with the services that the environment was named for.
    fn policy_as_named(&self, record: &Environment) -> Option<Arc<Policy>> {
        let policy = self.policy_of(record)?;
        Some(match as_named(record, policy) {
            Cow::Borrowed(_) => Arc::clone(policy),
            Cow::Owned(own) => Arc::new(own),
        })
    }

    fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// Never held across an await.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl driver::Rounds<Object> for Previews {
    async fn round(&self, object: &Object, id: &str) -> Result<Round, Error> {
        Self::round(self, object, id).await
    }

    fn everything(&self) -> Vec<Object> {
        Self::everything(self)
    }
}
