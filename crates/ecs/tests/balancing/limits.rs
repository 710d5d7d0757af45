//! The limits of an account and of a load balancer, and pages.

use longshore_ecs::balancing::FaultKind;
use serde_json::{Value, json};

use crate::local::{Local, fixed, forward, listener, rule, text};

#[test]
fn listeners_of_a_load_balancer() {
    let mut local = Local::new();
    let balancer = local.balancer("web");
    for port in 1..=50 {
        local.listener(&balancer, port, fixed("404"));
    }
    let (kind, _) = local.refused("CreateListener", listener(&balancer, 51, fixed("404")));
    assert_eq!(kind, FaultKind::TooManyListeners);
    let other = local.balancer("other");
    local.listener(&other, 51, fixed("404"));
}

#[test]
fn rules_of_a_load_balancer_over_all_of_its_listeners() {
    let mut local = Local::new();
    let balancer = local.balancer("web");
    let listeners = [80, 81].map(|port| local.listener(&balancer, port, fixed("404")));
    for priority in 1..=50 {
        for listener in &listeners {
            local.rule(listener, priority, fixed("200"));
        }
    }
    let (kind, _) = local.refused("CreateRule", rule(&listeners[0], 51, fixed("200")));
    assert_eq!(kind, FaultKind::TooManyRules);
}

#[test]
fn target_groups_of_a_load_balancer() {
    let mut local = Local::new();
    let balancer = local.balancer("web");
    let groups: Vec<String> = (0..101).map(|n| local.group(&format!("g-{n}"))).collect();
    let five = |groups: &[String]| {
        let tuples: Vec<Value> = groups.iter().map(|arn| json!({"TargetGroupArn": arn})).collect();
        json!({"Type": "forward", "ForwardConfig": {"TargetGroups": tuples}})
    };
    let listener = local.listener(&balancer, 80, five(&groups[..5]));
    for (at, chunk) in (1..).zip(groups[5..100].chunks(5)) {
        local.rule(&listener, at, five(chunk));
    }
    let (kind, _) = local.refused("CreateRule", rule(&listener, 99, forward(&groups[100])));
    assert_eq!(kind, FaultKind::TooManyUniqueTargetGroupsPerLoadBalancer);
    local.rule(&listener, 99, forward(&groups[0]));
    let of_balancer = local.must("DescribeTargetGroups", json!({"LoadBalancerArn": balancer}));
    assert_eq!(of_balancer["TargetGroups"].as_array().unwrap().len(), 100);
}

#[test]
fn targets_of_a_load_balancer_over_all_of_its_groups() {
    let mut local = Local::new();
    let (balancer, first, second) = (local.balancer("web"), local.group("a"), local.group("b"));
    let listener = local.listener(&balancer, 80, forward(&first));
    let many = |count: usize| -> Vec<Value> {
        (0..count).map(|n| json!({"Id": format!("10.0.{}.{}", n / 250, n % 250)})).collect()
    };
    local.must("RegisterTargets", json!({"TargetGroupArn": first, "Targets": many(600)}));
    let (kind, _) =
        local.refused("RegisterTargets", json!({"TargetGroupArn": second, "Targets": many(1001)}));
    assert_eq!(kind, FaultKind::TooManyTargets);
    local.must("RegisterTargets", json!({"TargetGroupArn": second, "Targets": many(401)}));
    assert_eq!(
        local.refused("CreateRule", rule(&listener, 1, forward(&second))).0,
        FaultKind::TooManyTargets
    );
    local.must("DeregisterTargets", json!({"TargetGroupArn": second, "Targets": many(2)}));
    local.rule(&listener, 1, forward(&second));
    let two = json!({"TargetGroupArn": second, "Targets": many(401)});
    assert_eq!(local.refused("RegisterTargets", two).0, FaultKind::TooManyTargets);
    local.must("RegisterTargets", json!({"TargetGroupArn": second, "Targets": many(400).split_off(1)}));
}

#[test]
fn load_balancers_of_a_region() {
    let mut local = Local::new();
    for n in 0..50 {
        local.balancer(&format!("web-{n}"));
    }
    let request = json!({"Name": "web-50", "Subnets": crate::local::SUBNETS});
    assert_eq!(local.refused("CreateLoadBalancer", request).0, FaultKind::TooManyLoadBalancers);
    local.balancer("web-49");
}

#[test]
fn the_limits_are_told() {
    let mut local = Local::new();
    let limits = local.must("DescribeAccountLimits", json!({}));
    let limit = |name: &str| {
        let all = limits["Limits"].as_array().unwrap();
        text(&all.iter().find(|it| it["Name"] == name).unwrap()["Max"])
    };
    assert_eq!(limit("rules-per-application-load-balancer"), "100");
    assert_eq!(limit("target-groups-per-application-load-balancer"), "100");
}

#[test]
fn pages_have_everything_once() {
    let mut local = Local::new();
    let balancer = local.balancer("web");
    let listener = local.listener(&balancer, 80, fixed("404"));
    for n in 1..=7 {
        local.group(&format!("g-{n}"));
        local.rule(&listener, 100 - n, fixed("200"));
        local.listener(&balancer, 80 + u16::try_from(n).unwrap(), fixed("404"));
    }
    for (operation, body, list) in [
        ("DescribeTargetGroups", json!({}), "TargetGroups"),
        ("DescribeRules", json!({"ListenerArn": listener}), "Rules"),
        ("DescribeListeners", json!({"LoadBalancerArn": balancer}), "Listeners"),
        ("DescribeAccountLimits", json!({}), "Limits"),
    ] {
        let all = local.must(operation, body.clone())[list].as_array().unwrap().clone();
        let (mut found, mut marker) = (Vec::new(), Value::Null);
        loop {
            let mut page = body.clone();
            page["PageSize"] = json!(3);
            page["Marker"] = marker;
            let answer = local.must(operation, page);
            let items = answer[list].as_array().unwrap();
            assert!(items.len() <= 3 && !items.is_empty());
            found.extend(items.clone());
            marker = answer["NextMarker"].clone();
            if marker.is_null() {
                break;
            }
        }
        assert_eq!(found, all, "{operation}");
        for wrong in [json!({"PageSize": 401}), json!({"PageSize": 0}), json!({"Marker": "next"})] {
            let mut request = body.clone();
            request.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
            assert_eq!(local.refused(operation, request).0, FaultKind::Validation);
        }
    }
}
