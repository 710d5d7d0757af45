//! `longshore status [NAME...]`.

use anyhow::Result;
use clap::Args;
use longshore_decide::service::revision_name;
use longshore_model::seen::Service;
use longshore_world::Services;
use serde_json::Value;

use crate::apply::{Cluster, Output, Place};
use crate::terminal::{self, Style};

/// So many of its last events are shown of a service that is not settled.
const EVENTS: usize = 3;

const EXAMPLES: &str = "\
Examples:
  longshore status                          the services of cluster default
  longshore status web --cluster prod
  longshore status --output json | jq '.[] | {serviceName, runningCount}'";

/// Show how services are doing
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The services; all of the cluster without any
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    #[command(flatten)]
    place: Place,
    /// What is on stdout: a table (text), or what DescribeServices answers (json)
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    let cluster = Cluster::connect(&arguments.place, "status").await?;
    let mut services = if arguments.services.is_empty() {
        let arns = cluster.aws.list_services(&cluster.name).await?;
        let names: Vec<String> = arns.iter().map(|arn| revision_name(arn).to_owned()).collect();
        cluster.applier.describe(&names).await?
    } else {
        cluster.services(&arguments.services).await?
    };
    services.sort_by(|a, b| a.name.cmp(&b.name));
    if arguments.output == Output::Json {
        let documents = services.into_iter().map(|service| Value::Object(service.document)).collect();
        let text = serde_json::to_string_pretty(&Value::Array(documents))?;
        terminal::data(format!("{text}\n").as_bytes())?;
        return Ok(0);
    }
    if services.is_empty() {
        terminal::talk(&format!("cluster `{}` has no services", cluster.name), Style::Plain);
    }
    terminal::data(table(&services).as_bytes())?;
    Ok(0)
}

fn table(services: &[Service]) -> String {
    if services.is_empty() {
        return String::new();
    }
    let mut rows = vec![["SERVICE", "RUNNING", "STATE", "TASK DEFINITION"].map(ToOwned::to_owned)];
    rows.extend(services.iter().map(|service| {
        let running = format!("{} of {}", service.running_count, service.desired_count);
        [service.name.clone(), running, state(service), revision_name(&service.task_definition).to_owned()]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3].map(width);
    let mut text = String::new();
    for (position, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
        let service = position.checked_sub(1).and_then(|index| services.get(index));
        if let Some(service) = service.filter(|service| state(service) != "steady") {
            for event in service.events.iter().take(EVENTS) {
                text += &format!("  {}\n", event.message);
            }
        }
    }
    text
}

/// In a word or two.
fn state(service: &Service) -> String {
    if service.status != "ACTIVE" {
        return service.status.to_lowercase();
    }
    let primary = service.primary();
    let rollout = primary.and_then(|primary| primary.rollout_state.as_deref()).unwrap_or_default();
    let failed = primary.map_or(0, |primary| primary.failed_tasks);
    match rollout {
        "FAILED" => "deployment failed".to_owned(),
        "IN_PROGRESS" if failed > 0 => format!("deploying, {failed} failed"),
        "IN_PROGRESS" => "deploying".to_owned(),
        _ if service.deployments.len() > 1 => "deploying".to_owned(),
        _ if service.running_count != service.desired_count => "scaling".to_owned(),
        _ => "steady".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use longshore_model::seen::{Deployment, ServiceEvent};

    use super::*;

    #[test]
    fn a_table_with_the_last_words_of_what_is_not_settled() {
        let service = |name: &str, running_count, rollout: &str| Service {
            name: name.into(),
            status: "ACTIVE".into(),
            desired_count: 2,
            running_count,
            task_definition: format!("arn:aws:ecs:r:1:task-definition/{name}:3"),
            deployments: vec![Deployment {
                status: "PRIMARY".into(),
                rollout_state: Some(rollout.into()),
                failed_tasks: 1,
                ..Deployment::default()
            }],
            events: vec![ServiceEvent {
                message: format!("(service {name}) said it."),
                ..ServiceEvent::default()
            }],
            ..Service::default()
        };
        let services = [service("web", 2, "COMPLETED"), service("worker", 1, "IN_PROGRESS")];
        let expected = "\
SERVICE  RUNNING  STATE                TASK DEFINITION
web      2 of 2   steady               web:3
worker   1 of 2   deploying, 1 failed  worker:3
  (service worker) said it.
";
        assert_eq!(table(&services), expected);
        assert_eq!(table(&[]), "");
    }
}
