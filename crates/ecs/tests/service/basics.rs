//! The life of a service: created, kept up, scaled, updated, deleted.

use longshore_ecs::fault::FaultKind;
use longshore_model::task::{LastStatus, StopCode};
use serde_json::json;

use super::local::{id_of, text};
use super::stage::Stage;

#[test]
fn a_service_starts_its_tasks_and_reaches_a_steady_state() {
    let mut stage = Stage::new(2);
    stage.define("app", 100);
    let created = stage.create("app", 3, json!({"tags": [{"key": "team", "value": "a"}]}));
    assert_eq!(created["status"], "ACTIVE");
    assert_eq!(created["deployments"][0]["status"], "PRIMARY");
    assert_eq!(created["deployments"][0]["rolloutState"], "IN_PROGRESS");
    let id = text(&created["deployments"][0]["id"]);
    assert!(id.strip_prefix("ecs-svc/").is_some_and(|digits| digits.len() == 19), "{id}");

    stage.settle();
    let service = stage.describe();
    assert_eq!((&service["runningCount"], &service["pendingCount"]), (&json!(3), &json!(0)));
    assert_eq!(service["deployments"][0]["rolloutStateReason"], format!("ECS deployment {id} completed."));
    let tasks = stage.tasks();
    assert_eq!(tasks.len(), 3);
    for task in &tasks {
        assert_eq!(task.group.as_deref(), Some("service:web"));
        assert_eq!(task.started_by.as_deref(), Some(id.as_str()));
    }
    let events = stage.events();
    assert!(events[0].starts_with("(service web) has started 3 tasks: (task "), "{events:?}");
    assert_eq!(events[1], format!("(service web) (deployment {id}) deployment completed."));
    assert_eq!(events[2], "(service web) has reached a steady state.");
    assert_eq!(events.len(), 3);
}

#[test]
fn a_task_that_ends_or_is_stopped_is_replaced() {
    let mut stage = Stage::new(1);
    stage.define("app", 100);
    stage.create("app", 2, json!({}));
    stage.settle();
    stage.local.wait(60);
    let [first, second] = stage.tasks().try_into().expect("two tasks");
    stage.local.must("StopTask", json!({"task": first.task_arn}));
    stage.crash(&second);
    stage.settle();
    let tasks = stage.tasks();
    assert_eq!(tasks.len(), 2);
    assert!(tasks.iter().all(|task| task.task_arn != first.task_arn && task.task_arn != second.task_arn));
    assert_eq!(stage.local.task(&id_of(&first.task_arn)).stop_code, Some(StopCode::UserInitiated));
}

#[test]
fn scaling_makes_no_deployment() {
    let mut stage = Stage::new(2);
    stage.define("app", 10);
    stage.create("app", 2, json!({}));
    stage.settle();
    let before = stage.describe()["deployments"][0]["id"].clone();
    for desired in [7, 3, 0, 1] {
        stage.update(json!({"desiredCount": desired}));
        stage.settle();
        assert_eq!(stage.tasks().len(), usize::try_from(desired).unwrap());
        assert_eq!(stage.describe()["deployments"][0]["id"], before);
    }
    let stopped = stage.tasks_with("STOPPED").remove(0);
    assert_eq!(stopped.stop_code, Some(StopCode::ServiceSchedulerInitiated));
    let id = text(&before);
    assert_eq!(stopped.stopped_reason, Some(format!("Scaling activity initiated by (deployment {id})")));
}

#[test]
fn tasks_are_spread_over_instances_and_taken_away_evenly() {
    let mut stage = Stage::new(3);
    stage.define("app", 10);
    stage.create("app", 9, json!({}));
    stage.settle();
    let on_instances = |stage: &mut Stage| {
        let mut counts = std::collections::BTreeMap::new();
        for task in stage.tasks() {
            *counts.entry(task.container_instance_arn.expect("an instance")).or_insert(0) += 1;
        }
        counts.into_values().collect::<Vec<i32>>()
    };
    assert_eq!(on_instances(&mut stage), [3, 3, 3]);
    stage.update(json!({"desiredCount": 6}));
    stage.settle();
    assert_eq!(on_instances(&mut stage), [2, 2, 2]);
}

