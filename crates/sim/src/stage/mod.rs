//! A world for reconcilers that are polled by hand: no tokio, no time but the one that the test sets.
//!
//! Each call of a trait passes a [`Wire`] twice, before its effect and after it. A wire that is cut leaves the call
//! pending for ever: whoever polls the round by hand sees that, and drops it, which is a crash at this very place; or
//! mends the wire and polls on, which is a process that slept while another one worked. Faults are drawn from one seed.

mod audit;
mod aws;
mod balancers;
mod elsewhere;
mod hands;
mod keep;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use longshore_ecs::random::Random;
use longshore_model::preview::Notice;
use longshore_model::preview::github::Repository;
use longshore_model::{Error, Timestamp};
use longshore_world::Store;
use serde_json::{Value, json};

use crate::plan::{Arrival, Life, Lives, Plan};
use crate::seen;
use crate::state::{BEGINNING, State};

pub use self::audit::Act;
pub use self::hands::{Hands, Wire};
pub use self::keep::Keep;

/// What goes wrong: chances in 1000 calls. The default: nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chances {
    /// It never arrives.
    pub lost_requests: usize,
    /// It is carried out, and its answer never arrives.
    pub lost_replies: usize,
    /// It is refused because there were too many.
    pub throttled: usize,
    /// A look shows what it showed when it was last asked.
    pub stale: usize,
    /// A look at GitHub fails, or answers with nothing at all.
    pub github: usize,
    /// A hook does not do well.
    pub hooks: usize,
}

/// The whole world of a simulation, shared by all processes that work in it.
pub struct Stage {
    inner: Mutex<Inner>,
}

pub(crate) struct Inner {
    pub(crate) state: State,
    pub(crate) now: Timestamp,
    pub(crate) chance: Random,
    pub(crate) chances: Chances,
    pub(crate) calls: BTreeMap<&'static str, u64>,
    /// The last answer to each question, for stale looks.
    pub(crate) answered: BTreeMap<String, (Timestamp, Value)>,
    pub(crate) acts: Vec<Act>,
    pub(crate) github: BTreeMap<String, Repository>,
    pub(crate) told: Vec<Notice>,
    /// Hook calls by their id, and how often each did well.
    pub(crate) hooks: BTreeMap<String, u32>,
}

impl fmt::Debug for Stage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Stage").finish_non_exhaustive()
    }
}

impl Stage {
    /// With one large container instance in the cluster `default`, and tasks that live as `lives` says.
    #[must_use]
    pub fn new(seed: u64, lives: Lives) -> Self {
        const ROOM: i32 = 1_000_000_000;
        let instances = vec![Arrival { at: Duration::ZERO, cpu: ROOM, memory: ROOM }];
        let plan = Plan { seed, lives, instances, faults: crate::Faults::default() };
        let mut inner = Inner {
            state: State::new(plan),
            now: BEGINNING,
            chance: Random::seeded(seed),
            chances: Chances::default(),
            calls: BTreeMap::new(),
            answered: BTreeMap::new(),
            acts: Vec::new(),
            github: BTreeMap::new(),
            told: Vec::new(),
            hooks: BTreeMap::new(),
        };
        inner.state.settle(BEGINNING);
        Self { inner: Mutex::new(inner) }
    }

    /// Sets what goes wrong from now on.
    pub fn set_chances(&self, chances: Chances) {
        self.lock().chances = chances;
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.lock().now
    }

    /// Lets time pass, and happen what is due until then.
    pub fn pass(&self, time: Duration) {
        let mut inner = self.lock();
        let later = inner.now.plus_ms(i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
        inner.now = later;
        inner.state.settle(later);
    }

    /// Calls ECS as somebody else would: without faults, and not counted.
    ///
    /// # Errors
    /// When ECS refuses it.
    pub fn ask(&self, operation: &str, body: Value) -> Result<Value, Error> {
        self.lock().ask("ask", operation, body)
    }

    /// Changes what GitHub has of a repository.
    pub fn github(&self, repository: &str, change: impl FnOnce(&mut Repository)) {
        change(self.lock().github.entry(repository.to_owned()).or_default());
    }

    /// What GitHub has of a repository.
    #[must_use]
    pub fn truth(&self, repository: &str) -> Repository {
        self.lock().github.get(repository).cloned().unwrap_or_default()
    }

    /// How containers of an image live, whatever else was said.
    pub fn set_image(&self, image: impl Into<String>, life: Life) {
        self.lock().state.images.insert(image.into(), life);
    }

    /// Containers of this image run, and never answer a health check.
    pub fn silence(&self, image: impl Into<String>) {
        self.lock().state.silent.insert(image.into());
    }

    /// Whether a task is RUNNING, by its ARN.
    #[must_use]
    pub fn runs(&self, task: &str) -> bool {
        self.lock().state.runs(task)
    }

    /// Whether a task is RUNNING and answers its health checks, by its ARN.
    #[must_use]
    pub fn answers(&self, task: &str) -> bool {
        let inner = self.lock();
        inner.state.answers(task, inner.now)
    }

    /// Calls ELB as somebody else would: without faults, and not counted.
    ///
    /// # Errors
    /// When ELB refuses it.
    pub fn balance(&self, operation: &str, body: Value) -> Result<Value, Error> {
        self.lock().balance("ask", operation, body)
    }

    /// What EventBridge speaks of since it was asked last: each service whose tasks have changed, once, as the body of an
    /// event.
    #[must_use]
    pub fn take_events(&self) -> Vec<String> {
        let services: BTreeSet<String> = self.lock().state.events.drain(..).collect();
        let body = |name| json!({"detail-type": "ECS Task State Change", "detail": {"group": format!("service:{name}")}});
        services.into_iter().map(|name| body(name).to_string()).collect()
    }

    /// The calls since it was asked last that changed something, or tried to.
    #[must_use]
    pub fn take_acts(&self) -> Vec<Act> {
        std::mem::take(&mut self.lock().acts)
    }

    /// When something happens next by itself.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.lock().state.next_wake()
    }

    /// All that was told, in its order.
    #[must_use]
    pub fn told(&self) -> Vec<Notice> {
        self.lock().told.clone()
    }

    /// How often each hook did well, by its id.
    #[must_use]
    pub fn hooks(&self) -> BTreeMap<String, u32> {
        self.lock().hooks.clone()
    }

    /// How often each operation was called.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.lock().calls.clone()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A store over this one whose calls pass a wire, too.
    #[must_use]
    pub fn keep(store: std::sync::Arc<dyn Store>, wire: std::sync::Arc<Wire>) -> Keep {
        Keep { store, wire }
    }
}

impl Inner {
    /// Calls ECS. `what` completes "cannot ...".
    pub(crate) fn ask(&mut self, what: &str, operation: &str, body: Value) -> Result<Value, Error> {
        let answer =
            self.state.ask(operation, body, self.now).map_err(|fault| seen::refusal(what, &fault))?;
        Ok(serde_json::to_value(answer).unwrap_or_default())
    }

    /// Whether something happens that happens so often in 1000 times.
    pub(crate) fn happens(&mut self, per_mille: usize) -> bool {
        per_mille > 0 && self.chance.below(1000) < per_mille
    }
}
