//! Deployments: begun, completed, failed, put back.

use longshore_model::Timestamp;
use longshore_model::service::{RolloutState, ServiceDeploymentStatus as Status, ServiceStatus};

use super::create::resolved;
use super::events::ServiceHappening;
use super::failures::threshold;
use super::{Deployment, Revision, RolledBack, Rollout, Service, ServiceKey};
use crate::cloud::{Cloud, Key};

/// How many service deployments of a service are remembered. ECS remembers those of 90 days.
const ROLLOUTS_LIMIT: usize = 100;

/// Why a deployment ends before it is completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Too many of its tasks failed.
    Breaker {
        /// Whether what ran before comes back.
        rollback: bool,
    },
    /// Somebody asked for what ran before.
    RollbackAsked,
    /// Somebody asked to stop.
    Aborted,
}

impl Cloud {
    /// Begins a deployment of what the service wants: a new revision, which becomes PRIMARY.
    pub(super) fn begin_deployment(&mut self, key: &ServiceKey, now: Timestamp) {
        let (id, revision) = (self.random.digits(), self.random.digits());
        let rollout_id = self.random.base62(21);
        let Some(service) = self.services.get_mut(key) else { return };
        let number = service.next_rollout;
        service.next_rollout = number.saturating_add(1);
        let id = format!("ecs-svc/{id}");
        let sources = service.deployments.iter().map(|it| it.revision).filter(|it| service.census.knows(*it));
        let rollout = Rollout {
            id: rollout_id,
            created_at: now,
            started_at: None,
            finished_at: None,
            stopped_at: None,
            updated_at: now,
            sources: sources.collect(),
            target: revision,
            status: Status::Pending,
            status_reason: None,
            configuration: service.rules.configuration.clone(),
            failures: 0,
            threshold: threshold(&service.rules.configuration, service.desired_count),
            is_triggered: false,
            rollback: None,
        };
        let before = service.primary().map(|deployment| deployment.rollout);
        service.deployments.insert(
            0,
            Deployment {
                reason: format!("ECS deployment {id} in progress."),
                id,
                revision,
                rollout: number,
                created_at: now,
                updated_at: now,
                state: RolloutState::InProgress,
                failed_tasks: 0,
                is_rollback: false,
            },
        );
        (service.pause, service.shortage, service.is_steady) = (None, None, false);
        let (workload, row) = (resolved(&service.workload), service.row());
        self.touch(row);
        self.unsettled_services.insert(key.clone());
        let place = (key.0.clone(), key.1.clone());
        self.service_revisions
            .insert((place.0.clone(), place.1.clone(), revision), Revision { workload, created_at: now });
        self.touch(Key::ServiceRevision(place.0.clone(), place.1.clone(), revision));
        self.rollouts.insert((place.0.clone(), place.1.clone(), number), rollout);
        self.touch(Key::ServiceDeployment(place.0, place.1, number));
        self.publish_deployment(key);
        if let Some(before) = before {
            self.end_rollout(
                key,
                before,
                Status::Stopped,
                "The service deployment was replaced by a newer one.",
                now,
            );
        }
        self.trim_history(key);
    }

    /// A service deployment that waits begins.
    pub(super) fn begin_rollout(&mut self, key: &ServiceKey, now: Timestamp) {
        let Some(number) = self.services.get(key).and_then(|it| Some(it.primary()?.rollout)) else { return };
        if self.rollout(key, number).is_some_and(|rollout| rollout.status == Status::Pending) {
            self.change_rollout(key, number, now, |rollout| {
                rollout.status = Status::InProgress;
                rollout.started_at = Some(now);
            });
        }
    }

