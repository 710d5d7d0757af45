//! What is deployed goes on when longshore.toml has other services, and when a clock goes back.

use std::sync::Arc;

use longshore_model::Timestamp;
use longshore_model::preview::{Deployed, Environment, Failure, Policy, State};
use longshore_model::seen::{Service, Task};
use serde_json::json;

use super::super::draft::{is_blocked, is_within};
use super::super::seen::{Action, Look, Plan, Seen};
use super::super::took::LONGEST_BACKOFF_MS;
use super::super::{decide, samples};
use super::shape;

const NOW: Timestamp = Timestamp(500_000_000);

fn two_services() -> Policy {
    let mut policy = samples::policy();
    policy.services.push(samples::service("api"));
    policy
}

/// Named for two services, of which these many are deployed.
fn record(deployed: usize, policy: &Policy) -> Environment {
    let mut record = samples::record();
    record.names.services.push("shop-x-api".into());
    record.names.target_groups.push("shop-x-api-tg".into());
    record.state = State::Ready;
    let progress = &mut record.progress;
    progress.actions = 5;
    (progress.resources.cluster, progress.resources.route) =
        (Some(policy.cluster.clone()), Some(policy.route.clone()));
    progress.resources.services = record.names.services.iter().map(|name| (name.clone(), NOW)).collect();
    progress.resources.families.clone_from(&record.names.services);
    progress.served = policy.services[..deployed].to_vec();
    progress.steady = true;
    progress.deployed = Some(Deployed {
        revision: record.wish.revision.clone(),
        task_definitions: ["td:web", "td:api"][..deployed].iter().map(|arn| (*arn).to_owned()).collect(),
        shape: shape(policy),
        at: NOW,
        ..Deployed::default()
    });
    record
}

fn seen(policy: Policy, desired: [u32; 2]) -> Seen {
    let service = |(name, revision, desired): (&str, &str, u32)| {
        let tags = json!([{"key": "longshore:environment", "value": "x.shop"}, {"key": "longshore:repository", "value": "octo/shop"}]);
        let document = json!({"serviceName": name, "status": "ACTIVE", "desiredCount": desired, "taskDefinition": revision, "tags": tags});
        (name.to_owned(), Service::read(document).unwrap())
    };
    let task = |(number, revision): (u8, &str)| Task {
        arn: format!("task/{number}"),
        task_definition_arn: revision.to_owned(),
        last_status: "RUNNING".into(),
        desired_status: "RUNNING".into(),
        private_ip: Some(format!("10.0.0.{number}")),
        ..Task::default()
    };
    let services = [("shop-x", "td:web", desired[0]), ("shop-x-api", "td:api", desired[1])];
    Seen {
        policy: Some(Arc::new(policy)),
        has_room: true,
        services: Look::Seen(services.into_iter().map(service).collect()),
        tasks: Look::Seen([(1, "td:web"), (2, "td:api")].map(task).into()),
        stopped: Look::Seen(Vec::new()),
        proxy_health: [("task/1".to_owned(), Ok(())), ("task/2".to_owned(), Ok(()))].into(),
        ..Seen::default()
    }
}

fn led_to(plan: &Plan) -> Vec<Vec<String>> {
    let site = plan.site.clone().flatten().unwrap();
    assert_eq!(site.closed, None);
    site.active.iter().map(|targets| targets.iter().map(|(task, _)| task.clone()).collect()).collect()
}

#[test]
fn what_is_deployed_answers_on_with_services_that_longshore_toml_has_no_more() {
    let named = record(2, &two_services());
    let mut record = named;
    for _ in 0..3 {
        let plan = decide(&record, &seen(samples::policy(), [1, 1]), NOW.plus_seconds(60));
        assert_eq!(led_to(&plan), [["task/1"], ["task/2"]]);
        assert_eq!((plan.record.state, &plan.actions[..]), (State::Failed, &[][..]));
        assert!(plan.record.progress.failure.as_ref().unwrap().why.contains("1 services for it"));
        record = plan.record;
    }
    let again = decide(&record, &seen(two_services(), [1, 1]), NOW.plus_seconds(120));
    assert_eq!((again.record.state, again.record.progress.failure), (State::Ready, None));
}

