//! Clusters: made, described, changed, deleted.

use longshore_model::arn::last_part;
use longshore_model::network::CapacityProviderStrategyItem;
use longshore_model::service::ServiceStatus;
use longshore_model::tag::{KeyValuePair, Tag};
use longshore_model::task::LastStatus;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::{Failure, request};
use crate::cloud::{Cloud, Key};
use crate::fault::{Fault, FaultKind};
use crate::page::{PageRequest, page};
use crate::placement::Slots;
use crate::register::check_tags;
use crate::service::services_in;

/// The cluster that a request without one means.
pub(crate) const DEFAULT: &str = "default";

/// A cluster.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cluster {
    pub(crate) name: String,
    pub(crate) active: bool,
    pub(crate) configuration: Option<Value>,
    pub(crate) settings: Vec<Value>,
    pub(crate) capacity_providers: Vec<String>,
    pub(crate) default_strategy: Vec<CapacityProviderStrategyItem>,
    pub(crate) service_connect_defaults: Option<Value>,
    pub(crate) tags: Vec<Tag>,
    /// The instances as the placer sees them; built from them, not stored.
    #[serde(skip)]
    pub(crate) slots: Slots,
}

request! {
    /// CreateCluster.
    CreateCluster {
        cluster_name: Option<String>,
        tags: Vec<Tag>,
        settings: Vec<Value>,
        configuration: Option<Value>,
        capacity_providers: Vec<String>,
        default_capacity_provider_strategy: Vec<CapacityProviderStrategyItem>,
        service_connect_defaults: Option<Value>,
    }
}
request! {
    /// DescribeClusters.
    DescribeClusters { clusters: Vec<String>, include: Vec<String> }
}
request! {
    /// ListClusters.
    ListClusters { max_results: Option<i32>, next_token: Option<String> }
}
request! {
    /// UpdateCluster.
    UpdateCluster {
        cluster: Option<String>,
        settings: Option<Vec<Value>>,
        configuration: Option<Value>,
        service_connect_defaults: Option<Value>,
    }
}
request! {
    /// UpdateClusterSettings.
    UpdateClusterSettings { cluster: Option<String>, settings: Vec<Value> }
}
request! {
    /// PutClusterCapacityProviders.
    PutClusterCapacityProviders {
        cluster: Option<String>,
        capacity_providers: Vec<String>,
        default_capacity_provider_strategy: Vec<CapacityProviderStrategyItem>,
    }
}
request! {
    /// DeleteCluster.
    DeleteCluster { cluster: Option<String> }
}

/// A cluster as the API gives it.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members of ECS's Cluster, word for word")]
pub struct ClusterView {
    pub cluster_arn: String,
    pub cluster_name: String,
    pub configuration: Option<Value>,
    pub status: &'static str,
    pub registered_container_instances_count: usize,
    pub running_tasks_count: usize,
    pub pending_tasks_count: usize,
    pub active_services_count: usize,
    pub statistics: Vec<KeyValuePair>,
    pub tags: Vec<Tag>,
    pub settings: Vec<Value>,
    pub capacity_providers: Vec<String>,
    pub default_capacity_provider_strategy: Vec<CapacityProviderStrategyItem>,
    pub service_connect_defaults: Option<Value>,
}

/// The answer with one cluster.
#[derive(Debug, Clone, Serialize)]
pub struct OneCluster {
    /// The cluster.
    pub cluster: ClusterView,
}

/// The answer of DescribeClusters.
#[derive(Debug, Clone, Serialize)]
pub struct Clusters {
    /// Those that were found.
    pub clusters: Vec<ClusterView>,
    /// Those that were not.
    pub failures: Vec<Failure>,
}

/// The answer of ListClusters.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterArns {
    /// One page.
    pub cluster_arns: Vec<String>,
    /// Where the next one begins.
    pub next_token: Option<String>,
}

impl Cloud {
    /// The name of the active cluster that a request names (by name or ARN, absent for `default`).
    pub(crate) fn active_cluster(&self, given: Option<&str>) -> Result<String, Fault> {
        let name = last_part(given.unwrap_or(DEFAULT));
        match self.clusters.get(name) {
            None => Err(Fault::new(FaultKind::ClusterNotFound, "Cluster not found.")),
            Some(cluster) if !cluster.active => Err(Fault::client("The referenced cluster was inactive.")),
            Some(_) => Ok(name.to_owned()),
        }
    }

