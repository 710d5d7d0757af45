//! CreateService.

use std::sync::Arc;

use longshore_model::network::{CapacityProviderStrategyItem, LaunchType, NetworkMode};
use longshore_model::service::{PropagateTags, SchedulingStrategy, ServiceStatus, Workload};
use longshore_model::task_definition::{TaskDefinition, TaskDefinitionStatus};

use super::api::{CreateService, OneService};
use super::census::Census;
use super::{Rules, Service, ServiceKey, check};
use crate::api::Call;
use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::placement;
use crate::register::check_tags;
use crate::run::{Target, check_network, check_strategy, check_target, divide};

/// Fargate's platform version behind `LATEST`.
const PLATFORM_VERSION: &str = "1.4.0";

impl Cloud {
    pub(crate) fn create_service(
        &mut self,
        request: CreateService,
        call: &Call<'_>,
    ) -> Result<OneService, Fault> {
        let cluster = self.active_cluster(request.cluster.as_deref())?;
        let name = check::name(request.service_name.as_deref())?;
        check::token(request.client_token.as_deref())?;
        check_tags(&request.tags)?;
        let controller = check::controller(request.deployment_controller.as_ref())?;
        let definition = self.deployable(request.task_definition.as_deref())?;
        let made_of = fingerprint(&request, &cluster, &definition);
        let key: ServiceKey = (cluster.clone(), name.clone());
        match self.services.get(&key).map(|existing| (existing.status, existing.made_of == made_of)) {
            None | Some((ServiceStatus::Inactive, _)) => {}
            Some((ServiceStatus::Draining, _)) => {
                return Err(Fault::invalid("Unable to Start a service that is still Draining."));
            }
            Some((ServiceStatus::Active, true)) => return self.one_service(&key),
            Some((ServiceStatus::Active, false)) => {
                return Err(Fault::invalid("Creation of service was not idempotent."));
            }
        }
        let scheduling = request.scheduling_strategy.unwrap_or(SchedulingStrategy::Replica);
        check::daemon(scheduling, &request)?;
        let desired_count = check::desired(request.desired_count, scheduling)?;
        let rules = rules(&request, scheduling, controller)?;
        let role_arn = self.role(&request, &definition)?;
        let workload = self.workload(&cluster, request, &definition, scheduling)?;
        self.check_workload(&cluster, &workload.0, &definition)?;
        self.forget_service(&key);
        let (workload, tags) = workload;
        let service = Service {
            cluster,
            name,
            status: ServiceStatus::Active,
            desired_count,
            created_at: call.now,
            created_by: call.caller.arn.clone(),
            role_arn,
            inactive_at: None,
            made_of,
            rules,
            workload,
            tags,
            deployments: Vec::new(),
            last_completed: None,
            events: std::collections::VecDeque::new(),
            next_rollout: 1,
            pause: None,
            shortage: None,
            is_stuck: false,
            is_steady: false,
            census: Census::default(),
            wake: None,
        };
        self.services.insert(key.clone(), service);
        self.begin_deployment(&key, call.now);
        self.one_service(&key)
    }

    /// The revision of a task definition that a service is to run, which must be active.
    pub(super) fn deployable(&self, given: Option<&str>) -> Result<Arc<TaskDefinition>, Fault> {
        let given = given.filter(|given| !given.is_empty());
        let given = given.ok_or_else(|| Fault::invalid("Task Definition can not be blank."))?;
        let revision = self.revision(given)?.ok_or_else(|| Fault::client("TaskDefinition not found."))?;
        if revision.definition.status != TaskDefinitionStatus::Active {
            return Err(Fault::client("TaskDefinition is inactive"));
        }
        Ok(Arc::clone(&revision.definition))
    }

    /// What the service runs, and its tags.
    fn workload(
        &self,
        cluster: &str,
        request: CreateService,
        definition: &TaskDefinition,
        scheduling: SchedulingStrategy,
    ) -> Result<(Workload, Vec<longshore_model::tag::Tag>), Fault> {
        let of_cluster = self.clusters.get(cluster).map(|it| it.default_strategy.clone()).unwrap_or_default();
        let (launch_type, strategy) = match (request.launch_type, request.capacity_provider_strategy) {
            (Some(_), strategy) if !strategy.is_empty() => {
                return Err(Fault::invalid(
                    "Specifying both a launch type and capacity provider strategy is not supported. Remove one and \
                     try again.",
                ));
            }
            (Some(launch_type), _) => (Some(launch_type), None),
            (None, strategy) if !strategy.is_empty() => (None, Some(strategy)),
            (None, _) if !of_cluster.is_empty() => (None, Some(of_cluster)),
            (None, _) => (Some(LaunchType::Ec2), None),
        };
        if scheduling == SchedulingStrategy::Daemon && strategy.is_some() {
            return Err(Fault::invalid(
                "Specifying a capacity provider strategy is not supported when you create a service using the DAEMON \
                 scheduling strategy.",
            ));
        }
        let mut workload = Workload {
            task_definition: definition.task_definition_arn.clone(),
            launch_type,
            capacity_provider_strategy: strategy,
            platform_version: request.platform_version.filter(|version| !version.is_empty()),
            platform_family: None,
            network_configuration: request.network_configuration,
            load_balancers: request.load_balancers,
            service_registries: request.service_registries,
            service_connect_configuration: request.service_connect_configuration,
            volume_configurations: request.volume_configurations,
            vpc_lattice_configurations: request.vpc_lattice_configurations,
            gateway_connectors: request.gateway_connectors,
            monitoring: request.monitoring,
        };
        fill_platform(&mut workload);
        Ok((workload, request.tags))
    }

