//! A service that has our tags and belongs to no record: whether it is ours to remove.

use std::collections::BTreeMap;
use std::sync::Arc;

use longshore_model::Timestamp;
use longshore_model::preview::{Environment, Policy, Revision, Subject};
use longshore_model::seen::Service;

use super::environment::{ENVIRONMENT_TAG, REPOSITORY_TAG};
use super::names::of_label;
use super::{find, record};

/// What is to be done about services that no record speaks of.
#[derive(Debug, Clone, PartialEq, Default)]
#[must_use = "a plan does nothing until it is carried out"]
pub struct Plan {
    /// Records that remove what is there, whole.
    pub adopt: Vec<Environment>,
    /// What is left alone, and why, in sentences.
    pub waiting: Vec<String>,
}

/// Whether a service has our tags, of whichever environment and daemon.
#[must_use]
pub fn is_tagged(service: &Service) -> bool {
    service.tag(REPOSITORY_TAG).is_some() && service.tag(ENVIRONMENT_TAG).is_some()
}

/// What is to be done about these services of a cluster: all that have our tags and are in no record. `was_read` says of a repository whether GitHub was read, whole,
/// since this store has known it: until then a record may only not have been written yet.
pub fn decide(
    services: &[Service],
    cluster: &str,
    policies: &BTreeMap<String, Arc<Policy>>,
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
                adopted.entry(&policy.repository).or_default().push(adopt(policy, repository, label, &services, now));
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

/// A record that removes what is there of an environment.
fn adopt(
    policy: &Policy,
    repository: &str,
    label: &str,
    services: &[&Service],
    now: Timestamp,
) -> Environment {
    let number = label.strip_prefix("pr-").and_then(|number| number.parse().ok());
    let subject = number.map_or_else(|| Subject::Branch(label.to_owned()), Subject::PullRequest);
    let mut record = record::fresh(policy, subject, Revision::default(), record::GITHUB, now);
    record.names = of_label(policy, label);
    // As its tags say it, whatever its case is now.
    repository.clone_into(&mut record.repository);
    record::remove(&mut record, "it runs, and no record speaks of it", "sweep", now);
    // Something was done once: without that, there would be nothing to look for.
    record.progress.actions = 1;
    let resources = &mut record.progress.resources;
    resources.cluster = Some(policy.cluster.clone());
    resources.route = Some(policy.route.clone());
    resources.services = services.iter().map(|service| (service.name.clone(), now)).collect();
    resources.families = resources.services.keys().cloned().collect();
    record
}

#[cfg(test)]
#[path = "orphan_tests.rs"]
mod tests;
