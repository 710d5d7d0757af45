//! 200 environments that are made at the same time: no port, priority or name is given twice, and each costs few calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use longshore_control::preview::Object;
use longshore_ecs::random::Random;
use longshore_model::preview::github::{Branch, Repository};
use longshore_model::preview::{Environment, Policy, Route, State};
use longshore_sim::stage::{Chances, Hands, Stage};
use longshore_sim::{End, Life};
use longshore_store::Memory;
use longshore_world::{Scan, Store};
use serde_json::{Value, json};

use super::machine::{poll, previews};
use super::setting::{Policies, Setting, furnish, policy, route_of, service};

/// As many repositories, each with a load balancer of its own: one takes 50 listeners and 100 rules.
const REPOSITORIES: usize = 5;
const BRANCHES: usize = 40;
/// Rounds of looking after all of them until all must be ready.
const TURNS: usize = 80;
/// So many calls may the making of one environment take.
const CALLS: u64 = 60;

fn branch(number: usize) -> Branch {
    Branch { name: format!("feature/b{number}"), sha: format!("{number:040x}") }
}

/// A policy for each repository, and what GitHub has of it.
fn furnished(stage: &Stage, kind: usize) -> Policies {
    let mut policies = Policies::new();
    let setting = Setting {
        policy: policy(route_of(0)),
        controllers: 1,
        chances: Chances::default(),
        crashes: 0,
        sleeps: 0,
        bridge: false,
    };
    furnish(stage, &mut setting.clone());
    for number in 0..REPOSITORIES {
        let subnets = json!(["subnet-0123abcd", "subnet-0123abce"]);
        let body = json!({"Name": format!("own-{number}"), "Subnets": subnets});
        let balancer = stage.balance("CreateLoadBalancer", body).unwrap();
        let balancer = balancer["LoadBalancers"][0]["LoadBalancerArn"].as_str().unwrap().to_owned();
        let mut route = route_of(kind);
        match &mut route {
            Route::Port { load_balancer, first, last } => {
                (*load_balancer, *first, *last) = (balancer, 8000, 8060)
            }
            Route::Host { listener, .. } => {
                let fixed = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]);
                let body = json!({"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": 80, "DefaultActions": fixed});
                let made = stage.balance("CreateListener", body).unwrap();
                *listener = made["Listeners"][0]["ListenerArn"].as_str().unwrap().to_owned();
            }
            Route::Proxy { .. } => {}
        }
        let mut own = Policy { services: vec![service("web", false)], ..policy(route) };
        (own.repository, own.app) = (format!("octo/shop{number}"), format!("shop{number}"));
        own.limits.environments = 100;
        let main = Branch { name: "main".into(), sha: "0".repeat(40) };
        let branches = std::iter::once(main).chain((0..BRANCHES).map(branch)).collect();
        let github = Repository { branches, pull_requests: Vec::new(), default_branch: "main".into() };
        stage.github(&own.repository, |it| *it = github);
        policies.insert(own.repository.clone(), Arc::new(own));
    }
    policies
}

fn records(store: &Memory) -> Vec<Environment> {
    let scan = Scan { limit: 10_000, ..Scan::default() };
    let rows = poll(store.scan(longshore_control::book::ENVIRONMENTS, &scan)).unwrap();
    let read = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["value"].take();
    rows.iter().map(|row| serde_json::from_value(read(&row.body)).unwrap()).collect()
}

/// Makes 200 environments with a route of this kind, all their rounds between each other.
fn made_at_once(kind: usize) -> (Vec<Environment>, BTreeMap<&'static str, u64>) {
    let stage = Arc::new(Stage::new(7, Box::new(|_, _| Life::ending(End::Never))));
    let policies = furnished(&stage, kind);
    stage.pass(Duration::from_secs(30));
    stage.set_chances(Chances { throttled: 20, ..Chances::default() });
    let store = Arc::new(Memory::new());
    let hands = Hands::new(Arc::clone(&stage));
    hands.wire().let_others_go_first();
    let previews = previews(&hands, &store, &policies);
    let names: Vec<String> = policies.keys().cloned().collect();
    for name in &names {
        poll(previews.round(&Object::Repository(name.clone()), "first")).unwrap();
    }
    let mut chance = Random::seeded(11);
    for turn in 0..TURNS {
        let all = records(&store);
        assert_eq!(all.len(), REPOSITORIES * BRANCHES);
        let busy = all.iter().filter(|record| record.state != State::Ready).map(|it| it.names.id.clone());
        let mut busy: Vec<Object> = busy.map(Object::Environment).collect();
        if busy.is_empty() {
            return (all, stage.calls());
        }
        busy.sort_by_cached_key(|_| chance.next_u64());
        let rounds = busy.iter().enumerate().map(|(number, object)| {
            let id = format!("t{turn}-{number}");
            let previews = Arc::clone(&previews);
            async move { previews.round(object, &id).await }
        });
        for round in poll(join_all(rounds)) {
            round.unwrap();
        }
        stage.pass(Duration::from_secs(5));
    }
    let busy: Vec<_> = records(&store).into_iter().filter(|record| record.state != State::Ready).collect();
    panic!(
        "{} are not ready: {:?}",
        busy.len(),
        busy.first().map(|it| (&it.names.id, it.state, &it.waiting))
    );
}

fn distinct<T: Ord>(all: impl IntoIterator<Item = T>) {
    let all: Vec<T> = all.into_iter().collect();
    let count = all.len();
    assert_eq!(all.into_iter().collect::<BTreeSet<T>>().len(), count);
}

#[expect(clippy::print_stdout, reason = "what an environment costs is what one wants to see")]
fn print(route: &str, calls: &BTreeMap<&'static str, u64>) {
    let count = u64::try_from(REPOSITORIES * BRANCHES).unwrap();
    let aws: u64 =
        calls.iter().filter(|(name, _)| !["GitHub", "Hook", "Tell"].contains(name)).map(|(_, it)| it).sum();
    println!(
        "sim: route {route}: {:.1} calls for each of {count} environments: {calls:?}",
        aws as f64 / count as f64
    );
    assert!(aws / count <= CALLS, "{} calls for each", aws / count);
}

#[test]
fn two_hundred_ports_at_once() {
    let (all, calls) = made_at_once(6);
    print("port", &calls);
    let port = |it: &Environment| (it.repository.clone(), it.progress.resources.port.unwrap());
    distinct(all.iter().map(port));
    distinct(all.iter().map(|it| it.progress.resources.listener.clone().unwrap()));
    distinct(all.iter().flat_map(|it| it.progress.resources.target_groups.values().cloned()));
}

#[test]
fn two_hundred_hosts_at_once() {
    let (all, calls) = made_at_once(9);
    print("host", &calls);
    distinct(all.iter().map(|it| it.names.id.clone()));
    distinct(all.iter().flat_map(|it| it.progress.resources.rules.clone()));
    assert!(all.iter().all(|it| it.progress.resources.rules.len() == 1));
}

#[test]
fn two_hundred_names_at_once() {
    let (all, calls) = made_at_once(0);
    print("proxy", &calls);
    distinct(all.iter().map(|it| it.names.id.clone()));
    distinct(all.iter().flat_map(|it| it.names.services.clone()));
}
