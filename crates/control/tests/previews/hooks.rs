//! Hooks that fail, that cannot be called and that nobody knows any more: what is tried again, what people hear of it, and
//! what is never skipped.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use longshore_control::preview::Object;
use longshore_model::preview::view::Command;
use longshore_model::preview::{Hook, HookAction, Moment, Policy};
use longshore_model::{Error, Kind};
use longshore_world::{HookCall, Scan, Store};
use serde_json::json;

use crate::stage::{REPOSITORY, Stage, policy};
use crate::world::poll;

const ONE: &str = "1111111111111111111111111111111111111111";
const TWO: &str = "2222222222222222222222222222222222222222";

fn with_hooks() -> Policy {
    let mut policy = policy();
    let hook = |name: &str| Hook {
        name: name.into(),
        action: HookAction::Lambda { function: name.into() },
        timeout_s: 60,
    };
    policy.hooks.after_create = vec![hook("seed")];
    policy.hooks.after_update = vec![hook("migrate")];
    policy.hooks.before_destroy = vec![hook("drop")];
    policy
}

fn calls_of(stage: &Stage, name: &str) -> Vec<HookCall> {
    stage.called.calls.lock().unwrap().iter().filter(|call| call.hook.name == name).cloned().collect()
}

/// The next so many calls cannot be made.
fn refuse(stage: &Stage, kind: Kind, times: usize) {
    let refused = || Err(Error::new(kind, "cannot invoke function `x`: not now"));
    stage.called.ends.lock().unwrap().extend((0..times).map(|_| refused()));
}

fn told(stage: &Stage, moment: Moment) -> Vec<String> {
    let heard = stage.ear.heard.lock().unwrap();
    heard.iter().filter(|notice| notice.moment == moment).map(|notice| notice.text.clone()).collect()
}

fn state(stage: &Stage) -> String {
    stage.states().first().map_or("gone".to_owned(), |(_, state)| state.clone())
}

#[test]
fn a_hook_that_may_not_be_called_has_failed_at_once() {
    let mut stage = Stage::new(with_hooks());
    refuse(&stage, Kind::Denied, 1);
    stage.hub.push("feature-x", ONE);
    stage.settle(&mut None);
    assert_eq!((state(&stage).as_str(), calls_of(&stage, "seed").len()), ("failed", 1));
    let failure = stage.environments()[0].failure.clone().unwrap();
    assert!(failure.contains("hook `seed` (after_create) failed: cannot invoke function `x`"), "{failure}");
}

#[test]
fn a_hook_that_nobody_answers_is_the_same_attempt_until_its_time_is_over() {
    let mut stage = Stage::new(with_hooks());
    refuse(&stage, Kind::Unavailable, 3);
    stage.hub.push("feature-x", ONE);
    stage.settle(&mut None);
    let calls = calls_of(&stage, "seed");
    assert_eq!((state(&stage).as_str(), calls.len()), ("ready", 4));
    let attempts: BTreeSet<_> = calls.iter().map(|call| (call.id.clone(), call.began)).collect();
    assert_eq!(attempts.len(), 1, "a task of this attempt would be found again: {attempts:?}");

    let mut stage = Stage::new(with_hooks());
    let began = stage.now();
    refuse(&stage, Kind::Unavailable, 1_000);
    stage.hub.push("feature-x", ONE);
    stage.settle(&mut None);
    assert_eq!(state(&stage), "failed");
    let calls = calls_of(&stage, "seed").len();
    assert!((3..10).contains(&calls), "{calls} calls in a minute: later each time");
    assert!(stage.now().ms_since(began) >= 60_000);
}

#[test]
fn a_hook_before_a_removal_that_cannot_be_called_is_told_and_tried_again() {
    for kind in [Kind::NotFound, Kind::Unavailable] {
        let mut stage = Stage::new(with_hooks());
        stage.hub.push("feature-x", ONE);
        stage.settle(&mut None);
        refuse(&stage, kind, 4);
        stage.hub.delete("feature-x");
        stage.settle(&mut None);
        stage.assert_nothing_left();
        let calls = calls_of(&stage, "drop");
        assert_eq!(calls.len(), 5, "{kind:?}");
        assert!(calls.iter().all(|call| call.id == calls[0].id), "{kind:?}");
        let told = told(&stage, Moment::HookFailed);
        assert_eq!(told.len(), 1, "{kind:?}: {told:?}");
        assert!(told[0].contains("cannot invoke function `x`"), "{told:?}");
    }
}

