//! What keeps a service up: health, draining instances, daemons, restarts.

use longshore_model::task::{LastStatus, StopCode};
use serde_json::json;

use super::stage::Stage;

#[test]
fn a_task_counts_once_its_checks_pass() {
    let mut stage = Stage::new(2);
    stage.define("app", 100);
    stage.create("app", 1, json!({}));
    stage.settle();
    stage.define("checked", 100);
    stage.update(json!({"taskDefinition": "checked"}));
    stage.work();
    // RUNNING, but not checked yet: the old task stays.
    let running = stage.tasks().iter().filter(|task| task.last_status == LastStatus::Running).count();
    assert_eq!(running, 2);
    let before = stage.local.now;
    stage.settle();
    assert_eq!(stage.local.now.ms_since(before), 5000, "its first check is five seconds later");
    assert_eq!(stage.tasks().len(), 1);
}

#[test]
fn an_unhealthy_task_is_replaced_and_fails_the_deployment() {
    let mut stage = Stage::new(2);
    stage.define("app", 100);
    let breaker = json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}});
    stage.create("app", 1, json!({"deploymentConfiguration": breaker}));
    stage.settle();
    stage.define("checked-bad", 100);
    stage.update(json!({"taskDefinition": "checked-bad"}));
    stage.settle();
    let stopped = stage.tasks_with("STOPPED");
    let for_health = stopped.iter().filter(|task| {
        task.stopped_reason.as_deref() == Some("Task failed container health checks")
            && task.stop_code == Some(StopCode::ServiceSchedulerInitiated)
    });
    assert_eq!(for_health.count(), 3);
    let events = stage.events();
    assert!(events.iter().any(|event| event.ends_with("failed container health checks.")), "{events:#?}");
    assert!(events.iter().any(|event| event.contains("rolling back to deployment")));
}

#[test]
fn failing_checks_do_not_count_in_the_grace_period() {
    let mut stage = Stage::new(2);
    stage.define("checked-bad", 100);
    stage.create("checked-bad", 1, json!({"healthCheckGracePeriodSeconds": 100}));
    let begin = stage.local.now;
    stage.settle_until(|stage| !stage.tasks_with("STOPPED").is_empty() || stage.tasks().len() > 1);
    assert_eq!(stage.local.now.ms_since(begin), 100_000);
    // A longer one that is given later counts from the task's start, too.
    stage.update(json!({"healthCheckGracePeriodSeconds": 0}));
    stage.work();
    assert!(stage.events().iter().any(|event| event.contains("failed container health checks")));
}

#[test]
fn tasks_leave_a_draining_instance_within_the_bounds() {
    let mut stage = Stage::new(2);
    stage.define("app", 10);
    stage.create("app", 4, json!({}));
    stage.settle();
    let instance = stage.tasks()[0].container_instance_arn.clone();
    let body = json!({"containerInstances": [instance], "status": "DRAINING"});
    stage.local.must("UpdateContainerInstancesState", body);
    stage.settle_until(|stage| {
        let live = stage.tasks();
        let running = live.iter().filter(|task| task.last_status == LastStatus::Running).count();
        assert!(running >= 4, "replacements come first");
        live.len() == 4 && live.iter().all(|task| task.container_instance_arn != instance)
    });
    stage.settle();
    assert_eq!(stage.describe()["deployments"].as_array().unwrap().len(), 1);
}

#[test]
fn a_daemon_has_one_task_on_each_instance() {
    let mut stage = Stage::new(2);
    stage.define("app", 100);
    let body = json!({"serviceName": "web", "taskDefinition": "app", "schedulingStrategy": "DAEMON"});
    stage.local.must("CreateService", body);
    stage.settle();
    assert_eq!(stage.describe()["desiredCount"], 2);
    stage.local.register_instance(1024, 1024);
    stage.settle();
    assert_eq!(stage.tasks().len(), 3);

    let second = stage.define("app", 100);
    stage.update(json!({"taskDefinition": "app"}));
    stage.settle();
    let tasks = stage.tasks();
    assert!(tasks.len() == 3 && tasks.iter().all(|task| task.task_definition_arn == second));

    let instance = tasks[0].container_instance_arn.clone();
    let body = json!({"containerInstances": [instance], "status": "DRAINING"});
    stage.local.must("UpdateContainerInstancesState", body);
    stage.settle();
    assert_eq!((stage.tasks().len(), &stage.describe()["desiredCount"]), (2, &json!(2)));
    let crashing = stage.tasks().remove(0);
    stage.crash(&crashing);
    stage.settle();
    assert_eq!(stage.tasks().len(), 2);
    stage.local.must("DeleteService", json!({"service": "web"}));
    stage.work();
    assert_eq!(stage.describe()["status"], "INACTIVE");
}

#[test]
fn a_daemon_keeps_as_many_as_its_minimum_says() {
    let mut stage = Stage::new(4);
    stage.define("app", 100);
    let body = json!({
        "serviceName": "web", "taskDefinition": "app", "schedulingStrategy": "DAEMON",
        "deploymentConfiguration": {"minimumHealthyPercent": 50},
    });
    stage.local.must("CreateService", body);
    stage.settle();
    let second = stage.define("app", 100);
    stage.update(json!({"taskDefinition": "app"}));
    stage.settle_until(|stage| {
        let live = stage.tasks();
        assert!(live.iter().filter(|task| task.last_status == LastStatus::Running).count() >= 2);
        live.len() == 4 && live.iter().all(|task| task.task_definition_arn == second)
    });
    stage.settle();
}

#[test]
fn a_daemon_is_only_where_its_constraints_hold() {
    let mut stage = Stage::new(2);
    stage.define("app", 100);
    let instances = stage.local.must("ListContainerInstances", json!({}))["containerInstanceArns"].clone();
    let mark = |stage: &mut Stage, instance| {
        let attribute = json!({"name": "role", "value": "edge", "targetId": instance, "targetType": "container-instance"});
        stage.local.must("PutAttributes", json!({"attributes": [attribute]}));
    };
    mark(&mut stage, instances[0].clone());
    let constraint = json!({"type": "memberOf", "expression": "attribute:role == edge"});
    let body = json!({
        "serviceName": "web", "taskDefinition": "app", "schedulingStrategy": "DAEMON",
        "placementConstraints": [constraint],
    });
    stage.local.must("CreateService", body);
    stage.settle();
    assert_eq!(stage.tasks().len(), 1);
    mark(&mut stage, instances[1].clone());
    stage.settle();
    assert_eq!(stage.tasks().len(), 2);
    let attribute = json!({"name": "role", "targetId": instances[0], "targetType": "container-instance"});
    stage.local.must("DeleteAttributes", json!({"attributes": [attribute]}));
    stage.settle();
    assert_eq!(stage.tasks().len(), 1);
}

#[test]
fn a_restart_in_the_middle_of_a_deployment_changes_nothing() {
    let mut stage = Stage::new(2);
    stage.define("app", 100);
    stage.create(
        "app",
        4,
        json!({"deploymentConfiguration": {"minimumHealthyPercent": 50, "maximumPercent": 100}}),
    );
    stage.settle();
    let second = stage.define("app", 100);
    stage.update(json!({"taskDefinition": "app"}));
    for _ in 0..4 {
        stage.work();
        let before = stage.describe();
        stage.restart();
        assert_eq!(stage.describe(), before);
        stage.local.wait(3);
    }
    stage.settle();
    assert!(stage.tasks().iter().all(|task| task.task_definition_arn == second));
}
