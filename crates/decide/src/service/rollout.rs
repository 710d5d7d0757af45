//! How one deployment goes: ours, told from all others by its id.

use std::collections::BTreeSet;
use std::time::Duration;

use longshore_model::seen::{Deployment, Service};

use super::revision_name;

/// For so long after it was begun, DescribeServices may answer what was before it; and so long after a deployment has
/// failed, the one that goes back may take to begin.
const VISIBLE_WITHIN: Duration = Duration::from_secs(60);

/// From how many failed tasks on a deployment is lost, at half of the wanted count: the rule of ECS's own circuit
/// breaker (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>).
const FAILED_TASKS: std::ops::RangeInclusive<i64> = 3..=200;

/// A deployment that is waited for.
#[derive(Debug, Clone)]
pub struct Rollout {
    /// Empty where others than ECS make the deployments: then all of the service's tasks are meant.
    id: String,
    task_definition: String,
    /// What ran before, if that is known.
    before: Option<String>,
    began: Duration,
    /// Those that it replaces. They are never the newest again, but in an answer that is out of date.
    older: BTreeSet<String>,
    /// How many tasks are wanted, where nothing but that may have changed.
    count: Option<i64>,
    /// Of the events, by id.
    told: BTreeSet<String>,
    /// Why it failed, once that is known: from then on, the service going back is waited for.
    failed: Option<String>,
    /// When it was seen to have failed.
    failed_at: Option<Duration>,
    /// The deployment that goes back.
    back: Option<String>,
}

/// How far a deployment is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Tasks of the deployment that run.
    pub running: i64,
    /// Tasks of it that are on their way.
    pub pending: i64,
    /// How many are wanted.
    pub desired: i64,
    /// Tasks of it that failed.
    pub failed: i64,
    /// Tasks of older deployments that still run.
    pub old: i64,
}

/// Where a deployment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// On its way.
    Going(Progress),
    /// It has failed, and ECS goes back by itself.
    GoingBack(Progress),
    /// All that is wanted runs, and nothing else does.
    Stable(Progress),
    /// It failed, and ECS went back to this revision.
    RolledBack {
        /// ECS's words.
        reason: String,
        /// `family:revision`.
        to: String,
    },
    /// It failed; nothing goes back by itself.
    Failed(String),
    /// Somebody else began another one.
    Superseded(String),
    /// The service was deleted.
    Gone,
}

impl Rollout {
    /// Waits for the newest deployment of a service, as an update answered it. `before` is the revision that ran before.
    #[must_use]
    pub fn of(service: &Service, before: Option<String>, now: Duration) -> Self {
        let own = service.primary().cloned().unwrap_or_default();
        let others = service.deployments.iter().filter(|other| other.id != own.id);
        Self {
            older: others.map(|other| other.id.clone()).collect(),
            count: (own.rollout_state.as_deref() == Some("COMPLETED")).then_some(service.desired_count),
            id: own.id,
            task_definition: own.task_definition,
            before,
            began: now,
            told: service.events.iter().map(|event| event.id.clone()).collect(),
            failed: None,
            failed_at: None,
            back: None,
        }
    }

    /// Its id, `ecs-svc/` and a number.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether so many tasks that started and ended again are too many. Those of a deployment that was over before say
    /// nothing: ECS remembers an hour of them.
    #[must_use]
    pub fn is_crash_loop(&self, crashed: usize, desired: i64) -> bool {
        self.count.is_none() && i64::try_from(crashed).unwrap_or(i64::MAX) >= too_many(desired)
    }

    /// What ECS has said of the service since it was looked at last, the oldest first.
    pub fn events(&mut self, service: &Service) -> Vec<String> {
        let new = service.events.iter().rev().filter(|event| self.told.insert(event.id.clone()));
        new.map(|event| event.message.clone()).collect()
    }

    /// Looks at the service; `None` when it is not there.
    pub fn look(&mut self, service: Option<&Service>, now: Duration) -> Stage {
        let may_be_old = now.saturating_sub(self.began) < VISIBLE_WITHIN;
        let Some(service) = service.filter(|service| service.status == "ACTIVE") else {
            return if may_be_old { Stage::Going(Progress::default()) } else { Stage::Gone };
        };
        if self.id.is_empty() {
            // An answer without deployments is either late or one of a service whose deployments ECS does not make.
            let Some(primary) = service.primary() else { return of_all(service) };
            self.id.clone_from(&primary.id);
            self.task_definition.clone_from(&primary.task_definition);
        }
        let own = service.deployments.iter().find(|deployment| deployment.id == self.id);
        let is_older = |newest: &Deployment| self.older.contains(&newest.id);
        match own {
            Some(_) if may_be_old && self.count.is_some_and(|count| count != service.desired_count) => {
                Stage::Going(Progress::default())
            }
            Some(own) if own.status == "PRIMARY" => self.of_own(own, service, now),
            None if may_be_old && service.primary().is_none_or(is_older) => Stage::Going(Progress::default()),
            own => self.replaced(own, service),
        }
    }

