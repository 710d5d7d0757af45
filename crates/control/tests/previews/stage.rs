//! A whole world in memory, and rounds that are polled by hand: no timer, no task, no runtime.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use longshore_control::book::Book;
use longshore_control::driver::Driver;
use longshore_control::preview::{Desk, Object, Previews, World};
use longshore_model::Timestamp;
use longshore_model::preview::view::EnvironmentView;
use longshore_model::preview::{Access, Network, Policy, Route, ServicePolicy, Trigger};
use longshore_world::Clock;

use crate::amazon::Amazon;
use crate::memory::Memory;
use crate::world::{Called, Ear, Hand, Hub, Sites, poll, poll_up_to};

pub(crate) const REPOSITORY: &str = "octo/shop";

pub(crate) fn policy() -> Policy {
    let route = Route::Proxy {
        domain: "preview.test".into(),
        scheme: "http".into(),
        port: None,
        access: Access::Public,
    };
    let service = ServicePolicy {
        image: Some("shop:{{ sha }}".into()),
        network: Some(Network { subnets: vec!["subnet-1".into()], ..Network::default() }),
        ..ServicePolicy::new("web", "base", 80)
    };
    Policy {
        trigger: Trigger { branches: vec!["**".into()], except: vec!["main".into()], ..Trigger::default() },
        ..Policy::new(REPOSITORY, "previews", vec![service], route)
    }
}

/// A world, and a daemon in it.
pub(crate) struct Stage {
    pub(crate) amazon: Arc<Amazon>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) sites: Arc<Sites>,
    pub(crate) called: Arc<Called>,
    pub(crate) ear: Arc<Ear>,
    pub(crate) clock: Arc<Hand>,
    pub(crate) store: Arc<Memory>,
    pub(crate) policy: Policy,
    /// Whether longshore.toml has it, from the next restart on.
    pub(crate) has_policy: bool,
    pub(crate) previews: Arc<Previews>,
    pub(crate) desk: Desk,
    timers: BTreeMap<Object, Timestamp>,
    rounds: usize,
}

impl Stage {
    pub(crate) fn new(policy: Policy) -> Self {
        let (amazon, hub, sites) = (Arc::default(), Arc::default(), Arc::default());
        let (called, ear, clock, store) = (Arc::default(), Arc::default(), Arc::default(), Arc::default());
        let (previews, desk) = daemon(Some(&policy), &amazon, &hub, &sites, &called, &ear, &clock, &store);
        Self {
            amazon,
            hub,
            sites,
            called,
            ear,
            clock,
            store,
            policy,
            has_policy: true,
            previews,
            desk,
            timers: BTreeMap::new(),
            rounds: 0,
        }
    }

    /// The daemon dies, and another one begins: all that it knew by heart is lost.
    pub(crate) fn restart(&mut self) {
        self.sites = Arc::default();
        let Self { policy, has_policy, amazon, hub, sites, called, ear, clock, store, .. } = self;
        let policy = has_policy.then_some(&*policy);
        (self.previews, self.desk) = daemon(policy, amazon, hub, sites, called, ear, clock, store);
        self.timers.clear();
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// One round, to its end.
    pub(crate) fn round(&mut self, object: &Object) -> longshore_control::preview::Round {
        self.rounds += 1;
        let id = format!("r{}", self.rounds);
        poll(self.previews.round(object, &id)).unwrap()
    }

    /// Rounds until nobody wants one for a quarter of an hour. `crash` is the poll after which the daemon dies, once.
    pub(crate) fn settle(&mut self, crash: &mut Option<usize>) {
        let end = self.now().plus_seconds(900);
        let mut ready: VecDeque<Object> = self.previews.everything().into();
        for _ in 0..2_000 {
            while let Some(object) = ready.pop_front() {
                self.timers.remove(&object);
                self.rounds += 1;
                let id = format!("r{}", self.rounds);
                let polls = crash.unwrap_or(usize::MAX);
                let mut used = 0;
                let counted = counting(self.previews.round(&object, &id), &mut used);
                let Some(end) = poll_up_to(counted, polls) else {
                    *crash = None;
                    self.restart();
                    ready = self.previews.everything().into();
                    continue;
                };
                *crash = crash.map(|polls| polls - used);
                let round = end.unwrap_or_else(|_| longshore_control::preview::Round {
                    look_again_at: Some(self.now().plus_seconds(1)),
                    ..Default::default()
                });
                ready.extend(round.wake.into_iter().filter(|object| *object != Object::Sweep));
                if let Some(at) = round.look_again_at {
                    self.timers.insert(object, at);
                }
            }
            self.amazon.settle();
            let Some((object, at)) = self.timers.iter().min_by_key(|(_, at)| **at) else { return };
            if *at > end {
                return;
            }
            let at = (*at).max(self.now());
            ready.push_back(object.clone());
            *self.clock.0.lock().unwrap() = at;
        }
        panic!("it does not come to rest: {:?}", self.timers);
    }

    pub(crate) fn environments(&self) -> Vec<EnvironmentView> {
        poll(self.desk.environments()).unwrap()
    }

    pub(crate) fn states(&self) -> Vec<(String, String)> {
        self.environments().into_iter().map(|it| (it.id, it.state)).collect()
    }

    /// Nothing is left in AWS, at the proxy, or in the lists of the store.
    pub(crate) fn assert_nothing_left(&self) {
        assert_eq!(self.states(), []);
        assert!(self.amazon.services.lock().unwrap().is_empty(), "{:?}", self.amazon.services);
        assert!(self.amazon.revisions.lock().unwrap().is_empty(), "{:?}", self.amazon.revisions);
        assert!(self.sites.sites.lock().unwrap().is_empty());
        assert_eq!(self.store.keys("roster"), Vec::<String>::new());
    }
}

#[expect(clippy::too_many_arguments, reason = "each is a part of the world")]
fn daemon(
    policy: Option<&Policy>,
    amazon: &Arc<Amazon>,
    hub: &Arc<Hub>,
    sites: &Arc<Sites>,
    called: &Arc<Called>,
    ear: &Arc<Ear>,
    clock: &Arc<Hand>,
    store: &Arc<Memory>,
) -> (Arc<Previews>, Desk) {
    let world = World {
        services: Arc::clone(amazon) as _,
        ecs: Arc::clone(amazon) as _,
        addresses: Arc::clone(amazon) as _,
        logs: Arc::clone(amazon) as _,
        balancers: None,
        github: Arc::clone(hub) as _,
        hooks: Arc::clone(called) as _,
        notifiers: vec![Arc::clone(ear) as _],
        routes: Some(Arc::clone(sites) as _),
        clock: Arc::clone(clock) as _,
    };
    let policies = policy.map(|policy| (policy.repository.clone(), Arc::new(policy.clone())));
    let policies = policies.into_iter().collect::<BTreeMap<_, _>>();
    let previews = Arc::new(Previews::new(world, Book::new(Arc::clone(store) as _), policies));
    let desk = Desk::of(Arc::clone(&previews), Driver::new(Arc::clone(clock) as _));
    (previews, desk)
}

/// Counts polls.
fn counting<'a, T>(
    future: impl Future<Output = T> + 'a,
    used: &'a mut usize,
) -> impl Future<Output = T> + 'a {
    let mut future = Box::pin(future);
    std::future::poll_fn(move |context| {
        *used += 1;
        future.as_mut().poll(context)
    })
}
