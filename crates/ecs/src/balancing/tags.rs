//! The tags of load balancers, target groups, listeners and rules.

use std::collections::BTreeSet;

use serde::Serialize;

use super::check;
use super::fault::{Fault, FaultKind};
use super::shape::{Done, Tag, shape};
use crate::cloud::{Cloud, Key};
use crate::register::check_tags;

/// Tags of one resource (the API's model: TooManyTags).
const TAGS: usize = 50;

shape! {
    /// AddTags.
    AddTags { resource_arns: Vec<String>, tags: Vec<Tag> }
}
shape! {
    /// RemoveTags.
    RemoveTags { resource_arns: Vec<String>, tag_keys: Vec<String> }
}
shape! {
    /// DescribeTags.
    DescribeTags { resource_arns: Vec<String> }
}
shape! {
    /// A resource and its tags.
    TagDescription { resource_arn: String, tags: Vec<Tag> }
}

/// The answer of DescribeTags.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagDescriptions {
    /// In the order of the request.
    pub tag_descriptions: Vec<TagDescription>,
}

/// The tags with new ones, which take the place of those with the same key.
pub(super) fn read_tags(old: &[Tag], new: &[Tag]) -> Result<Vec<Tag>, Fault> {
    let mut keys = BTreeSet::new();
    if let Some(twice) = new.iter().find(|tag| !keys.insert(&tag.key)) {
        let message = format!("Tag key '{}' was specified more than once", twice.key);
        return Err(Fault::new(FaultKind::DuplicateTagKeys, message));
    }
    let kept = old.iter().filter(|tag| !keys.contains(&tag.key));
    let tags: Vec<Tag> = kept.chain(new).cloned().collect();
    if tags.len() > TAGS {
        let message = format!("The maximum number of tags per resource, {TAGS}, has been reached");
        return Err(Fault::new(FaultKind::TooManyTags, message));
    }
    let as_of_ecs = |tag: &Tag| longshore_model::tag::Tag { key: tag.key.clone(), value: tag.value.clone() };
    let new: Vec<_> = new.iter().map(as_of_ecs).collect();
    check_tags(&new).map_err(|fault| Fault::invalid(fault.message))?;
    Ok(tags)
}

impl Cloud {
    pub(super) fn add_tags(&mut self, request: &AddTags) -> Result<Done, Fault> {
        let all = named(&request.resource_arns)?;
        let changed =
            all.iter().map(|arn| Ok((arn.as_str(), read_tags(self.elb_tags(arn)?, &request.tags)?)));
        let changed = changed.collect::<Result<Vec<_>, Fault>>()?;
        for (arn, tags) in changed {
            self.set_elb_tags(arn, tags);
        }
        Ok(Done {})
    }

    pub(super) fn remove_tags(&mut self, request: &RemoveTags) -> Result<Done, Fault> {
        let all = named(&request.resource_arns)?;
        let left = all.iter().map(|arn| {
            let kept = self.elb_tags(arn)?.iter().filter(|tag| !request.tag_keys.contains(&tag.key));
            Ok((arn.as_str(), kept.cloned().collect()))
        });
        let left = left.collect::<Result<Vec<(&str, Vec<Tag>)>, Fault>>()?;
        for (arn, tags) in left {
            self.set_elb_tags(arn, tags);
        }
        Ok(Done {})
    }

    pub(super) fn describe_tags(&self, request: &DescribeTags) -> Result<TagDescriptions, Fault> {
        let describe = |arn: &String| {
            let tags = self.elb_tags(arn)?.clone();
            Ok(TagDescription { resource_arn: arn.clone(), tags })
        };
        let tag_descriptions =
            named(&request.resource_arns)?.iter().map(describe).collect::<Result<_, Fault>>()?;
        Ok(TagDescriptions { tag_descriptions })
    }

    /// Sets a tag of ours on a listener, such as the URL at which it is reached; without a value the tag goes. Nothing
    /// happens when there is no such listener.
    pub fn set_listener_tag(&mut self, listener_arn: &str, key: &str, value: Option<&str>) {
        let Some(listener) = self.balancing.listeners.get(listener_arn) else { return };
        let mut tags = listener.tags.clone();
        tags.retain(|tag| tag.key != key);
        let value = value.map(str::to_owned);
        tags.extend(value.map(|value| Tag { key: key.to_owned(), value: Some(value) }));
        if tags != listener.tags {
            self.set_elb_tags(listener_arn, tags);
        }
    }

    /// The tags of the resource that an ARN names.
    fn elb_tags(&self, arn: &String) -> Result<&Vec<Tag>, Fault> {
        match kind_of(arn) {
            Some("loadbalancer") => self.balancer(Some(arn)).map(|it| &it.tags),
            Some("targetgroup") => self.group(Some(arn)).map(|it| &it.tags),
            Some("listener") => self.listener(Some(arn)).map(|it| &it.tags),
            Some("listener-rule") => {
                let listener = self.listener_of_rule(arn)?;
                let rule = listener.in_order().find(|(_, rule)| rule.arn == *arn).map(|(_, rule)| &rule.tags);
                rule.ok_or_else(|| Fault::new(FaultKind::RuleNotFound, format!("Rule '{arn}' not found")))
            }
            _ => Err(Fault::invalid(format!(
                "'{arn}' is not a valid load balancer, target group, listener or rule ARN"
            ))),
        }
    }

    fn set_elb_tags(&mut self, arn: &str, tags: Vec<Tag>) {
        let balancing = &mut self.balancing;
        if let Some(balancer) = balancing.balancers.get_mut(arn) {
            balancer.tags = tags;
            self.touch(Key::LoadBalancer(arn.to_owned()));
        } else if let Some(group) = balancing.groups.get_mut(arn) {
            group.tags = tags;
            self.touch(Key::TargetGroup(arn.to_owned()));
        } else if let Some(listener) = balancing.listeners.get_mut(arn) {
            listener.tags = tags;
            self.touch(Key::Listener(arn.to_owned()));
        } else if let Ok(listener) = self.listener_of_rule(arn).map(|it| it.arn.clone())
            && let Some(listener) = self.balancing.listeners.get_mut(&listener)
        {
            let rules = [&mut listener.default].into_iter().chain(listener.rules.values_mut());
            rules.filter(|rule| rule.arn == arn).for_each(|rule| rule.tags.clone_from(&tags));
            let key = Key::Listener(listener.arn.clone());
            self.touch(key);
        }
    }
}

fn named(arns: &[String]) -> Result<&[String], Fault> {
    check::required("resourceArns", arns.first()).map(|_| arns)
}

/// What an ARN is of: the first part of its resource.
fn kind_of(arn: &str) -> Option<&str> {
    arn.splitn(6, ':').nth(5)?.split('/').next()
}
