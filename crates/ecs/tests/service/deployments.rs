//! Deployments that fail, are put back, are stopped, and what is told of them.

use longshore_ecs::fault::FaultKind;
use serde_json::{Value, json};

use super::local::text;
use super::stage::Stage;

fn breaker(rollback: bool) -> Value {
    json!({"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": rollback}}})
}

/// The service deployments, the newest first.
fn rollouts(stage: &mut Stage) -> Vec<Value> {
    let listed = stage.local.must("ListServiceDeployments", json!({"service": "web"}));
    let arns: Vec<String> = listed["serviceDeployments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| text(&it["serviceDeploymentArn"]))
        .collect();
    let body = json!({"serviceDeploymentArns": arns});
    let described = stage.local.must("DescribeServiceDeployments", body);
    assert_eq!(described["failures"], json!([]));
    described["serviceDeployments"].as_array().unwrap().clone()
}

#[test]
fn the_circuit_breaker_puts_back_what_ran_before() {
    let mut stage = Stage::new(2);
    let good = stage.define("app", 100);
    stage.create("app", 2, breaker(true));
    stage.settle();
    let kept: Vec<String> = stage.tasks().into_iter().map(|task| task.task_arn).collect();
    stage.define("fails", 100);
    let updated = stage.update(json!({"taskDefinition": "fails"}));
    let failing = text(&updated["deployments"][0]["id"]);
    stage.settle();

    let service = stage.describe();
    let back = text(&service["deployments"][0]["id"]);
    assert_eq!(service["taskDefinition"], good);
    assert_eq!(service["deployments"][0]["rolloutStateReason"], format!("ECS deployment {back} completed."));
    assert!(back != failing);
    let still: Vec<String> = stage.tasks().into_iter().map(|task| task.task_arn).collect();
    assert_eq!(still, kept, "what ran of the earlier revision was not touched");
    let events = stage.events();
    let has = |sentence: String| assert!(events.contains(&sentence), "{sentence} in {events:#?}");
    has(format!("(service web) (deployment {failing}) deployment failed: tasks failed to start."));
    has(format!("(service web) rolling back to deployment {back}."));
    has(format!("(service web) (deployment {back}) deployment completed."));

    let [second, first] = rollouts(&mut stage).try_into().unwrap();
    assert_eq!((&first["status"], &second["status"]), (&json!("SUCCESSFUL"), &json!("ROLLBACK_SUCCESSFUL")));
    assert_eq!(
        second["deploymentCircuitBreaker"],
        json!({"status": "TRIGGERED", "failureCount": 3, "threshold": 3})
    );
    let source = &second["sourceServiceRevisions"][0]["arn"];
    assert_eq!(&second["rollback"]["serviceRevisionArn"], source);
    assert_eq!(&first["targetServiceRevision"]["arn"], source);
    assert_eq!(&first["targetServiceRevision"]["runningTaskCount"], 2);
}

#[test]
fn while_it_is_put_back_both_deployments_are_shown() {
    let mut stage = Stage::new(2);
    stage.define("app", 100);
    stage.create("app", 2, breaker(true));
    stage.settle();
    stage.define("fails", 100);
    stage.update(json!({"taskDefinition": "fails"}));
    let mut reasons = Vec::new();
    stage.settle_until(|stage| {
        let service = stage.describe();
        for deployment in service["deployments"].as_array().unwrap() {
            let (state, reason) =
                (text(&deployment["rolloutState"]), text(&deployment["rolloutStateReason"]));
            if !reasons.contains(&(state.clone(), reason.clone())) {
                reasons.push((state, reason));
            }
        }
        reasons.iter().any(|(state, _)| state == "COMPLETED")
            && service["deployments"].as_array().unwrap().len() == 1
    });
    // The pace of the back-off: the deployment is not given up at once.
    assert!(
        reasons.iter().any(|(state, reason)| state == "IN_PROGRESS" && reason.ends_with(" in progress."))
    );
}

#[test]
fn a_breaker_without_rollback_only_stops_starting() {
    let mut stage = Stage::new(2);
    stage.define("app", 100);
    stage.create("app", 2, breaker(false));
    stage.settle();
    stage.define("fails", 100);
    stage.update(json!({"taskDefinition": "fails"}));
    stage.settle_until(|stage| stage.describe()["deployments"][0]["rolloutState"] == "FAILED");
    let service = stage.describe();
    let reason = "ECS deployment circuit breaker: tasks failed to start.";
    assert_eq!(service["deployments"][0]["rolloutStateReason"], reason);
    assert_eq!(service["deployments"][1]["runningCount"], 2);
    let [second, _] = rollouts(&mut stage).try_into().unwrap();
    assert_eq!((&second["status"], &second["statusReason"]), (&json!("STOPPED"), &json!(reason)));
    let before = stage.events().len();
    stage.settle_until(|stage| {
        stage.local.cloud.next_wake().is_none() || stage.tasks_with("STOPPED").is_empty()
    });
    assert_eq!(stage.events().len(), before, "nothing more is started");
    // The next deployment is one like any other.
    stage.update(json!({"taskDefinition": "app"}));
    stage.settle();
    assert_eq!(stage.tasks().len(), 2);
}

#[test]
fn failing_tasks_are_tried_again_ever_more_slowly() {
    let mut stage = Stage::new(1);
    stage.define("fails", 100);
    stage.create("fails", 2, json!({}));
    let mut starts = Vec::new();
    stage.settle_until(|stage| {
        let count = stage.events().iter().filter(|event| event.contains("has started")).count();
        if count > starts.len() {
            starts.push(stage.local.now);
        }
        starts.len() == 7
    });
    let gaps: Vec<i64> = starts.windows(2).map(|pair| pair[1].ms_since(pair[0]) / 1000).collect();
    assert_eq!(gaps, [1, 2, 4, 8, 16, 32]);
    let told =
        stage.events().into_iter().filter(|event| event.contains("unable to consistently start")).count();
    assert_eq!(told, 1);
    assert_eq!(stage.describe()["deployments"][0]["failedTasks"], 14);
    // A deployment that is better begins at once.
    stage.define("app", 100);
    stage.update(json!({"taskDefinition": "app"}));
    let before = stage.local.now;
    stage.work();
    assert_eq!((stage.tasks().len(), stage.local.now), (2, before));
}

#[test]
fn tasks_that_end_at_once_are_not_started_in_a_circle() {
    let mut stage = Stage::new(1);
    stage.define("ends", 100);
    stage.create("ends", 1, breaker(true));
    let begin = stage.local.now;
    stage.settle_until(|stage| stage.local.now.ms_since(begin) > 60_000);
    let started = stage.tasks_with("STOPPED").len();
    assert!((4..=8).contains(&started), "{started}");
    // They were RUNNING: as on AWS, that is no failure of the deployment.
    assert_eq!(stage.describe()["deployments"][0]["rolloutState"], "IN_PROGRESS");
}

#[test]
fn a_deployment_is_stopped_by_hand() {
    let mut stage = Stage::new(2);
    let good = stage.define("app", 100);
    let created = stage.create("app", 2, json!({}));
    let only = text(&created["currentServiceDeployment"]);
    let stop = |arn: &str, kind: &str| json!({"serviceDeploymentArn": arn, "stopType": kind});
    let refusal = stage.local.refused("StopServiceDeployment", stop(&only, "ROLLBACK"));
    assert_eq!(refusal.0, FaultKind::Conflict, "there is nothing to go back to: {}", refusal.1);
    stage.settle();
    let refusal = stage.local.refused("StopServiceDeployment", stop(&only, "ABORT"));
    assert_eq!(refusal.0, FaultKind::Conflict, "it is over: {}", refusal.1);

    stage.define("fails", 100);
    let second = text(&stage.update(json!({"taskDefinition": "fails"}))["currentServiceDeployment"]);
    stage.work();
    stage.local.must("StopServiceDeployment", stop(&second, "ROLLBACK"));
    stage.settle();
    assert_eq!(stage.describe()["taskDefinition"], good);
    assert_eq!(rollouts(&mut stage)[0]["status"], "ROLLBACK_SUCCESSFUL");

    let third = text(&stage.update(json!({"taskDefinition": "fails"}))["currentServiceDeployment"]);
    stage.work();
    stage.local.must("StopServiceDeployment", stop(&third, "ABORT"));
    stage.work();
    let service = stage.describe();
    assert_eq!(rollouts(&mut stage)[0]["status"], "STOPPED");
    assert_eq!(service["deployments"][0]["rolloutState"], "FAILED");
    assert_eq!(service["deployments"][1]["runningCount"], 2);

    let unknown = third.replace("service-deployment/default/web/", "service-deployment/default/web/x");
    let refusal = stage.local.refused("StopServiceDeployment", stop(&unknown, "ABORT"));
    assert_eq!(refusal.0, FaultKind::ServiceDeploymentNotFound);
}

#[test]
fn a_newer_deployment_takes_the_place_of_one_under_way() {
    let mut stage = Stage::new(4);
    stage.define("app", 100);
    stage.create("app", 2, json!({}));
    stage.settle();
    stage.define("checked", 100);
    stage.update(json!({"taskDefinition": "checked"}));
    stage.work();
    let third = stage.define("app", 100);
    let updated = stage.update(json!({"taskDefinition": "app"}));
    assert_eq!(updated["deployments"].as_array().unwrap().len(), 3);
    stage.settle();
    assert!(stage.tasks().iter().all(|task| task.task_definition_arn == third));
    let statuses: Vec<Value> = rollouts(&mut stage).into_iter().map(|it| it["status"].clone()).collect();
    assert_eq!(statuses, ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]);
}

