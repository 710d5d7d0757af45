//! What becomes of a record with each outcome.

use longshore_model::preview::{Deployed, Intent};
use serde_json::{Map, json};

use super::super::samples;
use super::*;

const NOW: Timestamp = Timestamp(50_000);

fn deploying(actions: &[&Action]) -> Environment {
    let mut record = samples::record();
    record.state = State::Creating;
    record.progress.deploying = Some(Deployed {
        revision: record.wish.revision.clone(),
        task_definitions: vec![String::new()],
        shape: "shape".into(),
        ..Deployed::default()
    });
    let intents = actions.iter().zip(1..);
    record.progress.intents =
        intents.map(|(action, ordinal)| Intent { ordinal, what: what(&record, action), at: NOW }).collect();
    record
}

fn register() -> Action {
    Action::Register(0, Map::new())
}

fn create() -> Action {
    Action::CreateService(0, Map::new())
}

fn listener() -> Action {
    Action::CreateListener { load_balancer: "arn:lb".into(), port: 8001, tags: Vec::new() }
}

fn rule() -> Action {
    Action::CreateRule {
        listener: None,
        index: 0,
        priority: 7,
        host: None,
        paths: Vec::new(),
        tags: Vec::new(),
    }
}

fn done(arn: &str) -> Outcome {
    Outcome::Done(Some(arn.to_owned()))
}

fn failed(kind: Kind) -> Outcome {
    Outcome::Failed(kind, "said".to_owned())
}

#[test]
fn what_was_made_is_kept() {
    let group = Action::CreateTargetGroup(
        0,
        json!({"Name": "shop-x-tg", "Tags": [{"Key": "longshore:service", "Value": "web"}]}),
    );
    let actions = [group, listener(), rule(), register(), create()];
    let mut record = deploying(&actions.iter().collect::<Vec<_>>());
    record.progress.errors = 3;
    for (action, arn) in actions.iter().zip(["arn:tg", "arn:l", "arn:r", "arn:td", "arn:s"]) {
        record = took(&record, action, &done(arn), NOW);
    }
    let made = &record.progress.resources;
    assert_eq!(made.target_groups["web"], "arn:tg");
    assert_eq!((made.listener.as_deref(), made.port), (Some("arn:l"), Some(8001)));
    assert_eq!(made.rules, ["arn:r"]);
    assert_eq!(made.services["shop-x"], NOW);
    assert_eq!(record.progress.deploying.as_ref().unwrap().task_definitions, ["arn:td"]);
    assert!(record.progress.intents.is_empty() && record.progress.errors == 0);
    for action in [
        Action::DeleteListener("arn:l".into()),
        Action::DeleteRule("arn:r".into()),
        Action::DeleteTargetGroup("arn:tg".into()),
        Action::DeleteService { name: "shop-x".into() },
    ] {
        // What is gone already is gone.
        record = took(&record, &action, &failed(Kind::NotFound), NOW);
    }
    let made = &record.progress.resources;
    assert!(made.listener.is_none() && made.port.is_none() && made.rules.is_empty());
    assert!(made.target_groups.is_empty() && made.services.is_empty() && record.progress.errors == 0);
}

#[test]
fn each_kind_of_failure_has_its_consequence() {
    // (kind, the intent stays open, given up)
    let cases = [
        (Kind::Unavailable, true, false),
        (Kind::Bug, true, false),
        (Kind::Throttled, false, false),
        (Kind::Conflict, false, false),
        (Kind::Invalid, false, true),
        (Kind::Denied, false, true),
        (Kind::NotFound, false, true),
    ];
    for (kind, is_open, is_final) in cases {
        let record = took(&deploying(&[&register(), &create()]), &register(), &failed(kind), NOW);
        let open: Vec<u32> = record.progress.intents.iter().map(|intent| intent.ordinal).collect();
        assert_eq!(
            open,
            if is_open { vec![1] } else { Vec::new() },
            "{kind:?}: what came behind was not begun"
        );
        assert_eq!(record.progress.failure.is_some(), is_final, "{kind:?}");
        assert_eq!(record.progress.deploying.is_none(), is_final, "{kind:?}");
        if is_final {
            let failure = record.progress.failure.unwrap();
            assert!(failure.why.contains("register task definition shop-x: said"), "{}", failure.why);
        } else {
            assert_eq!(record.progress.retry_at, Some(NOW.plus_ms(1_000)), "{kind:?}");
            assert!(record.progress.trouble.unwrap().contains("said"));
        }
    }
}

#[test]
fn what_passes_by_itself_is_not_given_up() {
    for words in
        ["Unable to Start a service that is still Draining.", "Creation of service was not idempotent."]
    {
        let outcome = Outcome::Failed(Kind::Invalid, words.to_owned());
        let record = took(&deploying(&[&create()]), &create(), &outcome, NOW);
        assert!(record.progress.failure.is_none() && record.progress.retry_at.is_some(), "{words}");
    }
    let mut removing = deploying(&[]);
    removing.state = State::Removing;
    let denied = took(&removing, &Action::DeleteListener("arn:l".into()), &failed(Kind::Denied), NOW);
    assert!(denied.progress.failure.is_none() && denied.progress.retry_at.is_some());
}

#[test]
fn a_port_or_priority_that_was_taken_is_another_one_at_once() {
    for action in [listener(), rule()] {
        let mut record = deploying(&[&action]);
        for _ in 0..COLLISIONS_AT_ONCE {
            record = took(&record, &action, &failed(Kind::Conflict), NOW);
            assert_eq!(record.progress.retry_at, Some(NOW));
        }
        record = took(&record, &action, &failed(Kind::Conflict), NOW);
        assert!(record.progress.retry_at > Some(NOW), "not for ever");
        assert!(record.progress.failure.is_none());
    }
}

#[test]
fn the_wait_doubles_up_to_its_limit() {
    let waits: Vec<i64> = [1, 2, 3, 9, 10, 60].map(backoff_ms).into();
    assert_eq!(waits, [1_000, 2_000, 4_000, 256_000, 300_000, 300_000]);
}

#[test]
fn what_came_too_late_is_taken_away_but_for_a_service() {
    let made = |action: &Action| undo(action, &Outcome::Done(Some("arn:x".into())));
    let register = Action::Register(0, serde_json::Map::new());
    assert_eq!(made(&register), Some(Action::Deregister("arn:x".into())));
    let listener = Action::CreateListener { load_balancer: "arn:lb".into(), port: 8000, tags: Vec::new() };
    assert_eq!(made(&listener), Some(Action::DeleteListener("arn:x".into())));
    let group = Action::CreateTargetGroup(0, serde_json::Value::Null);
    assert_eq!(made(&group), Some(Action::DeleteTargetGroup("arn:x".into())));
    assert_eq!(made(&Action::CreateService(0, serde_json::Map::new())), None, "the sweep finds it");
    assert_eq!(made(&Action::DeleteListener("arn:x".into())), None);
    assert_eq!(undo(&register, &Outcome::Failed(Kind::Unavailable, "no".into())), None);
}
