//! In which order containers start, and what becomes of a task whose containers cannot.

use serde_json::{Value, json};

use super::one_task::{OneTask, after};

const FAILED: &str = "STOPPED TaskFailedToStart Task failed to start";

/// `main`, which waits for `init`; `more` goes into `init`, which is not essential.
fn main_after_init(condition: &str, more: Value) -> Value {
    let mut init = json!({"name": "init", "essential": false});
    init.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!([{"name": "main", "dependsOn": after("init", condition)}, init])
}

fn checked() -> Value {
    json!({"healthCheck": {"command": ["CMD", "true"], "interval": 5, "retries": 1}})
}

/// Starts `init`, asserts that `main` still waits, and does one thing more.
fn then(condition: &str, more: Value, act: impl FnOnce(&mut OneTask)) -> OneTask {
    let mut task = OneTask::prepared(main_after_init(condition, more));
    assert_eq!(task.effects(), ["Start init"], "{condition}");
    act(&mut task);
    task
}

#[test]
fn each_condition_lets_the_next_container_start() {
    type Step = fn(&mut OneTask);
    let cases: [(&str, Value, Step); 5] = [
        ("START", json!({}), |task| task.start("init")),
        ("SUCCESS", json!({}), |task| task.exit("init", 0)),
        ("COMPLETE", json!({}), |task| task.exit("init", 0)),
        ("COMPLETE", json!({}), |task| task.exit("init", 9)),
        ("HEALTHY", checked(), |task| {
            task.start("init");
            task.local.wait(5);
            assert_eq!(task.effects(), ["Check init"]);
            task.check("init", true);
        }),
    ];
    for (condition, more, act) in cases {
        let mut task = then(condition, more, act);
        assert_eq!(task.effects(), ["Start main"], "{condition}");
        assert_eq!(task.state(), "PENDING");
        task.start("main");
        assert_eq!(task.state(), "RUNNING");
    }
}

#[test]
fn a_condition_that_is_not_there_yet_is_waited_for() {
    for (condition, more) in [("SUCCESS", json!({})), ("COMPLETE", json!({})), ("HEALTHY", checked())] {
        let mut task = then(condition, more, |task| task.start("init"));
        assert_eq!(task.effects(), Vec::<String>::new(), "{condition}");
        assert_eq!(task.state(), "PENDING");
    }
}

#[test]
fn a_dependency_that_cannot_come_true_ends_the_task_in_the_agents_words() {
    type Step = fn(&mut OneTask);
    let ordering = "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency \
                    [init] for target [main]";
    let unsuccessful = format!("{ordering} as dependency did not exit successfully.");
    let never = format!("{ordering} because dependency will never start");
    let cases: [(&str, Value, Step, &str); 6] = [
        ("SUCCESS", json!({}), |task| task.exit("init", 1), &unsuccessful),
        ("HEALTHY", checked(), |task| task.exit("init", 0), &unsuccessful),
        ("START", json!({}), |task| task.fail_to_start("init"), &never),
        ("SUCCESS", json!({}), |task| task.fail_to_start("init"), &never),
        ("COMPLETE", json!({}), |task| task.fail_to_start("init"), &never),
        ("HEALTHY", checked(), |task| task.fail_to_start("init"), &never),
    ];
    for (condition, more, act, reason) in cases {
        let mut task = then(condition, more, act);
        assert_eq!(task.effects(), ["Release"], "{condition}");
        assert_eq!(task.state(), FAILED);
        let main = task.container("main");
        assert_eq!((main.reason.as_deref(), main.exit_code), (Some(reason), Some(143)));
        assert_eq!((task.view().started_at, task.view().execution_stopped_at), (None, None));
    }
}

#[test]
fn a_sidecar_that_is_given_up_takes_those_after_it_along_and_the_task_goes_on() {
    let mut task = OneTask::prepared(json!([
        {"name": "main"},
        {"name": "init", "essential": false},
        {"name": "second", "essential": false, "dependsOn": after("init", "SUCCESS")},
        {"name": "third", "essential": false, "dependsOn": after("second", "START")},
    ]));
    assert_eq!(task.effects(), ["Start main", "Start init"]);
    task.start("main");
    task.exit("init", 1);
    assert_eq!(task.state(), "RUNNING");
    assert_eq!(task.effects(), Vec::<String>::new());
    let reason = task.container("third").reason.unwrap();
    assert!(reason.ends_with("[second] for target [third] because dependency will never start"), "{reason}");
}

