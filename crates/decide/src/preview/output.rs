//! The last lines of an environment, from the streams of its tasks.

use longshore_model::seen::{LogLine, LogStream, Task, TaskDefinition};

use crate::run::follow;

/// So many tasks' output is read: the others say the same.
pub const TASKS: usize = 4;

/// Where the output of a task's containers is, with what its lines begin with: the container's name, where there are
/// several.
#[must_use]
pub fn streams(task: &Task, definition: &TaskDefinition) -> Vec<(String, LogStream)> {
    let containers = definition.containers.iter().filter_map(|container| {
        let seen = task.containers.iter().find(|seen| seen.name == container.name);
        let stream = follow::stream_of(container, seen, task.id()).ok().flatten()?;
        Some((container.name.clone(), stream))
    });
    let mut streams: Vec<(String, LogStream)> = containers.collect();
    if let [(name, _)] = streams.as_mut_slice() {
        name.clear();
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
        let of = |names: &[&str]| {
            let containers = names.iter().map(|name| container(name)).collect();
            streams(&task, &TaskDefinition { containers, ..TaskDefinition::default() })
        };
        assert_eq!(of(&["web"])[0].0, "");
        let both = of(&["web", "log"]);
        assert_eq!((both[1].0.as_str(), both[1].1.name.as_str()), ("log", "x/log/0af"));
    }
}
