//! The sweep: what is as recorded costs nothing, what differs is woken, what is not ours is left alone.

use longshore_control::preview::Object;
use serde_json::json;

use crate::stage::{Stage, policy};

const COUNT: usize = 120;

fn sha(index: usize) -> String {
    format!("{index:040}")
}

/// Many environments that have come to rest.
fn many() -> Stage {
    let mut policy = policy();
    policy.limits.environments = 1000;
    let mut stage = Stage::new(policy);
    for index in 0..COUNT {
        stage.hub.push(&format!("b{index}"), &sha(index));
    }
    stage.settle(&mut None);
    assert!(stage.states().iter().all(|(_, state)| state == "ready"), "{:?}", stage.states());
    stage.amazon.calls.lock().unwrap().clear();
    stage
}

#[test]
fn what_is_as_recorded_costs_batched_reads_and_what_differs_is_woken() {
    let mut stage = many();
    let round = stage.round(&Object::Sweep);
    assert_eq!(round.wake, []);
    let calls = |stage: &Stage| std::mem::take(&mut *stage.amazon.calls.lock().unwrap());
    let batched = ["DescribeTasks", "DescribeTasks", "ListServices", "ListTasks of all"];
    let mut made = calls(&stage);
    made.sort();
    assert_eq!(made, batched);

    // A task that is gone, a service that is gone, a deadline that has come.
    let lost = stage.amazon.tasks.lock().unwrap().pop().unwrap().group.unwrap();
    let lost = lost.trim_start_matches("service:shop_").to_owned();
    stage.amazon.services.lock().unwrap().remove("shop_b7");
    let round = stage.round(&Object::Sweep);
    let mut expected = [format!("{lost}.shop"), "b7.shop".to_owned()].map(Object::Environment);
    expected.sort();
    let mut woken = round.wake;
    woken.sort();
    assert_eq!(woken, expected);
    stage.clock.pass(7 * 24 * 3600);
    assert_eq!(
        stage.round(&Object::Sweep).wake.len(),
        COUNT,
        "their time is over, and their timers were lost"
    );
}

#[test]
fn a_gap_wakes_nobody_and_says_so() {
    let mut stage = many();
    *stage.amazon.refuse.lock().unwrap() = Some(("ListTasks of all", longshore_model::Kind::Throttled));
    stage.amazon.tasks.lock().unwrap().clear();
    let round = stage.round(&Object::Sweep);
    assert_eq!(round.wake, []);
    assert!(round.waiting[0].contains("could not be looked at"), "{:?}", round.waiting);
}

#[test]
fn after_a_restart_the_proxy_knows_all_sites_again_without_a_call_for_each() {
    let mut stage = many();
    stage.restart();
    let woken = stage.round(&Object::Sweep).wake;
    assert_eq!(woken.len(), COUNT);
    for object in &woken {
        stage.round(object);
    }
    assert_eq!(stage.sites.sites.lock().unwrap().len(), COUNT);
    let sites = stage.sites.sites.lock().unwrap();
    assert!(sites.values().all(|site| site.services[0].active.len() == 1));
    assert_eq!(stage.amazon.count("ListTasks of one"), 0, "the sweep has seen their tasks");
    drop(sites);
    assert_eq!(stage.round(&Object::Sweep).wake, []);
}

#[test]
fn what_has_our_tags_and_no_record_is_removed_and_nothing_else_is_touched() {
    let mut stage = Stage::new(policy());
    let tags = |repository: &str, id: &str| json!([{"key": "longshore:environment", "value": id}, {"key": "longshore:repository", "value": repository}]);
    stage.amazon.add_service("shop_lost", &tags("octo/shop", "lost.shop"));
    stage.amazon.add_service("other_lost", &tags("octo/other", "lost.other"));
    stage.amazon.add_service("database", &json!([]));
    stage.hub.push("feature-x", &sha(1));
    let round = stage.round(&Object::Sweep);
    assert_eq!(stage.states(), [], "GitHub was not read yet: a record may only be missing");
    assert!(round.waiting.iter().any(|why| why.contains("lost.other")), "{:?}", round.waiting);

    stage.settle(&mut None);
    let left: Vec<String> = stage.amazon.services.lock().unwrap().keys().cloned().collect();
    assert_eq!(left, ["database", "other_lost", "shop_feature-x"]);
    assert_eq!(stage.states(), [("feature-x.shop".to_owned(), "ready".to_owned())]);
}

