//! `longshore run`, as a user sees it: words, streams and exit codes, against a scripted service.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command};

use crate::service::{
    Service, TASK, log_page, longshore, no_such_stream, stderr, stdout, task, task_definition, tasks,
};
use serde_json::{Value, json};

const EXITED: Option<&str> = Some("EssentialContainerExited");

/// A task of one container that runs through these states, one for each look, and has these lines once it stopped.
fn one_task(states: &'static [&'static str], exit_code: i32, lines: Vec<String>) -> Service {
    let mut looks = states.iter();
    let mut last = "";
    Service::start(move |operation, input| match operation {
        "DescribeTaskDefinition" | "RegisterTaskDefinition" => task_definition(&[("app", true)]),
        "RunTask" => tasks(&[task("PROVISIONING", None, &[("app", None)])]),
        "DescribeTasks" => {
            last = looks.next().unwrap_or(&last);
            match last {
                "MISSING" => (200, json!({"tasks": [], "failures": [{"arn": TASK, "reason": "MISSING"}]})),
                "STOPPED" => tasks(&[task("STOPPED", EXITED, &[("app", Some(exit_code))])]),
                _ => tasks(&[task(last, None, &[("app", None)])]),
            }
        }
        "GetLogEvents" if last == "STOPPED" => log_page(&lines, input),
        "GetLogEvents" => no_such_stream(),
        _ => panic!("{operation} was not expected"),
    })
}

/// A task that runs until StopTask is called, and then still has something to say.
fn endless_task() -> Service {
    let mut stopped = false;
    let mut lines = vec!["working".to_owned()];
    Service::start(move |operation, input| match operation {
        "DescribeTaskDefinition" => task_definition(&[("app", true)]),
        "RunTask" => tasks(&[task("PENDING", None, &[("app", None)])]),
        "StopTask" => {
            stopped = true;
            lines.push("cleaning up".to_owned());
            (200, json!({"task": task("RUNNING", None, &[("app", None)])}))
        }
        "DescribeTasks" if stopped => tasks(&[task("STOPPED", Some("UserInitiated"), &[("app", Some(143))])]),
        "DescribeTasks" => tasks(&[task("RUNNING", None, &[("app", None)])]),
        "GetLogEvents" => log_page(&lines, input),
        _ => panic!("{operation} was not expected"),
    })
}

/// Waits until the log shows that the task works, and then sends a signal.
fn signal_when_working(command: &mut Command, signal: rustix::process::Signal) -> (Child, String) {
    let mut child = command.spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
    (child, first)
}

#[test]
fn the_containers_code_comes_out_and_no_line_is_lost() {
    let lines: Vec<String> = (0..10_000).map(|number| format!("line {number}")).collect();
    let service = one_task(&["MISSING", "PENDING", "RUNNING", "STOPPED"], 7, lines.clone());
    let output = service.longshore(&["run", "job"]).output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    let shown = stdout(&output);
    assert_eq!(shown.lines().collect::<Vec<_>>(), lines, "all, once, in order");
    let talk = stderr(&output);
    for expected in [
        "task 0af3aaaa: PENDING (0 s)\n",
        "task 0af3aaaa: RUNNING (0 s)\n",
        "task 0af3aaaa: STOPPED (0 s)\n",
        "error: task 0af3aaaa: container `app` exited with 7\nhint: its last lines should say why\n",
    ] {
        assert!(talk.contains(expected), "{expected:?} is not in {talk}");
    }
    let run = &service.calls("RunTask")[0];
    assert_eq!(run["taskDefinition"], "arn:aws:ecs:eu-west-1:123456789012:task-definition/job:3", "pinned");
    assert_eq!(run["clientToken"].as_str().unwrap().len(), 64);
}

#[test]
fn a_success_is_silent_on_stdout_but_for_the_log() {
    let service = one_task(&["STOPPED"], 0, vec!["done".into()]);
    let output = service.longshore(&["run", "job"]).output().unwrap();
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), "done\n"));
    assert!(stderr(&output).contains("task 0af3aaaa: container `app` exited with 0\n"));
}

