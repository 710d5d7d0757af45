//! Routes `port` and `host`: a target group for each service, and a listener or rules that lead to them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use longshore_model::preview::{Environment, Policy, Route};
use longshore_model::tag::Tag;
use serde_json::{Map, Value, json};

use super::draft::{Draft, MAY_STILL_COME_MS, is_within};
use super::failure::Fault;
use super::inputs;
use super::place;
use super::seen::{Action, BalancerSeen};
use super::tokens::{self, Part, SERVICE_TAG, are_ours, tags, tags_of_service};

/// Priorities of rules for paths, which must come before the one for all other requests of the host. ELB knows 1 to
/// 50,000 (API reference of CreateRule).
const FOR_PATHS: RangeInclusive<u32> = 1..=25_000;
const FOR_ALL_ELSE: RangeInclusive<u32> = 25_001..=50_000;

/// Whether requests come through a load balancer.
pub(super) fn is_used(record: &Environment, policy: &Policy) -> bool {
    matches!(place::route(record, Some(policy)), Some(Route::Port { .. } | Route::Host { .. }))
}

/// Whether all that it needs there is known to have been made.
pub(super) fn is_complete(record: &Environment, policy: &Policy) -> bool {
    let made = &record.progress.resources;
    let services = policy.services.len();
    let has_groups = policy.services.iter().all(|service| made.target_groups.contains_key(&service.name));
    match place::route(record, Some(policy)) {
        Some(Route::Port { .. }) => {
            has_groups
                && made.listener.is_some()
                && made.port.is_some()
                && made.dns_name.is_some()
                && made.rules.len() + 1 >= services
        }
        Some(Route::Host { .. }) => has_groups && made.rules.len() >= services,
        Some(Route::Proxy { .. }) | None => true,
    }
}

/// Plans what is missing. Says whether everything is there, or will be when the plan is carried out.
pub(super) fn ensure(draft: &mut Draft<'_>, policy: &Policy, parts: &[Part<'_>]) -> Result<bool, Fault> {
    let is_complete = is_complete(&draft.record, policy);
    if is_complete && draft.open_intents().is_empty() {
        return Ok(true);
    }
    let Some(seen) = draft.seen.balancer.seen() else { return Ok(false) };
    if is_complete {
        tidy(draft, seen);
        return Ok(true);
    }
    if is_older(&draft.record, seen)
        && is_within(draft.record.progress.changed_at, draft.now, MAY_STILL_COME_MS)
    {
        draft.wait("a listener or rule was made a moment ago, and is not visible yet");
        draft.look_soon();
        return Ok(false);
    }
    let Some((load_balancer, dns_name, vpc)) = seen.load_balancer.clone() else {
        return Err(Fault::from(
            "the load balancer or listener that `route` in longshore.toml names does not exist: name another one",
        ));
    };
    draft.record.progress.resources.dns_name = Some(dns_name);
    if !target_groups(draft, seen, parts, &vpc)? {
        return Ok(false);
    }
    match place::route(&draft.record, Some(policy)).cloned() {
        Some(Route::Port { first, last, .. }) => {
            Ok(listener(draft, seen, &load_balancer, first..=last) && rules(draft, seen, parts, None))
        }
        Some(Route::Host { listener, .. }) => {
            let made = &mut draft.record.progress.resources;
            made.port = seen.listeners.iter().find(|(arn, _)| *arn == listener).map(|(_, port)| *port);
            let is_https =
                seen.protocol.as_deref().map_or(made.port != Some(80), |protocol| protocol == "HTTPS");
            made.scheme = Some(if is_https { "https" } else { "http" }.to_owned());
            Ok(rules(draft, seen, parts, Some(listener)))
        }
        Some(Route::Proxy { .. }) | None => Ok(true),
    }
}

/// Takes away what calls have made that nobody saw succeed: all is there without it.
fn tidy(draft: &mut Draft<'_>, seen: &BalancerSeen) {
    let made = draft.record.progress.resources.clone();
    for rule in our_rules(&draft.record, seen).into_keys().filter(|arn| !made.rules.contains(arn)) {
        draft.push(Action::DeleteRule(rule));
    }
    for listener in our_listeners(&draft.record, seen).into_keys() {
        if made.listener.as_ref() != Some(&listener) {
            draft.push(Action::DeleteListener(listener));
        }
    }
}

