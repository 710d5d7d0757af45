//! What hooks are told, how they are known again, and what their calls come to.

use super::super::samples::with_hooks as sample;
use super::*;

#[test]
fn a_hook_is_told_the_whole_context() {
    let (record, policy) = sample();
    let sha = "a".repeat(40);
    let due = hook_due(&record, &policy, &format!("after_create/{sha}/load/data")).unwrap();
    assert_eq!(due.hook.name, "load/data");
    assert_eq!((due.cluster.as_str(), due.task_definition.as_str()), ("previews", "arn:td:3"));
    assert_eq!(due.placement, json!({"launchType": "FARGATE"}));
    assert_eq!(due.id, format!("x.shop/1/after_create/{sha}/load/data/0/900"));
    assert_eq!(
        due.context,
        json!({"moment": "after_create", "environment": "x.shop", "life": 1, "repository": "octo/shop",
            "subject": {"branch": "feature/x"},
            "revision": {"sha": sha, "branch": "feature/x", "pull_request": null},
            "cluster": "previews", "url": "http://x.shop.preview.test:8080/", "host": "x.shop.preview.test",
            "port": null, "load_balancer": null, "listener": null,
            "services": [{"name": "web", "service": "shop-x", "task_definition": "arn:td:3",
                "target_group": "arn:tg", "port": 80}]})
    );
}

#[test]
fn its_id_is_the_same_for_each_try_and_another_for_each_life() {
    let (record, policy) = sample();
    let key = "before_destroy/0a/drop";
    let id = |record: &Environment| hook_due(record, &policy, key).unwrap().id;
    let mut again = record.clone();
    again
        .progress
        .hooks
        .insert(key.into(), HookRun { state: HookState::Running, attempts: 4, at: Timestamp(1) });
    assert_eq!(id(&record), id(&again));
    assert_eq!(hook_due(&again, &policy, key).unwrap().began, Timestamp(1), "and each try is known by this");
    let next = Environment { life: 2, ..record.clone() };
    assert_ne!(id(&record), id(&next));
    for unknown in ["before_destroy/0a/other", "later/0a/drop", "drop", ""] {
        assert_eq!(hook_due(&record, &policy, unknown), None, "{unknown}");
    }
}

#[test]
fn its_id_is_its_own_deploys_also_when_another_is_wanted() {
    let (mut record, policy) = sample();
    let key = format!("after_create/{}/load/data", "a".repeat(40));
    let id = |record: &Environment| hook_due(record, &policy, &key).unwrap().id;
    let first = id(&record);
    record.progress.hooked = record.progress.deploying.clone();
    record.progress.deployed = Some(Deployed { at: Timestamp(1), attempt: 7, ..Deployed::default() });
    record.progress.deploying = None;
    assert_eq!(id(&record), first, "called again after a crash, while it is being removed");
    record.progress.hooked.as_mut().unwrap().at = Timestamp(901);
    assert_ne!(id(&record), first, "the same commit was deployed once more");
}

fn running(attempts: u32) -> (Environment, Policy, &'static str) {
    let (mut record, policy) = sample();
    let run = HookRun { state: HookState::Running, attempts, at: Timestamp(1_000) };
    record.progress.hooks.insert("before_destroy/0a/drop".into(), run);
    (record, policy, "before_destroy/0a/drop")
}

fn ended(end: &HookEnd, attempts: u32, now: i64) -> HookRun {
    let (record, policy, key) = running(attempts);
    let after = hook_ended(&record, Some(&policy), key, Timestamp(1_000), end, Timestamp(now));
    after.progress.hooks[key].clone()
}

#[test]
fn its_end_is_noted() {
    let well = ended(&HookEnd::Well, 2, 9_000);
    assert_eq!(well, HookRun { state: HookState::Done, attempts: 2, at: Timestamp(9_000) });
    let badly = ended(&HookEnd::Badly("exit 1".into()), 2, 9_000);
    assert_eq!(
        badly,
        HookRun { state: HookState::Failed("exit 1".into()), attempts: 2, at: Timestamp(9_000) }
    );
    let (mut record, policy, key) = running(2);
    let note = |record: &Environment, key: &str, began: i64| {
        hook_ended(record, Some(&policy), key, Timestamp(began), &HookEnd::Well, Timestamp(9_000))
    };
    assert_eq!(note(&record, "other", 1_000), record);
    assert_eq!(note(&record, key, 999), record, "another attempt has begun since");
    record = note(&record, key, 1_000);
    assert_eq!(note(&record, key, 9_000), record, "it has ended");
}

#[test]
fn a_call_that_could_not_be_made_is_made_again_only_where_and_while_that_helps() {
    let uncalled = |kind| HookEnd::Uncalled(kind, "why".into());
    for kind in [Kind::Unavailable, Kind::Throttled] {
        let again = |attempts, now| ended(&uncalled(kind), attempts, now);
        let state = |again_at| HookState::Uncalled { why: "why".into(), again_at: Timestamp(again_at) };
        assert_eq!(again(1, 2_000), HookRun { state: state(3_000), attempts: 2, at: Timestamp(1_000) });
        assert_eq!(again(4, 2_000), HookRun { state: state(10_000), attempts: 5, at: Timestamp(1_000) });
        assert_eq!(again(9, 2_000).state, state(61_000), "and once more when its time is over");
        assert_eq!(again(9, 61_000).state, HookState::Failed("why".into()));
    }
    for kind in [Kind::Invalid, Kind::Denied, Kind::NotFound, Kind::Conflict, Kind::Bug] {
        assert_eq!(ended(&uncalled(kind), 1, 2_000).state, HookState::Failed("why".into()), "{kind:?}");
    }
    let (record, _, key) = running(1);
    let end = uncalled(Kind::Unavailable);
    let forgotten = hook_ended(&record, None, key, Timestamp(1_000), &end, Timestamp(2_000));
    assert_eq!(forgotten.progress.hooks[key].state, HookState::Failed("why".into()));
}

#[test]
fn it_is_due_until_it_has_ended_and_not_before_it_is_to_be_called_again() {
    let (mut record, _, key) = running(1);
    let mut due = |state: HookState, now: i64| {
        record.progress.hooks.get_mut(key).unwrap().state = state;
        due_hooks(&record, Timestamp(now)).count()
    };
    let uncalled = HookState::Uncalled { why: "why".into(), again_at: Timestamp(5_000) };
    assert_eq!((due(HookState::Running, 0), due(HookState::Done, 9_000)), (1, 0));
    assert_eq!(due(HookState::Failed("no".into()), 9_000), 0);
    assert_eq!((due(uncalled.clone(), 4_999), due(uncalled, 5_000)), (0, 1));
}
