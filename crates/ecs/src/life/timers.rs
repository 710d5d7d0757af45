//! When a task wants to be looked at again, and what is due then: kills, health checks, forgetting.

use longshore_model::Timestamp;
use longshore_model::task::DesiredStatus;

use super::{order, reference};
use crate::cloud::{Cloud, Effect, Key};
use crate::life::Report;
use crate::task::{STOPPED_TASK_VISIBLE_SECONDS, TaskEntry, is_over};

/// Seconds after which a kill that had no effect is tried again.
const KILL_AGAIN_SECONDS: i64 = 10;
/// How often a kill is tried.
const KILLS_LIMIT: u32 = 6;

impl Cloud {
    /// Looks at every task whose time has come, once.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        let due = self.timers.iter().take_while(|(at, _)| *at <= now);
        let due: Vec<String> = due.map(|(_, id)| id.clone()).collect();
        for id in due {
            self.on_timer(&id, now);
        }
        self.sweep_tokens(now);
    }

    fn on_timer(&mut self, id: &str, now: Timestamp) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        if is_over(entry) {
            self.forget(id);
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
            if let Some(at) = entry.wake {
                self.timers.remove(&(at, id.to_owned()));
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

fn next_wake(entry: &TaskEntry) -> Option<Timestamp> {
    if is_over(entry) {
        return entry.view.stopped_at.map(|at| at.plus_seconds(STOPPED_TASK_VISIBLE_SECONDS));
    }
    let of_runs = entry.runs.iter().flat_map(|run| [run.kill_at, run.check_at]).flatten();
    let starts = entry.prepared && entry.view.desired_status == DesiredStatus::Running;
    let of_starts = if starts { order::next_deadline(entry) } else { None };
    of_runs.chain(of_starts).min()
}
