//! The operations of the API: one table from an operation's name to its request, its handler and its answer.

use longshore_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cloud::Cloud;
use crate::fault::Fault;
use crate::service::{api as service, rollouts};
use crate::{attribute, cluster, definition, instance, provider, run, setting, tag, task};

/// Defines a request: every member may be absent, and ECS itself says what it misses.
macro_rules! request {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        #[expect(missing_docs, reason = "the members of ECS's request of the same name, word for word")]
        pub struct $name { $($(#[$field_meta])* pub $field: $type),* }
    };
}
pub(crate) use request;

/// Something that a call could not do, while it could do the rest.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The resource, as far as there is one.
    pub arn: Option<String>,
    /// ECS's word: `MISSING`, `INACTIVE`, `RESOURCE:MEMORY`, ...
    pub reason: String,
    /// More about it.
    pub detail: Option<String>,
}

impl Failure {
    /// A failure without detail.
    pub fn new(arn: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { arn: Some(arn.into()), reason: reason.into(), detail: None }
    }

    /// ECS does not know the resource.
    pub fn missing(arn: impl Into<String>) -> Self {
        Self::new(arn, "MISSING")
    }
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// ARN, as STS's GetCallerIdentity gives it.
    pub arn: String,
}

/// What of the context a handler needs.
pub(crate) struct Call<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) now: Timestamp,
    /// The size of the request's JSON in bytes.
    pub(crate) size_bytes: usize,
}

/// Defines a service's requests and answers by operation, and `Cloud::$method`, which leads one to the other. Where it is
/// used, `Cloud`, `Call`, `Fault` and serde's derives must be in scope.
macro_rules! operations {
    ($method:ident; $($name:ident($request:ty) -> $answer:ty = |$cloud:ident, $input:ident, $call:ident| $handle:expr;)*) => {
        /// A call, by operation.
        #[derive(Debug, Clone)]
        #[expect(missing_docs, reason = "the names of the service's operations")]
        pub enum Request { $($name($request)),* }

        /// The answer to a call, by operation.
        #[derive(Debug, Clone, Serialize)]
        #[serde(untagged)]
        #[expect(missing_docs, reason = "the names of the service's operations")]
        pub enum Answer { $($name($answer)),* }

        impl Request {
            /// The operations that are offered.
            pub const OPERATIONS: &'static [&'static str] = &[$(stringify!($name)),*];

            /// Reads the request of `operation`; `None` when there is no such operation.
            pub fn read<'de, D: serde::Deserializer<'de>>(
                operation: &str,
                body: D,
            ) -> Option<Result<Self, D::Error>> {
                match operation {
                    $(stringify!($name) => Some(<$request>::deserialize(body).map(Self::$name)),)*
                    _ => None,
                }
            }
        }

        impl Cloud {
            pub(crate) fn $method(&mut self, request: Request, call: &Call) -> Result<Answer, Fault> {
                match request {
                    $(Request::$name(input) => {
                        let ($cloud, $input, $call) = (self, input, call);
                        let _ = $call;
                        $handle.map(Answer::$name)
                    })*
                }
            }
        }
    };
}
pub(crate) use operations;

