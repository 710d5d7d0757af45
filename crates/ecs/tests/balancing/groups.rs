//! Target groups: what they are made with, what is refused, and when they may go.

use longshore_ecs::balancing::FaultKind;
use serde_json::json;

use crate::local::{Local, fixed, forward, rule};

#[test]
fn elb_fills_in_its_defaults() {
    let mut local = Local::new();
    let group = local.group("web");
    let described = local.must("DescribeTargetGroups", json!({"Names": ["web"]}));
    assert_eq!(
        described["TargetGroups"],
        json!([{
            "TargetGroupArn": group, "TargetGroupName": "web", "Protocol": "HTTP", "ProtocolVersion": "HTTP1",
            "Port": 80, "VpcId": "vpc-0123abcd", "TargetType": "ip", "IpAddressType": "ipv4", "LoadBalancerArns": [],
            "HealthCheckProtocol": "HTTP", "HealthCheckPort": "traffic-port", "HealthCheckEnabled": true,
            "HealthCheckPath": "/", "HealthCheckIntervalSeconds": 30, "HealthCheckTimeoutSeconds": 5,
            "HealthyThresholdCount": 5, "UnhealthyThresholdCount": 2, "Matcher": {"HttpCode": "200"},
        }])
    );
}

#[test]
fn the_same_settings_are_the_same_group() {
    let mut local = Local::new();
    let group = local.group("web");
    assert_eq!(local.group("web"), group);
    let other =
        json!({"Name": "web", "Protocol": "HTTP", "Port": 81, "VpcId": "vpc-0123abcd", "TargetType": "ip"});
    let (kind, message) = local.refused("CreateTargetGroup", other);
    assert_eq!(kind, FaultKind::DuplicateTargetGroupName);
    assert_eq!(message, "A target group with the same name 'web' exists, but with different settings");
}

#[test]
fn what_elb_refuses() {
    let mut local = Local::new();
    for (change, kind, part) in [
        (json!({"Name": "a".repeat(33)}), FaultKind::Validation, "longer than '32'"),
        (json!({"Name": "web-"}), FaultKind::Validation, "begin or end with '-'"),
        (json!({"Protocol": null}), FaultKind::Validation, "A protocol must be specified"),
        (json!({"Protocol": "TCP"}), FaultKind::UnsupportedProtocol, "'TCP' is not offered"),
        (json!({"Protocol": "FTP"}), FaultKind::Validation, "[HTTP, HTTPS]"),
        (json!({"Port": null}), FaultKind::Validation, "A port must be specified"),
        (json!({"Port": 65536}), FaultKind::Validation, "equal to 65535"),
        (json!({"VpcId": null}), FaultKind::Validation, "A VPC ID must be specified"),
        (json!({"VpcId": "vpc"}), FaultKind::Validation, "'vpc'"),
        (json!({"TargetType": "lambda"}), FaultKind::InvalidConfigurationRequest, "'lambda' is not offered"),
        (json!({"TargetType": "host"}), FaultKind::Validation, "[instance, ip]"),
        (json!({"IpAddressType": "ipv6"}), FaultKind::InvalidConfigurationRequest, "'ipv6'"),
        (json!({"ProtocolVersion": "HTTP3"}), FaultKind::Validation, "[HTTP1, HTTP2, GRPC]"),
        (json!({"HealthCheckTimeoutSeconds": 30}), FaultKind::Validation, "smaller than the interval"),
    ] {
        let mut request = json!({"Name": "web", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-0123abcd"});
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (found, message) = local.refused("CreateTargetGroup", request.clone());
        assert_eq!(found, kind, "{request}: {message}");
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_group_that_is_named_may_not_go() {
    let mut local = Local::new();
    let balancer = local.balancer("web");
    let (by_listener, by_rule) = (local.group("a"), local.group("b"));
    let listener = local.listener(&balancer, 80, forward(&by_listener));
    let rule = local.rule(&listener, 1, forward(&by_rule));
    for group in [&by_listener, &by_rule] {
        let (kind, message) = local.refused("DeleteTargetGroup", json!({"TargetGroupArn": group}));
        assert_eq!(kind, FaultKind::ResourceInUse);
        assert_eq!(message, format!("Target group '{group}' is currently in use by a listener or a rule"));
    }
    let of_balancer = local.must("DescribeTargetGroups", json!({"LoadBalancerArn": balancer}));
    assert_eq!(of_balancer["TargetGroups"].as_array().unwrap().len(), 2);
    assert_eq!(of_balancer["TargetGroups"][0]["LoadBalancerArns"], json!([balancer]));

    local.must("DeleteRule", json!({"RuleArn": rule}));
    local.must("DeleteTargetGroup", json!({"TargetGroupArn": by_rule}));
    local.must("ModifyListener", json!({"ListenerArn": listener, "DefaultActions": [fixed("404")]}));
    for _ in 0..2 {
        local.must("DeleteTargetGroup", json!({"TargetGroupArn": by_listener}));
    }
    assert_eq!(local.must("DescribeTargetGroups", json!({}))["TargetGroups"], json!([]));
}

#[test]
fn a_group_belongs_to_one_load_balancer() {
    let mut local = Local::new();
    let group = local.used_group();
    let other = local.balancer("other");
    let listener = local.listener(&other, 80, fixed("404"));
    let (kind, message) = local.refused("CreateRule", rule(&listener, 1, forward(&group)));
    assert_eq!(kind, FaultKind::TargetGroupAssociationLimit);
    assert!(message.ends_with(&group), "{message}");
}

#[test]
fn unknown_groups_are_named() {
    let mut local = Local::new();
    let gone = local.group("gone");
    local.must("DeleteTargetGroup", json!({"TargetGroupArn": gone}));
    for request in [json!({"Names": ["gone"]}), json!({"TargetGroupArns": [gone]})] {
        let (kind, message) = local.refused("DescribeTargetGroups", request);
        assert_eq!(kind, FaultKind::TargetGroupNotFound);
        assert!(message.contains("gone"), "{message}");
    }
    let both = json!({"Names": ["gone"], "TargetGroupArns": [gone]});
    assert_eq!(local.refused("DescribeTargetGroups", both).0, FaultKind::Validation);
    let balancer = local.balancer("web");
    let listener = crate::local::listener(&balancer, 80, forward(&gone));
    assert_eq!(local.refused("CreateListener", listener).0, FaultKind::TargetGroupNotFound);
}

#[test]
fn a_changed_health_check_is_shown_and_announced() {
    let mut local = Local::new();
    let group = local.used_group();
    local.was_announced();
    let change =
        json!({"TargetGroupArn": group, "HealthCheckPath": "/health", "Matcher": {"HttpCode": "200-204"}});
    let changed = local.must("ModifyTargetGroup", change);
    assert_eq!(changed["TargetGroups"][0]["HealthCheckPath"], "/health");
    assert!(local.was_announced());
    let check = local.routing().groups[&group].health_check.clone();
    assert_eq!((check.path.as_str(), check.matches(204), check.matches(205)), ("/health", true, false));
}
