//! One sentence that says how a task ended, and the next step: from stopCode, stoppedReason, the containers' reasons
//! and the exit code. The rules are tables; the first that fits is used.

use longshore_model::seen::{Failure, Task};

use super::verdict::Verdict;

/// A sentence without a full stop, and what the user can do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Explanation {
    pub(crate) sentence: String,
    pub(crate) next: Option<String>,
}

/// What the reasons contain (lower case), and the next step.
const BY_REASON: &[(&str, &str)] = &[
    ("outofmemory", "give the container more memory (`memory`), or make it use less"),
    ("cannotpullcontainer", PULL),
    ("cannotpullecrcontainer", PULL),
    (
        "pull secrets or registry auth",
        "the execution role must be allowed to read the secret or registry, and the task must reach it: a public \
         address, a NAT gateway or VPC endpoints",
    ),
    ("secrets manager", SECRET),
    ("secret", SECRET),
    ("ssm parameter store", SECRET),
    ("log group does not exist", LOG_GROUP),
    ("failed to validate logger args", LOG_GROUP),
    ("failed to initialize logging driver", LOG_GROUP),
    ("executable file not found", COMMAND),
    ("no such file or directory", COMMAND),
    ("exec format error", "the program is for another CPU architecture: see runtimePlatform.cpuArchitecture"),
    ("permission denied", "the program or a mounted path may not be used by the container's user"),
    ("environment file", "environmentFiles must name objects that the execution role may read"),
    (
        "network interface provisioning",
        "look at the subnet's free addresses and the account's network interfaces",
    ),
    (
        "health check",
        "the container ran but its healthCheck failed: look at the command, timeout and startPeriod",
    ),
    (
        "cannotcreatecontainer",
        "the instance's runtime refused the container's settings: they are in the reason",
    ),
    (
        "cannotstartcontainer",
        "the instance's runtime could not start it: see `command`, `entryPoint` and mounts",
    ),
    ("containerruntimetimeout", "the instance's runtime was too slow: run it again, or on another instance"),
    ("capacity is unavailable", "try again later, or in another availability zone (another subnet)"),
    ("deregistration forced", AGAIN),
    ("terminated", AGAIN),
];

const PULL: &str =
    "check the image's name and tag, the execution role's rights on the registry, and the task's way to it";
const SECRET: &str = "check that the secret exists in this region and that the execution role may read it";
const LOG_GROUP: &str =
    "create the log group, or set awslogs-create-group to true and allow the execution role to do it";
const COMMAND: &str = "check `command`, `entryPoint` and `workingDirectory`: the image has no such program";
const AGAIN: &str = "the host went away under it: run it again";

/// What the stop code says when the reasons say nothing.
const BY_STOP_CODE: &[(&str, &str, Option<&str>)] = &[
    ("TaskFailedToStart", "the task did not start", None),
    ("UserInitiated", "the task was stopped by a call of StopTask", None),
    ("ServiceSchedulerInitiated", "the task was stopped by its service", None),
    (
        "SpotInterruption",
        "Spot capacity was taken back",
        Some("run it again, or on capacity that stays (capacity provider FARGATE)"),
    ),
    ("TerminationNotice", "its host is going away", Some("run it again")),
    ("InfrastructureHealth", "its host became unhealthy", Some("run it again")),
];

/// What an exit code means by convention, and the next step.
const BY_EXIT_CODE: &[(i32, &str, &str)] = &[
    (
        126,
        "its command could not be executed",
        "is the file executable, and built for this CPU architecture?",
    ),
    (127, "its command was not found", COMMAND),
    (132, "illegal instruction, SIGILL", "is the program built for this CPU?"),
    (134, "aborted, SIGABRT", "its last lines usually say why"),
    (
        137,
        "killed, SIGKILL",
        "it needed more memory than it has (`memory`), or ignored SIGTERM for longer than its stopTimeout",
    ),
    (139, "segmentation fault, SIGSEGV", "the program crashed: this is a bug in it or in a library"),
    (143, "terminated, SIGTERM", "somebody stopped it, or its host went away"),
];

/// How this task ended. `lines_shown` is whether the user has seen any output of it.
pub(crate) fn explain(task: &Task, verdict: &Verdict, lines_shown: bool) -> Explanation {
    let container = &verdict.container;
    let reasons = reasons(task, container);
    let code = verdict.code;
    if verdict.success && reasons.is_empty() {
        let code = code.unwrap_or_default();
        return Explanation { sentence: format!("container `{container}` exited with {code}"), next: None };
    }
    let convention = BY_EXIT_CODE.iter().find(|(known, ..)| code == Some(*known));
    let stopped = BY_STOP_CODE.iter().find(|(known, ..)| task.stop_code.as_deref() == Some(*known));
    let mut sentence = match (code, convention, stopped) {
        (Some(code), Some((_, meaning, _)), _) => {
            format!("container `{container}` exited with {code} ({meaning})")
        }
        (Some(code), None, _) => format!("container `{container}` exited with {code}"),
        (None, _, Some((_, meaning, _))) => format!("{meaning}, so container `{container}` has no exit code"),
        (None, _, None) => format!("container `{container}` has no exit code: it never ran"),
    };
    if !reasons.is_empty() {
        sentence = format!("{sentence}: {}", reasons.join("; "));
    } else if let (Some(_), Some((_, meaning, _))) = (code, stopped) {
        sentence = format!("{sentence}; {meaning}");
    }
    Explanation { sentence, next: next_step(task, verdict, &reasons, lines_shown) }
}

