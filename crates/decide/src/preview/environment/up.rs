//! An environment that should be there: from nothing to ready, and from one revision to the next.

use std::borrow::Cow;

use longshore_model::preview::{Deployed, Moment, Policy, State};

use super::draft::Draft;
use super::failure::Fault;
use super::milestones::{announce_failure, back_in_place, deployed, fail, short};
use super::ready::Readiness;
use super::tokens::{Part, as_named, parts, shape};
use super::wanted::{Goal, has_failed, is_settled, is_untouched, is_wanted, serves, wants_deploy};
use super::{deploy, failure, hooks, ready, route_elb, route_proxy, sleep};

pub(super) fn decide(draft: &mut Draft<'_>, policy: &Policy) {
    if is_untouched(&draft.record) {
        return begin_life(draft, policy);
    }
    let names = draft.record.clone();
    let named = as_named(&names, policy);
    let Some(parts) = parts(&names, &named) else { return renamed(draft, policy) };
    let fits = matches!(named, Cow::Borrowed(_));
    if fits {
        remember_services(draft, policy);
    } else if draft.record.progress.asleep_since.is_none() {
        refuse(draft, policy);
    }
    sleep::turn(draft, policy);
    if draft.open_intents().is_empty() && is_settled(&draft.record, policy, draft.now) {
        return settled(draft, &named, &parts);
    }
    let goal = if fits { choose(draft, policy) } else { Some(fallback(draft)) };
    let Some(goal) = goal else { return hold(draft, policy, &parts) };
    let goal = match pursue(draft, &named, &parts, goal) {
        Ok(()) => goal,
        Err(fault) => {
            draft.drop_actions();
            fail(draft, policy, goal, fault);
            let goal = fallback(draft);
            // What is left to do takes away, or goes back. Should that fail too, the next round says so.
            drop(pursue(draft, &named, &parts, goal));
            goal
        }
    };
    route_proxy::site(draft, &named, &parts, goal);
    set_state(draft, goal);
    match goal {
        // It was to sleep before it had come to run.
        _ if draft.record.progress.steady && sleep::is_due(&draft.record, policy, draft.now) => {
            draft.look_at(draft.now)
        }
        _ if draft.record.progress.steady => draft.look_when_settled(),
        // Its end is told, and looked for less often.
        Goal::Deploy if !draft.hooks.is_empty() => {}
        Goal::Serve if draft.record.state != State::Waking => draft.look_patiently(),
        _ => draft.look_soon(),
    }
}

/// The policy has another number of services than when it was named, and nothing was deployed that could go on.
fn renamed(draft: &mut Draft<'_>, policy: &Policy) {
    refuse(draft, policy);
    route_proxy::close(draft, policy, "what should run here has failed to start");
    draft.record.state = State::Failed;
    draft.look_late();
}

/// What is wanted needs other names than the environment has. What is deployed goes on.
fn refuse(draft: &mut Draft<'_>, policy: &Policy) {
    let (has, was) = (policy.services.len(), draft.record.names.services.len());
    let why = format!(
        "longshore.toml has {has} services for it, but it was named for {was}: take it down, and it is made anew with \
         the services of now"
    );
    if !has_failed(&draft.record, policy) {
        fail(draft, policy, Goal::Deploy, Fault::from(why));
    }
    announce_failure(draft);
}

/// What is deployed has these services: those of now, as far as they do not need another deploy.
fn remember_services(draft: &mut Draft<'_>, policy: &Policy) {
    let progress = &mut draft.record.progress;
    let is_as_deployed = progress.deployed.as_ref().is_some_and(|it| it.shape == shape(policy));
    if is_as_deployed && progress.served != policy.services {
        progress.served.clone_from(&policy.services);
    }
}

/// Waits for room, or begins.
fn begin_life(draft: &mut Draft<'_>, policy: &Policy) {
    let id = draft.record.names.id.clone();
    if !draft.seen.has_room {
        let most = policy.limits.environments;
        draft.record.state = State::Queued;
        let why = format!("it waits for room: {} may have {most} environments at once", policy.repository);
        draft.wait(why.clone());
        draft.look_patiently();
        draft.tell(Moment::Queued, "queued", format!("{id} waits: {why}"), Vec::new());
        return route_proxy::close(draft, policy, &why);
    }
    let resources = &mut draft.record.progress.resources;
    resources.cluster = Some(policy.cluster.clone());
    resources.route = Some(policy.route.clone());
    begin(draft, policy);
    // What it needs has not been looked at: nobody knew that there is room.
    draft.look_at(draft.now);
    draft.record.state = State::Creating;
    route_proxy::hold(draft, policy);
}

/// What its services should come to now. Begins a deploy where another one is wanted than what was tried last.
/// `None`: nothing before a hook has ended.
fn choose(draft: &mut Draft<'_>, policy: &Policy) -> Option<Goal> {
    if has_failed(&draft.record, policy) {
        draft.record.progress.deploying = None;
        announce_failure(draft);
        return Some(fallback(draft));
    }
    if !wants_deploy(&draft.record, policy) {
        draft.record.progress.failure = None;
        if draft.record.progress.deploying.take().is_some() {
            // The wish went back to what was deployed before.
            draft.begin_anew();
        }
        return Some(fallback(draft));
    }
    if sleep::is_asleep(&draft.record) {
        return Some(Goal::Sleep);
    }
    let deploying = draft.record.progress.deploying.as_ref();
    if !deploying.is_some_and(|deploying| is_wanted(&draft.record, policy, deploying)) {
        if let Some(running) = hooks::in_flight(&draft.record, policy, draft.now) {
            draft.wait(format!("hook `{running}` of what was before has not ended"));
            return None;
        }
        begin(draft, policy);
    }
    Some(Goal::Deploy)
}

