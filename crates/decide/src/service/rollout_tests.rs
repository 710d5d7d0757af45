//! Tables of what DescribeServices shows of a deployment: how it is told from all others, and how it ends.

use serde_json::{Value, json};

use super::*;

const BACK: &str = "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/3.";
const FAILED: &str = "ECS deployment circuit breaker: tasks failed to start.";

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Its number, status, revision, running tasks, state and reason.
type Shown<'a> = (u8, &'a str, u8, i64, &'a str, &'a str);

fn deployment((id, status, revision, running, state, reason): Shown<'_>) -> Value {
    let state = if state.is_empty() { Value::Null } else { json!(state) };
    json!({"id": format!("ecs-svc/{id}"), "status": status, "taskDefinition": format!("t/web:{revision}"),
        "desiredCount": 2, "runningCount": running, "rolloutState": state, "rolloutStateReason": reason})
}

/// A service of two tasks, and whether its breaker is on, and goes back.
fn service(deployments: &[Shown<'_>], breaker: (bool, bool)) -> Service {
    let running: i64 = deployments.iter().map(|deployment| deployment.3).sum();
    let deployments: Vec<Value> = deployments.iter().map(|shown| deployment(*shown)).collect();
    Service::read(
        json!({"serviceName": "web", "status": "ACTIVE", "desiredCount": 2, "runningCount": running,
        "deployments": deployments, "deploymentConfiguration": {"deploymentCircuitBreaker":
            {"enable": breaker.0, "rollback": breaker.1}}}),
    )
    .unwrap()
}

/// An update of two running tasks of `web:1` to `web:2`, as it is answered.
fn answer() -> Service {
    service(&[(2, "PRIMARY", 2, 0, "IN_PROGRESS", ""), (1, "ACTIVE", 1, 2, "COMPLETED", "")], (true, true))
}

fn word(stage: &Stage) -> String {
    match stage {
        Stage::Going(_) => "going".into(),
        Stage::GoingBack(_) => "going back".into(),
        Stage::Stable(_) => "stable".into(),
        Stage::RolledBack { reason, to } => format!("back to {to}: {reason}"),
        Stage::Failed(reason) => format!("failed: {reason}"),
        Stage::Superseded(by) => format!("superseded: {by}"),
        Stage::Gone => "gone".into(),
    }
}

/// A look at a service, a while after its update, and what it tells.
type Row<'a> = (&'a str, &'a [Shown<'a>], (bool, bool), &'a str);

