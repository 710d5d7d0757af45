//! The run that a request asks for.

use std::time::Duration;

use longshore_model::Timestamp;
use longshore_model::call::RunTask;
use longshore_model::seen::TaskDefinition;

use super::identity::{run_id, started_by, who};
use super::properties::Properties;
use super::request::Request;
use crate::run::{LogReading, Spec};

/// Tasks that are told to stop are waited for so long: the 30 seconds after which ECS kills what ignores SIGTERM, and
/// some for the state to arrive. It is a part of the margin that a timeout leaves.
pub const STOP_PATIENCE: Duration = Duration::from_secs(40);

/// When the run's time is up: Timeout counts from when CloudFormation sent the request, or else from when it was received
/// first. A request cannot be received before it was sent, whatever two clocks say.
#[must_use]
pub fn deadline(request: &Request, properties: &Properties, received: Timestamp) -> Timestamp {
    began(request, received).plus_seconds(properties.timeout)
}

/// The run that a request asks for, with `definition` as the exact revision of its TaskDefinition. Its times count from
/// `now`, also when another process has begun it: `received` is when the request was received first.
#[must_use]
pub fn spec(
    request: &Request,
    properties: &Properties,
    definition: TaskDefinition,
    received: Timestamp,
    now: Timestamp,
) -> Spec {
    let rest = |until: Timestamp| Duration::from_millis(u64::try_from(until.ms_since(now)).unwrap_or(0));
    let deadline = deadline(request, properties, received);
    let place_until = properties
        .wait_for_capacity
        .map_or(deadline, |seconds| began(request, received).plus_seconds(seconds).min(deadline));
    let strategy = Some(properties.capacity_provider_strategy.clone()).filter(|items| !items.is_empty());
    let overrides = Some(properties.overrides.0.clone()).filter(|overrides| !overrides.is_empty());
    Spec {
        id: run_id(&request.address),
        request: RunTask {
            cluster: properties.cluster.clone(),
            task_definition: definition.arn.clone(),
            launch_type: properties.launch_type,
            capacity_provider_strategy: strategy,
            network_configuration: properties.network_configuration.clone(),
            overrides: overrides.map(Into::into),
            started_by: Some(started_by(&request.address)),
            ..RunTask::default()
        },
        count: properties.count,
        instances: properties.instances.clone(),
        attach: Vec::new(),
        definition,
        container: properties.container.clone(),
        accept_exit_codes: properties.accept_exit_codes.clone(),
        timeout: Some(rest(deadline)),
        timeout_in_full: u64::try_from(properties.timeout).ok().map(Duration::from_secs),
        on_timeout: properties.on_timeout,
        stop_patience: STOP_PATIENCE,
        wait_for_capacity: rest(place_until),
        // Nobody says that the task may be run twice.
        retry_infrastructure: 0,
        logs: LogReading::Tail,
        poll_interval: Some(Duration::from_secs(properties.poll_interval)),
        detach: false,
        who: who(&request.address),
    }
}

fn began(request: &Request, received: Timestamp) -> Timestamp {
    request.sent_at.map_or(received, |sent_at| sent_at.min(received))
}

#[cfg(test)]
#[path = "spec_tests.rs"]
mod tests;
