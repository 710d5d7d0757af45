//! Which exit code a finished run has.

use longshore_aws::{Container, ContainerSummary, Task};

/// The container whose end decides, and its code. No code means that it never ran, which is a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) container: String,
    pub(crate) code: Option<i32>,
}

impl Verdict {
    /// The exit code of the process. A code that does not fit (Windows has larger ones) is a failure all the same.
    pub(crate) fn exit(&self) -> u8 {
        self.code.map_or(1, |code| u8::try_from(code).unwrap_or(1))
    }
}

/// Of a stopped task. The named container decides, or else the essential ones: the first that failed, in the order of
/// the task definition.
pub(crate) fn of_task(task: &Task, definition: &[ContainerSummary], named: Option<&str>) -> Verdict {
    let counts = |container: &&ContainerSummary| match named {
        Some(name) => container.name == name,
        None => container.essential,
    };
    let ends: Vec<Verdict> = definition
        .iter()
        .filter(counts)
        .map(|container| Verdict { container: container.name.clone(), code: code_of(task, &container.name) })
        .collect();
    let brought_down = |end: &Verdict| {
        // ECS stops the other essential containers when the first one ends; that they were stopped says nothing.
        matches!(end.code, Some(137 | 143))
            && task.stop_code.as_deref() == Some("EssentialContainerExited")
            && ends.iter().any(|other| !matches!(other.code, None | Some(137 | 143)))
    };
    ends.iter()
        .find(|end| end.exit() != 0 && !brought_down(end))
        .or_else(|| ends.iter().find(|end| end.exit() == 0))
        .or(ends.first())
        .cloned()
        .unwrap_or_else(|| Verdict { container: named.unwrap_or("?").to_owned(), code: None })
}

/// Of several tasks: the first that failed.
pub(crate) fn of_run(verdicts: &[Verdict]) -> u8 {
    verdicts.iter().map(Verdict::exit).find(|code| *code != 0).unwrap_or(0)
}

fn code_of(task: &Task, name: &str) -> Option<i32> {
    task.containers.iter().find(|container: &&Container| container.name == name)?.exit_code
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Containers as (name, essential, exit code).
    fn judge(containers: &[(&str, bool, Option<i32>)], stop_code: &str, named: Option<&str>) -> (String, u8) {
        let definition: Vec<ContainerSummary> = containers
            .iter()
            .map(|(name, essential, _)| ContainerSummary {
                name: (*name).into(),
                essential: *essential,
                log_driver: None,
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
        let verdict = of_task(&task, &definition, named);
        let exit = verdict.exit();
        (verdict.container, exit)
    }

    #[test]
    fn whose_code_it_is() {
        const EXITED: &str = "EssentialContainerExited";
        type Case<'a> = (&'a [(&'a str, bool, Option<i32>)], &'a str, Option<&'a str>, (&'a str, u8));
        let cases: &[Case<'_>] = &[
            (&[("app", true, Some(0))], EXITED, None, ("app", 0)),
            (&[("app", true, Some(7))], EXITED, None, ("app", 7)),
            (&[("app", true, None)], "TaskFailedToStart", None, ("app", 1)),
            (&[("app", true, Some(-1))], EXITED, None, ("app", 1)),
            (&[("app", true, Some(0xC000_0005_u32 as i32))], EXITED, None, ("app", 1)),
            // A sidecar's end does not count, whatever it is, unless it is named.
            (&[("log", false, Some(1)), ("app", true, Some(0))], EXITED, None, ("app", 0)),
            (&[("log", false, Some(3)), ("app", true, Some(0))], EXITED, Some("log"), ("log", 3)),
            (&[("log", false, None), ("app", true, Some(0))], EXITED, Some("log"), ("log", 1)),
            // Two essential containers: the one that ECS brought down says nothing...
            (&[("web", true, Some(143)), ("app", true, Some(0))], EXITED, None, ("app", 0)),
            (&[("web", true, Some(137)), ("app", true, Some(4))], EXITED, None, ("app", 4)),
            // ...unless nothing else ended first, or somebody stopped the task.
            (&[("web", true, Some(137))], EXITED, None, ("web", 137)),
            (&[("web", true, Some(143)), ("app", true, Some(0))], "UserInitiated", None, ("web", 143)),
            (&[("web", true, Some(0)), ("app", true, None)], EXITED, None, ("app", 1)),
        ];
        for (containers, stop_code, named, (container, exit)) in cases {
            let judged = judge(containers, stop_code, *named);
            assert_eq!(judged, ((*container).to_owned(), *exit), "{containers:?} {stop_code} {named:?}");
        }
    }

    #[test]
    fn of_several_tasks_the_first_failure_counts() {
        let end = |code| Verdict { container: "app".into(), code };
        assert_eq!(of_run(&[end(Some(0)), end(Some(9)), end(Some(3))]), 9);
        assert_eq!(of_run(&[end(Some(0)), end(None)]), 1);
        assert_eq!(of_run(&[end(Some(0))]), 0);
    }
}
