//! What is to be done so that a service is as its file says.

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::seen::Service;
use longshore_model::tag::Tag;
use serde_json::{Map, Value, json};

use super::normal::{UNSEEN, side_by_side};
use super::shape::{MEMBERS, create_input, without_nulls};
use super::{DEFAULT_PROJECT, OUR_TAGS, PROJECT_TAG, revision_name};
use crate::task_definition;

/// Members that a service keeps for its whole life.
const FOR_LIFE: [&str; 3] = ["schedulingStrategy", "launchType", "role"];

/// Members that UpdateService does not take.
const NOT_UPDATED: [&str; 7] =
    ["cluster", "serviceName", "clientToken", "tags", "schedulingStrategy", "launchType", "role"];

/// Members whose change is a new deployment (UpdateService, API reference). UpdateService does not take them where
/// CodeDeploy or somebody else makes the deployments.
const DEPLOYED: [&str; 8] = [
    "taskDefinition",
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
];

/// Members that an empty list takes away.
const LISTS: [&str; 8] = [
    "capacityProviderStrategy",
    "placementConstraints",
    "placementStrategy",
    "loadBalancers",
    "serviceRegistries",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "gatewayConnectors",
];

/// What a service is wanted to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// As CreateService takes it. Without `taskDefinition` it runs the family of the unit.
    pub service: Map<String, Value>,
    /// The family of its own file, if it has one.
    pub family: Option<String>,
}

/// Which revision of a family is used.
#[derive(Debug, Clone, PartialEq)]
pub enum Revision {
    /// This one: it says what the file says, or there is no file.
    Known(String),
    /// A new one.
    New(Map<String, Value>),
}

/// What is to be done about a service.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Nothing.
    None,
    /// CreateService. Its `taskDefinition` is a name; a family stands for the revision that is registered first.
    Create(Map<String, Value>),
    /// UpdateService and tags, as far as they differ.
    Update {
        /// Empty when only tags differ.
        input: Map<String, Value>,
        /// To be set.
        tag: Vec<Tag>,
        /// Keys to be taken off.
        untag: Vec<String>,
    },
}

/// What is to be done, and the two documents that differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What to do.
    pub change: Change,
    /// The family whose new revision it needs, if it does.
    pub needs: Option<String>,
    /// What the file says, in the form in which it is compared.
    pub wanted: Map<String, Value>,
    /// What runs, likewise; empty when there is no such service.
    pub live: Map<String, Value>,
}

impl Plan {
    /// A change of a few members of a service that there is, such as its count.
    #[must_use]
    pub fn of_members(cluster: &str, service: &str, members: Map<String, Value>) -> Self {
        let mut input = members;
        input.insert("cluster".to_owned(), json!(cluster));
        input.insert("service".to_owned(), json!(service));
        let change = Change::Update { input, tag: Vec::new(), untag: Vec::new() };
        Self { change, needs: None, wanted: Map::new(), live: Map::new() }
    }
}

/// Why a file cannot be made true.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// ECS has no call for it.
    #[error("ECS cannot change `{member}` of service `{service}` ({live} now, {wanted} in the file)")]
    ForLife {
        /// Whose.
        service: String,
        /// Which.
        member: String,
        /// What it is.
        live: String,
        /// What it should be.
        wanted: String,
    },
    /// ECS leaves it to whoever makes the service's deployments.
    #[error("ECS does not change `{member}` of service `{service}`: {controller} makes its deployments")]
    Controller {
        /// Whose.
        service: String,
        /// Which.
        member: String,
        /// `CODE_DEPLOY` or `EXTERNAL`.
        controller: String,
    },
    /// It carries the tag of another project.
    #[error(
        "service `{service}` belongs to project `{owner}`, and not to `{project}`: name its project, or take the tag longshore:project off it"
    )]
    OtherProject {
        /// Which.
        service: String,
        /// Whose it is.
        owner: String,
        /// Who wants it.
        project: String,
    },
    /// Its file names another cluster than the one that is applied to.
    #[error("the file of service `{service}` names cluster `{named}`, and this is for cluster `{cluster}`")]
    OtherCluster {
        /// Which.
        service: String,
        /// In the file.
        named: String,
        /// On the command line, or in longshore.toml.
        cluster: String,
    },
    /// It names a family that is neither in a file nor registered.
    #[error("service `{service}` runs task definition `{name}`, which is not registered and has no file")]
    NoDefinition {
        /// Whose.
        service: String,
        /// Which.
        name: String,
    },
}

