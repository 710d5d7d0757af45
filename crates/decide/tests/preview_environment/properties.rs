//! Whatever happens, in any order, with anything going wrong: in the end it is as it was wished.

use longshore_model::preview::{HookState, Hooks, Presence, Sleep, State};
use proptest::prelude::*;

use crate::check::{foreign, left_over};
use crate::samples::{hook, host, policy, port, proxy};
use crate::world::{Fault, World, revision};

#[derive(Debug, Clone)]
enum Event {
    Push(u8),
    Delete,
    DeleteAndAgain,
    Request,
    Sleep,
    Room(bool),
    Hooks(bool),
    Break(u8),
    Time(i64),
    Kill,
    Round(Fault),
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => Just(Fault::None),
        2 => (0_u8..8).prop_map(Fault::Gap),
        2 => (0_u8..5).prop_map(Fault::Crash),
        2 => (0_u8..5).prop_map(Fault::LostReply),
        1 => (0_u8..5).prop_map(Fault::Throttled),
        1 => Just(Fault::Twice),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        20 => fault().prop_map(Event::Round),
        3 => (1_u8..5).prop_map(Event::Push),
        2 => Just(Event::Delete),
        1 => Just(Event::DeleteAndAgain),
        1 => Just(Event::Request),
        1 => Just(Event::Sleep),
        1 => any::<bool>().prop_map(Event::Room),
        1 => any::<bool>().prop_map(Event::Hooks),
        1 => (1_u8..5).prop_map(Event::Break),
        1 => (1_i64..400_000).prop_map(Event::Time),
        1 => Just(Event::Kill),
    ]
}

fn apply(world: &mut World, event: &Event) {
    match event {
        Event::Push(number) => world.want(*number),
        Event::Delete => world.unwant(false),
        Event::DeleteAndAgain => world.unwant(true),
        Event::Request => world.request(),
        Event::Sleep => {
            if let Some(record) = &mut world.record {
                record.wish.sleep = Sleep::Asleep;
            }
        }
        Event::Room(has_room) => world.has_room = *has_room,
        Event::Hooks(fail) => world.hooks_fail = *fail,
        Event::Break(number) => drop(world.aws.broken.insert(format!("shop:{}", revision(*number).sha))),
        Event::Time(seconds) => world.now = world.now.plus_seconds(*seconds),
        // All tasks of the cluster are lost.
        Event::Kill => world.aws.tasks.clear(),
        Event::Round(fault) => world.round(*fault),
    }
}

fn heal(world: &mut World) {
    world.hooks_fail = false;
    world.has_room = true;
    world.aws.broken.clear();
}

fn world(route: u8, services: usize, hooks: bool) -> World {
    let route = [proxy(), port(), host()][usize::from(route % 3)].clone();
    let mut policy = policy(route, services);
    policy.limits.sleep_s = Some(3600);
    if hooks {
        policy.hooks = Hooks {
            after_create: vec![hook("seed")],
            after_update: vec![hook("migrate")],
            before_destroy: vec![hook("drop")],
        };
    }
    let mut world = World::new(policy);
    // Others have listeners, also without a target group of their own, and a rule.
    world.aws.listeners.insert("arn:listener/app/lb/1/shared".into(), (80, Vec::new()));
    world.aws.listeners.insert("arn:listener/app/lb/1/theirs".into(), (8001, Vec::new()));
    let rule = ("arn:listener/app/lb/1/shared".to_owned(), 7, Some("www.test".to_owned()), Vec::new());
    world.aws.rules.insert("arn:listener-rule/app/lb/1/shared/theirs".into(), rule);
    world.aws.revisions.insert("arn:td/theirs:1".into(), "theirs".into());
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn it_comes_to_what_is_wished(
        route in 0_u8..3,
        services in 1_usize..3,
        hooks in any::<bool>(),
        events in prop::collection::vec(event(), 1..60),
    ) {
        let mut world = world(route, services, hooks);
        let theirs = foreign(&world.aws);
        world.want(1);
        for event in &events {
            apply(&mut world, event);
            prop_assert_eq!(&foreign(&world.aws), &theirs, "something foreign was touched");
        }
        heal(&mut world);
        world.settle();
        if let Some(record) = world.record.clone() {
            prop_assert!(matches!(record.wish.presence, Presence::Up { .. }), "{record:#?}");
            match record.state {
                State::Ready => {
                    let deployed = record.progress.deployed.clone().unwrap();
                    // A hook of what was given up may never have said how it ended.
                    let mut own = record.progress.hooks.iter().filter(|(key, _)| key.contains(&deployed.revision.sha));
                    prop_assert!(own.all(|(_, run)| run.state == HookState::Done));
                    prop_assert_eq!(deployed.revision, record.wish.revision);
                }
                State::Asleep => prop_assert!(world.aws.services.values().all(|service| service.desired == 0)),
                State::Failed => prop_assert!(record.progress.failure.is_some()),
                other => prop_assert!(false, "{other:?}: {record:#?}"),
            }
            let own = world.aws.listeners.values().filter(|(_, tags)| !tags.is_empty()).count();
            prop_assert!(own <= 2, "more listeners than a lost reply can leave");
        }
        // And away again, completely.
        world.unwant(false);
        world.settle();
        prop_assert_eq!(&world.record, &None);
        prop_assert_eq!(left_over(&world.aws), Vec::<String>::new());
        prop_assert_eq!(foreign(&world.aws), theirs);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// From any state, for each set of looks that failed, whether it is wanted or not, at any time.
    #[test]
    fn no_gap_does_harm(
        route in 0_u8..3,
        hooks in any::<bool>(),
        events in prop::collection::vec(event(), 1..40),
        later in 0_i64..2_000_000,
    ) {
        let mut world = world(route, 2, hooks);
        world.want(1);
        events.iter().for_each(|event| apply(&mut world, event));
        world.now = world.now.plus_seconds(later);
        for gone in [false, true] {
            if gone {
                world.unwant(false);
            }
            (1..=u8::MAX).for_each(|gaps| world.judge_with_gaps(gaps));
        }
    }
}