    /// Refuses what could never run.
    pub(super) fn check_workload(
        &self,
        cluster: &str,
        workload: &Workload,
        definition: &TaskDefinition,
    ) -> Result<(), Fault> {
        let network = workload.network_configuration.as_ref();
        check_network(network, definition.spec.network_mode)?;
        let targets = match (&workload.capacity_provider_strategy, workload.launch_type) {
            (Some(strategy), _) => {
                let known =
                    self.clusters.get(cluster).map(|it| it.capacity_providers.as_slice()).unwrap_or_default();
                check_strategy(strategy, known)?;
                divide(strategy, strategy.len())
            }
            (None, Some(LaunchType::Fargate)) => vec![Target::Fargate { provider: None }],
            (None, Some(LaunchType::ManagedInstances)) => {
                return Err(Fault::invalid(
                    "Launch type MANAGED_INSTANCES needs a capacity provider strategy.",
                ));
            }
            (None, _) => vec![Target::Instances { provider: None }],
        };
        let platform_version = workload.platform_version.as_deref();
        targets.iter().try_for_each(|target| check_target(target, definition, network, platform_version))?;
        if workload.service_registries.len() > 1 {
            return Err(Fault::invalid("Each service may be associated with one service registry."));
        }
        workload.load_balancers.iter().try_for_each(|balancer| self.check_balancer(balancer, definition))
    }

    /// The role that ECS takes towards load balancers.
    fn role(&self, request: &CreateService, definition: &TaskDefinition) -> Result<Option<String>, Fault> {
        let is_awsvpc = definition.spec.network_mode == Some(NetworkMode::Awsvpc);
        let role = |path: &str| {
            let (partition, account) = (self.scope.partition(), &self.scope.account);
            format!("arn:{partition}:iam::{account}:role/{path}")
        };
        match request.role.as_deref().filter(|given| !given.is_empty()) {
            Some(_) if is_awsvpc => Err(Fault::invalid(
                "You cannot specify an IAM role for services that require a service linked role.",
            )),
            Some(_) if request.load_balancers.is_empty() => Err(Fault::invalid(
                "The role parameter is only permitted if you are using a load balancer with your service.",
            )),
            Some(given) if given.starts_with("arn:") => Ok(Some(given.to_owned())),
            Some(given) => Ok(Some(role(given.trim_start_matches('/')))),
            None if is_awsvpc || !request.load_balancers.is_empty() => {
                Ok(Some(role("aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS")))
            }
            None => Ok(None),
        }
    }
}

/// The request without its token, its cluster by name and its family as the exact revision: what must be the same for
/// a second call to make nothing.
fn fingerprint(request: &CreateService, cluster: &str, definition: &TaskDefinition) -> String {
    let mut same = request.clone();
    same.client_token = None;
    same.cluster = Some(cluster.to_owned());
    same.task_definition = Some(definition.task_definition_arn.clone());
    serde_json::to_string(&same).unwrap_or_default()
}

fn rules(
    request: &CreateService,
    scheduling: SchedulingStrategy,
    controller: String,
) -> Result<Rules, Fault> {
    placement::constraints(&request.placement_constraints)?;
    placement::strategy(&request.placement_strategy)?;
    check::grace(request.health_check_grace_period_seconds)?;
    check::zone_rebalancing(request.availability_zone_rebalancing.as_deref())?;
    let usual = if scheduling == SchedulingStrategy::Daemon { "DISABLED" } else { "ENABLED" };
    Ok(Rules {
        configuration: check::configuration(
            &check::usual_configuration(scheduling),
            &request.deployment_configuration,
            scheduling,
        )?,
        constraints: request.placement_constraints.clone(),
        strategy: request.placement_strategy.clone(),
        grace_seconds: request.health_check_grace_period_seconds.or_else(|| {
            // ECS shows the period of services behind load balancers, even when nobody named it.
            (!request.load_balancers.is_empty()).then_some(0)
        }),
        scheduling,
        controller,
        managed_tags: request.enable_ecs_managed_tags,
        propagate_tags: request.propagate_tags.unwrap_or(PropagateTags::None),
        execute_command: request.enable_execute_command,
        zone_rebalancing: request.availability_zone_rebalancing.clone().unwrap_or_else(|| usual.to_owned()),
    })
}

pub(super) fn is_fargate(item: &CapacityProviderStrategyItem) -> bool {
    matches!(item.capacity_provider.as_str(), "FARGATE" | "FARGATE_SPOT")
}

/// Names the platform of what runs on Fargate.
pub(super) fn fill_platform(workload: &mut Workload) {
    let by_strategy = workload.capacity_provider_strategy.iter().flatten().any(is_fargate);
    if by_strategy || workload.launch_type == Some(LaunchType::Fargate) {
        workload.platform_version.get_or_insert_with(|| "LATEST".to_owned());
        workload.platform_family = Some("Linux".to_owned());
    } else {
        workload.platform_family = None;
    }
}

/// The same with the platform version that `LATEST` stands for now: what a revision keeps.
pub(super) fn resolved(workload: &Workload) -> Workload {
    let mut resolved = workload.clone();
    if resolved.platform_version.as_deref() == Some("LATEST") {
        resolved.platform_version = Some(PLATFORM_VERSION.to_owned());
    }
    resolved
}
