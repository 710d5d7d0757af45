//! The files that a live service comes to: what somebody chose, and nothing that ECS fills in. A member is left out
//! when the file without it compares equal to what runs, so there is nothing for `diff` to show.

use longshore_model::seen::Service;
use serde_json::{Map, Value, json};

use super::shape::{MEMBERS, create_input};
use super::{OUR_TAGS, revision_name, side_by_side};
use crate::task_definition::{normalised, register_input};

/// Members that a file may leave to others, but that somebody has chosen here. Who makes the service anew gets it as
/// it is.
const CHOSEN: [&str; 7] = [
    "desiredCount",
    "availabilityZoneRebalancing",
    "role",
    "launchType",
    "securityGroups",
    "earlySuccessCriteria",
    "serviceName",
];

/// What is written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Written {
    /// As RegisterTaskDefinition takes it; absent when the service file names its revision.
    pub task_definition: Option<Map<String, Value>>,
    /// As CreateService takes it.
    pub service: Map<String, Value>,
    /// What the user should know.
    pub remarks: Vec<String>,
}

/// The files of a service. `latest` is the latest active revision of the family that it runs, as DescribeTaskDefinition
/// answers.
#[must_use]
pub fn files(service: &Service, latest: Option<&Value>) -> Written {
    let live = create_input(&Value::Object(service.document.clone())).unwrap_or_default();
    let mut written = Written { service: minimal_service(&live), ..Written::default() };
    let unknown: Vec<String> = live
        .iter()
        .filter(|(member, value)| !MEMBERS.contains(&member.as_str()) && !super::shape::is_empty(value))
        .map(|(member, _)| format!("`{member}`"))
        .collect();
    if !unknown.is_empty() {
        written.remarks.push(format!("unknown to this version, left out: {}", unknown.join(", ")));
    }
    let runs = live.get("taskDefinition").and_then(Value::as_str).map(revision_name);
    let newest = latest.and_then(|latest| latest["taskDefinition"]["taskDefinitionArn"].as_str());
    match (runs, newest.map(revision_name), latest.and_then(register_input)) {
        (Some(runs), Some(newest), Some(input)) if runs == newest => {
            written.task_definition = Some(minimal_definition(&input));
            written.service.remove("taskDefinition");
        }
        (Some(runs), newest, _) => {
            written.service.insert("taskDefinition".to_owned(), json!(runs));
            let newest =
                newest.map_or_else(|| "no revision is active".to_owned(), |it| format!("that is {it}"));
            written.remarks.push(format!(
                "it runs {runs}, which is not the latest active revision ({newest}): its file names the revision, and no \
                 task definition is written"
            ));
        }
        (None, ..) => {}
    }
    written
}

fn minimal_service(live: &Map<String, Value>) -> Map<String, Value> {
    let mut service = live.clone();
    for member in ["cluster", "clientToken"] {
        service.remove(member);
    }
    // ECS counts daemons itself, and refuses a count for them.
    if service.get("schedulingStrategy").is_some_and(|strategy| strategy == "DAEMON") {
        service.remove("desiredCount");
    }
    without_marks(&mut service);
    minimal(service, &CHOSEN, &|candidate| {
        let (wanted, live) = side_by_side(candidate, live);
        wanted == live
    })
}

fn minimal_definition(registered: &Map<String, Value>) -> Map<String, Value> {
    let mut definition = registered.clone();
    without_marks(&mut definition);
    let whole = normalised(&definition);
    minimal(definition, &[], &|candidate| normalised(candidate) == whole)
}

fn without_marks(document: &mut Map<String, Value>) {
    let Some(Value::Array(tags)) = document.get_mut("tags") else { return };
    tags.retain(|tag| !tag["key"].as_str().is_some_and(|key| key.starts_with(OUR_TAGS)));
    if tags.is_empty() {
        document.remove("tags");
    }
}

/// Takes members out, the outer ones first, as long as the document stays the same in the eyes of `same`.
fn minimal(
    document: Map<String, Value>,
    chosen: &[&str],
    same: &dyn Fn(&Map<String, Value>) -> bool,
) -> Map<String, Value> {
    let mut document = Value::Object(document);
    let mut places = Vec::new();
    members("", &document, &mut places);
    for (parent, name) in places {
        let Some(Value::Object(members)) = document.pointer_mut(&parent) else { continue };
        let is_chosen = |value: &Value| chosen.contains(&name.as_str()) || has_inside(value, chosen);
        let Some(taken) = members.get(&name).filter(|value| !is_chosen(value)).cloned() else { continue };
        members.remove(&name);
        let stays = document.as_object().is_some_and(same);
        if !stays && let Some(Value::Object(members)) = document.pointer_mut(&parent) {
            members.insert(name, taken);
        }
    }
    match document {
        Value::Object(document) => document,
        _ => Map::new(),
    }
}

/// All members at all levels, as a JSON pointer to what they are in and their name; the outer ones first.
fn members(place: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(inside) => {
            for (name, value) in inside {
                found.push((place.to_owned(), name.clone()));
                members(&format!("{place}/{}", name.replace('~', "~0").replace('/', "~1")), value, found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                members(&format!("{place}/{index}"), item, found);
            }
        }
        _ => {}
    }
}

fn has_inside(value: &Value, names: &[&str]) -> bool {
    match value {
        Value::Object(inside) => inside.iter().any(|(name, value)| {
            (names.contains(&name.as_str()) && !super::shape::is_empty(value)) || has_inside(value, names)
        }),
        Value::Array(items) => items.iter().any(|item| has_inside(item, names)),
        _ => false,
    }
}

#[cfg(test)]
#[path = "init_tests.rs"]
mod tests;
