//! The world on Amazon: the only crate that knows `aws-sdk-*`. It makes narrow calls and gives back plain values;
//! it decides nothing.
//!
//! The same code talks to AWS and to the local engine: where the calls go, and with which credentials, comes from
//! where every AWS tool takes it.

mod addresses;
mod balancers;
mod cloudformation;
mod connect;
mod ecr;
mod elb;
mod error;
mod form;
mod http;
mod iam;
mod lambda;
mod logs;
mod outputs;
mod parameters;
mod queue;
mod registry;
mod s3;
mod secrets;
mod service;
mod services;
mod signed;
mod sns;
mod surroundings;
mod tally;
mod task;
mod task_definition;

#[cfg(test)]
mod replay;

pub use connect::{Aws, Settings, StaticCredentials};
pub use lambda::{Function, LambdaHooks};
pub use parameters::Parameter;
pub use queue::SqsQueue;
pub use s3::Uploaded;
pub use sns::SnsTopic;
pub use tally::Tally;
