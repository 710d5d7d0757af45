//! Task definitions: registered, described, listed, deregistered, deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use longshore_model::Timestamp;
use longshore_model::arn;
use longshore_model::tag::Tag;
use longshore_model::task_definition::{TaskDefinition, TaskDefinitionStatus, TaskSpec};
use serde::{Deserialize, Serialize};

use crate::api::{Call, Failure, request};
use crate::cloud::{Cloud, Key};
use crate::fault::Fault;
use crate::page::{PageRequest, page};
use crate::register::{check_tags, register};

/// All revisions of one name.
#[derive(Debug, Default)]
pub(crate) struct Family {
    /// The highest revision ever: numbers are never used twice, not even after a deletion.
    pub(crate) latest: u32,
    pub(crate) revisions: BTreeMap<u32, Revision>,
}

/// A registered revision with what DescribeTaskDefinition gives beside it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Revision {
    pub(crate) definition: Arc<TaskDefinition>,
    pub(crate) tags: Vec<Tag>,
}

/// RegisterTaskDefinition.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct RegisterTaskDefinition(
    /// What the user wrote.
    pub TaskSpec,
);

request! {
    /// DescribeTaskDefinition.
    DescribeTaskDefinition { task_definition: Option<String>, include: Vec<String> }
}
request! {
    /// ListTaskDefinitions.
    ListTaskDefinitions {
        family_prefix: Option<String>,
        status: Option<TaskDefinitionStatus>,
        sort: Option<String>,
        max_results: Option<i32>,
        next_token: Option<String>,
    }
}
request! {
    /// ListTaskDefinitionFamilies.
    ListTaskDefinitionFamilies {
        family_prefix: Option<String>,
        status: Option<String>,
        max_results: Option<i32>,
        next_token: Option<String>,
    }
}
request! {
    /// DeregisterTaskDefinition.
    DeregisterTaskDefinition { task_definition: Option<String> }
}
request! {
    /// DeleteTaskDefinitions.
    DeleteTaskDefinitions { task_definitions: Vec<String> }
}

/// The answer with one task definition.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OneDefinition {
    /// The revision.
    pub task_definition: Arc<TaskDefinition>,
    /// Its tags, where they are asked for.
    pub tags: Option<Vec<Tag>>,
}

/// The answer of DeleteTaskDefinitions.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletedDefinitions {
    /// Those on their way out.
    pub task_definitions: Vec<Arc<TaskDefinition>>,
    /// Those that cannot be deleted.
    pub failures: Vec<Failure>,
}

/// The answer of ListTaskDefinitions.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DefinitionArns {
    /// One page.
    pub task_definition_arns: Vec<String>,
    /// Where the next one begins.
    pub next_token: Option<String>,
}

/// The answer of ListTaskDefinitionFamilies.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Families {
    /// One page.
    pub families: Vec<String>,
    /// Where the next one begins.
    pub next_token: Option<String>,
}

impl Cloud {
    /// The revision that `given` names: `family` (its latest active one), `family:revision`, or an ARN of either.
    pub(crate) fn revision(&self, given: &str) -> Result<Option<&Revision>, Fault> {
        let name = if given.starts_with("arn:") {
            match arn::resource(given, &self.scope).and_then(|rest| rest.strip_prefix("task-definition/")) {
                Some(name) => name,
                None => return Ok(None),
            }
        } else {
            given
        };
        let (family, revision) = match name.split_once(':') {
            None => (name, None),
            Some((family, number)) => match number.parse::<u32>() {
                Ok(revision) => (family, Some(revision)),
                Err(_) => return Err(Fault::invalid(format!("Invalid revision number. Number: {number}"))),
            },
        };
        let Some(family) = self.families.get(family) else { return Ok(None) };
        Ok(match revision {
            Some(revision) => family.revisions.get(&revision),
            None => family
                .revisions
                .values()
                .rev()
                .find(|revision| revision.definition.status == TaskDefinitionStatus::Active),
        })
    }

