//! Which exit code a finished run has.

use longshore_model::seen::{Container, ContainerSummary, Task};

/// The container whose end decides, and its code. No code means that it never ran, which is a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) container: String,
    pub(crate) code: Option<i32>,
    pub(crate) success: bool,
}

/// Of a stopped task. The named container decides, or else the essential ones: the first that failed, in the order of
/// the task definition. `accept` are codes that are a success, beside 0.
pub(crate) fn of_task(
    task: &Task,
    definition: &[ContainerSummary],
    named: Option<&str>,
    accept: &[i32],
) -> Verdict {
    let counts = |container: &&ContainerSummary| match named {
        Some(name) => container.name == name,
        None => container.essential,
    };
    let success = |code: Option<i32>| code.is_some_and(|code| code == 0 || accept.contains(&code));
    let ends: Vec<Verdict> = definition
        .iter()
        .filter(counts)
        .map(|container| (container.name.clone(), code_of(task, &container.name)))
        .map(|(container, code)| Verdict { container, code, success: success(code) })
        .collect();
    let brought_down = |end: &Verdict| {
        // ECS stops the other essential containers when the first one ends; that they were stopped says nothing.
        matches!(end.code, Some(137 | 143))
            && task.stop_code.as_deref() == Some("EssentialContainerExited")
            && ends.iter().any(|other| !matches!(other.code, None | Some(137 | 143)))
    };
    ends.iter()
        .find(|end| !end.success && !brought_down(end))
        .or_else(|| ends.iter().find(|end| end.success))
        .or(ends.first())
        .cloned()
        .unwrap_or_else(|| Verdict { container: named.unwrap_or("?").to_owned(), code: None, success: false })
}

fn code_of(task: &Task, name: &str) -> Option<i32> {
    task.containers.iter().find(|container: &&Container| container.name == name)?.exit_code
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Containers as (name, essential, exit code). The accepted code is 5.
    fn judge(
        containers: &[(&str, bool, Option<i32>)],
        stop_code: &str,
        named: Option<&str>,
    ) -> (String, Option<i32>, bool) {
        let definition: Vec<ContainerSummary> = containers
            .iter()
            .map(|(name, essential, _)| ContainerSummary {
                name: (*name).into(),
                essential: *essential,
                ..ContainerSummary::default()
            })
            .collect();
        let task = Task {
            stop_code: Some(stop_code.into()),
            // ECS lists containers in any order.
            containers: containers
                .iter()
                .rev()
                .map(|(name, _, code)| Container {
                    name: (*name).into(),
                    exit_code: *code,
                    ..Container::default()
                })
                .collect(),
            ..Task::default()
        };
        let verdict = of_task(&task, &definition, named, &[5]);
        (verdict.container, verdict.code, verdict.success)
    }

    #[test]
    fn whose_code_it_is() {
        const EXITED: &str = "EssentialContainerExited";
        type Case<'a> =
            (&'a [(&'a str, bool, Option<i32>)], &'a str, Option<&'a str>, (&'a str, Option<i32>));
        let cases: &[Case<'_>] = &[
            (&[("app", true, Some(0))], EXITED, None, ("app", Some(0))),
            (&[("app", true, Some(7))], EXITED, None, ("app", Some(7))),
            (&[("app", true, None)], "TaskFailedToStart", None, ("app", None)),
            (&[("app", true, Some(-1))], EXITED, None, ("app", Some(-1))),
            (&[("app", true, Some(5))], EXITED, None, ("app", Some(5))),
            (&[("web", true, Some(5)), ("app", true, Some(4))], EXITED, None, ("app", Some(4))),
            // A sidecar's end does not count, whatever it is, unless it is named.
            (&[("log", false, Some(1)), ("app", true, Some(0))], EXITED, None, ("app", Some(0))),
            (&[("log", false, Some(3)), ("app", true, Some(0))], EXITED, Some("log"), ("log", Some(3))),
            (&[("log", false, None), ("app", true, Some(0))], EXITED, Some("log"), ("log", None)),
            // Two essential containers: the one that ECS brought down says nothing...
            (&[("web", true, Some(143)), ("app", true, Some(0))], EXITED, None, ("app", Some(0))),
            (&[("web", true, Some(137)), ("app", true, Some(4))], EXITED, None, ("app", Some(4))),
            // ...unless nothing else ended first, or somebody stopped the task.
            (&[("web", true, Some(137))], EXITED, None, ("web", Some(137))),
            (&[("web", true, Some(143)), ("app", true, Some(0))], "UserInitiated", None, ("web", Some(143))),
            (&[("web", true, Some(0)), ("app", true, None)], EXITED, None, ("app", None)),
        ];
        for (containers, stop_code, named, (container, code)) in cases {
            let judged = judge(containers, stop_code, *named);
            let success = matches!(code, Some(0 | 5));
            assert_eq!(
                judged,
                ((*container).to_owned(), *code, success),
                "{containers:?} {stop_code} {named:?}"
            );
        }
    }
}
