//! What the calls about services take, give and refuse.

use longshore_ecs::fault::FaultKind;
use serde_json::{Value, json};

use super::local::texts;
use super::stage::{Stage, merge};

fn create(stage: &mut Stage, more: Value) -> (FaultKind, String) {
    let mut body = json!({"serviceName": "web", "taskDefinition": "app", "desiredCount": 1});
    merge(&mut body, more);
    stage.local.refused("CreateService", body)
}

#[test]
fn what_could_never_run_is_refused() {
    let mut stage = Stage::new(1);
    stage.define("app", 10);
    let group = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef";
    let percents = |minimum: i32, maximum: i32| json!({"deploymentConfiguration": {"minimumHealthyPercent": minimum, "maximumPercent": maximum}});
    let balancer = |container: &str, port: i32| json!({"loadBalancers": [{"targetGroupArn": group, "containerName": container, "containerPort": port}]});
    let daemon = json!({"schedulingStrategy": "DAEMON"});
    let cases = [
        (json!({"serviceName": "a b"}), "Service name contains invalid characters."),
        (json!({"serviceName": ""}), "Service name can not be blank."),
        (json!({"desiredCount": null}), "Desired count can not be blank."),
        (json!({"desiredCount": -1}), "Desired count cannot be less than 0."),
        (json!({"taskDefinition": "other"}), "TaskDefinition not found."),
        (json!({"launchType": "FARGATE"}), "Task definition does not support launch_type FARGATE."),
        (
            percents(100, 100),
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
        ),
        (percents(101, 200), "minimumHealthyPercent must be between 0 and 100."),
        (percents(0, 99), "maximumPercent must be at least 100."),
        (
            daemon,
            "The daemon scheduling strategy does not support a desired count for services. Remove the desired \
                  count value and try again",
        ),
        (balancer("other", 80), "The container other does not exist in the task definition."),
        (balancer("main", 80), "The container main did not have a container port 80 defined."),
        (json!({"clientToken": "x".repeat(37)}), "clientToken longer than 36."),
        (
            json!({"tags": [{"key": "aws:x", "value": "y"}]}),
            "Tag keys cannot start with the reserved prefix aws:",
        ),
    ];
    for (more, sentence) in cases {
        assert_eq!(create(&mut stage, more.clone()).1, sentence, "{more}");
    }
    let unsupported = json!({"deploymentController": {"type": "EXTERNAL"}});
    assert_eq!(create(&mut stage, unsupported).0, FaultKind::UnsupportedFeature);
    let blue_green = json!({"deploymentConfiguration": {"strategy": "BLUE_GREEN"}});
    assert_eq!(create(&mut stage, blue_green).0, FaultKind::UnsupportedFeature);
    assert_eq!(create(&mut stage, json!({"cluster": "other"})).0, FaultKind::ClusterNotFound);
    let not_found = stage.local.refused("UpdateService", json!({"service": "web"}));
    assert_eq!(not_found, (FaultKind::ServiceNotFound, "Service not found.".to_owned()));
    assert_eq!(stage.local.must("ListServices", json!({}))["serviceArns"], json!([]));
}

#[test]
fn the_same_service_is_created_once() {
    let mut stage = Stage::new(1);
    stage.define("app", 10);
    let first = stage.create("app", 1, json!({"clientToken": "once"}));
    let again = stage.create("app:1", 1, json!({"clientToken": "once", "cluster": "default"}));
    assert_eq!(again["deployments"][0]["id"], first["deployments"][0]["id"]);
    let sentence = "Creation of service was not idempotent.";
    assert_eq!(
        create(&mut stage, json!({"desiredCount": 2})),
        (FaultKind::InvalidParameter, sentence.to_owned())
    );
}

