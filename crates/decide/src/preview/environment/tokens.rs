//! What marks a thing as ours, and what tells calls and policies apart.

use std::borrow::Cow;

use longshore_model::preview::{Environment, Policy, ServicePolicy};
use longshore_model::seen::Service;
use longshore_model::tag::Tag;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The tag that says to which environment a thing belongs.
pub const ENVIRONMENT_TAG: &str = "longshore:environment";
/// The tag that says to which repository.
pub const REPOSITORY_TAG: &str = "longshore:repository";
/// The tag that says which service of the policy it is for.
pub const SERVICE_TAG: &str = "longshore:service";

/// The tags that make a thing this environment's. A thing without both is not ours, and never touched.
#[must_use]
pub fn tags(record: &Environment) -> Vec<Tag> {
    vec![tag(ENVIRONMENT_TAG, &record.names.id), tag(REPOSITORY_TAG, &record.repository)]
}

/// The same, and for which service of the policy it is.
pub(super) fn tags_of_service(record: &Environment, service: &str) -> Vec<Tag> {
    let mut tags = tags(record);
    tags.push(tag(SERVICE_TAG, service));
    tags
}

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.to_owned(), value: Some(value.to_owned()) }
}

/// The value of a tag.
pub(super) fn value<'a>(tags: &'a [Tag], key: &str) -> Option<&'a str> {
    tags.iter().find(|tag| tag.key == key)?.value.as_deref()
}

/// Whether these are the tags of a thing of this environment.
pub(super) fn are_ours(record: &Environment, tags: &[Tag]) -> bool {
    value(tags, ENVIRONMENT_TAG) == Some(&record.names.id)
        && value(tags, REPOSITORY_TAG) == Some(&record.repository)
}

/// Whether a service is this environment's.
pub(super) fn is_our_service(record: &Environment, service: &Service) -> bool {
    service.tag(ENVIRONMENT_TAG) == Some(&record.names.id)
        && service.tag(REPOSITORY_TAG) == Some(&record.repository)
}

/// The `clientToken` of a call: the same for the same call of the same life. ECS takes at most 36 characters of ASCII
/// (API reference of CreateService).
pub(super) fn client_token(record: &Environment, ordinal: u32) -> String {
    let mut digest = hash(&[&record.names.id, &record.life.to_string(), &ordinal.to_string()]);
    digest.truncate(32);
    digest
}

/// The policy's services, as far as their tasks depend on them, as a hash: a changed policy is a new deploy. Absent and
/// empty members do not count, so that a new option changes nothing where it is not used.
pub(super) fn shape(policy: &Policy) -> String {
    let services = policy.services.iter().map(|service| {
        let mut service = serde_json::to_value(service).unwrap_or_default();
        if let Some(members) = service.as_object_mut() {
            members.retain(|name, _| !["health", "paths"].contains(&name.as_str()));
        }
        said(service)
    });
    let mut digest = hash(&[&Value::Array(services.collect()).to_string()]);
    digest.truncate(16);
    digest
}

/// A document without what is absent or empty.
fn said(document: Value) -> Value {
    match document {
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| (name, said(value)));
            Value::Object(members.filter(|(_, value)| !is_empty(value)).collect())
        }
        other => other,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// SHA-256 of texts, each ended so that no two lists of texts meet.
fn hash(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_be_bytes());
        hash.update(text);
    }
    hex::encode(hash.finalize())
}

/// A service of the policy with its names in AWS.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) index: usize,
    pub(super) policy: &'a ServicePolicy,
    /// Of the ECS service, and of the family.
    pub(super) name: &'a str,
    pub(super) target_group: &'a str,
}

/// The services of the policy with their names; `None` when the environment was named for another number of them.
pub(super) fn parts<'a>(record: &'a Environment, policy: &'a Policy) -> Option<Vec<Part<'a>>> {
    let names = &record.names;
    let count = policy.services.len();
    if count == 0 || names.services.len() != count || names.target_groups.len() != count {
        return None;
    }
    let parts = policy.services.iter().enumerate().map(|(index, service)| Part {
        index,
        policy: service,
        name: &names.services[index],
        target_group: &names.target_groups[index],
    });
    Some(parts.collect())
}

/// The policy with the services that the environment was named for. When longshore.toml has got another number of them,
/// what is deployed goes on with those that it was deployed with, until it is taken down.
#[must_use]
pub fn as_named<'a>(record: &Environment, policy: &'a Policy) -> Cow<'a, Policy> {
    let served = &record.progress.served;
    if parts(record, policy).is_some() || served.len() != record.names.services.len() {
        return Cow::Borrowed(policy);
    }
    Cow::Owned(Policy { services: served.clone(), ..policy.clone() })
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn a_token_is_short_and_its_calls_own() {
        let mut record = samples::record();
        let token = client_token(&record, 1);
        assert!(token.len() <= 36 && token.is_ascii());
        assert_eq!(token, client_token(&record, 1));
        assert_ne!(token, client_token(&record, 2));
        record.life += 1;
        assert_ne!(token, client_token(&record, 1));
    }

    #[test]
    fn the_shape_is_what_tasks_depend_on() {
        let policy = samples::policy();
        let with = |change: fn(&mut ServicePolicy)| {
            let mut policy = samples::policy();
            change(&mut policy.services[0]);
            shape(&policy)
        };
        assert_eq!(with(|service| service.health.path = "/up".into()), shape(&policy));
        assert_ne!(with(|service| service.image = Some("x".into())), shape(&policy));
        assert_ne!(with(|service| service.count = 7), shape(&policy));
        assert_ne!(with(|service| service.cpu = Some(512)), shape(&policy));
    }

    #[test]
    fn only_what_has_both_tags_is_ours() {
        let record = samples::record();
        assert!(are_ours(&record, &tags(&record)));
        assert!(!are_ours(&record, &tags(&record)[..1]));
        assert!(!are_ours(&record, &tags(&record)[1..]));
        let mut other = samples::record();
        other.names.id = "y.shop".into();
        assert!(!are_ours(&record, &tags(&other)));
    }
}
