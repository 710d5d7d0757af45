//! What comes in and what goes out: deliveries, requests, notices, hooks; and what is kept of it.

use longshore_control::preview::{Accepted, Object};
use longshore_model::preview::view::Command;
use longshore_model::preview::{Delivery, DeliveryState, Hook, HookAction, Moment, Source};

use crate::stage::{REPOSITORY, Stage, policy};
use crate::world::poll;

const ONE: &str = "1111111111111111111111111111111111111111";

fn delivery(stage: &Stage, id: &str) -> Delivery {
    Delivery {
        id: id.into(),
        source: Source::Github,
        event: "push".into(),
        repository: Some(REPOSITORY.into()),
        about: Some("branch `feature-x`".into()),
        at: stage.now(),
        state: DeliveryState::Accepted,
    }
}

fn shown(stage: &Stage) -> Vec<(String, String)> {
    let deliveries = poll(stage.desk.deliveries(10)).unwrap();
    deliveries.into_iter().map(|it| (it.state, it.text.unwrap_or_default())).collect()
}

#[test]
fn a_delivery_is_stored_once_and_ends_with_what_was_found() {
    let mut stage = Stage::new(policy());
    let deliver = |stage: &Stage, id| poll(stage.desk.deliver(delivery(stage, id), b"{}".to_vec())).unwrap();
    stage.store.set_down(true);
    assert!(poll(stage.desk.deliver(delivery(&stage, "1"), b"{}".to_vec())).is_err(), "GitHub is told so");
    stage.store.set_down(false);
    assert_eq!(deliver(&stage, "1"), Accepted::New);
    assert_eq!(deliver(&stage, "1"), Accepted::Known);
    assert_eq!(stage.store.keys("payload"), ["1"]);
    // GitHub does not answer: nothing is decided, and nothing is lost.
    let round = stage.round(&Object::Repository(REPOSITORY.into()));
    assert!(round.trouble.is_some() && round.look_again_at > Some(stage.now()));
    assert_eq!(shown(&stage), [("accepted".to_owned(), String::new())]);
    // The process that took it has died: the sweep finds it.
    stage.restart();
    assert!(stage.round(&Object::Sweep).wake.contains(&Object::Repository(REPOSITORY.into())));
    stage.hub.push("feature-x", ONE);
    stage.round(&Object::Repository(REPOSITORY.into()));
    let [(state, text)] = &shown(&stage)[..] else { panic!() };
    assert_eq!(state, "done");
    assert!(text.contains("`feature-x.shop` is made"), "{text}");
    assert_eq!(stage.store.keys("pending"), Vec::<String>::new());
    let woken = stage.round(&Object::Sweep).wake;
    assert_eq!(woken, [Object::Environment("feature-x.shop".into())], "it has had no round of its own yet");
}

#[test]
fn github_that_fails_destroys_nothing_and_many_removals_wait_for_a_word() {
    let mut stage = Stage::new(policy());
    for index in 0..7 {
        stage.hub.push(&format!("b{index}"), ONE);
    }
    stage.settle(&mut None);
    let branches = stage.hub.0.lock().unwrap().take();
    stage.settle(&mut None);
    assert_eq!(stage.states().len(), 7);
    *stage.hub.0.lock().unwrap() = Some(Default::default());
    let round = stage.round(&Object::Repository(REPOSITORY.into()));
    assert_eq!(round.waiting.len(), 1, "{:?}", round.waiting);
    stage.settle(&mut None);
    assert!(stage.states().iter().all(|(_, state)| state == "ready"), "{branches:?}");
    for view in stage.environments() {
        assert!(view.waiting[0].contains("`longshore preview confirm octo/shop` lets them go"), "{view:?}");
    }
    let waiting = poll(stage.desk.waiting()).unwrap();
    assert_eq!((waiting.len(), waiting[0].about.as_str()), (1, "repository octo/shop"), "{waiting:?}");
    assert!(waiting[0].waiting[0].contains("7 environments would be removed at once"), "{waiting:?}");
    let held = |stage: &Stage| {
        stage.ear.heard.lock().unwrap().iter().filter(|notice| notice.moment == Moment::Held).count()
    };
    assert_eq!(held(&stage), 7, "people hear of each once");
    let confirm = Command::Confirm { repository: "shop".into() };
    poll(stage.desk.ask(&confirm, "ada")).unwrap();
    stage.settle(&mut None);
    stage.assert_nothing_left();
}

