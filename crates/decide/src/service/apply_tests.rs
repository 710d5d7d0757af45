//! The way of one service, step by step: what is asked for, in which order, and how it ends.

use std::collections::BTreeMap;

use longshore_model::error::Kind;
use serde_json::json;

use super::*;
use crate::service::gate::Gate;

#[path = "apply_back_tests.rs"]
mod back;

/// A service of two tasks: of each deployment its number, status, revision, running tasks and state.
fn service(deployments: &[(u8, &str, u8, i64, &str)]) -> Service {
    let shown: Vec<Value> = deployments
        .iter()
        .map(|(id, status, revision, running, state)| {
            json!({"id": format!("ecs-svc/{id}"), "status": status, "taskDefinition": format!("t/web:{revision}"),
                "desiredCount": 2, "runningCount": running, "rolloutState": state, "rolloutStateReason": "why"})
        })
        .collect();
    let running: i64 = deployments.iter().map(|deployment| deployment.3).sum();
    Service::read(
        json!({"serviceArn": "arn:web", "serviceName": "web", "status": "ACTIVE", "desiredCount": 2,
        "runningCount": running, "taskDefinition": shown.first().map_or(json!("t/web:1"), |first| first["taskDefinition"].clone()),
        "deployments": shown}),
    )
    .unwrap()
}

fn old() -> Service {
    service(&[(1, "PRIMARY", 1, 2, "COMPLETED")])
}

fn begun() -> Service {
    service(&[(2, "PRIMARY", 2, 0, "IN_PROGRESS"), (1, "ACTIVE", 1, 2, "COMPLETED")])
}

fn stable() -> Service {
    service(&[(2, "PRIMARY", 2, 2, "COMPLETED")])
}

fn failed() -> Service {
    service(&[(2, "PRIMARY", 2, 0, "FAILED"), (1, "ACTIVE", 1, 2, "COMPLETED")])
}

fn back() -> Service {
    service(&[(3, "PRIMARY", 1, 2, "COMPLETED")])
}

fn with_status(mut service: Service, status: &str) -> Service {
    service.status = status.into();
    service
}

fn passed(mut service: Service, revision: &str) -> Service {
    service.document.insert("tags".into(), json!([{"key": PASSED_TAG, "value": revision}]));
    service
}

fn gate(name: &str) -> Gate {
    let (command, timeout) = (vec![name.to_owned()], Duration::from_secs(60));
    Gate { name: name.into(), command, container: None, environment: BTreeMap::new(), timeout }
}

/// Two gates before and one after.
fn way() -> Way {
    let timeout = Some(Duration::from_secs(600));
    Way { before: vec![gate("b1"), gate("b2")], after: vec![gate("a1")], timeout, ..Way::default() }
}

fn update(members: Value, tag: &[&str]) -> Change {
    let Value::Object(input) = members else { panic!("an object") };
    let tag = tag.iter().map(|key| Tag { key: (*key).into(), value: None }).collect();
    Change::Update { input, tag, untag: Vec::new() }
}

fn deploy() -> Change {
    update(json!({"service": "web", "taskDefinition": "t/web:2"}), &[])
}

fn create() -> Change {
    Change::Create(Map::from_iter([("taskDefinition".into(), json!("t/web:2"))]))
}

fn begin(change: Change, live: Option<Service>, way: Way) -> Apply {
    let plan = Plan { change, needs: None, wanted: Map::new(), live: Map::new() };
    Apply::new("web".into(), plan, "t/web:2".into(), live, way, Duration::ZERO)
}

/// An answer, in short.
#[expect(clippy::large_enum_variant, reason = "a table reads better without boxes")]
enum A {
    Passes,
    Fails,
    Is(Service),
    Missing,
    Ok,
    Err(Kind),
    Failing(usize),
}

fn word(ask: &Ask) -> String {
    match ask {
        Ask::Gate(gate, revision) => format!("{} {revision}", gate.name),
        Ask::Create(_) => "create".into(),
        Ask::Update(input) => {
            let said: Vec<String> = input
                .iter()
                .filter(|(key, _)| *key != "service")
                .map(|(_, value)| value.to_string())
                .collect();
            format!("update {}", said.join(" "))
        }
        Ask::Tag { arn, set, .. } => {
            let keys: Vec<&str> = set.iter().map(|tag| tag.key.as_str()).collect();
            format!("tag {arn} {}", keys.join(" "))
        }
        Ask::Look => "look".into(),
        Ask::Failing { deployment, .. } => format!("failing {deployment}"),
    }
}

