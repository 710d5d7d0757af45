//! Makes a task out of what was asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use longshore_model::container_definition::ContainerDefinition;
use longshore_model::network::{LaunchType, NetworkMode};
use longshore_model::placement::Attribute;
use longshore_model::tag::KeyValuePair;
use longshore_model::task::{
    Attachment, Container, ContainerOverride, DesiredStatus, HealthStatus, LastStatus, NetworkInterface,
    Task, TaskOverride,
};
use longshore_model::task_definition::{EphemeralStorage, TaskDefinition};

use super::{Recipe, Target};
use crate::cloud::{Cloud, Effect, Key};
use crate::placement::Ask;
use crate::task::{ContainerRun, TaskEntry};

/// Fargate's platform version behind `LATEST`.
const PLATFORM_VERSION: &str = "1.4.0";
/// GiB of scratch space that every Fargate task has.
const FARGATE_STORAGE_GIB: i32 = 20;

impl Cloud {
    /// Makes a placed task and asks for it to be prepared; gives its id.
    pub(crate) fn create_task(
        &mut self,
        recipe: &Recipe,
        target: &Target,
        instance: Option<String>,
        ask: &Ask,
    ) -> String {
        let id = self.random.hex_id();
        let view = self.view(recipe, target, instance.as_deref(), ask, &id);
        let status = view.last_status;
        let definition = effective(&recipe.definition, &recipe.overrides);
        let entry = TaskEntry {
            runs: view.containers.iter().map(|_| ContainerRun::new()).collect(),
            view: Arc::new(view.into()),
            cluster: recipe.cluster.clone(),
            holds_resources: instance.is_some(),
            instance: instance.clone(),
            tags: recipe.tags.clone(),
            prepared: false,
            service: recipe.service.clone(),
            wake: None,
            published: 0,
            definition,
        };
        self.tasks.insert(id.clone(), entry);
        self.tasks_of_cluster.entry(recipe.cluster.clone()).or_default().insert(id.clone());
        self.publish_task(&id);
        if let Some(instance) = instance {
            self.count_task(&instance, None, status);
            self.instance_changed(&instance);
        }
        if recipe.service.is_some() {
            self.unsettled_tasks.insert(id.clone());
        }
        self.touch(Key::Task(id.clone()));
        self.emit(Effect::Prepare(id.clone()));
        id
    }

