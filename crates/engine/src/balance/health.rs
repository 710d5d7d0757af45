//! Health checks: what `ecs` wants asked, in the proxy's words, and what they find, in `ecs`'s.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_ecs::balancing::{
    self as elb, GroupProtocol, GroupRoutes, HealthChange, Routing, Target, TargetState, UnhealthyReason,
};
use longshore_proxy::health::{Check, Health, Probe, Reason, Thresholds, Transition};

use super::table::{address, key};

/// Whose check it is: its target group, and the target in it.
pub(super) type Whose = (String, Target);

/// The checks of a world's targets, and whose each is by its target's key.
pub(super) fn checks(routing: &Routing) -> (Vec<Check>, BTreeMap<String, Whose>) {
    let (mut checks, mut whose) = (Vec::new(), BTreeMap::new());
    for (arn, group) in &routing.groups {
        for it in group.targets.iter().filter(|it| it.state != TargetState::Draining) {
            let Some(check) = check(arn, group, &it.target) else { continue };
            whose.insert(check.target.clone(), (arn.clone(), it.target.clone()));
            checks.push(check);
        }
    }
    (checks, whose)
}

fn check(arn: &str, group: &GroupRoutes, target: &Target) -> Option<Check> {
    let wanted = &group.health_check;
    let seconds = |seconds: u16| Duration::from_secs(u64::from(seconds));
    Some(Check {
        group: arn.to_owned(),
        target: key(arn, target),
        address: address(group, target, wanted.port.unwrap_or(target.port))?,
        probe: Probe::Http {
            tls: wanted.protocol == GroupProtocol::Https,
            path: wanted.path.clone(),
            // `ecs` has checked them.
            codes: wanted.matcher.parse().ok()?,
        },
        interval: seconds(wanted.interval_seconds),
        first_interval: seconds(wanted.interval_seconds),
        timeout: seconds(wanted.timeout_seconds),
        thresholds: Thresholds {
            healthy: u32::from(wanted.healthy_threshold),
            unhealthy: u32::from(wanted.unhealthy_threshold),
        },
    })
}

/// What was found, for the world that the target belongs to.
pub(super) fn change((group_arn, target): &Whose, transition: &Transition) -> HealthChange {
    let health = match transition.health {
        Health::Healthy => elb::Health::Healthy,
        Health::Unhealthy(reason) => elb::Health::Unhealthy {
            reason: match reason {
                Reason::Timeout => UnhealthyReason::Timeout,
                Reason::Mismatch(_) => UnhealthyReason::ResponseCodeMismatch,
                Reason::Failed => UnhealthyReason::FailedHealthChecks,
            },
            description: reason.to_string(),
        },
    };
    HealthChange { group_arn: group_arn.clone(), target: target.clone(), health }
}
