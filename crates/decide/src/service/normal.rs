//! Two documents of a service side by side: what the file says and what runs, with ECS's own defaults filled in, so
//! that a difference between them is one that somebody made.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::shape::{MEMBERS, is_empty};
use super::{OUR_TAGS, revision_name};

/// Members that are kept as they are where a file does not speak of them: somebody or something else decides, such as
/// auto scaling for the count, or the age of the service for the rebalancing.
const LEFT_ALONE: [&str; 3] = ["desiredCount", "availabilityZoneRebalancing", "role"];

/// Members inside others that are left alone likewise.
const LEFT_ALONE_INSIDE: [(&str, &str); 2] = [
    ("/networkConfiguration/awsvpcConfiguration", "securityGroups"),
    ("/deploymentConfiguration", "earlySuccessCriteria"),
];

/// What the file says and what runs, in one form. They are equal when there is nothing to change.
#[must_use]
pub fn side_by_side(
    wanted: &Map<String, Value>,
    live: &Map<String, Value>,
) -> (Map<String, Value>, Map<String, Value>) {
    let (mut wanted, live) = (normalised(wanted), normalised(live));
    let is_daemon = wanted.get("schedulingStrategy").is_some_and(|word| word == "DAEMON");
    for member in LEFT_ALONE {
        // A count of a daemon service is ECS's own.
        if !wanted.contains_key(member) || (member == "desiredCount" && is_daemon) {
            copy(&mut wanted, &live, member);
        }
    }
    // What this version does not know cannot be taken away by it.
    for member in live.keys().filter(|member| !MEMBERS.contains(&member.as_str())) {
        copy(&mut wanted, &live, member);
    }
    let (mut whole, live) = (Value::Object(wanted), Value::Object(live));
    for (place, member) in LEFT_ALONE_INSIDE {
        let theirs = live.pointer(place).and_then(|inside| inside.get(member));
        if let (Some(Value::Object(ours)), Some(theirs)) = (whole.pointer_mut(place), theirs) {
            ours.entry(member).or_insert_with(|| theirs.clone());
        }
    }
    match (whole, live) {
        (Value::Object(wanted), Value::Object(live)) => (wanted, live),
        _ => (Map::new(), Map::new()),
    }
}

/// Gives `to` the member as `from` has it, or has it not.
fn copy(to: &mut Map<String, Value>, from: &Map<String, Value>, member: &str) {
    match from.get(member) {
        Some(value) => to.insert(member.to_owned(), value.clone()),
        None => to.remove(member),
    };
}

/// One form for all ways to write the same service.
fn normalised(input: &Map<String, Value>) -> Map<String, Value> {
    let mut service = input.clone();
    for member in ["cluster", "clientToken", "serviceName"] {
        service.remove(member);
    }
    fill(&mut service);
    if let Some(Value::String(name)) = service.get_mut("taskDefinition") {
        *name = revision_name(name).to_owned();
    }
    for member in ["loadBalancers", "serviceRegistries", "capacityProviderStrategy", "placementConstraints"] {
        if let Some(Value::Array(items)) = service.get_mut(member) {
            sort(items);
        }
    }
    if let Some(Value::Object(vpc)) =
        service.get_mut("networkConfiguration").and_then(|it| it.get_mut("awsvpcConfiguration"))
    {
        vpc.entry("assignPublicIp").or_insert_with(|| json!("DISABLED"));
        for list in ["subnets", "securityGroups"] {
            if let Some(Value::Array(items)) = vpc.get_mut(list) {
                sort(items);
            }
        }
        vpc.retain(|_, value| !is_empty(value));
    }
    if let Some(Value::Array(tags)) = service.get_mut("tags") {
        let tags: BTreeMap<String, Value> = tags
            .iter()
            .filter_map(|tag| Some((tag["key"].as_str()?.to_owned(), tag["value"].clone())))
            .filter(|(key, _)| !key.starts_with(OUR_TAGS) && !key.starts_with("aws:"))
            .collect();
        let tag = |(key, value): (String, Value)| json!({"key": key, "value": if value.is_null() { json!("") } else { value }});
        service.insert("tags".to_owned(), tags.into_iter().map(tag).collect());
    }
    service.retain(|_, value| !is_empty(value));
    service
}

fn sort(items: &mut [Value]) {
    items.sort_by_cached_key(ToString::to_string);
}

