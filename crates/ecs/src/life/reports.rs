//! What the runtime reports of a task and its containers, and what that changes.

use std::sync::Arc;

use longshore_model::Timestamp;
use longshore_model::container_definition::{ContainerDefinition, HealthCheck};
use longshore_model::tag::KeyValuePair;
use longshore_model::task::{DesiredStatus, HealthStatus, LastStatus, NetworkBinding, StopCode};

use crate::cloud::{Cloud, ContainerRef, Key};
use crate::task::{ContainerRun, Stage, is_over};

/// Seconds that a container must have run before its restart policy counts, where the policy says nothing.
const RESTART_PERIOD_SECONDS: i64 = 300;

/// What the world outside reports about a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// What the containers share is ready.
    Prepared {
        /// The task's own address, with awsvpc.
        ip: Option<String>,
        /// Image digests by container name.
        digests: Vec<(String, String)>,
    },
    /// It could not be made ready.
    PrepareFailed {
        /// ECS's sentence.
        reason: String,
    },
    /// A container runs.
    Started {
        /// Docker's id or the like.
        runtime_id: String,
        /// Published ports.
        bindings: Vec<NetworkBinding>,
    },
    /// A container could not be started.
    StartFailed {
        /// ECS's sentence.
        reason: String,
    },
    /// A container ended.
    Exited {
        /// None when nobody saw it end.
        exit_code: Option<i32>,
        /// What went wrong beyond the code.
        reason: Option<String>,
    },
    /// A health check ran.
    Checked {
        /// Whether it passed.
        healthy: bool,
    },
}

impl Cloud {
    /// Takes in what was reported about a task as a whole, once.
    pub(crate) fn task_report(&mut self, id: &str, report: Report, now: Timestamp) {
        if self.tasks.get(id).is_none_or(|entry| is_over(entry) || entry.prepared) {
            return;
        }
        match report {
            Report::Prepared { ip, digests } => self.on_prepared(id, ip, &digests, now),
            Report::PrepareFailed { reason } => {
                if reason.starts_with("Cannot") {
                    self.change_task(id, |task| {
                        for container in task.containers.iter_mut().filter(|it| it.exit_code.is_none()) {
                            container.reason = Some(reason.clone());
                        }
                    });
                }
                self.stop(id, StopCode::TaskFailedToStart, reason, now);
            }
            _ => {}
        }
        self.advance(id, now);
    }

