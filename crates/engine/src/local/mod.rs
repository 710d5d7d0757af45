//! What `longshore up` finds on a new state: the cluster `default` with two instances made of this machine.

mod balancer;

pub use self::balancer::{LoadBalancer, Made};

use std::sync::Arc;

use longshore_ecs::cluster::CreateCluster;
use longshore_ecs::instance::{ListContainerInstances, RegisterContainerInstance};
use longshore_ecs::{Answer, Caller, Request};
use longshore_model::instance::{Resource, VersionInfo};
use longshore_model::placement::Attribute;
use serde_json::json;

use crate::beside::queues::{Client, EVENTS_QUEUE};
use crate::clock::now;
use crate::engine::Engine;
use crate::keys::random_bytes;
use crate::refusal::Refusal;

/// How many instances the machine is divided into, so that placement can be seen at work.
const INSTANCES: i32 = 2;
/// Ports that an instance keeps for itself, as the ECS agent registers them: ssh, Docker, the agent.
const OWN_PORTS: [&str; 5] = ["22", "2375", "2376", "51678", "51679"];

/// The machine that the instances are made of.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Processors.
    pub cpus: i32,
    /// Memory in MiB.
    pub memory_mib: i32,
    /// The agent's version that the instances register with: this program's.
    pub version: String,
}

impl Engine {
    /// Makes the cluster `default` with its instances in a region, unless they are there.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub async fn make_default_cluster(
        self: &Arc<Self>,
        region: &str,
        machine: &Machine,
    ) -> Result<(), Refusal> {
        let world = self.own_world(region);
        let caller = Caller { arn: format!("arn:aws:iam::{}:user/longshore", self.account) };
        let providers = ["FARGATE", "FARGATE_SPOT"].map(str::to_owned).to_vec();
        let cluster = CreateCluster { capacity_providers: providers, ..CreateCluster::default() };
        world.call(Request::CreateCluster(cluster), caller.clone(), 0).await?;
        let list = Request::ListContainerInstances(ListContainerInstances::default());
        let Answer::ListContainerInstances(found) = world.call(list, caller.clone(), 0).await? else {
            return Ok(());
        };
        if !found.container_instance_arns.is_empty() {
            return Ok(());
        }
        for zone in ["a", "b"] {
            let request = Request::RegisterContainerInstance(instance(region, zone, machine));
            world.call(request, caller.clone(), 0).await?;
        }
        Ok(())
    }

    /// Makes the queue of the engine's own events in a region, unless it is there.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub async fn make_events_queue(self: &Arc<Self>, region: &str) -> Result<(), Refusal> {
        let world = self.own_world(region);
        let client = Client { host: "localhost", user_id: &self.account };
        world.queues.call("CreateQueue", json!({"QueueName": EVENTS_QUEUE}), client, now()).await?;
        self.hear(&world);
        Ok(())
    }
}

fn instance(region: &str, zone: &str, machine: &Machine) -> RegisterContainerInstance {
    let id = format!("i-0{}", &hex::encode(random_bytes::<8>().unwrap_or_default()));
    let attribute = |name: &str, value: &str| Attribute {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        target_type: None,
        target_id: None,
    };
    let architecture = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "x86_64" };
    let ports = OWN_PORTS.map(str::to_owned).to_vec();
    RegisterContainerInstance {
        instance_identity_document: Some(json!({ "instanceId": id, "region": region }).to_string()),
        total_resources: vec![
            Resource::integer("CPU", machine.cpus.saturating_mul(1024) / INSTANCES),
            Resource::integer("MEMORY", machine.memory_mib / INSTANCES),
            Resource::set("PORTS", ports),
            Resource::set("PORTS_UDP", Vec::new()),
        ],
        version_info: Some(VersionInfo {
            agent_version: Some(machine.version.clone()),
            agent_hash: None,
            docker_version: None,
        }),
        attributes: vec![
            attribute("ecs.availability-zone", &format!("{region}{zone}")),
            attribute("ecs.cpu-architecture", architecture),
            attribute("ecs.instance-type", "longshore.local"),
            attribute("ecs.os-family", "LINUX"),
            attribute("ecs.os-type", "linux"),
        ],
        ..RegisterContainerInstance::default()
    }
}
