//! Attributes and tags of everything that has them.

use longshore_ecs::balancing::{Algorithm, FaultKind, Stickiness};
use serde_json::{Value, json};

use crate::local::{Local, forward, text};

fn value<'a>(answer: &'a Value, key: &str) -> &'a Value {
    let all = answer["Attributes"].as_array().expect("a list");
    &all.iter().find(|it| it["Key"] == key).unwrap_or_else(|| panic!("no {key}"))["Value"]
}

#[test]
fn what_is_set_is_shown_and_routed_by() {
    let mut local = Local::new();
    let group = local.used_group();
    let balancer = local.balancer("web");
    let shown = local.must("DescribeTargetGroupAttributes", json!({"TargetGroupArn": group}));
    assert_eq!(value(&shown, "deregistration_delay.timeout_seconds"), "300");
    assert_eq!(local.routing().groups[&group].stickiness, None);
    assert_eq!(local.routing().listeners[0].idle_timeout_seconds, 60);

    local.was_announced();
    let set = local.must(
        "ModifyTargetGroupAttributes",
        json!({"TargetGroupArn": group, "Attributes": [
            {"Key": "stickiness.enabled", "Value": "true"},
            {"Key": "stickiness.lb_cookie.duration_seconds", "Value": "60"},
            {"Key": "load_balancing.algorithm.type", "Value": "least_outstanding_requests"},
            {"Key": "slow_start.duration_seconds", "Value": "30"},
        ]}),
    );
    assert_eq!(value(&set, "slow_start.duration_seconds"), "30");
    assert!(local.was_announced());
    let idle = json!({"LoadBalancerArn": balancer, "Attributes": [{"Key": "idle_timeout.timeout_seconds", "Value": "7"}]});
    local.must("ModifyLoadBalancerAttributes", idle);
    assert!(local.was_announced());
    local.restart();
    let routes = local.routing().groups[&group].clone();
    assert_eq!(routes.stickiness, Some(Stickiness::LbCookie { seconds: 60 }));
    assert_eq!((routes.algorithm, routes.slow_start_seconds), (Algorithm::LeastOutstandingRequests, 30));
    assert_eq!(local.routing().listeners[0].idle_timeout_seconds, 7);
}

#[test]
fn an_applications_cookie_needs_a_name_of_its_own() {
    let mut local = Local::new();
    let group = local.used_group();
    let set = |name: &str| {
        json!({"TargetGroupArn": group, "Attributes": [
            {"Key": "stickiness.enabled", "Value": "true"},
            {"Key": "stickiness.type", "Value": "app_cookie"},
            {"Key": "stickiness.app_cookie.cookie_name", "Value": name},
        ]})
    };
    for name in ["", "AWSALBAPP"] {
        let (kind, _) = local.refused("ModifyTargetGroupAttributes", set(name));
        assert_eq!(kind, FaultKind::InvalidConfigurationRequest);
    }
    local.must("ModifyTargetGroupAttributes", set("SESSION"));
    let by_cookie = Stickiness::AppCookie { name: "SESSION".into(), seconds: 86400 };
    assert_eq!(local.routing().groups[&group].stickiness, Some(by_cookie));
}

#[test]
fn unknown_keys_and_values_are_refused_and_nothing_is_set() {
    let mut local = Local::new();
    let balancer = local.balancer("web");
    for (key, value, part) in [
        ("speed", "1", "key 'speed' is not recognized"),
        ("idle_timeout.timeout_seconds", "0", "between '1-4000' inclusive"),
        ("routing.http2.enabled", "yes", "'true, false'"),
    ] {
        let good = json!({"Key": "idle_timeout.timeout_seconds", "Value": "9"});
        let request =
            json!({"LoadBalancerArn": balancer, "Attributes": [good, {"Key": key, "Value": value}]});
        let (kind, message) = local.refused("ModifyLoadBalancerAttributes", request);
        assert_eq!(kind, FaultKind::Validation);
        assert!(message.contains(part), "{message}");
    }
    let shown = local.must("DescribeLoadBalancerAttributes", json!({"LoadBalancerArn": balancer}));
    assert_eq!(value(&shown, "idle_timeout.timeout_seconds"), "60");
}

#[test]
fn everything_has_tags() {
    let mut local = Local::new();
    let (balancer, group) = (local.balancer("web"), local.group("web"));
    let listener = local.listener(&balancer, 80, forward(&group));
    let rule = local.rule(&listener, 1, forward(&group));
    let default = local.must("DescribeRules", json!({"ListenerArn": listener}))["Rules"][1].clone();
    let all = [balancer, group, listener.clone(), rule, text(&default["RuleArn"])];
    local
        .must("AddTags", json!({"ResourceArns": all, "Tags": [{"Key": "team", "Value": "a"}, {"Key": "x"}]}));
    local.must("AddTags", json!({"ResourceArns": all, "Tags": [{"Key": "team", "Value": "b"}]}));
    local.must("RemoveTags", json!({"ResourceArns": all, "TagKeys": ["x", "y"]}));
    local.restart();
    let described = local.must("DescribeTags", json!({"ResourceArns": all}));
    for (at, arn) in all.iter().enumerate() {
        let expected = json!({"ResourceArn": arn, "Tags": [{"Key": "team", "Value": "b"}]});
        assert_eq!(described["TagDescriptions"][at], expected);
    }
    local.cloud.set_listener_tag(&listener, "longshore:url", Some("http://127.1.2.3:80"));
    let described = local.must("DescribeTags", json!({"ResourceArns": [listener]}));
    let url = json!({"Key": "longshore:url", "Value": "http://127.1.2.3:80"});
    assert_eq!(described["TagDescriptions"][0]["Tags"][1], url);
    local.cloud.set_listener_tag(&listener, "longshore:url", None);
    let described = local.must("DescribeTags", json!({"ResourceArns": [listener]}));
    assert_eq!(described["TagDescriptions"][0]["Tags"].as_array().unwrap().len(), 1);
}

#[test]
fn tags_that_elb_refuses() {
    let mut local = Local::new();
    let group = local.group("web");
    let many: Vec<Value> = (0..51).map(|n| json!({"Key": format!("k{n}"), "Value": "v"})).collect();
    let gone = format!("{group}0");
    for (arn, tags, kind) in [
        (&group, json!(many), FaultKind::TooManyTags),
        (&group, json!([{"Key": "a"}, {"Key": "a"}]), FaultKind::DuplicateTagKeys),
        (&group, json!([{"Key": "aws:a"}]), FaultKind::Validation),
        (&group, json!([{"Key": "a".repeat(129)}]), FaultKind::Validation),
        (&gone, json!([{"Key": "a"}]), FaultKind::TargetGroupNotFound),
        (&"arn:aws:s3:::bucket".to_owned(), json!([{"Key": "a"}]), FaultKind::Validation),
    ] {
        let (found, message) = local.refused("AddTags", json!({"ResourceArns": [arn], "Tags": tags}));
        assert_eq!(found, kind, "{message}");
    }
}