    pub(crate) fn create_cluster(&mut self, request: CreateCluster) -> Result<OneCluster, Fault> {
        let name = request.cluster_name.unwrap_or_else(|| DEFAULT.to_owned());
        check_name(&name)?;
        check_tags(&request.tags)?;
        self.check_providers(&request.capacity_providers, &request.default_capacity_provider_strategy)?;
        // CreateCluster of an active cluster answers with it as it is.
        if !self.clusters.get(&name).is_some_and(|cluster| cluster.active) {
            let settings = if request.settings.is_empty() { default_settings() } else { request.settings };
            let cluster = Cluster {
                name: name.clone(),
                active: true,
                configuration: request.configuration,
                settings,
                capacity_providers: request.capacity_providers,
                default_strategy: request.default_capacity_provider_strategy,
                service_connect_defaults: request.service_connect_defaults,
                tags: request.tags,
                slots: Slots::default(),
            };
            self.clusters.insert(name.clone(), cluster);
            self.touch(Key::Cluster(name.clone()));
        }
        self.one_cluster(&name)
    }

    pub(crate) fn describe_clusters(&self, request: &DescribeClusters) -> Clusters {
        let default = [DEFAULT.to_owned()];
        let asked = if request.clusters.is_empty() { &default[..] } else { &request.clusters[..] };
        let (mut clusters, mut failures) = (Vec::new(), Vec::new());
        for given in asked {
            let name = last_part(given);
            match self.clusters.get(name) {
                Some(cluster) => clusters.push(self.cluster_view(cluster, &request.include)),
                None => failures.push(Failure::missing(self.scope.cluster(name))),
            }
        }
        Clusters { clusters, failures }
    }

    pub(crate) fn list_clusters(&self, request: &ListClusters) -> Result<ClusterArns, Fault> {
        let pages =
            PageRequest { max_results: request.max_results, next_token: request.next_token.as_deref() };
        let after = pages.after()?;
        let names = self.clusters.values().filter(|cluster| cluster.active).map(|cluster| &cluster.name);
        let names = names.filter(|name| after.as_ref().is_none_or(|after| *name > after));
        let page = page(names, pages.limit(100)?, |name| (*name).clone());
        let cluster_arns = page.items.into_iter().map(|name| self.scope.cluster(name)).collect();
        Ok(ClusterArns { cluster_arns, next_token: page.next_token })
    }

    pub(crate) fn update_cluster(&mut self, request: UpdateCluster) -> Result<OneCluster, Fault> {
        let name = self.active_cluster(request.cluster.as_deref())?;
        self.change_cluster(&name, |cluster| {
            if let Some(settings) = request.settings {
                cluster.settings = settings;
            }
            if request.configuration.is_some() {
                cluster.configuration = request.configuration;
            }
            if request.service_connect_defaults.is_some() {
                cluster.service_connect_defaults = request.service_connect_defaults;
            }
        })
    }

    pub(crate) fn update_cluster_settings(
        &mut self,
        request: UpdateClusterSettings,
    ) -> Result<OneCluster, Fault> {
        let name = self.active_cluster(request.cluster.as_deref())?;
        if request.settings.is_empty() {
            return Err(Fault::invalid("Settings cannot be empty."));
        }
        for setting in &request.settings {
            let known = setting.get("name").and_then(Value::as_str) == Some("containerInsights");
            if !known {
                return Err(Fault::invalid("setting name should be one of [containerInsights]"));
            }
        }
        self.change_cluster(&name, |cluster| cluster.settings = request.settings)
    }

    pub(crate) fn put_cluster_capacity_providers(
        &mut self,
        request: PutClusterCapacityProviders,
    ) -> Result<OneCluster, Fault> {
        let name = self.active_cluster(request.cluster.as_deref())?;
        self.check_providers(&request.capacity_providers, &request.default_capacity_provider_strategy)?;
        self.check_removal(&name, &request.capacity_providers)?;
        self.change_cluster(&name, |cluster| {
            cluster.capacity_providers = request.capacity_providers;
            cluster.default_strategy = request.default_capacity_provider_strategy;
        })
    }

