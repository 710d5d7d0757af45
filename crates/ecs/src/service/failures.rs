//! Tasks that fail: the back-off, the count of failed tasks, and the circuit breaker.

use longshore_model::Timestamp;
use longshore_model::service::{
    DeploymentConfiguration, RolloutState, ThresholdConfiguration, ThresholdType,
};
use longshore_model::task::StopCode;

use super::deploy::Cause;
use super::{Pause, Service, ServiceKey};
use crate::cloud::Cloud;

/// The longest pause: "up to a maximum of 15 minutes", says the developer guide of the service throttle logic.
const PAUSE_LIMIT_SECONDS: i64 = 15 * 60;
/// How long it must have gone well after a pause for the next one to be short again, beyond the pause itself.
const CALM_SECONDS: i64 = 60;
/// A task that ends sooner after its start waits for its replacement as one that never started does: on AWS starting a
/// task takes that long anyway.
const QUICK_SECONDS: i64 = 10;
/// After so many rounds it is said that tasks do not start.
const ROUNDS_TOLD: u32 = 3;

impl Cloud {
    /// A task of a service is to stop or is over: if that was not wanted, the next one may have to wait.
    pub(super) fn on_left(&mut self, key: &ServiceKey, id: &str, now: Timestamp) {
        let Some(entry) = self.tasks.get(id) else { return };
        let by_itself = matches!(
            entry.view.stop_code,
            Some(StopCode::TaskFailedToStart | StopCode::EssentialContainerExited)
        );
        if !by_itself {
            return;
        }
        match entry.view.started_at {
            None => {
                self.count_failure(key, id, now);
                self.hold_back(key, id, now);
            }
            Some(at) if now < at.plus_seconds(QUICK_SECONDS) => self.hold_back(key, id, now),
            Some(_) => {}
        }
    }

    /// Counts a failed task of a deployment that is on its way.
    pub(super) fn count_failure(&mut self, key: &ServiceKey, id: &str, now: Timestamp) {
        let revision = self.tasks.get(id).and_then(|entry| Some(entry.service.as_ref()?.revision));
        self.change_failures(key, revision, now, |failed| failed.saturating_add(1));
    }

    /// "A task that reaches a healthy state resets the failure count to 0", unless the service says otherwise.
    pub(super) fn on_healthy(&mut self, key: &ServiceKey, revision: u64, now: Timestamp) {
        let breaker =
            self.services.get(key).and_then(|it| it.rules.configuration.deployment_circuit_breaker.as_ref());
        if breaker.and_then(|breaker| breaker.reset_on_healthy_task).unwrap_or(true) {
            self.change_failures(key, Some(revision), now, |_| 0);
        }
    }

    fn change_failures(
        &mut self,
        key: &ServiceKey,
        revision: Option<u64>,
        now: Timestamp,
        change: impl FnOnce(i32) -> i32,
    ) {
        let Some(service) = self.services.get_mut(key) else { return };
        let under_way = |it: &&mut super::Deployment| {
            Some(it.revision) == revision && it.state == RolloutState::InProgress
        };
        let Some(deployment) = service.deployments.iter_mut().find(under_way) else { return };
        let failed = change(deployment.failed_tasks);
        if failed == deployment.failed_tasks {
            return;
        }
        deployment.failed_tasks = failed;
        deployment.updated_at = now;
        let (rollout, row) = (deployment.rollout, service.row());
        self.touch(row);
        self.change_rollout(key, rollout, now, |rollout| rollout.failures = failed);
    }

    /// Ends a deployment whose tasks fail.
    pub(super) fn break_circuit(&mut self, key: &ServiceKey, now: Timestamp) {
        let Some(service) = self.services.get(key) else { return };
        let Some(breaker) = &service.rules.configuration.deployment_circuit_breaker else { return };
        let Some(primary) = service.primary().filter(|it| it.state == RolloutState::InProgress) else {
            return;
        };
        let threshold = threshold(&service.rules.configuration, service.desired_count);
        if breaker.enable && primary.failed_tasks >= threshold {
            let rollback = breaker.rollback;
            self.fail_deployment(key, Cause::Breaker { rollback }, now);
        }
    }

    /// Lets the next tasks wait, once for all tasks that were started together.
    fn hold_back(&mut self, key: &ServiceKey, id: &str, now: Timestamp) {
        let Some(created_at) = self.tasks.get(id).map(|entry| entry.view.created_at) else { return };
        let Some(service) = self.services.get_mut(key) else { return };
        let rounds = match service.pause {
            Some(pause) if created_at < pause.until => return,
            Some(pause) if now < pause.until.plus_seconds(pause_seconds(pause.rounds) + CALM_SECONDS) => {
                pause.rounds.saturating_add(1)
            }
            _ => 1,
        };
        let until = now.plus_seconds(pause_seconds(rounds));
        service.pause = Some(Pause { rounds, until, is_over: false });
        let row = service.row();
        self.touch(row);
        if rounds == ROUNDS_TOLD {
            self.tell_inconsistent(key, now);
        }
    }

    /// The time of a pause has come.
    pub(super) fn end_pause(&mut self, key: &ServiceKey, now: Timestamp) {
        let Some(service) = self.services.get_mut(key) else { return };
        if let Some(pause) = service.pause.as_mut().filter(|pause| !pause.is_over && pause.until <= now) {
            pause.is_over = true;
            let row = service.row();
            self.touch(row);
        }
    }
}

impl Service {
    /// Whether nothing forbids to start tasks.
    pub(super) fn may_start(&self) -> bool {
        self.pause.is_none_or(|pause| pause.is_over)
    }
}

/// One second after the first failure, and twice as long after each further one.
fn pause_seconds(rounds: u32) -> i64 {
    1_i64
        .checked_shl(rounds.saturating_sub(1).min(32))
        .unwrap_or(PAUSE_LIMIT_SECONDS)
        .min(PAUSE_LIMIT_SECONDS)
}

/// How many failed tasks end a deployment: by default half of the desired count, rounded up, from 3 to 200.
pub(super) fn threshold(configuration: &DeploymentConfiguration, desired_count: i32) -> i32 {
    let given =
        configuration.deployment_circuit_breaker.as_ref().and_then(|it| it.threshold_configuration.clone());
    let usual = ThresholdConfiguration { kind: ThresholdType::BoundedPercent, value: 50 };
    let ThresholdConfiguration { kind, value } = given.unwrap_or(usual);
    let share = || {
        let share = i64::from(desired_count).saturating_mul(value.into()).max(0);
        i32::try_from((share + 99) / 100).unwrap_or(i32::MAX)
    };
    match kind {
        ThresholdType::Count => value.max(1),
        ThresholdType::BoundedPercent => share().clamp(3, 200),
        ThresholdType::UnboundedPercent => share().max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_quarter_of_an_hour() {
        let seconds: Vec<i64> = (1..=12).map(pause_seconds).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        assert_eq!(pause_seconds(u32::MAX), 900);
    }

    #[test]
    fn the_usual_threshold_is_half_of_the_desired_count_within_bounds() {
        let usual = DeploymentConfiguration::default();
        let counts = [0, 1, 6, 7, 25, 400, 800];
        assert_eq!(counts.map(|desired| threshold(&usual, desired)), [3, 3, 3, 4, 13, 200, 200]);
    }
}
