//! Whether a task counts as healthy: its containers' own checks, and those of the target groups that it is in.

use longshore_model::Timestamp;
use longshore_model::task::{DesiredStatus, HealthStatus, LastStatus};

use super::census::Condition;
use super::{Service, ServiceKey, TaskOfService, TaskTarget};
use crate::balancing::TargetState;
use crate::cloud::{Cloud, Key};
use crate::task::TaskEntry;

/// How long a task without any checks must have been RUNNING before it counts as healthy. ECS waits for 40 seconds.
const PROOF_SECONDS: i64 = 5;

impl Cloud {
    /// How a task is, and when time alone may change that; nothing once it was sent its stop signal.
    pub(super) fn condition(
        &self,
        entry: &TaskEntry,
        of: &TaskOfService,
        service: &Service,
    ) -> Option<(Condition, Option<Timestamp>)> {
        if entry.view.desired_status == DesiredStatus::Stopped {
            return (entry.view.last_status < LastStatus::Stopping).then_some((Condition::Leaving, None));
        }
        if entry.view.last_status < LastStatus::Running {
            return Some((Condition::Pending, None));
        }
        let has_checks = has_checks(entry);
        let grace = i64::from(service.rules.grace_seconds.unwrap_or(0)).max(0);
        let wait = if has_checks || !of.targets.is_empty() { grace } else { PROOF_SECONDS };
        let is_ripe = of.is_ripe || wait == 0;
        let recheck_at = entry.view.started_at.map(|at| at.plus_seconds(wait)).filter(|_| !is_ripe);
        let states: Vec<_> = of.targets.iter().map(|it| self.target_state(&it.group, &it.target())).collect();
        let is_bad = entry.view.health_status == HealthStatus::Unhealthy
            || states.contains(&Some(TargetState::Unhealthy));
        // A target that nothing is sent to is nobody's reason to wait.
        let is_served =
            |state: &Option<TargetState>| matches!(state, Some(TargetState::Healthy | TargetState::Unused));
        let condition = if is_bad {
            if is_ripe { Condition::Unhealthy } else { Condition::Starting }
        } else if has_checks || !of.targets.is_empty() {
            let is_checked = !has_checks || entry.view.health_status == HealthStatus::Healthy;
            if is_checked && states.iter().all(is_served) { Condition::Healthy } else { Condition::Starting }
        } else if is_ripe {
            Condition::Healthy
        } else {
            Condition::Starting
        };
        // Who is well has nothing to wait for.
        Some((condition, recheck_at.filter(|_| condition != Condition::Healthy)))
    }

    /// The time in which a task proves itself, or in which its failing checks do not count, is over.
    pub(super) fn ripen(&mut self, id: &str) {
        let Some(of) = self.tasks.get_mut(id).and_then(|entry| entry.service.as_mut()) else { return };
        if !std::mem::replace(&mut of.is_ripe, true) {
            self.touch(Key::Task(id.to_owned()));
            self.unsettled_tasks.insert(id.to_owned());
        }
    }

    /// The group in which a task is unhealthy.
    fn unhealthy_group(&self, entry: &TaskEntry) -> Option<(String, u16)> {
        let targets = entry.service.as_ref().map(|of| of.targets.as_slice()).unwrap_or_default();
        let is_bad =
            |it: &&TaskTarget| self.target_state(&it.group, &it.target()) == Some(TargetState::Unhealthy);
        let found = targets.iter().find(is_bad)?;
        Some((found.group.clone(), found.port))
    }

    /// Why an unhealthy task is stopped, in ECS's words.
    pub(super) fn unhealthy_reason(&self, id: &str) -> String {
        match self.tasks.get(id).and_then(|entry| self.unhealthy_group(entry)) {
            Some((group, _)) => format!("Task failed ELB health checks in (target-group {group})"),
            None => "Task failed container health checks".to_owned(),
        }
    }

    pub(super) fn tell_unhealthy(&mut self, key: &ServiceKey, id: &str, now: Timestamp) {
        let Some(entry) = self.tasks.get(id) else { return };
        let ec2 = entry.instance.as_ref().and_then(|it| self.instances.get(it)?.ec2_instance_id.clone());
        let message = match self.unhealthy_group(entry) {
            Some((group, port)) => {
                let place = match ec2 {
                    Some(instance) => format!("(instance {instance}) (port {port})"),
                    None => format!("(port {port})"),
                };
                format!(
                    "{place} is unhealthy in (target-group {group}) due to (reason Health checks failed)."
                )
            }
            None => format!("(task {id}) failed container health checks."),
        };
        self.tell(key, &message, now);
    }
}

/// Whether a container that the task needs has a check of its own.
fn has_checks(entry: &TaskEntry) -> bool {
    let containers = &entry.definition.spec.container_definitions;
    containers.iter().any(|container| container.is_essential() && container.health_check.is_some())
}
