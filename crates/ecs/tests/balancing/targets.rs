//! Targets: registered, checked, drained, and when ELB fails open.

use longshore_ecs::Event;
use longshore_ecs::balancing::{FaultKind, Health, TargetState};
use serde_json::json;

use crate::local::{Local, fixed, forward, unhealthy};

fn state(state: &str, reason: &str) -> (String, String) {
    (state.to_owned(), reason.to_owned())
}

#[test]
fn a_target_goes_through_its_states() {
    let mut local = Local::new();
    let group = local.used_group();
    let target = local.register(&group, "10.0.0.1");
    assert_eq!(local.states(&group), [state("initial", "Elb.RegistrationInProgress")]);
    for (health, shown) in [
        (Health::Checking, state("initial", "Elb.InitialHealthChecking")),
        (Health::Healthy, state("healthy", "")),
        (Health::Checking, state("healthy", "")),
        (unhealthy(), state("unhealthy", "Target.ResponseCodeMismatch")),
        (Health::Healthy, state("healthy", "")),
    ] {
        local.health(&group, &target, health);
        local.restart();
        assert_eq!(local.states(&group), [shown]);
    }
    local.deregister(&group, &target);
    assert_eq!(local.states(&group), [state("draining", "Target.DeregistrationInProgress")]);
    local.health(&group, &target, Health::Healthy);
    assert_eq!(local.states(&group)[0].0, "draining", "checks do not bring it back");
    local.wait(299);
    local.restart();
    assert_eq!(local.states(&group).len(), 1);
    local.wait(1);
    assert_eq!(local.states(&group), []);
    let asked =
        local.must("DescribeTargetHealth", json!({"TargetGroupArn": group, "Targets": [{"Id": "10.0.0.1"}]}));
    let health = &asked["TargetHealthDescriptions"][0]["TargetHealth"];
    assert_eq!((&health["State"], &health["Reason"]), (&json!("unused"), &json!("Target.NotRegistered")));
}

#[test]
fn what_has_nothing_in_flight_need_not_wait() {
    let mut local = Local::new();
    let group = local.used_group();
    let target = local.register(&group, "10.0.0.1");
    let drained = || Event::Drained { group_arn: group.clone(), target: target.clone() };
    local.tell(drained());
    assert_eq!(local.states(&group).len(), 1, "it does not drain");
    local.deregister(&group, &target);
    local.was_announced();
    local.tell(drained());
    assert_eq!(local.states(&group), []);
    assert!(local.was_announced());
    local.wait(300);
    assert_eq!(local.cloud.next_wake(), None);
}

#[test]
fn one_that_drains_comes_back_and_drains_anew() {
    let mut local = Local::new();
    let group = local.used_group();
    let target = local.register(&group, "10.0.0.1");
    local.health(&group, &target, Health::Healthy);
    local.deregister(&group, &target);
    local.wait(200);
    local.register(&group, "10.0.0.1");
    assert_eq!(local.states(&group), [state("initial", "Elb.RegistrationInProgress")]);
    local.deregister(&group, &target);
    local.wait(200);
    assert_eq!(local.states(&group)[0].0, "draining", "the first deregistration's end is not the second's");
    local.wait(100);
    assert_eq!(local.states(&group), []);
}

#[test]
fn without_a_delay_or_a_listener_it_is_gone_at_once() {
    let mut local = Local::new();
    let unused = local.group("unused");
    let target = local.register(&unused, "10.0.0.1");
    assert_eq!(local.states(&unused), [state("unused", "Target.NotInUse")]);
    local.deregister(&unused, &target);
    assert_eq!(local.states(&unused), []);

    let group = local.used_group();
    let target = local.register(&group, "10.0.0.1");
    let none = json!([{"Key": "deregistration_delay.timeout_seconds", "Value": "0"}]);
    local.must("ModifyTargetGroupAttributes", json!({"TargetGroupArn": group, "Attributes": none}));
    local.deregister(&group, &target);
    assert_eq!(local.states(&group), []);
}

