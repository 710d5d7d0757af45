//! Services behind load balancers: their tasks are targets from their start to the end of their last requests.

use std::collections::BTreeSet;

use longshore_ecs::Event;
use longshore_ecs::balancing::{Health, HealthChange, Request, Target, UnhealthyReason};
use longshore_model::task::{LastStatus, Task};
use serde_json::{Value, json};

use super::local::text;
use super::stage::Stage;

/// A stage with a target group that a listener forwards to; gives the group's ARN.
fn behind(kind: &str) -> (Stage, String) {
    let mut stage = Stage::new(2);
    let subnets = ["subnet-0123abcd", "subnet-0123456789abcdef0"];
    let balancer = balance(&mut stage, "CreateLoadBalancer", json!({"Name": "front", "Subnets": subnets}));
    let balancer = text(&balancer["LoadBalancers"][0]["LoadBalancerArn"]);
    let group = group(&mut stage, "web", kind);
    let forward = json!([{"Type": "forward", "TargetGroupArn": group}]);
    let listener =
        json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": 80, "DefaultActions": forward});
    balance(&mut stage, "CreateListener", listener);
    (stage, group)
}

/// Calls the API of Elastic Load Balancing.
fn balance(stage: &mut Stage, operation: &str, body: Value) -> Value {
    let request = Request::read(operation, body.clone()).expect("an operation of ELB").expect("a request");
    let answer = longshore_ecs::balance(&mut stage.local.cloud, request, stage.local.now);
    // The next step stores what this one changed.
    stage.local.must("ListClusters", json!({}));
    let answer = answer.unwrap_or_else(|fault| panic!("{operation} {body}: {fault}"));
    serde_json::to_value(answer).expect("answers are JSON")
}

fn group(stage: &mut Stage, name: &str, kind: &str) -> String {
    let body =
        json!({"Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-0123abcd", "TargetType": kind});
    text(&balance(stage, "CreateTargetGroup", body)["TargetGroups"][0]["TargetGroupArn"])
}

/// A definition with an address of its own for each task.
fn define(stage: &mut Stage) -> String {
    let body = json!({
        "family": "own", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "containerDefinitions": [{"name": "main", "image": "a", "portMappings": [{"containerPort": 8080}]}],
    });
    text(&stage.local.must("RegisterTaskDefinition", body)["taskDefinition"]["taskDefinitionArn"])
}

fn settings(group: &str, more: Value) -> Value {
    let mut settings = json!({
        "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0123abcd"]}},
        "loadBalancers": [{"targetGroupArn": group, "containerName": "main", "containerPort": 8080}],
    });
    super::stage::merge(&mut settings, more);
    settings
}

/// The targets of a group with their states.
fn targets(stage: &mut Stage, group: &str) -> Vec<(Target, String)> {
    let answer = balance(stage, "DescribeTargetHealth", json!({"TargetGroupArn": group}));
    let descriptions =
        answer["TargetHealthDescriptions"].as_array().expect("descriptions").iter().map(|it| {
            let port = it["Target"]["Port"].as_u64().expect("a port");
            let port = u16::try_from(port).expect("a port");
            (Target { id: text(&it["Target"]["Id"]), port }, text(&it["TargetHealth"]["State"]))
        });
    descriptions.collect()
}

/// All targets that are registered come to this.
fn check_all(stage: &mut Stage, group: &str, health: &Health) {
    for (target, state) in targets(stage, group) {
        if state != "draining" {
            let change = HealthChange { group_arn: group.to_owned(), target, health: health.clone() };
            stage.local.tell(Event::Health(vec![change]));
        }
    }
    stage.work();
}

fn address(task: &Task) -> String {
    task.containers[0].network_interfaces[0].private_ipv4_address.clone().expect("an address")
}

#[test]
fn a_task_counts_once_its_target_is_healthy() {
    let (mut stage, group) = behind("ip");
    define(&mut stage);
    let service = stage.create("own", 2, settings(&group, json!({})));
    let role = "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS";
    assert_eq!((&service["roleArn"], &service["healthCheckGracePeriodSeconds"]), (&json!(role), &json!(0)));
    stage.work();
    let registered: BTreeSet<(String, u16)> =
        targets(&mut stage, &group).into_iter().map(|(it, _)| (it.id, it.port)).collect();
    let addresses: BTreeSet<(String, u16)> = stage.tasks().iter().map(|task| (address(task), 8080)).collect();
    assert_eq!((registered.len(), &registered), (2, &addresses));
    assert!(stage.tasks().iter().all(|task| task.last_status == LastStatus::Running));
    stage.local.wait(100);
    assert_eq!(stage.describe()["deployments"][0]["rolloutState"], "IN_PROGRESS");
    check_all(&mut stage, &group, &Health::Healthy);
    assert_eq!(stage.describe()["deployments"][0]["rolloutState"], "COMPLETED");
    let told = format!("(service web) registered 1 targets in (target-group {group})");
    assert_eq!(stage.events().iter().filter(|event| **event == told).count(), 2);
}

