//! How long a round over 5,000 settled environments takes, and which calls it makes: a sweep, and what it wakes.
//!
//! The simulated Amazon works in the same process: its own share is measured by making the same calls once more.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "it prints what it has measured"
)]

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use longshore_control::book::Book;
use longshore_control::preview::{Object, Previews, World};
use longshore_model::call::ListTasks;
use longshore_model::preview::github::{Branch, Repository};
use longshore_model::preview::{Access, Limits, Network, Policy, Route, ServicePolicy, Trigger};
use longshore_sim::stage::{Hands, Stage};
use longshore_sim::{End, Life};
use longshore_store::Memory;
use longshore_world::{Ecs, Services};
use serde_json::json;

const REPOSITORIES: usize = 50;
const BRANCHES: usize = 100;
const SWEEPS: usize = 7;

fn poll<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(end) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return end;
        }
    }
}

fn policy(number: usize) -> Policy {
    let network = Network { subnets: vec!["subnet-0123abcd".into()], ..Network::default() };
    let service = ServicePolicy {
        image: Some("shop:{{ sha }}".into()),
        network: Some(network),
        ..ServicePolicy::new("web", "base", 8080)
    };
    let route = Route::Proxy {
        domain: "preview.test".into(),
        scheme: "http".into(),
        port: None,
        access: Access::Public,
    };
    Policy {
        trigger: Trigger { branches: vec!["**".into()], except: vec!["main".into()], ..Trigger::default() },
        limits: Limits { environments: 1000, ..Limits::default() },
        ..Policy::new(&format!("octo/shop{number}"), "default", vec![service], route)
    }
}

fn world(hands: &Hands) -> World {
    let all = Arc::new(hands.clone());
    World {
        services: Arc::clone(&all) as _,
        ecs: Arc::clone(&all) as _,
        logs: Arc::clone(&all) as _,
        balancers: None,
        github: Arc::clone(&all) as _,
        hooks: Arc::clone(&all) as _,
        notifiers: Vec::new(),
        addresses: Arc::clone(&all) as _,
        routes: Some(Arc::clone(&all) as _),
        clock: all,
    }
}

fn main() {
    let stage = Arc::new(Stage::new(1, Box::new(|_, _| Life::ending(End::Never))));
    let app = json!({"name": "app", "image": "shop:base", "memory": 128, "portMappings": [{"containerPort": 8080}]});
    let base = json!({"family": "base", "networkMode": "awsvpc", "containerDefinitions": [app]});
    stage.ask("RegisterTaskDefinition", base).unwrap();
    let policies: BTreeMap<String, Arc<Policy>> =
        (0..REPOSITORIES).map(policy).map(|it| (it.repository.clone(), Arc::new(it))).collect();
    for name in policies.keys() {
        let branch = |number| Branch { name: format!("b{number}"), sha: format!("{number:040x}") };
        let main = Branch { name: "main".into(), sha: "0".repeat(40) };
        let branches = std::iter::once(main).chain((0..BRANCHES).map(branch)).collect();
        stage.github(name, |it| {
            *it = Repository { branches, pull_requests: Vec::new(), default_branch: "main".into() }
        });
    }
    let hands = Hands::new(Arc::clone(&stage));
    let previews = Previews::new(world(&hands), Book::new(Arc::new(Memory::new())), policies.clone());
    let mut rounds = 0_u64;
    let mut round = |object: &Object| {
        rounds += 1;
        poll(previews.round(object, &format!("r{rounds}"))).unwrap()
    };
    let began = Instant::now();
    for name in policies.keys() {
        let woken = round(&Object::Repository(name.clone())).wake;
        for _ in 0..5 {
            for object in woken.iter().filter(|it| matches!(it, Object::Environment(_))) {
                round(object);
            }
            stage.pass(Duration::from_secs(5));
        }
    }
    println!("{} environments were made in {:.1} s", REPOSITORIES * BRANCHES, began.elapsed().as_secs_f64());
    for number in 0..SWEEPS {
        stage.pass(Duration::from_secs(60));
        let before = stage.calls();
        let began = Instant::now();
        let woken = round(&Object::Sweep).wake;
        let swept = began.elapsed();
        woken.iter().for_each(|object| drop(round(object)));
        let all = began.elapsed();
        let calls =
            stage.calls().into_iter().map(|(name, count)| (name, count - before.get(name).unwrap_or(&0)));
        let calls: Vec<_> = calls.filter(|(_, count)| *count > 0).collect();
        println!(
            "sweep {number}: {swept:.1?}, with the {} that it woke {all:.1?}, calls {calls:?}",
            woken.len()
        );
    }
    let began = Instant::now();
    poll(hands.list_services("default")).unwrap();
    let tasks =
        poll(hands.list_tasks(&ListTasks { cluster: "default".into(), ..ListTasks::default() })).unwrap();
    tasks.chunks(100).for_each(|page| drop(poll(hands.describe_tasks("default", page)).unwrap()));
    println!("the same calls alone, which is the simulated Amazon's own work: {:.1?}", began.elapsed());
}
