//! A round of the sweep: all clusters in batches, and everybody whose turn it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::{join, join_all, try_join_all};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use longshore_decide::preview::cadence;
use longshore_decide::preview::environment::{self, Look};
use longshore_decide::preview::sweep::{self, ClusterSeen};
use longshore_model::arn::last_part;
use longshore_model::call::{ListTasks, MAX_TASKS_PER_DESCRIBE};
use longshore_model::preview::Environment;
use longshore_model::seen::Task;
use longshore_model::{Error, Timestamp};
use longshore_world::{Scan, Site};

use super::{Object, Previews, Round};
use crate::book::{ENVIRONMENTS, PENDING};

/// So many pages of tasks are asked for at the same time.
const PAGES_AT_ONCE: usize = 5;

impl Previews {
    pub(super) async fn sweep(&self, round: &str) -> Result<Round, Error> {
        // AWS first, and the records behind it: whatever has begun since then is in the records.
        let names = self.clusters();
        let clusters = join_all(names.iter().map(|cluster| self.cluster(cluster))).await;
        let clusters: BTreeMap<String, ClusterSeen> = names.into_iter().zip(clusters).collect();
        let mut last = std::mem::take(&mut self.memory().records);
        let records = self.book.all_again(ENVIRONMENTS, &mut last).await?;
        self.memory().records = last;
        let now = self.now();
        let plan = {
            let mut memory = self.memory();
            memory.learn(&records);
            let sites = self.world.routes.is_some().then(|| memory.sites.iter().map(targets).collect());
            let seen = sweep::Seen {
                records: &records,
                policies: &self.policies,
                clusters: &clusters,
                sites,
                known: &memory.known,
            };
            let plan = sweep::decide(&seen, now);
            memory.hand_over(&plan.wake, &records, &clusters, now);
            plan
        };
        let mut round_ended = Round { look_again_at: Some(cadence::next_sweep(now)), ..Round::default() };
        round_ended.waiting.extend(clusters.iter().flat_map(|(cluster, seen)| gaps(cluster, seen)));
        round_ended.wake.extend(plan.wake.into_iter().map(Object::Environment));
        round_ended.wake.extend(plan.hooks.into_iter().map(Object::Hooks));
        self.wake_for_deliveries(&mut round_ended).await?;
        self.orphans(&plan.unknown, round, &mut round_ended).await?;
        Ok(round_ended)
    }

    /// The clusters of the policies, and those in which environments were made.
    fn clusters(&self) -> BTreeSet<String> {
        let mut clusters = self.memory().clusters.clone();
        clusters.extend(self.policies.values().map(|policy| policy.cluster.clone()));
        clusters
    }

    async fn cluster(&self, cluster: &str) -> ClusterSeen {
        let (services, tasks) =
            join(self.world.services.list_services(cluster), self.all_tasks(cluster)).await;
        let services = services.map(|arns| arns.iter().map(|arn| last_part(arn).to_owned()).collect());
        let gap = |error: Error| super::act::words(&error);
        ClusterSeen {
            services: services.map_or_else(|error| Look::Gap(gap(error)), Look::Seen),
            tasks: tasks.map_or_else(|error| Look::Gap(gap(error)), Look::Seen),
        }
    }

    /// All tasks of a cluster that should run.
    async fn all_tasks(&self, cluster: &str) -> Result<Vec<Task>, Error> {
        let all = ListTasks { cluster: cluster.to_owned(), ..ListTasks::default() };
        let arns = self.world.ecs.list_tasks(&all).await?;
        let pages = arns.chunks(MAX_TASKS_PER_DESCRIBE);
        let pages: Vec<_> = pages.map(|page| self.world.ecs.describe_tasks(cluster, page)).collect();
        let pages: Vec<_> = stream::iter(pages).buffered(PAGES_AT_ONCE).try_collect().await?;
        Ok(pages.into_iter().flat_map(|page| page.tasks).filter(|task| !task.is_stopped()).collect())
    }

    /// Deliveries that another process has taken, or that a crash has left behind: their repositories look again.
    async fn wake_for_deliveries(&self, round: &mut Round) -> Result<(), Error> {
        let scans = self.policies.keys().map(|name| async move {
            let scan = Scan { prefix: format!("{name}/"), limit: 1, ..Scan::default() };
            let pending = self.book.scan::<String>(PENDING, &scan).await?;
            Ok::<_, Error>((!pending.is_empty()).then(|| Object::Repository(name.clone())))
        });
        round.wake.extend(try_join_all(scans).await?.into_iter().flatten());
        Ok(())
    }
}

impl super::Memory {
    /// What events and later sweeps need to know of the records.
    fn learn(&mut self, records: &[Arc<Environment>]) {
        for record in records {
            if let Some(cluster) = environment::cluster(record, None)
                && !self.clusters.contains(cluster)
            {
                self.clusters.insert(cluster.to_owned());
            }
            for name in &record.names.services {
                if !self.services.contains_key(name) {
                    self.services.insert(name.clone(), record.names.id.clone());
                }
            }
        }
    }

    /// The tasks of those that are woken: the round that they are woken for needs not ask for them once more.
    fn hand_over(
        &mut self,
        wake: &[String],
        records: &[Arc<Environment>],
        clusters: &BTreeMap<String, ClusterSeen>,
        now: Timestamp,
    ) {
        self.tasks.clear();
        let wake: BTreeSet<&String> = wake.iter().collect();
        let woken = records.iter().filter(|record| wake.contains(&record.names.id));
        let mut owners: BTreeMap<(&str, String), &str> = BTreeMap::new();
        for record in woken {
            let Some(cluster) = environment::cluster(record, None) else { continue };
            if clusters.get(cluster).and_then(|seen| seen.tasks.seen()).is_none() {
                continue;
            }
            self.tasks.insert(record.names.id.clone(), (now, Vec::new()));
            for name in environment::service_names(record) {
                owners.insert((cluster, format!("service:{name}")), &record.names.id);
            }
        }
        for (cluster, seen) in clusters.iter().filter(|_| !owners.is_empty()) {
            for task in seen.tasks.seen().into_iter().flatten() {
                let Some(group) = task.group.clone() else { continue };
                let owner =
                    owners.get(&(cluster.as_str(), group)).and_then(|owner| self.tasks.get_mut(*owner));
                if let Some((_, tasks)) = owner {
                    tasks.push(task.clone());
                }
            }
        }
    }
}

/// An environment, and the tasks that get its requests.
fn targets<'a>((id, site): (&'a String, &'a Site)) -> (&'a str, Vec<&'a str>) {
    let active = site.services.iter().flat_map(|service| &service.active);
    (id, active.map(|target| target.key.as_str()).collect())
}

/// What could not be seen of a cluster, in sentences.
fn gaps(cluster: &str, seen: &ClusterSeen) -> Vec<String> {
    fn gap<T>(what: &str, cluster: &str, look: &Look<T>) -> Option<String> {
        match look {
            Look::Gap(why) => {
                Some(format!("the {what} of cluster `{cluster}` could not be looked at: {why}"))
            }
            Look::Not | Look::Seen(_) => None,
        }
    }
    [gap("services", cluster, &seen.services), gap("tasks", cluster, &seen.tasks)]
        .into_iter()
        .flatten()
        .collect()
}