    fn view(
        &mut self,
        recipe: &Recipe,
        target: &Target,
        instance: Option<&str>,
        ask: &Ask,
        id: &str,
    ) -> Task {
        let spec = &recipe.definition.spec;
        let own_interface = spec.network_mode == Some(NetworkMode::Awsvpc);
        let attachment = own_interface.then(|| self.interface(recipe));
        let task_arn = self.scope.task(&recipe.cluster, id);
        let containers = spec
            .container_definitions
            .iter()
            .map(|definition| {
                let change = change_for(&recipe.overrides, &definition.name);
                let uuid = self.random.uuid();
                let arn = self.scope.container(&recipe.cluster, id, &uuid);
                container(definition, change, arn, &task_arn, attachment.as_ref())
            })
            .collect();
        let (fargate, provider) = (matches!(target, Target::Fargate { .. }), target.provider());
        let platform = spec.runtime_platform.as_ref();
        let architecture = platform.and_then(|it| it.cpu_architecture.as_deref()).unwrap_or("X86_64");
        let storage = recipe.overrides.ephemeral_storage.clone().or_else(|| spec.ephemeral_storage.clone());
        Task {
            attachments: attachment.into_iter().collect(),
            attributes: vec![Attribute {
                name: "ecs.cpu-architecture".into(),
                value: Some(architecture.to_lowercase()),
                target_type: None,
                target_id: None,
            }],
            availability_zone: Some(self.zone(recipe, instance)),
            // With a strategy a task has its provider beside the launch type, as DescribeTasks shows it.
            capacity_provider_name: provider,
            cluster_arn: self.scope.cluster(&recipe.cluster),
            connectivity: Some("CONNECTED".into()),
            connectivity_at: Some(recipe.now),
            container_instance_arn: instance.map(|it| self.scope.container_instance(&recipe.cluster, it)),
            containers,
            cpu: Some(ask.cpu.to_string()),
            created_at: recipe.now,
            desired_status: DesiredStatus::Running,
            enable_execute_command: recipe.execute_command,
            execution_stopped_at: None,
            group: Some(recipe.group.clone()),
            health_status: HealthStatus::Unknown,
            inference_accelerators: spec.inference_accelerators.clone(),
            last_status: if fargate || own_interface {
                LastStatus::Provisioning
            } else {
                LastStatus::Pending
            },
            launch_type: Some(if fargate { LaunchType::Fargate } else { LaunchType::Ec2 }),
            memory: Some(ask.memory.to_string()),
            overrides: shown(&recipe.overrides, spec.container_definitions.iter().map(|it| &it.name)),
            platform_version: fargate.then(|| platform_version(recipe)),
            platform_family: fargate.then(|| "Linux".into()),
            pull_started_at: Some(recipe.now),
            pull_stopped_at: None,
            started_at: None,
            started_by: recipe.started_by.clone(),
            stop_code: None,
            stopped_at: None,
            stopped_reason: None,
            stopping_at: None,
            tags: Vec::new(),
            task_arn,
            task_definition_arn: recipe.definition.task_definition_arn.clone(),
            version: 1,
            ephemeral_storage: fargate
                .then(|| storage.unwrap_or(EphemeralStorage { size_in_gib: FARGATE_STORAGE_GIB })),
        }
    }

    fn zone(&self, recipe: &Recipe, instance: Option<&str>) -> String {
        let of_instance = instance.and_then(|id| self.instances.get(id)).and_then(|instance| {
            instance.attributes.iter().find(|it| it.name == "ecs.availability-zone")?.value.clone()
        });
        let subnets = recipe.network.as_ref().and_then(|it| it.awsvpc_configuration.as_ref());
        // Which zone a subnet is in nobody knows here: the first is in a, the next in b.
        let letter = if subnets.is_some_and(|it| it.subnets.len() > 1) { 'b' } else { 'a' };
        of_instance.unwrap_or_else(|| format!("{}{letter}", self.scope.region))
    }

    fn interface(&mut self, recipe: &Recipe) -> Attachment {
        let vpc = recipe.network.as_ref().and_then(|it| it.awsvpc_configuration.as_ref());
        let subnet = vpc.and_then(|it| it.subnets.first()).cloned().unwrap_or_default();
        let hex = self.random.hex_id();
        let octets: Vec<&str> = (0..5).map(|n| &hex[2 * n..2 * n + 2]).collect();
        Attachment {
            id: self.random.uuid(),
            kind: "ElasticNetworkInterface".into(),
            status: "PRECREATED".into(),
            details: vec![
                KeyValuePair::new("subnetId", subnet),
                KeyValuePair::new("networkInterfaceId", format!("eni-{}", &hex[10..27])),
                // The second bit of the first octet marks an address that was assigned locally.
                KeyValuePair::new("macAddress", format!("02:{}", octets.join(":"))),
            ],
        }
    }
}

fn container(
    definition: &ContainerDefinition,
    change: Option<&ContainerOverride>,
    container_arn: String,
    task_arn: &str,
    attachment: Option<&Attachment>,
) -> Container {
    let interface = attachment.map(|attachment| NetworkInterface {
        attachment_id: attachment.id.clone(),
        private_ipv4_address: None,
    });
    let text = |number: Option<i32>| number.map(|number| number.to_string());
    let of = |field: fn(&ContainerOverride) -> Option<i32>| change.and_then(field);
    Container {
        container_arn,
        task_arn: task_arn.to_owned(),
        name: definition.name.clone(),
        image: definition.image.clone(),
        image_digest: None,
        runtime_id: None,
        last_status: LastStatus::Pending,
        exit_code: None,
        reason: None,
        network_bindings: Vec::new(),
        network_interfaces: interface.into_iter().collect(),
        health_status: HealthStatus::Unknown,
        cpu: of(|it| it.cpu).or(definition.cpu).unwrap_or(0).to_string(),
        memory: text(of(|it| it.memory).or(definition.memory)),
        memory_reservation: text(of(|it| it.memory_reservation).or(definition.memory_reservation)),
    }
}