    /// Ends the PRIMARY deployment as FAILED, and puts back what ran before where that is wanted and possible.
    pub(super) fn fail_deployment(&mut self, key: &ServiceKey, cause: Cause, now: Timestamp) {
        let Some(service) = self.services.get_mut(key) else { return };
        let back_to = service.last_completed;
        let Some(primary) = service.deployments.first_mut() else { return };
        let (id, number, was_rollback) = (primary.id.clone(), primary.rollout, primary.is_rollback);
        let back_to = back_to.filter(|revision| *revision != primary.revision && !was_rollback);
        primary.state = RolloutState::Failed;
        primary.updated_at = now;
        primary.reason = match cause {
            Cause::Breaker { .. } => "ECS deployment circuit breaker: tasks failed to start.".to_owned(),
            Cause::RollbackAsked | Cause::Aborted => format!("ECS deployment {id} was stopped."),
        };
        let row = service.row();
        self.touch(row);
        self.unsettled_services.insert(key.clone());
        self.publish_deployment(key);
        if let Cause::Breaker { .. } = cause {
            self.tell(key, &format!("(deployment {id}) deployment failed: tasks failed to start."), now);
            self.change_rollout(key, number, now, |rollout| rollout.is_triggered = true);
        }
        let wants_back = matches!(cause, Cause::Breaker { rollback: true } | Cause::RollbackAsked);
        match back_to.filter(|_| wants_back) {
            Some(revision) => self.roll_back(key, revision, cause, now),
            None => {
                let status = if was_rollback { Status::RollbackFailed } else { Status::Stopped };
                let reason = match cause {
                    Cause::Breaker { .. } => "ECS deployment circuit breaker: tasks failed to start.",
                    Cause::RollbackAsked | Cause::Aborted => "The service deployment was stopped by a user.",
                };
                self.end_rollout(key, number, status, reason, now);
            }
        }
    }

    /// Makes an earlier revision PRIMARY again. What still runs of it stays.
    fn roll_back(&mut self, key: &ServiceKey, revision: u64, cause: Cause, now: Timestamp) {
        let earlier = self.service_revisions.get(&(key.0.clone(), key.1.clone(), revision));
        let Some(workload) = earlier.map(|revision| revision.workload.clone()) else { return };
        let id = format!("ecs-svc/{}", self.random.digits());
        let by = match cause {
            Cause::Breaker { .. } => "ECS deployment circuit breaker",
            Cause::RollbackAsked | Cause::Aborted => "ECS deployment rollback",
        };
        let reason = format!("{by}: rolling back to deploymentId {id}.");
        let Some(service) = self.services.get_mut(key) else { return };
        let Some(number) = service.primary().map(|deployment| deployment.rollout) else { return };
        service.deployments.retain(|deployment| deployment.revision != revision);
        service.deployments.insert(
            0,
            Deployment {
                id: id.clone(),
                revision,
                rollout: number,
                created_at: now,
                updated_at: now,
                state: RolloutState::InProgress,
                reason: reason.clone(),
                failed_tasks: 0,
                is_rollback: true,
            },
        );
        service.workload = workload;
        (service.pause, service.shortage, service.is_steady) = (None, None, false);
        let row = service.row();
        self.touch(row);
        self.publish_deployment(key);
        self.change_rollout(key, number, now, |rollout| {
            rollout.status = Status::RollbackInProgress;
            rollout.status_reason = Some(reason.clone());
            rollout.rollback = Some(RolledBack { reason, started_at: now, revision });
        });
        self.tell(key, &format!("rolling back to deployment {id}."), now);
    }

    /// Nothing is left to do for now: forgets the deployments that were replaced, and says what has been reached.
    pub(super) fn conclude(&mut self, key: &ServiceKey, now: Timestamp) {
        let Some(service) = self.services.get_mut(key) else { return };
        let before = service.deployments.len();
        let census = &service.census;
        let mut index = 0;
        service.deployments.retain(|deployment| {
            index += 1;
            index == 1 || census.knows(deployment.revision)
        });
        let is_shorter = service.deployments.len() < before;
        let is_reached = service.is_as_wanted();
        let (was_steady, status) = (service.is_steady, service.status);
        service.is_steady = is_reached;
        if is_shorter || was_steady != is_reached {
            let row = service.row();
            self.touch(row);
        }
        if status == ServiceStatus::Draining {
            self.end_service(key, now);
        } else if is_reached && !was_steady {
            self.complete_deployment(key, now);
            self.tell(key, "has reached a steady state.", now);
            self.publish_service(key, ServiceHappening::Steady);
        }
    }

