//! The ECS services of an environment: made, changed, put to sleep. One without our tags is never touched.

use std::collections::BTreeMap;

use longshore_model::preview::Policy;
use longshore_model::seen::Service;
use serde_json::{Map, Value, json};

use super::draft::{Draft, is_within};
use super::failure::Fault;
use super::seen::{Action, Look};
use super::tokens::{self, Part};
use super::wanted::Goal;
use super::{inputs, place, route_elb};

/// For so long a service that was made may not be visible yet (ECS is eventually consistent).
pub(super) const VISIBLE_WITHIN_MS: i64 = 60_000;

/// Fails when a name is taken by a service that is not ours.
pub(super) fn check(draft: &Draft<'_>, parts: &[Part<'_>]) -> Result<(), Fault> {
    let Some(services) = draft.seen.services.seen() else { return Ok(()) };
    for part in parts {
        let Some(service) = services.get(part.name).filter(|service| service.status == "ACTIVE") else {
            continue;
        };
        if !tokens::is_our_service(&draft.record, service) {
            let cluster = place::cluster(&draft.record, draft.seen.policy.as_deref()).unwrap_or_default();
            return Err(Fault::from(format!(
                "service `{}` in cluster `{cluster}` is not Longshore's (it lacks the tag {}={}), and is not touched: \
                 delete or rename it, or change `app`, so that names differ",
                part.name,
                tokens::ENVIRONMENT_TAG,
                draft.record.names.id
            )));
        }
    }
    Ok(())
}

