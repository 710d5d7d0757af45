//! What was seen of the things that tasks and services need around them.

use std::collections::BTreeMap;

/// A role of IAM.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Role {
    /// With its path.
    pub arn: String,
    /// Its trust policy: JSON.
    pub trust: String,
}

/// An image in a registry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeenImage {
    /// The index that names a manifest for each platform, where that is known: JSON.
    pub index: Option<String>,
}

/// A secret of Secrets Manager, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Secret {
    /// It is about to be deleted, and cannot be read any more.
    pub is_deleted: bool,
    /// The staging labels of its versions, by their ids.
    pub versions: BTreeMap<String, Vec<String>>,
}

/// A target group of a load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetGroup {
    /// `instance`, `ip`, `lambda` or `alb`.
    pub target_type: String,
    /// The ARNs of those that send it something.
    pub load_balancers: Vec<String>,
}