#[test]
fn a_store_that_was_lost_does_not_take_all_environments_with_it() {
    let mut stage = Stage::new(policy());
    for index in 0..7 {
        let tags = json!([{"key": "longshore:environment", "value": format!("b{index}.shop")},
            {"key": "longshore:repository", "value": "octo/shop"}]);
        stage.amazon.add_service(&format!("shop_b{index}"), &tags);
    }
    stage.hub.push("b0", &sha(0));
    stage.settle(&mut None);
    let round = stage.round(&Object::Sweep);
    assert_eq!(stage.amazon.count("DeleteService"), 0, "five may be removed at once, and there are six");
    assert!(round.waiting[0].contains("was the store lost?"), "{:?}", round.waiting);
    assert_eq!(stage.states(), [("b0.shop".to_owned(), "ready".to_owned())], "this one has its record again");
}

#[test]
fn an_event_wakes_whose_service_it_names() {
    let mut stage = Stage::new(policy());
    stage.hub.push("feature-x", &sha(1));
    let event = r#"{"detail-type": "ECS Task State Change", "detail": {"group": "service:shop_feature-x"}}"#;
    assert_eq!(stage.previews.on_event(event), []);
    stage.settle(&mut None);
    let environment = Object::Environment("feature-x.shop".into());
    assert_eq!(stage.previews.on_event(event), std::slice::from_ref(&environment));
    assert_eq!(stage.previews.on_event(r#"{"detail": {"group": "service:database"}}"#), []);
    assert_eq!(stage.previews.on_event("rubbish"), []);
    stage.restart();
    stage.round(&Object::Sweep);
    assert_eq!(stage.previews.on_event(event), [environment]);
}

#[test]
fn all_are_counted_before_anything_is_removed_and_none_keeps_others_from_being_looked_at() {
    let tags = |repository: &str, id: String| json!([{"key": "longshore:environment", "value": id}, {"key": "longshore:repository", "value": repository}]);
    let world = |ours: usize| {
        let mut stage = Stage::new(policy());
        stage.hub.push("x", &sha(1));
        for index in 0..60 {
            let name = format!("other_b{index}");
            stage.amazon.add_service(&name, &tags("octo/other", format!("b{index}.other")));
        }
        for index in 0..ours {
            // Sorted among the others, so that no part of them has all.
            let name = if index % 2 == 0 { format!("a_b{index}") } else { format!("shop_b{index}") };
            stage.amazon.add_service(&name, &tags("octo/shop", format!("b{index}.shop")));
        }
        stage.settle(&mut None);
        for _ in 0..3 {
            stage.round(&Object::Sweep);
        }
        stage
    };
    let left = |stage: &Stage| {
        let services = stage.amazon.services.lock().unwrap();
        services.keys().filter(|name| !name.starts_with("other_")).count()
    };
    assert_eq!(left(&world(5)), 1, "they are found behind 60 of another daemon, and removed");
    let mut many = world(8);
    assert_eq!(left(&many), 9, "eight at once are too many, in whichever order they are seen");
    many.amazon.calls.lock().unwrap().clear();
    let round = many.round(&Object::Sweep);
    assert!(round.waiting.iter().any(|why| why.contains("was the store lost?")), "{:?}", round.waiting);
    assert_eq!(many.amazon.count("DescribeServices"), 0, "each is looked at once");
}
