//! When a client's request is worth a write: it keeps an environment from its end, and wakes one that sleeps.

use longshore_model::Timestamp;
use longshore_model::preview::Environment;

/// The last request is kept as exactly as this: nothing that depends on it is shorter.
const EXACT_TO_S: i64 = 60;

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
/// request that came after it went to sleep.
pub fn requested(environment: &mut Environment, at: Timestamp) -> Requested {
    let progress = &mut environment.progress;
    let last = progress.last_request_at;
    let wakes =
        progress.asleep_since.is_some_and(|since| at > since && last.is_none_or(|last| last <= since));
    let is_new = last.is_none_or(|last| at >= last.plus_seconds(EXACT_TO_S));
    if !wakes && !is_new {
        return Requested::Known;
    }
    progress.last_request_at = Some(at.max(last.unwrap_or(at)));
    if wakes { Requested::Wakes } else { Requested::Noted }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{NOW, environment};
    use super::*;

    #[test]
    fn a_write_a_minute_and_one_more_to_wake() {
        let mut record = environment("feature/x");
        let at = |seconds| NOW.plus_seconds(seconds);
        let mut ask = |seconds, asleep: Option<i64>| {
            record.progress.asleep_since = asleep.map(at);
            (requested(&mut record, at(seconds)), record.progress.last_request_at)
        };
        assert_eq!(ask(0, None), (Requested::Noted, Some(at(0))));
        assert_eq!(ask(59, None), (Requested::Known, Some(at(0))));
        assert_eq!(ask(60, None), (Requested::Noted, Some(at(60))));
        assert_eq!(ask(70, Some(65)), (Requested::Wakes, Some(at(70))));
        assert_eq!(ask(71, Some(65)), (Requested::Known, Some(at(70))));
        assert_eq!(ask(75, Some(75)), (Requested::Known, Some(at(70))), "a request from before its sleep");
    }
}
