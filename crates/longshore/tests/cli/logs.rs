//! `longshore logs`, as a user sees it, against a scripted service.

use std::io::{BufRead, BufReader, Read};
use std::process::Child;

use crate::service::{
    Service, TASK, log_page, no_such_stream, numbered, stderr, stdout, task, task_definition, tasks,
};
use serde_json::{Value, json};

const EXITED: Option<&str> = Some("EssentialContainerExited");

fn web(status: &str) -> (u16, Value) {
    let service =
        json!({"serviceName": "web", "status": status, "taskDefinition": "job:3", "desiredCount": 1});
    (200, json!({"services": [service], "failures": []}))
}

fn arns(tasks: &[&Value]) -> (u16, Value) {
    let arns: Vec<&Value> = tasks.iter().map(|task| &task["taskArn"]).collect();
    (200, json!({"taskArns": arns}))
}

/// A service with a task that runs and one that is over, each with two lines.
fn steady() -> Service {
    let running = task("RUNNING", None, &[("app", None), ("log", None)]);
    let over = numbered(&task("STOPPED", EXITED, &[("app", Some(1)), ("log", None)]), 7);
    Service::start(move |operation, input| match operation {
        "DescribeServices" => web("ACTIVE"),
        "DescribeTaskDefinition" => task_definition(&[("app", true), ("log", false)]),
        "ListTasks" if input["desiredStatus"] == "STOPPED" => arns(&[&over]),
        "ListTasks" => arns(&[&running]),
        "DescribeTasks" => {
            let wanted = input["tasks"].as_array().unwrap();
            let all = [&running, &over].map(Clone::clone);
            tasks(&all.into_iter().filter(|task| wanted.contains(&task["taskArn"])).collect::<Vec<_>>())
        }
        "GetLogEvents" if input["logStreamName"].as_str().unwrap().contains("/log/") => no_such_stream(),
        "GetLogEvents" => log_page(&["one".to_owned(), "two\n  more".to_owned()], input),
        _ => panic!("{operation} was not expected"),
    })
}

#[test]
fn all_lines_have_their_container_and_task_before_them() {
    let service = steady();
    let output = service.longshore(&["logs", "web"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mut shown: Vec<String> = stdout(&output).lines().map(ToOwned::to_owned).collect();
    shown.sort();
    let of = |task: &str| ["  more", "one", "two"].map(|text| format!("app/{task} | {text}"));
    assert_eq!(shown, [of("00000000"), of("0af3aaaa")].concat());
    assert_eq!(stderr(&output), "");
    assert_eq!(service.calls("ListTasks").len(), 2);
    assert!(service.calls("ListTasks").iter().all(|call| call["serviceName"] == "web"));
}

#[test]
fn objects_for_programs() {
    let output =
        steady().longshore(&["logs", "web", "--output", "json", "--container", "app"]).output().unwrap();
    let lines: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    let expected =
        json!({"timestamp": "2023-11-14T22:13:20Z", "task": TASK, "container": "app", "message": "one"});
    assert!(lines.contains(&expected), "{lines:?}");
}

#[test]
fn since_reaches_the_service() {
    let service = steady();
    let output = service.longshore(&["logs", "web", "--since", "10m"]).output().unwrap();
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), ""), "they are older");
    assert!(service.calls("GetLogEvents")[0]["startTime"].as_i64().unwrap() > 1_700_000_000_000);
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    let output = steady().longshore(&["logs", "web", "--container", "ap"]).output().unwrap();
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""));
    assert_eq!(stderr(&output), "error: service `web` has no container `ap`\nhint: it has app, log\n");
    let nothing = Service::start(|operation, _| match operation {
        "DescribeServices" => web("INACTIVE"),
        _ => panic!("{operation} was not expected"),
    });
    let output = nothing.longshore(&["logs", "web"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("there is no active service `web` in cluster `default`"));
}

