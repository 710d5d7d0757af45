//! The first rounds of an environment, and what keeps it from beginning.

use std::sync::Arc;

use longshore_model::Timestamp;
use longshore_model::preview::{Environment, HookRun, HookState};
use longshore_model::seen::Service;
use serde_json::json;

use super::super::samples;
use super::super::seen::{Action, Look, Plan, Seen};
use super::super::{complete, decide as plan_for, needs, took};
use super::*;

const NOW: Timestamp = Timestamp(500_000);

fn seen(services: &[(&str, serde_json::Value)]) -> Seen {
    let base = json!({"taskDefinition": {"family": "base", "status": "ACTIVE", "containerDefinitions": [{"name": "app"}]}});
    let services = services
        .iter()
        .map(|(name, document)| ((*name).to_owned(), Service::read(document.clone()).unwrap()));
    Seen {
        policy: Some(Arc::new(samples::policy())),
        has_room: true,
        services: Look::Seen(services.collect()),
        tasks: Look::Seen(Vec::new()),
        task_definitions: Look::Seen([("base".to_owned(), Some(base))].into()),
        like: Look::Seen([].into()),
        revisions: Look::Seen([].into()),
        ..Seen::default()
    }
}

/// One that has room, and the plan of its next round.
fn begun(services: &[(&str, serde_json::Value)]) -> Plan {
    let first = plan_for(&samples::record(), &seen(&[]), NOW);
    assert_eq!((first.actions.len(), first.look_again_at), (0, Some(NOW)));
    plan_for(&first.record, &seen(services), NOW)
}

#[test]
fn the_first_round_makes_all_with_tokens_that_a_crash_keeps() {
    let plan = begun(&[]);
    let [Action::Register(0, _), Action::CreateService(0, input)] = plan.actions.as_slice() else {
        panic!("{:?}", plan.actions);
    };
    assert!(!input.contains_key("taskDefinition"), "it is not known yet");
    let ordinals: Vec<u32> = plan.record.progress.intents.iter().map(|intent| intent.ordinal).collect();
    assert_eq!((ordinals, plan.record.progress.actions), (vec![1, 2], 2));
    let outcome = super::super::Outcome::Done(Some("td:1".into()));
    let record = took(&plan.record, &plan.actions[0], &outcome, NOW);
    let Action::CreateService(0, completed) = complete(&plan.actions[1], &record) else { panic!() };
    assert_eq!(completed["taskDefinition"], "td:1");
    // The process ends here. The service may be there or not: the call keeps its number, and so its token.
    let looks = needs(&record, Some(&samples::policy()), NOW);
    assert!(looks.services && looks.base);
    let again = plan_for(&record, &seen(&[]), NOW);
    let [Action::CreateService(0, second)] = again.actions.as_slice() else { panic!("{:?}", again.actions) };
    assert_eq!(second["clientToken"], completed["clientToken"]);
    assert_eq!(second["taskDefinition"], "td:1", "and nothing is registered twice");
}

#[test]
fn a_name_that_drains_is_waited_for() {
    let plan = begun(&[("shop-x", json!({"serviceName": "shop-x", "status": "DRAINING"}))]);
    assert!(plan.actions.is_empty() && plan.record.state == State::Queued);
    assert!(
        plan.record.waiting.iter().any(|why| why.contains("still draining")),
        "{:?}",
        plan.record.waiting
    );
    let gone = begun(&[("shop-x", json!({"serviceName": "shop-x", "status": "INACTIVE"}))]);
    assert_eq!(gone.actions.len(), 2, "INACTIVE frees the name");
}

#[test]
fn a_service_of_others_is_a_failure_and_is_left_alone() {
    let tags = json!([{"key": "longshore:environment", "value": "y.shop"}, {"key": "longshore:repository", "value": "octo/shop"}]);
    let theirs = json!({"serviceName": "shop-x", "status": "ACTIVE", "desiredCount": 2, "tags": tags});
    let plan = begun(&[("shop-x", theirs)]);
    assert!(plan.actions.is_empty() && plan.record.state == State::Failed);
    assert!(plan.record.progress.failure.unwrap().why.contains("`previews` is not Longshore's"));
    assert_eq!(plan.notices.len(), 1);
}

/// A service of this environment that runs, though the record knows nothing of it: the store was lost.
fn ours_from_before() -> (&'static str, serde_json::Value) {
    let tags = json!([{"key": "longshore:environment", "value": "x.shop"}, {"key": "longshore:repository", "value": "octo/shop"}]);
    let service = json!({"serviceName": "shop-x", "status": "ACTIVE", "desiredCount": 1, "taskDefinition": "td:7", "tags": tags});
    ("shop-x", service)
}

