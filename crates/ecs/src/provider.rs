//! Capacity providers: those of Fargate, which are always there, and those that were created.
//!
//! A created provider names an Auto Scaling group or managed instances, which nobody starts here: its tasks go to the
//! container instances of the cluster.

use longshore_model::arn::last_part;
use longshore_model::network::CapacityProviderStrategyItem;
use longshore_model::tag::Tag;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::api::{Failure, request};
use crate::cloud::{Cloud, Key};
use crate::fault::{Fault, FaultKind};
use crate::page::{PageRequest, page};
use crate::register::check_tags;
use crate::service::services_in;

/// Those that nobody creates.
const OF_FARGATE: [&str; 2] = ["FARGATE", "FARGATE_SPOT"];
/// How many one call describes, and how many a page has.
const DESCRIBED_LIMIT: usize = 100;
const PAGE_LIMIT: i32 = 10;

/// A capacity provider.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) cluster: Option<String>,
    /// Whether it can be used; a deleted one is still shown.
    pub(crate) is_active: bool,
    pub(crate) auto_scaling_group: Option<Map<String, Value>>,
    pub(crate) managed_instances: Option<Map<String, Value>>,
    pub(crate) update_status: Option<String>,
    pub(crate) tags: Vec<Tag>,
}

request! {
    /// CreateCapacityProvider.
    CreateCapacityProvider {
        name: Option<String>,
        cluster: Option<String>,
        auto_scaling_group_provider: Option<Map<String, Value>>,
        managed_instances_provider: Option<Map<String, Value>>,
        tags: Vec<Tag>,
    }
}
request! {
    /// DescribeCapacityProviders.
    DescribeCapacityProviders {
        capacity_providers: Vec<String>,
        cluster: Option<String>,
        include: Vec<String>,
        max_results: Option<i32>,
        next_token: Option<String>,
    }
}
request! {
    /// UpdateCapacityProvider.
    UpdateCapacityProvider {
        name: Option<String>,
        cluster: Option<String>,
        auto_scaling_group_provider: Option<Map<String, Value>>,
        managed_instances_provider: Option<Map<String, Value>>,
    }
}
request! {
    /// DeleteCapacityProvider.
    DeleteCapacityProvider { capacity_provider: Option<String>, cluster: Option<String> }
}

/// A capacity provider as the API gives it.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members of ECS's CapacityProvider, word for word")]
pub struct ProviderView {
    pub capacity_provider_arn: String,
    pub name: String,
    pub cluster: Option<String>,
    pub status: String,
    pub auto_scaling_group_provider: Option<Map<String, Value>>,
    pub managed_instances_provider: Option<Map<String, Value>>,
    pub update_status: Option<String>,
    pub tags: Vec<Tag>,
    #[serde(rename = "type")]
    pub kind: String,
}

/// The answer with one capacity provider.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OneProvider {
    /// The provider.
    pub capacity_provider: ProviderView,
}

/// The answer of DescribeCapacityProviders.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Providers {
    /// One page.
    pub capacity_providers: Vec<ProviderView>,
    /// Those that were not found.
    pub failures: Vec<Failure>,
    /// Where the next page begins.
    pub next_token: Option<String>,
}

/// Whether it is one of those that nobody creates.
pub(crate) fn is_fargate(name: &str) -> bool {
    OF_FARGATE.contains(&name)
}

