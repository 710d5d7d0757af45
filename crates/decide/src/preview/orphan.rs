//! A service that has our tags and belongs to no record: whether it is ours to remove.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use longshore_model::Timestamp;
use longshore_model::preview::{Deployed, Environment, Policy, Revision, Subject};
use longshore_model::seen::Service;
use serde_json::Value;

use super::environment::{BRANCH_VARIABLE, ENVIRONMENT_TAG, REPOSITORY_TAG, SHA_VARIABLE, placement_of};
use super::names::{names, of_label};
use super::{find, record};
use crate::task_definition::register_input;

type Policies = BTreeMap<String, Arc<Policy>>;
/// What DescribeTaskDefinition answered, by ARN; `None` when there is no such revision.
type Definitions = BTreeMap<String, Option<Value>>;

/// What is to be done about services that no record speaks of.
#[derive(Debug, Clone, PartialEq, Default)]
#[must_use = "a plan does nothing until it is carried out"]
pub struct Plan {
    /// Records that remove what is there, whole.
    pub adopt: Vec<Environment>,
    /// What is left alone, and why, in sentences.
    pub waiting: Vec<String>,
}

/// The revisions that have to be looked at: they say which commit runs, and hooks before the removal are told so.
#[must_use]
pub fn needs(services: &[Service], policies: &Policies) -> BTreeSet<String> {
    let has_hooks = |service: &&Service| {
        let policy =
            service.tag(REPOSITORY_TAG).and_then(|repository| find::by_repository(policies, repository));
        policy.is_some_and(|policy| !policy.hooks.before_destroy.is_empty())
    };
    services.iter().filter(has_hooks).map(|service| service.task_definition.clone()).collect()
}

/// Whether a service has our tags, of whichever environment and daemon.
#[must_use]
pub fn is_tagged(service: &Service) -> bool {
    service.tag(REPOSITORY_TAG).is_some() && service.tag(ENVIRONMENT_TAG).is_some()
}

/// What is to be done about these services of a cluster: all that have our tags and are in no record. `definitions` has
/// what [`needs`] asked for. `was_read` says of a repository whether GitHub was read, whole, since this store has known it:
/// until then a record may only not have been written yet.
pub fn decide(
    services: &[Service],
    definitions: &Definitions,
    cluster: &str,
    policies: &Policies,
    was_read: impl Fn(&str) -> bool,
    now: Timestamp,
) -> Plan {
    let mut plan = Plan::default();
    let mut orphans: BTreeMap<(&str, &str), Vec<&Service>> = BTreeMap::new();
    for service in services.iter().filter(|service| service.status == "ACTIVE") {
        if let (Some(repository), Some(id)) = (service.tag(REPOSITORY_TAG), service.tag(ENVIRONMENT_TAG)) {
            orphans.entry((repository, id)).or_default().push(service);
        }
    }
    let mut adopted: BTreeMap<&str, Vec<Environment>> = BTreeMap::new();
    for ((repository, id), services) in orphans {
        let policy = find::by_repository(policies, repository).filter(|policy| policy.cluster == cluster);
        let label = policy.and_then(|policy| id.strip_suffix(policy.app.as_str())?.strip_suffix('.'));
        match (policy, label) {
            (Some(policy), Some(label)) if was_read(&policy.repository) => {
                let record = adopt(policy, repository, label, &services, definitions, now);
                adopted.entry(&policy.repository).or_default().push(record);
            }
            (Some(_), Some(_)) => {}
            _ => plan.waiting.push(format!(
                "the services of `{id}` ({repository}) have our tags and belong to no environment of ours: they are left \
                 alone, because longshore.toml does not speak of them in cluster `{cluster}`"
            )),
        }
    }
    for (repository, mut records) in adopted {
        let most = find::by_repository(policies, repository).map_or(0, |policy| policy.limits.removals);
        if u32::try_from(records.len()).is_ok_and(|count| count <= most) {
            plan.adopt.append(&mut records);
        } else {
            plan.waiting.push(format!(
                "{} environments of {repository} run in cluster `{cluster}` and are in no record, more than may be \
                 removed at once ({most}): was the store lost? Nothing is done about them; delete their services, or \
                 raise `removals`",
                records.len()
            ));
        }
    }
    plan
}

/// A record that removes what is there of an environment, after its hooks: something runs, and nobody knows whether it was
/// ever ready.
fn adopt(
    policy: &Policy,
    repository: &str,
    label: &str,
    services: &[&Service],
    definitions: &Definitions,
    now: Timestamp,
) -> Environment {
    let names_of_label = of_label(policy, label);
    let of_name = |name: &String| services.iter().find(|service| service.name == *name);
    let own = names_of_label.services.iter().map(of_name);
    let task_definitions: Vec<String> = own
        .map(|service| service.map(|service| service.task_definition.clone()).unwrap_or_default())
        .collect();
    let number = label.strip_prefix("pr-").and_then(|number| number.parse().ok());
    let revision = revision(&task_definitions, definitions, number);
    let branch = Subject::Branch(revision.branch.clone());
    let subject = match number {
        Some(number) => Subject::PullRequest(number),
        None if names(policy, &branch) == names_of_label => branch,
        None => Subject::Branch(label.to_owned()),
    };
    let mut record = record::fresh(policy, subject, Revision::default(), record::GITHUB, now);
    record.names = names_of_label;
    // As its tags say it, whatever its case is now.
    repository.clone_into(&mut record.repository);
    record::remove(&mut record, "it runs, and no record speaks of it", "sweep", now);
    // Something was done once: without that, there would be nothing to look for.
    record.progress.actions = 1;
    record.progress.deployed = Some(Deployed { revision, task_definitions, at: now, ..Deployed::default() });
    let resources = &mut record.progress.resources;
    resources.cluster = Some(policy.cluster.clone());
    resources.route = Some(policy.route.clone());
    resources.services = services.iter().map(|service| (service.name.clone(), now)).collect();
    resources.families = resources.services.keys().cloned().collect();
    let first = record.names.services.first().and_then(of_name);
    resources.placement = first.map(|service| Value::Object(placement_of(&service.document)));
    record
}

/// The commit that runs, as far as the variables of its containers say it.
fn revision(task_definitions: &[String], definitions: &Definitions, number: Option<u64>) -> Revision {
    let known = task_definitions.iter().filter_map(|arn| definitions.get(arn)?.as_ref());
    let known: Vec<_> = known.filter_map(register_input).collect();
    let containers = known.iter().filter_map(|known| known.get("containerDefinitions")?.as_array()).flatten();
    let variables: Vec<&Value> =
        containers.filter_map(|container| container["environment"].as_array()).flatten().collect();
    let said = |name: &str| {
        let variable = variables.iter().find(|variable| variable["name"] == name);
        variable.and_then(|variable| variable["value"].as_str()).unwrap_or_default().to_owned()
    };
    Revision { sha: said(SHA_VARIABLE), branch: said(BRANCH_VARIABLE), pull_request: number }
}

#[cfg(test)]
#[path = "orphan_tests.rs"]
mod tests;
