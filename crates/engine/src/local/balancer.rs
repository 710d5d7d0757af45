//! A load balancer of this machine, made as a user would make it: through its API, and only once.

use std::sync::Arc;
use std::time::Duration;

use longshore_ecs::balancing::{Request, network};
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::refusal::Refusal;
use crate::world::World;

/// How long a new listener may take to listen.
const LISTENS_WITHIN: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);

/// A load balancer that is wanted.
#[derive(Debug, Clone)]
pub struct LoadBalancer {
    /// Its name, and the beginning of its target groups' names.
    pub name: String,
    /// The port of its one listener.
    pub port: u16,
    /// Its target groups, with the path pattern of the requests that each gets. The first gets all others.
    pub groups: Vec<(String, Option<String>)>,
    /// Where the targets are asked how they are.
    pub health_path: String,
}

/// The load balancer that there is.
#[derive(Debug, Clone)]
pub struct Made {
    /// Where it listens, such as `http://127.12.7.3:8080`; absent when it could not open its port.
    pub url: Option<String>,
    /// The ARNs of its target groups, in their order.
    pub groups: Vec<String>,
}

impl Engine {
    /// Makes a load balancer in a region with its listener, target groups and rules, unless they are there.
    ///
    /// # Errors
    /// When ELB refuses it, or the state cannot be written.
    pub async fn make_load_balancer(
        self: &Arc<Self>,
        region: &str,
        wanted: &LoadBalancer,
    ) -> Result<Made, Refusal> {
        let world = self.own_world(region);
        let vpc = network::network(&world.scope);
        let subnets: Vec<&str> = vpc.subnets.iter().map(|subnet| subnet.id.as_str()).collect();
        let input = json!({"Name": wanted.name, "Subnets": subnets, "SecurityGroups": [vpc.security_group]});
        let balancer = call(&world, "CreateLoadBalancer", input).await?;
        let balancer = text(&balancer["LoadBalancers"][0]["LoadBalancerArn"]);
        let mut groups = Vec::new();
        for (name, _) in &wanted.groups {
            // Local tasks are up and gone within seconds; so is the news of it.
            let name = format!("{}-{name}", wanted.name);
            // One whose settings somebody has changed stays as it is.
            if let Ok(known) = call(&world, "DescribeTargetGroups", json!({"Names": [name]})).await {
                groups.push(text(&known["TargetGroups"][0]["TargetGroupArn"]));
                continue;
            }
            let input = json!({"Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": vpc.vpc,
                "TargetType": "instance", "HealthCheckPath": wanted.health_path, "HealthCheckIntervalSeconds": 5,
                "HealthCheckTimeoutSeconds": 2, "HealthyThresholdCount": 2});
            let group = call(&world, "CreateTargetGroup", input).await?;
            groups.push(text(&group["TargetGroups"][0]["TargetGroupArn"]));
        }
        let listeners = call(&world, "DescribeListeners", json!({"LoadBalancerArn": balancer})).await?;
        let listener = match listeners["Listeners"][0]["ListenerArn"].as_str() {
            Some(known) => known.to_owned(),
            None => make_listener(&world, wanted, &balancer, &groups).await?,
        };
        make_rules(&world, wanted, &listener, &groups).await?;
        Ok(Made { url: url(&world, &listener).await, groups })
    }
}

async fn make_listener(
    world: &World,
    wanted: &LoadBalancer,
    balancer: &str,
    groups: &[String],
) -> Result<String, Refusal> {
    let first = groups.first().map(|group| forward(group));
    let input = json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": wanted.port, "DefaultActions": first});
    let listener = call(world, "CreateListener", input).await?;
    Ok(text(&listener["Listeners"][0]["ListenerArn"]))
}

/// Makes the rules that are missing.
async fn make_rules(
    world: &World,
    wanted: &LoadBalancer,
    listener: &str,
    groups: &[String],
) -> Result<(), Refusal> {
    let known = call(world, "DescribeRules", json!({"ListenerArn": listener})).await?;
    let known = known["Rules"].as_array().cloned().unwrap_or_default();
    for (position, ((_, path), group)) in wanted.groups.iter().zip(groups).enumerate() {
        let priority = position + 1;
        let shown = priority.to_string();
        let Some(path) = path else { continue };
        if known.iter().any(|rule| rule["Priority"].as_str() == Some(&shown)) {
            continue;
        }
        let conditions = json!([{"Field": "path-pattern", "PathPatternConfig": {"Values": [path]}}]);
        let input = json!({"ListenerArn": listener, "Priority": priority, "Conditions": conditions,
            "Actions": forward(group)});
        call(world, "CreateRule", input).await?;
    }
    Ok(())
}

fn forward(group: &str) -> Value {
    json!([{"Type": "forward", "TargetGroupArn": group}])
}

/// Where a listener listens, once it does.
async fn url(world: &World, listener: &str) -> Option<String> {
    let tag = || async {
        let tags = call(world, "DescribeTags", json!({"ResourceArns": [listener]})).await.ok()?;
        let tags = tags["TagDescriptions"][0]["Tags"].as_array()?.clone();
        tags.iter().find(|tag| tag["Key"] == crate::balance::URL_TAG)?["Value"]
            .as_str()
            .map(ToOwned::to_owned)
    };
    let found = async {
        loop {
            match tag().await {
                Some(url) => return url,
                None => tokio::time::sleep(LOOK).await,
            }
        }
    };
    tokio::time::timeout(LISTENS_WITHIN, found).await.ok()
}

async fn call(world: &World, operation: &str, input: Value) -> Result<Value, Refusal> {
    let request = match Request::read(operation, input) {
        Some(Ok(request)) => request,
        Some(Err(error)) => return Err(Refusal::new("ValidationError", error.to_string())),
        None => return Err(Refusal::new("InvalidAction", operation)),
    };
    let answer = world.balance(request).await?;
    serde_json::to_value(answer).map_err(|error| Refusal::new("InternalFailure", error.to_string()))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
