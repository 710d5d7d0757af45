//! What the files of a directory mean: which is what, which family and service each describes, and the service that a
//! task definition asks for with a word in its text.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value, json};

/// A task definition with this in its text gets a service without a file.
pub const AUTOCREATE: &str = "AUTOCREATE.SERVICE";

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holds {
    /// What RegisterTaskDefinition takes.
    TaskDefinition,
    /// What CreateService takes.
    Service,
}

impl fmt::Display for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TaskDefinition => "task definition",
            Self::Service => "service",
        })
    }
}

/// The name of the unit that a file belongs to, and what the file holds: `NAME.taskdef` or `NAME.service`, also with
/// `.json`, `.yaml` or `.yml` behind. `None` for every other file, hidden ones among them.
#[must_use]
pub fn part(file: &str) -> Option<(&str, Holds)> {
    let endings = [".json", ".yaml", ".yml"];
    let stem = endings.iter().find_map(|ending| file.strip_suffix(ending)).unwrap_or(file);
    let (name, holds) = match stem.strip_suffix(".taskdef") {
        Some(name) => (name, Holds::TaskDefinition),
        None => (stem.strip_suffix(".service")?, Holds::Service),
    };
    (!name.is_empty() && !name.starts_with('.')).then_some((name, holds))
}

/// How names are given and services are made that no file describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Goes before NAME where a file has no name of its own.
    pub prefix: String,
    /// How many tasks a service without a file has.
    pub desired_count: u32,
    /// Where they run; without it the cluster's default decides.
    pub launch_type: Option<String>,
    /// Rules for their instances, as CreateService takes them.
    pub placement_constraints: Vec<Value>,
    /// Preferences among their instances, as CreateService takes them.
    pub placement_strategy: Vec<Value>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            desired_count: 1,
            launch_type: None,
            placement_constraints: Vec::new(),
            placement_strategy: Vec::new(),
        }
    }
}

/// What the files of one name say together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Composed {
    /// The input of RegisterTaskDefinition.
    pub task_definition: Option<Value>,
    /// The input of CreateService. Where there is a task definition, it names that one's family.
    pub service: Option<Value>,
    /// Whether no file describes the service.
    pub autocreated: bool,
}

/// Why files of one name make no sense together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// The member of what such a file holds is no text.
    NotText(Holds, &'static str),
    /// A service alone that names no task definition.
    NoTaskDefinition,
    /// The service names another family than the task definition beside it.
    OtherFamily {
        /// Of the task definition.
        own: String,
        /// By the service.
        named: String,
    },
    /// A service without a file has no subnets, and this task definition needs some.
    NoNetwork,
}

/// Puts the files of one name together. `asks` says whether the task definition's text has [`AUTOCREATE`] in it.
///
/// # Errors
/// When they make no sense together.
pub fn compose(
    name: &str,
    task_definition: Option<Map<String, Value>>,
    service: Option<Map<String, Value>>,
    asks: bool,
    rules: &Rules,
) -> Result<Composed, Wrong> {
    let default = format!("{}{name}", rules.prefix);
    let mut composed = Composed::default();
    let mut own = None;
    if let Some(mut input) = task_definition {
        let family = text(&input, Holds::TaskDefinition, "family")?.unwrap_or(&default).to_owned();
        input.insert("family".to_owned(), json!(family));
        composed.task_definition = Some(Value::Object(input));
        own = Some(family);
    }
    let service = match service {
        Some(service) => service,
        None => match &composed.task_definition {
            Some(definition) if asks => {
                composed.autocreated = true;
                autocreated(definition, rules)?
            }
            _ => return Ok(composed),
        },
    };
    composed.service = Some(named(service, &default, own)?);
    Ok(composed)
}

