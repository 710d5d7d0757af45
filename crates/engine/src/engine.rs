//! The engine as a whole: its worlds, its runtime, its state; started, recovered, emptied, ended.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use longshore_ecs::{ContainerRef, Effect, LostReason, Surviving};
use longshore_model::Timestamp;
use longshore_model::arn::Scope;
use longshore_model::task::Task;
use serde_json::Value;
use tokio::sync::{Notify, broadcast, mpsc};
use tokio::task::AbortHandle;

use crate::balance::{self, Balancer};
use crate::beside::queues;
use crate::clock::now;
use crate::door::{Door, Keys};
use crate::events;
use crate::host;
use crate::keys::{Credentials, random_bytes};
use crate::output::{LINES, LogTarget, Output};
use crate::runtime::{ContainerKey, Known, REPORTS_LIMIT, Report, Reports, Runtime, TaskKey};
use crate::store::{Record, Store, StoreError, Ticket, Write};
use crate::world::{World, keep_time, scope_key};

/// How often logs and queues are looked through for what is beyond its retention.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);

/// How long the end of the engine may wait for the end of what it runs.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(15);

/// How long the end of the engine may wait for steps of tasks that are under way.
const SETTLE_LIMIT: Duration = Duration::from_secs(5);

/// The file in the state directory that names the runtime whose containers outlive the engine.
const RUNTIME_FILE: &str = "runtime";

/// What an engine is made of.
pub struct Options {
    /// The opened state.
    pub store: Store,
    /// The account of all ARNs, twelve digits.
    pub account: String,
    /// Lets in whoever signs with anything.
    pub any_credentials: bool,
    /// Whether `POST /_longshore/reset` empties it.
    pub ephemeral: bool,
    /// Whether tasks of another runtime, which may still run, are given up: the user asked for this one.
    pub gives_up: bool,
}

/// The local ECS engine, without its listener.
pub struct Engine {
    pub(crate) store: Arc<Store>,
    pub(crate) account: String,
    pub(crate) door: Door,
    pub(crate) ephemeral: bool,
    pub(crate) runtime: Box<dyn Runtime>,
    pub(crate) output: Output,
    pub(crate) balancer: Balancer,
    worlds: RwLock<BTreeMap<String, Running>>,
    runners: Mutex<BTreeMap<TaskKey, mpsc::UnboundedSender<Effect>>>,
    /// Told whenever the last runner leaves.
    pub(crate) idle: Notify,
    events: broadcast::Sender<Value>,
    /// Where containers find the task metadata endpoint, without a slash at the end.
    metadata: String,
    tokens: Mutex<BTreeMap<String, ContainerKey>>,
}

/// A world and what keeps it going.
struct Running {
    world: Arc<World>,
    tasks: [AbortHandle; 2],
}

/// Where reports go before there is an engine to take them: make the runtime with one end, start with the other.
#[must_use]
pub fn reports() -> (Reports, mpsc::Receiver<Report>) {
    mpsc::channel(REPORTS_LIMIT)
}

impl Engine {
    /// Starts an engine on its state: what is stored is there again, and what still runs is taken up. `metadata` is
    /// where containers find the task metadata endpoint, such as `http://127.0.0.1:4511`.
    ///
    /// # Errors
    /// When the state cannot be read or written.
    pub async fn start(
        options: Options,
        runtime: Box<dyn Runtime>,
        reports: mpsc::Receiver<Report>,
        metadata: String,
    ) -> Result<Arc<Self>, StoreError> {
        let credentials = Credentials::of(options.store.directory())?;
        let door = if options.any_credentials {
            Door::AnyCredentials
        } else {
            let keys = Keys::new(credentials.access_key_id, credentials.secret_access_key);
            Door::Locked(Box::new(keys))
        };
        let engine = Arc::new(Self {
            store: Arc::new(options.store),
            account: options.account,
            door,
            ephemeral: options.ephemeral,
            runtime,
            output: Output::default(),
            balancer: Balancer::default(),
            worlds: RwLock::default(),
            runners: Mutex::default(),
            idle: Notify::new(),
            events: broadcast::Sender::new(events::BACKLOG),
            metadata,
            tokens: Mutex::default(),
        });
        engine.recover(options.gives_up).await?;
        engine.note_runtime()?;
        tokio::spawn(host::take_reports(Arc::clone(&engine), reports));
        tokio::spawn(sweep(Arc::clone(&engine)));
        tokio::spawn(balance::keep(Arc::clone(&engine)));
        engine.balancer.changed();
        Ok(engine)
    }

