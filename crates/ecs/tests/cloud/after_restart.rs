//! What becomes of tasks when the engine ends and is started again.

use std::collections::BTreeSet;

use longshore_ecs::kind;
use serde_json::{Value, json};

use super::local::LOST;
use super::one_task::{OneTask, after};

const NOTHING: [&str; 0] = [];

fn two() -> Value {
    json!([{"name": "main"}, {"name": "side", "essential": false}])
}

fn restart(task: &mut OneTask, surviving: &[&str]) -> Vec<String> {
    task.local.restart(|expected| {
        expected.into_iter().filter(|of| surviving.contains(&of.container.as_str())).collect::<BTreeSet<_>>()
    });
    task.effects()
}

#[test]
fn a_task_that_was_promised_is_prepared_again() {
    let mut task = OneTask::asked(two());
    assert_eq!(restart(&mut task, &[]), ["Prepare"]);
    let mut task = OneTask::prepared(two());
    assert_eq!(restart(&mut task, &[]), ["Prepare"], "its containers were being started");
    task.local.tell(super::fake_runtime::prepared(task.id.clone()));
    assert_eq!(task.effects(), ["Start main", "Start side"]);
}

#[test]
fn a_task_between_two_containers_is_prepared_again() {
    let containers = json!([
        {"name": "init", "essential": false, "startTimeout": 5},
        {"name": "main", "dependsOn": after("init", "SUCCESS")},
    ]);
    let mut task = OneTask::prepared(containers);
    task.start("init");
    task.exit("init", 0);
    let pulled = task.view().pull_stopped_at;
    assert_eq!(task.effects(), ["Start init", "Start main"]);
    assert_eq!(restart(&mut task, &[]), ["Prepare"]);
    task.local.wait(100);
    task.local.tell(super::fake_runtime::prepared(task.id.clone()));
    assert_eq!(task.effects(), ["Start main"], "what has ended is not done twice");
    assert_eq!(task.view().pull_stopped_at, pulled);
}

#[test]
fn a_start_timeout_begins_again_with_the_start() {
    let mut task = OneTask::prepared(json!([
        {"name": "init", "essential": false, "startTimeout": 5},
        {"name": "main", "dependsOn": after("init", "SUCCESS")},
    ]));
    assert_eq!(restart(&mut task, &[]), ["Prepare"]);
    task.local.wait(100);
    task.local.tell(super::fake_runtime::prepared(task.id.clone()));
    assert_eq!(task.effects(), ["Start init"]);
    task.local.wait(4);
    assert_eq!(task.state(), "PENDING");
}

#[test]
fn failed_health_checks_are_counted_over_a_restart() {
    let check = json!({"command": ["CMD", "true"], "interval": 5, "retries": 2});
    let mut task = OneTask::prepared(json!([{"name": "main", "healthCheck": check}]));
    task.start("main");
    task.local.wait(5);
    task.check("main", false);
    assert_eq!(restart(&mut task, &["main"]), NOTHING);
    task.local.wait(5);
    assert_eq!(task.effects(), ["Check main"]);
    task.check("main", false);
    assert_eq!(task.view().health_status, longshore_model::task::HealthStatus::Unhealthy);
}

#[test]
fn what_survives_goes_on() {
    let mut task = OneTask::prepared(two());
    task.start("main");
    assert_eq!(restart(&mut task, &["main", "side"]), NOTHING);
    assert_eq!(task.state(), "RUNNING", "that `side` is there is the answer to its start");
    task.exit("main", 7);
    assert_eq!(task.effects(), ["Terminate side"]);
    assert_eq!(restart(&mut task, &["side"]), ["Terminate side"], "nobody knows whether it was told");
    task.exit("side", 0);
    assert_eq!(task.state(), "STOPPED EssentialContainerExited Essential container in task exited");
}

#[test]
fn a_task_that_lost_a_container_ends_with_the_reason() {
    for (surviving, asked) in [(&[][..], "Release"), (&["side"][..], "Terminate side")] {
        let mut task = OneTask::prepared(two());
        task.start("main");
        task.start("side");
        assert_eq!(restart(&mut task, surviving), [asked]);
        task.exit("side", 0);
        assert_eq!(task.state(), format!("STOPPED TerminationNotice {LOST}"));
        let main = task.container("main");
        assert_eq!((main.exit_code, main.reason.as_deref()), (None, Some(LOST)));
    }
}

#[test]
fn a_task_that_was_asked_to_stop_is_not_prepared_again() {
    let mut task = OneTask::prepared(two());
    task.stop();
    assert_eq!(task.effects(), ["Start main", "Start side"]);
    assert_eq!(restart(&mut task, &[]), ["Release"]);
    assert_eq!(task.state(), "STOPPED UserInitiated Task stopped by user");
}

#[test]
fn a_task_without_its_definition_is_brought_to_its_end() {
    for spoiled in [None, Some(json!([{"name": "other", "image": "busybox", "memory": 16}]))] {
        let mut task = OneTask::prepared(two());
        task.start("main");
        task.start("side");
        let key = (kind::DEFINITION, "web:1".to_owned());
        let row = task.local.rows_mut().remove(&key).unwrap();
        if let Some(containers) = spoiled {
            let mut row: Value = serde_json::from_str(&row).unwrap();
            row["definition"]["containerDefinitions"] = containers;
            task.local.rows_mut().insert(key, row.to_string());
        }
        assert_eq!(restart(&mut task, &["main", "side"]), NOTHING);
        let instance = json!({"containerInstances": [task.view().container_instance_arn]});
        let left = |task: &mut OneTask| {
            let answer = task.local.must("DescribeContainerInstances", instance.clone());
            answer["containerInstances"][0]["remainingResources"][1]["integerValue"].clone()
        };
        assert_eq!(left(&mut task), 4096 - 32);
        task.stop();
        task.exit("main", 0);
        task.exit("side", 0);
        assert_eq!(task.state(), "STOPPED UserInitiated Task stopped by user");
        assert_eq!(left(&mut task), 4096);
    }
}