#[test]
fn what_sleeps_wakes_with_the_services_that_it_has() {
    let mut record = record(2, &two_services());
    record.state = State::Asleep;
    record.progress.asleep_since = Some(NOW);
    let asleep = decide(&record, &seen(samples::policy(), [0, 0]), NOW.plus_seconds(60));
    assert_eq!((asleep.record.state, asleep.actions.len(), asleep.notices.len()), (State::Asleep, 0, 0));
    record.progress.woken = true;
    let woken = decide(&record, &seen(samples::policy(), [0, 0]), NOW.plus_seconds(60));
    assert_eq!(woken.record.state, State::Waking);
    let [Action::UpdateService(0, web), Action::UpdateService(1, api)] = &woken.actions[..] else {
        panic!("{:?}", woken.actions)
    };
    assert_eq!((&web["taskDefinition"], &api["taskDefinition"]), (&json!("td:web"), &json!("td:api")));
}

#[test]
fn a_new_service_whose_first_deploy_fails_is_stopped_once() {
    let mut record = record(1, &two_services());
    record.progress.deployed.as_mut().unwrap().shape = "before".into();
    record.progress.steady = false;
    record.progress.failed_shape = Some(shape(&two_services()));
    record.progress.failure = Some(Failure {
        revision: record.wish.revision.clone(),
        attempt: 0,
        why: "it crashes".into(),
        log_tail: Vec::new(),
        at: NOW,
    });
    let plan = decide(&record, &seen(two_services(), [1, 1]), NOW.plus_seconds(60));
    let [Action::UpdateService(1, input)] = &plan.actions[..] else { panic!("{:?}", plan.actions) };
    assert!(input["desiredCount"] == 0 && !input.contains_key("taskDefinition"), "{input:?}");
    let plan = decide(&plan.record, &seen(two_services(), [1, 0]), NOW.plus_seconds(90));
    assert_eq!((&plan.actions[..], plan.record.progress.steady), (&[][..], true));
    assert_eq!(led_to(&plan)[0], ["task/1"]);
}

#[test]
fn moments_that_a_clock_has_left_behind_are_over() {
    let mut record = record(2, &two_services());
    record.progress.retry_at = Some(NOW.plus_ms(LONGEST_BACKOFF_MS));
    assert!(is_blocked(&record, NOW) && !is_blocked(&record, NOW.plus_ms(-1)));
    assert!(is_within(NOW, NOW.plus_ms(9), 10) && !is_within(NOW, NOW.plus_ms(10), 10));
    assert!(!is_within(NOW.plus_seconds(3600), NOW, 60_000));
    // What is bounded from the last change on has its bounds from now on.
    record.progress.steady = false;
    record.progress.changed_at = NOW.plus_seconds(3600);
    let plan = decide(&record, &seen(two_services(), [1, 1]), NOW);
    assert!(plan.record.progress.changed_at <= NOW);
}

#[test]
fn what_answered_before_is_looked_at_until_it_answers_again() {
    let mut record = record(2, &two_services());
    let mut other = record.wish.revision.clone();
    other.sha = "f".repeat(40);
    // The wish went back to what is deployed, and a new process has checked nothing yet.
    record.progress.failure = Some(Failure {
        revision: other,
        attempt: 0,
        why: "it crashes".into(),
        log_tail: Vec::new(),
        at: NOW,
    });
    let mut seen = seen(two_services(), [1, 1]);
    let checked = std::mem::take(&mut seen.proxy_health);
    let plan = decide(&record, &seen, NOW);
    assert!(!plan.record.progress.steady && plan.record.progress.failure.is_none());
    assert!(plan.record.waiting[0].contains("answer their health check"), "{:?}", plan.record.waiting);
    assert!(plan.look_again_at.is_some_and(|at| at <= NOW.plus_seconds(30)), "{:?}", plan.look_again_at);
    seen.proxy_health = checked;
    let plan = decide(&plan.record, &seen, NOW.plus_seconds(30));
    assert!(plan.record.progress.steady && plan.record.waiting.is_empty(), "{:?}", plan.record.waiting);
}
