//! What is removed, in which order, and when it is called gone.

use longshore_model::preview::{Deployed, Intent};
use longshore_model::seen::Service;
use serde_json::json;

use super::super::seen::{BalancerSeen, Look, Outcome, Plan, Seen};
use super::super::{samples, tokens, took};

use super::*;

const NOW: Timestamp = Timestamp(500_000);

fn leaving() -> Environment {
    let mut record = samples::record();
    let removal = Removal {
        why: "branch deleted".into(),
        by: "github".into(),
        since: NOW,
        again: None,
        without_hooks: false,
    };
    record.wish.presence = Presence::Down(removal);
    record.state = State::Removing;
    record.progress.actions = 3;
    record.progress.resources.families = vec!["shop-x".into()];
    record.progress.resources.route = Some(samples::port_route());
    record
}

fn nothing() -> Seen {
    Seen {
        services: Look::Seen([].into()),
        balancer: Look::Seen(BalancerSeen::default()),
        revisions: Look::Seen([].into()),
        ..Seen::default()
    }
}

fn plan(record: &Environment, seen: &Seen) -> Plan {
    super::super::decide(record, seen, NOW)
}

#[test]
fn it_is_forgotten_only_when_each_kind_of_thing_was_seen_to_be_gone() {
    let gone = plan(&leaving(), &nothing());
    assert!(gone.forget && gone.actions.is_empty() && gone.site == Some(None));
    for unseen in [
        Seen { services: Look::Not, ..nothing() },
        Seen { services: Look::Gap("x".into()), ..nothing() },
        Seen { balancer: Look::Not, ..nothing() },
        Seen { revisions: Look::Gap("x".into()), ..nothing() },
    ] {
        let plan = plan(&leaving(), &unseen);
        assert!(!plan.forget && plan.actions.is_empty() && plan.look_again_at.is_some());
    }
}

#[test]
fn a_call_that_nobody_answered_is_waited_for() {
    let mut record = leaving();
    let at = NOW.plus_ms(-10_000);
    record.progress.intents = vec![Intent { ordinal: 3, what: "create service shop-x".into(), at }];
    let early = plan(&record, &nothing());
    assert!(!early.forget && early.record.waiting.iter().any(|why| why.contains("create service")));
    assert_eq!(early.record.progress.intents, record.progress.intents);
    record.progress.intents[0].at = NOW.plus_ms(-MAY_STILL_COME_MS);
    assert!(plan(&record, &nothing()).forget);
}

#[test]
fn rules_of_a_shared_listener_go_before_their_target_groups_and_others_stay() {
    let mut record = leaving();
    record.progress.resources.route = Some(samples::host_route());
    let own = tokens::tags(&record);
    let theirs = vec![own[0].clone()];
    let rule = |id: &str| format!("arn:aws:elasticloadbalancing:r:1:listener-rule/app/lb/1/2/{id}");
    let balancer = BalancerSeen {
        target_groups: [
            ("shop-x-tg".to_owned(), ("arn:tg/ours".to_owned(), own.clone())),
            ("other".to_owned(), ("arn:tg/theirs".to_owned(), theirs.clone())),
        ]
        .into(),
        rules: ["ours", "theirs", "bare"].map(|id| (rule(id), 1, Vec::new())).into(),
        tags: [(rule("ours"), own), (rule("theirs"), theirs)].into(),
        ..BalancerSeen::default()
    };
    let revisions = [("shop-x", "td:1"), ("shop", "td:theirs")];
    let revisions = revisions.map(|(family, arn)| (family.to_owned(), vec![arn.to_owned()])).into();
    let seen = Seen { balancer: Look::Seen(balancer), revisions: Look::Seen(revisions), ..nothing() };
    let plan = plan(&record, &seen);
    assert_eq!(
        plan.actions,
        [
            Action::DeleteRule(rule("ours")),
            Action::DeleteTargetGroup("arn:tg/ours".into()),
            Action::Deregister("td:1".into())
        ]
    );
    assert!(!plan.forget);
}

#[test]
fn a_service_of_others_with_our_name_stays() {
    let others = [("longshore:environment", "y.shop"), ("longshore:repository", "octo/shop")];
    let service = |tags: &[(&str, &str)]| {
        let tags: Vec<_> = tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
        let document = json!({"serviceName": "shop-x", "status": "ACTIVE", "tags": tags});
        Seen {
            services: Look::Seen([("shop-x".to_owned(), Service::read(document).unwrap())].into()),
            ..nothing()
        }
    };
    let theirs = plan(&leaving(), &service(&others));
    assert!(theirs.actions.is_empty() && theirs.forget);
    let ours = [("longshore:environment", "x.shop"), ("longshore:repository", "octo/shop")];
    let ours = plan(&leaving(), &service(&ours));
    assert!(!ours.forget && ours.actions == [Action::DeleteService { name: "shop-x".into() }]);
}

