//! Tags, and the key-value pairs that ECS uses in many places.

use serde::{Deserialize, Serialize};

/// A tag on a resource: key 1-128 characters, value 0-256, at most 50 on one resource.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tag {
    /// Unique among the tags of one resource.
    #[serde(default)]
    pub key: String,
    /// May be absent, which ECS treats as empty.
    #[serde(default)]
    pub value: Option<String>,
}

/// A name and a value, as in a container's `environment`.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct KeyValuePair {
    /// The name.
    #[serde(default)]
    pub name: Option<String>,
    /// The value.
    #[serde(default)]
    pub value: Option<String>,
}

impl KeyValuePair {
    /// A pair with both parts.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: Some(name.into()), value: Some(value.into()) }
    }
}
