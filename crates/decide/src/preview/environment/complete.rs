//! Fills in what an earlier action of the same plan has made.

use longshore_model::preview::Environment;
use serde_json::{Map, Value, json};

use super::inputs::{URL_TO_COME, URL_VARIABLE};
use super::place;
use super::seen::Action;
use super::tokens::SERVICE_TAG;

/// The action with the ARNs that are in the record by now: registered revisions, target groups, the listener; and the URL.
#[must_use]
pub fn complete(action: &Action, record: &Environment) -> Action {
    let mut action = action.clone();
    match &mut action {
        Action::Register(_, input) => fill_url(input, record),
        Action::CreateService(index, input) => {
            fill_revision(input, record, *index);
            fill_target_group(input, record);
        }
        Action::UpdateService(index, input) if input.contains_key("deploymentConfiguration") => {
            fill_revision(input, record, *index);
        }
        Action::CreateRule { listener, .. } if listener.is_none() => {
            listener.clone_from(&record.progress.resources.listener);
        }
        _ => {}
    }
    action
}

fn fill_url(input: &mut Map<String, Value>, record: &Environment) {
    let Some(url) = place::url(record, None) else { return };
    let containers = input.get_mut("containerDefinitions").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten() {
        let variables = container.get_mut("environment").and_then(Value::as_array_mut);
        for variable in variables.into_iter().flatten() {
            if variable["name"] == URL_VARIABLE && variable["value"] == URL_TO_COME {
                variable["value"] = json!(url);
            }
        }
    }
}

fn fill_revision(input: &mut Map<String, Value>, record: &Environment, index: usize) {
    let progress = &record.progress;
    let deploy = progress.deploying.as_ref().or(progress.deployed.as_ref());
    let known = deploy.and_then(|deploy| deploy.task_definitions.get(index)).filter(|arn| !arn.is_empty());
    if let Some(arn) = known {
        input.entry("taskDefinition").or_insert_with(|| json!(arn));
    }
}

fn fill_target_group(input: &mut Map<String, Value>, record: &Environment) {
    let tags = input.get("tags").and_then(Value::as_array).into_iter().flatten();
    let service = tags.filter(|tag| tag["key"] == SERVICE_TAG).find_map(|tag| tag["value"].as_str());
    let groups = &record.progress.resources.target_groups;
    let Some(arn) = service.and_then(|service| groups.get(service)).cloned() else { return };
    let balancers = input.get_mut("loadBalancers").and_then(Value::as_array_mut);
    for balancer in balancers.into_iter().flatten() {
        if balancer.get("targetGroupArn").is_none() {
            balancer["targetGroupArn"] = json!(arn);
        }
    }
}
