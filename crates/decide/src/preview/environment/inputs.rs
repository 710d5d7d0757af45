//! The inputs of RegisterTaskDefinition and CreateService: the policy's task definition, varied, and a service for it.

use std::collections::BTreeMap;

use longshore_model::network::LaunchType;
use longshore_model::preview::{Environment, Network, Policy, Revision, ServicePolicy};
use longshore_model::seen::Service;
use serde_json::{Map, Value, json};

use super::failure::Fault;
use super::tokens::{Part, tags_of_service};
use super::{place, route_elb, template};
use crate::service::OUR_TAGS;
use crate::task_definition::register_input;

/// Stands for the URL of an environment whose port is not known yet. No template can make it: it would be refused.
pub(super) const URL_TO_COME: &str = "{{ longshore url }}";
/// The variable that it stands in.
pub(super) const URL_VARIABLE: &str = "LONGSHORE_URL";

/// The variable with the branch.
pub(crate) const BRANCH_VARIABLE: &str = "LONGSHORE_BRANCH";
/// The variable with the commit.
pub(crate) const SHA_VARIABLE: &str = "LONGSHORE_SHA";

/// ECS's limit on tags of one resource.
const TAGS_LIMIT: usize = 50;

/// The policy's task definition, as RegisterTaskDefinition takes it.
pub(super) fn base(
    seen: &BTreeMap<String, Option<Value>>,
    part: &Part<'_>,
) -> Result<Map<String, Value>, Fault> {
    let name = &part.policy.task_definition;
    let found = seen.get(name).and_then(Option::as_ref).and_then(register_input);
    found.ok_or_else(|| {
        Fault::from(format!(
            "there is no task definition `{name}`, which service `{}` of longshore.toml varies: register it, or name \
             another one",
            part.policy.name
        ))
    })
}

/// The varied task definition of a revision.
pub(super) fn register(
    record: &Environment,
    part: &Part<'_>,
    base: &Map<String, Value>,
    revision: &Revision,
) -> Result<Map<String, Value>, Fault> {
    let mut input = base.clone();
    let label = &record.names.label;
    let service = part.policy;
    let of = |what: &str, why: String| {
        Fault::from(format!("{what} of service `{}` in longshore.toml: {why}", service.name))
    };
    input.insert("family".to_owned(), json!(part.name));
    input.insert("tags".to_owned(), tags(record, base, service));
    for (member, size) in [("cpu", service.cpu), ("memory", service.memory)] {
        if let Some(size) = size {
            input.insert(member.to_owned(), json!(size.to_string()));
        }
    }
    let dynamic = network_mode(base) == "bridge";
    let index = container(base, service)?;
    let containers = input.get_mut("containerDefinitions").and_then(Value::as_array_mut);
    for (place, container) in containers.into_iter().flatten().enumerate() {
        if place == index {
            if let Some(image) = &service.image {
                container["image"] =
                    json!(template::image(image, revision, label).map_err(|why| of("`image`", why))?);
            }
            let mut variables = Vec::new();
            for (name, value) in &service.environment {
                let value = template::text(value, revision, label);
                variables.push((name.clone(), value.map_err(|why| of(&format!("variable `{name}`"), why))?));
            }
            variables.extend(own_variables(record, revision));
            set_variables(container, variables);
            offer_port(container, service.port);
        }
        if dynamic {
            // Many environments share an instance, and an old and a new task do while one follows the other.
            let mappings = container.get_mut("portMappings").and_then(Value::as_array_mut);
            mappings.into_iter().flatten().for_each(|mapping| mapping["hostPort"] = json!(0));
        }
    }
    Ok(input)
}

