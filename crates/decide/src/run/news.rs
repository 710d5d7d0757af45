//! What whoever waits for a run may want to know while it goes on.

use longshore_model::seen::LogLine;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Log lines of a container (its number in the task definition) of a task (its number in the run).
    Lines {
        /// Which task.
        task: usize,
        /// Which container.
        container: usize,
        /// In the order of the stream.
        lines: Vec<LogLine>,
    },
    /// The only task is in another state.
    State(String),
    /// Of several tasks, so many are in each state.
    States(String),
    /// The tasks are being stopped; completes "stopping the task ...".
    Stopping(String),
    /// What should be said once.
    Say(String),
    /// What should not be missed.
    Warn(String),
}
