//! The batched look over all environments: whose turn it is to look for itself.
//!
//! Guarantees: nobody is woken because something could not be seen. What is as recorded costs no call. A service that no
//! record speaks of is touched only when it has our tags, and never more of them than may be removed at once.
#![expect(
    clippy::disallowed_types,
    reason = "5,000 names are looked up in each round, and no order that differs from run to run is gone through"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use longshore_model::Timestamp;
use longshore_model::preview::{Environment, Policy, Presence, Route, Sleep, State};
use longshore_model::seen::Task;

use super::environment::{self, Look};
use super::find;

/// All that the decision may use.
#[derive(Debug)]
pub struct Seen<'a> {
    /// All records. Read after the clusters were looked at: a service is made only after its record.
    pub records: &'a [Arc<Environment>],
    /// The policies, by repository.
    pub policies: &'a BTreeMap<String, Arc<Policy>>,
    /// What was seen of each cluster.
    pub clusters: &'a BTreeMap<String, ClusterSeen>,
    /// Environments whose site our own proxy was given, and the tasks that it leads to; absent when it is elsewhere.
    pub sites: Option<HashMap<&'a str, Vec<&'a str>>>,
    /// Environments that had a round in this process: their timers run here.
    pub known: &'a HashSet<String>,
}

/// What was seen of a cluster.
#[derive(Debug, Default)]
pub struct ClusterSeen {
    /// The names of its services.
    pub services: Look<BTreeSet<String>>,
    /// Its tasks that should run.
    pub tasks: Look<Vec<Task>>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use = "a plan does nothing until it is carried out"]
pub struct Plan {
    /// Environments that look for themselves now.
    pub wake: Vec<String>,
    /// Environments with a hook that has begun and not ended, and is to be called now: after a crash it is called again.
    pub hooks: Vec<String>,
    /// Services that no record speaks of, by cluster.
    pub unknown: Vec<(String, String)>,
}

/// Who is to look for itself.
pub fn decide(seen: &Seen<'_>, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let mut judge = Judge::new(seen, now);
    let mut ours: HashSet<&String> = HashSet::new();
    for record in seen.records {
        if judge.is_due(record) {
            plan.wake.push(record.names.id.clone());
        }
        if environment::due_hooks(record, now).next().is_some() {
            plan.hooks.push(record.names.id.clone());
        }
        ours.extend(environment::services(record));
    }
    for (cluster, look) in seen.clusters {
        let names = look.services.seen().into_iter().flatten();
        let unknown = names.filter(|name| !ours.contains(*name));
        plan.unknown.extend(unknown.map(|name| (cluster.clone(), name.clone())));
    }
    plan
}

/// What is looked up many times while all records are gone through.
struct Judge<'a> {
    seen: &'a Seen<'a>,
    now: Timestamp,
    /// The tasks of each service, by cluster and group.
    tasks: BTreeMap<&'a str, HashMap<&'a str, Vec<&'a Task>>>,
    /// Repositories and shapes for which a deployed environment is as its policy says: the same for all of them.
    settled: BTreeSet<(&'a str, &'a str)>,
}

impl<'a> Judge<'a> {
    fn new(seen: &'a Seen<'a>, now: Timestamp) -> Self {
        let mut tasks: BTreeMap<&str, HashMap<&str, Vec<&Task>>> = BTreeMap::new();
        for (cluster, look) in seen.clusters {
            let groups = tasks.entry(cluster).or_default();
            for task in look.tasks.seen().into_iter().flatten() {
                if let Some(service) = task.group.as_deref().and_then(|group| group.strip_prefix("service:"))
                {
                    groups.entry(service).or_default().push(task);
                }
            }
        }
        Self { seen, now, tasks, settled: BTreeSet::new() }
    }

    fn is_due(&mut self, record: &'a Environment) -> bool {
        let is_known = self.seen.known.contains(&record.names.id);
        let policy = find::by_repository(self.seen.policies, &record.repository).map(AsRef::as_ref);
        match (&record.wish.presence, policy) {
            (Presence::Down(_), _) => true,
            // Nothing is done until longshore.toml speaks of it again.
            (Presence::Up { .. }, None) => !is_known,
            // It looks when there is room.
            (Presence::Up { .. }, Some(_)) if record.state == State::Queued => !is_known,
            (Presence::Up { .. }, Some(policy)) => {
                // What another process waited for, such as a policy, may be there now.
                (!is_known && !record.waiting.is_empty())
                    || !self.is_settled(record, policy)
                    || self.is_time(record, policy)
                    || self.differs(record, policy)
                    || self.is_misled(record, policy)
            }
        }
    }

