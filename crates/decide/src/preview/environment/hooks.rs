//! Hooks: which comes next, and what waits for it. Whoever calls them is told in each round which ones should be running;
//! one that runs already is left alone.

use longshore_model::Timestamp;
use longshore_model::preview::{Deployed, Environment, Hook, HookRun, HookState, Moment, Policy, Presence};

use super::draft::{Draft, is_within};
use super::failure::Fault;
use super::took::backoff_ms;

const AFTER_CREATE: &str = "after_create";
const AFTER_UPDATE: &str = "after_update";
const BEFORE_DESTROY: &str = "before_destroy";
/// While a hook runs, it is looked at so often, for the case that its end is not told.
const LOOK_MS: i64 = 15_000;
/// Of the failures of one hook, people hear of the first, and then of each so many.
const TOLD_EACH: u32 = 20;

/// A key's moment, commit and name.
fn split(key: &str) -> Option<(&str, &str, &str)> {
    let mut parts = key.splitn(3, '/');
    Some((parts.next()?, parts.next()?, parts.next()?))
}

fn of_moment<'a>(policy: &'a Policy, moment: &str) -> &'a [Hook] {
    match moment {
        AFTER_CREATE => &policy.hooks.after_create,
        AFTER_UPDATE => &policy.hooks.after_update,
        BEFORE_DESTROY => &policy.hooks.before_destroy,
        _ => &[],
    }
}

/// The hook of a key; `None` when the policy has no such hook any more.
pub(super) fn hook_of<'a>(policy: &'a Policy, key: &str) -> Option<&'a Hook> {
    let (moment, _, name) = split(key)?;
    of_moment(policy, moment).iter().find(|hook| hook.name == name)
}

/// Whether a key is of a hook after a deploy.
pub(super) fn is_after(key: &str) -> bool {
    split(key).is_some_and(|(moment, ..)| moment != BEFORE_DESTROY)
}

/// Whether hooks of the deploy that goes on have begun: then its tasks were healthy.
pub(super) fn has_begun_after(record: &Environment) -> bool {
    let sha = record.progress.deploying.as_ref().map(|deploying| deploying.revision.sha.as_str());
    record.progress.hooks.keys().any(|key| is_after(key) && split(key).map(|(_, of, _)| of) == sha)
}

/// The deploy that hooks before the removal clean up after. `None`: there is nothing to clean up.
pub(super) fn left_behind(record: &Environment) -> Option<&Deployed> {
    record.progress.deployed.as_ref().or(record.progress.hooked.as_ref())
}

/// A hook that runs still, by its name: what comes next waits for it, but not longer than it may take.
pub(super) fn in_flight(record: &Environment, policy: &Policy, now: Timestamp) -> Option<String> {
    all_in_flight(record, policy, now).next().map(|(_, name)| name.to_owned())
}

/// Keys and names.
fn all_in_flight<'a>(
    record: &'a Environment,
    policy: &'a Policy,
    now: Timestamp,
) -> impl Iterator<Item = (&'a String, &'a str)> {
    record.progress.hooks.iter().filter_map(move |(key, run)| {
        let hook = hook_of(policy, key)?;
        // When its last call began, or will.
        let called = match &run.state {
            HookState::Running => run.at,
            HookState::Uncalled { again_at, .. } => *again_at,
            HookState::Done | HookState::Failed(_) => return None,
        };
        let is_open = called > now || is_within(called, now, i64::from(hook.timeout_s) * 1000);
        is_open.then_some((key, hook.name.as_str()))
    })
}