impl Cloud {
    pub(crate) fn create_capacity_provider(
        &mut self,
        request: CreateCapacityProvider,
    ) -> Result<OneProvider, Fault> {
        let name = check_name(request.name.as_deref())?;
        check_tags(&request.tags)?;
        if self.providers.get(&name).is_some_and(|provider| provider.is_active) {
            return Err(Fault::client(format!(
                "The capacity provider '{name}' already exists. Specify another name and try again."
            )));
        }
        let mut group = request.auto_scaling_group_provider;
        match (&mut group, &request.managed_instances_provider) {
            (Some(group), None) => fill_group(group)?,
            (None, Some(_)) if request.cluster.is_some() => {}
            (None, Some(_)) => {
                return Err(Fault::invalid("A capacity provider of managed instances needs a cluster."));
            }
            _ => {
                return Err(Fault::invalid(
                    "Specify either autoScalingGroupProvider or managedInstancesProvider for the capacity provider.",
                ));
            }
        }
        let cluster =
            request.cluster.as_deref().map(|cluster| self.active_cluster(Some(cluster))).transpose()?;
        let provider = Provider {
            name: name.clone(),
            cluster: cluster.clone(),
            is_active: true,
            auto_scaling_group: group,
            managed_instances: request.managed_instances_provider,
            update_status: None,
            tags: request.tags,
        };
        let answer = self.provider_view(&provider, true);
        self.providers.insert(name.clone(), provider);
        self.touch(Key::CapacityProvider(name.clone()));
        // "It becomes available only within the specified cluster", at once.
        if let Some(of) = cluster.as_ref().and_then(|cluster| self.clusters.get_mut(cluster)) {
            of.capacity_providers.push(name);
        }
        cluster.into_iter().for_each(|cluster| self.touch(Key::Cluster(cluster)));
        Ok(OneProvider { capacity_provider: answer })
    }

    pub(crate) fn describe_capacity_providers(
        &self,
        request: &DescribeCapacityProviders,
    ) -> Result<Providers, Fault> {
        if request.capacity_providers.len() > DESCRIBED_LIMIT {
            return Err(Fault::invalid(format!(
                "Capacity providers cannot contain more than {DESCRIBED_LIMIT} elements."
            )));
        }
        let with_tags = request.include.iter().any(|word| word == "TAGS");
        let known: Vec<String> = match &request.cluster {
            None => OF_FARGATE
                .iter()
                .map(|name| (*name).to_owned())
                .chain(self.providers.keys().cloned())
                .collect(),
            Some(cluster) => {
                let cluster = self.active_cluster(Some(cluster))?;
                self.clusters.get(&cluster).map(|it| it.capacity_providers.clone()).unwrap_or_default()
            }
        };
        let mut failures = Vec::new();
        let mut names: Vec<String> = if request.capacity_providers.is_empty() {
            known.into_iter().filter(|name| self.is_usable(name)).collect()
        } else {
            let asked = request.capacity_providers.iter().map(|given| last_part(given).to_owned());
            let (found, missing): (Vec<_>, Vec<_>) = asked.partition(|name| known.contains(name));
            failures.extend(missing.iter().map(|name| Failure::missing(self.scope.capacity_provider(name))));
            found
        };
        names.sort_unstable();
        names.dedup();
        let pages =
            PageRequest { max_results: request.max_results, next_token: request.next_token.as_deref() };
        let after = pages.after()?;
        let rest = names.into_iter().filter(|name| after.as_ref().is_none_or(|after| name > after));
        let page = page(rest, pages.limit(PAGE_LIMIT)?, Clone::clone);
        let view = |name: &String| match self.providers.get(name) {
            Some(provider) => self.provider_view(provider, with_tags),
            None => self.fargate_view(name),
        };
        let capacity_providers = page.items.iter().map(view).collect();
        Ok(Providers { capacity_providers, failures, next_token: page.next_token })
    }

    pub(crate) fn update_capacity_provider(
        &mut self,
        request: UpdateCapacityProvider,
    ) -> Result<OneProvider, Fault> {
        let name = self.created(request.name.as_deref())?;
        let Some(provider) = self.providers.get_mut(&name) else { return Err(not_found(&name)) };
        let mut changed = provider.clone();
        let of = |place: &mut Option<Map<String, Value>>, given: Option<Map<String, Value>>| match (
            place, given,
        ) {
            (_, None) => Ok(()),
            (Some(place), Some(given)) => {
                merge(place, given);
                Ok(())
            }
            (None, Some(_)) => {
                Err(Fault::invalid(format!("The capacity provider '{name}' is of another type.")))
            }
        };
        of(&mut changed.auto_scaling_group, request.auto_scaling_group_provider)?;
        of(&mut changed.managed_instances, request.managed_instances_provider)?;
        if let Some(group) = &mut changed.auto_scaling_group {
            fill_group(group)?;
        }
        changed.update_status = Some("UPDATE_COMPLETE".to_owned());
        *provider = changed;
        self.touch(Key::CapacityProvider(name.clone()));
        self.one_provider(&name)
    }