/// Whether a look does not show what is known to have been made.
fn is_older(record: &Environment, seen: &BalancerSeen) -> bool {
    let made = &record.progress.resources;
    let is_listener = |arn: &String| seen.listeners.iter().any(|(listener, _)| listener == arn);
    let is_rule = |arn: &String| seen.rules.iter().any(|(rule, ..)| rule == arn);
    !(made.listener.iter().all(is_listener) && made.rules.iter().all(is_rule))
}

fn target_groups(
    draft: &mut Draft<'_>,
    seen: &BalancerSeen,
    parts: &[Part<'_>],
    vpc: &str,
) -> Result<bool, Fault> {
    for part in parts {
        match seen.target_groups.get(part.target_group) {
            Some((arn, tags)) if are_ours(&draft.record, tags) => {
                let made = &mut draft.record.progress.resources.target_groups;
                made.insert(part.policy.name.clone(), arn.clone());
            }
            Some(_) => {
                return Err(Fault::from(format!(
                    "target group `{}` is not Longshore's (it lacks the tag {}={}), and is not touched: delete it, or \
                     change `app`, so that names differ",
                    part.target_group,
                    tokens::ENVIRONMENT_TAG,
                    draft.record.names.id
                )));
            }
            None => {
                draft.record.progress.resources.target_groups.remove(&part.policy.name);
                let Some(bases) = draft.seen.task_definitions.seen() else { return Ok(false) };
                let base = inputs::base(bases, part)?;
                let input = target_group(&draft.record, part, &base, vpc);
                if !draft.push(Action::CreateTargetGroup(part.index, input)) {
                    return Ok(false);
                }
            }
        }
    }
    Ok(true)
}

/// The input of CreateTargetGroup.
fn target_group(record: &Environment, part: &Part<'_>, base: &Map<String, Value>, vpc: &str) -> Value {
    let health = &part.policy.health;
    // A check of the port of the requests speaks as they do.
    let protocol = if health.port.is_none() { health.protocol.as_str() } else { "HTTP" };
    let kind = if inputs::network_mode(base) == "awsvpc" { "ip" } else { "instance" };
    let own = tags_of_service(record, &part.policy.name).into_iter();
    let own: Vec<Value> = own.map(|tag| json!({"Key": tag.key, "Value": tag.value})).collect();
    json!({
        "Name": part.target_group,
        "Protocol": protocol,
        "Port": part.policy.port,
        "VpcId": vpc,
        "TargetType": kind,
        "HealthCheckProtocol": health.protocol,
        "HealthCheckPath": health.path,
        "HealthCheckPort": health.port.map_or_else(|| "traffic-port".to_owned(), |port| port.to_string()),
        "HealthCheckIntervalSeconds": health.interval_s,
        "HealthCheckTimeoutSeconds": health.timeout_s,
        "HealthyThresholdCount": health.healthy,
        "UnhealthyThresholdCount": health.unhealthy,
        "Matcher": {"HttpCode": health.matcher},
        "Tags": own,
    })
}

/// The tags that were seen on a listener or rule.
fn tags_of<'a>(seen: &'a BalancerSeen, arn: &str) -> &'a [Tag] {
    seen.tags.get(arn).map_or(&[], Vec::as_slice)
}

/// The listeners that are ours: ARN and port.
pub(super) fn our_listeners(record: &Environment, seen: &BalancerSeen) -> BTreeMap<String, u16> {
    let ours = seen.listeners.iter().filter(|(arn, _)| are_ours(record, tags_of(seen, arn)));
    ours.cloned().collect()
}

/// The rules that are ours: ARN, and for which service of the policy.
pub(super) fn our_rules(record: &Environment, seen: &BalancerSeen) -> BTreeMap<String, String> {
    let ours = seen.rules.iter().filter(|(arn, ..)| are_ours(record, tags_of(seen, arn)));
    let service = |arn: &str| tokens::value(tags_of(seen, arn), SERVICE_TAG).unwrap_or_default().to_owned();
    ours.map(|(arn, ..)| (arn.clone(), service(arn))).collect()
}

