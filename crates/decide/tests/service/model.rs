//! ECS as far as a service's documents go: what CreateService and UpdateService take, and what DescribeServices then
//! shows, with the defaults of the API reference filled in and the order of sets changed.

use longshore_model::seen::Service;
use longshore_model::tag::Tag;
use serde_json::{Map, Value, json};

type Is = fn(&Value) -> bool;

/// What UpdateService takes, and of which type.
const UPDATE: [(&str, Is); 23] = [
    ("cluster", Value::is_string),
    ("service", Value::is_string),
    ("desiredCount", Value::is_i64),
    ("taskDefinition", Value::is_string),
    ("capacityProviderStrategy", Value::is_array),
    ("deploymentConfiguration", Value::is_object),
    ("availabilityZoneRebalancing", Value::is_string),
    ("networkConfiguration", Value::is_object),
    ("placementConstraints", Value::is_array),
    ("placementStrategy", Value::is_array),
    ("platformVersion", Value::is_string),
    ("forceNewDeployment", Value::is_boolean),
    ("healthCheckGracePeriodSeconds", Value::is_i64),
    ("deploymentController", Value::is_object),
    ("enableExecuteCommand", Value::is_boolean),
    ("enableECSManagedTags", Value::is_boolean),
    ("loadBalancers", Value::is_array),
    ("propagateTags", Value::is_string),
    ("serviceRegistries", Value::is_array),
    ("serviceConnectConfiguration", Value::is_object),
    ("volumeConfigurations", Value::is_array),
    ("vpcLatticeConfigurations", Value::is_array),
    ("monitoring", Value::is_object),
];

/// Those that begin a new deployment.
const DEPLOYING: [&str; 8] = [
    "taskDefinition",
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
];

/// Shown with the deployments alone, or not at all.
const OF_DEPLOYMENT: [&str; 3] =
    ["serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"];

const ACCOUNT: &str = "arn:aws:ecs:eu-west-1:123456789012";

/// A service, as it was asked for last.
#[derive(Debug, Clone)]
pub(crate) struct Ecs {
    members: Map<String, Value>,
    /// The launch type that it has without a strategy.
    launch_type: Value,
    deployment: u64,
    /// Whether UpdateService keeps what a given deployment configuration does not speak of. The reference does not say.
    merges: bool,
}

impl Ecs {
    /// CreateService. `default` is the cluster's default strategy.
    pub(crate) fn create(input: &Map<String, Value>, default: &Value, merges: bool) -> Self {
        let mut members = input.clone();
        let has_strategy = list(&members, "capacityProviderStrategy").next().is_some();
        if !has_strategy && !members.contains_key("launchType") && default.is_array() {
            members.insert("capacityProviderStrategy".into(), default.clone());
        }
        let launch_type = members.remove("launchType").unwrap_or_else(|| json!("EC2"));
        members.entry("availabilityZoneRebalancing").or_insert_with(|| json!("ENABLED"));
        Self { members, launch_type, deployment: 1, merges }
    }

    /// UpdateService. Whatever it does not take is a failed test.
    pub(crate) fn update(&mut self, input: &Map<String, Value>) {
        for (member, value) in input {
            let known = UPDATE.iter().find(|(name, _)| name == member);
            let (_, is_right) = known.unwrap_or_else(|| panic!("UpdateService takes no {member}"));
            assert!(is_right(value), "{member} is {value}");
            assert_eq!(*value, without_nulls(value), "{member} has nulls inside");
        }
        if self.controller() != "ECS" {
            let refused = input.keys().find(|member| DEPLOYING.contains(&member.as_str()));
            assert_eq!(refused, None, "with another controller");
        }
        for (member, value) in input {
            match (member.as_str(), value) {
                ("cluster" | "service" | "forceNewDeployment", _) => {}
                ("deploymentConfiguration", Value::Object(given)) if self.merges => {
                    let here = self.members.entry(member.clone()).or_insert_with(|| json!({}));
                    here.as_object_mut().unwrap().extend(given.clone());
                }
                _ => drop(self.members.insert(member.clone(), value.clone())),
            }
        }
        if input.contains_key("forceNewDeployment") || DEPLOYING.iter().any(|it| input.contains_key(*it)) {
            self.deployment += 1;
        }
    }