    pub(crate) fn delete_cluster(&mut self, request: &DeleteCluster) -> Result<OneCluster, Fault> {
        let Some(given) = request.cluster.as_deref() else {
            return Err(Fault::invalid("Cluster can not be blank."));
        };
        let name = last_part(given).to_owned();
        if !self.clusters.contains_key(&name) {
            return Err(Fault::new(FaultKind::ClusterNotFound, "Cluster not found."));
        }
        if self.instances.values().any(|instance| instance.cluster == name && instance.is_registered()) {
            return Err(Fault::new(
                FaultKind::ClusterContainsContainerInstances,
                "The Cluster cannot be deleted while Container Instances are active or draining.",
            ));
        }
        if services_in(&self.services, &name).any(|service| service.status != ServiceStatus::Inactive) {
            return Err(Fault::new(
                FaultKind::ClusterContainsServices,
                "The Cluster cannot be deleted while Services are active.",
            ));
        }
        if self.tasks_in(&name).any(|entry| entry.view.last_status != LastStatus::Stopped) {
            return Err(Fault::new(
                FaultKind::ClusterContainsTasks,
                "The Cluster cannot be deleted while Tasks are active.",
            ));
        }
        self.change_cluster(&name, |cluster| cluster.active = false)
    }

    fn change_cluster(&mut self, name: &str, change: impl FnOnce(&mut Cluster)) -> Result<OneCluster, Fault> {
        if let Some(cluster) = self.clusters.get_mut(name) {
            change(cluster);
            self.touch(Key::Cluster(name.to_owned()));
        }
        self.one_cluster(name)
    }

    fn one_cluster(&self, name: &str) -> Result<OneCluster, Fault> {
        let include = ["SETTINGS", "CONFIGURATIONS", "TAGS"].map(str::to_owned);
        match self.clusters.get(name) {
            Some(cluster) => Ok(OneCluster { cluster: self.cluster_view(cluster, &include) }),
            None => Err(Fault::new(FaultKind::ClusterNotFound, "Cluster not found.")),
        }
    }

    fn cluster_view(&self, cluster: &Cluster, include: &[String]) -> ClusterView {
        let included = |word: &str| include.iter().any(|given| given == word);
        let instances =
            self.instances.values().filter(|i| i.cluster == cluster.name && i.is_registered()).count();
        let running =
            self.tasks_in(&cluster.name).filter(|t| t.view.last_status == LastStatus::Running).count();
        let pending =
            self.tasks_in(&cluster.name).filter(|t| t.view.last_status < LastStatus::Running).count();
        let services = services_in(&self.services, &cluster.name).filter(|it| it.is_active()).count();
        let statistic = |name: &str, value: usize| KeyValuePair::new(name, value.to_string());
        ClusterView {
            cluster_arn: self.scope.cluster(&cluster.name),
            cluster_name: cluster.name.clone(),
            configuration: cluster.configuration.clone().filter(|_| included("CONFIGURATIONS")),
            status: if cluster.active { "ACTIVE" } else { "INACTIVE" },
            registered_container_instances_count: instances,
            running_tasks_count: running,
            pending_tasks_count: pending,
            active_services_count: services,
            statistics: if included("STATISTICS") {
                vec![statistic("runningTasksCount", running), statistic("pendingTasksCount", pending)]
            } else {
                Vec::new()
            },
            tags: if included("TAGS") { cluster.tags.clone() } else { Vec::new() },
            settings: if included("SETTINGS") { cluster.settings.clone() } else { Vec::new() },
            capacity_providers: cluster.capacity_providers.clone(),
            default_capacity_provider_strategy: cluster.default_strategy.clone(),
            service_connect_defaults: cluster.service_connect_defaults.clone(),
        }
    }
}

fn default_settings() -> Vec<Value> {
    vec![serde_json::json!({ "name": "containerInsights", "value": "disabled" })]
}

fn check_name(name: &str) -> Result<(), Fault> {
    let legal = (1..=255).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if legal { Ok(()) } else { Err(Fault::invalid("Cluster name contains invalid characters.")) }
}
