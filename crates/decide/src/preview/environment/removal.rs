//! The way out, from any state: hooks, services, rules and listener, target groups, revisions; and then one more look.

use std::collections::BTreeSet;

use longshore_model::Timestamp;
use longshore_model::preview::{Environment, Moment, Policy, Presence, Removal, Route, State};

use super::draft::{Draft, MAY_STILL_COME_MS, is_blocked, is_within};
use super::seen::{Action, Needs};
use super::service::VISIBLE_WITHIN_MS;
use super::tokens::{are_ours, is_our_service};
use super::{hooks, place, route_elb, route_proxy};

/// Revisions that are deregistered at once: the account has a quota of calls.
const REVISIONS_AT_ONCE: usize = 20;

/// What has to be looked at before something is removed, and before it is called gone.
pub(super) fn needs(record: &Environment, policy: Option<&Policy>, now: Timestamp) -> Needs {
    let progress = &record.progress;
    if progress.actions == 0 || is_blocked(record, now) || hooks::come_first(record, policy) {
        return Needs::default();
    }
    Needs {
        services: true,
        revisions: !progress.resources.families.is_empty(),
        balancer: has_balancer(record, policy),
        ..Needs::default()
    }
}

fn has_balancer(record: &Environment, policy: Option<&Policy>) -> bool {
    matches!(place::route(record, policy), Some(Route::Port { .. } | Route::Host { .. }))
}

pub(super) fn decide(draft: &mut Draft<'_>) {
    let Presence::Down(removal) = draft.record.wish.presence.clone() else { return };
    if draft.record.progress.removing_since != Some(removal.since) {
        enter(draft, &removal);
    }
    draft.record.state = State::Removing;
    if let Some(policy) = draft.seen.policy.clone() {
        route_proxy::close(draft, &policy, "it is being removed");
    }
    if draft.record.progress.actions == 0 && !draft.has_gap() {
        return gone(draft, &removal);
    }
    if !hooks::before_destroy(draft) {
        return;
    }
    draft.look_soon();
    let all_seen = draft.seen.services.seen().is_some()
        && (draft.record.progress.resources.families.is_empty() || draft.seen.revisions.seen().is_some())
        && (!has_balancer(&draft.record, draft.seen.policy.as_deref())
            || draft.seen.balancer.seen().is_some());
    if !all_seen || draft.has_gap() {
        draft.wait("nothing is removed before all of it was looked at");
        return;
    }
    let mut left = services(draft);
    left |= balancer(draft);
    left |= revisions(draft);
    if left || draft.has_actions() {
        return;
    }
    let now = draft.now;
    let makes = |what: &str| what.starts_with("create") || what.starts_with("register");
    let may_come = draft
        .open_intents()
        .iter()
        .find(|intent| makes(&intent.what) && is_within(intent.at, now, MAY_STILL_COME_MS));
    if let Some(intent) = may_come {
        let (what, at) = (intent.what.clone(), intent.at.plus_ms(MAY_STILL_COME_MS));
        draft.wait(format!("`{what}` was asked for and not answered: what it may have made must be seen"));
        draft.look_at(at);
        return;
    }
    gone(draft, &removal);
}

/// What was on its way is given up, and earlier errors say nothing any more.
fn enter(draft: &mut Draft<'_>, removal: &Removal) {
    draft.begin_anew();
    draft.record.progress.removing_since = Some(removal.since);
    draft.record.progress.deploying = None;
    draft.record.progress.failure = None;
    draft.record.progress.asleep_since = None;
    if draft.record.progress.actions > 0 {
        let text = format!("{} is being removed: {}", draft.record.names.id, removal.why);
        draft.tell(Moment::Removing, &format!("removing/{}", removal.since.0), text, Vec::new());
    }
}

/// Services. Says whether one is left. What was made a moment ago and is not seen is not gone: the look is older.
fn services(draft: &mut Draft<'_>) -> bool {
    let Some(services) = draft.seen.services.seen() else { return true };
    let mut left = false;
    for name in place::service_names(&draft.record) {
        let made_at = draft.record.progress.resources.services.get(&name).copied();
        match services.get(&name).map_or("", |service| service.status.as_str()) {
            "ACTIVE" if services.get(&name).is_some_and(|service| is_our_service(&draft.record, service)) => {
                left = true;
                draft.push(Action::DeleteService { name });
            }
            "ACTIVE" => {}
            // Its tags may be gone with it; in any case it ends by itself.
            "DRAINING" => {
                left = true;
                draft.wait(format!("service `{name}` is draining: its tasks are being stopped"));
            }
            _ if made_at.is_some_and(|at| is_within(at, draft.now, VISIBLE_WITHIN_MS)) => {
                left = true;
                draft.wait(format!("service `{name}` was made a moment ago, and is not visible yet"));
            }
            _ => {}
        }
    }
    left
}

