//! Looks at what a decision about an environment needs, all of it at the same time. What cannot be seen is a gap with the
//! reason in it, never an absence.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use futures_util::future::{join, join_all, join3, join5, try_join_all};
use longshore_decide::preview::environment::{self, Look, Needs, Seen};
use longshore_decide::preview::room;
use longshore_decide::service::{FAILING_LINES, failing};
use longshore_model::call::{ListTasks, MAX_SERVICES_PER_DESCRIBE, MAX_TASKS_PER_DESCRIBE};
use longshore_model::preview::{Environment, Policy};
use longshore_model::seen::{LogPosition, Service, Task};
use longshore_model::{Error, Timestamp};
use serde_json::Value;

use super::{Looked, Previews, records};

/// What the sweep has seen of tasks is as good as a look of one's own for so long.
const HANDED_OVER_MS: i64 = 10_000;
/// What a round has seen is as good for the next one for so long, unless something says that it has changed: our own proxy
/// finds out within moments that a task is healthy, and then nothing else is new.
const SEEN_BEFORE_MS: i64 = 3_000;
/// The output of so many stopped tasks is read: they mostly say the same.
const READ_STOPPED: usize = 3;

/// Services by name, if they were looked at.
type Services = Look<BTreeMap<String, Service>>;

impl Previews {
    /// What the last sweep has seen of its tasks, once, when nothing else is to be looked at.
    fn handed_over(&self, id: &str, needs: &Needs) -> Option<Vec<Task>> {
        let (seen_at, tasks) = self.memory().tasks.remove(id)?;
        let is_young = self.now().ms_since(seen_at).abs() <= HANDED_OVER_MS;
        (is_young && needs.tasks && !needs.services).then_some(tasks)
    }

    /// What the round before has seen, when it is young, and all that is to be looked at.
    fn seen_before(&self, id: &str, needs: &Needs) -> Option<(Services, Vec<Task>)> {
        let services = needs.services;
        let named_tasks = needs.named_tasks;
        if *needs != (Needs { tasks: true, named_tasks, services, ..Needs::default() }) {
            return None;
        }
        let memory = self.memory();
        let looked = memory.looked.get(id)?;
        let is_young = self.now().ms_since(looked.at).abs() <= SEEN_BEFORE_MS;
        (is_young && (!services || looked.services.seen().is_some()))
            .then(|| (if services { looked.services.clone() } else { Look::Not }, looked.tasks.clone()))
    }

    /// Looks at what `needs` names.
    pub(super) async fn look(&self, record: &Environment, needs: &Needs, round: &str) -> Result<Seen, Error> {
        let policy = self.policy_of(record).cloned();
        let policy_ref = policy.as_deref();
        let named = self.policy_as_named(record);
        let Some(cluster) = environment::cluster(record, policy_ref) else {
            // Without a policy, and made by nobody: there is no place to look at.
            return Ok(Seen { policy, dice: dice(record, round), ..Seen::default() });
        };
        let id = &record.names.id;
        let before = self.seen_before(id, needs);
        let is_known = before.is_some();
        let handed = self.handed_over(id, needs).filter(|_| !is_known);
        let is_handed = handed.is_some() || is_known;
        let looked_at = self.now();
        let running = {
            let mut memory = self.memory();
            memory.looking.insert(id.clone());
            if !needs.named_tasks {
                memory.running.remove(id);
            }
            memory.running.get(id).cloned().unwrap_or_default()
        };
        let (room, (services, tasks, stopped, revisions, (base, like)), (balancer, target_health)) = join3(
            self.has_room(record, policy_ref),
            join5(
                when(
                    needs.services && !is_known,
                    self.services_of(cluster, &environment::service_names(record)),
                ),
                when(needs.tasks && !is_handed, self.tasks_of(cluster, record, running)),
                when(needs.stopped, self.stopped_of(cluster, record)),
                when(needs.revisions, self.revisions_of(record)),
                join(
                    when(needs.base, self.base(named.as_deref())),
                    when(needs.base, self.like(cluster, named.as_deref())),
                ),
            ),
            join(
                when(needs.balancer, self.balancer(record, policy_ref)),
                when(needs.target_health, self.target_health(record)),
            ),
        )
        .await;
        let (services, tasks) = match before {
            Some((services, tasks)) => (services, Look::Seen(tasks)),
            None => (services, handed.map_or(tasks, Look::Seen)),
        };
        if !is_handed {
            self.memory().remember_look(id, looked_at, &services, &tasks);
        }
        let addresses = self.addresses(cluster, tasks.seen().map_or(&[], Vec::as_slice)).await;
        Ok(Seen {
            policy,
            has_room: room?,
            services,
            tasks,
            addresses,
            stopped,
            task_definitions: base,
            like,
            balancer,
            target_health,
            proxy_health: self.world.routes.as_ref().map(|routes| routes.health(id)).unwrap_or_default(),
            revisions,
            dice: dice(record, round),
        })
    }

