//! What the tests of the simulation share: a task definition with a log, and requests for it.
#![allow(dead_code, reason = "not every test needs everything")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use longshore_control::run::Runner;
use longshore_decide::run::{LogReading, News, OnTimeout, Outcome, Run, Spec};
use longshore_model::call::RunTask;
use longshore_model::seen::TaskDefinition;
use longshore_sim::{Arrival, Faults, Life, Plan, Simulated};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// The memory that a task of [`register`] takes, in MiB.
pub(crate) const TASK_MEMORY: i32 = 100;

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) const fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// An instance with room for so many tasks that is there from `at` on.
pub(crate) const fn room(tasks: i32, at: Duration) -> Arrival {
    Arrival { at, cpu: 100_000, memory: tasks * TASK_MEMORY }
}

/// A plan with room for 100 tasks in which nothing goes wrong.
pub(crate) fn plan(life: impl Fn(usize, &str) -> Life + Send + Sync + 'static) -> Plan {
    Plan {
        seed: 1,
        lives: Box::new(life),
        instances: vec![room(100, Duration::ZERO)],
        faults: Faults::default(),
    }
}

/// The definition `migrate` with the container `app`, whose output is in the group `/migrate`.
pub(crate) fn register(simulated: &Simulated) -> TaskDefinition {
    let log = json!({"logDriver": "awslogs", "options": {
        "awslogs-group": "/migrate", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "run"}});
    let app = json!({"name": "app", "image": "busybox", "memory": TASK_MEMORY, "stopTimeout": 10,
        "logConfiguration": log});
    simulated.register(json!({"family": "migrate", "containerDefinitions": [app]})).unwrap()
}

/// A request for so many tasks of a definition.
pub(crate) fn request(definition: &TaskDefinition, count: usize, token: &str) -> RunTask {
    RunTask {
        cluster: "default".into(),
        task_definition: definition.arn.clone(),
        count,
        started_by: Some("me".into()),
        client_token: Some(token.into()),
        ..RunTask::default()
    }
}

/// A run of so many tasks of a definition, without a timeout or anything else that is asked for.
pub(crate) fn spec(id: &str, definition: &TaskDefinition, count: usize) -> Spec {
    Spec {
        id: id.into(),
        request: RunTask { client_token: None, ..request(definition, 0, "") },
        count,
        instances: Vec::new(),
        attach: Vec::new(),
        definition: definition.clone(),
        container: None,
        accept_exit_codes: Vec::new(),
        timeout: None,
        timeout_in_full: None,
        on_timeout: OnTimeout::Stop,
        stop_patience: seconds(600),
        wait_for_capacity: Duration::ZERO,
        retry_infrastructure: 0,
        logs: LogReading::Follow,
        poll_interval: None,
        detach: false,
        who: "a test".into(),
    }
}

/// Lines by task and container.
pub(crate) type Shown = BTreeMap<(String, String), Vec<String>>;

/// One process drives a run to its end, and is interrupted meanwhile.
pub(crate) async fn drive(
    simulated: &Arc<Simulated>,
    spec: &Spec,
    interrupt_at: Option<Duration>,
    shown: &mut Shown,
) -> Outcome {
    let runner = Runner::new(Arc::clone(simulated) as _, Arc::clone(simulated) as _);
    let mut run = Run::new(spec.clone(), runner.now());
    let (words, mut interrupts) = mpsc::unbounded_channel();
    let interrupting = tokio::spawn(async move {
        if let Some(at) = interrupt_at {
            sleep(at).await;
            drop(words.send("on Ctrl-C".to_owned()));
        }
        std::future::pending::<()>().await;
    });
    let mut tell = |run: &Run, news: News| {
        if let News::Lines { task, container, lines } = news {
            let arn = run.tasks().nth(task).unwrap().arn.clone();
            let name = run.spec().definition.containers[container].name.clone();
            let all = shown.entry((arn, name)).or_default();
            all.extend(lines.into_iter().map(|line| line.message));
        }
    };
    let outcome = runner.drive(&mut run, &mut interrupts, &mut tell).await;
    interrupting.abort();
    outcome
}
