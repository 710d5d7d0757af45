//! What is made of a load balancer, and what is left alone.

use longshore_model::Timestamp;
use longshore_model::preview::Intent;

use super::super::samples;
use super::super::seen::{Look, Seen};
use super::*;

fn seen_with(balancer: BalancerSeen, dice: u64) -> Seen {
    let base = json!({"containerDefinitions": [{"name": "app"}]});
    Seen {
        balancer: Look::Seen(BalancerSeen {
            load_balancer: Some(("arn:lb".into(), "lb.test".into(), "vpc-1".into())),
            ..balancer
        }),
        task_definitions: Look::Seen([("base".to_owned(), Some(base))].into()),
        dice,
        ..Seen::default()
    }
}

fn policy(route: Route, services: &[&str]) -> Policy {
    let mut policy = samples::policy();
    policy.services = services.iter().map(|name| samples::service(name)).collect();
    policy.route = route;
    policy
}

fn record(services: usize) -> Environment {
    let mut record = samples::record();
    record.names.services = (0..services).map(|index| format!("shop-x-{index}")).collect();
    record.names.target_groups = (0..services).map(|index| format!("tg-{index}")).collect();
    record
}

/// The plan's actions, and whether all is there or will be.
fn planned(
    record: &Environment,
    policy: &Policy,
    seen: &Seen,
) -> (Vec<Action>, Result<bool, Fault>, Environment) {
    let mut seen = seen.clone();
    seen.policy = Some(std::sync::Arc::new(policy.clone()));
    let mut draft = Draft::new(record, &seen, Timestamp(5));
    let own = record.clone();
    let result = ensure(&mut draft, policy, &tokens::parts(&own, policy).unwrap());
    let plan = draft.finish();
    (plan.actions, result, plan.record)
}

#[test]
fn every_port_of_the_range_is_used_and_none_twice() {
    let policy = policy(samples::port_route(), &["web"]);
    let port_of = |taken: &[u16], dice: u64| {
        // Others' listeners, whatever their default actions are: nothing of these is read.
        let listeners = taken.iter().map(|port| (format!("arn:theirs/{port}"), *port)).collect();
        let (actions, ..) =
            planned(&record(1), &policy, &seen_with(BalancerSeen { listeners, ..Default::default() }, dice));
        actions.iter().find_map(|action| match action {
            Action::CreateListener { port, .. } => Some(*port),
            _ => None,
        })
    };
    let all: BTreeSet<u16> = (0..20).filter_map(|dice| port_of(&[80], dice)).collect();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), [8000, 8001, 8002], "both ends are in it");
    for dice in 0..9 {
        assert_eq!(port_of(&[8000, 8001], dice), Some(8002));
        assert_eq!(port_of(&[8000, 8001, 8002], dice), None, "and no panic");
    }
}

#[test]
fn what_is_there_is_used() {
    let record = record(1);
    let policy = policy(samples::port_route(), &["web"]);
    let own = tags(&record);
    let balancer = BalancerSeen {
        target_groups: [("tg-0".to_owned(), ("arn:tg".to_owned(), own.clone()))].into(),
        listeners: vec![("arn:l/1".into(), 8001), ("arn:l/2".into(), 8002), ("arn:theirs".into(), 8000)],
        tags: [("arn:l/1".to_owned(), own.clone()), ("arn:l/2".to_owned(), own)].into(),
        ..BalancerSeen::default()
    };
    let seen = seen_with(balancer, 3);
    let with_gap = Seen { tasks: Look::Gap("throttled".into()), ..seen.clone() };
    assert!(planned(&record, &policy, &with_gap).0.is_empty(), "nothing goes on a gap");
    let (actions, result, record) = planned(&record, &policy, &seen);
    assert_eq!(result, Ok(true));
    // The second one is left from a call whose answer was lost.
    assert_eq!(actions, [Action::DeleteListener("arn:l/2".into())]);
    let made = &record.progress.resources;
    assert_eq!(made.target_groups["web"], "arn:tg");
    assert_eq!(
        (made.port, made.dns_name.as_deref()),
        (Some(8001), Some("lb.test")),
        "its port, not a new one"
    );
}

