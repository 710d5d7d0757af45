//! What requests lead to, case by case.

use serde_json::{Value, json};

use super::super::samples::{SECRET, SENT_AT, definition, event, merge, request};
use super::*;

const NOW: Timestamp = SENT_AT.plus_seconds(1);

fn status(word: &str) -> Facts {
    Facts { stack_status: Some(Ok(word.into())), ..Facts::default() }
}

fn unknown_status(kind: Kind) -> Facts {
    let error = Error::new(kind, "cannot describe stack `web`: it says no");
    Facts { stack_status: Some(Err(error)), ..Facts::default() }
}

fn updating() -> Facts {
    status("UPDATE_IN_PROGRESS")
}

fn decided(kind: &str, changes: &Value, facts: &Facts) -> Decision {
    decide(&request(kind, changes), facts, NOW)
}

/// An Update from the properties of `old` to those of `new`.
fn update_of(old: &Value, new: &Value) -> Request {
    let mut event = event("Update");
    merge(&mut event["OldResourceProperties"], old);
    merge(&mut event["ResourceProperties"], new);
    Request::read(&event).unwrap()
}

/// The decision in a word, and why.
fn in_words(decision: &Decision) -> (&'static str, String) {
    match decision {
        Decision::Need(Need::StackStatus) => ("status?", String::new()),
        Decision::Need(Need::TaskDefinitions { old, new }) => ("definitions?", format!("{old} {new}")),
        Decision::Run { why, .. } => ("run", why.clone()),
        Decision::Nothing { why } => ("nothing", why.clone()),
        Decision::StopTasks { why, .. } => ("stop", why.clone()),
        Decision::Refuse { why } => ("refuse", why.clone()),
    }
}

#[test]
fn the_rules() {
    let (none, updating) = (Facts::default(), updating());
    let rollback = status("UPDATE_ROLLBACK_IN_PROGRESS");
    let on_delete = json!({"RunOnDelete": "true"});
    let criteria = json!([{"Container": "app", "EnvironmentKeys": "A"}]);
    let cases: &[(&str, Value, &Facts, &str, &str)] = &[
        ("Create", json!({}), &none, "run", "created"),
        ("Create", json!({"RunOnUpdate": false}), &none, "run", "created"),
        ("Create", json!({"Count": "0"}), &none, "nothing", "Count is 0"),
        ("Create", json!({"Count": "0", "Instances": ["i"]}), &none, "nothing", "Count is 0"),
        ("Create", json!({"Cluster": ""}), &none, "refuse", "`Cluster` is missing"),
        ("Update", json!({}), &none, "status?", ""),
        ("Update", json!({}), &updating, "run", "updated"),
        // The fact is not asked for where it does not matter.
        ("Update", json!({"RunOnUpdate": "false"}), &none, "nothing", "RunOnUpdate is false"),
        ("Update", json!({"Count": 0}), &none, "nothing", "Count is 0"),
        ("Update", json!({"Count": 0, "UpdateCriteria": criteria}), &none, "nothing", "Count is 0"),
        (
            "Update",
            json!({"RunOnUpdate": false, "UpdateCriteria": criteria}),
            &none,
            "nothing",
            "RunOnUpdate",
        ),
        ("Update", json!({"RunOnRollback": true}), &none, "run", "updated"),
        ("Update", json!({"RunOnRollback": true}), &rollback, "run", "updated"),
        ("Update", json!({}), &rollback, "stop", "rolled back (UPDATE_ROLLBACK_IN_PROGRESS)"),
        ("Update", json!({"Bad": 1}), &none, "status?", ""),
        ("Update", json!({"Bad": 1}), &updating, "refuse", "`Bad` is not known"),
        // A rollback does not fail over properties that an older release has read.
        ("Update", json!({"Bad": 1}), &rollback, "stop", "rolled back"),
        ("Delete", json!({}), &none, "stop", "deleted"),
        ("Delete", json!({"Count": 0}), &none, "stop", "deleted"),
        ("Delete", json!({"Bad": 1}), &none, "stop", "deleted"),
        ("Delete", json!({"RunOnDelete": true, "Bad": 1}), &none, "stop", "deleted"),
        ("Delete", json!({"Cluster": ""}), &none, "nothing", "names no cluster"),
        ("Delete", json!({"Cluster": ["a"]}), &none, "nothing", "names no cluster"),
        ("Delete", on_delete.clone(), &none, "status?", ""),
        ("Delete", on_delete.clone(), &status("DELETE_IN_PROGRESS"), "run", "RunOnDelete is true"),
        ("Delete", on_delete.clone(), &status("ROLLBACK_IN_PROGRESS"), "stop", "rolled back"),
        ("Delete", on_delete.clone(), &rollback, "stop", "rolled back"),
        ("Delete", json!({"RunOnDelete": true, "RunOnRollback": true}), &none, "run", "RunOnDelete is true"),
        ("Delete", json!({"RunOnDelete": true, "Count": 0}), &none, "stop", "deleted"),
    ];
    for (kind, changes, facts, word, why) in cases {
        let said = in_words(&decided(kind, changes, facts));
        assert!(said.0 == *word && said.1.contains(why), "{kind} {changes} {facts:?}: {said:?}");
    }
}