fn did(ask: &Ask, answer: A) -> Did {
    let error = |kind| Error::new(kind, "no");
    match (ask, answer) {
        (Ask::Gate(..), A::Passes) => {
            let result = run::Ended::Succeeded;
            Did::Gate(Ok(Box::new(run::Outcome { result, ..run::Outcome::default() })))
        }
        (Ask::Gate(..), A::Fails) => {
            let (result, explanation) = (run::Ended::Application, "exit code 1".to_owned());
            Did::Gate(Ok(Box::new(run::Outcome { result, explanation, ..run::Outcome::default() })))
        }
        (Ask::Gate(..), A::Err(kind)) => Did::Gate(Err(error(kind))),
        (Ask::Create(_) | Ask::Update(_), A::Is(service)) => Did::Changed(Ok(service)),
        (Ask::Create(_) | Ask::Update(_), A::Err(kind)) => Did::Changed(Err(error(kind))),
        (Ask::Tag { .. }, A::Ok) => Did::Tagged(Ok(())),
        (Ask::Tag { .. }, A::Err(kind)) => Did::Tagged(Err(error(kind))),
        (Ask::Look, A::Is(service)) => Did::Looked(Ok(Some(service))),
        (Ask::Look, A::Missing) => Did::Looked(Ok(None)),
        (Ask::Look, A::Err(kind)) => Did::Looked(Err(error(kind))),
        (Ask::Failing { .. }, A::Failing(count)) => {
            let task =
                |index: usize| Failing { task_arn: index.to_string(), started: true, ..Failing::default() };
            Did::Failing((0..count).map(task).collect())
        }
        (ask, _) => panic!("this is no answer to {ask:?}"),
    }
}

/// Goes through a story, a second for each answer, and holds it to what is asked for.
fn goes(apply: &mut Apply, story: Vec<(&str, A)>) {
    for (seconds, (expected, answer)) in (1..).zip(story) {
        let now = Duration::from_secs(seconds);
        let ask = apply
            .ask(now)
            .unwrap_or_else(|| panic!("it is over, and not at {expected}: {:?}", apply.outcome()));
        assert_eq!(word(&ask), expected);
        apply.take(did(&ask, answer), now);
    }
}

/// Goes through a story to its end.
fn ends(mut apply: Apply, story: Vec<(&str, A)>, ended: Ended, explanation: &str) -> Outcome {
    goes(&mut apply, story);
    assert_eq!(apply.ask(Duration::from_secs(99)), None, "{explanation}");
    let outcome = apply.outcome().unwrap().clone();
    assert_eq!((outcome.result, outcome.explanation.as_str()), (ended, explanation));
    outcome
}

const BEFORE: [(&str, A); 2] = [("b1 t/web:2", A::Passes), ("b2 t/web:2", A::Passes)];
const UPDATE: &str = "update \"t/web:2\"";
const BACK: &str = "update \"t/web:1\"";
const MARK: &str = "tag arn:web longshore:passed";
const FAILED_MARK: &str = "tag arn:web longshore:failed";

