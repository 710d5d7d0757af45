//! One account in one region: its ECS, its logs, its parameters, secrets and queues.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longshore_ecs::balancing;
use longshore_ecs::fault::Fault;
use longshore_ecs::{Answer, Caller, Cloud, Effect, Event, Request};
use longshore_model::Timestamp;
use longshore_model::arn::Scope;
use tokio::sync::{Notify, mpsc};

use crate::beside::logs::Logs;
use crate::beside::parameters::Parameters;
use crate::beside::queues::Queues;
use crate::beside::secrets::Secrets;
use crate::clock::now;
use crate::refusal::Refusal;
use crate::store::{Store, Ticket, Write};

/// Effects that wait for their changes to be on disk. Unbounded because it must not block: every entry stands for a
/// change that the store's bounded queue has already taken.
pub(crate) type Outbox = mpsc::UnboundedSender<(Ticket, Vec<Effect>)>;

/// One account in one region.
pub(crate) struct World {
    /// Account and region.
    pub(crate) scope: Scope,
    key: Arc<str>,
    cloud: Mutex<Cloud>,
    pub(crate) logs: Logs,
    pub(crate) parameters: Parameters,
    pub(crate) secrets: Secrets,
    pub(crate) queues: Queues,
    store: Arc<Store>,
    outbox: Outbox,
    /// Tells the timer that there is something earlier to wake up for.
    pub(crate) sooner: Notify,
}

/// The store's name for a scope.
pub(crate) fn scope_key(scope: &Scope) -> String {
    format!("{}/{}", scope.account, scope.region)
}

impl World {
    pub(crate) fn new(scope: Scope, store: Arc<Store>, seed: u64, outbox: Outbox) -> Self {
        Self {
            key: scope_key(&scope).into(),
            cloud: Mutex::new(Cloud::new(scope.clone(), seed)),
            logs: Logs::new(scope.clone(), Arc::clone(&store)),
            parameters: Parameters::new(scope.clone(), Arc::clone(&store)),
            secrets: Secrets::new(scope.clone(), Arc::clone(&store)),
            queues: Queues::new(scope.clone(), Arc::clone(&store)),
            scope,
            store,
            outbox,
            sooner: Notify::new(),
        }
    }

    /// The scope of its records in the store.
    pub(crate) fn key(&self) -> Arc<str> {
        Arc::clone(&self.key)
    }

    /// The value itself. Nothing in `ecs` panics half-way through a change, so a poisoned lock is still good.
    pub(crate) fn cloud(&self) -> MutexGuard<'_, Cloud> {
        self.cloud.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the ECS API; answers once everything that the answer shows is on disk.
    pub(crate) async fn call(
        &self,
        request: Request,
        caller: Caller,
        size_bytes: usize,
    ) -> Result<Answer, Refusal> {
        let event = Event::Call { request: Box::new(request), caller, size_bytes };
        let (answer, ticket) = self.step(event, now());
        ticket.durable().await?;
        match answer {
            Some(answer) => Ok(answer?),
            None => Err(Fault::client("The call had no answer.").into()),
        }
    }

    /// Calls the API of Elastic Load Balancing; answers once everything that the answer shows is on disk.
    pub(crate) async fn balance(&self, request: balancing::Request) -> Result<balancing::Answer, Refusal> {
        let (answer, ticket) = {
            let mut cloud = self.cloud();
            let answer = longshore_ecs::balance(&mut cloud, request, now());
            (answer, self.commit(&mut cloud))
        };
        ticket.durable().await?;
        Ok(answer?)
    }

    /// Tells the cloud what happened, hands what changed to the store, and what is to be done to the outbox.
    pub(crate) fn step(&self, event: Event, now: Timestamp) -> (Option<Result<Answer, Fault>>, Ticket) {
        let mut cloud = self.cloud();
        let answer = longshore_ecs::step(&mut cloud, event, now);
        (answer, self.commit(&mut cloud))
    }

    /// Hands what changed to the store in the order of the changes: the caller still holds the lock.
    pub(crate) fn commit(&self, cloud: &mut Cloud) -> Ticket {
        let changes = cloud.take_changes();
        let effects = cloud.take_effects();
        let write = |key: &longshore_ecs::Key| {
            let (kind, id) = key.row_key();
            let scope = Arc::clone(&self.key);
            match cloud.row(key) {
                Some(body) => Write::Put { scope, kind, id, body },
                None => Write::Delete { scope, kind, id },
            }
        };
        let writes: Vec<Write> = changes.iter().map(write).collect();
        let ticket = if writes.is_empty() { self.store.barrier() } else { self.store.submit(writes) };
        if !effects.is_empty() {
            // The receiver lives as long as the engine; after that nothing is to be done any more.
            drop(self.outbox.send((self.store.barrier(), effects)));
        }
        if !changes.is_empty() {
            self.sooner.notify_one();
        }
        ticket
    }
}

/// Wakes the world at the times that it asks for, for as long as the engine runs.
pub(crate) async fn keep_time(world: Arc<World>) {
    loop {
        let next = world.cloud().next_wake();
        let wait = next.map(|at| at.ms_since(now()).max(0).unsigned_abs());
        let sleep = async {
            match wait {
                Some(ms) => tokio::time::sleep(std::time::Duration::from_millis(ms)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = sleep => drop(world.step(Event::Tick, now()).1.durable().await),
            () = world.sooner.notified() => {}
        }
    }
}