#[test]
fn json_is_one_document_and_the_log_is_talk() {
    let service = one_task(&["RUNNING", "STOPPED"], 3, vec!["oops".into()]);
    let output = service.longshore(&["run", "job", "--output", "json", "--run-id", "once"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        document,
        json!({
            "result": "application", "exitCode": 3, "container": "app",
            "explanation": "container `app` exited with 3", "nextStep": "its last lines should say why",
            "runId": "once", "cluster": "default",
            "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/job:3", "taskArn": TASK,
            "tasks": [{
                "taskArn": TASK, "lastStatus": "STOPPED", "exitCode": 3, "stopCode": "EssentialContainerExited",
                "stoppedReason": null, "explanation": "container `app` exited with 3", "failed": true,
                "containers": [{"name": "app", "lastStatus": "STOPPED", "exitCode": 3, "reason": null,
                    "logStream": "/job:run/app/0af3aaaabbbbccccddddeeeeffff0000"}],
                "createdAt": "2023-11-14T22:13:20.250Z", "startedAt": null, "stoppedAt": null,
            }],
            "logTail": ["oops"],
        })
    );
    assert!(stderr(&output).contains("oops\n"));
}

#[test]
fn a_file_is_registered_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("job.yaml");
    fs_err::write(&path, "family: job\nnew: {member: 1}\ncontainerDefinitions: [{name: app}]\n").unwrap();
    let service = one_task(&["STOPPED"], 0, Vec::new());
    let output = service.longshore(&["run", path.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let sent = &service.calls("RegisterTaskDefinition")[0];
    assert_eq!(
        *sent,
        json!({"family": "job", "new": {"member": 1}, "containerDefinitions": [{"name": "app"}]})
    );
    assert!(stderr(&output).contains("unknown to this version, sent to ECS all the same: `new`"));
}

#[test]
fn lines_of_several_containers_have_their_name() {
    let service = Service::start(|operation, input| match operation {
        "DescribeTaskDefinition" => task_definition(&[("proxy", false), ("app", true)]),
        "RunTask" => tasks(&[task("PENDING", None, &[])]),
        "DescribeTasks" => tasks(&[task("STOPPED", EXITED, &[("app", Some(0)), ("proxy", Some(137))])]),
        "GetLogEvents" => {
            let container = input["logStreamName"].as_str().unwrap().split('/').nth(1).unwrap();
            log_page(&[format!("I am {container}")], input)
        }
        _ => panic!("{operation} was not expected"),
    });
    let output = service.longshore(&["run", "job"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "the proxy's end does not count");
    assert_eq!(stdout(&output), "proxy | I am proxy\napp | I am app\n");
}

#[test]
fn ctrl_c_stops_the_task_and_shows_its_last_lines() {
    let service = endless_task();
    let (child, first) =
        signal_when_working(&mut service.longshore(&["run", "job"]), rustix::process::Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(first + &stdout(&output), "working\ncleaning up\n");
    let reason = service.calls("StopTask")[0]["reason"].as_str().unwrap().to_owned();
    assert!(
        reason.starts_with("Stopped by longshore run (ann@") && reason.ends_with(") on Ctrl-C"),
        "{reason}"
    );
    assert!(stderr(&output).contains("stopped on Ctrl-C"));
}

#[test]
fn sigterm_stops_the_task() {
    let service = endless_task();
    let (child, _) =
        signal_when_working(&mut service.longshore(&["run", "job"]), rustix::process::Signal::TERM);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(143));
    assert_eq!(service.calls("StopTask").len(), 1);
}

#[test]
fn a_timeout_stops_the_task() {
    let service = endless_task();
    let output = service.longshore(&["run", "job", "--timeout", "50ms"]).output().unwrap();
    assert_eq!(output.status.code(), Some(124));
    assert_eq!(stdout(&output), "working\ncleaning up\n");
    assert!(service.calls("StopTask")[0]["reason"].as_str().unwrap().ends_with("after its timeout of 50ms"));
}

#[test]
fn a_second_ctrl_c_leaves_and_says_how_to_stop() {
    let service = Service::start(|operation, input| match operation {
        "DescribeTaskDefinition" => task_definition(&[("app", true)]),
        "RunTask" => tasks(&[task("PENDING", None, &[])]),
        "StopTask" => (200, json!({})),
        "DescribeTasks" => tasks(&[task("RUNNING", None, &[("app", None)])]),
        "GetLogEvents" => log_page(&["working".to_owned()], input),
        _ => panic!("{operation} was not expected"),
    });
    let (mut child, _) =
        signal_when_working(&mut service.longshore(&["run", "job"]), rustix::process::Signal::INT);
    let mut talk = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    talk.find(|line| line.starts_with("stopping the task on Ctrl-C")).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let rest: Vec<String> = talk.collect();
    let left = "warning: left task 0af3aaaa, which may still run, on Ctrl-C".to_owned();
    assert!(rest.contains(&left), "{rest:?}");
    assert!(
        rest.iter().any(|line| line.contains("aws ecs stop-task --cluster default --task 0af3")),
        "{rest:?}"
    );
}

#[test]
fn what_cannot_be_placed_is_named() {
    let service = Service::start(|operation, _| match operation {
        "DescribeTaskDefinition" => task_definition(&[("app", true)]),
        "RunTask" => (200, json!({"tasks": [], "failures": [{"arn": "i-1", "reason": "RESOURCE:MEMORY"}]})),
        _ => panic!("{operation} was not expected"),
    });
    let output = service.longshore(&["run", "job"]).output().unwrap();
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""));
    let talk = stderr(&output);
    assert!(
        talk.contains("on cluster `default`: not enough memory is free (RESOURCE:MEMORY)\nhint: "),
        "{talk}"
    );
}

#[test]
fn half_a_run_is_stopped_and_waited_for() {
    let mut looks = 0;
    let service = Service::start(move |operation, input| match operation {
        "DescribeTaskDefinition" => task_definition(&[("app", true)]),
        "RunTask" => (200, json!({"tasks": [task("PENDING", None, &[])], "failures": [{"reason": "AGENT"}]})),
        "StopTask" => (200, json!({})),
        "DescribeTasks" if looks < 3 => {
            looks += 1;
            tasks(&[task("RUNNING", None, &[("app", None)])])
        }
        "DescribeTasks" => tasks(&[task("STOPPED", Some("UserInitiated"), &[("app", Some(143))])]),
        "GetLogEvents" => log_page(&["was working".to_owned()], input),
        _ => panic!("{operation} was not expected"),
    });
    let output = service.longshore(&["run", "job", "--count", "2"]).output().unwrap();
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), "was working\n"));
    let stops = service.calls("StopTask");
    assert_eq!((stops.len(), &stops[0]["task"]), (1, &json!(TASK)));
    assert!(service.calls("DescribeTasks").len() > 3, "until it is STOPPED");
    let talk = stderr(&output);
    assert!(talk.contains("only 1 of 2 tasks were started of ") && !talk.contains("may still run"), "{talk}");
}

