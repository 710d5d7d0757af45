//! The value that everything here works on: all of ECS in one account and region.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use longshore_model::Timestamp;
use longshore_model::arn::Scope;
use longshore_model::instance::ContainerInstance;

use crate::balancing::Balancing;
use crate::cluster::Cluster;
use crate::definition::Family;
use crate::instance::Instance;
use crate::provider::Provider;
use crate::random::Random;
use crate::service::{Revision, Rollout, Service, ServiceKey, ServiceNews};
use crate::setting::Settings;
use crate::task::TaskEntry;
use crate::token::TokenUse;
use crate::view::TaskView;

/// All of ECS in one account and region.
#[derive(Debug)]
pub struct Cloud {
    pub(crate) scope: Scope,
    pub(crate) random: Random,
    pub(crate) clusters: BTreeMap<String, Cluster>,
    pub(crate) families: BTreeMap<String, Family>,
    pub(crate) instances: BTreeMap<String, Instance>,
    pub(crate) tasks: BTreeMap<String, TaskEntry>,
    /// The ids of a cluster's tasks, for listing without looking at other clusters.
    pub(crate) tasks_of_cluster: BTreeMap<String, BTreeSet<String>>,
    pub(crate) tokens: BTreeMap<(String, String), TokenUse>,
    pub(crate) settings: Settings,
    pub(crate) balancing: Balancing,
    pub(crate) providers: BTreeMap<String, Provider>,
    pub(crate) services: BTreeMap<ServiceKey, Service>,
    /// By cluster, service and number.
    pub(crate) service_revisions: BTreeMap<(String, String, u64), Revision>,
    /// The service deployments, by cluster, service and number.
    pub(crate) rollouts: BTreeMap<(String, String, u64), Rollout>,
    /// The tasks behind targets, by group, target and port.
    pub(crate) tasks_of_targets: BTreeMap<(String, String, u16), String>,
    /// When which service wants to be looked at again.
    pub(crate) service_timers: BTreeSet<(Timestamp, ServiceKey)>,
    /// The tasks of services that changed in this step, and the services that have to look at what they have. Both are
    /// empty between steps.
    pub(crate) unsettled_tasks: BTreeSet<String>,
    pub(crate) unsettled_services: BTreeSet<ServiceKey>,
    /// When which task wants to be looked at again.
    pub(crate) timers: BTreeSet<(Timestamp, String)>,
    /// The moment of the last step.
    latest: Timestamp,
    /// Whether somebody hears of changed tasks, instances and services; a task is copied for each that is told.
    pub(crate) is_heard: bool,
    effects: Vec<Effect>,
    changed: BTreeSet<Key>,
}

/// How much earlier than the last step a step may be and still belong to that same moment, in milliseconds: callers
/// read the clock before it is their turn. A clock that was set back further is believed.
const SAME_MOMENT_MS: i64 = 1000;

/// What the world outside has to do because of a step.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Make ready what the task's containers share; answered by [`crate::life::Report::Prepared`] or `PrepareFailed`.
    Prepare(String),
    /// Start a container; answered by `Started` or `StartFailed`, and in the end by `Exited`.
    Start(ContainerRef),
    /// Send a container its stop signal.
    Terminate(ContainerRef),
    /// Kill a container.
    Kill(ContainerRef),
    /// Run a container's health check; answered by `Checked`.
    Check(ContainerRef),
    /// Give back what the task's containers shared: all have ended.
    Release(String),
    /// Tell the subscribers that a task changed.
    TaskChanged(Arc<TaskView>),
    /// Tell the subscribers that a container instance changed.
    InstanceChanged(Box<ContainerInstance>),
    /// Tell the subscribers what happened to a service.
    ServiceChanged(Box<ServiceNews>),
    /// Take in [`Cloud::routing`]: something that load balancers route by is no longer what it was.
    RoutesChanged,
}

/// One start of one container of a task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContainerRef {
    /// The task's id.
    pub task: String,
    /// The container's name.
    pub container: String,
    /// Counts its starts from 0.
    pub attempt: u32,
}

/// A part of the value that is stored by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A cluster, by name.
    Cluster(String),
    /// A family, by name: its highest revision ever.
    Family(String),
    /// A revision.
    Definition(String, u32),
    /// A container instance, by id.
    Instance(String),
    /// A task, by id.
    Task(String),
    /// A client token, by cluster and token.
    Token(String, String),
    /// The account settings.
    Settings,
    /// A load balancer, by ARN.
    LoadBalancer(String),
    /// A target group with its targets, by ARN.
    TargetGroup(String),
    /// A listener with its rules, by ARN.
    Listener(String),
    /// A service, by cluster and name.
    Service(String, String),
    /// A revision of a service, by cluster, service and number.
    ServiceRevision(String, String, u64),
    /// A service deployment, by cluster, service and number.
    ServiceDeployment(String, String, u64),
    /// A capacity provider, by name.
    CapacityProvider(String),
}

impl Cloud {
    /// An empty one. `seed` must differ from start to start, or ids would repeat.
    #[must_use]
    pub fn new(scope: Scope, seed: u64) -> Self {
        Self {
            scope,
            random: Random::seeded(seed),
            clusters: BTreeMap::new(),
            families: BTreeMap::new(),
            instances: BTreeMap::new(),
            tasks: BTreeMap::new(),
            tasks_of_cluster: BTreeMap::new(),
            tokens: BTreeMap::new(),
            settings: Settings::default(),
            balancing: Balancing::default(),
            providers: BTreeMap::new(),
            services: BTreeMap::new(),
            service_revisions: BTreeMap::new(),
            rollouts: BTreeMap::new(),
            tasks_of_targets: BTreeMap::new(),
            service_timers: BTreeSet::new(),
            unsettled_tasks: BTreeSet::new(),
            unsettled_services: BTreeSet::new(),
            timers: BTreeSet::new(),
            latest: Timestamp::default(),
            is_heard: true,
            effects: Vec::new(),
            changed: BTreeSet::new(),
        }
    }

    /// Account and region.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// When [`crate::Event::Tick`] is due next.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        let tasks = self.timers.first().map(|(at, _)| *at);
        tasks.into_iter().chain(self.services_wake()).chain(self.balancing_wake()).min()
    }

    /// What the last steps asked for, in order; the caller must carry it out once the changes are stored.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// What the last steps changed: to be stored (see [`Cloud::row`]) before anything is answered or carried out.
    pub fn take_changes(&mut self) -> BTreeSet<Key> {
        std::mem::take(&mut self.changed)
    }

    /// The moment of a step, which is not before that of the last one, so that nothing ends before it began.
    pub(crate) fn moment(&mut self, now: Timestamp) -> Timestamp {
        if !(0..=SAME_MOMENT_MS).contains(&self.latest.ms_since(now)) {
            self.latest = now;
        }
        self.latest
    }

    /// Says whether somebody hears [`Effect::TaskChanged`], [`Effect::InstanceChanged`] and [`Effect::ServiceChanged`]:
    /// without a listener there are none. At first there is one.
    pub fn set_heard(&mut self, is_heard: bool) {
        self.is_heard = is_heard;
    }

    pub(crate) fn emit(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Asks for [`Effect::RoutesChanged`], once for all that a step changes.
    pub(crate) fn routes_changed(&mut self) {
        if !self.effects.iter().any(|effect| matches!(effect, Effect::RoutesChanged)) {
            self.emit(Effect::RoutesChanged);
        }
    }

    pub(crate) fn touch(&mut self, key: Key) {
        self.changed.insert(key);
    }
}
