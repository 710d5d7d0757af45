//! What counts as ready, on each route.

use std::sync::Arc;

use longshore_model::Timestamp;
use longshore_model::preview::{Deployed, Environment};
use longshore_model::seen::{Binding, Container, TargetHealth};

use super::super::samples;
use super::super::seen::{Look, Seen};
use super::super::tokens;
use super::*;

fn record() -> Environment {
    let mut record = samples::record();
    record.progress.deploying =
        Some(Deployed { task_definitions: vec!["arn:new".into()], ..Deployed::default() });
    record.progress.resources.target_groups = [("web".to_owned(), "arn:tg".to_owned())].into();
    record
}

fn task(number: u16, revision: &str, status: &str) -> Task {
    Task {
        arn: format!("t/{number}"),
        task_definition_arn: revision.into(),
        container_instance_arn: Some("arn:instance".into()),
        last_status: status.into(),
        desired_status: "RUNNING".into(),
        containers: vec![Container {
            name: "app".into(),
            bindings: vec![Binding { container_port: 80, host_port: 32_000 + number }],
            ..Container::default()
        }],
        ..Task::default()
    }
}

fn judged(policy: &Policy, seen: Seen) -> Readiness {
    let record = record();
    let seen = Seen { policy: Some(Arc::new(policy.clone())), ..seen };
    let draft = Draft::new(&record, &seen, Timestamp(9));
    of(&draft, policy, &tokens::parts(&record, policy).unwrap(), Goal::Deploy)
}

fn two() -> Policy {
    let mut policy = samples::policy();
    policy.services[0].count = 2;
    policy
}

fn with(tasks: Vec<Task>, healthy: &[&str]) -> Seen {
    Seen {
        tasks: Look::Seen(tasks),
        proxy_health: healthy.iter().map(|arn| ((*arn).to_owned(), Ok(()))).collect(),
        addresses: [("arn:instance".to_owned(), [127, 0, 0, 1].into())].into(),
        ..Seen::default()
    }
}

#[test]
fn behind_the_proxy_as_many_healthy_tasks_of_the_revision_as_wished() {
    let new = |number| task(number, "arn:new", "RUNNING");
    let both = ["t/1", "t/2"];
    assert_eq!(judged(&two(), with(vec![new(1), new(2)], &both)), Readiness::Yes);
    let stopping = Task { desired_status: "STOPPED".into(), ..new(2) };
    for (tasks, healthy, words) in [
        (vec![new(1), new(2)], &both[..1], "1 of 2 tasks of service `web` answer"),
        (vec![new(1), task(2, "arn:old", "RUNNING")], &both[..], "1 of 2 tasks of service `web` run"),
        (vec![new(1), task(2, "arn:new", "PENDING")], &both[..], "1 of 2 tasks of service `web` run"),
        (vec![new(1), stopping], &both[..], "1 of 2 tasks of service `web` run"),
    ] {
        let Readiness::No(missing) = judged(&two(), with(tasks, healthy)) else { panic!("{words}") };
        assert!(missing[0].starts_with(words), "{missing:?}");
    }
    let nowhere = Seen { addresses: [].into(), ..with(vec![new(1), new(2)], &[]) };
    let Readiness::No(missing) = judged(&two(), nowhere) else { panic!() };
    assert!(missing[0].contains("no address"), "{missing:?}");
    assert_eq!(judged(&two(), Seen { tasks: Look::Gap("x".into()), ..Seen::default() }), Readiness::Unknown);
}

#[test]
fn what_the_check_came_to_is_said() {
    let policy = samples::policy();
    let asked = "0 of 1 tasks of service `web` answer their health check: HTTP / on port 80 with 200-399";
    let mut seen = with(vec![task(1, "arn:new", "RUNNING")], &[]);
    assert_eq!(
        judged(&policy, seen.clone()),
        Readiness::No(vec![asked.to_owned()]),
        "it was not checked yet"
    );
    seen.proxy_health = [("t/1".to_owned(), Err("the answer was 404".to_owned()))].into();
    assert_eq!(judged(&policy, seen), Readiness::No(vec![format!("{asked}; the answer was 404")]));
}

#[test]
fn behind_a_load_balancer_its_health_counts() {
    let mut policy = two();
    policy.route = samples::port_route();
    let own = Task { private_ip: Some("10.0.0.7".into()), ..task(1, "arn:new", "RUNNING") };
    let tasks = || vec![own.clone(), task(2, "arn:new", "RUNNING")];
    let health = |states: &[(&str, &str)]| {
        let found = |state: &str| TargetHealth {
            state: state.to_owned(),
            description: "Health checks failed with these codes: [404]".to_owned(),
        };
        let states = states.iter().map(|(target, state)| ((*target).to_owned(), found(state))).collect();
        Seen { target_health: Look::Seen([("arn:tg".to_owned(), states)].into()), ..with(tasks(), &[]) }
    };
    let cases: [(&[(&str, &str)], bool); 5] = [
        (&[("10.0.0.7:80", "healthy"), ("i-1:32002", "healthy")], true),
        (&[("10.0.0.7:80", "initial"), ("i-1:32002", "healthy")], false),
        (&[("10.0.0.7:80", "healthy"), ("i-1:32002", "healthy"), ("i-2:32002", "initial")], false),
        (&[("10.0.0.7:80", "healthy"), ("i-1:32002", "healthy"), ("i-2:32002", "draining")], true),
        (&[], false),
    ];
    for (states, is_ready) in cases {
        let judged = judged(&policy, health(states));
        assert_eq!(judged == Readiness::Yes, is_ready, "{states:?}");
        if let (Readiness::No(missing), [_, ..]) = (&judged, states) {
            let said = "the load balancer says: Health checks failed with these codes: [404]";
            assert!(missing[0].ends_with(said), "{missing:?}");
        }
    }
    assert_eq!(judged(&policy, with(tasks(), &["t/1", "t/2"])), Readiness::Unknown, "nobody looked there");
}

#[test]
fn a_mapped_port_is_found() {
    let policy = samples::policy();
    let record = record();
    let part = tokens::parts(&record, &policy).unwrap()[0];
    let seen = with(Vec::new(), &[]);
    let draft = Draft::new(&record, &seen, Timestamp(9));
    let address = |task: &Task| route_proxy::address(&draft, task, &part).map(|address| address.to_string());
    assert_eq!(address(&task(5, "x", "RUNNING")).as_deref(), Some("127.0.0.1:32005"));
    let host_mode = Task { containers: Vec::new(), ..task(5, "x", "RUNNING") };
    assert_eq!(address(&host_mode).as_deref(), Some("127.0.0.1:80"));
    let own = Task { private_ip: Some("10.0.0.7".into()), ..task(5, "x", "RUNNING") };
    assert_eq!(address(&own).as_deref(), Some("10.0.0.7:80"));
    let fargate = Task { container_instance_arn: None, ..task(5, "x", "PENDING") };
    assert_eq!(address(&fargate), None);
}