#[test]
fn every_member_is_shown_where_ecs_shows_it() {
    let mut stage = Stage::new(1);
    let definition = json!({
        "family": "fargate", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256",
        "memory": "512", "containerDefinitions": [{"name": "main", "image": "a"}],
    });
    stage.local.must("RegisterTaskDefinition", definition);
    let shown = json!({
        "launchType": "FARGATE", "platformVersion": "1.4.0", "desiredCount": 1,
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}},
        "serviceRegistries": [{"registryArn": "arn:aws:servicediscovery:eu-west-1:1:service/srv-1"}],
        "placementConstraints": [{"type": "memberOf", "expression": "attribute:a == b"}],
        "placementStrategy": [{"type": "spread", "field": "attribute:ecs.availability-zone"}],
        "healthCheckGracePeriodSeconds": 7, "enableECSManagedTags": true, "propagateTags": "SERVICE",
        "enableExecuteCommand": true, "availabilityZoneRebalancing": "DISABLED",
        "tags": [{"key": "a", "value": "b"}], "deploymentController": {"type": "ECS"},
    });
    let of_deployment = json!({
        "serviceConnectConfiguration": {"enabled": true, "namespace": "inner", "services": [{"portName": "http"}]},
        "volumeConfigurations": [{"name": "data", "managedEBSVolume": {"roleArn": "r", "sizeInGiB": 8}}],
        "vpcLatticeConfigurations": [{"roleArn": "r", "targetGroupArn": "t", "portName": "http"}],
    });
    let configuration = json!({
        "maximumPercent": 150, "minimumHealthyPercent": 50, "strategy": "ROLLING", "bakeTimeInMinutes": 1,
        "alarms": {"alarmNames": ["slow"], "enable": true, "rollback": true},
        "deploymentCircuitBreaker": {"enable": true, "rollback": false, "resetOnHealthyTask": false,
                                     "thresholdConfiguration": {"type": "COUNT", "value": 9}},
        "lifecycleHooks": [{"hookTargetArn": "h"}], "earlySuccessCriteria": {"enable": false},
    });
    let of_revision =
        json!({"gatewayConnectors": [{"portName": "http"}], "monitoring": {"metricConfigurations": []}});
    let mut more = shown.clone();
    for part in [&of_deployment, &of_revision] {
        merge(&mut more, part.clone());
    }
    more["deploymentConfiguration"] = configuration.clone();
    stage.create("fargate", 1, more);
    stage.settle();
    let holds = |found: &Value, wanted: &Value| {
        for (name, value) in wanted.as_object().unwrap() {
            assert_eq!(&found[name], value, "{name}");
        }
    };
    let service = stage.describe();
    holds(&service, &shown);
    holds(&service["deploymentConfiguration"], &configuration);
    holds(&service["deployments"][0], &of_deployment);
    let arn = service["currentServiceRevisions"][0]["arn"].clone();
    let revision = stage.local.must("DescribeServiceRevisions", json!({"serviceRevisionArns": [arn]}));
    holds(&revision["serviceRevisions"][0], &of_deployment);
    holds(&revision["serviceRevisions"][0], &of_revision);
    assert_eq!(service["createdBy"], "arn:aws:iam::123456789012:user/somebody");
}

#[test]
fn tags_reach_the_tasks_as_the_service_says() {
    let mut stage = Stage::new(1);
    stage.define("app", 10);
    let tags = json!([{"key": "team", "value": "a"}]);
    let more = json!({"tags": tags, "propagateTags": "SERVICE", "enableECSManagedTags": true});
    let service = stage.create("app", 1, more);
    stage.settle();
    let task = stage.tasks()[0].task_arn.clone();
    let of_task = stage.local.must("ListTagsForResource", json!({"resourceArn": task}))["tags"].clone();
    let wanted = json!([
        {"key": "team", "value": "a"},
        {"key": "aws:ecs:clusterName", "value": "default"},
        {"key": "aws:ecs:serviceName", "value": "web"},
    ]);
    assert_eq!(of_task, wanted);
    let arn = service["serviceArn"].clone();
    let body = json!({"resourceArn": arn, "tags": [{"key": "x", "value": "y"}]});
    stage.local.must("TagResource", body);
    stage.local.must("UntagResource", json!({"resourceArn": arn, "tagKeys": ["team"]}));
    assert_eq!(stage.describe()["tags"], json!([{"key": "x", "value": "y"}]));
    let plain = stage.local.must("DescribeServices", json!({"services": [arn]}));
    assert!(plain["services"][0]["tags"].is_null());
}

#[test]
fn services_are_listed_in_pages_and_described_ten_at_a_time() {
    let mut stage = Stage::new(1);
    stage.define("app", 10);
    for number in 0..12 {
        let name = format!("service-{number:02}");
        stage
            .local
            .must("CreateService", json!({"serviceName": name, "taskDefinition": "app", "desiredCount": 0}));
    }
    let first = stage.local.must("ListServices", json!({}));
    assert_eq!(texts(&first["serviceArns"]).len(), 10);
    let second = stage.local.must("ListServices", json!({"nextToken": first["nextToken"]}));
    let all = [texts(&first["serviceArns"]), texts(&second["serviceArns"])].concat();
    assert_eq!(all.len(), 12);
    assert_eq!(stage.local.must("ListServices", json!({"launchType": "FARGATE"}))["serviceArns"], json!([]));
    let refusal = stage.local.refused("DescribeServices", json!({"services": all}));
    assert_eq!(refusal.1, "Services cannot contain more than 10 elements.");
    let answer = stage.local.must("DescribeServices", json!({"services": ["service-03", "other"]}));
    assert_eq!(answer["services"][0]["serviceName"], "service-03");
    assert_eq!(answer["failures"][0]["reason"], "MISSING");
    let clusters = stage.local.must("DescribeClusters", json!({}));
    assert_eq!(clusters["clusters"][0]["activeServicesCount"], 12);
}

#[test]
fn a_cluster_with_services_stays() {
    let mut stage = Stage::new(0);
    stage.define("app", 10);
    stage.create("app", 0, json!({}));
    let refusal = stage.local.refused("DeleteCluster", json!({"cluster": "default"}));
    assert_eq!(refusal.0, FaultKind::ClusterContainsServices);
    stage.local.must("DeleteService", json!({"service": "web"}));
    stage.local.must("DeleteCluster", json!({"cluster": "default"}));
}

