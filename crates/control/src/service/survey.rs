//! What is there beside the files: all services of a cluster, what uses revisions in any cluster, and which revisions are
//! ours. Each list is whole, or an error.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use longshore_decide::service::usage::{Usage, has_history, listed, some, whole};
use longshore_decide::service::{is_revision_ours, previous, revision_name, successful};
use longshore_model::Error;
use longshore_model::call::{
    ListTasks, MAX_CLUSTERS_PER_DESCRIBE, MAX_SERVICES_PER_DESCRIBE, MAX_TASKS_PER_DESCRIBE,
};
use longshore_model::seen::{Cluster, Service};
use tokio::sync::mpsc;

use super::Applier;
use crate::pace::Pace;
use crate::patience::patiently;

/// For so long, lists and counts may be behind what was just done.
const CATCHES_UP_WITHIN: Duration = Duration::from_secs(20);

/// So many histories are read at the same time.
const AT_ONCE: usize = 5;

/// DescribeServiceRevisions takes so many at a time.
const REVISIONS_PER_CALL: usize = 20;

/// DescribeTaskDefinition refills at 20 calls a second for an account, with 100 at once: half of that is left to others.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html>
const DESCRIBING: (usize, Duration) = (50, Duration::from_millis(100));

/// DeregisterTaskDefinition refills at one call a second.
const DEREGISTERING: (usize, Duration) = (5, Duration::from_secs(1));

/// What became of revisions that were to be deregistered.
#[derive(Debug, Default)]
pub struct Deregistered {
    /// Their ARNs.
    pub done: Vec<String>,
    /// Those that are left, when not all are done.
    pub left: Vec<String>,
    /// Why.
    pub why: Option<Stopped>,
}

/// Why revisions were left.
#[derive(Debug)]
pub enum Stopped {
    /// A call failed.
    Failed(Error),
    /// Whoever waits wanted to wait no longer. The words complete "left ...".
    Interrupted(String),
}

impl Applier {
    /// All services of the cluster, described.
    ///
    /// # Errors
    ///
    /// When one of the calls fails, or something was listed and not described.
    pub async fn all_services(&self) -> Result<Vec<Service>, Error> {
        self.services_of(&self.cluster).await
    }

    async fn services_of(&self, cluster: &str) -> Result<Vec<Service>, Error> {
        let arns = self.services.list_services(cluster).await?;
        let names: Vec<String> = arns.iter().map(|arn| revision_name(arn).to_owned()).collect();
        let mut all = Vec::new();
        for part in names.chunks(MAX_SERVICES_PER_DESCRIBE) {
            let described = self.services.describe_services(cluster, part).await?;
            whole(&format!("services of cluster `{cluster}`"), part.len(), described.len())?;
            all.extend(described);
        }
        Ok(all)
    }

    /// What uses revisions of these families, in all clusters of the account; all that services run and would go back to
    /// is in it in any case. Services of `going`, and their tasks, do not count.
    ///
    /// # Errors
    ///
    /// When anything could not be seen: then it is not known what is in use.
    pub async fn usage(&self, families: &BTreeSet<String>, going: &[Service]) -> Result<Usage, Error> {
        patiently(CATCHES_UP_WITHIN, || self.usage_now(families, going)).await
    }

    async fn usage_now(&self, families: &BTreeSet<String>, going: &[Service]) -> Result<Usage, Error> {
        let mut usage = Usage::default();
        for cluster in &self.clusters().await? {
            let services = self.services_of(&cluster.arn).await?;
            listed(cluster, services.len())?;
            let stays = |service: &&Service| going.iter().all(|other| other.arn != service.arn);
            let services: Vec<&Service> = services.iter().filter(stays).collect();
            services.iter().for_each(|service| usage.service(&cluster.name, service));
            let with_history = services.into_iter().filter(|service| has_history(service));
            let ways_back: Vec<(&Service, Option<String>)> = stream::iter(with_history)
                .map(|service| async move {
                    Ok::<_, Error>((service, self.way_back(&cluster.arn, service).await?))
                })
                .buffered(AT_ONCE)
                .try_collect()
                .await?;
            for (service, revision) in ways_back {
                revision.iter().for_each(|revision| usage.rollback(&cluster.name, service, revision));
            }
            for family in families {
                self.tasks_of(cluster, family, going, &mut usage).await?;
            }
        }
        Ok(usage)
    }

    async fn clusters(&self) -> Result<Vec<Cluster>, Error> {
        let arns = self.services.list_clusters().await?;
        some(&arns)?;
        let mut all = Vec::new();
        for part in arns.chunks(MAX_CLUSTERS_PER_DESCRIBE) {
            let described = self.services.describe_clusters(part).await?;
            whole("clusters", part.len(), described.len())?;
            all.extend(described.into_iter().filter(|cluster| cluster.status != "INACTIVE"));
        }
        Ok(all)
    }