#[test]
fn its_beginning_is_told_once_whoever_set_its_state() {
    let mut record = leaving();
    record.progress.errors = 4;
    record.progress.retry_at = Some(NOW.plus_seconds(300));
    let drains = Service { status: "DRAINING".into(), ..Default::default() };
    let seen = Seen { services: Look::Seen([("shop-x".to_owned(), drains)].into()), ..nothing() };
    let first = plan(&record, &seen);
    assert_eq!(first.notices.len(), 1);
    assert_eq!(
        (first.record.progress.errors, first.record.progress.retry_at),
        (0, None),
        "older errors say nothing"
    );
    let second = plan(&first.record, &seen);
    assert!(second.notices.is_empty() && second.record == first.record);
    assert!(second.record.waiting[0].contains("draining"));
}

#[test]
fn a_rule_is_of_its_listener() {
    let listener = "arn:aws:elasticloadbalancing:r:1:listener/app/lb/1/2";
    assert!(belongs("arn:aws:elasticloadbalancing:r:1:listener-rule/app/lb/1/2/3", listener));
    assert!(!belongs("arn:aws:elasticloadbalancing:r:1:listener-rule/app/lb/1/22/3", listener));
}

#[test]
fn revisions_that_are_all_deregistered_are_not_listed_once_more() {
    let listed: Vec<String> = vec!["td:1".into(), "td:2".into()];
    let seen = Seen { revisions: Look::Seen([("shop-x".to_owned(), listed)].into()), ..nothing() };
    let deployed = |arn: &str| {
        let mut record = leaving();
        record.progress.deployed =
            Some(Deployed { task_definitions: vec![arn.to_owned()], ..Deployed::default() });
        record
    };
    let done = |record: &Environment, arn: &str| {
        took::took(record, &Action::Deregister(arn.to_owned()), &Outcome::Done(None), NOW)
    };
    let planned = plan(&deployed("td:2"), &seen);
    assert_eq!(planned.actions, ["td:1", "td:2"].map(|arn| Action::Deregister(arn.into())));
    let one = done(&planned.record, "td:1");
    assert!(needs(&one, None, NOW).revisions, "there is one left");
    assert!(!needs(&done(&one, "td:2"), None, NOW).revisions);

    let mut unknown = deployed("td:2");
    let what = "register task definition shop-x".to_owned();
    unknown.progress.intents = vec![Intent { ordinal: 3, what, at: NOW }];
    for (record, why) in [(deployed("td:3"), "the list is older"), (unknown, "one may still come")] {
        let both = done(&done(&plan(&record, &seen).record, "td:1"), "td:2");
        assert!(needs(&both, None, NOW).revisions, "{why}");
    }
}

#[test]
fn what_a_deploy_on_its_way_has_registered_is_not_left_behind() {
    let mut record = leaving();
    record.progress.deployed =
        Some(Deployed { task_definitions: vec!["td:2".into()], ..Deployed::default() });
    record.progress.deploying =
        Some(Deployed { task_definitions: vec![String::new()], ..Deployed::default() });
    let register = Action::Register(0, serde_json::Map::new());
    let record = took::took(&record, &register, &Outcome::Done(Some("td:3".into())), NOW);
    let listing = |arns: &[&str]| {
        let listed = arns.iter().map(|arn| (*arn).to_owned()).collect();
        Seen { revisions: Look::Seen([("shop-x".to_owned(), listed)].into()), ..nothing() }
    };
    let done = |record: &Environment, arn: &str| {
        took::took(record, &Action::Deregister(arn.to_owned()), &Outcome::Done(None), NOW)
    };
    // A list that is older than the last revision.
    let planned = plan(&record, &listing(&["td:1", "td:2"]));
    assert_eq!(planned.actions.len(), 2);
    let both = done(&done(&planned.record, "td:1"), "td:2");
    assert!(needs(&both, None, NOW).revisions, "there is one that the list does not have");
    let early = plan(&both, &listing(&[]));
    assert!(!early.forget && early.record.waiting.iter().any(|why| why.contains("`td:3`")), "{early:?}");
    let found = plan(&both, &listing(&["td:3"]));
    assert_eq!(found.actions, [Action::Deregister("td:3".into())]);
    assert!(plan(&done(&found.record, "td:3"), &listing(&[])).forget);
    let late = NOW.plus_ms(VISIBLE_WITHIN_MS);
    assert!(super::super::decide(&both, &listing(&[]), late).forget, "somebody else has deregistered it");
}

#[test]
fn a_service_that_was_just_made_is_not_gone_because_a_look_is_older() {
    let mut record = leaving();
    record.progress.resources.services = [("shop-x".to_owned(), NOW)].into();
    let early = plan(&record, &nothing());
    assert!(!early.forget && early.record.waiting[0].contains("not visible yet"));
    let late = NOW.plus_ms(VISIBLE_WITHIN_MS);
    assert!(super::super::decide(&early.record, &nothing(), late).forget);
}
