//! `longshore rollback NAME`.

use anyhow::Result;
use clap::Args;
use longshore_decide::service::revision_name;
use longshore_model::seen::Service;
use serde_json::{Map, json};

use crate::apply::Cluster;
use crate::apply::members::Waiting;
use crate::error::Failed;
use crate::terminal::{self, Style};

const EXAMPLES: &str = "\
Examples:
  longshore rollback web                    to the revision that last ran successfully
  longshore rollback web --to web:12        to this one
  longshore rollback web --dry-run

The history of a service's deployments says what last ran successfully. It need not be the next lower number:
that may have failed, or may never have been deployed.";

/// Go back to the revision that last ran successfully
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The service
    service: String,
    /// Goes to this revision instead
    #[arg(long, value_name = "FAMILY:REVISION")]
    to: Option<String>,
    #[command(flatten)]
    waiting: Waiting,
}

pub(crate) async fn execute(arguments: Arguments) -> Result<u8> {
    let cluster = Cluster::connect(&arguments.waiting.place, "rollback").await?;
    let services = cluster.services(std::slice::from_ref(&arguments.service)).await?;
    let mut changes = Vec::new();
    for service in services {
        let to = match &arguments.to {
            Some(to) => to.clone(),
            None => last_good(&cluster, &service).await?,
        };
        let from = service.primary().map_or(&service.task_definition, |primary| &primary.task_definition);
        let line = format!("{}: {} -> {}", service.name, revision_name(from), revision_name(&to));
        terminal::talk(&line, Style::Plain);
        changes.push((service, Map::from_iter([("taskDefinition".to_owned(), json!(to))])));
    }
    cluster.change(changes, &arguments.waiting).await
}

async fn last_good(cluster: &Cluster, service: &Service) -> Result<String> {
    if let Some(found) = cluster.applier.way_back(&cluster.name, service).await? {
        return Ok(found);
    }
    let text = format!("ECS remembers no other revision of service `{}` that ran successfully", service.name);
    Err(Failed::new(text).with_hint("name one: --to FAMILY:REVISION").into())
}
