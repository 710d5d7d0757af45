//! RunTask and StartTask: from a request to placed tasks, or to the reasons why not.

use std::sync::Arc;

use longshore_model::Timestamp;
use longshore_model::network::{CapacityProviderStrategyItem, LaunchType, NetworkConfiguration, NetworkMode};
use longshore_model::placement::{PlacementConstraint, PlacementStrategy};
use longshore_model::tag::Tag;
use longshore_model::task::{DesiredStatus, LastStatus, TaskOverride};
use longshore_model::task_definition::{TaskDefinition, TaskDefinitionStatus};
use serde::Serialize;
use serde_json::Value;

use crate::api::{Failure, request};
use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::placement::{self, Ask};
use crate::register::check_tags;
use crate::service::TaskOfService;
use crate::task::TaskEntry;
use crate::token::TokenUse;
use crate::view::TaskView;

mod build;
mod check;
mod providers;

pub use build::effective;
pub(crate) use check::{network as check_network, target as check_target};
pub(crate) use providers::{check_strategy, divide};

request! {
    /// RunTask.
    RunTask {
        capacity_provider_strategy: Vec<CapacityProviderStrategyItem>,
        cluster: Option<String>,
        count: Option<i32>,
        #[serde(rename = "enableECSManagedTags")] enable_ecs_managed_tags: bool,
        enable_execute_command: bool,
        group: Option<String>,
        launch_type: Option<LaunchType>,
        network_configuration: Option<NetworkConfiguration>,
        overrides: TaskOverride,
        placement_constraints: Vec<PlacementConstraint>,
        placement_strategy: Vec<PlacementStrategy>,
        platform_version: Option<String>,
        propagate_tags: Option<String>,
        reference_id: Option<String>,
        started_by: Option<String>,
        tags: Vec<Tag>,
        task_definition: Option<String>,
        client_token: Option<String>,
        volume_configurations: Vec<Value>,
    }
}
request! {
    /// StartTask.
    StartTask {
        cluster: Option<String>,
        container_instances: Vec<String>,
        #[serde(rename = "enableECSManagedTags")] enable_ecs_managed_tags: bool,
        enable_execute_command: bool,
        group: Option<String>,
        network_configuration: Option<NetworkConfiguration>,
        overrides: TaskOverride,
        propagate_tags: Option<String>,
        reference_id: Option<String>,
        started_by: Option<String>,
        tags: Vec<Tag>,
        task_definition: Option<String>,
        volume_configurations: Vec<Value>,
    }
}

/// The answer of RunTask and StartTask.
#[derive(Debug, Clone, Serialize)]
pub struct Started {
    /// Those that were placed.
    pub tasks: Vec<TaskAnswer>,
    /// Why the others were not.
    pub failures: Vec<Failure>,
}

/// A task in the answer of RunTask.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum TaskAnswer {
    /// A new one.
    Full(Arc<TaskView>),
    /// One of an earlier call with the same client token.
    Thin(ThinTask),
}

impl TaskAnswer {
    /// The task's ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        match self {
            Self::Full(task) => &task.task_arn,
            Self::Thin(task) => &task.task_arn,
        }
    }
}

/// What a replayed RunTask says of a task.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThinTask {
    /// Its ARN.
    pub task_arn: String,
    /// Where it is in its life.
    pub last_status: LastStatus,
    /// What ECS wants of it.
    pub desired_status: DesiredStatus,
}

/// What one task of a call is made from.
pub(crate) struct Recipe {
    pub(crate) cluster: String,
    pub(crate) definition: Arc<TaskDefinition>,
    pub(crate) overrides: TaskOverride,
    pub(crate) network: Option<NetworkConfiguration>,
    pub(crate) group: String,
    pub(crate) started_by: Option<String>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) execute_command: bool,
    pub(crate) platform_version: Option<String>,
    /// The service that the task belongs to.
    pub(crate) service: Option<TaskOfService>,
    pub(crate) now: Timestamp,
}

/// On what one task of a call runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Fargate { provider: Option<String> },
    Instances { provider: Option<String> },
    Instance(String),
}

impl Target {
    /// The capacity provider whose share it is.
    pub(crate) fn provider(&self) -> Option<String> {
        match self {
            Self::Fargate { provider } | Self::Instances { provider } => provider.clone(),
            Self::Instance(_) => None,
        }
    }
}