#[test]
fn a_service_without_tasks_has_no_lines() {
    let service = Service::start(|operation, _| match operation {
        "DescribeServices" => web("ACTIVE"),
        "ListTasks" => arns(&[]),
        _ => panic!("{operation} was not expected"),
    });
    let output = service.longshore(&["logs", "web"]).output().unwrap();
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), ""));
    assert_eq!(stderr(&output), "service `web` has no tasks that run, or that stopped lately enough\n");
}

/// A service whose first task is replaced by a second one, once all of the first one's lines were read.
fn deploying() -> Service {
    let mut first_read = 0;
    Service::start(move |operation, input| {
        let is_over = first_read > 3;
        let first = |status, code| task(status, EXITED, &[("app", code)]);
        let old = if is_over { first("STOPPED", Some(0)) } else { first("RUNNING", None) };
        let new = numbered(&task("RUNNING", None, &[("app", None)]), 7);
        let running = if is_over { &new } else { &old };
        match operation {
            "DescribeServices" => web("ACTIVE"),
            "DescribeTaskDefinition" => task_definition(&[("app", true)]),
            "ListTasks" if input["desiredStatus"] == "STOPPED" && is_over => arns(&[&old]),
            "ListTasks" if input["desiredStatus"] == "STOPPED" => arns(&[]),
            "ListTasks" => arns(&[running]),
            "DescribeTasks" => {
                let wanted = input["tasks"].as_array().unwrap();
                let all = [old, new];
                tasks(&all.into_iter().filter(|task| wanted.contains(&task["taskArn"])).collect::<Vec<_>>())
            }
            "GetLogEvents"
                if input["logStreamName"].as_str().unwrap().ends_with(TASK.rsplit('/').next().unwrap()) =>
            {
                first_read += 1;
                let lines = ["begins".to_owned(), "ends".to_owned()];
                log_page(&lines[..if is_over { 2 } else { 1 }], input)
            }
            "GetLogEvents" => log_page(&["takes over".to_owned()], input),
            _ => panic!("{operation} was not expected"),
        }
    })
}

fn follow(service: &Service) -> (Child, Vec<String>) {
    let mut child = service.longshore(&["logs", "web", "--follow"]).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.as_mut().unwrap());
    let mut shown = vec![String::new(), String::new(), String::new()];
    for line in &mut shown {
        reader.read_line(line).unwrap();
    }
    (child, shown)
}

#[test]
fn following_goes_from_task_to_task_until_ctrl_c() {
    let service = deploying();
    let (mut child, mut shown) = follow(&service);
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
        .unwrap();
    let mut talk = String::new();
    child.stderr.as_mut().unwrap().read_to_string(&mut talk).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{talk}");
    shown.sort();
    assert_eq!(shown, ["app/00000000 | takes over\n", "app/0af3aaaa | begins\n", "app/0af3aaaa | ends\n"]);
    assert!(talk.contains("task 00000000 started (job:3)\n"), "{talk}");
    assert!(talk.contains("task 0af3aaaa stopped: container `app` exited with 0\n"), "{talk}");
}

#[test]
fn nobody_is_followed_for_a_reader_that_went_away() {
    let mut counted = 0;
    let running = task("RUNNING", None, &[("app", None)]);
    let service = Service::start(move |operation, input| match operation {
        "DescribeServices" => web("ACTIVE"),
        "DescribeTaskDefinition" => task_definition(&[("app", true)]),
        "ListTasks" if input["desiredStatus"] == "STOPPED" => arns(&[]),
        "ListTasks" => arns(&[&running]),
        "DescribeTasks" => tasks(std::slice::from_ref(&running)),
        "GetLogEvents" => {
            counted += 1;
            log_page(&vec!["again".to_owned(); counted], input)
        }
        _ => panic!("{operation} was not expected"),
    });
    let mut child = service.longshore(&["logs", "web", "-f"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "app/0af3aaaa | again\n");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
