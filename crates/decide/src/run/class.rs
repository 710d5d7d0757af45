//! What kind of failure it was, because each kind has a policy of its own: what found no place is tried again while
//! there is time, what lost its host is started again when the user allows it, what the application itself did is
//! never repeated.

use longshore_model::seen::{Failure, Task};

use super::outcome::Ended;
use super::verdict::Verdict;

/// Stop codes of a host that went away. <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html>
const HOST_LOST: [&str; 3] = ["SpotInterruption", "TerminationNotice", "InfrastructureHealth"];

/// What the reasons of such ends contain (lower case): the host, its agent, or the network failed, not the task.
const INFRASTRUCTURE: [&str; 8] = [
    "host ec2",
    "deregistration forced",
    "containerruntimetimeout",
    "dockertimeouterror",
    "timeout waiting for network interface",
    "i/o timeout",
    "tls handshake timeout",
    "connection reset by peer",
];

/// Why RunTask or StartTask may place later what it does not place now. By their beginnings; the list is from the ECS
/// developer guide's "API failure reasons", and for Fargate from its sentence.
const MAY_FIT_LATER: [&str; 5] =
    ["RESOURCE", "AGENT", "Capacity is unavailable", "EMPTY CAPACITY PROVIDER", NO_INSTANCES];

/// What ECS says of a cluster without instances. It is an error and not a failure, although it passes in the same way.
pub(crate) const NO_INSTANCES: &str = "No Container Instances were found in your cluster";

/// Of a stopped task.
pub(crate) fn of_task(task: &Task, verdict: &Verdict) -> Ended {
    let stop_code = task.stop_code.as_deref().unwrap_or_default();
    if verdict.success {
        return Ended::Succeeded;
    }
    // An exit code of its own is the application's, whatever its output may be quoted as.
    let by_itself = stop_code == "EssentialContainerExited" && verdict.code.is_some();
    if HOST_LOST.contains(&stop_code) || (!by_itself && reasons(task).any(is_infrastructure)) {
        return Ended::Infrastructure;
    }
    match (stop_code, verdict.code) {
        ("UserInitiated" | "ServiceSchedulerInitiated", _) => Ended::Stopped,
        (_, Some(_)) => Ended::Application,
        (_, None) => Ended::FailedToStart,
    }
}

/// Whether ECS may place later what it refused for these reasons: one that passes is enough.
pub(crate) fn may_fit_later(failures: &[Failure]) -> bool {
    failures.iter().any(|failure| MAY_FIT_LATER.iter().any(|known| failure.reason.starts_with(known)))
}

fn reasons(task: &Task) -> impl Iterator<Item = &str> {
    let of_containers = task.containers.iter().filter_map(|container| container.reason.as_deref());
    task.stopped_reason.as_deref().into_iter().chain(of_containers)
}

fn is_infrastructure(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    INFRASTRUCTURE.iter().any(|part| reason.contains(part))
}

#[cfg(test)]
mod tests {
    use longshore_model::seen::Container;

    use super::*;

    #[test]
    fn of_tasks() {
        let cases = [
            // stop code, stopped reason, container's reason, exit code, kind
            ("EssentialContainerExited", "", "", Some(0), Ended::Succeeded),
            ("EssentialContainerExited", "", "", Some(7), Ended::Application),
            ("EssentialContainerExited", "", "OutOfMemoryError: i/o timeout", Some(137), Ended::Application),
            ("EssentialContainerExited", "", "", None, Ended::FailedToStart),
            ("TaskFailedToStart", "", "CannotPullContainerError: not found", None, Ended::FailedToStart),
            (
                "TaskFailedToStart",
                "",
                "CannotPullContainerError: dial: i/o timeout",
                None,
                Ended::Infrastructure,
            ),
            (
                "TaskFailedToStart",
                "Timeout waiting for network interface provisioning to complete.",
                "",
                None,
                Ended::Infrastructure,
            ),
            ("SpotInterruption", "Your Spot Task was interrupted.", "", Some(143), Ended::Infrastructure),
            ("SpotInterruption", "Your Spot Task was interrupted.", "", Some(0), Ended::Succeeded),
            ("TerminationNotice", "", "", None, Ended::Infrastructure),
            ("", "Host EC2 (instance i-0abc) terminated.", "", None, Ended::Infrastructure),
            (
                "UserInitiated",
                "Container instance deregistration forced by user",
                "",
                None,
                Ended::Infrastructure,
            ),
            ("UserInitiated", "Task stopped by user", "", Some(143), Ended::Stopped),
            ("UserInitiated", "Task stopped by user", "", None, Ended::Stopped),
            ("SomethingNew", "", "", Some(1), Ended::Application),
        ];
        for (stop_code, stopped_reason, reason, code, kind) in cases {
            let container = Container { reason: Some(reason.into()), ..Container::default() };
            let task = Task {
                stop_code: Some(stop_code.into()),
                stopped_reason: Some(stopped_reason.into()),
                containers: vec![container],
                ..Task::default()
            };
            let verdict = Verdict { container: "app".into(), code, success: code == Some(0) };
            assert_eq!(of_task(&task, &verdict), kind, "{stop_code} {stopped_reason} {reason} {code:?}");
        }
    }

    #[test]
    fn of_failures() {
        let failure = |reason: &str| Failure { reason: reason.into(), ..Failure::default() };
        for later in ["RESOURCE:MEMORY", "RESOURCE:ENI", "AGENT", "Capacity is unavailable at this time."] {
            assert!(may_fit_later(&[failure("ATTRIBUTE"), failure(later)]), "{later}");
        }
        for never in ["ATTRIBUTE", "LOCATION", "MISSING", "INACTIVE", "SomethingNew"] {
            assert!(!may_fit_later(&[failure(never)]), "{never}");
        }
        assert!(!may_fit_later(&[]));
    }
}
