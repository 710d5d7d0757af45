//! A task's life: one function that looks at where the task is and what it may do next, called after whatever happened.

use std::sync::Arc;

use longshore_model::Timestamp;
use longshore_model::container_definition::{ContainerDefinition, DependencyCondition};
use longshore_model::task::{DesiredStatus, HealthStatus, LastStatus, StopCode};

use crate::cloud::{Cloud, ContainerRef, Effect, Key};
pub use reports::Report;

mod reports;

use crate::task::{STOPPED_TASK_VISIBLE_SECONDS, Stage, TaskEntry, is_over};

/// Seconds between the stop signal and SIGKILL where the container says nothing.
const STOP_TIMEOUT_SECONDS: i64 = 30;
/// Seconds after which a kill that had no effect is tried again.
const KILL_AGAIN_SECONDS: i64 = 10;
/// How often a kill is tried.
const KILLS_LIMIT: u32 = 6;
/// The exit code of a container that the agent gave up starting (agent source, dependencygraph).
const NEVER_STARTED_EXIT_CODE: i32 = 143;

impl Cloud {
    /// Asks a task to stop; the first reason stays.
    pub(crate) fn stop(&mut self, id: &str, code: StopCode, reason: String, now: Timestamp) {
        let Some(entry) = self.tasks.get(id) else { return };
        if entry.view.desired_status == DesiredStatus::Stopped {
            return;
        }
        self.change_task(id, |task| {
            task.desired_status = DesiredStatus::Stopped;
            task.stop_code = Some(code);
            task.stopped_reason = Some(reason);
            task.stopping_at = Some(now);
        });
        self.advance(id, now);
    }

    /// Lets a task do what it may do next. Calling it once more changes nothing.
    pub(crate) fn advance(&mut self, id: &str, now: Timestamp) {
        let Some(entry) = self.tasks.get(id).filter(|entry| !is_over(entry)) else { return };
        if entry.view.desired_status == DesiredStatus::Stopped {
            self.advance_stopping(id, now);
        } else if entry.prepared {
            self.advance_starting(id, now);
        }
        self.set_timer(id);
    }

    fn advance_starting(&mut self, id: &str, now: Timestamp) {
        self.set_status(id, LastStatus::Pending);
        let Some(entry) = self.tasks.get(id) else { return };
        let mut hopeless = None;
        let mut ready = Vec::new();
        for (index, definition) in entry.definition.spec.container_definitions.iter().enumerate() {
            if entry.runs[index].stage != Stage::Waiting {
                continue;
            }
            match may_start(entry, definition, now) {
                Readiness::Ready => ready.push(index),
                Readiness::NotYet => {}
                Readiness::Never(reason) => hopeless = hopeless.or(Some((index, reason))),
            }
        }
        if let Some((index, reason)) = hopeless {
            self.give_up_container(id, index, reason, now);
            return;
        }
        for index in ready {
            self.start_container(id, index, now);
        }
        let all_up = self.tasks.get(id).is_some_and(|entry| {
            entry
                .runs
                .iter()
                .all(|run| matches!(run.stage, Stage::Running | Stage::Terminating | Stage::Ended))
        });
        if all_up && self.tasks.get(id).is_some_and(|entry| entry.view.last_status < LastStatus::Running) {
            self.set_status(id, LastStatus::Activating);
            self.change_task(id, |task| task.started_at = Some(now));
            self.set_status(id, LastStatus::Running);
        }
    }

