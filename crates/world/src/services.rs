//! Amazon ECS as far as services and revisions of task definitions go.

use std::collections::BTreeMap;

use async_trait::async_trait;
use longshore_model::Error;
use longshore_model::seen::{Cluster, PastDeployment, Service, TaskDefinition};
use longshore_model::tag::Tag;
use serde_json::{Map, Value};

/// Amazon ECS as far as services and revisions of task definitions go. Inputs are ECS's own documents, so that members
/// that we do not know reach it.
#[async_trait]
pub trait Services: Send + Sync + std::fmt::Debug {
    /// Describes at most 10 services of a cluster, with tags. One that does not exist is not in the answer; one that was
    /// deleted may be, as INACTIVE.
    async fn describe_services(&self, cluster: &str, names: &[String]) -> Result<Vec<Service>, Error>;

    /// The ARNs of all services of a cluster, from all pages.
    async fn list_services(&self, cluster: &str) -> Result<Vec<String>, Error>;

    /// Creates a service.
    async fn create_service(&self, input: &Map<String, Value>) -> Result<Service, Error>;

    /// Changes a service. Sent again, it changes nothing more, unless it forces a new deployment.
    async fn update_service(&self, input: &Map<String, Value>) -> Result<Service, Error>;

    /// Deletes a service, with its tasks.
    async fn delete_service(&self, cluster: &str, name: &str) -> Result<Service, Error>;

    /// The deployments of a service, the newest first, as far back as ECS remembers.
    async fn past_deployments(&self, cluster: &str, name: &str) -> Result<Vec<PastDeployment>, Error>;

    /// The task definitions of service revisions, by the revision's ARN. At most 20.
    async fn revisions(&self, arns: &[String]) -> Result<BTreeMap<String, String>, Error>;

    /// Sets tags of a resource.
    async fn tag(&self, arn: &str, tags: &[Tag]) -> Result<(), Error>;

    /// Takes tags off a resource.
    async fn untag(&self, arn: &str, keys: &[String]) -> Result<(), Error>;

    /// Registers a revision.
    async fn register(&self, input: &Map<String, Value>) -> Result<TaskDefinition, Error>;

    /// Describes a revision with its tags: `{"taskDefinition": {...}, "tags": [...]}`. `name` is a family (its latest
    /// active revision), `family:revision` or an ARN. `None` when there is none.
    async fn task_definition(&self, name: &str) -> Result<Option<Value>, Error>;

    /// The ARNs of the active revisions of a family, the newest first.
    async fn active_revisions(&self, family: &str) -> Result<Vec<String>, Error>;

    /// The names of all families that have an active revision, from all pages.
    async fn families(&self) -> Result<Vec<String>, Error>;

    /// The ARNs of all clusters of the account in this region, from all pages.
    async fn list_clusters(&self) -> Result<Vec<String>, Error>;

    /// Describes at most 100 clusters. One that does not exist is not in the answer.
    async fn describe_clusters(&self, arns: &[String]) -> Result<Vec<Cluster>, Error>;

    /// Makes a revision INACTIVE.
    async fn deregister(&self, arn: &str) -> Result<(), Error>;
}
