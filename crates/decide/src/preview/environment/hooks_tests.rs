//! What hooks are told, and how they are known again.

use longshore_model::preview::{Deployed, HookAction};

use super::super::samples;
use super::*;

fn hook(name: &str) -> Hook {
    let action = HookAction::Https { url: "https://hooks.test".into(), secret_env: "HOOK_KEY".into() };
    Hook { name: name.into(), action, timeout_s: 60 }
}

fn sample() -> (Environment, Policy) {
    let mut policy = samples::policy();
    policy.hooks.after_create = vec![hook("load/data")];
    policy.hooks.before_destroy = vec![hook("drop")];
    let mut record = samples::record();
    record.progress.deploying = Some(Deployed {
        revision: record.wish.revision.clone(),
        task_definitions: vec!["arn:td:3".into()],
        ..Deployed::default()
    });
    record.progress.resources.target_groups = [("web".to_owned(), "arn:tg".to_owned())].into();
    record.progress.resources.placement = Some(json!({"launchType": "FARGATE"}));
    (record, policy)
}

#[test]
fn a_hook_is_told_the_whole_context() {
    let (record, policy) = sample();
    let sha = "a".repeat(40);
    let due = hook_due(&record, &policy, &format!("after_create/{sha}/load/data")).unwrap();
    assert_eq!(due.hook.name, "load/data");
    assert_eq!((due.cluster.as_str(), due.task_definition.as_str()), ("previews", "arn:td:3"));
    assert_eq!(due.placement, json!({"launchType": "FARGATE"}));
    assert_eq!(due.id, format!("x.shop/1/after_create/{sha}/load/data/0"));
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
fn its_end_is_noted() {
    let (mut record, _) = sample();
    let run = HookRun { state: HookState::Running, attempts: 2, at: Timestamp(1) };
    record.progress.hooks.insert("k".into(), run);
    let well = hook_ended(&record, "k", &Ok(()), Timestamp(9));
    assert_eq!(well.progress.hooks["k"], HookRun { state: HookState::Done, attempts: 2, at: Timestamp(9) });
    let badly = hook_ended(&record, "k", &Err("exit 1".into()), Timestamp(9));
    assert_eq!(badly.progress.hooks["k"].state, HookState::Failed("exit 1".into()));
    assert_eq!(hook_ended(&record, "other", &Ok(()), Timestamp(9)), record);
}

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
}