#[test]
fn a_target_group_of_others_is_left_alone() {
    let policy = policy(samples::port_route(), &["web"]);
    let target_groups = [("tg-0".to_owned(), ("arn:tg".to_owned(), Vec::new()))].into();
    let (actions, result, _) =
        planned(&record(1), &policy, &seen_with(BalancerSeen { target_groups, ..Default::default() }, 0));
    assert!(actions.is_empty() && result.unwrap_err().why.contains("not touched"));
}

#[test]
fn rules_for_paths_come_before_the_one_for_all_else() {
    let mut policy = policy(samples::host_route(), &["web", "api"]);
    policy.services[1].paths = vec!["/api/*".into()];
    let listeners = vec![("arn:listener".to_owned(), 443)];
    let rules = vec![("arn:theirs".to_owned(), 1, vec!["www.test".to_owned()])];
    for dice in [0, 1, 24_999, 25_000, u64::MAX] {
        let balancer = BalancerSeen {
            protocol: Some("HTTPS".into()),
            listeners: listeners.clone(),
            rules: rules.clone(),
            ..BalancerSeen::default()
        };
        let (actions, result, record) = planned(&record(2), &policy, &seen_with(balancer, dice));
        assert_eq!(result, Ok(true));
        let made: Vec<(usize, u32, Option<String>, Vec<String>)> = actions
            .iter()
            .filter_map(|action| match action {
                Action::CreateRule { listener: Some(listener), index, priority, host, paths, .. } => {
                    assert_eq!(listener, "arn:listener");
                    Some((*index, *priority, host.clone(), paths.clone()))
                }
                _ => None,
            })
            .collect();
        let host = Some("x.shop.preview.test".to_owned());
        assert_eq!((made[0].0, &made[0].2, &made[0].3), (1, &host, &vec!["/api/*".to_owned()]));
        assert_eq!((made[1].0, &made[1].2, made[1].3.len()), (0, &host, 0));
        assert!(1 < made[0].1 && made[0].1 < made[1].1 && made[1].1 <= 50_000, "{made:?}");
        assert_eq!(place::url(&record, Some(&policy)).as_deref(), Some("https://x.shop.preview.test/"));
    }
}

#[test]
fn a_target_group_checks_what_the_policy_says() {
    let record = record(1);
    let mut policy = policy(samples::port_route(), &["web"]);
    policy.services[0].health.matcher = "200,204".into();
    policy.services[0].health.port = Some(9000);
    let parts = tokens::parts(&record, &policy).unwrap();
    let base = |mode: &str| json!({"networkMode": mode}).as_object().unwrap().clone();
    let input = target_group(&record, &parts[0], &base("bridge"), "vpc-1");
    assert_eq!(
        input,
        json!({"Name": "tg-0", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1", "TargetType": "instance",
            "HealthCheckProtocol": "HTTP", "HealthCheckPath": "/", "HealthCheckPort": "9000",
            "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 4, "HealthyThresholdCount": 2,
            "UnhealthyThresholdCount": 3, "Matcher": {"HttpCode": "200,204"},
            "Tags": [{"Key": "longshore:environment", "Value": "x.shop"},
                {"Key": "longshore:repository", "Value": "octo/shop"}, {"Key": "longshore:service", "Value": "web"}]})
    );
    assert_eq!(target_group(&record, &parts[0], &base("awsvpc"), "v")["TargetType"], "ip");
}

#[test]
fn a_load_balancer_that_is_gone_is_said() {
    let policy = policy(samples::port_route(), &["web"]);
    let mut seen = seen_with(BalancerSeen::default(), 0);
    seen.balancer = Look::Seen(BalancerSeen::default());
    assert!(planned(&record(1), &policy, &seen).1.unwrap_err().why.contains("does not exist"));
    seen.balancer = Look::Gap("throttled".into());
    let (actions, result, _) = planned(&record(1), &policy, &seen);
    assert_eq!((actions, result), (Vec::new(), Ok(false)));
}

