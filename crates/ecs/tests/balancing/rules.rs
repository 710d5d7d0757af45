//! Rules: their order, their priorities, and what is refused.

use longshore_ecs::balancing::{Action, Condition, FaultKind};
use serde_json::{Value, json};

use crate::local::{Local, fixed, forward, rule, text};

/// A cloud with a listener.
fn with_listener() -> (Local, String) {
    let mut local = Local::new();
    let balancer = local.balancer("web");
    let listener = local.listener(&balancer, 80, fixed("404"));
    (local, listener)
}

fn priorities(local: &mut Local, listener: &str) -> Vec<String> {
    let answer = local.must("DescribeRules", json!({"ListenerArn": listener}));
    answer["Rules"].as_array().unwrap().iter().map(|it| text(&it["Priority"])).collect()
}

#[test]
fn rules_come_in_the_order_in_which_they_are_tried() {
    let (mut local, listener) = with_listener();
    for priority in [100, 9, 50_000, 1] {
        local.rule(&listener, priority, fixed("200"));
    }
    assert_eq!(priorities(&mut local, &listener), ["1", "9", "100", "50000", "default"]);
    local.restart();
    let conditions: Vec<_> =
        local.routing().listeners[0].rules.iter().map(|it| it.conditions.clone()).collect();
    let path = |path: &str| vec![Condition::PathPattern(vec![path.into()])];
    assert_eq!(conditions, [path("/1"), path("/9"), path("/100"), path("/50000"), vec![]]);
}

#[test]
fn a_priority_is_given_once() {
    let (mut local, listener) = with_listener();
    local.rule(&listener, 7, fixed("200"));
    let (kind, message) = local.refused("CreateRule", rule(&listener, 7, fixed("200")));
    assert_eq!((kind, message.as_str()), (FaultKind::PriorityInUse, "Priority '7' is currently in use"));
    for priority in [0, 50_001, -1] {
        assert_eq!(
            local.refused("CreateRule", rule(&listener, priority, fixed("200"))).0,
            FaultKind::Validation
        );
    }
}

#[test]
fn rules_change_places() {
    let (mut local, listener) = with_listener();
    let first = local.rule(&listener, 1, fixed("200"));
    let second = local.rule(&listener, 2, fixed("200"));
    local.rule(&listener, 3, fixed("200"));
    let set = |pairs: &[(&str, i32)]| {
        let pairs: Vec<Value> =
            pairs.iter().map(|(arn, to)| json!({"RuleArn": arn, "Priority": to})).collect();
        json!({"RulePriorities": pairs})
    };
    local.was_announced();
    let swapped = local.must("SetRulePriorities", set(&[(&first, 2), (&second, 1)]));
    assert_eq!(swapped["Rules"][0]["Priority"], "2");
    assert!(local.was_announced());
    let answer = local.must("DescribeRules", json!({"ListenerArn": listener}));
    assert_eq!(answer["Rules"][0]["RuleArn"], second.as_str());
    for (pairs, kind) in [
        (set(&[(&first, 3)]), FaultKind::PriorityInUse),
        (set(&[(&first, 8), (&second, 8)]), FaultKind::PriorityInUse),
        (set(&[(&first, 8), (&first, 9)]), FaultKind::Validation),
        (set(&[(&first, 0)]), FaultKind::Validation),
        (set(&[]), FaultKind::Validation),
        (set(&[(&text(&answer["Rules"][3]["RuleArn"]), 8)]), FaultKind::OperationNotPermitted),
    ] {
        let (found, message) = local.refused("SetRulePriorities", pairs);
        assert_eq!(found, kind, "{message}");
    }
}

#[test]
fn a_rule_is_changed_in_its_place() {
    let (mut local, listener) = with_listener();
    let arn = local.rule(&listener, 5, fixed("200"));
    let group = local.group("web");
    local.must("ModifyRule", json!({"RuleArn": arn, "Actions": [forward(&group)]}));
    let host = json!([{"Field": "host-header", "HostHeaderConfig": {"Values": ["a.example.com"]}}]);
    let changed = local.must("ModifyRule", json!({"RuleArn": arn, "Conditions": host}));
    assert_eq!(changed["Rules"][0]["Actions"][0]["TargetGroupArn"], group.as_str());
    assert_eq!(changed["Rules"][0]["Conditions"][0]["Values"], json!(["a.example.com"]));
    let routing = local.routing();
    assert!(
        matches!(&routing.listeners[0].rules[0].action, Action::Forward { groups, .. } if groups[0].group_arn == group)
    );
    assert!(routing.groups.contains_key(&group));
    assert_eq!(local.must("DescribeRules", json!({"RuleArns": [arn]}))["Rules"], changed["Rules"]);
    assert_eq!(local.refused("ModifyRule", json!({"RuleArn": arn})).0, FaultKind::Validation);
}

#[test]
fn the_default_rule_stays_the_listeners() {
    let (mut local, listener) = with_listener();
    let rules = local.must("DescribeRules", json!({"ListenerArn": listener}));
    let default = text(&rules["Rules"][0]["RuleArn"]);
    let (kind, message) = local.refused("DeleteRule", json!({"RuleArn": default}));
    assert_eq!(
        (kind, message),
        (FaultKind::OperationNotPermitted, format!("Default rule '{default}' cannot be deleted"))
    );
    let change = json!({"RuleArn": default, "Actions": [fixed("500")]});
    assert_eq!(local.refused("ModifyRule", change).0, FaultKind::OperationNotPermitted);
    local.must("ModifyListener", json!({"ListenerArn": listener, "DefaultActions": [fixed("500")]}));
    let described = local.must("DescribeRules", json!({"RuleArns": [default]}));
    assert_eq!(described["Rules"][0]["Actions"][0]["FixedResponseConfig"]["StatusCode"], "500");
}

#[test]
fn what_elb_refuses() {
    let (mut local, listener) = with_listener();
    let arn = local.rule(&listener, 1, fixed("200"));
    local.must("DeleteRule", json!({"RuleArn": arn}));
    for (operation, body, kind) in [
        ("DeleteRule", json!({"RuleArn": arn}), FaultKind::RuleNotFound),
        ("DescribeRules", json!({"RuleArns": [arn]}), FaultKind::RuleNotFound),
        ("DescribeRules", json!({}), FaultKind::Validation),
        ("DescribeRules", json!({"RuleArns": [arn], "ListenerArn": listener}), FaultKind::Validation),
        ("DeleteRule", json!({"RuleArn": listener}), FaultKind::Validation),
        ("CreateRule", rule(&format!("{listener}0"), 1, fixed("200")), FaultKind::ListenerNotFound),
    ] {
        let (found, message) = local.refused(operation, body);
        assert_eq!(found, kind, "{operation}: {message}");
    }
    let mut transformed = rule(&listener, 1, fixed("200"));
    transformed["Transforms"] = json!([{"Type": "url-rewrite"}]);
    assert_eq!(local.refused("CreateRule", transformed).0, FaultKind::InvalidConfigurationRequest);
}
