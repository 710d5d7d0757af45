//! Services: what is wanted of each, its deployments, and the scheduler that brings tasks to match.
//!
//! Whatever changes a task of a service writes its id down, and whatever else a service may wait for writes the service
//! down. At the end of each step `Cloud::settle_services` takes in what has become of the tasks and lets each service
//! do the next thing, until nothing is left to do. What was decided in a step is stored with it.

use std::collections::VecDeque;

use longshore_model::Timestamp;
use longshore_model::placement::{PlacementConstraint, PlacementStrategy};
use longshore_model::service::{
    DeploymentConfiguration, PropagateTags, RolloutState, SchedulingStrategy, ServiceDeploymentStatus,
    ServiceEvent, ServiceStatus, Workload,
};
use longshore_model::tag::Tag;
use serde::{Deserialize, Serialize};

use crate::balancing::Target;
use crate::cloud::{Cloud, Key};
use crate::task::is_over;

pub mod api;
mod census;
mod check;
mod create;
mod daemon;
mod deploy;
mod events;
mod failures;
mod health;
mod launch;
mod plan;
pub mod rollouts;
mod schedule;
mod targets;
mod update;
mod victims;
mod view;

pub use events::{ServiceHappening, ServiceNews};

use census::Census;
pub(crate) use targets::TaskTarget;

/// A service by its cluster and its name.
pub(crate) type ServiceKey = (String, String);

/// How long DescribeServices knows a service that is over.
const INACTIVE_VISIBLE_SECONDS: i64 = 3600;

/// How often a step goes over the services. Each time there is less to do; a step that needs more goes on in the next.
const ROUNDS_LIMIT: usize = 1000;

/// A service.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Service {
    pub(crate) cluster: String,
    pub(crate) name: String,
    pub(crate) status: ServiceStatus,
    pub(crate) desired_count: i32,
    pub(crate) created_at: Timestamp,
    pub(crate) created_by: String,
    pub(crate) role_arn: Option<String>,
    pub(crate) inactive_at: Option<Timestamp>,
    /// The request that made it, as JSON: the same again makes nothing.
    pub(crate) made_of: String,
    pub(crate) rules: Rules,
    /// What its next deployment runs.
    pub(crate) workload: Workload,
    pub(crate) tags: Vec<Tag>,
    /// The first is PRIMARY, the others are ACTIVE.
    pub(crate) deployments: Vec<Deployment>,
    /// The revision that last reached a steady state: what a rollback goes back to.
    pub(crate) last_completed: Option<u64>,
    /// Newest first.
    pub(crate) events: VecDeque<ServiceEvent>,
    /// Counts its service deployments.
    pub(crate) next_rollout: u64,
    pub(crate) pause: Option<Pause>,
    pub(crate) shortage: Option<Shortage>,
    /// Whether it was said that its deployment configuration lets nothing happen.
    pub(crate) is_stuck: bool,
    pub(crate) is_steady: bool,
    /// Its tasks as the scheduler sees them; counted, not stored.
    #[serde(skip)]
    pub(crate) census: Census,
    /// Its entry in the cloud's timers; entered again when it is restored.
    #[serde(skip)]
    pub(crate) wake: Option<Timestamp>,
}

/// What of a service can be changed without a deployment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Rules {
    pub(crate) configuration: DeploymentConfiguration,
    pub(crate) constraints: Vec<PlacementConstraint>,
    pub(crate) strategy: Vec<PlacementStrategy>,
    pub(crate) grace_seconds: Option<i32>,
    pub(crate) scheduling: SchedulingStrategy,
    pub(crate) controller: String,
    pub(crate) managed_tags: bool,
    pub(crate) propagate_tags: PropagateTags,
    pub(crate) execute_command: bool,
    pub(crate) zone_rebalancing: String,
}

/// A deployment of a revision.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Deployment {
    /// `ecs-svc/` and 19 digits.
    pub(crate) id: String,
    pub(crate) revision: u64,
    /// The service deployment that it is part of.
    pub(crate) rollout: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) state: RolloutState,
    pub(crate) reason: String,
    pub(crate) failed_tasks: i32,
    pub(crate) is_rollback: bool,
}

/// A revision of a service. It never changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Revision {
    pub(crate) workload: Workload,
    pub(crate) created_at: Timestamp,
}

/// A service deployment: the way from some revisions to one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Rollout {
    pub(crate) id: String,
    pub(crate) created_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) stopped_at: Option<Timestamp>,
    pub(crate) updated_at: Timestamp,
    pub(crate) sources: Vec<u64>,
    pub(crate) target: u64,
    pub(crate) status: ServiceDeploymentStatus,
    pub(crate) status_reason: Option<String>,
    pub(crate) configuration: DeploymentConfiguration,
    pub(crate) failures: i32,
    pub(crate) threshold: i32,
    pub(crate) is_triggered: bool,
    pub(crate) rollback: Option<RolledBack>,
}

