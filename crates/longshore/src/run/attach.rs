//! Tasks that run already: which they are, and what they run.

use longshore_model::seen::{Described, Task};

use crate::error::Failed;

/// Tasks of one cluster and one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attached {
    pub(crate) arns: Vec<String>,
    pub(crate) task_definition: String,
}

/// The cluster to look in: an ARN (`arn:...:task/CLUSTER/ID`) names its own.
pub(crate) fn cluster<'a>(tasks: &'a [String], named: &'a str) -> &'a str {
    let of_arn = |task: &'a String| match task.rsplitn(3, '/').collect::<Vec<_>>()[..] {
        [_, cluster, kind] if kind.ends_with(":task") => Some(cluster),
        _ => None,
    };
    tasks.iter().find_map(of_arn).unwrap_or(named)
}

/// The tasks that were asked for, in that order, as DescribeTasks knows them.
pub(crate) fn attached(cluster: &str, tasks: &[String], described: &Described) -> Result<Attached, Failed> {
    let is = |known: &&Task, task: &str| known.arn == task || known.id() == task;
    let find = |task: &String| {
        described.tasks.iter().find(|known| is(known, task)).ok_or_else(|| {
            Failed::new(format!("cluster `{cluster}` has no task `{task}`"))
                .with_hint("name its cluster with --cluster; ECS forgets a task about an hour after its end")
        })
    };
    let mut found: Vec<&Task> = Vec::new();
    for task in tasks {
        let task = find(task)?;
        if !found.contains(&task) {
            found.push(task);
        }
    }
    let revisions: Vec<&str> = found.iter().map(|task| task.task_definition_arn.as_str()).collect();
    match revisions[..] {
        [first, ref others @ ..] if others.iter().all(|other| *other == first) => Ok(Attached {
            arns: found.iter().map(|task| task.arn.clone()).collect(),
            task_definition: first.to_owned(),
        }),
        _ => Err(Failed::usage("the tasks run different task definitions")
            .with_hint("attach to them one by one: each in its own `longshore run --attach`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(id: &str, revision: &str) -> Task {
        Task {
            arn: format!("arn:aws:ecs:eu-west-1:123456789012:task/prod/{id}"),
            task_definition_arn: revision.into(),
            ..Task::default()
        }
    }

    fn ask(tasks: &[&str]) -> Result<Attached, String> {
        let described = Described {
            tasks: vec![task("b", "job:3"), task("a", "job:3"), task("c", "job:4")],
            ..Described::default()
        };
        let tasks: Vec<String> = tasks.iter().map(|task| (*task).to_owned()).collect();
        attached("prod", &tasks, &described).map_err(|failed| failed.to_string())
    }

    #[test]
    fn tasks_are_named_by_id_or_arn() {
        let both = ask(&["a", "arn:aws:ecs:eu-west-1:123456789012:task/prod/b", "a"]).unwrap();
        assert_eq!(both.task_definition, "job:3");
        assert_eq!(both.arns, [task("a", "").arn, task("b", "").arn]);
        assert_eq!(ask(&["a", "z"]).unwrap_err(), "cluster `prod` has no task `z`");
        assert_eq!(ask(&["a", "c"]).unwrap_err(), "the tasks run different task definitions");
    }

    #[test]
    fn an_arn_names_its_cluster() {
        let tasks = |tasks: &[&str]| tasks.iter().map(|task| (*task).to_owned()).collect::<Vec<_>>();
        let arn = "arn:aws:ecs:eu-west-1:123456789012:task/prod/0af3";
        assert_eq!(cluster(&tasks(&[arn]), "default"), "prod");
        assert_eq!(cluster(&tasks(&["0af3", arn]), "default"), "prod");
        assert_eq!(cluster(&tasks(&["0af3"]), "default"), "default");
        assert_eq!(cluster(&tasks(&["arn:aws:ecs:eu-west-1:123456789012:task/0af3"]), "default"), "default");
    }
}
