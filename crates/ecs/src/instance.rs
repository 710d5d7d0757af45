//! Container instances: registered, described, listed, drained, deregistered; and what they have left.

mod capabilities;

use std::collections::{BTreeMap, BTreeSet};

use longshore_model::Timestamp;
use longshore_model::arn::last_part;
use longshore_model::instance::{ContainerInstance, InstanceStatus, Resource, VersionInfo};
use longshore_model::placement::Attribute;
use longshore_model::tag::Tag;
use longshore_model::task::{LastStatus, StopCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::{Failure, request};
use crate::cloud::{Cloud, Effect, Key};
use crate::fault::Fault;
use crate::page::{PageRequest, page};
use crate::placement::{Ask, Slot, filter};
use crate::register::check_tags;
use crate::task::is_over;

/// What is written down of an instance; what it has left is in its cluster's slots.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) cluster: String,
    pub(crate) ec2_instance_id: Option<String>,
    pub(crate) version: i64,
    pub(crate) version_info: VersionInfo,
    pub(crate) registered: Vec<Resource>,
    pub(crate) status: InstanceStatus,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) registered_at: Timestamp,
    pub(crate) tags: Vec<Tag>,
    /// Tasks in RUNNING and before it; counted, not stored.
    #[serde(skip)]
    pub(crate) running: i32,
    #[serde(skip)]
    pub(crate) pending: i32,
}

impl Instance {
    pub(crate) fn is_registered(&self) -> bool {
        matches!(self.status, InstanceStatus::Active | InstanceStatus::Draining)
    }
}

request! {
    /// RegisterContainerInstance.
    RegisterContainerInstance {
        cluster: Option<String>,
        instance_identity_document: Option<String>,
        total_resources: Vec<Resource>,
        version_info: Option<VersionInfo>,
        container_instance_arn: Option<String>,
        attributes: Vec<Attribute>,
        tags: Vec<Tag>,
    }
}
request! {
    /// DeregisterContainerInstance.
    DeregisterContainerInstance { cluster: Option<String>, container_instance: String, force: bool }
}
request! {
    /// DescribeContainerInstances.
    DescribeContainerInstances {
        cluster: Option<String>,
        container_instances: Vec<String>,
        include: Vec<String>,
    }
}
request! {
    /// ListContainerInstances.
    ListContainerInstances {
        cluster: Option<String>,
        filter: Option<String>,
        next_token: Option<String>,
        max_results: Option<i32>,
        status: Option<InstanceStatus>,
    }
}
request! {
    /// UpdateContainerInstancesState.
    UpdateContainerInstancesState {
        cluster: Option<String>,
        container_instances: Vec<String>,
        status: Option<InstanceStatus>,
    }
}

/// The answer with one instance.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OneInstance {
    /// The instance.
    pub container_instance: Box<ContainerInstance>,
}

/// The answer with several instances.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Instances {
    /// Those that were found.
    pub container_instances: Vec<ContainerInstance>,
    /// Those that were not.
    pub failures: Vec<Failure>,
}

/// The answer of ListContainerInstances.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceArns {
    /// One page.
    pub container_instance_arns: Vec<String>,
    /// Where the next one begins.
    pub next_token: Option<String>,
}

impl Cloud {
    /// The id of a registered or former instance of the cluster, by id or ARN.
    pub(crate) fn instance_in(&self, cluster: &str, given: &str) -> Option<&Instance> {
        self.instances.get(last_part(given)).filter(|instance| instance.cluster == cluster)
    }

    pub(crate) fn register_container_instance(
        &mut self,
        request: RegisterContainerInstance,
        now: Timestamp,
    ) -> Result<OneInstance, Fault> {
        let cluster = self.active_cluster(request.cluster.as_deref())?;
        check_tags(&request.tags)?;
        if let Some(resource) = request.total_resources.iter().find(|it| it.integer_value < 0) {
            return Err(Fault::invalid(format!("The amount of {} cannot be negative.", resource.name)));
        }
        if let Some(given) = &request.container_instance_arn {
            return self.register_again(&cluster, given, request.version_info.unwrap_or_default());
        }
        let id = self.random.hex_id();
        let ec2_instance_id = request.instance_identity_document.as_deref().and_then(identity);
        let instance = Instance {
            id: id.clone(),
            cluster: cluster.clone(),
            ec2_instance_id,
            version: 1,
            version_info: request.version_info.unwrap_or_default(),
            registered: request.total_resources,
            status: InstanceStatus::Active,
            attributes: capabilities::with_agent(request.attributes),
            registered_at: now,
            tags: request.tags,
            running: 0,
            pending: 0,
        };
        let slot = slot(&instance);
        self.instances.insert(id.clone(), instance);
        if let Some(cluster) = self.clusters.get_mut(&cluster) {
            cluster.slots.insert(slot);
        }
        self.touch(Key::Instance(id.clone()));
        self.publish_instance(&id);
        self.capacity_changed(&cluster);
        self.one_instance(&id)
    }