#[test]
fn every_status_of_a_rollback_is_one() {
    for (word, rolling_back) in [
        ("UPDATE_ROLLBACK_IN_PROGRESS", true),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", true),
        ("ROLLBACK_IN_PROGRESS", true),
        ("IMPORT_ROLLBACK_IN_PROGRESS", true),
        ("UPDATE_IN_PROGRESS", false),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", false),
        ("CREATE_IN_PROGRESS", false),
        ("DELETE_IN_PROGRESS", false),
    ] {
        let said = in_words(&decided("Update", &json!({}), &status(word))).0;
        assert_eq!(said, if rolling_back { "stop" } else { "run" }, "{word}");
    }
}

#[test]
fn a_status_that_cannot_be_learnt_fails_with_the_permission_that_it_needs() {
    let (word, why) = in_words(&decided("Update", &json!({}), &unknown_status(Kind::Denied)));
    assert_eq!(word, "refuse");
    for part in ["stack `web`", "it says no", "cloudformation:DescribeStacks", "RunOnRollback: true"] {
        assert!(why.contains(part), "{why}");
    }
    let (word, why) = in_words(&decided("Update", &json!({}), &unknown_status(Kind::Unavailable)));
    assert!(word == "refuse" && why.contains("try again, or set RunOnRollback: true"), "{why}");
    // What is refused anyway is refused for its own reason.
    let (_, why) = in_words(&decided("Update", &json!({"Bad": 1}), &unknown_status(Kind::Denied)));
    assert!(why.contains("`Bad`"), "{why}");
    // A stack must stay deletable.
    let said = decided("Delete", &json!({"RunOnDelete": true}), &unknown_status(Kind::Denied));
    assert_eq!(in_words(&said).0, "run");
}

#[test]
fn criteria_are_decided_by_both_task_definitions() {
    let criteria = json!({"UpdateCriteria": [{"Container": "app", "EnvironmentKeys": ["DB_HOST"]}]});
    let mut new = criteria.clone();
    new["TaskDefinition"] = "app:3".into();
    let request = update_of(&criteria, &new);
    let decide = |old, new, stack_status| {
        let task_definitions = Some(TaskDefinitions { old, new });
        in_words(&decide(&request, &Facts { stack_status, task_definitions }, NOW))
    };
    let (a, b) = (definition(2, &[("DB_HOST", SECRET)]), definition(3, &[("DB_HOST", "other")]));
    let gone = |kind| Error::new(kind, "cannot describe it").with_hint("look again");

    let first = super::decide(&request, &Facts::default(), NOW);
    assert_eq!(in_words(&first), ("definitions?", "app:2 app:3".into()));

    let said = decide(Ok(a.clone()), Ok(a.clone()), None);
    assert!(said.0 == "nothing" && said.1.contains("`DB_HOST` of container `app` is unchanged"), "{said:?}");
    assert_eq!(decide(Ok(a.clone()), Ok(b.clone()), None).0, "status?");
    let said = decide(Ok(a.clone()), Ok(b.clone()), updating().stack_status);
    assert!(said.0 == "run" && said.1.contains("`DB_HOST` of container `app` has changed"), "{said:?}");
    assert!(!said.1.contains(SECRET), "{said:?}");

    for kind in [Kind::NotFound, Kind::Invalid] {
        let said = decide(Err(gone(kind)), Ok(b.clone()), updating().stack_status);
        assert!(said.0 == "run" && said.1.contains("`app:2` can no longer be described"), "{said:?}");
    }
    for said in [
        decide(Err(gone(Kind::Denied)), Ok(b.clone()), updating().stack_status),
        decide(Ok(a.clone()), Err(gone(Kind::NotFound)), updating().stack_status),
    ] {
        assert_eq!(said, ("refuse", "cannot describe it\nlook again".into()));
    }
    let mut other = b.clone();
    other.containers[0].name = "web".into();
    let said = decide(Ok(a.clone()), Ok(other.clone()), updating().stack_status);
    assert!(said.0 == "refuse" && said.1.contains("names container `app`"), "{said:?}");
    // Even that does not fail a rollback.
    assert_eq!(decide(Ok(a), Ok(other), status("UPDATE_ROLLBACK_IN_PROGRESS").stack_status).0, "stop");
}

