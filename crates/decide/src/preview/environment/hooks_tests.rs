//! Which hook comes next, and what waits for it.

use std::sync::Arc;

use serde_json::json;

use super::super::hook_call::{HookEnd, hook_due, hook_ended};
use super::super::samples::{self, with_hooks as sample};
use super::super::seen::{Look, Plan, Seen};
use super::*;

#[test]
fn a_hook_in_flight_holds_what_comes_next_but_not_for_ever() {
    let (mut record, policy) = sample();
    let key = "before_destroy/0a/drop".to_owned();
    record
        .progress
        .hooks
        .insert(key, HookRun { state: HookState::Running, attempts: 1, at: Timestamp(1_000) });
    assert_eq!(in_flight(&record, &policy, Timestamp(60_999)).as_deref(), Some("drop"));
    assert_eq!(in_flight(&record, &policy, Timestamp(61_000)), None);
    assert_eq!(in_flight(&record, &samples::policy(), Timestamp(2_000)), None, "no such hook any more");
    let run = record.progress.hooks.values_mut().next().unwrap();
    run.state = HookState::Uncalled { why: "no answer".into(), again_at: Timestamp(9_000) };
    assert_eq!(
        in_flight(&record, &policy, Timestamp(68_999)).as_deref(),
        Some("drop"),
        "from its last call on"
    );
    assert_eq!(in_flight(&record, &policy, Timestamp(69_000)), None);
}

#[test]
fn a_removal_waits_for_the_hooks_of_the_deploy_and_cleans_up_after_them() {
    let (mut record, policy) = sample();
    let seen = seen_with(policy);
    let mut draft = Draft::new(&record, &seen, Timestamp(1_000));
    let policy = seen.policy.as_deref().unwrap();
    assert!(!after(&mut draft, policy).unwrap());
    record = draft.finish().record;
    let begun = record.progress.deploying.take();
    assert_eq!(record.progress.hooked, begun, "what it makes is there from here on");

    let plan = |record: &Environment, now| {
        let mut draft = Draft::new(record, &seen, Timestamp(now));
        let is_free = before_destroy(&mut draft);
        (is_free, draft.finish())
    };
    let sha = "a".repeat(40);
    let (is_free, waits) = plan(&record, 2_000);
    assert_eq!((is_free, waits.hooks), (false, vec![format!("after_create/{sha}/load/data")]));
    let (is_free, late) = plan(&record, 61_000);
    let drop_key = format!("before_destroy/{sha}/drop");
    assert_eq!((is_free, &late.hooks), (false, &vec![drop_key.clone()]), "it may take so long and no longer");
    let due = hook_due(&late.record, policy, &drop_key).unwrap();
    assert_eq!((due.task_definition.as_str(), &due.context["revision"]["sha"]), ("arn:td:3", &json!(sha)));
    let done = ended(&late.record, &drop_key, &HookEnd::Well, 62_000);
    assert!(plan(&done, 63_000).0);
    let (untouched, _) = sample();
    assert!(plan(&untouched, 1_000).0, "no hook has made anything");
}

fn seen_with(policy: Policy) -> Seen {
    Seen { policy: Some(Arc::new(policy)), ..Seen::default() }
}

fn ended(record: &Environment, key: &str, end: &HookEnd, now: i64) -> Environment {
    let policy = sample().1;
    let began = record.progress.hooks[key].at;
    hook_ended(record, Some(&policy), key, began, end, Timestamp(now))
}

/// One that is being removed, with its key.
fn leaving() -> (Environment, Seen, String) {
    let (mut record, policy) = sample();
    record.progress.deployed = record.progress.deploying.take();
    record.progress.before_destroy = vec!["drop".into()];
    record.progress.actions = 3;
    super::super::super::record::remove(&mut record, "the branch was deleted", "github", Timestamp(1_000));
    let key = format!("before_destroy/{}/drop", "a".repeat(40));
    (record, seen_with(policy), key)
}

fn plan(record: &Environment, seen: &Seen, now: i64) -> Plan {
    super::super::decide(record, seen, Timestamp(now))
}

