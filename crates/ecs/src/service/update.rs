//! UpdateService and DeleteService.

use longshore_model::Timestamp;
use longshore_model::network::LaunchType;
use longshore_model::service::{SchedulingStrategy, ServiceStatus, Workload};

use super::api::{DeleteService, OneService, UpdateService};
use super::create::{fill_platform, is_fargate};
use super::{Rules, ServiceKey, check};
use crate::cloud::Cloud;
use crate::fault::{Fault, FaultKind};
use crate::placement;

impl Cloud {
    pub(crate) fn update_service(
        &mut self,
        request: UpdateService,
        now: Timestamp,
    ) -> Result<OneService, Fault> {
        let cluster = self.active_cluster(request.cluster.as_deref())?;
        let (key, service) = self.named_service(&cluster, request.service.as_deref())?;
        if !service.is_active() {
            return Err(Fault::new(FaultKind::ServiceNotActive, "Service was not ACTIVE."));
        }
        if service.rules.controller == "CODE_DEPLOY" {
            refuse_of_code_deploy(&request)?;
        }
        let scheduling = service.rules.scheduling;
        let desired_count = match request.desired_count {
            Some(_) => check::desired(request.desired_count, scheduling)?,
            None => service.desired_count,
        };
        let rules = changed_rules(&service.rules, &request)?;
        let before = service.workload.clone();
        let given = request.task_definition.as_deref().filter(|given| !given.is_empty());
        let definition = match given {
            Some(given) => self.deployable(Some(given))?,
            // What runs may have been deregistered since.
            None => match self.revision(&before.task_definition)? {
                Some(revision) => std::sync::Arc::clone(&revision.definition),
                None => return Err(Fault::client("TaskDefinition not found.")),
            },
        };
        let force = request.force_new_deployment;
        let mut workload = changed_workload(before.clone(), request);
        workload.task_definition.clone_from(&definition.task_definition_arn);
        if scheduling == SchedulingStrategy::Daemon && workload.capacity_provider_strategy.is_some() {
            return Err(Fault::invalid(
                "Specifying a capacity provider strategy is not supported for a service with the DAEMON scheduling \
                 strategy.",
            ));
        }
        if workload != before {
            self.check_workload(&cluster, &workload, &definition)?;
        }
        self.apply_update(&key, Wanted { desired_count, rules, workload, force }, now);
        self.one_service(&key)
    }

    fn apply_update(&mut self, key: &ServiceKey, wanted: Wanted, now: Timestamp) {
        let Some(service) = self.services.get_mut(key) else { return };
        let is_new = wanted.force || needs_deployment(&service.workload, &wanted.workload);
        let grace_changed = service.rules.grace_seconds != wanted.rules.grace_seconds;
        if service.desired_count != wanted.desired_count {
            service.is_steady = false;
        }
        service.desired_count = wanted.desired_count;
        service.rules = wanted.rules;
        service.workload = wanted.workload;
        if grace_changed {
            self.unsettled_tasks.extend(service.census.members().map(|(id, _)| id.clone()));
        }
        let row = service.row();
        self.touch(row);
        self.unsettled_services.insert(key.clone());
        if is_new {
            self.begin_deployment(key, now);
        }
    }

    pub(crate) fn delete_service(&mut self, request: &DeleteService) -> Result<OneService, Fault> {
        let cluster = self.active_cluster(request.cluster.as_deref())?;
        let (key, service) = self.named_service(&cluster, request.service.as_deref())?;
        match service.status {
            ServiceStatus::Inactive => {
                return Err(Fault::new(FaultKind::ServiceNotFound, "Service not found."));
            }
            ServiceStatus::Draining => return self.one_service(&key),
            ServiceStatus::Active => {}
        }
        let is_replica = service.rules.scheduling == SchedulingStrategy::Replica;
        if is_replica && service.desired_count > 0 && request.force != Some(true) {
            return Err(Fault::invalid("The service cannot be stopped while it is scaled above 0."));
        }
        if let Some(service) = self.services.get_mut(&key) {
            service.status = ServiceStatus::Draining;
            service.desired_count = 0;
            service.pause = None;
            let row = service.row();
            self.touch(row);
        }
        self.unsettled_services.insert(key.clone());
        self.one_service(&key)
    }
}

