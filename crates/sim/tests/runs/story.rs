//! A scenario is played: processes drive the run one after the other, each with what the last one left.

use std::sync::Arc;
use std::time::Duration;

use longshore_decide::run::{Outcome, Spec};
use longshore_model::seen::TaskDefinition;
use longshore_sim::{Known, Simulated};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::scenario::Scenario;
use crate::support::{self, Shown, TASK_MEMORY, drive, seconds};

/// No run takes longer than this.
const LONGEST: Duration = seconds(3 * 3600);

/// How it went.
pub(crate) struct Story {
    pub(crate) outcome: Outcome,
    /// How long the last process took.
    pub(crate) took: Duration,
    /// The lines that each process showed, by task and container.
    pub(crate) shown: Vec<Shown>,
    /// The truth when the run had ended, and a while later.
    pub(crate) tasks: Vec<Known>,
    pub(crate) later: Vec<Known>,
}

impl Story {
    /// Or that it does not end.
    pub(crate) async fn of(scenario: &Scenario) -> Result<Self, String> {
        let simulated = Arc::new(Simulated::new(scenario.plan()));
        let definition = register(&simulated, scenario);
        sleep(seconds(1)).await;
        let spec = spec(scenario, &definition, &simulated);
        let mut shown = Vec::new();
        for (crash, pause) in &scenario.crashes {
            let mut lines = Shown::new();
            // When it ends before it can crash, it is begun again all the same, by somebody who does not know.
            drop(timeout(*crash, drive(&simulated, &spec, None, &mut lines)).await);
            shown.push(lines);
            sleep(*pause).await;
        }
        let began = simulated.elapsed();
        let mut lines = Shown::new();
        let end = timeout(LONGEST, drive(&simulated, &spec, scenario.interrupt_at, &mut lines)).await;
        let outcome = end.map_err(|_| "it does not end".to_owned())?;
        shown.push(lines);
        let took = simulated.elapsed() - began;
        let tasks = simulated.tasks();
        sleep(seconds(60)).await;
        Ok(Self { outcome, took, shown, tasks, later: simulated.tasks() })
    }
}

fn spec(scenario: &Scenario, definition: &TaskDefinition, simulated: &Simulated) -> Spec {
    Spec {
        instances: if scenario.on_instances { simulated.instances() } else { Vec::new() },
        timeout: scenario.timeout,
        timeout_in_full: scenario.timeout,
        wait_for_capacity: scenario.wait_for_capacity,
        retry_infrastructure: scenario.retry,
        poll_interval: scenario.poll_interval,
        ..support::spec(&format!("run-{}", scenario.seed), definition, scenario.count)
    }
}

fn register(simulated: &Simulated, scenario: &Scenario) -> TaskDefinition {
    let log = json!({"logDriver": "awslogs", "options": {
        "awslogs-group": "/migrate", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "run"}});
    let container = |name: &str, essential: bool, memory: i32| {
        json!({"name": name, "image": "busybox", "memory": memory, "stopTimeout": 10, "essential": essential,
            "logConfiguration": log})
    };
    let beside = 10;
    let containers = match scenario.has_sidecar {
        false => json!([container("app", true, TASK_MEMORY)]),
        true => json!([container("side", false, beside), container("app", true, TASK_MEMORY - beside)]),
    };
    simulated.register(json!({"family": "migrate", "containerDefinitions": containers})).unwrap()
}