    pub(crate) fn register_task_definition(
        &mut self,
        RegisterTaskDefinition(mut spec): RegisterTaskDefinition,
        call: &Call<'_>,
    ) -> Result<OneDefinition, Fault> {
        let tags = spec.tags.take().unwrap_or_default();
        check_tags(&tags)?;
        let registered = register(spec, call.size_bytes)?;
        let name = registered.spec.family.clone();
        let family = self.families.entry(name.clone()).or_default();
        family.latest = family.latest.saturating_add(1);
        let revision = family.latest;
        let definition = Arc::new(TaskDefinition {
            task_definition_arn: self.scope.task_definition(&name, revision),
            spec: registered.spec,
            revision,
            status: TaskDefinitionStatus::Active,
            requires_attributes: Some(registered.requires_attributes).filter(|list| !list.is_empty()),
            compatibilities: registered.compatibilities,
            registered_at: call.now,
            registered_by: Some(call.caller.arn.clone()),
            deregistered_at: None,
            delete_requested_at: None,
        });
        let stored = Revision { definition: Arc::clone(&definition), tags: tags.clone() };
        family.revisions.insert(revision, stored);
        self.touch(Key::Family(name.clone()));
        self.touch(Key::Definition(name, revision));
        let tags = Some(tags).filter(|tags| !tags.is_empty());
        Ok(OneDefinition { task_definition: definition, tags })
    }

    pub(crate) fn describe_task_definition(
        &self,
        request: &DescribeTaskDefinition,
    ) -> Result<OneDefinition, Fault> {
        let revision = self.named(request.task_definition.as_deref())?;
        let tags = request.include.iter().any(|word| word == "TAGS").then(|| revision.tags.clone());
        Ok(OneDefinition { task_definition: Arc::clone(&revision.definition), tags })
    }

    fn named(&self, given: Option<&str>) -> Result<&Revision, Fault> {
        match given {
            None | Some("") => Err(Fault::invalid("Task Definition can not be blank.")),
            Some(given) => {
                self.revision(given)?.ok_or_else(|| Fault::client("Unable to describe task definition."))
            }
        }
    }

    pub(crate) fn list_task_definitions(
        &self,
        request: &ListTaskDefinitions,
    ) -> Result<DefinitionArns, Fault> {
        let pages =
            PageRequest { max_results: request.max_results, next_token: request.next_token.as_deref() };
        let descending = match request.sort.as_deref() {
            None | Some("ASC") => false,
            Some("DESC") => true,
            Some(_) => return Err(Fault::invalid("sort should be one of [ASC,DESC]")),
        };
        let after = pages.after()?.map(|key| definition_key(&key)).transpose()?;
        let status = request.status.unwrap_or(TaskDefinitionStatus::Active);
        let families = self.families.iter().filter(|(name, _)| {
            // Despite its name the prefix is a whole family's name (the API reference says so).
            request.family_prefix.as_ref().is_none_or(|family| *name == family)
        });
        let mut keys: Vec<(&str, u32)> = families
            .flat_map(|(name, family)| family.revisions.iter().map(move |(number, it)| (name, *number, it)))
            .filter(|(_, _, revision)| revision.definition.status == status)
            .map(|(name, number, _)| (name.as_str(), number))
            .collect();
        if descending {
            keys.reverse();
        }
        let rest = keys.into_iter().filter(|(name, number)| match &after {
            None => true,
            Some((family, revision)) if descending => (*name, *number) < (family.as_str(), *revision),
            Some((family, revision)) => (*name, *number) > (family.as_str(), *revision),
        });
        let page = page(rest, pages.limit(100)?, |(name, number)| format!("{name}:{number}"));
        let arns = page.items.into_iter().map(|(name, number)| self.scope.task_definition(name, number));
        Ok(DefinitionArns { task_definition_arns: arns.collect(), next_token: page.next_token })
    }

    pub(crate) fn list_task_definition_families(
        &self,
        request: &ListTaskDefinitionFamilies,
    ) -> Result<Families, Fault> {
        let pages =
            PageRequest { max_results: request.max_results, next_token: request.next_token.as_deref() };
        let wanted = match request.status.as_deref() {
            None | Some("ALL") => None,
            Some("ACTIVE") => Some(true),
            Some("INACTIVE") => Some(false),
            Some(_) => return Err(Fault::invalid("status should be one of [ACTIVE,INACTIVE,ALL]")),
        };
        let after = pages.after()?;
        let prefix = request.family_prefix.as_deref().unwrap_or("");
        let names = self.families.iter().filter(|(name, family)| {
            let active = family
                .revisions
                .values()
                .any(|revision| revision.definition.status == TaskDefinitionStatus::Active);
            // Of a family whose revisions are all deleted only its last number is kept.
            let exists = !family.revisions.is_empty();
            exists && name.starts_with(prefix) && wanted.is_none_or(|wanted| wanted == active)
        });
        let names = names.map(|(name, _)| name.clone());
        let rest = names.filter(|name| after.as_ref().is_none_or(|after| name > after));
        let page = page(rest, pages.limit(100)?, Clone::clone);
        Ok(Families { families: page.items, next_token: page.next_token })
    }