    fn register_again(
        &mut self,
        cluster: &str,
        given: &str,
        version_info: VersionInfo,
    ) -> Result<OneInstance, Fault> {
        let id = last_part(given).to_owned();
        match self.instance_in(cluster, &id) {
            Some(instance) if instance.is_registered() => {}
            _ => return Err(Fault::client(format!("Container instance {id} is inactive."))),
        }
        self.change_instance(&id, |instance| instance.version_info = version_info);
        self.one_instance(&id)
    }

    pub(crate) fn deregister_container_instance(
        &mut self,
        request: &DeregisterContainerInstance,
        now: Timestamp,
    ) -> Result<OneInstance, Fault> {
        let cluster = self.active_cluster(request.cluster.as_deref())?;
        let Some(id) = self.instance_in(&cluster, &request.container_instance).map(|it| it.id.clone()) else {
            let given = last_part(&request.container_instance);
            return Err(Fault::invalid(format!("Referenced container instance {given} not found.")));
        };
        let tasks = self.tasks_of_cluster.get(&cluster).into_iter().flatten().filter(|task| {
            self.tasks.get(*task).is_some_and(|it| it.instance.as_ref() == Some(&id) && !is_over(it))
        });
        let tasks: Vec<String> = tasks.cloned().collect();
        if !tasks.is_empty() && !request.force {
            return Err(Fault::invalid("Found running tasks on the instance."));
        }
        self.change_instance(&id, |instance| instance.status = InstanceStatus::Inactive);
        let answer = self.one_instance(&id);
        if let Some(cluster) = self.clusters.get_mut(&cluster)
            && let Some(index) = cluster.slots.find(&id)
        {
            cluster.slots.remove(index);
        }
        // On AWS nobody looks after these containers any more. Here nobody else would: they are stopped.
        for task in tasks {
            let reason = "Container instance deregistration forced by user".to_owned();
            self.stop(&task, StopCode::UserInitiated, reason, now);
        }
        answer
    }

    pub(crate) fn describe_container_instances(
        &self,
        request: &DescribeContainerInstances,
    ) -> Result<Instances, Fault> {
        let cluster = self.active_cluster(request.cluster.as_deref())?;
        check_count(request.container_instances.len(), 100)?;
        let with_tags = request.include.iter().any(|word| word == "TAGS");
        let mut answer = Instances { container_instances: Vec::new(), failures: Vec::new() };
        for given in &request.container_instances {
            match self.instance_in(&cluster, given) {
                Some(instance) => {
                    let mut view = self.instance_view(instance);
                    if with_tags {
                        view.tags.clone_from(&instance.tags);
                    }
                    answer.container_instances.push(view);
                }
                None => {
                    let arn = self.scope.container_instance(&cluster, last_part(given));
                    answer.failures.push(Failure::missing(arn));
                }
            }
        }
        Ok(answer)
    }

    pub(crate) fn list_container_instances(
        &self,
        request: &ListContainerInstances,
    ) -> Result<InstanceArns, Fault> {
        let cluster = self.active_cluster(request.cluster.as_deref())?;
        let pages =
            PageRequest { max_results: request.max_results, next_token: request.next_token.as_deref() };
        let after = pages.after()?;
        let filter = request.filter.as_deref().filter(|text| !text.is_empty()).map(filter).transpose()?;
        let slots = self.clusters.get(&cluster).map(|cluster| &cluster.slots);
        let matching = self.instances.values().filter(|instance| {
            // Without a status all but the inactive ones are listed.
            let status = request.status.map_or(instance.is_registered(), |status| instance.status == status);
            status && instance.cluster == cluster
        });
        let matching = matching.filter(|instance| match &filter {
            None => true,
            Some(filter) => slots
                .and_then(|slots| slots.get(slots.find(&instance.id)?))
                .is_some_and(|slot| filter.holds(slot)),
        });
        let ids = matching.map(|instance| instance.id.clone());
        let rest = ids.filter(|id| after.as_ref().is_none_or(|after| id > after));
        let page = page(rest, pages.limit(100)?, Clone::clone);
        let arns = page.items.iter().map(|id| self.scope.container_instance(&cluster, id)).collect();
        Ok(InstanceArns { container_instance_arns: arns, next_token: page.next_token })
    }