#[test]
fn revisions_stay_as_they_were() {
    let mut stage = Stage::new(1);
    let first = stage.define("app", 100);
    let created = stage.create("app", 1, json!({}));
    let before = text(&created["currentServiceRevisions"][0]["arn"]);
    stage.settle();
    stage.define("app", 50);
    stage.update(json!({"taskDefinition": "app", "desiredCount": 2}));
    stage.settle();
    let answer = stage.local.must("DescribeServiceRevisions", json!({"serviceRevisionArns": [before]}));
    let revision = &answer["serviceRevisions"][0];
    assert_eq!(revision["taskDefinition"], first);
    assert_eq!(revision["containerImages"][0]["image"], "a");
    assert_eq!(revision["launchType"], "EC2");
    let unknown = format!("{}9", &before[..before.len() - 1]);
    let answer = stage.local.must("DescribeServiceRevisions", json!({"serviceRevisionArns": [unknown]}));
    assert_eq!(answer["failures"][0]["reason"], "MISSING");
}

#[test]
fn deployments_are_listed_in_pages_the_newest_first() {
    let mut stage = Stage::new(1);
    stage.define("app", 10);
    stage.create("app", 0, json!({}));
    for _ in 0..4 {
        stage.work();
        stage.local.wait(10);
        stage.update(json!({"forceNewDeployment": true}));
    }
    stage.work();
    let all: Vec<String> = rollouts(&mut stage).iter().map(|it| text(&it["serviceDeploymentArn"])).collect();
    assert_eq!(all.len(), 5);
    let (mut seen, mut body) = (Vec::new(), json!({"service": "web", "maxResults": 2}));
    loop {
        let page = stage.local.must("ListServiceDeployments", body.clone());
        let briefs = page["serviceDeployments"].as_array().unwrap();
        seen.extend(briefs.iter().map(|it| text(&it["serviceDeploymentArn"])));
        if page["nextToken"].is_null() {
            break;
        }
        body["nextToken"] = page["nextToken"].clone();
    }
    assert_eq!(seen, all);
    let none = stage.local.must("ListServiceDeployments", json!({"service": "web", "status": ["PENDING"]}));
    assert_eq!(none["serviceDeployments"], json!([]));
    let body = json!({"service": "web", "createdAt": {"before": stage.local.now.0 as f64 / 1000.0 - 15.0}});
    assert_eq!(
        stage.local.must("ListServiceDeployments", body)["serviceDeployments"].as_array().unwrap().len(),
        3
    );
}