/// The hooks after a deploy, in their order. Says whether all have done well.
pub(super) fn after(draft: &mut Draft<'_>, policy: &Policy) -> Result<bool, Fault> {
    let progress = &draft.record.progress;
    let moment = if progress.deployed.is_none() { AFTER_CREATE } else { AFTER_UPDATE };
    let Some(sha) = progress.deploying.as_ref().map(|deploying| deploying.revision.sha.clone()) else {
        return Ok(true);
    };
    for hook in of_moment(policy, moment) {
        let key = format!("{moment}/{sha}/{}", hook.name);
        match draft.record.progress.hooks.get(&key).map(|run| run.state.clone()) {
            Some(HookState::Done) => {}
            Some(HookState::Failed(why)) => {
                return Err(Fault::from(format!("hook `{}` ({moment}) failed: {why}", hook.name)));
            }
            Some(HookState::Running | HookState::Uncalled { .. }) => {
                runs(draft, &key, &hook.name);
                return Ok(false);
            }
            None => {
                start(draft, &key, 1);
                runs(draft, &key, &hook.name);
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Keeps the names of the hooks before the removal, for the time when no policy says them any more.
pub(super) fn remember(draft: &mut Draft<'_>, policy: &Policy) {
    let names = policy.hooks.before_destroy.iter().map(|hook| &hook.name);
    let known = &mut draft.record.progress.before_destroy;
    if !names.clone().eq(known.iter()) {
        *known = names.cloned().collect();
    }
}

/// The key of a hook before the removal.
fn destroy_key(left_behind: &Deployed, name: &str) -> String {
    format!("{BEFORE_DESTROY}/{}/{name}", left_behind.revision.sha)
}

/// The names of the hooks before the removal that have not done well, as far as the record knows them. None, where there is
/// nothing to clean up.
fn left_out(record: &Environment) -> Vec<&String> {
    let Some(left_behind) = left_behind(record) else { return Vec::new() };
    let has_done = |name: &String| {
        let run = record.progress.hooks.get(&destroy_key(left_behind, name));
        run.is_some_and(|run| run.state == HookState::Done)
    };
    record.progress.before_destroy.iter().filter(|name| !has_done(name)).collect()
}

/// The same in words, such as "hook `a`" or "hooks `a` and `b`"; `None` when all have done well.
#[must_use]
pub fn hooks_left_out(record: &Environment) -> Option<String> {
    let names: Vec<String> = left_out(record).into_iter().map(|name| format!("`{name}`")).collect();
    match &names[..] {
        [] => None,
        [one] => Some(format!("hook {one}")),
        [first @ .., last] => Some(format!("hooks {} and {last}", first.join(", "))),
    }
}

/// Of an environment that is gone: "its hook `a` was not run", when that is so.
#[must_use]
pub fn hooks_not_run(record: &Environment) -> Option<String> {
    let verb = if left_out(record).len() == 1 { "was" } else { "were" };
    hooks_left_out(record).map(|hooks| format!("its {hooks} {verb} not run"))
}

/// Whether the hooks of a removal keep everything else from being looked at. A person who has asked for it without a policy
/// need not wait for hooks that nobody knows.
pub(super) fn come_first(record: &Environment, policy: Option<&Policy>) -> bool {
    let is_given_up = matches!(&record.wish.presence, Presence::Down(removal) if removal.without_hooks);
    !left_out(record).is_empty() && (policy.is_some() || !is_given_up)
}

/// The hooks before a removal, in their order; one that fails is tried again until it does well. What still runs after a
/// deploy is waited for: what it makes must be there to be cleaned up. Says whether all have done well.
pub(super) fn before_destroy(draft: &mut Draft<'_>) -> bool {
    let Some(policy) = &draft.seen.policy else { return without_policy(draft) };
    let of_deploy = all_in_flight(&draft.record, policy, draft.now)
        .find(|(key, _)| is_after(key))
        .map(|(key, name)| (key.clone(), name.to_owned()));
    if let Some((key, name)) = of_deploy {
        runs(draft, &key, &name);
        return false;
    }
    let Some(deployed) = left_behind(&draft.record).cloned() else { return true };
    for hook in &policy.hooks.before_destroy {
        let key = destroy_key(&deployed, &hook.name);
        let Some(run) = draft.record.progress.hooks.get(&key).cloned() else {
            start(draft, &key, 1);
            runs(draft, &key, &hook.name);
            return false;
        };
        if run.state == HookState::Done {
            continue;
        }
        tell_of_failure(draft, hook, &key, &run);
        if let HookState::Failed(why) = &run.state {
            let again = run.at.plus_ms(backoff_ms(run.attempts));
            if draft.now < again {
                draft.wait(format!("hook `{}` failed ({why}); it is tried again", hook.name));
                draft.look_at(again);
                return false;
            }
            start(draft, &key, run.attempts.saturating_add(1));
        }
        runs(draft, &key, &hook.name);
        return false;
    }
    true
}

/// Nobody knows what its hooks are: it waits, unless a person has asked for its end nevertheless.
fn without_policy(draft: &mut Draft<'_>) -> bool {
    if !come_first(&draft.record, None) {
        return true;
    }
    let hooks = hooks_left_out(&draft.record).unwrap_or_default();
    draft.wait(format!(
        "its {hooks} must do well before anything is removed, and longshore.toml has no [[preview]] for {} any more: \
         give it one, or say `down`, which removes it without",
        draft.record.repository
    ));
    draft.look_late();
    false
}

/// Tells people of the first failure of a hook before the removal, and then of few.
fn tell_of_failure(draft: &mut Draft<'_>, hook: &Hook, key: &str, run: &HookRun) {
    let (failures, why) = match &run.state {
        HookState::Failed(why) => (run.attempts, why),
        // The attempt that is to come is counted already.
        HookState::Uncalled { why, .. } => (run.attempts.saturating_sub(1), why),
        HookState::Running | HookState::Done => return,
    };
    if failures == 1 || failures % TOLD_EACH == 0 {
        let times = if failures == 1 { "once".to_owned() } else { format!("{failures} times") };
        let id = draft.record.names.id.clone();
        let text = format!(
            "hook `{}` before the removal of {id} failed {times}: {why}. It is tried again until it does well; nothing is \
             removed before",
            hook.name
        );
        draft.tell(Moment::HookFailed, &format!("{key}/{failures}"), text, Vec::new());
    }
}

fn start(draft: &mut Draft<'_>, key: &str, attempts: u32) {
    if is_after(key) {
        draft.record.progress.hooked = draft.record.progress.deploying.clone();
    }
    let run = HookRun { state: HookState::Running, attempts, at: draft.now };
    draft.record.progress.hooks.insert(key.to_owned(), run);
}

fn runs(draft: &mut Draft<'_>, key: &str, name: &str) {
    draft.hooks.push(key.to_owned());
    let state = draft.record.progress.hooks.get(key).map(|run| run.state.clone());
    let look_at = draft.now.plus_ms(LOOK_MS);
    if let Some(HookState::Uncalled { why, again_at }) = state {
        draft.wait(format!("hook `{name}` could not be called ({why}); it is tried again"));
        draft.look_at(again_at.min(look_at));
    } else {
        draft.wait(format!("hook `{name}` runs"));
        draft.look_at(look_at);
    }
}

#[cfg(test)]
#[path = "hooks_tests.rs"]
mod tests;
