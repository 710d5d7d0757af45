//! The real driver, lease and shutdown, in tokio's paused time: daemons with one store, of which one dies and another is
//! stopped in the middle of its work, while events are lost.

use std::sync::Arc;
use std::time::Duration;

use longshore_control::book::Book;
use longshore_control::driver::Driver;
use longshore_control::lease::Lease;
use longshore_control::preview::{Object, serve};
use longshore_control::shutdown::Shutdown;
use longshore_model::Error;
use longshore_model::preview::github::{Branch, Repository};
use longshore_model::preview::{Environment, State};
use longshore_sim::stage::{Chances, Hands, Stage};
use longshore_sim::{End, Life};
use longshore_store::Memory;
use longshore_world::{Message, Queue, Scan, Store};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::machine::previews;
use super::setting::{Policies, REPOSITORY, Setting, furnish, others, policy, route_of};

/// A process that died blocks the others for so long.
const LEASE: Duration = Duration::from_secs(15);
/// It must have come to what GitHub has after so many looks, each a minute apart.
const LOOKS: usize = 40;

/// A queue of events that loses every third.
#[derive(Debug)]
struct Leaky(Arc<Stage>);

#[async_trait::async_trait]
impl Queue for Leaky {
    async fn receive(&self) -> Result<Vec<Message>, Error> {
        sleep(Duration::from_secs(1)).await;
        let bodies = self.0.take_events().into_iter().enumerate().filter(|(number, _)| number % 3 != 0);
        Ok(bodies.map(|(number, body)| Message { receipt: number.to_string(), body }).collect())
    }

    async fn delete(&self, _receipts: &[String]) -> Result<(), Error> {
        Ok(())
    }
}

struct Daemon {
    hands: Hands,
    driver: Driver<Object>,
    stop: Shutdown,
    running: JoinHandle<()>,
}

struct Place {
    stage: Arc<Stage>,
    store: Arc<Memory>,
    policies: Policies,
}

impl Place {
    fn daemon(&self, name: &str) -> Daemon {
        let hands = Hands::new(Arc::clone(&self.stage));
        hands.wire().set_latency_ms(7);
        let previews = previews(&hands, &self.store, &self.policies);
        let clock: Arc<dyn longshore_world::Clock> = Arc::new(hands.clone());
        let keep = Stage::keep(Arc::clone(&self.store) as _, Arc::clone(hands.wire()));
        let lease =
            Lease::new(Book::new(Arc::new(keep)), "previews", name.to_owned(), LEASE, Arc::clone(&clock));
        let (driver, stop) = (Driver::new(clock), Shutdown::new());
        let queue: Arc<dyn Queue> = Arc::new(Leaky(Arc::clone(&self.stage)));
        let running = tokio::spawn({
            let (driver, stop) = (driver.clone(), stop.clone());
            async move { serve(previews, &driver, &lease, Some(queue), &stop).await }
        });
        Daemon { hands, driver, stop, running }
    }

    fn push(&self, branches: &[(&str, u32)]) {
        let main = Branch { name: "main".into(), sha: "0".repeat(40) };
        let branch = |(name, commit): &(&str, u32)| Branch {
            name: format!("feature/{name}"),
            sha: format!("{commit:040x}"),
        };
        let branches = std::iter::once(main).chain(branches.iter().map(branch)).collect();
        let github = Repository { branches, pull_requests: Vec::new(), default_branch: "main".into() };
        self.stage.github(REPOSITORY, |it| *it = github);
    }

    async fn records(&self) -> Vec<Environment> {
        let scan = Scan { limit: 1000, ..Scan::default() };
        let rows = self.store.scan(longshore_control::book::ENVIRONMENTS, &scan).await.unwrap();
        let read = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["value"].take();
        rows.iter().map(|row| serde_json::from_value(read(&row.body)).unwrap()).collect()
    }

    /// Waits until exactly these are ready, with these commits.
    async fn comes_to(&self, branches: &[(&str, u32)]) {
        let wanted: Vec<(String, String)> = branches
            .iter()
            .map(|(name, commit)| (format!("{name}.shop"), format!("{commit:040x}")))
            .collect();
        let mut found = Vec::new();
        for _ in 0..LOOKS {
            sleep(Duration::from_secs(60)).await;
            let records = self.records().await;
            let ready = |it: &Environment| it.state == State::Ready && it.progress.intents.is_empty();
            let sha = |it: &Environment| it.progress.deployed.as_ref().map(|it| it.revision.sha.clone());
            found = records
                .iter()
                .map(|it| (it.names.id.clone(), sha(it).filter(|_| ready(it)).unwrap_or_default()))
                .collect();
            if found == wanted {
                return;
            }
        }
        panic!("{found:?} and not {wanted:?}");
    }

    fn services(&self) -> usize {
        let listed = self.stage.ask("ListServices", json!({"maxResults": 100})).unwrap();
        listed["serviceArns"].as_array().unwrap().len()
    }
}

#[tokio::test(start_paused = true)]
async fn daemons_come_and_go_and_it_ends_as_github_says() {
    let stage = Arc::new(Stage::new(
        3,
        Box::new(|_, _| Life { start: Duration::from_secs(5), ..Life::ending(End::Never) }),
    ));
    let mut setting = Setting {
        policy: policy(route_of(0)),
        controllers: 1,
        chances: Chances::default(),
        crashes: 0,
        sleeps: 0,
        bridge: false,
    };
    furnish(&stage, &mut setting);
    stage.pass(Duration::from_secs(30));
    let before = others(&stage);
    let foreign = stage.ask("ListServices", json!({"maxResults": 100})).unwrap()["serviceArns"]
        .as_array()
        .unwrap()
        .len();
    let own = setting.policy.clone();
    let policies = Policies::from([(own.repository.clone(), Arc::new(own))]);
    let place = Place { stage: Arc::clone(&stage), store: Arc::new(Memory::new()), policies };
    let time = tokio::spawn(async move {
        loop {
            sleep(Duration::from_millis(500)).await;
            stage.pass(Duration::from_millis(500));
        }
    });
    place.stage.set_chances(Chances {
        lost_replies: 20,
        lost_requests: 20,
        throttled: 20,
        ..Chances::default()
    });

    place.push(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)]);
    let (first, second) = (place.daemon("first"), place.daemon("second"));
    sleep(Duration::from_secs(3)).await;
    assert_eq!(second.driver.counters().rounds, 0, "only one of them drives");
    assert!(first.driver.counters().rounds > 0);
    // It dies in the middle of its work, wherever it is.
    first.hands.wire().cut_after(0);
    first.running.abort();
    place.comes_to(&[("a", 1), ("b", 1), ("c", 1), ("d", 1)]).await;

    // Nobody says that there was a push; and the one that drives is stopped while it works on it.
    place.push(&[("a", 2), ("b", 2), ("e", 1)]);
    second.driver.wake(Object::Repository(REPOSITORY.into()));
    sleep(Duration::from_secs(2)).await;
    let third = place.daemon("third");
    second.stop.request(Duration::from_secs(1));
    second.running.await.unwrap();
    place.push(&[("a", 2), ("b", 3), ("e", 1)]);
    place.comes_to(&[("a", 2), ("b", 3), ("e", 1)]).await;

    assert_eq!(place.services(), foreign + 3);
    assert_eq!(others(&place.stage), before);
    place.push(&[]);
    place.comes_to(&[]).await;
    assert_eq!(place.services(), foreign);
    third.stop.request(Duration::from_secs(1));
    third.running.await.unwrap();
    time.abort();
}
