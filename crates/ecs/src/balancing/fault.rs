//! What ELB answers when it refuses a call: the error's code and its sentence.

use longshore_model::words;

words! {
    /// The error codes of the API of Elastic Load Balancing, as clients see them.
    FaultKind {
        /// The listener has no such certificate.
        CertificateNotFound = "CertificateNotFound",
        /// The load balancer has another listener on that port.
        DuplicateListener = "DuplicateListener",
        /// Another load balancer has that name.
        DuplicateLoadBalancerName = "DuplicateLoadBalancerName",
        /// A tag's key was given twice.
        DuplicateTagKeys = "DuplicateTagKeys",
        /// Another target group has that name.
        DuplicateTargetGroupName = "DuplicateTargetGroupName",
        /// The settings do not go together, or are not offered.
        InvalidConfigurationRequest = "InvalidConfigurationRequest",
        /// The action does not make sense, or is not offered.
        InvalidLoadBalancerAction = "InvalidLoadBalancerAction",
        /// No id of a security group.
        InvalidSecurityGroup = "InvalidSecurityGroup",
        /// No id of a subnet.
        InvalidSubnet = "InvalidSubnet",
        /// Not what the group's targets are named by.
        InvalidTarget = "InvalidTarget",
        /// No such listener.
        ListenerNotFound = "ListenerNotFound",
        /// No such load balancer.
        LoadBalancerNotFound = "LoadBalancerNotFound",
        /// A setting forbids it.
        OperationNotPermitted = "OperationNotPermitted",
        /// Another rule of the listener has that priority.
        PriorityInUse = "PriorityInUse",
        /// A listener or a rule names the target group.
        ResourceInUse = "ResourceInUse",
        /// No such rule.
        RuleNotFound = "RuleNotFound",
        /// No such security policy.
        SslPolicyNotFound = "SSLPolicyNotFound",
        /// The target group belongs to another load balancer.
        TargetGroupAssociationLimit = "TargetGroupAssociationLimit",
        /// No such target group.
        TargetGroupNotFound = "TargetGroupNotFound",
        /// More actions than a rule may have.
        TooManyActions = "TooManyActions",
        /// More certificates than a load balancer may have.
        TooManyCertificates = "TooManyCertificates",
        /// More listeners than a load balancer may have.
        TooManyListeners = "TooManyListeners",
        /// More load balancers than a region may have.
        TooManyLoadBalancers = "TooManyLoadBalancers",
        /// More rules than a load balancer may have.
        TooManyRules = "TooManyRules",
        /// More tags than a resource may have.
        TooManyTags = "TooManyTags",
        /// More target groups than an action or a region may have.
        TooManyTargetGroups = "TooManyTargetGroups",
        /// More targets than a load balancer may have.
        TooManyTargets = "TooManyTargets",
        /// More target groups than a load balancer may have.
        TooManyUniqueTargetGroupsPerLoadBalancer = "TooManyUniqueTargetGroupsPerLoadBalancer",
        /// The protocol is not offered.
        UnsupportedProtocol = "UnsupportedProtocol",
        /// A parameter is wrong.
        Validation = "ValidationError",
    }
}

/// A refused call. Nothing was changed by it. Its HTTP status is 400.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which error.
    pub kind: FaultKind,
    /// ELB's sentence, or ours where ELB's is not known.
    pub message: String,
}

impl Fault {
    /// A fault of any kind.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// A [`FaultKind::Validation`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Validation, message)
    }

    /// A [`FaultKind::InvalidConfigurationRequest`].
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::new(FaultKind::InvalidConfigurationRequest, message)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl std::error::Error for Fault {}