/// What its services should come to when nothing new is rolled out.
fn fallback(draft: &Draft<'_>) -> Goal {
    match (serves(&draft.record), sleep::is_asleep(&draft.record)) {
        (true, true) => Goal::Sleep,
        (true, false) => Goal::Serve,
        (false, _) => Goal::Stop,
    }
}

/// Nothing is begun for now; what answers goes on.
fn hold(draft: &mut Draft<'_>, policy: &Policy, parts: &[Part<'_>]) {
    let goal = if draft.record.progress.deploying.is_some() { Goal::Deploy } else { Goal::Serve };
    route_proxy::site(draft, policy, parts, goal);
    draft.look_soon();
}

/// Begins to roll out what is wanted. It ends what was begun before.
fn begin(draft: &mut Draft<'_>, policy: &Policy) {
    draft.begin_anew();
    let now = draft.now;
    let wish = draft.record.wish.clone();
    let progress = &mut draft.record.progress;
    let key = format!("{}/{}", wish.revision.sha, wish.attempt);
    progress.failure = None;
    progress.failed_shape = None;
    progress.deploying = Some(Deployed {
        revision: wish.revision.clone(),
        attempt: wish.attempt,
        task_definitions: vec![String::new(); policy.services.len()],
        shape: shape(policy),
        at: now,
    });
    // The same revision once more runs its hooks once more.
    progress.hooks.clear();
    let is_new = progress.deployed.is_none();
    let id = draft.record.names.id.clone();
    let commit = short(&wish.revision.sha);
    let subject = draft.record.subject.to_string();
    if is_new {
        let text = format!("{id} begins with commit {commit} of {subject}");
        draft.tell(Moment::Creating, &format!("creating/{key}"), text, Vec::new());
    } else {
        let text = format!("{id} goes on to commit {commit} of {subject}");
        draft.tell(Moment::Updating, &format!("updating/{key}"), text, Vec::new());
    }
}

/// Does what brings it nearer to its goal, and notes when it is there.
fn pursue(
    draft: &mut Draft<'_>,
    policy: &Policy,
    parts: &[Part<'_>],
    goal: Goal,
) -> Result<(), failure::Fault> {
    let in_place = deploy::ensure(draft, policy, parts, goal)?;
    let saw_balancer = !route_elb::is_used(&draft.record, policy)
        || draft.seen.balancer.seen().is_some()
        || matches!(goal, Goal::Sleep | Goal::Stop);
    if draft.seen.services.seen().is_some() && saw_balancer && !draft.has_gap() {
        draft.close_seen_intents();
    }
    if matches!(goal, Goal::Sleep | Goal::Stop) {
        draft.record.progress.steady = in_place && !draft.has_gap() && !draft.has_actions();
        return Ok(());
    }
    failure::crash(draft, policy, parts, goal)?;
    if !in_place {
        draft.record.progress.steady = false;
        return Ok(());
    }
    match ready::of(draft, policy, parts, goal) {
        Readiness::Unknown => {}
        Readiness::No(missing) => {
            draft.record.progress.steady = false;
            failure::late(draft, policy, parts, goal, &missing)?;
            missing.into_iter().for_each(|why| draft.wait(why));
        }
        Readiness::Yes if goal == Goal::Deploy => {
            if hooks::after(draft, policy)? {
                deployed(draft, policy);
            }
        }
        Readiness::Yes => back_in_place(draft),
    }
    Ok(())
}

/// Nothing is due. Its tasks are looked at, and everything when they are not what they should be.
fn settled(draft: &mut Draft<'_>, policy: &Policy, parts: &[Part<'_>]) {
    let goal = fallback(draft);
    if goal == Goal::Serve
        && let Some(other) = ready::other_tasks(draft, parts)
    {
        draft.wait(other);
        draft.record.progress.steady = false;
        draft.look_soon();
    }
    draft.look_when_settled();
    route_proxy::site(draft, policy, parts, goal);
    set_state(draft, goal);
}

fn set_state(draft: &mut Draft<'_>, goal: Goal) {
    let progress = &draft.record.progress;
    let state = match goal {
        Goal::Deploy if progress.deploying.is_none() => State::Ready,
        Goal::Deploy if progress.asleep_since.is_some() => State::Waking,
        Goal::Deploy if progress.deployed.is_some() => State::Updating,
        Goal::Deploy if deploy::is_draining(draft) => State::Queued,
        Goal::Deploy => State::Creating,
        Goal::Sleep => State::Asleep,
        Goal::Serve if progress.asleep_since.is_some() => State::Waking,
        Goal::Serve | Goal::Stop if progress.failure.is_some() => State::Failed,
        Goal::Stop => State::Creating,
        Goal::Serve if progress.steady || draft.record.state == State::Ready => State::Ready,
        Goal::Serve => State::Updating,
    };
    draft.record.state = state;
    if let Some(failure) = &draft.record.progress.failure {
        let why = format!("commit {} does not run: {}", short(&failure.revision.sha), failure.why);
        draft.wait(why);
    }
    if goal == Goal::Sleep {
        let wish = &draft.record.wish.revision.sha;
        let behind =
            draft.record.progress.deployed.as_ref().is_some_and(|deployed| deployed.revision.sha != *wish);
        let then = if behind { format!(", and then runs commit {}", short(wish)) } else { String::new() };
        draft.wait(format!("it sleeps until it is woken{then}"));
    }
}

#[cfg(test)]
#[path = "up_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "settled_tests.rs"]
mod settled_tests;

#[cfg(test)]
#[path = "served_tests.rs"]
mod served_tests;
