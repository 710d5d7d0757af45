//! How tasks stop: in which order, how long it takes, and what is left of them.

use longshore_ecs::fault::FaultKind;
use longshore_model::task::LastStatus;
use serde_json::{Value, json};

use super::local::text;
use super::one_task::{OneTask, after};

const NOTHING: [&str; 0] = [];

/// A task whose containers all run.
fn running(containers: Value) -> OneTask {
    let mut task = OneTask::prepared(containers);
    let names: Vec<String> = task.view().containers.iter().map(|it| it.name.clone()).collect();
    for _ in &names {
        for of in task.local.cloud.expected_containers() {
            task.start(&of.container);
        }
    }
    assert_eq!(task.state(), "RUNNING");
    task.effects();
    task
}

#[test]
fn an_essential_container_ends_the_task_and_another_does_not() {
    let mut task = running(json!([{"name": "main"}, {"name": "side", "essential": false}]));
    task.exit("side", 3);
    assert_eq!((task.state().as_str(), task.container("side").exit_code), ("RUNNING", Some(3)));
    task.exit("main", 7);
    assert_eq!(task.state(), "STOPPED EssentialContainerExited Essential container in task exited");
    assert_eq!((task.container("main").exit_code, task.container("main").reason), (Some(7), None));
    assert_eq!(task.effects(), ["Release"]);
}

#[test]
fn what_others_depend_on_stops_after_them() {
    let mut task = running(json!([
        {"name": "db"},
        {"name": "app", "dependsOn": after("db", "START")},
        {"name": "proxy", "dependsOn": after("app", "START")},
        {"name": "logs", "essential": false},
    ]));
    task.stop();
    assert_eq!(task.effects(), ["Terminate proxy", "Terminate logs"]);
    task.exit("logs", 143);
    assert_eq!(task.effects(), NOTHING);
    task.exit("proxy", 143);
    assert_eq!(task.effects(), ["Terminate app"]);
    task.exit("app", 143);
    assert_eq!(task.effects(), ["Terminate db"]);
    assert_eq!(task.state(), "STOPPING UserInitiated Task stopped by user");
    task.exit("db", 0);
    assert_eq!(
        (task.state().as_str(), task.effects()),
        ("STOPPED UserInitiated Task stopped by user", vec!["Release".to_owned()])
    );
}

#[test]
fn a_kill_follows_the_stop_timeout_and_is_repeated_for_a_minute() {
    for (more, grace) in [(json!({}), 30), (json!({"stopTimeout": 2}), 2)] {
        let mut container = json!({"name": "main"});
        container.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut task = running(json!([container]));
        task.stop();
        assert_eq!(task.effects(), ["Terminate main"]);
        task.local.wait(grace - 1);
        assert_eq!(task.effects(), NOTHING);
        task.local.wait(1);
        assert_eq!(task.effects(), ["Kill main"]);
        task.local.wait(59);
        assert_eq!(task.effects(), ["Kill main"; 5]);
        task.local.wait(1);
        assert_eq!(task.effects(), ["Release"]);
        let main = task.container("main");
        let reason = "DockerTimeoutError: Could not transition to stopped; timed out after waiting 1m0s";
        assert_eq!((main.exit_code, main.reason.as_deref()), (None, Some(reason)));
        assert_eq!(task.view().last_status, LastStatus::Stopped);
    }
}

#[test]
fn a_task_stops_while_it_is_prepared_or_started() {
    let mut task = OneTask::asked(json!([{"name": "main"}]));
    task.stop();
    assert_eq!(task.effects(), ["Prepare", "Release"]);
    assert_eq!(
        (task.state().as_str(), task.container("main").exit_code),
        ("STOPPED UserInitiated Task stopped by user", None)
    );
    task.local.tell(super::fake_runtime::prepared(task.id.clone()));
    assert_eq!(task.effects(), NOTHING);

    let mut task =
        OneTask::prepared(json!([{"name": "main"}, {"name": "next", "dependsOn": after("main", "START")}]));
    assert_eq!(task.effects(), ["Start main"]);
    task.stop();
    assert_eq!(task.effects(), NOTHING);
    task.start("main");
    assert_eq!(task.effects(), ["Terminate main"], "and `next` is never started");
    task.exit("main", 143);
    assert_eq!(task.effects(), ["Release"]);

    let mut task = OneTask::prepared(json!([{"name": "main"}]));
    task.stop();
    task.fail_to_start("main");
    assert_eq!(task.state(), "STOPPED UserInitiated Task stopped by user");
}