/// How a service deployment was put back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RolledBack {
    pub(crate) reason: String,
    pub(crate) started_at: Timestamp,
    pub(crate) revision: u64,
}

/// Tasks fail: the next ones wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pause {
    /// How many rounds have failed one after the other.
    pub(crate) rounds: u32,
    /// When the next round may begin.
    pub(crate) until: Timestamp,
    /// Whether that time has come.
    pub(crate) is_over: bool,
}

/// A task found no place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shortage {
    /// What was said of it.
    pub(crate) message: String,
    /// Whether it is for want of something that other tasks hold.
    pub(crate) is_of_resources: bool,
}

/// What a task knows of its service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TaskOfService {
    pub(crate) name: String,
    pub(crate) revision: u64,
    /// Whether the time is over in which failing checks do not count, or in which a task without checks proves itself.
    pub(crate) is_ripe: bool,
    /// Where it is registered.
    pub(crate) targets: Vec<TaskTarget>,
}

impl Service {
    pub(crate) fn key(&self) -> ServiceKey {
        (self.cluster.clone(), self.name.clone())
    }

    pub(crate) fn row(&self) -> Key {
        Key::Service(self.cluster.clone(), self.name.clone())
    }

    pub(crate) fn primary(&self) -> Option<&Deployment> {
        self.deployments.first()
    }

    pub(crate) fn is_active(&self) -> bool {
        self.status == ServiceStatus::Active
    }

    /// Whether its tasks may go to a capacity provider.
    pub(crate) fn uses_provider(&self, name: &str) -> bool {
        self.workload.capacity_provider_strategy.iter().flatten().any(|item| item.capacity_provider == name)
    }

    /// How many tasks it wants: none once it is deleted.
    fn wanted(&self) -> usize {
        usize::try_from(self.desired_count).unwrap_or(0)
    }

    /// The bounds on healthy and on all tasks, for so many desired ones.
    fn bounds(&self, desired: usize) -> (usize, usize) {
        let percent = |given: Option<i32>| usize::try_from(given.unwrap_or(100)).unwrap_or(0);
        let configuration = &self.rules.configuration;
        let lower = desired.saturating_mul(percent(configuration.minimum_healthy_percent)).div_ceil(100);
        let upper = desired.saturating_mul(percent(configuration.maximum_percent)) / 100;
        (lower, upper)
    }
}

impl Cloud {
    /// A target of a group changed its state, or is gone: services wait for that.
    pub(crate) fn target_changed(&mut self, group_arn: &str, target: &Target, _now: Timestamp) {
        let place = (group_arn.to_owned(), target.id.clone(), target.port);
        if let Some(id) = self.tasks_of_targets.get(&place) {
            self.unsettled_tasks.insert(id.clone());
        }
    }

    /// Does what is due: retries after a pause, grace periods, back-off.
    pub(crate) fn tick_services(&mut self, now: Timestamp) {
        let due = self.service_timers.iter().take_while(|(at, _)| *at <= now);
        let due: Vec<ServiceKey> = due.map(|(_, key)| key.clone()).collect();
        for key in due {
            let Some(service) = self.services.get(&key) else { continue };
            let is_past = |at: Timestamp| now >= at.plus_seconds(INACTIVE_VISIBLE_SECONDS);
            if service.inactive_at.is_some_and(is_past) {
                self.forget_service(&key);
                continue;
            }
            for id in service.census.due(now) {
                self.ripen(&id);
            }
            self.end_pause(&key, now);
            self.unsettled_services.insert(key);
        }
    }

    /// When [`Cloud::tick_services`] has something to do next.
    pub(crate) fn services_wake(&self) -> Option<Timestamp> {
        self.service_timers.first().map(|(at, _)| *at)
    }

    /// Lets every service that something happened to do what it may do next. Calling it once more changes nothing.
    pub(crate) fn settle_services(&mut self, now: Timestamp) {
        for _ in 0..ROUNDS_LIMIT {
            for id in std::mem::take(&mut self.unsettled_tasks) {
                self.advance_leaving(&id, now);
                self.take_census(&id, now);
            }
            let services = std::mem::take(&mut self.unsettled_services);
            if services.is_empty() && self.unsettled_tasks.is_empty() {
                return;
            }
            for key in services {
                self.schedule(&key, now);
                self.set_service_timer(&key);
            }
        }
        debug_assert!(false, "the services never come to rest: {:?}", self.unsettled_services);
    }

