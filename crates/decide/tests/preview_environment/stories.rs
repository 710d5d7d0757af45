//! Lives of environments, told step by step.

use longshore_decide::preview::environment::{Action, Seen, decide, needs};
use longshore_model::preview::{Hooks, Moment, Policy, Route, Sleep, State};

use crate::check::{foreign, left_over};
use crate::samples::{hook, host, policy, port, proxy};
use crate::world::{Fault, World, revision};

fn ready(policy: Policy) -> World {
    let mut world = World::new(policy);
    world.want(1);
    world.settle();
    assert_eq!(world.state(), Some(State::Ready), "{:#?}", world.record);
    world
}

#[test]
fn a_whole_life_on_each_route() {
    for route in [proxy(), port(), host()] {
        for services in [1, 2] {
            let mut world = ready(policy(route.clone(), services));
            assert_eq!(world.deployed(), Some(revision(1).sha.as_str()));
            let url = world.notices.last().unwrap().url.clone().unwrap();
            let expected = match route {
                Route::Proxy { .. } => "http://x.shop.preview.test/".to_owned(),
                Route::Port { .. } => {
                    format!(
                        "http://lb.test:{}/",
                        world.record.as_ref().unwrap().progress.resources.port.unwrap()
                    )
                }
                Route::Host { .. } => "http://x.shop.preview.test/".to_owned(),
            };
            assert_eq!(url, expected);
            world.want(2);
            world.settle();
            assert_eq!(
                (world.state(), world.deployed()),
                (Some(State::Ready), Some(revision(2).sha.as_str()))
            );
            world.unwant(false);
            world.settle();
            assert_eq!(world.record, None);
            assert!(left_over(&world.aws).is_empty());
            let heard: Vec<Moment> = world.notices.iter().map(|notice| notice.moment).collect();
            let life = [
                Moment::Creating,
                Moment::Ready,
                Moment::Updating,
                Moment::Updated,
                Moment::Removing,
                Moment::Removed,
            ];
            assert_eq!(heard, life, "each thing once, in its order");
        }
    }
}

#[test]
fn few_calls_and_then_none() {
    let mut world = ready(policy(proxy(), 1));
    assert_eq!(world.aws.calls, 2, "register and create");
    let record = world.record.clone().unwrap();
    let looks = needs(&record, Some(&world.policy), world.now);
    assert!(
        looks.tasks
            && !looks.services
            && !looks.base
            && !looks.balancer
            && !looks.revisions
            && !looks.stopped
    );
    let calls = world.aws.calls;
    for _ in 0..50 {
        world.round(Fault::None);
    }
    assert_eq!(
        (world.aws.calls, world.record.as_ref()),
        (calls, Some(&record)),
        "a settled environment is left alone"
    );
}

#[test]
fn a_queue_costs_nothing() {
    let mut world = World::new(policy(proxy(), 1));
    world.has_room = false;
    world.want(1);
    for _ in 0..3 {
        world.round(Fault::None);
    }
    assert_eq!((world.state(), world.heard(Moment::Queued)), (Some(State::Queued), 1));
    let record = world.record.clone().unwrap();
    assert_eq!(needs(&record, Some(&world.policy), world.now), Default::default());
    assert!(record.waiting[0].contains("waits for room"));
    world.unwant(false);
    world.round(Fault::None);
    assert_eq!((world.record.as_ref(), world.aws.calls), (None, 0), "nothing was there, nothing is asked");
    world.want(1);
    world.has_room = true;
    world.settle();
    assert_eq!(world.state(), Some(State::Ready));
}

#[test]
fn a_crash_loop_ends_with_its_log() {
    let mut world = World::new(policy(proxy(), 1));
    world.aws.broken.insert(format!("shop:{}", revision(1).sha));
    world.want(1);
    world.settle();
    let failure = world.record.as_ref().unwrap().progress.failure.clone().unwrap();
    assert!(failure.why.contains("exited with 3"), "{}", failure.why);
    assert_eq!(failure.log_tail, ["panicked at main"]);
    assert_eq!((world.state(), world.heard(Moment::Failed)), (Some(State::Failed), 1));
    assert_eq!(world.aws.services["shop-x-0"].desired, 0, "it does not loop on");
    assert!(world.site.as_ref().unwrap().closed.is_some());
    // The same once more only when somebody asks; a push is tried by itself.
    let tried = world.aws.revisions.len();
    world.settle();
    assert_eq!(world.aws.revisions.len(), tried);
    world.record.as_mut().unwrap().wish.attempt += 1;
    world.settle();
    assert_eq!((world.aws.revisions.len(), world.heard(Moment::Failed)), (tried + 1, 2));
    world.want(2);
    world.settle();
    assert_eq!((world.state(), world.heard(Moment::Ready)), (Some(State::Ready), 1));
}