    pub(crate) fn update_container_instances_state(
        &mut self,
        request: &UpdateContainerInstancesState,
    ) -> Result<Instances, Fault> {
        let cluster = self.active_cluster(request.cluster.as_deref())?;
        check_count(request.container_instances.len(), 10)?;
        let status = match request.status {
            Some(status @ (InstanceStatus::Active | InstanceStatus::Draining)) => status,
            _ => return Err(Fault::invalid("Container instance status should be one of [ACTIVE, DRAINING]")),
        };
        let mut answer = Instances { container_instances: Vec::new(), failures: Vec::new() };
        for given in &request.container_instances {
            let arn = self.scope.container_instance(&cluster, last_part(given));
            match self.instance_in(&cluster, given).map(|it| (it.id.clone(), it.is_registered(), it.status)) {
                None => answer.failures.push(Failure::missing(arn)),
                Some((_, false, _)) => answer.failures.push(Failure::new(arn, "INACTIVE")),
                Some((id, true, before)) => {
                    if before != status {
                        self.change_instance(&id, |instance| instance.status = status);
                    }
                    answer
                        .container_instances
                        .extend(self.instances.get(&id).map(|it| self.instance_view(it)));
                }
            }
        }
        Ok(answer)
    }

    /// Changes an instance, and what the placer sees of it.
    pub(crate) fn change_instance(&mut self, id: &str, change: impl FnOnce(&mut Instance)) {
        let Some(instance) = self.instances.get_mut(id) else { return };
        change(instance);
        let takes_tasks = instance.status == InstanceStatus::Active;
        let (agent_version, attributes) =
            (instance.version_info.agent_version.clone(), plain(&instance.attributes));
        if let Some(cluster) = self.clusters.get_mut(&instance.cluster)
            && let Some(index) = cluster.slots.find(id)
        {
            cluster.slots.update(index, |slot| {
                slot.takes_tasks = takes_tasks;
                slot.agent_version = agent_version;
                slot.attributes = attributes;
            });
        }
        let cluster = instance.cluster.clone();
        self.instance_turned(id, &cluster);
        self.instance_changed(id);
    }

    /// Says that what DescribeContainerInstances gives of an instance has changed: as in ECS, whatever makes an event
    /// makes a version. Counts of tasks alone do neither.
    pub(crate) fn instance_changed(&mut self, id: &str) {
        let Some(instance) = self.instances.get_mut(id) else { return };
        instance.version = instance.version.saturating_add(1);
        self.touch(Key::Instance(id.to_owned()));
        self.publish_instance(id);
    }

    /// Counts a task's step from one state to the next on its instance.
    pub(crate) fn count_task(&mut self, id: &str, before: Option<LastStatus>, after: LastStatus) {
        let Some(instance) = self.instances.get_mut(id) else { return };
        let change = |status: LastStatus, by: i32, instance: &mut Instance| match status {
            status if status < LastStatus::Running => instance.pending = instance.pending.saturating_add(by),
            LastStatus::Stopped => {}
            _ => instance.running = instance.running.saturating_add(by),
        };
        if let Some(before) = before {
            change(before, -1, instance);
        }
        change(after, 1, instance);
        let running = instance.running;
        if let Some(cluster) = self.clusters.get_mut(&instance.cluster)
            && let Some(index) = cluster.slots.find(id)
        {
            cluster.slots.set_running_tasks_count(index, running);
        }
    }

    /// Takes from an instance what a task needs.
    pub(crate) fn take_resources(&mut self, cluster: &str, instance: &str, ask: &Ask) -> bool {
        let Some(cluster) = self.clusters.get_mut(cluster) else { return false };
        cluster.slots.find(instance).is_some_and(|index| cluster.slots.take(index, ask).is_ok())
    }

    /// Gives back what a task held on its instance, once.
    pub(crate) fn give_back_resources(&mut self, id: &str) {
        let Some(entry) = self.tasks.get_mut(id).filter(|entry| entry.holds_resources) else { return };
        entry.holds_resources = false;
        let ask = crate::run::held(entry);
        let (Some(instance), cluster) = (entry.instance.clone(), entry.cluster.clone()) else { return };
        if let Some(cluster) = self.clusters.get_mut(&cluster)
            && let Some(index) = cluster.slots.find(&instance)
        {
            let given_back = cluster.slots.give_back(index, &ask);
            debug_assert!(given_back.is_ok(), "{given_back:?}");
        }
        self.capacity_changed(&cluster);
        self.instance_changed(&instance);
    }

