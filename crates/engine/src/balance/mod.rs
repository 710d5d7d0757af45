//! Local load balancers: what `ecs` decides about them, carried out by the proxy.
//!
//! One task puts the routing of all worlds in force, whenever one of them says that it changed, and tells them what
//! came of it: where listeners are, how targets are, which have nothing left to do.

mod certificate;
mod health;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use longshore_ecs::Event;
use longshore_ecs::balancing::{ListenerProtocol, Routing, Target, TargetState};
use longshore_proxy::health::{HealthChecks, Transition};
use longshore_proxy::{Bound, Options, Proxy, Table};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use self::certificate::Certificates;
use self::health::Whose;
use crate::clock::now;
use crate::engine::Engine;
use crate::world::World;

/// The tag of a listener that says where it really listens.
pub(crate) const URL_TAG: &str = "longshore:url";

/// Says that the routing of a world is no longer what it was.
#[derive(Debug, Default)]
pub(crate) struct Balancer {
    changed: Notify,
}

impl Balancer {
    /// Has the routing of all worlds put in force again.
    pub(crate) fn changed(&self) {
        self.changed.notify_one();
    }
}

/// The data plane, from the first listener on.
struct Plane {
    proxy: Arc<Proxy>,
    checks: HealthChecks,
    certificates: Certificates,
    found: mpsc::UnboundedReceiver<Transition>,
    /// Whose checks run, by their targets' keys.
    whose: BTreeMap<String, (Arc<World>, Whose)>,
    /// The targets whose last requests are waited for, by their keys.
    draining: BTreeSet<String>,
    /// These waits. Each gives the key.
    drains: JoinSet<String>,
}

/// Carries out the routing of all worlds for as long as the engine runs.
pub(crate) async fn keep(engine: Arc<Engine>) {
    let mut plane: Option<Plane> = None;
    loop {
        match &mut plane {
            None => engine.balancer.changed.notified().await,
            Some(plane) => tokio::select! {
                () = engine.balancer.changed.notified() => {}
                Some(transition) = plane.found.recv() => {
                    plane.tell(transition).await;
                    continue;
                }
                Some(Ok(key)) = plane.drains.join_next() => {
                    plane.draining.remove(&key);
                    continue;
                }
            },
        }
        let worlds = engine.all_worlds().into_iter();
        let routings: Vec<(Arc<World>, Routing)> =
            worlds.map(|world| (Arc::clone(&world), world.cloud().routing())).collect();
        if plane.is_none() && routings.iter().any(|(_, routing)| !routing.listeners.is_empty()) {
            match Plane::start() {
                Ok(started) => plane = Some(started),
                Err(error) => tracing::error!(%error, "the proxy of the load balancers cannot be started"),
            }
        }
        if let Some(plane) = &mut plane {
            plane.put_in_force(&routings).await;
        }
    }
}

impl Plane {
    fn start() -> io::Result<Self> {
        let proxy = Arc::new(Proxy::start(Options::default())?);
        let (checks, found) = HealthChecks::start()?;
        let (whose, draining, drains) = (BTreeMap::new(), BTreeSet::new(), JoinSet::new());
        let certificates = Certificates::default();
        Ok(Self { proxy, checks, certificates, found, whose, draining, drains })
    }

    async fn put_in_force(&mut self, routings: &[(Arc<World>, Routing)]) {
        let (mut whole, mut checks) = (Table::default(), Vec::new());
        self.whose.clear();
        for (world, routing) in routings {
            let table = table::table(routing, &mut self.certificates);
            whole.listeners.extend(table.listeners);
            whole.groups.extend(table.groups);
            let (of_world, whose) = health::checks(routing);
            checks.extend(of_world);
            let with_world = |(key, whose)| (key, (Arc::clone(world), whose));
            self.whose.extend(whose.into_iter().map(with_world));
        }
        let bound = match self.proxy.swap(whole).await {
            Ok(bound) => bound,
            Err(error) => {
                tracing::error!(%error, "the load balancers' routes cannot be put in force");
                return;
            }
        };
        self.checks.set(checks);
        for (world, routing) in routings {
            say_where(world, routing, &bound);
            for (arn, group) in &routing.groups {
                let draining = group.targets.iter().filter(|it| it.state == TargetState::Draining);
                draining.for_each(|it| self.wait_for_the_last(world, arn, &it.target));
            }
        }
    }

    /// Tells the target's world what a check has found.
    async fn tell(&self, transition: Transition) {
        let Some((world, whose)) = self.whose.get(&transition.target) else { return };
        let change = health::change(whose, &transition);
        drop(world.step(Event::Health(vec![change]), now()).1.durable().await);
    }

    /// Tells the world once a target that drains has nothing in flight. The table without it is in force by now.
    fn wait_for_the_last(&mut self, world: &Arc<World>, group_arn: &str, target: &Target) {
        let key = table::key(group_arn, target);
        if !self.draining.insert(key.clone()) {
            return;
        }
        let (proxy, world) = (Arc::clone(&self.proxy), Arc::clone(world));
        let drained = Event::Drained { group_arn: group_arn.to_owned(), target: target.clone() };
        self.drains.spawn(async move {
            proxy.drained(&key).await;
            drop(world.step(drained, now()).1.durable().await);
            key
        });
    }
}

/// Tags each listener with where it is.
fn say_where(world: &World, routing: &Routing, bound: &Bound) {
    let mut cloud = world.cloud();
    for listener in &routing.listeners {
        let scheme = if listener.protocol == ListenerProtocol::Https { "https" } else { "http" };
        let url = match bound.get(&listener.arn) {
            Some(Ok(address)) => Some(format!("{scheme}://{address}")),
            Some(Err(error)) => {
                tracing::error!(%error, listener = listener.arn, "the listener cannot be opened");
                None
            }
            None => continue,
        };
        cloud.set_listener_tag(&listener.arn, URL_TAG, url.as_deref());
    }
    // Nothing waits for a tag to be on disk: the next call that shows it does.
    drop(world.commit(&mut cloud));
}
