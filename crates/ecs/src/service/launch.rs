//! Starts the tasks of a service: what each is made from, and on what it runs.

use std::collections::BTreeMap;

use longshore_model::Timestamp;
use longshore_model::network::LaunchType;
use longshore_model::service::PropagateTags;
use longshore_model::tag::Tag;
use longshore_model::task::TaskOverride;

use super::{Service, ServiceKey, Shortage, TaskOfService, events};
use crate::api::Failure;
use crate::cloud::Cloud;
use crate::placement::{self, Ask, Slots, Strategy};
use crate::run::{Recipe, Target, divide, needs};

/// The attribute over which ECS spreads tasks unless a service says otherwise.
const ZONE: &str = "ecs.availability-zone";

/// What came of starting tasks.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The ids of those that were started.
    pub(super) started: Vec<String>,
    /// Why others were not.
    pub(super) shortage: Option<Shortage>,
}

impl Cloud {
    /// Starts so many tasks of the PRIMARY deployment, wherever they fit.
    pub(super) fn launch_replicas(&mut self, key: &ServiceKey, count: usize, now: Timestamp) -> Outcome {
        let targets = self.services.get(key).map(|service| next_targets(service, count)).unwrap_or_default();
        self.launch_on(key, &targets, now)
    }

    /// Starts one task of the PRIMARY deployment on each target, until one does not fit.
    pub(super) fn launch_on(&mut self, key: &ServiceKey, targets: &[Target], now: Timestamp) -> Outcome {
        let mut outcome = Outcome::default();
        let Some((recipe, ask)) = self.recipe_of_service(key, now) else {
            let message = "was unable to place a task. Reason: TaskDefinition not found.".to_owned();
            outcome.shortage = Some(Shortage { message, is_of_resources: false });
            return outcome;
        };
        for target in targets {
            match self.place_one(&recipe, target, &ask) {
                Ok(Ok(instance)) => outcome.started.push(self.create_task(&recipe, target, instance, &ask)),
                Ok(Err(failures)) => outcome.shortage = Some(shortage(&failures)),
                Err(_) => outcome.shortage = Some(shortage(&[])),
            }
            if outcome.shortage.is_some() && !matches!(target, Target::Instance(_)) {
                break;
            }
        }
        outcome
    }

    /// What the tasks of a service's PRIMARY deployment need and want.
    pub(super) fn recipe_of_service(&self, key: &ServiceKey, now: Timestamp) -> Option<(Recipe, Ask)> {
        let service = self.services.get(key)?;
        let primary = service.primary()?;
        let revision = self.service_revisions.get(&(key.0.clone(), key.1.clone(), primary.revision))?;
        let workload = &revision.workload;
        let of_definition = self.revision(&workload.task_definition).ok()??;
        let definition = std::sync::Arc::clone(&of_definition.definition);
        let group = format!("service:{}", service.name);
        let mut ask = needs(&definition);
        ask.constraints = placement::constraints(&service.rules.constraints).ok()?;
        let own = definition.spec.placement_constraints.as_deref().unwrap_or_default();
        ask.constraints.extend(placement::definition_constraints(own).ok()?);
        ask.strategy = placement::strategy(&service.rules.strategy).ok()?;
        if ask.strategy.is_empty() {
            ask.strategy = usual_strategy(self.clusters.get(&service.cluster).map(|cluster| &cluster.slots));
        }
        ask.group.clone_from(&group);
        let recipe = Recipe {
            cluster: service.cluster.clone(),
            overrides: TaskOverride::default(),
            network: workload.network_configuration.clone(),
            group,
            started_by: Some(primary.id.clone()),
            tags: tags(service, &of_definition.tags),
            execute_command: service.rules.execute_command,
            platform_version: workload.platform_version.clone(),
            definition,
            service: Some(TaskOfService {
                name: service.name.clone(),
                revision: primary.revision,
                is_ripe: false,
                targets: Vec::new(),
            }),
            now,
        };
        Some((recipe, ask))
    }
}

fn shortage(failures: &[Failure]) -> Shortage {
    let (message, is_of_resources) = events::unplaced(failures);
    Shortage { message, is_of_resources }
}

/// Over Availability Zones and then over instances; over instances alone where some have no zone.
fn usual_strategy(slots: Option<&Slots>) -> Vec<Strategy> {
    let mut of_instances = slots.into_iter().flat_map(Slots::iter).map(|(_, slot)| slot);
    let zones = of_instances.all(|slot| slot.attributes.contains_key(ZONE));
    let by_zone = zones.then(|| Strategy::SpreadAttribute(ZONE.into()));
    by_zone.into_iter().chain([Strategy::SpreadInstances]).collect()
}

/// The tags of a service's tasks: its own or its definition's, and ECS's.
fn tags(service: &Service, of_definition: &[Tag]) -> Vec<Tag> {
    let mut tags = match service.rules.propagate_tags {
        PropagateTags::Service => service.tags.clone(),
        PropagateTags::TaskDefinition => of_definition.to_vec(),
        PropagateTags::None => Vec::new(),
    };
    if service.rules.managed_tags {
        let tag = |key: &str, value: &str| Tag { key: key.into(), value: Some(value.into()) };
        tags.push(tag("aws:ecs:clusterName", &service.cluster));
        tags.push(tag("aws:ecs:serviceName", &service.name));
    }
    tags
}

/// On what the next tasks run: with a strategy, each provider gets what it lacks of its share.
fn next_targets(service: &Service, count: usize) -> Vec<Target> {
    let strategy = service.workload.capacity_provider_strategy.as_deref().unwrap_or_default();
    if strategy.is_empty() {
        let one = match service.workload.launch_type {
            Some(LaunchType::Fargate) => Target::Fargate { provider: None },
            _ => Target::Instances { provider: None },
        };
        return vec![one; count];
    }
    let Some(primary) = service.primary().map(|deployment| deployment.revision) else { return Vec::new() };
    let mut present: BTreeMap<Option<String>, usize> = BTreeMap::new();
    for (_, member) in service.census.members() {
        if member.is_live() && member.revision == primary && !member.is_draining {
            *present.entry(member.provider.clone()).or_default() += 1;
        }
    }
    let mut targets = divide(strategy, service.wanted().saturating_add(count));
    targets.retain(|target| match present.get_mut(&target.provider()) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        _ => true,
    });
    targets.truncate(count);
    targets
}
