//! When a client's request is worth a write: it keeps an environment from its end, and wakes one that sleeps.

use longshore_model::Timestamp;
use longshore_model::preview::{Environment, Policy};

/// The last request is never kept less exactly than this, in seconds.
const EXACT_TO_S: u32 = 60;
/// And by this share of what depends on it: who goes to sleep after five minutes does so after 270 seconds at least.
const SHARE: u32 = 10;

/// A request is told of so long after it came at most, in milliseconds.
const TOLD_WITHIN_MS: i64 = 30_000;

/// What a request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requested {
    /// It is known well enough.
    Known,
    /// The record has changed.
    Noted,
    /// The record has changed, and the environment has to wake up.
    Wakes,
}

/// Takes a request of that moment into the record. An environment that sleeps is told at once, and once: it is woken by a
/// request that came after it went to sleep. One that seems to have come long before that did not: a clock has gone back.
pub fn requested(environment: &mut Environment, policy: Option<&Policy>, at: Timestamp) -> Requested {
    let progress = &mut environment.progress;
    let last = progress.last_request_at;
    let is_after = |since: Timestamp| at > since || since.ms_since(at) > TOLD_WITHIN_MS;
    let wakes = !progress.woken && progress.asleep_since.is_some_and(is_after);
    let is_new = last.is_none_or(|last| at >= last.plus_seconds(exact_to_s(policy)));
    if !wakes && !is_new {
        return Requested::Known;
    }
    progress.last_request_at = Some(at.max(last.unwrap_or(at)));
    progress.woken |= wakes;
    if wakes { Requested::Wakes } else { Requested::Noted }
}

/// How exactly the last request is kept: each one that is kept is a write.
fn exact_to_s(policy: Option<&Policy>) -> i64 {
    let limits = policy.map(|policy| &policy.limits);
    let spans = limits.into_iter().flat_map(|limits| [limits.sleep_s, limits.ttl_s]).flatten();
    spans.map(|span| (span / SHARE).max(1)).fold(EXACT_TO_S, u32::min).into()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{NOW, environment, policy};
    use super::*;

    #[test]
    fn a_write_a_minute_and_one_more_to_wake() {
        let mut record = environment("feature/x");
        let at = |seconds| NOW.plus_seconds(seconds);
        let mut ask = |seconds, asleep: Option<i64>| {
            record.progress.woken &= record.progress.asleep_since == asleep.map(at);
            record.progress.asleep_since = asleep.map(at);
            (requested(&mut record, None, at(seconds)), record.progress.last_request_at)
        };
        assert_eq!(ask(0, None), (Requested::Noted, Some(at(0))));
        assert_eq!(ask(59, None), (Requested::Known, Some(at(0))));
        assert_eq!(ask(60, None), (Requested::Noted, Some(at(60))));
        assert_eq!(ask(70, Some(65)), (Requested::Wakes, Some(at(70))));
        assert_eq!(ask(71, Some(65)), (Requested::Known, Some(at(70))));
        assert_eq!(ask(75, Some(75)), (Requested::Known, Some(at(70))), "a request from before its sleep");
        assert_eq!(ask(76, Some(3600)), (Requested::Wakes, Some(at(76))), "the clock went back by an hour");
    }

    #[test]
    fn what_ends_soon_is_kept_more_exactly() {
        let mut policy = policy();
        let mut exact = |sleep_s, ttl_s| {
            (policy.limits.sleep_s, policy.limits.ttl_s) = (sleep_s, ttl_s);
            exact_to_s(Some(&policy))
        };
        assert_eq!(exact(None, None), 60);
        assert_eq!(exact(Some(1800), Some(86_400)), 60);
        assert_eq!(exact(Some(300), Some(86_400)), 30);
        assert_eq!(exact(None, Some(8)), 1);
    }
}