    async fn tasks_of(
        &self,
        cluster: &Cluster,
        family: &str,
        going: &[Service],
        usage: &mut Usage,
    ) -> Result<(), Error> {
        let list = ListTasks {
            cluster: cluster.arn.clone(),
            family: Some(family.to_owned()),
            ..ListTasks::default()
        };
        let arns = self.ecs.list_tasks(&list).await?;
        let goes = |group: Option<&str>| {
            let name = group.and_then(|group| group.strip_prefix("service:"));
            going.iter().any(|service| service.is_in(&cluster.arn) && Some(service.name.as_str()) == name)
        };
        for part in arns.chunks(MAX_TASKS_PER_DESCRIBE) {
            let described = self.ecs.describe_tasks(&cluster.arn, part).await?;
            // A task that ended meanwhile is said to be missing.
            let known = described.tasks.len() + described.failures.len();
            whole(&format!("tasks of cluster `{}`", cluster.name), part.len(), known)?;
            let stay = described.tasks.iter().filter(|task| !goes(task.group.as_deref()));
            stay.for_each(|task| usage.task(&cluster.name, task));
        }
        Ok(())
    }

    /// The revision that a service last ran successfully before what it is on now, as far as ECS remembers.
    ///
    /// # Errors
    ///
    /// Those of ListServiceDeployments and DescribeServiceRevisions.
    pub async fn way_back(&self, cluster: &str, service: &Service) -> Result<Option<String>, Error> {
        let past = self.services.past_deployments(cluster, &service.name).await?;
        let candidates = successful(&past);
        for part in candidates.chunks(REVISIONS_PER_CALL) {
            let definitions = self.services.revisions(part).await?;
            whole("service revisions", part.len(), definitions.len())?;
            if let Some(found) = previous(service, part, &definitions) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The families whose latest revision carries the project's tag. It describes every family of the account, so
    /// `tell` is given how many are done, and how many there are.
    ///
    /// # Errors
    ///
    /// Those of ListTaskDefinitionFamilies and DescribeTaskDefinition.
    pub async fn families_of(
        &self,
        project: &str,
        tell: &mut (dyn FnMut(usize, usize) + Send),
    ) -> Result<BTreeSet<String>, Error> {
        let families = self.services.families().await?;
        let mut pace = Pace::new(DESCRIBING);
        let mut ours = BTreeSet::new();
        for (done, family) in families.iter().enumerate() {
            tell(done, families.len());
            pace.next().await;
            let latest = self.services.task_definition(family).await?;
            if latest.is_some_and(|latest| is_revision_ours(&latest, project)) {
                ours.insert(family.clone());
            }
        }
        Ok(ours)
    }

    /// The active revisions of a family, the newest first.
    ///
    /// # Errors
    ///
    /// Those of ListTaskDefinitions.
    pub async fn active(&self, family: &str) -> Result<Vec<String>, Error> {
        self.services.active_revisions(family).await
    }

    /// Those of the revisions that carry the project's tag.
    ///
    /// # Errors
    ///
    /// Those of DescribeTaskDefinition.
    pub async fn ours_among(&self, revisions: &[String], project: &str) -> Result<Vec<String>, Error> {
        let mut pace = Pace::new(DESCRIBING);
        let mut ours = Vec::new();
        for revision in revisions {
            pace.next().await;
            let described = self.services.task_definition(revision).await?;
            if described.is_some_and(|described| is_revision_ours(&described, project)) {
                ours.push(revision.clone());
            }
        }
        Ok(ours)
    }

    /// Deregisters revisions, as fast as ECS lets an account. `tell` is given each that is done. It stops at the first
    /// call that fails, and when words come through `interrupts`.
    pub async fn deregister(
        &self,
        revisions: Vec<String>,
        interrupts: &mut mpsc::UnboundedReceiver<String>,
        tell: &mut (dyn FnMut(&str) + Send),
    ) -> Deregistered {
        let mut pace = Pace::new(DEREGISTERING);
        let mut end = Deregistered { left: revisions, ..Deregistered::default() };
        while let Some(revision) = end.left.first().cloned() {
            tokio::select! {
                biased;
                Some(words) = interrupts.recv() => {
                    end.why = Some(Stopped::Interrupted(words));
                    return end;
                }
                () = pace.next() => {}
            }
            if let Err(error) = self.services.deregister(&revision).await {
                end.why = Some(Stopped::Failed(error));
                return end;
            }
            tell(&revision);
            end.left.remove(0);
            end.done.push(revision);
        }
        end
    }
}