fn own_variables(record: &Environment, revision: &Revision) -> Vec<(String, String)> {
    let url = place::url(record, None).unwrap_or_else(|| URL_TO_COME.to_owned());
    let own = [
        ("LONGSHORE_ENVIRONMENT", record.names.id.clone()),
        (BRANCH_VARIABLE, revision.branch.clone()),
        (SHA_VARIABLE, revision.sha.clone()),
        (URL_VARIABLE, url),
    ];
    own.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Sets environment variables. A secret of the same name goes: ECS refuses a name that is both.
fn set_variables(container: &mut Value, variables: Vec<(String, String)>) {
    for (name, value) in variables {
        for member in ["environment", "secrets"] {
            if let Some(items) = container.get_mut(member).and_then(Value::as_array_mut) {
                items.retain(|item| item["name"] != name.as_str());
            }
        }
        let variable = json!({"name": name, "value": value});
        match container.get_mut("environment").and_then(Value::as_array_mut) {
            Some(items) => items.push(variable),
            None => container["environment"] = json!([variable]),
        }
    }
}

/// The port that answers requests is mapped, also where the base left it out.
fn offer_port(container: &mut Value, port: u16) {
    let mapping = json!({"containerPort": port, "protocol": "tcp"});
    match container.get_mut("portMappings").and_then(Value::as_array_mut) {
        Some(mappings) => {
            if !mappings.iter().any(|mapping| mapping["containerPort"] == port) {
                mappings.push(mapping);
            }
        }
        None => container["portMappings"] = json!([mapping]),
    }
}

/// Which container gets image, environment and requests, by its place.
fn container(base: &Map<String, Value>, service: &ServicePolicy) -> Result<usize, Fault> {
    let containers = base.get("containerDefinitions").and_then(Value::as_array);
    let mut containers = containers.into_iter().flatten();
    let found = match &service.container {
        Some(name) => containers.position(|container| container["name"] == name.as_str()),
        None => containers.position(|container| container["essential"] != false),
    };
    found.ok_or_else(|| {
        let name = service.container.as_deref().unwrap_or("(the first essential one)");
        Fault::from(format!(
            "task definition `{}` has no container `{name}`, which service `{}` of longshore.toml names",
            service.task_definition, service.name
        ))
    })
}

/// The base's tags without those that say whose it is, and ours.
fn tags(record: &Environment, base: &Map<String, Value>, service: &ServicePolicy) -> Value {
    let own = tags_of_service(record, &service.name);
    let others = base.get("tags").and_then(Value::as_array).into_iter().flatten();
    let others = others.filter(|tag| !tag["key"].as_str().unwrap_or_default().starts_with(OUR_TAGS));
    let mut tags: Vec<Value> = others.take(TAGS_LIMIT - own.len()).cloned().collect();
    tags.extend(own.into_iter().map(|tag| json!({"key": tag.key, "value": tag.value})));
    Value::Array(tags)
}

/// The network mode of a task definition; absent means `bridge`.
pub(super) fn network_mode(base: &Map<String, Value>) -> &str {
    base.get("networkMode").and_then(Value::as_str).unwrap_or("bridge")
}

/// The input of CreateService, but for the revision and the target group, which an action before it may make.
pub(super) fn create(
    record: &Environment,
    policy: &Policy,
    part: &Part<'_>,
    base: &Map<String, Value>,
    like: Option<&Service>,
) -> Result<Map<String, Value>, Fault> {
    let service = part.policy;
    let mut input = placement(service, base, like)?;
    let mut set = |member: &str, value: Value| input.insert(member.to_owned(), value);
    set("cluster", json!(place::cluster(record, Some(policy))));
    set("serviceName", json!(part.name));
    set("desiredCount", json!(service.count));
    set("deploymentConfiguration", rolling());
    set("propagateTags", json!("SERVICE"));
    let own = tags_of_service(record, &service.name).into_iter();
    set("tags", own.map(|tag| json!({"key": tag.key, "value": tag.value})).collect());
    if route_elb::is_used(record, policy) {
        let index = container(base, service)?;
        let name = base["containerDefinitions"][index]["name"].clone();
        set("loadBalancers", json!([{"containerName": name, "containerPort": service.port}]));
        // ECS refuses it without a load balancer.
        set("healthCheckGracePeriodSeconds", json!(service.health.grace_s));
    }
    Ok(input)
}

/// The new tasks come first, and the old ones go when they run; what fails is given up.
pub(super) fn rolling() -> Value {
    json!({"minimumHealthyPercent": 100, "maximumPercent": 200,
        "deploymentCircuitBreaker": {"enable": true, "rollback": false}})
}

pub(super) fn network(network: &Network) -> Value {
    let public = if network.public_ip { "ENABLED" } else { "DISABLED" };
    let mut configuration = json!({"subnets": network.subnets, "assignPublicIp": public});
    if !network.security_groups.is_empty() {
        configuration["securityGroups"] = json!(network.security_groups);
    }
    json!({"awsvpcConfiguration": configuration})
}

/// Where tasks run: what the policy says, and else what the service says that it names as `like`.
fn placement(
    service: &ServicePolicy,
    base: &Map<String, Value>,
    like: Option<&Service>,
) -> Result<Map<String, Value>, Fault> {
    let mut input = Map::new();
    let mut set = |member: &str, value: Value| drop(input.insert(member.to_owned(), value));
    let document = |member: &str| like.and_then(|like| like.document.get(member)).cloned();
    let launch_type = service.launch_type.or(like.and_then(|like| like.launch_type));
    if service.launch_type.is_none() && !service.capacity_providers.is_empty() {
        set("capacityProviderStrategy", json!(service.capacity_providers));
    } else if service.launch_type.is_none()
        && let Some(like) = like.filter(|like| !like.capacity_provider_strategy.is_empty())
    {
        set("capacityProviderStrategy", json!(like.capacity_provider_strategy));
    } else if let Some(launch_type) = launch_type {
        set("launchType", json!(launch_type));
    }
    if launch_type != Some(LaunchType::Fargate) {
        for member in ["placementConstraints", "placementStrategy"] {
            if let Some(rules) =
                document(member).filter(|rules| rules.as_array().is_some_and(|rules| !rules.is_empty()))
            {
                set(member, rules);
            }
        }
    }
    let is_awsvpc = network_mode(base) == "awsvpc";
    match (&service.network, document("networkConfiguration")) {
        (Some(own), _) if is_awsvpc => set("networkConfiguration", network(own)),
        (None, Some(theirs)) if is_awsvpc => set("networkConfiguration", theirs),
        (None, None) if is_awsvpc => {
            return Err(Fault::from(format!(
                "task definition `{}` has network mode awsvpc, which needs subnets: give service `{}` of longshore.toml \
                 a `network`, or name a service as `like`",
                service.task_definition, service.name
            )));
        }
        (Some(_), _) => {
            return Err(Fault::from(format!(
                "service `{}` of longshore.toml has a `network`, but network mode {} of task definition `{}` takes none",
                service.name,
                network_mode(base),
                service.task_definition
            )));
        }
        (None, _) => {}
    }
    Ok(input)
}

/// The members of CreateService, and of a service, that a task takes, too.
pub(crate) fn placement_of(input: &Map<String, Value>) -> Map<String, Value> {
    const MEMBERS: [&str; 5] = [
        "capacityProviderStrategy",
        "launchType",
        "networkConfiguration",
        "placementConstraints",
        "placementStrategy",
    ];
    let members = MEMBERS.iter().filter_map(|member| input.get_key_value(*member));
    members.map(|(member, value)| (member.clone(), value.clone())).collect()
}

#[cfg(test)]
#[path = "inputs_tests.rs"]
mod tests;
