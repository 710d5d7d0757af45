//! The record after an action: what was made, or what is done about its failure.

use longshore_model::preview::{Environment, Failure, Intent, State};
use longshore_model::{Kind, Timestamp};

use super::seen::{Action, Outcome};
use super::tokens::SERVICE_TAG;

/// The wait after the first of several errors; each further one doubles it.
const FIRST_BACKOFF_MS: i64 = 1_000;
/// The longest wait.
pub(super) const LONGEST_BACKOFF_MS: i64 = 300_000;
/// So many ports or priorities are tried at once, when each was taken by somebody else in between.
const COLLISIONS_AT_ONCE: u32 = 5;

/// The wait after so many errors in a row, in milliseconds.
pub(super) fn backoff_ms(errors: u32) -> i64 {
    let doubled = 2_i64.saturating_pow(errors.saturating_sub(1).min(20));
    FIRST_BACKOFF_MS.saturating_mul(doubled).min(LONGEST_BACKOFF_MS)
}

/// What an action is, in words: the same before and after it is completed.
#[must_use]
pub fn what(record: &Environment, action: &Action) -> String {
    let service = |index: &usize| record.names.services.get(*index).map_or("?", String::as_str);
    match action {
        Action::Register(index, _) => format!("register task definition {}", service(index)),
        Action::CreateService(index, _) => format!("create service {}", service(index)),
        Action::UpdateService(index, input) => {
            let tasks = |count: &serde_json::Value| match count.as_u64() {
                Some(1) => " to 1 task".to_owned(),
                _ => format!(" to {count} tasks"),
            };
            let count = input.get("desiredCount").map(tasks).unwrap_or_default();
            format!("update service {}{count}", service(index))
        }
        Action::DeleteService { name } => format!("delete service {name}"),
        Action::CreateTargetGroup(index, _) => {
            let name = record.names.target_groups.get(*index).map_or("?", String::as_str);
            format!("create target group {name}")
        }
        Action::CreateListener { port, .. } => format!("create listener on port {port}"),
        Action::CreateRule { index, priority, .. } => {
            format!("create rule for {} at priority {priority}", service(index))
        }
        Action::DeleteRule(arn) => format!("delete rule {arn}"),
        Action::DeleteListener(arn) => format!("delete listener {arn}"),
        Action::DeleteTargetGroup(arn) => format!("delete target group {arn}"),
        Action::Deregister(arn) => format!("deregister {arn}"),
    }
}

/// The record after an action. What comes behind one that failed in the same plan was not begun.
#[must_use]
pub fn took(record: &Environment, action: &Action, outcome: &Outcome, now: Timestamp) -> Environment {
    let mut record = record.clone();
    let words = what(&record, action);
    let place = record.progress.intents.iter().position(|intent| intent.what == words);
    match outcome {
        Outcome::Done(arn) => {
            if let Some(place) = place {
                record.progress.intents.remove(place);
            }
            done(&mut record, action, arn.as_deref(), now);
        }
        Outcome::Failed(Kind::NotFound, _) if action.takes_away() => {
            if let Some(place) = place {
                record.progress.intents.remove(place);
            }
            done(&mut record, action, None, now);
        }
        Outcome::Failed(kind, why) => failed(&mut record, action, place, (*kind, why), now),
    }
    record
}

/// What takes away again what an action has made, when the environment went while the call was under way and nobody would
/// ever find it. The sweep finds a service.
#[must_use]
pub fn undo(action: &Action, outcome: &Outcome) -> Option<Action> {
    let Outcome::Done(Some(arn)) = outcome else { return None };
    let back = match action {
        Action::Register(..) => Action::Deregister,
        Action::CreateTargetGroup(..) => Action::DeleteTargetGroup,
        Action::CreateListener { .. } => Action::DeleteListener,
        Action::CreateRule { .. } => Action::DeleteRule,
        _ => return None,
    };
    Some(back(arn.clone()))
}