/// A listener of our own on a free port. One that is there is used, with its port; a second one, made by a call that
/// nobody saw succeed, goes.
fn listener(
    draft: &mut Draft<'_>,
    seen: &BalancerSeen,
    load_balancer: &str,
    ports: RangeInclusive<u16>,
) -> bool {
    let ours = our_listeners(&draft.record, seen);
    let made = &mut draft.record.progress.resources;
    let known = made.listener.take().filter(|arn| ours.contains_key(arn));
    let kept = known.or_else(|| ours.keys().next().cloned());
    made.port = kept.as_ref().and_then(|arn| ours.get(arn).copied());
    made.listener.clone_from(&kept);
    if let Some(kept) = kept {
        for other in ours.keys().filter(|arn| **arn != kept) {
            draft.push(Action::DeleteListener(other.clone()));
        }
        return true;
    }
    let taken: BTreeSet<u32> = seen.listeners.iter().map(|(_, port)| u32::from(*port)).collect();
    let (first, last) = (u32::from(*ports.start()), u32::from(*ports.end()));
    let free = pick(first..=last, &taken, draft.seen.dice).and_then(|port| u16::try_from(port).ok());
    let Some(port) = free else {
        draft.wait(format!(
            "all ports from {first} to {last} of the load balancer are taken: widen the range, or take \
             another environment down"
        ));
        draft.look_late();
        return false;
    };
    let tags = tags(&draft.record);
    draft.push(Action::CreateListener { load_balancer: load_balancer.to_owned(), port, tags })
}

/// Rules to the target groups: of our own listener for all services but the first, of a shared one for all. A second one
/// for a service, made by a call that nobody saw succeed, goes.
fn rules(draft: &mut Draft<'_>, seen: &BalancerSeen, parts: &[Part<'_>], shared: Option<String>) -> bool {
    let known = std::mem::take(&mut draft.record.progress.resources.rules);
    let (known, others): (Vec<_>, Vec<_>) =
        our_rules(&draft.record, seen).into_iter().partition(|(arn, _)| known.contains(arn));
    let mut ours: BTreeMap<String, String> = BTreeMap::new();
    for (arn, service) in known.into_iter().chain(others) {
        match ours.entry(service) {
            Entry::Vacant(free) => {
                free.insert(arn);
            }
            Entry::Occupied(_) => {
                draft.push(Action::DeleteRule(arn));
            }
        }
    }
    draft.record.progress.resources.rules = ours.values().cloned().collect();
    let mut taken: BTreeSet<u32> = seen.rules.iter().map(|(_, priority, _)| *priority).collect();
    let host = shared.as_ref().and_then(|_| place::host(&draft.record, draft.seen.policy.as_deref()));
    let listener = shared.clone().or_else(|| draft.record.progress.resources.listener.clone());
    // Those with paths first: until the last one is there, no request goes to the wrong service.
    for part in parts.iter().rev() {
        let is_first = part.index == 0;
        if (is_first && shared.is_none()) || ours.contains_key(&part.policy.name) {
            continue;
        }
        let range = if is_first { FOR_ALL_ELSE } else { FOR_PATHS };
        let Some(priority) = pick(range, &taken, draft.seen.dice) else {
            draft.wait("all priorities of the listener's rules are taken");
            draft.look_late();
            return false;
        };
        taken.insert(priority);
        let pushed = draft.push(Action::CreateRule {
            listener: listener.clone(),
            index: part.index,
            priority,
            host: host.clone(),
            paths: part.policy.paths.clone(),
            tags: tags_of_service(&draft.record, &part.policy.name),
        });
        if !pushed {
            return false;
        }
    }
    true
}

/// One of a range that is free, chosen by the dice.
fn pick(range: RangeInclusive<u32>, taken: &BTreeSet<u32>, dice: u64) -> Option<u32> {
    let free: Vec<u32> = range.filter(|number| !taken.contains(number)).collect();
    let count = u64::try_from(free.len()).ok().filter(|count| *count > 0)?;
    usize::try_from(dice % count).ok().and_then(|index| free.get(index).copied())
}

#[cfg(test)]
#[path = "route_elb_tests.rs"]
mod tests;
