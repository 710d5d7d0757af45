//! What is written of a live service, and that nothing is left for `diff`.

use std::collections::BTreeMap;

use super::super::{Change, Revision, Wish, plan, revision};
use super::*;

const ARN: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition";

fn live(members: &Value) -> Service {
    let mut document = json!({"serviceName": "web", "status": "ACTIVE", "serviceArn": "a", "clusterArn": "c",
        "taskDefinition": format!("{ARN}/web:3"), "desiredCount": 2, "runningCount": 2, "pendingCount": 0,
        "launchType": "FARGATE", "platformVersion": "LATEST", "platformFamily": "Linux",
        "schedulingStrategy": "REPLICA", "deploymentController": {"type": "ECS"}, "enableECSManagedTags": false,
        "propagateTags": "NONE", "enableExecuteCommand": false, "loadBalancers": [], "serviceRegistries": [],
        "placementConstraints": [], "placementStrategy": [], "availabilityZoneRebalancing": "ENABLED",
        "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": false},
            "maximumPercent": 200, "minimumHealthyPercent": 50, "strategy": "ROLLING", "bakeTimeInMinutes": 0,
            "alarms": {"alarmNames": [], "enable": false, "rollback": false}},
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-a"], "securityGroups": ["sg-1"],
            "assignPublicIp": "DISABLED"}},
        "deployments": [{"id": "ecs-svc/1", "status": "PRIMARY"}], "events": [{"id": "1", "message": "m"}],
        "roleArn": "arn:aws:iam::1:role/aws-service-role/ecs/x", "createdAt": 1.0,
        "tags": [{"key": "longshore:project", "value": "shop"}, {"key": "aws:x", "value": "y"}]});
    for (member, value) in members.as_object().unwrap() {
        document[member] = value.clone();
    }
    document.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    Service::read(document).unwrap()
}

fn described(number: u32) -> Value {
    json!({"taskDefinition": {"taskDefinitionArn": format!("{ARN}/web:{number}"), "family": "web",
            "revision": number, "status": "ACTIVE", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
            "requiresCompatibilities": ["FARGATE"], "compatibilities": ["EC2", "FARGATE"], "volumes": [],
            "placementConstraints": [], "requiresAttributes": [{"name": "x"}], "registeredAt": 1.0,
            "registeredBy": "arn", "containerDefinitions": [{"name": "app", "image": "nginx:1", "cpu": 0,
                "essential": true, "environment": [], "mountPoints": [], "volumesFrom": [], "systemControls": [],
                "dockerLabels": {"a/b~c": "{{.Name}}"},
                "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}]}]},
        "tags": [{"key": "longshore:project", "value": "shop"}, {"key": "team", "value": "a"}]})
}

/// What apply would do about the files.
fn change(written: &Written, service: &Service, latest: &Value) -> (Change, Revision) {
    let file = written.task_definition.clone();
    let found = file.as_ref().map_or_else(
        || Revision::Known(latest["taskDefinition"]["taskDefinitionArn"].as_str().unwrap().to_owned()),
        |file| revision(file, Some(latest)),
    );
    let wish = Wish { service: written.service.clone(), family: file.map(|_| "web".to_owned()) };
    let revisions = BTreeMap::from([("web".to_owned(), found.clone())]);
    (plan(&wish, Some(service), &revisions, "shop").unwrap().change, found)
}

#[test]
fn only_what_somebody_chose_is_written() {
    let (service, latest) = (live(&json!({})), described(3));
    let written = files(&service, Some(&latest));
    assert_eq!(
        Value::Object(written.service.clone()),
        json!({"serviceName": "web", "desiredCount": 2, "launchType": "FARGATE",
            "availabilityZoneRebalancing": "ENABLED",
            "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true}, "minimumHealthyPercent": 50},
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-a"], "securityGroups": ["sg-1"]}}})
    );
    assert_eq!(
        Value::Object(written.task_definition.clone().unwrap()),
        json!({"family": "web", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
            "requiresCompatibilities": ["FARGATE"], "tags": [{"key": "team", "value": "a"}],
            "containerDefinitions": [{"name": "app", "image": "nginx:1", "dockerLabels": {"a/b~c": "{{.Name}}"},
                "portMappings": [{"containerPort": 80}]}]})
    );
    assert!(written.remarks.is_empty(), "{:?}", written.remarks);
    assert_eq!(change(&written, &service, &latest), (Change::None, Revision::Known(format!("{ARN}/web:3"))));
}

#[test]
fn whatever_the_service_is_like_diff_has_nothing_to_show() {
    let cases = [
        json!({"schedulingStrategy": "DAEMON", "launchType": "EC2", "platformVersion": null,
            "deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 0}}),
        json!({"launchType": null, "capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}]}),
        json!({"deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100}}),
        json!({"tags": [{"key": "longshore:project", "value": "shop"}, {"key": "longshore:passed", "value": "web:3"},
            {"key": "team", "value": "a"}]}),
        json!({"healthCheckGracePeriodSeconds": 30, "enableExecuteCommand": true, "propagateTags": "SERVICE",
            "loadBalancers": [{"targetGroupArn": "t", "containerName": "app", "containerPort": 80}],
            "placementStrategy": [{"type": "spread", "field": "instanceId"}]}),
        json!({"deployments": [{"status": "PRIMARY", "serviceConnectConfiguration": {"enabled": true}}]}),
        json!({"memberOfTomorrow": {"a": 1}}),
    ];
    for members in cases {
        let (service, latest) = (live(&members), described(3));
        let written = files(&service, Some(&latest));
        assert_eq!(change(&written, &service, &latest).0, Change::None, "{members}: {written:?}");
        assert!(!written.service.contains_key("memberOfTomorrow"));
        assert_eq!(
            written.remarks.len(),
            usize::from(members.get("memberOfTomorrow").is_some()),
            "{members}"
        );
        let is_daemon = members["schedulingStrategy"] == "DAEMON";
        assert_eq!(written.service.contains_key("desiredCount"), !is_daemon);
        assert!(!Value::Object(written.service).to_string().contains("longshore:"), "{members}");
    }
}

#[test]
fn an_older_revision_is_named_and_not_written() {
    let (service, latest) = (live(&json!({})), described(5));
    let written = files(&service, Some(&latest));
    assert_eq!((&written.task_definition, &written.service["taskDefinition"]), (&None, &json!("web:3")));
    assert!(written.remarks[0].contains("it runs web:3") && written.remarks[0].contains("that is web:5"));
    assert_eq!(change(&written, &service, &latest).0, Change::None);
    assert!(files(&service, None).remarks[0].contains("no revision is active"));
    let external = live(&json!({"taskDefinition": null, "deploymentController": {"type": "EXTERNAL"}}));
    let written = files(&external, None);
    assert_eq!((written.task_definition, written.remarks.len()), (None, 0));
}
