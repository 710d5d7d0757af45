//! The calls that make, change, show and delete services, as they are asked and answered.

use longshore_model::arn::last_part;
use longshore_model::network::{CapacityProviderStrategyItem, LaunchType, NetworkConfiguration};
use longshore_model::placement::{PlacementConstraint, PlacementStrategy};
use longshore_model::service::{
    DeploymentConfiguration, LoadBalancer, PropagateTags, SchedulingStrategy, Service as ServiceView,
};
use longshore_model::tag::Tag;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Service, ServiceKey, services_in};
use crate::api::{Failure, request};
use crate::cloud::Cloud;
use crate::fault::{Fault, FaultKind};
use crate::page::{PageRequest, page};

/// How many services one call describes.
const DESCRIBED_LIMIT: usize = 10;
/// How many services a page of ListServices has where the call says nothing.
const USUAL_PAGE: i32 = 10;

/// Which kind of deployment a service has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DeploymentController {
    /// `ECS`, `CODE_DEPLOY` or `EXTERNAL`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

request! {
    /// CreateService.
    CreateService {
        cluster: Option<String>,
        service_name: Option<String>,
        task_definition: Option<String>,
        availability_zone_rebalancing: Option<String>,
        load_balancers: Vec<LoadBalancer>,
        service_registries: Vec<Value>,
        desired_count: Option<i32>,
        client_token: Option<String>,
        launch_type: Option<LaunchType>,
        capacity_provider_strategy: Vec<CapacityProviderStrategyItem>,
        platform_version: Option<String>,
        role: Option<String>,
        deployment_configuration: DeploymentConfiguration,
        placement_constraints: Vec<PlacementConstraint>,
        placement_strategy: Vec<PlacementStrategy>,
        network_configuration: Option<NetworkConfiguration>,
        health_check_grace_period_seconds: Option<i32>,
        scheduling_strategy: Option<SchedulingStrategy>,
        deployment_controller: Option<DeploymentController>,
        tags: Vec<Tag>,
        #[serde(rename = "enableECSManagedTags")] enable_ecs_managed_tags: bool,
        propagate_tags: Option<PropagateTags>,
        enable_execute_command: bool,
        service_connect_configuration: Option<Value>,
        volume_configurations: Option<Vec<Value>>,
        vpc_lattice_configurations: Option<Vec<Value>>,
        gateway_connectors: Option<Vec<Value>>,
        monitoring: Option<Value>,
    }
}
request! {
    /// UpdateService.
    UpdateService {
        cluster: Option<String>,
        service: Option<String>,
        desired_count: Option<i32>,
        task_definition: Option<String>,
        capacity_provider_strategy: Option<Vec<CapacityProviderStrategyItem>>,
        deployment_configuration: Option<DeploymentConfiguration>,
        availability_zone_rebalancing: Option<String>,
        network_configuration: Option<NetworkConfiguration>,
        placement_constraints: Option<Vec<PlacementConstraint>>,
        placement_strategy: Option<Vec<PlacementStrategy>>,
        platform_version: Option<String>,
        force_new_deployment: bool,
        health_check_grace_period_seconds: Option<i32>,
        deployment_controller: Option<DeploymentController>,
        enable_execute_command: Option<bool>,
        #[serde(rename = "enableECSManagedTags")] enable_ecs_managed_tags: Option<bool>,
        load_balancers: Option<Vec<LoadBalancer>>,
        propagate_tags: Option<PropagateTags>,
        service_registries: Option<Vec<Value>>,
        service_connect_configuration: Option<Value>,
        volume_configurations: Option<Vec<Value>>,
        vpc_lattice_configurations: Option<Vec<Value>>,
        gateway_connectors: Option<Vec<Value>>,
        monitoring: Option<Value>,
    }
}
request! {
    /// DeleteService.
    DeleteService { cluster: Option<String>, service: Option<String>, force: Option<bool> }
}
request! {
    /// DescribeServices.
    DescribeServices { cluster: Option<String>, services: Vec<String>, include: Vec<String> }
}
request! {
    /// ListServices.
    ListServices {
        cluster: Option<String>,
        next_token: Option<String>,
        max_results: Option<i32>,
        launch_type: Option<LaunchType>,
        scheduling_strategy: Option<SchedulingStrategy>,
        resource_management_type: Option<String>,
    }
}

