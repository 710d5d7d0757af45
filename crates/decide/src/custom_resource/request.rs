//! A request of CloudFormation, as it is delivered.

use std::fmt;

use longshore_model::Timestamp;
use serde_json::{Value, json};

use super::address::ReturnAddress;

/// What is wanted of the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestType {
    /// It is new.
    Create,
    /// A property changed; or an update is being taken back, which CloudFormation asks for in the same words.
    Update,
    /// It goes away.
    Delete,
}

impl RequestType {
    const ALL: [Self; 3] = [Self::Create, Self::Update, Self::Delete];

    /// CloudFormation's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Update => "Update",
            Self::Delete => "Delete",
        }
    }
}

/// A request of CloudFormation.
///
/// Its `Debug` shows the ids alone: properties hold the values of environment variables.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// What is wanted.
    pub kind: RequestType,
    /// Where the answer goes.
    pub address: ReturnAddress,
    /// Such as `Custom::ECSTask`.
    pub resource_type: String,
    /// As they came: CloudFormation makes a string of every scalar.
    pub properties: Value,
    /// Of an Update: those that the resource had before. Null otherwise.
    pub old_properties: Value,
    /// When CloudFormation sent it, if its URL says so.
    pub sent_at: Option<Timestamp>,
}

impl Request {
    /// From the event that CloudFormation sends.
    ///
    /// # Errors
    ///
    /// When it is no such event. Nearly always it can be answered all the same: see [`Unreadable`].
    pub fn read(event: &Value) -> Result<Self, Unreadable> {
        let address = match ReturnAddress::read(event) {
            Ok(address) => address,
            Err(why) => return Err(Unreadable::new(why, None)),
        };
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        let given = text("RequestType");
        let Some(kind) = RequestType::ALL.into_iter().find(|kind| given == Some(kind.as_str())) else {
            let given = given.map_or_else(|| "absent".to_owned(), |given| format!("`{given}`"));
            let why = format!("its RequestType is {given}, and must be Create, Update or Delete");
            return Err(Unreadable::new(why, Some(address)));
        };
        let member = |name: &str| event.get(name).cloned().unwrap_or_default();
        Ok(Self {
            kind,
            sent_at: address.response_url().sent_at(),
            address,
            resource_type: text("ResourceType").unwrap_or_default().to_owned(),
            properties: member("ResourceProperties"),
            old_properties: member("OldResourceProperties"),
        })
    }

    /// The event again, without what is of no use once it is decided what happens. It holds the `ResponseURL`.
    pub(super) fn essentials(&self) -> Value {
        let mut event = json!({
            "RequestType": self.kind.as_str(),
            "ResponseURL": self.address.response_url().expose(),
            "ResourceType": self.resource_type,
            "ResourceProperties": self.properties,
        });
        for (name, id) in self.address.ids() {
            event[name] = id.into();
        }
        event
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("kind", &self.kind)
            .field("address", &self.address)
            .field("resource_type", &self.resource_type)
            .field("sent_at", &self.sent_at)
            .finish_non_exhaustive()
    }
}

/// An event that is not a request of CloudFormation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    why: String,
    /// Where FAILED goes. Without it there is nobody to answer.
    pub address: Option<Box<ReturnAddress>>,
}

impl Unreadable {
    /// `why` completes "the event is not a request of a custom resource: ".
    pub(super) fn new(why: impl Into<String>, address: Option<ReturnAddress>) -> Self {
        Self { why: why.into(), address: address.map(Box::new) }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the event is not a request of a custom resource: {}", self.why)
    }
}

impl std::error::Error for Unreadable {}

#[cfg(test)]
mod tests {
    use super::super::samples::{self, URL, event};
    use super::*;

    #[test]
    fn a_request_is_read() {
        let request = Request::read(&event("Update")).unwrap();
        assert_eq!(request.kind, RequestType::Update);
        assert_eq!(request.address.stack_id(), samples::STACK_ID);
        assert_eq!(request.address.request_id(), "request-1");
        assert_eq!(request.address.logical_resource_id(), "MigrateTask");
        assert_eq!(request.address.physical_resource_id(), "given-id");
        assert_eq!(request.address.response_url().expose(), URL);
        assert_eq!(request.resource_type, "Custom::ECSTask");
        assert_eq!(request.properties["Cluster"], "main");
        assert_eq!(request.sent_at, Some(samples::SENT_AT));
    }

    #[test]
    fn the_physical_id_is_echoed_and_a_create_derives_a_stable_one() {
        let id = |event: &Value| Request::read(event).unwrap().address.physical_resource_id().to_owned();
        assert_eq!(id(&event("Delete")), "given-id");
        let created = id(&event("Create"));
        assert!(created.starts_with("web-MigrateTask-") && created.len() == 32, "{created}");
        let mut again = event("Create");
        again["RequestId"] = "request-2".into();
        again["ResourceProperties"] = json!({});
        assert_eq!(id(&again), created);
    }

    #[test]
    fn what_cannot_be_read_is_answered_when_there_is_somebody_to_answer() {
        let mut strange = event("Upsert");
        let failed = Request::read(&strange).unwrap_err();
        assert!(failed.to_string().contains("`Upsert`"), "{failed}");
        assert_eq!(failed.address.unwrap().request_id(), "request-1");

        strange["RequestType"] = Value::Null;
        let failed = Request::read(&strange).unwrap_err();
        assert!(failed.to_string().contains("RequestType is absent"), "{failed}");
        assert!(failed.address.is_some());

        for missing in ["ResponseURL", "StackId", "RequestId", "LogicalResourceId"] {
            for instead in [Value::Null, json!(""), json!(7)] {
                let mut event = event("Create");
                event[missing] = instead;
                let failed = Request::read(&event).unwrap_err();
                assert_eq!(failed.address, None);
                assert!(failed.to_string().ends_with(&format!("it has no {missing}")), "{failed}");
            }
        }
        for event in [json!(null), json!([]), json!("text"), json!({})] {
            let failed = Request::read(&event).unwrap_err();
            assert!(failed.to_string().contains("no ResponseURL, no StackId"), "{failed}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let request = Request::read(&event("Update")).unwrap();
        let failed = Request::read(&event("Upsert")).unwrap_err();
        for shown in [format!("{request:?}"), format!("{failed:?}"), failed.to_string()] {
            assert!(!shown.contains("https://") && !shown.contains("Signature"), "{shown}");
            assert!(!shown.contains(samples::SECRET), "{shown}");
        }
    }

    #[test]
    fn its_essentials_are_the_same_request() {
        let request = Request::read(&event("Update")).unwrap();
        let again = Request::read(&request.essentials()).unwrap();
        assert_eq!(again, Request { old_properties: Value::Null, ..request });
    }
}