    /// A container whose dependency can no longer come true: the agent marks it ended, with its reason.
    fn give_up_container(&mut self, id: &str, index: usize, reason: String, now: Timestamp) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        entry.runs[index].stage = Stage::Ended;
        let essential = entry.definition.spec.container_definitions[index].is_essential();
        self.change_task(id, |task| {
            let container = &mut task.containers[index];
            container.last_status = LastStatus::Stopped;
            container.exit_code = Some(NEVER_STARTED_EXIT_CODE);
            container.reason = Some(format!("CannotStartContainerError: {reason}"));
        });
        if essential {
            self.stop(id, StopCode::TaskFailedToStart, "Task failed to start".into(), now);
        } else {
            self.advance(id, now);
        }
    }

    fn start_container(&mut self, id: &str, index: usize, now: Timestamp) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        let run = &mut entry.runs[index];
        run.stage = Stage::Starting;
        run.asked_at = Some(now);
        let of = reference(id, entry, index);
        self.touch(Key::Task(id.to_owned()));
        self.emit(Effect::Start(of));
    }

    fn advance_stopping(&mut self, id: &str, now: Timestamp) {
        self.set_status(id, LastStatus::Deactivating);
        self.set_status(id, LastStatus::Stopping);
        let Some(entry) = self.tasks.get(id) else { return };
        let definitions = Arc::clone(&entry.definition);
        let definitions = &definitions.spec.container_definitions;
        for index in 0..definitions.len() {
            if self.tasks.get(id).is_some_and(|entry| entry.runs[index].stage == Stage::Waiting) {
                self.end_unstarted(id, index);
            }
        }
        for index in 0..definitions.len() {
            let Some(entry) = self.tasks.get_mut(id) else { return };
            // What others depend on stops after them; what is being started is stopped once that is known.
            if entry.runs[index].stage != Stage::Running || is_needed(entry, definitions, index) {
                continue;
            }
            let grace = definitions[index].stop_timeout.map_or(STOP_TIMEOUT_SECONDS, i64::from);
            let run = &mut entry.runs[index];
            run.stage = Stage::Terminating;
            run.kill_at = Some(now.plus_seconds(grace));
            run.check_at = None;
            let of = reference(id, entry, index);
            self.touch(Key::Task(id.to_owned()));
            self.emit(Effect::Terminate(of));
        }
        if self.tasks.get(id).is_some_and(|entry| entry.runs.iter().all(|run| run.stage == Stage::Ended)) {
            self.finish(id, now);
        }
    }

    fn end_unstarted(&mut self, id: &str, index: usize) {
        if let Some(entry) = self.tasks.get_mut(id) {
            entry.runs[index].stage = Stage::Ended;
        }
        self.change_task(id, |task| task.containers[index].last_status = LastStatus::Stopped);
    }

    fn finish(&mut self, id: &str, now: Timestamp) {
        self.change_task(id, |task| task.execution_stopped_at = task.started_at.map(|_| now));
        self.set_status(id, LastStatus::Deprovisioning);
        self.change_task(id, |task| {
            task.stopped_at = Some(now);
            for attachment in &mut task.attachments {
                attachment.status = "DELETED".into();
            }
        });
        self.set_status(id, LastStatus::Stopped);
        self.give_back_resources(id);
        self.emit(Effect::Release(id.to_owned()));
    }

    /// Moves a task on to a state (never back), and tells the subscribers.
    pub(crate) fn set_status(&mut self, id: &str, status: LastStatus) {
        let Some(entry) = self.tasks.get(id) else { return };
        let before = entry.view.last_status;
        if before >= status {
            return;
        }
        self.change_task(id, |task| task.last_status = status);
        let Some(entry) = self.tasks.get(id) else { return };
        let (view, instance) = (Arc::clone(&entry.view), entry.instance.clone());
        if let Some(instance) = instance {
            self.count_task(&instance, Some(before), status);
        }
        self.emit(Effect::TaskChanged(view));
    }

    /// Looks at every task whose time has come.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        while let Some((at, id)) = self.timers.first().cloned() {
            if at > now {
                break;
            }
            self.timers.pop_first();
            if let Some(entry) = self.tasks.get_mut(&id) {
                entry.wake = None;
                self.on_timer(&id, now);
            }
        }
        self.sweep_tokens(now);
    }

    fn on_timer(&mut self, id: &str, now: Timestamp) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        if is_over(entry) {
            if entry.view.stopped_at.is_none_or(|at| now >= at.plus_seconds(STOPPED_TASK_VISIBLE_SECONDS)) {
                self.forget(id);
            } else {
                self.set_timer(id);
            }
            return;
        }
        let mut effects = Vec::new();
        let mut given_up = Vec::new();
        for index in 0..entry.runs.len() {
            let of = reference(id, entry, index);
            let run = &mut entry.runs[index];
            if run.kill_at.is_some_and(|at| at <= now) {
                run.kills = run.kills.saturating_add(1);
                run.kill_at = Some(now.plus_seconds(KILL_AGAIN_SECONDS));
                if run.kills > KILLS_LIMIT { given_up.push(of) } else { effects.push(Effect::Kill(of)) }
            } else if run.check_at.is_some_and(|at| at <= now) {
                run.check_at = None;
                effects.push(Effect::Check(of));
            }
        }
        if !effects.is_empty() {
            self.touch(Key::Task(id.to_owned()));
        }
        effects.into_iter().for_each(|effect| self.emit(effect));
        for of in given_up {
            let reason = "DockerTimeoutError: Could not transition to stopped; timed out after waiting 1m0s";
            let report = Report::Exited { exit_code: None, reason: Some(reason.into()) };
            self.container_report(&of, report, now);
        }
        self.advance(id, now);
    }

    fn forget(&mut self, id: &str) {
        if let Some(entry) = self.tasks.remove(id) {
            if let Some(ids) = self.tasks_of_cluster.get_mut(&entry.cluster) {
                ids.remove(id);
            }
            self.touch(Key::Task(id.to_owned()));
            self.forget_unused_definition(&entry.view.task_definition_arn);
        }
    }

    /// Enters the next moment at which the task wants to be looked at.
    pub(crate) fn set_timer(&mut self, id: &str) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        let next = next_wake(entry);
        if entry.wake == next {
            return;
        }
        if let Some(old) = entry.wake {
            self.timers.remove(&(old, id.to_owned()));
        }
        entry.wake = next;
        if let Some(at) = next {
            self.timers.insert((at, id.to_owned()));
        }
    }
}