    pub(crate) fn delete_capacity_provider(
        &mut self,
        request: &DeleteCapacityProvider,
    ) -> Result<OneProvider, Fault> {
        let name = self.created(request.capacity_provider.as_deref())?;
        let mut users =
            self.clusters.values().filter(|it| it.active && it.capacity_providers.contains(&name));
        let is_own = |provider: &Provider| provider.cluster.is_some();
        if let Some(cluster) = users.next().filter(|_| !self.providers.get(&name).is_some_and(is_own)) {
            return Err(Fault::client(format!(
                "The specified capacity provider is associated with cluster '{}' and cannot be deleted. Disassociate it \
                 with PutClusterCapacityProviders and try again.",
                cluster.name
            )));
        }
        if self.services.values().any(|service| service.is_active() && service.uses_provider(&name)) {
            return Err(Fault::new(
                FaultKind::ResourceInUse,
                "The specified capacity provider is used by a service and cannot be deleted.",
            ));
        }
        let cluster = self.providers.get_mut(&name).and_then(|provider| {
            provider.is_active = false;
            provider.update_status = Some("DELETE_COMPLETE".to_owned());
            provider.cluster.clone()
        });
        if let Some(cluster) = cluster {
            if let Some(of) = self.clusters.get_mut(&cluster) {
                of.capacity_providers.retain(|known| *known != name);
            }
            self.touch(Key::Cluster(cluster));
        }
        self.touch(Key::CapacityProvider(name.clone()));
        let mut answer = self.one_provider(&name)?;
        answer.capacity_provider.status = "ACTIVE".to_owned();
        answer.capacity_provider.update_status = Some("DELETE_IN_PROGRESS".to_owned());
        Ok(answer)
    }

    /// The providers of a cluster must exist, and its strategy must be of them.
    pub(crate) fn check_providers(
        &self,
        names: &[String],
        strategy: &[CapacityProviderStrategyItem],
    ) -> Result<(), Fault> {
        if let Some(name) = names.iter().find(|name| !self.is_usable(name)) {
            return Err(not_found(name));
        }
        match strategy.iter().find(|item| !names.contains(&item.capacity_provider)) {
            None => Ok(()),
            Some(_) => Err(Fault::invalid(
                "The specified capacity provider strategy cannot contain a capacity provider that is not associated \
                 with the cluster. Associate the capacity provider with the cluster and try again.",
            )),
        }
    }

    /// A provider that a service uses stays with its cluster.
    pub(crate) fn check_removal(&self, cluster: &str, staying: &[String]) -> Result<(), Fault> {
        let known = self.clusters.get(cluster).map(|it| it.capacity_providers.as_slice()).unwrap_or_default();
        let mut removed = known.iter().filter(|name| !staying.contains(name));
        let in_use = |name: &&String| {
            services_in(&self.services, cluster)
                .any(|service| service.is_active() && service.uses_provider(name))
        };
        match removed.find(in_use) {
            None => Ok(()),
            Some(_) => Err(Fault::new(
                FaultKind::ResourceInUse,
                "The specified capacity provider is in use and cannot be removed.",
            )),
        }
    }

    fn is_usable(&self, name: &str) -> bool {
        is_fargate(name) || self.providers.get(name).is_some_and(|provider| provider.is_active)
    }

