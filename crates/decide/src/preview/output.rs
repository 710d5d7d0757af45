//! The last lines of an environment, from the streams of its tasks.

use longshore_model::preview::{Environment, Policy};
use longshore_model::seen::{LogLine, LogStream, Task, TaskDefinition};

use super::environment::service_names;
use crate::run::follow;

/// So many tasks' output is read: the others of their service say the same.
const TASKS: usize = 4;

/// The tasks whose output is read: the newest of each service.
#[must_use]
pub fn newest(record: &Environment, mut tasks: Vec<Task>) -> Vec<Task> {
    let names = service_names(record);
    let most = (TASKS / names.len().max(1)).max(1);
    tasks.sort_by_key(|task| std::cmp::Reverse(task.created_at));
    let of = |name: &String| {
        let group = format!("service:{name}");
        let own = tasks.iter().filter(move |task| task.group.as_ref() == Some(&group));
        own.take(most).cloned().collect::<Vec<_>>()
    };
    names.iter().flat_map(of).collect()
}

/// Which service a task is of, as longshore.toml calls it, where there are several.
#[must_use]
pub fn service<'a>(record: &'a Environment, policy: Option<&'a Policy>, task: &Task) -> Option<&'a str> {
    let names = &record.names.services;
    let group = task.group.as_deref()?.strip_prefix("service:")?;
    let index = names.iter().position(|name| name == group).filter(|_| names.len() > 1)?;
    let word = policy.and_then(|policy| policy.services.get(index)).map(|service| service.name.as_str());
    word.or_else(|| names.get(index).map(String::as_str))
}

/// Where the output of a task's containers is, with what its lines begin with: the service's name, when there is one to say,
/// and the container's, where there are several.
#[must_use]
pub fn streams(task: &Task, definition: &TaskDefinition, service: Option<&str>) -> Vec<(String, LogStream)> {
    let containers = definition.containers.iter().filter_map(|container| {
        let seen = task.containers.iter().find(|seen| seen.name == container.name);
        let stream = follow::stream_of(container, seen, task.id()).ok().flatten()?;
        Some((container.name.clone(), stream))
    });
    let mut streams: Vec<(String, LogStream)> = containers.collect();
    if let [(name, _)] = streams.as_mut_slice() {
        name.clear();
    }
    if let Some(service) = service {
        for (name, _) in &mut streams {
            *name = if name.is_empty() { service.to_owned() } else { format!("{service}/{name}") };
        }
    }
    streams
}

/// The last lines of all streams, in the order of their times.
#[must_use]
pub fn merge(pages: Vec<(String, Vec<LogLine>)>, most: usize) -> Vec<String> {
    let lines = pages.into_iter().flat_map(|(name, lines)| {
        lines.into_iter().map(move |line| {
            let text = if name.is_empty() { line.message } else { format!("{name}: {}", line.message) };
            (line.timestamp, text)
        })
    });
    let mut lines: Vec<_> = lines.collect();
    // Lines of the same moment stay in the order of their stream.
    lines.sort_by_key(|(at, _)| *at);
    let first = lines.len().saturating_sub(most);
    lines.into_iter().skip(first).map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use longshore_model::Timestamp;
    use longshore_model::seen::{ContainerSummary, LogDriver};

    use super::super::record;
    use super::super::samples::{NOW, environment, policy, service as sample};
    use super::*;

    #[test]
    fn the_last_lines_of_all_in_the_order_of_their_times() {
        let line = |at, text: &str| LogLine { timestamp: Timestamp(at), message: text.to_owned() };
        let pages = vec![
            ("web".to_owned(), vec![line(1, "a"), line(3, "b"), line(3, "c")]),
            (String::new(), vec![line(2, "d")]),
        ];
        assert_eq!(merge(pages, 3), ["d", "web: b", "web: c"]);
    }

    #[test]
    fn a_container_alone_needs_no_name() {
        let options = [("awslogs-group", "/web"), ("awslogs-stream-prefix", "x")];
        let options = options.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let log_driver = Some(LogDriver { name: "awslogs".into(), options });
        let container = |name: &str| ContainerSummary {
            name: name.into(),
            log_driver: log_driver.clone(),
            ..ContainerSummary::default()
        };
        let task = Task { arn: "arn:aws:ecs:r:1:task/c/0af".into(), ..Task::default() };
        let of = |names: &[&str], service| {
            let containers = names.iter().map(|name| container(name)).collect();
            streams(&task, &TaskDefinition { containers, ..TaskDefinition::default() }, service)
        };
        assert_eq!(of(&["web"], None)[0].0, "");
        let both = of(&["web", "log"], None);
        assert_eq!((both[1].0.as_str(), both[1].1.name.as_str()), ("log", "x/log/0af"));
        assert_eq!(of(&["web"], Some("api"))[0].0, "api");
        assert_eq!(of(&["web", "log"], Some("api"))[1].0, "api/log");
    }

    #[test]
    fn each_of_several_services_is_heard_and_named() {
        let mut policy = policy();
        let task = |service: &str, at| Task {
            arn: format!("{service}/{at}"),
            group: Some(format!("service:{service}")),
            created_at: Some(Timestamp(at)),
            ..Task::default()
        };
        let alone = environment("feature/x");
        let name = alone.names.services[0].clone();
        let tasks: Vec<Task> = (0..9).map(|at| task(&name, at)).collect();
        let read = newest(&alone, tasks.clone());
        assert_eq!((read.len(), read[0].created_at), (4, Some(Timestamp(8))));
        assert_eq!(service(&alone, Some(&policy), &tasks[0]), None, "there is only one");

        policy.services.push(sample("api"));
        let both = record::fresh(&policy, alone.subject.clone(), alone.wish.revision.clone(), "ada", NOW);
        let mut tasks = tasks;
        tasks.push(task(&both.names.services[1], 1));
        let read = newest(&both, tasks);
        let words: Vec<_> = read.iter().map(|it| service(&both, Some(&policy), it).unwrap()).collect();
        assert_eq!(words, ["web", "web", "api"], "the older of them is heard, too");
        assert_eq!(service(&both, None, &read[2]), Some(both.names.services[1].as_str()));
    }
}