/// Plans what the services lack. Says whether they are as they should be.
pub(super) fn ensure(
    draft: &mut Draft<'_>,
    policy: &Policy,
    parts: &[Part<'_>],
    goal: Goal,
) -> Result<bool, Fault> {
    let none = BTreeMap::new();
    let services = match &draft.seen.services {
        Look::Seen(services) => services,
        // Nobody looks before the first try.
        Look::Not => &none,
        Look::Gap(_) => return Ok(false),
    };
    let mut in_place = true;
    for part in parts {
        let service = services.get(part.name).filter(|service| service.status == "ACTIVE");
        in_place &= match service {
            // What runs there is of an earlier record. Nothing of it has failed, and it is not ours to stop.
            Some(_) if goal == Goal::Stop && !is_made(draft, part) => true,
            Some(service) if tokens::is_our_service(&draft.record, service) => {
                let now = draft.now;
                let made = &mut draft.record.progress.resources.services;
                made.entry(part.name.to_owned()).or_insert(now);
                change(draft, part, service, goal)
            }
            Some(_) => true,
            None if !runs(draft, part, goal) => true,
            None => create(draft, policy, part, goal)?,
        };
    }
    Ok(in_place)
}

/// Whether this record has made the service, or changed it.
fn is_made(draft: &Draft<'_>, part: &Part<'_>) -> bool {
    draft.record.progress.actions > 0 && draft.record.progress.resources.services.contains_key(part.name)
}

/// Whether a service has tasks for this goal. One that has come to longshore.toml since the last deploy has nothing to
/// serve.
pub(super) fn runs(draft: &Draft<'_>, part: &Part<'_>, goal: Goal) -> bool {
    match goal {
        Goal::Deploy => true,
        Goal::Serve => revision(draft, part.index, goal).is_some(),
        Goal::Sleep | Goal::Stop => false,
    }
}

/// The revision that a service should run, where it is known.
pub(super) fn revision(draft: &Draft<'_>, index: usize, goal: Goal) -> Option<String> {
    let progress = &draft.record.progress;
    let deployed = match goal {
        Goal::Deploy => progress.deploying.as_ref(),
        Goal::Serve | Goal::Sleep => progress.deployed.as_ref(),
        Goal::Stop => None,
    };
    deployed?.task_definitions.get(index).filter(|arn| !arn.is_empty()).cloned()
}

fn change(draft: &mut Draft<'_>, part: &Part<'_>, service: &Service, goal: Goal) -> bool {
    let runs = runs(draft, part, goal);
    let wanted = if runs { i64::from(part.policy.count) } else { 0 };
    let revision = revision(draft, part.index, goal);
    let is_other = runs && revision.as_ref() != Some(&service.task_definition);
    if !is_other && service.desired_count == wanted {
        return true;
    }
    if wanted < service.desired_count && draft.has_gap() {
        return false;
    }
    let mut input = Map::new();
    if let Some(cluster) = place::cluster(&draft.record, draft.seen.policy.as_deref()) {
        input.insert("cluster".to_owned(), json!(cluster));
    }
    input.insert("service".to_owned(), json!(part.name));
    input.insert("desiredCount".to_owned(), json!(wanted));
    if runs {
        input.insert("deploymentConfiguration".to_owned(), inputs::rolling());
        if let Some(network) = &part.policy.network {
            input.insert("networkConfiguration".to_owned(), inputs::network(network));
        }
        if let Some(revision) = revision {
            input.insert("taskDefinition".to_owned(), json!(revision));
        }
    }
    if draft.push(Action::UpdateService(part.index, input)) && runs {
        draft.record.progress.changed_at = draft.now;
    }
    false
}

fn create(draft: &mut Draft<'_>, policy: &Policy, part: &Part<'_>, goal: Goal) -> Result<bool, Fault> {
    let made_at = draft.record.progress.resources.services.get(part.name);
    if made_at.is_some_and(|at| is_within(*at, draft.now, VISIBLE_WITHIN_MS)) {
        draft.wait(format!("service `{}` was made a moment ago, and is not visible yet", part.name));
        draft.look_soon();
        return Ok(false);
    }
    draft.record.progress.resources.services.remove(part.name);
    let (Some(bases), like) = (draft.seen.task_definitions.seen(), like(draft, part)?) else {
        draft.look_soon();
        return Ok(false);
    };
    let Some(like) = like else { return Ok(false) };
    let base = inputs::base(bases, part)?;
    let mut input = inputs::create(&draft.record, policy, part, &base, like)?;
    if let Some(revision) = revision(draft, part.index, goal) {
        input.insert("taskDefinition".to_owned(), json!(revision));
    }
    if route_elb::is_used(&draft.record, policy)
        && let Some(arn) = draft.record.progress.resources.target_groups.get(&part.policy.name)
        && let Some(balancer) = input.get_mut("loadBalancers").and_then(|balancers| balancers.get_mut(0))
    {
        balancer["targetGroupArn"] = json!(arn);
    }
    let placement = inputs::placement_of(&input);
    let ordinal = draft.ordinal(&Action::CreateService(part.index, Map::new()));
    input.insert("clientToken".to_owned(), json!(tokens::client_token(&draft.record, ordinal)));
    if draft.push(Action::CreateService(part.index, input)) {
        draft.record.progress.changed_at = draft.now;
        if part.index == 0 {
            draft.record.progress.resources.placement = Some(Value::Object(placement));
        }
    }
    Ok(false)
}

/// The service whose network and placement are taken over: `Some(None)` when the policy names none, `None` when it was
/// not looked at.
fn like<'a>(draft: &Draft<'a>, part: &Part<'_>) -> Result<Option<Option<&'a Service>>, Fault> {
    let Some(name) = &part.policy.like else { return Ok(Some(None)) };
    let Some(seen) = draft.seen.like.seen() else { return Ok(None) };
    match seen.get(name) {
        Some(Some(service)) if service.status == "ACTIVE" => Ok(Some(Some(service))),
        Some(_) => Err(Fault::from(format!(
            "there is no service `{name}`, which `like` of service `{}` names in longshore.toml",
            part.policy.name
        ))),
        None => Ok(None),
    }
}

/// What ECS has said last about tasks that it cannot place.
pub(super) fn complaint(draft: &Draft<'_>, parts: &[Part<'_>]) -> Option<String> {
    let services = draft.seen.services.seen()?;
    let since = draft.record.progress.changed_at;
    let events = parts.iter().filter_map(|part| services.get(part.name)).flat_map(|service| &service.events);
    let mut recent = events.filter(|event| event.created_at.is_none_or(|at| at >= since));
    recent.find(|event| event.message.contains("unable to")).map(|event| event.message.clone())
}

/// Whether ECS has given up the deployment of this revision, and its words.
pub(super) fn given_up(draft: &Draft<'_>, parts: &[Part<'_>]) -> Option<String> {
    let services = draft.seen.services.seen()?;
    parts.iter().find_map(|part| {
        let primary = services.get(part.name)?.primary()?;
        let is_own = revision(draft, part.index, Goal::Deploy).as_ref() == Some(&primary.task_definition);
        let failed = is_own && primary.rollout_state.as_deref() == Some("FAILED");
        let reason = primary.rollout_state_reason.clone().unwrap_or_default();
        failed.then(|| format!("ECS gave up the deployment of `{}`: {reason}", part.policy.name))
    })
}
