//! What the door shows: views of records, timelines, tasks and the last lines of their output.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{join_all, try_join_all};
use longshore_decide::preview::environment::{self, Look};
use longshore_decide::preview::{find, output, show, view};
use longshore_model::preview::view::{
    DeliveryView, EnvironmentDetail, EnvironmentView, ServiceView, WaitingView,
};
use longshore_model::preview::{Access, Delivery, Entry, Environment};
use longshore_model::seen::{LogPosition, Task};
use longshore_model::{Error, Kind};
use longshore_world::Scan;

use super::repository::ledger;
use super::{Desk, Object, Previews};
use crate::book::{ARRIVALS, DELIVERIES, ENTRIES, ENVIRONMENTS, Kept};

/// So many lines of a timeline are shown.
const LINES: usize = 200;
/// Tasks that were seen for one who looks are shown to the next for so long, unless the record has changed.
pub(super) const GOOD_FOR_MS: i64 = 3_000;

/// The way into an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayIn {
    /// The environment's id.
    pub id: String,
    /// What its addresses begin with, without a slash at the end; absent while it has none.
    pub site: Option<String>,
    /// Whether our own proxy asks for a login there.
    pub asks_login: bool,
}

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
        let kept = self.find(name).await?;
        let (tasks, health) = match &self.previews {
            Some(previews) => previews.shown_tasks(&kept).await,
            None => (Look::Not, std::collections::BTreeMap::new()),
        };
        let record = &kept.value;
        let services = show::services(record, tasks.seen().map_or(&[], Vec::as_slice), &health);
        self.detail(record, services).await
    }

    /// The same without its services and their tasks, for those who ask again and again: AWS is asked nothing.
    ///
    /// # Errors
    /// Those of [`Desk::environment`].
    pub async fn environment_alone(&self, name: &str) -> Result<EnvironmentDetail, Error> {
        self.detail(&self.find(name).await?.value, Vec::new()).await
    }

    async fn detail(
        &self,
        record: &Environment,
        services: Vec<ServiceView>,
    ) -> Result<EnvironmentDetail, Error> {
        let prefix = format!("{}/", record.names.id);
        let scan = Scan { prefix, limit: LINES, descending: true, ..Scan::default() };
        let timeline = self.book.scan::<Entry>(ENTRIES, &scan).await?;
        Ok(EnvironmentDetail {
            environment: self.view(record),
            services,
            timeline: timeline.iter().map(|(_, kept)| show::entry(&kept.value)).collect(),
        })
    }

    /// The way into an environment, as it was made, whatever its policy says by now. `name` is as above.
    ///
    /// # Errors
    /// As above.
    pub async fn way_in(&self, name: &str) -> Result<WayIn, Error> {
        let record = self.find(name).await?.value;
        let policy = find::by_repository(self.policies(), &record.repository).map(AsRef::as_ref);
        let site = environment::url(&record, policy).map(|url| url.trim_end_matches('/').to_owned());
        let entrance = environment::entrance(&record, policy);
        let asks_login = entrance.is_some_and(|it| it.access == Access::Login);
        Ok(WayIn { id: record.names.id, site, asks_login })
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
        let record = self.find(name).await?.value;
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
        let policy = find::by_repository(self.policies(), &record.repository).map(AsRef::as_ref);
        view::now(record, policy, self.clock().now())
    }
}

impl Previews {
    /// The tasks of an environment, and their health where our own proxy knows it. A gap when they cannot be seen: the
    /// rest is shown without them. However many look at once, AWS is asked once.
    async fn shown_tasks(
        &self,
        kept: &Kept<Environment>,
    ) -> (Look<Vec<Task>>, BTreeMap<String, Result<(), String>>) {
        let record = &kept.value;
        let health = self.world.routes.as_ref().map(|routes| routes.health(&record.names.id));
        let Some(cluster) = environment::cluster(record, self.policy_of(record).map(AsRef::as_ref)) else {
            return (Look::Not, health.unwrap_or_default());
        };
        let look = async {
            let tasks = self.tasks_of(cluster, record, BTreeSet::new()).await;
            tasks.map_or_else(|error| Look::Gap(super::act::words(&error)), Look::Seen)
        };
        let key = (record.names.id.clone(), kept.generation);
        let tasks = self.shown.get(key, self.world.clock.as_ref(), look).await;
        (tasks, health.unwrap_or_default())
    }

    /// The last lines of the newest tasks of an environment: of those that run, else of those that have stopped.
    pub(super) async fn last_lines(&self, record: &Environment, lines: u16) -> Result<Vec<String>, Error> {
        let policy = self.policy_of(record).map(AsRef::as_ref);
        let Some(cluster) = environment::cluster(record, policy) else { return Ok(Vec::new()) };
        let mut tasks = self.tasks_of(cluster, record, BTreeSet::new()).await?;
        if tasks.is_empty() {
            tasks = self.stopped_tasks_of(cluster, record).await?;
        }
        let tasks = output::newest(record, tasks);
        let reads =
            tasks.iter().map(|task| self.output_of(task, output::service(record, policy, task), lines));
        let pages = try_join_all(reads.collect::<Vec<_>>()).await?;
        Ok(output::merge(pages.concat(), usize::from(lines)))
    }

    async fn output_of(
        &self,
        task: &Task,
        service: Option<&str>,
        lines: u16,
    ) -> Result<Vec<(String, Vec<longshore_model::seen::LogLine>)>, Error> {
        let definition = self.world.ecs.describe_task_definition(&task.task_definition_arn).await?;
        let streams = output::streams(task, &definition, service);
        let reads = streams.into_iter().map(|(name, stream)| async move {
            let page = self.world.logs.read_log(&stream, &LogPosition::Tail(lines)).await;
            page.map(|page| (name, page.map(|page| page.lines).unwrap_or_default()))
        });
        join_all(reads.collect::<Vec<_>>()).await.into_iter().collect()
    }
}
