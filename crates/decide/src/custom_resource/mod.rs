//! The rules of the CloudFormation custom resource `Custom::ECSTask`: what a request asks for, what is done about it,
//! and what is answered.
//!
//! Whoever drives it reads a [`Request`], asks [`decide`] until it no longer needs a fact, does what the [`Decision`]
//! says, and sends one [`answer`] to the request's [`ReturnAddress`]. Every request is answered, also one that cannot be
//! read ([`Unreadable`]). The protocol is
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html>.

mod address;
pub mod answer;
mod criteria;
mod decision;
mod handover;
mod identity;
mod properties;
mod request;
mod schema;
mod shape;
mod spec;
mod stack;

#[cfg(test)]
mod samples;

pub use self::address::{ResponseUrl, ReturnAddress};
pub use self::criteria::Criterion;
pub use self::decision::{Decision, Facts, Need, TaskDefinitions, decide};
pub use self::handover::{AtTheEnd, Handover, MAX_HOPS, at_the_end, when_to_hand_over};
pub use self::identity::started_by;
pub use self::properties::{MAX_COUNT, Overrides, Properties};
pub use self::request::{Request, RequestType, Unreadable};
pub use self::shape::PropertyError;
pub use self::spec::{STOP_PATIENCE, deadline, spec};
pub use self::stack::{Stopping, after_stopping, withdrawn};
