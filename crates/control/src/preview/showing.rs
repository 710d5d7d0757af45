//! What the door shows: views of records, timelines, tasks and the last lines of their output.

use std::collections::BTreeSet;

use futures_util::future::{join_all, try_join_all};
use longshore_decide::preview::environment::{self, Look};
use longshore_decide::preview::{output, show};
use longshore_model::preview::view::{DeliveryView, EnvironmentDetail, EnvironmentView, WaitingView};
use longshore_model::preview::{Delivery, Entry, Environment};
use longshore_model::seen::{LogPosition, Task};
use longshore_model::{Error, Kind};
use longshore_world::Scan;

use super::repository::ledger;
use super::{Desk, Object, Previews};
use crate::book::{ARRIVALS, DELIVERIES, ENTRIES, ENVIRONMENTS};

/// So many lines of a timeline are shown.
const LINES: usize = 200;

impl Desk {
    /// All environments, in the order of their ids.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn environments(&self) -> Result<Vec<EnvironmentView>, Error> {
        let all = self.book.all::<Environment>(ENVIRONMENTS, "").await?;
        Ok(all.iter().map(|(_, kept)| self.view(&kept.value)).collect())
    }

    /// An environment with its services, tasks and timeline. `name` is an id, a branch, or `#NUMBER`.
    ///
    /// # Errors
    /// Those of the store; [`Kind::NotFound`] with the nearest names when there is none.
    pub async fn environment(&self, name: &str) -> Result<EnvironmentDetail, Error> {
        let record = self.find(name).await?;
        let prefix = format!("{}/", record.names.id);
        let scan = Scan { prefix, limit: LINES, descending: true, ..Scan::default() };
        let timeline = self.book.scan::<Entry>(ENTRIES, &scan).await?;
        let (tasks, health) = match &self.previews {
            Some(previews) => previews.shown_tasks(&record).await,
            None => (Look::Not, std::collections::BTreeMap::new()),
        };
        Ok(EnvironmentDetail {
            environment: self.view(&record),
            services: show::services(&record, tasks.seen().map_or(&[], Vec::as_slice), &health),
            timeline: timeline.iter().map(|(_, kept)| show::entry(&kept.value)).collect(),
        })
    }

    /// What is waited for beside the environments: by repositories, and in this process by the sweep and by notifiers.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn waiting(&self) -> Result<Vec<WaitingView>, Error> {
        let mut found = Vec::new();
        for name in self.policies().keys() {
            found.push((Object::Repository(name.clone()), ledger(&self.book, name).await?.waiting));
        }
        for (object, status) in self.driver().statuses() {
            if matches!(object, Object::Sweep | Object::Notifier(_)) {
                found.push((object, status.error.into_iter().chain(status.waiting).collect()));
            }
        }
        found.retain(|(_, waiting)| !waiting.is_empty());
        Ok(found
            .into_iter()
            .map(|(object, waiting)| WaitingView { about: object.to_string(), waiting })
            .collect())
    }

    /// The last lines of its tasks' logs, the oldest first.
    ///
    /// # Errors
    /// Those of the calls; [`Kind::NotFound`] when there is none.
    pub async fn logs(&self, name: &str, lines: u16) -> Result<Vec<String>, Error> {
        let record = self.find(name).await?;
        let unreachable = || Error::new(Kind::Unavailable, "this process cannot read logs");
        self.previews.as_ref().ok_or_else(unreachable)?.last_lines(&record, lines).await
    }

    /// Deliveries, the newest first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn deliveries(&self, limit: usize) -> Result<Vec<DeliveryView>, Error> {
        let scan = Scan { limit, descending: true, ..Scan::default() };
        let arrivals = self.book.scan::<String>(ARRIVALS, &scan).await?;
        let reads = arrivals.iter().map(|(_, kept)| self.book.read::<Delivery>(DELIVERIES, &kept.value));
        let deliveries = try_join_all(reads.collect::<Vec<_>>()).await?;
        Ok(deliveries.into_iter().flatten().map(|kept| show::delivery(&kept.value)).collect())
    }

    fn view(&self, record: &Environment) -> EnvironmentView {
        let policy = self.policies().get(&record.repository).map(AsRef::as_ref);
        let schedule = environment::schedule(record, policy, self.clock().now());
        longshore_decide::preview::view::view(record, policy, environment::url(record, policy), &schedule)
    }
}

impl Previews {
    /// The tasks of an environment, and their health where our own proxy knows it. A gap when they cannot be seen: the
    /// rest is shown without them.
    async fn shown_tasks(
        &self,
        record: &Environment,
    ) -> (Look<Vec<Task>>, std::collections::BTreeMap<String, bool>) {
        let health = self.world.routes.as_ref().map(|routes| routes.health(&record.names.id));
        let Some(cluster) = environment::cluster(record, self.policy_of(record).map(AsRef::as_ref)) else {
            return (Look::Not, health.unwrap_or_default());
        };
        let tasks = self.tasks_of(cluster, record, BTreeSet::new()).await;
        let tasks = tasks.map_or_else(|error| Look::Gap(super::act::words(&error)), Look::Seen);
        (tasks, health.unwrap_or_default())
    }

    /// The last lines of the newest tasks of an environment: of those that run, else of those that have stopped.
    async fn last_lines(&self, record: &Environment, lines: u16) -> Result<Vec<String>, Error> {
        let policy = self.policy_of(record).map(AsRef::as_ref);
        let Some(cluster) = environment::cluster(record, policy) else { return Ok(Vec::new()) };
        let mut tasks = self.tasks_of(cluster, record, BTreeSet::new()).await?;
        if tasks.is_empty() {
            tasks = self.stopped_tasks_of(cluster, record).await?;
        }
        tasks.sort_by_key(|task| std::cmp::Reverse(task.created_at));
        tasks.truncate(output::TASKS);
        let pages =
            try_join_all(tasks.iter().map(|task| self.output_of(task, lines)).collect::<Vec<_>>()).await?;
        Ok(output::merge(pages.concat(), usize::from(lines)))
    }

    async fn output_of(
        &self,
        task: &Task,
        lines: u16,
    ) -> Result<Vec<(String, Vec<longshore_model::seen::LogLine>)>, Error> {
        let definition = self.world.ecs.describe_task_definition(&task.task_definition_arn).await?;
        let streams = output::streams(task, &definition);
        let reads = streams.into_iter().map(|(name, stream)| async move {
            let page = self.world.logs.read_log(&stream, &LogPosition::Tail(lines)).await;
            page.map(|page| (name, page.map(|page| page.lines).unwrap_or_default()))
        });
        join_all(reads.collect::<Vec<_>>()).await.into_iter().collect()
    }
}
