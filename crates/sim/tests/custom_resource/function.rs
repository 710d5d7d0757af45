//! A function service: an event is delivered at least once, an invocation is ended by the clock, and one that failed is
//! tried twice more, as AWS Lambda does with asynchronous events.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>

use std::sync::Arc;
use std::time::Duration;

use longshore_control::custom_resource::{Invocation, Provider};
use longshore_control::run::Runner;
use longshore_ecs::random::Random;
use longshore_sim::Simulated;
use longshore_world::Clock;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::support::{milliseconds, seconds};

/// How long an invocation may take.
const TIME_LIMIT: Duration = seconds(900);

/// How often an event is tried.
const ATTEMPTS: usize = 3;

/// An event that is delivered once.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) event: Value,
    pub(crate) after: Duration,
    /// When which attempt crashes, after its beginning. Those beyond do not.
    pub(crate) crashes: Vec<Duration>,
}

impl Delivery {
    pub(crate) const fn at_once(event: Value) -> Self {
        Self { event, after: Duration::ZERO, crashes: Vec::new() }
    }
}

/// Delivers events, and those that the function sends to itself, until all are handled. Of 100 of the latter, so many are
/// delivered twice.
pub(crate) async fn deliver(simulated: &Arc<Simulated>, deliveries: Vec<Delivery>, twice_percent: usize) {
    let mut random = Random::seeded(deliveries.len() as u64);
    let mut running = JoinSet::new();
    for delivery in deliveries {
        running.spawn(handle(Arc::clone(simulated), delivery));
    }
    while !running.is_empty() {
        drop(timeout(seconds(1), running.join_next()).await);
        for event in simulated.take_invocations() {
            let delivery = Delivery::at_once(serde_json::from_str(&event).unwrap());
            if random.below(100) < twice_percent {
                let after = milliseconds(random.below(30_000) as u64);
                running.spawn(handle(Arc::clone(simulated), Delivery { after, ..delivery.clone() }));
            }
            running.spawn(handle(Arc::clone(simulated), delivery));
        }
    }
}

async fn handle(simulated: Arc<Simulated>, delivery: Delivery) {
    sleep(delivery.after).await;
    let mut wait = seconds(60);
    for attempt in 0..ATTEMPTS {
        let provider = Provider {
            runner: Runner::new(Arc::clone(&simulated) as _, Arc::clone(&simulated) as _),
            ecs: Arc::clone(&simulated) as _,
            cloudformation: Arc::clone(&simulated) as _,
            clock: Arc::clone(&simulated) as _,
            successor: Some(Arc::clone(&simulated) as _),
        };
        let began = simulated.now();
        let invocation = Invocation { began, deadline: Some(began.plus_seconds(900)) };
        let time = delivery.crashes.get(attempt).map_or(TIME_LIMIT, |crash| TIME_LIMIT.min(*crash));
        if let Ok(Ok(_)) = timeout(time, provider.handle(&delivery.event, invocation)).await {
            return;
        }
        sleep(wait).await;
        wait *= 2;
    }
}
