//! What hooks are told, and how they are known again.

use std::sync::Arc;

use longshore_model::preview::HookAction;

use super::super::samples;
use super::super::seen::Seen;
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

#[test]
fn a_removal_waits_for_the_hooks_of_the_deploy_and_cleans_up_after_them() {
    let (mut record, policy) = sample();
    let seen = Seen { policy: Some(Arc::new(policy)), ..Seen::default() };
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
    let done = hook_ended(&late.record, &drop_key, &Ok(()), Timestamp(62_000));
    assert!(plan(&done, 63_000).0);
    let (untouched, _) = sample();
    assert!(plan(&untouched, 1_000).0, "no hook has made anything");
}
