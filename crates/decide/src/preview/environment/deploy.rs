//! From a goal to calls: load balancer, then revisions, then services. What is there already is used.

use longshore_model::preview::Policy;

use super::draft::Draft;
use super::failure::Fault;
use super::seen::{Action, Look};
use super::tokens::Part;
use super::wanted::Goal;
use super::{inputs, needs, route_elb, service, tokens, wanted};

/// Plans what is missing for the goal. Says whether all of it is there already.
pub(super) fn ensure(
    draft: &mut Draft<'_>,
    policy: &Policy,
    parts: &[Part<'_>],
    goal: Goal,
) -> Result<bool, Fault> {
    let is_first_try = goal == Goal::Deploy && wanted::is_first_try(&draft.record);
    match draft.seen.services {
        Look::Seen(_) => {}
        Look::Gap(_) => return Ok(false),
        Look::Not if goal == Goal::Deploy && wanted::is_just_made(&draft.record, policy, draft.now) => {
            return Ok(true);
        }
        Look::Not if is_first_try => {}
        Look::Not => {
            // What is wanted has changed since it was asked what to look at.
            draft.look_at(draft.now);
            return Ok(false);
        }
    }
    if matches!(goal, Goal::Deploy | Goal::Serve) {
        service::check(draft, parts)?;
        if is_draining(draft) {
            draft.wait("the earlier service of this name is still draining; ECS frees the name when its tasks are gone");
            draft.look_soon();
            return Ok(false);
        }
        let made = &draft.record.progress.resources.services;
        let all_made = parts.iter().all(|part| made.contains_key(part.name));
        let balances = route_elb::is_used(&draft.record, policy) && (goal == Goal::Deploy || !all_made);
        if balances && !route_elb::ensure(draft, policy, parts)? {
            return Ok(false);
        }
        if goal == Goal::Deploy && !register(draft, parts)? {
            return Ok(false);
        }
    }
    service::ensure(draft, policy, parts, goal)
}

/// Whether a service of ours, or one whose name we need, is on its way out.
pub(super) fn is_draining(draft: &Draft<'_>) -> bool {
    let Some(services) = draft.seen.services.seen() else { return false };
    let mut own = draft.record.names.services.iter().filter_map(|name| services.get(name));
    own.any(|service| service.status == "DRAINING")
}

/// Registers what this deploy has not registered yet. Says whether each revision is known, or will be.
fn register(draft: &mut Draft<'_>, parts: &[Part<'_>]) -> Result<bool, Fault> {
    let Some(deploying) = draft.record.progress.deploying.clone() else { return Ok(false) };
    for part in parts {
        if deploying.task_definitions.get(part.index).is_some_and(|arn| !arn.is_empty()) {
            continue;
        }
        let Some(bases) = draft.seen.task_definitions.seen() else { return Ok(false) };
        let base = inputs::base(bases, part)?;
        if !owns_family(draft, part)? {
            return Ok(false);
        }
        let input = inputs::register(&draft.record, part, &base, &deploying.revision)?;
        if !draft.push(Action::Register(part.index, input)) {
            return Ok(false);
        }
        let families = &mut draft.record.progress.resources.families;
        if !families.iter().any(|family| family == part.name) {
            families.push(part.name.to_owned());
        }
    }
    Ok(true)
}

/// Whether the family is ours: one that had active revisions before our first one is somebody else's, and a revision in it
/// would become what they deploy next. A service of ours says that it is: then the record is younger than what it is of.
fn owns_family(draft: &mut Draft<'_>, part: &Part<'_>) -> Result<bool, Fault> {
    let service = draft.seen.services.seen().and_then(|services| services.get(part.name));
    let has_service = service.is_some_and(|service| tokens::is_our_service(&draft.record, service));
    if has_service || needs::is_known_family(&draft.record, part.name) {
        return Ok(true);
    }
    let Some(revisions) = draft.seen.revisions.seen() else { return Ok(false) };
    if revisions.get(part.name).is_some_and(|arns| !arns.is_empty()) {
        if draft.seen.services == Look::Not {
            draft.drop_actions();
            draft.record.progress.is_preceded = true;
            draft.look_at(draft.now);
            return Ok(false);
        }
        return Err(Fault::from(format!(
            "the task definition family `{0}` has revisions that Longshore did not register, and is not touched: \
             deregister them, or change `app`, so that names differ",
            part.name
        )));
    }
    Ok(true)
}
