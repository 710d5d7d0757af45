//! Whatever is called and whatever happens: what must always hold, and a restart that loses nothing.

use longshore_ecs::Event;
use longshore_ecs::balancing::{Action, Health, Target, TargetState};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::local::{Local, SUBNETS, fixed, forward, listener, rule, unhealthy};

/// Something that happens. Numbers choose among what is there.
#[derive(Debug, Clone)]
enum Happening {
    Balancer(usize),
    Group(usize),
    Listener { balancer: usize, port: u16, group: usize },
    Rule { listener: usize, priority: i32, group: usize },
    MoveRule { rule: usize, priority: i32 },
    Default { listener: usize, group: Option<usize> },
    DeleteRule(usize),
    DeleteListener(usize),
    DeleteGroup(usize),
    DeleteBalancer(usize),
    Register { group: usize, target: u8 },
    Deregister { group: usize, target: u8 },
    Health { group: usize, target: u8, is_healthy: bool },
    Drained { group: usize, target: u8 },
    Wait(i64),
    Restart,
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    let (few, target) = (0..4_usize, 0..4_u8);
    prop_oneof![
        1 => few.clone().prop_map(Balancer),
        1 => few.clone().prop_map(Group),
        1 => (few.clone(), 80..83_u16, few.clone())
            .prop_map(|(balancer, port, group)| Listener { balancer, port, group }),
        3 => (few.clone(), 1..6, few.clone())
            .prop_map(|(listener, priority, group)| Rule { listener, priority, group }),
        1 => (few.clone(), 1..6).prop_map(|(rule, priority)| MoveRule { rule, priority }),
        1 => (few.clone(), prop::option::of(few.clone())).prop_map(|(listener, group)| Default { listener, group }),
        1 => few.clone().prop_map(DeleteRule),
        1 => few.clone().prop_map(DeleteListener),
        1 => few.clone().prop_map(DeleteGroup),
        1 => few.clone().prop_map(DeleteBalancer),
        4 => (few.clone(), target.clone()).prop_map(|(group, target)| Register { group, target }),
        2 => (few.clone(), target.clone()).prop_map(|(group, target)| Deregister { group, target }),
        4 => (few.clone(), target.clone(), any::<bool>())
            .prop_map(|(group, target, is_healthy)| Health { group, target, is_healthy }),
        1 => (few, target).prop_map(|(group, target)| Drained { group, target }),
        1 => (0..400_i64).prop_map(Wait),
        1 => Just(Restart),
    ]
}

fn target(number: u8) -> Target {
    Target { id: format!("10.0.0.{number}"), port: 80 }
}

/// The ARNs of what there is, as the API tells them.
fn arns(local: &mut Local, operation: &str, body: Value, list: &str, member: &str) -> Vec<String> {
    let answer = local.call(operation, body).unwrap_or_default();
    let items = answer[list].as_array().cloned().unwrap_or_default();
    items.iter().map(|it| it[member].as_str().unwrap().to_owned()).collect()
}

fn balancers(local: &mut Local) -> Vec<String> {
    arns(local, "DescribeLoadBalancers", json!({}), "LoadBalancers", "LoadBalancerArn")
}

fn groups(local: &mut Local) -> Vec<String> {
    arns(local, "DescribeTargetGroups", json!({}), "TargetGroups", "TargetGroupArn")
}

fn listeners(local: &mut Local) -> Vec<String> {
    let of = |local: &mut Local, arn| {
        arns(local, "DescribeListeners", json!({"LoadBalancerArn": arn}), "Listeners", "ListenerArn")
    };
    balancers(local).into_iter().flat_map(|arn| of(local, arn)).collect()
}

fn rules(local: &mut Local) -> Vec<String> {
    let of = |local: &mut Local, arn| {
        arns(local, "DescribeRules", json!({"ListenerArn": arn}), "Rules", "RuleArn")
    };
    listeners(local).into_iter().flat_map(|arn| of(local, arn)).collect()
}

fn nth(all: Vec<String>, at: usize) -> String {
    let at = at.checked_rem(all.len()).unwrap_or_default();
    all.into_iter().nth(at).unwrap_or_else(|| "nothing".into())
}

/// A cloud in which something is: two load balancers, three groups, of which two are used.
fn begun() -> Local {
    let mut local = Local::new();
    let groups = ["g-0", "g-1", "g-2"].map(|name| local.group(name));
    for (name, group) in ["b-0", "b-1"].iter().zip(&groups) {
        let balancer = local.balancer(name);
        local.listener(&balancer, 80, forward(group));
    }
    local
}