    /// The name of a created provider that can be used.
    fn created(&self, given: Option<&str>) -> Result<String, Fault> {
        let name = last_part(given.unwrap_or_default()).to_owned();
        if is_fargate(&name) {
            return Err(Fault::client(format!(
                "The specified capacity provider '{name}' is reserved and can't be changed or deleted."
            )));
        }
        if self.is_usable(&name) { Ok(name) } else { Err(not_found(&name)) }
    }

    fn one_provider(&self, name: &str) -> Result<OneProvider, Fault> {
        let provider = self.providers.get(name).ok_or_else(|| not_found(name))?;
        Ok(OneProvider { capacity_provider: self.provider_view(provider, true) })
    }

    fn provider_view(&self, provider: &Provider, with_tags: bool) -> ProviderView {
        let kind = if provider.managed_instances.is_some() { "MANAGED_INSTANCES" } else { "EC2_AUTOSCALING" };
        ProviderView {
            capacity_provider_arn: self.scope.capacity_provider(&provider.name),
            name: provider.name.clone(),
            cluster: provider.cluster.clone(),
            status: if provider.is_active { "ACTIVE" } else { "INACTIVE" }.to_owned(),
            auto_scaling_group_provider: provider.auto_scaling_group.clone(),
            managed_instances_provider: provider.managed_instances.clone(),
            update_status: provider.update_status.clone(),
            tags: if with_tags { provider.tags.clone() } else { Vec::new() },
            kind: kind.to_owned(),
        }
    }

    fn fargate_view(&self, name: &str) -> ProviderView {
        ProviderView {
            capacity_provider_arn: self.scope.capacity_provider(name),
            name: name.to_owned(),
            cluster: None,
            status: "ACTIVE".to_owned(),
            auto_scaling_group_provider: None,
            managed_instances_provider: None,
            update_status: None,
            tags: Vec::new(),
            kind: name.to_owned(),
        }
    }
}

fn not_found(name: &str) -> Fault {
    Fault::invalid(format!(
        "The specified capacity provider '{name}' was not found. Specify a valid name or ARN and try again."
    ))
}

/// Up to 255 letters, digits, `-` and `_`, and not a name of AWS's own.
fn check_name(given: Option<&str>) -> Result<String, Fault> {
    let name = given.unwrap_or_default();
    let legal = (1..=255).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if !legal {
        return Err(Fault::invalid("The capacity provider name contains invalid characters."));
    }
    let lower = name.to_ascii_lowercase();
    if ["aws", "ecs", "fargate"].iter().any(|prefix| lower.starts_with(prefix)) {
        return Err(Fault::invalid(
            "The capacity provider name cannot be prefixed with \"aws\", \"ecs\" or \"fargate\".",
        ));
    }
    Ok(name.to_owned())
}

/// ECS's own values where nothing was said.
fn fill_group(group: &mut Map<String, Value>) -> Result<(), Fault> {
    if group.get("autoScalingGroupArn").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(Fault::invalid("autoScalingGroupArn can not be blank."));
    }
    let usual = json!({
        "managedScaling": {
            "status": "DISABLED", "targetCapacity": 100, "minimumScalingStepSize": 1,
            "maximumScalingStepSize": 10000, "instanceWarmupPeriod": 300,
        },
        "managedTerminationProtection": "DISABLED",
        "managedDraining": "ENABLED",
    });
    let Value::Object(mut filled) = usual else { return Ok(()) };
    merge(&mut filled, std::mem::take(group));
    *group = filled;
    let capacity =
        group.get("managedScaling").and_then(|it| it.get("targetCapacity")).and_then(Value::as_i64);
    if capacity.is_some_and(|capacity| !(1..=100).contains(&capacity)) {
        return Err(Fault::invalid("targetCapacity must be greater than 0 and less than or equal to 100."));
    }
    Ok(())
}

/// Takes over the members that were given, and of objects theirs.
fn merge(into: &mut Map<String, Value>, given: Map<String, Value>) {
    for (name, value) in given {
        match (into.get_mut(&name), value) {
            (Some(Value::Object(inner)), Value::Object(value)) => merge(inner, value),
            (_, Value::Null) => {}
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}
