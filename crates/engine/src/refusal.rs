//! A refused call on the wire: what awsJson1.1 clients turn into their exceptions.

use longshore_ecs::balancing;
use longshore_ecs::fault::Fault;
use serde_json::{Map, Value, json};

use crate::store::StoreError;

/// An error answer of any of the services.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The exception's name, as in `__type`.
    pub code: String,
    /// The sentence, where there is one.
    pub message: Option<String>,
    /// Further members of the error's shape.
    pub members: Map<String, Value>,
}

impl Refusal {
    /// A refusal with HTTP status 400.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.into(), message: Some(message.into()), members: Map::new() }
    }

    /// The same with another HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The body: `{"__type": ..., "message": ...}` and the further members.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = self.members.clone();
        body.insert("__type".into(), json!(self.code));
        if let Some(message) = &self.message {
            body.insert("message".into(), json!(message));
        }
        Value::Object(body)
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let mut refusal = Self::new(fault.kind.as_str(), fault.message.clone()).with_status(fault.status());
        if !fault.resource_ids.is_empty() {
            refusal.members.insert("resourceIds".into(), json!(fault.resource_ids));
        }
        refusal
    }
}

impl From<balancing::Fault> for Refusal {
    fn from(fault: balancing::Fault) -> Self {
        Self::new(fault.kind.as_str(), fault.message)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::new("ServerException", error.to_string()).with_status(500)
    }
}
