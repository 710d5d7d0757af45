//! Local load balancers: what `ecs` decides about them, carried out by the proxy.
//!
//! One task puts the routing of all worlds in force, whenever one of them says that it changed, and tells them what
//! came of it: where listeners are, how targets are, which have nothing left to do.

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use longshore_ecs::Event;
use longshore_ecs::balancing::{ListenerProtocol, Routing, Target, TargetState};
use longshore_proxy::{Bound, Options, Proxy, Table};
use tokio::sync::Notify;

use crate::clock::now;
use crate::engine::Engine;
use crate::world::World;

/// The tag of a listener that says where it really listens.
pub(crate) const URL_TAG: &str = "longshore:url";

/// The data plane of an engine's load balancers.
#[derive(Debug, Default)]
pub(crate) struct Balancer {
    /// Started with the first listener.
    proxy: OnceLock<Proxy>,
    changed: Notify,
    /// The targets whose last requests are waited for, by their keys.
    draining: Mutex<BTreeSet<String>>,
}

impl Balancer {
    /// Has the routing of all worlds put in force again.
    pub(crate) fn changed(&self) {
        self.changed.notify_one();
    }

    fn proxy(&self) -> Option<&Proxy> {
        if self.proxy.get().is_none() {
            match Proxy::start(Options::default()) {
                Ok(proxy) => drop(self.proxy.set(proxy)),
                Err(error) => tracing::error!(%error, "the proxy of the load balancers cannot be started"),
            }
        }
        self.proxy.get()
    }
}

/// Carries out the routing of all worlds for as long as the engine runs.
pub(crate) async fn keep(engine: Arc<Engine>) {
    loop {
        engine.balancer.changed.notified().await;
        let worlds = engine.all_worlds();
        let routings: Vec<(Arc<World>, Routing)> =
            worlds.into_iter().map(|world| (Arc::clone(&world), world.cloud().routing())).collect();
        let idle = routings.iter().all(|(_, routing)| routing.listeners.is_empty());
        if idle && engine.balancer.proxy.get().is_none() {
            continue;
        }
        put_in_force(&engine, &routings).await;
    }
}

async fn put_in_force(engine: &Arc<Engine>, routings: &[(Arc<World>, Routing)]) {
    let Some(proxy) = engine.balancer.proxy() else { return };
    let mut whole = Table::default();
    for (_, routing) in routings {
        let table = table::table(routing, |_| longshore_proxy::Tls { certificates: Vec::new() });
        whole.listeners.extend(table.listeners);
        whole.groups.extend(table.groups);
    }
    let bound = match proxy.swap(whole).await {
        Ok(bound) => bound,
        Err(error) => {
            tracing::error!(%error, "the load balancers' routes cannot be put in force");
            return;
        }
    };
    for (world, routing) in routings {
        say_where(world, routing, &bound);
        for (arn, group) in &routing.groups {
            let draining = group.targets.iter().filter(|it| it.state == TargetState::Draining);
            draining.for_each(|it| wait_for_the_last(engine, world, arn, &it.target));
        }
    }
}

/// Tags each listener with where it is.
fn say_where(world: &World, routing: &Routing, bound: &Bound) {
    let mut cloud = world.cloud();
    for listener in &routing.listeners {
        let scheme = if listener.protocol == ListenerProtocol::Https { "https" } else { "http" };
        match bound.get(&listener.arn) {
            Some(Ok(address)) => {
                cloud.set_listener_tag(&listener.arn, URL_TAG, Some(&format!("{scheme}://{address}")));
            }
            Some(Err(error)) => {
                tracing::error!(%error, listener = listener.arn, "the listener cannot be opened");
                cloud.set_listener_tag(&listener.arn, URL_TAG, None);
            }
            None => {}
        }
    }
    // A tag is told by the next call that reads it; nothing waits for it to be on disk.
    drop(world.commit(&mut cloud));
}

/// Tells the world once a target that drains has nothing in flight. The table without it is in force by now.
fn wait_for_the_last(engine: &Arc<Engine>, world: &Arc<World>, group_arn: &str, target: &Target) {
    let key = table::key(group_arn, target);
    let draining = || engine.balancer.draining.lock().unwrap_or_else(PoisonError::into_inner);
    if !draining().insert(key.clone()) {
        return;
    }
    let (engine, world) = (Arc::clone(engine), Arc::clone(world));
    let (group_arn, target) = (group_arn.to_owned(), target.clone());
    tokio::spawn(async move {
        if let Some(proxy) = engine.balancer.proxy.get() {
            proxy.drained(&key).await;
        }
        engine.balancer.draining.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        let drained = Event::Drained { group_arn, target };
        drop(world.step(drained, now()).1.durable().await);
    });
}
