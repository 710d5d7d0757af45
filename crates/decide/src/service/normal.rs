//! Two documents of a service side by side: what the file says and what runs, with ECS's own defaults filled in, so
//! that a difference between them is one that somebody made.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::shape::{MEMBERS, is_empty, without_nulls};
use super::{OUR_TAGS, revision_name};

/// Members that are kept as they are where a file does not speak of them. Somebody or something else decides the first
/// three, such as auto scaling the count, or the age of the service the rebalancing. UpdateService has no word that takes
/// the others away.
const LEFT_ALONE: [&str; 7] = [
    "desiredCount",
    "availabilityZoneRebalancing",
    "role",
    "networkConfiguration",
    "platformVersion",
    "taskDefinition",
    "monitoring",
];

/// Members inside others that are left alone likewise: ECS fills them in from somewhere else, or with defaults of its
/// own that may change.
const LEFT_ALONE_INSIDE: [(&str, &str); 5] = [
    ("/networkConfiguration/awsvpcConfiguration", "securityGroups"),
    ("/deploymentConfiguration", "earlySuccessCriteria"),
    ("/deploymentConfiguration/deploymentCircuitBreaker", "resetOnHealthyTask"),
    ("/deploymentConfiguration/deploymentCircuitBreaker", "thresholdConfiguration"),
    ("/serviceConnectConfiguration", "namespace"),
];

/// Members that DescribeServices does not show (Service, API reference): where they are not seen, nothing can differ.
pub(super) const UNSEEN: [&str; 2] = ["monitoring", "gatewayConnectors"];

/// What the file says and what runs, in one form. They are equal when there is nothing to change.
#[must_use]
pub fn side_by_side(
    wanted: &Map<String, Value>,
    live: &Map<String, Value>,
) -> (Map<String, Value>, Map<String, Value>) {
    let (mut wanted, live) = (without_nulls(wanted), without_nulls(live));
    if !wanted.contains_key("launchType") {
        // The cluster's default strategy has decided, or the time before it had one.
        if wanted.get("capacityProviderStrategy").is_none_or(is_empty) {
            copy(&mut wanted, &live, "capacityProviderStrategy");
        }
        copy(&mut wanted, &live, "launchType");
    }
    let (mut wanted, mut live) = (normalised(wanted), normalised(live));
    let is_daemon = wanted.get("schedulingStrategy").is_some_and(|word| word == "DAEMON");
    for member in LEFT_ALONE {
        // A count of a daemon service is ECS's own.
        if !wanted.contains_key(member) || (member == "desiredCount" && is_daemon) {
            copy(&mut wanted, &live, member);
        }
    }
    wanted.retain(|member, _| !UNSEEN.contains(&member.as_str()) || live.contains_key(member));
    if live.get("deploymentController").is_some_and(|controller| controller["type"] == "CODE_DEPLOY") {
        // CodeDeploy swaps the two target groups with every deployment.
        for side in [&mut wanted, &mut live] {
            without_target_groups(side);
        }
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

/// One form for all ways to write the same service, of the members that this version knows: it could not change others.
fn normalised(mut service: Map<String, Value>) -> Map<String, Value> {
    service.retain(|member, _| MEMBERS.contains(&member.as_str()));
    for member in ["cluster", "clientToken", "serviceName"] {
        service.remove(member);
    }
    fill(&mut service);
    if let Some(Value::String(name)) = service.get_mut("taskDefinition") {
        *name = revision_name(name).to_owned();
    }
    if let Some(Value::String(role)) = service.get_mut("role") {
        *role = role_path(role).to_owned();
    }
    if service.get("role").and_then(Value::as_str).is_some_and(|role| role.starts_with("aws-service-role/")) {
        // ECS's own, which CreateService does not take.
        service.remove("role");
    }
    if service.get("serviceConnectConfiguration").is_some_and(|connect| connect["enabled"] == false) {
        service.remove("serviceConnectConfiguration");
    }
    for item in items(&mut service, "placementStrategy") {
        // ECS takes two words for the one, and any case for the others (PlacementStrategy, API reference).
        let field = item["field"].as_str().map(str::to_ascii_lowercase);
        match field.as_deref() {
            Some("host") => item["field"] = json!("instanceId"),
            Some(size @ ("cpu" | "memory")) => item["field"] = json!(size),
            _ => {}
        }
    }
    for volume in items(&mut service, "volumeConfigurations") {
        // ServiceManagedEBSVolumeConfiguration, API reference.
        if let Some(Value::Object(volume)) = volume.get_mut("managedEBSVolume") {
            volume.entry("volumeType").or_insert_with(|| json!("gp3"));
            volume.entry("filesystemType").or_insert_with(|| json!("xfs"));
        }
    }
    for member in ["loadBalancers", "serviceRegistries", "capacityProviderStrategy", "placementConstraints"] {
        items(&mut service, member).sort_by_cached_key(ToString::to_string);
    }
    normalise_network(&mut service);
    normalise_tags(&mut service);
    service.retain(|_, value| !is_empty(value));
    service
}

/// The name of a role, with its path where that is not `/`.
fn role_path(role: &str) -> &str {
    role.split_once(":role/").map_or(role, |(_, path)| path).trim_start_matches('/')
}

fn without_target_groups(service: &mut Map<String, Value>) {
    for balancer in items(service, "loadBalancers").iter_mut().filter_map(Value::as_object_mut) {
        balancer.remove("targetGroupArn");
    }
}

/// The items of a list, or none.
fn items<'a>(service: &'a mut Map<String, Value>, member: &str) -> &'a mut [Value] {
    service.get_mut(member).and_then(Value::as_array_mut).map_or(&mut [], Vec::as_mut_slice)
}

