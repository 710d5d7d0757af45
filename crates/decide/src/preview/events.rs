//! What an event of EventBridge is about. Nothing else is read from it: it only wakes who looks for itself.

use serde_json::Value;

/// A task on its way through these changes nothing that is decided: nobody is woken to look, which is several calls.
/// What is missing is RUNNING and STOPPED, and every status that is not known here.
const ON_ITS_WAY: [&str; 6] =
    ["PROVISIONING", "PENDING", "ACTIVATING", "DEACTIVATING", "STOPPING", "DEPROVISIONING"];
/// Deployments that have begun, and nothing more: whoever began them knows.
const BEGUN: &str = "SERVICE_DEPLOYMENT_IN_PROGRESS";

/// The names of the services that an event speaks of, when it says something that they would look for: those of its
/// `resources`, and that of a task's group (`service:NAME`). Empty for anything else, unreadable text included.
#[must_use]
pub fn services(body: &str) -> Vec<String> {
    let event: Value = serde_json::from_str(body).unwrap_or_default();
    let is_on_its_way = event["detail"]["lastStatus"].as_str().is_some_and(|it| ON_ITS_WAY.contains(&it));
    if is_on_its_way || event["detail"]["eventName"] == BEGUN {
        return Vec::new();
    }
    let resources = event["resources"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut names: Vec<&str> = resources.filter_map(service_of_arn).collect();
    names.extend(event["detail"]["group"].as_str().and_then(|group| group.strip_prefix("service:")));
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(ToOwned::to_owned).collect()
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
    fn only_the_service_is_read() {
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
            assert_eq!(services(body), names, "{body}");
        }
    }
}