pub(crate) fn reference(id: &str, entry: &TaskEntry, index: usize) -> ContainerRef {
    ContainerRef {
        task: id.to_owned(),
        container: entry.view.containers[index].name.clone(),
        attempt: entry.runs[index].attempt,
    }
}

fn next_wake(entry: &TaskEntry) -> Option<Timestamp> {
    if is_over(entry) {
        return entry.view.stopped_at.map(|at| at.plus_seconds(STOPPED_TASK_VISIBLE_SECONDS));
    }
    let of_runs = entry.runs.iter().flat_map(|run| [run.kill_at, run.check_at]).flatten();
    let timeouts =
        entry.definition.spec.container_definitions.iter().enumerate().filter_map(|(index, it)| {
            let unmet = matches!(entry.runs[index].stage, Stage::Starting | Stage::Running);
            let someone_waits = entry.runs.iter().any(|run| run.stage == Stage::Waiting);
            let deadline = start_deadline(entry, index, it)?;
            (unmet && someone_waits && entry.view.desired_status == DesiredStatus::Running)
                .then_some(deadline)
        });
    of_runs.chain(timeouts).min()
}

/// When those that wait for this container give up.
fn start_deadline(entry: &TaskEntry, index: usize, definition: &ContainerDefinition) -> Option<Timestamp> {
    let asked = entry.runs[index].asked_at?;
    Some(asked.plus_seconds(definition.start_timeout?.into()))
}

enum Readiness {
    Ready,
    NotYet,
    Never(String),
}

/// Whether a container's dependencies let it start; the sentences are the ECS agent's.
fn may_start(entry: &TaskEntry, definition: &ContainerDefinition, now: Timestamp) -> Readiness {
    let definitions = &entry.definition.spec.container_definitions;
    let mut readiness = Readiness::Ready;
    for dependency in definition.depends_on.iter().flatten() {
        let Some(index) = definitions.iter().position(|it| it.name == dependency.container_name) else {
            continue;
        };
        let (run, view) = (&entry.runs[index], &entry.view.containers[index]);
        let ended = run.stage == Stage::Ended;
        let sentence = |what: &str| {
            let (of, by) = (&dependency.container_name, &definition.name);
            Readiness::Never(format!("dependency graph: {what} [{of}] for target [{by}]"))
        };
        let met = match dependency.condition {
            DependencyCondition::Start => run.stage >= Stage::Running,
            DependencyCondition::Complete => ended,
            DependencyCondition::Success => ended && view.exit_code == Some(0),
            DependencyCondition::Healthy => view.health_status == HealthStatus::Healthy && !ended,
        };
        if met {
            continue;
        }
        if ended {
            let Readiness::Never(text) = sentence("failed to resolve container ordering dependency") else {
                continue;
            };
            return Readiness::Never(format!("{text} as dependency did not exit successfully."));
        }
        if start_deadline(entry, index, &definitions[index]).is_some_and(|at| now >= at) {
            let Readiness::Never(text) = sentence("container ordering dependency") else { continue };
            return Readiness::Never(format!("{text} has timed out."));
        }
        readiness = Readiness::NotYet;
    }
    readiness
}

/// Whether a container that is still up depends on this one.
fn is_needed(entry: &TaskEntry, definitions: &[ContainerDefinition], index: usize) -> bool {
    let name = &definitions[index].name;
    definitions.iter().zip(&entry.runs).any(|(other, run)| {
        run.stage != Stage::Ended
            && other.depends_on.iter().flatten().any(|dependency| dependency.container_name == *name)
    })
}
