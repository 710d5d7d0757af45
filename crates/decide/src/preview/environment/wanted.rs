//! What is wanted of an environment, beside what was tried and what is there.

use longshore_model::Timestamp;
use longshore_model::preview::{Deployed, Environment, Failure, Policy, Progress};

use super::draft::is_within;
use super::sleep;
use super::tokens::shape;

/// What its services should come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// The revision that is being rolled out.
    Deploy,
    /// What was deployed last.
    Serve,
    /// The same, without tasks, until something wakes it.
    Sleep,
    /// No tasks: what was to run does not.
    Stop,
}

/// Whether nothing was ever begun for it.
pub(super) fn is_untouched(record: &Environment) -> bool {
    let Progress { deploying, deployed, failure, actions, .. } = &record.progress;
    deploying.is_none() && deployed.is_none() && failure.is_none() && *actions == 0
}

/// Whether a deploy is the one that is wanted now. A commit whose branch has another name now is no other one.
pub(super) fn is_wanted(record: &Environment, policy: &Policy, deploy: &Deployed) -> bool {
    let wish = &record.wish;
    deploy.revision.sha == wish.revision.sha
        && deploy.attempt == wish.attempt
        && deploy.shape == shape(policy)
}

/// Whether what is wanted has failed: then only another wish is tried.
pub(super) fn has_failed(record: &Environment, policy: &Policy) -> bool {
    let wish = &record.wish;
    let same =
        |failure: &Failure| failure.revision.sha == wish.revision.sha && failure.attempt == wish.attempt;
    record.progress.failure.as_ref().is_some_and(same)
        && record.progress.failed_shape.as_ref() == Some(&shape(policy))
}

/// Whether something else than what runs is wanted, and may be tried.
pub(super) fn wants_deploy(record: &Environment, policy: &Policy) -> bool {
    let is_deployed = |deployed| is_wanted(record, policy, deployed);
    let runs = serves(record) && record.progress.deployed.as_ref().is_some_and(is_deployed);
    !has_failed(record, policy) && !runs
}

/// Whether nothing was ever asked of ECS for it. Then nobody looks whether its service is there before it is made: ECS
/// refuses a name that is taken, and what has it is looked at before the next try.
pub(super) fn is_first_try(record: &Environment) -> bool {
    let progress = &record.progress;
    progress.actions == 0
        && progress.intents.is_empty()
        && progress.resources.services.is_empty()
        && !progress.is_preceded
}

/// So long after its services were made they are what was asked for: nobody looks at them, and at stopped tasks neither,
/// so that a deploy that goes well costs no look. Tasks do not crash sooner.
pub(super) const JUST_MADE_MS: i64 = 5_000;

/// Whether ECS has answered a moment ago that it made all services of the revision that is being rolled out. Then only its
/// tasks say how far it is.
pub(super) fn is_just_made(record: &Environment, policy: &Policy, now: Timestamp) -> bool {
    let progress = &record.progress;
    let since = progress.changed_at;
    let is_answered = progress.intents.is_empty() && progress.trouble.is_none();
    let is_registered =
        |deploying: &Deployed| deploying.task_definitions.iter().all(|revision| !revision.is_empty());
    let is_made = |name| progress.resources.services.get(name).is_some_and(|at| *at >= since);
    is_answered
        && is_within(since, now, JUST_MADE_MS)
        && progress.deploying.as_ref().is_some_and(|it| is_wanted(record, policy, it) && is_registered(it))
        && record.names.services.iter().all(is_made)
}

/// Whether what was deployed last can run.
pub(super) fn serves(record: &Environment) -> bool {
    record.progress.deployed.is_some() && !record.progress.broken
}

/// Whether all was seen to be as it should be, and nothing is due.
pub(super) fn is_settled(record: &Environment, policy: &Policy, now: Timestamp) -> bool {
    let progress = &record.progress;
    let is_asleep = sleep::is_asleep(record);
    progress.steady
        && progress.intents.is_empty()
        && progress.deploying.is_none()
        && (is_asleep || !wants_deploy(record, policy))
        // What has failed may be wanted no more.
        && (is_asleep || progress.failure.is_none() || has_failed(record, policy))
        && (is_asleep || progress.asleep_since.is_none())
        && !sleep::is_due(record, policy, now)
}