/// The gates before have passed, and the service was updated; then this.
fn after_update(rest: Vec<(&'static str, A)>) -> Vec<(&'static str, A)> {
    BEFORE.into_iter().chain([(UPDATE, A::Is(begun()))]).chain(rest).collect()
}

#[test]
fn a_new_revision_passes_its_gates_and_is_waited_for() {
    let apply = begin(deploy(), Some(old()), way());
    let story =
        vec![("look", A::Is(begun())), ("look", A::Is(stable())), ("a1 t/web:2", A::Passes), (MARK, A::Ok)];
    ends(apply, after_update(story), Ended::Updated, "updated, and stable");
    let mut story: Vec<_> = BEFORE
        .into_iter()
        .chain([("create", A::Is(service(&[(2, "PRIMARY", 2, 0, "IN_PROGRESS")])))])
        .collect();
    story.extend([("look", A::Missing), ("look", A::Is(stable())), ("a1 t/web:2", A::Passes)]);
    story.push((MARK, A::Err(Kind::Denied)));
    ends(begin(create(), None, way()), story, Ended::Created, "created, and stable");
}

#[test]
fn a_gate_before_that_fails_changes_nothing() {
    for (answer, why) in [(A::Fails, "exit code 1"), (A::Err(Kind::Unavailable), "no")] {
        let has_run = matches!(answer, A::Fails);
        let words = format!("gate `b2` failed: {why}; the service was not changed");
        let story = vec![("b1 t/web:2", A::Passes), ("b2 t/web:2", answer)];
        let outcome = ends(begin(deploy(), Some(old()), way()), story, Ended::GateFailed, &words);
        assert_eq!(outcome.gate.is_some(), has_run);
    }
}

#[test]
fn gates_are_for_new_revisions() {
    let scale = || update(json!({"service": "web", "desiredCount": 2}), &[]);
    let now = || passed(stable(), "web:2");
    let to_two = "update 2";
    let only_stable = vec![(to_two, A::Is(stable())), ("look", A::Is(stable()))];
    ends(begin(scale(), Some(now()), way()), only_stable, Ended::Updated, "updated, and stable");
    let not_passed =
        vec![(to_two, A::Is(stable())), ("look", A::Is(stable())), ("a1 t/web:2", A::Passes), (MARK, A::Ok)];
    ends(begin(scale(), Some(stable()), way()), not_passed, Ended::Updated, "updated, and stable");
    let again = service(&[(5, "PRIMARY", 2, 2, "COMPLETED")]);
    let story = vec![
        (to_two, A::Is(again.clone())),
        ("look", A::Is(again)),
        ("a1 t/web:2", A::Passes),
        (MARK, A::Ok),
    ];
    ends(begin(scale(), Some(now()), way()), story, Ended::Updated, "updated, and stable");
}

#[test]
fn a_service_without_ecs_own_deployments_is_waited_for_by_its_tasks() {
    let (none, way) = (service(&[]), Way { before: Vec::new(), after: Vec::new(), ..way() });
    let mut all = none.clone();
    all.running_count = 2;
    let story = vec![("update 2", A::Is(none.clone())), ("look", A::Is(none.clone())), ("look", A::Is(all))];
    let scale = update(json!({"service": "web", "desiredCount": 2}), &[]);
    ends(begin(scale, Some(none), way), story, Ended::Updated, "updated, and stable");
}

/// ecspresso's #996 lost the ARN.
#[test]
fn tags_alone_are_set_on_the_service_and_begin_nothing() {
    let tags = || update(json!({}), &["a"]);
    let done = || passed(stable(), "web:2");
    let tag = "tag arn:web a";
    ends(begin(tags(), Some(done()), way()), vec![(tag, A::Ok)], Ended::Updated, "updated");
    let words = "no; its tags are not as the file says";
    ends(begin(tags(), Some(done()), way()), vec![(tag, A::Err(Kind::Denied))], Ended::Refused, words);
    let cut_off = vec![(tag, A::Ok), ("look", A::Is(stable())), ("a1 t/web:2", A::Passes), (MARK, A::Ok)];
    let going = service(&[(2, "PRIMARY", 2, 1, "IN_PROGRESS")]);
    ends(begin(tags(), Some(going), way()), cut_off, Ended::Updated, "updated, and stable");
}

#[test]
fn a_deployment_is_waited_for_though_its_tags_are_refused() {
    let change = update(json!({"service": "web", "taskDefinition": "t/web:2"}), &["a"]);
    let story = vec![
        ("tag arn:web a", A::Err(Kind::Denied)),
        ("look", A::Is(stable())),
        ("a1 t/web:2", A::Passes),
        (MARK, A::Ok),
    ];
    let words = "no; its tags are not as the file says";
    ends(begin(change, Some(old()), way()), after_update(story), Ended::Refused, words);
}

#[test]
fn what_is_as_the_file_says_is_left_alone_unless_an_earlier_apply_was_cut_off() {
    let begin = |live: Service| begin(Change::None, Some(live), way());
    let gates = || vec![("a1 t/web:2", A::Passes), (MARK, A::Ok)];
    ends(begin(passed(stable(), "web:2")), vec![], Ended::Unchanged, "unchanged");
    ends(begin(passed(stable(), "web:1")), gates(), Ended::Unchanged, "unchanged");
    let mut story = vec![("look", A::Is(stable()))];
    story.extend(gates());
    ends(begin(begun()), story, Ended::Unchanged, "unchanged, and stable");
    let next = "the deployment failed: why";
    let story = || vec![("look", A::Is(failed())), ("failing ecs-svc/2", A::Failing(1))];
    ends(begin(failed()), story(), Ended::DeploymentFailed, next);
    let alone = service(&[(2, "PRIMARY", 2, 0, "FAILED")]);
    let outcome = ends(begin(alone), story(), Ended::DeploymentFailed, next);
    assert_eq!(
        outcome.next_step.as_deref(),
        Some("`longshore rollback web` goes back"),
        "it is not known to what"
    );
    let no_wait = Way { no_wait: true, ..way() };
    ends(super::tests::begin(Change::None, Some(failed()), no_wait), vec![], Ended::Unchanged, "unchanged");
}

#[test]
fn a_deployment_that_is_not_waited_for_is_over_once_it_has_begun() {
    let no_wait = Way { no_wait: true, ..way() };
    ends(begin(deploy(), Some(old()), no_wait), after_update(vec![]), Ended::Updated, "updated");
}

#[test]
fn a_deleted_service_is_created_once_it_is_gone() {
    let draining = || with_status(old(), "DRAINING");
    let no_gates = || Way { before: Vec::new(), after: Vec::new(), ..way() };
    let created = service(&[(2, "PRIMARY", 2, 0, "IN_PROGRESS")]);
    for gone in [A::Missing, A::Is(with_status(old(), "INACTIVE"))] {
        let story = vec![
            ("look", A::Is(draining())),
            ("look", gone),
            ("create", A::Is(created.clone())),
            ("look", A::Is(stable())),
        ];
        ends(begin(create(), Some(draining()), no_gates()), story, Ended::Created, "created, and stable");
    }
    let mut with_gates = begin(create(), Some(draining()), way());
    goes(&mut with_gates, vec![("look", A::Missing), ("b1 t/web:2", A::Passes)]);
    let words = "somebody else created it again meanwhile";
    ends(begin(create(), Some(draining()), way()), vec![("look", A::Is(old()))], Ended::Superseded, words);
    let hurried = Way { timeout: Some(Duration::from_secs(2)), ..way() };
    let story = vec![("look", A::Is(draining())), ("look", A::Is(draining()))];
    let words = "the deleted service of the same name is still draining";
    ends(begin(create(), Some(draining()), hurried), story, Ended::TimedOut, words);
}

#[test]
fn an_answer_that_does_not_come_is_no_refusal() {
    for (kind, ended) in [
        (Kind::Denied, Ended::Refused),
        (Kind::Invalid, Ended::Refused),
        (Kind::Unavailable, Ended::Unknown),
        (Kind::Throttled, Ended::Unknown),
    ] {
        let story: Vec<_> = BEFORE.into_iter().chain([(UPDATE, A::Err(kind))]).collect();
        ends(begin(deploy(), Some(old()), way()), story, ended, "no");
    }
}

#[test]
fn a_service_that_cannot_be_described_is_asked_for_two_minutes() {
    let mut apply = begin(deploy(), Some(old()), way());
    goes(&mut apply, after_update(vec![]));
    let mut look = |answer: Result<Option<Service>, Error>, seconds| {
        apply.take(Did::Looked(answer), Duration::from_secs(seconds));
        apply.outcome().map(|outcome| outcome.result)
    };
    let error = || Err(Error::new(Kind::Unavailable, "no"));
    assert_eq!(look(error(), 10), None);
    assert_eq!(look(Ok(Some(begun())), 100), None);
    assert_eq!(look(error(), 110), None);
    assert_eq!(look(error(), 229), None, "counted from the first failure after the last answer");
    assert_eq!(look(error(), 230), Some(Ended::Unknown));
}

#[test]
fn somebody_else_ends_the_waiting() {
    let other = service(&[(4, "PRIMARY", 9, 0, "IN_PROGRESS"), (2, "ACTIVE", 2, 1, "IN_PROGRESS")]);
    let words = "another deployment came in between: deployment ecs-svc/4 of web:9 took its place";
    ends(
        begin(deploy(), Some(old()), way()),
        after_update(vec![("look", A::Is(other))]),
        Ended::Superseded,
        words,
    );
    let mut apply = begin(deploy(), Some(old()), way());
    goes(
        &mut apply,
        after_update(vec![("look", A::Missing), ("look", A::Is(with_status(begun(), "DRAINING")))]),
    );
    apply.take(Did::Looked(Ok(Some(with_status(begun(), "INACTIVE")))), Duration::from_secs(90));
    assert_eq!(apply.outcome().unwrap().explanation, "the service was deleted meanwhile");
}

#[test]
fn news_name_the_deployment_and_what_ecs_says() {
    let mut apply = begin(deploy(), Some(old()), way());
    let mut shown = begun();
    shown.events =
        vec![longshore_model::seen::ServiceEvent { id: "1".into(), message: "m".into(), created_at: None }];
    goes(&mut apply, after_update(vec![("look", A::Is(shown))]));
    let changed = News::Changed { created: false, deployment: "ecs-svc/2".into() };
    assert_eq!(apply.news(), [changed, News::Event("m".into())]);
    assert_eq!(apply.news(), []);
    assert_eq!((apply.name(), apply.progress().unwrap().old), ("web", 2));
    apply.take(Did::Tagged(Ok(())), Duration::ZERO);
    assert_eq!(apply.ask(Duration::from_secs(5)), Some(Ask::Look), "an answer to nothing changes nothing");
}