#[test]
fn what_cannot_be_called_before_a_removal_is_told_once_and_then_rarely() {
    let (record, seen, key) = leaving();
    let mut record = plan(&record, &seen, 1_000).record;
    let end = HookEnd::Uncalled(longshore_model::Kind::Unavailable, "nobody answers".into());
    let (mut now, mut told) = (1_000, Vec::new());
    for _ in 0..45 {
        record = ended(&record, &key, &end, now);
        let failed = plan(&record, &seen, now);
        assert!(failed.record.waiting[0].contains("nobody answers"), "{:?}", failed.record.waiting);
        told.extend(failed.notices.into_iter().map(|notice| notice.text));
        now = failed.look_again_at.unwrap().0;
        record = plan(&failed.record, &seen, now).record;
        now += 300_000;
        record = plan(&record, &seen, now).record;
    }
    assert!(told.iter().all(|text| text.contains("hook `drop` before the removal of x.shop failed")));
    let times: Vec<&str> = told.iter().map(|text| text.split("failed ").nth(1).unwrap()).collect();
    assert_eq!(times.len(), 3, "{times:?}");
    assert!(times[0].starts_with("once: nobody answers") && times[1].starts_with("20 times"), "{times:?}");
}

#[test]
fn without_its_policy_a_removal_waits_for_a_person() {
    let (record, seen, key) = leaving();
    let bare = Seen::default();
    let waits = plan(&record, &bare, 2_000);
    assert!(waits.actions.is_empty() && waits.hooks.is_empty() && !waits.forget);
    assert!(waits.record.waiting[0].contains("hook `drop` must do well"), "{:?}", waits.record.waiting);
    assert_eq!(super::super::needs(&record, None, Timestamp(2_000)), Default::default());
    assert!(waits.look_again_at.is_some());
    assert_eq!(plan(&waits.record, &seen, 3_000).hooks, std::slice::from_ref(&key), "it is there again");

    let mut given_up = waits.record.clone();
    let Presence::Down(removal) = &mut given_up.wish.presence else { panic!() };
    removal.without_hooks = true;
    assert_eq!(
        plan(&given_up, &seen, 3_000).hooks,
        std::slice::from_ref(&key),
        "whoever knows it runs it nevertheless"
    );
    assert!(super::super::needs(&given_up, None, Timestamp(2_000)).services);
    let nothing = Seen { services: Look::Seen([].into()), ..bare.clone() };
    let gone = plan(&given_up, &nothing, 4_000);
    assert!(gone.forget, "{:?}", gone.record.waiting);
    assert!(
        gone.notices[0].text.ends_with(
            "; its hook `drop` was not run, because longshore.toml has no [[preview]] for octo/shop"
        )
    );

    let mut done = record.clone();
    let run = HookRun { state: HookState::Done, attempts: 1, at: Timestamp(1_500) };
    done.progress.hooks.insert(key, run);
    assert!(plan(&done, &nothing, 4_000).forget, "it has done well before");
    let mut untouched = record;
    untouched.progress.deployed = None;
    assert!(plan(&untouched, &nothing, 4_000).forget, "there is nothing to clean up");
}

#[test]
fn the_hooks_before_the_removal_are_kept_as_the_policy_has_them() {
    let (record, policy) = sample();
    assert_eq!(plan(&record, &seen_with(policy), 2_000).record.progress.before_destroy, ["drop"]);
    let (mut record, _) = sample();
    record.progress.before_destroy = vec!["drop".into(), "other".into()];
    assert_eq!(hooks_left_out(&record), None, "nothing to clean up");
    record.progress.deployed = record.progress.deploying.clone();
    assert_eq!(hooks_left_out(&record).as_deref(), Some("hooks `drop` and `other`"));
    assert_eq!(hooks_not_run(&record).as_deref(), Some("its hooks `drop` and `other` were not run"));
    let none = Seen { policy: Some(Arc::new(samples::policy())), ..Seen::default() };
    assert!(plan(&record, &none, 2_000).record.progress.before_destroy.is_empty());
}
