//! A task's life: one function that looks at where the task is and what it may do next, called after whatever happened.

use std::sync::Arc;

use longshore_model::Timestamp;
use longshore_model::task::{DesiredStatus, LastStatus, StopCode};

use crate::cloud::{Cloud, ContainerRef, Effect, Key};
use crate::task::{Stage, TaskEntry, is_over};
pub use reports::Report;

mod order;
mod reports;
mod timers;

use order::Readiness;

/// Seconds between the stop signal and SIGKILL where the container says nothing.
const STOP_TIMEOUT_SECONDS: i64 = 30;
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

    /// Lets a task do what it may do next, and tells the subscribers what changed. Calling it once more changes
    /// nothing.
    pub(crate) fn advance(&mut self, id: &str, now: Timestamp) {
        let Some(entry) = self.tasks.get(id).filter(|entry| !is_over(entry)) else { return };
        if entry.view.desired_status == DesiredStatus::Stopped {
            self.advance_stopping(id, now);
        } else if entry.prepared {
            self.advance_starting(id, now);
        }
        self.set_timer(id);
        self.publish_task(id);
    }

    fn advance_starting(&mut self, id: &str, now: Timestamp) {
        self.set_status(id, LastStatus::Pending);
        let Some(entry) = self.tasks.get(id) else { return };
        let mut hopeless = None;
        let mut ready = Vec::new();
        for index in (0..entry.runs.len()).filter(|index| entry.runs[*index].stage == Stage::Waiting) {
            match order::may_start(entry, index, now) {
                Readiness::Ready => ready.push(index),
                Readiness::NotYet => {}
                Readiness::Never(reason) => hopeless = hopeless.or(Some((index, reason))),
            }
        }
        if let Some((index, reason)) = hopeless {
            self.give_up_container(id, index, &reason, now);
            return;
        }
        for index in ready {
            self.start_container(id, index, now);
        }
        let stuck = |entry: &TaskEntry| {
            let over = entry.runs.iter().all(|run| matches!(run.stage, Stage::Waiting | Stage::Ended));
            over && entry.runs.iter().any(|run| run.stage == Stage::Waiting)
        };
        if let Some(entry) = self.tasks.get(id).filter(|entry| stuck(entry)) {
            // Links, volumes and dependencies are each free of circles, but may make one together.
            let arn = &entry.view.task_arn;
            let reason = format!("TaskDependencyError: Task dependencies cannot be resolved, taskArn: {arn}");
            self.stop(id, StopCode::TaskFailedToStart, reason, now);
            return;
        }
        self.reach_running(id, now);
    }

    /// A task runs once each of its containers has been started or given up.
    fn reach_running(&mut self, id: &str, now: Timestamp) {
        let Some(entry) = self.tasks.get(id) else { return };
        let is_up = |stage| matches!(stage, Stage::Running | Stage::Terminating | Stage::Ended);
        let all_up = entry.runs.iter().all(|run| is_up(run.stage));
        if all_up
            && entry.view.last_status < LastStatus::Running
            && entry.view.desired_status == DesiredStatus::Running
        {
            self.set_status(id, LastStatus::Activating);
            self.register_task(id, now);
            self.change_task(id, |task| task.started_at = Some(now));
            self.set_status(id, LastStatus::Running);
        }
    }

    /// A container whose dependency can no longer come true: the agent marks it ended, with its reason.
    fn give_up_container(&mut self, id: &str, index: usize, reason: &str, now: Timestamp) {
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
        let may_serve = self.tasks.get(id).is_some_and(|it| it.view.last_status < LastStatus::Stopping);
        if may_serve && !self.leave_targets(id, now) {
            return;
        }
        self.set_status(id, LastStatus::Stopping);
        let Some(entry) = self.tasks.get(id) else { return };
        for index in 0..entry.runs.len() {
            if self.tasks.get(id).is_some_and(|entry| entry.runs[index].stage == Stage::Waiting) {
                self.end_unstarted(id, index);
            }
        }
        let Some(entry) = self.tasks.get(id) else { return };
        // What others depend on stops after them; what is being started is stopped once that is known.
        let is_next =
            |index: &usize| entry.runs[*index].stage == Stage::Running && !order::is_needed(entry, *index);
        let next: Vec<usize> = (0..entry.runs.len()).filter(is_next).collect();
        for index in next {
            self.terminate_container(id, index, now);
        }
        if self.tasks.get(id).is_some_and(|entry| entry.runs.iter().all(|run| run.stage == Stage::Ended)) {
            self.finish(id, now);
        }
    }

    fn terminate_container(&mut self, id: &str, index: usize, now: Timestamp) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        let definition = &entry.definition.spec.container_definitions[index];
        let grace = definition.stop_timeout.map_or(STOP_TIMEOUT_SECONDS, i64::from);
        let run = &mut entry.runs[index];
        run.stage = Stage::Terminating;
        run.kill_at = Some(now.plus_seconds(grace));
        run.check_at = None;
        let of = reference(id, entry, index);
        self.touch(Key::Task(id.to_owned()));
        self.emit(Effect::Terminate(of));
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
        self.forget_targets(id);
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
        let instance = self.tasks.get(id).and_then(|entry| entry.instance.clone());
        if let Some(instance) = instance {
            self.count_task(&instance, Some(before), status);
        }
        self.publish_task(id);
    }

    /// Tells the subscribers of a task as it is now, unless they know.
    pub(crate) fn publish_task(&mut self, id: &str) {
        let Some(entry) = self.tasks.get_mut(id).filter(|it| it.published < it.view.version) else { return };
        entry.published = entry.view.version;
        if self.is_heard {
            let view = Arc::clone(&entry.view);
            self.emit(Effect::TaskChanged(view));
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