/// Rules, listeners and target groups, in the order in which they let go of each other. Says whether one is left.
fn balancer(draft: &mut Draft<'_>) -> bool {
    let Some(seen) = draft.seen.balancer.seen() else { return false };
    let listeners = route_elb::our_listeners(&draft.record, seen);
    let rules = route_elb::our_rules(&draft.record, seen);
    let groups = seen.target_groups.values().filter(|(_, tags)| are_ours(&draft.record, tags));
    let groups: BTreeSet<String> = groups.map(|(arn, _)| arn.clone()).collect();
    let left = !(listeners.is_empty() && rules.is_empty() && groups.is_empty());
    // Rules of our own listener go with it.
    let own = |rule: &str| listeners.keys().any(|listener| belongs(rule, listener));
    for rule in rules.keys().filter(|rule| !own(rule)) {
        draft.push(Action::DeleteRule(rule.clone()));
    }
    for listener in listeners.keys() {
        draft.push(Action::DeleteListener(listener.clone()));
    }
    for group in groups {
        draft.push(Action::DeleteTargetGroup(group));
    }
    left
}

/// Whether a rule is of a listener: its ARN is the listener's with another kind and an id more.
fn belongs(rule: &str, listener: &str) -> bool {
    let of_rule = rule.replacen(":listener-rule/", ":listener/", 1);
    of_rule.strip_prefix(listener).is_some_and(|rest| rest.starts_with('/'))
}

/// The revisions of our families. Says whether one is left.
fn revisions(draft: &mut Draft<'_>) -> bool {
    let Some(revisions) = draft.seen.revisions.seen() else { return false };
    let families = draft.record.progress.resources.families.clone();
    let active: Vec<&String> = families.iter().filter_map(|family| revisions.get(family)).flatten().collect();
    let mut pushed = true;
    for arn in active.iter().take(REVISIONS_AT_ONCE) {
        pushed &= draft.push(Action::Deregister((*arn).clone()));
    }
    let are_all = pushed && active.len() <= REVISIONS_AT_ONCE && is_whole(draft, &active);
    draft.record.progress.resources.last_revision =
        active.last().filter(|_| are_all).map(|arn| (*arn).clone());
    let registered = draft.record.progress.resources.registered.values();
    let unseen =
        registered.filter(|(arn, at)| is_within(*at, draft.now, VISIBLE_WITHIN_MS) && !active.contains(&arn));
    let unseen: Vec<String> = unseen.map(|(arn, _)| arn.clone()).collect();
    for arn in &unseen {
        draft.wait(format!("`{arn}` was registered a moment ago, and is not visible yet"));
    }
    !active.is_empty() || !unseen.is_empty()
}

/// Whether a list of active revisions has all of ours: what was registered last of each family, and none that nobody knows
/// whether it was registered. A list may be older than that.
fn is_whole(draft: &Draft<'_>, active: &[&String]) -> bool {
    let progress = &draft.record.progress;
    let deployed = progress.deployed.iter().flat_map(|it| &it.task_definitions);
    let registered = progress.resources.registered.values().map(|(arn, _)| arn);
    let mut recorded = deployed.chain(registered).filter(|arn| !arn.is_empty());
    let is_unknown = draft.open_intents().iter().any(|intent| intent.what.starts_with("register"));
    !is_unknown && recorded.all(|arn| active.contains(&arn))
}

/// Nothing is left. Should somebody want it back, another record takes this one's place: see `Removal::again`.
fn gone(draft: &mut Draft<'_>, removal: &Removal) {
    let id = draft.record.names.id.clone();
    draft.close_intents();
    if draft.record.progress.announced.is_some() {
        let mut text = format!("{id} is gone: {}", removal.why);
        if let Some(not_run) = hooks::hooks_not_run(&draft.record) {
            let repository = &draft.record.repository;
            text.push_str(&format!(
                "; {not_run}, because longshore.toml has no [[preview]] for {repository}"
            ));
        }
        draft.tell(Moment::Removed, "removed", text, Vec::new());
    }
    route_proxy::remove(draft);
    draft.forget = true;
}

#[cfg(test)]
#[path = "removal_tests.rs"]
mod tests;