#[test]
fn a_code_deploy_service_is_not_deployed_by_ecs() {
    let mut stage = Stage::new(1);
    stage.define("app", 10);
    stage.create("app", 1, json!({"deploymentController": {"type": "CODE_DEPLOY"}}));
    stage.settle();
    let refusal = stage.local.refused("UpdateService", json!({"service": "web", "taskDefinition": "app"}));
    let sentence = "Unable to update task definition on services with a CODE_DEPLOY deployment controller. Use AWS \
                    CodeDeploy to trigger a new deployment.";
    assert_eq!(refusal, (FaultKind::InvalidParameter, sentence.to_owned()));
    stage.update(json!({"desiredCount": 2}));
    stage.settle();
}

#[test]
fn shares_of_providers_are_kept() {
    let mut stage = Stage::new(2);
    stage.define("app", 10);
    let group = |name: &str| json!({"name": name, "autoScalingGroupProvider": {"autoScalingGroupArn": name}});
    for name in ["small", "large"] {
        stage.local.must("CreateCapacityProvider", group(name));
    }
    let unknown =
        json!({"cluster": "default", "capacityProviders": ["other"], "defaultCapacityProviderStrategy": []});
    assert_eq!(stage.local.refused("PutClusterCapacityProviders", unknown).0, FaultKind::InvalidParameter);
    let body = json!({"cluster": "default", "capacityProviders": ["small", "large"], "defaultCapacityProviderStrategy": []});
    stage.local.must("PutClusterCapacityProviders", body);
    let strategy = json!([
        {"capacityProvider": "small", "weight": 1, "base": 1}, {"capacityProvider": "large", "weight": 3},
    ]);
    let service = stage.create("app", 5, json!({"capacityProviderStrategy": strategy}));
    assert!(service["launchType"].is_null());
    stage.settle();
    let count = |stage: &mut Stage, name: &str| {
        stage.tasks().iter().filter(|task| task.capacity_provider_name.as_deref() == Some(name)).count()
    };
    assert_eq!((count(&mut stage, "small"), count(&mut stage, "large")), (2, 3));
    let large = stage
        .tasks()
        .into_iter()
        .find(|task| task.capacity_provider_name.as_deref() == Some("large"))
        .unwrap();
    stage.crash(&large);
    stage.settle();
    assert_eq!((count(&mut stage, "small"), count(&mut stage, "large")), (2, 3));

    let fewer =
        json!({"cluster": "default", "capacityProviders": ["small"], "defaultCapacityProviderStrategy": []});
    assert_eq!(stage.local.refused("PutClusterCapacityProviders", fewer).0, FaultKind::ResourceInUse);
    assert_eq!(
        stage.local.refused("DeleteCapacityProvider", json!({"capacityProvider": "large"})).0,
        FaultKind::Client
    );
}

#[test]
fn capacity_providers_are_made_shown_changed_and_deleted() {
    let mut stage = Stage::new(0);
    let scaling = json!({"autoScalingGroupArn": "group", "managedScaling": {"status": "ENABLED", "targetCapacity": 90}});
    let body =
        json!({"name": "own", "autoScalingGroupProvider": scaling, "tags": [{"key": "a", "value": "b"}]});
    let made = stage.local.must("CreateCapacityProvider", body)["capacityProvider"].clone();
    assert_eq!((&made["status"], &made["type"]), (&json!("ACTIVE"), &json!("EC2_AUTOSCALING")));
    assert_eq!(made["autoScalingGroupProvider"]["managedScaling"]["maximumScalingStepSize"], 10000);
    let named = |stage: &mut Stage, body: Value| {
        let answer = stage.local.must("DescribeCapacityProviders", body);
        answer["capacityProviders"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["name"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(named(&mut stage, json!({})), ["FARGATE", "FARGATE_SPOT", "own"]);
    assert_eq!(named(&mut stage, json!({"capacityProviders": [made["capacityProviderArn"]]})), ["own"]);
    let update =
        json!({"name": "own", "autoScalingGroupProvider": {"managedScaling": {"targetCapacity": 50}}});
    let updated = stage.local.must("UpdateCapacityProvider", update)["capacityProvider"].clone();
    assert_eq!(updated["autoScalingGroupProvider"]["managedScaling"]["targetCapacity"], 50);
    assert_eq!(updated["autoScalingGroupProvider"]["managedScaling"]["status"], "ENABLED");
    for name in ["fargate-own", "ecs1", "a b", ""] {
        let body = json!({"name": name, "autoScalingGroupProvider": {"autoScalingGroupArn": "group"}});
        assert_eq!(
            stage.local.refused("CreateCapacityProvider", body).0,
            FaultKind::InvalidParameter,
            "{name}"
        );
    }
    assert_eq!(
        stage.local.refused("DeleteCapacityProvider", json!({"capacityProvider": "FARGATE"})).0,
        FaultKind::Client
    );
    let deleted = stage.local.must("DeleteCapacityProvider", json!({"capacityProvider": "own"}));
    assert_eq!(deleted["capacityProvider"]["updateStatus"], "DELETE_IN_PROGRESS");
    assert_eq!(named(&mut stage, json!({})), ["FARGATE", "FARGATE_SPOT"]);
}
