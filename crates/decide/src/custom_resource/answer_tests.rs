//! What is answered, and that it is never too long.

use proptest::prelude::*;

use super::super::samples::{self, address};
use super::*;
use crate::run::{ContainerOutcome, TaskOutcome};

const TASK: &str = "arn:aws:ecs:eu-west-1:123456789012:task/main/0123456789abcdef";
const KEYS: [&str; 5] = ["ExitCode", "LogStream", "StoppedReason", "TaskArn", "TaskDefinitionArn"];

fn outcome() -> Outcome {
    let app = ContainerOutcome {
        name: "app".into(),
        log_stream: Some("/ecs/app:web/app/0123".into()),
        ..ContainerOutcome::default()
    };
    let sidecar = ContainerOutcome { name: "log".into(), log_stream: Some("g:other".into()), ..app.clone() };
    Outcome {
        result: Ended::Application,
        exit_code: Some(7),
        container: Some("app".into()),
        explanation: "container `app` exited with 7".into(),
        next_step: Some("its last lines should say why".into()),
        task_definition_arn: "arn:aws:ecs:eu-west-1:123456789012:task-definition/app:2".into(),
        task_arn: Some(TASK.into()),
        tasks: vec![TaskOutcome {
            task_arn: TASK.into(),
            stopped_reason: Some("Essential container in task exited".into()),
            containers: vec![sidecar, app],
            ..TaskOutcome::default()
        }],
        log_tail: vec!["migrating".into(), "\u{1b}[31mtable \"users\" is locked\u{1b}[0m\n".into()],
        ..Outcome::default()
    }
}

fn parsed(body: &str) -> Value {
    assert!(body.len() <= 4096, "{} bytes", body.len());
    serde_json::from_str(body).unwrap()
}

fn reason(body: &str) -> String {
    parsed(body)["Reason"].as_str().unwrap().to_owned()
}

#[test]
fn a_run_that_failed() {
    let answer = parsed(&of_run(&address(), &outcome()));
    assert_eq!(answer["Status"], "FAILED");
    assert_eq!(
        answer["Reason"].as_str().unwrap(),
        "container `app` exited with 7\n\
         Exit code 7 of container `app` in task arn:aws:ecs:eu-west-1:123456789012:task/main/0123456789abcdef\n\
         The last lines of its log:\n\
         migrating\n\
         \x20[31mtable \"users\" is locked [0m\n\
         Its log: aws logs tail /ecs/app --log-stream-names web/app/0123\n\
         Next: its last lines should say why"
    );
    assert_eq!(
        answer["Data"],
        json!({
            "ExitCode": "7",
            "LogStream": "/ecs/app:web/app/0123",
            "StoppedReason": "Essential container in task exited",
            "TaskArn": TASK,
            "TaskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/app:2",
        })
    );
    let ids =
        [("StackId", samples::STACK_ID), ("RequestId", "request-1"), ("LogicalResourceId", "MigrateTask")];
    for (name, id) in ids {
        assert_eq!(answer[name], id);
    }
    assert_eq!(answer["PhysicalResourceId"], address().physical_resource_id());
    assert_eq!(answer.as_object().unwrap().len(), 7, "nothing else: {answer}");
}

#[test]
fn a_run_that_succeeded() {
    let done = Outcome {
        result: Ended::Succeeded,
        exit_code: Some(0),
        explanation: "container `app` exited with 0".into(),
        ..outcome()
    };
    let answer = parsed(&of_run(&address(), &done));
    assert_eq!((&answer["Status"], &answer["Data"]["ExitCode"]), (&json!("SUCCESS"), &json!("0")));
    assert_eq!(answer["Reason"], "container `app` exited with 0");
}

#[test]
fn only_a_success_is_a_success() {
    let failures = [
        Ended::Application,
        Ended::FailedToStart,
        Ended::Infrastructure,
        Ended::NotPlaced,
        Ended::TimedOut,
        Ended::Interrupted,
        Ended::Stopped,
        Ended::Refused,
        Ended::Unknown,
        Ended::Detached,
    ];
    for result in failures {
        let answer = parsed(&of_run(&address(), &Outcome { result, ..outcome() }));
        assert_eq!(answer["Status"], "FAILED", "{result:?}");
    }
}

