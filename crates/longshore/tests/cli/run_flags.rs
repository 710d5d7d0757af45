//! What the flags of `longshore run` make of a run, against a scripted service.

use std::io::{BufRead, BufReader};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::service::{Service, TASK, log_page, numbered, stderr, stdout, task, task_definition, tasks};

const EXITED: Option<&str> = Some("EssentialContainerExited");

/// A service whose tasks have all ended well when they are looked at.
fn at_once() -> Service {
    let mut started = 0;
    Service::start(move |operation, input| match operation {
        "DescribeTaskDefinition" | "RegisterTaskDefinition" => task_definition(&[("app", true)]),
        "RunTask" => {
            let pending = task("PENDING", None, &[]);
            let count = usize::try_from(input["count"].as_u64().unwrap()).unwrap();
            started += count;
            tasks(&(started - count..started).map(|number| numbered(&pending, number)).collect::<Vec<_>>())
        }
        "DescribeTasks" => tasks(&ended(input, 0)),
        "GetLogEvents" => log_page(&[], input),
        _ => panic!("{operation} was not expected"),
    })
}

/// The tasks that are asked for, all ended with this code.
fn ended(input: &Value, code: i32) -> Vec<Value> {
    let stopped = task("STOPPED", EXITED, &[("app", Some(code))]);
    let with_arn = |arn: &Value| {
        let mut task = stopped.clone();
        task["taskArn"] = arn.clone();
        task
    };
    input["tasks"].as_array().unwrap().iter().map(with_arn).collect()
}

