//! What the simulation knows and its callers do not: which tasks there are, who stopped them, how often who was called.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_model::seen::Task;

use crate::plan::Operation;
use crate::state::{Record, State};

/// The truth about a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// In the order in which tasks were made, from 0: its life is the plan's for this number.
    pub number: usize,
    /// The task as it is now.
    pub task: Task,
    /// The token of the call that started it.
    pub client_token: Option<String>,
    /// The reasons of the StopTask calls for it, in their order.
    pub stops: Vec<String>,
    /// What its containers wrote to their log streams, by container.
    pub written: BTreeMap<String, Vec<String>>,
}

/// A call that was made, whatever came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// After the beginning of the simulation.
    pub at: Duration,
    /// Which one.
    pub operation: Operation,
}

/// An answer that was put to a `ResponseURL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// After the beginning of the simulation.
    pub at: Duration,
    /// Where to.
    pub url: String,
    /// What.
    pub body: String,
}

/// All tasks that were ever made, in that order.
pub(crate) fn tasks(state: &State) -> Vec<Known> {
    let mut records: Vec<&Record> = state.tasks.values().collect();
    records.sort_by_key(|record| record.number);
    records.into_iter().filter_map(|record| known(state, record)).collect()
}

fn known(state: &State, record: &Record) -> Option<Known> {
    let (_, view) = record.history.last()?;
    Some(Known {
        number: record.number,
        task: state.see(view),
        client_token: record.client_token.clone(),
        stops: record.stops.clone(),
        written: record.written.clone(),
    })
}
