//! Amazon's side as a value: ECS in one account and region, which changes only by being told what happened, and when.
//!
//! [`step`] is the one way in. What it changed is asked for with [`Cloud::take_changes`] and must be stored before what
//! it asks for ([`Cloud::take_effects`]) is carried out and before its answer is given.

use longshore_model::Timestamp;

pub mod api;
pub mod attribute;
pub mod balancing;
mod cloud;
pub mod cluster;
pub mod definition;
pub mod expression;
pub mod fault;
pub mod instance;
mod life;
mod page;
pub mod placement;
pub mod provider;
pub mod random;
mod recovery;
pub mod register;
mod rows;
pub mod run;
pub mod service;
pub mod setting;
pub mod tag;
pub mod task;
mod token;
mod view;

pub use api::{Answer, Caller, Request};
pub use cloud::{Cloud, ContainerRef, Effect, Key};
pub use life::Report;
pub use recovery::{Launch, LostReason, Surviving};
pub use rows::{RowError, kind};
pub use view::TaskView;

use balancing::{HealthChange, Target};
use fault::Fault;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// Somebody called the API.
    Call {
        /// What is asked.
        request: Box<Request>,
        /// Who asks.
        caller: Caller,
        /// How large the request's JSON was, in bytes.
        size_bytes: usize,
    },
    /// Something is known of a task as a whole.
    Task(String, Report),
    /// Something is known of a container.
    Container(ContainerRef, Report),
    /// Health checks of targets have come to something.
    Health(Vec<HealthChange>),
    /// Nothing is in flight any more to a target that is being deregistered.
    Drained {
        /// The target group's ARN.
        group_arn: String,
        /// The target.
        target: Target,
    },
    /// The time that [`Cloud::next_wake`] named has come.
    Tick,
}

/// Tells the cloud what happened. Only a call has an answer.
pub fn step(cloud: &mut Cloud, event: Event, now: Timestamp) -> Option<Result<Answer, Fault>> {
    let now = cloud.moment(now);
    let answer = take(cloud, event, now);
    cloud.settle_services(now);
    answer
}

fn take(cloud: &mut Cloud, event: Event, now: Timestamp) -> Option<Result<Answer, Fault>> {
    match event {
        Event::Call { request, caller, size_bytes } => {
            Some(cloud.handle(*request, &api::Call { caller: &caller, now, size_bytes }))
        }
        Event::Task(id, report) => {
            cloud.task_report(&id, report, now);
            None
        }
        Event::Container(of, report) => {
            cloud.container_report(&of, report, now);
            None
        }
        Event::Health(changes) => {
            cloud.health_changed(changes, now);
            None
        }
        Event::Drained { group_arn, target } => {
            cloud.target_drained(&group_arn, &target, now);
            None
        }
        Event::Tick => {
            cloud.tick(now);
            cloud.tick_balancing(now);
            cloud.tick_services(now);
            None
        }
    }
}

/// Calls the API of Elastic Load Balancing, which has answers and faults of its own. What it changes is stored and carried
/// out as after [`step`].
///
/// # Errors
/// When ELB refuses the call; then nothing was changed.
pub fn balance(
    cloud: &mut Cloud,
    request: balancing::Request,
    now: Timestamp,
) -> Result<balancing::Answer, balancing::Fault> {
    let now = cloud.moment(now);
    let answer = cloud.handle_balancing(request, &balancing::Call { now });
    // Services go by what becomes of their targets.
    cloud.settle_services(now);
    answer
}
