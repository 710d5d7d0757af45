//! Small stories, each of which a seed of `runs` or `custom_resource` has told first, in many more words.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use longshore_control::run::Runner;
use longshore_decide::run::{Ended, LogReading, Outcome, Spec};
use longshore_sim::{End, Faults, Life, Operation, Plan, Simulated, Trouble};
use tokio::time::{sleep, timeout};

use support::{Shown, drive, milliseconds, plan, register, room, seconds};

/// What a call usually takes at most in these stories.
const LATENCY: Duration = milliseconds(40);

fn faults(at: Vec<(Operation, u64, Trouble)>) -> Faults {
    Faults { latency: LATENCY, at, ..Faults::default() }
}

/// A simulation, and the run `small` of so many tasks of its definition.
fn begin(plan: Plan, count: usize) -> (Arc<Simulated>, Spec) {
    let simulated = Arc::new(Simulated::new(plan));
    let spec = support::spec("small", &register(&simulated), count);
    (simulated, spec)
}

/// Drives a run, which ends.
async fn end(simulated: &Arc<Simulated>, spec: &Spec, interrupt_at: Option<Duration>) -> (Outcome, Shown) {
    let mut shown = Shown::new();
    let outcome = timeout(seconds(3600), drive(simulated, spec, interrupt_at, &mut shown)).await;
    (outcome.unwrap(), shown)
}

fn nothing_is_left(simulated: &Simulated) {
    let left: Vec<_> = simulated.tasks().into_iter().filter(|known| !known.task.is_stopped()).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The log of a task that is over cannot be read while the question is under way whose answer is that the other task is
/// over as well.
#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_read_while_the_last_task_ends_is_read_later() {
    let life = |number, _: &str| match number {
        0 => Life::exits(seconds(5), 0).saying(seconds(4), "one"),
        _ => Life::exits(seconds(7), 0).saying(seconds(6), "two"),
    };
    // It depends on who answers first, so it is tried with several reads of several seeds.
    for (seed, nth) in (0..10).flat_map(|seed| (0..20).map(move |nth| (seed, nth))) {
        let lost = |nth| (Operation::GetLogEvents, nth, Trouble::LostReply);
        let faults = Faults { latency: milliseconds(200), ..faults((nth..nth + 4).map(lost).collect()) };
        let (simulated, spec) = begin(Plan { seed, faults, ..plan(life) }, 2);
        let (outcome, shown) = end(&simulated, &spec, None).await;
        assert_eq!(outcome.result, Ended::Succeeded, "{outcome:?}");
        assert_eq!(shown.into_values().flatten().count(), 2, "seed {seed}, read {nth}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_lost_answer_has_started_is_stopped_with_the_run() {
    let at = vec![(Operation::RunTask, 0, Trouble::LostReply)];
    let story = Plan { faults: faults(at), ..plan(|_, _| Life::ending(End::Never)) };
    let (simulated, spec) = begin(story, 1);
    let (outcome, _) = end(&simulated, &spec, Some(milliseconds(500))).await;
    assert_eq!(outcome.result, Ended::Interrupted, "{outcome:?}");
    assert_eq!(simulated.tasks().len(), 1);
    nothing_is_left(&simulated);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_has_not_started_all_its_tasks_in_time_has_not_succeeded() {
    let instances = vec![room(1, Duration::ZERO)];
    let story = Plan { instances, faults: faults(Vec::new()), ..plan(|_, _| Life::exits(seconds(2), 0)) };
    let (simulated, spec) = begin(story, 10);
    let (time, wait) = (Some(milliseconds(2900)), seconds(600));
    let (outcome, _) = end(&simulated, &Spec { timeout: time, wait_for_capacity: wait, ..spec }, None).await;
    assert!(simulated.tasks().len() < 10);
    assert!(matches!(outcome.result, Ended::TimedOut | Ended::NotPlaced), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_could_not_ask_for_all_its_tasks_in_time_has_not_succeeded() {
    let at = (1..200).map(|nth| (Operation::RunTask, nth, Trouble::Throttled)).collect();
    let (simulated, spec) = begin(Plan { faults: faults(at), ..plan(|_, _| Life::exits(seconds(2), 0)) }, 11);
    let time = Some(seconds(30));
    let (outcome, _) = end(&simulated, &Spec { timeout: time, timeout_in_full: time, ..spec }, None).await;
    assert!(simulated.tasks().len() < 11);
    assert_eq!(outcome.result, Ended::TimedOut, "{outcome:?}");
}

/// The last lines of a task that failed are read while another one still waits for a place.
#[tokio::test(start_paused = true)]
async fn a_tail_that_is_not_there_yet_does_not_keep_the_run_busy() {
    let instances = vec![room(1, Duration::ZERO)];
    let story = Plan { instances, faults: faults(Vec::new()), ..plan(|_, _| Life::exits(seconds(20), 1)) };
    let (simulated, spec) = begin(story, 2);
    let spec = Spec { logs: LogReading::Tail, wait_for_capacity: seconds(600), ..spec };
    let calls = |simulated: &Simulated| {
        let calls = simulated.calls().into_iter();
        calls.filter(|call| call.operation == Operation::GetLogEvents).count()
    };
    let watching = Arc::clone(&simulated);
    let early = tokio::spawn(async move {
        sleep(seconds(25)).await;
        calls(&watching)
    });
    let (outcome, _) = end(&simulated, &spec, None).await;
    assert_eq!((outcome.result, outcome.tasks.len()), (Ended::Application, 2), "{outcome:?}");
    assert_eq!(early.await.unwrap(), 0, "the tail is read once, when all is over");
}

/// All resources of a stack may run the same revision, and begin at the same time.
#[tokio::test(start_paused = true)]
async fn a_revision_is_asked_for_once_and_a_family_each_time() {
    let (simulated, spec) = begin(plan(|_, _| Life::exits(seconds(1), 0)), 1);
    let runner = Runner::new(Arc::clone(&simulated) as _, Arc::clone(&simulated) as _);
    let asked = || {
        let calls = simulated.calls().into_iter();
        calls.filter(|call| call.operation == Operation::DescribeTaskDefinition).count()
    };
    let describe = |name: &'static str| runner.describe_task_definition(name);
    let (first, second, third) =
        tokio::join!(describe("migrate:1"), describe("migrate:1"), describe("migrate:1"));
    assert_eq!((first.unwrap(), asked()), (spec.definition, 1));
    assert_eq!(second.unwrap(), third.unwrap());
    for _ in 0..2 {
        describe("migrate").await.unwrap();
    }
    assert_eq!(asked(), 3);
}