/// Puts the cluster into a service's document, by name or ARN.
///
/// # Errors
///
/// When the file names another one.
pub fn in_cluster(service: &mut Map<String, Value>, name: &str, cluster: &str) -> Result<(), PlanError> {
    match service.get("cluster").and_then(Value::as_str) {
        Some(named) if revision_name(named) != revision_name(cluster) => Err(PlanError::OtherCluster {
            service: name.to_owned(),
            named: named.to_owned(),
            cluster: cluster.to_owned(),
        }),
        _ => {
            service.insert("cluster".to_owned(), json!(cluster));
            Ok(())
        }
    }
}

/// Marks a document as ours: with the tag of the project, over its own tags.
#[must_use]
pub fn mark(mut document: Map<String, Value>, project: &str) -> Map<String, Value> {
    let tags = document.entry("tags").or_insert_with(|| json!([]));
    if let Value::Array(tags) = tags {
        tags.retain(|tag| tag["key"] != PROJECT_TAG);
        tags.push(json!({"key": PROJECT_TAG, "value": project}));
    }
    document
}

/// Which revision a file stands for: the latest one of its family, when that says the same. `latest` is as
/// DescribeTaskDefinition answers, with tags.
#[must_use]
pub fn revision(file: &Map<String, Value>, latest: Option<&Value>) -> Revision {
    let ours = |document: &Value| {
        let mut document = document.clone();
        if let Some(Value::Array(tags)) = document.get_mut("tags") {
            tags.retain(|tag| !tag["key"].as_str().is_some_and(|key| key.starts_with(OUR_TAGS)));
        }
        document
    };
    let known =
        latest.filter(|latest| task_definition::same(&ours(&Value::Object(file.clone())), &ours(latest)));
    match known.and_then(|known| known["taskDefinition"]["taskDefinitionArn"].as_str()) {
        Some(arn) => Revision::Known(arn.to_owned()),
        None => Revision::New(file.clone()),
    }
}

/// What is to be done about a service of a project. `live` is what was seen of it, unless it is gone. `revisions` has
/// those of all families that are known, by family.
///
/// # Errors
///
/// When ECS has no call for the change, or the revision is unknown.
pub fn plan(
    wish: &Wish,
    live: Option<&Service>,
    revisions: &BTreeMap<String, Revision>,
    project: &str,
) -> Result<Plan, PlanError> {
    let name = wish.service.get("serviceName").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut wanted = mark(without_nulls(&wish.service), project);
    let needs = resolve(&mut wanted, wish.family.as_deref(), revisions, &name)?;
    // A deleted service is made anew, once it is gone.
    let Some(live) = live.filter(|live| live.status == "ACTIVE") else {
        if wanted.get("schedulingStrategy").is_none_or(|word| word == "REPLICA") {
            wanted.entry("desiredCount").or_insert_with(|| json!(1));
        } else {
            // ECS counts its daemons itself, and refuses a count.
            wanted.remove("desiredCount");
        }
        let (shown, _) = side_by_side(&wanted, &Map::new());
        return Ok(Plan { change: Change::Create(wanted), needs, wanted: shown, live: Map::new() });
    };
    // What belongs to nobody by name may be taken over.
    if let Some(owner) = live.tag(PROJECT_TAG).filter(|owner| ![project, DEFAULT_PROJECT].contains(owner)) {
        return Err(PlanError::OtherProject {
            service: name,
            owner: owner.to_owned(),
            project: project.to_owned(),
        });
    }
    let document = create_input(&Value::Object(live.document.clone())).unwrap_or_default();
    let (ours, theirs) = side_by_side(&wanted, &document);
    let changed: Vec<&str> =
        MEMBERS.into_iter().filter(|member| ours.get(*member) != theirs.get(*member)).collect();
    refuse(&name, &changed, &ours, &theirs)?;
    let mut input = Map::new();
    for member in changed.iter().filter(|member| !NOT_UPDATED.contains(member)) {
        let value = new_value(member, &wanted, &ours, &theirs);
        input.extend(value.map(|value| ((*member).to_owned(), value)));
    }
    if changed.contains(&"capacityProviderStrategy") {
        // UpdateService (API reference): the strategy changes only with a new deployment.
        input.insert("forceNewDeployment".to_owned(), json!(true));
    }
    if !input.is_empty() {
        input.insert("service".to_owned(), json!(name));
        // Nobody sees whether these are as they should be.
        for member in ["cluster"].iter().chain(&UNSEEN) {
            input.extend(wanted.get(*member).map(|value| ((*member).to_owned(), value.clone())));
        }
    }
    let (tag, untag) = tags(&wanted, &document);
    let change = if input.is_empty() && tag.is_empty() && untag.is_empty() {
        Change::None
    } else {
        Change::Update { input, tag, untag }
    };
    Ok(Plan { change, needs, wanted: ours, live: theirs })
}