/// The defaults that ECS itself fills in (CreateService, API reference).
fn fill(service: &mut Map<String, Value>) {
    let mut default = |member: &str, value: Value| {
        service.entry(member).or_insert(value);
    };
    default("schedulingStrategy", json!("REPLICA"));
    default("deploymentController", json!({"type": "ECS"}));
    default("enableECSManagedTags", json!(false));
    default("enableExecuteCommand", json!(false));
    default("propagateTags", json!("NONE"));
    default("healthCheckGracePeriodSeconds", json!(0));
    default("deploymentConfiguration", json!({}));
    let is_daemon = service["schedulingStrategy"] == "DAEMON";
    let has_strategy = service.get("capacityProviderStrategy").is_some_and(|strategy| !is_empty(strategy));
    if has_strategy {
        service.remove("launchType");
    } else {
        service.entry("launchType").or_insert_with(|| json!("EC2"));
    }
    let on_fargate = service.get("launchType").is_some_and(|word| word == "FARGATE");
    if has_strategy || on_fargate {
        service.entry("platformVersion").or_insert_with(|| json!("LATEST"));
    }
    if let Some(Value::Object(deployment)) = service.get_mut("deploymentConfiguration") {
        fill_deployment(deployment, is_daemon);
    }
    if let Some(Value::Array(strategy)) = service.get_mut("capacityProviderStrategy") {
        let single = strategy.len() == 1;
        for item in strategy.iter_mut().filter_map(Value::as_object_mut) {
            item.entry("base").or_insert_with(|| json!(0));
            item.entry("weight").or_insert_with(|| json!(i32::from(single)));
        }
    }
}

fn fill_deployment(deployment: &mut Map<String, Value>, is_daemon: bool) {
    let (least, most) = if is_daemon { (0, 100) } else { (100, 200) };
    let mut default = |member: &str, value: Value| {
        deployment.entry(member).or_insert(value);
    };
    default("minimumHealthyPercent", json!(least));
    default("maximumPercent", json!(most));
    default("strategy", json!("ROLLING"));
    default("bakeTimeInMinutes", json!(0));
    default("deploymentCircuitBreaker", json!({}));
    default("alarms", json!({}));
    for member in ["deploymentCircuitBreaker", "alarms"] {
        if let Some(Value::Object(inside)) = deployment.get_mut(member) {
            inside.retain(|_, value| !is_empty(value));
            for flag in ["enable", "rollback"] {
                inside.entry(flag).or_insert_with(|| json!(false));
            }
        }
    }
    deployment.retain(|_, value| !is_empty(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else { panic!("an object") };
        map
    }

    fn equal(wanted: Value, live: Value) -> bool {
        let (wanted, live) = side_by_side(&map(wanted), &map(live));
        wanted == live
    }

    #[test]
    fn what_ecs_fills_in_is_no_difference() {
        let live = json!({"serviceName": "web", "schedulingStrategy": "REPLICA", "desiredCount": 7,
            "deploymentController": {"type": "ECS"}, "enableECSManagedTags": false, "propagateTags": "NONE",
            "enableExecuteCommand": false, "launchType": "FARGATE", "platformVersion": "LATEST",
            "availabilityZoneRebalancing": "ENABLED", "loadBalancers": [], "serviceRegistries": [],
            "placementConstraints": [], "placementStrategy": [], "taskDefinition": "web:3",
            "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": false, "rollback": false},
                "maximumPercent": 200, "minimumHealthyPercent": 100, "strategy": "ROLLING", "bakeTimeInMinutes": 0,
                "alarms": {"alarmNames": [], "enable": false, "rollback": false}},
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-b", "subnet-a"],
                "securityGroups": ["sg-default"], "assignPublicIp": "DISABLED"}}});
        let wanted = json!({"cluster": "c", "serviceName": "web", "taskDefinition": "web:3", "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-a", "subnet-b"]}}});
        assert!(equal(wanted.clone(), live.clone()));
        let change = |member: &str, value: Value| {
            let mut changed = wanted.clone();
            changed[member] = value;
            changed
        };
        for (member, value) in [
            ("desiredCount", json!(3)),
            ("availabilityZoneRebalancing", json!("DISABLED")),
            ("enableExecuteCommand", json!(true)),
            ("loadBalancers", json!([{"targetGroupArn": "t"}])),
            ("deploymentConfiguration", json!({"deploymentCircuitBreaker": {"enable": true}})),
            ("tags", json!([{"key": "a"}])),
        ] {
            assert!(!equal(change(member, value), live.clone()), "{member}");
        }
        assert!(
            equal(change("tags", json!([{"key": "longshore:project", "value": "x"}])), live),
            "our own mark"
        );
    }

    #[test]
    fn defaults_depend_on_strategies() {
        let daemon = json!({"schedulingStrategy": "DAEMON", "desiredCount": 4, "launchType": "EC2",
            "deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 0}});
        assert!(equal(json!({"schedulingStrategy": "DAEMON"}), daemon.clone()));
        assert!(
            equal(json!({"schedulingStrategy": "DAEMON", "desiredCount": 1}), daemon),
            "ECS counts daemons"
        );
        let live = json!({"platformVersion": "LATEST",
            "capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}]});
        assert!(equal(
            json!({"launchType": "FARGATE", "capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]}),
            live
        ));
        assert!(!equal(json!({"launchType": "FARGATE"}), json!({"launchType": "EC2"})));
    }
}