#[test]
fn a_group_that_is_used_again_is_checked_again() {
    let mut local = Local::new();
    let (balancer, group) = (local.balancer("web"), local.group("web"));
    let listener = local.listener(&balancer, 80, forward(&group));
    let (first, second) = (local.register(&group, "10.0.0.1"), local.register(&group, "10.0.0.2"));
    local.health(&group, &first, Health::Healthy);
    local.deregister(&group, &second);
    local.must("ModifyListener", json!({"ListenerArn": listener, "DefaultActions": [fixed("404")]}));
    assert_eq!(local.states(&group), [state("unused", "Target.NotInUse")], "what drained is gone");
    assert!(!local.routing().groups.contains_key(&group));
    local.health(&group, &first, Health::Healthy);
    local.rule(&listener, 1, forward(&group));
    assert_eq!(local.states(&group), [state("initial", "Elb.RegistrationInProgress")]);
    local.rule(&listener, 2, forward(&group));
    local.health(&group, &first, Health::Healthy);
    local.must("ModifyListener", json!({"ListenerArn": listener, "Port": 81}));
    assert_eq!(local.states(&group), [state("healthy", "")], "it was used all the time");
}

#[test]
fn healthy_targets_get_requests_and_all_when_there_are_none() {
    let mut local = Local::new();
    let group = local.used_group();
    let [a, b, c] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|address| local.register(&group, address));
    assert_eq!(local.receivers(&group), ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    local.health(&group, &a, Health::Healthy);
    assert_eq!(local.receivers(&group), ["10.0.0.1"]);
    local.health(&group, &b, unhealthy());
    local.health(&group, &a, unhealthy());
    local.deregister(&group, &c);
    assert_eq!(local.receivers(&group), ["10.0.0.1", "10.0.0.2"], "one that drains gets nothing");
    let states: Vec<_> = local.routing().groups[&group].targets.iter().map(|it| it.state).collect();
    assert_eq!(states, [TargetState::Unhealthy, TargetState::Unhealthy, TargetState::Draining]);
    local.health(&group, &b, Health::Healthy);
    assert_eq!(local.receivers(&group), ["10.0.0.2"]);
    let key = "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage";
    let most = json!([{"Key": key, "Value": "51"}]);
    local.must("ModifyTargetGroupAttributes", json!({"TargetGroupArn": group, "Attributes": most}));
    assert_eq!(local.receivers(&group), ["10.0.0.1", "10.0.0.2"], "too few are healthy");
}

#[test]
fn only_news_is_announced() {
    let mut local = Local::new();
    let group = local.used_group();
    let target = local.register(&group, "10.0.0.1");
    for (health, is_news) in [
        (Health::Checking, false),
        (Health::Healthy, true),
        (Health::Healthy, false),
        (unhealthy(), true),
        (unhealthy(), false),
    ] {
        local.was_announced();
        local.health(&group, &target, health.clone());
        assert_eq!(local.was_announced(), is_news, "{health:?}");
    }
    local.was_announced();
    local.register(&group, "10.0.0.1");
    assert!(!local.was_announced(), "it was registered");
}

#[test]
fn targets_that_elb_refuses() {
    let mut local = Local::new();
    let group = local.group("web");
    let instances = json!({"Name": "i", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-0123abcd"});
    let instances = local.must("CreateTargetGroup", instances)["TargetGroups"][0]["TargetGroupArn"].clone();
    for (arn, target, kind) in [
        (json!(group), json!({"Id": "i-0123abcd"}), FaultKind::Validation),
        (json!(group), json!({"Id": "10.0.0.256"}), FaultKind::Validation),
        (json!(group), json!({"Id": "10.0.0.1", "Port": 0}), FaultKind::Validation),
        (json!(group), json!({}), FaultKind::Validation),
        (instances.clone(), json!({"Id": "10.0.0.1"}), FaultKind::InvalidTarget),
        (json!(format!("{group}0")), json!({"Id": "10.0.0.1"}), FaultKind::TargetGroupNotFound),
    ] {
        for operation in ["RegisterTargets", "DeregisterTargets", "DescribeTargetHealth"] {
            let body = json!({"TargetGroupArn": arn, "Targets": [target]});
            assert_eq!(local.refused(operation, body.clone()).0, kind, "{operation} {body}");
        }
    }
    assert_eq!(local.refused("RegisterTargets", json!({"TargetGroupArn": group})).0, FaultKind::Validation);
    let two_ports = json!([{"Id": "i-0123abcd", "Port": 80}, {"Id": "i-0123abcd", "Port": 81}]);
    local.must("RegisterTargets", json!({"TargetGroupArn": instances, "Targets": two_ports}));
    assert_eq!(local.states(instances.as_str().unwrap()).len(), 2, "an instance has a target on each port");
}