/// The call that a happening is, if it is one. It may well be refused.
fn call(local: &mut Local, happening: &Happening) -> Option<(&'static str, Value)> {
    use Happening::*;
    Some(match happening {
        Balancer(n) => ("CreateLoadBalancer", json!({"Name": format!("b-{n}"), "Subnets": SUBNETS})),
        Group(n) => {
            let name = format!("g-{n}");
            let vpc = "vpc-0123abcd";
            let body =
                json!({"Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": vpc, "TargetType": "ip"});
            ("CreateTargetGroup", body)
        }
        Listener { balancer, port, group } => {
            let action = forward(&nth(groups(local), *group));
            ("CreateListener", listener(&nth(balancers(local), *balancer), *port, action))
        }
        Rule { listener, priority, group } => {
            let action = forward(&nth(groups(local), *group));
            ("CreateRule", rule(&nth(listeners(local), *listener), *priority, action))
        }
        MoveRule { rule, priority } => {
            let pair = json!({"RuleArn": nth(rules(local), *rule), "Priority": priority});
            ("SetRulePriorities", json!({"RulePriorities": [pair]}))
        }
        Default { listener, group } => {
            let action = group.map_or_else(|| fixed("404"), |group| forward(&nth(groups(local), group)));
            let arn = nth(listeners(local), *listener);
            ("ModifyListener", json!({"ListenerArn": arn, "DefaultActions": [action]}))
        }
        DeleteRule(n) => ("DeleteRule", json!({"RuleArn": nth(rules(local), *n)})),
        DeleteListener(n) => ("DeleteListener", json!({"ListenerArn": nth(listeners(local), *n)})),
        DeleteGroup(n) => ("DeleteTargetGroup", json!({"TargetGroupArn": nth(groups(local), *n)})),
        DeleteBalancer(n) => ("DeleteLoadBalancer", json!({"LoadBalancerArn": nth(balancers(local), *n)})),
        Register { group, target: number } | Deregister { group, target: number } => {
            let arn = nth(groups(local), *group);
            let body = json!({"TargetGroupArn": arn, "Targets": [{"Id": target(*number).id}]});
            let is_new = matches!(happening, Register { .. });
            (if is_new { "RegisterTargets" } else { "DeregisterTargets" }, body)
        }
        _ => return None,
    })
}

fn happen(local: &mut Local, happening: &Happening) {
    if let Some((operation, body)) = call(local, happening) {
        drop(local.call(operation, body));
        return;
    }
    match happening {
        Happening::Health { group, target: number, is_healthy } => {
            let arn = nth(groups(local), *group);
            let health = if *is_healthy { Health::Healthy } else { unhealthy() };
            local.health(&arn, &target(*number), health);
        }
        Happening::Drained { group, target: number } => {
            let group_arn = nth(groups(local), *group);
            local.tell(Event::Drained { group_arn, target: target(*number) });
        }
        Happening::Wait(seconds) => local.wait(*seconds),
        Happening::Restart => local.restart(),
        _ => {}
    }
}

/// What must hold at any time.
fn check(local: &mut Local) {
    let routing = local.routing();
    let mut named: Vec<&String> = Vec::new();
    for listener in &routing.listeners {
        assert!(listener.rules.last().unwrap().conditions.is_empty(), "the last rule takes everything");
        for rule in &listener.rules {
            if let Action::Forward { groups, .. } = &rule.action {
                named.extend(groups.iter().map(|share| &share.group_arn));
            }
        }
    }
    named.sort();
    named.dedup();
    assert_eq!(
        routing.groups.keys().collect::<Vec<_>>(),
        named,
        "the routes have the groups that are named, and all"
    );
    let mut ports: Vec<_> = routing.listeners.iter().map(|it| (it.address, it.port)).collect();
    ports.sort();
    ports.dedup();
    assert_eq!(ports.len(), routing.listeners.len(), "an address and port has one listener");
    for (arn, group) in &routing.groups {
        let standing = group.targets.iter().any(|it| it.state != TargetState::Draining);
        assert_eq!(
            group.targets.iter().any(|it| it.receives),
            standing,
            "somebody gets requests where somebody is"
        );
        for it in &group.targets {
            assert!(it.state != TargetState::Unused, "{arn} is used");
            assert!(!(it.receives && it.state == TargetState::Draining));
            assert!(it.receives || it.state != TargetState::Healthy);
        }
    }
    for listener in listeners(local) {
        let answer = local.must("DescribeRules", json!({"ListenerArn": listener}));
        let all = answer["Rules"].as_array().unwrap();
        let priorities: Vec<u32> =
            all.iter().map(|it| it["Priority"].as_str().unwrap().parse().unwrap_or(u32::MAX)).collect();
        assert!(priorities.is_sorted_by(|a, b| a < b), "{priorities:?}");
    }
}

proptest! {
    #[test]
    fn whatever_happens(happenings in prop::collection::vec(happening(), 1..40)) {
        let mut local = begun();
        for it in &happenings {
            let before = local.routing();
            local.was_announced();
            happen(&mut local, it);
            let announced = local.was_announced();
            prop_assert!(announced || local.routing() == before, "{:?} changed the routes in silence", it);
            check(&mut local);
            let (routing, wake) = (local.routing(), local.cloud.next_wake());
            local.restart();
            prop_assert_eq!(local.routing(), routing, "a restart after {:?}", it);
            if local.cloud.next_wake() != wake {
                // Only what has ended already may be forgotten.
                prop_assert!(local.cloud.next_wake() > wake || local.cloud.next_wake().is_none());
            }
        }
        // Nothing drains for ever.
        local.wait(3600);
        let draining = local.routing().groups.into_values().flat_map(|it| it.targets)
            .any(|it| it.state == TargetState::Draining);
        prop_assert!(!draining);
        prop_assert_eq!(local.cloud.next_wake(), None);
    }
}
