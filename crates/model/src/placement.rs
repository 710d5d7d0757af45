//! What a request may say about where its tasks go.

use serde::{Deserialize, Serialize};

crate::words! {
    /// The kind of a [`PlacementConstraint`].
    ConstraintType {
        /// Each task of the group on an instance of its own.
        DistinctInstance = "distinctInstance",
        /// On an instance for which the expression holds.
        MemberOf = "memberOf",
    }
}

crate::words! {
    /// The kind of a [`PlacementStrategy`].
    StrategyType {
        /// Any instance that fits.
        Random = "random",
        /// Evenly over the values of the field.
        Spread = "spread",
        /// The instance with the least of the field left.
        Binpack = "binpack",
    }
}

/// A rule that an instance must satisfy; at most 10 on one request.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacementConstraint {
    /// The kind of rule.
    #[serde(rename = "type")]
    pub kind: Option<ConstraintType>,
    /// In the cluster query language, for [`ConstraintType::MemberOf`] only.
    pub expression: Option<String>,
}

/// A preference among the instances that satisfy the constraints; at most 5 on one request, applied in order.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacementStrategy {
    /// The kind of preference.
    #[serde(rename = "type")]
    pub kind: Option<StrategyType>,
    /// `instanceId`, `host` or an attribute for spread; `cpu` or `memory` for binpack; nothing for random.
    pub field: Option<String>,
}

/// An attribute of a container instance, or one that a task definition requires.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    /// 1-128 letters, digits, `-`, `_`, `/`, `\` or `.`.
    #[serde(default)]
    pub name: String,
    /// 1-128 of the same and `@`, `:`, and inner spaces; may be absent.
    pub value: Option<String>,
    /// Always `container-instance` where it is present.
    pub target_type: Option<String>,
    /// The instance's id or ARN, in answers of ListAttributes and in PutAttributes.
    pub target_id: Option<String>,
}