#[test]
fn a_hook_that_is_being_called_or_waits_is_not_woken_again() {
    let mut stage = Stage::new(with_hooks());
    let (environment, hooks) =
        (Object::Environment("feature-x.shop".into()), Object::Hooks("feature-x.shop".into()));
    stage.hub.push("feature-x", ONE);
    for object in [Object::Repository(REPOSITORY.into()), environment.clone(), environment.clone()] {
        stage.round(&object);
    }
    stage.amazon.settle();
    stage.clock.pass(5);
    let mut wakes = false;
    for _ in 0..5 {
        wakes = stage.round(&environment).wake.contains(&hooks);
        if wakes {
            break;
        }
    }
    assert!(wakes, "{:?}", stage.environments());
    refuse(&stage, Kind::Unavailable, 1);
    {
        let previews = Arc::clone(&stage.previews);
        let mut call = pin!(previews.round(&hooks, "h1"));
        let mut context = Context::from_waker(Waker::noop());
        while calls_of(&stage, "seed").is_empty() {
            assert!(call.as_mut().poll(&mut context).is_pending());
        }
        assert!(!stage.round(&environment).wake.contains(&hooks), "it is under way");
        poll(call).unwrap();
    }
    assert!(!stage.round(&environment).wake.contains(&hooks), "it backs off");
    assert!(stage.environments()[0].waiting.iter().any(|why| why.contains("could not be called")));
    // Whoever wakes it nevertheless calls nobody.
    stage.round(&hooks);
    assert_eq!(calls_of(&stage, "seed").len(), 1);
    stage.clock.pass(1);
    assert!(stage.round(&environment).wake.contains(&hooks));
    stage.round(&hooks);
    assert_eq!(calls_of(&stage, "seed").len(), 2);
}

#[test]
fn no_two_deploys_of_a_commit_share_an_id() {
    let mut stage = Stage::new(with_hooks());
    for sha in [ONE, TWO, ONE, TWO] {
        stage.hub.push("feature-x", sha);
        stage.settle(&mut None);
        assert_eq!(stage.environments()[0].deployed_sha.as_deref(), Some(sha));
        stage.clock.pass(1_000);
    }
    let ids: Vec<String> = calls_of(&stage, "migrate").into_iter().map(|call| call.id).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 3, "one would be taken for a repetition: {ids:?}");
}

/// An environment whose hook before the removal fails, and of which longshore.toml speaks no more.
fn without_policy() -> Stage {
    let mut stage = Stage::new(with_hooks());
    stage.hub.push("feature-x", ONE);
    stage.settle(&mut None);
    stage.called.ends.lock().unwrap().extend((0..50).map(|_| Ok(Err("disk full".to_owned()))));
    stage.hub.delete("feature-x");
    stage.settle(&mut None);
    assert_eq!(state(&stage), "removing");
    stage.called.ends.lock().unwrap().clear();
    stage.has_policy = false;
    stage.restart();
    stage.settle(&mut None);
    stage
}

#[test]
fn a_hook_before_a_removal_is_not_skipped_when_its_policy_is_gone() {
    let mut stage = without_policy();
    assert_eq!(stage.amazon.count("DeleteService"), 0);
    let view = stage.environments().remove(0);
    assert!(view.waiting[0].contains("`drop`") && view.waiting[0].contains("`down`"), "{:?}", view.waiting);
    let before = calls_of(&stage, "drop").len();
    stage.has_policy = true;
    stage.restart();
    stage.settle(&mut None);
    stage.assert_nothing_left();
    assert_eq!(calls_of(&stage, "drop").len(), before + 1);
    assert!(!told(&stage, Moment::Removed)[0].contains("drop"));
}

#[test]
fn a_person_may_give_up_the_hooks_of_a_policy_that_is_gone_and_it_is_said() {
    let mut stage = without_policy();
    let before = calls_of(&stage, "drop").len();
    let down = Command::Down { environment: "feature-x".into() };
    let answer = poll(stage.desk.ask(&down, "ada")).unwrap();
    assert!(answer.message.contains("without its hook `drop`"), "{answer:?}");
    stage.settle(&mut None);
    stage.assert_nothing_left();
    assert_eq!(calls_of(&stage, "drop").len(), before);
    let told = told(&stage, Moment::Removed);
    assert!(told[0].contains("hook `drop` was not run"), "{told:?}");
    let rows = poll(stage.store.scan("entry", &Scan { limit: 1_000, ..Scan::default() })).unwrap();
    let lines: Vec<_> = rows.iter().map(|row| String::from_utf8_lossy(&row.body)).collect();
    let said = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(said("ada: remove it without its hook `drop`"), "{lines:#?}");
    assert!(said("nothing of it is left; its hook `drop` was not run"), "{lines:#?}");
}

#[test]
fn what_no_record_speaks_of_is_not_removed_before_its_hooks() {
    let mut stage = Stage::new(with_hooks());
    let tags = json!([{"key": "longshore:environment", "value": "lost.shop"},
        {"key": "longshore:repository", "value": "octo/shop"}]);
    stage.amazon.add_service("shop_lost", &tags);
    stage.hub.delete("lost");
    refuse(&stage, Kind::Denied, 1);
    stage.settle(&mut None);
    stage.round(&Object::Sweep);
    stage.round(&Object::Environment("lost.shop".into()));
    stage.settle(&mut None);
    stage.assert_nothing_left();
    let calls = calls_of(&stage, "drop");
    assert_eq!(calls.len(), 2, "one may not be called, and nothing goes before it has done well");
    let context = &calls[1].context;
    assert_eq!(context["subject"], json!({"branch": "lost"}));
    assert_eq!(
        context["revision"],
        json!({"sha": "5".repeat(40), "branch": "lost", "pull_request": null}),
        "as its task definition says"
    );
    let revision = "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop_lost:1";
    assert_eq!((calls[1].task_definition.as_str(), calls[1].cluster.as_str()), (revision, "previews"));
}