#[test]
fn a_run_without_a_task_or_an_exit_code() {
    let nowhere = Outcome {
        result: Ended::NotPlaced,
        exit_code: None,
        container: None,
        task_arn: None,
        tasks: Vec::new(),
        log_tail: Vec::new(),
        explanation: "not enough memory is free".into(),
        ..outcome()
    };
    let body = of_run(&address(), &nowhere);
    assert!(reason(&body).starts_with("not enough memory is free\nNo task was started.\nNext:"), "{body}");
    assert_eq!(parsed(&body)["Data"]["TaskArn"], "");

    let mut unstarted = Outcome { exit_code: None, log_tail: Vec::new(), ..outcome() };
    unstarted.tasks.push(unstarted.tasks[0].clone());
    unstarted.tasks[0].containers[1].log_stream = None;
    let reason = reason(&of_run(&address(), &unstarted));
    let end = "No exit code of container `app` in task \
               arn:aws:ecs:eu-west-1:123456789012:task/main/0123456789abcdef, one of 2 tasks\n\
               Next: its last lines should say why";
    assert!(reason.ends_with(end), "{reason}");
}

#[test]
fn answers_without_a_run_have_all_the_data_too() {
    for (body, status) in
        [(succeeded(&address(), "why\nmore"), "SUCCESS"), (failed(&address(), "why\nmore"), "FAILED")]
    {
        let answer = parsed(&body);
        assert_eq!((&answer["Status"], &answer["Reason"]), (&json!(status), &json!("why\nmore")));
        for key in KEYS {
            assert_eq!(answer["Data"][key], "", "{key}");
        }
    }
    assert_eq!(reason(&failed(&address(), " \n")), "no reason is known");
}

#[test]
fn what_is_cut_first() {
    let first = "container `app` exited with 7\nExit code 7";
    // Old log lines go, and what is left is still the end of the log, all the rest around it.
    let lines = |count: usize| (0..count).map(|line| format!("line {line} {}", "x".repeat(90))).collect();
    let body = of_run(&address(), &Outcome { log_tail: lines(1000), ..outcome() });
    let said = reason(&body);
    assert!(said.starts_with(first) && said.contains("line 999 x") && !said.contains("line 960 "), "{said}");
    assert!(said.contains("aws logs tail") && said.contains("Next:"), "{said}");
    assert!(parsed(&body)["Data"]["StoppedReason"].as_str().unwrap().starts_with("Essential"));

    // A line of ten million characters does not hide the others.
    let log_tail = vec!["the first line".into(), "x".repeat(10_000_000), "the last line".into()];
    let said = reason(&of_run(&address(), &Outcome { log_tail, ..outcome() }));
    assert!(said.contains("\nthe first line\nxxx") && said.contains("xxx…\nthe last line\n"), "{said}");

    // What is left of the oldest line fills the answer to its last byte.
    let log_tail = vec!["a".repeat(10_000), "b".repeat(2048), "the last line".into()];
    let body = of_run(&address(), &Outcome { log_tail, ..outcome() });
    assert_eq!(body.len(), 4096);
    assert!(reason(&body).contains("aaa…\nbbb"), "{body}");

    // Then everything behind the first line; the data are whole.
    let long = |char: char| char.to_string().repeat(5_000);
    let mut most = Outcome { explanation: long('e'), next_step: Some(long('n')), ..outcome() };
    most.tasks[0].stopped_reason = Some(long('s'));
    most.tasks[0].containers[1].log_stream = Some(format!("g:{}", long('l')));
    let answer = parsed(&of_run(&address(), &most));
    let said = answer["Reason"].as_str().unwrap();
    assert!(said.len() == 1024 && said.ends_with("e…"), "{said}");
    assert!(answer["Data"]["StoppedReason"].as_str().unwrap().starts_with("sss"));

    // Then the data, the one that tells least before the others.
    most.task_definition_arn = long('d');
    let answer = parsed(&of_run(&address(), &most));
    assert_eq!(answer["Data"]["StoppedReason"], "");
    assert!(answer["Data"]["LogStream"].as_str().unwrap().starts_with("g:l"));
    assert_eq!(answer["Data"]["TaskArn"], TASK);
    assert!(answer["Reason"].as_str().unwrap().starts_with("eee"));
}