#[test]
fn what_a_lost_record_has_left_is_looked_at_and_taken_over() {
    let first = plan_for(&samples::record(), &seen(&[]), NOW).record;
    let revisions = || Look::Seen([("shop-x".to_owned(), vec!["td:7".to_owned()])].into());
    let unseen = Seen { services: Look::Not, revisions: revisions(), ..seen(&[]) };
    let plan = plan_for(&first, &unseen, NOW);
    assert_eq!((plan.actions.len(), &plan.record.progress.failure), (0, &None));
    assert!(needs(&plan.record, Some(&samples::policy()), NOW).services, "whose family is it?");
    let found = Seen { revisions: revisions(), ..seen(&[ours_from_before()]) };
    let taken_over = plan_for(&plan.record, &found, NOW);
    let [Action::Register(0, _), Action::UpdateService(0, input)] = &taken_over.actions[..] else {
        panic!("{:?}", taken_over.actions)
    };
    assert_eq!(input["desiredCount"], 1);
    let nobodys = plan_for(&plan.record, &Seen { revisions: revisions(), ..seen(&[]) }, NOW);
    assert!(nobodys.actions.is_empty() && nobodys.record.state == State::Failed, "a family of somebody else");
}

#[test]
fn what_a_lost_record_has_left_is_not_stopped_when_nothing_can_be_made() {
    let gone = Look::Seen([("base".to_owned(), None)].into());
    let mut record = plan_for(&samples::record(), &seen(&[]), NOW).record;
    for _ in 0..3 {
        let found = Seen { task_definitions: gone.clone(), ..seen(&[ours_from_before()]) };
        let plan = plan_for(&record, &found, NOW);
        assert_eq!(plan.actions, [], "it goes on as it is");
        record = plan.record;
    }
    assert_eq!(record.state, State::Failed);
}

#[test]
fn an_environment_of_another_shape_is_not_guessed_at() {
    let mut record: Environment = begun(&[]).record;
    record.names.services.push("shop-x-api".into());
    let plan = plan_for(&record, &seen(&[]), NOW);
    assert!(
        plan.actions.is_empty() && plan.record.progress.failure.unwrap().why.contains("1 services for it")
    );
}

#[test]
fn a_hook_of_what_was_before_is_let_end() {
    let mut policy = samples::policy();
    policy.hooks.after_create = vec![longshore_model::preview::Hook {
        name: "seed".into(),
        action: longshore_model::preview::HookAction::Lambda { function: "seed".into() },
        timeout_s: 60,
    }];
    let mut record = begun(&[]).record;
    record.wish.revision.sha = "b".repeat(40);
    let run = HookRun { state: HookState::Running, attempts: 1, at: NOW };
    record.progress.hooks = [("after_create/0a/seed".to_owned(), run)].into();
    let seen = Seen { policy: Some(Arc::new(policy)), ..seen(&[]) };
    let held = plan_for(&record, &seen, NOW.plus_seconds(59));
    assert!(held.actions.is_empty() && held.record.waiting[0].contains("`seed`"));
    let goes_on = plan_for(&held.record, &seen, NOW.plus_seconds(60));
    assert_eq!(goes_on.actions.len(), 2);
}

#[test]
fn nobody_looks_at_services_before_they_are_made_and_just_after_it() {
    let policy = samples::policy();
    let first = plan_for(&samples::record(), &seen(&[]), NOW).record;
    let looks = needs(&first, Some(&policy), NOW);
    assert!(!looks.services && !looks.tasks && looks.base && looks.revisions);
    let gap = plan_for(&first, &Seen { services: Look::Gap("throttled".into()), ..seen(&[]) }, NOW);
    assert_eq!(gap.actions, []);

    let plan = plan_for(&first, &Seen { services: Look::Not, ..seen(&[]) }, NOW);
    let [register @ Action::Register(..), create @ Action::CreateService(..)] = &plan.actions[..] else {
        panic!("{:?}", plan.actions)
    };
    let made = |arn: &str| super::super::Outcome::Done(Some(arn.into()));
    let registered = took(&plan.record, register, &made("td:1"), NOW);
    let record = took(&registered, create, &made("arn:service"), NOW.plus_ms(9));
    let looks = needs(&record, Some(&policy), NOW.plus_ms(10));
    assert!(!looks.services && looks.tasks && looks.named_tasks);
    let soon = plan_for(&record, &Seen { services: Look::Not, ..seen(&[]) }, NOW.plus_ms(10)).record;
    assert_eq!((soon.state, soon.progress.failure), (State::Creating, None));
    let looks = needs(&record, Some(&policy), NOW.plus_ms(5_000));
    assert!(looks.services && looks.tasks && !looks.named_tasks);

    let taken = "Creation of service was not idempotent.".to_owned();
    let refused = super::super::Outcome::Failed(longshore_model::Kind::Invalid, taken);
    let refused = took(&registered, create, &refused, NOW);
    assert!(needs(&refused, Some(&policy), NOW.plus_ms(1_000)).services, "who has the name?");
}