    pub(crate) fn deregister_task_definition(
        &mut self,
        request: &DeregisterTaskDefinition,
        now: Timestamp,
    ) -> Result<OneDefinition, Fault> {
        let given = request.task_definition.as_deref().unwrap_or("");
        if !given.is_empty() && !arn::last_part(given).contains(':') {
            return Err(Fault::client("Revision is missing."));
        }
        let definition = Arc::clone(&self.named(Some(given))?.definition);
        let definition = self.change_definition(&definition, |definition| {
            if definition.status == TaskDefinitionStatus::Active {
                definition.status = TaskDefinitionStatus::Inactive;
                definition.deregistered_at = Some(now);
            }
        });
        Ok(OneDefinition { task_definition: definition, tags: None })
    }

    pub(crate) fn delete_task_definitions(
        &mut self,
        request: &DeleteTaskDefinitions,
        now: Timestamp,
    ) -> Result<DeletedDefinitions, Fault> {
        match request.task_definitions.len() {
            0 => return Err(Fault::invalid("size of TaskDefinition references list must be greater than 0")),
            1..=10 => {}
            _ => return Err(Fault::invalid("Size of TaskDefinition references list cannot exceed 10")),
        }
        let find = |given| Ok(self.revision(given)?.map(|revision| Arc::clone(&revision.definition)));
        let found = request.task_definitions.iter().map(|given| find(given));
        let found = found.collect::<Result<Vec<_>, Fault>>()?;
        let (mut task_definitions, mut failures) = (Vec::new(), Vec::new());
        for (given, definition) in request.task_definitions.iter().zip(found) {
            match definition {
                None => failures.push(Failure {
                    arn: Some(given.clone()),
                    reason: "TASK_DEFINITION_NOT_FOUND".into(),
                    detail: Some("The specified task definition does not exist.".into()),
                }),
                Some(definition) if definition.status == TaskDefinitionStatus::Active => {
                    failures.push(Failure {
                        arn: Some(definition.task_definition_arn.clone()),
                        reason: "TASK_DEFINITION_NOT_INACTIVE".into(),
                        detail: Some(
                            "The specified task definition is still in ACTIVE status. Please deregister the \
                             target and try again."
                                .into(),
                        ),
                    });
                }
                Some(definition) => task_definitions.push(self.begin_deletion(&definition, now)),
            }
        }
        Ok(DeletedDefinitions { task_definitions, failures })
    }

    fn begin_deletion(&mut self, definition: &TaskDefinition, now: Timestamp) -> Arc<TaskDefinition> {
        let deleted = self.change_definition(definition, |definition| {
            definition.status = TaskDefinitionStatus::DeleteInProgress;
            definition.delete_requested_at.get_or_insert(now);
        });
        self.forget_unused_definition(&deleted.task_definition_arn);
        deleted
    }

    /// Removes a revision whose deletion was asked for once no task refers to it.
    pub(crate) fn forget_unused_definition(&mut self, definition_arn: &str) {
        let Ok(Some(revision)) = self.revision(definition_arn) else { return };
        if revision.definition.status != TaskDefinitionStatus::DeleteInProgress {
            return;
        }
        let (name, number) = (revision.definition.spec.family.clone(), revision.definition.revision);
        let of_task = self.tasks.values().any(|entry| entry.view.task_definition_arn == definition_arn);
        if of_task || self.is_of_service(definition_arn) {
            return;
        }
        if let Some(family) = self.families.get_mut(&name) {
            family.revisions.remove(&number);
            self.touch(Key::Definition(name, number));
        }
    }

    fn change_definition(
        &mut self,
        definition: &TaskDefinition,
        change: impl FnOnce(&mut TaskDefinition),
    ) -> Arc<TaskDefinition> {
        let mut changed = definition.clone();
        change(&mut changed);
        let changed = Arc::new(changed);
        let (name, number) = (&changed.spec.family, changed.revision);
        if let Some(stored) = self.families.get_mut(name).and_then(|family| family.revisions.get_mut(&number))
        {
            stored.definition = Arc::clone(&changed);
            self.touch(Key::Definition(name.clone(), number));
        }
        changed
    }
}

fn definition_key(key: &str) -> Result<(String, u32), Fault> {
    key.rsplit_once(':')
        .and_then(|(name, number)| Some((name.to_owned(), number.parse().ok()?)))
        .ok_or_else(|| Fault::invalid("Invalid token."))
}
