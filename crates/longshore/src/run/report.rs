//! The result document: what `--output json` prints for each task, one line each.

use longshore_aws::Task;
use longshore_model::Timestamp;
use serde::Serialize;

use super::explain::Explanation;
use super::verdict::Verdict;

/// Members that are not known yet, or never will be, are null, so that the shape is always the same.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report<'a> {
    task_arn: &'a str,
    task_definition_arn: &'a str,
    cluster_arn: &'a str,
    last_status: &'a str,
    exit_code: Option<i32>,
    stop_code: Option<&'a str>,
    stopped_reason: Option<&'a str>,
    explanation: Option<&'a str>,
    containers: Vec<ContainerReport<'a>>,
    created_at: Option<String>,
    started_at: Option<String>,
    stopped_at: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ContainerReport<'a> {
    name: &'a str,
    last_status: &'a str,
    exit_code: Option<i32>,
    reason: Option<&'a str>,
}

/// Of a task that ended (with its verdict), or that was only started.
pub(crate) fn report<'a>(task: &'a Task, end: Option<(&'a Verdict, &'a Explanation)>) -> Report<'a> {
    Report {
        task_arn: &task.arn,
        task_definition_arn: &task.task_definition_arn,
        cluster_arn: &task.cluster_arn,
        last_status: &task.last_status,
        exit_code: end.and_then(|(verdict, _)| verdict.code),
        stop_code: task.stop_code.as_deref(),
        stopped_reason: task.stopped_reason.as_deref(),
        explanation: end.map(|(_, explanation)| explanation.sentence.as_str()),
        containers: task
            .containers
            .iter()
            .map(|container| ContainerReport {
                name: &container.name,
                last_status: &container.last_status,
                exit_code: container.exit_code,
                reason: container.reason.as_deref(),
            })
            .collect(),
        created_at: task.created_at.and_then(rfc3339),
        started_at: task.started_at.and_then(rfc3339),
        stopped_at: task.stopped_at.and_then(rfc3339),
    }
}

fn rfc3339(time: Timestamp) -> Option<String> {
    jiff::Timestamp::from_millisecond(time.0).ok().map(|time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use longshore_aws::Container;
    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn the_document_always_has_the_same_members() {
        let task = Task {
            arn: "arn:t".into(),
            last_status: "STOPPED".into(),
            stop_code: Some("EssentialContainerExited".into()),
            stopped_at: Some(Timestamp(1_700_000_000_500)),
            containers: vec![Container { name: "app".into(), exit_code: Some(7), ..Container::default() }],
            ..Task::default()
        };
        let verdict = Verdict { container: "app".into(), code: Some(7) };
        let explanation = Explanation { sentence: "it failed".into(), next: None };
        assert_eq!(
            to_value(report(&task, Some((&verdict, &explanation)))).unwrap(),
            json!({
                "taskArn": "arn:t", "taskDefinitionArn": "", "clusterArn": "", "lastStatus": "STOPPED",
                "exitCode": 7, "stopCode": "EssentialContainerExited", "stoppedReason": null,
                "explanation": "it failed",
                "containers": [{"name": "app", "lastStatus": "", "exitCode": 7, "reason": null}],
                "createdAt": null, "startedAt": null, "stoppedAt": "2023-11-14T22:13:20.500Z",
            })
        );
    }
}
