//! The whole way of a service, with whatever may come back: it always ends, and changes nothing twice.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_decide::run;
use longshore_decide::service::{Apply, Ask, Change, Did, Ended, Failing, Gate, Plan, Way};
use longshore_model::error::{Error, Kind};
use longshore_model::seen::Service;
use longshore_model::tag::Tag;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const TIMEOUT: Duration = Duration::from_secs(600);

/// A service on its way from `web:1` to `web:2`.
fn service(status: &str, deployments: &Value, desired: i64, running: i64) -> Service {
    let newest = deployments[0]["taskDefinition"].as_str().unwrap_or("t/web:1");
    Service::read(
        json!({"serviceArn": "arn", "serviceName": "web", "status": status, "taskDefinition": newest,
        "desiredCount": desired, "runningCount": running, "deployments": deployments,
        "deploymentConfiguration": {"maximumPercent": 200,
            "deploymentCircuitBreaker": {"enable": desired == 2, "rollback": desired == 2}}}),
    )
    .unwrap()
}

fn deployment(id: u8, status: &str, revision: u8, running: u8, state: &str, reason: &str) -> Value {
    json!({"id": format!("ecs-svc/{id}"), "status": status, "taskDefinition": format!("t/web:{revision}"),
        "desiredCount": 2, "runningCount": running, "rolloutState": state, "rolloutStateReason": reason})
}

/// What DescribeServices and the changes may answer, right or wrong, old or new.
fn answers() -> Vec<(&'static str, Service)> {
    let old = deployment(1, "PRIMARY", 1, 2, "COMPLETED", "");
    let replaced = deployment(1, "ACTIVE", 1, 2, "COMPLETED", "");
    let lost = deployment(2, "DRAINING", 2, 0, "FAILED", "tasks failed to start.");
    let back = "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/3.";
    let new = |running, state| deployment(2, "PRIMARY", 2, running, state, "");
    vec![
        ("going", service("ACTIVE", &json!([new(0, "IN_PROGRESS"), replaced]), 2, 2)),
        ("going alone", service("ACTIVE", &json!([new(1, "IN_PROGRESS")]), 3, 1)),
        ("stable", service("ACTIVE", &json!([new(2, "COMPLETED")]), 2, 2)),
        ("old", service("ACTIVE", &json!([old]), 2, 2)),
        ("failed", service("ACTIVE", &json!([new(0, "FAILED"), replaced]), 2, 2)),
        ("failed for good", service("ACTIVE", &json!([new(0, "FAILED"), replaced]), 3, 2)),
        (
            "going back",
            service("ACTIVE", &json!([deployment(3, "PRIMARY", 1, 1, "IN_PROGRESS", back), lost]), 2, 1),
        ),
        ("back", service("ACTIVE", &json!([deployment(3, "PRIMARY", 1, 2, "COMPLETED", "")]), 2, 2)),
        ("somebody else", service("ACTIVE", &json!([deployment(4, "PRIMARY", 9, 2, "COMPLETED", "")]), 2, 2)),
        ("counted", service("ACTIVE", &json!([]), 2, 2)),
        ("on its way out", service("DRAINING", &json!([]), 0, 1)),
        ("gone", service("INACTIVE", &json!([]), 0, 0)),
    ]
}

fn gate(name: &str) -> Gate {
    Gate {
        name: name.into(),
        command: vec!["x".into()],
        container: None,
        environment: BTreeMap::new(),
        timeout: TIMEOUT,
    }
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("an object") };
    members
}

/// The change, whether the service is there, and the plan for both.
fn begin(kind: u8, before: usize, after: usize, no_wait: bool, no_rollback: bool) -> Apply {
    let (document, none) = (|word| object(json!({"taskDefinition": word})), Map::new);
    let update =
        |input| Change::Update { input, tag: vec![Tag { key: "a".into(), value: None }], untag: Vec::new() };
    let find =
        |name: &str| answers().into_iter().find(|(other, _)| *other == name).map(|(_, service)| service);
    let (change, live) = match kind {
        0 => (Change::Create(document("t/web:2")), None),
        1 => (Change::Create(document("t/web:2")), find("on its way out")),
        2 => (Change::None, find("stable")),
        3 => (Change::None, find("going")),
        4 => (update(Map::new()), find("failed")),
        5 => (update(object(json!({"service": "web", "desiredCount": 3}))), find("stable")),
        _ => (update(document("t/web:2")), find("old")),
    };
    let plan = Plan { change, needs: None, wanted: none(), live: none() };
    let gates = |count, name| (0..count).map(|_| gate(name)).collect();
    let (before, after) = (gates(before, "before"), gates(after, "after"));
    let way = Way { before, after, no_wait, no_rollback, timeout: Some(TIMEOUT) };
    Apply::new("web".into(), plan, "t/web:2".into(), live, way, Duration::ZERO)
}