#[test]
fn a_detached_run_prints_the_arn() {
    let service = one_task(&[], 0, Vec::new());
    let output = service.longshore(&["run", "job", "--detach"]).output().unwrap();
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), format!("{TASK}\n")));
    assert_eq!(service.calls("DescribeTasks").len(), 0);
}

#[test]
fn a_log_that_may_not_be_read_does_not_hide_the_exit_code() {
    let service = Service::start(|operation, _| match operation {
        "DescribeTaskDefinition" => task_definition(&[("app", true)]),
        "RunTask" => tasks(&[task("PENDING", None, &[])]),
        "DescribeTasks" => tasks(&[task("STOPPED", EXITED, &[("app", Some(5))])]),
        "GetLogEvents" => {
            (400, json!({"__type": "AccessDeniedException", "message": "no logs:GetLogEvents"}))
        }
        _ => panic!("{operation} was not expected"),
    });
    let output = service.longshore(&["run", "job"]).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert_eq!(stderr(&output).matches("no logs:GetLogEvents").count(), 1);
}

#[test]
fn a_service_that_fails_for_a_while_is_asked_again() {
    const FAILURES: u8 = 3; // as many as the SDK's own attempts, so that one look fails
    let mut failures = 0;
    let service = Service::start(move |operation, _| match operation {
        "DescribeTaskDefinition" => task_definition(&[("app", true)]),
        "RunTask" => tasks(&[task("PENDING", None, &[])]),
        "DescribeTasks" if failures < FAILURES => {
            failures += 1;
            (500, json!({"__type": "ServerException", "message": "later"}))
        }
        "DescribeTasks" => tasks(&[task("STOPPED", EXITED, &[("app", Some(0))])]),
        "GetLogEvents" => no_such_stream(),
        _ => panic!("{operation} was not expected"),
    });
    let output = service.longshore(&["run", "job"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let talk = stderr(&output);
    assert!(
        talk.contains("ServerException: later; trying for 60 s\nnote: the service answers again\n"),
        "{talk}"
    );
}

#[test]
fn a_run_that_can_no_longer_be_seen_says_how_to_stop_it() {
    let service = Service::start(|operation, _| match operation {
        "DescribeTaskDefinition" => task_definition(&[("app", true)]),
        "RunTask" => tasks(&[task("PENDING", None, &[])]),
        _ => (400, json!({"__type": "AccessDeniedException", "message": "no ecs:DescribeTasks"})),
    });
    let output = service.longshore(&["run", "job"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(stderr(&output), @r"
    error: cannot describe tasks of cluster `default`: AccessDeniedException: no ecs:DescribeTasks; task 0af3aaaa may still run
    hint: aws ecs stop-task --cluster default --task 0af3aaaabbbbccccddddeeeeffff0000
    ");
}

#[test]
fn no_secret_is_shown_whatever_fails() {
    let service = Service::start(|_, _| {
        (400, json!({"__type": "InvalidSignatureException", "message": "wrong.\nx-amz-security-token:hush"}))
    });
    let output = service.longshore(&["run", "job", "-e", "PASSWORD=hush"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!stderr(&output).contains("hush"), "{}", stderr(&output));
    assert!(stderr(&output).contains("longshore env"));
}

#[test]
fn without_a_server_the_error_says_where_nobody_answers() {
    let output = longshore(&["run", "job"])
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "a")
        .env("AWS_SECRET_ACCESS_KEY", "b")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(stderr(&output), @r"
    error: cannot describe task definition `job`: http://127.0.0.1:1 does not answer
      caused by: Connection refused (os error 111)
    hint: start the local engine with `longshore up`, or correct AWS_ENDPOINT_URL
    ");
}
