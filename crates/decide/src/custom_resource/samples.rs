//! Requests for the tests of this module.

use longshore_model::Timestamp;
use longshore_model::seen::{ContainerSummary, Environment, TaskDefinition};
use serde_json::{Value, json};

use super::{Request, ReturnAddress};

pub(super) const STACK_ID: &str = "arn:aws:cloudformation:eu-west-1:123456789012:stack/web/6f1c2a30";
pub(super) const URL: &str = "https://bucket/key?AWSAccessKeyId=AKIA&Expires=1700007200&Signature=abc";
pub(super) const SENT_AT: Timestamp = Timestamp(1_700_000_000_000);
/// The value of an environment variable, which must never be shown.
pub(super) const SECRET: &str = "hunter2";

/// An event as CloudFormation sends it, with every scalar a string.
pub(super) fn event(kind: &str) -> Value {
    let mut event = json!({
        "RequestType": kind,
        "ResponseURL": URL,
        "StackId": STACK_ID,
        "RequestId": "request-1",
        "LogicalResourceId": "MigrateTask",
        "ResourceType": "Custom::ECSTask",
        "ResourceProperties": properties(),
    });
    if kind != "Create" {
        event["PhysicalResourceId"] = "given-id".into();
    }
    if kind == "Update" {
        event["OldResourceProperties"] = properties();
    }
    event
}

/// Those that are required, and an environment variable.
pub(super) fn properties() -> Value {
    json!({
        "ServiceToken": "arn:aws:lambda:eu-west-1:123456789012:function:ecsTasks",
        "Cluster": "main",
        "TaskDefinition": "app:2",
        "Overrides": {"containerOverrides": [
            {"name": "app", "environment": [{"name": "DB_PASSWORD", "value": SECRET}]},
        ]},
    })
}

/// A request whose properties differ from [`properties`] in these.
pub(super) fn request(kind: &str, changes: &Value) -> Request {
    let mut event = event(kind);
    merge(&mut event["ResourceProperties"], changes);
    Request::read(&event).unwrap()
}

pub(super) fn merge(properties: &mut Value, changes: &Value) {
    for (name, value) in changes.as_object().unwrap() {
        properties[name] = value.clone();
    }
}

pub(super) fn address() -> ReturnAddress {
    ReturnAddress::read(&event("Create")).unwrap()
}

pub(super) fn address_of(stack_id: &str, request_id: &str, logical_resource_id: &str) -> ReturnAddress {
    let event = json!({
        "ResponseURL": URL,
        "StackId": stack_id,
        "RequestId": request_id,
        "LogicalResourceId": logical_resource_id,
    });
    ReturnAddress::read(&event).unwrap()
}

/// A revision of `app` whose container `app` has this environment.
pub(super) fn definition(revision: u32, environment: &[(&str, &str)]) -> TaskDefinition {
    let environment =
        environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    TaskDefinition {
        arn: format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/app:{revision}"),
        containers: vec![ContainerSummary {
            name: "app".into(),
            essential: true,
            environment: Environment(environment),
            ..ContainerSummary::default()
        }],
        ..TaskDefinition::default()
    }
}
