//! What is run, and how long it may take.

use longshore_model::network::LaunchType;
use serde_json::json;

use super::super::samples::{SENT_AT, definition, request};
use super::*;
use crate::run::OnTimeout;

fn spec_of(changes: &serde_json::Value, received_s: i64, now_s: i64) -> Spec {
    let request = request("Create", changes);
    let properties = Properties::read(&request.properties).unwrap();
    let [received, now] = [received_s, now_s].map(|seconds| SENT_AT.plus_seconds(seconds));
    spec(&request, &properties, definition(2, &[]), received, now)
}

#[test]
fn what_is_run() {
    let spec = spec_of(&json!({}), 1, 1);
    let arn = "arn:aws:ecs:eu-west-1:123456789012:task-definition/app:2";
    assert_eq!((spec.request.cluster.as_str(), spec.request.task_definition.as_str()), ("main", arn));
    assert_eq!(spec.request.started_by.as_deref().map(str::len), Some(36));
    assert_eq!(spec.request.overrides.unwrap()["containerOverrides"][0]["name"], "app");
    assert_eq!((spec.request.launch_type, spec.request.capacity_provider_strategy), (None, None));
    assert_eq!((spec.count, spec.retry_infrastructure, spec.detach), (1, 0, false));
    assert_eq!((spec.logs, spec.on_timeout), (LogReading::Tail, OnTimeout::Stop));
    assert_eq!(spec.poll_interval, Some(Duration::from_secs(10)));
    assert_eq!(spec.who, "stack web request request-1");

    let spec = spec_of(
        &json!({"Count": 12, "LaunchType": "FARGATE", "Container": "app", "AcceptExitCodes": "3", "Overrides": "",
            "OnTimeout": "leave", "PollInterval": 1}),
        1,
        1,
    );
    assert_eq!((spec.count, spec.request.launch_type), (12, Some(LaunchType::Fargate)));
    assert_eq!((spec.container.as_deref(), spec.accept_exit_codes.as_slice()), (Some("app"), &[3][..]));
    assert_eq!((spec.request.overrides, spec.on_timeout), (None, OnTimeout::Leave));
    assert_eq!(spec_of(&json!({"Instances": ["a", "b"]}), 1, 1).instances, ["a", "b"]);
}

#[test]
fn a_request_that_is_delivered_again_is_the_same_run() {
    let (one, again) = (spec_of(&json!({}), 1, 1), spec_of(&json!({}), 40, 40));
    assert_eq!((one.id, one.request), (again.id, again.request));
}

#[test]
fn the_time_counts_from_when_cloudformation_sent_it() {
    // Timeout; received first, and now, after it was sent; what is left.
    for (timeout, received_s, now_s, rest_s) in
        [(290, 0, 0, 290), (290, 20, 20, 270), (3540, 20, 1700, 1840), (290, 1, 500, 0), (290, -5, -5, 290)]
    {
        let spec = spec_of(&json!({"Timeout": timeout}), received_s, now_s);
        assert_eq!(spec.timeout, Some(Duration::from_secs(rest_s)), "{timeout} {received_s} {now_s}");
        assert_eq!(spec.wait_for_capacity, Duration::from_secs(rest_s), "as long as the run");
    }
    for (wait, now_s, rest_s) in [(0, 1, 0), (60, 10, 50), (60, 70, 0), (3600, 10, 280)] {
        let spec = spec_of(&json!({"WaitForCapacity": wait}), 1, now_s);
        assert_eq!(spec.wait_for_capacity, Duration::from_secs(rest_s), "{wait} {now_s}");
    }
}

#[test]
fn without_a_sending_time_it_counts_from_the_first_receipt() {
    let mut request = request("Create", &json!({}));
    request.sent_at = None;
    let properties = Properties::read(&request.properties).unwrap();
    let received = Timestamp(5_000);
    assert_eq!(deadline(&request, &properties, received), Timestamp(295_000));
    let later = spec(&request, &properties, definition(2, &[]), received, Timestamp(105_000));
    assert_eq!(later.timeout, Some(Duration::from_secs(190)));
}

#[test]
fn what_the_timeout_leaves_is_enough_to_stop_and_answer() {
    let margin = Duration::from_secs(u64::try_from(super::super::properties::MARGIN_S).unwrap());
    // 30 seconds until ECS kills, and at least 20 for the last lines and an answer that is tried again.
    assert!(STOP_PATIENCE > Duration::from_secs(30) && margin - STOP_PATIENCE >= Duration::from_secs(20));
}
