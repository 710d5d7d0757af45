//! How the handling of a request ended.

use longshore_decide::custom_resource::{ReturnAddress, Stopping, Unreadable, after_stopping, answer};
use longshore_decide::run::Outcome;
use longshore_model::Error;

/// An event was handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// CloudFormation has the answer.
    Answered {
        /// What was put.
        body: String,
    },
    /// The next invocation goes on.
    HandedOver {
        /// How often it was handed over by now.
        hop: u32,
    },
}

/// An event was not answered.
#[derive(Debug)]
pub enum Unanswered {
    /// The event does not say whom to answer.
    Nobody(Unreadable),
    /// CloudFormation did not take the answer.
    NotTaken {
        /// What was to be put.
        body: String,
        /// Of the last attempt.
        error: Error,
    },
}

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nobody(unreadable) => write!(f, "{unreadable}"),
            Self::NotTaken { error, .. } => write!(f, "CloudFormation did not take the answer: {error}"),
        }
    }
}

impl std::error::Error for Unanswered {}

/// What is left to do.
#[derive(Debug)]
pub(crate) enum Conclusion {
    Answer(String),
    HandedOver { hop: u32 },
}

impl Conclusion {
    pub(crate) fn of_run(address: &ReturnAddress, outcome: &Outcome) -> Self {
        Self::Answer(answer::of_run(address, outcome))
    }

    pub(crate) fn stopped(address: &ReturnAddress, why: &str, stopping: &Stopping) -> Self {
        Self::Answer(after_stopping(address, why, stopping))
    }
}
