//! How one deployment goes: ours, told from all others by its id.

use std::collections::BTreeSet;
use std::time::Duration;

use longshore_model::seen::{Deployment, Service};

use super::revision_name;

/// For so long after it was begun, a deployment may be missing in what DescribeServices answers.
const VISIBLE_WITHIN: Duration = Duration::from_secs(60);

/// From how many failed tasks on a deployment is lost, at half of the wanted count: the rule of ECS's own circuit
/// breaker (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html>).
const FAILED_TASKS: std::ops::RangeInclusive<i64> = 3..=200;

/// A deployment that is waited for.
#[derive(Debug, Clone)]
pub struct Rollout {
    id: String,
    /// What ran before, if anything did.
    before: Option<String>,
    began: Duration,
    was_seen: bool,
    /// Of the events, by id.
    told: BTreeSet<String>,
    /// Why it failed, once that is known: from then on, the service going back is waited for.
    failed: Option<String>,
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
        Self {
            id: service.primary().map(|primary| primary.id.clone()).unwrap_or_default(),
            before,
            began: now,
            was_seen: false,
            told: service.events.iter().map(|event| event.id.clone()).collect(),
            failed: None,
        }
    }

    /// Its id, `ecs-svc/` and a number.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether so many tasks that started and ended again are too many.
    #[must_use]
    pub fn is_crash_loop(&self, crashed: usize, desired: i64) -> bool {
        i64::try_from(crashed).unwrap_or(i64::MAX) >= too_many(desired)
    }

    /// What ECS has said of the service since it was looked at last, the oldest first.
    pub fn events(&mut self, service: &Service) -> Vec<String> {
        let new = service.events.iter().rev().filter(|event| self.told.insert(event.id.clone()));
        new.map(|event| event.message.clone()).collect()
    }

    /// Looks at the service; `None` when it is not there.
    pub fn look(&mut self, service: Option<&Service>, now: Duration) -> Stage {
        let hidden = now.saturating_sub(self.began) < VISIBLE_WITHIN && !self.was_seen;
        let Some(service) = service.filter(|service| service.status == "ACTIVE") else {
            return if hidden { Stage::Going(Progress::default()) } else { Stage::Gone };
        };
        let own = service.deployments.iter().find(|deployment| deployment.id == self.id);
        self.was_seen |= own.is_some();
        match own {
            Some(own) => self.of_own(own, service),
            None if hidden => Stage::Going(Progress::default()),
            None => self.replaced(service, "it is no longer among the service's deployments"),
        }
    }

    fn of_own(&mut self, own: &Deployment, service: &Service) -> Stage {
        let reason = own.rollout_state_reason.clone().unwrap_or_default();
        let is_primary = own.status == "PRIMARY";
        match own.rollout_state.as_deref() {
            Some("FAILED") if is_primary && !breaker(service).1 => Stage::Failed(reason),
            // ECS makes the deployment that goes back in the next moment.
            Some("FAILED") if is_primary => {
                self.failed = Some(reason);
                Stage::GoingBack(progress(own, service))
            }
            Some("FAILED") => self.replaced(service, &reason),
            _ if !is_primary => self.replaced(service, &reason),
            Some("COMPLETED") | None if is_settled(own, service) => Stage::Stable(progress(own, service)),
            _ if is_lost(own, service) => Stage::Failed(format!(
                "{} tasks failed, and the service has no circuit breaker",
                own.failed_tasks
            )),
            _ => Stage::Going(progress(own, service)),
        }
    }

    /// There is a newer deployment: ECS's way back, or somebody else's.
    fn replaced(&mut self, service: &Service, reason: &str) -> Stage {
        let Some(primary) = service.primary() else { return Stage::Going(Progress::default()) };
        let own_failed = service.deployments.iter().any(|deployment| {
            deployment.id == self.id && deployment.rollout_state.as_deref() == Some("FAILED")
        });
        if own_failed {
            self.failed.get_or_insert_with(|| reason.to_owned());
        }
        let rolls_back = primary.rollout_state_reason.as_deref().is_some_and(is_rollback);
        let goes_back = self.before.as_deref() == Some(primary.task_definition.as_str());
        match &self.failed {
            None if !(rolls_back && goes_back) => {
                let to = revision_name(&primary.task_definition);
                Stage::Superseded(format!("deployment {} of {to} took its place", primary.id))
            }
            failed => {
                let reason = failed.clone().unwrap_or_else(|| reason.to_owned());
                if is_settled(primary, service) && primary.rollout_state.as_deref() != Some("IN_PROGRESS") {
                    let to = revision_name(&primary.task_definition).to_owned();
                    Stage::RolledBack { reason, to }
                } else {
                    self.failed = Some(reason);
                    Stage::GoingBack(progress(primary, service))
                }
            }
        }
    }
}

/// ECS's words for a deployment that goes back: "ECS deployment circuit breaker: rolling back to deploymentId ..."
/// and "Deployment ... rolled back ...".
fn is_rollback(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    reason.contains("rolling back") || reason.contains("rolled back") || reason.contains("rollback")
}

fn is_settled(own: &Deployment, service: &Service) -> bool {
    service.deployments.len() == 1
        && own.running_count == own.desired_count
        && own.pending_count == 0
        && service.running_count == service.desired_count
}

/// Whether the circuit breaker is on, and whether it goes back by itself.
fn breaker(service: &Service) -> (bool, bool) {
    let configuration = service.document.get("deploymentConfiguration");
    let breaker = configuration.and_then(|it| it.get("deploymentCircuitBreaker"));
    let is_on = |member: &str| breaker.and_then(|it| it.get(member)?.as_bool()).unwrap_or(false);
    (is_on("enable"), is_on("enable") && is_on("rollback"))
}

/// Without ECS's circuit breaker, we count ourselves.
fn is_lost(own: &Deployment, service: &Service) -> bool {
    !breaker(service).0 && own.failed_tasks >= too_many(service.desired_count)
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