fn tells(table: &[Row<'_>]) {
    for (what, shown, breaker, expected) in table {
        let mut rollout = Rollout::of(&answer(), Some("t/web:1".into()), at(0));
        assert_eq!(word(&rollout.look(Some(&service(shown, *breaker)), at(90))), *expected, "{what}");
    }
}

const OLD: Shown<'_> = (1, "ACTIVE", 1, 2, "COMPLETED", "");
const LOST: Shown<'_> = (2, "DRAINING", 2, 0, "FAILED", FAILED);
const ON: (bool, bool) = (true, true);
const OFF: (bool, bool) = (false, false);

#[test]
fn one_look_tells_how_far_a_deployment_is() {
    let new = |running, state| (2, "PRIMARY", 2, running, state, "");
    let lost = (2, "PRIMARY", 2, 0, "FAILED", FAILED);
    let failed = "failed: ECS deployment circuit breaker: tasks failed to start.";
    tells(&[
        ("old tasks still run", &[new(2, "IN_PROGRESS"), OLD], ON, "going"),
        ("as many run as are wanted, but ECS is not sure yet", &[new(2, "IN_PROGRESS")], ON, "going"),
        ("it is over", &[new(2, "COMPLETED")], ON, "stable"),
        ("no state behind a Classic Load Balancer", &[new(2, "")], ON, "stable"),
        ("the same, on its way", &[new(1, "")], ON, "going"),
        ("over, and a task has ended since", &[new(1, "COMPLETED")], ON, "going"),
        ("over, and old tasks drain", &[new(2, "COMPLETED"), OLD], ON, "going"),
        ("ECS has failed it, and is about to go back", &[lost, OLD], ON, "going back"),
        ("nothing goes back by itself", &[lost, OLD], (true, false), failed),
    ]);
}

#[test]
fn a_newer_deployment_is_ecs_way_back_or_somebody_elses() {
    let back = |revision, running| (3, "PRIMARY", revision, running, "IN_PROGRESS", BACK);
    let over = (3, "PRIMARY", 1, 2, "COMPLETED", "");
    let other = |state| (4, "PRIMARY", 9, 2, state, "");
    let (taken, by_other) = (
        "superseded: deployment ecs-svc/3 of web:1 took its place",
        "superseded: deployment ecs-svc/4 of web:9 took its place",
    );
    tells(&[
        ("it goes back", &[back(1, 1), LOST, OLD], ON, "going back"),
        ("the lost one has vanished", &[back(1, 1)], ON, "going back"),
        ("to an earlier one than that before", &[back(7, 1)], ON, "going back"),
        (
            "the old one is the newest again",
            &[(1, "PRIMARY", 1, 1, "IN_PROGRESS", BACK), LOST],
            ON,
            "going back",
        ),
        ("the lost one is still there", &[over, LOST], ON, "going back"),
        (
            "it went back between two looks",
            &[over],
            ON,
            "back to web:1: it is no longer the newest deployment of the service",
        ),
        ("the same, without a breaker, is somebody's", &[over], OFF, taken),
        (
            "the way back fails too",
            &[(3, "PRIMARY", 1, 0, "FAILED", FAILED), LOST],
            ON,
            "failed: ECS deployment circuit breaker: tasks failed to start.; the way back to web:1 failed too",
        ),
        ("somebody else", &[other("IN_PROGRESS"), (2, "ACTIVE", 2, 1, "IN_PROGRESS", "")], ON, by_other),
        ("somebody else after it failed", &[other("COMPLETED"), LOST], ON, by_other),
    ]);
    for revision in [1, 7] {
        let mut rollout = Rollout::of(&answer(), Some("t/web:1".into()), at(0));
        rollout.look(Some(&service(&[back(revision, 1), LOST], ON)), at(10));
        let over = service(&[(3, "PRIMARY", revision, 2, "COMPLETED", "")], ON);
        let told = word(&rollout.look(Some(&over), at(20)));
        assert_eq!(told, format!("back to web:{revision}: {FAILED}"), "with the reason that was seen");
    }
}

#[test]
fn without_knowing_what_ran_before_a_failure_and_its_way_back_are_seen() {
    let on = (true, true);
    let mut rollout = Rollout::of(&answer(), None, at(0));
    let lost: Shown<'_> = (2, "ACTIVE", 2, 0, "FAILED", FAILED);
    let back = |state, reason| service(&[(3, "PRIMARY", 1, 2, state, reason), lost], on);
    assert_eq!(word(&rollout.look(Some(&back("IN_PROGRESS", BACK)), at(5))), "going back");
    let over = service(&[(3, "PRIMARY", 1, 2, "COMPLETED", "")], on);
    assert_eq!(word(&rollout.look(Some(&over), at(9))), format!("back to web:1: {FAILED}"));
    let mut rollout = Rollout::of(&answer(), None, at(0));
    assert_eq!(
        word(&rollout.look(Some(&back("COMPLETED", "")), at(5))),
        "going back",
        "it was seen to have failed"
    );
    let mut rollout = Rollout::of(&answer(), None, at(0));
    let unseen = word(&rollout.look(Some(&over), at(90)));
    assert_eq!(unseen, "superseded: deployment ecs-svc/3 of web:1 took its place", "nobody can know");
}

#[test]
fn a_first_deployment_that_fails_has_nothing_to_go_back_to_and_is_not_waited_for() {
    let failed = service(&[(2, "PRIMARY", 2, 0, "FAILED", FAILED)], (true, true));
    let mut rollout = Rollout::of(&answer(), None, at(0));
    assert_eq!(word(&rollout.look(Some(&failed), at(300))), "going back");
    assert_eq!(word(&rollout.look(Some(&failed), at(359))), "going back");
    assert_eq!(word(&rollout.look(Some(&failed), at(360))), format!("failed: {FAILED}"));
}

#[test]
fn alarms_go_back_too() {
    let mut failed = service(&[(2, "PRIMARY", 2, 0, "FAILED", "alarm detected.")], (true, false));
    let alarms = |enable: bool| json!({"alarms": {"alarmNames": ["a"], "enable": enable, "rollback": true}});
    for (enable, expected) in [(true, "going back"), (false, "failed: alarm detected.")] {
        failed.document.insert("deploymentConfiguration".into(), alarms(enable));
        let mut rollout = Rollout::of(&answer(), Some("t/web:1".into()), at(0));
        assert_eq!(word(&rollout.look(Some(&failed), at(5))), expected);
    }
}

/// ecspresso's #872, #873 and #945: what is waited for is neither an older deployment nor an older answer.
#[test]
fn an_answer_that_is_out_of_date_says_nothing() {
    let before = service(&[(1, "PRIMARY", 1, 2, "COMPLETED", "")], (true, true));
    let mut inactive = before.clone();
    inactive.status = "INACTIVE".into();
    let over = service(&[(2, "PRIMARY", 2, 2, "COMPLETED", "")], (true, true));
    for (what, seen, later) in [
        ("the old one", Some(&before), "back to web:1: it is no longer the newest deployment of the service"),
        ("nothing", None, "gone"),
        ("the service before", Some(&inactive), "gone"),
    ] {
        let mut rollout = Rollout::of(&answer(), Some("t/web:1".into()), at(0));
        assert_eq!(word(&rollout.look(seen, at(1))), "going", "{what}");
        let going = answer();
        assert_eq!(word(&rollout.look(Some(&going), at(2))), "going");
        assert_eq!(word(&rollout.look(seen, at(59))), "going", "{what}, from another server");
        assert_eq!(word(&rollout.clone().look(Some(&over), at(60))), "stable");
        assert_eq!(word(&rollout.look(seen, at(60))), later, "{what}");
    }
}

#[test]
fn a_count_that_alone_is_changed_is_waited_for_in_the_deployment_there_is() {
    let shown = |wanted: i64, running: i64| {
        let mut service = service(&[(1, "PRIMARY", 1, running, "COMPLETED", "")], (false, false));
        service.desired_count = wanted;
        service.deployments[0].desired_count = wanted;
        service
    };
    let mut rollout = Rollout::of(&shown(5, 2), Some("t/web:1".into()), at(0));
    assert_eq!(rollout.id(), "ecs-svc/1");
    for (wanted, running, seconds, expected) in [
        (2, 2, 1, "going"),
        (5, 2, 2, "going"),
        (5, 5, 3, "stable"),
        (2, 2, 59, "going"),
        (2, 2, 60, "stable"),
    ] {
        let stage = rollout.look(Some(&shown(wanted, running)), at(seconds));
        assert_eq!(word(&stage), expected, "{running} of {wanted} after {seconds} s");
    }
}

#[test]
fn none_wanted_is_none_to_wait_for() {
    let mut none = service(&[(2, "PRIMARY", 2, 0, "IN_PROGRESS", "")], (true, true));
    none.desired_count = 0;
    none.deployments[0].desired_count = 0;
    let look = |service: &Service| word(&Rollout::of(&none.clone(), None, at(0)).look(Some(service), at(5)));
    assert_eq!(look(&none), "stable");
    let mut daemon = none.clone();
    daemon.document.insert("schedulingStrategy".into(), json!("DAEMON"));
    assert_eq!(look(&daemon), "going", "ECS has not counted the instances yet");
    daemon.deployments[0].rollout_state = Some("COMPLETED".into());
    assert_eq!(look(&daemon), "stable");
}

#[test]
fn where_ecs_makes_no_deployments_the_tasks_are_counted() {
    let mut all = service(&[], (false, false));
    let mut rollout = Rollout::of(&all, Some("t/web:1".into()), at(0));
    for (running, pending, expected) in [(1, 1, "going"), (2, 1, "going"), (2, 0, "stable")] {
        (all.running_count, all.pending_count) = (running, pending);
        assert_eq!(word(&rollout.look(Some(&all), at(5))), expected, "{running} and {pending}");
    }
    assert_eq!(word(&rollout.look(Some(&answer()), at(6))), "going", "a late one is taken for it");
    assert_eq!(rollout.id(), "ecs-svc/2");
}

#[test]
fn without_a_breaker_failed_tasks_are_counted() {
    for (breaker, desired, failed, expected) in [
        (false, 2, 2, "going"),
        (false, 2, 3, "failed: 3 tasks failed, and the service has no circuit breaker"),
        (false, 10, 4, "going"),
        (false, 10, 5, "failed: 5 tasks failed, and the service has no circuit breaker"),
        (false, 1000, 199, "going"),
        (false, 1000, 200, "failed: 200 tasks failed, and the service has no circuit breaker"),
        (true, 2, 50, "going"),
    ] {
        let mut shown = service(&[(2, "PRIMARY", 2, 0, "IN_PROGRESS", "")], (breaker, false));
        shown.desired_count = desired;
        shown.deployments[0].failed_tasks = failed;
        let mut rollout = Rollout::of(&answer(), None, at(0));
        assert_eq!(word(&rollout.look(Some(&shown), at(70))), expected, "{failed} of {desired}");
        assert!(!rollout.is_crash_loop(2, desired));
        assert!(rollout.is_crash_loop(200, desired));
    }
}

#[test]
fn progress_counts_the_old_tasks_and_events_are_told_once() {
    let mut shown = answer();
    shown.deployments[0].pending_count = 1;
    let mut rollout = Rollout::of(&answer(), None, at(0));
    let expected = Progress { running: 0, pending: 1, desired: 2, failed: 0, old: 2 };
    assert_eq!(rollout.look(Some(&shown), at(5)), Stage::Going(expected));
    let event = |id: &str| longshore_model::seen::ServiceEvent {
        id: id.into(),
        message: format!("m{id}"),
        created_at: None,
    };
    shown.events = vec![event("2"), event("1")];
    let mut rollout = Rollout::of(&shown, None, at(0));
    shown.events = vec![event("4"), event("3"), event("2")];
    assert_eq!(rollout.events(&shown), ["m3", "m4"], "the oldest first");
    assert_eq!(rollout.events(&shown), [""; 0]);
}