/// The answer with one service.
#[derive(Debug, Clone, Serialize)]
pub struct OneService {
    /// The service.
    pub service: Box<ServiceView>,
}

/// The answer of DescribeServices.
#[derive(Debug, Clone, Serialize)]
pub struct Services {
    /// Those that were found.
    pub services: Vec<ServiceView>,
    /// Those that were not.
    pub failures: Vec<Failure>,
}

/// The answer of ListServices.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceArns {
    /// One page.
    pub service_arns: Vec<String>,
    /// Where the next one begins.
    pub next_token: Option<String>,
}

impl Cloud {
    pub(crate) fn describe_services(&self, request: &DescribeServices) -> Result<Services, Fault> {
        let cluster = self.active_cluster(request.cluster.as_deref())?;
        match request.services.len() {
            0 => return Err(Fault::invalid("Services cannot be empty.")),
            n if n > DESCRIBED_LIMIT => {
                return Err(Fault::invalid(format!(
                    "Services cannot contain more than {DESCRIBED_LIMIT} elements."
                )));
            }
            _ => {}
        }
        let with_tags = request.include.iter().any(|word| word == "TAGS");
        let mut answer = Services { services: Vec::new(), failures: Vec::new() };
        for given in &request.services {
            let name = last_part(given);
            match self.services.get(&(cluster.clone(), name.to_owned())) {
                Some(service) => answer.services.push(self.service_view(service, with_tags)),
                None => answer.failures.push(Failure::missing(self.scope.service(&cluster, name))),
            }
        }
        Ok(answer)
    }

    pub(crate) fn list_services(&self, request: &ListServices) -> Result<ServiceArns, Fault> {
        let cluster = self.active_cluster(request.cluster.as_deref())?;
        let max_results = request.max_results.or(Some(USUAL_PAGE));
        let pages = PageRequest { max_results, next_token: request.next_token.as_deref() };
        let after = pages.after()?;
        let is_of = |service: &&Service| {
            let launch_type = service.workload.launch_type;
            service.is_active()
                && request.launch_type.is_none_or(|wanted| launch_type == Some(wanted))
                && request.scheduling_strategy.is_none_or(|wanted| service.rules.scheduling == wanted)
                && request.resource_management_type.as_deref().is_none_or(|wanted| wanted == "CUSTOMER")
        };
        let names = services_in(&self.services, &cluster).filter(is_of).map(|service| &service.name);
        let names = names.filter(|name| after.as_ref().is_none_or(|after| *name > after));
        let page = page(names, pages.limit(100)?, |name| (*name).clone());
        let service_arns = page.items.into_iter().map(|name| self.scope.service(&cluster, name)).collect();
        Ok(ServiceArns { service_arns, next_token: page.next_token })
    }

    /// The service that a request names, by name or ARN.
    pub(super) fn named_service(
        &self,
        cluster: &str,
        given: Option<&str>,
    ) -> Result<(ServiceKey, &Service), Fault> {
        let Some(given) = given.filter(|given| !given.is_empty()) else {
            return Err(Fault::invalid("Service can not be blank."));
        };
        let key = (cluster.to_owned(), last_part(given).to_owned());
        match self.services.get(&key) {
            Some(service) => Ok((key, service)),
            None => Err(Fault::new(FaultKind::ServiceNotFound, "Service not found.")),
        }
    }

    pub(super) fn one_service(&self, key: &ServiceKey) -> Result<OneService, Fault> {
        match self.services.get(key) {
            Some(service) => Ok(OneService { service: Box::new(self.service_view(service, true)) }),
            None => Err(Fault::new(FaultKind::ServiceNotFound, "Service not found.")),
        }
    }
}
