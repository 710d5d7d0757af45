//! What ECS answers when it refuses a call: the exception's name, its HTTP status and its sentence.

use longshore_model::words;

words! {
    /// The exceptions of the ECS API.
    FaultKind {
        /// No permission.
        AccessDenied = "AccessDeniedException",
        /// The attribute limit of an instance is reached.
        AttributeLimitExceeded = "AttributeLimitExceededException",
        /// The caller asked for something that cannot be done in this state.
        Client = "ClientException",
        /// The cluster still has container instances.
        ClusterContainsContainerInstances = "ClusterContainsContainerInstancesException",
        /// The cluster still has services.
        ClusterContainsServices = "ClusterContainsServicesException",
        /// The cluster still has tasks.
        ClusterContainsTasks = "ClusterContainsTasksException",
        /// No such cluster in this region.
        ClusterNotFound = "ClusterNotFoundException",
        /// The same clientToken with other parameters.
        Conflict = "ConflictException",
        /// A parameter is wrong.
        InvalidParameter = "InvalidParameterException",
        /// A limit of the account is reached.
        LimitExceeded = "LimitExceededException",
        /// The task definition does not fit the platform version.
        PlatformTaskDefinitionIncompatibility = "PlatformTaskDefinitionIncompatibilityException",
        /// No such platform version.
        PlatformUnknown = "PlatformUnknownException",
        /// No such resource.
        ResourceNotFound = "ResourceNotFoundException",
        /// The resource is in use.
        ResourceInUse = "ResourceInUseException",
        /// No such service deployment.
        ServiceDeploymentNotFound = "ServiceDeploymentNotFoundException",
        /// The service is deleted, or about to be.
        ServiceNotActive = "ServiceNotActiveException",
        /// No such service.
        ServiceNotFound = "ServiceNotFoundException",
        /// ECS itself failed.
        Server = "ServerException",
        /// No such instance, or attribute target, in this cluster.
        TargetNotFound = "TargetNotFoundException",
        /// Not offered in this region.
        UnsupportedFeature = "UnsupportedFeatureException",
    }
}

/// A refused call. Nothing was changed by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which exception.
    pub kind: FaultKind,
    /// ECS's sentence, or ours where ECS's is not known.
    pub message: String,
    /// ConflictException only: the tasks that the token started.
    pub resource_ids: Vec<String>,
}

impl Fault {
    /// A fault without resource ids.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), resource_ids: Vec::new() }
    }

    /// A [`FaultKind::Client`].
    pub fn client(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Client, message)
    }

    /// A [`FaultKind::InvalidParameter`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(FaultKind::InvalidParameter, message)
    }

    /// The HTTP status: 500 when it is ECS's fault, else 400.
    #[must_use]
    pub fn status(&self) -> u16 {
        if self.kind == FaultKind::Server { 500 } else { 400 }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl std::error::Error for Fault {}