    fn on_prepared(&mut self, id: &str, ip: Option<String>, digests: &[(String, String)], now: Timestamp) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        entry.prepared = true;
        self.change_task(id, |task| {
            // A task that is made ready again after a restart of ours was pulled before.
            task.pull_stopped_at.get_or_insert(now);
            for attachment in &mut task.attachments {
                attachment.status = "ATTACHED".into();
                if let Some(ip) = &ip {
                    attachment.details.retain(|detail| detail.name.as_deref() != Some("privateIPv4Address"));
                    let detail = KeyValuePair::new("privateIPv4Address", ip);
                    attachment.details.push(detail);
                }
            }
            for container in &mut task.containers {
                let digest = digests.iter().find(|(name, _)| *name == container.name);
                container.image_digest = digest.map(|(_, digest)| digest.clone());
                for interface in &mut container.network_interfaces {
                    if ip.is_some() {
                        interface.private_ipv4_address.clone_from(&ip);
                    }
                }
            }
        });
    }

    /// Takes in what was reported about one start of a container. Reports about earlier starts change nothing, nor do
    /// those that say for the second time what is known.
    pub(crate) fn container_report(&mut self, of: &ContainerRef, report: Report, now: Timestamp) {
        let id = &of.task;
        let Some(entry) = self.tasks.get(id).filter(|entry| !is_over(entry)) else { return };
        let Some(index) = entry.view.containers.iter().position(|it| it.name == of.container) else { return };
        let run = &entry.runs[index];
        if run.attempt != of.attempt {
            return;
        }
        match (report, run.stage) {
            (Report::Started { runtime_id, bindings }, Stage::Starting) => {
                self.mark_started(id, index, now);
                self.name_container(id, index, runtime_id, bindings);
            }
            // The end was reported before the start's own answer.
            (Report::Started { runtime_id, bindings }, Stage::Ended)
                if entry.view.containers[index].runtime_id.is_none() =>
            {
                self.name_container(id, index, runtime_id, bindings);
            }
            (Report::StartFailed { reason }, Stage::Starting) => {
                self.on_start_failed(id, index, reason, now);
            }
            (
                Report::Exited { exit_code, reason },
                stage @ (Stage::Starting | Stage::Running | Stage::Terminating),
            ) => {
                if stage == Stage::Starting {
                    // What has ended had started.
                    self.mark_started(id, index, now);
                    self.reach_running(id, now);
                }
                self.on_exited(id, index, exit_code, reason, now);
            }
            (Report::Checked { healthy }, Stage::Running) => self.on_checked(id, index, healthy, now),
            _ => return,
        }
        self.advance(id, now);
    }

    fn mark_started(&mut self, id: &str, index: usize, now: Timestamp) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        let run = &mut entry.runs[index];
        run.stage = Stage::Running;
        run.started_at = Some(now);
        let check = entry.definition.spec.container_definitions[index].health_check.as_ref();
        run.check_at = check.map(|check| now.plus_seconds(interval(check)));
        self.change_task(id, |task| task.containers[index].last_status = LastStatus::Running);
    }

    fn name_container(&mut self, id: &str, index: usize, runtime_id: String, bindings: Vec<NetworkBinding>) {
        self.change_task(id, |task| {
            let container = &mut task.containers[index];
            container.runtime_id = Some(runtime_id);
            container.network_bindings = bindings;
        });
    }

    fn on_start_failed(&mut self, id: &str, index: usize, reason: String, now: Timestamp) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        entry.runs[index].stage = Stage::Ended;
        let essential = entry.definition.spec.container_definitions[index].is_essential();
        self.change_task(id, |task| {
            task.containers[index].last_status = LastStatus::Stopped;
            task.containers[index].reason = Some(reason);
        });
        if essential {
            self.stop(id, StopCode::TaskFailedToStart, "Task failed to start".into(), now);
        }
    }

    fn on_exited(
        &mut self,
        id: &str,
        index: usize,
        exit_code: Option<i32>,
        reason: Option<String>,
        now: Timestamp,
    ) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        let definition = &entry.definition.spec.container_definitions[index];
        let wanted = entry.view.desired_status == DesiredStatus::Running;
        if wanted && is_restarted(definition, &entry.runs[index], exit_code, now) {
            let run = &mut entry.runs[index];
            let attempt = run.attempt.saturating_add(1);
            *run = ContainerRun::new();
            run.attempt = attempt;
            self.change_task(id, |task| {
                let container = &mut task.containers[index];
                container.last_status = LastStatus::Pending;
                container.runtime_id = None;
            });
            self.set_health(id, index, HealthStatus::Unknown);
            return;
        }
        let essential = definition.is_essential();
        let run = &mut entry.runs[index];
        run.stage = Stage::Ended;
        (run.kill_at, run.check_at) = (None, None);
        self.change_task(id, |task| {
            let container = &mut task.containers[index];
            container.last_status = LastStatus::Stopped;
            container.exit_code = exit_code;
            if reason.is_some() {
                container.reason = reason;
            }
        });
        if essential && wanted {
            let reason = "Essential container in task exited".to_owned();
            self.stop(id, StopCode::EssentialContainerExited, reason, now);
        }
    }

    fn on_checked(&mut self, id: &str, index: usize, healthy: bool, now: Timestamp) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        let run = &mut entry.runs[index];
        let Some(check) = &entry.definition.spec.container_definitions[index].health_check else { return };
        run.check_at = Some(now.plus_seconds(interval(check)));
        let start_ends = run.started_at.map(|at| at.plus_seconds(check.start_period.unwrap_or(0).into()));
        // As in Docker, the first success ends the time in which failures do not count.
        let starting = start_ends.is_some_and(|end| now < end)
            && entry.view.containers[index].health_status == HealthStatus::Unknown;
        if healthy {
            run.check_failures = 0;
        } else if !starting {
            run.check_failures = run.check_failures.saturating_add(1);
        }
        let retries = u32::try_from(check.retries.unwrap_or(3)).unwrap_or(3);
        let unhealthy = run.check_failures >= retries;
        self.touch(Key::Task(id.to_owned()));
        if healthy {
            self.set_health(id, index, HealthStatus::Healthy);
        } else if unhealthy {
            self.set_health(id, index, HealthStatus::Unhealthy);
        }
    }

    /// Sets a container's health, and the task's with it.
    fn set_health(&mut self, id: &str, index: usize, status: HealthStatus) {
        let Some(entry) = self.tasks.get(id) else { return };
        if entry.view.containers[index].health_status == status {
            return;
        }
        let definition = Arc::clone(&entry.definition);
        self.change_task(id, |task| {
            task.containers[index].health_status = status;
            let containers = definition.spec.container_definitions.iter().zip(&task.containers);
            let checked = containers
                .filter(|(definition, _)| definition.is_essential() && definition.health_check.is_some());
            // One unhealthy essential container makes the task unhealthy, one unknown makes it unknown.
            let worst = |health| match health {
                HealthStatus::Unhealthy => 0,
                HealthStatus::Unknown => 1,
                HealthStatus::Healthy => 2,
            };
            let health = checked.map(|(_, container)| container.health_status).min_by_key(|it| worst(*it));
            task.health_status = health.unwrap_or(HealthStatus::Unknown);
        });
    }
}

/// Seconds between two health checks.
fn interval(check: &HealthCheck) -> i64 {
    check.interval.unwrap_or(30).into()
}

fn is_restarted(
    definition: &ContainerDefinition,
    run: &ContainerRun,
    exit_code: Option<i32>,
    now: Timestamp,
) -> bool {
    let Some(policy) = definition.restart_policy.as_ref().filter(|policy| policy.enabled) else {
        return false;
    };
    let ignored = policy.ignored_exit_codes.iter().flatten().any(|ignored| Some(*ignored) == exit_code);
    let period = policy.restart_attempt_period.map_or(RESTART_PERIOD_SECONDS, i64::from);
    !ignored && run.started_at.is_some_and(|at| now >= at.plus_seconds(period))
}