    /// Looks at everything once more, after a restart.
    pub(crate) fn unsettle_all_services(&mut self) {
        self.unsettled_services.extend(self.services.keys().cloned());
    }

    /// Ties restored services to their tasks.
    pub(crate) fn link_services(&mut self) {
        let ids: Vec<String> = self
            .tasks
            .iter()
            .filter(|(_, entry)| entry.service.is_some())
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            if !self.tasks.get(&id).is_none_or(is_over) {
                self.link_targets(&id);
            }
            let (Some(key), member) = (self.service_of(&id), self.member(&id)) else { continue };
            if let Some(service) = self.services.get_mut(&key) {
                service.census.replace(&id, member);
            }
        }
        let keys: Vec<ServiceKey> = self.services.keys().cloned().collect();
        keys.iter().for_each(|key| self.set_service_timer(key));
    }

    /// Something of a cluster's capacity changed: those that wait for it look again.
    pub(crate) fn capacity_changed(&mut self, cluster: &str) {
        let waits = |service: &Service| {
            service.shortage.is_some() || service.rules.scheduling == SchedulingStrategy::Daemon
        };
        let waiting = services_in(&self.services, cluster).filter(|service| waits(service)).map(Service::key);
        let waiting: Vec<ServiceKey> = waiting.collect();
        self.unsettled_services.extend(waiting);
    }

    /// An instance takes tasks, or no longer: those on it may have to go.
    pub(crate) fn instance_turned(&mut self, instance: &str, cluster: &str) {
        let on_it = self.tasks_of_cluster.get(cluster).into_iter().flatten().filter(|id| {
            self.tasks
                .get(*id)
                .is_some_and(|it| it.service.is_some() && it.instance.as_deref() == Some(instance))
        });
        let on_it: Vec<String> = on_it.cloned().collect();
        self.unsettled_tasks.extend(on_it);
        self.capacity_changed(cluster);
    }

    /// Enters the next moment at which the service wants to be looked at.
    fn set_service_timer(&mut self, key: &ServiceKey) {
        let Some(service) = self.services.get_mut(key) else { return };
        let pause = service.pause.filter(|pause| !pause.is_over).map(|pause| pause.until);
        let end = service.inactive_at.map(|at| at.plus_seconds(INACTIVE_VISIBLE_SECONDS));
        let next = match end {
            Some(end) => Some(end),
            None => pause.into_iter().chain(service.census.next_due()).min(),
        };
        if service.wake == next {
            return;
        }
        if let Some(old) = std::mem::replace(&mut service.wake, next) {
            self.service_timers.remove(&(old, key.clone()));
        }
        if let Some(at) = next {
            self.service_timers.insert((at, key.clone()));
        }
    }

    /// Forgets a service with its history.
    fn forget_service(&mut self, key: &ServiceKey) {
        let Some(service) = self.services.remove(key) else { return };
        if let Some(at) = service.wake {
            self.service_timers.remove(&(at, key.clone()));
        }
        self.touch(service.row());
        let numbers: Vec<u64> = self.rollouts_of(key).map(|(number, _)| number).collect();
        for number in numbers {
            self.remove_rollout(key, number);
        }
        let revisions: Vec<u64> = self.revisions_of(key).map(|(number, _)| number).collect();
        for revision in revisions {
            self.remove_revision(key, revision);
        }
    }

    /// Whether a service may still start tasks of a revision of a task definition.
    pub(crate) fn is_of_service(&self, definition_arn: &str) -> bool {
        let active =
            |key: &ServiceKey| self.services.get(key).is_some_and(|it| it.status != ServiceStatus::Inactive);
        self.service_revisions.iter().any(|((cluster, name, _), revision)| {
            revision.workload.task_definition == definition_arn && active(&(cluster.clone(), name.clone()))
        })
    }

    /// The service that a task belongs to. One that has the same name as an earlier service has none of its tasks.
    fn service_of(&self, task: &str) -> Option<ServiceKey> {
        let entry = self.tasks.get(task)?;
        let of = entry.service.as_ref()?;
        let revision = (entry.cluster.clone(), of.name.clone(), of.revision);
        self.service_revisions.contains_key(&revision).then_some((revision.0, revision.1))
    }
}

/// The services of a cluster.
pub(crate) fn services_in<'a>(
    services: &'a std::collections::BTreeMap<ServiceKey, Service>,
    cluster: &str,
) -> impl Iterator<Item = &'a Service> {
    let from = (cluster.to_owned(), String::new());
    let cluster = from.0.clone();
    services.range(from..).map(|(_, service)| service).take_while(move |service| service.cluster == cluster)
}