/// Says no to what UpdateService cannot do.
fn refuse(
    service: &str,
    changed: &[&str],
    ours: &Map<String, Value>,
    theirs: &Map<String, Value>,
) -> Result<(), PlanError> {
    let has_strategy = |side: &Map<String, Value>| side.contains_key("capacityProviderStrategy");
    // Between a launch type and a strategy there is a way, in both directions (UpdateService, API reference).
    let may_change = |member: &str| member == "launchType" && has_strategy(ours) != has_strategy(theirs);
    if let Some(member) = FOR_LIFE.iter().find(|member| changed.contains(member) && !may_change(member)) {
        let shown =
            |side: &Map<String, Value>| side.get(*member).map_or("nothing".into(), ToString::to_string);
        return Err(PlanError::ForLife {
            service: service.to_owned(),
            member: (*member).to_owned(),
            live: shown(theirs),
            wanted: shown(ours),
        });
    }
    let controller = controller(ours);
    match DEPLOYED.iter().find(|member| changed.contains(member)) {
        Some(member) if controller != "ECS" => Err(PlanError::Controller {
            service: service.to_owned(),
            member: (*member).to_owned(),
            controller: controller.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Who makes the deployments.
fn controller(service: &Map<String, Value>) -> &str {
    service.get("deploymentController").and_then(|controller| controller["type"].as_str()).unwrap_or("ECS")
}

/// Puts the exact revision in, or the family's name where that is to be registered first. Gives that family.
fn resolve(
    wanted: &mut Map<String, Value>,
    own: Option<&str>,
    revisions: &BTreeMap<String, Revision>,
    service: &str,
) -> Result<Option<String>, PlanError> {
    let given = wanted.get("taskDefinition").and_then(Value::as_str).or(own).map(ToOwned::to_owned);
    let missing = |name: &str| PlanError::NoDefinition { service: service.to_owned(), name: name.to_owned() };
    let given = match given {
        Some(given) => given,
        // Its task sets have one each.
        None if controller(wanted) == "EXTERNAL" => return Ok(None),
        None => return Err(missing("(none)")),
    };
    if revision_name(&given).contains(':') {
        wanted.insert("taskDefinition".to_owned(), json!(given));
        return Ok(None);
    }
    let family = revision_name(&given).to_owned();
    match revisions.get(&family) {
        Some(Revision::Known(arn)) => {
            wanted.insert("taskDefinition".to_owned(), json!(arn));
            Ok(None)
        }
        Some(Revision::New(_)) => {
            wanted.insert("taskDefinition".to_owned(), json!(family));
            Ok(Some(family))
        }
        None => Err(missing(&family)),
    }
}

/// What UpdateService is sent for a member that differs; nothing, when it has no word for that.
fn new_value(
    member: &str,
    wanted: &Map<String, Value>,
    ours: &Map<String, Value>,
    theirs: &Map<String, Value>,
) -> Option<Value> {
    let given = wanted.get(member).cloned();
    match member {
        "deploymentConfiguration" => Some(deployment(given.unwrap_or_else(|| json!({})), ours, theirs)),
        "serviceConnectConfiguration" => Some(given.unwrap_or_else(|| json!({"enabled": false}))),
        // The default, where there is one; else nothing of it.
        _ => {
            let given = given.or_else(|| ours.get(member).cloned());
            given.or_else(|| LISTS.contains(&member).then(|| json!([])))
        }
    }
}

/// The input of UpdateService that takes another one back: the same members, as they were before. What UpdateService
/// cannot take away again is left.
pub(crate) fn undo(input: &Map<String, Value>, before: &Service) -> Map<String, Value> {
    let document = create_input(&Value::Object(before.document.clone())).unwrap_or_default();
    let mut after = document.clone();
    after.extend(input.clone());
    let (now, then) = (side_by_side(&after, &document).0, side_by_side(&document, &document).0);
    let mut back = Map::new();
    for (member, value) in input {
        let value = match member.as_str() {
            "service" | "cluster" | "forceNewDeployment" => Some(value.clone()),
            member if UNSEEN.contains(&member) => document.get(member).cloned(),
            // A service that never had a word for it goes without (UpdateService, API reference).
            "availabilityZoneRebalancing" => {
                Some(document.get(member).cloned().unwrap_or_else(|| json!("DISABLED")))
            }
            member => new_value(member, &document, &then, &now),
        };
        back.extend(value.map(|value| (member.clone(), value)));
    }
    back
}

/// A deployment configuration that leaves nothing to what was before.
fn deployment(mut given: Value, ours: &Map<String, Value>, theirs: &Map<String, Value>) -> Value {
    const HERE: &str = "deploymentConfiguration";
    let Value::Object(members) = &mut given else { return given };
    let always: &[&str] = match controller(ours) {
        "ECS" => &["minimumHealthyPercent", "maximumPercent", "deploymentCircuitBreaker"],
        // Others know no circuit breaker (DeploymentConfiguration, API reference).
        _ => &["minimumHealthyPercent", "maximumPercent"],
    };
    let (ours, theirs) =
        (ours.get(HERE).and_then(Value::as_object), theirs.get(HERE).and_then(Value::as_object));
    for (member, value) in ours.into_iter().flatten() {
        if always.contains(&member.as_str()) {
            members.insert(member.clone(), value.clone());
        } else if theirs.and_then(|theirs| theirs.get(member)) != Some(value) {
            members.entry(member.clone()).or_insert_with(|| value.clone());
        }
    }
    if theirs.is_some_and(|theirs| theirs.contains_key("lifecycleHooks")) {
        members.entry("lifecycleHooks").or_insert_with(|| json!([]));
    }
    if let Some(Value::Object(alarms)) = members.get_mut("alarms") {
        // All three are required (DeploymentAlarms, API reference).
        alarms.entry("alarmNames").or_insert_with(|| json!([]));
        for flag in ["enable", "rollback"] {
            alarms.entry(flag).or_insert_with(|| json!(false));
        }
    }
    given
}

/// The tags to set, and the keys to take off. AWS's own are nobody's affair.
fn tags(wanted: &Map<String, Value>, live: &Map<String, Value>) -> (Vec<Tag>, Vec<String>) {
    let read = |document: &Map<String, Value>| -> BTreeMap<String, String> {
        let tags = document.get("tags").and_then(Value::as_array);
        let pairs = tags.into_iter().flatten().filter_map(|tag| {
            Some((tag["key"].as_str()?.to_owned(), tag["value"].as_str().unwrap_or_default().to_owned()))
        });
        pairs.filter(|(key, _)| !key.starts_with("aws:")).collect()
    };
    let (wanted, live) = (read(wanted), read(live));
    let keys: BTreeSet<&String> = wanted.keys().collect();
    let set = wanted.iter().filter(|(key, value)| live.get(*key) != Some(value));
    let set = set.map(|(key, value)| Tag { key: key.clone(), value: Some(value.clone()) }).collect();
    let unset =
        live.keys().filter(|key| !keys.contains(key) && !key.starts_with(OUR_TAGS)).cloned().collect();
    (set, unset)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