    fn complete_deployment(&mut self, key: &ServiceKey, now: Timestamp) {
        let Some(service) = self.services.get_mut(key) else { return };
        let Some(primary) = service.deployments.first_mut() else { return };
        if primary.state != RolloutState::InProgress {
            return;
        }
        primary.state = RolloutState::Completed;
        primary.reason = format!("ECS deployment {} completed.", primary.id);
        primary.updated_at = now;
        let (id, number, is_rollback) = (primary.id.clone(), primary.rollout, primary.is_rollback);
        service.last_completed = Some(primary.revision);
        let status = if is_rollback { Status::RollbackSuccessful } else { Status::Successful };
        self.publish_deployment(key);
        self.tell(key, &format!("(deployment {id}) deployment completed."), now);
        self.change_rollout(key, number, now, |rollout| {
            rollout.status = status;
            rollout.finished_at = Some(now);
        });
    }

    /// A deleted service is over once all of its tasks were sent their stop signals.
    fn end_service(&mut self, key: &ServiceKey, now: Timestamp) {
        let Some(service) = self.services.get_mut(key).filter(|service| service.census.is_empty()) else {
            return;
        };
        service.status = ServiceStatus::Inactive;
        service.inactive_at = Some(now);
        let (row, primary) = (service.row(), service.primary().map(|it| it.rollout));
        self.touch(row);
        if let Some(number) = primary {
            self.end_rollout(key, number, Status::Stopped, "The service was deleted.", now);
        }
    }

    /// Ends a service deployment that has not ended.
    fn end_rollout(&mut self, key: &ServiceKey, number: u64, status: Status, reason: &str, now: Timestamp) {
        let is_open = |rollout: &Rollout| {
            !matches!(
                rollout.status,
                Status::Successful | Status::Stopped | Status::RollbackSuccessful | Status::RollbackFailed
            )
        };
        if self.rollout(key, number).is_some_and(is_open) {
            self.change_rollout(key, number, now, |rollout| {
                rollout.status = status;
                rollout.status_reason = Some(reason.to_owned());
                rollout.stopped_at = Some(now);
                rollout.finished_at = Some(now);
            });
        }
    }

    /// Forgets the oldest service deployments, and the revisions that nothing refers to any more.
    fn trim_history(&mut self, key: &ServiceKey) {
        let numbers: Vec<u64> = self.rollouts_of(key).map(|(number, _)| number).collect();
        let excess = numbers.len().saturating_sub(ROLLOUTS_LIMIT);
        if excess == 0 {
            return;
        }
        for number in &numbers[..excess] {
            self.remove_rollout(key, *number);
        }
        let Some(service) = self.services.get(key) else { return };
        let in_use = |revision: u64| {
            service.last_completed == Some(revision)
                || service.census.knows(revision)
                || service.deployments.iter().any(|deployment| deployment.revision == revision)
                || self
                    .rollouts_of(key)
                    .any(|(_, it)| it.target == revision || it.sources.contains(&revision))
        };
        let unused: Vec<u64> =
            self.revisions_of(key).map(|(number, _)| number).filter(|number| !in_use(*number)).collect();
        for revision in unused {
            self.remove_revision(key, revision);
        }
    }
}

impl Service {
    /// Whether the service has the tasks that it wants, all healthy, and no others.
    fn is_as_wanted(&self) -> bool {
        let Some(primary) = self.primary() else { return false };
        let (current, outgoing) = self.census.tallies(primary.revision);
        let wanted = self.wanted();
        primary.state != RolloutState::Failed
            && self.deployments.len() == 1
            && current.healthy == wanted
            && current.live() == wanted
            && outgoing.live() == 0
            && self.census.leaving() == 0
    }
}
