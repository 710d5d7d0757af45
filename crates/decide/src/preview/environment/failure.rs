//! When a revision is given up, and why: its tasks crash, ECS gives it up, or it takes too long.

use longshore_model::preview::Policy;
use longshore_model::seen::{ContainerSummary, Task};

use super::draft::Draft;
use super::seen::Look;
use super::service;
use super::tokens::Part;
use super::wanted::{Goal, JUST_MADE_MS};
use crate::run::{explain, verdict};

/// Why something does not run, for people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Fault {
    /// What, why, and what to do next.
    pub(super) why: String,
    /// The last lines of the task that failed.
    pub(super) log_tail: Vec<String>,
}

impl From<String> for Fault {
    fn from(why: String) -> Self {
        Self { why, log_tail: Vec::new() }
    }
}

impl From<&str> for Fault {
    fn from(why: &str) -> Self {
        Self::from(why.to_owned())
    }
}

/// Whether the goal is one that may fail: something new, or something that wakes.
fn may_fail(draft: &Draft<'_>, goal: Goal) -> bool {
    goal == Goal::Deploy || (goal == Goal::Serve && draft.record.progress.asleep_since.is_some())
}

/// Fails on a crash loop, or when ECS has given up. Why its tasks stopped is known only when they were looked at.
pub(super) fn crash(
    draft: &mut Draft<'_>,
    policy: &Policy,
    parts: &[Part<'_>],
    goal: Goal,
) -> Result<(), Fault> {
    if !may_fail(draft, goal) {
        return Ok(());
    }
    let crashes = crashes(draft, parts, goal);
    let most = usize::try_from(policy.limits.crashes.max(1)).unwrap_or(usize::MAX);
    if crashes.len() >= most {
        let count = crashes.len();
        let (why, log_tail) = explained(&crashes).unwrap_or_default();
        return Err(Fault { why: format!("its tasks ended {count} times: {why}"), log_tail });
    }
    if goal == Goal::Deploy
        && let Some(words) = service::given_up(draft, parts)
    {
        let seen_at = draft.record.progress.changed_at.plus_ms(JUST_MADE_MS);
        if draft.seen.stopped == Look::Not && draft.now < seen_at {
            draft.look_at(seen_at);
            return Ok(());
        }
        return Err(with_crash(words, &crashes));
    }
    Ok(())
}

/// Fails when it should be ready by now. What could not be looked at is no reason.
pub(super) fn late(
    draft: &Draft<'_>,
    policy: &Policy,
    parts: &[Part<'_>],
    goal: Goal,
    missing: &[String],
) -> Result<(), Fault> {
    let within = policy.limits.ready_s;
    let is_over = draft.now >= draft.record.progress.changed_at.plus_seconds(i64::from(within));
    if !may_fail(draft, goal) || !is_over || draft.has_gap() {
        return Ok(());
    }
    let words = format!("not ready after {within} s: {}", missing.join("; "));
    Err(with_crash(words, &crashes(draft, parts, goal)))
}

type Crash<'a> = (&'a Task, &'a [String]);

/// The tasks of the revision that ended by themselves since it was begun, the oldest first.
fn crashes<'a>(draft: &Draft<'a>, parts: &[Part<'_>], goal: Goal) -> Vec<Crash<'a>> {
    let revisions: Vec<String> =
        parts.iter().filter_map(|part| service::revision(draft, part.index, goal)).collect();
    let since = draft.record.progress.changed_at;
    let stopped = draft.seen.stopped.seen().into_iter().flatten();
    let mut crashes: Vec<Crash<'a>> = stopped
        .filter(|(task, _)| {
            revisions.contains(&task.task_definition_arn)
                && has_crashed(task)
                && task.stopped_at.is_none_or(|at| at >= since)
        })
        .map(|(task, tail)| (task, tail.as_slice()))
        .collect();
    crashes.sort_by_key(|(task, _)| task.stopped_at);
    crashes
}

/// Whether a stopped task ended by itself, or because it was unhealthy: not because it was no longer needed.
fn has_crashed(task: &Task) -> bool {
    let reason = task.stopped_reason.as_deref().unwrap_or_default();
    match task.stop_code.as_deref() {
        Some("EssentialContainerExited" | "TaskFailedToStart") => true,
        // The service scheduler's words for a task that is unhealthy begin like this.
        Some("ServiceSchedulerInitiated") => reason.starts_with("Task failed"),
        _ => false,
    }
}

fn with_crash(words: String, crashes: &[Crash<'_>]) -> Fault {
    match explained(crashes) {
        Some((why, log_tail)) => Fault { why: format!("{words}; {why}"), log_tail },
        None => Fault::from(words),
    }
}

/// Why the last one ended, and its last lines.
fn explained(crashes: &[Crash<'_>]) -> Option<(String, Vec<String>)> {
    let (task, tail) = crashes.last()?;
    let with_tail = crashes.iter().rev().map(|(_, tail)| *tail).find(|tail| !tail.is_empty());
    let tail = with_tail.unwrap_or(tail).to_vec();
    if task.stop_code.as_deref() == Some("ServiceSchedulerInitiated") {
        return Some((task.stopped_reason.clone().unwrap_or_default(), tail));
    }
    let summary =
        |name: &String| ContainerSummary { name: name.clone(), essential: true, ..Default::default() };
    let containers: Vec<_> = task.containers.iter().map(|container| summary(&container.name)).collect();
    let judged = verdict::of_task(task, &containers, None, &[]);
    let explained = explain::explain(task, &judged, !tail.is_empty());
    Some(match explained.next {
        Some(next) => (format!("{} ({next})", explained.sentence), tail),
        None => (explained.sentence, tail),
    })
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod tests;
