//! Which tasks of a service failed, and why.

use std::time::Duration;

use longshore_model::seen::{LogStream, Task, TaskDefinition};

use super::outcome::Failing;
use crate::run::{explain, follow, verdict};

/// How many lines of a failed task are shown.
pub const FAILING_LINES: u16 = 20;

/// A stopped task of a deployment that failed, with where its last lines are; `None` when it did not fail: it was
/// stopped by somebody, or because it was no longer needed.
#[must_use]
pub fn failing(
    task: &Task,
    definition: &TaskDefinition,
    deployment: &str,
) -> Option<(Failing, Option<LogStream>)> {
    let code = task.stop_code.as_deref().unwrap_or_default();
    let reason = task.stopped_reason.as_deref().unwrap_or_default();
    // The service scheduler's words for a task that is unhealthy begin like this.
    let failed = match code {
        "EssentialContainerExited" | "TaskFailedToStart" => true,
        "ServiceSchedulerInitiated" => reason.starts_with("Task failed"),
        _ => false,
    };
    if !task.is_stopped() || !failed || task.started_by.as_deref() != Some(deployment) {
        return None;
    }
    let judged = verdict::of_task(task, &definition.containers, None, &[]);
    let explanation = why_it_ended(task, definition);
    let container = definition.containers.iter().find(|known| known.name == judged.container);
    let stream = container.and_then(|container| {
        let seen = task.containers.iter().find(|seen| seen.name == container.name);
        follow::stream_of(container, seen, task.id()).ok().flatten()
    });
    let failing = Failing {
        task_arn: task.arn.clone(),
        explanation,
        started: task.started_at.is_some() && code == "EssentialContainerExited",
        log_tail: Vec::new(),
    };
    Some((failing, stream))
}

/// Why a task of a service ended, in one sentence: its scheduler's words where that has stopped it.
pub(super) fn why_it_ended(task: &Task, definition: &TaskDefinition) -> String {
    if task.stop_code.as_deref() == Some("ServiceSchedulerInitiated") {
        return task.stopped_reason.clone().unwrap_or_default();
    }
    let judged = verdict::of_task(task, &definition.containers, None, &[]);
    explain::explain(task, &judged, true).sentence
}

/// The wait before services are looked at again, after a look that took so long: a near engine is asked often, AWS every
/// second or two (DescribeServices refills at 20 calls a second for a whole account).
#[must_use]
pub fn look_again(took: Duration) -> Duration {
    const WAIT_PER_ROUND_TRIP: u32 = 20;
    took.saturating_mul(WAIT_PER_ROUND_TRIP).clamp(Duration::from_millis(50), Duration::from_secs(2))
}

#[cfg(test)]
mod tests {
    use longshore_model::Timestamp;
    use longshore_model::seen::{Container, ContainerSummary, LogDriver};

    use super::*;

    fn definition() -> TaskDefinition {
        let options = [("awslogs-group", "/web"), ("awslogs-stream-prefix", "web")];
        let log_driver = LogDriver {
            name: "awslogs".into(),
            options: options.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        };
        let app = ContainerSummary {
            name: "app".into(),
            essential: true,
            log_driver: Some(log_driver),
            ..ContainerSummary::default()
        };
        TaskDefinition { containers: vec![app], ..TaskDefinition::default() }
    }

    fn stopped(code: &str, reason: &str) -> Task {
        let app = Container {
            name: "app".into(),
            exit_code: Some(1),
            last_status: "STOPPED".into(),
            runtime_id: Some("x".into()),
            ..Container::default()
        };
        Task {
            arn: "arn:aws:ecs:r:1:task/c/0123".into(),
            started_by: Some("ecs-svc/1".into()),
            last_status: "STOPPED".into(),
            stop_code: Some(code.into()),
            stopped_reason: Some(reason.into()),
            started_at: Some(Timestamp(1)),
            containers: vec![app],
            ..Task::default()
        }
    }

    #[test]
    fn only_what_failed_by_itself_has_failed() {
        let of = |task: &Task| failing(task, &definition(), "ecs-svc/1");
        let (crashed, stream) =
            of(&stopped("EssentialContainerExited", "Essential container in task exited")).unwrap();
        assert!(crashed.started && crashed.explanation.contains("exited with 1"), "{crashed:?}");
        assert_eq!(stream.unwrap().name, "web/app/0123");
        let unhealthy = stopped("ServiceSchedulerInitiated", "Task failed container health checks");
        let (unhealthy, _) = of(&unhealthy).unwrap();
        assert_eq!(
            (unhealthy.started, unhealthy.explanation.as_str()),
            (false, "Task failed container health checks")
        );
        for (code, reason) in [
            ("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/2)"),
            ("UserInitiated", "Task stopped by user"),
            ("SpotInterruption", "Your Spot Task was interrupted."),
        ] {
            assert_eq!(of(&stopped(code, reason)), None, "{code}");
        }
        let crash = || stopped("EssentialContainerExited", "x");
        assert_eq!(
            of(&Task { started_by: Some("ecs-svc/2".into()), ..crash() }),
            None,
            "another deployment's"
        );
        assert_eq!(of(&Task { last_status: "STOPPING".into(), ..crash() }), None, "it is not over");
    }
}