fn next_step(task: &Task, verdict: &Verdict, reasons: &[String], lines_shown: bool) -> Option<String> {
    let text = reasons.join(" ").to_lowercase();
    let by_reason = || BY_REASON.iter().find(|(part, _)| text.contains(part)).map(|(_, next)| *next);
    let by_stop_code = || {
        let (_, _, next) =
            BY_STOP_CODE.iter().find(|(known, ..)| task.stop_code.as_deref() == Some(*known))?;
        *next
    };
    let by_exit_code = || {
        let (.., next) = BY_EXIT_CODE.iter().find(|(known, ..)| verdict.code == Some(*known))?;
        Some(*next)
    };
    let by_output = || match verdict.code {
        _ if verdict.success => None,
        None => None,
        Some(_) if lines_shown => Some("its last lines should say why"),
        Some(_) => {
            Some("it wrote no line that could be read here; the awslogs log driver would show its output")
        }
    };
    by_reason().or_else(by_stop_code).or_else(by_exit_code).or_else(by_output).map(ToOwned::to_owned)
}

/// What ECS says beyond "Essential container in task exited", which says nothing; the deciding container first.
fn reasons(task: &Task, container: &str) -> Vec<String> {
    const EMPTY: &[&str] = &["", "Essential container in task exited", "Task failed to start"];
    let mut found: Vec<String> = Vec::new();
    let mut add = |reason: Option<&String>| {
        if let Some(reason) = reason.map(|reason| reason.trim())
            && !EMPTY.contains(&reason)
            && !found.iter().any(|known| known.contains(reason))
        {
            found.push(reason.to_owned());
        }
    };
    let own = task.containers.iter().filter(|known| known.name == container);
    own.for_each(|known| add(known.reason.as_ref()));
    add(task.stopped_reason.as_ref());
    for other in task.containers.iter().filter(|known| known.name != container && known.exit_code.is_none()) {
        if let Some(reason) = &other.reason {
            add(Some(&format!("container `{}`: {reason}", other.name)));
        }
    }
    found
}

/// What RunTask's failures contain, what it means, and the next step.
const BY_FAILURE: &[(&str, &str, &str)] = &[
    ("RESOURCE:CPU", "not enough CPU is free", "free some, add an instance, or ask for less `cpu`"),
    ("RESOURCE:MEMORY", "not enough memory is free", "free some, add an instance, or ask for less `memory`"),
    ("RESOURCE:PORTS", "a host port is taken", "use hostPort 0, or an instance where the port is free"),
    ("RESOURCE:ENI", "no network interface is free", "use a larger instance, or networkMode bridge"),
    ("RESOURCE:GPU", "no GPU is free", "add an instance that has one"),
    ("RESOURCE", "not enough is free", "add an instance, or ask for less"),
    ("AGENT", "the instance's agent is not connected", "look at the agent on that instance"),
    ("LOCATION", "no instance is in the subnet's zone", "use a subnet of a zone that has instances"),
    (
        "ATTRIBUTE",
        "an instance lacks an attribute that is required",
        "see requiresAttributes of the task definition",
    ),
    ("MemberOf", "a placement constraint does not hold", "see placementConstraints of the task definition"),
    ("DistinctInstance", "every instance has a task of this group already", "add an instance"),
    ("EMPTY CAPACITY PROVIDER", "the capacity provider has no instances", "give its Auto Scaling group some"),
    ("Capacity is unavailable", "Fargate has no capacity now", "try again later, or in another subnet"),
    (
        "No Container Instances",
        "the cluster has no instances",
        "add one, or use launch type FARGATE or a capacity provider",
    ),
    ("MISSING", "it does not exist", "check the name and the region"),
    ("INACTIVE", "it is no longer registered", "check the name"),
];

/// Why RunTask placed less than it was asked for.
pub(crate) fn not_placed(failures: &[Failure]) -> Explanation {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for failure in failures {
        match counted.iter_mut().find(|(reason, _)| *reason == failure.reason) {
            Some((_, count)) => *count += 1,
            None => counted.push((&failure.reason, 1)),
        }
    }
    let known = |reason: &str| BY_FAILURE.iter().find(|(part, ..)| reason.starts_with(part));
    let words: Vec<String> = counted
        .iter()
        .map(|(reason, count)| {
            let times = if *count > 1 { format!(" on {count} instances") } else { String::new() };
            match known(reason) {
                Some((_, meaning, _)) => format!("{meaning} ({reason}){times}"),
                None => format!("{reason}{times}"),
            }
        })
        .collect();
    let sentence = if words.is_empty() { "ECS gave no reason".to_owned() } else { words.join(", ") };
    let next = counted.iter().find_map(|(reason, _)| known(reason)).map(|(.., next)| (*next).to_owned());
    Explanation { sentence, next }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