    /// The EC2 instances that container instances are, each with its availability zone.
    #[must_use]
    pub fn ec2_instances(&self) -> BTreeMap<String, Option<String>> {
        let zone = |instance: &Instance| {
            let zone = instance.attributes.iter().find(|it| it.name == "ecs.availability-zone");
            zone.and_then(|it| it.value.clone())
        };
        self.instances.values().filter_map(|it| Some((it.ec2_instance_id.clone()?, zone(it)))).collect()
    }

    fn publish_instance(&mut self, id: &str) {
        let heard = self.instances.get(id).filter(|_| self.is_heard);
        if let Some(view) = heard.map(|instance| self.instance_view(instance)) {
            self.emit(Effect::InstanceChanged(Box::new(view)));
        }
    }

    fn one_instance(&self, id: &str) -> Result<OneInstance, Fault> {
        let instance = self.instances.get(id);
        let instance =
            instance.ok_or_else(|| Fault::client(format!("Container instance {id} is inactive.")))?;
        Ok(OneInstance { container_instance: Box::new(self.instance_view(instance)) })
    }

    fn instance_view(&self, instance: &Instance) -> ContainerInstance {
        let slots = self.clusters.get(&instance.cluster).map(|cluster| &cluster.slots);
        let slot = slots.and_then(|slots| slots.get(slots.find(&instance.id)?));
        ContainerInstance {
            container_instance_arn: self.scope.container_instance(&instance.cluster, &instance.id),
            ec2_instance_id: instance.ec2_instance_id.clone(),
            capacity_provider_name: None,
            version: instance.version,
            version_info: instance.version_info.clone(),
            remaining_resources: instance.registered.iter().map(|it| remaining(it, slot)).collect(),
            registered_resources: instance.registered.clone(),
            status: instance.status,
            status_reason: None,
            agent_connected: instance.is_registered(),
            running_tasks_count: instance.running,
            pending_tasks_count: instance.pending,
            attributes: instance.attributes.clone(),
            registered_at: instance.registered_at,
            attachments: Vec::new(),
            tags: Vec::new(),
        }
    }
}

fn check_count(count: usize, most: usize) -> Result<(), Fault> {
    match count {
        0 => Err(Fault::invalid("Container Instances cannot be empty.")),
        n if n > most => {
            Err(Fault::invalid(format!("Container Instances cannot contain more than {most} elements.")))
        }
        _ => Ok(()),
    }
}

/// The instance's id in an EC2 instance identity document.
fn identity(document: &str) -> Option<String> {
    let document: Value = serde_json::from_str(document).ok()?;
    document.get("instanceId").and_then(Value::as_str).map(str::to_owned)
}

fn amount(instance: &Instance, name: &str) -> i32 {
    instance.registered.iter().find(|it| it.name == name).map_or(0, |it| it.integer_value)
}

fn strings(instance: &Instance, name: &str) -> Vec<String> {
    let resource = instance.registered.iter().find(|it| it.name == name);
    resource.and_then(|it| it.string_set_value.clone()).unwrap_or_default()
}

fn plain(attributes: &[Attribute]) -> BTreeMap<String, Option<String>> {
    attributes.iter().map(|it| (it.name.clone(), it.value.clone())).collect()
}

/// An instance without tasks as the placer sees it. Registered PORTS are those that the system itself uses.
pub(crate) fn slot(instance: &Instance) -> Slot {
    let ports = |name: &str| -> BTreeSet<u16> {
        strings(instance, name).iter().filter_map(|port| port.parse().ok()).collect()
    };
    Slot {
        id: instance.id.clone(),
        ec2_instance_id: instance.ec2_instance_id.clone(),
        agent_version: instance.version_info.agent_version.clone(),
        registered_at: instance.registered_at,
        running_tasks_count: 0,
        takes_tasks: instance.status == InstanceStatus::Active,
        agent_connected: true,
        cpu_left: amount(instance, "CPU"),
        memory_left: amount(instance, "MEMORY"),
        gpus_left: i32::try_from(strings(instance, "GPU").len()).unwrap_or(0),
        ports_tcp: ports("PORTS"),
        ports_udp: ports("PORTS_UDP"),
        attributes: plain(&instance.attributes),
        groups: BTreeMap::new(),
    }
}

fn remaining(registered: &Resource, slot: Option<&Slot>) -> Resource {
    let mut left = registered.clone();
    let Some(slot) = slot else { return left };
    let ports = |ports: &BTreeSet<u16>| Some(ports.iter().map(u16::to_string).collect());
    match registered.name.as_str() {
        "CPU" => left.integer_value = slot.cpu_left,
        "MEMORY" => left.integer_value = slot.memory_left,
        "PORTS" => left.string_set_value = ports(&slot.ports_tcp),
        "PORTS_UDP" => left.string_set_value = ports(&slot.ports_udp),
        _ => {}
    }
    left
}