/// A look at a shared listener with these rules of ours for `web`.
fn with_rules(record: &Environment, rules: &[&str]) -> BalancerSeen {
    let own = tags_of_service(record, "web");
    BalancerSeen {
        target_groups: [("tg-0".to_owned(), ("arn:tg".to_owned(), own.clone()))].into(),
        listeners: vec![("arn:listener".to_owned(), 443)],
        rules: rules.iter().map(|arn| ((*arn).to_owned(), 30_000, Vec::new())).collect(),
        tags: rules.iter().map(|arn| ((*arn).to_owned(), own.clone())).collect(),
        ..BalancerSeen::default()
    }
}

#[test]
fn a_second_rule_for_a_service_goes() {
    let mut record = record(1);
    let policy = policy(samples::host_route(), &["web"]);
    for known in [vec![], vec!["arn:rule/1".to_owned()], vec!["arn:rule/2".to_owned()]] {
        record.progress.resources.rules.clone_from(&known);
        let kept = known.first().cloned().unwrap_or_else(|| "arn:rule/1".to_owned());
        let other = if kept == "arn:rule/1" { "arn:rule/2" } else { "arn:rule/1" };
        let seen = seen_with(with_rules(&record, &["arn:rule/1", "arn:rule/2"]), 0);
        let (actions, result, after) = planned(&record, &policy, &seen);
        assert_eq!((actions, result), (vec![Action::DeleteRule(other.into())], Ok(true)), "known: {known:?}");
        assert_eq!(after.progress.resources.rules, [kept]);
    }
}

#[test]
fn what_comes_late_goes_when_all_is_there_without_it() {
    let mut record = record(1);
    let policy = policy(samples::host_route(), &["web"]);
    record.progress.resources.rules = vec!["arn:rule/2".to_owned()];
    record.progress.resources.target_groups = [("web".to_owned(), "arn:tg".to_owned())].into();
    let seen = seen_with(with_rules(&record, &["arn:rule/1", "arn:rule/2"]), 0);
    assert!(planned(&record, &policy, &seen).0.is_empty(), "nothing is on its way");
    let what = "create rule for shop-x-0 at priority 30000".to_owned();
    record.progress.intents = vec![Intent { ordinal: 2, what, at: Timestamp(1) }];
    let (actions, result, after) = planned(&record, &policy, &seen);
    assert_eq!((actions, result), (vec![Action::DeleteRule("arn:rule/1".into())], Ok(true)));
    assert_eq!(after.progress.resources.rules, ["arn:rule/2"]);
    // An older look shows neither, and nothing is made once more.
    let seen = seen_with(with_rules(&record, &[]), 0);
    assert!(planned(&record, &policy, &seen).0.is_empty());
}

#[test]
fn a_look_that_is_older_than_what_was_made_makes_nothing_once_more() {
    let mut record = record(2);
    let policy = policy(samples::host_route(), &["web", "api"]);
    record.progress.resources.rules = vec!["arn:rule/1".to_owned()];
    let planned_at = |changed_at| {
        let mut record = record.clone();
        record.progress.changed_at = changed_at;
        planned(&record, &policy, &seen_with(with_rules(&record, &[]), 0))
    };
    let (actions, result, after) = planned_at(Timestamp(0));
    assert_eq!((actions, result), (Vec::new(), Ok(false)));
    assert_eq!(after.waiting, ["a listener or rule was made a moment ago, and is not visible yet"]);
    let (actions, ..) = planned_at(Timestamp(-MAY_STILL_COME_MS));
    let rules = actions.iter().filter(|action| matches!(action, Action::CreateRule { .. }));
    assert_eq!(rules.count(), 2, "somebody has taken it away");
}