impl Cloud {
    pub(crate) fn run_task(&mut self, request: RunTask, now: Timestamp) -> Result<Started, Fault> {
        let cluster = self.active_cluster(request.cluster.as_deref())?;
        let token = request.client_token.clone().filter(|token| !token.is_empty());
        let fingerprint = token.as_ref().map(|_| self.fingerprint(&request, &cluster)).transpose()?;
        if let (Some(token), Some(fingerprint)) = (&token, &fingerprint) {
            check::client_token(token)?;
            if let Some(answer) = self.replay(&cluster, token, fingerprint, now)? {
                return Ok(answer);
            }
        }
        let definition = self.runnable(request.task_definition.as_deref())?;
        let count = check::count(request.count)?;
        let targets = self.targets_of(&cluster, &request, count)?;
        let mut ask = needs(&effective(&definition, &request.overrides));
        ask.constraints = placement::constraints(&request.placement_constraints)?;
        let own = definition.spec.placement_constraints.as_deref().unwrap_or_default();
        ask.constraints.extend(placement::definition_constraints(own)?);
        ask.strategy = placement::strategy(&request.placement_strategy)?;
        let recipe = self.recipe(cluster, definition, Parts::of(request), now)?;
        for target in &targets {
            recipe.check_target(target)?;
        }
        ask.group.clone_from(&recipe.group);
        let (answer, ids) = self.place_all(&recipe, &targets, &ask)?;
        if let (Some(token), Some(fingerprint)) = (token, fingerprint) {
            let failures = answer.failures.clone();
            let token_use = TokenUse { fingerprint, task_ids: ids, failures, used_at: now };
            self.remember_token(&recipe.cluster, &token, token_use);
        }
        Ok(answer)
    }

    /// The request without its token, its cluster by name and its family as the exact revision: what must be the same
    /// for a replay. A family that has a later revision by now makes another request, as on AWS; an exact revision is
    /// the same even when it was deregistered meanwhile.
    fn fingerprint(&self, request: &RunTask, cluster: &str) -> Result<String, Fault> {
        let mut same = request.clone();
        same.client_token = None;
        same.cluster = Some(cluster.to_owned());
        if let Some(given) = &request.task_definition
            && let Some(revision) = self.revision(given)?
        {
            same.task_definition = Some(revision.definition.task_definition_arn.clone());
        }
        Ok(serde_json::to_string(&same).unwrap_or_default())
    }

    pub(crate) fn start_task(&mut self, request: StartTask, now: Timestamp) -> Result<Started, Fault> {
        let cluster = self.active_cluster(request.cluster.as_deref())?;
        let definition = self.runnable(request.task_definition.as_deref())?;
        match request.container_instances.len() {
            0 => return Err(Fault::invalid("Container Instances cannot be empty.")),
            1..=10 => {}
            _ => return Err(Fault::invalid("Container Instances cannot contain more than 10 elements.")),
        }
        let targets: Vec<_> = request.container_instances.iter().cloned().map(Target::Instance).collect();
        let mut ask = needs(&effective(&definition, &request.overrides));
        let recipe = self.recipe(cluster, definition, Parts::from(request), now)?;
        for target in &targets {
            recipe.check_target(target)?;
        }
        ask.group.clone_from(&recipe.group);
        Ok(self.place_all(&recipe, &targets, &ask)?.0)
    }

    /// The revision that is to run, which must be active.
    fn runnable(&self, given: Option<&str>) -> Result<Arc<TaskDefinition>, Fault> {
        let given = given.filter(|given| !given.is_empty());
        let given = given.ok_or_else(|| Fault::invalid("Task Definition can not be blank."))?;
        let revision = self.revision(given)?.ok_or_else(|| Fault::client("TaskDefinition not found."))?;
        if revision.definition.status != TaskDefinitionStatus::Active {
            return Err(Fault::invalid("TaskDefinition is inactive"));
        }
        Ok(Arc::clone(&revision.definition))
    }

