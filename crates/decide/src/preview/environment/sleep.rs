//! Asleep: no tasks, until a request or a person wakes it. A push to one that sleeps is deployed when it wakes: nobody
//! looks at it before.

use longshore_model::Timestamp;
use longshore_model::preview::{Environment, Moment, Policy, Route, Sleep, State};

use super::draft::Draft;
use super::{place, wanted};

/// When it goes to sleep by itself. Only our own proxy sees requests, and can hold one.
pub(super) fn sleeps_at(record: &Environment, policy: &Policy) -> Option<Timestamp> {
    let progress = &record.progress;
    let idle = i64::from(policy.limits.sleep_s?);
    if !is_behind_proxy(record, policy) || !can_sleep(record) {
        return None;
    }
    let deployed = progress.deployed.as_ref()?.at;
    let used = progress.last_request_at.map_or(deployed, |at| at.max(deployed)).max(progress.changed_at);
    Some(used.plus_seconds(idle))
}

fn is_behind_proxy(record: &Environment, policy: &Policy) -> bool {
    matches!(place::route(record, Some(policy)), Some(Route::Proxy { .. }))
}

/// Whether it is awake, and nothing is on its way.
fn can_sleep(record: &Environment) -> bool {
    let progress = &record.progress;
    wanted::serves(record) && progress.asleep_since.is_none() && progress.deploying.is_none()
}

/// Whether it has gone to sleep, and nothing has woken it.
pub(super) fn is_asleep(record: &Environment) -> bool {
    record.progress.asleep_since.is_some() && !is_woken(record)
}

/// Whether somebody has asked for it since it went to sleep.
const fn is_woken(record: &Environment) -> bool {
    record.progress.asleep_since.is_some() && record.progress.woken
}

/// Whether it should go to sleep now.
pub(super) fn is_due(record: &Environment, policy: &Policy, now: Timestamp) -> bool {
    let is_idle = || sleeps_at(record, policy).is_some_and(|at| now >= at);
    can_sleep(record) && (record.wish.sleep == Sleep::Asleep || is_idle())
}

/// Goes to sleep, or begins to wake. The wish to sleep is used up by it, so that a request can wake it.
pub(super) fn turn(draft: &mut Draft<'_>, policy: &Policy) {
    if is_due(&draft.record, policy, draft.now) {
        draft.begin_anew();
        draft.record.progress.asleep_since = Some(draft.now);
        draft.record.progress.woken = false;
        draft.record.wish.sleep = Sleep::Auto;
        draft.record.state = State::Asleep;
        let id = &draft.record.names.id;
        let text = if is_behind_proxy(&draft.record, policy) {
            format!("{id} sleeps; the next request wakes it")
        } else {
            format!("{id} sleeps; `longshore preview wake {id}` wakes it: its requests are not seen here")
        };
        draft.tell(Moment::Asleep, &format!("asleep/{}", draft.now.0), text, Vec::new());
    } else if is_woken(&draft.record) && draft.record.state != State::Waking {
        draft.begin_anew();
        draft.record.state = State::Waking;
    } else if let Some(at) = sleeps_at(&draft.record, policy) {
        draft.look_at(at);
    }
}