    async fn has_room(&self, record: &Environment, policy: Option<&Policy>) -> Result<bool, Error> {
        let Some(policy) = policy.filter(|_| room::is_asked(record)) else { return Ok(true) };
        let rivals = records::of_repository(&self.book, &record.repository).await?;
        let rivals: Vec<Environment> = rivals.into_iter().map(|kept| kept.value).collect();
        Ok(longshore_decide::preview::record::has_room(policy, record, &rivals))
    }

    async fn services_of(&self, cluster: &str, names: &[String]) -> Result<BTreeMap<String, Service>, Error> {
        let parts = names.chunks(MAX_SERVICES_PER_DESCRIBE);
        let parts =
            try_join_all(parts.map(|part| self.world.services.describe_services(cluster, part))).await?;
        Ok(parts.into_iter().flatten().map(|service| (service.name.clone(), service)).collect())
    }

    /// Those that are not stopped; where `named` has some, of these alone.
    pub(super) async fn tasks_of(
        &self,
        cluster: &str,
        record: &Environment,
        named: BTreeSet<String>,
    ) -> Result<Vec<Task>, Error> {
        let tasks = match named.is_empty() {
            true => self.tasks(cluster, record, false).await?,
            false => self.described_tasks(cluster, record, &Vec::from_iter(named)).await?,
        };
        Ok(tasks.into_iter().filter(|task| !task.is_stopped()).collect())
    }

    pub(super) async fn stopped_tasks_of(
        &self,
        cluster: &str,
        record: &Environment,
    ) -> Result<Vec<Task>, Error> {
        let tasks = self.tasks(cluster, record, true).await?;
        Ok(tasks.into_iter().filter(Task::is_stopped).collect())
    }

    async fn stopped_of(
        &self,
        cluster: &str,
        record: &Environment,
    ) -> Result<Vec<(Task, Vec<String>)>, Error> {
        let mut tasks = self.stopped_tasks_of(cluster, record).await?;
        tasks.sort_by(|one, other| {
            other.stopped_at.cmp(&one.stopped_at).then_with(|| one.arn.cmp(&other.arn))
        });
        let tails = tasks.iter().take(READ_STOPPED).map(|task| self.tail_of_failed(task));
        let mut tails = join_all(tails).await.into_iter();
        Ok(tasks.into_iter().map(|task| (task, tails.next().unwrap_or_default())).collect())
    }

    /// The tasks of an environment's services. They are listed by their families, which have the services' names: a
    /// service that is not there yet or not any more is then no error. Other tasks of a family, such as hooks, are not
    /// in its group.
    async fn tasks(&self, cluster: &str, record: &Environment, stopped: bool) -> Result<Vec<Task>, Error> {
        let names = environment::service_names(record);
        let lists = names.iter().map(|name| {
            let (cluster, family) = (cluster.to_owned(), Some(name.clone()));
            let request = ListTasks { cluster, family, stopped, ..ListTasks::default() };
            async move { self.world.ecs.list_tasks(&request).await }
        });
        let arns = try_join_all(lists).await?.concat();
        self.described_tasks(cluster, record, &arns).await
    }

    /// These tasks, as far as they are of the environment's services.
    async fn described_tasks(
        &self,
        cluster: &str,
        record: &Environment,
        arns: &[String],
    ) -> Result<Vec<Task>, Error> {
        let names = environment::service_names(record);
        let groups: BTreeSet<String> = names.iter().map(|name| format!("service:{name}")).collect();
        let parts = arns.chunks(MAX_TASKS_PER_DESCRIBE);
        let parts = try_join_all(parts.map(|part| self.world.ecs.describe_tasks(cluster, part))).await?;
        let tasks = parts.into_iter().flat_map(|part| part.tasks);
        Ok(tasks.filter(|task| task.group.as_ref().is_some_and(|group| groups.contains(group))).collect())
    }

