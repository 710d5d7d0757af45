//! What the store keeps, and for how long.

use longshore_model::Timestamp;

/// The newest lines of an object's timeline that are kept.
pub const LINES: usize = 200;
/// Seconds after which a delivery goes.
const DELIVERIES_S: i64 = 30 * 24 * 3600;
/// Seconds after which a notice goes that all have been told.
const NOTICES_S: i64 = 7 * 24 * 3600;
/// Seconds after which a notice goes, told or not: a notifier that is down for longer is not told.
const UNTOLD_S: i64 = 30 * 24 * 3600;
/// Seconds after which the timeline of an object goes that has none newer.
const TIMELINES_S: i64 = 90 * 24 * 3600;

/// Deliveries from before this moment go.
#[must_use]
pub const fn deliveries_from(now: Timestamp) -> Timestamp {
    now.plus_seconds(-DELIVERIES_S)
}

/// Lines from before this moment go.
#[must_use]
pub const fn lines_from(now: Timestamp) -> Timestamp {
    now.plus_seconds(-TIMELINES_S)
}

/// Notices with keys before this one go; `told` are the keys up to which each notifier has been told.
#[must_use]
pub fn notices_from<'a>(told: impl Iterator<Item = &'a str>, now: Timestamp) -> String {
    let old = super::telling::moment(now.plus_seconds(-NOTICES_S));
    let too_old = super::telling::moment(now.plus_seconds(-UNTOLD_S));
    let told = told.min().map_or(old.clone(), |told| told.to_owned().min(old));
    told.max(too_old)
}

#[cfg(test)]
mod tests {
    use super::super::telling::moment;
    use super::*;

    #[test]
    fn a_notice_is_kept_for_who_was_down_but_not_for_ever() {
        const DAY: i64 = 24 * 3600;
        let now = Timestamp(100 * DAY * 1000);
        let at = |day: i64| moment(Timestamp(day * DAY * 1000));
        let cases = [(vec![99, 98], 93), (vec![99, 80], 80), (vec![10], 70), (vec![], 93)];
        for (told, from) in cases {
            let told: Vec<String> = told.into_iter().map(at).collect();
            assert_eq!(notices_from(told.iter().map(String::as_str), now), at(from));
        }
    }
}