#[test]
fn a_request_wakes_who_sleeps_at_once_and_is_written_once_a_minute() {
    let mut stage = Stage::new(policy());
    stage.hub.push("feature-x", ONE);
    stage.settle(&mut None);
    let sleep = Command::Sleep { environment: "feature-x".into() };
    poll(stage.desk.ask(&sleep, "ada")).unwrap();
    stage.settle(&mut None);
    assert_eq!(stage.states(), [("feature-x.shop".to_owned(), "asleep".to_owned())]);
    assert_eq!(stage.amazon.tasks.lock().unwrap().len(), 0);
    stage.clock.pass(100);
    let mut changes = stage.desk.changes();
    for seconds in [0, 1, 30] {
        let at = stage.now().plus_seconds(seconds);
        poll(stage.desk.requested(&[("feature-x.shop".into(), at), ("gone.shop".into(), at)])).unwrap();
    }
    assert_eq!(changes.try_recv().unwrap(), "feature-x.shop");
    assert!(changes.try_recv().is_err(), "one write a minute");
    assert_eq!(stage.desk.driver().counters().queued, 1);
    stage.settle(&mut None);
    assert_eq!(stage.states(), [("feature-x.shop".to_owned(), "ready".to_owned())]);
}

#[test]
fn hooks_run_after_the_tasks_are_healthy_and_before_anything_is_removed() {
    let mut policy = policy();
    let hook = |name: &str| Hook {
        name: name.into(),
        action: HookAction::Lambda { function: name.into() },
        timeout_s: 60,
    };
    policy.hooks.after_create = vec![hook("seed"), hook("warm")];
    policy.hooks.before_destroy = vec![hook("drop")];
    let mut stage = Stage::new(policy);
    stage.hub.push("feature-x", ONE);
    stage.settle(&mut None);
    assert_eq!(stage.states(), [("feature-x.shop".to_owned(), "ready".to_owned())]);
    stage.hub.delete("feature-x");
    stage.settle(&mut None);
    stage.assert_nothing_left();
    let called = stage.called.calls.lock().unwrap();
    let names: Vec<&str> = called.iter().map(|call| call.hook.name.as_str()).collect();
    assert_eq!(names, ["seed", "warm", "drop"]);
    assert_eq!(called[0].cluster, "previews");
}

#[test]
fn what_is_old_goes_and_what_is_new_stays() {
    let mut stage = Stage::new(policy());
    poll(stage.desk.deliver(delivery(&stage, "old"), b"{}".to_vec())).unwrap();
    stage.hub.push("feature-x", ONE);
    stage.settle(&mut None);
    for turn in 0..150 {
        for pinned in [true, false] {
            let pin = Command::Pin { environment: "feature-x".into(), pinned };
            poll(stage.desk.ask(&pin, "ada")).unwrap();
        }
        stage.clock.pass(turn);
    }
    stage.clock.pass(31 * 24 * 3600);
    poll(stage.desk.deliver(delivery(&stage, "new"), b"{}".to_vec())).unwrap();
    assert!(stage.store.keys("entry").len() > 300);
    stage.round(&Object::Tidy);
    assert_eq!(stage.store.keys("delivery"), ["new"]);
    assert_eq!(stage.store.keys("payload"), ["new"]);
    assert_eq!(stage.store.keys("arrival").len(), 1);
    assert_eq!(stage.store.keys("entry").len(), 200);
    assert_eq!(stage.store.keys("notice"), Vec::<String>::new());
}