#[test]
fn the_longest_ids_leave_room_for_a_cause() {
    let event = json!({
        "ResponseURL": "https://b/k", "StackId": "s".repeat(1500), "RequestId": "r".repeat(200),
        "LogicalResourceId": "l".repeat(255), "PhysicalResourceId": "\"".repeat(500),
    });
    let address = ReturnAddress::read(&event).unwrap();
    let body = failed(&address, &"ü\"".repeat(1000));
    let said = reason(&body);
    assert!(said.len() > 500 && said.ends_with('…'), "{said}");
    assert_eq!(parsed(&body)["PhysicalResourceId"], event["PhysicalResourceId"]);
}

#[test]
fn texts_are_cut_in_whole_characters_and_measured_as_json() {
    for (text, bytes, expected) in [
        ("plain", 5, "plain"),
        ("plain", 4, "p…"),
        ("plain", 2, ""),
        ("üüü", 5, "ü…"),
        ("a\"\"\"", 6, "a\"…"),
        ("a\\\\\\", 6, "a\\…"),
        ("a\nb\u{7}c\u{1b}[0m\n", 100, "a b c [0m"),
        ("", 0, ""),
        ("x", 0, ""),
    ] {
        let cut = one_line(text, bytes);
        assert_eq!(cut, expected, "{text:?} in {bytes}");
        assert!(encoded(&cut) <= bytes, "{cut:?}");
        assert_eq!(encoded(&cut) + 2, Value::from(cut.as_str()).to_string().len());
    }
}

/// Texts of all kinds and lengths, with much of what JSON writes longer than it is.
fn text() -> impl Strategy<Value = String> {
    let any = prop::collection::vec(any::<char>(), 0..60).prop_map(String::from_iter);
    let escaped =
        prop::collection::vec(prop::sample::select(vec!['"', '\\', '\n', '\u{0}', '😀', 'ü', 'a']), 0..60)
            .prop_map(String::from_iter);
    (prop_oneof![any, escaped], prop_oneof![4 => 1..3_usize, 1 => 1..400_usize])
        .prop_map(|(text, times)| text.repeat(times))
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    let texts =
        (text(), prop::option::of(text()), text(), prop::option::of(text()), prop::option::of(text()));
    let lines = prop::collection::vec(text(), 0..80);
    let result = prop::sample::select(vec![Ended::Succeeded, Ended::Application, Ended::TimedOut]);
    (texts, lines, result, any::<Option<i32>>()).prop_map(
        |((explanation, next_step, arn, stopped_reason, log_stream), log_tail, result, exit_code)| {
            let mut outcome = Outcome { explanation, next_step, log_tail, result, exit_code, ..outcome() };
            outcome.task_arn = Some(arn.clone());
            outcome.task_definition_arn.clone_from(&arn);
            outcome.tasks[0].task_arn = arn;
            outcome.tasks[0].stopped_reason = stopped_reason;
            outcome.tasks[0].containers[1].log_stream = log_stream;
            outcome
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn every_answer_is_json_in_4096_bytes_with_the_ids(
        ids in (text(), text(), text(), prop::option::of(text())), outcome in any_outcome(), why in text(),
    ) {
        let event = json!({
            "ResponseURL": "https://b/k", "StackId": ids.0, "RequestId": ids.1, "LogicalResourceId": ids.2,
            "PhysicalResourceId": ids.3,
        });
        // Ids that are empty or longer than an answer are no address.
        let Ok(address) = ReturnAddress::read(&event) else { return Ok(()) };
        for body in [of_run(&address, &outcome), succeeded(&address, &why), failed(&address, &why)] {
            prop_assert!(body.len() <= 4096, "{} bytes", body.len());
            let answer: Value = serde_json::from_str(&body).unwrap();
            for name in ["StackId", "RequestId", "LogicalResourceId"] {
                prop_assert_eq!(&answer[name], &event[name]);
            }
            prop_assert_eq!(answer["PhysicalResourceId"].as_str(), Some(address.physical_resource_id()));
            prop_assert!(!answer["PhysicalResourceId"].as_str().unwrap().is_empty());
            prop_assert!(!answer["Reason"].as_str().unwrap().is_empty());
            prop_assert!(answer["Status"] == "SUCCESS" || answer["Status"] == "FAILED");
            for key in KEYS {
                prop_assert!(answer["Data"][key].is_string(), "{}", key);
            }
        }
    }
}