    /// The last lines of a task that failed. What cannot be found out is left out: it is only shown.
    async fn tail_of_failed(&self, task: &Task) -> Vec<String> {
        let definition = self.world.ecs.describe_task_definition(&task.task_definition_arn).await;
        let stream = definition.ok().and_then(|definition| {
            failing(task, &definition, task.started_by.as_deref().unwrap_or_default())?.1
        });
        let Some(stream) = stream else { return Vec::new() };
        let page = self.world.logs.read_log(&stream, &LogPosition::Tail(FAILING_LINES)).await;
        let lines = page.ok().flatten().map(|page| page.lines).unwrap_or_default();
        lines.into_iter().map(|line| line.message).collect()
    }

    async fn revisions_of(&self, record: &Environment) -> Result<BTreeMap<String, Vec<String>>, Error> {
        let names = environment::service_names(record);
        let each = names.into_iter().map(|name| async move {
            let revisions = self.world.services.active_revisions(&name).await?;
            Ok::<_, Error>((name, revisions))
        });
        Ok(try_join_all(each).await?.into_iter().collect())
    }

    /// The task definitions that the policy varies, by its own references.
    async fn base(&self, policy: Option<&Policy>) -> Result<BTreeMap<String, Option<Value>>, Error> {
        let services = policy.map_or(&[][..], |policy| &policy.services);
        self.definitions(services.iter().map(|service| service.task_definition.clone()).collect()).await
    }

    /// The services that the policy names as `like`.
    async fn like(
        &self,
        cluster: &str,
        policy: Option<&Policy>,
    ) -> Result<BTreeMap<String, Option<Service>>, Error> {
        let services = policy.map_or(&[][..], |policy| &policy.services);
        let names: BTreeSet<String> = services.iter().filter_map(|service| service.like.clone()).collect();
        let names: Vec<String> = names.into_iter().collect();
        let mut seen = self.services_of(cluster, &names).await?;
        Ok(names.into_iter().map(|name| (name.clone(), seen.remove(&name))).collect())
    }

    /// Addresses of the container instances that these tasks are on. One that cannot be found out is not in it: its
    /// tasks get no requests until it can.
    pub(super) async fn addresses(&self, cluster: &str, tasks: &[Task]) -> BTreeMap<String, IpAddr> {
        let needed = tasks.iter().filter(|task| task.private_ip.is_none());
        let arns: BTreeSet<&String> =
            needed.filter_map(|task| task.container_instance_arn.as_ref()).collect();
        // An instance keeps its address for as long as it lives.
        let unknown: Vec<String> = {
            let memory = self.memory();
            arns.iter()
                .filter(|arn| !memory.addresses.contains_key(**arn))
                .map(|arn| (*arn).clone())
                .collect()
        };
        let parts = unknown.chunks(MAX_TASKS_PER_DESCRIBE);
        let parts = join_all(parts.map(|part| self.world.addresses.addresses(cluster, part))).await;
        let mut memory = self.memory();
        memory.addresses.extend(parts.into_iter().filter_map(Result::ok).flatten());
        arns.into_iter().filter_map(|arn| Some((arn.clone(), *memory.addresses.get(arn)?))).collect()
    }
}

impl super::Memory {
    /// Keeps what was seen of tasks, unless something has been heard of them while they were looked at.
    fn remember_look(
        &mut self,
        id: &str,
        at: Timestamp,
        services: &Look<BTreeMap<String, Service>>,
        tasks: &Look<Vec<Task>>,
    ) {
        self.looked.remove(id);
        if let (true, Some(tasks)) = (self.looking.remove(id), tasks.seen()) {
            let looked = Looked { at, services: services.clone(), tasks: tasks.clone() };
            self.looked.insert(id.to_owned(), looked);
        }
    }

    /// What was seen, or is being looked at, is out of date.
    pub(super) fn forget_look(&mut self, id: &str) {
        self.looking.remove(id);
        self.looked.remove(id);
    }
}

/// Looks, when it is needed.
async fn when<T>(needed: bool, look: impl Future<Output = Result<T, Error>>) -> Look<T> {
    if !needed {
        return Look::Not;
    }
    look.await.map_or_else(|error| Look::Gap(super::act::words(&error)), Look::Seen)
}

/// A number for ports and priorities: another for each environment and each try (FNV-1a).
fn dice(record: &Environment, round: &str) -> u64 {
    let bytes = record.names.id.bytes().chain(round.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
