//! How the value is stored: part by part, each as JSON, and put together again.

use std::sync::Arc;

use longshore_model::container_definition::ContainerDefinition;
use longshore_model::task::Task;
use longshore_model::task_definition::TaskDefinition;
use serde::{Deserialize, Serialize};

use crate::cloud::{Cloud, Key};
use crate::cluster::Cluster;
use crate::definition::Revision;
use crate::instance::{Instance, slot};
use crate::provider::Provider;
use crate::run;
use crate::service::{Revision as ServiceRevision, Rollout, Service};
use crate::setting::Settings;
use crate::task::{ContainerRun, TaskEntry, is_over, no_definition};
use crate::token::TokenUse;

/// A stored part that cannot be read.
#[derive(Debug)]
pub struct RowError {
    /// What sort.
    pub kind: String,
    /// Which.
    pub id: String,
    /// Why.
    pub cause: serde_json::Error,
}

impl std::fmt::Display for RowError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot read the stored {} `{}`", self.kind, self.id)
    }
}

impl std::error::Error for RowError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// The sorts of stored parts.
pub mod kind {
    /// A cluster.
    pub const CLUSTER: &str = "cluster";
    /// A family's highest revision.
    pub const FAMILY: &str = "family";
    /// A revision.
    pub const DEFINITION: &str = "task-definition";
    /// A container instance.
    pub const INSTANCE: &str = "container-instance";
    /// A task.
    pub const TASK: &str = "task";
    /// A client token.
    pub const TOKEN: &str = "client-token";
    /// The account settings.
    pub const SETTINGS: &str = "account-settings";
    /// A load balancer.
    pub const LOAD_BALANCER: &str = "load-balancer";
    /// A target group with its targets.
    pub const TARGET_GROUP: &str = "target-group";
    /// A listener with its rules.
    pub const LISTENER: &str = "listener";
    /// A service.
    pub const SERVICE: &str = "service";
    /// A revision of a service.
    pub const SERVICE_REVISION: &str = "service-revision";
    /// A service deployment.
    pub const SERVICE_DEPLOYMENT: &str = "service-deployment";
    /// A capacity provider.
    pub const CAPACITY_PROVIDER: &str = "capacity-provider";
    /// All of them.
    pub const ALL: [&str; 14] = [
        CLUSTER,
        FAMILY,
        DEFINITION,
        INSTANCE,
        TASK,
        TOKEN,
        SETTINGS,
        SERVICE,
        SERVICE_REVISION,
        SERVICE_DEPLOYMENT,
        CAPACITY_PROVIDER,
        LOAD_BALANCER,
        TARGET_GROUP,
        LISTENER,
    ];
}

#[derive(Serialize, Deserialize)]
struct TokenRow {
    cluster: String,
    token: String,
    #[serde(flatten)]
    token_use: TokenUse,
}

impl Key {
    /// The sort and the id under which the part is stored.
    #[must_use]
    pub fn row_key(&self) -> (&'static str, String) {
        match self {
            Self::Cluster(name) => (kind::CLUSTER, name.clone()),
            Self::Family(name) => (kind::FAMILY, name.clone()),
            Self::Definition(family, revision) => (kind::DEFINITION, format!("{family}:{revision}")),
            Self::Instance(id) => (kind::INSTANCE, id.clone()),
            Self::Task(id) => (kind::TASK, id.clone()),
            Self::Token(cluster, token) => (kind::TOKEN, format!("{cluster} {token}")),
            Self::Settings => (kind::SETTINGS, String::new()),
            Self::LoadBalancer(arn) => (kind::LOAD_BALANCER, arn.clone()),
            Self::TargetGroup(arn) => (kind::TARGET_GROUP, arn.clone()),
            Self::Listener(arn) => (kind::LISTENER, arn.clone()),
            Self::Service(cluster, name) => (kind::SERVICE, format!("{cluster}/{name}")),
            Self::ServiceRevision(cluster, name, number) => {
                (kind::SERVICE_REVISION, format!("{cluster}/{name}/{number}"))
            }
            Self::ServiceDeployment(cluster, name, number) => {
                (kind::SERVICE_DEPLOYMENT, format!("{cluster}/{name}/{number}"))
            }
            Self::CapacityProvider(name) => (kind::CAPACITY_PROVIDER, name.clone()),
        }
    }
}

