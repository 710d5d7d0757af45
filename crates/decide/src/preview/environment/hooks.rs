//! Hooks: which is due, what it is told, and how it ended. Whoever runs them is told in each round which ones should be
//! running; one that runs already is left alone.

use longshore_model::Timestamp;
use longshore_model::preview::{Deployed, Environment, Hook, HookRun, HookState, Moment, Policy, Subject};
use longshore_model::tag::Tag;
use serde_json::{Value, json};

use super::draft::{Draft, is_within};
use super::failure::Fault;
use super::took::backoff_ms;
use super::{place, tokens};

const AFTER_CREATE: &str = "after_create";
const AFTER_UPDATE: &str = "after_update";
const BEFORE_DESTROY: &str = "before_destroy";
/// While a hook runs, it is looked at so often, for the case that its end is not told.
const LOOK_MS: i64 = 15_000;
/// Of the failures of one hook, people hear of the first, and then of each so many.
const TOLD_EACH: u32 = 20;

/// What a hook's call needs.
#[derive(Debug, Clone, PartialEq)]
pub struct HookDue {
    /// What is done.
    pub hook: Hook,
    /// The same for each attempt at the same hook of the same deploy.
    pub id: String,
    /// When this attempt began.
    pub began: Timestamp,
    /// The cluster of a task.
    pub cluster: String,
    /// The task definition of a task that names none: the revision of the first service.
    pub task_definition: String,
    /// Launch type and network of the first service, as in CreateService.
    pub placement: Value,
    /// The whole context.
    pub context: Value,
    /// Our tags.
    pub tags: Vec<Tag>,
}

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

/// The hook behind a key of a plan, with all that its call needs; `None` when the policy has no such hook any more.
#[must_use]
pub fn hook_due(record: &Environment, policy: &Policy, key: &str) -> Option<HookDue> {
    let (moment, _, name) = split(key)?;
    let hook = of_moment(policy, moment).iter().find(|hook| hook.name == name)?.clone();
    let progress = &record.progress;
    let deploy = progress.deploying.as_ref().or_else(|| left_behind(record));
    let attempt = deploy.map_or(record.wish.attempt, |deploy| deploy.attempt);
    let cluster = place::cluster(record, Some(policy)).unwrap_or_default().to_owned();
    Some(HookDue {
        id: format!("{}/{}/{key}/{attempt}", record.names.id, record.life),
        task_definition: deploy
            .and_then(|deploy| deploy.task_definitions.first().cloned())
            .unwrap_or_default(),
        placement: progress.resources.placement.clone().unwrap_or_else(|| json!({})),
        context: context(record, policy, moment),
        tags: tokens::tags(record),
        began: progress.hooks.get(key).map(|run| run.at).unwrap_or_default(),
        cluster,
        hook,
    })
}

/// All that there is to know of an environment. No secrets are in it.
fn context(record: &Environment, policy: &Policy, moment: &str) -> Value {
    let named = tokens::as_named(record, policy);
    let resources = &record.progress.resources;
    let deploy = record.progress.deploying.as_ref().or_else(|| left_behind(record));
    let revision = deploy.map_or(&record.wish.revision, |deploy| &deploy.revision);
    let subject = match &record.subject {
        Subject::Branch(name) => json!({"branch": name}),
        Subject::PullRequest(number) => json!({"pull_request": number}),
    };
    let services: Vec<Value> = named
        .services
        .iter()
        .enumerate()
        .map(|(index, service)| {
            json!({
                "name": service.name,
                "service": record.names.services.get(index),
                "task_definition": deploy.and_then(|deploy| deploy.task_definitions.get(index)),
                "target_group": resources.target_groups.get(&service.name),
                "port": service.port,
            })
        })
        .collect();
    json!({
        "moment": moment,
        "environment": record.names.id,
        "life": record.life,
        "repository": record.repository,
        "subject": subject,
        "revision": {"sha": revision.sha, "branch": revision.branch, "pull_request": revision.pull_request},
        "cluster": place::cluster(record, Some(policy)),
        "services": services,
        "url": place::url(record, Some(policy)),
        "host": place::host(record, Some(policy)),
        "port": resources.port,
        "load_balancer": resources.dns_name,
        "listener": resources.listener,
    })
}

/// The record after a hook has ended, well or with a reason.
#[must_use]
pub fn hook_ended(
    record: &Environment,
    key: &str,
    result: &Result<(), String>,
    now: Timestamp,
) -> Environment {
    let mut record = record.clone();
    if let Some(run) = record.progress.hooks.get_mut(key) {
        run.at = now;
        run.state = match result {
            Ok(()) => HookState::Done,
            Err(why) => HookState::Failed(why.clone()),
        };
    }
    record
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
        let (moment, _, name) = split(key)?;
        let hook = of_moment(policy, moment).iter().find(|hook| hook.name == name)?;
        let runs =
            run.state == HookState::Running && is_within(run.at, now, i64::from(hook.timeout_s) * 1000);
        runs.then_some((key, name))
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
            Some(HookState::Running) => {
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

/// The hooks before a removal, in their order; one that fails is tried again until it does well. What still runs after a
/// deploy is waited for: what it makes must be there to be cleaned up. Says whether all have done well.
pub(super) fn before_destroy(draft: &mut Draft<'_>) -> bool {
    let Some(policy) = &draft.seen.policy else { return true };
    let of_deploy = all_in_flight(&draft.record, policy, draft.now)
        .find(|(key, _)| is_after(key))
        .map(|(key, name)| (key.clone(), name.to_owned()));
    if let Some((key, name)) = of_deploy {
        runs(draft, &key, &name);
        return false;
    }
    let Some(deployed) = left_behind(&draft.record).cloned() else { return true };
    for hook in &policy.hooks.before_destroy {
        let key = format!("{BEFORE_DESTROY}/{}/{}", deployed.revision.sha, hook.name);
        let Some(run) = draft.record.progress.hooks.get(&key).cloned() else {
            start(draft, &key, 1);
            runs(draft, &key, &hook.name);
            return false;
        };
        match run.state {
            HookState::Done => {}
            HookState::Running => {
                runs(draft, &key, &hook.name);
                return false;
            }
            HookState::Failed(why) => {
                if run.attempts == 1 || run.attempts % TOLD_EACH == 0 {
                    let id = draft.record.names.id.clone();
                    let text = format!(
                        "hook `{}` before the removal of {id} failed {} times: {why}. It is tried again until it does \
                         well; nothing is removed before",
                        hook.name, run.attempts
                    );
                    draft.tell(Moment::HookFailed, &format!("{key}/{}", run.attempts), text, Vec::new());
                }
                let wait = backoff_ms(run.attempts);
                let again = run.at.plus_ms(wait);
                if !is_within(run.at, draft.now, wait) {
                    start(draft, &key, run.attempts + 1);
                    runs(draft, &key, &hook.name);
                } else {
                    draft.wait(format!("hook `{}` failed ({why}); it is tried again", hook.name));
                    draft.look_at(again);
                }
                return false;
            }
        }
    }
    true
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
    draft.wait(format!("hook `{name}` runs"));
    draft.look_at(draft.now.plus_ms(LOOK_MS));
}

#[cfg(test)]
#[path = "hooks_tests.rs"]
mod tests;