#[test]
fn a_bad_push_leaves_what_answers() {
    for route in [proxy(), port(), host()] {
        let mut world = ready(policy(route, 1));
        world.aws.broken.insert(format!("shop:{}", revision(2).sha));
        world.want(2);
        world.settle();
        assert_eq!((world.state(), world.deployed()), (Some(State::Failed), Some(revision(1).sha.as_str())));
        let service = &world.aws.services["shop-x-0"];
        assert_eq!(service.desired, 1);
        assert!(world.aws.revisions[&service.revision].ends_with(&revision(1).sha), "it went back");
        world.want(3);
        world.settle();
        assert_eq!((world.state(), world.deployed()), (Some(State::Ready), Some(revision(3).sha.as_str())));
    }
}

#[test]
fn what_finds_no_room_has_failed_but_not_because_of_a_gap() {
    let mut world = World::new(policy(proxy(), 1));
    world.aws.full = true;
    world.want(1);
    (0..4).for_each(|_| world.round(Fault::None));
    world.now = world.now.plus_seconds(700);
    world.round(Fault::Gap(1));
    assert_eq!(world.state(), Some(State::Creating), "a gap is no reason to give up");
    world.settle();
    let failure = world.record.as_ref().unwrap().progress.failure.clone().unwrap();
    assert!(
        failure.why.contains("not ready after 600 s: 0 of 1 tasks of service `web` run"),
        "{}",
        failure.why
    );
    assert_eq!(world.aws.services["shop-x-0"].desired, 0);
}

#[test]
fn a_newer_push_ends_an_older_deploy() {
    let mut world = World::new(policy(proxy(), 1));
    world.want(1);
    world.round(Fault::None);
    world.round(Fault::None);
    world.want(2);
    world.settle();
    assert_eq!(world.deployed(), Some(revision(2).sha.as_str()));
    assert_eq!(world.heard(Moment::Ready), 1, "the first was never announced");
}

#[test]
fn a_delete_during_create_cancels_it() {
    for rounds in 0..6 {
        for route in [proxy(), port(), host()] {
            let mut world = World::new(policy(route, 2));
            world.want(1);
            (0..rounds).for_each(|_| world.round(Fault::None));
            world.unwant(false);
            world.settle();
            assert_eq!(world.record, None, "after {rounds} rounds");
            assert!(left_over(&world.aws).is_empty());
        }
    }
}

#[test]
fn made_anew_behind_what_drains() {
    for again in [false, true] {
        for rounds in 0..7 {
            let mut world = ready(policy(port(), 1));
            world.unwant(again);
            (0..rounds).for_each(|_| world.round(Fault::None));
            if !again {
                world.want(2);
            } else if let Some(record) = &mut world.record {
                record.wish.revision = revision(2);
            }
            world.settle();
            assert_eq!(world.state(), Some(State::Ready), "{again} {rounds}");
            assert_eq!(world.deployed(), Some(revision(2).sha.as_str()));
            world.unwant(false);
            world.settle();
            assert!(world.record.is_none() && left_over(&world.aws).is_empty());
        }
    }
}

#[test]
fn names_that_others_have_are_left_to_them() {
    let mut theirs = ready(policy(port(), 1));
    for service in theirs.aws.services.values_mut() {
        service.tags.clear();
        service.token = "theirs".to_owned();
    }
    for (_, tags) in theirs.aws.target_groups.values_mut() {
        tags.clear();
    }
    for (_, tags) in theirs.aws.listeners.values_mut() {
        tags.clear();
    }
    theirs.aws.revisions.values_mut().for_each(|image| *image = "theirs".to_owned());
    for keep in ["service", "target group", "family"] {
        let mut world = World::new(policy(port(), 1));
        world.aws.listeners = theirs.aws.listeners.clone();
        match keep {
            "service" => world.aws.services = theirs.aws.services.clone(),
            "target group" => world.aws.target_groups = theirs.aws.target_groups.clone(),
            _ => world.aws.revisions = theirs.aws.revisions.clone(),
        }
        let before = foreign(&world.aws);
        world.want(1);
        world.settle();
        let failure = world.record.as_ref().unwrap().progress.failure.clone().unwrap();
        assert!(failure.why.contains("not touched"), "{keep}: {}", failure.why);
        assert_eq!(foreign(&world.aws), before, "{keep}");
        world.unwant(false);
        world.settle();
        assert_eq!((foreign(&world.aws), world.record.as_ref()), (before, None), "{keep}");
        assert!(left_over(&world.aws).is_empty(), "{keep}");
    }
}

