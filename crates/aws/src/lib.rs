//! The world on Amazon: the only crate that knows `aws-sdk-*`. It makes narrow calls and gives back plain values;
//! it decides nothing.
//!
//! The same code talks to AWS and to the local engine: where the calls go, and with which credentials, comes from
//! where every AWS tool takes it.

mod connect;
mod error;
mod http;
mod logs;
mod task;
mod task_definition;

#[cfg(test)]
mod replay;

pub use connect::{Aws, Settings, StaticCredentials};
pub use error::{Error, Kind};
pub use logs::{LogLine, LogPage, LogStream};
pub use task::{
    Container, Described, Failure, MAX_TASKS_PER_DESCRIBE, MAX_TASKS_PER_RUN, Overrides, RunTask, Started,
    Task,
};
pub use task_definition::{ContainerSummary, LogDriver, TaskDefinition};