    fn recipe(
        &self,
        cluster: String,
        definition: Arc<TaskDefinition>,
        parts: Parts,
        now: Timestamp,
    ) -> Result<Recipe, Fault> {
        check_tags(&parts.tags)?;
        check::overrides(&parts.overrides, &definition)?;
        check::started_by(parts.started_by.as_deref(), parts.started_by_limit)?;
        check::group(parts.group.as_deref())?;
        check::network(parts.network.as_ref(), definition.spec.network_mode)?;
        let mut tags = parts.tags;
        match parts.propagate_tags.as_deref() {
            None | Some("" | "NONE") => {}
            Some("TASK_DEFINITION") => {
                let of_definition = self.revision(&definition.task_definition_arn)?;
                let more = of_definition.map(|revision| revision.tags.clone()).unwrap_or_default();
                tags.extend(more.into_iter().filter(|tag| !parts.tag_keys.contains(&tag.key)));
            }
            Some("SERVICE") => {
                return Err(Fault::invalid("Propagate tags from service is not supported for RunTask."));
            }
            Some(_) => {
                return Err(Fault::invalid("propagateTags should be one of [TASK_DEFINITION,SERVICE,NONE]"));
            }
        }
        let group = parts.group.unwrap_or_else(|| format!("family:{}", definition.spec.family));
        Ok(Recipe {
            cluster,
            overrides: parts.overrides,
            network: parts.network,
            group,
            started_by: parts.started_by,
            tags,
            execute_command: parts.execute_command,
            platform_version: parts.platform_version,
            definition,
            service: None,
            now,
        })
    }

    /// Places one task for each target; what cannot be placed becomes failures.
    fn place_all(
        &mut self,
        recipe: &Recipe,
        targets: &[Target],
        ask: &Ask,
    ) -> Result<(Started, Vec<String>), Fault> {
        let mut started = Started { tasks: Vec::new(), failures: Vec::new() };
        let mut ids = Vec::new();
        for target in targets {
            match self.place_one(recipe, target, ask)? {
                Ok(instance) => {
                    let id = self.create_task(recipe, target, instance, ask);
                    if let Some(entry) = self.tasks.get(&id) {
                        started.tasks.push(TaskAnswer::Full(Arc::clone(&entry.view)));
                    }
                    ids.push(id);
                }
                // A call names each instance's reason once, however many of its tasks found no room.
                Err(failures) => started.failures.extend(
                    failures.into_iter().filter(|it| !started.failures.contains(it)).collect::<Vec<_>>(),
                ),
            }
        }
        Ok((started, ids))
    }

    /// The instance for one task (none on Fargate), with its resources taken, or the failures.
    pub(crate) fn place_one(
        &mut self,
        recipe: &Recipe,
        target: &Target,
        ask: &Ask,
    ) -> Result<Result<Option<String>, Vec<Failure>>, Fault> {
        let scope = self.scope.clone();
        let arn = |id: &str| scope.container_instance(&recipe.cluster, id);
        let id = match target {
            Target::Fargate { .. } => return Ok(Ok(None)),
            Target::Instance(given) => {
                let id = longshore_model::arn::last_part(given);
                match self.instance_in(&recipe.cluster, given) {
                    None => return Ok(Err(vec![Failure::missing(arn(id))])),
                    Some(it) if !it.is_registered() => {
                        return Ok(Err(vec![Failure::new(arn(id), "INACTIVE")]));
                    }
                    Some(_) => {}
                }
                let slots = self.clusters.get(&recipe.cluster).map(|cluster| &cluster.slots);
                let slot = slots.and_then(|slots| slots.get(slots.find(id)?));
                match slot.map(|slot| placement::fits(slot, ask)) {
                    None => return Ok(Err(vec![Failure::missing(arn(id))])),
                    Some(Err(reason)) => return Ok(Err(vec![Failure::new(arn(id), reason.as_str())])),
                    Some(Ok(())) => id.to_owned(),
                }
            }
            Target::Instances { .. } => {
                let slots = self.clusters.get(&recipe.cluster).map(|cluster| &cluster.slots);
                let slots = slots.filter(|slots| !slots.is_empty());
                let Some(slots) = slots else {
                    return Err(Fault::invalid("No Container Instances were found in your cluster."));
                };
                match placement::place(slots, ask, &mut self.random) {
                    Ok(index) => slots.get(index).map(|slot| slot.id.clone()).unwrap_or_default(),
                    Err(refusals) => {
                        let failure = |refusal: &placement::Refusal| {
                            let slot = slots.get(refusal.index)?;
                            Some(Failure::new(arn(&slot.id), refusal.reason.as_str()))
                        };
                        return Ok(Err(refusals.iter().filter_map(failure).collect()));
                    }
                }
            }
        };
        let taken = self.take_resources(&recipe.cluster, &id, ask);
        Ok(if taken { Ok(Some(id)) } else { Err(vec![Failure::missing(arn(&id))]) })
    }
}

