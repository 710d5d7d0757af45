//! What is registered and created, from the policy.

use serde_json::json;

use super::super::{samples, tokens};
use super::*;

const TEMPLATE: &str = "{{ branch }}/{{ sha }}/{{ pr }}/{{ name }}";

fn base(mode: &str) -> Map<String, Value> {
    let document = json!({"taskDefinition": {
        "taskDefinitionArn": "arn:td/base:4", "family": "base", "revision": 4, "status": "ACTIVE",
        "requiresAttributes": [], "compatibilities": ["EC2"], "registeredAt": 1, "registeredBy": "me",
        "networkMode": mode, "memberOfTomorrow": 1, "cpu": "256",
        "containerDefinitions": [
            {"name": "side", "image": "side", "essential": false, "portMappings": [{"containerPort": 9, "hostPort": 9}]},
            {"name": "app", "image": "old", "environment": [{"name": "KEEP", "value": "1"}, {"name": "SET", "value": "old"}],
             "secrets": [{"name": "TOKEN", "valueFrom": "arn:secret"}, {"name": "KEY", "valueFrom": "arn:key"}],
             "portMappings": [{"containerPort": 80, "hostPort": 8080}]}]},
        "tags": [{"key": "team", "value": "a"}, {"key": "longshore:project", "value": "shop"},
            {"key": "aws:cloudformation:stack-name", "value": "s"}]});
    register_input(&document).unwrap()
}

fn with(change: impl FnOnce(&mut ServicePolicy)) -> Policy {
    let mut policy = samples::policy();
    change(&mut policy.services[0]);
    policy
}

fn registered(policy: &Policy, mode: &str) -> Result<Map<String, Value>, Fault> {
    let record = samples::record();
    let parts = tokens::parts(&record, policy).unwrap();
    register(&record, &parts[0], &base(mode), &record.wish.revision)
}

fn created(policy: &Policy, mode: &str, like: Option<&Service>) -> Result<Map<String, Value>, Fault> {
    let record = samples::record();
    let parts = tokens::parts(&record, policy).unwrap();
    create(&record, policy, &parts[0], &base(mode), like)
}