#[test]
fn hooks_come_in_their_order_and_none_is_skipped() {
    let mut with_hooks = policy(proxy(), 1);
    with_hooks.hooks = Hooks {
        after_create: vec![hook("migrate"), hook("seed")],
        after_update: vec![hook("migrate")],
        before_destroy: vec![hook("drop")],
    };
    let mut world = ready(with_hooks);
    world.want(2);
    world.settle();
    world.hooks_fail = true;
    world.unwant(false);
    for _ in 0..40 {
        world.round(Fault::None);
    }
    assert!(
        world.record.is_some() && world.aws.services["shop-x-0"].status == "ACTIVE",
        "nothing goes before it"
    );
    assert_eq!(world.heard(Moment::HookFailed), 1, "once, and then rarely");
    assert!(world.record.as_ref().unwrap().waiting.iter().any(|why| why.contains("`drop` failed")));
    world.hooks_fail = false;
    world.settle();
    assert_eq!(world.record, None);
    let (one, two) = (revision(1).sha, revision(2).sha);
    let keys: Vec<&String> = world.hooks_run.iter().collect();
    assert_eq!(
        keys[..3],
        [
            &format!("after_create/{one}/migrate"),
            &format!("after_create/{one}/seed"),
            &format!("after_update/{two}/migrate")
        ]
    );
    assert!(keys[3..].iter().all(|key| **key == format!("before_destroy/{two}/drop")) && keys.len() > 4);
}

#[test]
fn a_hook_that_fails_after_a_deploy_is_a_failure() {
    let mut with_hooks = policy(proxy(), 1);
    with_hooks.hooks.after_update = vec![hook("migrate")];
    with_hooks.hooks.before_destroy = vec![hook("drop")];
    let mut world = ready(with_hooks);
    world.hooks_fail = true;
    world.want(2);
    world.settle();
    assert_eq!((world.state(), world.deployed()), (Some(State::Failed), Some(revision(1).sha.as_str())));
    assert!(world.record.as_ref().unwrap().progress.failure.as_ref().unwrap().why.contains("`migrate`"));
    assert_eq!(world.heard(Moment::Updated), 0);
    world.hooks_fail = false;
    world.record.as_mut().unwrap().wish.attempt = 1;
    world.settle();
    assert_eq!(
        world.deployed(),
        Some(revision(2).sha.as_str()),
        "asked for once more, the hook runs once more"
    );
}

#[test]
fn asleep_until_a_request_and_then_with_the_newest_push() {
    let mut sleepy = policy(proxy(), 1);
    sleepy.limits.sleep_s = Some(600);
    let mut world = ready(sleepy);
    world.now = world.now.plus_seconds(601);
    world.settle();
    assert_eq!((world.state(), world.aws.services["shop-x-0"].desired), (Some(State::Asleep), 0));
    let asleep = world.record.clone().unwrap();
    assert_eq!(needs(&asleep, Some(&world.policy), world.now), Default::default(), "it costs nothing");
    let site = world.site.clone().unwrap();
    assert!(site.closed.is_none() && site.active[0].is_empty(), "a request is held: {site:?}");
    world.request();
    world.settle();
    assert_eq!((world.state(), world.heard(Moment::Awake)), (Some(State::Ready), 1));
    world.record.as_mut().unwrap().wish.sleep = Sleep::Asleep;
    world.settle();
    world.want(2);
    world.settle();
    assert_eq!((world.state(), world.deployed()), (Some(State::Asleep), Some(revision(1).sha.as_str())));
    assert!(world.record.as_ref().unwrap().waiting.iter().any(|why| why.contains("then runs commit")));
    world.request();
    world.settle();
    assert_eq!((world.state(), world.deployed()), (Some(State::Ready), Some(revision(2).sha.as_str())));
}

