//! The call of a hook: when it is due, what it is told, and what it came to.

use longshore_model::preview::{Deployed, Environment, Hook, HookRun, HookState, Policy, Subject};
use longshore_model::tag::Tag;
use longshore_model::{Kind, Timestamp};
use serde_json::{Value, json};

use super::hooks::{hook_of, is_after, left_behind};
use super::took::backoff_ms;
use super::{place, tokens};

/// What a hook's call needs.
#[derive(Debug, Clone, PartialEq)]
pub struct HookDue {
    /// What is done.
    pub hook: Hook,
    /// The same for each attempt at the same hook of the same deploy, and for no other deploy, also of the same commit.
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

/// What a hook's call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookEnd {
    /// It was called and has done well.
    Well,
    /// It was called and has not, or took too long: why.
    Badly(String),
    /// Whether it was called is not known, or it could not be: why.
    Uncalled(Kind, String),
}

/// The keys of the hooks that are to be called now.
pub fn due_hooks(record: &Environment, now: Timestamp) -> impl Iterator<Item = &str> {
    let is_due = move |run: &HookRun| match &run.state {
        HookState::Running => true,
        HookState::Uncalled { again_at, .. } => *again_at <= now,
        HookState::Done | HookState::Failed(_) => false,
    };
    record.progress.hooks.iter().filter(move |(_, run)| is_due(run)).map(|(key, _)| key.as_str())
}

/// The hook behind a key of a plan, with all that its call needs; `None` when the policy has no such hook any more.
#[must_use]
pub fn hook_due(record: &Environment, policy: &Policy, key: &str) -> Option<HookDue> {
    let hook = hook_of(policy, key)?.clone();
    let progress = &record.progress;
    let deploy = deploy_of(record, key);
    let (attempt, at) =
        deploy.map_or((record.wish.attempt, Timestamp::default()), |deploy| (deploy.attempt, deploy.at));
    let cluster = place::cluster(record, Some(policy)).unwrap_or_default().to_owned();
    Some(HookDue {
        id: format!("{}/{}/{key}/{attempt}/{}", record.names.id, record.life, at.0),
        task_definition: deploy
            .and_then(|deploy| deploy.task_definitions.first().cloned())
            .unwrap_or_default(),
        placement: progress.resources.placement.clone().unwrap_or_else(|| json!({})),
        context: context(record, policy, key),
        tags: tokens::tags(record),
        began: progress.hooks.get(key).map(|run| run.at).unwrap_or_default(),
        cluster,
        hook,
    })
}

/// The deploy that a hook follows, or cleans up after. One that has begun stays that of its own deploy, whatever is wanted
/// by then.
fn deploy_of<'a>(record: &'a Environment, key: &str) -> Option<&'a Deployed> {
    let progress = &record.progress;
    if is_after(key) { progress.hooked.as_ref().or(progress.deploying.as_ref()) } else { left_behind(record) }
}

/// All that there is to know of an environment. No secrets are in it.
fn context(record: &Environment, policy: &Policy, key: &str) -> Value {
    let resources = &record.progress.resources;
    let deploy = deploy_of(record, key);
    let revision = deploy.map_or(&record.wish.revision, |deploy| &deploy.revision);
    let subject = match &record.subject {
        Subject::Branch(name) => json!({"branch": name}),
        Subject::PullRequest(number) => json!({"pull_request": number}),
    };
    let named = tokens::as_named(record, policy);
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
        "moment": key.split('/').next(),
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

/// The record after the call of a hook's attempt, which began at `began`. A call that could not be made is made again
/// while that may help and the hook's time is not over: as the same attempt, so that a task which was started for it is
/// found again. An end that comes when another attempt has begun is none.
#[must_use]
pub fn hook_ended(
    record: &Environment,
    policy: Option<&Policy>,
    key: &str,
    began: Timestamp,
    end: &HookEnd,
    now: Timestamp,
) -> Environment {
    let mut record = record.clone();
    let run = record.progress.hooks.get_mut(key);
    let Some(run) = run.filter(|run| run.state.is_open() && run.at == began) else { return record };
    let hook = policy.and_then(|policy| hook_of(policy, key));
    let over_at = began.plus_seconds(hook.map_or(0, |hook| i64::from(hook.timeout_s)));
    run.state = match end {
        HookEnd::Well => HookState::Done,
        HookEnd::Uncalled(Kind::Unavailable | Kind::Throttled, why) if now < over_at => {
            let again_at = now.plus_ms(backoff_ms(run.attempts)).min(over_at);
            run.attempts = run.attempts.saturating_add(1);
            run.state = HookState::Uncalled { why: why.clone(), again_at };
            return record;
        }
        HookEnd::Badly(why) | HookEnd::Uncalled(_, why) => HookState::Failed(why.clone()),
    };
    run.at = now;
    record
}

#[cfg(test)]
#[path = "hook_call_tests.rs"]
mod tests;
