//! Containers that are to stay up: restart policies and health checks.

use longshore_model::task::HealthStatus::{self, Healthy, Unhealthy, Unknown};
use serde_json::{Value, json};

use super::one_task::OneTask;

const NOTHING: [&str; 0] = [];

fn restarted(policy: Value) -> OneTask {
    let mut task = OneTask::prepared(json!([{"name": "main", "restartPolicy": policy}]));
    task.start("main");
    assert_eq!(task.effects(), ["Start main"]);
    task
}

#[test]
fn a_container_is_restarted_after_its_period_and_not_before() {
    let cases = [
        (json!({"enabled": true}), 300, 1, true),
        (json!({"enabled": true}), 299, 1, false),
        (json!({"enabled": true, "restartAttemptPeriod": 60}), 60, 0, true),
        (json!({"enabled": true, "restartAttemptPeriod": 60}), 59, 0, false),
        (json!({"enabled": true, "restartAttemptPeriod": 60, "ignoredExitCodes": [0, 5]}), 60, 5, false),
        (json!({"enabled": true, "restartAttemptPeriod": 60, "ignoredExitCodes": [0, 5]}), 60, 1, true),
        (json!({"enabled": false}), 1000, 1, false),
    ];
    for (policy, seconds, code, is_restarted) in cases {
        let mut task = restarted(policy.clone());
        task.local.wait(seconds);
        task.exit("main", code);
        if is_restarted {
            assert_eq!(
                (task.state().as_str(), task.effects()),
                ("RUNNING", vec!["Start main#1".to_owned()]),
                "{policy}"
            );
        } else {
            let ended = "STOPPED EssentialContainerExited Essential container in task exited";
            assert_eq!(
                (task.state().as_str(), task.container("main").exit_code),
                (ended, Some(code)),
                "{policy}"
            );
        }
    }
}

#[test]
fn each_restart_needs_its_own_period_and_old_reports_do_not_count() {
    let mut task = restarted(json!({"enabled": true, "restartAttemptPeriod": 60}));
    let first = task.reference("main");
    task.local.wait(60);
    task.exit("main", 1);
    task.start("main");
    task.local.tell(super::fake_runtime::exited(first, 1));
    assert_eq!(task.effects(), ["Start main#1"]);
    assert_eq!(task.state(), "RUNNING");
    task.local.wait(59);
    task.exit("main", 1);
    assert_eq!(task.effects(), ["Release"]);
}

#[test]
fn a_task_that_is_asked_to_stop_restarts_nothing() {
    let mut task = restarted(json!({"enabled": true, "restartAttemptPeriod": 60}));
    task.local.wait(100);
    task.stop();
    task.exit("main", 143);
    assert_eq!(task.effects(), ["Terminate main", "Release"]);
}

/// A task whose container is checked every 5 s; each word is what the next check says.
fn after_checks(start_period: i32, checks: &[bool]) -> (OneTask, Vec<HealthStatus>) {
    let check = json!({"command": ["CMD", "true"], "interval": 5, "retries": 2, "startPeriod": start_period});
    let mut task = OneTask::prepared(json!([
        {"name": "main", "healthCheck": check},
        {"name": "side", "essential": false},
    ]));
    task.start("main");
    task.start("side");
    task.effects();
    let mut seen = Vec::new();
    for healthy in checks {
        task.local.wait(4);
        assert_eq!(task.effects(), NOTHING);
        task.local.wait(1);
        assert_eq!(task.effects(), ["Check main"]);
        task.check("main", *healthy);
        seen.push(task.container("main").health_status);
        assert_eq!(task.view().health_status, task.container("main").health_status);
    }
    (task, seen)
}

#[test]
fn health_follows_the_checks() {
    let (ok, no) = (true, false);
    let cases: [(i32, &[bool], &[HealthStatus]); 6] = [
        (0, &[ok], &[Healthy]),
        (0, &[no, no], &[Unknown, Unhealthy]),
        (0, &[no, ok, no, ok], &[Unknown, Healthy, Healthy, Healthy]),
        (0, &[ok, no, no, no, ok], &[Healthy, Healthy, Unhealthy, Unhealthy, Healthy]),
        (12, &[no, no, no, no], &[Unknown, Unknown, Unknown, Unhealthy]),
        // The first success ends the start period.
        (60, &[ok, no, no], &[Healthy, Healthy, Unhealthy]),
    ];
    for (start_period, checks, wanted) in cases {
        let (task, seen) = after_checks(start_period, checks);
        assert_eq!(seen, wanted, "{start_period} {checks:?}");
        assert_eq!(task.state(), "RUNNING", "no service scheduler replaces it");
    }
}

#[test]
fn a_container_that_ends_or_stops_is_checked_no_more() {
    let (mut task, _) = after_checks(0, &[true]);
    task.stop();
    task.local.wait(20);
    assert_eq!(task.effects(), ["Terminate main", "Terminate side"]);
}

#[test]
fn health_is_unknown_again_after_a_restart() {
    let mut task = OneTask::prepared(json!([{
        "name": "main",
        "healthCheck": {"command": ["CMD", "true"], "interval": 60},
        "restartPolicy": {"enabled": true, "restartAttemptPeriod": 60},
    }]));
    task.start("main");
    task.local.wait(60);
    task.check("main", true);
    assert_eq!(task.view().health_status, Healthy);
    task.exit("main", 1);
    assert_eq!((task.view().health_status, task.container("main").health_status), (Unknown, Unknown));
}