#[test]
fn the_base_is_varied_and_nothing_else() {
    let policy = with(|service| {
        service.image = Some("shop:{{ sha }}".into());
        service.environment = [("SET", TEMPLATE), ("TOKEN", "$(reboot)")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        service.memory = Some(512);
    });
    let sha = "a".repeat(40);
    let input = registered(&policy, "bridge").unwrap();
    assert_eq!(
        Value::Object(input),
        json!({"family": "shop-x", "networkMode": "bridge", "memberOfTomorrow": 1, "cpu": "256", "memory": "512",
        "tags": [{"key": "team", "value": "a"}, {"key": "longshore:environment", "value": "x.shop"},
            {"key": "longshore:repository", "value": "octo/shop"}, {"key": "longshore:service", "value": "web"}],
        "containerDefinitions": [
            {"name": "side", "image": "side", "essential": false, "portMappings": [{"containerPort": 9, "hostPort": 0}]},
            {"name": "app", "image": format!("shop:{sha}"),
             "environment": [{"name": "KEEP", "value": "1"}, {"name": "SET", "value": format!("feature/x/{sha}//x")},
                {"name": "TOKEN", "value": "$(reboot)"}, {"name": "LONGSHORE_ENVIRONMENT", "value": "x.shop"},
                {"name": "LONGSHORE_BRANCH", "value": "feature/x"}, {"name": "LONGSHORE_SHA", "value": sha},
                {"name": "LONGSHORE_URL", "value": URL_TO_COME}],
             "secrets": [{"name": "KEY", "valueFrom": "arn:key"}],
             "portMappings": [{"containerPort": 80, "hostPort": 0}]}]})
    );
    let awsvpc = registered(&with(|service| service.port = 81), "awsvpc").unwrap();
    let ports = &awsvpc["containerDefinitions"][1]["portMappings"];
    assert_eq!(
        *ports,
        json!([{"containerPort": 80, "hostPort": 8080}, {"containerPort": 81, "protocol": "tcp"}])
    );
}

#[test]
fn what_cannot_be_varied_is_said() {
    type Change = fn(&mut ServicePolicy);
    let cases: [(Change, &str); 4] = [
        (|service| service.image = Some("shop:{{ tag }}".into()), "{{ tag }}"),
        (|service| service.image = Some("shop:{{ branch }}".into()), "{{ name }}"),
        (|service| service.environment = [("A".to_owned(), "{{ b".to_owned())].into(), "variable `A`"),
        (|service| service.container = Some("web".into()), "no container `web`"),
    ];
    for (change, words) in cases {
        let why = registered(&with(change), "bridge").unwrap_err().why;
        assert!(why.contains(words) && why.contains("`web`"), "{why}");
    }
    let record = samples::record();
    let policy = samples::policy();
    let parts = tokens::parts(&record, &policy).unwrap();
    let gone = BTreeMap::from([("base".to_owned(), None)]);
    assert!(super::base(&gone, &parts[0]).unwrap_err().why.contains("no task definition `base`"));
}

#[test]
fn a_service_is_made_as_the_policy_says() {
    let like = Service::read(json!({"serviceName": "like", "status": "ACTIVE", "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-like"]}},
        "placementConstraints": [{"type": "distinctInstance"}]}))
    .unwrap();
    let on_ec2 = Service::read(json!({"serviceName": "like", "status": "ACTIVE",
        "capacityProviderStrategy": [{"capacityProvider": "spot", "weight": 1}],
        "placementConstraints": [{"type": "distinctInstance"}], "placementStrategy": []}))
    .unwrap();
    let plain = created(&samples::policy(), "bridge", None).unwrap();
    assert_eq!(
        Value::Object(plain),
        json!({"cluster": "previews", "serviceName": "shop-x", "desiredCount": 1, "propagateTags": "SERVICE",
            "deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 200,
                "deploymentCircuitBreaker": {"enable": true, "rollback": false}},
            "tags": [{"key": "longshore:environment", "value": "x.shop"},
                {"key": "longshore:repository", "value": "octo/shop"}, {"key": "longshore:service", "value": "web"}]})
    );
    let fargate = created(&samples::policy(), "awsvpc", Some(&like)).unwrap();
    assert_eq!(fargate["launchType"], "FARGATE");
    assert_eq!(fargate["networkConfiguration"]["awsvpcConfiguration"]["subnets"], json!(["subnet-like"]));
    assert!(!fargate.contains_key("placementConstraints"), "Fargate places by itself");
    let spot = created(&samples::policy(), "bridge", Some(&on_ec2)).unwrap();
    assert_eq!(spot["capacityProviderStrategy"], json!([{"capacityProvider": "spot", "weight": 1}]));
    assert_eq!(spot["placementConstraints"], json!([{"type": "distinctInstance"}]));
    assert!(!spot.contains_key("placementStrategy") && !spot.contains_key("launchType"));
    let own = with(|service| {
        service.launch_type = Some(LaunchType::Ec2);
        service.network = Some(Network { subnets: vec!["subnet-1".into()], ..Network::default() });
    });
    let own = created(&own, "awsvpc", Some(&like)).unwrap();
    assert_eq!(own["launchType"], "EC2");
    let network = json!({"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "DISABLED"}});
    assert_eq!(own["networkConfiguration"], network);
    assert_eq!(
        placement_of(&own).keys().collect::<Vec<_>>(),
        ["launchType", "networkConfiguration", "placementConstraints"]
    );
}

#[test]
fn a_load_balancer_gets_a_grace_period_and_only_it() {
    let mut policy = samples::policy();
    policy.route = samples::port_route();
    let input = created(&policy, "bridge", None).unwrap();
    assert_eq!(input["healthCheckGracePeriodSeconds"], 60);
    assert_eq!(input["loadBalancers"], json!([{"containerName": "app", "containerPort": 80}]));
    let without = created(&samples::policy(), "bridge", None).unwrap();
    assert!(!without.contains_key("healthCheckGracePeriodSeconds") && !without.contains_key("loadBalancers"));
}

#[test]
fn a_network_that_does_not_fit_is_said() {
    let why = created(&samples::policy(), "awsvpc", None).unwrap_err().why;
    assert!(why.contains("needs subnets"), "{why}");
    let with_network = with(|service| service.network = Some(Network::default()));
    let why = created(&with_network, "bridge", None).unwrap_err().why;
    assert!(why.contains("network mode bridge"), "{why}");
}
