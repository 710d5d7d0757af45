//! Tags of any resource, by its ARN.

use longshore_model::arn;
use longshore_model::tag::Tag;
use serde::Serialize;

use crate::api::request;
use crate::cloud::{Cloud, Key};
use crate::fault::{Fault, FaultKind};
use crate::register::check_tags;

request! {
    /// TagResource.
    TagResource { resource_arn: String, tags: Vec<Tag> }
}
request! {
    /// UntagResource.
    UntagResource { resource_arn: String, tag_keys: Vec<String> }
}
request! {
    /// ListTagsForResource.
    ListTagsForResource { resource_arn: String }
}

/// An answer with nothing in it.
#[derive(Debug, Clone, Serialize)]
pub struct Done {}

/// The answer of ListTagsForResource.
#[derive(Debug, Clone, Serialize)]
pub struct Tags {
    /// All of them.
    pub tags: Vec<Tag>,
}

impl Cloud {
    pub(crate) fn tag_resource(&mut self, request: &TagResource) -> Result<Done, Fault> {
        check_tags(&request.tags)?;
        let key = self.tagged(&request.resource_arn)?;
        let mut tags = self.tags_of(&key).cloned().unwrap_or_default();
        tags.retain(|tag| !request.tags.iter().any(|new| new.key == tag.key));
        tags.extend(request.tags.iter().cloned());
        check_tags(&tags)?;
        self.set_tags(key, tags);
        Ok(Done {})
    }

    pub(crate) fn untag_resource(&mut self, request: &UntagResource) -> Result<Done, Fault> {
        let key = self.tagged(&request.resource_arn)?;
        let mut tags = self.tags_of(&key).cloned().unwrap_or_default();
        tags.retain(|tag| !request.tag_keys.contains(&tag.key));
        self.set_tags(key, tags);
        Ok(Done {})
    }

    pub(crate) fn list_tags(&self, request: &ListTagsForResource) -> Result<Tags, Fault> {
        let key = self.tagged(&request.resource_arn)?;
        Ok(Tags { tags: self.tags_of(&key).cloned().unwrap_or_default() })
    }

    /// The resource that an ARN names, if it exists.
    fn tagged(&self, given: &str) -> Result<Key, Fault> {
        let invalid = || Fault::invalid("The ARN provided is invalid.");
        let resource = arn::resource(given, &self.scope).ok_or_else(invalid)?;
        let (kind, name) = resource.split_once('/').ok_or_else(invalid)?;
        let key = match kind {
            "cluster" => Key::Cluster(name.to_owned()),
            "task" => Key::Task(arn::last_part(given).to_owned()),
            "service" => {
                let (cluster, service) = name.split_once('/').ok_or_else(invalid)?;
                Key::Service(cluster.to_owned(), service.to_owned())
            }
            "capacity-provider" => Key::CapacityProvider(name.to_owned()),
            "container-instance" => Key::Instance(arn::last_part(given).to_owned()),
            "task-definition" => {
                let (family, revision) = name.rsplit_once(':').ok_or_else(invalid)?;
                Key::Definition(family.to_owned(), revision.parse().map_err(|_| invalid())?)
            }
            other => return Err(Fault::invalid(format!("Unsupported resource type: {other}"))),
        };
        if let Key::Cluster(name) = &key
            && self.clusters.get(name).is_some_and(|cluster| !cluster.active)
        {
            return Err(Fault::invalid(
                "The specified cluster is inactive. Specify an active cluster and try again.",
            ));
        }
        match (self.tags_of(&key), kind) {
            (Some(_), _) => Ok(key),
            (None, "cluster") => Err(Fault::new(FaultKind::ClusterNotFound, "Cluster not found.")),
            (None, _) => Err(Fault::invalid(format!(
                "The specified {} was not found. Specify a valid ARN and try again.",
                kind.replace('-', " ")
            ))),
        }
    }

    fn tags_of(&self, key: &Key) -> Option<&Vec<Tag>> {
        match key {
            Key::Cluster(name) => self.clusters.get(name).map(|cluster| &cluster.tags),
            Key::Task(id) => self.tasks.get(id).map(|entry| &entry.tags),
            Key::Instance(id) => self.instances.get(id).map(|instance| &instance.tags),
            Key::Definition(family, revision) => {
                let family = self.families.get(family)?;
                family.revisions.get(revision).map(|revision| &revision.tags)
            }
            Key::Service(cluster, name) => {
                self.services.get(&(cluster.clone(), name.clone())).map(|service| &service.tags)
            }
            Key::CapacityProvider(name) => self.providers.get(name).map(|provider| &provider.tags),
            _ => None,
        }
    }

    fn set_tags(&mut self, key: Key, tags: Vec<Tag>) {
        let place = match &key {
            Key::Cluster(name) => self.clusters.get_mut(name).map(|cluster| &mut cluster.tags),
            Key::Task(id) => self.tasks.get_mut(id).map(|entry| &mut entry.tags),
            Key::Instance(id) => self.instances.get_mut(id).map(|instance| &mut instance.tags),
            Key::Definition(family, revision) => self
                .families
                .get_mut(family)
                .and_then(|family| family.revisions.get_mut(revision))
                .map(|revision| &mut revision.tags),
            Key::Service(cluster, name) => {
                self.services.get_mut(&(cluster.clone(), name.clone())).map(|service| &mut service.tags)
            }
            Key::CapacityProvider(name) => self.providers.get_mut(name).map(|provider| &mut provider.tags),
            _ => None,
        };
        if let Some(place) = place {
            *place = tags;
            self.touch(key);
        }
    }
}