operations! {
    handle;
    CreateCluster(cluster::CreateCluster) -> cluster::OneCluster = |cloud, input, call| cloud.create_cluster(input);
    DescribeClusters(cluster::DescribeClusters) -> cluster::Clusters =
        |cloud, input, call| Ok(cloud.describe_clusters(&input));
    ListClusters(cluster::ListClusters) -> cluster::ClusterArns = |cloud, input, call| cloud.list_clusters(&input);
    UpdateCluster(cluster::UpdateCluster) -> cluster::OneCluster = |cloud, input, call| cloud.update_cluster(input);
    UpdateClusterSettings(cluster::UpdateClusterSettings) -> cluster::OneCluster =
        |cloud, input, call| cloud.update_cluster_settings(input);
    PutClusterCapacityProviders(cluster::PutClusterCapacityProviders) -> cluster::OneCluster =
        |cloud, input, call| cloud.put_cluster_capacity_providers(input);
    DeleteCluster(cluster::DeleteCluster) -> cluster::OneCluster = |cloud, input, call| cloud.delete_cluster(&input);

    RegisterTaskDefinition(definition::RegisterTaskDefinition) -> definition::OneDefinition =
        |cloud, input, call| cloud.register_task_definition(input, call);
    DescribeTaskDefinition(definition::DescribeTaskDefinition) -> definition::OneDefinition =
        |cloud, input, call| cloud.describe_task_definition(&input);
    ListTaskDefinitions(definition::ListTaskDefinitions) -> definition::DefinitionArns =
        |cloud, input, call| cloud.list_task_definitions(&input);
    ListTaskDefinitionFamilies(definition::ListTaskDefinitionFamilies) -> definition::Families =
        |cloud, input, call| cloud.list_task_definition_families(&input);
    DeregisterTaskDefinition(definition::DeregisterTaskDefinition) -> definition::OneDefinition =
        |cloud, input, call| cloud.deregister_task_definition(&input, call.now);
    DeleteTaskDefinitions(definition::DeleteTaskDefinitions) -> definition::DeletedDefinitions =
        |cloud, input, call| cloud.delete_task_definitions(&input, call.now);

    CreateService(service::CreateService) -> service::OneService =
        |cloud, input, call| cloud.create_service(input, call);
    UpdateService(service::UpdateService) -> service::OneService =
        |cloud, input, call| cloud.update_service(input, call.now);
    DeleteService(service::DeleteService) -> service::OneService = |cloud, input, call| cloud.delete_service(&input);
    DescribeServices(service::DescribeServices) -> service::Services =
        |cloud, input, call| cloud.describe_services(&input);
    ListServices(service::ListServices) -> service::ServiceArns = |cloud, input, call| cloud.list_services(&input);
    DescribeServiceDeployments(rollouts::DescribeServiceDeployments) -> rollouts::ServiceDeployments =
        |cloud, input, call| cloud.describe_service_deployments(&input);
    ListServiceDeployments(rollouts::ListServiceDeployments) -> rollouts::ServiceDeploymentPage =
        |cloud, input, call| cloud.list_service_deployments(&input);
    StopServiceDeployment(rollouts::StopServiceDeployment) -> rollouts::StoppedServiceDeployment =
        |cloud, input, call| cloud.stop_service_deployment(&input, call.now);
    DescribeServiceRevisions(rollouts::DescribeServiceRevisions) -> rollouts::ServiceRevisions =
        |cloud, input, call| cloud.describe_service_revisions(&input);

    CreateCapacityProvider(provider::CreateCapacityProvider) -> provider::OneProvider =
        |cloud, input, call| cloud.create_capacity_provider(input);
    DescribeCapacityProviders(provider::DescribeCapacityProviders) -> provider::Providers =
        |cloud, input, call| cloud.describe_capacity_providers(&input);
    UpdateCapacityProvider(provider::UpdateCapacityProvider) -> provider::OneProvider =
        |cloud, input, call| cloud.update_capacity_provider(input);
    DeleteCapacityProvider(provider::DeleteCapacityProvider) -> provider::OneProvider =
        |cloud, input, call| cloud.delete_capacity_provider(&input);

    RunTask(run::RunTask) -> run::Started = |cloud, input, call| cloud.run_task(input, call.now);
    StartTask(run::StartTask) -> run::Started = |cloud, input, call| cloud.start_task(input, call.now);
    StopTask(task::StopTask) -> task::OneTask = |cloud, input, call| cloud.stop_task(&input, call.now);
    DescribeTasks(task::DescribeTasks) -> task::Tasks = |cloud, input, call| cloud.describe_tasks(&input);
    ListTasks(task::ListTasks) -> task::TaskArns = |cloud, input, call| cloud.list_tasks(&input);

    RegisterContainerInstance(instance::RegisterContainerInstance) -> instance::OneInstance =
        |cloud, input, call| cloud.register_container_instance(input, call.now);
    DeregisterContainerInstance(instance::DeregisterContainerInstance) -> instance::OneInstance =
        |cloud, input, call| cloud.deregister_container_instance(&input, call.now);
    DescribeContainerInstances(instance::DescribeContainerInstances) -> instance::Instances =
        |cloud, input, call| cloud.describe_container_instances(&input);
    ListContainerInstances(instance::ListContainerInstances) -> instance::InstanceArns =
        |cloud, input, call| cloud.list_container_instances(&input);
    UpdateContainerInstancesState(instance::UpdateContainerInstancesState) -> instance::Instances =
        |cloud, input, call| cloud.update_container_instances_state(&input);

    PutAttributes(attribute::PutAttributes) -> attribute::Attributes = |cloud, input, call| cloud.put_attributes(&input);
    DeleteAttributes(attribute::DeleteAttributes) -> attribute::Attributes =
        |cloud, input, call| cloud.delete_attributes(&input);
    ListAttributes(attribute::ListAttributes) -> attribute::AttributePage =
        |cloud, input, call| cloud.list_attributes(&input);

    TagResource(tag::TagResource) -> tag::Done = |cloud, input, call| cloud.tag_resource(&input);
    UntagResource(tag::UntagResource) -> tag::Done = |cloud, input, call| cloud.untag_resource(&input);
    ListTagsForResource(tag::ListTagsForResource) -> tag::Tags = |cloud, input, call| cloud.list_tags(&input);

    ListAccountSettings(setting::ListAccountSettings) -> setting::SettingPage =
        |cloud, input, call| cloud.list_account_settings(&input, call.caller);
    PutAccountSetting(setting::PutAccountSetting) -> setting::OneSetting =
        |cloud, input, call| cloud.put_account_setting(&input, call.caller);
    PutAccountSettingDefault(setting::PutAccountSettingDefault) -> setting::OneSetting =
        |cloud, input, call| cloud.put_account_setting_default(&input, call.caller);
    DeleteAccountSetting(setting::DeleteAccountSetting) -> setting::OneSetting =
        |cloud, input, call| cloud.delete_account_setting(&input, call.caller);
}