fn normalise_network(service: &mut Map<String, Value>) {
    let Some(network) = service.get_mut("networkConfiguration").and_then(Value::as_object_mut) else {
        return;
    };
    network.retain(|_, value| !is_empty(value));
    if let Some(Value::Object(vpc)) = network.get_mut("awsvpcConfiguration") {
        vpc.entry("assignPublicIp").or_insert_with(|| json!("DISABLED"));
        for list in ["subnets", "securityGroups"] {
            items(vpc, list).sort_by_cached_key(ToString::to_string);
        }
        vpc.retain(|_, value| !is_empty(value));
    }
}

fn normalise_tags(service: &mut Map<String, Value>) {
    let Some(Value::Array(tags)) = service.get("tags") else { return };
    let tags: BTreeMap<&str, &str> = tags
        .iter()
        .filter_map(|tag| Some((tag["key"].as_str()?, tag["value"].as_str().unwrap_or_default())))
        .filter(|(key, _)| !key.starts_with(OUR_TAGS) && !key.starts_with("aws:"))
        .collect();
    let tags = tags.into_iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    service.insert("tags".to_owned(), tags);
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
    let strategy = items(service, "capacityProviderStrategy");
    let (has_strategy, is_single) = (!strategy.is_empty(), strategy.len() == 1);
    for item in strategy.iter_mut().filter_map(Value::as_object_mut) {
        item.entry("base").or_insert_with(|| json!(0));
        let weight = item.entry("weight").or_insert_with(|| json!(0));
        if is_single && *weight == 0 {
            // All tasks go to the only one there is.
            *weight = json!(1);
        }
    }
    let on_fargate = if has_strategy {
        strategy
            .iter()
            .all(|item| item["capacityProvider"].as_str().is_some_and(|it| it.starts_with("FARGATE")))
    } else {
        service.get("launchType").is_some_and(|word| word == "FARGATE")
    };
    if has_strategy {
        service.remove("launchType");
    }
    if on_fargate {
        service.entry("platformVersion").or_insert_with(|| json!("LATEST"));
    }
    if let Some(Value::Object(deployment)) = service.get_mut("deploymentConfiguration") {
        fill_deployment(deployment, is_daemon);
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
            items(inside, "alarmNames").sort_by_cached_key(ToString::to_string);
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
