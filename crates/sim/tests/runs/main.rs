//! Runs under faults: for each seed one run of some tasks, with losses of hosts, late capacity, timeouts, interruptions
//! and crashes of the process that drives it. Whatever happens, it ends, says what is true, starts nothing twice,
//! leaves nothing running, and shows every line once.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod check;
mod scenario;
mod story;
#[path = "../support/mod.rs"]
mod support;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use scenario::Scenario;
use story::Story;

/// Tells the story of a seed, and gives back what is wrong with it.
fn wrong(scenario: &Scenario) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let told = catch_unwind(AssertUnwindSafe(|| runtime.unwrap().block_on(Story::of(scenario))));
    match told {
        Ok(Ok(story)) => check::story(scenario, &story),
        Ok(Err(endless)) => vec![endless],
        Err(_) => vec!["it panicked".to_owned()],
    }
}

/// The scenarios of some seeds, of those that are asked for.
fn all_is_well(seeds: Range<u64>, wanted: impl Fn(&Scenario) -> bool) {
    let trouble = |scenario: Scenario| {
        let wrong = wrong(&scenario);
        (!wrong.is_empty())
            .then(|| format!("seed {}:\n  {}\n  {scenario:?}", scenario.seed, wrong.join("\n  ")))
    };
    let scenarios = seeds.map(Scenario::of).filter(wanted);
    let troubles: Vec<String> = scenarios.filter_map(trouble).collect();
    assert!(troubles.is_empty(), "{} seeds:\n{}", troubles.len(), troubles.join("\n"));
}

#[test]
fn a_run_is_true_to_its_word_whatever_goes_wrong() {
    all_is_well(0..250, |scenario| !scenario.stops_after_a_crash());
}

#[test]
fn what_was_found_of_an_earlier_process_is_stopped_too() {
    all_is_well(0..1000, Scenario::stops_after_a_crash);
}
