//! The sentences, case by case, with the reasons as ECS words them.

use longshore_model::seen::{Container, Failure, Task};

use super::*;

fn ended(stop_code: &str, stopped_reason: &str, code: Option<i32>, reason: &str) -> Explanation {
    let task = Task {
        stop_code: Some(stop_code.into()),
        stopped_reason: Some(stopped_reason.into()),
        containers: vec![Container {
            name: "app".into(),
            exit_code: code,
            reason: Some(reason.into()),
            ..Container::default()
        }],
        ..Task::default()
    };
    explain(&task, &Verdict { container: "app".into(), code, success: code == Some(0) }, true)
}

const EXITED: (&str, &str) = ("EssentialContainerExited", "Essential container in task exited");

/// (stopCode, stoppedReason), exit code, the container's reason, the sentence, and a part of the next step.
type Case = ((&'static str, &'static str), Option<i32>, &'static str, &'static str, &'static str);

const ENDS: &[Case] = &[
    (EXITED, Some(0), "", "container `app` exited with 0", ""),
    (EXITED, Some(7), "", "container `app` exited with 7", "last lines"),
    (EXITED, Some(127), "", "container `app` exited with 127 (its command was not found)", "`entryPoint`"),
    (EXITED, Some(137), "", "container `app` exited with 137 (killed, SIGKILL)", "stopTimeout"),
    (
        EXITED,
        Some(137),
        "OutOfMemoryError: Container killed due to memory usage",
        "container `app` exited with 137 (killed, SIGKILL): OutOfMemoryError: Container killed due to memory usage",
        "more memory",
    ),
    (
        ("TaskFailedToStart", "Task failed to start"),
        None,
        "CannotPullContainerError: Error response from daemon: manifest for x:y not found",
        "the task did not start, so container `app` has no exit code: CannotPullContainerError: Error response \
         from daemon: manifest for x:y not found",
        "image's name and tag",
    ),
    (
        (
            "TaskFailedToStart",
            "ResourceInitializationError: failed to validate logger args: create stream has been \
          retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log \
          group does not exist. : exit status 1",
        ),
        None,
        "",
        "the task did not start, so container `app` has no exit code: ResourceInitializationError: failed to \
         validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: \
         ResourceNotFoundException: The specified log group does not exist. : exit status 1",
        "create the log group",
    ),
    (
        (
            "TaskFailedToStart",
            "Fetching secret data from SSM Parameter Store in eu-west-1: invalid parameters: /x",
        ),
        None,
        "",
        "the task did not start, so container `app` has no exit code: Fetching secret data from SSM Parameter \
         Store in eu-west-1: invalid parameters: /x",
        "secret exists",
    ),
    (
        ("UserInitiated", "Task stopped by user"),
        Some(143),
        "",
        "container `app` exited with 143 (terminated, SIGTERM): Task stopped by user",
        "somebody stopped it",
    ),
    (
        ("SpotInterruption", "Your Spot Task was interrupted."),
        Some(137),
        "",
        "container `app` exited with 137 (killed, SIGKILL): Your Spot Task was interrupted.",
        "FARGATE",
    ),
    (
        ("TerminationNotice", "Host EC2 (instance i-0abc) terminated."),
        None,
        "",
        "its host is going away, so container `app` has no exit code: Host EC2 (instance i-0abc) terminated.",
        "run it again",
    ),
    (("SomethingNew", ""), None, "", "container `app` has no exit code: it never ran", ""),
    (
        ("ServiceSchedulerInitiated", ""),
        Some(1),
        "",
        "container `app` exited with 1; the task was stopped by its service",
        "last lines",
    ),
];

#[test]
fn ends() {
    for ((stop_code, stopped_reason), code, reason, sentence, next) in ENDS {
        let explained = ended(stop_code, stopped_reason, *code, reason);
        assert_eq!(explained.sentence, *sentence);
        let found = explained.next.unwrap_or_default();
        assert!(found.contains(next) && next.is_empty() == found.is_empty(), "{sentence}: next is {found:?}");
    }
}

#[test]
fn another_container_that_did_not_start_is_named() {
    let container = |name: &str, reason: Option<&str>| Container {
        name: name.into(),
        reason: reason.map(Into::into),
        ..Container::default()
    };
    let task = Task {
        stop_code: Some("TaskFailedToStart".into()),
        stopped_reason: Some("Task failed to start".into()),
        containers: vec![container("side", Some("CannotPullContainerError: no")), container("app", None)],
        ..Task::default()
    };
    let explained = explain(&task, &Verdict { container: "app".into(), code: None, success: false }, false);
    assert_eq!(
        explained.sentence,
        "the task did not start, so container `app` has no exit code: container `side`: CannotPullContainerError: no"
    );
    assert_eq!(explained.next.as_deref(), Some(PULL));
}

#[test]
fn a_silent_failure_says_how_to_see_more() {
    let task = Task { stop_code: Some("EssentialContainerExited".into()), ..Task::default() };
    let explained =
        explain(&task, &Verdict { container: "app".into(), code: Some(3), success: false }, false);
    assert!(explained.next.unwrap().contains("awslogs"));
}

#[test]
fn refusals_are_counted_and_the_first_known_one_gives_the_next_step() {
    let failure = |reason: &str| Failure { reason: reason.into(), ..Failure::default() };
    let explained = not_placed(&[failure("Other"), failure("RESOURCE:MEMORY"), failure("RESOURCE:MEMORY")]);
    assert_eq!(explained.sentence, "Other, not enough memory is free (RESOURCE:MEMORY) on 2 instances");
    assert!(explained.next.unwrap().contains("`memory`"));
    assert_eq!(not_placed(&[]).sentence, "ECS gave no reason");
}