/// Something that may answer a question; `pick` decides.
fn answer(ask: &Ask, pick: u8) -> (Did, &'static str) {
    let kinds = [Kind::Unavailable, Kind::Throttled, Kind::Unavailable, Kind::Denied];
    let error = || Error::new(kinds[usize::from(pick) % 4], "no");
    let (all, is_error) = (answers(), pick % 8 == 7);
    let (name, service) = all[usize::from(pick) % all.len()].clone();
    match ask {
        Ask::Gate(..) if is_error => (Did::Gate(Err(error())), "error"),
        Ask::Gate(..) => {
            let result = if pick.is_multiple_of(4) { run::Ended::Application } else { run::Ended::Succeeded };
            let word = if pick.is_multiple_of(4) { "failed" } else { "passed" };
            (Did::Gate(Ok(Box::new(run::Outcome { result, ..run::Outcome::default() }))), word)
        }
        Ask::Create(_) | Ask::Update(_) if is_error => (Did::Changed(Err(error())), "error"),
        Ask::Create(_) | Ask::Update(_) => (Did::Changed(Ok(service)), name),
        Ask::Tag { .. } if is_error => (Did::Tagged(Err(error())), "error"),
        Ask::Tag { .. } => (Did::Tagged(Ok(())), "tagged"),
        Ask::Look if is_error => (Did::Looked(Err(error())), "error"),
        Ask::Look if pick % 16 == 5 => (Did::Looked(Ok(None)), "missing"),
        Ask::Look => (Did::Looked(Ok(Some(service))), name),
        Ask::Failing { .. } => {
            let task = |arn: u8| Failing {
                task_arn: arn.to_string(),
                started: pick.is_multiple_of(2),
                ..Failing::default()
            };
            (Did::Failing((0..pick % 3).map(|index| task(pick.wrapping_add(index))).collect()), "failing")
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8 * ProptestConfig::default().cases, ..ProptestConfig::default() })]

    #[test]
    fn a_way_ends_in_time_and_changes_nothing_twice(
        kind in 0_u8..9,
        (before, after) in (0_usize..3, 0_usize..3),
        (no_wait, no_rollback) in (prop::bool::weighted(0.1), prop::bool::weighted(0.2)),
        picks in prop::collection::vec(any::<u8>(), 1..60),
        pause in 1_u64..30,
        interrupted in prop::option::weighted(0.2, 0_usize..40),
    ) {
        let mut apply = begin(kind, before, after, no_wait, no_rollback);
        let mut now = Duration::ZERO;
        let mut asked: Vec<(Ask, &str)> = Vec::new();
        for (step, pick) in picks.iter().cycle().enumerate() {
            if interrupted == Some(step) {
                let was = apply.outcome().cloned();
                apply.interrupt("by you");
                prop_assert!(apply.ask(now).is_none(), "nothing more is done");
                prop_assert!(was.is_none() || was.as_ref() == apply.outcome());
            }
            let Some(ask) = apply.ask(now) else { break };
            now += Duration::from_secs(pause);
            // Draining, the deployment and the way back have a deadline each, and each may end in trouble.
            let limit = 3 * (TIMEOUT + Duration::from_secs(150)) + Duration::from_secs(pause * 20);
            prop_assert!(now < limit, "{now:?} and still {ask:?}");
            let (did, word) = answer(&ask, *pick);
            asked.push((ask, word));
            apply.take(did, now);
        }
        let outcome = apply.outcome().unwrap().clone();
        let changes: Vec<usize> = (0..asked.len())
            .filter(|index| matches!(&asked[*index].0, Ask::Create(_) | Ask::Update(_)))
            .collect();
        let has_changed = changes.first().is_some_and(|index| asked[*index].1 != "error");
        prop_assert!(changes.len() <= 1 + usize::from(has_changed && !no_rollback), "{asked:?}");
        if let [first, second] = changes[..] {
            prop_assert!(matches!(asked[second].0, Ask::Update(_)) && asked[first].0 != asked[second].0);
            prop_assert!(!outcome.result.is_good(), "what went back is not as the file says");
        }
        let failed = asked.iter().position(|(ask, word)| {
            matches!(ask, Ask::Gate(gate, _) if gate.name == "before") && ["failed", "error"].contains(word)
        });
        if let Some(failed) = failed {
            prop_assert_eq!(failed + 1, asked.len(), "nothing follows");
            prop_assert!(changes.is_empty() && matches!(outcome.result, Ended::GateFailed));
        }
        if outcome.result.is_good() && has_changed && !no_wait {
            let id = |word: &str| {
                let (_, service) = answers().into_iter().find(|(other, _)| *other == word).unwrap();
                service.primary().map(|primary| primary.id.clone())
            };
            let (_, seen) = asked.iter().rfind(|(ask, _)| *ask == Ask::Look).unwrap();
            prop_assert!(["stable", "old", "back", "somebody else", "counted"].contains(seen), "{}", seen);
            let own = id(asked[changes[0]].1);
            prop_assert!(own.is_none() || own == id(seen), "another deployment is stable: {asked:?}");
        }
    }
}