    /// TagResource and UntagResource.
    pub(crate) fn tag(&mut self, set: &[Tag], unset: &[String]) {
        let mut tags: Vec<Value> = list(&self.members, "tags").cloned().collect();
        let is_named = |tag: &Value, key: &String| tag["key"] == **key;
        tags.retain(|tag| !unset.iter().chain(set.iter().map(|new| &new.key)).any(|key| is_named(tag, key)));
        tags.extend(set.iter().map(|new| json!({"key": new.key, "value": new.value})));
        self.members.insert("tags".into(), json!(tags));
    }

    fn controller(&self) -> &str {
        self.members.get("deploymentController").map_or("ECS", |it| it["type"].as_str().unwrap())
    }

    /// DescribeServices, once all is done.
    pub(crate) fn describe(&self) -> Service {
        let mut shown = self.members.clone();
        shown.retain(|member, value| {
            !["cluster", "clientToken", "role", "monitoring", "enableLogging"].contains(&member.as_str())
                && !value.is_null()
        });
        for member in ["loadBalancers", "serviceRegistries", "placementConstraints", "placementStrategy"] {
            shown.entry(member).or_insert_with(|| json!([]));
        }
        let mut default = |member: &str, value: Value| {
            shown.entry(member).or_insert(value);
        };
        default("schedulingStrategy", json!("REPLICA"));
        default("deploymentController", json!({"type": "ECS"}));
        default("enableECSManagedTags", json!(false));
        default("enableExecuteCommand", json!(false));
        default("propagateTags", json!("NONE"));
        default("serviceArn", json!(format!("{ACCOUNT}:service/c/web")));
        default("status", json!("ACTIVE"));
        default("createdAt", json!(1.5));
        default("createdBy", json!("arn:aws:iam::123456789012:role/somebody"));
        if shown["schedulingStrategy"] == "DAEMON" {
            shown.insert("desiredCount".into(), json!(3));
        }
        if list(&shown, "loadBalancers").next().is_some() {
            shown.entry("healthCheckGracePeriodSeconds").or_insert_with(|| json!(0));
        }
        if let Some(name) = self.members.get("role").and_then(Value::as_str) {
            let arn =
                if name.contains(':') { name.to_owned() } else { format!("arn:aws:iam::1:role/{name}") };
            shown.insert("roleArn".into(), json!(arn));
        }
        let name = shown["taskDefinition"].as_str().unwrap();
        let name = name.rsplit('/').next().unwrap().to_owned();
        shown.insert("taskDefinition".into(), json!(format!("{ACCOUNT}:task-definition/{name}")));
        self.show_capacity(&mut shown);
        show_rules(&mut shown);
        show_details(&mut shown);
        let count = shown["desiredCount"].clone();
        shown.insert("runningCount".into(), count.clone());
        let mut deployment = json!({"id": format!("ecs-svc/{}", self.deployment), "status": "PRIMARY",
            "taskDefinition": shown["taskDefinition"], "desiredCount": count, "runningCount": count,
            "rolloutState": "COMPLETED", "networkConfiguration": shown.get("networkConfiguration")});
        for member in OF_DEPLOYMENT {
            deployment[member] = shown.remove(member).unwrap_or(Value::Null);
        }
        let deployments = if self.controller() == "ECS" { json!([deployment]) } else { json!([]) };
        shown.insert("deployments".into(), deployments);
        if let Some(Value::Array(tags)) = shown.get_mut("tags") {
            tags.push(json!({"key": "aws:cloudformation:stack-name", "value": "x"}));
        }
        let mut shown = without_nulls(&Value::Object(shown));
        reverse_sets(&mut shown);
        Service::read(shown).unwrap()
    }

    fn show_capacity(&self, shown: &mut Map<String, Value>) {
        let strategy: Vec<Value> = list(shown, "capacityProviderStrategy").cloned().collect();
        let single = strategy.len() == 1;
        let providers = strategy.iter().map(|item| {
            let weight = item.get("weight").cloned().unwrap_or_else(|| json!(i32::from(single)));
            json!({"capacityProvider": item["capacityProvider"], "weight": weight,
                "base": item.get("base").cloned().unwrap_or_else(|| json!(0))})
        });
        let providers: Vec<Value> = providers.collect();
        let is_fargate = |item: &Value| item["capacityProvider"].as_str().unwrap().starts_with("FARGATE");
        let on_fargate = match &providers[..] {
            [] => self.launch_type == "FARGATE",
            some => some.iter().all(is_fargate),
        };
        if providers.is_empty() {
            shown.remove("capacityProviderStrategy");
            shown.insert("launchType".into(), self.launch_type.clone());
        } else {
            shown.insert("capacityProviderStrategy".into(), json!(providers));
        }
        if on_fargate {
            shown.entry("platformVersion").or_insert_with(|| json!("LATEST"));
            shown.insert("platformFamily".into(), json!("Linux"));
        } else {
            shown.remove("platformVersion");
        }
    }
}

