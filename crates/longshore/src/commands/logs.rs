//! `longshore logs SERVICE`.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use longshore_control::service::Tailer;
use longshore_decide::service::{Tail, TailNews, TailWish};
use longshore_model::Timestamp;
use longshore_model::seen::{LogLine, Service};
use longshore_world::{Clock, Ecs};
use serde_json::json;

use crate::apply::{Cluster, Output, Place};
use crate::error::Failed;
use crate::provider::WallClock;
use crate::run::interrupt::Interrupts;
use crate::run::{render, words};
use crate::terminal::{self, Style};

const EXAMPLES: &str = "\
Examples:
  longshore logs web                        all lines of its tasks, also of those that stopped lately
  longshore logs web -f --since 10m         the last ten minutes, and what comes
  longshore logs web --container app --cluster prod
  longshore logs web --output json | jq -r .message

Containers that log with awslogs are shown; of others it is said. With -f, new tasks of the service are found
and ended ones are read to their end.

Exit code: 0, also when the service has no lines; 130 when it is ended with Ctrl-C, as a shell has it of `tail -f`.";

/// Show the log lines of a service's tasks
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The service
    service: String,
    /// Goes on with what comes, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Only lines that are no older than this, such as `10m` or `2h`
    #[arg(long, value_name = "DURATION", value_parser = words::duration)]
    since: Option<Duration>,
    /// Only this container of each task
    #[arg(long, value_name = "NAME")]
    container: Option<String>,
    #[command(flatten)]
    place: Place,
    /// What is on stdout: the lines (text), or an object for each line (json)
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    let cluster = Cluster::connect(&arguments.place, "logs").await?;
    let services = cluster.services(std::slice::from_ref(&arguments.service)).await?;
    let Some(service) = services.into_iter().next() else { return Ok(0) };
    if let Some(container) = &arguments.container {
        check_container(&cluster, &service, container).await?;
    }
    let now = WallClock.now();
    let before =
        |since: Duration| now.plus_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX).saturating_neg());
    let wish = TailWish {
        follow: arguments.follow,
        since: arguments.since.map(before),
        until: now,
        container: arguments.container,
    };
    let aws = Arc::clone(&cluster.aws);
    let tailer = Tailer::new(cluster.name.clone(), service.name.clone(), Arc::clone(&aws) as _, aws as _);
    let (interrupts, mut words) = Interrupts::listen()?;
    let colours = terminal::colours(&io::stdout());
    let mut tail = Tail::new(wish);
    let mut trouble = None;
    let end = tailer
        .drive(&mut tail, &mut words, &mut |tail, news| match show(tail, news, arguments.output, colours) {
            Ok(goes_on) => goes_on,
            Err(error) => {
                trouble.get_or_insert(error);
                false
            }
        })
        .await;
    if let Some(error) = trouble {
        return Err(error.into());
    }
    end?;
    if let Some(code) = interrupts.exit_code() {
        return Ok(code);
    }
    if !tail.has_tasks() {
        let text = format!("service `{}` has no tasks that run, or that stopped lately enough", service.name);
        terminal::talk(&text, Style::Plain);
    }
    Ok(0)
}

/// A name that no container has is most likely a mistake.
async fn check_container(cluster: &Cluster, service: &Service, container: &str) -> Result<()> {
    if service.task_definition.is_empty() {
        return Ok(());
    }
    let definition = cluster.aws.describe_task_definition(&service.task_definition).await?;
    let names: Vec<&str> = definition.containers.iter().map(|known| known.name.as_str()).collect();
    if names.contains(&container) {
        return Ok(());
    }
    let text = format!("service `{}` has no container `{container}`", service.name);
    Err(Failed::new(text).with_hint(format!("it has {}", names.join(", "))).into())
}

/// False when nobody reads any longer.
fn show(tail: &Tail, news: TailNews, output: Output, colours: bool) -> io::Result<bool> {
    match news {
        TailNews::Lines(lines) => {
            let text: String =
                lines.iter().map(|(log, line)| shown(tail, *log, line, output, colours)).collect();
            return terminal::data_while_read(text.as_bytes());
        }
        TailNews::Say(text) => terminal::talk(&text, Style::Plain),
        TailNews::Warn(text) => terminal::talk(&format!("warning: {text}"), Style::Warning),
    }
    Ok(true)
}

/// A line as it goes to stdout, with its line end.
fn shown(tail: &Tail, log: usize, line: &LogLine, output: Output, colours: bool) -> String {
    let (task, container) = tail.source(log).unwrap_or_default();
    if output == Output::Json {
        let message = line.message.strip_suffix('\n').unwrap_or(&line.message);
        let time = in_words(line.timestamp);
        let object = json!({"timestamp": time, "task": task, "container": container, "message": message});
        return format!("{object}\n");
    }
    let id = task.rsplit('/').next().unwrap_or_default();
    let label = format!("{container}/{}", id.get(..8).unwrap_or(id));
    let label = if colours { terminal::coloured(&label, log) } else { label };
    render(Some(&label), std::slice::from_ref(line))
}

/// As RFC 3339 has it.
fn in_words(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.0).map(|time| time.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_in_words() {
        assert_eq!(in_words(Timestamp(1_700_000_000_250)), "2023-11-14T22:13:20.25Z");
        assert_eq!(in_words(Timestamp(i64::MAX)), "");
    }
}
