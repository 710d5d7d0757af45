//! What a request leads to.

use longshore_model::seen::TaskDefinition;
use longshore_model::{Error, Kind, Timestamp};

use super::criteria::{Comparison, Release, compare};
use super::identity::{stack_name, stop_reason};
use super::properties::{LONGEST_SERVICE_TIMEOUT_S, Properties, cluster_of};
use super::request::{Request, RequestType};
use super::shape::PropertyError;
use super::spec::deadline;
use crate::run::OnTimeout;

/// What a request leads to. The `why` is for the answer and the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It depends: ask again with this fact.
    Need(Need),
    /// The task is run, and the answer says how it ended.
    Run {
        /// What to run.
        properties: Box<Properties>,
        /// Why it is run.
        why: String,
    },
    /// The answer is SUCCESS at once.
    Nothing {
        /// Why nothing is run.
        why: String,
    },
    /// The running tasks of [`super::started_by`] are stopped. That the cluster or a task is gone is no failure.
    StopTasks {
        /// Where they run.
        cluster: String,
        /// Becomes their `stoppedReason`.
        reason: String,
        /// Why they are stopped. The answer is SUCCESS then.
        why: String,
    },
    /// The answer is FAILED at once.
    Refuse {
        /// What is wrong, and what would be right.
        why: String,
    },
}

/// A fact that a decision depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// [`Facts::stack_status`], of the request's stack.
    StackStatus,
    /// [`Facts::task_definitions`]: two names for DescribeTaskDefinition.
    TaskDefinitions {
        /// Before the update.
        old: String,
        /// After it.
        new: String,
    },
}

/// What was learnt of the world. At first nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The `StackStatus`, or why it cannot be learnt.
    pub stack_status: Option<Result<String, Error>>,
    /// The revisions that an update lies between.
    pub task_definitions: Option<TaskDefinitions>,
}

/// The revisions that an update lies between, or why they cannot be described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskDefinitions {
    /// Before the update.
    pub old: Result<TaskDefinition, Error>,
    /// After it.
    pub new: Result<TaskDefinition, Error>,
}

/// What a request leads to, with what is known so far. It is asked again with each fact that it needs.
#[must_use]
pub fn decide(request: &Request, facts: &Facts, now: Timestamp) -> Decision {
    let properties = Properties::read(&request.properties);
    if let Some(why) = expired(request, properties.as_ref().ok(), now) {
        return Decision::Refuse { why };
    }
    match request.kind {
        RequestType::Create => match properties {
            Ok(properties) => run(request, properties, "the resource is created", now),
            Err(error) => Decision::Refuse { why: error.to_string() },
        },
        RequestType::Update => update(request, properties, facts, now),
        RequestType::Delete => delete(request, properties, facts, now),
    }
}

/// Nobody waits for the answer any longer, and the client tokens of what was started then may have expired: the task
/// would run a second time.
fn expired(request: &Request, properties: Option<&Properties>, now: Timestamp) -> Option<String> {
    let waits = properties.map_or(LONGEST_SERVICE_TIMEOUT_S, |properties| properties.service_timeout);
    let sent_at = request.sent_at?;
    (now >= sent_at.plus_seconds(waits)).then(|| {
        format!(
            "the request is {} s old and CloudFormation waits {waits} s for an answer: nothing is run for it any more",
            now.ms_since(sent_at) / 1000
        )
    })
}

fn run(request: &Request, properties: Properties, why: &str, now: Timestamp) -> Decision {
    if properties.count == 0 {
        return Decision::Nothing { why: "nothing is run, since Count is 0".to_owned() };
    }
    if now < deadline(request, &properties, now) {
        return Decision::Run { properties: Box::new(properties), why: why.to_owned() };
    }
    // The tasks of the resource may be those of a later request by now, so none is stopped.
    Decision::Refuse {
        why: format!(
            "the Timeout of {} s was over before the request was received; if an earlier delivery of it started a task, \
             the Delete or rollback that follows stops it",
            properties.timeout
        ),
    }
}

fn update(
    request: &Request,
    properties: Result<Properties, PropertyError>,
    facts: &Facts,
    now: Timestamp,
) -> Decision {
    // Properties that cannot be read do not say that they want to run in a rollback.
    let (decision, run_on_rollback) = match properties {
        Ok(properties) if !properties.run_on_update => {
            return Decision::Nothing { why: "nothing is run, since RunOnUpdate is false".to_owned() };
        }
        Ok(properties) => {
            let run_on_rollback = properties.run_on_rollback;
            (changed(request, properties, facts, now), run_on_rollback)
        }
        Err(error) => (Decision::Refuse { why: error.to_string() }, false),
    };
    if run_on_rollback || matches!(decision, Decision::Need(_) | Decision::Nothing { .. }) {
        return decision;
    }
    match &facts.stack_status {
        None => Decision::Need(Need::StackStatus),
        Some(Ok(status)) if is_rolling_back(status) => rolled_back(request, status),
        Some(Err(error)) if !matches!(decision, Decision::Refuse { .. }) => {
            Decision::Refuse { why: status_unknown(request, error) }
        }
        Some(_) => decision,
    }
}

