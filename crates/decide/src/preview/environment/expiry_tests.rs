//! When an environment expires, warns and sleeps.

use std::sync::Arc;

use longshore_model::preview::Deployed;
use longshore_model::preview::view::Command;

use super::super::samples;
use super::super::seen::Seen;
use super::*;
use crate::preview::command;

const DAY: i64 = 24 * 3600;

fn record() -> Environment {
    let mut record = samples::record();
    record.progress.deployed = Some(Deployed { at: Timestamp(0), ..Deployed::default() });
    record.progress.created_at = Timestamp(0);
    record.progress.actions = 1;
    record
}

fn days(days: i64) -> Timestamp {
    Timestamp(0).plus_seconds(days * DAY)
}

fn ends(record: &Environment) -> Option<Timestamp> {
    schedule(record, Some(&samples::policy()), Timestamp(5)).expires_at
}

#[test]
fn the_ttl_counts_from_the_last_use() {
    assert_eq!(ends(&record()), Some(days(7)));
    let mut used = record();
    used.progress.last_request_at = Some(days(3));
    assert_eq!(ends(&used), Some(days(10)));
    used.progress.deployed.as_mut().unwrap().at = days(4);
    assert_eq!(ends(&used), Some(days(11)));
    used.wish.keep_until = Some(days(10));
    assert_eq!(ends(&used), Some(days(11)), "an earlier moment takes nothing away");
    used.wish.keep_until = Some(days(20));
    assert_eq!(ends(&used), Some(days(20)));
    used.wish.pinned = true;
    assert_eq!(ends(&used), None);
    assert_eq!(ends(&samples::record()), None, "one that waits for room does not age");
    assert_eq!(schedule(&record(), None, Timestamp(5)), Schedule::default());
    let mut policy = samples::policy();
    policy.limits.ttl_s = None;
    assert_eq!(schedule(&record(), Some(&policy), Timestamp(5)).expires_at, None);
}

#[test]
fn the_warning_comes_before_in_any_case() {
    let mut policy = samples::policy();
    let at = |policy: &Policy, now| schedule(&record(), Some(policy), now);
    assert_eq!(at(&policy, Timestamp(5)).warns_at, Some(days(7).plus_seconds(-DAY / 2)));
    // It comes too late: the end moves.
    let late = at(&policy, days(9));
    assert_eq!((late.warns_at, late.expires_at), (Some(days(9)), Some(days(9).plus_seconds(DAY / 2))));
    assert!(!is_down(&record(), Some(&policy), days(9)));
    let mut warned = record();
    warned.progress.warned_of = Some(days(7));
    assert!(
        is_down(&warned, Some(&policy), days(7)) && !is_down(&warned, Some(&policy), days(7).plus_ms(-1))
    );
    policy.limits.warn_s = 30 * 24 * 3600;
    assert_eq!(
        at(&policy, Timestamp(5)).warns_at,
        Some(Timestamp(0).plus_seconds(7 * DAY / 2)),
        "half of the time is quiet"
    );
    policy.limits.warn_s = 0;
    assert_eq!(at(&policy, days(9)).warns_at, None);
    assert!(is_down(&record(), Some(&policy), days(7)), "who wants no warning gets none");
}

#[test]
fn it_sleeps_when_nobody_asks_and_only_where_a_request_wakes_it() {
    let mut policy = samples::policy();
    policy.limits.sleep_s = Some(600);
    let at = |record: &Environment, policy: &Policy| schedule(record, Some(policy), Timestamp(5)).sleeps_at;
    assert_eq!(at(&record(), &policy), Some(Timestamp(600_000)));
    let mut used = record();
    used.progress.last_request_at = Some(Timestamp(50_000));
    assert_eq!(at(&used, &policy), Some(Timestamp(650_000)));
    used.progress.asleep_since = Some(Timestamp(60_000));
    assert_eq!(at(&used, &policy), None);
    policy.route = samples::host_route();
    assert_eq!(at(&record(), &policy), None, "nobody sees its requests");
}

#[test]
fn times_are_spoken() {
    let cases = [
        (0, "0 seconds"),
        (1, "1 second"),
        (61, "1 minute 1 second"),
        (43_200, "12 hours"),
        (93_784, "1 day 2 hours"),
    ];
    for (seconds, words) in cases {
        assert_eq!(spoken(seconds), words);
    }
}

#[test]
fn who_was_pinned_is_warned_again() {
    let policy = samples::policy();
    let mut warned = record();
    warned.progress.warned_of = Some(days(7));
    let mut asked = Some(warned.clone());
    for pinned in [true, false] {
        let command = Command::Pin { environment: "x.shop".into(), pinned };
        command::apply(&mut asked, &command, &policy, "ada", days(8), None).unwrap();
    }
    assert!(!is_down(&asked.unwrap(), Some(&policy), days(8)), "its time was over while it was pinned");
    // The same for a TTL that was gone for a while.
    let mut endless = samples::policy();
    endless.limits.ttl_s = None;
    let seen = Seen { policy: Some(Arc::new(endless)), has_room: true, ..Seen::default() };
    let then = super::super::decide(&warned, &seen, days(6)).record;
    assert!(!is_down(&then, Some(&policy), days(8)));
}
