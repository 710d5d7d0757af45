//! Attributes of container instances that users set, beside those that the agent registered.

use std::collections::BTreeSet;

use longshore_model::placement::Attribute;
use serde::Serialize;

use crate::api::request;
use crate::cloud::Cloud;
use crate::fault::{Fault, FaultKind};
use crate::page::{PageRequest, page};

/// The only thing that has attributes.
const TARGET_TYPE: &str = "container-instance";
/// ECS's limit on one call.
const CALL_LIMIT: usize = 10;
/// How many attributes beyond the agent's and ECS's own an instance may have.
const INSTANCE_LIMIT: usize = 10;

request! {
    /// PutAttributes.
    PutAttributes { cluster: Option<String>, attributes: Vec<Attribute> }
}
request! {
    /// DeleteAttributes.
    DeleteAttributes { cluster: Option<String>, attributes: Vec<Attribute> }
}
request! {
    /// ListAttributes.
    ListAttributes {
        cluster: Option<String>,
        target_type: Option<String>,
        attribute_name: Option<String>,
        attribute_value: Option<String>,
        next_token: Option<String>,
        max_results: Option<i32>,
    }
}

/// The answer of PutAttributes and DeleteAttributes.
#[derive(Debug, Clone, Serialize)]
pub struct Attributes {
    /// Those that were set or deleted.
    pub attributes: Vec<Attribute>,
}

/// The answer of ListAttributes.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttributePage {
    /// One page.
    pub attributes: Vec<Attribute>,
    /// Where the next one begins.
    pub next_token: Option<String>,
}

impl Cloud {
    pub(crate) fn put_attributes(&mut self, request: &PutAttributes) -> Result<Attributes, Fault> {
        let targets = self.targets(request.cluster.as_deref(), &request.attributes)?;
        for (id, attribute) in &targets {
            legal(attribute)?;
            let old = self.instances.get(id).into_iter().flat_map(|it| &it.attributes);
            let new = targets.iter().filter(|(of, _)| of == id).map(|(_, attribute)| attribute);
            let custom = old.chain(new).map(|it| &it.name).filter(|name| !name.contains("ecs."));
            if custom.collect::<BTreeSet<_>>().len() > INSTANCE_LIMIT {
                let message = format!(
                    "The container instance {id} cannot have more than {INSTANCE_LIMIT} custom attributes."
                );
                return Err(Fault::new(FaultKind::AttributeLimitExceeded, message));
            }
        }
        for (id, attribute) in &targets {
            self.change_instance(id, |instance| {
                instance.attributes.retain(|old| old.name != attribute.name);
                let (name, value) = (attribute.name.clone(), attribute.value.clone());
                instance.attributes.push(Attribute { name, value, target_type: None, target_id: None });
            });
        }
        Ok(Attributes { attributes: self.placed(targets, request.cluster.as_deref())? })
    }

    pub(crate) fn delete_attributes(&mut self, request: &DeleteAttributes) -> Result<Attributes, Fault> {
        let targets = self.targets(request.cluster.as_deref(), &request.attributes)?;
        for (id, attribute) in &targets {
            self.change_instance(id, |instance| {
                instance.attributes.retain(|old| {
                    old.name != attribute.name || (attribute.value.is_some() && old.value != attribute.value)
                });
            });
        }
        Ok(Attributes { attributes: self.placed(targets, request.cluster.as_deref())? })
    }

    pub(crate) fn list_attributes(&self, request: &ListAttributes) -> Result<AttributePage, Fault> {
        let cluster = self.active_cluster(request.cluster.as_deref())?;
        check_type(request.target_type.as_deref().unwrap_or(""))?;
        if request.attribute_value.is_some() && request.attribute_name.is_none() {
            return Err(Fault::invalid("attributeValue can only be given together with attributeName."));
        }
        let pages =
            PageRequest { max_results: request.max_results, next_token: request.next_token.as_deref() };
        let after = pages.after()?;
        let instances = self.instances.values().filter(|it| it.cluster == cluster && it.is_registered());
        let mut all: Vec<Attribute> = instances
            .flat_map(|instance| {
                let arn = self.scope.container_instance(&cluster, &instance.id);
                instance.attributes.iter().map(move |it| targeted(it, arn.clone()))
            })
            .filter(|it| request.attribute_name.as_ref().is_none_or(|name| it.name == *name))
            .filter(|it| request.attribute_value.is_none() || it.value == request.attribute_value)
            .collect();
        all.sort_by_key(sort_key);
        let rest = all.into_iter().filter(|it| after.as_ref().is_none_or(|after| sort_key(it) > *after));
        let page = page(rest, pages.limit(100)?, sort_key);
        Ok(AttributePage { attributes: page.items, next_token: page.next_token })
    }

    /// The instances that the attributes are for, all of them or an error.
    fn targets(
        &self,
        cluster: Option<&str>,
        attributes: &[Attribute],
    ) -> Result<Vec<(String, Attribute)>, Fault> {
        let cluster = self.active_cluster(cluster)?;
        match attributes.len() {
            0 => return Err(Fault::invalid("attributes can not be empty")),
            n if n > CALL_LIMIT => {
                return Err(Fault::invalid(format!(
                    "attributes cannot contain more than {CALL_LIMIT} elements"
                )));
            }
            _ => {}
        }
        let target = |attribute: &Attribute| {
            if let Some(kind) = &attribute.target_type {
                check_type(kind)?;
            }
            let given = attribute.target_id.as_deref().unwrap_or("");
            match self.instance_in(&cluster, given) {
                Some(instance) if instance.is_registered() => Ok((instance.id.clone(), attribute.clone())),
                _ => Err(Fault::new(
                    FaultKind::TargetNotFound,
                    format!("The specified target '{given}' was not found in cluster {cluster}."),
                )),
            }
        };
        attributes.iter().map(target).collect()
    }

    fn placed(
        &self,
        targets: Vec<(String, Attribute)>,
        cluster: Option<&str>,
    ) -> Result<Vec<Attribute>, Fault> {
        let cluster = self.active_cluster(cluster)?;
        let answer = |(id, attribute): (String, Attribute)| {
            targeted(&attribute, self.scope.container_instance(&cluster, &id))
        };
        Ok(targets.into_iter().map(answer).collect())
    }
}

fn targeted(attribute: &Attribute, arn: String) -> Attribute {
    Attribute {
        name: attribute.name.clone(),
        value: attribute.value.clone(),
        target_type: Some(TARGET_TYPE.to_owned()),
        target_id: Some(arn),
    }
}

fn sort_key(attribute: &Attribute) -> String {
    format!("{} {}", attribute.target_id.as_deref().unwrap_or(""), attribute.name)
}

fn check_type(kind: &str) -> Result<(), Fault> {
    if kind == TARGET_TYPE { Ok(()) } else { Err(Fault::invalid("targetType must be container-instance")) }
}

/// The characters that the API reference allows in names and values.
fn legal(attribute: &Attribute) -> Result<(), Fault> {
    let name = &attribute.name;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_/\\.".contains(c);
    if !(1..=128).contains(&name.len()) || !name.chars().all(plain) {
        return Err(Fault::invalid(format!("attribute name '{name}' contains invalid characters.")));
    }
    let value = attribute.value.as_deref().unwrap_or("v");
    let legal = (1..=128).contains(&value.len())
        && value.trim() == value
        && value.chars().all(|c| plain(c) || "@: ".contains(c));
    if legal {
        Ok(())
    } else {
        Err(Fault::invalid(format!("attribute value '{value}' contains invalid characters.")))
    }
}