#[test]
fn an_end_that_is_reported_before_its_start_is_the_end_of_a_task_that_ran() {
    let mut task = OneTask::prepared(json!([{"name": "main"}]));
    task.exit("main", 0);
    assert_eq!(task.state(), "STOPPED EssentialContainerExited Essential container in task exited");
    let view = task.view();
    assert!(view.started_at.is_some() && view.execution_stopped_at.is_some(), "{view:?}");
    let mut task = OneTask::prepared(json!([{"name": "main"}, {"name": "side", "essential": false}]));
    task.exit("side", 0);
    let early = task.reference("side");
    task.local.tell(super::fake_runtime::started(early));
    let side = task.container("side");
    assert_eq!((side.last_status, side.runtime_id.as_deref()), (LastStatus::Stopped, Some("side-0")));
}

#[test]
fn every_change_of_a_task_is_published_once() {
    let mut task = OneTask::prepared(json!([{"name": "main"}, {"name": "side", "essential": false}]));
    task.start("main");
    task.start("side");
    task.exit("side", 0);
    task.stop();
    task.exit("main", 143);
    let published = task.local.take_effects().into_iter().filter_map(|effect| match effect {
        longshore_ecs::Effect::TaskChanged(task) => {
            let side = task.containers.iter().find(|it| it.name == "side").unwrap();
            Some((task.version, format!("{} {}", task.last_status, side.last_status)))
        }
        _ => None,
    });
    let (versions, mut states): (Vec<i64>, Vec<String>) = published.unzip();
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
    states.dedup();
    let wanted = [
        "PENDING PENDING",
        "ACTIVATING RUNNING",
        "RUNNING RUNNING",
        "RUNNING STOPPED",
        "DEACTIVATING STOPPED",
        "STOPPING STOPPED",
        "DEPROVISIONING STOPPED",
        "STOPPED STOPPED",
    ];
    assert_eq!(states, wanted);
}

#[test]
fn a_stopped_task_is_visible_for_an_hour_and_then_missing() {
    let mut task = running(json!([{"name": "main"}]));
    task.local.must(
        "TagResource",
        json!({"resourceArn": task.view().task_arn, "tags": [{"key": "a", "value": "b"}]}),
    );
    task.exit("main", 0);
    task.local.wait(3599);
    let describe = json!({"tasks": [task.id], "include": ["TAGS"]});
    let answer = task.local.must("DescribeTasks", describe.clone());
    assert_eq!(answer["tasks"][0]["tags"], json!([{"key": "a", "value": "b"}]));
    task.stop();
    assert_eq!(
        task.local.must("DescribeTasks", describe.clone())["tasks"][0]["tags"],
        json!([]),
        "StopTask deletes tags"
    );
    let arn = task.view().task_arn;
    task.local.wait(1);
    let answer = task.local.must("DescribeTasks", describe);
    assert_eq!(answer, json!({"tasks": [], "failures": [{"arn": arn, "reason": "MISSING"}]}));
    assert_eq!(task.local.must("ListTasks", json!({"desiredStatus": "STOPPED"})), json!({"taskArns": []}));
    let refused = task.local.refused("StopTask", json!({"task": task.id}));
    assert_eq!(refused, (FaultKind::InvalidParameter, "The referenced task was not found.".to_owned()));
}

#[test]
fn the_first_reason_stays() {
    let mut task = running(json!([{"name": "main"}]));
    let answer = task.local.must("StopTask", json!({"task": task.id, "reason": "because"}));
    assert_eq!(text(&answer["task"]["stoppedReason"]), "because");
    task.stop();
    task.exit("main", 1);
    assert_eq!(task.state(), "STOPPED UserInitiated because");
}

#[test]
fn a_forced_deregistration_stops_the_instances_tasks() {
    let mut task = running(json!([{"name": "main"}]));
    let instance = json!({"containerInstance": task.view().container_instance_arn});
    let refused = task.local.refused("DeregisterContainerInstance", instance.clone());
    assert_eq!(refused, (FaultKind::InvalidParameter, "Found running tasks on the instance.".to_owned()));
    let mut forced = instance;
    forced["force"] = json!(true);
    let answer = task.local.must("DeregisterContainerInstance", forced);
    assert_eq!(answer["containerInstance"]["status"], "INACTIVE");
    assert_eq!(task.effects(), ["Terminate main"]);
    task.exit("main", 143);
    assert_eq!(task.state(), "STOPPED UserInitiated Container instance deregistration forced by user");
}
