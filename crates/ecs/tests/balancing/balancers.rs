//! Load balancers: what they are made with, and what is refused.

use longshore_ecs::balancing::FaultKind;
use longshore_ecs::balancing::network::network;
use serde_json::json;

use crate::local::{Local, SUBNETS, fixed, text};

#[test]
fn it_is_active_at_its_own_address() {
    let mut local = Local::new();
    let arn = local.balancer("web");
    let id = arn
        .strip_prefix("arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/")
        .unwrap();
    assert!(id.len() == 16 && id.bytes().all(|it| it.is_ascii_hexdigit()), "{arn}");
    let described = local.must("DescribeLoadBalancers", json!({"LoadBalancerArns": [arn]}));
    let it = &described["LoadBalancers"][0];
    assert_eq!(it["State"]["Code"], "active");
    assert_eq!(
        (&it["Type"], &it["Scheme"], &it["IpAddressType"]),
        (&json!("application"), &json!("internet-facing"), &json!("ipv4"))
    );
    let zones: Vec<_> =
        it["AvailabilityZones"].as_array().unwrap().iter().map(|it| text(&it["ZoneName"])).collect();
    assert_eq!(zones, ["eu-west-1a", "eu-west-1b"]);
    let octets: Vec<u8> = text(&it["DNSName"]).split('.').map(|octet| octet.parse().unwrap()).collect();
    assert_eq!(octets[0], 127);
    assert!((1..=254).contains(&octets[1]) && (1..=254).contains(&octets[3]), "{octets:?}");
}

#[test]
fn addresses_differ_and_outlive_a_restart() {
    let mut local = Local::new();
    for n in 0..20 {
        let balancer = local.balancer(&format!("web-{n}"));
        local.listener(&balancer, 80, fixed("200"));
    }
    let addresses =
        |local: &Local| -> Vec<_> { local.routing().listeners.iter().map(|it| it.address).collect() };
    let before = addresses(&local);
    let mut unique = before.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), 20);
    local.restart();
    assert_eq!(addresses(&local), before);
}

#[test]
fn the_same_settings_are_the_same_load_balancer() {
    let mut local = Local::new();
    let arn = local.balancer("web");
    assert_eq!(local.balancer("web"), arn);
    let other = json!({"Name": "web", "Subnets": SUBNETS, "Scheme": "internal"});
    let (kind, message) = local.refused("CreateLoadBalancer", other);
    assert_eq!(kind, FaultKind::DuplicateLoadBalancerName);
    assert_eq!(message, "A load balancer with the same name 'web' exists, but with different settings");
}

