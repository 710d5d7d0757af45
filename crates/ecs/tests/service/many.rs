//! A thousand tasks on two hundred instances.

use serde_json::json;

use super::stage::Stage;

#[test]
fn a_deployment_of_a_thousand_tasks_on_two_hundred_instances() {
    let mut stage = Stage::new(200);
    stage.define("app", 64);
    stage.create("app", 1000, json!({}));
    stage.settle();
    assert_eq!(stage.describe()["runningCount"], 1000);
    let second = stage.define("app", 64);
    stage.update(json!({"taskDefinition": "app"}));
    stage.settle();
    let tasks = stage.tasks();
    assert_eq!(tasks.len(), 1000);
    assert!(tasks.iter().all(|task| task.task_definition_arn == second));
}
