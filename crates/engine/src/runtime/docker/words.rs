//! What went wrong with Docker, in ECS's words.

use std::error::Error as _;
use std::time::Duration;

use bollard::errors::Error;

use crate::runtime::StartError;

/// A step of a container's start: how ECS names its failure, and how long it may take.
pub(super) struct Step {
    /// ECS's name of the failure.
    pub(super) error: &'static str,
    /// The state that the step leads to, in the ECS agent's words.
    pub(super) state: &'static str,
    /// How long the daemon may take: the ECS agent's own limits.
    pub(super) limit: Duration,
}

pub(super) const CREATE: Step =
    Step { error: "CannotCreateContainerError", state: "created", limit: Duration::from_mins(4) };
pub(super) const START: Step =
    Step { error: "CannotStartContainerError", state: "started", limit: Duration::from_mins(3) };
pub(super) const INSPECT: Step =
    Step { error: "CannotInspectContainerError", state: "inspecting", limit: Duration::from_secs(30) };
pub(super) const CREATE_VOLUME: Step =
    Step { error: "CannotCreateVolumeError", state: "creating volume", limit: Duration::from_mins(5) };
/// Everything about the container that holds a task's network.
pub(super) const NETWORK: Step =
    Step { error: "ContainerNetworkingError", state: "resources provisioned", limit: Duration::from_mins(4) };

impl Step {
    /// The failure of this step.
    pub(super) fn failed(&self, error: &Error) -> StartError {
        if matches!(error, Error::RequestTimeoutError) {
            return StartError(format!(
                "DockerTimeoutError: Could not transition to {}; timed out after waiting {}",
                self.state,
                minutes(self.limit)
            ));
        }
        self.because(&docker_says(error))
    }

    /// The failure of this step for a reason of our own.
    pub(super) fn because(&self, reason: &str) -> StartError {
        StartError(format!("{}: {reason}", self.error))
    }
}

/// Go's way to write a duration, which ECS shows.
fn minutes(limit: Duration) -> String {
    match (limit.as_secs() / 60, limit.as_secs() % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}

/// The failure of a pull, with the advice that the ECS agent gives where it knows the cause.
pub(super) fn cannot_pull(raw: &str) -> StartError {
    let advice = if raw.contains("is not authorized to perform: ecr:BatchGetImage on resource") {
        "The task can\u{2019}t pull the image. Check that the role has the permissions to pull images from the registry. "
    } else if raw.contains("denied: requested access to the resource is denied") {
        "The task can\u{2019}t pull the image. Check whether the image exists. "
    } else if raw.contains("request canceled while waiting for connection") {
        "The task can\u{2019}t pull the image. Check your network configuration. "
    } else {
        ""
    };
    StartError(format!("CannotPullContainerError: {advice}{raw}"))
}

/// What the daemon, or the way to it, says; in the `docker` command's form.
pub(super) fn docker_says(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } | Error::DockerStreamError { error: message } => {
            format!("Error response from daemon: {}", message.trim())
        }
        other => {
            let mut words = other.to_string();
            let mut source = other.source();
            while let Some(cause) = source {
                let cause_words = cause.to_string();
                if !words.contains(&cause_words) {
                    words = format!("{words}: {cause_words}");
                }
                source = cause.source();
            }
            words
        }
    }
}

/// Whether the daemon says that there is no such thing.
pub(super) fn is_absent(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 404, .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status_code: u16, message: &str) -> Error {
        Error::DockerResponseServerError { status_code, message: message.to_owned() }
    }

    #[test]
    fn failures_read_as_those_of_ecs() {
        let clash = "driver failed programming external connectivity: Bind for 0.0.0.0:80 failed: port is already allocated\n";
        assert_eq!(
            START.failed(&refused(500, clash)).to_string(),
            "CannotStartContainerError: Error response from daemon: driver failed programming external connectivity: \
             Bind for 0.0.0.0:80 failed: port is already allocated"
        );
        assert_eq!(
            START.failed(&Error::RequestTimeoutError).to_string(),
            "DockerTimeoutError: Could not transition to started; timed out after waiting 3m0s"
        );
        assert_eq!(minutes(INSPECT.limit), "30s");
    }

    #[test]
    fn a_pull_that_fails_for_a_known_cause_comes_with_advice() {
        let denied = refused(
            404,
            "pull access denied for nope, repository does not exist or may require 'docker login': denied: requested \
             access to the resource is denied",
        );
        assert_eq!(
            cannot_pull(&docker_says(&denied)).to_string(),
            "CannotPullContainerError: The task can\u{2019}t pull the image. Check whether the image exists. Error \
             response from daemon: pull access denied for nope, repository does not exist or may require 'docker \
             login': denied: requested access to the resource is denied"
        );
        let unknown = refused(404, "manifest for nginx:nope not found: manifest unknown: manifest unknown");
        assert_eq!(
            cannot_pull(&docker_says(&unknown)).to_string(),
            "CannotPullContainerError: Error response from daemon: manifest for nginx:nope not found: manifest \
             unknown: manifest unknown"
        );
        assert!(is_absent(&unknown) && !is_absent(&refused(409, "in use")));
    }
}