impl Cloud {
    /// The part as JSON; `None` when it is gone and its row with it.
    #[must_use]
    pub fn row(&self, key: &Key) -> Option<String> {
        fn json(value: &impl Serialize) -> Option<String> {
            serde_json::to_string(value).ok()
        }
        match key {
            Key::Cluster(name) => json(self.clusters.get(name)?),
            Key::Family(name) => json(&self.families.get(name)?.latest),
            Key::Definition(family, revision) => json(self.families.get(family)?.revisions.get(revision)?),
            Key::Instance(id) => json(self.instances.get(id)?),
            Key::Task(id) => json(self.tasks.get(id)?),
            Key::Token(cluster, token) => {
                let token_use = self.tokens.get(&(cluster.clone(), token.clone()))?.clone();
                json(&TokenRow { cluster: cluster.clone(), token: token.clone(), token_use })
            }
            Key::Settings => json(&self.settings),
            Key::LoadBalancer(arn) => json(self.balancing.balancers.get(arn)?),
            Key::TargetGroup(arn) => json(self.balancing.groups.get(arn)?),
            Key::Listener(arn) => json(self.balancing.listeners.get(arn)?),
            Key::Service(cluster, name) => json(self.services.get(&(cluster.clone(), name.clone()))?),
            Key::ServiceRevision(cluster, name, number) => {
                json(self.service_revisions.get(&(cluster.clone(), name.clone(), *number))?)
            }
            Key::ServiceDeployment(cluster, name, number) => {
                json(self.rollouts.get(&(cluster.clone(), name.clone(), *number))?)
            }
            Key::CapacityProvider(name) => json(self.providers.get(name)?),
        }
    }

    /// Takes in a stored part. [`Cloud::link`] must follow the last one.
    ///
    /// # Errors
    /// When the row is not what this version writes.
    pub fn restore(&mut self, row_kind: &str, id: &str, body: &str) -> Result<(), RowError> {
        self.read_row(row_kind, id, body).map_err(|cause| RowError {
            kind: row_kind.to_owned(),
            id: id.to_owned(),
            cause,
        })
    }

    fn read_row(&mut self, row_kind: &str, id: &str, body: &str) -> Result<(), serde_json::Error> {
        match row_kind {
            kind::CLUSTER => {
                let cluster: Cluster = serde_json::from_str(body)?;
                self.clusters.insert(cluster.name.clone(), cluster);
            }
            kind::FAMILY => {
                self.families.entry(id.to_owned()).or_default().latest = serde_json::from_str(body)?;
            }
            kind::DEFINITION => {
                let revision: Revision = serde_json::from_str(body)?;
                let (name, number) = (revision.definition.spec.family.clone(), revision.definition.revision);
                self.families.entry(name).or_default().revisions.insert(number, revision);
            }
            kind::INSTANCE => {
                let instance: Instance = serde_json::from_str(body)?;
                self.instances.insert(instance.id.clone(), instance);
            }
            kind::TASK => {
                let entry: TaskEntry = serde_json::from_str(body)?;
                self.tasks_of_cluster.entry(entry.cluster.clone()).or_default().insert(id.to_owned());
                self.tasks.insert(id.to_owned(), entry);
            }
            kind::TOKEN => {
                let row: TokenRow = serde_json::from_str(body)?;
                self.tokens.insert((row.cluster, row.token), row.token_use);
            }
            kind::SERVICE => {
                let service: Service = serde_json::from_str(body)?;
                self.services.insert(service.key(), service);
            }
            kind::SERVICE_REVISION => {
                let revision: ServiceRevision = serde_json::from_str(body)?;
                self.service_revisions.extend(place(id).map(|place| (place, revision)));
            }
            kind::SERVICE_DEPLOYMENT => {
                let rollout: Rollout = serde_json::from_str(body)?;
                self.rollouts.extend(place(id).map(|place| (place, rollout)));
            }
            kind::CAPACITY_PROVIDER => {
                let provider: Provider = serde_json::from_str(body)?;
                self.providers.insert(provider.name.clone(), provider);
            }
            kind::SETTINGS => self.settings = serde_json::from_str::<Settings>(body)?,
            kind::LOAD_BALANCER => {
                self.balancing.balancers.insert(id.to_owned(), serde_json::from_str(body)?);
            }
            kind::TARGET_GROUP => {
                self.balancing.groups.insert(id.to_owned(), serde_json::from_str(body)?);
            }
            kind::LISTENER => {
                self.balancing.listeners.insert(id.to_owned(), serde_json::from_str(body)?);
            }
            _ => {}
        }
        Ok(())
    }