#[test]
fn criteria_compare_with_nothing_when_the_old_properties_cannot_be_read() {
    let criteria = json!({"UpdateCriteria": [{"Container": "app", "EnvironmentKeys": ["DB_HOST"]}]});
    let said = in_words(&decide(&update_of(&json!({"Bad": 1}), &criteria), &updating(), NOW));
    assert!(said.0 == "run" && said.1.contains("old properties cannot be read"), "{said:?}");
    // A Create has nothing to compare either.
    assert_eq!(in_words(&decided("Create", &criteria, &Facts::default())).0, "run");
}

#[test]
fn a_rollback_stops_what_the_failed_update_left_where_it_left_it() {
    let rollback = status("UPDATE_ROLLBACK_IN_PROGRESS");
    let decide = |failed: Value| decide(&update_of(&failed, &json!({})), &rollback, NOW);
    let Decision::StopTasks { cluster, reason, .. } = decide(json!({"Cluster": "new-one"})) else {
        panic!("nothing is stopped");
    };
    assert_eq!(cluster, "new-one");
    assert!(
        reason.starts_with("Stopped by stack web request request-1 because the stack is rolled back"),
        "{reason}"
    );
    // One that was refused has started nothing, and one that says leave is left.
    assert_eq!(in_words(&decide(json!({"Bad": 1}))).0, "nothing");
    assert_eq!(in_words(&decide(json!({"OnTimeout": "leave"}))).0, "nothing");
}

#[test]
fn a_delete_stops_what_runs() {
    let Decision::StopTasks { cluster, reason, .. } = decided("Delete", &json!({}), &Facts::default()) else {
        panic!("nothing is stopped");
    };
    assert_eq!(cluster, "main");
    assert_eq!(reason, "Stopped by stack web request request-1 because the resource is deleted");
}

#[test]
fn a_request_that_nobody_waits_for_runs_nothing() {
    // Seconds since it was sent, and the word.
    let cases = [
        ("Create", json!({"Timeout": 3540}), 3539, "run"),
        ("Create", json!({"Timeout": 3540}), 3599, "refuse"),
        ("Create", json!({"Timeout": 3540}), 3600, "refuse"),
        ("Create", json!({"ServiceTimeout": 400}), 399, "refuse"),
        ("Create", json!({"ServiceTimeout": 400}), 400, "refuse"),
        ("Create", json!({"OnTimeout": "leave"}), 290, "refuse"),
        ("Create", json!({}), 289, "run"),
        ("Create", json!({}), 290, "refuse"),
        // The clocks differ.
        ("Create", json!({}), -600, "run"),
        ("Update", json!({}), 3600, "refuse"),
        // Meanwhile there may be another resource of this name, whose tasks are not to be stopped.
        ("Delete", json!({}), 3600, "refuse"),
        ("Delete", json!({"Bad": 1}), 3600, "refuse"),
        ("Delete", json!({}), 3599, "stop"),
    ];
    for (kind, changes, age_s, word) in cases {
        let decision = decide(&request(kind, &changes), &Facts::default(), SENT_AT.plus_seconds(age_s));
        assert_eq!(in_words(&decision).0, word, "{kind} {changes} {age_s}");
    }
    let mut unsigned = request("Create", &json!({}));
    unsigned.sent_at = None;
    assert_eq!(in_words(&decide(&unsigned, &Facts::default(), SENT_AT.plus_seconds(99_999))).0, "run");
}

/// With every fact known, nothing more is asked: whoever asks does not go in circles.
#[test]
fn it_ends() {
    let definitions = || TaskDefinitions { old: Ok(definition(1, &[])), new: Ok(definition(2, &[])) };
    let criteria = json!([{"Container": "app", "EnvironmentKeys": "A"}]);
    for kind in ["Create", "Update", "Delete"] {
        for changes in [
            json!({}),
            json!({"UpdateCriteria": criteria}),
            json!({"RunOnDelete": 1}),
            json!({"RunOnDelete": "yes"}),
        ] {
            for stack_status in [Ok("UPDATE_IN_PROGRESS".into()), Err(Error::new(Kind::Denied, "no"))] {
                let facts = Facts { stack_status: Some(stack_status), task_definitions: Some(definitions()) };
                let decision = decide(&update_or(kind, &changes), &facts, NOW);
                assert!(!matches!(decision, Decision::Need(_)), "{kind} {changes}: {decision:?}");
            }
        }
    }
}

fn update_or(kind: &str, changes: &Value) -> Request {
    if kind == "Update" { update_of(changes, changes) } else { request(kind, changes) }
}

#[test]
fn what_is_decided_shows_no_secret() {
    let shown = format!("{:?}", decided("Create", &json!({}), &Facts::default()));
    assert!(shown.contains("run_on_update") && !shown.contains(SECRET), "{shown}");
}
