//! The daemon as a whole, under a paused clock: lease, driver, queue and rounds together.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use longshore_control::book::Book;
use longshore_control::driver::Driver;
use longshore_control::lease::Lease;
use longshore_control::preview::{Desk, GatheredEcs, GatheredServices, Previews, World, serve};
use longshore_control::shutdown::Shutdown;
use longshore_model::{Error, Kind, Timestamp};
use longshore_world::{Clock, Message, Queue};
use tokio::time::Instant;

use crate::amazon::Amazon;
use crate::memory::Memory;
use crate::stage::policy;
use crate::world::{Called, Ear, Hub, Sites};

/// A wall clock that goes with tokio's paused one.
#[derive(Debug)]
struct Wall(Instant);

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp(1_800_000_000_000 + i64::try_from(self.0.elapsed().as_millis()).unwrap())
    }
}

/// Fails, says one thing, and then waits as a long poll does. What was deleted is written down.
#[derive(Debug, Default)]
struct Events {
    asked: Mutex<usize>,
    deleted: Mutex<Vec<String>>,
}

#[async_trait]
impl Queue for Events {
    async fn receive(&self) -> Result<Vec<Message>, Error> {
        let asked = {
            let mut asked = self.asked.lock().unwrap();
            *asked += 1;
            *asked
        };
        match asked {
            1 => Err(Error::new(Kind::Unavailable, "the queue does not answer")),
            2 => Ok(vec![Message { receipt: "m1".into(), body: "rubbish".into() }]),
            _ => {
                tokio::time::sleep(Duration::from_secs(20)).await;
                Ok(Vec::new())
            }
        }
    }

    async fn delete(&self, receipts: &[String]) -> Result<(), Error> {
        self.deleted.lock().unwrap().extend_from_slice(receipts);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_becomes_an_environment_and_the_word_to_end_ends_it_all() {
    let amazon = Arc::new(Amazon::default());
    let hub = Arc::new(Hub::default());
    let clock: Arc<dyn Clock> = Arc::new(Wall(Instant::now()));
    let world = World {
        services: Arc::new(GatheredServices::new(Arc::clone(&amazon) as _)),
        ecs: Arc::new(GatheredEcs::new(Arc::clone(&amazon) as _)),
        addresses: Arc::clone(&amazon) as _,
        logs: Arc::clone(&amazon) as _,
        balancers: None,
        github: Arc::clone(&hub) as _,
        hooks: Arc::new(Called::default()),
        notifiers: vec![Arc::new(Ear::default())],
        routes: Some(Arc::new(Sites::default())),
        clock: Arc::clone(&clock),
    };
    let book = Book::new(Arc::new(Memory::default()));
    let policy = policy();
    let policies = BTreeMap::from([(policy.repository.clone(), Arc::new(policy))]);
    let previews = Arc::new(Previews::new(world, book.clone(), policies));
    let driver = Driver::new(Arc::clone(&clock));
    let desk = Desk::of(Arc::clone(&previews), driver.clone());
    let lease = Lease::new(book, "previews", "one".into(), Duration::from_secs(15), clock);
    let (stop, events) = (Shutdown::new(), Arc::new(Events::default()));
    let (heard, queue) = (stop.clone(), Arc::clone(&events) as Arc<dyn Queue>);
    let serving = tokio::spawn(async move { serve(previews, &driver, &lease, Some(queue), &heard).await });
    for branch in ["feature-x", "feature-y"] {
        hub.push(branch, &"1".repeat(40));
    }
    let began = Instant::now();
    loop {
        amazon.settle();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let states: Vec<String> = desk.environments().await.unwrap().into_iter().map(|it| it.state).collect();
        if states == ["ready", "ready"] {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{states:?} {:?}", desk.driver().statuses());
    }
    assert_eq!(*events.deleted.lock().unwrap(), ["m1"]);
    assert!(desk.driver().counters().rounds > 5);
    stop.request(Duration::from_secs(20));
    serving.await.unwrap();
    assert_eq!(desk.driver().counters().in_flight, 0);
}