#[test]
fn more_than_ten_tasks_are_several_calls() {
    let service = at_once();
    let output = service.longshore(&["run", "job", "--count", "12", "--output", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let calls = service.calls("RunTask");
    let counts: Vec<&Value> = calls.iter().map(|call| &call["count"]).collect();
    assert!(counts == [10, 2] || counts == [2, 10], "{counts:?}");
    assert_ne!(calls[0]["clientToken"], calls[1]["clientToken"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["tasks"].as_array().unwrap().len(), 12);
}

#[test]
fn the_same_run_id_is_the_same_token() {
    let service = at_once();
    for flags in
        [&["--run-id", "release-7"][..], &["--run-id", "release-7"], &["--run-id", "release-8"], &[], &[]]
    {
        let output = service.longshore(&[&["run", "job"], flags].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    let tokens: Vec<Value> =
        service.calls("RunTask").iter().map(|call| call["clientToken"].clone()).collect();
    assert_eq!(tokens[0], tokens[1]);
    for (first, second) in [(1, 2), (2, 3), (3, 4)] {
        assert_ne!(tokens[first], tokens[second]);
    }
}

#[test]
fn a_file_that_says_nothing_new_is_not_registered() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("job.json");
    let file =
        json!({"family": "job", "containerDefinitions": [{"name": "app", "image": "busybox", "memory": 8}]});
    fs_err::write(&path, file.to_string()).unwrap();
    let run = |status: u16, latest: Value| {
        let service = Service::start(move |operation, input| match operation {
            "DescribeTaskDefinition" if input["taskDefinition"] == "job" => (status, latest.clone()),
            "DescribeTaskDefinition" | "RegisterTaskDefinition" => task_definition(&[("app", true)]),
            "RunTask" => tasks(&[task("PENDING", None, &[])]),
            _ => panic!("{operation} was not expected"),
        });
        let output = service.longshore(&["run", path.to_str().unwrap(), "--detach"]).output().unwrap();
        assert_eq!(
            (output.status.code(), stdout(&output)),
            (Some(0), format!("{TASK}\n")),
            "{}",
            stderr(&output)
        );
        (service.calls("RegisterTaskDefinition").len(), stderr(&output))
    };
    let latest = |image: &str| {
        json!({"tags": [], "taskDefinition": {"family": "job", "status": "ACTIVE", "revision": 3,
            "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/job:3", "volumes": [],
            "containerDefinitions": [{"name": "app", "image": image, "memory": 8, "cpu": 0, "essential": true}]}})
    };
    let denied = json!({"__type": "AccessDeniedException", "message": "no ecs:DescribeTaskDefinition"});
    let unknown = json!({"__type": "ClientException", "message": "Unable to describe task definition."});
    let (unchanged, registered) = ("task definition job:3 is unchanged\n", "registered job:3\n");
    for (status, latest, registrations, said) in [
        (200, latest("busybox"), 0, unchanged),
        (200, latest("busybox:2"), 1, registered),
        (400, denied, 1, registered),
        (400, unknown, 1, registered),
    ] {
        let (count, talk) = run(status, latest);
        assert_eq!(count, registrations, "{talk}");
        assert!(talk.contains(said), "{talk}");
    }
}

#[test]
fn a_task_like_a_service_runs_its_revision_where_it_runs() {
    let service = Service::start(|operation, input| match operation {
        "DescribeServices" => (
            200,
            json!({"services": [{"serviceArn": "arn:aws:ecs:r:1:service/prod/web",
            "status": "ACTIVE", "taskDefinition": "arn:aws:ecs:r:1:task-definition/web:7", "launchType": "FARGATE",
            "platformVersion": "1.4.0", "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-s"]}}}]}),
        ),
        "DescribeTaskDefinition" => {
            assert_eq!(input["taskDefinition"], "arn:aws:ecs:r:1:task-definition/web:7");
            task_definition(&[("app", true)])
        }
        "RunTask" => tasks(&[task("PENDING", None, &[])]),
        _ => panic!("{operation} was not expected"),
    });
    let flags = ["--cluster", "prod", "--like", "web", "--detach", "--", "rails", "db:version"];
    let output = service.longshore(&[&["run"], &flags[..]].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(
        service.calls("DescribeServices"),
        [json!({"cluster": "prod", "include": ["TAGS"], "services": ["web"]})]
    );
    let sent = &service.calls("RunTask")[0];
    assert_eq!((&sent["launchType"], &sent["platformVersion"]), (&json!("FARGATE"), &json!("1.4.0")));
    assert_eq!(sent["networkConfiguration"]["awsvpcConfiguration"]["subnets"], json!(["subnet-s"]));
    assert_eq!(sent["overrides"]["containerOverrides"][0]["command"], json!(["rails", "db:version"]));
}

/// A task that somebody else has started, and that never ends.
fn foreign_task() -> Service {
    Service::start(|operation, input| match operation {
        "DescribeTaskDefinition" => task_definition(&[("app", true)]),
        "DescribeTasks" => {
            assert_eq!(input["cluster"], "prod");
            let mut running = task("RUNNING", None, &[("app", None)]);
            running["taskArn"] = json!("arn:aws:ecs:eu-west-1:123456789012:task/prod/0af3");
            tasks(&[running])
        }
        "GetLogEvents" => log_page(&["working".to_owned()], input),
        _ => panic!("{operation} was not expected"),
    })
}

#[test]
fn ctrl_c_leaves_a_task_alone_that_was_attached_to() {
    let service = foreign_task();
    let mut child = service.longshore(&["run", "--cluster", "prod", "--attach", "0af3"]).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(first, "working\n");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(
        stderr(&output).contains("warning: left task 0af3, which may still run, on Ctrl-C\n"),
        "{}",
        stderr(&output)
    );
    assert_eq!(service.calls("StopTask").len(), 0);
}

#[test]
fn a_timeout_leaves_a_task_alone_that_was_attached_to() {
    let service = foreign_task();
    let arn = "arn:aws:ecs:eu-west-1:123456789012:task/prod/0af3";
    let output = service.longshore(&["run", "--attach", arn, "--timeout", "50ms"]).output().unwrap();
    assert_eq!(output.status.code(), Some(124), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("left after its timeout of 50ms; task 0af3 may still run\n"),
        "{}",
        stderr(&output)
    );
    assert_eq!(service.calls("StopTask").len(), 0);
}

#[test]
fn a_task_that_is_not_there_cannot_be_attached_to() {
    let service = Service::start(|operation, _| match operation {
        "DescribeTasks" => (200, json!({"tasks": [], "failures": [{"arn": "0af3", "reason": "MISSING"}]})),
        _ => panic!("{operation} was not expected"),
    });
    let output = service.longshore(&["run", "--attach", "0af3"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(stderr(&output), @r"
    error: cluster `default` has no task `0af3`
    hint: name its cluster with --cluster; ECS forgets a task about an hour after its end
    ");
}

#[test]
fn instances_are_searched_before_anything_is_started_there() {
    let on = |instance: &str, task: Value, group: &Value| {
        let mut task = task;
        task["containerInstanceArn"] =
            json!(format!("arn:aws:ecs:r:1:container-instance/default/{instance}"));
        task["group"] = group.clone();
        task
    };
    // The group of the run's first attempt, which has started one of two tasks and was never heard of again.
    let mut mark = Value::Null;
    let service = Service::start(move |operation, input| match operation {
        "DescribeTaskDefinition" => task_definition(&[("app", true)]),
        "ListTasks" if mark.is_null() => (200, json!({"taskArns": []})),
        "ListTasks" => (200, json!({"taskArns": [TASK]})),
        "StartTask" if mark.is_null() => {
            mark = input["group"].clone();
            (400, json!({"__type": "InvalidParameterException", "message": "not today"}))
        }
        "StartTask" => tasks(&[on("b", numbered(&task("PENDING", None, &[]), 2), &mark)]),
        "DescribeTasks" => {
            let ended = ended(input, 0).into_iter().map(|task| on("a", task, &mark));
            tasks(&ended.collect::<Vec<_>>())
        }
        "GetLogEvents" => log_page(&[], input),
        _ => panic!("{operation} was not expected"),
    });
    let run = || {
        let flags = ["--instance", "a", "--instance", "b", "--run-id", "x", "--output", "json"];
        service.longshore(&[&["run", "job"], &flags[..]].concat()).output().unwrap()
    };
    let output = run();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let output = run();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let asked: Vec<Value> =
        service.calls("StartTask").iter().map(|call| call["containerInstances"].clone()).collect();
    assert_eq!(asked, [json!(["a", "b"]), json!(["b"])], "what runs already is not started again");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["tasks"].as_array().unwrap().len(), 2);
}

#[test]
fn files_of_variables_and_overrides_are_put_together() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs_err::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let overrides =
        path("o.yaml", "taskRoleArn: r\nnew: {member: 1}\ncontainerOverrides: [{name: app, cpu: 10}]\n");
    let first = path("first.env", "A=first\nB=first\n");
    let second = path("second.env", "B=second\nC=second\n");
    let service = at_once();
    let flags = ["--overrides", &overrides, "--env-file", &first, "--env-file", &second, "-e", "C=flag"];
    let sizes = ["--cpu", "0.5vCPU", "--memory", "1 GB", "--tag", "team=dock"];
    let output = service.longshore(&[&["run", "job"], &flags[..], &sizes[..]].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let sent = &service.calls("RunTask")[0];
    assert_eq!(
        sent["overrides"],
        json!({"taskRoleArn": "r", "new": {"member": 1}, "cpu": "512", "memory": "1024", "containerOverrides": [
            {"name": "app", "cpu": 10, "environment": [{"name": "A", "value": "first"},
                {"name": "B", "value": "second"}, {"name": "C", "value": "flag"}]}]})
    );
    assert_eq!(sent["tags"], json!([{"key": "team", "value": "dock"}]));
    assert!(stderr(&output).contains("o.yaml: unknown to this version, sent to ECS all the same: `new`"));
}

#[test]
fn an_accepted_code_is_a_success() {
    let service = Service::start(|operation, input| match operation {
        "DescribeTaskDefinition" => task_definition(&[("app", true)]),
        "RunTask" => tasks(&[task("PENDING", None, &[])]),
        "DescribeTasks" => tasks(&ended(input, 3)),
        "GetLogEvents" => log_page(&[], input),
        _ => panic!("{operation} was not expected"),
    });
    for (flags, exit) in [(&["--accept-exit-code", "2", "--accept-exit-code", "3"][..], 0), (&[], 3)] {
        let output = service.longshore(&[&["run", "job"], flags].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(exit));
        assert!(stderr(&output).contains("container `app` exited with 3"), "{}", stderr(&output));
    }
}

#[test]
fn what_finds_no_place_waits_for_it() {
    let mut tries = 0;
    let service = Service::start(move |operation, input| match operation {
        "DescribeTaskDefinition" => task_definition(&[("app", true)]),
        "RunTask" => {
            tries += 1;
            match tries {
                1 => (200, json!({"tasks": [], "failures": [{"reason": "RESOURCE:MEMORY"}]})),
                _ => tasks(&[task("PENDING", None, &[])]),
            }
        }
        "DescribeTasks" => tasks(&ended(input, 0)),
        "GetLogEvents" => log_page(&[], input),
        _ => panic!("{operation} was not expected"),
    });
    let output = service.longshore(&["run", "job", "--wait-for-capacity", "5m"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let calls = service.calls("RunTask");
    assert_eq!(calls.len(), 2);
    assert_ne!(calls[0]["clientToken"], calls[1]["clientToken"], "the old one would give the old answer");
}

#[test]
fn a_lost_host_is_tried_again_as_often_as_is_allowed() {
    let service = Service::start(|operation, input| match operation {
        "DescribeTaskDefinition" => task_definition(&[("app", true)]),
        "RunTask" => {
            let token = input["clientToken"].as_str().unwrap();
            let number = usize::from_str_radix(&token[..8], 16).unwrap();
            tasks(&[numbered(&task("PENDING", None, &[]), number)])
        }
        "DescribeTasks" => {
            let lost = ended(input, 143).into_iter().map(|mut task| {
                task["stopCode"] = json!("SpotInterruption");
                task
            });
            tasks(&lost.collect::<Vec<_>>())
        }
        "GetLogEvents" => log_page(&[], input),
        _ => panic!("{operation} was not expected"),
    });
    let output = service.longshore(&["run", "job", "--retry-infrastructure", "2"]).output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", stderr(&output));
    assert_eq!(service.calls("RunTask").len(), 3);
    assert!(stderr(&output).contains("starting it again (2 of 2)"), "{}", stderr(&output));
}
