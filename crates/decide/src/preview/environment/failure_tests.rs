//! What counts as a failure, and what does not.

use longshore_model::Timestamp;
use longshore_model::preview::{Deployed, Environment};
use longshore_model::seen::{Container, Service};
use serde_json::json;

use super::super::samples;
use super::super::seen::{Look, Seen};
use super::super::tokens;
use super::*;

const BEGAN: Timestamp = Timestamp(100_000);

fn record() -> Environment {
    let mut record = samples::record();
    record.progress.changed_at = BEGAN;
    record.progress.deploying =
        Some(Deployed { task_definitions: vec!["td:2".into()], ..Deployed::default() });
    record
}

fn stopped(code: &str, reason: &str, at: i64) -> (Task, Vec<String>) {
    let app = Container { name: "app".into(), exit_code: Some(3), ..Container::default() };
    let task = Task {
        task_definition_arn: "td:2".into(),
        last_status: "STOPPED".into(),
        stop_code: Some(code.into()),
        stopped_reason: Some(reason.into()),
        stopped_at: Some(Timestamp(at)),
        containers: vec![app],
        ..Task::default()
    };
    (task, vec![format!("line at {at}")])
}

fn crash_at(at: i64) -> (Task, Vec<String>) {
    stopped("EssentialContainerExited", "Essential container in task exited", at)
}

fn judge(seen: Seen, now: Timestamp) -> Result<(), Fault> {
    let (record, policy) = (record(), samples::policy());
    let mut draft = Draft::new(&record, &seen, now);
    let parts = tokens::parts(&record, &policy).unwrap();
    crash(&mut draft, &policy, &parts, Goal::Deploy)?;
    late(&draft, &policy, &parts, Goal::Deploy, &["0 of 1 tasks of service `web` run".to_owned()])
}

fn with(stopped: Vec<(Task, Vec<String>)>) -> Seen {
    Seen { stopped: Look::Seen(stopped), ..Seen::default() }
}

#[test]
fn crashes_of_this_revision_since_it_was_begun_are_counted() {
    let soon = BEGAN.plus_seconds(10);
    let three = || vec![crash_at(101_000), crash_at(103_000), crash_at(102_000)];
    let fault = judge(with(three()), soon).unwrap_err();
    assert!(fault.why.starts_with("its tasks ended 3 times: container `app` exited with 3"), "{}", fault.why);
    assert_eq!(fault.log_tail, ["line at 103000"], "of the last one");
    let mut of_another = three();
    of_another[0].0.task_definition_arn = "td:1".into();
    let mut earlier = three();
    earlier[0].0.stopped_at = Some(Timestamp(99_999));
    let mut not_needed = three();
    not_needed[0] =
        stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment x)", 101_000);
    let mut by_hand = three();
    by_hand[0] = stopped("UserInitiated", "Task stopped by user", 101_000);
    for fine in [of_another, earlier, not_needed, by_hand, Vec::new()] {
        assert_eq!(judge(with(fine), soon), Ok(()));
    }
    let mut unhealthy = three();
    unhealthy[1] =
        stopped("ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group x)", 104_000);
    assert!(judge(with(unhealthy), soon).unwrap_err().why.contains("failed ELB health checks"));
}

#[test]
fn an_image_that_cannot_be_pulled_is_said_with_what_to_do() {
    let pull = |at| {
        let (mut task, tail) = stopped("TaskFailedToStart", "CannotPullContainerError: not found", at);
        task.containers[0].exit_code = None;
        (task, tail)
    };
    let fault = judge(with(vec![pull(101_000), pull(102_000), pull(103_000)]), BEGAN).unwrap_err();
    assert!(
        fault.why.contains("CannotPullContainerError") && fault.why.contains("check the image's name"),
        "{}",
        fault.why
    );
}

#[test]
fn what_ecs_gives_up_is_given_up() {
    let service = |revision: &str, state: &str| {
        let document = json!({"serviceName": "shop-x", "status": "ACTIVE", "deployments": [{"status": "PRIMARY",
            "taskDefinition": revision, "rolloutState": state, "rolloutStateReason": "tasks failed to start."}]});
        let services = [("shop-x".to_owned(), Service::read(document).unwrap())].into();
        Seen { services: Look::Seen(services), ..Seen::default() }
    };
    let later = BEGAN.plus_seconds(5);
    let fault = judge(service("td:2", "FAILED"), later).unwrap_err();
    assert!(fault.why.contains("tasks failed to start."), "{}", fault.why);
    assert_eq!(judge(service("td:1", "FAILED"), later), Ok(()), "another revision's");
    assert_eq!(judge(service("td:2", "IN_PROGRESS"), later), Ok(()));
    assert_eq!(judge(service("td:2", "FAILED"), BEGAN), Ok(()), "nobody has seen yet why its tasks stopped");
    let pull = stopped("TaskFailedToStart", "CannotPullContainerError: no such image", BEGAN.0 + 1);
    let fault = judge(Seen { stopped: with(vec![pull]).stopped, ..service("td:2", "FAILED") }, BEGAN);
    let why = fault.unwrap_err().why;
    assert!(why.contains("tasks failed to start.") && why.contains("CannotPullContainerError"), "{why}");
}

#[test]
fn its_time_is_over_once_and_never_because_of_a_gap() {
    let over = BEGAN.plus_seconds(600);
    assert_eq!(judge(Seen::default(), over.plus_ms(-1)), Ok(()));
    let fault = judge(with(vec![crash_at(101_000)]), over).unwrap_err();
    assert!(
        fault.why.contains("not ready after 600 s: 0 of 1") && fault.why.contains("exited with 3"),
        "{}",
        fault.why
    );
    assert_eq!(fault.log_tail.len(), 1);
    assert_eq!(judge(Seen { tasks: Look::Gap("x".into()), ..Seen::default() }, over), Ok(()));
}