    /// Ties the restored parts together: tasks to their definitions, instances to their clusters, and what the tasks
    /// hold to the instances.
    pub fn link(&mut self) {
        self.balancing.link();
        for instance in self.instances.values().filter(|instance| instance.is_registered()) {
            if let Some(cluster) = self.clusters.get_mut(&instance.cluster) {
                cluster.slots.insert(slot(instance));
            }
        }
        let ids: Vec<String> = self.tasks.keys().cloned().collect();
        for id in ids {
            self.link_task(&id);
            self.set_timer(&id);
        }
        self.link_services();
    }

    fn link_task(&mut self, id: &str) {
        let Some(entry) = self.tasks.get(id) else { return };
        let arn = entry.view.task_definition_arn.clone();
        let definition = self.revision(&arn).ok().flatten().map(|revision| Arc::clone(&revision.definition));
        let Some(entry) = self.tasks.get_mut(id) else { return };
        let definition = definition.filter(|definition| is_of(definition, &entry.view));
        entry.definition = match definition {
            Some(definition) => run::effective(&definition, &entry.view.overrides),
            None => Arc::new(stand_in(&entry.view)),
        };
        entry.runs.resize_with(entry.view.containers.len(), ContainerRun::new);
        entry.published = entry.view.version;
        let status = entry.view.last_status;
        let (Some(instance), cluster) = (entry.instance.clone(), entry.cluster.clone()) else { return };
        if entry.holds_resources {
            let ask = run::held(entry);
            self.take_resources(&cluster, &instance, &ask);
        }
        if !self.tasks.get(id).is_none_or(is_over) {
            self.count_task(&instance, None, status);
        }
    }
}

/// The parts of `CLUSTER/SERVICE/NUMBER`.
fn place(id: &str) -> Option<(String, String, u64)> {
    let mut parts = id.splitn(3, '/');
    let (cluster, service) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    Some((cluster, service, parts.next()?.parse().ok()?))
}

/// Whether the task's containers are those of the definition, one for one.
fn is_of(definition: &TaskDefinition, task: &Task) -> bool {
    let defined = definition.spec.container_definitions.iter().map(|container| &container.name);
    defined.eq(task.containers.iter().map(|container| &container.name))
}

/// What stands for a definition whose row is gone: as much of it as the task itself shows, so that the task can be
/// brought to its end and gives back what it holds.
fn stand_in(task: &Task) -> TaskDefinition {
    let mut definition = (*no_definition()).clone();
    definition.task_definition_arn.clone_from(&task.task_definition_arn);
    definition.spec.cpu.clone_from(&task.cpu);
    definition.spec.memory.clone_from(&task.memory);
    let containers = task.containers.iter().map(|container| ContainerDefinition {
        name: container.name.clone(),
        image: container.image.clone(),
        ..ContainerDefinition::default()
    });
    definition.spec.container_definitions = containers.collect();
    definition
}