fn done(record: &mut Environment, action: &Action, arn: Option<&str>, now: Timestamp) {
    let service = |index: usize| record.names.services.get(index).cloned().unwrap_or_default();
    let name = match action {
        Action::CreateService(index, _) | Action::Register(index, _) => service(*index),
        _ => String::new(),
    };
    let progress = &mut record.progress;
    (progress.errors, progress.retry_at, progress.trouble) = (0, None, None);
    let made = &mut progress.resources;
    let new = arn.unwrap_or_default().to_owned();
    match action {
        Action::Register(index, _) => {
            let known = progress.deploying.as_mut().map(|deploying| &mut deploying.task_definitions);
            if let Some(revision) = known.and_then(|known| known.get_mut(*index)) {
                revision.clone_from(&new);
            }
            made.registered.insert(name, (new, now));
        }
        Action::CreateService(..) => {
            made.services.insert(name, now);
        }
        Action::CreateTargetGroup(_, input) => {
            let tags = input["Tags"].as_array().into_iter().flatten();
            let service = tags.filter(|tag| tag["Key"] == SERVICE_TAG).find_map(|tag| tag["Value"].as_str());
            made.target_groups.insert(service.unwrap_or_default().to_owned(), new);
        }
        Action::CreateListener { port, .. } => (made.listener, made.port) = (Some(new), Some(*port)),
        Action::CreateRule { .. } => made.rules.push(new),
        Action::DeleteRule(gone) => made.rules.retain(|rule| rule != gone),
        Action::DeleteListener(gone) => {
            if made.listener.as_ref() == Some(gone) {
                (made.listener, made.port) = (None, None);
            }
        }
        Action::DeleteTargetGroup(gone) => made.target_groups.retain(|_, group| group != gone),
        Action::DeleteService { name } => drop(made.services.remove(name)),
        Action::Deregister(gone) => {
            made.registered.retain(|_, (revision, _)| revision != gone);
            if made.last_revision.as_ref() == Some(gone) {
                made.last_revision = None;
                made.families.clear();
            }
        }
        Action::UpdateService(..) => {}
    }
}

fn failed(
    record: &mut Environment,
    action: &Action,
    place: Option<usize>,
    (kind, why): (Kind, &str),
    now: Timestamp,
) {
    let is_unknown = matches!(kind, Kind::Unavailable | Kind::Bug);
    let own: Option<Intent> = place.and_then(|place| record.progress.intents.get(place).cloned());
    if let Some(own) = own {
        let is_before = |intent: &Intent| intent.ordinal < own.ordinal && intent.at <= own.at;
        record.progress.intents.retain(|intent| is_before(intent) || (is_unknown && *intent == own));
    }
    let words = format!("cannot {}: {why}", what(record, action));
    let progress = &mut record.progress;
    progress.errors = progress.errors.saturating_add(1);
    let collides =
        kind == Kind::Conflict && matches!(action, Action::CreateListener { .. } | Action::CreateRule { .. });
    let wait =
        if collides && progress.errors <= COLLISIONS_AT_ONCE { 0 } else { backoff_ms(progress.errors) };
    progress.retry_at = Some(now.plus_ms(wait));
    progress.trouble = Some(words.clone());
    progress.steady = false;
    if is_final(kind, why) && !action.takes_away() && record.state != State::Removing {
        give_up(record, words, now);
    }
}

/// Whether waiting does not mend it. ECS says with the words of a wrong request what passes by itself, too.
fn is_final(kind: Kind, why: &str) -> bool {
    const PASSES: [&str; 5] = [
        "draining",
        "not active",
        "notactive",
        "not idempotent",
        "does not have an associated load balancer",
    ];
    let why = why.to_ascii_lowercase();
    matches!(kind, Kind::Invalid | Kind::Denied | Kind::NotFound)
        && !PASSES.iter().any(|words| why.contains(words))
}

/// The revision that is being rolled out does not come to run.
fn give_up(record: &mut Environment, why: String, now: Timestamp) {
    let progress = &mut record.progress;
    let Some(deploying) = progress.deploying.take() else { return };
    progress.failed_shape = Some(deploying.shape);
    progress.failure = Some(Failure {
        revision: deploying.revision,
        attempt: deploying.attempt,
        why: format!("{why}. Mend what it names, and ask for it once more"),
        log_tail: Vec::new(),
        at: now,
    });
    (progress.errors, progress.retry_at, progress.trouble) = (0, None, None);
    progress.changed_at = now;
    progress.untold = true;
}

#[cfg(test)]
#[path = "took_tests.rs"]
mod tests;