#[test]
fn who_sleeps_is_told_to_wake_by_what_wakes_it() {
    for (route, how) in [
        (proxy(), "the next request wakes it"),
        (port(), "`longshore preview wake x.shop` wakes it"),
        (host(), "`longshore preview wake x.shop` wakes it"),
    ] {
        let mut world = ready(policy(route, 1));
        world.record.as_mut().unwrap().wish.sleep = Sleep::Asleep;
        world.settle();
        let told = world.notices.iter().find(|notice| notice.moment == Moment::Asleep).unwrap();
        assert!(told.text.contains(how), "{}", told.text);
        assert!(how.starts_with("the next") || !told.text.contains("request wakes"), "{}", told.text);
    }
}

#[test]
fn what_does_not_wake_has_failed() {
    let mut world = ready(policy(proxy(), 1));
    world.record.as_mut().unwrap().wish.sleep = Sleep::Asleep;
    world.settle();
    world.aws.broken.insert(format!("shop:{}", revision(1).sha));
    world.request();
    world.settle();
    assert_eq!((world.state(), world.aws.services["shop-x-0"].desired), (Some(State::Failed), 0));
    world.aws.broken.clear();
    world.record.as_mut().unwrap().wish.attempt = 1;
    world.settle();
    assert_eq!(world.state(), Some(State::Ready));
}

#[test]
fn its_time_ends_after_a_warning() {
    let mut world = ready(policy(proxy(), 1));
    let week = i64::from(world.policy.limits.ttl_s.unwrap());
    world.now = world.now.plus_seconds(week - 3 * 3600);
    world.settle();
    assert_eq!((world.state(), world.heard(Moment::Expiring)), (Some(State::Ready), 1));
    // A request moves it.
    world.record.as_mut().unwrap().progress.last_request_at = Some(world.now);
    world.now = world.now.plus_seconds(4 * 3600);
    world.settle();
    assert_eq!((world.state(), world.heard(Moment::Expiring)), (Some(State::Ready), 1));
    // Nothing ran when the warning was due: it comes first, and the end after it.
    world.now = world.now.plus_seconds(2 * week);
    world.settle();
    assert_eq!((world.state(), world.heard(Moment::Expiring)), (Some(State::Ready), 2));
    world.now = world.now.plus_seconds(13 * 3600);
    world.settle();
    assert_eq!((world.record.as_ref(), world.heard(Moment::Removed)), (None, 1));
    assert!(left_over(&world.aws).is_empty());
}

#[test]
fn a_service_that_somebody_deleted_is_made_again() {
    for route in [proxy(), host()] {
        let mut world = ready(policy(route, 1));
        world.now = world.now.plus_seconds(120);
        world.aws.services.clear();
        world.aws.tasks.clear();
        world.settle();
        assert_eq!(world.state(), Some(State::Ready));
        assert_eq!(world.aws.services["shop-x-0"].desired, 1);
    }
}

#[test]
fn all_ports_taken_is_a_reason_to_wait() {
    let mut world = World::new(policy(port(), 1));
    for number in 8000..=8002 {
        world.aws.listeners.insert(format!("arn:theirs/{number}"), (number, Vec::new()));
    }
    world.want(1);
    for _ in 0..5 {
        world.round(Fault::None);
    }
    assert!(world.record.as_ref().unwrap().waiting.iter().any(|why| why.contains("8000 to 8002")));
    world.aws.listeners.remove("arn:theirs/8002");
    world.settle();
    assert_eq!(
        world.record.as_ref().unwrap().progress.resources.port,
        Some(8002),
        "the last port counts, too"
    );
}

#[test]
fn without_a_policy_only_a_removal_goes_on() {
    let mut world = ready(policy(port(), 1));
    let record = world.record.clone().unwrap();
    let nothing = Seen { has_room: true, ..Seen::default() };
    let plan = decide(&record, &nothing, world.now);
    assert!(
        plan.actions.is_empty() && plan.site.is_none() && plan.record.waiting[0].contains("longshore.toml")
    );
    world.unwant(false);
    let record = world.record.clone().unwrap();
    let looks = needs(&record, None, world.now);
    assert!(looks.services && looks.balancer && looks.revisions);
    world.round(Fault::None);
    let plan = world.last.as_ref().unwrap();
    let kinds: Vec<&str> = plan
        .actions
        .iter()
        .map(|action| match action {
            Action::DeleteService { .. } => "service",
            Action::DeleteRule(_) => "rule",
            Action::DeleteListener(_) => "listener",
            Action::DeleteTargetGroup(_) => "target group",
            Action::Deregister(_) => "revision",
            _ => "?",
        })
        .collect();
    assert_eq!(
        kinds,
        ["service", "listener", "target group", "revision"],
        "in the order in which they let go"
    );
}
