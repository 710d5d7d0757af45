//! Where a rollback goes: to what last ran successfully, which need not be the next lower number.

use std::collections::BTreeMap;

use longshore_model::seen::{PastDeployment, Service};

use super::{FAILED_TAG, revision_name};

/// The service revisions of deployments that did well, the newest first: what a rollback may go to.
#[must_use]
pub fn successful(past: &[PastDeployment]) -> Vec<String> {
    let good = past.iter().filter(|deployment| deployment.status == "SUCCESSFUL");
    let mut arns = Vec::new();
    for arn in good.filter_map(|deployment| deployment.revision_arn.clone()) {
        // Several deployments may be of one revision.
        if !arns.contains(&arn) {
            arns.push(arn);
        }
    }
    arns
}

/// The task definition that last ran successfully before what the service is on now, and failed no gate. `candidates` are of
/// [`successful`]; `definitions` has the task definition of each.
#[must_use]
pub fn previous(
    service: &Service,
    candidates: &[String],
    definitions: &BTreeMap<String, String>,
) -> Option<String> {
    let now = service.primary().map_or(&service.task_definition, |primary| &primary.task_definition);
    let failed = service.tag(FAILED_TAG);
    let is_good = |definition: &&String| *definition != now && Some(revision_name(definition)) != failed;
    candidates.iter().filter_map(|arn| definitions.get(arn)).find(is_good).cloned()
}

#[cfg(test)]
mod tests {
    use longshore_model::seen::Deployment;

    use super::*;

    fn past(status: &str, revision: &str) -> PastDeployment {
        PastDeployment {
            status: status.into(),
            revision_arn: Some(revision.into()),
            ..PastDeployment::default()
        }
    }

    #[test]
    fn a_rollback_goes_to_what_last_did_well() {
        let history = [
            past("IN_PROGRESS", "r5"),
            past("SUCCESSFUL", "r4"),
            past("ROLLBACK_SUCCESSFUL", "r3"),
            past("SUCCESSFUL", "r2"),
            past("SUCCESSFUL", "r1"),
        ];
        let candidates = successful(&history);
        assert_eq!(candidates, ["r4", "r2", "r1"]);
        let definitions = [("r4", "web:9"), ("r2", "web:9"), ("r1", "web:4")];
        let definitions = definitions.map(|(arn, name)| (arn.to_owned(), name.to_owned())).into();
        let on = |name: &str| Service {
            task_definition: "web:1".into(),
            deployments: vec![Deployment {
                status: "PRIMARY".into(),
                task_definition: name.into(),
                ..Deployment::default()
            }],
            ..Service::default()
        };
        assert_eq!(
            previous(&on("web:10"), &candidates, &definitions).as_deref(),
            Some("web:9"),
            "in the middle"
        );
        assert_eq!(
            previous(&on("web:9"), &candidates, &definitions).as_deref(),
            Some("web:4"),
            "web:5 never ran"
        );
        assert_eq!(previous(&on("web:4"), &candidates[2..], &definitions), None);
        let mut marked = on("web:10");
        let tags = serde_json::json!([{"key": FAILED_TAG, "value": "web:9"}]);
        marked.document.insert("tags".to_owned(), tags);
        assert_eq!(
            previous(&marked, &candidates, &definitions).as_deref(),
            Some("web:4"),
            "web:9 failed its gate"
        );
    }
}
