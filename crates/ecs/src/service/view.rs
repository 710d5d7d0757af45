//! A service as DescribeServices gives it.

use longshore_model::service::{Deployment as DeploymentView, RevisionSummary, Service as ServiceView};
use serde_json::json;

use super::plan::Tally;
use super::{Deployment, Service};
use crate::cloud::Cloud;

impl Cloud {
    pub(super) fn service_view(&self, service: &Service, with_tags: bool) -> ServiceView {
        let workload = &service.workload;
        let deployments = service.deployments.iter().enumerate();
        let deployments: Vec<_> =
            deployments.map(|(index, it)| self.deployment_view(service, it, index == 0)).collect();
        let sum = |of: fn(&DeploymentView) -> i32| deployments.iter().map(of).fold(0, i32::saturating_add);
        let rollout = service.primary().and_then(|primary| self.rollout(&service.key(), primary.rollout));
        ServiceView {
            service_arn: self.scope.service(&service.cluster, &service.name),
            service_name: service.name.clone(),
            cluster_arn: self.scope.cluster(&service.cluster),
            load_balancers: workload.load_balancers.clone(),
            service_registries: workload.service_registries.clone(),
            status: service.status,
            desired_count: service.desired_count,
            running_count: sum(|it| it.running_count),
            pending_count: sum(|it| it.pending_count),
            launch_type: workload.launch_type,
            capacity_provider_strategy: workload.capacity_provider_strategy.clone(),
            platform_version: workload.platform_version.clone(),
            platform_family: workload.platform_family.clone(),
            task_definition: workload.task_definition.clone(),
            deployment_configuration: service.rules.configuration.clone(),
            role_arn: service.role_arn.clone(),
            events: service.events.iter().cloned().collect(),
            created_at: service.created_at,
            current_service_deployment: rollout
                .map(|rollout| self.scope.service_deployment(&service.cluster, &service.name, &rollout.id)),
            current_service_revisions: service
                .deployments
                .iter()
                .map(|it| self.summary(service, it.revision))
                .collect(),
            placement_constraints: service.rules.constraints.clone(),
            placement_strategy: service.rules.strategy.clone(),
            network_configuration: workload.network_configuration.clone(),
            health_check_grace_period_seconds: service.rules.grace_seconds,
            scheduling_strategy: service.rules.scheduling,
            deployment_controller: json!({ "type": service.rules.controller }),
            tags: with_tags.then(|| service.tags.clone()),
            created_by: Some(service.created_by.clone()),
            enable_ecs_managed_tags: service.rules.managed_tags,
            propagate_tags: service.rules.propagate_tags,
            enable_execute_command: service.rules.execute_command,
            availability_zone_rebalancing: service.rules.zone_rebalancing.clone(),
            resource_management_type: "CUSTOMER".to_owned(),
            deployments,
        }
    }

    fn deployment_view(
        &self,
        service: &Service,
        deployment: &Deployment,
        is_primary: bool,
    ) -> DeploymentView {
        let key = (service.cluster.clone(), service.name.clone(), deployment.revision);
        let workload =
            self.service_revisions.get(&key).map(|revision| revision.workload.clone()).unwrap_or_default();
        let tasks = service.census.of_revision(deployment.revision);
        DeploymentView {
            id: deployment.id.clone(),
            status: if is_primary { "PRIMARY" } else { "ACTIVE" }.to_owned(),
            task_definition: workload.task_definition,
            desired_count: requested(service, deployment.revision, &tasks),
            pending_count: count(tasks.pending),
            running_count: count(tasks.running()),
            failed_tasks: deployment.failed_tasks,
            created_at: deployment.created_at,
            updated_at: deployment.updated_at,
            capacity_provider_strategy: workload.capacity_provider_strategy,
            launch_type: workload.launch_type,
            platform_version: workload.platform_version,
            platform_family: workload.platform_family,
            network_configuration: workload.network_configuration,
            rollout_state: deployment.state,
            rollout_state_reason: deployment.reason.clone(),
            service_connect_configuration: workload.service_connect_configuration,
            volume_configurations: workload.volume_configurations,
            vpc_lattice_configurations: workload.vpc_lattice_configurations,
        }
    }

    /// How many tasks of a revision there are.
    pub(super) fn summary(&self, service: &Service, revision: u64) -> RevisionSummary {
        let tasks = service.census.of_revision(revision);
        RevisionSummary {
            arn: self.scope.service_revision(&service.cluster, &service.name, revision),
            requested_task_count: requested(service, revision, &tasks),
            running_task_count: count(tasks.running()),
            pending_task_count: count(tasks.pending),
        }
    }
}

/// How many tasks a revision should have: all of the service's when it is PRIMARY, else those that it still has.
fn requested(service: &Service, revision: u64, tasks: &Tally) -> i32 {
    let is_primary = service.primary().is_some_and(|primary| primary.revision == revision);
    if is_primary { service.desired_count } else { count(tasks.live()) }
}

fn count(of: usize) -> i32 {
    i32::try_from(of).unwrap_or(i32::MAX)
}
