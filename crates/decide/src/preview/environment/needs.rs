//! What has to be looked at: as little as possible, because each look is a call.

use longshore_model::Timestamp;
use longshore_model::preview::{Environment, Policy, State};

use super::draft::is_blocked;
use super::seen::Needs;
use super::{expiry, removal, route_elb, sleep, tokens, wanted};

/// What has to be looked at for the next decision. A settled environment needs its tasks at most.
#[must_use]
pub fn needs(record: &Environment, policy: Option<&Policy>, now: Timestamp) -> Needs {
    if expiry::is_down(record, policy, now) {
        return removal::needs(record, policy, now);
    }
    let Some(policy) = policy else { return Needs::default() };
    let named = tokens::as_named(record, policy);
    let Some(parts) = tokens::parts(record, &named) else { return Needs::default() };
    let progress = &record.progress;
    let serves = progress.deployed.is_some() && !sleep::is_asleep(record);
    if wanted::is_untouched(record) {
        return Needs::default();
    }
    if is_blocked(record, now) || wanted::is_settled(record, policy, now) {
        return Needs { tasks: serves, ..Needs::default() };
    }
    let deploys = wanted::wants_deploy(record, policy) && !sleep::is_asleep(record);
    let registered = progress.deploying.as_ref().is_some_and(|deploying| {
        wanted::is_wanted(record, policy, deploying)
            && deploying.task_definitions.iter().all(|arn| !arn.is_empty())
    });
    let runs = deploys || (wanted::serves(record) && !sleep::is_due(record, policy, now) && serves);
    let made = parts.iter().all(|part| progress.resources.services.contains_key(part.name));
    let any_made = !progress.resources.services.is_empty() || !progress.intents.is_empty();
    let is_just_made = wanted::is_just_made(record, policy, now);
    let has_elb = route_elb::is_used(record, policy);
    let waits = progress.deploying.is_some() || record.state == State::Waking;
    Needs {
        services: !(deploys && (is_just_made || wanted::is_first_try(record))),
        tasks: runs && any_made,
        named_tasks: deploys && is_just_made,
        stopped: runs && waits && any_made && now >= progress.changed_at.plus_ms(wanted::JUST_MADE_MS),
        base: (deploys && !registered) || (runs && !made),
        balancer: runs
            && has_elb
            && (!route_elb::is_complete(record, policy) || !progress.intents.is_empty()),
        target_health: runs && has_elb && any_made,
        revisions: deploys && parts.iter().any(|part| !is_known_family(record, part.name)),
    }
}

pub(super) fn is_known_family(record: &Environment, name: &str) -> bool {
    record.progress.resources.families.iter().any(|family| family == name)
}