/// A service as an update wants it.
struct Wanted {
    desired_count: i32,
    rules: Rules,
    workload: Workload,
    /// Whether a deployment is wanted in any case.
    force: bool,
}

fn refuse_of_code_deploy(request: &UpdateService) -> Result<(), Fault> {
    let refuse = |what: &str| {
        Err(Fault::invalid(format!(
            "Unable to update {what} on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to \
             trigger a new deployment."
        )))
    };
    if request.task_definition.is_some() {
        return refuse("task definition");
    }
    if request.network_configuration.is_some() {
        return refuse("network parameters");
    }
    if request.platform_version.is_some() {
        return refuse("platform version");
    }
    if request.load_balancers.is_some() {
        return refuse("load balancers");
    }
    if request.force_new_deployment {
        return Err(Fault::invalid(
            "Cannot force a new deployment on services with a CODE_DEPLOY deployment controller. \
                                   Use AWS CodeDeploy to trigger a new deployment.",
        ));
    }
    Ok(())
}

fn changed_rules(before: &Rules, request: &UpdateService) -> Result<Rules, Fault> {
    let mut rules = before.clone();
    if let Some(given) = &request.deployment_configuration {
        rules.configuration = check::configuration(&before.configuration, given, before.scheduling)?;
    }
    if let Some(given) = &request.placement_constraints {
        placement::constraints(given)?;
        rules.constraints.clone_from(given);
    }
    if let Some(given) = &request.placement_strategy {
        placement::strategy(given)?;
        rules.strategy.clone_from(given);
    }
    check::grace(request.health_check_grace_period_seconds)?;
    rules.grace_seconds = request.health_check_grace_period_seconds.or(before.grace_seconds);
    check::zone_rebalancing(request.availability_zone_rebalancing.as_deref())?;
    if let Some(given) = &request.availability_zone_rebalancing {
        rules.zone_rebalancing.clone_from(given);
    }
    if request.deployment_controller.is_some() {
        rules.controller = check::controller(request.deployment_controller.as_ref())?;
    }
    rules.managed_tags = request.enable_ecs_managed_tags.unwrap_or(before.managed_tags);
    rules.propagate_tags = request.propagate_tags.unwrap_or(before.propagate_tags);
    rules.execute_command = request.enable_execute_command.unwrap_or(before.execute_command);
    Ok(rules)
}

fn changed_workload(mut workload: Workload, request: UpdateService) -> Workload {
    if let Some(strategy) = request.capacity_provider_strategy {
        let was_fargate = workload.capacity_provider_strategy.iter().flatten().any(is_fargate);
        if !strategy.is_empty() {
            workload.launch_type = None;
            workload.capacity_provider_strategy = Some(strategy);
        } else if workload.capacity_provider_strategy.take().is_some() {
            workload.launch_type = Some(if was_fargate { LaunchType::Fargate } else { LaunchType::Ec2 });
        }
    }
    let version = request.platform_version.filter(|version| !version.is_empty());
    fill_platform(&mut workload);
    if workload.platform_family.is_none() {
        workload.platform_version = None;
    }
    replace(&mut workload.platform_version, version);
    replace(&mut workload.network_configuration, request.network_configuration);
    replace(&mut workload.service_connect_configuration, request.service_connect_configuration);
    replace(&mut workload.volume_configurations, request.volume_configurations);
    replace(&mut workload.vpc_lattice_configurations, request.vpc_lattice_configurations);
    replace(&mut workload.gateway_connectors, request.gateway_connectors);
    replace(&mut workload.monitoring, request.monitoring);
    if let Some(given) = request.load_balancers {
        workload.load_balancers = given;
    }
    if let Some(given) = request.service_registries {
        workload.service_registries = given;
    }
    workload
}

fn replace<T>(place: &mut Option<T>, given: Option<T>) {
    if given.is_some() {
        *place = given;
    }
}

/// Whether a change makes a deployment: all of what a revision fixes does, but for the strategy, of which the reference
/// of UpdateService says that it "doesn't trigger a new service deployment".
fn needs_deployment(before: &Workload, after: &Workload) -> bool {
    let mut same = after.clone();
    same.launch_type = before.launch_type;
    same.capacity_provider_strategy.clone_from(&before.capacity_provider_strategy);
    same.platform_family.clone_from(&before.platform_family);
    same != *before
}