    /// Whether everything of it was as it should be, and still should be so.
    fn is_settled(&mut self, record: &'a Environment, policy: &Policy) -> bool {
        let progress = &record.progress;
        let is_quiet = progress.steady
            && progress.deploying.is_none()
            && progress.intents.is_empty()
            && progress.retry_at.is_none()
            && !progress.hooks.values().any(|hook| hook.state.is_open());
        if !is_quiet {
            return false;
        }
        let as_wished = progress.deployed.as_ref().filter(|deployed| {
            progress.failure.is_none()
                && progress.asleep_since.is_none()
                && record.wish.sleep == Sleep::Auto
                && deployed.revision == record.wish.revision
                && deployed.attempt == record.wish.attempt
        });
        // What is left to compare is the policy of now with that of then, which takes a hash.
        let shape = as_wished.map(|deployed| (record.repository.as_str(), deployed.shape.as_str()));
        if shape.is_some_and(|shape| self.settled.contains(&shape)) {
            return true;
        }
        let is_settled = !environment::needs(record, Some(policy), self.now).services;
        self.settled.extend(shape.filter(|_| is_settled));
        is_settled
    }

    /// Whether something is due by the clock.
    fn is_time(&self, record: &Environment, policy: &Policy) -> bool {
        let schedule = environment::schedule(record, Some(policy), self.now);
        let is_past = |at: Option<Timestamp>| at.is_some_and(|at| at <= self.now);
        let is_warned = record.progress.warned_of == schedule.expires_at;
        // A warning that says nothing any more is to be forgotten.
        (schedule.expires_at.is_none() && !is_warned)
            || is_past(schedule.expires_at)
            || is_past(schedule.sleeps_at)
            || (is_past(schedule.warns_at) && !is_warned)
    }

    /// Whether its cluster has something else than what is recorded. What could not be seen does not differ.
    fn differs(&self, record: &Environment, policy: &Policy) -> bool {
        let Some(cluster) = environment::cluster(record, Some(policy)) else { return false };
        let Some(look) = self.seen.clusters.get(cluster) else { return false };
        let deployed = record.progress.deployed.as_ref().filter(|_| record.progress.failure.is_none());
        let Some(deployed) = deployed else { return false };
        let is_asleep = record.progress.asleep_since.is_some();
        let has_seen_tasks = look.tasks.seen().is_some();
        record.names.services.iter().enumerate().any(|(index, name)| {
            let is_gone = look.services.seen().is_some_and(|services| !services.contains(name));
            let tasks = self.tasks.get(cluster).and_then(|groups| groups.get(name.as_str()));
            let tasks = tasks.map_or(&[][..], Vec::as_slice);
            let count = if is_asleep { 0 } else { policy.services.get(index).map_or(0, |it| it.count) };
            let revision = deployed.task_definitions.get(index);
            let are_as_recorded = u32::try_from(tasks.len()) == Ok(count)
                && tasks.iter().all(|task| Some(&task.task_definition_arn) == revision);
            is_gone || (has_seen_tasks && !are_as_recorded)
        })
    }

    /// Whether our own proxy does not know it yet, as after a restart, or leads to a task that runs no more, and another one
    /// has taken its place: nobody heard of it.
    fn is_misled(&self, record: &Environment, policy: &Policy) -> bool {
        let Some(sites) = &self.seen.sites else { return false };
        let Some(targets) = sites.get(record.names.id.as_str()) else {
            return matches!(environment::route(record, Some(policy)), Some(Route::Proxy { .. }));
        };
        let Some(cluster) = environment::cluster(record, Some(policy)) else { return false };
        if self.seen.clusters.get(cluster).and_then(|look| look.tasks.seen()).is_none() {
            return false;
        }
        let groups = self.tasks.get(cluster);
        let services = record.names.services.iter();
        let own: Vec<&Vec<&Task>> = services.filter_map(|name| groups?.get(name.as_str())).collect();
        targets.iter().any(|target| own.iter().all(|tasks| tasks.iter().all(|task| task.arn != *target)))
    }
}

#[cfg(test)]
#[path = "sweep_tests.rs"]
mod tests;