impl Recipe {
    fn check_target(&self, target: &Target) -> Result<(), Fault> {
        check_target(target, &self.definition, self.network.as_ref(), self.platform_version.as_deref())
    }
}

/// What RunTask and StartTask say alike.
struct Parts {
    overrides: TaskOverride,
    network: Option<NetworkConfiguration>,
    group: Option<String>,
    started_by: Option<String>,
    started_by_limit: usize,
    tags: Vec<Tag>,
    tag_keys: Vec<String>,
    propagate_tags: Option<String>,
    execute_command: bool,
    platform_version: Option<String>,
}

impl Parts {
    fn of(request: RunTask) -> Self {
        Self {
            overrides: request.overrides,
            network: request.network_configuration,
            group: request.group,
            started_by: request.started_by,
            started_by_limit: 128,
            tag_keys: request.tags.iter().map(|tag| tag.key.clone()).collect(),
            tags: request.tags,
            propagate_tags: request.propagate_tags,
            execute_command: request.enable_execute_command,
            platform_version: request.platform_version,
        }
    }

    fn from(request: StartTask) -> Self {
        Self {
            overrides: request.overrides,
            network: request.network_configuration,
            group: request.group,
            started_by: request.started_by,
            started_by_limit: 36,
            tag_keys: request.tags.iter().map(|tag| tag.key.clone()).collect(),
            tags: request.tags,
            propagate_tags: request.propagate_tags,
            execute_command: request.enable_execute_command,
            platform_version: None,
        }
    }
}

/// What a task takes from its instance; the task's own size goes before the sum of its containers.
pub(crate) fn needs(definition: &TaskDefinition) -> Ask {
    let spec = &definition.spec;
    let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<i32>().ok());
    let containers = &spec.container_definitions;
    let sum = |of: fn(&longshore_model::container_definition::ContainerDefinition) -> i32| {
        containers.iter().map(of).fold(0, i32::saturating_add)
    };
    let gpus = containers.iter().flat_map(|it| it.resource_requirements.iter().flatten());
    let gpus = gpus.filter(|it| it.kind == "GPU").filter_map(|it| it.value.parse::<i32>().ok());
    Ask {
        cpu: number(&spec.cpu).unwrap_or_else(|| sum(|it| it.cpu.unwrap_or(0))).max(0),
        memory: number(&spec.memory).unwrap_or_else(|| sum(|it| it.reserved_memory())).max(0),
        gpus: gpus.fold(0, i32::saturating_add).max(0),
        ports: fixed_ports(definition),
        group: String::new(),
        requires: definition.requires_attributes.clone().unwrap_or_default(),
        constraints: Vec::new(),
        strategy: Vec::new(),
    }
}

/// Host ports that the definition fixes. With awsvpc each task has its own address, so no port of the host is taken.
fn fixed_ports(definition: &TaskDefinition) -> Vec<(u16, longshore_model::network::TransportProtocol)> {
    if definition.spec.network_mode == Some(NetworkMode::Awsvpc) {
        return Vec::new();
    }
    let mappings =
        definition.spec.container_definitions.iter().flat_map(|it| it.port_mappings.iter().flatten());
    mappings
        .filter_map(|mapping| {
            let port = u16::try_from(mapping.host_port?).ok().filter(|port| *port > 0)?;
            Some((port, mapping.protocol.unwrap_or(longshore_model::network::TransportProtocol::Tcp)))
        })
        .collect()
}

/// What a task holds on its instance: derived again from what it was made of.
pub(crate) fn held(entry: &TaskEntry) -> Ask {
    let mut ask = needs(&entry.definition);
    ask.group = entry.view.group.clone().unwrap_or_default();
    ask
}