#[test]
fn an_old_task_gets_its_stop_signal_once_nothing_is_in_flight() {
    let (mut stage, group) = behind("ip");
    define(&mut stage);
    stage.create("own", 1, settings(&group, json!({})));
    stage.work();
    check_all(&mut stage, &group, &Health::Healthy);
    let old = stage.tasks().remove(0);
    let old_target = targets(&mut stage, &group)[0].0.clone();
    define(&mut stage);
    stage.update(json!({"taskDefinition": "own"}));
    stage.work();
    assert_eq!(stage.tasks().len(), 2, "the new one is not healthy yet");
    check_all(&mut stage, &group, &Health::Healthy);
    let id = super::local::id_of(&old.task_arn);
    assert_eq!(stage.local.task(&id).last_status, LastStatus::Deactivating);
    assert_eq!(stage.describe()["deployments"].as_array().unwrap().len(), 2);
    stage.restart();
    stage.work();
    assert_eq!(stage.local.task(&id).last_status, LastStatus::Deactivating);
    stage.local.tell(Event::Drained { group_arn: group.clone(), target: old_target });
    stage.work();
    assert_eq!(stage.local.task(&id).last_status, LastStatus::Stopped);
    assert_eq!(stage.describe()["deployments"][0]["rolloutState"], "COMPLETED");
    let events = stage.events();
    let has =
        |sentence: &str| assert!(events.iter().any(|event| event == sentence), "{sentence} in {events:#?}");
    has("(service web) has begun draining connections on 1 tasks.");
    has(&format!("(service web) deregistered 1 targets in (target-group {group})"));
    has("(service web) has reached a steady state.");
}

#[test]
fn a_task_that_drains_for_too_long_stops_when_the_delay_is_over() {
    let (mut stage, group) = behind("ip");
    define(&mut stage);
    stage.create("own", 1, settings(&group, json!({})));
    stage.work();
    check_all(&mut stage, &group, &Health::Healthy);
    stage.local.must("DeleteService", json!({"service": "web", "force": true}));
    stage.work();
    assert_eq!(stage.describe()["status"], "DRAINING");
    let refusal = json!({"serviceName": "web", "taskDefinition": "own", "desiredCount": 0});
    let refusal = stage.local.refused("CreateService", refusal);
    assert_eq!(refusal.1, "Unable to Start a service that is still Draining.");
    let before = stage.local.now;
    stage.settle_until(|stage| stage.describe()["status"] == "INACTIVE");
    assert_eq!(stage.local.now.ms_since(before), 300_000);
    assert_eq!(targets(&mut stage, &group), []);
}

#[test]
fn a_task_whose_target_fails_is_replaced_after_its_grace_period() {
    let (mut stage, group) = behind("ip");
    define(&mut stage);
    stage.create("own", 1, settings(&group, json!({"healthCheckGracePeriodSeconds": 30})));
    stage.work();
    let first = stage.tasks().remove(0);
    let unhealthy =
        Health::Unhealthy { reason: UnhealthyReason::Timeout, description: "Request timed out".into() };
    check_all(&mut stage, &group, &unhealthy);
    assert_eq!(stage.tasks().len(), 1);
    stage.local.wait(30);
    stage.work();
    assert_eq!(stage.tasks().len(), 2, "its replacement comes first");
    let second =
        stage.tasks().into_iter().find(|task| task.task_arn != first.task_arn).expect("a replacement");
    let change = HealthChange {
        group_arn: group.clone(),
        target: Target { id: address(&second), port: 8080 },
        health: Health::Healthy,
    };
    stage.local.tell(Event::Health(vec![change]));
    stage.work();
    let first = stage.local.task(&super::local::id_of(&first.task_arn));
    let reason = format!("Task failed ELB health checks in (target-group {group})");
    assert_eq!(first.stopped_reason, Some(reason));
    let told = format!("(service web) (port 8080) is unhealthy in (target-group {group}) due to (reason ");
    assert!(stage.events().iter().any(|event| event.starts_with(&told)), "{:#?}", stage.events());
}

#[test]
fn groups_must_be_in_use_and_of_the_right_kind() {
    let (mut stage, used) = behind("instance");
    define(&mut stage);
    let unused = group(&mut stage, "unused", "ip");
    let mut refusal = |arn: &str| {
        let mut body = json!({"serviceName": "web", "taskDefinition": "own", "desiredCount": 1});
        super::stage::merge(&mut body, settings(arn, json!({})));
        stage.local.refused("CreateService", body).1
    };
    let sentence =
        format!("The target group with targetGroupArn {unused} does not have an associated load balancer.");
    assert_eq!(refusal(&unused), sentence);
    assert!(
        refusal(&used)
            .contains("has target type instance, which is incompatible with the awsvpc network mode")
    );
    assert!(refusal(&used.replace("/web/", "/other/")).contains("was not found"));
}
