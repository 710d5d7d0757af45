//! What an event of EventBridge is about. Nothing else is read from it: it only wakes who looks for itself.

use serde_json::Value;

/// A task on its way through these changes nothing that is decided: nobody is woken to look, which is several calls.
/// What is missing is RUNNING and STOPPED, and every status that is not known here.
const ON_ITS_WAY: [&str; 6] =
    ["PROVISIONING", "PENDING", "ACTIVATING", "DEACTIVATING", "STOPPING", "DEPROVISIONING"];
/// Deployments that have begun, and nothing more: whoever began them knows.
const BEGUN: &str = "SERVICE_DEPLOYMENT_IN_PROGRESS";

/// Says that all is as it should be: news where only a load balancer knew. Our own proxy has said it long before.
const STEADY: [&str; 2] = ["SERVICE_DEPLOYMENT_COMPLETED", "SERVICE_STEADY_STATE"];

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    /// The names of the services that it speaks of.
    pub services: Vec<String>,
    /// The ARN of the task that runs now: somewhere to look.
    pub running: Option<String>,
    /// It is of no interest to those behind our own proxy.
    pub is_steady: bool,
}

/// What an event speaks of, when it says something that somebody would look for: the services of its `resources`, and
/// that of a task's group (`service:NAME`). Nothing for anything else, unreadable text included.
#[must_use]
pub fn read(body: &str) -> Named {
    let event: Value = serde_json::from_str(body).unwrap_or_default();
    let detail = &event["detail"];
    let status = detail["lastStatus"].as_str().unwrap_or_default();
    let name = detail["eventName"].as_str().unwrap_or_default();
    if ON_ITS_WAY.contains(&status) || name == BEGUN {
        return Named::default();
    }
    let resources = event["resources"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut services: Vec<&str> = resources.filter_map(service_of_arn).collect();
    services.extend(detail["group"].as_str().and_then(|group| group.strip_prefix("service:")));
    services.sort_unstable();
    services.dedup();
    Named {
        services: services.into_iter().map(ToOwned::to_owned).collect(),
        running: detail["taskArn"].as_str().filter(|_| status == "RUNNING").map(ToOwned::to_owned),
        is_steady: STEADY.contains(&name),
    }
}

/// `arn:aws:ecs:REGION:ACCOUNT:service/CLUSTER/NAME`, or without the cluster in the short format.
fn service_of_arn(arn: &str) -> Option<&str> {
    let (_, path) = arn.split_once(":service/")?;
    path.rsplit('/').next().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_service_and_a_running_task_are_read() {
        let cases = [
            (
                r#"{"detail-type": "ECS Task State Change", "resources": ["arn:aws:ecs:eu-west-1:1:task/c/0af"],
                    "detail": {"group": "service:web-x", "lastStatus": "STOPPED"}}"#,
                vec!["web-x"],
            ),
            (
                r#"{"detail-type": "ECS Deployment State Change", "detail": {"eventName": "SERVICE_DEPLOYMENT_FAILED"},
                    "resources": ["arn:aws:ecs:eu-west-1:1:service/c/web-x", "arn:aws:ecs:eu-west-1:1:service/old"]}"#,
                vec!["old", "web-x"],
            ),
            (r#"{"detail": {"group": "service:web-x", "lastStatus": "RUNNING"}}"#, vec!["web-x"]),
            (r#"{"detail": {"group": "service:web-x", "lastStatus": "of the future"}}"#, vec!["web-x"]),
            (r#"{"detail": {"group": "service:web-x", "lastStatus": "PENDING"}}"#, vec![]),
            (r#"{"detail": {"group": "service:web-x", "lastStatus": "DEPROVISIONING"}}"#, vec![]),
            (
                r#"{"detail": {"eventName": "SERVICE_DEPLOYMENT_IN_PROGRESS"},
                    "resources": ["arn:aws:ecs:eu-west-1:1:service/c/web-x"]}"#,
                vec![],
            ),
            (r#"{"detail": {"group": "family:web"}}"#, vec![]),
            (r#"{"resources": "no list", "detail": 3}"#, vec![]),
            (r#"{"resources": ["arn:aws:ecs:eu-west-1:1:service/"]}"#, vec![]),
            ("no JSON", vec![]),
            ("", vec![]),
        ];
        for (body, names) in cases {
            assert_eq!(read(body).services, names, "{body}");
        }
        let task = r#"{"detail": {"group": "service:web", "taskArn": "arn:t", "lastStatus": "RUNNING"}}"#;
        assert_eq!(read(task).running.as_deref(), Some("arn:t"));
        assert_eq!(read(&task.replace("RUNNING", "STOPPED")).running, None);
        let steady = r#"{"detail": {"eventName": "SERVICE_STEADY_STATE"}, "resources": ["arn:aws:ecs:r:1:service/c/web"]}"#;
        assert!(
            read(steady).is_steady && !read(&steady.replace("STEADY_STATE", "TASK_START_IMPAIRED")).is_steady
        );
    }
}
