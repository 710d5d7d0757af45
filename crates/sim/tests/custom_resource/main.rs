//! The custom resource under faults: requests that are delivered twice, functions that crash or run out of time, answers
//! that are lost. Whatever happens, no task runs twice, CloudFormation has a true answer in time, and nothing runs on.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod function;
mod story;
#[path = "../support/mod.rs"]
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use longshore_sim::{Life, Plan, Simulated};
use serde_json::json;

use function::{Delivery, deliver};
use story::{Story, answers, create, update};
use support::{plan, register, seconds};

/// What is wrong with the story of a seed.
fn wrong(seed: u64) -> Option<String> {
    let story = Story::of(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let told = catch_unwind(AssertUnwindSafe(|| runtime.unwrap().block_on(story.play())));
    let wrong = told.unwrap_or_else(|_| vec!["it panicked".to_owned()]);
    (!wrong.is_empty()).then(|| format!("seed {seed}:\n  {}\n  {story:?}", wrong.join("\n  ")))
}

#[test]
fn a_resource_is_true_to_its_word_whatever_goes_wrong() {
    let troubles: Vec<String> = (0..100).filter_map(wrong).collect();
    assert!(troubles.is_empty(), "{} seeds:\n{}", troubles.len(), troubles.join("\n"));
}

/// A Create of a task that runs for so long, delivered to a function whose time is 15 minutes.
async fn long_create(runs_s: u64) -> Arc<Simulated> {
    let simulated = Arc::new(Simulated::new(Plan {
        ..plan(move |_, _| Life::exits(seconds(runs_s), 0).saying(seconds(1), "begun"))
    }));
    register(&simulated);
    simulated.set_stack_status(story::STACK_ID, "CREATE_IN_PROGRESS");
    // As long as CloudFormation lets it.
    let event = create(&json!({"Timeout": "3540"}));
    deliver(&simulated, vec![Delivery::at_once(event)], 0).await;
    simulated
}

#[tokio::test(start_paused = true)]
async fn a_task_of_nearly_an_hour_is_handed_over_to_its_end() {
    let simulated = long_create(3500).await;
    assert_eq!(simulated.tasks().len(), 1);
    let answers = answers(&simulated);
    assert_eq!(answers.len(), 1, "{answers:?}");
    let (at, body) = &answers[0];
    assert_eq!(body["Status"], "SUCCESS", "{body}");
    assert_eq!(body["Data"]["ExitCode"], "0");
    assert!((3500..3560).contains(&at.as_secs()), "{at:?}");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_takes_longer_is_stopped_and_answered_in_time() {
    let simulated = long_create(9999).await;
    let known = simulated.tasks();
    assert_eq!((known.len(), known[0].stops.len()), (1, 1), "{known:?}");
    assert!(known[0].task.is_stopped() && known[0].stops[0].contains("timeout of 3540"), "{known:?}");
    let answers = answers(&simulated);
    assert_eq!(answers.len(), 1, "{answers:?}");
    let (at, body) = &answers[0];
    assert_eq!(body["Status"], "FAILED", "{body}");
    assert!(at.as_secs() < 3600, "{at:?}");
    let reason = body["Reason"].as_str().unwrap_or_default();
    assert!(reason.contains("begun"), "its last lines are in the answer: {reason}");
}

/// The function service delivers the Create once more, when its time is over and an Update runs.
#[tokio::test(start_paused = true)]
async fn a_late_create_does_not_stop_what_an_update_runs() {
    let simulated = Arc::new(Simulated::new(plan(|_, _| Life::exits(seconds(40), 0))));
    register(&simulated);
    simulated.set_stack_status(story::STACK_ID, "UPDATE_IN_PROGRESS");
    let create = Delivery::at_once(create(&json!({"Timeout": "60"})));
    let late = Delivery { after: seconds(120), ..create.clone() };
    let sent_at = seconds(100);
    let update = update(sent_at, &json!({"Timeout": "60"}));
    let update = Delivery { after: sent_at, ..Delivery::at_once(update) };
    deliver(&simulated, vec![create, update, late], 0).await;
    let known = simulated.tasks();
    assert_eq!(known.len(), 2);
    let stops: Vec<_> = known.into_iter().flat_map(|known| known.stops).collect();
    assert!(stops.is_empty(), "{stops:?}");
}