/// The service with its name and its task definition's.
fn named(mut service: Map<String, Value>, default: &str, own: Option<String>) -> Result<Value, Wrong> {
    let name = text(&service, Holds::Service, "serviceName")?.unwrap_or(default).to_owned();
    let definition = text(&service, Holds::Service, "taskDefinition")?.map(ToOwned::to_owned);
    let definition = match (own, definition) {
        (Some(own), Some(named)) if family(&named) != own => return Err(Wrong::OtherFamily { own, named }),
        // A revision in the file is the one that was there when it was described.
        (Some(own), _) => Some(own),
        (None, Some(named)) => Some(named),
        (None, None) if service.get("deploymentController") == Some(&json!({"type": "EXTERNAL"})) => None,
        (None, None) => return Err(Wrong::NoTaskDefinition),
    };
    service.insert("serviceName".to_owned(), json!(name));
    service.extend(definition.map(|definition| ("taskDefinition".to_owned(), json!(definition))));
    Ok(Value::Object(service))
}

fn autocreated(definition: &Value, rules: &Rules) -> Result<Map<String, Value>, Wrong> {
    let on_fargate = definition["requiresCompatibilities"].as_array();
    let on_fargate = on_fargate.is_some_and(|all| all.contains(&json!("FARGATE")));
    if definition["networkMode"] == "awsvpc" || on_fargate {
        return Err(Wrong::NoNetwork);
    }
    let mut service = Map::from_iter([("desiredCount".to_owned(), json!(rules.desired_count))]);
    service.extend(rules.launch_type.iter().map(|name| ("launchType".to_owned(), json!(name))));
    let placements = [
        ("placementConstraints", &rules.placement_constraints),
        ("placementStrategy", &rules.placement_strategy),
    ];
    let said = placements.into_iter().filter(|(_, items)| !items.is_empty());
    service.extend(said.map(|(member, items)| (member.to_owned(), json!(items))));
    Ok(service)
}

/// A member that is a text or absent.
fn text<'a>(
    input: &'a Map<String, Value>,
    holds: Holds,
    member: &'static str,
) -> Result<Option<&'a str>, Wrong> {
    match input.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Wrong::NotText(holds, member)),
    }
}

/// The family of `family`, `family:revision` or an ARN.
#[must_use]
pub fn family(reference: &str) -> &str {
    let name = reference.rsplit('/').next().unwrap_or_default();
    name.split(':').next().unwrap_or_default()
}

/// Two units that are the same thing to ECS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// What both claim.
    pub holds: Holds,
    /// Its name: a family, or a service.
    pub name: String,
    /// The positions of the two.
    pub units: (usize, usize),
}

/// The first two units that claim one family, or one service of one cluster.
#[must_use]
pub fn clash<'a>(units: impl IntoIterator<Item = &'a Composed>) -> Option<Clash> {
    let mut claimed = BTreeMap::new();
    for (position, unit) in units.into_iter().enumerate() {
        let of = |document: &Option<Value>, member: &str| {
            document.as_ref().and_then(|document| document[member].as_str()).unwrap_or_default().to_owned()
        };
        let family = (Holds::TaskDefinition, String::new(), of(&unit.task_definition, "family"));
        let service = (Holds::Service, of(&unit.service, "cluster"), of(&unit.service, "serviceName"));
        for claim in [family, service].into_iter().filter(|(_, _, name)| !name.is_empty()) {
            let (holds, name) = (claim.0, claim.2.clone());
            if let Some(first) = claimed.insert(claim, position) {
                return Some(Clash { holds, name, units: (first, position) });
            }
        }
    }
    None
}

/// The known name that an unknown one is a slip of: in another case, or a letter or two off. A name that is like none
/// may be one that ECS has learnt since.
#[must_use]
pub fn slip_of<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    const MOST: usize = 2;
    let lower = unknown.to_lowercase();
    let allowed = (unknown.len().saturating_sub(1) / 3).min(MOST);
    let distances = known.iter().map(|name| (strsim::osa_distance(&lower, &name.to_lowercase()), *name));
    distances.filter(|(distance, _)| *distance <= allowed).min().map(|(_, name)| name)
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
