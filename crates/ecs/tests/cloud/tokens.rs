//! Client tokens: the same call twice starts its tasks once, for as long as the token counts.

use longshore_ecs::fault::FaultKind;
use serde_json::{Value, json};

use super::local::{Local, id_of, text, texts};

fn local() -> Local {
    let (mut local, _) = Local::with_instance(1000, 1000);
    register(&mut local, 16);
    local
}

fn register(local: &mut Local, memory: i32) -> String {
    let containers = json!([{"name": "main", "image": "busybox", "memory": memory}]);
    let answer =
        local.must("RegisterTaskDefinition", json!({"family": "web", "containerDefinitions": containers}));
    text(&answer["taskDefinition"]["taskDefinitionArn"])
}

fn arns(answer: &Value) -> Vec<String> {
    answer["tasks"].as_array().unwrap().iter().map(|task| text(&task["taskArn"])).collect()
}

fn run(local: &mut Local) -> Vec<String> {
    arns(&local.must("RunTask", json!({"taskDefinition": "web", "count": 2, "clientToken": "once"})))
}

fn stop(local: &mut Local, arn: &str) {
    local.must("StopTask", json!({"task": arn}));
}

#[test]
fn a_repeated_call_answers_with_thin_tasks() {
    let mut local = local();
    let first = run(&mut local);
    let again = local.must("RunTask", json!({"taskDefinition": "web", "count": 2, "clientToken": "once"}));
    assert_eq!(arns(&again), first);
    let thin = json!({"taskArn": first[0], "lastStatus": "PENDING", "desiredStatus": "RUNNING"});
    assert_eq!(again["tasks"][0], thin);
    assert_eq!(texts(&local.must("ListTasks", json!({}))["taskArns"]).len(), 2);
}

#[test]
fn a_retry_of_an_exact_revision_is_the_same_call_whatever_became_of_it() {
    let mut local = local();
    let call = |task_definition: &str, cluster: &str| json!({"taskDefinition": task_definition, "count": 2, "clientToken": "once", "cluster": cluster});
    let first = arns(&local.must("RunTask", call("web:1", "default")));
    assert_eq!(arns(&local.must("RunTask", call("web", "default"))), first, "the family means that revision");
    register(&mut local, 32);
    let conflict = local.call("RunTask", call("web", "default")).unwrap_err();
    assert_eq!(
        (conflict.kind, conflict.resource_ids),
        (FaultKind::Conflict, first.clone()),
        "the family has a later one"
    );
    local.must("DeregisterTaskDefinition", json!({"taskDefinition": "web:1"}));
    assert_eq!(arns(&local.must("RunTask", call("web:1", "default"))), first, "deregistered meanwhile");
    let by_arn = call("web:1", "arn:aws:ecs:eu-west-1:123456789012:cluster/default");
    assert_eq!(arns(&local.must("RunTask", by_arn)), first, "the cluster by its ARN");
    local.must("DeregisterTaskDefinition", json!({"taskDefinition": "web:2"}));
    let conflict = local.ask("RunTask", call("web", "default")).unwrap_err();
    assert_eq!(conflict.kind, FaultKind::Conflict, "the family has none");
}

#[test]
fn other_parameters_are_a_conflict_that_names_the_tasks() {
    let mut local = local();
    let first = run(&mut local);
    let others = [
        json!({"taskDefinition": "web", "count": 1}),
        json!({"taskDefinition": "web", "count": 2, "group": "others"}),
        json!({"taskDefinition": "web", "count": 2, "startedBy": "me"}),
        json!({"taskDefinition": "web", "count": 2, "overrides": {"cpu": "1"}}),
    ];
    for mut body in others {
        body["clientToken"] = json!("once");
        let fault = local.ask("RunTask", body.clone()).unwrap_err();
        assert_eq!((fault.kind, &fault.resource_ids), (FaultKind::Conflict, &first), "{body}");
    }
    local.must("CreateCluster", json!({"clusterName": "other"}));
    let elsewhere = json!({"taskDefinition": "web", "cluster": "other", "clientToken": "once"});
    let (kind, message) = local.refused("RunTask", elsewhere);
    let none = "No Container Instances were found in your cluster.";
    assert_eq!((kind, message.as_str()), (FaultKind::InvalidParameter, none), "tokens are a cluster's own");
}

#[test]
fn a_token_counts_until_an_hour_after_its_last_task() {
    let mut local = local();
    let first = run(&mut local);
    stop(&mut local, &first[0]);
    local.wait(1800);
    stop(&mut local, &first[1]);
    local.wait(3599);
    assert_eq!(run(&mut local), first[1..].to_vec(), "the first one is forgotten by now, the token is not");
    local.wait(1);
    let second = run(&mut local);
    assert_eq!(second.len(), 2);
    assert!(second.iter().all(|arn| !first.contains(arn)));
}

#[test]
fn a_token_counts_for_a_day_at_most() {
    let mut local = local();
    let first = run(&mut local);
    local.wait(24 * 3600 - 1);
    assert_eq!(run(&mut local), first);
    local.wait(1);
    let second = run(&mut local);
    assert!(second.iter().all(|arn| !first.contains(arn)));
    assert!(local.cloud.launch(&id_of(&first[0])).is_some(), "its tasks go on");
}

#[test]
fn a_call_that_started_nothing_is_repeated_with_its_failures_for_an_hour() {
    let mut local = local();
    register(&mut local, 2000);
    let body = json!({"taskDefinition": "web", "clientToken": "once"});
    let first = local.must("RunTask", body.clone());
    assert_eq!(first["failures"][0]["reason"], "RESOURCE:MEMORY");
    local.register_instance(4000, 4000);
    local.wait(3599);
    assert_eq!(local.must("RunTask", body.clone()), first);
    local.wait(1);
    assert_eq!(arns(&local.must("RunTask", body)).len(), 1);
}
