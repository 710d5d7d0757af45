//! A thousand runs in one process are as polite as one.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use longshore_control::run::Runner;
use longshore_decide::run::{Ended, LogReading, Outcome, Run, Spec};
use longshore_model::Timestamp;
use longshore_model::seen::TaskDefinition;
use longshore_sim::{Faults, Life, Operation, Plan, Simulated};
use longshore_world::Clock;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use support::{milliseconds, plan, register, room, seconds};

const RUNS: usize = 1000;

/// In any second.
const CALLS_LIMIT: usize = 5;

/// How long after a task's end its run may hear of it, in milliseconds.
const LATEST_MS: i64 = 10_000;

/// The so many-th task runs for this long.
const fn life(number: usize) -> Duration {
    seconds(60 + (number % 60) as u64)
}

fn spec(definition: &TaskDefinition, number: usize) -> Spec {
    Spec {
        logs: LogReading::Tail,
        poll_interval: Some(seconds(1)),
        ..support::spec(&format!("run-{number}"), definition, 1)
    }
}

/// One run, and when it ended.
async fn run(simulated: Arc<Simulated>, runner: Arc<Runner>, spec: Spec) -> (Outcome, Timestamp) {
    let mut run = Run::new(spec, runner.now());
    let (_words, mut interrupts) = mpsc::unbounded_channel();
    let outcome = runner.drive(&mut run, &mut interrupts, &mut |_, _| {}).await;
    (outcome, simulated.now())
}

#[tokio::test(start_paused = true)]
async fn a_thousand_runs_take_less_than_five_looks_a_second() {
    let instances = vec![room(i32::try_from(RUNS).unwrap(), Duration::ZERO)];
    let faults = Faults { latency: milliseconds(60), ..Faults::default() };
    let plan = Plan { instances, faults, ..plan(|number, _| Life::exits(life(number), 0)) };
    let simulated = Arc::new(Simulated::new(plan));
    let definition = register(&simulated);
    sleep(milliseconds(1)).await;
    let runner = Arc::new(Runner::new(Arc::clone(&simulated) as _, Arc::clone(&simulated) as _));
    let mut runs = JoinSet::new();
    for number in 0..RUNS {
        // They begin over ten seconds, as requests come in.
        sleep(milliseconds(10)).await;
        runs.spawn(run(Arc::clone(&simulated), Arc::clone(&runner), spec(&definition, number)));
    }
    let ended = runs.join_all().await;

    assert_eq!(simulated.tasks().len(), RUNS);
    for (outcome, at) in ended {
        assert_eq!(outcome.result, Ended::Succeeded, "{outcome:?}");
        let late_ms = at.ms_since(outcome.tasks[0].stopped_at.unwrap());
        assert!(late_ms <= LATEST_MS, "it heard of its end {late_ms} ms later");
    }
    let calls = simulated.calls();
    let looks: Vec<Duration> =
        calls.iter().filter(|it| it.operation == Operation::DescribeTasks).map(|it| it.at).collect();
    let busiest = looks.iter().map(|from| {
        let second = *from..*from + seconds(1);
        (looks.iter().filter(|at| second.contains(at)).count(), *from)
    });
    let (most, from) = busiest.max().unwrap();
    assert!(most < CALLS_LIMIT, "{most} calls of DescribeTasks in the second after {from:?}");
    assert!(looks.len() > 100, "{} looks: nobody looked", looks.len());
    let others = calls.len() - looks.len() - RUNS;
    assert_eq!(others, 0, "nothing else is called than RunTask once for each run");
}