#[test]
fn the_start_timeout_is_that_of_the_dependency() {
    for condition in ["SUCCESS", "COMPLETE", "START"] {
        let mut task = then(condition, json!({"startTimeout": 20}), |_| ());
        task.local.wait(19);
        assert_eq!(task.state(), "PENDING", "{condition}");
        task.local.wait(1);
        let reason = task.container("main").reason.unwrap();
        let wanted = "CannotStartContainerError: dependency graph: container ordering dependency [init] for target \
                      [main] has timed out.";
        assert_eq!(reason, wanted);
        // The container that is still being started is stopped once that is known.
        assert_eq!(task.effects(), Vec::<String>::new());
        task.start("init");
        assert_eq!(task.effects(), ["Terminate init"]);
        task.exit("init", 143);
        assert_eq!(task.state(), FAILED);
    }
}

#[test]
fn a_timeout_that_nobody_waits_for_ends_nothing() {
    let mut task = OneTask::prepared(json!([
        {"name": "side", "essential": false, "startTimeout": 10},
        {"name": "db", "healthCheck": {"command": ["CMD", "true"]}},
        {"name": "main", "dependsOn": after("db", "HEALTHY")},
        {"name": "late", "dependsOn": after("side", "START")},
    ]));
    task.start("side");
    task.start("db");
    task.local.wait(60);
    assert_eq!(task.state(), "PENDING");
    assert_eq!(task.effects(), ["Start side", "Start db", "Start late", "Check db"]);
}

#[test]
fn a_timeout_counts_no_more_once_its_condition_is_met() {
    let waits = json!([
        {"containerName": "side", "condition": "START"},
        {"containerName": "db", "condition": "HEALTHY"},
    ]);
    let mut task = OneTask::prepared(json!([
        {"name": "side", "essential": false, "startTimeout": 10},
        {"name": "db", "healthCheck": {"command": ["CMD", "true"], "interval": 60}},
        {"name": "main", "dependsOn": waits},
    ]));
    task.start("side");
    task.start("db");
    task.local.wait(60);
    task.check("db", true);
    assert_eq!(task.effects(), ["Start side", "Start db", "Check db", "Start main"]);
}

#[test]
fn a_task_is_made_ready_once() {
    let mut task = OneTask::prepared(json!([{"name": "main"}]));
    let before = task.view();
    task.effects();
    task.local.wait(5);
    task.local.tell(super::fake_runtime::prepared(task.id.clone()));
    let report = longshore_ecs::Report::PrepareFailed { reason: "CannotPullContainerError: late".into() };
    task.local.tell(longshore_ecs::Event::Task(task.id.clone(), report));
    assert_eq!(task.view(), before);
    assert_eq!(task.effects(), Vec::<String>::new());
}

#[test]
fn links_and_shared_volumes_are_dependencies() {
    let mut task = OneTask::prepared(json!([
        {"name": "main", "links": ["cache:c"], "volumesFrom": [{"sourceContainer": "data"}]},
        {"name": "cache"},
        {"name": "data", "essential": false},
    ]));
    assert_eq!(task.effects(), ["Start cache", "Start data"]);
    task.start("cache");
    assert_eq!(task.effects(), Vec::<String>::new());
    task.exit("data", 0);
    assert_eq!(task.effects(), ["Start main"]);
    task.start("main");
    task.stop();
    assert_eq!(task.effects(), ["Terminate main"]);
}

#[test]
fn a_circle_of_links_and_dependencies_ends_the_task() {
    let mut task = OneTask::prepared(json!([
        {"name": "main", "links": ["cache"]},
        {"name": "cache", "dependsOn": after("main", "START")},
    ]));
    assert_eq!(task.effects(), ["Release"]);
    let state = task.state();
    let wanted =
        "STOPPED TaskFailedToStart TaskDependencyError: Task dependencies cannot be resolved, taskArn: arn:";
    assert!(state.starts_with(wanted), "{state}");
}

#[test]
fn an_image_that_cannot_be_pulled_is_said_on_the_task_and_its_containers() {
    let mut task = OneTask::asked(json!([{"name": "main"}]));
    let reason = "CannotPullContainerError: no such image";
    let report = longshore_ecs::Report::PrepareFailed { reason: reason.into() };
    task.local.tell(longshore_ecs::Event::Task(task.id.clone(), report));
    assert_eq!(task.state(), format!("STOPPED TaskFailedToStart {reason}"));
    let main = task.container("main");
    assert_eq!((main.reason.as_deref(), main.exit_code), (Some(reason), None));
    assert_eq!(task.effects(), ["Prepare", "Release"]);
}
