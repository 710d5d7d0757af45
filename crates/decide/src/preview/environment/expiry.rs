//! When an environment ends by itself, and the warning before it.

use longshore_model::Timestamp;
use longshore_model::preview::{Environment, Moment, Policy, Presence, Removal, Schedule};

use super::draft::Draft;
use super::{sleep, wanted};

/// When it expires, warns and sleeps. The TTL counts from the last deploy or HTTP request, whichever was later. An
/// expiry that nobody was warned of, because nothing ran at that moment, moves: the warning always comes before it.
#[must_use]
pub fn schedule(record: &Environment, policy: Option<&Policy>, now: Timestamp) -> Schedule {
    let Some(policy) = policy else { return Schedule::default() };
    if matches!(record.wish.presence, Presence::Down(_)) || wanted::is_untouched(record) {
        return Schedule::default();
    }
    let sleeps_at = sleep::sleeps_at(record, policy);
    let Some(ttl) = policy.limits.ttl_s.filter(|_| !record.wish.pinned) else {
        return Schedule { sleeps_at, ..Schedule::default() };
    };
    let expires_at = natural(record, ttl);
    // At least half of the time is without a warning.
    let warning = i64::from(policy.limits.warn_s.min(ttl / 2));
    let warned = record.progress.warned_of == Some(expires_at);
    let schedule = if warning == 0 {
        (expires_at, None)
    } else if now >= expires_at && !warned {
        (now.plus_seconds(warning), Some(now))
    } else {
        (expires_at, Some(expires_at.plus_seconds(-warning)))
    };
    Schedule { expires_at: Some(schedule.0), warns_at: schedule.1, sleeps_at }
}

/// When its time is over, warned or not.
fn natural(record: &Environment, ttl: u32) -> Timestamp {
    let expires_at = used_at(record).plus_seconds(i64::from(ttl));
    record.wish.keep_until.map_or(expires_at, |keep| keep.max(expires_at))
}

/// The last deploy, tried or done, or the last HTTP request.
fn used_at(record: &Environment) -> Timestamp {
    let progress = &record.progress;
    let moments = [
        progress.deployed.as_ref().map(|deployed| deployed.at),
        progress.deploying.as_ref().map(|deploying| deploying.at),
        progress.failure.as_ref().map(|failure| failure.at),
        progress.last_request_at,
    ];
    moments.into_iter().flatten().fold(progress.created_at, Timestamp::max)
}

/// Whether it should go, now that its time may be over.
pub(super) fn is_down(record: &Environment, policy: Option<&Policy>, now: Timestamp) -> bool {
    let is_over = || schedule(record, policy, now).expires_at.is_some_and(|at| now >= at);
    matches!(record.wish.presence, Presence::Down(_)) || is_over()
}

/// Ends it when its time is over, and warns before that.
pub(super) fn turn(draft: &mut Draft<'_>, policy: &Policy) {
    let now = draft.now;
    let schedule = schedule(&draft.record, Some(policy), now);
    let Some(expires_at) = schedule.expires_at else {
        // Should there be an end again, there is a warning before it.
        draft.record.progress.warned_of = None;
        return;
    };
    if now >= expires_at {
        let unused = spoken(i64::from(policy.limits.ttl_s.unwrap_or_default()));
        draft.record.wish.presence = Presence::Down(Removal {
            why: format!("not used for {unused}"),
            by: "ttl".to_owned(),
            since: now,
            again: None,
            without_hooks: false,
        });
        draft.record.held = None;
        return;
    }
    draft.look_at(expires_at);
    match schedule.warns_at {
        Some(warns_at) if now < warns_at => draft.look_at(warns_at),
        Some(_) if draft.record.progress.warned_of != Some(expires_at) => {
            draft.record.progress.warned_of = Some(expires_at);
            if policy.limits.ttl_s.is_some_and(|ttl| natural(&draft.record, ttl) != expires_at) {
                // The warning comes late: the end waits for it.
                draft.record.wish.keep_until = Some(expires_at);
            }
            let left = spoken(expires_at.ms_since(now) / 1000);
            let text =
                format!("{} ends in {left} unless it is used, extended or pinned", draft.record.names.id);
            let key = format!("expiring/{}", expires_at.0);
            draft.tell(Moment::Expiring, &key, text, Vec::new());
        }
        _ => {}
    }
}

/// A time in its two largest units at most, for people.
fn spoken(seconds: i64) -> String {
    const UNITS: [(i64, &str); 4] = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let mut rest = seconds.max(0);
    let mut words = Vec::new();
    for (length, unit) in UNITS {
        let count = rest / length;
        if count > 0 && words.len() < 2 {
            words.push(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }));
            rest -= count * length;
        }
    }
    if words.is_empty() { "0 seconds".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
#[path = "expiry_tests.rs"]
mod tests;
