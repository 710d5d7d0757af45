//! Changes of tasks, container instances and services in EventBridge's own JSON shape, for subscribers in this process and
//! for the queue of events.

use longshore_ecs::service::{ServiceHappening, ServiceNews};
use longshore_model::Timestamp;
use longshore_model::arn::Scope;
use longshore_model::instance::ContainerInstance;
use longshore_model::service::RolloutState;
use longshore_model::task::Task;
use serde::Serialize;
use serde_json::{Value, json};

use crate::keys::random_bytes;

/// How many events a slow subscriber may be behind before it loses the oldest.
pub(crate) const BACKLOG: usize = 4096;

/// The members that are moments: numbers in the API, ISO 8601 in events.
const MOMENTS: [&str; 9] = [
    "connectivityAt",
    "createdAt",
    "executionStoppedAt",
    "pullStartedAt",
    "pullStoppedAt",
    "registeredAt",
    "startedAt",
    "stoppedAt",
    "stoppingAt",
];

/// `ECS Task State Change`.
#[must_use]
pub(crate) fn task_changed(task: &Task, scope: &Scope, now: Timestamp) -> Value {
    let mut detail = detail(task, now);
    // EventBridge calls a network interface `eni`, where DescribeTasks spells it out.
    for attachment in detail.get_mut("attachments").and_then(Value::as_array_mut).into_iter().flatten() {
        if attachment["type"] == "ElasticNetworkInterface" {
            attachment["type"] = json!("eni");
        }
    }
    event("ECS Task State Change", &task.task_arn, detail, scope, now)
}

/// `ECS Container Instance State Change`.
#[must_use]
pub(crate) fn instance_changed(instance: &ContainerInstance, scope: &Scope, now: Timestamp) -> Value {
    let mut detail = detail(instance, now);
    let cluster = instance.container_instance_arn.rsplit('/').nth(1).unwrap_or_default();
    detail["clusterArn"] = json!(scope.cluster(cluster));
    event("ECS Container Instance State Change", &instance.container_instance_arn, detail, scope, now)
}

/// `ECS Deployment State Change` and `ECS Service Action`.
#[must_use]
pub(crate) fn service_changed(news: &ServiceNews, scope: &Scope, now: Timestamp) -> Value {
    let action = |severity: &str, name: &str| {
        let detail = json!({
            "eventType": severity, "eventName": name, "clusterArn": news.cluster_arn, "createdAt": iso(now),
        });
        ("ECS Service Action", detail)
    };
    let (kind, detail) = match &news.what {
        ServiceHappening::Steady => action("INFO", "SERVICE_STEADY_STATE"),
        ServiceHappening::StartImpaired => action("WARN", "SERVICE_TASK_START_IMPAIRED"),
        ServiceHappening::Deployment { id, state, reason, updated_at } => {
            let severity = if *state == RolloutState::Failed { "ERROR" } else { "INFO" };
            let detail = json!({
                "eventType": severity, "eventName": format!("SERVICE_DEPLOYMENT_{state}"), "deploymentId": id,
                "updatedAt": iso(*updated_at), "reason": reason,
            });
            ("ECS Deployment State Change", detail)
        }
    };
    event(kind, &news.service_arn, detail, scope, now)
}

fn detail(of: &impl Serialize, now: Timestamp) -> Value {
    let mut detail = serde_json::to_value(of).unwrap_or_default();
    for name in MOMENTS {
        if let Some(seconds) = detail.get(name).and_then(Value::as_f64) {
            #[expect(clippy::cast_possible_truncation, reason = "a timestamp of ours, written a moment ago")]
            let at = Timestamp((seconds * 1000.0).round() as i64);
            detail[name] = json!(iso(at));
        }
    }
    detail["updatedAt"] = json!(iso(now));
    detail
}

fn event(kind: &str, arn: &str, detail: Value, scope: &Scope, now: Timestamp) -> Value {
    json!({
        "version": "0",
        "id": event_id(),
        "detail-type": kind,
        "source": "aws.ecs",
        "account": scope.account,
        "time": iso(now),
        "region": scope.region,
        "resources": [arn],
        "detail": detail,
    })
}

fn event_id() -> String {
    let hex = hex::encode(random_bytes::<16>().unwrap_or_default());
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// ISO 8601 with milliseconds.
pub(crate) fn iso(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0)
        .map(|at| at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
        .unwrap_or_default()
}