/// What the failed update has started is stopped, if it still runs. It ran with what are the old properties now; such
/// as cannot be read have started nothing.
fn rolled_back(request: &Request, status: &str) -> Decision {
    let why = format!("the stack is rolled back ({status}) and RunOnRollback is false");
    match Properties::read(&request.old_properties) {
        Ok(failed) if failed.on_timeout == OnTimeout::Stop => stop(request, Some(&failed.cluster), &why),
        _ => Decision::Nothing { why: format!("nothing is run, since {why}") },
    }
}

/// Whether an Update runs, but for rollbacks.
fn changed(request: &Request, properties: Properties, facts: &Facts, now: Timestamp) -> Decision {
    if properties.update_criteria.is_empty() || properties.count == 0 {
        return run(request, properties, "the resource is updated", now);
    }
    let Ok(old) = Properties::read(&request.old_properties) else {
        return run(
            request,
            properties,
            "the old properties cannot be read, so nothing can be compared",
            now,
        );
    };
    let Some(definitions) = &facts.task_definitions else {
        let (old, new) = (old.task_definition, properties.task_definition);
        return Decision::Need(Need::TaskDefinitions { old, new });
    };
    let new = match &definitions.new {
        Ok(new) => Release { definition: new, overrides: &properties.overrides },
        Err(error) => return Decision::Refuse { why: told(error) },
    };
    let old = match &definitions.old {
        Ok(definition) => Release { definition, overrides: &old.overrides },
        Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Invalid) => {
            let why = format!("the old task definition `{}` can no longer be described", old.task_definition);
            return run(request, properties, &why, now);
        }
        Err(error) => return Decision::Refuse { why: told(error) },
    };
    match compare(&properties.update_criteria, old, new) {
        Comparison::Changed(why) => run(request, properties, &why, now),
        Comparison::Unchanged(why) => Decision::Nothing { why: format!("nothing is run, since {why}") },
        Comparison::Impossible(why) => Decision::Refuse { why },
    }
}

/// A Delete that fails makes a stack that cannot be deleted: wrong properties do not matter to it.
fn delete(
    request: &Request,
    properties: Result<Properties, PropertyError>,
    facts: &Facts,
    now: Timestamp,
) -> Decision {
    let stop = |why: &str| stop(request, cluster_of(&request.properties), why);
    match properties {
        Ok(properties) if properties.run_on_delete && properties.count > 0 => {
            // A Create that failed is followed by a Delete while the stack is rolled back.
            if !properties.run_on_rollback {
                match &facts.stack_status {
                    None => return Decision::Need(Need::StackStatus),
                    Some(Ok(status)) if is_rolling_back(status) => {
                        return stop(&format!("the stack is rolled back ({status})"));
                    }
                    Some(_) => {}
                }
            }
            run(request, properties, "the resource is deleted and RunOnDelete is true", now)
        }
        _ => stop("the resource is deleted"),
    }
}

fn stop(request: &Request, cluster: Option<&str>, why: &str) -> Decision {
    let Some(cluster) = cluster else {
        return Decision::Nothing { why: format!("{why}; it names no cluster, so nothing of it can run") };
    };
    Decision::StopTasks {
        cluster: cluster.to_owned(),
        reason: stop_reason(&request.address, why),
        why: why.to_owned(),
    }
}

/// `UPDATE_ROLLBACK_IN_PROGRESS`, `ROLLBACK_IN_PROGRESS` and their like. A stack that was rolled back earlier leaves
/// these states before its next update.
fn is_rolling_back(status: &str) -> bool {
    status.contains("ROLLBACK")
}

fn status_unknown(request: &Request, error: &Error) -> String {
    let remedy = match error.kind() {
        Kind::Denied => "allow cloudformation:DescribeStacks on the stack to whoever runs this",
        _ => "try again",
    };
    format!(
        "it cannot be learnt whether stack `{}` is rolled back, in which case nothing may run: {error}\n{remedy}, or \
         set RunOnRollback: true",
        stack_name(request.address.stack_id())
    )
}

/// An error with its next step.
fn told(error: &Error) -> String {
    error.hint().map_or_else(|| error.to_string(), |hint| format!("{error}\n{hint}"))
}

#[cfg(test)]
#[path = "decision_tests.rs"]
mod tests;