#[test]
fn what_elb_refuses() {
    let mut local = Local::new();
    let own = network(local.cloud.scope());
    let [first, second] = SUBNETS;
    for (change, kind, part) in [
        (json!({"Name": ""}), FaultKind::Validation, "Member must not be null"),
        (json!({"Name": "a".repeat(33)}), FaultKind::Validation, "longer than '32'"),
        (json!({"Name": "-a"}), FaultKind::Validation, "begin or end with '-'"),
        (json!({"Name": "a_b"}), FaultKind::Validation, "hyphens(-)"),
        (json!({"Name": "internal-a"}), FaultKind::Validation, "'internal-'"),
        (json!({"Subnets": []}), FaultKind::Validation, "At least two subnets"),
        (json!({"Subnets": [first]}), FaultKind::Validation, "At least two subnets"),
        (
            json!({"Subnets": [first, first]}),
            FaultKind::InvalidConfigurationRequest,
            "same Availability Zone",
        ),
        (json!({"Subnets": ["subnet-1", second]}), FaultKind::InvalidSubnet, "'subnet-1'"),
        (json!({"SubnetMappings": [{"SubnetId": first}]}), FaultKind::Validation, "not both"),
        (json!({"SecurityGroups": ["default"]}), FaultKind::InvalidSecurityGroup, "'default'"),
        (json!({"Scheme": "public"}), FaultKind::Validation, "[internet-facing, internal]"),
        (json!({"IpAddressType": "ipv6"}), FaultKind::Validation, "[ipv4, dualstack"),
        (json!({"Type": "network"}), FaultKind::InvalidConfigurationRequest, "'network' is not offered"),
        (json!({"Type": "classic"}), FaultKind::Validation, "[application, network, gateway]"),
        (json!({"Tags": [{"Key": "a"}, {"Key": "a"}]}), FaultKind::DuplicateTagKeys, "'a'"),
        (json!({"Tags": [{"Key": "aws:a"}]}), FaultKind::Validation, "aws:"),
        (
            json!({"Subnets": [own.subnets[0].id, own.subnets[0].id]}),
            FaultKind::InvalidConfigurationRequest,
            "same",
        ),
    ] {
        let mut request = json!({"Name": "web", "Subnets": SUBNETS});
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (found, message) = local.refused("CreateLoadBalancer", request.clone());
        assert_eq!(found, kind, "{request}: {message}");
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn subnets_of_the_default_network_have_its_zones() {
    let mut local = Local::new();
    let own = network(local.cloud.scope());
    let arn = local.balancer("web");
    let [a, _, c] = own.subnets.as_slice() else { panic!("three zones") };
    let set = local.must("SetSubnets", json!({"LoadBalancerArn": arn, "Subnets": [c.id, SUBNETS[0], a.id]}));
    let zones: Vec<_> =
        set["AvailabilityZones"].as_array().unwrap().iter().map(|it| text(&it["ZoneName"])).collect();
    assert_eq!(
        zones,
        ["eu-west-1a", "eu-west-1b", "eu-west-1c"],
        "a foreign subnet takes a zone that is free"
    );
    let groups = json!({"LoadBalancerArn": arn, "SecurityGroups": ["sg-0123abcd"]});
    assert_eq!(local.must("SetSecurityGroups", groups)["SecurityGroupIds"], json!(["sg-0123abcd"]));
    let described = local.must("DescribeLoadBalancers", json!({"Names": ["web"]}));
    assert_eq!(described["LoadBalancers"][0]["SecurityGroups"], json!(["sg-0123abcd"]));
    assert_eq!(described["LoadBalancers"][0]["AvailabilityZones"], set["AvailabilityZones"]);
}

#[test]
fn its_listeners_go_with_it_and_its_target_groups_stay() {
    let mut local = Local::new();
    let group = local.used_group();
    let balancer = local.balancer("web");
    let protect = |value| json!({"LoadBalancerArn": balancer, "Attributes": [{"Key": "deletion_protection.enabled", "Value": value}]});
    local.must("ModifyLoadBalancerAttributes", protect("true"));
    let (kind, message) = local.refused("DeleteLoadBalancer", json!({"LoadBalancerArn": balancer}));
    assert_eq!(kind, FaultKind::OperationNotPermitted);
    assert!(message.contains("deletion protection is enabled"), "{message}");
    local.must("ModifyLoadBalancerAttributes", protect("false"));
    for _ in 0..2 {
        local.must("DeleteLoadBalancer", json!({"LoadBalancerArn": balancer}));
    }
    assert!(local.routing().listeners.is_empty() && local.routing().groups.is_empty());
    assert!(local.was_announced());
    let unknown = local.refused("DescribeLoadBalancers", json!({"Names": ["web"]}));
    assert_eq!(unknown, (FaultKind::LoadBalancerNotFound, "Load balancers '[web]' not found".into()));
    local.must("DeleteTargetGroup", json!({"TargetGroupArn": group}));
}

#[test]
fn an_arn_of_another_kind_is_no_arn() {
    let mut local = Local::new();
    let group = local.group("web");
    let (kind, message) = local.refused("DescribeLoadBalancers", json!({"LoadBalancerArns": [group]}));
    assert_eq!(
        (kind, message),
        (FaultKind::Validation, format!("'{group}' is not a valid load balancer ARN"))
    );
    for operation in ["DeleteLoadBalancer", "DescribeLoadBalancerAttributes"] {
        assert_eq!(local.refused(operation, json!({"LoadBalancerArn": "web"})).0, FaultKind::Validation);
        assert_eq!(local.refused(operation, json!({})).0, FaultKind::Validation);
    }
}