fn platform_version(recipe: &Recipe) -> String {
    match recipe.platform_version.as_deref() {
        None | Some("LATEST" | "") => PLATFORM_VERSION.to_owned(),
        Some(version) => version.to_owned(),
    }
}

/// The overrides as DescribeTasks shows them: an entry for each container, empty where nothing was changed.
fn shown<'a>(given: &TaskOverride, names: impl Iterator<Item = &'a String>) -> TaskOverride {
    let entry = |name: &String| {
        let change = change_for(given, name).cloned();
        change
            .unwrap_or_else(|| ContainerOverride { name: Some(name.clone()), ..ContainerOverride::default() })
    };
    TaskOverride { container_overrides: names.map(entry).collect(), ..given.clone() }
}

fn change_for<'a>(overrides: &'a TaskOverride, name: &str) -> Option<&'a ContainerOverride> {
    overrides.container_overrides.iter().find(|change| change.name.as_deref() == Some(name))
}

/// A definition with what the caller changed: what really runs.
#[must_use]
pub fn effective(definition: &Arc<TaskDefinition>, overrides: &TaskOverride) -> Arc<TaskDefinition> {
    if changes_nothing(overrides) {
        return Arc::clone(definition);
    }
    let mut effective = (**definition).clone();
    let spec = &mut effective.spec;
    let replace = |place: &mut Option<String>, new: &Option<String>| {
        if new.is_some() {
            place.clone_from(new);
        }
    };
    replace(&mut spec.cpu, &overrides.cpu);
    replace(&mut spec.memory, &overrides.memory);
    replace(&mut spec.task_role_arn, &overrides.task_role_arn);
    replace(&mut spec.execution_role_arn, &overrides.execution_role_arn);
    for container in &mut spec.container_definitions {
        if let Some(change) = change_for(overrides, &container.name) {
            apply(container, change);
        }
    }
    Arc::new(effective)
}

/// Whether the overrides are none, or only name containers, as DescribeTasks shows them.
fn changes_nothing(overrides: &TaskOverride) -> bool {
    let only_named = |change: &ContainerOverride| {
        *change == ContainerOverride { name: change.name.clone(), ..ContainerOverride::default() }
    };
    overrides.container_overrides.iter().all(only_named)
        && *overrides
            == TaskOverride {
                container_overrides: overrides.container_overrides.clone(),
                ..TaskOverride::default()
            }
}

fn apply(container: &mut ContainerDefinition, change: &ContainerOverride) {
    if change.command.is_some() {
        container.command.clone_from(&change.command);
    }
    if change.environment_files.is_some() {
        container.environment_files.clone_from(&change.environment_files);
    }
    if change.resource_requirements.is_some() {
        container.resource_requirements.clone_from(&change.resource_requirements);
    }
    container.cpu = change.cpu.or(container.cpu);
    container.memory = change.memory.or(container.memory);
    container.memory_reservation = change.memory_reservation.or(container.memory_reservation);
    if let Some(new) = &change.environment {
        let old = container.environment.take().unwrap_or_default();
        let all = old.into_iter().chain(new.iter().cloned());
        let merged: BTreeMap<Option<String>, Option<String>> = all.map(|it| (it.name, it.value)).collect();
        container.environment =
            Some(merged.into_iter().map(|(name, value)| KeyValuePair { name, value }).collect());
    }
}