    /// It is still the newest.
    fn of_own(&mut self, own: &Deployment, service: &Service, now: Duration) -> Stage {
        match own.rollout_state.as_deref() {
            Some("FAILED") => {
                let reason = own.rollout_state_reason.clone().unwrap_or_default();
                let since = *self.failed_at.get_or_insert(now);
                // ECS makes the deployment that goes back in the next moment, unless there is nothing to go back to.
                let has_way = self.before.is_some() || !self.older.is_empty();
                if has_way && goes_back_by_itself(service) && now.saturating_sub(since) < VISIBLE_WITHIN {
                    self.failed = Some(reason);
                    Stage::GoingBack(progress(own, service))
                } else {
                    Stage::Failed(reason)
                }
            }
            _ if is_stable(own, service) => Stage::Stable(progress(own, service)),
            _ if self.count.is_none() && is_lost(own, service) => Stage::Failed(format!(
                "{} tasks failed, and the service has no circuit breaker",
                own.failed_tasks
            )),
            _ => Stage::Going(progress(own, service)),
        }
    }

    /// There is a newer deployment: ECS's way back, or somebody else's. `own` may be gone by now.
    fn replaced(&mut self, own: Option<&Deployment>, service: &Service) -> Stage {
        let Some(primary) = service.primary() else { return Stage::Going(Progress::default()) };
        if let Some(own) = own.filter(|own| own.rollout_state.as_deref() == Some("FAILED")) {
            self.failed.get_or_insert_with(|| own.rollout_state_reason.clone().unwrap_or_default());
        }
        let to = revision_name(&primary.task_definition).to_owned();
        if !self.is_way_back(primary, service) {
            return Stage::Superseded(format!("deployment {} of {to} took its place", primary.id));
        }
        self.back = Some(primary.id.clone());
        let unknown = || "it is no longer the newest deployment of the service".to_owned();
        let reason = self.failed.get_or_insert_with(unknown).clone();
        if primary.rollout_state.as_deref() == Some("FAILED") {
            Stage::Failed(format!("{reason}; the way back to {to} failed too"))
        } else if is_stable(primary, service) {
            Stage::RolledBack { reason, to }
        } else {
            Stage::GoingBack(progress(primary, service))
        }
    }

    /// Whether a deployment that took our place takes the service back, and is not somebody else's.
    fn is_way_back(&self, primary: &Deployment, service: &Service) -> bool {
        let says_so = primary.rollout_state_reason.as_deref().is_some_and(is_rollback);
        let goes_back = match &self.before {
            Some(before) => *before == primary.task_definition,
            None => self.failed.is_some(),
        };
        // Once it is over, it no longer says what it was.
        let is_likely = primary.task_definition != self.task_definition && goes_back_by_itself(service);
        says_so
            || self.back.as_ref() == Some(&primary.id)
            || (goes_back && (self.failed.is_some() || is_likely))
    }
}

/// A service whose deployments ECS does not make: it is as it should be when its tasks are.
fn of_all(service: &Service) -> Stage {
    let Service { running_count: running, pending_count: pending, desired_count: desired, .. } = *service;
    let progress = Progress { running, pending, desired, ..Progress::default() };
    if running == desired && pending == 0 { Stage::Stable(progress) } else { Stage::Going(progress) }
}

/// ECS's words for a deployment that goes back: "ECS deployment circuit breaker: rolling back to deploymentId ..."
/// and "Deployment ... rolled back ...".
fn is_rollback(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    reason.contains("rolling back") || reason.contains("rolled back") || reason.contains("rollback")
}

/// Whether all is done that a deployment is there for.
fn is_stable(own: &Deployment, service: &Service) -> bool {
    let is_settled = service.deployments.len() == 1
        && own.running_count == own.desired_count
        && own.pending_count == 0
        && service.running_count == service.desired_count;
    // ECS counts its daemons in its own time; of others, none wanted is none to wait for.
    let is_daemon = service.document.get("schedulingStrategy").is_some_and(|word| word == "DAEMON");
    let is_done = match own.rollout_state.as_deref() {
        Some("COMPLETED") | None => true,
        Some("FAILED") => false,
        Some(_) => service.desired_count == 0 && !is_daemon,
    };
    is_settled && is_done
}

/// Whether one of the ways in which ECS finds a deployment failed is on.
fn is_on(service: &Service, way: &str, flag: &str) -> bool {
    let way = service.document.get("deploymentConfiguration").and_then(|it| it.get(way));
    let is_set = |flag: &str| way.and_then(|it| it.get(flag)?.as_bool()).unwrap_or(false);
    is_set("enable") && is_set(flag)
}

/// Whether ECS goes back by itself when a deployment fails.
fn goes_back_by_itself(service: &Service) -> bool {
    ["deploymentCircuitBreaker", "alarms"].into_iter().any(|way| is_on(service, way, "rollback"))
}

/// Without ECS's circuit breaker, we count ourselves.
fn is_lost(own: &Deployment, service: &Service) -> bool {
    !is_on(service, "deploymentCircuitBreaker", "enable")
        && own.failed_tasks >= too_many(service.desired_count)
}

fn too_many(desired: i64) -> i64 {
    ((desired + 1) / 2).clamp(*FAILED_TASKS.start(), *FAILED_TASKS.end())
}

fn progress(own: &Deployment, service: &Service) -> Progress {
    let others = service.deployments.iter().filter(|other| other.id != own.id);
    Progress {
        running: own.running_count,
        pending: own.pending_count,
        desired: own.desired_count,
        failed: own.failed_tasks,
        old: others.map(|other| other.running_count).sum(),
    }
}

#[cfg(test)]
#[path = "rollout_tests.rs"]
mod tests;