    /// Where the state is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.store.directory()
    }

    /// Every task and instance change from now on, as EventBridge events.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Value> {
        let receiver = self.events.subscribe();
        // A world that is made after this looks for itself.
        self.all_worlds().iter().for_each(|world| self.hear(world));
        receiver
    }

    /// Lets a world tell what happens in it exactly when there is a subscriber or a queue for it.
    pub(crate) fn hear(&self, world: &World) {
        let is_heard = self.events.receiver_count() > 0 || world.queues.hears_events();
        world.cloud().set_heard(is_heard);
    }

    /// Tells the subscribers and the world's queue of events, where there are any.
    pub(crate) fn publish(&self, world: &World, event: impl FnOnce(Timestamp) -> Value) {
        let (is_queued, is_heard) = (world.queues.hears_events(), self.events.receiver_count() > 0);
        if !is_queued && !is_heard {
            return;
        }
        let now = now();
        let event = event(now);
        if is_queued {
            world.queues.publish(&event, now);
        }
        // Nobody left to hear it is no error.
        drop(self.events.send(event));
    }

    pub(crate) fn runners(&self) -> MutexGuard<'_, BTreeMap<TaskKey, mpsc::UnboundedSender<Effect>>> {
        self.runners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The world of a region, made when it is first asked for.
    pub(crate) fn world(self: &Arc<Self>, region: &str, account: &str) -> Arc<World> {
        let scope = Scope { account: account.to_owned(), region: region.to_owned() };
        let key = scope_key(&scope);
        if let Some(running) = self.worlds.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(&running.world);
        }
        let mut worlds = self.worlds.write().unwrap_or_else(PoisonError::into_inner);
        let made = worlds.entry(key).or_insert_with(|| self.make_world(scope));
        Arc::clone(&made.world)
    }

    /// The world of this engine's own account in a region.
    pub(crate) fn own_world(self: &Arc<Self>, region: &str) -> Arc<World> {
        self.world(region, &self.account)
    }

    fn make_world(self: &Arc<Self>, scope: Scope) -> Running {
        let seed = u64::from_le_bytes(random_bytes().unwrap_or_else(|_| now().0.to_le_bytes()));
        let (sender, outbox) = mpsc::unbounded_channel();
        let world = Arc::new(World::new(scope, Arc::clone(&self.store), seed, sender));
        self.hear(&world);
        let hands = tokio::spawn(host::carry_out(Arc::clone(self), Arc::clone(&world), outbox));
        let clock = tokio::spawn(keep_time(Arc::clone(&world)));
        Running { world, tasks: [hands.abort_handle(), clock.abort_handle()] }
    }

    pub(crate) fn all_worlds(&self) -> Vec<Arc<World>> {
        let worlds = self.worlds.read().unwrap_or_else(PoisonError::into_inner);
        worlds.values().map(|running| Arc::clone(&running.world)).collect()
    }

    /// The world whose logs a target names: `awslogs-region` may be another one.
    pub(crate) fn world_of_logs(self: &Arc<Self>, world: &Arc<World>, target: &LogTarget) -> Arc<World> {
        match &target.region {
            Some(region) if *region != world.scope.region => self.world(region, &world.scope.account),
            _ => Arc::clone(world),
        }
    }

    async fn recover(self: &Arc<Self>, gives_up: bool) -> Result<(), StoreError> {
        let records = self.store.records().await?;
        let mut lines = BTreeMap::new();
        for record in &records {
            self.restore(record, &mut lines)?;
        }
        let worlds = self.all_worlds();
        let mut known = Vec::new();
        for world in &worlds {
            self.hear(world);
            world.logs.resume().await?;
            let mut cloud = world.cloud();
            cloud.link();
            known.extend(cloud.expected_containers().into_iter().map(|of| {
                let key = host::container_key(&world.scope, &of);
                let stored = lines.get(&(scope_key(&world.scope), host::lines_id(&key)));
                Known { key, lines_stored: stored.copied().unwrap_or(0) }
            }));
        }
        let former = self.former_runtime()?;
        if let Some(former) =
            former.filter(|former| is_out_of_reach(former, self.runtime.name(), known.len()))
            && !gives_up
        {
            return Err(StoreError::OutOfReach { former, containers: known.len() });
        }
        let found = self.runtime.recover(known).await;
        let found = found.map_err(|error| StoreError::Unknowable(self.runtime.name(), error.to_string()))?;
        for world in &worlds {
            let ours =
                found.iter().filter(|it| host::task_key(&world.scope, &it.key.task.task) == it.key.task);
            let mut surviving = BTreeSet::new();
            for container in ours {
                let of = ContainerRef {
                    task: container.key.task.task.clone(),
                    container: container.key.name.clone(),
                    attempt: container.key.attempt,
                };
                host::reopen(self, world, &of, &container.runtime_id).await;
                surviving.insert(of);
            }
            self.take_up(world, Surviving(surviving)).durable().await?;
        }
        Ok(())
    }

    /// The runtime whose containers may have outlived the last engine.
    fn former_runtime(&self) -> Result<Option<String>, StoreError> {
        match fs_err::read_to_string(self.directory().join(RUNTIME_FILE)) {
            Ok(name) => Ok(Some(name)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::Failed(error.to_string())),
        }
    }

    /// Notes the runtime for the next start, if its containers outlive the engine.
    fn note_runtime(&self) -> Result<(), StoreError> {
        let file = self.directory().join(RUNTIME_FILE);
        let noted = if self.runtime.survives() {
            fs_err::write(&file, self.runtime.name())
        } else {
            fs_err::remove_file(&file).or_else(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })
        };
        noted.map_err(|error| StoreError::Failed(error.to_string()))
    }

    fn take_up(&self, world: &World, surviving: Surviving) -> Ticket {
        let reason = LostReason(format!(
            "Longshore's engine ended while the task was running, and the {} runtime cannot take it up again.",
            self.runtime.name()
        ));
        let mut cloud = world.cloud();
        cloud.recover(&surviving, &reason, now());
        world.commit(&mut cloud)
    }

    fn restore(
        self: &Arc<Self>,
        record: &Record,
        lines: &mut BTreeMap<(String, String), u64>,
    ) -> Result<(), StoreError> {
        let Some((account, region)) = record.scope.split_once('/') else { return Ok(()) };
        let world = self.world(region, account);
        let unreadable = |error: &dyn std::fmt::Display| {
            StoreError::Failed(format!("the stored {} `{}` cannot be read: {error}", record.kind, record.id))
        };
        match record.kind.as_str() {
            kind if longshore_ecs::kind::ALL.contains(&kind) => {
                let restored = world.cloud().restore(kind, &record.id, &record.body);
                restored.map_err(|error| unreadable(&error.cause))
            }
            LINES => {
                let count =
                    record.body.parse().map_err(|error: std::num::ParseIntError| unreadable(&error))?;
                lines.insert((record.scope.clone(), record.id.clone()), count);
                Ok(())
            }
            "log-group" | "log-stream" => world.logs.restore(record).map_err(|error| unreadable(&error)),
            "parameter" => world.parameters.restore(record).map_err(|error| unreadable(&error)),
            "secret" => world.secrets.restore(record).map_err(|error| unreadable(&error)),
            kind if queues::KINDS.contains(&kind) => {
                world.queues.restore(record).map_err(|error| unreadable(&error))
            }
            _ => Ok(()),
        }
    }

    /// What every container of a task finds in its environment.
    pub(crate) fn own_variables(
        &self,
        key: &ContainerKey,
        task: &Task,
        on_fargate: bool,
    ) -> BTreeMap<String, String> {
        let environment = if on_fargate { "AWS_ECS_FARGATE" } else { "AWS_ECS_EC2" };
        let mut variables = BTreeMap::from([("AWS_EXECUTION_ENV".to_owned(), environment.to_owned())]);
        if on_fargate {
            variables.insert("AWS_REGION".into(), key.task.region.clone());
            variables.insert("AWS_DEFAULT_REGION".into(), key.task.region.clone());
        }
        let address = format!("{}/v4/{}", self.metadata, self.metadata_token(key, task));
        variables.insert("ECS_CONTAINER_METADATA_URI_V4".into(), address);
        variables
    }

    /// The unguessable part of a container's metadata address: derived from its ARN, so that it stays the same when
    /// the engine is started again.
    pub(crate) fn metadata_token(&self, key: &ContainerKey, task: &Task) -> String {
        let arn = task.containers.iter().find(|it| it.name == key.name).map_or("", |it| &it.container_arn);
        let token = format!("{}-{}", key.task.task, &crate::door::sha256_hex(arn.as_bytes())[..10]);
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(token.clone(), key.clone());
        token
    }

    /// Forgets the metadata addresses of a task that is over.
    pub(crate) fn forget_metadata(&self, task: &TaskKey) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|_, key| key.task != *task);
    }

    /// The container that a metadata address belongs to.
    pub(crate) fn metadata_owner(&self, token: &str) -> Option<ContainerKey> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    /// Empties an ephemeral engine: every task is killed, every record forgotten.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn reset(self: &Arc<Self>) -> Result<(), StoreError> {
        // First the worlds, so that nothing new is begun while what runs is ended.
        let worlds = std::mem::take(&mut *self.worlds.write().unwrap_or_else(PoisonError::into_inner));
        worlds.values().flat_map(|running| &running.tasks).for_each(AbortHandle::abort);
        self.runners().clear();
        self.runtime.shutdown().await;
        self.output.clear();
        self.store.submit(vec![Write::ForgetAll]).durable().await
    }

    /// Waits until no runner has anything to do.
    async fn settled(&self) {
        loop {
            let idle = self.idle.notified();
            if self.runners().is_empty() {
                return;
            }
            idle.await;
        }
    }

    /// Ends what the runtime runs, unless it can be found again.
    pub async fn shutdown(&self) {
        if self.runtime.survives() {
            // What was begun is brought to its end, as a rule in a moment: nothing half made stays behind.
            drop(tokio::time::timeout(SETTLE_LIMIT, self.settled()).await);
        }
        // Nothing new is begun from here on.
        for running in self.worlds.read().unwrap_or_else(PoisonError::into_inner).values() {
            running.tasks.iter().for_each(AbortHandle::abort);
        }
        self.runners().clear();
        if (!self.runtime.survives() || self.ephemeral)
            && tokio::time::timeout(SHUTDOWN_LIMIT, self.runtime.shutdown()).await.is_err()
        {
            tracing::warn!("some containers did not end in time");
        }
        // What was promised is on disk before the process ends.
        drop(self.store.barrier().durable().await);
        self.store.discard();
    }
}

/// Whether containers may still run where this runtime cannot see them.
fn is_out_of_reach(former: &str, runtime: &str, unfinished: usize) -> bool {
    former != runtime && unfinished > 0
}

async fn sweep(engine: Arc<Engine>) {
    let mut interval = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        interval.tick().await;
        for world in engine.all_worlds() {
            if let Err(error) = world.logs.sweep(now()).await {
                tracing::warn!(%error, "old log events stay");
            }
            if let Err(error) = world.queues.sweep(now()).durable().await {
                tracing::warn!(%error, "old messages of queues stay");
            }
        }
    }
}