#[test]
fn a_new_revision_replaces_the_old_one_within_the_bounds() {
    let mut stage = Stage::new(4);
    stage.define("app", 100);
    stage.create(
        "app",
        4,
        json!({"deploymentConfiguration": {"minimumHealthyPercent": 50, "maximumPercent": 100}}),
    );
    stage.settle();
    let second = stage.define("app", 100);
    let updated = stage.update(json!({"taskDefinition": "app"}));
    assert_eq!(updated["taskDefinition"], second);
    let states: Vec<_> =
        updated["deployments"].as_array().unwrap().iter().map(|it| it["status"].clone()).collect();
    assert_eq!(states, ["PRIMARY", "ACTIVE"]);
    stage.settle_until(|stage| {
        let live = stage.tasks();
        let running = live.iter().filter(|task| task.last_status == LastStatus::Running).count();
        assert!(running >= 2 && live.len() <= 4, "{running} of {}", live.len());
        stage.describe()["deployments"].as_array().unwrap().len() == 1
    });
    stage.settle();
    assert!(stage.tasks().iter().all(|task| task.task_definition_arn == second));
    // The same again is no change; when it is forced, it is a deployment.
    let same = stage.update(json!({"taskDefinition": "app"}));
    assert_eq!(same["deployments"].as_array().unwrap().len(), 1);
    let forced = stage.update(json!({"forceNewDeployment": true}));
    assert_eq!(forced["deployments"].as_array().unwrap().len(), 2);
    stage.settle();
}

#[test]
fn a_service_is_deleted_once_it_is_scaled_to_nothing_or_by_force() {
    let mut stage = Stage::new(1);
    stage.define("app", 10);
    stage.create("app", 2, json!({}));
    stage.settle();
    let delete = json!({"service": "web"});
    let refusal = stage.local.refused("DeleteService", delete.clone());
    let sentence = "The service cannot be stopped while it is scaled above 0.";
    assert_eq!(refusal, (FaultKind::InvalidParameter, sentence.to_owned()));
    let refusal = stage.local.refused("DeleteCluster", json!({"cluster": "default"}));
    assert_eq!(refusal.0, FaultKind::ClusterContainsContainerInstances);

    let deleted = stage.local.must("DeleteService", json!({"service": "web", "force": true}));
    assert_eq!(deleted["service"]["status"], "DRAINING");
    stage.work();
    let service = stage.describe();
    assert_eq!((&service["status"], &service["runningCount"]), (&json!("INACTIVE"), &json!(0)));
    assert!(stage.tasks().is_empty());
    assert_eq!(stage.local.must("ListServices", json!({}))["serviceArns"], json!([]));
    let refusal = stage.local.refused("UpdateService", json!({"service": "web", "desiredCount": 1}));
    assert_eq!(refusal, (FaultKind::ServiceNotActive, "Service was not ACTIVE.".to_owned()));
    // Its name is free again, and an hour later nobody knows of the first one.
    stage.create("app", 1, json!({}));
    stage.settle();
    stage.local.must("DeleteService", json!({"service": "web", "force": true}));
    stage.work();
    stage.local.wait(3601);
    let gone = stage.local.must("DescribeServices", json!({"services": ["web"]}));
    assert_eq!(gone["failures"][0]["reason"], "MISSING");
    assert!(stage.local.cloud.next_wake().is_none());
}

#[test]
fn a_service_without_room_waits_for_an_instance() {
    let mut stage = Stage::new(0);
    stage.define("app", 600);
    stage.create("app", 2, json!({}));
    let begin =
        "(service web) was unable to place a task because no container instance met all of its requirements.";
    stage.work();
    assert!(stage.events()[0].starts_with(&format!("{begin} Reason: No Container Instances were found")));
    stage.local.register_instance(1024, 1024);
    stage.work();
    let events = stage.events();
    assert!(
        events.last().unwrap().starts_with(&format!("{begin} The closest matching (container-instance "))
    );
    assert!(events.last().unwrap().contains("has insufficient CPU units available."), "{events:?}");
    assert_eq!(stage.tasks().len(), 1);
    stage.local.register_instance(1024, 1024);
    stage.settle();
    assert_eq!(stage.tasks().len(), 2);
}