/// The deployment configuration, as it is shown.
fn show_rules(shown: &mut Map<String, Value>) {
    let is_daemon = shown["schedulingStrategy"] == "DAEMON";
    let is_ecs = shown["deploymentController"]["type"] == "ECS";
    let rules = shown.entry("deploymentConfiguration").or_insert_with(|| json!({})).as_object_mut().unwrap();
    let mut default = |member: &str, value: Value| {
        rules.entry(member).or_insert(value);
    };
    default("maximumPercent", json!(if is_daemon { 100 } else { 200 }));
    default("minimumHealthyPercent", json!(if is_daemon { 0 } else { 100 }));
    if is_ecs {
        default("strategy", json!("ROLLING"));
        default("bakeTimeInMinutes", json!(0));
        default("deploymentCircuitBreaker", json!({"enable": false, "rollback": false}));
        let breaker = rules["deploymentCircuitBreaker"].as_object_mut().unwrap();
        breaker.entry("resetOnHealthyTask").or_insert_with(|| json!(true));
        breaker.entry("thresholdConfiguration").or_insert_with(|| json!({"type": "PERCENT", "value": 50}));
        if rules["strategy"] != "CANARY" {
            rules.remove("canaryConfiguration");
        }
    }
}

/// What is filled in, inside other members.
fn show_details(shown: &mut Map<String, Value>) {
    if let Some(vpc) = shown.get_mut("networkConfiguration").and_then(|it| it.get_mut("awsvpcConfiguration"))
    {
        let vpc = vpc.as_object_mut().unwrap();
        vpc.entry("securityGroups").or_insert_with(|| json!(["sg-default"]));
        vpc.entry("assignPublicIp").or_insert_with(|| json!("DISABLED"));
    }
    for item in shown.get_mut("placementStrategy").and_then(Value::as_array_mut).into_iter().flatten() {
        item["field"] = match item["field"].as_str().unwrap() {
            "host" => json!("instanceId"),
            "MEMORY" => json!("memory"),
            other => json!(other),
        };
    }
    if let Some(connect) = shown.get_mut("serviceConnectConfiguration").filter(|it| it["enabled"] == true) {
        let namespace = json!("arn:aws:servicediscovery:eu-west-1:123456789012:namespace/ns-1");
        connect.as_object_mut().unwrap().entry("namespace").or_insert(namespace);
    }
    for volume in shown.get_mut("volumeConfigurations").and_then(Value::as_array_mut).into_iter().flatten() {
        let volume = volume["managedEBSVolume"].as_object_mut().unwrap();
        volume.entry("volumeType").or_insert_with(|| json!("gp3"));
    }
    let tags = shown.get_mut("tags").and_then(Value::as_array_mut).into_iter().flatten();
    for tag in tags.filter_map(Value::as_object_mut) {
        tag.entry("value").or_insert_with(|| json!(""));
    }
}

/// Sets have no order.
fn reverse_sets(shown: &mut Value) {
    let sets = [
        "/loadBalancers",
        "/serviceRegistries",
        "/placementConstraints",
        "/capacityProviderStrategy",
        "/tags",
        "/networkConfiguration/awsvpcConfiguration/subnets",
        "/networkConfiguration/awsvpcConfiguration/securityGroups",
        "/deploymentConfiguration/alarms/alarmNames",
    ];
    for place in sets {
        if let Some(Value::Array(items)) = shown.pointer_mut(place) {
            items.reverse();
        }
    }
}

fn list<'a>(members: &'a Map<String, Value>, member: &str) -> impl Iterator<Item = &'a Value> {
    members.get(member).and_then(Value::as_array).into_iter().flatten()
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let said = members.iter().filter(|(_, value)| !value.is_null());
            Value::Object(said.map(|(member, value)| (member.clone(), without_nulls(value))).collect())
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}
